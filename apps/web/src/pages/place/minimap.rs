//! The small picture of a large canvas; a drag in it pans. Readers have "go to cell" instead.

use std::time::Duration;

use leptos::ev::PointerEvent;
use leptos::html;
use leptos::prelude::*;
use meshwork_web::place::minimap;

use super::super::browser;
use super::board::Board;

/// How often the small picture is drawn again at most.
const REDRAW: Duration = Duration::from_millis(500);

/// The small picture, while it is wanted.
#[component]
pub(crate) fn Minimap(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let is_wanted =
        Memo::new(move |_| board.surface.view.with(|view| view.as_ref().is_some_and(minimap::is_wanted)));
    view! {
        <Show when=move || is_wanted.get()>
            <Small board/>
        </Show>
    }
}

#[component]
fn Small(board: Board) -> impl IntoView {
    let small = NodeRef::<html::Canvas>::new();
    let is_held = RwSignal::new(false);
    let extent = move || board.surface.view.get().map(|view| minimap::extent(&view)).unwrap_or_default();
    let draw = move || {
        let (Some(small), Some(paper)) = (small.get_untracked(), board.surface.paper.get_untracked()) else {
            return;
        };
        let (width, height) = (f64::from(small.width()), f64::from(small.height()));
        if let Some(context) = browser::paper(&small) {
            context.clear_rect(0.0, 0.0, width, height);
            // Both are in the page, and the canvas has an area.
            let _ =
                context.draw_image_with_html_canvas_element_and_dw_and_dh(&paper, 0.0, 0.0, width, height);
        }
    };
    Effect::new(move || {
        if let Some(small) = small.get() {
            let (width, height) = untrack(extent);
            small.set_width(width.round() as u32);
            small.set_height(height.round() as u32);
            draw();
        }
    });
    if let Ok(redraw) = set_interval_with_handle(draw, REDRAW) {
        on_cleanup(move || redraw.clear());
    }
    let lead = move |event: &PointerEvent| {
        let Some(origin) = small.get_untracked().map(|small| small.get_bounding_client_rect()) else {
            return;
        };
        let at = (f64::from(event.client_x()) - origin.left(), f64::from(event.client_y()) - origin.top());
        board.surface.look(|view| view.pan(minimap::pan_to(view, at)));
    };
    let press = move |event: PointerEvent| {
        event.prevent_default();
        if let Some(small) = small.get_untracked() {
            // Only a pointer that is already up cannot be held.
            let _ = small.set_pointer_capture(event.pointer_id());
        }
        is_held.set(true);
        lead(&event);
    };
    let shown = move || {
        let rect = minimap::shown(&board.surface.view.get()?);
        Some(format!(
            "transform:translate({}px,{}px);width:{}px;height:{}px",
            rect.x, rect.y, rect.width, rect.height
        ))
    };
    let style = move || {
        let (width, height) = extent();
        format!("width:{width}px;height:{height}px")
    };
    view! {
        <div class="minimap" aria-hidden="true" style=style>
            <canvas
                data-testid="minimap"
                node_ref=small
                on:pointerdown=press
                on:pointermove=move |event| {
                    if is_held.get_untracked() {
                        lead(&event);
                    }
                }
                on:pointerup=move |_| is_held.set(false)
                on:pointercancel=move |_| is_held.set(false)
            ></canvas>
            <div class="minimap-part" data-testid="minimap-part" style=shown></div>
        </div>
    }
}
