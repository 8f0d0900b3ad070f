//! What the terminal view shows and what it is asked for, without a terminal and without a room.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use meshwork::{Cursor, EndpointId};
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_place::picture::Cell;
use meshwork_place::picture::palette::{self, PLACE};

use super::canvas::{Shown, line};
use super::draw::{Layout, palette_at};
use super::keys::{Action, Typed};
use super::people::Row;
use super::view::View;

/// Cells of a stroke that is not handed over yet: a line across the largest canvas, there and back.
const PENDING_MAX: usize = 8192;
/// How long a cursor that does not move is shown: whoever looks on may hold still for a while.
const POINTER_SHOWN: Duration = Duration::from_secs(60);
/// How long a name stands beside a cursor that does not move any more.
const POINTER_NAME_SHOWN: Duration = Duration::from_secs(3);
/// Characters of a line that is typed.
const TYPED_MAX: usize = 16;

/// What the room is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Paint these cells; whether they belong to what was painted before them, as a stroke that goes on.
    Paint(Vec<Cell>, bool),
    /// Take back the last stroke.
    Undo,
    /// Say who painted this cell.
    Who(u16, u16),
    /// Leave.
    Quit,
}

/// A line that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) question: &'static str,
    pub(super) text: String,
    wants: Wants,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Colour,
    Cell,
}

/// Everything that is shown.
pub(super) struct App {
    pub(super) code: String,
    pub(super) shown: Shown,
    pub(super) view: View,
    pub(super) layout: Layout,
    pub(super) cursor: (u16, u16),
    pub(super) colour: Colour,
    last_colour: Colour,
    pub(super) people: Vec<Row>,
    /// Members beyond those, as far as is known.
    pub(super) beyond: usize,
    /// What the room's rules leave, where they limit something.
    pub(super) allowance: Option<String>,
    /// The cursors of the others, and when they moved last.
    pointers: BTreeMap<EndpointId, (Cursor, Instant)>,
    /// What happened last, and whether it is bad.
    pub(super) words: (String, bool),
    pub(super) prompt: Option<Prompt>,
    pub(super) is_helping: bool,
    /// Whether the people are listed; `None` where there is room for them.
    pub(super) lists_people: Option<bool>,
    /// Where the stroke is that is being painted.
    stroke: Option<(u16, u16)>,
    /// The cell that the pointer holds while it moves the canvas.
    held: Option<(u16, u16)>,
    pending: Vec<Cell>,
    /// Whether some of the stroke was handed over.
    is_begun: bool,
    asks: VecDeque<Ask>,
}

impl App {
    /// The view of a canvas on which nothing is painted yet, on a terminal of some size.
    pub(super) fn new(code: String, size: CanvasSize, layout: Layout) -> App {
        App {
            code,
            shown: Shown::new(size),
            view: View::new(size, layout.dots()),
            layout,
            cursor: (size.width / 2, size.height / 2),
            colour: PLACE[0].colour,
            last_colour: PLACE[2].colour,
            people: Vec::new(),
            beyond: 0,
            allowance: None,
            pointers: BTreeMap::new(),
            words: (String::new(), false),
            prompt: None,
            is_helping: false,
            lists_people: None,
            stroke: None,
            held: None,
            pending: Vec::new(),
            is_begun: false,
            asks: VecDeque::new(),
        }
    }

    /// The terminal has another size, or the list another width.
    pub(super) fn lay_out(&mut self, area: (u16, u16)) {
        self.layout = Layout::new(area, self.layout.has_half_blocks, self.lists_people);
        self.view.resize(self.layout.dots(), self.cursor);
    }

    /// The next thing that the room is asked for.
    pub(super) fn poll_ask(&mut self) -> Option<Ask> {
        self.hand_over();
        self.asks.pop_front()
    }

    /// Has the room painted what waits of the stroke.
    fn hand_over(&mut self) {
        if !self.pending.is_empty() {
            let goes_on = std::mem::replace(&mut self.is_begun, true);
            self.asks.push_back(Ask::Paint(std::mem::take(&mut self.pending), goes_on));
        }
    }

    fn ask(&mut self, ask: Ask) {
        self.hand_over();
        self.asks.push_back(ask);
    }

    /// Says something, instead of what was said last.
    pub(super) fn say(&mut self, words: impl Into<String>) {
        self.words = (words.into(), false);
    }

