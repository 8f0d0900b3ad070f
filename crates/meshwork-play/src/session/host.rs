//! The host: takes one input of each seat a tick, hands them to the game's engine, and keeps the seats.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;

use super::Session;
use super::engine::{Fault, InputView, Step, Tick, ToGame};
use super::frames::{BySlot, Frames};
use super::lobby::{COUNTDOWN, Ending, Lobby, Phase, Seat};
use super::queue::Queue;
use super::types::{Act, ActError, End, Event, Output};
use crate::packets::{InputPacket, NAME_MAX, RESULT_MAX, Said};
use crate::{PlayerInput, input};

/// A player counts as linked for so long after its last packet.
pub(crate) const LIVE_FOR: Duration = Duration::from_millis(1500);
/// Silence after which a player is shown as away.
const AWAY_AFTER: Duration = Duration::from_secs(3);
/// Time for which the seat of a silent player is kept.
pub(crate) const SEAT_FOR: Duration = Duration::from_secs(60);
/// Time after which a side that waits for others gives up.
pub(crate) const WAIT_FOR: Duration = Duration::from_secs(30);
/// Time for which a host may be hidden before it hands over.
const HIDDEN_FOR: Duration = Duration::from_secs(2);
/// Time for the next host to begin after it was asked to.
const HANDING_FOR: Duration = Duration::from_secs(1);
/// Time between two repetitions of the lobby.
const SAY_AGAIN: Duration = Duration::from_secs(20);
/// Time between two broadcasts of a lobby that changes.
const SAY_REST: Duration = Duration::from_millis(100);
/// Packets of one seat in a second: half as many again as an honest one sends.
const PACKETS_MAX: u32 = 90;
/// Time for the engine to answer: a device that sleeps for some seconds is no fault of the game.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Steps that the engine has not answered.
const PENDING_MAX: usize = 2;

/// A seat as its host serves it.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) endpoint: Endpoint,
    pub(crate) heard: Time,
    pub(crate) queue: Queue,
    pub(crate) acked: Option<Tick>,
    pub(crate) sent: u32,
    pub(crate) due: Tick,
    pub(crate) whole_at: Option<Time>,
    pub(crate) beat_at: Time,
    budget: (Time, u32),
}

impl Feed {
    pub(crate) fn new(endpoint: Endpoint, heard: Time, queue: Queue) -> Feed {
        let budget = (heard, 0);
        Feed {
            endpoint,
            heard,
            queue,
            acked: None,
            sent: 0,
            due: 0,
            whole_at: None,
            beat_at: Time(0),
            budget,
        }
    }

    /// Whether a packet may be read. Those beyond the rate are dropped.
    fn admits(&mut self, now: Time) -> bool {
        if now.since(self.budget.0) >= Duration::from_secs(1) {
            self.budget = (now, 0);
        }
        self.budget.1 += 1;
        self.budget.1 <= PACKETS_MAX
    }
}

/// A step that the engine works on.
#[derive(Clone, Debug)]
struct Pending {
    tick: Tick,
    since: Time,
    lobby: Arc<Lobby>,
    consumed: BySlot<u32>,
    inputs: BySlot<PlayerInput>,
}

/// What a host keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosting {
    pub(crate) feeds: BTreeMap<u8, Feed>,
    pending: VecDeque<Pending>,
    next_tick: Tick,
    starts_at: Option<Time>,
    said: Option<(u32, Time)>,
    hidden_since: Option<Time>,
    pub(crate) waits_since: Option<Time>,
    /// When this host asked another one to go on.
    pub(crate) handing_since: Option<Time>,
    /// People that the game knows.
    known: Vec<(u8, PeerId)>,
    pub(crate) watch: super::watch::Cast,
}

