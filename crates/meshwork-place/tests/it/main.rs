//! A canvas in rooms that talk to each other, and films, read back by other people's decoders.

mod common;
mod film;
mod floods;
mod history;
mod joins;
