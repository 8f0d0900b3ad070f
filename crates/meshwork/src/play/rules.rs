//! The rules of a game in Rust: its first state, and each of its ticks.

use std::collections::BTreeMap;

use meshwork_core::json;
use meshwork_play::session::{Fault, InputView, Json, PlayerView};
use meshwork_play::{FromGame, Shown, Step, Tick, ToGame};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Most sounds of one tick.
const SOUNDS_MAX: usize = 16;
/// Most steps that a player computes ahead of the host's state.
const AHEAD_MAX: usize = 20;

/// The rules of a game. The host of a party runs them 60 times a second, the next host goes on from the same state, and players
/// run them ahead if the party predicts.
///
/// A state is whatever serde can write as JSON, without NaN and infinities. Rules keep nothing beside it: another program may go
/// on from it.
pub trait Rules: Send + 'static {
    /// The state of a game.
    type State: Serialize + DeserializeOwned + Send;

    /// Makes the state of a new match.
    fn setup(&mut self, players: &[PlayerView], random: &mut Random) -> Self::State;

    /// Changes the state by one tick, a sixtieth of a second.
    fn update(&mut self, state: &mut Self::State, turn: &mut Turn<'_>);
}

/// One tick of a game: its inputs, and what it has beside the state.
#[derive(Debug)]
pub struct Turn<'a> {
    step: &'a Step,
    random: &'a mut Random,
    sounds: Vec<String>,
    end: Option<Result<String, String>>,
}

/// Random numbers of a game. Their state is sent with the game's state, so that the next host draws the same ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Random([u32; 4]);

/// The program that runs a game, for a game that [`Rules`] do not fit: it is handed each message and answers `setup` and `step`.
pub trait Engine: Send + 'static {
    /// Handles a message. [`ToGame::Setup`] and [`ToGame::Step`] have an answer.
    fn handle(&mut self, message: &ToGame) -> Option<FromGame>;

    /// The state that a player draws: the host's state with the player's own inputs that the host has not consumed. `None` if
    /// the host's state is to be drawn.
    fn ahead(&mut self, _shown: &Shown) -> Option<Json> {
        None
    }

    /// Whether the engine has a loop of its own: while it hosts it draws its own states, which the player's reader does not get, and
    /// hands ticks to [`Player::answer`](super::Player::answer) 60 times a second.
    fn has_loop(&self) -> bool {
        false
    }

    /// Whether the engine draws the host's states itself: it is handed [`ToGame::Show`] too, in the order of its other messages, and
    /// the player's reader gets no states.
    fn draws(&self) -> bool {
        false
    }
}

/// Rules as an engine.
pub(super) struct RulesEngine<R: Rules> {
    rules: R,
    /// The state of the match, once it began.
    game: Option<(R::State, Random)>,
}

/// The part of an envelope from which the next host goes on.
#[derive(Deserialize)]
struct Restored<S> {
    state: S,
    random: Random,
}

impl Turn<'_> {
    /// The number of this tick; the first is 1.
    pub fn tick(&self) -> Tick {
        self.step.tick
    }

    /// Everybody who has a seat, by slot.
    pub fn players(&self) -> &[PlayerView] {
        &self.step.players
    }

    /// Slots of players who sat down since the last tick.
    pub fn joined(&self) -> &[u8] {
        &self.step.joined
    }

    /// Slots of players who left since the last tick.
    pub fn left(&self) -> &[u8] {
        &self.step.left
    }

    /// The input of a player.
    pub fn input(&self, slot: u8) -> Option<&InputView> {
        self.step.inputs.iter().find(|input| input.slot == slot)
    }

    /// Whether a player holds a key or button, by its name in [`input::NAMES`](super::input::NAMES).
    pub fn held(&self, slot: u8, name: &str) -> bool {
        self.input(slot).is_some_and(|input| input.held.contains(&name))
    }

    /// Whether a player pressed a key or button since the last tick.
    pub fn pressed(&self, slot: u8, name: &str) -> bool {
        self.input(slot).is_some_and(|input| input.pressed.contains(&name))
    }

    /// The game's random numbers.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// Has everybody hear a sound of this name, once. At most 16 a tick.
    pub fn sound(&mut self, name: &str) {
        if self.sounds.len() < SOUNDS_MAX {
            self.sounds.push(name.to_owned());
        }
    }

    /// Ends the match after this tick, with this result for everybody.
    pub fn end(&mut self, result: &impl Serialize) {
        self.end = Some(text(result));
    }
}

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u32) -> Random {
        let mut mixed = seed;
        let mut next = || {
            mixed = mixed.wrapping_add(0x9e37_79b9);
            let mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x21f0_aaad);
            let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x735a_2d97);
            mixed ^ (mixed >> 15)
        };
        Random([next(), next(), next(), next()])
    }

    /// The next number, of all 32 bits (sfc32). Pages draw the same numbers from the same state.
    pub fn bits(&mut self) -> u32 {
        let Random([a, b, c, d]) = self;
        let sum = a.wrapping_add(*b).wrapping_add(*d);
        *d = d.wrapping_add(1);
        *a = *b ^ (*b >> 9);
        *b = c.wrapping_add(*c << 3);
        *c = c.rotate_left(21).wrapping_add(sum);
        sum
    }

    /// A number below `most`; 0 if that is 0.
    pub fn below(&mut self, most: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(most)) >> 32) as u32
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.bits()) / (f64::from(u32::MAX) + 1.0)
    }
}

