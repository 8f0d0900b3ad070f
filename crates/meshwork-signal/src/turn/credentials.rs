//! Time-limited credentials in the form of the TURN REST proposal, which coturn's `static-auth-secret` reads too.
//!
//! The username is `<expiry in seconds since 1970>:<name>`, the password base64(HMAC-SHA1(key, username))
//! (draft-uberti-behave-turn-rest-00, section 2.2). Whoever holds the [`Secret`] mints and checks without a table.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::time::WallTime;
use sha1::Sha1;

/// How long credentials of our own peers are good for. Long enough for a join on a bad network and a clock that is
/// minutes off, short enough that a copied pair is soon worthless. An allocation outlives the credentials that made
/// it: [`Config::outlives_credentials`](super::Config::outlives_credentials).
pub const LIFE: Duration = Duration::from_secs(10 * 60);
/// When our own peers fetch new ones: well before the old ones lapse, so that one lost answer does no harm.
pub const RENEW_AFTER: Duration = Duration::from_secs(6 * 60);
/// How long those of `/turn-token` are good for: a day, as its clients fetch them once for all that a page does.
pub const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Characters of the shortest secret: shorter ones could be guessed from one captured password.
pub const SECRET_LEAST: usize = 16;
/// Bytes of the longest name: a username has at most 508 (RFC 8489, section 14.3), of which an expiry takes 21.
pub const NAME_MAX: usize = 480;

/// What server and relay share: credentials are made and checked with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    /// The bytes that the text spells where it is hexadecimal: the key that some minters use instead of the text.
    spelled: Option<Vec<u8>>,
}

/// A pair that opens the relay until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `<expiry>:<name>`.
    pub username: String,
    /// Base64 of 20 bytes.
    pub password: String,
}

/// What a username says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Username<'a> {
    /// From when on it opens nothing, in seconds since 1970.
    pub expires_s: u64,
    /// Who asked for it.
    pub name: &'a str,
}

/// A text cannot be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a TURN secret of {length} characters could be guessed; take at least {SECRET_LEAST} random ones")]
pub struct SecretError {
    /// Its length, in bytes.
    pub length: usize,
}

/// A name cannot stand in a username. Nothing was minted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name of {length} bytes does not fit; it must have 1 to {NAME_MAX}, and no control characters")]
pub struct NameError {
    /// Its length, in bytes.
    pub length: usize,
}

/// Why a pair opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The username is not `<expiry>:<name>`: it is somebody else's kind. Ask this server for credentials.
    #[error("the username is not of the form that this server hands out")]
    Foreign,
    /// Its time is over. Ask for new ones.
    #[error("the credentials expired at {expires_s} s since 1970")]
    Expired {
        /// When that was.
        expires_s: u64,
    },
    /// The password is not the one that belongs to the username. Ask for new ones.
    #[error("the password does not belong to the username")]
    Forged,
}

impl Secret {
    /// The secret that `text` is. Text of hexadecimal digits stands for the bytes that they spell as well: passwords
    /// made with either key are accepted, those minted here are made with the text, as coturn does.
    ///
    /// # Errors
    /// [`SecretError`] for less than [`SECRET_LEAST`] characters.
    pub fn from_text(text: &str) -> Result<Secret, SecretError> {
        if text.len() < SECRET_LEAST {
            return Err(SecretError { length: text.len() });
        }
        Ok(Secret { text: text.to_owned(), spelled: from_hex(text) })
    }

    /// A secret that nobody else knows, from 32 bytes of the system's randomness.
    pub fn from_random(bytes: [u8; 32]) -> Secret {
        let text = STANDARD.encode(bytes);
        Secret { text, spelled: None }
    }

    /// Credentials for `name` that are good until `expires`.
    ///
    /// # Errors
    /// [`NameError`] for an empty name, one of more than [`NAME_MAX`] bytes, or one with control characters.
    pub fn mint(&self, name: &str, expires: WallTime) -> Result<Credentials, NameError> {
        if name.is_empty() || name.len() > NAME_MAX || name.contains(char::is_control) {
            return Err(NameError { length: name.len() });
        }
        let username = format!("{}:{name}", expires.as_millis() / 1000);
        let password = password(self.text.as_bytes(), &username);
        Ok(Credentials { username, password })
    }

    /// Checks a pair at `now`, and says whose it is.
    ///
    /// # Errors
    /// [`CredentialsError`]
    pub fn verify<'a>(
        &self,
        username: &'a str,
        password: &str,
        now: WallTime,
    ) -> Result<Username<'a>, CredentialsError> {
        let read = Username::parse(username).ok_or(CredentialsError::Foreign)?;
        let given = STANDARD.decode(password).map_err(|_| CredentialsError::Forged)?;
        let belongs = self.keys().any(|key| mac(key, username).verify_slice(&given).is_ok());
        if !belongs {
            return Err(CredentialsError::Forged);
        }
        if read.is_expired(now) {
            return Err(CredentialsError::Expired { expires_s: read.expires_s });
        }
        Ok(read)
    }

    /// The passwords that belong to `username`: one, or two where the secret is hexadecimal.
    pub fn passwords(&self, username: &str) -> impl Iterator<Item = String> {
        self.keys().map(move |key| password(key, username))
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        [Some(self.text.as_bytes()), self.spelled.as_deref()].into_iter().flatten()
    }
}

impl<'a> Username<'a> {
    /// Reads `<expiry>:<name>`.
    pub fn parse(username: &'a str) -> Option<Username<'a>> {
        let (expires, name) = username.split_once(':')?;
        let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !name.is_empty() && name.len() <= NAME_MAX;
        let expires_s = expires.parse().ok().filter(|_| is_number && fits)?;
        Some(Username { expires_s, name })
    }

    /// Whether its time is over at `now`.
    pub fn is_expired(&self, now: WallTime) -> bool {
        self.expires_s <= now.as_millis() / 1000
    }

    /// The room for which it was given out, where it was given out for one, and the circle in it where there is one.
    pub fn room(&self) -> Option<&'a str> {
        self.name.split_once(':').map(|(room, _)| room)
    }
}

