//! Small pictures of rooms as they were when last seen here, kept in this profile.

use leptos::web_sys::{self, HtmlCanvasElement};
use meshwork_core::id::RoomId;
use wasm_bindgen::JsCast as _;

use super::browser;

/// What the name begins with under which a room's picture is kept.
const KEY: &str = "meshwork-picture-";
/// Longest edge of a picture, in pixels.
const EDGE_MAX: u32 = 128;
/// Longest picture, as an address with the data in it: about 4 kB, since all that a page keeps in this way has to fit in 5 MB.
const LENGTH_MAX: usize = 6_000;

/// The picture of a room, as an address.
pub(crate) fn of(room: RoomId) -> Option<String> {
    browser::stored(&key(room))
}

/// Forgets the picture of a room.
pub(crate) fn forget(room: RoomId) {
    browser::unstore(&key(room));
}

/// Forgets pictures of rooms that are not among these: the browser may have forgotten them for others.
pub(crate) fn keep_only(rooms: &[RoomId]) {
    let kept: Vec<String> = rooms.iter().map(|room| key(*room)).collect();
    browser::stored_names()
        .into_iter()
        .filter(|name| name.starts_with(KEY) && !kept.contains(name))
        .for_each(|name| browser::unstore(&name));
}

/// Keeps what `paper` shows as the picture of a room.
pub(crate) fn keep(room: RoomId, paper: &HtmlCanvasElement) {
    if let Some(picture) = smaller(paper) {
        browser::store(&key(room), &picture);
    }
}

fn key(room: RoomId) -> String {
    format!("{KEY}{room}")
}

/// A canvas made smaller until it may be kept: each cell one pixel where there are few, else many in one.
fn smaller(paper: &HtmlCanvasElement) -> Option<String> {
    let small: HtmlCanvasElement =
        web_sys::window()?.document()?.create_element("canvas").ok()?.dyn_into().ok()?;
    let mut share = paper.width().max(paper.height()).div_ceil(EDGE_MAX).max(1);
    loop {
        let (width, height) = ((paper.width() / share).max(1), (paper.height() / share).max(1));
        small.set_width(width);
        small.set_height(height);
        let (width, height) = (f64::from(width), f64::from(height));
        let context = browser::paper(&small)?;
        context.draw_image_with_html_canvas_element_and_dw_and_dh(paper, 0.0, 0.0, width, height).ok()?;
        let picture = small.to_data_url().ok()?;
        if picture.len() <= LENGTH_MAX {
            return Some(picture);
        }
        share *= 2;
    }
}
