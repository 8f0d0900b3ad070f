//! The shelf of a server: published games as JSON, and signed requests to it.
//!
//! # Problem
//! A server stores games for people whom it knows by their keys alone. A request that changes something must come from the holder of
//! a key, must be meant for this server, and must count once.
//!
//! # How it works
//! A request is a short JSON text, [`Ask`], with its author, a time and a signature under [`REQUEST_LABEL`]. It names the address of
//! the server that the author used. A server refuses a request that is more than [`REQUEST_AGE_MAX_MS`] old or that far in the future,
//! and names its own clock, so that a device with a wrong clock signs it again by a [`RequestClock`]. It also refuses a request that is
//! not newer than its author's last one of the same kind. All other types here are answers: plain values without rules.
//!
//! docs/protocol/play.md has every address.

use meshwork_core::id::{Code, Identity, PeerId};
use meshwork_core::signed::verify::{SIGNATURE_LEN, holds_for_app, sign_for_app};
use meshwork_core::wire::Base64;
use serde::{Deserialize, Serialize};

use crate::package::{PACKAGE_MAX, PackageId};
use crate::release::RELEASE_MAX;

/// The label of signed requests.
pub const REQUEST_LABEL: &str = "meshwork play request v1";
/// Milliseconds by which the time of a request may differ from the server's.
pub const REQUEST_AGE_MAX_MS: u64 = 5 * 60 * 1000;
/// Bytes of a request as JSON: a party's link has at most a few hundred.
pub const REQUEST_MAX: usize = 4 * 1024;
/// The path of the shelf on its server.
pub const GAMES_PATH: &str = "/play/api/games";
/// The path of the packages on their server; an id follows behind a slash.
pub const PACKAGES_PATH: &str = "/play/api/packages";
/// Milliseconds between two notes of a party's host.
pub const NOTE_EVERY_MS: u64 = 10_000;
/// Milliseconds after which the server forgets a party without a note.
pub const PARTY_KEPT_MS: u64 = 30_000;

/// The reason for which a request failed, by the HTTP status of an answer without [`Refused`]: a proxy before the server answered, or
/// the server outside its shelf. `None` if the server has no shelf.
pub fn reason_of(status: u16) -> Option<String> {
    /// Above all bytes of a publication, for the operator of a proxy.
    const PROXY_MIB: usize = PACKAGE_MAX / (1024 * 1024) + 1;
    let behind = match status {
        100..400 | 404 | 405 => return None,
        413 => {
            return Some(format!(
                "a proxy before the server takes no request of this size (status 413): its operator must raise the limit, in nginx by \
                 client_max_body_size {PROXY_MIB}m"
            ));
        }
        429 => return Some(String::from("your network asks too often (status 429): try again in a moment")),
        502 | 503 => "the server behind it does not run or cannot be reached",
        408 | 504 => "the server behind it, or the way to it, was too slow",
        _ => {
            return Some(format!(
                "the server, or a proxy before it, answered with status {status} and no reason"
            ));
        }
    };
    Some(format!(
        "a proxy before the server answered in its place (status {status}): {behind}. Try again in a minute"
    ))
}

/// A published game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Game {
    /// Its code on this server.
    pub code: Code,
    /// The title of the present version.
    pub title: String,
    /// The description of the present version.
    pub description: String,
    /// The key of its author.
    pub author: PeerId,
    /// The name that the author gave; anybody may give any.
    pub author_name: String,
    /// The package of the present version.
    pub package: PackageId,
    /// The length of the package in bytes.
    pub length: u32,
    /// Least and most players.
    pub players: (u8, u8),
    /// The present version.
    pub version: u32,
    /// Whether lists leave it out.
    pub draft: bool,
    /// When it was published first, in milliseconds since 1970.
    pub made_ms: u64,
    /// When the present version was published, in milliseconds since 1970.
    pub changed_ms: u64,
    /// Matches that hosts reported.
    pub plays: u64,
    /// Parties that are noted now.
    pub parties: u32,
    /// Players of all parties that are noted now.
    pub online: u32,
    /// The fullest party with a free seat, or the fullest if none has one: its players and its seats. A game without a party has none
    /// of its seats taken.
    pub seats: (u8, u8),
}

/// A game with all that a visitor needs to play it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GameAnswer {
    /// The game.
    pub game: Game,
    /// The signed release of the present version: [`Release::check`](crate::Release::check) reads it.
    pub release: Base64<RELEASE_MAX>,
    /// The parties that anybody may join: those with a free seat first, the fullest first.
    pub parties: Vec<PartyAnswer>,
}

/// A page of the list of games, the newest change first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GamesAnswer {
    /// The games.
    pub games: Vec<Game>,
    /// The value of `before` for the next page, if there is one.
    pub before: Option<String>,
}

/// A party of a game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyAnswer {
    /// The code of its room.
    pub room: Code,
    /// The link of its room.
    pub link: String,
    /// Players.
    pub seats: u8,
    /// Most players.
    pub most: u8,
    /// Its phase.
    pub phase: Phase,
}

