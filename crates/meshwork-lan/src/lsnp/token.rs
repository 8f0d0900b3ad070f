//! Tokens of LSNP: `user|expiry|scope`, written by the sender itself. A token proves nothing about the sender.

use std::fmt;

use meshwork_core::time::WallTime;

use super::guest::UserId;

/// Seconds for which a token of ours is valid, and TTL of a post.
pub(super) const TTL: u64 = 3_600;
/// Longest token that is read, in bytes.
const TOKEN_MAX: usize = 256;

/// The permission that a token claims.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Posts.
    Broadcast,
    /// Direct messages.
    Chat,
    /// Following.
    Follow,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Broadcast => "broadcast",
            Scope::Chat => "chat",
            Scope::Follow => "follow",
        })
    }
}

/// Why a token is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The message has none.
    #[error("Token missing")]
    Missing,
    /// It is not `user|expiry|scope`.
    #[error("Invalid token format: {0:?} is not user|expiry|scope")]
    Format(String),
    /// Its expiry has passed.
    #[error("Token expired {0} s ago: compare the clocks of both machines")]
    Expired(u64),
    /// Its user has revoked it.
    #[error("Token revoked")]
    Revoked,
    /// It permits something else.
    #[error("Invalid scope (required: {required}, got: {got})")]
    Scope {
        /// The scope of the message.
        required: Scope,
        /// The scope of the token.
        got: String,
    },
    /// It names another user than the message.
    #[error("Token of {0}, who is not the sender")]
    User(String),
}

/// The parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) user: &'a str,
    expiry: u64,
    scope: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Token<'a>, TokenError> {
        let error = || TokenError::Format(super::frame::fit(text, 64));
        let mut parts = text.rsplitn(3, '|');
        match (text.len() <= TOKEN_MAX, parts.next(), parts.next().map(str::parse), parts.next()) {
            (true, Some(scope), Some(Ok(expiry)), Some(user)) => Ok(Token { user, expiry, scope }),
            _ => Err(error()),
        }
    }

    /// Checks a token of a message from `sender`, whose type requires `required`.
    pub(super) fn check(&self, sender: &UserId, required: Scope, wall: WallTime) -> Result<(), TokenError> {
        if self.user != sender.to_string() {
            return Err(TokenError::User(super::frame::fit(self.user, 64)));
        }
        if self.scope != required.to_string() {
            return Err(TokenError::Scope { required, got: super::frame::fit(self.scope, 32) });
        }
        match seconds(wall).checked_sub(self.expiry) {
            Some(past) if past > 0 => Err(TokenError::Expired(past)),
            _ => Ok(()),
        }
    }
}

/// A token of ours.
pub(super) fn make(user: &UserId, wall: WallTime, scope: Scope) -> String {
    format!("{user}|{}|{scope}", seconds(wall) + TTL)
}

/// Whole seconds since 1970, as LSNP counts.
pub(super) fn seconds(wall: WallTime) -> u64 {
    wall.as_millis() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_fail_with_the_known_words() {
        let (ann, wall) = (UserId::new("ann", [10, 0, 0, 7].into()), WallTime::from_millis(1_000_000));
        let words = |text: &str| {
            let checked = Token::parse(text).and_then(|token| token.check(&ann, Scope::Chat, wall));
            checked.err().map(|error| error.to_string())
        };
        assert_eq!(words(&make(&ann, wall, Scope::Chat)), None);
        assert_eq!(words("ann@10.0.0.7|1000|chat"), None);
        for (text, begin) in [
            ("ann@10.0.0.7|999|chat", "Token expired 1 s ago"),
            ("ann@10.0.0.7|4600|follow", "Invalid scope (required: chat, got: follow)"),
            ("bo@10.0.0.7|4600|chat", "Token of bo@10.0.0.7"),
            ("4600|chat", "Invalid token format"),
            ("ann@10.0.0.7|soon|chat", "Invalid token format"),
        ] {
            assert!(words(text).is_some_and(|words| words.starts_with(begin)), "{text}");
        }
    }
}
