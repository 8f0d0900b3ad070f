//! What keys and the mouse ask for.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use meshwork_core::text::does_something;

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Leave the room.
    Quit,
    /// Move the cell frame by so many cells.
    Move(i32, i32),
    /// Paint the cell in the frame.
    Paint,
    /// Take the colour of this number from the palette.
    Colour(usize),
    /// The colour before or after the chosen one.
    NextColour(bool),
    /// Type any colour.
    AnyColour,
    /// The colour before the chosen one in time.
    LastColour,
    /// Take the colour of the cell in the frame.
    Pick,
    Undo,
    ZoomIn,
    ZoomOut,
    /// See the whole canvas again.
    ZoomReset,
    /// Type the cell to go to.
    GoTo,
    /// Say who painted the cell in the frame.
    Who,
    /// Show or fold away the people.
    People,
    Help,
    /// Put away what is shown over the canvas.
    Dismiss,
    /// The pointer is here, without a button.
    Hover(u16, u16),
    /// The pointer paints here; true where a stroke begins.
    Stroke(u16, u16, bool),
    /// The pointer moves the canvas; true where it begins.
    Drag(u16, u16, bool),
    /// A button was let go.
    Release,
    /// The wheel was turned here, away from the user or not.
    Wheel(u16, u16, bool),
    /// The terminal has another size.
    Resize,
}

/// What somebody typed into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Character(char),
    Backspace,
    Enter,
    Cancel,
}

/// What an event asks for, when no line is being typed.
pub(super) fn action(event: &Event) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key),
        Event::Mouse(mouse) => {
            let (x, y) = (mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Some(Action::Stroke(x, y, true)),
                MouseEventKind::Drag(MouseButton::Left) => Some(Action::Stroke(x, y, false)),
                MouseEventKind::Down(_) => Some(Action::Drag(x, y, true)),
                MouseEventKind::Drag(_) => Some(Action::Drag(x, y, false)),
                MouseEventKind::Up(_) => Some(Action::Release),
                MouseEventKind::Moved => Some(Action::Hover(x, y)),
                MouseEventKind::ScrollUp => Some(Action::Wheel(x, y, true)),
                MouseEventKind::ScrollDown => Some(Action::Wheel(x, y, false)),
                _ => None,
            }
        }
        Event::Resize(..) => Some(Action::Resize),
        _ => None,
    }
}

/// What an event does to a line that is being typed.
pub(super) fn typed(event: &Event) -> Option<Typed> {
    let Event::Key(key) = event else { return None };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        KeyCode::Char('c') if is_control(key) => Some(Typed::Cancel),
        KeyCode::Char(character) if !is_control(key) => Some(Typed::Character(character)),
        KeyCode::Backspace => Some(Typed::Backspace),
        KeyCode::Enter => Some(Typed::Enter),
        KeyCode::Esc => Some(Typed::Cancel),
        _ => None,
    }
}

/// What pasted text does to a line that is being typed: its visible characters are typed.
pub(super) fn pasted(text: &str) -> impl Iterator<Item = Typed> {
    text.chars().filter(|character| !does_something(*character)).map(Typed::Character)
}