/// The answer to a publication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The code of the game.
    pub code: Code,
    /// The link of the game.
    pub link: String,
    /// The version that is present now.
    pub version: u32,
}

/// Why a server refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The reason, for people.
    pub error: String,
    /// The clock of the server in milliseconds since 1970, if it refused the time of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_ms: Option<u64>,
}

/// The clock for the times of requests to one server: our own, until the server refuses a time and names its own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestClock {
    /// How far the server's clock is ahead of our own, in milliseconds.
    ahead_ms: i64,
}

impl RequestClock {
    /// The time of a request that is made when our own clock shows `own_ms`, both in milliseconds since 1970.
    pub fn at_ms(self, own_ms: u64) -> u64 {
        own_ms.saturating_add_signed(self.ahead_ms)
    }

    /// Reads a refusal that came when our own clock showed `own_ms`. Returns whether the server named its clock: then the caller
    /// signs the request again, once.
    pub fn handle_refused(&mut self, own_ms: u64, refused: &Refused) -> bool {
        let Some(now_ms) = refused.now_ms else { return false };
        let apart = i64::try_from(now_ms.abs_diff(own_ms)).unwrap_or(i64::MAX);
        self.ahead_ms = if now_ms < own_ms { -apart } else { apart };
        true
    }
}

/// The phase of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Players wait for the start.
    Lobby,
    /// A match runs.
    Playing,
    /// A match has ended.
    Ended,
}

/// A host's note of its party: about every [`NOTE_EVERY_MS`], and at each change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyNote {
    /// The code of its room on this server.
    pub room: Code,
    /// The link of its room, which is an open one.
    pub link: String,
    /// Players.
    pub seats: u8,
    /// Most players.
    pub most: u8,
    /// Its phase.
    pub phase: Phase,
    /// Players who entered since the party began.
    #[serde(default)]
    pub joined: u32,
    /// Attempts to enter that failed since the party began.
    #[serde(default)]
    pub failed: u32,
    /// Hosts that the party lost since it began.
    #[serde(default)]
    pub host_losses: u32,
}

/// A host's report of a match that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchNote {
    /// The code of the party's room on this server.
    pub room: Code,
    /// Players at its end.
    pub player_count: u8,
    /// Its duration.
    pub duration_seconds: u32,
    /// Hosts that were lost in it.
    pub host_disconnects: u32,
    /// The mean round-trip time between host and players.
    pub average_latency_ms: u32,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Ask {
    /// To publish a release and its package.
    Publish {
        /// The game that gets a new version; none for a new game.
        code: Option<Code>,
        /// blake3 of the signed release.
        release: Base64<32>,
        /// Whether lists leave the game out.
        draft: bool,
    },
    /// To take a game of the author down.
    Remove {
        /// The game.
        code: Code,
    },
    /// To show a party.
    Party {
        /// The game.
        code: Code,
        /// The party.
        party: PartyNote,
    },
    /// To count a match.
    Session {
        /// The game.
        code: Code,
        /// The match.
        session: MatchNote,
    },
}

/// The text that an author signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    /// The address of the server, as the author used it.
    server: String,
    ask: Ask,
}

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The key of its author.
    pub author: PeerId,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// The text of [`request_body`].
    pub body: String,
    /// The author's signature over [`to_sign`] under [`REQUEST_LABEL`].
    pub signature: Base64<SIGNATURE_LEN>,
}

/// Why a signed request does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is no request.
    #[error("this is not a signed request: {0}")]
    Form(String),
    /// The signature is not its author's.
    #[error("the signature of this request is not its author's")]
    Forged,
    /// Its author's clock is wrong, or it is old.
    #[error(
        "the clock of your device is {} {} the server's, and {} are allowed: set the clock and try again",
        span(*.apart_ms),
        if *.is_ahead { "ahead of" } else { "behind" },
        span(REQUEST_AGE_MAX_MS)
    )]
    Time {
        /// How far its time is from the server's, in milliseconds.
        apart_ms: u64,
        /// Whether it is later than the server's.
        is_ahead: bool,
    },
}

/// Milliseconds, five minutes at least, in words.
fn span(millis: u64) -> String {
    match millis / 60_000 {
        minutes @ ..120 => format!("{minutes} minutes"),
        minutes @ ..2_880 => format!("{} hours", minutes / 60),
        minutes => format!("{} days", minutes / 1_440),
    }
}

/// The text of a request to a server: `server` is its address as the author uses it, without a slash at its end.
pub fn request_body(server: &str, ask: &Ask) -> String {
    let body = Body { server: String::from(server.trim_end_matches('/')), ask: ask.clone() };
    serde_json::to_string(&body).unwrap_or_default()
}

/// The bytes that an author signs under [`REQUEST_LABEL`]: the time in eight bytes, big-endian, and the text.
pub fn to_sign(at_ms: u64, body: &str) -> Vec<u8> {
    [&at_ms.to_be_bytes(), body.as_bytes()].concat()
}

impl Request {
    /// Signs a request.
    pub fn sign(identity: &Identity, at_ms: u64, server: &str, ask: &Ask) -> Request {
        let body = request_body(server, ask);
        let signature = sign_for_app(identity, REQUEST_LABEL, &to_sign(at_ms, &body));
        Request::join(identity.peer(), at_ms, body, signature.expect("the label has a legal length"))
    }

