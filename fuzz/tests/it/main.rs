//! Every decoder on golden and on mutated bytes.

mod golden;
mod seeded;
