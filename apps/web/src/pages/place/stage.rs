//! The stage: the canvas, its grid and frame, what stands in its place before it opens, and the docks.

use leptos::ev::{MouseEvent, PointerEvent, WheelEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::{ev, web_sys};
use meshwork_web::gestures::{Press, Tool};
use meshwork_web::place::view::{Insets, Stage, View};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;

use super::allowance::Allowance;
use super::board::Board;
use super::card::CellCard;
use super::cursors::Cursors;
use super::dock::{Dock, ZoomDock};
use super::entry::PlaceSession as _;
use super::ghost::GhostLayer;
use super::keyboard::{self, Keys};
use super::marking::MarkLayer;
use super::minimap::Minimap;
use super::picture::PictureLayer;
use super::picture_bar;
use super::surface::Frame;

/// How much a notch of the wheel zooms: e to the power of this, a pixel.
const WHEEL_STEP: f64 = 0.0015;
/// Pixels in a line, for browsers that scroll by lines.
const WHEEL_LINE: f64 = 16.0;
/// The middle button of a mouse.
const MIDDLE: i16 = 1;

/// The stage and the docks over it.
#[component]
pub(crate) fn StageArea(
    /// The room's board.
    board: Board,
    /// What stands in the canvas's place before the room is open.
    before_open: AnyView,
) -> impl IntoView {
    let stage = NodeRef::<html::Div>::new();
    let keys = Keys::new(board);
    measure_when_resized(board, stage);
    let anywhere = window_event_listener(ev::keydown, move |event| keyboard::handle_anywhere(board, &event));
    on_cleanup(move || anywhere.remove());
    let released = window_event_listener(ev::keyup, move |event| {
        board.hold_keys(event.shift_key(), event.alt_key());
    });
    on_cleanup(move || released.remove());
    let tool_class = move || match (board.tool.get(), board.is_panning.get()) {
        (_, true) => "stage panning",
        (Tool::Hand, false) => "stage hand",
        (Tool::Pencil | Tool::Fill, false) => "stage pencil",
        (Tool::Eyedropper, false) => "stage pencil eyedropper",
    };
    let on_move = move |event: PointerEvent| {
        let point = point(stage, &event);
        board.hold_keys(event.shift_key(), event.alt_key());
        board.shift(event.pointer_id(), point);
        if event.pointer_type() != "touch" {
            hover(board, Some(point));
        }
    };
    let is_shown = move || board.surface.view.with(Option::is_some);
    board.surface.keep_thumbnail();
    view! {
            <div class="stage-box">
                <div
                    class=tool_class
                    node_ref=stage
                    on:pointerdown=move |event| press(board, keys, stage, &event)
                    on:pointermove=on_move
                    on:pointerup=move |event| board.lift(event.pointer_id())
                    on:pointercancel=move |event| board.cancel(event.pointer_id())
                    on:pointerleave=move |_| hover(board, None)
                    on:wheel=move |event| turn_wheel(board, stage, &event)
                >
                    <Paper board keys/>
                    <canvas class="grid" node_ref=board.surface.grid aria-hidden="true"></canvas>
                    <PictureLayer board/>
                    <GhostLayer board/>
                    <MarkLayer board/>
                    <CellFrame board/>
                    <Cursors board/>
                    <CellCard board/>
                </div>
                {before_open}
                <Allowance board/>
                <Minimap board/>
            </div>
            <Show when=is_shown>
                {picture_bar::take_from_anywhere(board)}
                <Dock board/>
                <div class="zoom-place">
                    <ZoomDock board/>
                </div>
            </Show>
    }
}

/// The canvas itself: its element is exactly the grid.
#[component]
fn Paper(board: Board, keys: Keys) -> impl IntoView {
    let session = board.session;
    let size = move || session.canvas().size.get();
    let label = move || match size() {
        Some(size) => texts::canvas::sized(size.width, size.height),
        None => texts::canvas::CANVAS.to_owned(),
    };
    let style = move || {
        board.surface.view.get().map(|view| view.place((0, 0), (view.size().width, view.size().height)))
    };
    // A canvas gets its pixels with its size, and loses what was drawn.
    Effect::new(move || {
        if let (Some(size), Some(paper)) = (session.canvas().size.get(), board.surface.paper.get()) {
            paper.set_width(size.width.into());
            paper.set_height(size.height.into());
            board.surface.redraw_painted();
        }
    });
    view! {
        <canvas
            class="paper"
            data-testid="place-canvas"
            node_ref=board.surface.paper
            tabindex="0"
            role="application"
            aria-label=label
            aria-describedby="canvas-help"
            hidden=move || board.surface.view.get().is_none()
            style=style
            on:keydown=move |event| keys.handle_down(&event)
            on:keyup=move |event| keys.handle_up(&event)
            on:focus=move |_| keys.handle_focus()
            on:blur=move |_| keys.rest()
        ></canvas>
        <p class="sr-only" id="canvas-help">
            {texts::canvas::HELP}
        </p>
    }
}

/// The frame around the cell that is pointed at.
#[component]
fn CellFrame(board: Board) -> impl IntoView {
    let style = move || {
        let (view, (x, y)) = (board.surface.view.get()?, board.surface.frame.get()?.cell);
        Some(view.place((x.into(), y.into()), (1, 1)))
    };
    let is_shown = move || {
        let is_painting_tool = board.tool.get() != Tool::Hand && !board.is_panning.get();
        board.surface.view.get().is_some()
            && board.surface.frame.get().is_some_and(|frame| frame.is_by_key || is_painting_tool)
    };
    let is_by_key = move || board.surface.frame.get().is_some_and(|frame| frame.is_by_key);
    view! {
        <div class="cell-frame" class:by-key=is_by_key hidden=move || !is_shown() style=style aria-hidden="true"></div>
    }
}

/// Where a pointer is, from the stage's corner.
fn point(stage: NodeRef<html::Div>, event: &MouseEvent) -> (f64, f64) {
    let origin = stage.get_untracked().map(|stage| stage.get_bounding_client_rect());
    let (left, top) = origin.map_or((0.0, 0.0), |origin| (origin.left(), origin.top()));
    (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
}

fn press(board: Board, keys: Keys, stage: NodeRef<html::Div>, event: &PointerEvent) {
    let is_pan_button = event.button() == MIDDLE;
    if event.button() != 0 && !is_pan_button {
        return;
    }
    event.prevent_default();
    let is_touch = event.pointer_type() == "touch";
    if is_touch {
        board.surface.frame.set(None);
    }
    board.hold_keys(event.shift_key(), event.alt_key());
    // What is painted is on its way before anything else is done.
    board.press(Press { pointer: event.pointer_id(), at: point(stage, event), is_touch, is_pan_button });
    if let Some(stage) = stage.get_untracked() {
        // Only a pointer that is already up cannot be held.
        let _ = stage.set_pointer_capture(event.pointer_id());
    }
    focus(board, keys);
}

fn turn_wheel(board: Board, stage: NodeRef<html::Div>, event: &WheelEvent) {
    event.prevent_default();
    let pixels = if event.delta_mode() == 0 { event.delta_y() } else { event.delta_y() * WHEEL_LINE };
    let at = point(stage, event);
    board.surface.look(|view| view.zoom_at(at, (-pixels * WHEEL_STEP).exp()));
}

fn focus(board: Board, keys: Keys) {
    if let Some(paper) = board.surface.paper.get_untracked() {
        let options = web_sys::FocusOptions::new();
        options.set_prevent_scroll(true);
        keys.is_pointing.set(true);
        // It is in the page.
        let _ = paper.focus_with_options(&options);
        keys.is_pointing.set(false);
    }
}

fn hover(board: Board, point: Option<(f64, f64)>) {
    let cell = point.and_then(|point| board.surface.view.get_untracked()?.cell_at(point));
    let frame = cell.map(|cell| Frame { cell, is_by_key: false });
    let present = board.surface.frame.get_untracked();
    let is_kept = frame.is_none() && present.is_some_and(|present| present.is_by_key);
    if present != frame && !is_kept {
        board.surface.frame.set(frame);
        board.hover_tool(cell);
    }
}

/// Keeps the view in step with the stage's size.
fn measure_when_resized(board: Board, stage: NodeRef<html::Div>) {
    let measure = move || {
        // The page shows one stage in its life, unless another app comes to the front.
        let Some(Some(element)) = stage.try_get_untracked() else { return };
        let measured = measured(&element);
        let Some(size) = board.session.canvas().size.get_untracked() else { return };
        match board.surface.view.get_untracked() {
            None => board.surface.view.set(Some(View::new(size, measured))),
            Some(_) => board.surface.look(|view| view.set_stage(measured)),
        }
        board.surface.redraw_grid();
    };
    Effect::new(move || {
        if board.session.canvas().size.get().is_some() && stage.get().is_some() {
            measure();
        }
    });
    Effect::new(move || {
        let Some(element) = stage.get() else { return };
        let callback = Closure::<dyn FnMut()>::new(measure);
        if let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) {
            observer.observe(&element);
        }
        // It is watched as long as the page lives.
        callback.forget();
    });
}

/// The stage as the style sheet lays it out.
fn measured(stage: &web_sys::HtmlDivElement) -> Stage {
    let window = web_sys::window();
    let style = window.as_ref().and_then(|window| window.get_computed_style(stage).ok().flatten());
    let length = |name: &str| {
        let text = style.as_ref().and_then(|style| style.get_property_value(name).ok()).unwrap_or_default();
        // It reads the number and leaves the unit; the browser's own reading weighs nothing.
        Some(js_sys::Number::parse_float(&text)).filter(|length| length.is_finite()).unwrap_or(0.0)
    };
    let insets =
        Insets { side: length("--inset-side"), top: length("--inset-top"), bottom: length("--inset-bottom") };
    Stage {
        width: f64::from(stage.client_width()),
        height: f64::from(stage.client_height()),
        insets,
        pixel_ratio: window.map_or(1.0, |window| window.device_pixel_ratio()),
    }
}
