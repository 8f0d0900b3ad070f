//! Texts of JSON (RFC 8259) as libraries of Yjs take them in: marks of texts and what is embedded there are written so.
//!
//! Some stop at what others read: numbers beyond 64 bits or without end, halves of letters, values deep in each other. One such
//! text would make a document unreadable, so updates with one are refused.

use super::DEPTH_MAX;

/// Whether a text is one value that all libraries read.
pub(super) fn is_json(text: &str) -> bool {
    let mut reader = Reader(text.as_bytes());
    reader.value(0).is_some() && reader.next().is_none()
}

/// What is left of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.0.split_first() {
            self.0 = rest;
        }
        self.0.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        match self.next()? {
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'"' => self.string(),
            b'[' => self.list(b']', |reader| reader.value(depth + 1)),
            b'{' => self.list(b'}', |reader| {
                reader.next().filter(|byte| *byte == b'"')?;
                reader.string()?;
                reader.next()?;
                reader.word(b":")?;
                reader.value(depth + 1)
            }),
            _ => self.number(),
        }
    }

    fn list(&mut self, end: u8, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take()?;
        if self.next()? == end {
            return self.take().map(|_| ());
        }
        loop {
            each(self)?;
            self.next()?;
            match self.take()? {
                b',' => {}
                byte if byte == end => return Some(()),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take()?;
        loop {
            match self.take()? {
                b'"' => return Some(()),
                b'\\' => match self.take()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => match self.unit()? {
                        0xd800..0xdc00 => {
                            self.word(b"\\u")?;
                            (0xdc00..0xe000).contains(&self.unit()?).then_some(())?;
                        }
                        0xdc00..0xe000 => return None,
                        _ => {}
                    },
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// Four digits of a unit of UTF-16.
    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)? as u16))
    }

    fn number(&mut self) -> Option<()> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.0.iter().take_while(|byte| is_part(byte)).count();
        let (number, rest) = self.0.split_at(length);
        self.0 = rest;
        let number = str::from_utf8(number).ok()?;
        let digits = number.strip_prefix('-').unwrap_or(number);
        let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
        let is_whole = whole == digits.len();
        let begins = whole == 1 || (whole > 1 && !digits.starts_with('0'));
        // Rust reads more than JSON has: a sign in front, and a point without digits on both sides.
        let fraction = digits[whole..].strip_prefix('.');
        let goes_on = fraction.is_none_or(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
        let is_finite = number.parse::<f64>().is_ok_and(f64::is_finite);
        let fits = !is_whole || number.parse::<u64>().is_err() || number.parse::<i64>().is_ok();
        (begins && goes_on && is_finite && fits).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use yrs::Any;

    use super::*;

    #[test]
    fn json_is_what_libraries_read() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "-1.5e+3",
            "1E-7",
            "9223372036854775807",
            "36893488147419103232",
            "\"\"",
            "\"a\\n\\u00e4\\ud83e\\udd89\"",
            "[]",
            "[1, [2]]",
            "{}",
            "{\"a\": {\"b\": []}, \"a\": 1}",
        ] {
            assert!(is_json(text) && Any::from_json(text).is_ok(), "{text}");
        }
        let deep = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
        assert!(is_json(&deep));
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1.e3",
            "1e",
            "1e400",
            "0x1",
            "NaN",
            "inf",
            "Infinity",
            "9223372036854775808",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud83e\"",
            "\"\\udd89\"",
            "\"\\ud83e\\u0041\"",
            "\"\\u12\"",
            "[",
            "[1,]",
            "[1 2]",
            "{a: 1}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[}",
            "1 2",
            "'a'",
            "\u{feff}1",
        ] {
            assert!(!is_json(text), "{text}");
            assert!(Any::from_json(text).is_err(), "{text}");
        }
        assert!(!is_json(&format!("[{deep}]")));
    }
}
