//! Sessions with engines, hands and clocks in virtual time, and the checkers that look on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::time::Time;
use meshwork_play::loopback::{Loopback, Way};
use meshwork_play::package::Kind;
use meshwork_play::session::{Act, Can, Config, Event, FromGame, InputView, Output, Phase, Tick, ToGame};
use meshwork_play::{Draw, HostLoss, PackageId, Party, PlayerInput, Session};

use crate::chain::Chain;

const TICK: Duration = Duration::from_micros(16_667);
/// A side of fewer than half may go on for so long until it notices.
const FEW_FOR: Duration = Duration::from_secs(3);

pub(crate) fn party() -> Party {
    Party {
        package: PackageId([9; 32]),
        length: 100,
        author: PeerId([1; 32]),
        players: (1, 6),
        draw: Draw::Predict,
        late: true,
        host_loss: HostLoss::Migrate,
        kind: Kind::Script,
        code: None,
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A member beside its session.
struct Program {
    person: u8,
    engine: Option<Chain>,
    clock: Time,
    count: u16,
    few_since: Option<Time>,
    events: Vec<(Time, Event)>,
    shown: Tick,
    shows: u32,
}

/// A gap without steps, when hosts go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) longest_gap: Duration,
    pub(crate) most_lost: u32,
    pub(crate) ticks: u64,
}

/// What happens.
pub(crate) struct World {
    pub(crate) net: Loopback,
    pub(crate) now: Time,
    programs: Vec<Program>,
    pub(crate) violations: Vec<String>,
    /// Hashes of all states that a host made: by line, match and tick.
    made: BTreeMap<(u32, u32, Tick), BTreeSet<[u8; 32]>>,
    slots: BTreeMap<(u32, u8), u8>,
    pub(crate) left: BTreeSet<u8>,
    stepped_at: Option<Time>,
    pub(crate) measured: Measured,
    pub(crate) sounds: Vec<(usize, String)>,
    pub(crate) trace: bool,
    pub(crate) holds: bool,
    pub(crate) bulk: u64,
    /// Engines do not answer.
    pub(crate) is_mute: bool,
    /// Keys that were pressed in the match as it is now: tick, slot and name.
    pub(crate) presses: Vec<(Tick, u8, &'static str)>,
}

impl World {
    pub(crate) fn new(seed: u64, party: Party) -> World {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        World {
            net: Loopback::new(party, bytes, Time(0)),
            now: Time(0),
            programs: Vec::new(),
            violations: Vec::new(),
            made: BTreeMap::new(),
            slots: BTreeMap::new(),
            left: BTreeSet::new(),
            stepped_at: None,
            measured: Measured::default(),
            sounds: Vec::new(),
            trace: false,
            holds: true,
            bulk: 0,
            is_mute: false,
            presses: Vec::new(),
        }
    }

    pub(crate) fn way(&mut self, delay: u64, jitter: u64, loss: u8) {
        self.net.set_way(Way { delay: ms(delay), jitter: ms(jitter), loss });
    }

    /// A program of a person.
    pub(crate) fn add(&mut self, person: u8, can: Can) -> usize {
        let number = self.programs.len();
        let endpoint = Endpoint { peer: PeerId([person + 1; 32]), instance: Instance(1000 + number as u64) };
        let phase = Duration::from_micros(number as u64 * 2500);
        self.programs.push(Program {
            person,
            engine: None,
            clock: self.now + phase,
            count: 0,
            few_since: None,
            events: Vec::new(),
            shown: 0,
            shows: 0,
        });
        let added = self.net.add(self.now, endpoint, &format!("p{person}"), can, Config::default());
        assert_eq!(added, number);
        self.drain();
        number
    }

    pub(crate) fn session(&self, which: usize) -> &Session {
        self.net.session(which).expect("it was added")
    }

    pub(crate) fn alive(&self) -> Vec<usize> {
        (0..self.programs.len())
            .filter(|which| self.net.is_alive(*which) && !self.session(*which).is_over())
            .collect()
    }

    pub(crate) fn hosts(&self) -> Vec<usize> {
        self.alive().into_iter().filter(|which| self.session(*which).is_host()).collect()
    }

    pub(crate) fn act(&mut self, which: usize, act: Act) {
        if let Err(error) = self.net.act(self.now, which, act.clone()) {
            self.note(which, &format!("act {act:?}: {error}"));
        }
        self.drain();
    }

    pub(crate) fn person(&self, which: usize) -> u8 {
        self.programs[which].person
    }

    pub(crate) fn kill(&mut self, which: usize, goodbye: bool) {
        self.note(which, "killed");
        self.net.remove(self.now, which, goodbye);
    }

    /// A program does nothing for a while.
    pub(crate) fn stall(&mut self, which: usize, time: Duration) {
        self.net.stall(self.now, which, true);
        self.run(time);
        self.net.stall(self.now, which, false);
        self.drain();
    }

    pub(crate) fn cut(&mut self, one: usize, other: usize, is_cut: bool) {
        self.net.cut(self.now, one, other, is_cut);
        self.drain();
    }

    fn note(&self, which: usize, text: &str) {
        if self.trace {
            let session = self.session(which);
            let lobby = session.lobby();
            println!(
                "{:>9.3} m{which} line {:x} term {} v{} {text}",
                self.now.0 as f64 / 1e6,
                lobby.line & 0xfff,
                lobby.term,
                lobby.version
            );
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let mut next = self.net.poll_timeout().unwrap_or(Time(u64::MAX));
            for which in 0..self.programs.len() {
                if self.net.is_alive(which) {
                    next = next.min(self.programs[which].clock);
                }
            }
            if next > until || !self.violations.is_empty() {
                break;
            }
            self.now = self.now.max(next);
            self.net.handle_timeout(self.now);
            self.drain();
            self.tick();
        }
        self.now = until;
    }

    fn tick(&mut self) {
        for which in 0..self.programs.len() {
            if self.programs[which].clock > self.now || !self.net.is_alive(which) {
                continue;
            }
            self.programs[which].clock += TICK;
            if self.holds && !self.net.is_stalled(which) {
                let held = 1 << (self.programs[which].count.wrapping_add(1) / 3 % 8);
                self.steer(which, held);
            }
            if self.session(which).is_host() {
                self.net.handle_clock(self.now, which);
            }
            self.drain();
        }
    }

    /// A person holds these keys and moves the pointer.
    pub(crate) fn steer(&mut self, which: usize, held: u64) {
        let program = &mut self.programs[which];
        program.count = program.count.wrapping_add(1);
        let input = PlayerInput { held, axes: [0; 4], pointer: Some((which as u16, program.count)) };
        self.net.hold(self.now, which, input);
    }

    fn drain(&mut self) {
        while let Some((which, output)) = self.net.poll_output() {
            match output {
                Output::Game(game) => self.game(which, game),
                Output::Event(event) => {
                    if event != Event::Lobby {
                        self.note(which, &format!("{event:?}"));
                    }
                    if event == Event::Lobby {
                        self.check_seats(which);
                    }
                    let now = self.now;
                    self.programs[which].events.push((now, event));
                }
                _ => {}
            }
        }
    }

    fn game(&mut self, which: usize, game: ToGame) {
        match game {
            ToGame::Setup { seed, tick, .. } => {
                let mut chain = Chain::setup(seed);
                (chain.tick, chain.bulk) = (tick, self.bulk);
                self.programs[which].engine = Some(chain);
                self.answer(which, tick);
            }
            ToGame::Step(step) => {
                self.check_few(which);
                let gap = self.stepped_at.map_or(Duration::ZERO, |at| self.now.since(at));
                self.measured.longest_gap = self.measured.longest_gap.max(gap);
                self.stepped_at = Some(self.now);
                self.measured.ticks += 1;
                let pressed = |input: &InputView| {
                    input.pressed.iter().map(move |name| (step.tick, input.slot, *name)).collect::<Vec<_>>()
                };
                self.presses.extend(step.inputs.iter().flat_map(pressed));
                let people: Vec<u8> = self.programs.iter().map(|program| program.person).collect();
                let name = |member: u64| people.get(member as usize).map(|person| format!("p{person}"));
                let Some(chain) = &mut self.programs[which].engine else { return };
                if let Err(wrong) = chain.step(&step, &name) {
                    let at = format!("{wrong} (host m{which}, tick {})", step.tick);
                    self.violations.push(at);
                }
                self.answer(which, step.tick);
            }
            ToGame::Restore { tick, envelope } => {
                let chain = Chain::restore(&envelope.0);
                assert_eq!(chain.tick, tick, "the envelope of another tick");
                self.presses.retain(|(pressed, ..)| *pressed <= tick);
                self.check_state(which, tick, &chain.state());
                let lobby = self.session(which).lobby();
                let of_match = (lobby.line, lobby.round, 0)..=(lobby.line, lobby.round, Tick::MAX);
                let made = self.made.range(of_match).next_back().map_or(tick, |((.., made), _)| *made);
                self.measured.most_lost = self.measured.most_lost.max((made - tick) as u32);
                self.note(which, &format!("restored at {tick}"));
                self.programs[which].engine = Some(chain);
            }
            ToGame::Show(shown) => {
                self.check_state(which, shown.tick, &shown.state.0);
                self.sounds.extend(shown.sounds.into_iter().map(|sound| (which, sound)));
                let program = &mut self.programs[which];
                (program.shown, program.shows) = (shown.tick, program.shows + 1);
            }
            ToGame::Stop => {}
        }
    }

    fn answer(&mut self, which: usize, tick: Tick) {
        let Some(chain) = &self.programs[which].engine else { return };
        let envelope = chain.envelope();
        let lobby = self.session(which).lobby();
        let key = (lobby.line, lobby.round, tick);
        self.made.entry(key).or_default().insert(*blake3::hash(chain.state().as_bytes()).as_bytes());
        if !self.is_mute {
            self.net.handle_game(self.now, which, FromGame::Stepped { tick, envelope });
        }
    }

    fn check_state(&mut self, which: usize, tick: Tick, state: &str) {
        let lobby = self.session(which).lobby();
        let key = (lobby.line, lobby.round, tick);
        let hash = *blake3::hash(state.as_bytes()).as_bytes();
        if !self.made.get(&key).is_some_and(|made| made.contains(&hash)) {
            self.violations
                .push(format!("rebuilt: m{which} has a state of tick {tick} that nobody made: {state}"));
        }
    }

    /// A seat is its person's for as long as the line lasts.
    fn check_seats(&mut self, which: usize) {
        let lobby = self.session(which).lobby().clone();
        for seat in &lobby.seats {
            let person = seat.endpoint.peer.0[0] - 1;
            let known = *self.slots.entry((lobby.line, person)).or_insert(seat.slot);
            if known != seat.slot && !self.left.contains(&person) {
                self.violations.push(format!("seat-kept: p{person} had slot {known} and has {}", seat.slot));
            }
        }
    }

    fn reaches(&self, one: usize, other: usize) -> bool {
        self.net.is_alive(other) && self.net.reaches(one, other)
    }

    /// A side of fewer than half of the seats does not go on.
    fn check_few(&mut self, which: usize) {
        let lobby = self.session(which).lobby();
        let seats = lobby.seats.len();
        let here = |endpoint: Endpoint| {
            self.alive().into_iter().any(|other| {
                self.session(other).me() == endpoint && (other == which || self.reaches(which, other))
            })
        };
        let live = lobby.seats.iter().filter(|seat| here(seat.endpoint)).count();
        let now = self.now;
        let program = &mut self.programs[which];
        if live * 2 >= seats {
            program.few_since = None;
            return;
        }
        let since = *program.few_since.get_or_insert(now);
        if now.since(since) > FEW_FOR {
            self.violations.push(format!("half: m{which} goes on with {live} of {seats} seats"));
        }
    }

    /// After a quiet time: one host, whom everybody follows, and a game that goes on.
    pub(crate) fn check_healed(&mut self) {
        if !self.violations.is_empty() {
            return;
        }
        let hosts = self.hosts();
        let [host] = hosts[..] else {
            return self.violations.push(format!("one-host: hosts are {hosts:?}"));
        };
        let lobby = self.session(host).lobby().clone();
        for which in self.alive() {
            let own = self.session(which).lobby();
            if (own.line, own.term, own.host) != (lobby.line, lobby.term, lobby.host) {
                self.violations.push(format!(
                    "one-host: m{which} follows {:x}/{} and not {:x}/{}",
                    own.line, own.term, lobby.line, lobby.term
                ));
            }
            if self.session(which).slot().is_none() {
                self.violations.push(format!("seated: m{which} has no seat"));
            }
        }
        if lobby.phase != Phase::Playing {
            return;
        }
        for which in self.alive() {
            let behind = self.session(host).counts().tick.saturating_sub(self.session(which).counts().tick);
            if behind > 30 || lobby.waits {
                self.violations
                    .push(format!("goes-on: m{which} is {behind} ticks behind, waits {}", lobby.waits));
            }
        }
    }

    pub(crate) fn events(&self, which: usize) -> Vec<Event> {
        self.programs[which]
            .events
            .iter()
            .map(|(_, event)| event.clone())
            .filter(|event| *event != Event::Lobby)
            .collect()
    }

    pub(crate) fn shows(&self, which: usize) -> u32 {
        self.programs[which].shows
    }

    /// People gather, and the match begins.
    pub(crate) fn gather(&mut self, people: u8) {
        for person in 0..people {
            self.add(person, Can::Host);
        }
        self.run(ms(8000));
        self.begin();
    }

    /// All are ready, and the host starts.
    pub(crate) fn begin(&mut self) {
        for which in self.alive() {
            self.act(which, Act::Ready(true));
        }
        self.run(ms(500));
        let host = self.hosts()[0];
        self.act(host, Act::Start);
        self.run(ms(4000));
        assert_eq!(self.session(host).lobby().phase, Phase::Playing, "{:?}", self.violations);
    }
}
