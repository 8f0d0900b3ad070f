//! Pictures as cells of a canvas, and the past of a canvas as moving pictures; without input or output.
//!
//! # How it works
//! A [`Picture`] is pixels, however it was read. [`Picture::fitted`] makes it as large as it is to be, by area
//! averages in linear light ([`light`]). [`quantise`] brings it to a [`Palette`]: each pixel to the colour that looks
//! nearest ([`oklab`]), with the error spread over its neighbours where that is asked for ([`Dither`]).
//! [`Picture::cells`] are then the cells to paint.
//!
//! The past of a canvas is a [`Timeline`], at any moment of which it says what showed; a [`Film`] says which moments to
//! show one after the other, and [`GifEncoder`] and [`ApngAssembler`] make a file of them.
//!
//! # Invariants
//! - Equal pictures become equal cells on every machine: only additions, multiplications, divisions and square roots,
//!   which are exact to the last bit everywhere, decide.
//! - Nothing is larger than [`SIDE_MAX`] a side but a picture that was handed in; lengths are checked first.
//!
//! ```
//! use meshwork_place::canvas::CanvasSize;
//! use meshwork_place::picture::{Dither, Fit, Palette, Picture, quantise};
//!
//! let canvas = CanvasSize { width: 4, height: 3 };
//! let photo = Picture::new(8, 8, [200, 30, 70, 255].repeat(64))?;
//! let (mut small, (left, top)) = photo.fitted(Fit::Contain, canvas)?;
//! quantise(&mut small, &Palette::place(), Dither::Diffusion);
//! assert_eq!((small.width(), small.height(), left, top), (3, 3, 0, 0));
//! assert_eq!(small.cells((left, top), canvas).len(), 9);
//! # Ok::<(), meshwork_place::picture::PictureError>(())
//! ```

mod apng;
mod dither;
mod film;
mod fit;
mod gif;
pub mod light;
pub mod oklab;
pub mod palette;
mod palette_text;
mod pixels;
mod resample;
mod timeline;

pub use crate::canvas::SIDE_MAX;
pub use apng::{ApngAssembler, ApngError};
pub use dither::{Dither, UnknownDither, quantise};
pub use film::{Film, HOLD_MS};
pub use fit::{Fit, Placed, UnknownFit};
pub use gif::{COLOURS_MAX, GifEncoder};
pub use palette::{Palette, PaletteError};
pub use pixels::{ALPHA_LEAST, Cell, Picture, PictureError};
pub use timeline::{Area, KEYFRAMES_BYTES_MAX, Timeline, TimelineBuilder};
