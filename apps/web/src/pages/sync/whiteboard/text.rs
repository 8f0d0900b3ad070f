//! A text that is being written, in a field over the board.

use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::KeyboardEvent;
use meshwork_sync::whiteboard::{Field, Shape, ShapeId, TEXT_MAX, What};
use meshwork_web::texts;
use meshwork_web::whiteboard::look::{self, LINE_HEIGHT};
use meshwork_web::whiteboard::{Area, Place, bounds, hand};

use super::easel::Easel;

/// Least height of the field, in pixels.
const FIELD_LEAST: f64 = 24.0;

/// What is being written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Editing {
    pub(super) id: ShapeId,
    /// The shape as it was before; as it will be where it is new.
    pub(super) shape: Shape,
    pub(super) is_new: bool,
    pub(super) text: String,
}

impl Easel {
    /// Begins to write in a shape, if it has a text.
    pub(super) fn edit(self, id: ShapeId) {
        let shape = self.with(|work| work.sketch.get(id).cloned()).flatten();
        if let Some(shape) = shape.filter(|shape| shape.what.has_text()) {
            self.begin(Editing { id, text: shape.text.clone(), shape, is_new: false });
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
            self.begin(Editing { id: self.fresh_id(), shape, is_new: true, text: String::new() });
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
            self.editing.set(Some(editing));
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

    /// What was written is kept.
    pub(super) fn end_editing(self) {
        let Some(editing) = self.editing.try_update(Option::take).flatten() else { return };
        let Some((id, shape)) = self.edited(&editing) else { return };
        let is_empty = shape.text.trim().is_empty();
        let is_bare_text = shape.what == What::Text;
        match (editing.is_new, is_empty && is_bare_text) {
            (true, true) => {}
            (false, true) => self.erase(&[id]),
            (true, false) => {
                self.write(hand::creation(&[(id, shape)]));
                self.choose([id]);
            }
            (false, false) => {
                let text = (!is_empty).then(|| shape.text.clone().into_bytes());
                let mut writes = Vec::new();
                if shape.text != editing.shape.text {
                    writes.push(id.write(Field::Text, text));
                }
                if shape.bounds != editing.shape.bounds {
                    writes.push(id.write(Field::Bounds, Some(shape.bounds.bytes())));
                }
                if !writes.is_empty() {
                    self.write(writes);
                }
                self.choose([id]);
            }
        }
        self.focus();
        self.ask_frame();
    }
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
    };
    let on_key = move |event: KeyboardEvent| {
        // Keys of the board are letters here.
        event.stop_propagation();
        let ends =
            event.key() == "Escape" || (event.key() == "Enter" && (event.ctrl_key() || event.meta_key()));
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
