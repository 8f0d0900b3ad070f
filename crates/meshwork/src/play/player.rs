//! Somebody in a party: the person's events and acts.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshwork_core::time::Time;
use meshwork_play::session::{InputView, Json, PlayerView};
use meshwork_play::{
    Act, ActError, Config, Draw, Event, FromGame, Lobby, Output, Pace, Party, PlayerInput, Session, Shown,
    Step, ToGame,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Can;
use super::driver::Driver;
use super::rules::Engine;
use crate::app::App;

/// Events that wait for a reader; then the oldest is dropped. A party has some ten in a minute.
const EVENTS_MAX: usize = 256;

/// Somebody in a party. Dropped, it leaves the party.
pub struct Player {
    inner: Arc<Inner>,
}

/// Something that a player is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GameEvent {
    /// Something happened in the party.
    Party(Event),
    /// A newer state of the game is to be drawn. A reader that is slow gets the newest alone, with the sounds of those before it.
    Shown(Box<Shown>),
}

/// The state that a player and its driver share.
pub(super) struct Inner {
    state: Mutex<State>,
    begun: Instant,
    /// Wakes the driver.
    pub(super) acted: Notify,
    /// Wakes the reader.
    told: Notify,
}

pub(super) struct State {
    pub(super) session: Session,
    engine: Option<Box<dyn Engine>>,
    draw: Draw,
    /// The last step of this program's engine, if it hosts.
    step: Scene,
    events: VecDeque<Event>,
    shown: Option<Box<Shown>>,
    pub(super) is_over: bool,
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

impl Player {
    pub(super) fn enter(app: &App, party: Party, can: Can, name: &str, seed: [u8; 32]) -> Player {
        let config = Config { bot: matches!(can, Can::Bot), ..Config::default() };
        let (can, engine) = match can {
            Can::Host(engine) => (meshwork_play::Can::Host, Some(engine)),
            Can::Play | Can::Bot => (meshwork_play::Can::Play, None),
            Can::Watch => (meshwork_play::Can::Watch, None),
        };
        let (me, draw, begun) = (app.room.me(), party.draw, Instant::now());
        let session = Session::new(me, name, party, can, config, seed, Time(0));
        let state = State {
            session,
            engine,
            draw,
            step: Scene::default(),
            events: VecDeque::new(),
            shown: None,
            is_over: false,
        };
        let (acted, told) = (Notify::new(), Notify::new());
        let inner = Arc::new(Inner { state: Mutex::new(state), begun, acted, told });
        let driver = Driver::new(app.clone(), Arc::clone(&inner));
        app.room.shared().runner.spawn(Box::pin(driver.run()));
        Player { inner }
    }

    /// Waits for the next event, or the next state to draw; `None` once the party was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GameEvent> {
        loop {
            let told = self.inner.told.notified();
            {
                let mut state = self.inner.state();
                if let Some(event) = state.events.pop_front() {
                    return Some(GameEvent::Party(event));
                }
                if let Some(shown) = state.shown.take() {
                    return Some(GameEvent::Shown(shown));
                }
                if state.is_over {
                    return None;
                }
            }
            told.await;
        }
    }

    /// Holds these keys, sticks and this pointer from now on, until the next call.
    pub fn hold(&self, input: PlayerInput) {
        let now = self.inner.now();
        self.inner.state().session.hold(now, input);
        self.inner.acted.notify_one();
    }

    /// Does something in the party: sits down, is ready, starts the match, leaves.
    ///
    /// # Errors
    /// [`ActError`]; nothing happened.
    pub fn act(&self, act: Act) -> Result<(), ActError> {
        let now = self.inner.now();
        let done = self.inner.state().session.act(now, act);
        self.inner.acted.notify_one();
        done
    }

    /// The seats, the host, and the phase of the match.
    pub fn lobby(&self) -> Lobby {
        self.inner.state().session.lobby().clone()
    }

    /// The seat of this player, if it has one.
    pub fn slot(&self) -> Option<u8> {
        self.inner.state().session.slot()
    }

    /// Whether this program is the host.
    pub fn is_host(&self) -> bool {
        self.inner.state().session.is_host()
    }

    /// The quality of the game: ping, loss, rate, and why it stutters.
    pub fn pace(&self) -> Pace {
        self.inner.state().session.pace()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.act(Act::Leave);
        self.inner.state().is_over = true;
        self.inner.acted.notify_one();
    }
}

impl Inner {
    /// A panic while the lock was held left the session whole or ended the party.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Time {
        Time(0) + self.begun.elapsed()
    }

    /// The moment of a time of the session.
    pub(super) fn at(&self, time: Time) -> Instant {
        self.begun + time.since(Time(0))
    }

    /// Runs the engine and tells the reader. Returns what is to be sent.
    pub(super) fn drain(&self) -> Vec<Output> {
        let (mut sends, mut tells, now) = (Vec::new(), false, self.now());
        let mut state = self.state();
        while let Some(output) = state.session.poll_output() {
            match output {
                Output::Game(message) => tells |= state.run(now, message),
                Output::Event(event) => {
                    if state.events.len() == EVENTS_MAX {
                        state.events.pop_front();
                    }
                    state.events.push_back(event);
                    tells = true;
                }
                output => sends.push(output),
            }
        }
        drop(state);
        if tells {
            self.told.notify_one();
        }
        sends
    }

    /// Nothing more happens.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.told.notify_one();
    }
}

impl State {
    /// Whether this program's engine needs a clock.
    pub(super) fn has_clock(&self) -> bool {
        self.engine.is_some() && self.session.is_host()
    }

    /// Hands a message to the engine, and its answer to the session. Returns whether there is something to draw.
    fn run(&mut self, now: Time, message: ToGame) -> bool {
        match &message {
            ToGame::Show(shown) => {
                let mut shown = Box::new(shown.clone());
                let engine = self.engine.as_mut().filter(|_| self.draw == Draw::Predict);
                if let Some(state) = engine.and_then(|engine| engine.ahead(&shown)) {
                    shown.state = state;
                }
                self.show(shown);
                return true;
            }
            ToGame::Setup { players, .. } => {
                self.step = Scene { players: players.clone(), inputs: Vec::new() };
            }
            ToGame::Step(Step { players, inputs, .. }) => {
                self.step = Scene { players: players.clone(), inputs: inputs.clone() };
            }
            _ => {}
        }
        let Some(engine) = &mut self.engine else { return false };
        let Some(answer) = engine.handle(&message) else { return false };
        let own = match &answer {
            FromGame::Stepped { tick, envelope } => self.own_picture(*tick, envelope),
            FromGame::Tick | FromGame::Failed(_) => None,
        };
        self.session.handle_game(now, answer);
        let tells = own.is_some();
        own.into_iter().for_each(|shown| self.show(shown));
        tells
    }

    /// The picture of a host: its engine's newest state.
    fn own_picture(&self, tick: u64, envelope: &str) -> Option<Box<Shown>> {
        let Envelope { state, random, sounds } = serde_json::from_str(envelope).ok()?;
        Some(Box::new(Shown {
            tick,
            state: Json(state.get().to_owned()),
            random: Json(random.get().to_owned()),
            me: self.session.slot(),
            players: self.step.players.clone(),
            inputs: self.step.inputs.clone(),
            mine: Vec::new(),
            draw: self.draw,
            sounds,
        }))
    }

    fn show(&mut self, mut shown: Box<Shown>) {
        if let Some(before) = self.shown.take() {
            shown.sounds.splice(0..0, before.sounds);
        }
        self.shown = Some(shown);
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("slot", &self.slot()).finish_non_exhaustive()
    }
}