    /// A request whose author signed [`to_sign`] elsewhere.
    pub fn join(author: PeerId, at_ms: u64, body: String, signature: [u8; SIGNATURE_LEN]) -> Request {
        Request { author, at_ms, body, signature: signature.into() }
    }

    /// The request as JSON on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a request, and checks its signature and its age. Returns it with the server's address and its content. The caller
    /// compares the address and refuses what is not newer than the author's last request.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn check(json: &[u8], now_ms: u64) -> Result<(Request, String, Ask), RequestError> {
        let form = |error: serde_json::Error| RequestError::Form(error.to_string());
        if json.len() > REQUEST_MAX {
            return Err(RequestError::Form(format!("it has {} bytes, above {REQUEST_MAX}", json.len())));
        }
        let request: Request = serde_json::from_slice(json).map_err(form)?;
        let signature = request.signature.array().ok_or(RequestError::Forged)?;
        let signed = to_sign(request.at_ms, &request.body);
        if !holds_for_app(&request.author, REQUEST_LABEL, &signed, &signature) {
            return Err(RequestError::Forged);
        }
        let apart_ms = now_ms.abs_diff(request.at_ms);
        if apart_ms > REQUEST_AGE_MAX_MS {
            return Err(RequestError::Time { apart_ms, is_ahead: request.at_ms > now_ms });
        }
        let Body { server, ask } = serde_json::from_str(&request.body).map_err(form)?;
        Ok((request, server, ask))
    }
}

/// The body of a publication: the request on a line, the length of the release in four bytes, big-endian, the release, and the package.
pub fn publication(request: &Request, release: &[u8], package: &[u8]) -> Vec<u8> {
    let length = u32::try_from(release.len()).unwrap_or(u32::MAX);
    [request.to_json().as_bytes(), b"\n", &length.to_be_bytes(), release, package].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> (Identity, Request) {
        let identity = Identity::from_secret([7; 32]);
        let ask = Ask::Remove { code: Code::from_bits(5) };
        let request = Request::sign(&identity, 1_000_000, "https://x.org/mesh/", &ask);
        (identity, request)
    }

    #[test]
    fn requests_return_their_content() {
        let (identity, request) = asked();
        let (read, server, ask) = Request::check(request.to_json().as_bytes(), 1_000_000).unwrap();
        assert_eq!((read.author, server.as_str()), (identity.peer(), "https://x.org/mesh"));
        assert_eq!(ask, Ask::Remove { code: Code::from_bits(5) });
    }

    #[test]
    fn forged_and_old_requests_are_refused() {
        let (_, request) = asked();
        let check = |request: &Request, now| Request::check(request.to_json().as_bytes(), now).map(drop);
        let later = Request { at_ms: 1_000_001, ..request.clone() };
        assert_eq!(check(&later, 1_000_000), Err(RequestError::Forged));
        let other = Request { author: Identity::from_secret([8; 32]).peer(), ..request.clone() };
        assert_eq!(check(&other, 1_000_000), Err(RequestError::Forged));
        let changed = Request { body: request.body.replace("x.org", "y.org"), ..request.clone() };
        assert_eq!(check(&changed, 1_000_000), Err(RequestError::Forged));
        assert_eq!(check(&request, 1_300_000), Ok(()));
        let old = RequestError::Time { apart_ms: 301_000, is_ahead: false };
        assert_eq!(check(&request, 1_301_000), Err(old));
        assert!(matches!(Request::check(b"{}", 0), Err(RequestError::Form(_))));
    }

    #[test]
    fn refused_times_are_told_in_words() {
        let words = |apart_ms, is_ahead| RequestError::Time { apart_ms, is_ahead }.to_string();
        assert_eq!(
            words(1_199_900, true),
            "the clock of your device is 19 minutes ahead of the server's, and 5 minutes are allowed: set the clock and try again"
        );
        assert!(words(300_001, false).contains("is 5 minutes behind the server's"));
        assert!(words(3 * 3_600_000, true).contains("is 3 hours ahead of"));
        assert!(words(u64::MAX, true).contains("days ahead of"));
    }

    #[test]
    fn a_refused_time_is_corrected_once() {
        let mut clock = RequestClock::default();
        let refused = |now_ms| Refused { error: String::new(), now_ms };
        assert!(!clock.handle_refused(1_000, &refused(None)));
        assert_eq!(clock.at_ms(1_000), 1_000);
        assert!(clock.handle_refused(2_200_000, &refused(Some(1_000_000))));
        assert_eq!(clock.at_ms(2_200_500), 1_000_500);
        assert!(clock.handle_refused(5, &refused(Some(1_000_000))));
        assert_eq!(clock.at_ms(5), 1_000_000);
        assert!(clock.handle_refused(0, &refused(Some(u64::MAX))));
        assert_eq!(clock.at_ms(u64::MAX), u64::MAX);
        assert_eq!(serde_json::to_string(&refused(None)).unwrap(), r#"{"error":""}"#);
    }
}
