//! Values: the state of a game, which is anything that JSON can express.
//!
//! # Problem
//! The host sends the state of a game up to 60 times a second to each player. JSON is too long for that, and a reader must not
//! reserve more memory than a state may have.
//!
//! # How it works
//! A [`Value`] is read from JSON and written as JSON at the border of the game's engine. Between members it is bytes: one byte
//! for small integers and kinds, zigzag varints for integers and for hundredths, and the shorter of `f32` and `f64` that is
//! exact for all other numbers. The keys of maps are numbers in a table of names, [`Keys`], which only grows.
//! [`difference`](crate::delta::difference) writes the change between two values.
//!
//! # Invariants
//! A value has one form in bytes, and other forms are refused. The entries of a map are in the order of their keys, so two
//! values are equal if they express the same JSON. Numbers are finite.
//!
//! # Limits
//! [`Limits`]: 48 KiB encoded, depth 32, 20,000 values, 512 keys of 64 bytes and 8 KiB together, texts of 4 KiB.

mod json;
mod keys;

use std::sync::Arc;

pub use keys::{KEY_MAX, KEYS_BYTES_MAX, KEYS_MAX, Key, Keys, KeysError};

use crate::bytes::{Reader, from_zigzag, varint_len, write_varint, zigzag};

/// The kinds in the first byte of a value. Bytes from [`SMALL`] are small integers, those between are operations of differences.
pub(crate) mod kind {
    pub(crate) const NULL: u8 = 0;
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const INTEGER: u8 = 3;
    pub(crate) const HUNDREDTHS: u8 = 4;
    pub(crate) const F32: u8 = 5;
    pub(crate) const F64: u8 = 6;
    pub(crate) const TEXT: u8 = 7;
    pub(crate) const LIST: u8 = 8;
    pub(crate) const MAP: u8 = 9;
    /// The integer -64. The byte of an integer n from -64 to 127 is 128 + n.
    pub(crate) const SMALL: u8 = 0x40;
}

/// Above it not every integer is a number of JavaScript.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
/// Hundredths of more take as many bytes as an `f32`.
const HUNDREDTHS_MAX: f64 = 134_217_727.0;

/// What JSON can express. Numbers are those of JavaScript.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Vec<Value>),
    /// Entries with different keys, in the order of the keys' numbers: see [`Value::map`].
    Map(Vec<(Key, Value)>),
}

/// The limits of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of the encoded value.
    pub bytes: usize,
    /// Most lists and maps inside each other.
    pub depth: usize,
    /// Most values, those that lists and maps contain among them.
    pub values: usize,
    /// Most bytes of a text.
    pub text: usize,
    /// Known keys: the length of the table.
    pub keys: usize,
}

impl Limits {
    /// The limits of a game's state, with as many keys as a table can have.
    pub const STATE: Limits =
        Limits { bytes: 48 * 1024, depth: 32, values: 20_000, text: 4096, keys: KEYS_MAX };

    /// The limits of a game's state whose keys are in this table.
    pub fn of(keys: &Keys) -> Limits {
        Limits { keys: keys.len(), ..Limits::STATE }
    }
}

/// The place of a value that breaks a limit, and the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{broken}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct StateError {
    /// Keys and places from the outside to the value, such as `balls[3].x`. Empty for the whole.
    pub path: String,
    /// The reason.
    pub broken: Broken,
}

/// The limit that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// A number that is infinite, or no number.
    #[error("this number is not finite")]
    NotFinite,
    /// No JSON.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// More bytes than the state may have.
    #[error("the state exceeds the limit of {0} bytes here")]
    Bytes(usize),
    /// Too many lists and maps inside each other.
    #[error("lists and maps inside each other exceed the depth of {0}")]
    Depth(usize),
    /// Too many values.
    #[error("the state exceeds the limit of {0} values here")]
    Values(usize),
    /// A text that is too long.
    #[error("text of {length} bytes exceeds the limit of {most}")]
    Text {
        /// Its bytes.
        length: usize,
        /// The limit.
        most: usize,
    },
    /// A key that does not fit into the table.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The same key twice in one map.
    #[error("the key {0:?} is there twice")]
    Twice(String),
}

/// Why bytes are no value, or no difference to a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// The bytes break off, or a number has another form than the shortest.
    #[error("the bytes break off or have another form than the shortest")]
    Form,
    /// Bytes are left.
    #[error("{0} bytes are left behind the value")]
    Trailing(usize),
    /// A byte that begins no value.
    #[error("byte {0:#04x} begins no value")]
    Kind(u8),
    /// A key that is not in the table, or out of order.
    #[error("key {0} is not in the table")]
    Key(usize),
    /// A change of an entry that is not there.
    #[error("the difference changes place {0}, which is not there")]
    Place(usize),
    /// A change of a map or list where the base has none.
    #[error("the difference belongs to another base")]
    Base,
    /// The result is beyond a limit.
    #[error("the result exceeds the limit of {most} {what}")]
    Limit {
        /// Bytes, values, levels or bytes of a text.
        what: &'static str,
        /// The limit.
        most: usize,
    },
}

