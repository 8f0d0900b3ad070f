//! Reading JSON (RFC 8259) piece by piece, by little code: a page carries it.

use alloc::string::String;
use alloc::vec::Vec;

/// Why a text is not the JSON that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at byte {at}")]
pub(crate) struct JsonError {
    /// What is wrong.
    pub what: &'static str,
    /// Where it was noticed.
    pub at: usize,
}

/// A place in a text, from which the next value is read.
#[derive(Debug)]
pub(crate) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> JsonReader<'a> {
    /// The beginning of a text.
    pub(crate) fn new(text: &'a str) -> JsonReader<'a> {
        JsonReader { text, at: 0 }
    }

    /// Something is wrong here.
    pub(crate) fn error(&self, what: &'static str) -> JsonError {
        JsonError { what, at: self.at }
    }

    /// Reads an object. What is next in the reader at each call of `take` is the value of the member of that name, one
    /// of `names`; other members are skipped.
    ///
    /// # Errors
    /// It is no object, has a member of those names twice, or `take` says so.
    pub(crate) fn object(
        &mut self,
        names: &[&str],
        take: &mut dyn FnMut(&str, &mut JsonReader<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.take(b'{')?;
        let mut seen: Vec<String> = Vec::new();
        let mut is_first = true;
        while self.more(b'}', is_first)? {
            is_first = false;
            let name = self.text()?;
            self.take(b':')?;
            if !names.contains(&name.as_str()) {
                self.skip()?;
                continue;
            }
            if seen.contains(&name) {
                return Err(self.error("a member stands there twice"));
            }
            take(&name, self)?;
            seen.push(name);
        }
        Ok(())
    }

    /// Reads a list. What is next in the reader at each call of `take` is a value of it.
    ///
    /// # Errors
    /// It is no list, or `take` says so.
    pub(crate) fn list(
        &mut self,
        take: &mut dyn FnMut(&mut JsonReader<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.take(b'[')?;
        let mut is_first = true;
        while self.more(b']', is_first)? {
            is_first = false;
            take(self)?;
        }
        Ok(())
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is none, or not of whole characters.
    pub(crate) fn text(&mut self) -> Result<String, JsonError> {
        let mut text = String::new();
        self.string(Some(&mut text))?;
        Ok(text)
    }

    /// Reads a whole number that is written without sign, point and exponent.
    ///
    /// # Errors
    /// It is none, or greater than its type.
    pub(crate) fn number(&mut self) -> Result<u64, JsonError> {
        self.peek();
        let digits = self.digits();
        let is_whole = !matches!(self.next(), Some(b'.' | b'e' | b'E'));
        let is_plain = digits == "0" || !digits.starts_with('0');
        let number = if is_whole && is_plain { digits.parse().ok() } else { None };
        number.ok_or_else(|| self.error("no whole number within bounds"))
    }

    /// Reads `null` if that is next.
    ///
    /// # Errors
    /// Something else begins as it does.
    pub(crate) fn null(&mut self) -> Result<bool, JsonError> {
        if self.peek() == Some(b'n') { self.word("null").map(|()| true) } else { Ok(false) }
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// Something does.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error("something follows")) }
    }

    /// Reads any value.
    fn skip(&mut self) -> Result<(), JsonError> {
        // The ends of what is open, the innermost last.
        let mut open: Vec<u8> = Vec::new();
        loop {
            let mut is_first = false;
            match self.peek() {
                Some(begin @ (b'{' | b'[')) => {
                    self.at += 1;
                    open.push(if begin == b'{' { b'}' } else { b']' });
                    is_first = true;
                }
                Some(b'"') => self.string(None)?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => self.skip_number()?,
            }
            loop {
                let Some(&end) = open.last() else { return Ok(()) };
                if self.more(end, is_first)? {
                    if end == b'}' {
                        self.string(None)?;
                        self.take(b':')?;
                    }
                    break;
                }
                open.pop();
                is_first = false;
            }
        }
    }

    fn skip_number(&mut self) -> Result<(), JsonError> {
        let wrong = self.error("no value");
        let some = |digits: &str| if digits.is_empty() { Err(wrong) } else { Ok(()) };
        if self.next() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits();
        some(whole)?;
        if whole != "0" && whole.starts_with('0') {
            return Err(wrong);
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            some(self.digits())?;
        }
        if let Some(b'e' | b'E') = self.next() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.next() {
                self.at += 1;
            }
            some(self.digits())?;
        }
        Ok(())
    }

    /// Reads a text and appends it, or leaves it unheeded: then halves of characters are as good as any.
    fn string(&mut self, mut into: Option<&mut String>) -> Result<(), JsonError> {
        self.take(b'"')?;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let Some(plain) = rest.as_bytes().iter().position(is_special) else {
                return Err(self.error("a text without end"));
            };
            if let Some(text) = &mut into {
                text.push_str(rest.get(..plain).unwrap_or_default());
            }
            self.at += plain + 1;
            match rest.as_bytes().get(plain) {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match &mut into {
                    Some(text) => text.push(self.escape()?),
                    None => self.skip_escape()?,
                },
                _ => return Err(self.error("a control character in a text")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let wrong = self.error("no character");
        Ok(match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let mut number = self.hexadecimal()?;
                // Two halves make a character beyond the first 65,536.
                if (0xd800..0xdc00).contains(&number) {
                    let is_next = (self.byte(), self.byte()) == (Some(b'\\'), Some(b'u'));
                    let low = if is_next { self.hexadecimal()? } else { 0 };
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(wrong);
                    }
                    number = 0x1_0000 + ((number - 0xd800) << 10 | (low - 0xdc00));
                }
                char::from_u32(number).ok_or(wrong)?
            }
            _ => return Err(wrong),
        })
    }

    fn skip_escape(&mut self) -> Result<(), JsonError> {
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => self.hexadecimal().map(drop),
            _ => Err(self.error("no character")),
        }
    }

    /// Four hexadecimal digits.
    fn hexadecimal(&mut self) -> Result<u32, JsonError> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            number = number << 4 | digit.ok_or_else(|| self.error("no character"))?;
        }
        Ok(number)
    }

    fn digits(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Whether a member or value follows in what ends so; where none does, that end is read.
    fn more(&mut self, end: u8, is_first: bool) -> Result<bool, JsonError> {
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        if !is_first {
            self.take(b',')?;
        }
        Ok(true)
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        let is_next = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if !is_next {
            return Err(self.error("no value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads a byte that must be next.
    fn take(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.error("something else is expected"));
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.next() {
            self.at += 1;
        }
        self.next()
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.next();
        self.at += usize::from(byte.is_some());
        byte
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    /// The member `a` of an object, where others may be anything.
    fn read<T>(
        text: &str,
        value: impl Fn(&mut JsonReader<'_>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        let mut reader = JsonReader::new(text);
        let mut found = None;
        reader.object(&["a"], &mut |_, reader| value(reader).map(|value| found = Some(value)))?;
        reader.end().map(|()| found)
    }

    fn text(reader: &mut JsonReader<'_>) -> Result<String, JsonError> {
        reader.text()
    }

    fn number(reader: &mut JsonReader<'_>) -> Result<u64, JsonError> {
        reader.number()
    }

    #[derive(serde::Deserialize)]
    struct One<T> {
        a: Option<T>,
    }

    /// Both readers, and whether they agree.
    fn agree<T: serde::de::DeserializeOwned + PartialEq + core::fmt::Debug>(
        text: &str,
        value: impl Fn(&mut JsonReader<'_>) -> Result<T, JsonError>,
    ) {
        let ours = read(text, |reader| if reader.null()? { Ok(None) } else { value(reader).map(Some) });
        // The other one also reads lists in place of objects.
        let other = if text.trim_start().starts_with('[') { None } else { serde_json::from_str(text).ok() };
        assert_eq!(ours.ok().map(Option::flatten), other.map(|One { a }| a), "{text}");
    }

    const PIECES: [&str; 48] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"a\":",
        "{\"a\":",
        "\"",
        "\\",
        "\\u",
        "d83d",
        "\\ude00",
        "00e9",
        "\\n",
        "\\x",
        "0",
        "1",
        "01",
        "-",
        "-0",
        ".",
        ".5",
        "e",
        "E+1",
        "e-",
        "18446744073709551615",
        "18446744073709551616",
        "true",
        "false",
        "null",
        "nul",
        "tru",
        " ",
        "\n",
        "\t",
        "\u{b}",
        "\u{1}",
        "é",
        "😀",
        "\"x\\u00e9\"",
        "[1,{}]",
        "{\"b\":[[]]}",
        "\"\\ud800\"",
        "1.5e3",
        "\u{7f}",
    ];

    /// Holds a text in all kinds of places.
    fn agree_everywhere(middle: &str) {
        for case in [
            String::from(middle),
            format!("{{\"a\":{middle}}}"),
            format!("{{\"b\":{middle},\"a\":7}}"),
            format!("{{\"a\":\"{middle}\"}}"),
            format!("{{\"b\":\"{middle}\",\"a\":\"x\"}}"),
            format!("{{\"a\":1,\"b\":[{middle}]}}"),
        ] {
            agree(&case, text);
            agree(&case, number);
        }
    }

    #[test]
    fn two_pieces_are_read_as_serde_reads_them() {
        for one in PIECES {
            agree_everywhere(one);
            PIECES.iter().for_each(|other| agree_everywhere(&format!("{one}{other}")));
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_reads(picks in proptest::collection::vec(0..PIECES.len(), 0..12)) {
            agree_everywhere(&picks.iter().map(|pick| PIECES[*pick]).collect::<String>());
        }
    }

    #[test]
    fn deep_nesting_takes_no_stack() {
        let deep = format!("{{\"b\":{}{},\"a\":1}}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(read(&deep, number), Ok(Some(1)));
        assert!(read(&deep[..60_000], number).is_err());
    }

    #[test]
    fn members_stand_once_and_lists_end() {
        assert!(read("{\"a\":1,\"a\":1}", number).is_err());
        assert_eq!(read("{\"b\":1,\"b\":1}", number), Ok(None));
        let list = |text: &str| {
            let mut found = Vec::new();
            let mut reader = JsonReader::new(text);
            reader.list(&mut |reader| reader.number().map(|number| found.push(number)))?;
            reader.end().map(|()| found)
        };
        assert_eq!(list(" [ 1 , 22 ] "), Ok(alloc::vec![1, 22]));
        assert_eq!(list("[]"), Ok(Vec::new()));
        for wrong in ["[1,]", "[,1]", "[1 2]", "[1", "[1]]"] {
            assert!(list(wrong).is_err(), "{wrong}");
        }
    }
}
