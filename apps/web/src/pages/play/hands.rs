//! Reads the hands of the person at this page: keys, touch stick and buttons, gamepad, pointer.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Reflect};
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::web_sys::{self, Element, KeyboardEvent, PointerEvent};
use meshwork_play::PlayerInput;
use meshwork_play::input::mask;
use meshwork_web::play::hands::{Button, Hands, is_control, stick};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;

use super::super::browser;

/// How far the knob of the stick goes, in px.
const REACH: f64 = 42.0;

/// The hands as the page reads them. Copies are the same ones.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    hands: StoredValue<Rc<RefCell<Hands>>, LocalStorage>,
    /// Names of keys that an HTML game reports.
    told: StoredValue<Rc<RefCell<Vec<String>>>, LocalStorage>,
    /// Whether they steer now.
    is_on: Signal<bool>,
    /// Where the knob of the touch stick is.
    knob: RwSignal<Option<(f64, f64)>>,
}

impl Reading {
    /// Reads keys from now on while `is_on`, until the component ends. Keys of fields and buttons are theirs.
    pub(super) fn begin(is_on: Signal<bool>) -> Reading {
        let reading = Reading {
            hands: StoredValue::new_local(Rc::default()),
            told: StoredValue::new_local(Rc::default()),
            is_on,
            knob: RwSignal::new(None),
        };
        let down = window_event_listener(ev::keydown, move |event| reading.key(&event, true));
        let up = window_event_listener(ev::keyup, move |event| reading.key(&event, false));
        let blur = window_event_listener(ev::blur, move |_| reading.let_go());
        // A mouse may let go of its button outside of the game.
        let lift = window_event_listener(ev::pointerup, move |event| {
            if event.pointer_type() == "mouse" {
                reading.with(|hands| hands.set_pressed(event.buttons()));
            }
        });
        on_cleanup(move || {
            down.remove();
            up.remove();
            blur.remove();
            lift.remove();
        });
        Effect::new(move || {
            if !is_on.get() {
                reading.let_go();
            }
        });
        reading
    }

    fn with<R>(self, act: impl FnOnce(&mut Hands) -> R) -> Option<R> {
        // Events come until the listeners are removed.
        let hands = self.hands.try_get_value()?;
        let done = act(&mut hands.borrow_mut());
        Some(done)
    }

    fn key(self, event: &KeyboardEvent, is_down: bool) {
        let code = browser::code(event);
        if !is_down {
            self.with(|hands| hands.release(&code));
            return;
        }
        let is_command = event.ctrl_key() && !is_control(&code) || event.meta_key();
        let is_on = self.is_on.try_get_untracked().unwrap_or(false);
        if !is_on || is_command || is_theirs(event) {
            return;
        }
        if self.with(|hands| hands.press(&code)) == Some(true) {
            // Arrows and Space would scroll the page.
            event.prevent_default();
        }
    }

    /// Lets go of everything.
    pub(super) fn let_go(self) {
        self.with(Hands::let_go);
        self.set_names(Vec::new());
        self.knob.try_set(None);
    }

    /// The pointer is here, in a view.
    pub(super) fn point(self, event: &PointerEvent, view: &Element) {
        let bounds = view.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - bounds.left()) / bounds.width().max(1.0);
        let y = (f64::from(event.client_y()) - bounds.top()) / bounds.height().max(1.0);
        let is_inside = (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y);
        self.with(|hands| {
            hands.set_pointer(is_inside.then_some((x, y)));
            hands.set_pressed(if is_inside { event.buttons() } else { 0 });
        });
    }

    /// An HTML game reports these keys of the person.
    pub(super) fn set_names(self, names: Vec<String>) {
        if let Some(told) = self.told.try_get_value() {
            told.replace(names);
        }
    }

    /// Names of what is held here.
    pub(super) fn names(self) -> Vec<&'static str> {
        self.with(|hands| hands.held().names.into_iter().collect()).unwrap_or_default()
    }

    /// The input of this moment.
    pub(super) fn input(self) -> PlayerInput {
        let (axes, buttons) = pad().unwrap_or_default();
        let held = self.with(|hands| {
            hands.set_pad(&axes, &buttons);
            hands.take()
        });
        let held = held.filter(|_| self.is_on.try_get_untracked() == Some(true)).unwrap_or_default();
        let told = self.told.try_get_value().unwrap_or_default();
        let told = mask(told.borrow().iter().map(String::as_str));
        PlayerInput { held: mask(held.names.iter().copied()) | told, axes: held.axes, pointer: held.pointer }
    }
}

