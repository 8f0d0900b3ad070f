//! The text in which a peer takes its key from one place to another: docs/protocol/identity.md.

use alloc::string::String;
use alloc::vec::Vec;

use super::Identity;
use crate::wire::base64_text::{from_base64, to_base64};

/// What every version of the text begins with; the version's number and a colon follow.
const LABEL: &str = "meshwork-key-";
/// The version that is written here.
const VERSION: &str = "1";
/// Bytes of the checksum: one changed text in 2^32 passes.
const CHECKSUM_LEN: usize = 4;
/// Longest text that is read, in bytes: the key of 63 characters, and a few lines of words beside it.
pub const IDENTITY_TEXT_MAX: usize = 4096;

/// Why a text is not an exported identity. It never repeats the text, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No line, or more than one, begins with the label.
    #[error("it has {0} lines that begin with \"meshwork-key-\"; an exported identity has one")]
    Lines(usize),
    /// The text is longer than [`IDENTITY_TEXT_MAX`].
    #[error("it is {0} bytes long; an exported identity has less than {IDENTITY_TEXT_MAX}")]
    TooLong(usize),
    /// It was written in a version that this build does not know.
    #[error("it is in form {0:?} of a newer version of Meshwork: update, then import it again")]
    Version(String),
    /// The key is cut off, or has characters that no key has.
    #[error("the key after the colon is cut off or has a wrong character: copy the whole line again")]
    Key,
    /// The checksum does not fit: a character was changed.
    #[error("the key was changed, or a character of it was mistyped: copy the whole line again")]
    Checksum,
}

impl Identity {
    /// The key as one line of text, to be imported elsewhere. Whoever has it can write in this peer's name.
    pub fn export(&self) -> String {
        let secret = self.to_secret();
        let mut bytes = Vec::from(secret);
        bytes.extend(checksum(&secret));
        alloc::format!("{LABEL}{VERSION}:{}", to_base64(&bytes))
    }

    /// Reads what [`Identity::export`] wrote. Lines that do not begin with the label are skipped, spaces around
    /// lines too, so that a file may say beside the key what it is.
    ///
    /// # Errors
    /// [`ImportError`], which does not repeat the text.
    pub fn import(text: &str) -> Result<Identity, ImportError> {
        if text.len() > IDENTITY_TEXT_MAX {
            return Err(ImportError::TooLong(text.len()));
        }
        let mut keys = text.lines().filter_map(|line| line.trim().strip_prefix(LABEL));
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(ImportError::Lines(
                text.lines().filter(|line| line.trim().starts_with(LABEL)).count(),
            ));
        };
        let (version, key) = key.split_once(':').ok_or(ImportError::Key)?;
        if version != VERSION {
            let is_number = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
            return Err(if is_number { ImportError::Version(version.into()) } else { ImportError::Key });
        }
        let bytes = from_base64(key).ok_or(ImportError::Key)?;
        let (secret, sum) = bytes.split_at_checked(32).ok_or(ImportError::Key)?;
        let secret: [u8; 32] = secret.try_into().map_err(|_| ImportError::Key)?;
        match sum.len() {
            CHECKSUM_LEN if sum == checksum(&secret) => Ok(Identity::from_secret(secret)),
            CHECKSUM_LEN => Err(ImportError::Checksum),
            _ => Err(ImportError::Key),
        }
    }
}

/// The first bytes of blake3 in key derivation mode, so that they are of no use for anything else.
fn checksum(secret: &[u8; 32]) -> [u8; CHECKSUM_LEN] {
    let hash = blake3::derive_key("meshwork identity checksum v1", secret);
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = "meshwork-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9fgXU2";

    #[test]
    fn a_known_keys_text_is_the_documented_one() {
        let identity = Identity::from_secret(core::array::from_fn(|place| place as u8));
        assert_eq!(identity.export(), EXAMPLE);
        let page = include_str!("../../../../docs/protocol/identity.md");
        assert!(page.contains(EXAMPLE), "docs/protocol/identity.md shows another text");
        assert!(page.contains(&alloc::string::ToString::to_string(&identity.peer())));
    }

    #[test]
    fn words_beside_the_key_are_skipped() {
        let identity = Identity::from_secret([7; 32]);
        let text = alloc::format!("# my key\r\n  {}  \r\n\r\nkeep it secret\n", identity.export());
        assert_eq!(Identity::import(&text).map(|read| read.peer()), Ok(identity.peer()));
        let twice = alloc::format!("{text}{text}");
        assert_eq!(Identity::import(&twice).unwrap_err(), ImportError::Lines(2));
        assert_eq!(Identity::import("words").unwrap_err(), ImportError::Lines(0));
        let long = " ".repeat(IDENTITY_TEXT_MAX + 1);
        assert_eq!(Identity::import(&long).unwrap_err(), ImportError::TooLong(IDENTITY_TEXT_MAX + 1));
    }

    #[test]
    fn each_fault_has_its_words() {
        let text = Identity::from_secret([7; 32]).export();
        let error = |text: &str| Identity::import(text).unwrap_err();
        assert_eq!(error(&text[..text.len() - 1]), ImportError::Key);
        assert_eq!(error(&text.replace("-1:", "-2:")), ImportError::Version("2".into()));
        assert_eq!(error(&text.replace("-1:", "-x:")), ImportError::Key);
        assert_eq!(error("meshwork-key-1"), ImportError::Key);
        assert_eq!(error("meshwork-key-1:"), ImportError::Key);
        let words = alloc::format!("{} {:?}", error(&text[..50]), error(&text[..50]));
        assert!(!words.contains(&text[15..40]), "an error repeats the secret");
    }

    proptest! {
        #[test]
        fn every_key_comes_back(secret: [u8; 32]) {
            let identity = Identity::from_secret(secret);
            prop_assert_eq!(Identity::import(&identity.export()).map(|read| read.to_secret()), Ok(secret));
        }

        #[test]
        fn a_changed_character_is_noticed(secret: [u8; 32], place in 15_usize..63, letter in "[A-Za-z0-9_-]") {
            let mut text = Identity::from_secret(secret).export();
            prop_assume!(text[place..=place] != letter);
            text.replace_range(place..=place, &letter);
            prop_assert!(Identity::import(&text).is_err());
        }
    }
}
