//! Reads and writes the lines of one message, in both framings.
//!
//! A message is lines of `KEY:VALUE` or `KEY: VALUE`, ended by an empty line. The reader takes optional spaces, CRLF, a
//! missing end and keys in any case. Of a key that comes twice the first counts, so that a line break inside a text
//! replaces no field.

use std::fmt::Display;

use meshwork_core::text::shown;

/// Longest datagram that is read, in bytes: UDP over IPv4 carries no longer one.
pub const READ_MAX: usize = 65_507;
/// Longest datagram that is sent, in bytes: some peers cut longer ones.
pub const WRITE_MAX: usize = 4_096;
/// Lines that are read of one message.
const LINES_MAX: usize = 256;

/// Whether a space stands behind the colon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Framing {
    /// `KEY:VALUE`.
    Unspaced,
    /// `KEY: VALUE`.
    Spaced,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It is longer than any datagram.
    #[error("datagram of {0} bytes exceeds the limit of {READ_MAX}")]
    Long(usize),
    /// It is no text.
    #[error("byte {0} is not UTF-8")]
    NoText(usize),
    /// It has too many lines.
    #[error("message exceeds the limit of {LINES_MAX} lines")]
    Lines,
    /// No line names its type.
    #[error("no TYPE among {0} fields")]
    NoType(usize),
}

/// A message as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The framing of its TYPE.
    pub framing: Framing,
    /// Its type.
    pub kind: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Frame<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// [`FrameError`]; nothing is kept of the bytes.
    pub fn read(bytes: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        if bytes.len() > READ_MAX {
            return Err(FrameError::Long(bytes.len()));
        }
        let text = str::from_utf8(bytes).map_err(|error| FrameError::NoText(error.valid_up_to()))?;
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for (number, line) in text.trim_start_matches(['\r', '\n']).split('\n').enumerate() {
            if number == LINES_MAX {
                return Err(FrameError::Lines);
            }
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                break;
            }
            fields.extend(line.split_once(':').map(|(key, value)| (key.trim(), value)));
        }
        let Some(value) = find(&fields, "TYPE") else { return Err(FrameError::NoType(fields.len())) };
        let framing = if value.starts_with(' ') { Framing::Spaced } else { Framing::Unspaced };
        Ok(Frame { framing, kind: value.trim(), fields })
    }

    /// The value of a key, without spaces around it.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        find(&self.fields, key).map(str::trim)
    }
}

/// The first value of a key.
fn find<'a>(fields: &[(&'a str, &'a str)], key: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| *value)
}

/// A message to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) kind: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Draft {
    pub(super) fn new(kind: &'static str) -> Draft {
        Draft { kind, fields: Vec::new() }
    }

    pub(super) fn with(mut self, key: &'static str, value: impl Display) -> Draft {
        self.fields.push((key, one_line(&value.to_string())));
        self
    }

    /// The bytes: TYPE first, an empty line at the end.
    pub(super) fn write(&self, framing: Framing) -> Vec<u8> {
        let colon = if framing == Framing::Spaced { ": " } else { ":" };
        let mut text = format!("TYPE{colon}{}\n", self.kind);
        for (key, value) in &self.fields {
            text.extend([key, colon, value, "\n"]);
        }
        text.push('\n');
        text.into_bytes()
    }
}

/// A text as one line: U+2028 for each line break, no other control characters.
pub(super) fn one_line(text: &str) -> String {
    let broken = text.replace("\r\n", "\u{2028}").replace(['\n', '\r'], "\u{2028}");
    broken.replace(char::is_control, "")
}

/// A text from a peer, fit for a terminal: the first `most` bytes, spaces for breaks, and nothing that acts or hides.
pub(super) fn fit(text: &str, most: usize) -> String {
    let cut = &text[..text.floor_char_boundary(most)];
    shown(&cut.replace(['\u{2028}', '\u{2029}', '\t'], " ")).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> (Framing, String, Option<String>) {
        let frame = Frame::read(bytes).expect("a message");
        (frame.framing, frame.kind.to_owned(), frame.get("CONTENT").map(str::to_owned))
    }

    #[test]
    fn both_framings_are_read_alike() {
        let read = |framing| (framing, "POST".to_owned(), Some("a: b".to_owned()));
        for spaced in [
            "TYPE: POST\nCONTENT: a: b\n\n",
            "TYPE: POST\r\nCONTENT:a: b\r\n\r\n",
            "\nTYPE: POST\ncontent:  a: b ",
        ] {
            assert_eq!(fields(spaced.as_bytes()), read(Framing::Spaced), "{spaced:?}");
        }
        for unspaced in [
            "TYPE:POST\nCONTENT:a: b\n\n",
            "no field\nCONTENT:a: b\nTYPE:POST",
            "TYPE:POST\nContent : a: b\n",
        ] {
            assert_eq!(fields(unspaced.as_bytes()), read(Framing::Unspaced), "{unspaced:?}");
        }
    }

    #[test]
    fn first_of_two_equal_keys_counts() {
        let frame =
            Frame::read(b"TYPE:DM\nFROM:a\nCONTENT:x\nFROM:b\ntype:POST\n\nTO:c\n").expect("a message");
        assert_eq!((frame.kind, frame.get("from"), frame.get("TO")), ("DM", Some("a"), None));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        assert_eq!(Frame::read(&[b'a'; READ_MAX + 1]), Err(FrameError::Long(READ_MAX + 1)));
        assert_eq!(Frame::read(b"TYPE:\xff"), Err(FrameError::NoText(5)));
        assert_eq!(Frame::read(b"A:b\nc\n\nTYPE:POST\n"), Err(FrameError::NoType(1)));
        assert_eq!(Frame::read("a\n".repeat(300).as_bytes()), Err(FrameError::Lines));
        assert!(Frame::read(b"").is_err());
    }

    #[test]
    fn texts_are_one_line_and_harmless() {
        let draft = Draft::new("POST").with("CONTENT", "a\r\nb\nFROM:\u{1b}[2Jc\rd");
        let bytes = draft.write(Framing::Unspaced);
        assert_eq!(bytes, "TYPE:POST\nCONTENT:a\u{2028}b\u{2028}FROM:[2Jc\u{2028}d\n\n".as_bytes());
        assert_eq!(fit("a\u{2028}b\u{1b}]0;x\u{7}\u{202e}c\tdé", 18), "a b]0;xc d");
    }
}
