//! Keys on the canvas: paint, move, choose and zoom without a pointer.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::web_sys;
use meshwork_web::gestures::Tool;
use meshwork_web::palette::{self, PALETTE};
use meshwork_web::view::{View, ZOOM_STEP};

use super::board::{Board, Frame};
use super::card::Asked;

/// Cells that an arrow moves on with Shift.
const LEAP: i32 = 10;

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
        let key = event.key();
        match key.as_str() {
            "ArrowLeft" => self.step(event, (-1, 0)),
            "ArrowRight" => self.step(event, (1, 0)),
            "ArrowUp" => self.step(event, (0, -1)),
            "ArrowDown" => self.step(event, (0, 1)),
            " " | "Enter" if event.repeat() => {}
            " " | "Enter" => {
                self.is_space_held.set(key == " ");
                board.paint_cell(self.frame(), false);
            }
            "Escape" => {
                board.stop_stroke();
                board.end_line();
                if let Some(paper) = board.paper.get_untracked() {
                    // It is in the page, or it would get no keys.
                    let _ = paper.blur();
                }
            }
            "+" | "=" => board.look(|view| view.zoom(ZOOM_STEP)),
            "-" | "_" => board.look(|view| view.zoom(1.0 / ZOOM_STEP)),
            _ if !self.handle_letter(event) => return,
            _ => {}
        }
        event.prevent_default();
    }

    /// The canvas has the focus: where a key brought it, the frame says where it would paint.
    pub(crate) fn handle_focus(self) {
        if !self.is_pointing.get_untracked() && self.board.size().is_some() {
            self.frame();
        }
    }

    /// A key went up on the canvas.
    pub(crate) fn handle_up(self, event: &KeyboardEvent) {
        if matches!(event.key().as_str(), " " | "Enter") {
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
        let code = event.code();
        if let Some(digit) = code.strip_prefix("Digit").and_then(|digit| digit.parse::<usize>().ok()) {
            // 1 to 9 are the first nine, 0 is the tenth.
            board.choose_colour(PALETTE[(digit + 9) % 10].colour);
            return true;
        }
        match event.key().to_lowercase().as_str() {
            "p" => board.tool.set(Tool::Pencil),
            "h" => board.tool.set(Tool::Hand),
            "i" => self.pick(),
            "q" => self.turn(-1),
            "e" => self.turn(1),
            "x" => board.choose_colour(board.last_colour.get_untracked()),
            "c" => {
                if let Some(field) = board.colour_field.get_untracked() {
                    field.click();
                }
            }
            "z" => board.look(View::reset),
            "w" => self.ask(),
            "s" => board.save_picture(),
            "l" => board.is_people_open.update(|is_open| *is_open = !*is_open),
            _ => return false,
        }
        true
    }

    /// The cell frame: where it was, or in the middle.
    fn frame(self) -> (u16, u16) {
        let known = self.board.frame.get_untracked().map(|frame| frame.cell);
        let middle = || self.board.size().map(|size| (size.width / 2, size.height / 2)).unwrap_or_default();
        let cell = known.unwrap_or_else(middle);
        self.board.frame.set(Some(Frame { cell, is_by_key: true }));
        cell
    }

    fn step(self, event: &KeyboardEvent, (x, y): (i32, i32)) {
        let Some(size) = self.board.size() else { return };
        let from = self.frame();
        let leap = if event.shift_key() { LEAP } else { 1 };
        let moved = |at: u16, by: i32, cells: u16| {
            let to = (i32::from(at) + by * leap).clamp(0, i32::from(cells) - 1);
            u16::try_from(to).unwrap_or(at)
        };
        let cell = (moved(from.0, x, size.width), moved(from.1, y, size.height));
        self.board.frame.set(Some(Frame { cell, is_by_key: true }));
        self.board.look(|view| view.show(cell));
        if self.is_space_held.get_untracked() {
            self.board.paint_cell(cell, true);
        } else {
            self.board.session.voice.speak(self.board.session.describe_cell(cell));
        }
    }

    /// Says and shows who painted the cell.
    fn ask(self) {
        let cell = self.frame();
        self.board.session.voice.speak(self.board.session.describe_cell(cell));
        self.board.asked.set(Some(Asked { cell, is_touch: false }));
    }

    /// Takes the colour of the cell in hand.
    fn pick(self) {
        let (x, y) = self.frame();
        let colour = self.board.session.with_canvas(|canvas| canvas.colour(x, y)).flatten();
        if let Some(colour) = colour.filter(|colour| colour.components().is_some()) {
            self.board.choose_own_colour(&palette::to_hex(colour));
        }
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

/// Keys that count wherever the focus is: Ctrl or Cmd K shares.
pub(crate) fn handle_anywhere(board: Board, event: &web_sys::KeyboardEvent) {
    if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("k") {
        event.prevent_default();
        board.is_share_open.set(true);
    }
    if event.key() == "Escape" && board.is_people_open.get_untracked() {
        board.is_people_open.set(false);
    }
}
