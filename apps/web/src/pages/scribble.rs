//! A small whiteboard on the start page, to be drawn on at once: what is on it goes along into the room that is made of it.

use std::f64::consts::TAU;

use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::{self, PointerEvent};
pub(crate) use meshwork_web::scribble::Stroke;
use meshwork_web::scribble::{Place, SIZE, Scribble};
use meshwork_web::texts;
use meshwork_web::whiteboard::look::LIGHT;

use super::browser;
use super::doodle::{PadTools, swatch_button};

/// How wide strokes are, in units.
const WIDTH: f64 = 4.0;
/// Pixels of the canvas to a unit, so that lines are sharp on finer screens.
const SCALE: i32 = 2;
/// Under this name a profile keeps what is drawn until there is a room with it.
const KEY: &str = "meshwork-scribble";
/// Under this one what is on its way there.
const SENT_KEY: &str = "meshwork-scribble-sent";

/// What is kept of it in this profile.
pub(crate) fn kept() -> Scribble {
    Scribble::read(&browser::stored(KEY).unwrap_or_default())
}

/// Keeps what is drawn.
pub(crate) fn keep(scribble: &Scribble) {
    browser::store(KEY, &scribble.write());
}

/// Sends what is kept into the room that was just made.
pub(crate) fn send() {
    if let Some(drawn) = browser::stored(KEY) {
        browser::unstore(KEY);
        browser::store(SENT_KEY, &drawn);
    }
}

/// What was sent into the room; it is taken once.
pub(crate) fn take_sent() -> Scribble {
    let sent = browser::stored(SENT_KEY).unwrap_or_default();
    if !sent.is_empty() {
        browser::unstore(SENT_KEY);
    }
    Scribble::read(&sent)
}

/// The board and its colours.
#[component]
pub(crate) fn ScribblePad(
    /// What is on it.
    scribble: RwSignal<Scribble>,
) -> impl IntoView {
    let colour = RwSignal::new(0_u8);
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move || {
        if let Some(canvas) = canvas.get() {
            scribble.with(|scribble| draw(&canvas, scribble));
        }
    });
    let begin = move |event: PointerEvent| {
        let Some(canvas) = canvas.get_untracked().filter(|_| event.button() <= 0) else { return };
        // A pointer that is gone already draws one point.
        let _ = canvas.set_pointer_capture(event.pointer_id());
        scribble.update(|scribble| scribble.begin(place(&canvas, &event), colour.get_untracked()));
    };
    let go_on = move |event: PointerEvent| {
        if let Some(canvas) = canvas.get_untracked().filter(|_| event.buttons() & 1 == 1) {
            scribble.update(|scribble| scribble.go_on(place(&canvas, &event)));
        }
    };
    let end = move |_| scribble.update(Scribble::end);
    view! {
        <div class="doodle">
            <div class="doodle-canvas scribble-canvas">
                <canvas
                    node_ref=canvas
                    width=SIZE.0 * SCALE
                    height=SIZE.1 * SCALE
                    role="img"
                    aria-label=texts::SCRIBBLE
                    data-testid="scribble"
                    on:pointerdown=begin
                    on:pointermove=go_on
                    on:pointerup=end
                    on:pointercancel=end
                ></canvas>
                <span class="doodle-hint" aria-hidden="true" hidden=move || !scribble.with(Scribble::is_empty)>
                    {texts::home::DRAW_HERE}
                </span>
            </div>
            <PadTools
                test_id="scribble-undo"
                can_undo=Signal::derive(move || !scribble.with(Scribble::is_empty))
                undo=move |()| scribble.update(Scribble::undo)
            >
                {(0..LIGHT.len() as u8).map(|index| swatch(colour, index)).collect_view()}
            </PadTools>
        </div>
    }
}

fn swatch(chosen: RwSignal<u8>, index: u8) -> impl IntoView {
    let (name, colour) = (texts::board::COLOUR_NAMES[usize::from(index)], LIGHT[usize::from(index)]);
    swatch_button(chosen, index, name, format!("--swatch:{colour};--swatch-mark:#fff"))
}

/// Where a pointer is on the board.
fn place(canvas: &web_sys::HtmlCanvasElement, event: &PointerEvent) -> Place {
    let unit = f64::from(canvas.client_width().max(1)) / f64::from(SIZE.0);
    let units = |offset: i32| (f64::from(offset) / unit).round() as i32;
    (units(event.offset_x()), units(event.offset_y()))
}

fn draw(canvas: &web_sys::HtmlCanvasElement, scribble: &Scribble) {
    let Some(context) = browser::paper(canvas) else { return };
    // The numbers are finite.
    let scale = f64::from(SCALE);
    let _ = context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0);
    context.clear_rect(0.0, 0.0, SIZE.0.into(), SIZE.1.into());
    context.set_line_width(WIDTH);
    context.set_line_cap("round");
    context.set_line_join("round");
    for stroke in scribble.strokes() {
        let colour = LIGHT[usize::from(stroke.colour)];
        let (x, y) = stroke.points[0];
        context.set_fill_style_str(colour);
        context.begin_path();
        // The radius is above 0.
        let _ = context.arc(x.into(), y.into(), WIDTH / 2.0, 0.0, TAU);
        context.fill();
        context.set_stroke_style_str(colour);
        context.begin_path();
        context.move_to(x.into(), y.into());
        stroke.points[1..].iter().for_each(|(x, y)| context.line_to((*x).into(), (*y).into()));
        context.stroke();
    }
}
