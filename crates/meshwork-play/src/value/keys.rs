//! The table of the names of keys, which only grows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bytes::{Reader, write_varint};

/// Most keys of a table.
pub const KEYS_MAX: usize = 512;
/// Longest name of a key, in bytes.
pub const KEY_MAX: usize = 64;
/// Most bytes of all names together.
pub const KEYS_BYTES_MAX: usize = 8 * 1024;

/// A key as its number in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u16);

impl Key {
    /// The key `id`, by which entries of lists are recognised. Every table begins with it.
    pub const ID: Key = Key(0);
}

/// The names of keys by number. Numbers are given in the order of entry and stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    names: Vec<Arc<str>>,
    by_name: BTreeMap<Arc<str>, Key>,
    bytes: usize,
}

/// A key that does not fit into the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// More than [`KEYS_MAX`] different keys.
    #[error(
        "the key {0:?} is one more than {KEYS_MAX} different keys: things that come and go belong into a list, each with an id"
    )]
    TooMany(String),
    /// A name of more than [`KEY_MAX`] bytes.
    #[error("key of {0} bytes exceeds the limit of {KEY_MAX}")]
    TooLong(usize),
    /// More than [`KEYS_BYTES_MAX`] bytes of names.
    #[error("the names of all keys exceed the limit of {KEYS_BYTES_MAX} bytes")]
    Bytes,
    /// Received names break off, are there twice, or differ from those that are known.
    #[error("the received names do not continue the table")]
    Received,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys::new()
    }
}

impl Keys {
    /// A table with [`Key::ID`] alone.
    pub fn new() -> Keys {
        let mut keys = Keys { names: Vec::new(), by_name: BTreeMap::new(), bytes: 0 };
        keys.enter("id").expect("it fits");
        keys
    }

    /// The number of keys, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a table has always a key")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The key with this name, if it is in the table.
    pub fn find(&self, name: &str) -> Option<Key> {
        self.by_name.get(name).copied()
    }

    /// The name of a key.
    pub fn name(&self, key: Key) -> Option<&str> {
        self.names.get(usize::from(key.0)).map(AsRef::as_ref)
    }

    /// All names, by number.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// The key with this name, which is entered if it is new.
    ///
    /// # Errors
    /// [`KeysError`]; the table is as before.
    pub fn enter(&mut self, name: &str) -> Result<Key, KeysError> {
        if let Some(key) = self.find(name) {
            return Ok(key);
        }
        if name.len() > KEY_MAX {
            return Err(KeysError::TooLong(name.len()));
        }
        if self.names.len() == KEYS_MAX {
            return Err(KeysError::TooMany(name.to_owned()));
        }
        if self.bytes + name.len() > KEYS_BYTES_MAX {
            return Err(KeysError::Bytes);
        }
        let (key, name) = (Key(self.names.len() as u16), Arc::<str>::from(name));
        self.bytes += name.len();
        self.names.push(name.clone());
        self.by_name.insert(name, key);
        Ok(key)
    }

    /// Appends the names from number `from` on: their count, then length and bytes of each.
    pub fn write_from(&self, from: usize, out: &mut Vec<u8>) {
        let names = self.names.get(from..).unwrap_or_default();
        write_varint(out, names.len() as u64);
        for name in names {
            write_varint(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
        }
    }

    /// Reads names that another table wrote from number `from` on, and moves `bytes` behind them. Known numbers must have
    /// the same names, new ones are entered.
    ///
    /// # Errors
    /// [`KeysError`]; the table is as before.
    pub fn read_from(&mut self, from: usize, bytes: &mut &[u8]) -> Result<(), KeysError> {
        let length = self.len();
        let read = self.read_names(from, bytes);
        if read.is_err() {
            self.truncate(length);
        }
        read
    }

    fn read_names(&mut self, from: usize, bytes: &mut &[u8]) -> Result<(), KeysError> {
        let mut reader = Reader(bytes);
        let count = reader.count(KEYS_MAX).filter(|_| from <= self.len()).ok_or(KeysError::Received)?;
        for number in from..from + count {
            let name = reader.count(KEY_MAX).and_then(|length| reader.take(length));
            let name = name.and_then(|name| str::from_utf8(name).ok()).ok_or(KeysError::Received)?;
            if usize::from(self.enter(name)?.0) != number {
                return Err(KeysError::Received);
            }
        }
        *bytes = reader.0;
        Ok(())
    }

    /// Forgets the keys from number `length` on, which no value has.
    pub(super) fn truncate(&mut self, length: usize) {
        for name in self.names.drain(length.max(1)..) {
            self.bytes -= name.len();
            self.by_name.remove(&name);
        }
    }
}