/// Whether a key goes to a field, a button or a sheet.
fn is_theirs(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| {
        let theirs = "input, textarea, select, dialog, [contenteditable]";
        let is_button = target.matches("button, a, summary").unwrap_or(false);
        let presses = matches!(browser::key(event).as_str(), "Enter" | " ");
        target.closest(theirs).is_ok_and(|found| found.is_some()) || is_button && presses
    })
}

/// The first pad that is there: its axes, and which of its buttons are held.
fn pad() -> Option<(Vec<f64>, Vec<bool>)> {
    let navigator = web_sys::window()?.navigator();
    let get: Function = Reflect::get(&navigator, &"getGamepads".into()).ok()?.dyn_into().ok()?;
    let pads = Array::from(&get.call0(&navigator).ok()?);
    let pad = pads.iter().find(JsValue::is_object)?;
    let list = |name: &str| Reflect::get(&pad, &name.into()).ok().map(|list| Array::from(&list));
    let axes = list("axes")?.iter().filter_map(|axis| axis.as_f64()).collect();
    let is_held =
        |button: JsValue| Reflect::get(&button, &"pressed".into()).is_ok_and(|held| held.is_truthy());
    Some((axes, list("buttons")?.iter().map(is_held).collect()))
}

/// A stick and two buttons on the glass, for people who point with fingers.
#[component]
pub(super) fn Touch(reading: Reading) -> impl IntoView {
    let base = NodeRef::<html::Div>::new();
    let held = RwSignal::new((None::<i32>, false, false));
    let pull = move |event: &PointerEvent| {
        let Some(base) = base.get_untracked() else { return };
        let bounds = base.get_bounding_client_rect();
        let x = f64::from(event.client_x()) - bounds.left() - bounds.width() / 2.0;
        let y = f64::from(event.client_y()) - bounds.top() - bounds.height() / 2.0;
        let at = stick((x, y), REACH);
        reading.with(|hands| hands.set_stick(Some(at)));
        reading.knob.set(Some(at));
    };
    let begin = move |event: PointerEvent| {
        event.prevent_default();
        if let Some(base) = base.get_untracked() {
            // Without it the stick is let go at its edge.
            let _ = base.set_pointer_capture(event.pointer_id());
        }
        held.update(|held| held.0 = Some(event.pointer_id()));
        pull(&event);
    };
    let end = move |_: PointerEvent| {
        held.update(|held| held.0 = None);
        reading.with(|hands| hands.set_stick(None));
        reading.knob.set(None);
    };
    let knob = move || {
        let (x, y) = reading.knob.get().unwrap_or_default();
        (64.0 + x * REACH, 64.0 + y * REACH)
    };
    view! {
        // A finger on the stick or a button is no pointer of the game.
        <div
            class="touch"
            on:contextmenu=|event| event.prevent_default()
            on:pointerdown=|event: PointerEvent| event.stop_propagation()
            on:pointermove=|event: PointerEvent| event.stop_propagation()
            on:pointerup=|event: PointerEvent| event.stop_propagation()
        >
            <div
                class="touch-stick"
                node_ref=base
                role="img"
                aria-label=texts::play::STICK
                data-testid="touch-stick"
                on:pointerdown=begin
                on:pointermove=move |event: PointerEvent| {
                    if held.with_untracked(|held| held.0 == Some(event.pointer_id())) {
                        pull(&event);
                    }
                }
                on:pointerup=end
                on:pointercancel=end
            >
                <svg viewBox="0 0 128 128" aria-hidden="true">
                    <path d=move || format!("M64 64L{:.1} {:.1}", knob().0, knob().1) stroke="#f4b21b" stroke-width="4"></path>
                    <circle cx="64" cy="64" r="6" fill="#f4b21b"></circle>
                    <circle
                        cx=move || format!("{:.1}", knob().0)
                        cy=move || format!("{:.1}", knob().1)
                        r="22"
                        fill="#f4b21b"
                    ></circle>
                </svg>
            </div>
            {touch_button(reading, Button::A, "a", texts::play::BUTTON_A)}
            {touch_button(reading, Button::B, "b", texts::play::BUTTON_B)}
        </div>
    }
}

/// A button on the glass.
fn touch_button(reading: Reading, which: Button, class: &'static str, label: &'static str) -> impl IntoView {
    let is_held = RwSignal::new(false);
    let set = move |is: bool| {
        is_held.set(is);
        reading.with(|hands| hands.set_button(which, is));
    };
    view! {
        <div
            class=format!("touch-button {class}")
            class:held=is_held
            role="button"
            aria-label=label
            data-testid=format!("touch-{class}")
            on:pointerdown=move |event: PointerEvent| {
                event.prevent_default();
                set(true);
            }
            on:pointerup=move |_| set(false)
            on:pointercancel=move |_| set(false)
            on:pointerleave=move |_| set(false)
        >
            {label}
        </div>
    }
}
