//! The typed line of the terminal: text, cursor, earlier lines, and the meaning of keys.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use meshwork_core::text::does_something;

/// Earlier lines that arrow up brings back.
const HISTORY_MAX: usize = 200;
/// Bytes of a line; further letters are ignored.
const LINE_MAX: usize = 60_000;

/// A request of the person at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Carry out a line, or post it; `is_text` if it is no command whatever it begins with.
    Send { text: String, is_text: bool },
    /// Choose the next conversation, or the one before.
    Turn { is_forward: bool },
    /// Scroll by a page, back in time or forward.
    Page { is_back: bool },
    /// Draw anew.
    Draw,
    /// End the program.
    Leave,
}

/// A line that is being typed.
#[derive(Debug, Default)]
pub(super) struct Input {
    text: String,
    /// A byte between two letters of the text.
    cursor: usize,
    /// Whether the beginning was pasted.
    is_pasted: bool,
    history: Vec<String>,
    /// The shown line of the history.
    recalled: Option<usize>,
    /// The line that was typed before one of the history was shown.
    draft: String,
}

impl Input {
    /// The text before and after the cursor.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Shows a text with the cursor at its end.
    pub(super) fn set(&mut self, text: &str) {
        self.text = text.to_owned();
        self.cursor = self.text.len();
        self.is_pasted = false;
        self.recalled = None;
    }

    /// Puts a line back that came to nothing, unless another one was begun.
    pub(super) fn put_back(&mut self, text: &str, is_text: bool) {
        if self.text.is_empty() {
            self.set(text);
            self.is_pasted = is_text;
        }
    }

