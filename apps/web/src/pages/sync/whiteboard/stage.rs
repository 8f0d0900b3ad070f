//! The stage of the board: pointers, the wheel, what is dropped and pasted, and what stands over it.

use leptos::ev::{ClipboardEvent, DragEvent, MouseEvent, PointerEvent, WheelEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::{ev, web_sys};
use meshwork_web::cursors::Track;
use meshwork_web::gestures::{self, Action, Press};
use meshwork_web::sync::whiteboard::hand::{Tool, Touch};
use meshwork_web::sync::whiteboard::{Place, hit};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;

use super::super::super::browser;
use super::super::shut::Shut;
use super::super::state::Tab;
use super::dock::{ChosenBar, Dock, PeopleDock, ZoomDock, give_back};
use super::easel::Easel;
use super::files;
use super::keyboard::{self, KeysSheet};
use super::people::{Following, colour_of};
use super::text::TextField;

/// How much a notch of the wheel zooms: e to the power of this, a pixel.
const WHEEL_STEP: f64 = 0.0015;
/// Pixels in a line, for browsers that scroll by lines.
const WHEEL_LINE: f64 = 16.0;
const MIDDLE_BUTTON: i16 = 1;
/// How near a text is clicked twice to be written, in pixels.
const SLACK: f64 = 4.0;

/// The board and all that belongs to it.
#[component]
pub(super) fn BoardStage(easel: Easel) -> impl IntoView {
    measure_when_resized(easel);
    let pasted = window_event_listener(ev::paste, move |event| paste(easel, &event));
    on_cleanup(move || pasted.remove());
    let class = move || {
        let tool = match easel.tool.get() {
            Tool::Hand => "hand",
            Tool::Select => "select",
            Tool::Text => "text",
            Tool::Eraser | Tool::Laser => "dot",
            _ => "cross",
        };
        let panning = if easel.is_panning.get() { " panning" } else { "" };
        format!("board-stage {tool}{panning}")
    };
    let frame = move || easel.following.get().map(colour_of);
    view! {
        <div class="board" class:followed=move || easel.following.get().is_some() style=frame>
            <div
                class=class
                data-testid="whiteboard"
                data-shapes=move || easel.count.get().to_string()
                data-chosen=move || easel.chosen.with(|chosen| chosen.count).to_string()
                node_ref=easel.stage
                style=move || easel.grid.get()
                tabindex="0"
                role="application"
                aria-label=move || texts::board::with_shapes(easel.count.get())
                aria-describedby="board-help"
                on:pointerdown=move |event| press(easel, &event)
                on:pointermove=move |event| shift(easel, &event)
                on:pointerup=move |event| lift(easel, &event, false)
                on:pointercancel=move |event| lift(easel, &event, true)
                on:pointerleave=move |_| easel.say_presence(Some(None))
                on:dblclick=move |event| write_at(easel, &event)
                on:wheel=move |event| turn_wheel(easel, &event)
                on:dragover=move |event: DragEvent| event.prevent_default()
                on:drop=move |event| drop_files(easel, &event)
                on:keydown=move |event| keyboard::handle(easel, &event)
                on:keyup=move |event| keyboard::handle_up(easel, &event)
                on:blur=move |_| easel.is_panning.set(false)
            >
                <canvas class="board-paper" node_ref=easel.paper aria-hidden="true"></canvas>
                <TextField easel/>
            </div>
            <p class="sr-only" id="board-help">
                {texts::board::HELP}
            </p>
            <p class="sr-only" role="status" data-testid="whiteboard-spoken">{move || easel.spoken.get()}</p>
            <Show when=move || easel.count.get() == 0 && easel.editing.with(Option::is_none)>
                <p class="board-empty" aria-hidden="true">
                    {move || match easel.is_shut.get() {
                        true => texts::board::NOTHING_DRAWN,
                        false => texts::board::DRAW,
                    }}
                </p>
            </Show>
            <Shut sync=easel.sync test_id="whiteboard-shut"/>
            <Following easel/>
            <PeopleDock easel/>
            <div class="board-docks" on:click=move |event| give_back(easel, &event)>
                <ChosenBar easel/>
                <Dock easel/>
                <ZoomDock easel/>
            </div>
            <KeysSheet easel/>
        </div>
    }
}

/// Where a pointer is, from the stage's corner.
fn point(easel: Easel, event: &MouseEvent) -> (f64, f64) {
    let origin = easel.stage.get_untracked().map(|stage| stage.get_bounding_client_rect());
    let (left, top) = origin.map_or((0.0, 0.0), |origin| (origin.left(), origin.top()));
    (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
}

fn touch(easel: Easel, event: &PointerEvent, at: (f64, f64)) -> Touch {
    let camera = easel.camera.get_untracked();
    let is_pen = event.pointer_type() == "pen";
    Touch {
        at: camera.place(at),
        pixel: 1.0 / camera.scale,
        is_finger: event.pointer_type() == "touch",
        // A float becomes an integer by saturation.
        pressure: is_pen.then(|| (event.pressure() * 255.0) as u8),
        is_shift: event.shift_key(),
    }
}

fn press(easel: Easel, event: &PointerEvent) {
    let is_pan_button = event.button() == MIDDLE_BUTTON || easel.is_panning.get_untracked();
    if event.button() != 0 && !is_pan_button {
        return;
    }
    easel.end_editing();
    event.prevent_default();
    easel.focus();
    if let Some(stage) = easel.stage.get_untracked() {
        // Only a pointer that is already up cannot be held.
        let _ = stage.set_pointer_capture(event.pointer_id());
    }
    let at = point(easel, event);
    let is_touch = event.pointer_type() == "touch";
    let press = Press { pointer: event.pointer_id(), at, is_touch, is_pan_button };
    let tool =
        if easel.tool.get_untracked() == Tool::Hand { gestures::Tool::Hand } else { gestures::Tool::Pencil };
    let actions = easel.with(|work| work.gestures.press(press, tool)).unwrap_or_default();
    act(easel, event, actions);
}

fn shift(easel: Easel, event: &PointerEvent) {
    let at = point(easel, event);
    let actions = easel.with(|work| work.gestures.shift(event.pointer_id(), at)).unwrap_or_default();
    act(easel, event, actions);
    if event.pointer_type() != "touch" || easel.with(|work| work.hand.is_drawing()) == Some(true) {
        let place = easel.camera.with_untracked(|camera| camera.place(at));
        easel.say_presence(Some(Some(place)));
    }
}

fn lift(easel: Easel, event: &PointerEvent, is_cancelled: bool) {
    let lifted = easel.with(|work| match is_cancelled {
        true => work.gestures.cancel(event.pointer_id()),
        false => work.gestures.lift(event.pointer_id()),
    });
    act(easel, event, lifted.unwrap_or_default());
}

fn act(easel: Easel, event: &PointerEvent, actions: Vec<Action>) {
    for action in actions {
        match action {
            Action::Begin(at) => begin(easel, touch(easel, event, at)),
            Action::Extend(at) => {
                let touch = touch(easel, event, at);
                let writes = easel.with(|work| {
                    if let Some(laser) = work.laser.as_mut().filter(|_| work.hand.tool == Tool::Laser) {
                        laser.hear(browser::milliseconds(), touch.at, work.hand.is_busy(), true);
                    }
                    work.hand.drag(&work.sketch, touch)
                });
                let writes = writes.unwrap_or_default();
                if !writes.is_empty() {
                    easel.write(writes);
                }
            }
            Action::End => end(easel),
            Action::Cancel => easel.cancel(),
            Action::Pan(by) => easel.look(|camera| camera.pan(by)),
            Action::Zoom(at, factor) => easel.look(|camera| camera.zoom_at(at, factor)),
        }
    }
    easel.ask_frame();
}

fn begin(easel: Easel, touch: Touch) {
    let tool = easel.tool.get_untracked();
    if tool == Tool::Picture {
        return files::choose_picture(easel);
    }
    if !matches!(tool, Tool::Laser) && easel.is_shut.get_untracked() {
        return;
    }
    let (id, style) = (easel.fresh_id(), easel.style.get_untracked());
    easel.with(|work| {
        work.run = Some(work.steps.run());
        work.hand.style = style;
        work.hand.press(&work.sketch, touch, id);
        if tool == Tool::Laser {
            work.laser = Some(Track::new(browser::milliseconds(), touch.at, true));
        }
    });
    // What is under the hand is chosen at once.
    if tool == Tool::Select {
        easel.choose(easel.chosen_ids());
    }
}

fn end(easel: Easel) {
    if let Some(done) = easel.with(|work| {
        if let Some(laser) = &mut work.laser {
            let (now, at) = (browser::milliseconds(), laser.place(browser::milliseconds()));
            laser.hear(now, at, false, true);
        }
        work.hand.lift(&work.sketch)
    }) {
        easel.finish(done);
    }
}

/// A click twice writes: in what lies there, or a new text.
fn write_at(easel: Easel, event: &MouseEvent) {
    if easel.tool.get_untracked() != Tool::Select || easel.is_shut() {
        return;
    }
    let camera = easel.camera.get_untracked();
    let place: Place = camera.place(point(easel, event));
    let under = easel.with(|work| {
        let inside = work.sketch.shapes().rev().find(|(_, shape)| {
            let is_box =
                shape.what.has_text() && meshwork_web::sync::whiteboard::Area::of(shape.bounds).has(place);
            is_box || hit::touches(shape, place, SLACK / camera.scale)
        });
        inside.map(|(id, shape)| (id, shape.what.has_text()))
    });
    match under.flatten() {
        Some((id, true)) => easel.edit(id),
        Some((_, false)) => {}
        None => easel.edit_new(place),
    }
}

/// The wheel moves the board, and zooms with Ctrl, as two fingers on a pad do.
fn turn_wheel(easel: Easel, event: &WheelEvent) {
    event.prevent_default();
    let unit = if event.delta_mode() == 0 { 1.0 } else { WHEEL_LINE };
    let (x, y) = (event.delta_x() * unit, event.delta_y() * unit);
    if event.ctrl_key() || event.meta_key() {
        let at = point(easel, event);
        // Pads tell small steps for pinching.
        let step = if y.abs() < 50.0 { WHEEL_STEP * 6.0 } else { WHEEL_STEP };
        easel.look(|camera| camera.zoom_at(at, (-y * step).exp()));
    } else if event.shift_key() {
        easel.look(|camera| camera.pan((-y - x, 0.0)));
    } else {
        easel.look(|camera| camera.pan((-x, -y)));
    }
}

fn drop_files(easel: Easel, event: &DragEvent) {
    let Some(files) = event.data_transfer().and_then(|data| data.files()) else { return };
    event.prevent_default();
    let place = easel.camera.with_untracked(|camera| camera.place(point(easel, event)));
    for file in browser::listed(Some(files)) {
        files::take(easel, file, Some(place));
    }
}

/// Pictures, shapes and texts are pasted wherever the keys are, but not in a field that is written.
fn paste(easel: Easel, event: &web_sys::Event) {
    if easel.sync.tab.try_get_untracked() != Some(Tab::Whiteboard) {
        return;
    }
    let target: Option<web_sys::Element> = event.target().and_then(|target| target.dyn_into().ok());
    let is_field = target.is_some_and(|target| target.closest("input, textarea").ok().flatten().is_some());
    let Some(data) = event.dyn_ref::<ClipboardEvent>().and_then(ClipboardEvent::clipboard_data) else {
        return;
    };
    if is_field {
        return;
    }
    event.prevent_default();
    if let Some(file) = data.files().and_then(|files| files.get(0)) {
        return files::take(easel, file, None);
    }
    if let Ok(text) = data.get_data("text/plain") {
        files::take_text(easel, &text);
    }
}

/// Keeps the camera in step with the stage's size.
fn measure_when_resized(easel: Easel) {
    let corner = StoredValue::new(None::<(f64, f64)>);
    let measure = move || {
        let Some(Some(stage)) = easel.stage.try_get_untracked() else { return };
        let found = stage.get_bounding_client_rect();
        let (size, at) = ((found.width(), found.height()), (found.left(), found.top()));
        if size.0 <= 0.0 || easel.camera.with_untracked(|camera| camera.stage == size) {
            return;
        }
        let before = corner.get_value();
        corner.set_value(Some(at));
        easel.camera.update(|camera| {
            camera.stage = size;
            // What is seen stays where it is on the page when something comes above it.
            if let Some(before) = before {
                camera.pan((before.0 - at.0, before.1 - at.1));
            }
        });
        if before.is_none() {
            easel.show_all();
        }
    };
    let observed: NodeRef<html::Div> = easel.stage;
    Effect::new(move || {
        let Some(element) = observed.get() else { return };
        let callback = Closure::<dyn FnMut()>::new(measure);
        if let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) {
            observer.observe(&element);
        }
        // It is watched as long as the page lives.
        callback.forget();
    });
}
