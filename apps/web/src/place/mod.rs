//! Logic of the pages of Place: view, strokes, tools, pictures and the time-lapse.

pub mod activity;
pub mod card;
pub mod cell_input;
pub mod doodle;
pub mod file_name;
pub mod fill;
pub mod line;
pub mod minimap;
pub mod palette;
pub mod portions;
pub mod recent;
pub mod stencil;
pub mod stroke;
pub mod tiles;
pub mod timelapse;
pub mod view;
