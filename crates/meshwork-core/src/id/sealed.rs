//! An identity behind a passphrase: a file of age in its text armour, with one recipient, `scrypt`
//! (<https://age-encryption.org/v1>, "File format" and "The scrypt recipient type").
//!
//! # Problem
//! A key that lies in a file or goes through somebody's mail is whoever's who finds it. Sealed, it is of no use without the
//! passphrase, here, in a page and in the hands of the program age alike.
//!
//! # How it works
//! A key of 16 bytes made for this file encrypts what is in it. It lies in the file's head, itself encrypted by a key that
//! scrypt makes of the passphrase. One identity fits into the first chunk of age's, so there is no other. The format's other recipients,
//! which the program age has, open nothing here.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::Identity;

/// Longest text that is read, in bytes: an identity of one line, its head, and armour.
pub const SEALED_MAX: usize = 4096;
/// Bytes of randomness that sealing takes: the file's key, the salt of the passphrase and the nonce of the content, 16 each.
pub const SEALING_LEN: usize = 48;

/// The work that opening a sealed identity takes, as a power of two: a second or less, and 256 MiB. A page, which has less of
/// both, takes a quarter.
const WORK: u8 = if cfg!(target_arch = "wasm32") { 16 } else { 18 };
/// How much of it a text may ask for: 1 GiB, and 256 MiB in a page.
const WORK_MAX: u8 = if cfg!(target_arch = "wasm32") { 18 } else { 20 };
const ARMOUR: [&str; 2] = ["-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"];
/// Characters of a line of armour, all but the last.
const LINE: usize = 64;
const VERSION: &str = "age-encryption.org/v1\n";
const RECIPIENT: &str = "-> scrypt ";
/// What precedes the head's checksum.
const END: &str = "---";
const SCRYPT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// Bytes of the file's key, of the salt and of the content's nonce.
const KEY_LEN: usize = 16;
/// What the head's key is encrypted with, which is used once.
const FIRST: [u8; 12] = [0; 12];
/// The nonce of a first chunk that is the last: a counter of eleven bytes, and one.
const ONLY_CHUNK: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Why a text does not become an identity. It never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The passphrase is another one: try again.
    #[error("this is not the passphrase that the identity was sealed with")]
    WrongPassphrase,
    /// It is no file of age that a passphrase opens, or part of it is missing: copy it again, from its first dashes on.
    #[error("this is no sealed identity, or part of it is missing")]
    NotSealed,
    /// It asks for more work than this program does, as a power of two: seal it anew with less.
    #[error("opening it would take 2 to the {0} steps of work, more than this program does")]
    TooMuchWork(u8),
    /// It opens, and is no identity, in words: something else was sealed.
    #[error("{0}")]
    NoIdentity(String),
}

/// What a sealed text consists of.
struct Sealed<'a> {
    /// From the version to the dashes before the checksum.
    head: &'a [u8],
    salt: [u8; KEY_LEN],
    /// The power of two of the work.
    work: u8,
    wrapped: Vec<u8>,
    checksum: Vec<u8>,
    nonce: &'a [u8],
    content: &'a [u8],
}

impl Identity {
    /// The identity as a text that a passphrase opens, here by [`Identity::unseal`] and elsewhere by `age --decrypt`. It takes
    /// up to a second of work, in which the thread does nothing else, and so does each guess at the passphrase. `fresh` must be
    /// random and used for nothing else.
    pub fn seal(&self, passphrase: &str, fresh: [u8; SEALING_LEN]) -> String {
        self.seal_with(passphrase, WORK, &fresh)
    }

    fn seal_with(&self, passphrase: &str, work: u8, fresh: &[u8; SEALING_LEN]) -> String {
        let line = alloc::format!("{}\n", self.export());
        armoured(&sealed(line.as_bytes(), passphrase, work, fresh))
    }

    /// Whether a text says of itself that it is sealed, and is to be [opened](Identity::unseal) rather than
    /// [imported](Identity::import).
    pub fn is_sealed(text: &str) -> bool {
        text.trim_start().starts_with(ARMOUR[0])
    }

