//! Plain text as files have it, and as documents have it: one reader for every door by which a file comes into a document.
//!
//! # How it works
//! A document has LF at the end of a line, and no mark of byte order. A file that has CR LF or CR, or the mark, is read as if it had
//! not, and written as it was. Bytes that are no UTF-8 are refused: no reader knows which letters they were.

use std::borrow::Cow;
use std::fmt;

/// The mark of byte order.
const BOM: char = '\u{feff}';

/// How a file writes what is no letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Whether it begins with the mark of byte order.
    pub has_bom: bool,
    /// Whether its lines end with CR LF.
    pub has_crlf: bool,
}

/// Bytes that are no text in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {} (0x{byte:02X}) is no text in UTF-8: {encoding}", at + 1)]
pub struct EncodingError {
    /// Where the first such byte stands, from 0.
    pub at: usize,
    /// That byte.
    pub byte: u8,
    /// What the file looks like.
    pub encoding: Encoding,
}

/// What bytes look like that are no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Two bytes a letter.
    Utf16,
    /// One byte a letter, as Windows writes Western European texts.
    Windows1252,
    /// No text at all.
    Binary,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Utf16 => "the file looks like UTF-16. Save it as UTF-8",
            Encoding::Windows1252 => "the file looks like Windows-1252. Save it as UTF-8",
            Encoding::Binary => "the file looks like no text",
        })
    }
}

/// Reads what a file says, and how it is written.
///
/// # Errors
/// [`EncodingError`] for bytes that are no UTF-8.
pub fn read(bytes: &[u8]) -> Result<(String, Form), EncodingError> {
    let refused = |at: usize| EncodingError { at, byte: bytes[at], encoding: encoding_of(bytes) };
    // A zero is in UTF-8 as well, and in no text.
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(refused(str::from_utf8(&bytes[..at]).map_or_else(|error| error.valid_up_to(), |_| at)));
    }
    let text = str::from_utf8(bytes).map_err(|error| refused(error.valid_up_to()))?;
    let ends = text.bytes().filter(|byte| *byte == b'\n').count();
    let form =
        Form { has_bom: text.starts_with(BOM), has_crlf: ends > 0 && text.matches("\r\n").count() == ends };
    Ok((unified(text).into_owned(), form))
}

/// What a file has to have to say this in its form.
pub fn written(text: &str, form: Form) -> String {
    let bom = if form.has_bom { "\u{feff}" } else { "" };
    let text = if form.has_crlf { Cow::Owned(unified(text).replace('\n', "\r\n")) } else { text.into() };
    format!("{bom}{text}")
}

/// A text as documents have it: without the mark of byte order in front, and with LF at the end of each line.
pub fn unified(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

fn encoding_of(bytes: &[u8]) -> Encoding {
    let zeroes = bytes.iter().filter(|byte| **byte == 0).count();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        Encoding::Utf16
    } else if zeroes > 0 {
        // Every second byte of Western texts in UTF-16.
        if zeroes * 3 >= bytes.len() { Encoding::Utf16 } else { Encoding::Binary }
    } else if bytes.iter().any(|byte| is_control(*byte)) {
        Encoding::Binary
    } else {
        Encoding::Windows1252
    }
}

/// Whether a byte stands in no text of one byte a letter.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_marks_are_no_letters() {
        let (text, form) = read(b"\xef\xbb\xbf# Title\r\n\r\nline\r\n").unwrap();
        assert_eq!(text, "# Title\n\nline\n");
        assert_eq!(form, Form { has_bom: true, has_crlf: true });
        assert_eq!(written(&text, form).as_bytes(), b"\xef\xbb\xbf# Title\r\n\r\nline\r\n");
        assert_eq!(written("a\r\nb\n", form), "\u{feff}a\r\nb\r\n");
        let mixed = read(b"a\r\nb\nc\rd").unwrap();
        assert_eq!(mixed, ("a\nb\nc\nd".to_owned(), Form::default()));
        assert_eq!(written("a\r\nb\n", Form::default()), "a\r\nb\n", "what a document has stays");
    }

    #[test]
    fn other_encodings_are_named() {
        let error = read(b"Caf\xe9 cr\xe8me, it\x92s late.").unwrap_err();
        assert_eq!((error.at, error.byte, error.encoding), (3, 0xe9, Encoding::Windows1252));
        let words = "byte 4 (0xE9) is no text in UTF-8: the file looks like Windows-1252. Save it as UTF-8";
        assert_eq!(error.to_string(), words);
        assert_eq!(read(b"a\0b\0c\0").unwrap_err().encoding, Encoding::Utf16);
        assert_eq!(read(b"\xff\xfea\0").unwrap_err().encoding, Encoding::Utf16);
        assert_eq!(read(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap_err().encoding, Encoding::Binary);
    }
}
