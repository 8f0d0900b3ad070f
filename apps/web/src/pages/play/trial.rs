//! The trial of an author: two players in one page, under a chosen delay and loss.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::web_sys::Element;
use meshwork_core::id::PeerId;
use meshwork_core::time::Time;
use meshwork_play::loopback::{Loopback, Way};
use meshwork_play::session::{
    Act, End, Event, Fault, FromGame, InputView, Output, Pace, PlayerView, Step, ToGame,
};
use meshwork_play::{Kind, Package, Party};
use meshwork_web::texts;

use super::super::browser;
use super::super::session::set_if_new;
use super::beat;
use super::engine::fault_of;
use super::frame::{self, Frame, FromFrame, Screen};
use super::hands::Reading;
use super::sound::Sounds;

/// Players that are seen.
pub(super) const SHOWN: usize = 2;
/// Ticks that a new version must do before it takes the place of the last one.
const CHECKED: u64 = 5;
/// One step of time that is passed over before a match begins.
const STEP: Duration = Duration::from_millis(20);
/// Most time that is passed over before a match begins.
const BEGIN_MAX: Duration = Duration::from_secs(20);
/// The figures are read again each time after this many ticks.
const FIGURES_TICKS: u32 = 8;
/// Pause between a match that has ended and the next one.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The state of the newest version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Version {
    /// It is being tried.
    #[default]
    Trying,
    /// It runs.
    Runs,
    /// It stopped.
    Stopped(Fault),
}

/// The trial, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Trial {
    pub(super) version: RwSignal<Version>,
    /// The round trip between the two, in ms.
    pub(super) delay: RwSignal<u32>,
    /// Lost packets of a hundred.
    pub(super) loss: RwSignal<u8>,
    /// The player that one steers.
    pub(super) steered: RwSignal<usize>,
    /// How the second player's session runs.
    pub(super) pace: RwSignal<Pace>,
    /// How the last match ended, until the next one begins.
    pub(super) result: RwSignal<Option<String>>,
    /// How many players are seen.
    pub(super) shown: RwSignal<usize>,
    reading: StoredValue<Option<Reading>>,
    work: StoredValue<Rc<RefCell<Work>>, LocalStorage>,
}

#[derive(Default)]
struct Work {
    stage: Option<frame::Stage>,
    check: Option<(Element, Option<Frame>)>,
    /// The version that is checked, and how far it is.
    checked: Option<Package>,
    /// The version that runs.
    runs: Option<Package>,
    players: [Seen; SHOWN],
    loopback: Option<Loopback>,
    sounds: Option<Sounds>,
    /// How far the time of the loopback is ahead of the page's, in ms.
    ahead_ms: f64,
    /// Counts starts, so that timers of earlier ones end.
    start: u32,
}

/// A player that is seen.
#[derive(Default)]
struct Seen {
    view: Option<Element>,
    screen: Screen,
    /// The kind and the view of the game in the frame.
    looks: Option<(Kind, (u16, u16))>,
}

impl Trial {
    pub(super) fn new() -> Trial {
        let trial = Trial {
            version: RwSignal::new(Version::Trying),
            delay: RwSignal::new(80),
            loss: RwSignal::new(0),
            steered: RwSignal::new(0),
            pace: RwSignal::new(Pace::default()),
            result: RwSignal::new(None),
            shown: RwSignal::new(SHOWN),
            reading: StoredValue::new(None),
            work: StoredValue::new_local(Rc::default()),
        };
        Effect::new(move || {
            let way = trial.way();
            if let Some(loopback) = &mut trial.work().borrow_mut().loopback {
                loopback.set_way(way);
            }
        });
        on_cleanup(move || drop(trial.work().take()));
        leptos::task::spawn_local(async move {
            match frame::load().await {
                Ok(stage) => {
                    // The page may have gone meanwhile.
                    if let Some(work) = trial.work.try_get_value() {
                        work.borrow_mut().stage = Some(stage);
                        trial.go_on();
                    }
                }
                Err(_) => {
                    trial.stop(Fault { message: texts::play::NOT_LOADED.to_owned(), ..Fault::default() })
                }
            }
        });
        trial
    }