impl<R: Rules> RulesEngine<R> {
    pub(super) fn new(rules: R) -> RulesEngine<R> {
        RulesEngine { rules, game: None }
    }

    fn step(&mut self, step: &Step) -> Result<String, Fault> {
        let Some((state, random)) = &mut self.game else {
            return Err(fault("load", "the state of the game is missing"));
        };
        let mut turn = Turn { step, random, sounds: Vec::new(), end: None };
        self.rules.update(state, &mut turn);
        let Turn { sounds, end, .. } = turn;
        let end = end.transpose().map_err(|words| fault("update", &words))?;
        envelope(state, random, &sounds, end.as_deref()).map_err(|words| fault("update", &words))
    }

    fn restore(&mut self, envelope: &Json) -> Result<(), Fault> {
        let restored = serde_json::from_str::<Restored<R::State>>(&envelope.0);
        let Restored { state, random } = restored.map_err(|error| fault("load", &error.to_string()))?;
        self.game = Some((state, random));
        Ok(())
    }
}

impl<R: Rules> Engine for RulesEngine<R> {
    fn handle(&mut self, message: &ToGame) -> Option<FromGame> {
        let (tick, done) = match message {
            ToGame::Setup { seed, players, tick } => {
                let mut random = Random::new(*seed);
                let state = self.rules.setup(players, &mut random);
                let done = envelope(&state, &random, &[], None).map_err(|words| fault("setup", &words));
                self.game = Some((state, random));
                (*tick, done)
            }
            ToGame::Step(step) => (step.tick, self.step(step)),
            ToGame::Restore { envelope, .. } => return self.restore(envelope).err().map(FromGame::Failed),
            ToGame::Show(_) => return None,
            ToGame::Stop => {
                self.game = None;
                return None;
            }
        };
        Some(match done {
            Ok(envelope) => FromGame::Stepped { tick, envelope },
            Err(fault) => FromGame::Failed(fault),
        })
    }

    fn ahead(&mut self, shown: &Shown) -> Option<Json> {
        let me = shown.me.filter(|_| !shown.mine.is_empty())?;
        let mut state: R::State = serde_json::from_str(&shown.state.0).ok()?;
        let mut random: Random = serde_json::from_str(&shown.random.0).ok()?;
        let mut inputs: BTreeMap<u8, InputView> =
            shown.inputs.iter().map(|input| (input.slot, input.clone())).collect();
        // Others go on as they did; they press nothing twice.
        inputs.values_mut().for_each(|input| input.pressed.clear());
        let skipped = shown.mine.len().saturating_sub(AHEAD_MAX);
        for (mine, tick) in shown.mine.iter().skip(skipped).zip(shown.tick + 1..) {
            inputs.insert(me, mine.clone());
            let step = Step {
                tick,
                inputs: inputs.values().cloned().collect(),
                players: shown.players.clone(),
                joined: Vec::new(),
                left: Vec::new(),
            };
            let mut turn = Turn { step: &step, random: &mut random, sounds: Vec::new(), end: None };
            self.rules.update(&mut state, &mut turn);
        }
        text(&state).ok().map(Json)
    }
}

/// The envelope of a tick.
fn envelope(
    state: &impl Serialize,
    random: &Random,
    sounds: &[String],
    end: Option<&str>,
) -> Result<String, String> {
    let (state, random, sounds) = (text(state)?, text(random)?, text(sounds)?);
    let end = end.unwrap_or("null");
    Ok(format!(r#"{{"state":{state},"random":{random},"sounds":{sounds},"end":{end}}}"#))
}

/// A value as JSON.
fn text(value: &(impl Serialize + ?Sized)) -> Result<String, String> {
    let bytes = json::to_vec(value).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn fault(place: &str, message: &str) -> Fault {
    Fault { message: message.to_owned(), line: None, place: place.to_owned(), fatal: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_draw_the_numbers_of_pages() {
        let mut random = Random::new(7);
        let drawn = [0; 4].map(|_: u32| random.bits());
        assert_eq!(drawn, [1_107_360_437, 179_633_292, 2_841_767_865, 698_294_578]);
        assert_eq!(random, Random([774_310_066, 204_944_253, 3_293_181_771, 1_648_156_491]));
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