impl Hosting {
    /// The host's task behind the state of `frames`. Players in `live` count as heard.
    pub(crate) fn new(now: Time, lobby: &Lobby, frames: &Frames, live: &[PeerId]) -> Hosting {
        let mut hosting = Hosting::default();
        let newest = frames.newest().filter(|_| lobby.phase == Phase::Playing);
        for seat in &lobby.seats {
            let slot = usize::from(seat.slot);
            // Inputs are counted for the endpoint that numbered them.
            let before = newest
                .filter(|frame| frame.lobby.seat_at(seat.endpoint).is_some_and(|old| old.slot == seat.slot));
            let queue = match before {
                Some(frame) => Queue::after(frame.consumed[slot], frame.inputs[slot], now),
                None => Queue::default(),
            };
            let heard = if live.contains(&seat.endpoint.peer) { now } else { now - LIVE_FOR };
            hosting.feeds.insert(seat.slot, Feed::new(seat.endpoint, heard, queue));
        }
        hosting.next_tick = newest.map_or(0, |frame| frame.tick + 1);
        hosting.known = newest.map(|frame| people(&frame.lobby)).unwrap_or_default();
        hosting.starts_at = (lobby.phase == Phase::Starting).then(|| now + COUNTDOWN);
        hosting
    }

    pub(crate) fn feed_of(&mut self, endpoint: Endpoint) -> Option<(u8, &mut Feed)> {
        self.feeds.iter_mut().find(|(_, feed)| feed.endpoint == endpoint).map(|(slot, feed)| (*slot, feed))
    }

    pub(crate) fn starts_at(&self) -> Option<Time> {
        self.starts_at
    }

    pub(crate) fn say_soon(&mut self) {
        self.said = None;
    }
}

fn people(lobby: &Lobby) -> Vec<(u8, PeerId)> {
    lobby.seats.iter().map(|seat| (seat.slot, seat.endpoint.peer)).collect()
}

fn missing(from: &[(u8, PeerId)], of: &[(u8, PeerId)]) -> Vec<u8> {
    of.iter().filter(|person| !from.contains(person)).map(|(slot, _)| *slot).collect()
}

/// An input as games see it.
pub(crate) fn view(slot: u8, held: &PlayerInput, pressed: u64) -> InputView {
    InputView {
        slot,
        held: input::names(held.held).collect(),
        pressed: input::names(pressed).collect(),
        axes: held.axes.map(|axis| f32::from(axis.max(-127)) / 127.0),
        pointer: held.pointer.map(|(x, y)| [x, y].map(|place| f32::from(place) / 65_535.0)),
    }
}

