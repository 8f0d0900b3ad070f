//! The wasm module of `meshwork/physics`: worlds of bodies, with lists of numbers at the border.
//!
//! `sdk/js/physics.js` is what programs see. It writes a body as a list of numbers, in the order of `numbers.rs`, and reads lists back.
//! An error is a text: its code, a line break, and its message.

#[cfg(target_arch = "wasm32")]
mod numbers;
#[cfg(target_arch = "wasm32")]
mod world;