    fn work(self) -> Rc<RefCell<Work>> {
        self.work.try_get_value().unwrap_or_default()
    }

    /// The way between the two as it is chosen; tracked.
    fn way(self) -> Way {
        let delay = Duration::from_millis(u64::from(self.delay.get()) / 2);
        Way { delay, jitter: delay / 10, loss: self.loss.get() }
    }

    /// These hands steer.
    pub(super) fn read_hands(self, reading: Reading) {
        self.reading.set_value(Some(reading));
    }

    /// A player is seen in this element.
    pub(super) fn mount(self, player: usize, view: &Element) {
        self.work().borrow_mut().players[player].view = Some(view.clone());
        self.go_on();
    }

    /// New versions are checked in this element, which nobody sees.
    pub(super) fn mount_check(self, view: &Element) {
        self.work().borrow_mut().check = Some((view.clone(), None));
        self.go_on();
    }

    /// Tries this version: if it does its first ticks, it takes the place of the one that runs.
    pub(super) fn run(self, package: Package) {
        set_if_new(self.version, Version::Trying);
        self.work().borrow_mut().checked = Some(package);
        self.go_on();
    }

    /// The newest version has an error.
    pub(super) fn stop(self, fault: Fault) {
        self.version.try_set(Version::Stopped(fault));
    }

    /// The version that runs, if it is the newest.
    pub(super) fn good(self) -> Option<Package> {
        (self.version.get_untracked() == Version::Runs).then(|| self.work().borrow().runs.clone()).flatten()
    }

    /// Begins a check once everything for it is there.
    fn go_on(self) {
        let work = self.work();
        let mut work = work.borrow_mut();
        if work.players.iter().any(|seen| seen.view.is_none()) {
            return;
        }
        let (Some(stage), Some(package)) = (work.stage.clone(), work.checked.clone()) else { return };
        let Some((view, frame)) = &mut work.check else { return };
        *frame = None;
        let id = package.id();
        let hear = move |said: FromFrame| {
            let is_newest = self.work().borrow().checked.as_ref().is_some_and(|checked| checked.id() == id);
            if is_newest {
                self.hear_check(said);
            }
        };
        if let Ok(made) = stage.mount(view, &package, hear) {
            made.start(&package);
            *frame = Some(made);
        }
    }

    fn hear_check(self, said: FromFrame) {
        let send = |message: ToGame| {
            let work = self.work();
            let work = work.borrow();
            if let Some((_, Some(frame))) = &work.check {
                frame.send(&message);
            }
        };
        let count = self.work().borrow().checked.as_ref().map_or(0, players_of);
        let players = || (0..count as u8).map(player).collect::<Vec<_>>();
        match said {
            FromFrame::Ready => send(ToGame::Setup { seed: 1, players: players(), tick: 0 }),
            FromFrame::Game(json) => match FromGame::from_json(&json) {
                Some(FromGame::Stepped { tick, .. }) if tick < CHECKED => send(ToGame::Step(Step {
                    tick: tick + 1,
                    inputs: (0..count as u8).map(idle).collect(),
                    players: players(),
                    joined: Vec::new(),
                    left: Vec::new(),
                })),
                Some(FromGame::Stepped { .. }) => {
                    // A frame is not dropped while it calls.
                    set_timeout(move || self.adopt(), Duration::ZERO);
                }
                Some(FromGame::Failed(fault)) => self.refuse(fault),
                _ => {}
            },
            FromFrame::Dead(death) => self.refuse(fault_of(death)),
            FromFrame::Tick | FromFrame::Sounds(_) | FromFrame::Input(_) | FromFrame::Slow(_) => {}
        }
    }

    /// The version that is checked is wrong; the last one goes on.
    fn refuse(self, fault: Fault) {
        self.work().borrow_mut().checked = None;
        self.stop(fault);
    }