impl Session {
    /// Changes the lobby as its host.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Lobby)) {
        let mut lobby = Lobby::clone(&self.lobby);
        change(&mut lobby);
        if lobby != *self.lobby {
            lobby.version += 1;
            self.adopt(Arc::new(lobby));
        }
    }

    /// Seats whose players follow this host now, this one included.
    pub(crate) fn live(&self, now: Time) -> u8 {
        let Some(hosting) = &self.hosting else { return 0 };
        let is_live = |feed: &&Feed| feed.endpoint == self.me || now.since(feed.heard) < LIVE_FOR;
        hosting.feeds.values().filter(is_live).count() as u8
    }

    /// The own inputs that the state does not contain, with which this program becomes the host.
    pub(crate) fn offer_own(&mut self, now: Time) {
        let Some(hosting) = &mut self.hosting else { return };
        let Some((_, feed)) = hosting.feed_of(self.me) else { return };
        self.hands.forget_old(now);
        self.hands.consumed(feed.queue.consumed());
        self.hands.kept().for_each(|(number, input)| feed.queue.offer(number, *input));
    }

    /// The regular work of a host.
    pub(crate) fn run_host(&mut self, now: Time) {
        self.run_seats(now);
        self.run_halves(now);
        self.run_hidden(now);
        let Some(hosting) = &mut self.hosting else { return };
        if hosting.handing_since.is_some_and(|since| now.since(since) >= HANDING_FOR) {
            hosting.handing_since = None;
        }
        if hosting.starts_at.is_some_and(|at| at <= now) {
            hosting.starts_at = None;
            self.set_up(now);
        }
        self.run_engine(now);
        self.say_lobby(now);
        self.send_beats(now);
        self.run_watch(now);
    }

    /// An engine that does not answer ends the match.
    fn run_engine(&mut self, now: Time) {
        let pending = self.hosting.as_ref().and_then(|hosting| hosting.pending.front());
        if pending.is_some_and(|pending| now.since(pending.since) >= ANSWER_WITHIN) {
            let message = format!("the game did not answer within {} seconds", ANSWER_WITHIN.as_secs());
            self.fail(now, Fault { message, line: None, place: String::from("update"), fatal: true });
        }
    }

    fn run_seats(&mut self, now: Time) {
        let Some(hosting) = &mut self.hosting else { return };
        if let Some((_, feed)) = hosting.feed_of(self.me) {
            feed.heard = now;
        }
        let silent = |feed: &Feed, most: Duration| now.since(feed.heard) >= most;
        let gone: Vec<u8> =
            hosting.feeds.iter().filter(|(_, feed)| silent(feed, SEAT_FOR)).map(|(slot, _)| *slot).collect();
        hosting.feeds.retain(|slot, _| !gone.contains(slot));
        let away: BTreeMap<u8, bool> =
            hosting.feeds.iter().map(|(slot, feed)| (*slot, silent(feed, AWAY_AFTER))).collect();
        let is_away = |seat: &Seat| away.get(&seat.slot).copied().unwrap_or(seat.away);
        if gone.is_empty() && self.lobby.seats.iter().all(|seat| seat.away == is_away(seat)) {
            return;
        }
        self.edit(|lobby| {
            lobby.seats.retain(|seat| !gone.contains(&seat.slot));
            lobby.seats.iter_mut().for_each(|seat| seat.away = is_away(seat));
        });
    }

    /// A side with fewer than half of the seats waits, and gives up after [`WAIT_FOR`].
    fn run_halves(&mut self, now: Time) {
        let (live, seats) = (usize::from(self.live(now)), self.lobby.seats.len());
        let is_playing = self.lobby.phase == Phase::Playing;
        let waits = is_playing && live * 2 < seats && !planted_fault!(FewGoOn);
        let Some(hosting) = &mut self.hosting else { return };
        match (waits, hosting.waits_since) {
            (true, None) => hosting.waits_since = Some(now),
            (true, Some(since)) if now.since(since) >= WAIT_FOR => return self.dissolve(now),
            (false, _) => hosting.waits_since = None,
            _ => {}
        }
        if self.lobby.waits != waits {
            self.edit(|lobby| lobby.waits = waits);
        }
    }

    fn run_hidden(&mut self, now: Time) {
        let is_hidden = self.config.hidden;
        let Some(hosting) = &mut self.hosting else { return };
        if !is_hidden {
            hosting.hidden_since = None;
            return;
        }
        let since = *hosting.hidden_since.get_or_insert(now);
        if now.since(since) >= HIDDEN_FOR && hosting.handing_since.is_none() {
            hosting.hidden_since = Some(now);
            if let Some(to) = self.next_host(now, true) {
                self.hand_over(now, to, false);
            }
        }
    }

    pub(crate) fn say_lobby(&mut self, now: Time) {
        let version = self.lobby.version;
        let Some(hosting) = &mut self.hosting else { return };
        let is_due = match hosting.said {
            None => true,
            Some((said, at)) => now.since(at) >= if said == version { SAY_AGAIN } else { SAY_REST },
        };
        if is_due {
            hosting.said = Some((version, now));
            let said = Said::Lobby(Lobby::clone(&self.lobby));
            self.say(&said);
        }
    }

    /// Asks the engine for the first state.
    pub(crate) fn set_up(&mut self, now: Time) {
        let round = self.lobby.round.saturating_add(1);
        self.edit(|lobby| {
            lobby.round = round;
            lobby.ending = None;
        });
        self.frames = Frames::new(round, self.lobby.term);
        let seed = self.rng.next_u64() as u32;
        #[cfg(feature = "planted-bugs")]
        let first = super::planted::first_tick();
        #[cfg(not(feature = "planted-bugs"))]
        let first = 0;
        let Some(hosting) = &mut self.hosting else { return };
        for feed in hosting.feeds.values_mut() {
            (feed.acked, feed.due, feed.whole_at) = (None, first, None);
        }
        hosting.known = people(&self.lobby);
        hosting.next_tick = first + 1;
        let lobby = self.lobby.clone();
        let players = lobby.players();
        let consumed = consumed(&hosting.feeds);
        hosting.pending =
            VecDeque::from([Pending { tick: first, since: now, lobby, consumed, inputs: BySlot::default() }]);
        self.outputs.push_back(Output::Game(ToGame::Setup { seed, players, tick: first }));
    }

    /// A sixtieth of a second is over.
    pub(crate) fn run_clock(&mut self, now: Time) {
        let lobby = self.lobby.clone();
        let Some(hosting) = &mut self.hosting else { return };
        let is_running =
            lobby.phase == Phase::Playing && hosting.waits_since.is_none() && hosting.handing_since.is_none();
        if !is_running || hosting.pending.len() >= PENDING_MAX {
            return;
        }
        let tick = hosting.next_tick;
        hosting.next_tick += 1;
        if let Some((_, feed)) = hosting.feed_of(self.me) {
            let (number, input) = self.hands.one(now);
            feed.queue.offer(number, input);
        }
        let mut held = BySlot::<PlayerInput>::default();
        let mut inputs = Vec::new();
        for (slot, feed) in &mut hosting.feeds {
            let (input, pressed) = feed.queue.next(now);
            held[usize::from(*slot)] = input;
            inputs.push(view(*slot, &input, pressed));
        }
        let people = people(&lobby);
        let (joined, left) = (missing(&hosting.known, &people), missing(&people, &hosting.known));
        hosting.known = people;
        let players = lobby.players();
        let consumed = consumed(&hosting.feeds);
        hosting.pending.push_back(Pending { tick, since: now, lobby, consumed, inputs: held });
        self.outputs.push_back(Output::Game(ToGame::Step(Step { tick, inputs, players, joined, left })));
    }

    /// The engine answered.
    pub(crate) fn handle_stepped(&mut self, now: Time, tick: Tick, envelope: &str) {
        let Some(hosting) = &mut self.hosting else { return };
        if hosting.pending.front().is_none_or(|pending| pending.tick != tick) {
            return;
        }
        let Some(pending) = hosting.pending.pop_front() else { return };
        let own = pending.lobby.seat_at(self.me).map(|seat| pending.consumed[usize::from(seat.slot)]);
        let entered = self.frames.enter(tick, envelope, pending.lobby, pending.consumed, pending.inputs);
        let end = match entered {
            Ok(end) => end,
            Err(fault) => return self.fail(now, fault),
        };
        if let Some(own) = own {
            self.hands.consumed(own);
        }
        self.counts.tick = tick;
        self.meter.note(now, (tick & u64::from(u32::MAX)) as u32, tick, 0);
        if self.lobby.phase == Phase::Starting {
            self.edit(|lobby| lobby.phase = Phase::Playing);
        }
        self.send_states(now);
        if let Some(words) = end {
            self.finish(now, Ending::Over(words));
        }
    }

    /// The game cannot go on.
    pub(crate) fn fail(&mut self, now: Time, fault: Fault) {
        self.outputs.push_back(Output::Event(Event::Fault(fault.clone())));
        let is_on = matches!(self.lobby.phase, Phase::Playing | Phase::Starting);
        if self.hosting.is_some() && is_on && fault.fatal {
            // Players get the message alone.
            let mut message = match fault.line {
                Some(line) => format!("Line {line}: {}", fault.message),
                None => fault.message,
            };
            message.truncate(message.floor_char_boundary(RESULT_MAX));
            self.finish(now, Ending::Failed(message));
        }
    }

    fn finish(&mut self, now: Time, ending: Ending) {
        let winners = winners(&ending);
        self.edit(|lobby| {
            lobby.phase = Phase::Ended;
            lobby.waits = false;
            for seat in &mut lobby.seats {
                seat.ready = false;
                seat.wins = seat.wins.saturating_add(u16::from(winners.contains(&seat.slot)));
            }
            lobby.ending = Some(ending);
        });
        if let Some(hosting) = &mut self.hosting {
            hosting.pending.clear();
            hosting.starts_at = None;
            hosting.say_soon();
        }
        self.say_lobby(now);
    }

    /// Leaves the line with those who are here, for a new one.
    fn dissolve(&mut self, now: Time) {
        let live: Vec<Endpoint> = match &self.hosting {
            Some(hosting) => hosting.feeds.values().filter(|feed| now.since(feed.heard) < LIVE_FOR),
            None => return,
        }
        .map(|feed| feed.endpoint)
        .collect();
        self.joining.give_up(self.lobby.line);
        let mut lobby = self.new_lobby();
        lobby.seats = self.lobby.seats.iter().filter(|seat| live.contains(&seat.endpoint)).cloned().collect();
        lobby.seats.iter_mut().for_each(|seat| (seat.ready, seat.away) = (false, false));
        self.outputs.push_back(Output::Event(Event::Ended(End::HostGone)));
        let people: Vec<PeerId> = lobby.seats.iter().map(|seat| seat.endpoint.peer).collect();
        self.frames = Frames::default();
        self.hosting = Some(Hosting::new(now, &lobby, &self.frames, &people));
        self.adopt(Arc::new(lobby));
        self.welcome_all(now);
    }

    /// An input packet of a seat.
    pub(crate) fn handle_input(&mut self, now: Time, from: Endpoint, packet: &InputPacket) {
        let (line, term) = (self.lobby.line, self.lobby.term);
        let round = self.lobby.round;
        let Some(hosting) = &mut self.hosting else { return };
        let mut slot = hosting.feed_of(from).map(|(slot, _)| slot);
        if planted_fault!(OthersInput) {
            let mut slots = self.lobby.seats.iter().map(|seat| seat.slot);
            slot = slots.find(|slot| self.lobby.host_slot() != Some(*slot)).or(slot);
        }
        let Some((slot, feed)) = slot.and_then(|slot| Some((slot, hosting.feeds.get_mut(&slot)?))) else {
            return;
        };
        if packet.line != line {
            return;
        }
        if packet.term != term {
            return self.welcome_slot(now, slot);
        }
        if !feed.admits(now) {
            self.counts.refused += 1;
            return;
        }
        feed.heard = now;
        if let Some(acked) =
            packet.acked.filter(|tick| packet.round == round && self.frames.frame(*tick).is_some())
        {
            feed.acked = Some(feed.acked.map_or(acked, |old| old.max(acked)));
        }
        let mut inputs: Vec<(u32, PlayerInput)> = packet.inputs().collect();
        inputs.reverse();
        for (number, input) in inputs {
            feed.queue.offer(number, input);
        }
        if self.lobby.seat(slot).is_some_and(|seat| seat.away) {
            self.edit(|lobby| lobby.seat_mut(slot).into_iter().for_each(|seat| seat.away = false));
        }
    }

    /// An action that is the host's alone.
    pub(crate) fn act_as_host(&mut self, now: Time, act: &Act) -> Result<(), ActError> {
        let Some(hosting) = &self.hosting else { return Err(ActError::NotHost) };
        match act {
            Act::Start => self.start(now),
            Act::Again if self.lobby.phase == Phase::Ended => {
                self.edit(|lobby| {
                    lobby.phase = Phase::Gathering;
                    lobby.ending = None;
                });
                Ok(())
            }
            Act::Kick(slot) => match self.lobby.seat(*slot).map(|seat| seat.endpoint) {
                Some(endpoint) if endpoint != self.me => {
                    self.kick(endpoint);
                    Ok(())
                }
                _ => Err(ActError::NoSuchSeat(*slot)),
            },
            Act::HandOver if hosting.handing_since.is_none() => {
                let to = self.next_host(now, false).ok_or(ActError::NobodyElse)?;
                self.hand_over(now, to, false);
                Ok(())
            }
            _ => Err(ActError::Phase),
        }
    }

    fn start(&mut self, now: Time) -> Result<(), ActError> {
        self.lobby.may_start(self.party.players.0)?;
        self.edit(|lobby| {
            lobby.phase = Phase::Starting;
            lobby.ending = None;
        });
        if let Some(hosting) = &mut self.hosting {
            hosting.starts_at = Some(now + COUNTDOWN);
        }
        self.say_lobby(now);
        Ok(())
    }
}

fn consumed(feeds: &BTreeMap<u8, Feed>) -> BySlot<u32> {
    let mut consumed = BySlot::default();
    for (slot, feed) in feeds {
        consumed[usize::from(*slot)] = feed.queue.consumed();
    }
    consumed
}

/// Slots that a game names as `winner` or `winners` at its end.
fn winners(ending: &Ending) -> Vec<u8> {
    let Ending::Over(words) = ending else { return Vec::new() };
    let Ok(words) = serde_json::from_str::<serde_json::Value>(words) else { return Vec::new() };
    let slot = |value: &serde_json::Value| value.as_u64().and_then(|slot| u8::try_from(slot).ok());
    let many = words["winners"].as_array().into_iter().flatten().filter_map(slot);
    many.chain(slot(&words["winner"])).take(NAME_MAX).collect()
}
