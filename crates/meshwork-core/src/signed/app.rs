//! Apps by their words, and where in a room each has its place.

use alloc::string::String;
use core::fmt;
use core::ops::{Deref, Range};
use core::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::wire::{BoundedText, Bytes};

/// Longest word of an app, in bytes: it stands in every address of a room.
pub const APP_WORD_MAX: usize = 32;
/// Longest parameters of an app, in bytes: more belongs into what the app writes.
pub const APP_PARAMETERS_MAX: usize = 256;
/// Slots of a room: four bits of the number of a replica.
pub const SLOTS_MAX: u8 = 16;

/// The slots that records give to apps.
pub const GIVEN_SLOTS: Range<u8> = CONVERSATION_SLOT + 1..SLOTS_MAX;
/// The slot of the app that the genesis names.
pub const GENESIS_SLOT: u8 = 0;
/// The slot of the conversation, which is on in every room.
pub const CONVERSATION_SLOT: u8 = 1;

/// What an app is told of a room: bytes that nobody else reads.
pub type AppParameters = Bytes<APP_PARAMETERS_MAX>;

/// The word that names an app: 1 to [`APP_WORD_MAX`] of `a` to `z`, `0` to `9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AppWord(BoundedText<APP_WORD_MAX>);

/// A text is not the word of an app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no app: an app's word has 1 to {APP_WORD_MAX} of a to z, 0 to 9 and -")]
pub struct NoAppWord(pub String);

impl FromStr for AppWord {
    type Err = NoAppWord;

    fn from_str(text: &str) -> Result<AppWord, NoAppWord> {
        let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match BoundedText::new(text) {
            Ok(word) if !text.is_empty() && text.bytes().all(is_legal) => Ok(AppWord(word)),
            // Of a long text the beginning tells whose it was.
            _ => Err(NoAppWord(String::from(&text[..text.floor_char_boundary(2 * APP_WORD_MAX)]))),
        }
    }
}

impl<'de> Deserialize<'de> for AppWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AppWord, D::Error> {
        BoundedText::<APP_WORD_MAX>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Deref for AppWord {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{decode, encode};

    #[test]
    fn words_of_apps_are_told_from_others() {
        for word in ["place", "a", "tic-tac-toe-3", "0123456789abcdef0123456789abcdef"] {
            let app: AppWord = word.parse().expect("a word");
            assert_eq!(decode::<AppWord>(&encode(&app)), Ok(app));
        }
        for text in ["", "Place", "a b", "ä", "a_b", "a/b", "0123456789abcdef0123456789abcdef0"] {
            assert_eq!(text.parse::<AppWord>(), Err(NoAppWord(text.into())));
            assert!(decode::<AppWord>(&encode(&text)).is_err());
        }
    }
}