    /// The version that was checked takes the place of the one that runs.
    fn adopt(self) {
        {
            let work = self.work();
            let mut work = work.borrow_mut();
            let Some(package) = work.checked.take() else { return };
            if let Some((_, frame)) = &mut work.check {
                *frame = None;
            }
            work.sounds = Some(Sounds::of(&package));
            work.runs = Some(package);
        }
        self.version.set(Version::Runs);
        self.restart();
    }

    /// Begins a match of the version that runs.
    pub(super) fn restart(self) {
        let work = self.work();
        let start_number = {
            let mut work = work.borrow_mut();
            let work = &mut *work;
            let (Some(stage), Some(package)) = (work.stage.clone(), work.runs.clone()) else { return };
            work.start = work.start.wrapping_add(1);
            work.loopback = None;
            let count = players_of(&package).min(SHOWN);
            self.shown.set(count);
            let looks = (package.manifest().kind, package.manifest().view);
            for (number, seen) in work.players.iter_mut().enumerate() {
                if number >= count || seen.looks.is_some_and(|before| before != looks) {
                    seen.screen = Screen::default();
                }
                let Some(view) = seen.view.clone().filter(|_| number < count) else { continue };
                seen.looks = Some(looks);
                if seen.screen.frame().is_some() {
                    seen.screen.restart(&package);
                    continue;
                }
                seen.screen = Screen::default();
                let hear = move |said: FromFrame| self.hear(number, said);
                if let Ok(frame) = stage.mount(&view, &package, hear) {
                    frame.set_me(u8::try_from(number).ok());
                    seen.screen.mount(frame, &package);
                }
            }
            work.start
        };
        self.result.set(None);
        self.begin_match();
        self.begin_beat(start_number);
    }

    /// A loopback in which the match begins: the time until then is passed over.
    fn begin_match(self) {
        let work = self.work();
        let Some(package) = work.borrow().runs.clone() else { return };
        let way = untrack(move || self.way());
        let mut now = time(0.0);
        let party = Party::of(&package, PeerId([1; 32]), None);
        let mut loopback = Loopback::new(party, seed(), now);
        let end = now + BEGIN_MAX;
        let count = players_of(&package);
        loopback.add_player(now);
        let (mut is_full, mut is_started) = (false, false);
        let mut outputs = Vec::new();
        while now < end {
            loopback.handle_timeout(now);
            while let Some(output) = loopback.poll_output() {
                outputs.push(output);
            }
            if outputs.iter().any(|(_, output)| matches!(output, Output::Game(ToGame::Setup { .. }))) {
                break;
            }
            let seated = loopback.session(0).map_or(0, |session| session.lobby().seats.len());
            if !is_full && loopback.session(0).is_some_and(|session| session.is_host()) {
                (1..count).for_each(|_| _ = loopback.add_player(now));
                is_full = true;
            }
            if is_full && !is_started && seated == count {
                for number in 0..count {
                    // Players who are ready stay so.
                    let _ = loopback.act(now, number, Act::Ready(true));
                }
                is_started = loopback.act(now, 0, Act::Start).is_ok();
            }
            now += STEP;
        }
        loopback.set_way(way);
        {
            let mut work = work.borrow_mut();
            work.ahead_ms = (now.0 as f64) / 1000.0 - browser::milliseconds();
            work.loopback = Some(loopback);
        }
        outputs.into_iter().for_each(|(number, output)| self.carry_out(number, output));
        self.drain();
    }

    /// Lets the loopback do something.
    fn feed<R>(self, act: impl FnOnce(&mut Loopback, Time) -> R) -> Option<R> {
        let work = self.work();
        let done = {
            let mut work = work.borrow_mut();
            let now = time(work.ahead_ms);
            let loopback = work.loopback.as_mut()?;
            loopback.handle_timeout(now);
            act(loopback, now)
        };
        self.drain();
        Some(done)
    }

