//! Sessions of two to six people in one program, under loss, jitter, crashes, cuts and splits.

mod basics;
mod chain;
mod hostile;
mod hosts;
mod planted;
mod seeds;
mod world;
