//! Somebody in a party: the person's events and acts.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshwork_core::time::Time;
use meshwork_play::session::Counts;
use meshwork_play::{
    Act, ActError, Config, Event, FromGame, Lobby, Pace, Party, PlayerInput, Session, Shown,
};
use tokio::sync::Notify;

use super::Can;
use super::clock::Clock;
use super::driver::Driver;
use super::machine::SeatLock;
use super::stage::Stage;
use crate::app::App;

/// Events that wait for a reader; then the oldest is dropped. A party has some ten in a minute.
const EVENTS_MAX: usize = 256;

/// Somebody in a party. Dropped, it leaves the party.
pub struct Player {
    inner: Arc<Inner>,
    _lock: SeatLock,
}

/// The events of a player and the states to draw, to be read beside the player. Each is handed to one reader.
pub struct GameEvents {
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
    clock: Clock,
    /// Wakes the driver.
    pub(super) acted: Notify,
    /// Wakes the reader.
    told: Notify,
}

pub(super) struct State {
    pub(super) session: Session,
    events: VecDeque<Event>,
    shown: Option<Box<Shown>>,
    pub(super) is_over: bool,
}

impl Player {
    pub(super) fn enter(
        app: &App,
        party: Party,
        can: Can,
        name: &str,
        seed: [u8; 32],
        lock: SeatLock,
    ) -> Player {
        let config = Config { bot: matches!(can, Can::Bot), ..Config::default() };
        let (can, engine) = match can {
            Can::Host(engine) => (meshwork_play::Can::Host, Some(engine)),
            Can::Play | Can::Bot => (meshwork_play::Can::Play, None),
            Can::Watch => (meshwork_play::Can::Watch, None),
        };
        let (me, draw, clock) = (app.room.me(), party.draw, Clock::begin());
        let session = Session::new(me, name, party, can, config, seed, clock.now());
        let state = State { session, events: VecDeque::new(), shown: None, is_over: false };
        let (acted, told) = (Notify::new(), Notify::new());
        let inner = Arc::new(Inner { state: Mutex::new(state), clock, acted, told });
        let driver = Driver::new(app.clone(), Arc::clone(&inner), Stage::new(engine, draw));
        app.room.shared().runner.spawn(Box::pin(driver.run()));
        Player { inner, _lock: lock }
    }

    /// Waits for the next event, or the next state to draw; `None` once the party was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GameEvent> {
        self.inner.next().await
    }

    /// The same events, for a reader that waits while this player acts.
    pub fn events(&self) -> GameEvents {
        GameEvents { inner: Arc::clone(&self.inner) }
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

    /// A message of an engine [with a loop of its own](super::Engine::has_loop): a sixtieth of a second is over, a step is done, or
    /// the game does not go on.
    pub fn answer(&self, message: FromGame) {
        let now = self.inner.now();
        self.inner.state().session.handle_game(now, message);
        self.inner.acted.notify_one();
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

    /// The time until the first tick of a match that is starting.
    pub fn countdown(&self) -> Option<Duration> {
        let now = self.inner.now();
        self.inner.state().session.countdown(now)
    }

    /// How many others watch.
    pub fn watchers(&self) -> usize {
        self.inner.state().session.watchers()
    }

    /// Counts since this player entered, such as hosts that were lost.
    pub fn counts(&self) -> Counts {
        self.inner.state().session.counts()
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

impl GameEvents {
    /// Waits for the next event, or the next state to draw; `None` once the party was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GameEvent> {
        self.inner.next().await
    }
}

impl Inner {
    async fn next(&self) -> Option<GameEvent> {
        loop {
            let told = self.told.notified();
            {
                let mut state = self.state();
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

    /// A panic while the lock was held left the session whole or ended the party.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The reader has something to read.
    pub(super) fn tell(&self) {
        self.told.notify_one();
    }

    /// Nothing more happens.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.told.notify_waiters();
        self.told.notify_one();
    }
}

impl State {
    /// The oldest events give way to newer ones.
    pub(super) fn note(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A state is to be drawn, with the sounds of those before it that nobody read.
    pub(super) fn show(&mut self, mut shown: Box<Shown>) {
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

impl fmt::Debug for GameEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GameEvents").finish_non_exhaustive()
    }
}
