//! Place: rooms with a canvas.

pub(crate) mod canvas;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod history;
pub(crate) mod past;
pub(crate) mod steps;

use meshwork_place::canvas::CanvasSize;

use crate::new_room::NewRoom;

/// The word of the app.
pub const APP: &str = "place";

/// A room that opens with a canvas of so many columns and rows, 1 to 4,096 each.
pub fn canvas(width: u16, height: u16) -> NewRoom {
    let size = CanvasSize { width, height };
    let parameters = match size.check() {
        Ok(()) => Ok(meshwork_place::parameters(size)),
        Err(error) => Err(error.to_string()),
    };
    NewRoom { parameters, ..crate::new_room::room(APP) }
}