/// The name under which an endpoint relays for a room: `<room>:<endpoint>`, both in their whole text form.
pub fn name_of(room: &RoomId, endpoint: &Endpoint) -> String {
    format!("{room}:{endpoint}")
}

/// The name under which an endpoint relays for members of a room that show the same token, of which `circle` is the hash:
/// `<room>.<circle>:<endpoint>`, with the first 8 bytes of the hash in hexadecimal. So nobody without the secret of a
/// private room uses up what its members may relay.
pub fn name_in_circle(room: &RoomId, circle: &[u8; 32], endpoint: &Endpoint) -> String {
    let circle: String = circle[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{room}.{circle}:{endpoint}")
}

/// The name under which whoever asks `/turn-token?id=` from a network relays: `<id>@<network>`, so that the same id
/// asked for from two networks is not one name for both. A colon would make it look like that of a room, and spend that
/// room's quota: it becomes a full stop. Control characters go, what is too long is cut.
pub fn name_of_token(id: &str, network: IpAddr) -> String {
    let plain = |text: &str| -> String {
        let plain = text.chars().filter(|letter| !letter.is_control());
        plain.map(|letter| if letter == ':' { '.' } else { letter }).collect()
    };
    let network = plain(&network.to_string());
    let mut name = plain(id);
    let most =
        (0..=(NAME_MAX - network.len() - 1).min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    name.truncate(most.unwrap_or(0));
    if name.is_empty() {
        name = String::from("anon");
    }
    format!("{name}@{network}")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

fn mac(key: &[u8], username: &str) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(username.as_bytes());
    mac
}

fn password(key: &[u8], username: &str) -> String {
    STANDARD.encode(mac(key, username).finalize().into_bytes())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|letter| letter.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: WallTime = WallTime(1_790_000_000_000_000);
    const HEX: &str = "00112233445566778899aabbccddeeff";

    fn secret() -> Secret {
        Secret::from_text(HEX).unwrap()
    }

    /// From OpenSSL: `printf '%s' USERNAME | openssl dgst -sha1 -hmac KEY -binary | base64`, with `-macopt hexkey:`
    /// for the second.
    #[test]
    fn passwords_are_those_of_other_programs() {
        let minted = secret().mint("alice", NOON + LIFE).unwrap();
        assert_eq!(minted.username, "1790000600:alice");
        assert_eq!(minted.password, "y9DzRi+fZ/HpqDAD1VlpOVO17mU=");
        let mut both = secret().passwords("1790000600:alice").collect::<Vec<_>>();
        assert_eq!(both.pop().unwrap(), "jDwoUWpk+raIESglRNLAq+hEvk0=");
        assert_eq!(both, [minted.password]);
    }

    #[test]
    fn a_pair_opens_until_it_expires() {
        let pair = secret().mint("room:alice", NOON + LIFE).unwrap();
        let verify = |at| secret().verify(&pair.username, &pair.password, at);
        assert_eq!(verify(NOON).unwrap().room(), Some("room"));
        assert_eq!(verify(NOON + LIFE), Err(CredentialsError::Expired { expires_s: 1_790_000_600 }));
        assert!(verify(NOON + (LIFE - Duration::from_secs(1))).is_ok());
    }

    #[test]
    fn both_readings_of_a_hexadecimal_secret_open() {
        for password in secret().passwords("1790000600:x") {
            assert!(secret().verify("1790000600:x", &password, NOON).is_ok(), "{password}");
        }
        let worded = Secret::from_text("not hexadecimal at all").unwrap();
        assert_eq!(worded.passwords("1790000600:x").count(), 1);
    }

    #[test]
    fn forged_and_foreign_pairs_open_nothing() {
        let pair = secret().mint("alice", NOON + LIFE).unwrap();
        let other = Secret::from_text("another secret text").unwrap();
        assert_eq!(
            other.verify(&pair.username, &pair.password, NOON),
            Err(CredentialsError::Forged),
            "another server's"
        );
        assert_eq!(
            secret().verify("1790009999:alice", &pair.password, NOON),
            Err(CredentialsError::Forged),
            "prolonged"
        );
        for foreign in ["alice", ":alice", "12:", "+12:alice", "1e9:alice", "99999999999999999999999:alice"] {
            assert_eq!(secret().verify(foreign, "x", NOON), Err(CredentialsError::Foreign), "{foreign}");
        }
    }

    #[test]
    fn secrets_are_long_and_never_shown() {
        assert_eq!(Secret::from_text("short"), Err(SecretError { length: 5 }));
        assert_eq!(format!("{:?}", secret()), "Secret(..)");
        let pair = secret().mint("alice", NOON).unwrap();
        assert!(!format!("{pair:?}").contains(&pair.password));
    }

    #[test]
    fn names_are_bounded() {
        assert!(secret().mint(&"x".repeat(NAME_MAX), NOON).is_ok());
        for wrong in ["", "a\nb", &"x".repeat(NAME_MAX + 1)] {
            assert!(secret().mint(wrong, NOON).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_never_names_a_room() {
        let network = "2001:db8::".parse().unwrap();
        assert_eq!(name_of_token("room:alice\r\n", network), "room.alice@2001.db8..");
        assert_eq!(name_of_token("", network), "anon@2001.db8..");
        assert_eq!(name_of_token(&"é".repeat(NAME_MAX), network).len(), NAME_MAX - 1);
    }
}
