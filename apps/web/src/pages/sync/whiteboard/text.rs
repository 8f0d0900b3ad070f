//! A text that is being written, in a field over the board.
//!
//! What is typed is written every [`KEEP`], and at once when the field is left or the page ends: a page can end at any
//! time, and others see the text grow. All of it is one step back.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::KeyboardEvent;
use meshwork_core::table::Write;
use meshwork_sync::whiteboard::{Field, Run, Shape, ShapeId, TEXT_MAX, What};
use meshwork_web::sync::whiteboard::look::{self, LINE_HEIGHT};
use meshwork_web::sync::whiteboard::{Area, Place, bounds, hand};
use meshwork_web::texts;

use super::super::super::browser;
use super::easel::Easel;

/// Time between two writes of what is typed: a batch for a few letters. The page's storage takes as long again.
const KEEP: Duration = Duration::from_millis(250);
/// Least height of the field, in pixels.
const FIELD_LEAST: f64 = 24.0;

/// What is being written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Editing {
    pub(super) id: ShapeId,
    /// The shape as it was last written; as it will be where it is new.
    pub(super) shape: Shape,
    pub(super) is_new: bool,
    pub(super) text: String,
    /// All that is written of it is one step.
    run: Option<Run>,
}

impl Easel {
    /// Begins to write in a shape, if it has a text.
    pub(super) fn edit(self, id: ShapeId) {
        let shape = self.with(|work| work.sketch.get(id).cloned()).flatten();
        if let Some(shape) = shape.filter(|shape| shape.what.has_text()) {
            self.begin(Editing { id, text: shape.text.clone(), shape, is_new: false, run: None });
        }
    }

    /// Begins to write a text of its own.
    pub(super) fn edit_new(self, at: Place) {
        let shape = self.with(|work| Shape {
            what: What::Text,
            bounds: bounds(at, at),
            style: work.hand.style,
            order: work.sketch.top(),
            text: String::new(),
        });
        if let Some(shape) = shape {
            let half = look::letters(shape.style) * LINE_HEIGHT / 2.0;
            let at = (at.0, at.1 - half);
            let shape = Shape { bounds: bounds(at, at), ..shape };
            self.begin(Editing { id: self.fresh_id(), shape, is_new: true, text: String::new(), run: None });
        }
    }

    /// Puts a text down that stands already.
    pub(super) fn put_text(self, text: &str) {
        if self.is_shut() || text.trim().is_empty() {
            return;
        }
        let text = &text[..text.floor_char_boundary(TEXT_MAX)];
        let (id, at) = (self.fresh_id(), self.middle());
        let shape = self.with(|work| {
            let style = work.hand.style;
            let measure =
                |text: &str, size: f64, is_strong: bool| work.painter.measure(text, size, is_strong);
            let size = look::text_size(text, style, &measure);
            let bounds = hand::centred(at, size);
            Shape { what: What::Text, bounds, style, order: work.sketch.top(), text: text.to_owned() }
        });
        self.put(shape.map(|shape| (id, shape)).into_iter().collect());
    }

    fn begin(self, editing: Editing) {
        if !self.is_shut() {
            let run = self.with(|work| work.steps.run());
            self.editing.set(Some(Editing { run, ..editing }));
            self.ask_frame();
        }
    }

    /// The shape as it will be.
    pub(super) fn edited(self, editing: &Editing) -> Option<(ShapeId, Shape)> {
        let shape = Shape { text: editing.text.clone(), ..editing.shape.clone() };
        let bounds = self.with(|work| match &shape.what {
            What::Text => {
                let measure =
                    |text: &str, size: f64, is_strong: bool| work.painter.measure(text, size, is_strong);
                let (width, height) = look::text_size(&shape.text, shape.style, &measure);
                let Area { x, y, .. } = Area::of(shape.bounds);
                bounds((x, y), (x + width, y + height))
            }
            _ => shape.bounds,
        });
        Some((editing.id, Shape { bounds: bounds?, ..shape }))
    }

    /// Writes what was typed since that was last done. Returns whether all of it is written. A text of its own that is
    /// empty is not: more may be typed.
    pub(super) fn keep_typed(self) -> bool {
        let Some(editing) = self.editing.try_get_untracked().flatten() else { return true };
        let Some((id, shape)) = self.edited(&editing) else { return false };
        if is_nothing(&shape) {
            return true;
        }
        let writes = match editing.is_new {
            true => hand::creation(&[(id, shape.clone())]),
            false => changes(id, &editing.shape, &shape),
        };
        if !writes.is_empty() && !self.write_in(editing.run, writes) {
            return false;
        }
        self.editing.update(|now| {
            if let Some(now) = now.as_mut().filter(|now| now.id == id) {
                (now.shape, now.is_new) = (shape, false);
            }
        });
        true
    }