    /// The identity that a text was sealed from. It takes up to a second of work where it was sealed here, and never more than
    /// four times that.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal(text: &str, passphrase: &str) -> Result<Identity, UnsealError> {
        Identity::unseal_within(text, passphrase, WORK_MAX)
    }

    /// The same with no more work than 2 to this power.
    fn unseal_within(text: &str, passphrase: &str, most_work: u8) -> Result<Identity, UnsealError> {
        let file = text_of_armour(text).ok_or(UnsealError::NotSealed)?;
        let sealed = Sealed::read(&file).ok_or(UnsealError::NotSealed)?;
        if sealed.work > most_work {
            return Err(UnsealError::TooMuchWork(sealed.work));
        }
        let wrapping = passphrase_key(passphrase, &sealed.salt, sealed.work);
        let file_key = decrypt(&wrapping, &FIRST, &sealed.wrapped).ok_or(UnsealError::WrongPassphrase)?;
        let file_key: [u8; KEY_LEN] = file_key.try_into().map_err(|_| UnsealError::NotSealed)?;
        let is_whole = head_mac(&file_key, sealed.head).verify_slice(&sealed.checksum).is_ok();
        let content = decrypt(&content_key(&file_key, sealed.nonce), &ONLY_CHUNK, sealed.content);
        let content = content.filter(|_| is_whole).ok_or(UnsealError::NotSealed)?;
        let text = core::str::from_utf8(&content).unwrap_or_default();
        Identity::import(text).map_err(|error| UnsealError::NoIdentity(error.to_string()))
    }
}

impl<'a> Sealed<'a> {
    fn read(file: &'a [u8]) -> Option<Sealed<'a>> {
        let mut rest = file;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            core::str::from_utf8(line).ok()
        };
        let (version, recipient, wrapped, checksum) = (line()?, line()?, line()?, line()?);
        if version != VERSION.trim_end() {
            return None;
        }
        let (salt, work) = recipient.strip_prefix(RECIPIENT)?.split_once(' ')?;
        let is_number = work.bytes().all(|byte| byte.is_ascii_digit()) && !work.starts_with('0');
        let checksum = checksum.strip_prefix(END)?.strip_prefix(' ')?;
        let head = file.len() - rest.len() - checksum.len() - " \n".len();
        let (nonce, content) = rest.split_at_checked(KEY_LEN)?;
        Some(Sealed {
            head: &file[..head],
            salt: STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?,
            work: work.parse().ok().filter(|_| is_number)?,
            wrapped: STANDARD_NO_PAD.decode(wrapped).ok()?,
            checksum: STANDARD_NO_PAD.decode(checksum).ok()?,
            nonce,
            content,
        })
    }
}

/// A file with this in it.
fn sealed(content: &[u8], passphrase: &str, work: u8, fresh: &[u8; SEALING_LEN]) -> Vec<u8> {
    let [file_key, salt, nonce] = parts(fresh);
    let wrapped = encrypt(&passphrase_key(passphrase, &salt, work), &FIRST, &file_key);
    let (salt, wrapped) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(wrapped));
    let head = alloc::format!("{VERSION}{RECIPIENT}{salt} {work}\n{wrapped}\n{END}");
    let checksum = STANDARD_NO_PAD.encode(head_mac(&file_key, head.as_bytes()).finalize().into_bytes());
    let mut file = alloc::format!("{head} {checksum}\n").into_bytes();
    file.extend(nonce);
    file.extend(encrypt(&content_key(&file_key, &nonce), &ONLY_CHUNK, content));
    file
}

/// Three keys, one after the other.
fn parts(fresh: &[u8; SEALING_LEN]) -> [[u8; KEY_LEN]; 3] {
    core::array::from_fn(|part| core::array::from_fn(|place| fresh[part * KEY_LEN + place]))
}

/// What the file's key is encrypted with.
fn passphrase_key(passphrase: &str, salt: &[u8; KEY_LEN], work: u8) -> [u8; 32] {
    let parameters = scrypt::Params::new(work, 8, 1).expect("the work fits into memory's addresses");
    let mut key = [0; 32];
    scrypt::scrypt(passphrase.as_bytes(), &[SCRYPT_LABEL, salt].concat(), &parameters, &mut key)
        .expect("a key of 32 bytes is made");
    key
}

fn head_mac(file_key: &[u8; KEY_LEN], head: &[u8]) -> Hmac<Sha256> {
    let key = derived(file_key, None, b"header");
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&key).expect("HMAC takes keys of every length");
    mac.update(head);
    mac
}

fn content_key(file_key: &[u8; KEY_LEN], nonce: &[u8]) -> [u8; 32] {
    derived(file_key, Some(nonce), b"payload")
}

fn derived(file_key: &[u8; KEY_LEN], salt: Option<&[u8]>, label: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    hkdf::Hkdf::<Sha256>::new(salt, file_key).expand(label, &mut key).expect("HKDF gives 32 bytes");
    key
}

fn encrypt(key: &[u8; 32], nonce: &[u8; 12], plain: &[u8]) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.encrypt(nonce.into(), plain).expect("a few bytes are encrypted into memory")
}

fn decrypt(key: &[u8; 32], nonce: &[u8; 12], sealed: &[u8]) -> Option<Vec<u8>> {
    ChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), sealed).ok()
}

