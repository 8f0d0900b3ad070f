//! Keys on the board: all that a pointer does but drawing by hand.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use meshwork_sync::whiteboard::Way;
use meshwork_web::sync::whiteboard::hand::Tool;
use meshwork_web::texts;

use super::super::super::browser;
use super::super::super::key_list::KeyList;
use super::super::super::sheet::Sheet;
use super::easel::Easel;

/// How far an arrow moves what is chosen, in units, and with Shift.
const STEP: f64 = 1.0;
const LEAP: f64 = 10.0;
/// How far an arrow moves the board, in pixels.
const PAN: f64 = 48.0;
/// A step of the zoom.
pub(super) const ZOOM_STEP: f64 = 1.25;

/// The tools, by their letters and digits.
pub(super) const TOOLS: [(Tool, &str, &str); 12] = [
    (Tool::Select, "V", "1"),
    (Tool::Hand, "H", ""),
    (Tool::Rectangle, "R", "2"),
    (Tool::Ellipse, "O", "3"),
    (Tool::Arrow, "A", "4"),
    (Tool::Line, "L", "5"),
    (Tool::Pen, "P", "6"),
    (Tool::Text, "T", "7"),
    (Tool::Note, "N", "8"),
    (Tool::Picture, "I", "9"),
    (Tool::Eraser, "E", ""),
    (Tool::Laser, "K", ""),
];

/// A key went down on the board.
pub(super) fn handle(easel: Easel, event: &KeyboardEvent) {
    let (key, is_shift) = (browser::key(&event), event.shift_key());
    let is_taken = if event.ctrl_key() || event.meta_key() {
        with_control(easel, &key, is_shift)
    } else if let Some((x, y)) = arrow(&key) {
        go(easel, (x, y), event.alt_key(), is_shift);
        true
    } else {
        !event.alt_key() && plain(easel, &key, &browser::code(&event), is_shift)
    };
    if is_taken {
        event.prevent_default();
        event.stop_propagation();
    }
}

/// A key went up on the board.
pub(super) fn handle_up(easel: Easel, event: &KeyboardEvent) {
    if browser::key(&event) == " " {
        easel.is_panning.set(false);
    }
}

fn with_control(easel: Easel, key: &str, is_shift: bool) -> bool {
    match (key.to_lowercase().as_str(), is_shift) {
        ("z", false) => easel.go(Way::Undo),
        ("z", true) | ("y", false) => easel.go(Way::Redo),
        ("d", false) => easel.duplicate(),
        ("a", false) => {
            let all = easel.with(|work| work.sketch.shapes().map(|(id, _)| id).collect::<Vec<_>>());
            easel.choose(all.unwrap_or_default());
        }
        ("c", false) => super::files::copy(easel, false),
        ("x", false) => super::files::copy(easel, true),
        _ => return false,
    }
    true
}

fn plain(easel: Easel, key: &str, code: &str, is_shift: bool) -> bool {
    match key {
        "Escape" => escape(easel),
        "Delete" | "Backspace" => easel.erase_chosen(),
        "Enter" => enter(easel),
        " " => easel.is_panning.set(true),
        "?" => easel.is_keys_open.set(true),
        "+" | "=" => easel.look(|camera| camera.zoom(ZOOM_STEP)),
        "-" | "_" => easel.look(|camera| camera.zoom(1.0 / ZOOM_STEP)),
        "," => easel.choose_next(false),
        "." => easel.choose_next(true),
        "[" | "{" => easel.reorder(false, is_shift),
        "]" | "}" => easel.reorder(true, is_shift),
        _ if is_shift && code == "Digit1" => easel.show_all(),
        _ if is_shift => return false,
        _ => return letter(easel, key, code),
    }
    true
}

/// Letters, and digits by their place, so that they are the same on every keyboard.
fn letter(easel: Easel, key: &str, code: &str) -> bool {
    if texts::keys::is_letter(key) && !easel.are_letters_on.get_untracked() {
        return false;
    }
    let digit = code.strip_prefix("Digit").unwrap_or("none");
    let letter = key.to_uppercase();
    if letter == "F" {
        easel.follow_next();
        return true;
    }
    let tool = TOOLS.iter().find(|(_, name, number)| *name == letter || *number == digit);
    match tool {
        Some((Tool::Picture, ..)) => super::files::choose_picture(easel),
        Some((tool, ..)) => easel.take(*tool),
        None => return false,
    }
    true
}

fn escape(easel: Easel) {
    if easel.following.get_untracked().is_some() {
        return easel.follow(None);
    }
    if easel.with(|work| work.hand.is_busy()) == Some(true) {
        easel.with(|work| work.gestures.stop_stroke());
        return easel.cancel();
    }
    easel.choose([]);
    easel.take(Tool::Select);
}

/// Writes in what is chosen, or puts a shape of the tool in hand down.
fn enter(easel: Easel) {
    let at = easel.middle();
    if easel.tool.get_untracked() == Tool::Text {
        easel.take(Tool::Select);
        return easel.edit_new(at);
    }
    let (id, style) = (easel.fresh_id(), easel.style.get_untracked());
    let done = easel.with(|work| {
        work.hand.style = style;
        work.hand.put_down(&work.sketch, at, id)
    });
    if let Some(done) = done.flatten() {
        easel.finish(done);
        return easel.speak(texts::board::PUT_DOWN.to_owned());
    }
    if let Some(id) = easel.chosen_ids().first() {
        easel.edit(*id);
    }
}

fn arrow(key: &str) -> Option<(f64, f64)> {
    match key {
        "ArrowLeft" => Some((-1.0, 0.0)),
        "ArrowRight" => Some((1.0, 0.0)),
        "ArrowUp" => Some((0.0, -1.0)),
        "ArrowDown" => Some((0.0, 1.0)),
        _ => None,
    }
}

fn go(easel: Easel, (x, y): (f64, f64), resizes: bool, is_far: bool) {
    if easel.chosen.with_untracked(|chosen| chosen.count == 0) {
        return easel.look(|camera| camera.pan((-x * PAN, -y * PAN)));
    }
    let step = if is_far { LEAP } else { STEP };
    let by = (x * step, y * step);
    easel.change_chosen(|hand, sketch| if resizes { hand.grow(sketch, by) } else { hand.nudge(sketch, by) });
    let at = easel.with(|work| work.hand.chosen_area(&work.sketch)).flatten();
    if let Some(area) = at {
        easel.speak(texts::board::area(area.x, area.y, area.width, area.height));
    }
}

/// All keys.
#[component]
pub(super) fn KeysSheet(easel: Easel) -> impl IntoView {
    let set_letters = Callback::new(move |are_on| easel.set_letters(are_on));
    view! {
        <Sheet open=easel.is_keys_open id="board-keys-title" title=texts::board::KEYS_ON>
            <KeyList
                groups=&texts::board::KEYS
                testid="whiteboard-keys"
                are_letters_on=easel.are_letters_on
                set_letters
            />
        </Sheet>
    }
}