impl Value {
    /// A map of these entries. Of several entries with one key the last one stays.
    pub fn map(entries: impl IntoIterator<Item = (Key, Value)>) -> Value {
        let entries: std::collections::BTreeMap<Key, Value> = entries.into_iter().collect();
        Value::Map(entries.into_iter().collect())
    }

    /// Reads JSON within [`Limits::STATE`] and enters new keys into the table. After an error the table is as before.
    ///
    /// # Errors
    /// [`StateError`] with the path of the first value that breaks a limit.
    pub fn from_json(text: &[u8], keys: &mut Keys) -> Result<Value, StateError> {
        Value::from_json_within(text, keys, &Limits::STATE)
    }

    /// Reads JSON within other limits of bytes, depth, values and texts.
    ///
    /// # Errors
    /// [`StateError`] with the path of the first value that breaks a limit.
    pub fn from_json_within(text: &[u8], keys: &mut Keys, limits: &Limits) -> Result<Value, StateError> {
        json::read(text, keys, limits)
    }

    /// Writes JSON. A key that is not in the table is left out with its value.
    pub fn to_json(&self, keys: &Keys) -> Vec<u8> {
        let mut out = Vec::new();
        json::write(self, keys, &mut out);
        out
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: Key) -> Option<&Value> {
        let Value::Map(entries) = self else { return None };
        entries.binary_search_by_key(&key, |(key, _)| *key).ok().map(|place| &entries[place].1)
    }

    /// Appends the bytes of the value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.push(kind::NULL),
            Value::Bool(false) => out.push(kind::FALSE),
            Value::Bool(true) => out.push(kind::TRUE),
            Value::Number(number) => encode_number(*number, out),
            Value::Text(text) => {
                out.push(kind::TEXT);
                write_varint(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Value::List(list) => {
                out.push(kind::LIST);
                write_varint(out, list.len() as u64);
                list.iter().for_each(|value| value.encode(out));
            }
            Value::Map(entries) => {
                out.push(kind::MAP);
                write_varint(out, entries.len() as u64);
                let mut next = 0;
                for (key, value) in entries {
                    write_varint(out, u64::from(key.0.wrapping_sub(next)));
                    next = key.0.wrapping_add(1);
                    value.encode(out);
                }
            }
        }
    }

    /// The length of the bytes that [`encode`](Value::encode) appends.
    pub fn encoded_len(&self) -> usize {
        self.encoded_len_up_to(usize::MAX)
    }

    /// The same, counted until it exceeds `most`.
    pub(crate) fn encoded_len_up_to(&self, most: usize) -> usize {
        match self {
            Value::Null | Value::Bool(_) => 1,
            Value::Number(number) => encoded_number_len(*number),
            Value::Text(text) => 1 + varint_len(text.len() as u64) + text.len(),
            Value::List(list) => {
                let mut length = 1 + varint_len(list.len() as u64);
                for value in list {
                    if length > most {
                        break;
                    }
                    length += value.encoded_len_up_to(most - length);
                }
                length
            }
            Value::Map(entries) => {
                let (mut length, mut next) = (1 + varint_len(entries.len() as u64), 0);
                for (key, value) in entries {
                    if length > most {
                        break;
                    }
                    length += varint_len(u64::from(key.0.wrapping_sub(next)));
                    next = key.0.wrapping_add(1);
                    length += value.encoded_len_up_to(most.saturating_sub(length));
                }
                length
            }
        }
    }

    /// Reads a whole value.
    ///
    /// # Errors
    /// [`DeltaError`]; a limit is checked before anything is reserved.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Value, DeltaError> {
        crate::delta::apply(&Value::Null, bytes, limits).and_then(|value| {
            // A difference to null has other bytes than a value only if it says that nothing changed.
            if bytes == [crate::delta::SAME] { Err(DeltaError::Kind(crate::delta::SAME)) } else { Ok(value) }
        })
    }
}

/// How a number is written.
enum Form {
    Small(u8),
    Integer(u64),
    Hundredths(u64),
    F32(f32),
    F64(f64),
}

fn form(number: f64) -> Form {
    if number.trunc() == number && number.abs() <= INTEGER_MAX {
        let integer = number as i64;
        return match integer {
            -64..=127 => Form::Small((128 + integer) as u8),
            _ => Form::Integer(zigzag(integer)),
        };
    }
    let hundredths = (number * 100.0).round();
    if hundredths.abs() <= HUNDREDTHS_MAX && hundredths / 100.0 == number {
        return Form::Hundredths(zigzag(hundredths as i64));
    }
    let single = number as f32;
    if f64::from(single) == number { Form::F32(single) } else { Form::F64(number) }
}

fn encode_number(number: f64, out: &mut Vec<u8>) {
    match form(number) {
        Form::Small(byte) => out.push(byte),
        Form::Integer(zigzagged) => {
            out.push(kind::INTEGER);
            write_varint(out, zigzagged);
        }
        Form::Hundredths(zigzagged) => {
            out.push(kind::HUNDREDTHS);
            write_varint(out, zigzagged);
        }
        Form::F32(single) => {
            out.push(kind::F32);
            out.extend_from_slice(&single.to_le_bytes());
        }
        Form::F64(double) => {
            out.push(kind::F64);
            out.extend_from_slice(&double.to_le_bytes());
        }
    }
}

