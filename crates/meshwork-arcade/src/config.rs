//! Every limit of a shelf, with its unit.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use meshwork_core::id::{Code, PeerId};

/// The people who may publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Publishers {
    /// Anybody.
    Everyone,
    /// Nobody. Games that are there can be played.
    #[default]
    Nobody,
    /// The holders of these keys.
    Keys(BTreeSet<PeerId>),
}

impl Publishers {
    /// Whether the holder of this key may publish.
    pub fn admits(&self, author: PeerId) -> bool {
        match self {
            Publishers::Everyone => true,
            Publishers::Nobody => false,
            Publishers::Keys(keys) => keys.contains(&author),
        }
    }
}

impl FromStr for Publishers {
    type Err = String;

    /// Reads `everyone`, `nobody`, or keys with commas between them.
    fn from_str(text: &str) -> Result<Publishers, String> {
        match text.trim() {
            "everyone" => return Ok(Publishers::Everyone),
            "nobody" => return Ok(Publishers::Nobody),
            _ => {}
        }
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
        let keys: BTreeSet<PeerId> = keys
            .map(|key| key.parse().map_err(|_| format!("`{key}` is not everyone, nobody or a peer's key")))
            .collect::<Result<_, String>>()?;
        if keys.is_empty() {
            Err(String::from("give everyone, nobody or keys of peers"))
        } else {
            Ok(Publishers::Keys(keys))
        }
    }
}

impl fmt::Display for Publishers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Publishers::Everyone => f.write_str("everyone"),
            Publishers::Nobody => f.write_str("nobody"),
            Publishers::Keys(keys) => {
                let keys: Vec<String> = keys.iter().map(PeerId::to_string).collect();
                f.write_str(&keys.join(","))
            }
        }
    }
}

/// Milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Draws a code that may be taken.
pub type Draw = Arc<dyn Fn() -> Code + Send + Sync>;

/// The people who may publish, and their limits.
#[derive(Clone)]
pub struct ArcadeConfig {
    /// The people who may publish.
    pub publishers: Publishers,
    /// Bytes of packages that one network may publish in a day.
    pub network_bytes_a_day: u64,
    /// Games that one network may publish in a day; versions of a game count as games.
    pub network_games_a_day: u32,
    /// Matches that one network may report in a day.
    pub network_matches_a_day: u32,
    /// Games of one key on the shelf.
    pub games_of_a_key: u32,
    /// Bytes of all packages on the shelf.
    pub bytes_max: u64,
    /// The public address of the server, if it has one: signed requests name it, or an address of this machine.
    pub public_url: Option<String>,
    /// The time.
    pub clock: Clock,
    /// Draws codes.
    pub draw: Draw,
}

impl Default for ArcadeConfig {
    fn default() -> ArcadeConfig {
        ArcadeConfig {
            publishers: Publishers::default(),
            network_bytes_a_day: 64 * 1024 * 1024,
            network_games_a_day: 20,
            network_matches_a_day: 500,
            games_of_a_key: 50,
            bytes_max: 16 * 1024 * 1024 * 1024,
            public_url: None,
            clock: Arc::new(wall_clock),
            draw: Arc::new(random_code),
        }
    }
}

impl fmt::Debug for ArcadeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcadeConfig").field("publishers", &self.publishers).finish_non_exhaustive()
    }
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

/// A code by the system's randomness. Without any the first code is drawn each time, and publications fail with words.
fn random_code() -> Code {
    let mut bytes = [0; 4];
    let _ = getrandom::fill(&mut bytes);
    Code::from_bits(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_are_words_or_keys() {
        let key = PeerId([7; 32]);
        assert_eq!("everyone".parse(), Ok(Publishers::Everyone));
        assert_eq!("nobody".parse(), Ok(Publishers::Nobody));
        let keys: Publishers = format!("{key}, {key}").parse().unwrap();
        assert_eq!(keys, Publishers::Keys([key].into()));
        assert!(keys.admits(key) && !keys.admits(PeerId([8; 32])));
        for wrong in ["", ",", "everybody", "everyone,nobody"] {
            assert!(wrong.parse::<Publishers>().is_err(), "{wrong}");
        }
    }
}
