//! The engine of this program, and the states that its player draws.

use meshwork_play::session::{InputView, Json, PlayerView};
use meshwork_play::{Draw, FromGame, Shown, Step, ToGame};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::rules::Engine;

/// The engine of a player, if it has one.
pub(super) struct Stage {
    engine: Option<Box<dyn Engine>>,
    draw: Draw,
    /// The last step of the engine, if this program hosts.
    step: Scene,
}

/// The part of a picture that a host's engine does not return.
#[derive(Default)]
struct Scene {
    players: Vec<PlayerView>,
    inputs: Vec<InputView>,
}

/// The parts of an envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    state: &'a RawValue,
    #[serde(borrow)]
    random: &'a RawValue,
    sounds: Vec<String>,
}

impl Stage {
    pub(super) fn new(engine: Option<Box<dyn Engine>>, draw: Draw) -> Stage {
        Stage { engine, draw, step: Scene::default() }
    }

    /// Whether a host's engine is stepped by the driver's clock.
    pub(super) fn needs_clock(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| !engine.has_loop())
    }

    /// Hands a message to the engine. Returns its answer, and the state that the player of this slot draws.
    pub(super) fn run(&mut self, me: Option<u8>, message: &ToGame) -> (Option<FromGame>, Option<Box<Shown>>) {
        match message {
            ToGame::Show(shown) if !self.engine.as_ref().is_some_and(|engine| engine.draws()) => {
                return (None, Some(self.show(shown)));
            }
            ToGame::Setup { players, .. } => {
                self.step = Scene { players: players.clone(), inputs: Vec::new() };
            }
            ToGame::Step(Step { players, inputs, .. }) => {
                self.step = Scene { players: players.clone(), inputs: inputs.clone() };
            }
            _ => {}
        }
        let Some(engine) = &mut self.engine else { return (None, None) };
        let answer = engine.handle(message);
        let draws_itself = engine.has_loop() || engine.draws();
        let own = match &answer {
            Some(FromGame::Stepped { tick, envelope }) if !draws_itself => {
                self.own_picture(me, *tick, envelope)
            }
            _ => None,
        };
        (answer, own)
    }

    fn show(&mut self, shown: &Shown) -> Box<Shown> {
        let mut shown = Box::new(shown.clone());
        let engine = self.engine.as_mut().filter(|_| self.draw == Draw::Predict);
        if let Some(state) = engine.and_then(|engine| engine.ahead(&shown)) {
            shown.state = state;
        }
        shown
    }

    /// The picture of a host: its engine's newest state.
    fn own_picture(&self, me: Option<u8>, tick: u64, envelope: &str) -> Option<Box<Shown>> {
        let Envelope { state, random, sounds } = serde_json::from_str(envelope).ok()?;
        Some(Box::new(Shown {
            tick,
            state: Json(state.get().to_owned()),
            random: Json(random.get().to_owned()),
            me,
            players: self.step.players.clone(),
            inputs: self.step.inputs.clone(),
            mine: Vec::new(),
            draw: self.draw,
            sounds,
        }))
    }
}
