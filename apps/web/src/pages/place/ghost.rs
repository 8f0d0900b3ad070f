//! What would be painted, shown over the canvas: a line, or an area that waits to be filled.

use leptos::html;
use leptos::prelude::*;
use meshwork_web::place::palette;

use super::super::browser;
use super::board::Board;
use super::tools::Ghost;

/// Columns and rows that cells span: leftmost, topmost, width, height.
fn span(cells: &[(u16, u16)]) -> Option<(u16, u16, u16, u16)> {
    let left = cells.iter().map(|cell| cell.0).min()?;
    let right = cells.iter().map(|cell| cell.0).max()?;
    let top = cells.iter().map(|cell| cell.1).min()?;
    let bottom = cells.iter().map(|cell| cell.1).max()?;
    Some((left, top, right - left + 1, bottom - top + 1))
}

/// The cells that a tool would paint.
#[component]
pub(crate) fn GhostLayer(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let layer = NodeRef::<html::Canvas>::new();
    let place = Memo::new(move |_| board.tools.ghost.with(|ghost| span(&ghost.as_ref()?.cells)));
    let style = move || {
        let (view, (x, y, width, height)) = (board.surface.view.get()?, place.get()?);
        Some(view.place((x.into(), y.into()), (width, height)))
    };
    Effect::new(move || {
        let (Some(layer), Some((left, top, width, height))) = (layer.get(), place.get()) else { return };
        layer.set_width(width.into());
        layer.set_height(height.into());
        let Some(context) = browser::paper(&layer) else { return };
        board.tools.ghost.with(|ghost| {
            let Some(Ghost { cells, colour }) = ghost else { return };
            context.set_fill_style_str(&palette::to_hex(*colour));
            for (x, y) in cells {
                context.fill_rect(f64::from(x - left), f64::from(y - top), 1.0, 1.0);
            }
        });
    });
    view! {
        <canvas
            class="ghost"
            node_ref=layer
            hidden=move || place.get().is_none()
            style=style
            aria-hidden="true"
        ></canvas>
    }
}