fn encoded_number_len(number: f64) -> usize {
    match form(number) {
        Form::Small(_) => 1,
        Form::Integer(zigzagged) | Form::Hundredths(zigzagged) => 1 + varint_len(zigzagged),
        Form::F32(_) => 5,
        Form::F64(_) => 9,
    }
}

/// Reads values and counts them against the limits.
pub(crate) struct Decoder<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) limits: Limits,
    /// Values that may still come.
    pub(crate) values_left: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: &Limits) -> Decoder<'a> {
        Decoder { reader: Reader(bytes), limits: *limits, values_left: limits.values }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DeltaError> {
        self.reader.byte().ok_or(DeltaError::Form)
    }

    /// A count of things of which each takes at least one byte.
    pub(crate) fn count(&mut self) -> Result<usize, DeltaError> {
        let count = self.reader.count(usize::MAX).ok_or(DeltaError::Form)?;
        if count > self.reader.len() { Err(DeltaError::Form) } else { Ok(count) }
    }

    /// Counts values that the result has.
    pub(crate) fn spend(&mut self, values: usize) -> Result<(), DeltaError> {
        let most = self.limits.values;
        self.values_left =
            self.values_left.checked_sub(values).ok_or(DeltaError::Limit { what: "values", most })?;
        Ok(())
    }

    /// Checks that a list or map may stand inside `depth` others.
    pub(crate) fn enter(&self, depth: usize) -> Result<(), DeltaError> {
        let most = self.limits.depth;
        if depth < most { Ok(()) } else { Err(DeltaError::Limit { what: "levels", most }) }
    }

    /// The next key of ascending ones, as the gap to the last one.
    pub(crate) fn key(&mut self, next: &mut usize) -> Result<Key, DeltaError> {
        let gap = self.reader.count(usize::from(u16::MAX)).ok_or(DeltaError::Form)?;
        let key = *next + gap;
        if key >= self.limits.keys {
            return Err(DeltaError::Key(key));
        }
        *next = key + 1;
        Ok(Key(key as u16))
    }

    /// A value whose first byte was read, inside `depth` lists and maps.
    pub(crate) fn value(&mut self, first: u8, depth: usize) -> Result<Value, DeltaError> {
        self.spend(1)?;
        match first {
            kind::NULL => Ok(Value::Null),
            kind::FALSE => Ok(Value::Bool(false)),
            kind::TRUE => Ok(Value::Bool(true)),
            kind::INTEGER | kind::HUNDREDTHS | kind::F32 | kind::F64 | kind::SMALL.. => {
                self.number(first).map(Value::Number)
            }
            kind::TEXT => self.text(),
            kind::LIST => {
                self.enter(depth)?;
                let count = self.count()?;
                let mut list = Vec::with_capacity(count.min(self.values_left));
                for _ in 0..count {
                    let first = self.byte()?;
                    list.push(self.value(first, depth + 1)?);
                }
                Ok(Value::List(list))
            }
            kind::MAP => {
                self.enter(depth)?;
                let count = self.count()?;
                let mut entries = Vec::with_capacity(count.min(self.values_left));
                let mut next = 0;
                for _ in 0..count {
                    let key = self.key(&mut next)?;
                    let first = self.byte()?;
                    entries.push((key, self.value(first, depth + 1)?));
                }
                Ok(Value::Map(entries))
            }
            other => Err(DeltaError::Kind(other)),
        }
    }

    /// A number in the form that [`form`] chooses for it.
    fn number(&mut self, first: u8) -> Result<f64, DeltaError> {
        let before = self.reader;
        let zigzagged = |decoder: &mut Decoder<'_>| decoder.reader.varint().map(from_zigzag);
        let number = match first {
            kind::INTEGER => zigzagged(self).map(|integer| integer as f64),
            kind::HUNDREDTHS => zigzagged(self).map(|hundredths| hundredths as f64 / 100.0),
            kind::F32 => self.reader.array().map(|bytes| f64::from(f32::from_le_bytes(bytes))),
            kind::F64 => self.reader.array().map(f64::from_le_bytes),
            small => Some(f64::from(small) - 128.0),
        };
        let number = number.filter(|number| number.is_finite()).ok_or(DeltaError::Form)?;
        let mut written = Vec::with_capacity(9);
        encode_number(number, &mut written);
        let read = &before.0[..before.len() - self.reader.len()];
        if written[0] == first && written[1..] == *read { Ok(number) } else { Err(DeltaError::Form) }
    }

    fn text(&mut self) -> Result<Value, DeltaError> {
        let length = self.count()?;
        if length > self.limits.text {
            return Err(DeltaError::Limit { what: "bytes of a text", most: self.limits.text });
        }
        let text = self.reader.take(length).and_then(|bytes| str::from_utf8(bytes).ok());
        text.map(|text| Value::Text(text.into())).ok_or(DeltaError::Form)
    }
}

#[cfg(test)]
mod tests;
