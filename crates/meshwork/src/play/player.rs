//! Somebody in a party: the person's events and acts.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork_play::session::Counts;
use meshwork_play::{
    Act, ActError, Config, Event, FromGame, Lobby, Pace, Party, PlayerInput, Session, Shown,
};
use tokio::sync::Notify;

use super::Can;
use super::machine::SeatLock;
use super::member::{Effect, PartyMember};
use super::stage::Stage;
use crate::app::App;
use crate::session::{Handle, Running};
use crate::shared::locked;

/// Events that wait for a reader; then the oldest is dropped. A party has some ten in a minute.
const EVENTS_MAX: usize = 256;

/// Somebody in a party. Dropped, it leaves the party.
pub struct Player {
    running: Running<PartyMember>,
    told: Arc<Told>,
    _lock: SeatLock,
}

/// The events of a player and the states to draw, to be read beside the player. Each is handed to one reader.
pub struct GameEvents {
    told: Arc<Told>,
}

/// An event for a player.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GameEvent {
    /// Something happened in the party.
    Party(Event),
    /// A newer state of the game, to draw now. A reader that is slow gets the newest alone, with the sounds of those before it.
    Shown(Box<Shown>),
}

/// Events and a state that wait for a reader.
#[derive(Default)]
struct Told {
    waiting: Mutex<Waiting>,
    /// Wakes the readers.
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    shown: Option<Box<Shown>>,
    is_over: bool,
}

/// The end that the run of a player writes. Dropped with the run, it ends the events.
struct Teller(Arc<Told>);

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
        let (me, draw, now) = (app.room.me(), party.draw, app.room.now());
        let session = Session::new(me, name, party, can, config, seed, now);
        let mut stage = Stage::new(engine, draw);
        let member = PartyMember::new(session, stage.needs_clock());
        let told = Arc::<Told>::default();
        let teller = Teller(Arc::clone(&told));
        // The session is not locked while the engine runs: an engine may act.
        let carry_out = move |handle: &Handle<PartyMember>, effect| match effect {
            Effect::Game(me, message) => {
                let (answer, shown) = stage.run(me, &message);
                if let Some(answer) = answer {
                    handle.with(|member, now| member.session.handle_game(now, answer));
                }
                if let Some(shown) = shown {
                    teller.change(|waiting| waiting.show(shown));
                }
            }
            Effect::Event(event) => teller.change(|waiting| waiting.note(event)),
        };
        Player { running: app.run(member, carry_out), told, _lock: lock }
    }

    /// Waits for the next event, or the next state to draw; `None` once the party was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GameEvent> {
        self.told.next().await
    }

    /// The same events, for a reader that waits while this player acts.
    pub fn events(&self) -> GameEvents {
        GameEvents { told: Arc::clone(&self.told) }
    }

    /// Holds these keys, sticks and this pointer from now on, until the next call.
    pub fn hold(&self, input: PlayerInput) {
        self.running.with(|member, now| member.session.hold(now, input));
    }

    /// Does something in the party: sits down, is ready, starts the match, leaves.
    ///
    /// # Errors
    /// [`ActError`]; nothing happened.
    pub fn act(&self, act: Act) -> Result<(), ActError> {
        self.running.with(|member, now| member.session.act(now, act))
    }

    /// A message of an engine [with a loop of its own](super::Engine::has_loop): a sixtieth of a second is over, a step is done, or
    /// the game does not go on.
    pub fn answer(&self, message: FromGame) {
        self.running.with(|member, now| member.session.handle_game(now, message));
    }

    /// The seats, the host, and the phase of the match.
    pub fn lobby(&self) -> Lobby {
        self.running.read(|member| member.session.lobby().clone())
    }

    /// The seat of this player, if it has one.
    pub fn slot(&self) -> Option<u8> {
        self.running.read(|member| member.session.slot())
    }

    /// Whether this program is the host.
    pub fn is_host(&self) -> bool {
        self.running.read(|member| member.session.is_host())
    }

    /// The quality of the game: ping, loss, rate, and why it stutters.
    pub fn pace(&self) -> Pace {
        self.running.read(|member| member.session.pace())
    }

    /// The time until the first tick of a match that is starting.
    pub fn countdown(&self) -> Option<Duration> {
        let now = self.running.now();
        self.running.read(|member| member.session.countdown(now))
    }

    /// How many others watch.
    pub fn watchers(&self) -> usize {
        self.running.read(|member| member.session.watchers())
    }

    /// Counts since this player entered, such as hosts that were lost.
    pub fn counts(&self) -> Counts {
        self.running.read(|member| member.session.counts())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.act(Act::Leave);
    }
}

impl GameEvents {
    /// Waits for the next event, or the next state to draw; `None` once the party was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GameEvent> {
        self.told.next().await
    }
}

impl Told {
    async fn next(&self) -> Option<GameEvent> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before the look, so that nothing is missed in between.
            changed.as_mut().enable();
            {
                let mut waiting = locked(&self.waiting);
                if let Some(event) = waiting.events.pop_front() {
                    return Some(GameEvent::Party(event));
                }
                if let Some(shown) = waiting.shown.take() {
                    return Some(GameEvent::Shown(shown));
                }
                if waiting.is_over {
                    return None;
                }
            }
            changed.await;
        }
    }
}

impl Teller {
    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut locked(&self.0.waiting));
        self.0.changed.notify_waiters();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.change(|waiting| waiting.is_over = true);
    }
}

impl Waiting {
    /// The oldest events give way to newer ones.
    fn note(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Keeps a state to draw, with the sounds of those before it that nobody read.
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

impl fmt::Debug for GameEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GameEvents").finish_non_exhaustive()
    }
}