    /// Carries out what the sessions put out.
    fn drain(self) {
        loop {
            let next = self.work().borrow_mut().loopback.as_mut().and_then(Loopback::poll_output);
            let Some((number, output)) = next else { return };
            self.carry_out(number, output);
        }
    }

    fn carry_out(self, number: usize, output: Output) {
        match output {
            Output::Game(message) => {
                let work = self.work();
                let mut work = work.borrow_mut();
                if let Some(seen) = work.players.get_mut(number) {
                    seen.screen.send(&message);
                }
            }
            Output::Event(Event::Ended(end)) if number == 0 => self.end(end),
            _ => {}
        }
    }

    fn end(self, end: End) {
        match end {
            End::Failed(fault) => self.stop(fault),
            End::Over(result) => {
                self.result.set(Some(result));
                let start = self.work().borrow().start;
                let again = move || {
                    if self.work().borrow().start == start {
                        self.restart();
                    }
                };
                set_timeout(again, AGAIN_AFTER);
            }
            _ => {}
        }
    }

    fn hear(self, number: usize, said: FromFrame) {
        match said {
            FromFrame::Tick => {
                self.hold();
                self.feed(|loopback, now| loopback.handle_clock(now, number));
            }
            FromFrame::Game(json) => {
                if let Some(said) = FromGame::from_json(&json) {
                    if let FromGame::Failed(fault) = &said {
                        self.stop(fault.clone());
                    }
                    self.feed(|loopback, now| loopback.handle_game(now, number, said));
                }
            }
            FromFrame::Sounds(names) if number == self.steered.get_untracked() => {
                if let Some(sounds) = &self.work().borrow().sounds {
                    names.iter().for_each(|name| sounds.play(name));
                }
            }
            FromFrame::Dead(death) => self.stop(fault_of(death)),
            FromFrame::Ready => {
                let work = self.work();
                let mut work = work.borrow_mut();
                if let Some(seen) = work.players.get_mut(number) {
                    seen.screen.note_ready();
                }
            }
            FromFrame::Input(names) => {
                if let Some(reading) = self.reading.get_value() {
                    reading.set_names(names);
                }
            }
            FromFrame::Sounds(_) | FromFrame::Slow(_) => {}
        }
    }

    fn hold(self) {
        let input = self.reading.get_value().map(Reading::input).unwrap_or_default();
        let steered = self.steered.get_untracked();
        self.feed(|loopback, now| {
            for number in 0..SHOWN {
                let held = if number == steered { input } else { Default::default() };
                loopback.hold(now, number, held);
            }
        });
    }

    /// Carries packets sixty times a second, and reads the figures.
    fn begin_beat(self, start: u32) {
        let mut ticks = 0_u32;
        beat::run(move || {
            if self.work().borrow().start != start {
                return false;
            }
            self.hold();
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(FIGURES_TICKS) {
                let pace = self.feed(|loopback, _| loopback.session(1).map(|session| session.pace()));
                pace.flatten().into_iter().for_each(|pace| set_if_new(self.pace, pace));
            }
            true
        });
    }
}

/// The time of a loopback that is so far ahead of the page's.
fn time(ahead_ms: f64) -> Time {
    Time(((browser::milliseconds() + ahead_ms).max(0.0) * 1000.0) as u64)
}

/// Players of a trial: two, or as many as the game needs.
fn players_of(package: &Package) -> usize {
    let (least, most) = package.manifest().players;
    SHOWN.clamp(least.into(), most.into())
}

fn player(slot: u8) -> PlayerView {
    let colour = meshwork_play::session::COLOURS[usize::from(slot) % 6].to_text();
    PlayerView { slot, name: texts::play::player(slot), colour, away: false, bot: false }
}

fn idle(slot: u8) -> InputView {
    InputView { slot, held: Vec::new(), pressed: Vec::new(), axes: [0.0; 4], pointer: None }
}

/// Chance that nobody else has.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for part in seed.chunks_mut(8) {
        part.copy_from_slice(&browser::random().to_le_bytes());
    }
    seed
}
