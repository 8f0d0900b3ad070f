//! A small canvas on the start page, to be painted at once: what is on it goes along into the room that is made of it.

use leptos::prelude::*;
use leptos::web_sys::{self, KeyboardEvent, PointerEvent};
use leptos::{ev, html};
use meshwork_place::canvas::Colour;
use meshwork_web::place::doodle::{Doodle, Place, SIZE};
use meshwork_web::place::palette::{self, PALETTE, Swatch};
use meshwork_web::texts;

use super::icon_button::IconButton;
use super::{browser, icons};

/// The colour that one begins with: one that shows.
const FIRST: usize = 3;

/// The canvas and its colours.
#[component]
pub(crate) fn DoodlePad(
    /// What is on it.
    doodle: RwSignal<Doodle>,
) -> impl IntoView {
    let colour = RwSignal::new(PALETTE[FIRST].colour);
    view! {
        <div class="doodle">
            <Pad doodle colour/>
            <div class="doodle-tools">
                <div class="swatches" role="group" aria-label=texts::COLOURS>
                    {PALETTE.iter().map(|swatch| swatch_button(colour, swatch)).collect_view()}
                </div>
                <IconButton
                    test_id="doodle-undo"
                    label=texts::UNDO
                    sign=icons::undo().into_any()
                    is_off=Signal::derive(move || !doodle.with(Doodle::can_undo))
                    act=move |()| doodle.update(Doodle::undo)
                />
            </div>
        </div>
    }
}

/// The canvas itself.
#[component]
fn Pad(doodle: RwSignal<Doodle>, colour: RwSignal<Colour>) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let is_empty = Memo::new(move |_| doodle.with(|doodle| doodle.painted().next().is_none()));
    Effect::new(move || {
        if let Some(canvas) = canvas.get() {
            doodle.with(|doodle| draw(&canvas, doodle));
        }
    });
    // A key paints where the marked cell is, which one sees once the canvas has the focus.
    let marked = RwSignal::new((i32::from(SIZE.width) / 2, i32::from(SIZE.height) / 2));
    let on_key = move |event: KeyboardEvent| {
        let (x, y) = marked.get_untracked();
        let to = match &*browser::key(&event) {
            "ArrowLeft" => (x - 1, y),
            "ArrowRight" => (x + 1, y),
            "ArrowUp" => (x, y - 1),
            "ArrowDown" => (x, y + 1),
            " " | "Enter" => {
                doodle.update(|doodle| {
                    doodle.begin((x, y), colour.get_untracked());
                    doodle.end();
                });
                (x, y)
            }
            _ => return,
        };
        event.prevent_default();
        let last = (i32::from(SIZE.width) - 1, i32::from(SIZE.height) - 1);
        marked.set((to.0.clamp(0, last.0), to.1.clamp(0, last.1)));
    };
    let begin = move |event: PointerEvent| {
        let Some(at) = canvas.get_untracked().and_then(|canvas| place(&canvas, &event)) else { return };
        if let Some(canvas) = canvas.get_untracked() {
            // A pointer that is gone already paints one cell.
            let _ = canvas.set_pointer_capture(event.pointer_id());
        }
        doodle.update(|doodle| doodle.begin(at, colour.get_untracked()));
    };
    let go_on = move |event: PointerEvent| {
        let to = canvas.get_untracked().and_then(|canvas| place(&canvas, &event));
        if let Some(to) = to.filter(|_| event.buttons() & 1 == 1) {
            doodle.update(|doodle| doodle.go_on(to, colour.get_untracked()));
        }
    };
    let end = move |_| doodle.update(Doodle::end);
    let share = |at: i32, length: u16| format!("{}%", f64::from(at) * 100.0 / f64::from(length));
    view! {
        <div class="doodle-canvas">
            <canvas
                node_ref=canvas
                width=SIZE.width
                height=SIZE.height
                tabindex="0"
                role="application"
                aria-label=texts::DOODLE
                data-testid="doodle"
                on:keydown=on_key
                on:pointerdown=begin
                on:pointermove=go_on
                on:pointerup=end
                on:pointercancel=end
            ></canvas>
            <span class="doodle-hint" data-testid="doodle-hint" aria-hidden="true" hidden=move || !is_empty.get()>
                {texts::home::PAINT_HERE}
            </span>
            <span
                class="doodle-mark"
                aria-hidden="true"
                style:left=move || share(marked.get().0, SIZE.width)
                style:top=move || share(marked.get().1, SIZE.height)
            ></span>
        </div>
    }
}

/// A colour to choose.
fn swatch_button(chosen: RwSignal<Colour>, swatch: &Swatch) -> impl IntoView + use<> {
    let (colour, name) = (swatch.colour, swatch.name);
    view! {
        <button
            type="button"
            class="swatch"
            style=palette::swatch_style(colour)
            aria-label=name
            title=name
            aria-pressed=move || (chosen.get() == colour).to_string()
            on:click=move |_: ev::MouseEvent| chosen.set(colour)
        >
            {icons::check()}
        </button>
    }
}

/// The cell under a pointer, or beside the canvas where the pointer is beside it; nothing for other buttons than the first.
fn place(canvas: &web_sys::HtmlCanvasElement, event: &PointerEvent) -> Option<Place> {
    let side = f64::from(canvas.client_width()) / f64::from(SIZE.width);
    let cell = |offset: i32| (f64::from(offset) / side).floor() as i32;
    (event.button() <= 0 && side > 0.0).then(|| (cell(event.offset_x()), cell(event.offset_y())))
}

fn draw(canvas: &web_sys::HtmlCanvasElement, doodle: &Doodle) {
    let Some(context) = browser::paper(canvas) else { return };
    context.clear_rect(0.0, 0.0, f64::from(SIZE.width), f64::from(SIZE.height));
    for (x, y, colour) in doodle.painted() {
        context.set_fill_style_str(&palette::to_hex(colour));
        context.fill_rect(f64::from(x), f64::from(y), 1.0, 1.0);
    }
}