    /// Says that something was refused.
    pub(super) fn complain(&mut self, words: impl Into<String>) {
        self.words = (words.into(), true);
    }

    /// What was painted was not taken: what follows of the stroke begins one.
    pub(super) fn forget_stroke(&mut self) {
        self.is_begun = false;
    }

    /// Cells look different now.
    pub(super) fn change(&mut self, cells: &[Cell]) {
        self.shown.change(cells);
    }

    /// Somebody's cursor is here now, or not on the canvas any more.
    pub(super) fn point(&mut self, endpoint: EndpointId, pointer: Option<Cursor>, now: Instant) {
        match pointer {
            Some(pointer) => drop(self.pointers.insert(endpoint, (pointer, now))),
            None => drop(self.pointers.remove(&endpoint)),
        }
    }

    /// The cursors of the others that moved lately.
    pub(super) fn fresh_pointers(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (&EndpointId, &(Cursor, Instant))> {
        let is_fresh = move |moved: Instant| now.saturating_duration_since(moved) < POINTER_SHOWN;
        self.pointers.iter().filter(move |(_, (_, moved))| is_fresh(*moved))
    }

    /// What stands beside a cursor: the name of who moved it just now.
    pub(super) fn pointer_name(&self, endpoint: &EndpointId, moved: Instant, now: Instant) -> &str {
        let named = self.people.iter().find(|row| row.endpoint == *endpoint);
        let is_fresh = now.saturating_duration_since(moved) < POINTER_NAME_SHOWN;
        named.filter(|_| is_fresh).map_or("", |row| &row.called)
    }

    /// One's own cursor, as the others see it.
    pub(super) fn own_pointer(&self) -> Cursor {
        let middle = |cell: u16| f64::from(cell) + 0.5;
        let place = (middle(self.cursor.0), middle(self.cursor.1));
        Cursor::new(self.shown.size(), place, self.stroke.is_some(), self.colour)
    }

    /// What somebody typed into the line.
    pub(super) fn handle_typed(&mut self, typed: Typed) {
        let Some(prompt) = &mut self.prompt else { return };
        match typed {
            Typed::Character(character) if prompt.text.chars().count() < TYPED_MAX => {
                prompt.text.push(character)
            }
            Typed::Character(_) => {}
            Typed::Backspace => drop(prompt.text.pop()),
            Typed::Cancel => self.prompt = None,
            Typed::Enter => {
                let prompt = self.prompt.take();
                if let Some(prompt) = prompt {
                    self.answer(&prompt);
                }
            }
        }
    }

    fn answer(&mut self, prompt: &Prompt) {
        let text = prompt.text.trim();
        match prompt.wants {
            Wants::Colour => {
                let hex = if text.starts_with('#') { text.to_owned() } else { format!("#{text}") };
                match palette::from_hex(&hex) {
                    Some(colour) => self.choose(colour),
                    None => self.complain(format!("{text:?} is not a colour. Write it as #e6194b.")),
                }
            }
            Wants::Cell => {
                let size = self.shown.size();
                let read = || {
                    let (x, y) = text.split_once([',', ' '])?;
                    let cell = (x.trim().parse().ok()?, y.trim().parse().ok()?);
                    size.contains(cell.0, cell.1).then_some(cell)
                };
                match read() {
                    Some(cell) => self.go_to(cell),
                    None => self.complain(format!(
                        "{text:?} is not a cell. Write column and row, up to {}, {}.",
                        size.width - 1,
                        size.height - 1
                    )),
                }
            }
        }
    }

    /// What a key or the mouse asks for.
    pub(super) fn handle_action(&mut self, action: Action) {
        match action {
            Action::Quit => self.ask(Ask::Quit),
            Action::Move(right, down) => self.move_cursor(right, down),
            Action::Paint => {
                self.begin_stroke();
                self.stroke_over(&[self.cursor]);
            }
            Action::Colour(number) => PLACE.get(number).into_iter().for_each(|s| self.choose(s.colour)),
            Action::NextColour(is_after) => self.choose_beside(is_after),
            Action::AnyColour => self.question("Any colour: ", "#", Wants::Colour),
            Action::LastColour => self.choose(self.last_colour),
            Action::Pick => match self.shown.colour(self.cursor.0, self.cursor.1) {
                Some(colour) => self.choose(colour),
                None => self.say("Nothing is painted here."),
            },
            Action::Undo => self.ask(Ask::Undo),
            Action::ZoomIn => self.view.zoom(true, self.cursor),
            Action::ZoomOut => self.view.zoom(false, self.cursor),
            Action::ZoomReset => {
                self.view.reset();
                self.view.show(self.cursor);
            }
            Action::GoTo => self.question("Go to column, row: ", "", Wants::Cell),
            Action::Who => self.ask(Ask::Who(self.cursor.0, self.cursor.1)),
            Action::People => self.lists_people = Some(!self.layout.has_people()),
            Action::Help => self.is_helping = !self.is_helping,
            Action::Dismiss => {
                self.is_helping = false;
                self.words.0.clear();
            }
            Action::Resize => {}
            pointer => self.handle_pointer(pointer),
        }
    }

    fn handle_pointer(&mut self, action: Action) {
        match action {
            Action::Hover(x, y) => {
                if let Some(cell) = self.cell_at(x, y) {
                    self.cursor = cell;
                }
            }
            Action::Stroke(x, y, true) => {
                if let Some(colour) = palette_at(&self.layout, (x, y)) {
                    return self.choose(colour);
                }
                let Some(cell) = self.cell_at(x, y) else { return };
                self.stroke = Some(cell);
                self.cursor = cell;
                self.begin_stroke();
                self.stroke_over(&[cell]);
            }
            Action::Stroke(x, y, false) => {
                let (Some(from), Some(to)) = (self.stroke, self.cell_at(x, y)) else { return };
                self.stroke = Some(to);
                self.cursor = to;
                if from != to {
                    self.stroke_over(&line(from, to)[1..]);
                }
            }
            Action::Drag(x, y, true) => self.held = self.cell_at(x, y),
            Action::Drag(x, y, false) => {
                let (Some(held), Some(cell)) = (self.held, self.cell_at(x, y)) else { return };
                let by = |from: u16, to: u16| i32::from(from) - i32::from(to);
                self.view.pan(by(held.0, cell.0), by(held.1, cell.1));
            }
            Action::Release => {
                self.held = None;
                self.stroke = None;
            }
            Action::Wheel(x, y, is_in) => {
                let at = self.cell_at(x, y).unwrap_or(self.cursor);
                self.view.zoom(is_in, at);
            }
            _ => {}
        }
    }

    fn cell_at(&self, x: u16, y: u16) -> Option<(u16, u16)> {
        self.view.cell_at(self.layout.dot_at((x, y))?)
    }

    fn begin_stroke(&mut self) {
        self.hand_over();
        self.is_begun = false;
    }

    /// Paints cells as a part of the stroke; those that show the colour already are left out.
    fn stroke_over(&mut self, cells: &[(u16, u16)]) {
        self.words.0.clear();
        for &(x, y) in cells {
            let is_done = self.shown.colour(x, y) == Some(self.colour)
                || self.pending.iter().any(|cell| (cell.0, cell.1) == (x, y));
            if !is_done && self.pending.len() < PENDING_MAX {
                self.pending.push((x, y, self.colour));
            }
        }
    }

    fn move_cursor(&mut self, right: i32, down: i32) {
        let size = self.shown.size();
        let moved =
            |from: u16, by: i32, side: u16| (i32::from(from) + by).clamp(0, i32::from(side) - 1) as u16;
        self.go_to((moved(self.cursor.0, right, size.width), moved(self.cursor.1, down, size.height)));
    }

    fn go_to(&mut self, cell: (u16, u16)) {
        self.cursor = cell;
        self.view.show(cell);
    }

    fn choose(&mut self, colour: Colour) {
        if colour != self.colour {
            self.last_colour = std::mem::replace(&mut self.colour, colour);
        }
        self.say(format!("Painting with {}.", palette::name(Some(colour))));
    }

    fn choose_beside(&mut self, is_after: bool) {
        let count = PLACE.len();
        let here = PLACE.iter().position(|swatch| swatch.colour == self.colour);
        let next = match (here, is_after) {
            (Some(here), true) => (here + 1) % count,
            (Some(here), false) => (here + count - 1) % count,
            (None, _) => 0,
        };
        self.choose(PLACE[next].colour);
    }

    fn question(&mut self, question: &'static str, text: &str, wants: Wants) {
        self.prompt = Some(Prompt { question, text: text.to_owned(), wants });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Colour = PLACE[0].colour;

    fn app() -> App {
        // All of the canvas, a dot for each cell.
        let layout = Layout::new((60, 30), true, Some(false));
        App::new("K7M4QX".into(), CanvasSize { width: 60, height: 54 }, layout)
    }

    fn asks(app: &mut App) -> Vec<Ask> {
        std::iter::from_fn(|| app.poll_ask()).collect()
    }

    fn type_in(app: &mut App, text: &str) {
        text.chars().for_each(|character| app.handle_typed(Typed::Character(character)));
        app.handle_typed(Typed::Enter);
    }

    #[test]
    fn space_paints_the_cell_in_the_frame() {
        let mut app = app();
        app.handle_action(Action::GoTo);
        type_in(&mut app, "7, 8");
        assert_eq!(app.cursor, (7, 8));
        app.handle_action(Action::Paint);
        assert_eq!(asks(&mut app), [Ask::Paint(vec![(7, 8, BLACK)], false)]);
        app.change(&[(7, 8, BLACK)]);
        app.handle_action(Action::Paint);
        assert_eq!(asks(&mut app), [], "it shows that colour already");
    }

    #[test]
    fn the_room_is_asked_in_order() {
        let mut app = app();
        app.handle_action(Action::Undo);
        app.handle_action(Action::Paint);
        app.handle_action(Action::Move(1, 0));
        app.handle_action(Action::Paint);
        app.handle_action(Action::Undo);
        let (x, y) = (30, 27);
        let first = Ask::Paint(vec![(x, y, BLACK)], false);
        let second = Ask::Paint(vec![(x + 1, y, BLACK)], false);
        assert_eq!(asks(&mut app), [Ask::Undo, first, second, Ask::Undo]);
    }

    #[test]
    fn a_drag_is_one_stroke_without_gaps() {
        let mut app = app();
        app.handle_action(Action::Stroke(3, 2, true));
        app.handle_action(Action::Stroke(6, 2, false));
        app.handle_action(Action::Release);
        let row = [3, 4, 5, 6].map(|x| (x, 4, BLACK)).to_vec();
        assert_eq!(asks(&mut app), [Ask::Paint(row, false)], "a row of the terminal is two of the canvas");
        // A hand that only moves paints nothing.
        app.handle_action(Action::Hover(9, 9));
        app.handle_action(Action::Stroke(9, 10, false));
        assert_eq!(asks(&mut app), []);
    }

    #[test]
    fn a_stroke_goes_on_from_frame_to_frame() {
        let mut app = app();
        let mut stroke = |x, begins, is_taken: bool| {
            app.handle_action(Action::Stroke(x, 2, begins));
            let asked = asks(&mut app);
            if !is_taken {
                app.forget_stroke();
            }
            matches!(asked[..], [Ask::Paint(_, true)])
        };
        assert!(!stroke(3, true, true));
        assert!(stroke(4, false, false));
        assert!(!stroke(5, false, true), "what was refused is no part of it");
        assert!(stroke(6, false, true));
        assert!(!stroke(9, true, true));
    }

    #[test]
    fn colours_are_chosen_by_key_click_and_name() {
        let mut app = app();
        app.handle_action(Action::Colour(3));
        assert_eq!(palette::name(Some(app.colour)), "red");
        app.handle_action(Action::NextColour(true));
        assert_eq!(palette::name(Some(app.colour)), "orange");
        app.handle_action(Action::LastColour);
        assert_eq!(palette::name(Some(app.colour)), "red");
        app.handle_action(Action::AnyColour);
        type_in(&mut app, "123456");
        assert_eq!(palette::to_hex(app.colour), "#123456");
        app.handle_action(Action::AnyColour);
        app.handle_typed(Typed::Backspace);
        type_in(&mut app, "blue");
        assert!(app.words.1 && app.words.0.contains("blue"), "{:?}", app.words);
        let place = app.layout.palette.expect("there is room for it");
        app.handle_action(Action::Stroke(place.x + 1, place.y, true));
        assert_eq!(app.colour, BLACK);
        assert_eq!(asks(&mut app), [], "a click on a colour paints nothing");
    }

    #[test]
    fn what_is_no_cell_is_told() {
        let mut app = app();
        for wrong in ["60,0", "0,54", "x", "-1,2"] {
            app.handle_action(Action::GoTo);
            type_in(&mut app, wrong);
            assert!(app.words.1 && app.words.0.contains("up to 59, 53"), "{:?}", app.words);
        }
        app.handle_action(Action::GoTo);
        app.handle_typed(Typed::Cancel);
        assert_eq!(app.prompt, None);
    }
}