    /// What was written is kept. While it cannot be, it stays in the field, where it can be copied.
    pub(super) fn end_editing(self) {
        if !self.keep_typed() {
            return;
        }
        let Some(editing) = self.editing.try_update(Option::take).flatten() else { return };
        let is_nothing = self.edited(&editing).is_none_or(|(_, shape)| is_nothing(&shape));
        match (editing.is_new, is_nothing) {
            (true, _) => {}
            (false, true) => self.erase_in(editing.run, &[editing.id]),
            (false, false) => self.choose([editing.id]),
        }
        self.focus();
        self.ask_frame();
    }
}

/// Whether a shape is a text of its own without letters.
fn is_nothing(shape: &Shape) -> bool {
    shape.what == What::Text && shape.text.trim().is_empty()
}

/// What makes the text and the bounds of a shape from others.
fn changes(id: ShapeId, before: &Shape, shape: &Shape) -> Vec<Write> {
    let mut writes = Vec::new();
    if shape.text != before.text {
        let is_empty = shape.text.trim().is_empty();
        writes.push(id.write(Field::Text, (!is_empty).then(|| shape.text.clone().into_bytes())));
    }
    if shape.bounds != before.bounds {
        writes.push(id.write(Field::Bounds, Some(shape.bounds.bytes())));
    }
    writes
}

/// The field.
#[component]
pub(super) fn TextField(easel: Easel) -> impl IntoView {
    let field = NodeRef::<html::Textarea>::new();
    let id = Memo::new(move |_| easel.editing.with(|editing| editing.as_ref().map(|editing| editing.id)));
    let style = move || {
        let editing = easel.editing.get()?;
        let (_, shape) = easel.edited(&editing)?;
        Some(style(easel, &shape))
    };
    let is_to_be_kept = StoredValue::new(false);
    let on_input = move |_| {
        let Some(element) = field.get_untracked() else { return };
        let mut text = element.value();
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        easel.editing.update(|editing| {
            if let Some(editing) = editing {
                editing.text = text;
            }
        });
        easel.ask_frame();
        if !is_to_be_kept.get_value() {
            is_to_be_kept.set_value(true);
            let keep = move || {
                // Where the field is gone, what stood in it was kept then.
                if is_to_be_kept.try_set_value(false).is_none() {
                    easel.keep_typed();
                }
            };
            set_timeout(keep, KEEP);
        }
    };
    let keep = move || {
        easel.keep_typed();
    };
    browser::before_page_ends(keep);
    on_cleanup(keep);
    let on_key = move |event: KeyboardEvent| {
        // Keys of the board are letters here.
        event.stop_propagation();
        let ends = browser::key(&event) == "Escape"
            || (browser::key(&event) == "Enter" && (event.ctrl_key() || event.meta_key()));
        if ends {
            event.prevent_default();
            easel.end_editing();
        }
    };
    Effect::new(move || {
        if id.get().is_some()
            && let Some(element) = field.get()
        {
            let text = easel.editing.with_untracked(|editing| {
                editing.as_ref().map(|editing| editing.text.clone()).unwrap_or_default()
            });
            element.set_value(&text);
            // It is in the page.
            let _ = element.focus();
            element.select();
        }
    });
    view! {
        <Show when=move || id.get().is_some()>
            <textarea
                class="board-text"
                data-testid="whiteboard-text"
                aria-label=texts::board::TEXT_OF_SHAPE
                spellcheck="false"
                dir="auto"
                node_ref=field
                style=style
                on:input=on_input
                on:keydown=on_key
                on:blur=move |_| easel.end_editing()
                on:pointerdown=move |event| event.stop_propagation()
            ></textarea>
        </Show>
    }
}

/// Where the field stands, and how large its letters are.
fn style(easel: Easel, shape: &Shape) -> String {
    let camera = easel.camera.get();
    let size = look::letters(shape.style);
    let whole = Area::of(shape.bounds);
    let area = look::text_area(&shape.what, whole);
    let lines = easel.with(|work| work.painter.look(shape).words.lines.len()).unwrap_or(1).max(1);
    let height = lines as f64 * size * LINE_HEIGHT;
    // A field is taken hold of, however small the board is.
    let shown = height.max(FIELD_LEAST / camera.scale);
    let top = look::text_top(&shape.what, whole, height);
    let (x, y) = camera.point((area.x, top));
    let width = if shape.what == What::Text { area.width.max(size * 2.0) + size } else { area.width };
    format!(
        "transform:translate({x:.1}px,{y:.1}px) scale({:.4});width:{width:.1}px;height:{shown:.1}px;font-size:{size}px;\
         line-height:{LINE_HEIGHT};text-align:{};color:{}",
        camera.scale,
        if look::is_centred(&shape.what) { "center" } else { "start" },
        if shape.what == What::Text { easel.colour(shape.style.colour) } else { "var(--ink)" }
    )
}
