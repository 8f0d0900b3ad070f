//! The kinds of values that a setting may have: how they are written, read and checked.

use std::time::Duration;

use crate::{bytes, duration};

/// A value of a setting, of the kind that the setting has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing was said, and nothing stands in for it.
    Unset,
    Text(String),
    Switch(bool),
    Whole(u64),
    Bytes(u64),
    Time(Duration),
    List(Vec<String>),
}

/// Checks a text, and gives it in its plain form or says what to write instead.
pub(crate) type Check = fn(&str) -> Result<String, String>;

/// What a setting's values are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text that passes a check.
    Text(Check),
    /// `true` or `false`.
    Switch,
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// An amount of bytes from the first to the second: `16KiB`, or a plain number.
    Bytes(u64, u64),
    /// A duration from the first to the second, in milliseconds: `15s`.
    Time(u64, u64),
    /// Texts that each pass a check: several values of a flag, or with commas between them.
    List(Check),
}

impl Kind {
    /// Reads a value that is written as text, as flags and environment variables are.
    ///
    /// # Errors
    /// What is wrong with it, in words that say what to write.
    pub(crate) fn parse(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        match self {
            Kind::Text(check) => check(text).map(Value::Text),
            Kind::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(Value::Switch(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Switch(false)),
                _ => Err(String::from("write true or false")),
            },
            Kind::Whole(least, most) => {
                let number = text.parse().map_err(|_| format!("write a whole number, {least} to {most}"))?;
                self.whole(number)
            }
            Kind::Bytes(least, most) => {
                let bytes = text.parse().or_else(|_| bytes::parse(text))?;
                let words = || format!("it must be {} to {}", bytes::exact(least), bytes::exact(most));
                if (least..=most).contains(&bytes) { Ok(Value::Bytes(bytes)) } else { Err(words()) }
            }
            Kind::Time(least, most) => {
                let [least, most] = [least, most].map(Duration::from_millis);
                let time = duration::parse(text)?;
                let words =
                    || format!("it must be {} to {}", duration::format(least), duration::format(most));
                if (least..=most).contains(&time) { Ok(Value::Time(time)) } else { Err(words()) }
            }
            Kind::List(check) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(check).collect::<Result<_, _>>().map(Value::List)
            }
        }
    }

    /// Checks a number that a file holds as such.
    ///
    /// # Errors
    /// A number is not what the setting has, or it is out of range.
    pub(crate) fn whole(self, number: u64) -> Result<Value, String> {
        match self {
            Kind::Whole(least, most) if (least..=most).contains(&number) => Ok(Value::Whole(number)),
            Kind::Whole(least, most) => Err(format!("it must be {least} to {most}")),
            Kind::Bytes(..) => self.parse(&number.to_string()),
            Kind::Time(..) => Err(String::from("write a number and a unit in quotes, such as \"15s\"")),
            Kind::Switch => Err(String::from("write true or false")),
            Kind::Text(_) | Kind::List(_) => Err(String::from("write a text, in quotes")),
        }
    }

    /// What values may be, for `--help` and for the file that `--print-config` writes.
    pub(crate) fn range(self) -> Option<String> {
        match self {
            Kind::Whole(least, most) => Some(format!("{least} to {most}")),
            Kind::Bytes(least, most) => Some(format!("{} to {}", bytes::exact(least), bytes::exact(most))),
            Kind::Time(least, most) => {
                let [least, most] = [least, most].map(|time| duration::format(Duration::from_millis(time)));
                Some(format!("{least} to {most}"))
            }
            Kind::Text(_) | Kind::Switch | Kind::List(_) => None,
        }
    }
}

impl Value {
    /// The value as it stands in the file.
    pub(crate) fn to_toml(&self) -> String {
        match self {
            Value::Unset => String::from("\"\""),
            Value::Text(text) => quoted(text),
            Value::Switch(switch) => switch.to_string(),
            Value::Whole(number) => number.to_string(),
            Value::Bytes(bytes) => quoted(&bytes::exact(*bytes)),
            Value::Time(time) => quoted(&duration::format(*time)),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// A basic string of TOML 1.0.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(text: &str) -> Result<String, String> {
        Ok(String::from(text))
    }

    #[test]
    fn values_out_of_range_are_told_what_the_range_is() {
        let cases = [
            (Kind::Whole(1, 9), "10", "it must be 1 to 9"),
            (Kind::Whole(1, 9), "ten", "write a whole number, 1 to 9"),
            (Kind::Bytes(1024, 4096), "5KiB", "it must be 1KiB to 4KiB"),
            (Kind::Time(1000, 60_000), "2m", "it must be 1s to 1m"),
            (Kind::Time(1000, 60_000), "2", "write a number and a unit"),
            (Kind::Switch, "maybe", "write true or false"),
        ];
        for (kind, text, words) in cases {
            let error = kind.parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_printed_reads_as_the_same_value() {
        let cases = [
            (Kind::Whole(1, 9), "9", "9"),
            (Kind::Bytes(1, 1 << 40), "1536KiB", "\"1536KiB\""),
            (Kind::Bytes(1, 1 << 40), "1025", "\"1025B\""),
            (Kind::Time(1, 100_000), "90s", "\"1m 30s\""),
            (Kind::Switch, "on", "true"),
            (Kind::List(any), "a, b,", "[\"a\", \"b\"]"),
            (Kind::Text(any), "say \"\\\"", "\"say \\\"\\\\\\\"\""),
        ];
        for (kind, text, toml) in cases {
            let value = kind.parse(text).unwrap();
            assert_eq!(value.to_toml(), toml);
            if let Kind::Bytes(..) | Kind::Time(..) = kind {
                assert_eq!(kind.parse(toml.trim_matches('"')), Ok(value));
            }
        }
    }
}
