//! Values from JSON within limits, and back.

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::fmt;

use super::{Broken, Key, Keys, Limits, StateError, Value, varint_len};

pub(super) fn read(text: &[u8], keys: &mut Keys, limits: &Limits) -> Result<Value, StateError> {
    let known = keys.len();
    let mut reading = Reading { keys, limits, bytes: 0, values: 0, path: Vec::new(), broken: None };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Nested { reading: &mut reading, depth: 0 }.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        let broken = reading.broken.take().unwrap_or_else(|| match error.to_string() {
            text if text.starts_with("number out of range") => Broken::NotFinite,
            text => Broken::Json(text),
        });
        let path = reading.path();
        reading.keys.truncate(known);
        StateError { path, broken }
    })
}

#[derive(Clone, Copy)]
enum Step {
    Key(Key),
    Place(usize),
}

struct Reading<'a> {
    keys: &'a mut Keys,
    limits: &'a Limits,
    bytes: usize,
    values: usize,
    /// The way to the value that is being read. It stays as it is after an error.
    path: Vec<Step>,
    broken: Option<Broken>,
}

impl Reading<'_> {
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(self.keys.name(*key).unwrap_or_default());
                }
                Step::Place(place) => path.push_str(&format!("[{place}]")),
            }
        }
        path
    }

    fn refuse<T, E: serde::de::Error>(&mut self, broken: Broken) -> Result<T, E> {
        self.broken = Some(broken);
        Err(E::custom("a limit"))
    }

    fn spend<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.bytes += bytes;
        let most = self.limits.bytes;
        if self.bytes > most { self.refuse(Broken::Bytes(most)) } else { Ok(()) }
    }
}

/// A value inside `depth` lists and maps.
struct Nested<'r, 'a> {
    reading: &'r mut Reading<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Nested<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.reading.values += 1;
        let most = self.reading.limits.values;
        if self.reading.values > most {
            return self.reading.refuse(Broken::Values(most));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'a> Nested<'_, 'a> {
    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let most = self.reading.limits.depth;
        if self.depth < most { Ok(()) } else { self.reading.refuse(Broken::Depth(most)) }
    }

    fn inner(&mut self) -> Nested<'_, 'a> {
        Nested { depth: self.depth + 1, reading: self.reading }
    }

    fn number<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        // JavaScript writes -0 as 0, and so do the bytes.
        let number = number + 0.0;
        if !number.is_finite() {
            return self.reading.refuse(Broken::NotFinite);
        }
        self.reading.spend(super::encoded_number_len(number))?;
        Ok(Value::Number(number))
    }
}

impl<'de> Visitor<'de> for Nested<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.reading.spend(1)?;
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, is_true: bool) -> Result<Value, E> {
        self.reading.spend(1)?;
        Ok(Value::Bool(is_true))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.number(number as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.number(number as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        self.number(number)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        let (length, most) = (text.len(), self.reading.limits.text);
        if length > most {
            return self.reading.refuse(Broken::Text { length, most });
        }
        self.reading.spend(1 + varint_len(length as u64) + length)?;
        Ok(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut list = Vec::new();
        self.reading.path.push(Step::Place(0));
        while let Some(value) = access.next_element_seed(self.inner())? {
            list.push(value);
            self.reading.path.pop();
            self.reading.path.push(Step::Place(list.len()));
        }
        self.reading.path.pop();
        self.reading.spend(1 + varint_len(list.len() as u64))?;
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut entries: Vec<(Key, Value)> = Vec::new();
        while let Some(key) = access.next_key_seed(Name(self.reading))? {
            self.reading.path.push(Step::Key(key));
            let value = access.next_value_seed(self.inner())?;
            self.reading.path.pop();
            entries.push((key, value));
        }
        entries.sort_by_key(|(key, _)| *key);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let name = self.reading.keys.name(pair[0].0).unwrap_or_default().to_owned();
            return self.reading.refuse(Broken::Twice(name));
        }
        let mut next = 0;
        let mut gaps = 0;
        for (key, _) in &entries {
            gaps += varint_len(u64::from(key.0 - next));
            next = key.0 + 1;
        }
        self.reading.spend(1 + varint_len(entries.len() as u64) + gaps)?;
        Ok(Value::Map(entries))
    }
}

/// A key of a map, which is entered into the table.
struct Name<'r, 'a>(&'r mut Reading<'a>);

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        self.0.keys.enter(name).or_else(|error| self.0.refuse(Broken::Keys(error)))
    }
}

pub(super) fn write(value: &Value, keys: &Keys, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(is_true) => out.extend_from_slice(if *is_true { b"true" } else { b"false" }),
        Value::Number(number) => write_number(*number, out),
        Value::Text(text) => write_text(text, out),
        Value::List(list) => {
            out.push(b'[');
            for (place, value) in list.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(value, keys, out);
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            out.push(b'{');
            let named = entries.iter().filter_map(|(key, value)| Some((keys.name(*key)?, value)));
            for (place, (name, value)) in named.enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(value, keys, out);
            }
            out.push(b'}');
        }
    }
}

fn write_number(number: f64, out: &mut Vec<u8>) {
    let text = if number.trunc() == number && number.abs() <= super::INTEGER_MAX {
        (number as i64).to_string()
    } else {
        serde_json::to_string(&number).unwrap_or_else(|_| String::from("null"))
    };
    out.extend_from_slice(text.as_bytes());
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend(serde_json::to_vec(text).unwrap_or_else(|_| b"\"\"".to_vec()));
}
