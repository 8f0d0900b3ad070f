//! Keys on the canvas: paint, move, choose and zoom without a pointer.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::web_sys;
use meshwork_place::steps::Way;
use meshwork_web::gestures::Tool;
use meshwork_web::place::palette::PALETTE;
use meshwork_web::place::view::{View, ZOOM_STEP};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use super::super::browser;
use super::board::Board;
use super::card::Asked;
use super::entry::PlaceSession as _;
use super::surface::Frame;

/// Cells that an arrow moves on with Shift.
const LEAP: i32 = 10;
/// Pixels that an arrow moves the canvas by, with the hand.
const PAN_STEP: f64 = 24.0;

/// The keys that are held on the canvas.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    board: Board,
    /// Whether Space is held: then arrows paint a line.
    is_space_held: RwSignal<bool>,
    /// Whether a pointer is giving the canvas the focus.
    pub(crate) is_pointing: RwSignal<bool>,
}

impl Keys {
    pub(crate) fn new(board: Board) -> Keys {
        Keys { board, is_space_held: RwSignal::new(false), is_pointing: RwSignal::new(false) }
    }

    /// A key went down on the canvas.
    pub(crate) fn handle_down(self, event: &KeyboardEvent) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let board = self.board;
        let key = browser::key(&event);
        match key.as_str() {
            "ArrowLeft" => self.step(event, (-1, 0)),
            "ArrowRight" => self.step(event, (1, 0)),
            "ArrowUp" => self.step(event, (0, -1)),
            "ArrowDown" => self.step(event, (0, 1)),
            " " | "Enter" if event.repeat() => {}
            " " | "Enter" => {
                // Only the pencil draws lines.
                let draws = board.tool.get_untracked() == Tool::Pencil && !board.is_marking.get_untracked();
                self.is_space_held.set(key == " " && draws);
                self.use_tool();
            }
            "Escape" if board.cancel_marking() || board.cancel_question() => {}
            "Escape" => {
                board.stop_stroke();
                board.end_line();
                if let Some(paper) = board.surface.paper.get_untracked() {
                    // It is in the page, or it would get no keys.
                    let _ = paper.blur();
                }
            }
            letter if texts::keys::is_letter(letter) && !board.tools.are_letters_on.get_untracked() => return,
            "+" | "=" => board.surface.look(|view| view.zoom(ZOOM_STEP)),
            "-" | "_" => board.surface.look(|view| view.zoom(1.0 / ZOOM_STEP)),
            _ if !self.handle_letter(event) => return,
            _ => {}
        }
        event.prevent_default();
    }

    /// Uses the tool in hand on the cell in the frame.
    fn use_tool(self) {
        let (board, (x, y)) = (self.board, self.frame());
        let cell = (i32::from(x), i32::from(y));
        if board.is_marking.get_untracked() {
            return board.mark_corner(cell);
        }
        match board.tool.get_untracked() {
            Tool::Pencil => board.paint_cell((x, y), false),
            Tool::Eyedropper => {
                board.pick(cell);
                board.put_eyedropper_away();
            }
            Tool::Fill if board.tools.asked.with_untracked(Option::is_some) => {
                board.confirm_question();
            }
            Tool::Fill => board.fill(cell),
            Tool::Hand => board.tools.say(texts::canvas::HAND_ONLY_MOVES.to_owned()),
        }
    }

    /// The canvas has the focus: where a key brought it, the frame says where it would paint.
    pub(crate) fn handle_focus(self) {
        if !self.is_pointing.get_untracked() && self.board.surface.size().is_some() {
            self.frame();
        }
    }

    /// A key went up on the canvas.
    pub(crate) fn handle_up(self, event: &KeyboardEvent) {
        if matches!(browser::key(&event).as_str(), " " | "Enter") {
            self.rest();
        }
    }

    /// No key is held any more, as far as the canvas knows.
    pub(crate) fn rest(self) {
        self.is_space_held.set(false);
        self.board.end_line();
    }

    /// Keys by their place, so that they are the same on every keyboard. Says whether it was one.
    fn handle_letter(self, event: &KeyboardEvent) -> bool {
        let board = self.board;
        let code = browser::code(&event);
        if let Some(digit) = code.strip_prefix("Digit").and_then(|digit| digit.parse::<usize>().ok()) {
            // 1 to 9 are the first nine, 0 is the tenth.
            board.choose_colour(PALETTE[(digit + 9) % 10].colour);
            return true;
        }
        match browser::key(&event).to_ascii_lowercase().as_str() {
            "p" => self.take(Tool::Pencil, texts::canvas::PENCIL_TAKEN),
            "h" => self.take(Tool::Hand, texts::canvas::HAND_TAKEN),
            "i" => self.take(Tool::Eyedropper, texts::canvas::EYEDROPPER_TAKEN),
            "f" => self.take(Tool::Fill, texts::canvas::FILL_TAKEN),
            "n" => board.laid.find_wrong(),
            "g" => board.tools.is_goto_open.set(true),
            "?" => board.tools.is_keys_open.set(true),
            "q" => self.turn(-1),
            "e" => self.turn(1),
            "x" => board.choose_colour(board.last_colour.get_untracked()),
            "c" => {
                if let Some(field) = board.colour_field.get_untracked() {
                    field.click();
                }
            }
            "z" => {
                board.surface.look(View::reset);
                board.session.voice.speak(texts::canvas::WHOLE.to_owned());
            }
            "w" => self.ask(),
            "s" => board.surface.save_picture(),
            "t" => board.session.talk.is_open.set(true),
            "l" => board.session.is_people_open.update(|is_open| *is_open = !*is_open),
            _ => return false,
        }
        true
    }

    /// The cell frame: where it was, or in the middle.
    fn frame(self) -> (u16, u16) {
        let known = self.board.surface.frame.get_untracked().map(|frame| frame.cell);
        let middle =
            || self.board.surface.size().map(|size| (size.width / 2, size.height / 2)).unwrap_or_default();
        let cell = known.unwrap_or_else(middle);
        self.board.surface.frame.set(Some(Frame { cell, is_by_key: true }));
        cell
    }

    fn step(self, event: &KeyboardEvent, (x, y): (i32, i32)) {
        let Some(size) = self.board.surface.size() else { return };
        let leap = if event.shift_key() { LEAP } else { 1 };
        if self.board.laid.is_loose() {
            return self.board.laid.carry_by_key((x * leap, y * leap));
        }
        let is_marking = self.board.is_marking.get_untracked();
        if self.board.tool.get_untracked() == Tool::Hand && !is_marking {
            let pixels = f64::from(-leap) * PAN_STEP;
            return self.board.surface.look(|view| view.pan((f64::from(x) * pixels, f64::from(y) * pixels)));
        }
        let from = self.frame();
        let moved = |at: u16, by: i32, cells: u16| {
            let to = (i32::from(at) + by * leap).clamp(0, i32::from(cells) - 1);
            u16::try_from(to).unwrap_or(at)
        };
        let cell = (moved(from.0, x, size.width), moved(from.1, y, size.height));
        self.board.surface.frame.set(Some(Frame { cell, is_by_key: true }));
        self.board.surface.look(|view| view.show(cell));
        if is_marking {
            self.board.mark_to((cell.0.into(), cell.1.into()));
        }
        if self.is_space_held.get_untracked() {
            self.board.paint_cell(cell, true);
        } else {
            self.board.session.voice.speak(self.board.session.activity().describe_cell(cell));
        }
    }

    /// Says and shows who painted the cell.
    fn ask(self) {
        let cell = self.frame();
        self.board.session.voice.speak(self.board.session.activity().describe_cell(cell));
        self.board.asked.set(Some(Asked { cell, is_touch: false }));
    }

    /// Takes a tool in hand, and says so.
    fn take(self, tool: Tool, words: &str) {
        self.board.take_tool(tool);
        self.board.session.voice.speak(words.to_owned());
    }

    /// Takes the colour before or after in hand.
    fn turn(self, by: isize) {
        let mut colours: Vec<_> = PALETTE.iter().map(|swatch| swatch.colour).collect();
        colours.extend(self.board.own_colour.get_untracked());
        let present = self.board.colour.get_untracked();
        let index = colours.iter().position(|colour| *colour == present).unwrap_or(0);
        let length = colours.len() as isize;
        let next = (index as isize + by).rem_euclid(length) as usize;
        self.board.choose_colour(colours[next]);
    }
}

/// Keys that count wherever the focus is: Ctrl or Cmd Z takes back, and Y does again.
pub(crate) fn handle_anywhere(board: Board, event: &web_sys::KeyboardEvent) {
    board.hold_keys(event.shift_key(), event.alt_key());
    let is_command = (event.ctrl_key() || event.meta_key()) && !event.alt_key();
    // In a field they are the field's.
    if !is_command || is_in_field(event) {
        return;
    }
    match browser::key(&event).to_ascii_lowercase().as_str() {
        "z" if !event.shift_key() => board.go(Way::Undo),
        "z" | "y" => board.go(Way::Redo),
        _ => return,
    }
    event.prevent_default();
}

/// Whether the key was pressed in a field of text.
fn is_in_field(event: &web_sys::KeyboardEvent) -> bool {
    let element = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok());
    element.is_some_and(|element| {
        element.dyn_ref::<web_sys::HtmlInputElement>().is_some_and(|input| input.type_() != "color")
            || element.tag_name() == "TEXTAREA"
    })
}