    /// The meaning of an event, and its effect on the line.
    pub(super) fn handle(&mut self, event: &Event) -> Option<Ask> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                self.is_pasted |= self.cursor == 0;
                let text = text.replace("\r\n", "\n").replace('\r', "\n");
                self.insert(text.trim_end_matches('\n'));
                Some(Ask::Draw)
            }
            Event::Resize(..) => Some(Ask::Draw),
            _ => None,
        }
    }

    fn key(&mut self, key: &KeyEvent) -> Option<Ask> {
        if key.modifiers.contains(KeyModifiers::CONTROL) && !key.modifiers.contains(KeyModifiers::ALT) {
            return self.control(key.code);
        }
        match key.code {
            KeyCode::Enter => return self.enter(),
            KeyCode::Tab => return Some(Ask::Turn { is_forward: true }),
            KeyCode::BackTab => return Some(Ask::Turn { is_forward: false }),
            KeyCode::PageUp => return Some(Ask::Page { is_back: true }),
            KeyCode::PageDown => return Some(Ask::Page { is_back: false }),
            KeyCode::Char(letter) => self.insert(letter.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.erase_to(self.before()),
            KeyCode::Delete => self.erase_to(self.after()),
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Up => self.recall(true),
            KeyCode::Down => self.recall(false),
            KeyCode::Esc => self.set(""),
            _ => return None,
        }
        Some(Ask::Draw)
    }

    fn control(&mut self, code: KeyCode) -> Option<Ask> {
        let KeyCode::Char(letter) = code else { return None };
        match letter.to_ascii_lowercase() {
            'c' => return Some(Ask::Leave),
            'd' if self.text.is_empty() => return Some(Ask::Leave),
            'd' => self.erase_to(self.after()),
            'n' => self.set("/dm "),
            'a' => self.cursor = 0,
            'e' => self.cursor = self.text.len(),
            'u' => self.erase_to(0),
            'k' => self.erase_to(self.text.len()),
            'h' => self.erase_to(self.before()),
            'w' => {
                let (before, _) = self.parts();
                let word = before.trim_end().rfind(char::is_whitespace);
                let from = word.map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
                self.erase_to(from);
            }
            'j' | 'm' => return self.enter(),
            'l' => {}
            _ => return None,
        }
        Some(Ask::Draw)
    }

    fn enter(&mut self) -> Option<Ask> {
        let is_text = self.is_pasted || self.text.contains('\n');
        let text = std::mem::take(&mut self.text);
        self.set("");
        // An empty line answers a question.
        if !text.trim().is_empty() && self.history.last() != Some(&text) {
            self.history.push(text.clone());
            if self.history.len() > HISTORY_MAX {
                self.history.remove(0);
            }
        }
        Some(Ask::Send { text, is_text })
    }

    fn insert(&mut self, text: &str) {
        if self.text.is_empty() && text.chars().count() == 1 {
            self.is_pasted = false;
        }
        let is_fit = |letter: &char| *letter == '\n' || !does_something(*letter);
        for letter in text.chars().map(|letter| if letter == '\t' { ' ' } else { letter }).filter(is_fit) {
            if self.text.len() + letter.len_utf8() > LINE_MAX {
                break;
            }
            self.text.insert(self.cursor, letter);
            self.cursor += letter.len_utf8();
        }
    }

    /// Erases the letters between the cursor and another place.
    fn erase_to(&mut self, place: usize) {
        let (from, to) = (place.min(self.cursor), place.max(self.cursor));
        self.text.drain(from..to);
        self.cursor = from;
        self.is_pasted &= !self.text.is_empty();
    }

    fn before(&self) -> usize {
        self.parts().0.char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.parts().1.chars().next().map_or(0, char::len_utf8)
    }

    /// Shows the line before in the history, or the one behind; after the last one the draft.
    fn recall(&mut self, is_back: bool) {
        let place = match (self.recalled, is_back) {
            (None, true) => self.history.len().checked_sub(1),
            (Some(place), true) => Some(place.saturating_sub(1)),
            (Some(place), false) => Some(place + 1),
            (None, false) => None,
        };
        let Some(place) = place else { return };
        if self.recalled.is_none() {
            self.draft = self.text.clone();
        }
        let text = self.history.get(place).unwrap_or(&self.draft).clone();
        self.set(&text);
        self.recalled = Some(place).filter(|place| *place < self.history.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode) -> Option<Ask> {
        input.handle(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn control(input: &mut Input, letter: char) -> Option<Ask> {
        input.handle(&Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)))
    }

    fn type_all(input: &mut Input, text: &str) {
        text.chars().for_each(|letter| drop(press(input, KeyCode::Char(letter))));
    }

    fn sent(input: &mut Input) -> (String, bool) {
        match press(input, KeyCode::Enter) {
            Some(Ask::Send { text, is_text }) => (text, is_text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_are_edited_at_the_cursor() {
        let mut input = Input::default();
        type_all(&mut input, "早い ferry");
        press(&mut input, KeyCode::Home);
        press(&mut input, KeyCode::Right);
        press(&mut input, KeyCode::Backspace);
        type_all(&mut input, "a");
        press(&mut input, KeyCode::Delete);
        assert_eq!(input.parts(), ("a", " ferry"));
        control(&mut input, 'e');
        control(&mut input, 'w');
        assert_eq!(input.parts(), ("a ", ""));
        assert_eq!(sent(&mut input), (String::from("a "), false));
        assert_eq!(input.parts(), ("", ""));
    }

    #[test]
    fn arrows_bring_back_earlier_lines() {
        let mut input = Input::default();
        for line in ["one", "two"] {
            type_all(&mut input, line);
            sent(&mut input);
        }
        type_all(&mut input, "draft");
        let mut shown = |code| {
            press(&mut input, code);
            input.parts().0.to_owned()
        };
        let up = [KeyCode::Up, KeyCode::Up, KeyCode::Up].map(&mut shown);
        assert_eq!(up, ["two", "one", "one"]);
        assert_eq!([KeyCode::Down, KeyCode::Down, KeyCode::Down].map(&mut shown), ["two", "draft", "draft"]);
    }

    #[test]
    fn pasted_lines_are_no_commands() {
        let mut input = Input::default();
        input.handle(&Event::Paste(String::from("/quit\r\nnow\u{1b}\n")));
        assert_eq!(sent(&mut input), (String::from("/quit\nnow"), true));
        type_all(&mut input, "/re ");
        input.handle(&Event::Paste(String::from("yes")));
        assert_eq!(sent(&mut input), (String::from("/re yes"), false));
    }

    #[test]
    fn keys_turn_scroll_clear_and_leave() {
        let mut input = Input::default();
        assert_eq!(press(&mut input, KeyCode::Tab), Some(Ask::Turn { is_forward: true }));
        assert_eq!(press(&mut input, KeyCode::PageUp), Some(Ask::Page { is_back: true }));
        control(&mut input, 'n');
        assert_eq!(input.parts(), ("/dm ", ""));
        press(&mut input, KeyCode::Esc);
        assert_eq!(input.parts(), ("", ""));
        assert_eq!(
            (control(&mut input, 'c'), control(&mut input, 'd')),
            (Some(Ask::Leave), Some(Ask::Leave))
        );
    }
}
