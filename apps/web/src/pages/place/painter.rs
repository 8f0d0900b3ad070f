//! Puts the canvas's cells on the screen: one pixel a cell, enlarged by the browser; and the grid lines.

use std::cell::RefCell;

use leptos::web_sys::{self, Blob, CanvasRenderingContext2d, HtmlCanvasElement, ImageData};
use meshwork_place::canvas::Canvas;
use meshwork_web::place::tiles::Part;
use meshwork_web::place::view::View;
use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;

use super::super::browser;

/// Cells from this width on have lines between them, in CSS pixels.
const GRID_FROM: f64 = 6.0;
/// The lines: seen on any colour, loud on none.
const GRID_COLOUR: &str = "rgba(20, 33, 29, 0.16)";

/// Draws cells.
pub(crate) struct Painter {
    context: CanvasRenderingContext2d,
    /// The pixels of one part, kept from one to the next.
    pixels: RefCell<Vec<u8>>,
}

impl Painter {
    /// A painter on `paper`, which has one pixel for each cell.
    pub(crate) fn new(paper: &HtmlCanvasElement) -> Option<Painter> {
        browser::paper(paper).map(|context| Painter { context, pixels: RefCell::default() })
    }

    /// Draws a part of the canvas; what shows nothing becomes transparent.
    pub(crate) fn draw(&self, canvas: &Canvas, part: Part) {
        let mut pixels = self.pixels.borrow_mut();
        pixels.resize(part.area() * 4, 0);
        canvas.draw((part.x, part.y), part.width, &mut pixels);
        put(&self.context, &pixels, part.width.into(), (part.x.into(), part.y.into()));
    }
}

/// Puts rows of pixels, so many wide, on a canvas that has room for them there.
pub(crate) fn put(context: &CanvasRenderingContext2d, pixels: &[u8], width: u32, at: (u32, u32)) {
    let height = (pixels.len() / 4) as u32 / width.max(1);
    if let Ok(image) = ImageData::new_with_u8_clamped_array_and_sh(Clamped(pixels), width, height) {
        // The numbers are finite.
        let _ = context.put_image_data(&image, f64::from(at.0), f64::from(at.1));
    }
}

/// Draws the lines between the cells that are in sight, each one device pixel wide.
pub(crate) fn draw_grid(grid: &HtmlCanvasElement, view: &View) {
    let ratio = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
    let (width, height) = (f64::from(grid.client_width()), f64::from(grid.client_height()));
    let (device_width, device_height) = ((width * ratio).round() as u32, (height * ratio).round() as u32);
    // Setting a size wipes the canvas, also to the same one.
    grid.set_width(device_width);
    grid.set_height(device_height);
    if view.scale < GRID_FROM {
        return;
    }
    let Some(context) = browser::paper(grid) else { return };
    context.set_fill_style_str(GRID_COLOUR);
    let size = view.size();
    let (left, top) = (view.x.max(0.0), view.y.max(0.0));
    let (right, bottom) = ((view.x + view.width()).min(width), (view.y + view.height()).min(height));
    let lines = |start: f64, cells: u16, from: f64, to: f64| {
        let first = (((from - start) / view.scale).ceil().max(1.0)) as u16;
        (first..cells).map(move |cell| start + f64::from(cell) * view.scale).take_while(move |at| *at < to)
    };
    for x in lines(view.x, size.width, left, right) {
        context.fill_rect((x * ratio).round(), top * ratio, 1.0, (bottom - top) * ratio);
    }
    for y in lines(view.y, size.height, top, bottom) {
        context.fill_rect(left * ratio, (y * ratio).round(), (right - left) * ratio, 1.0);
    }
}

/// Saves what `paper` shows as a PNG file.
pub(crate) fn save(paper: &HtmlCanvasElement, name: String) {
    let save = Closure::once_into_js(move |blob: Option<Blob>| {
        let Some(blob) = blob else { return };
        // A browser that saves no files says so itself.
        let _ = browser::save_blob(&name, &blob);
    });
    // It fails on a canvas with foreign pictures only.
    let _ = paper.to_blob(save.unchecked_ref());
}
