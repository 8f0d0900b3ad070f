//! Messages between a session and the program that runs the game's rules: a worker in a page, `Rules` in the library.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Draw;

/// A tick of a match: sixtieths of a second of the game since its start.
pub type Tick = u64;

/// The text of a JSON value, written into a message as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json(pub String);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: Result<&RawValue, _> = serde_json::from_str(&self.0);
        raw.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// A message to the engine of the game. [`ToGame::to_json`] is its form in a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum ToGame {
    /// Make the first state. The host's engine answers with [`FromGame::Stepped`] of tick 0.
    Setup {
        /// Where the game's randomness starts.
        seed: u32,
        /// Who plays.
        players: Vec<PlayerView>,
        /// Always 0.
        tick: Tick,
    },
    /// Go on by one tick. The host's engine answers with [`FromGame::Stepped`].
    Step(Step),
    /// Continue from this state. No answer.
    Restore {
        /// The tick of the state. The next step is of the tick after it.
        tick: Tick,
        /// The envelope `{state, random, sounds, end, keys}`. `keys` are the names of keys that the match used, by their first use:
        /// maps of a state have their keys in this order.
        envelope: Json,
    },
    /// Draw this state.
    Show(Shown),
    /// The match is over. The last picture stays.
    Stop,
}

impl ToGame {
    /// The message as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One tick of the host's engine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The tick that this step makes.
    pub tick: Tick,
    /// The input of each seat, by slot.
    pub inputs: Vec<InputView>,
    /// Who plays, by slot.
    pub players: Vec<PlayerView>,
    /// Slots whose players are new since the last step.
    pub joined: Vec<u8>,
    /// Slots whose players left since the last step.
    pub left: Vec<u8>,
}

/// A state to be drawn, for players and watchers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The tick of the state.
    pub tick: Tick,
    /// The game's state.
    pub state: Json,
    /// The state of the game's randomness.
    pub random: Json,
    /// The slot of this player, `None` for a watcher.
    pub me: Option<u8>,
    /// Who plays, by slot.
    pub players: Vec<PlayerView>,
    /// The last input of each seat, by slot.
    pub inputs: Vec<InputView>,
    /// Inputs of this player that the state does not contain yet, oldest first.
    pub mine: Vec<InputView>,
    /// How the game is drawn.
    pub draw: Draw,
    /// Sounds since the last shown state.
    pub sounds: Vec<String>,
}

/// A player as games see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlayerView {
    /// The seat, from 0.
    pub slot: u8,
    /// The player's name.
    pub name: String,
    /// `#rrggbb`.
    pub colour: String,
    /// Whether the player is not reached now.
    pub away: bool,
    /// Whether a program plays.
    pub bot: bool,
}

/// An input as games see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputView {
    /// The seat.
    pub slot: u8,
    /// Names of the keys that are held.
    pub held: Vec<&'static str>,
    /// Names of the keys that were pressed since the last input.
    pub pressed: Vec<&'static str>,
    /// The stick's x and y and the second stick's, each from -1 to 1.
    pub axes: [f32; 4],
    /// The pointer's place in the view, each from 0 to 1.
    pub pointer: Option<[f32; 2]>,
}

/// A message from the engine of the game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromGame {
    /// A sixtieth of a second is over: the same as [`super::Session::handle_clock`].
    Tick,
    /// A setup or a step is done.
    Stepped {
        /// Its tick.
        tick: Tick,
        /// The text of the envelope `{state, random, sounds, end}`.
        envelope: String,
    },
    /// The game does not go on.
    Failed(Fault),
}

impl FromGame {
    /// Reads a message, such as `{"is":"stepped","tick":1,"envelope":{..}}`. `None` if it is none of this kind.
    pub fn from_json(text: &str) -> Option<FromGame> {
        #[derive(Deserialize)]
        struct Said<'a> {
            is: &'a str,
            tick: Option<Tick>,
            #[serde(borrow)]
            envelope: Option<&'a RawValue>,
        }
        let said: Said<'_> = serde_json::from_str(text).ok()?;
        match said.is {
            "tick" => Some(FromGame::Tick),
            "stepped" => {
                Some(FromGame::Stepped { tick: said.tick?, envelope: said.envelope?.get().to_owned() })
            }
            "failed" => serde_json::from_str(text).ok().map(FromGame::Failed),
            _ => None,
        }
    }
}

/// Why a game stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The message of the error.
    pub message: String,
    /// The line of the game's program, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// `setup`, `update`, `render` or `load`.
    #[serde(default, rename = "where")]
    pub place: String,
    /// Whether the game cannot go on.
    #[serde(default)]
    pub fatal: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_to_a_runner_keep_states_unchanged() {
        let envelope = Json(r#"{"state":{"x":1.50}}"#.to_owned());
        let restore = ToGame::Restore { tick: 9, envelope };
        assert_eq!(restore.to_json(), r#"{"do":"restore","tick":9,"envelope":{"state":{"x":1.50}}}"#);
        assert_eq!(ToGame::Stop.to_json(), r#"{"do":"stop"}"#);
    }

    #[test]
    fn messages_of_a_runner_are_read() {
        let envelope = r#"{"state":{"x":1.50},"random":[1,2,3,4],"sounds":[],"end":null}"#;
        let text = format!(r#"{{"is":"stepped","tick":7,"envelope":{envelope}}}"#);
        let stepped = FromGame::Stepped { tick: 7, envelope: envelope.to_owned() };
        assert_eq!(FromGame::from_json(&text), Some(stepped));
        let failed = r#"{"is":"failed","message":"x is NaN","line":null,"where":"update","fatal":true}"#;
        let fault =
            Fault { message: "x is NaN".to_owned(), line: None, place: "update".to_owned(), fatal: true };
        assert_eq!(FromGame::from_json(failed), Some(FromGame::Failed(fault)));
        for wrong in [r#"{"is":"stepped","tick":7}"#, r#"{"is":"other"}"#, "[]", ""] {
            assert_eq!(FromGame::from_json(wrong), None, "{wrong}");
        }
    }
}