fn armoured(file: &[u8]) -> String {
    let mut text = String::from(ARMOUR[0]);
    for (place, character) in STANDARD.encode(file).chars().enumerate() {
        if place % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    alloc::format!("{text}\n{}\n", ARMOUR[1])
}

fn text_of_armour(text: &str) -> Option<Vec<u8>> {
    if text.len() > SEALED_MAX {
        return None;
    }
    let mut lines = text.trim().lines().map(str::trim_end);
    let is_armour = lines.next() == Some(ARMOUR[0]) && lines.next_back() == Some(ARMOUR[1]);
    let characters: String = lines.collect();
    STANDARD.decode(characters).ok().filter(|_| is_armour)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Little work: what is tested does not hang on how much it is.
    const LITTLE: u8 = 4;

    fn example() -> Identity {
        Identity::from_secret(core::array::from_fn(|place| place as u8))
    }

    fn unsealed(text: &str, passphrase: &str) -> Result<Identity, UnsealError> {
        Identity::unseal_within(text, passphrase, 12)
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed() {
        let sealed = example().seal_with("correct horse", LITTLE, &[3; SEALING_LEN]);
        assert!(Identity::is_sealed(&sealed) && !Identity::is_sealed(&example().export()));
        assert_eq!(unsealed(&sealed, "correct horse").unwrap().peer(), example().peer());
        let with_spaces = alloc::format!("\n {}\r\n", sealed.replace('\n', "\r\n"));
        assert_eq!(unsealed(&with_spaces, "correct horse").unwrap().peer(), example().peer());
        assert_eq!(unsealed(&sealed, "wrong horse").unwrap_err(), UnsealError::WrongPassphrase);
    }

    #[test]
    fn the_documented_file_of_age_is_opened() {
        let page = include_str!("../../../../docs/protocol/identity.md");
        let [begin, end] = ARMOUR.map(|line| page.find(&alloc::format!("\n{line}")).unwrap());
        let by_age = &page[begin..end + 1 + ARMOUR[1].len()];
        assert_eq!(unsealed(by_age, "correct horse").unwrap().peer(), example().peer());
        assert_eq!(unsealed(by_age, "correct").unwrap_err(), UnsealError::WrongPassphrase);
    }

    #[test]
    fn other_files_of_age_are_told_apart() {
        let fresh = [9; SEALING_LEN];
        let other = armoured(&sealed(b"no identity", "x", LITTLE, &fresh));
        assert!(matches!(unsealed(&other, "x"), Err(UnsealError::NoIdentity(_))));
        let other = armoured(&sealed(&[0xff; 8], "x", LITTLE, &fresh));
        assert!(matches!(unsealed(&other, "x"), Err(UnsealError::NoIdentity(_))));
        let file = sealed(example().export().as_bytes(), "x", LITTLE, &fresh);
        let head = VERSION.len();
        let for_key = [&file[..head], b"-> X25519 ", &file[head + RECIPIENT.len()..]].concat();
        assert_eq!(unsealed(&armoured(&for_key), "x").unwrap_err(), UnsealError::NotSealed);
    }

    #[test]
    fn every_changed_byte_closes_a_file() {
        let sealed = example().seal_with("correct horse", LITTLE, &[5; SEALING_LEN]);
        let file = text_of_armour(&sealed).unwrap();
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert!(unsealed(&armoured(&changed), "correct horse").is_err(), "byte {place}");
            assert!(unsealed(&armoured(&file[..place]), "correct horse").is_err(), "{place} bytes");
        }
        for text in ["", "nonsense", &sealed[..sealed.len() / 2], &"x".repeat(SEALED_MAX + 1)] {
            assert_eq!(unsealed(text, "correct horse").unwrap_err(), UnsealError::NotSealed, "{text}");
        }
    }

    #[test]
    fn too_much_work_is_refused_before_it_begins() {
        let sealed = example().seal_with("correct horse", 1, &[7; SEALING_LEN]);
        let file = text_of_armour(&sealed).unwrap();
        let place = file.windows(3).position(|three| three == b" 1\n").unwrap();
        for (number, error) in [
            ("60", UnsealError::TooMuchWork(60)),
            ("13", UnsealError::TooMuchWork(13)),
            ("01", UnsealError::NotSealed),
            ("+1", UnsealError::NotSealed),
            ("999", UnsealError::NotSealed),
        ] {
            let greedy = [&file[..=place], number.as_bytes(), &file[place + 2..]].concat();
            assert_eq!(unsealed(&armoured(&greedy), "correct horse").unwrap_err(), error);
        }
    }
}