fn of_key(key: &KeyEvent) -> Option<Action> {
    let far = if key.modifiers.contains(KeyModifiers::SHIFT) { 10 } else { 1 };
    let KeyCode::Char(character) = key.code else {
        return match key.code {
            KeyCode::Left => Some(Action::Move(-far, 0)),
            KeyCode::Right => Some(Action::Move(far, 0)),
            KeyCode::Up => Some(Action::Move(0, -far)),
            KeyCode::Down => Some(Action::Move(0, far)),
            KeyCode::PageUp => Some(Action::Move(0, -10)),
            KeyCode::PageDown => Some(Action::Move(0, 10)),
            KeyCode::Enter => Some(Action::Paint),
            KeyCode::Esc => Some(Action::Dismiss),
            _ => None,
        };
    };
    if is_control(key) {
        return match character {
            'c' | 'q' => Some(Action::Quit),
            'z' => Some(Action::Undo),
            _ => None,
        };
    }
    match character.to_ascii_lowercase() {
        // Small q leaves, as in every program of a terminal; with Shift it is the page's key.
        'q' if character == 'q' => Some(Action::Quit),
        ' ' => Some(Action::Paint),
        digit @ '1'..='9' => Some(Action::Colour(digit as usize - '1' as usize)),
        '0' => Some(Action::Colour(9)),
        'q' | '[' => Some(Action::NextColour(false)),
        'e' | ']' => Some(Action::NextColour(true)),
        'c' => Some(Action::AnyColour),
        'x' => Some(Action::LastColour),
        'i' => Some(Action::Pick),
        'u' => Some(Action::Undo),
        '+' | '=' => Some(Action::ZoomIn),
        '-' | '_' => Some(Action::ZoomOut),
        'z' => Some(Action::ZoomReset),
        'g' => Some(Action::GoTo),
        'w' => Some(Action::Who),
        'l' => Some(Action::People),
        '?' | 'h' => Some(Action::Help),
        _ => None,
    }
}

fn is_control(key: &KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::MouseEvent;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    fn plain(character: char) -> Option<Action> {
        action(&key(KeyCode::Char(character), KeyModifiers::NONE))
    }

    #[test]
    fn the_pages_keys_do_what_they_do_there() {
        assert_eq!(plain('1'), Some(Action::Colour(0)));
        assert_eq!(plain('0'), Some(Action::Colour(9)));
        assert_eq!(plain(' '), Some(Action::Paint));
        assert_eq!((plain('w'), plain('W')), (Some(Action::Who), Some(Action::Who)));
        assert_eq!(
            (plain('Q'), plain('e')),
            (Some(Action::NextColour(false)), Some(Action::NextColour(true)))
        );
        assert_eq!((plain('q'), plain('?'), plain('k')), (Some(Action::Quit), Some(Action::Help), None));
        let shift = key(KeyCode::Left, KeyModifiers::SHIFT);
        assert_eq!(action(&shift), Some(Action::Move(-10, 0)));
        assert_eq!(action(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Action::Quit));
        assert_eq!(action(&key(KeyCode::Char('z'), KeyModifiers::CONTROL)), Some(Action::Undo));
    }

    #[test]
    fn the_mouse_paints_moves_and_zooms() {
        let mouse = |kind| {
            let modifiers = KeyModifiers::NONE;
            action(&Event::Mouse(MouseEvent { kind, column: 3, row: 4, modifiers }))
        };
        assert_eq!(mouse(MouseEventKind::Down(MouseButton::Left)), Some(Action::Stroke(3, 4, true)));
        assert_eq!(mouse(MouseEventKind::Drag(MouseButton::Left)), Some(Action::Stroke(3, 4, false)));
        assert_eq!(mouse(MouseEventKind::Drag(MouseButton::Middle)), Some(Action::Drag(3, 4, false)));
        assert_eq!(mouse(MouseEventKind::ScrollUp), Some(Action::Wheel(3, 4, true)));
    }

    #[test]
    fn lines_are_typed_and_given_up() {
        assert_eq!(typed(&key(KeyCode::Char('q'), KeyModifiers::NONE)), Some(Typed::Character('q')));
        assert_eq!(typed(&key(KeyCode::Esc, KeyModifiers::NONE)), Some(Typed::Cancel));
        assert_eq!(typed(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Typed::Cancel));
        assert_eq!(typed(&Event::FocusLost), None);
    }

    #[test]
    fn pasted_text_is_no_key() {
        assert_eq!(action(&Event::Paste(String::from("q"))), None);
        let typed: Vec<Typed> = pasted("3,\u{1b}4\r\n").collect();
        assert_eq!(typed, ['3', ',', '4'].map(Typed::Character));
    }
}
