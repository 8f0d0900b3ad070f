//! The programs are in `src/bin`. What docs/start.md and README.md show in Rust is compiled, and run where it ends by itself,
//! as documentation of this crate.

/// docs/start.md.
#[doc = include_str!("../../docs/start.md")]
pub mod start {}

/// README.md.
#[doc = include_str!("../../README.md")]
pub mod readme {}
