//! The party of a room: its session runs here, its engine in the page. Both speak JSON.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use js_sys::Function;
use meshwork::Game;
use meshwork::play::{
    Act, Can, Colour, End, Ending, Engine, Event, Fault, FromGame, GameEvent, HostLoss, Lobby, Package,
    Paused, Phase, Player, PlayerInput, Refused, Seat, Stutter, ToGame, input,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

use crate::border::at_once;
use crate::error::{thrown, unfit};
use crate::reader::{Reader, Source};

thread_local! {
    /// The engines of players, by number. An engine of the library may move to another thread, and a function of the page may not.
    static ENGINES: RefCell<BTreeMap<u32, Function>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// The game of a room.
#[wasm_bindgen]
pub struct RawGame(Game);

/// Somebody in a party.
#[wasm_bindgen]
pub struct RawPlayer(Player);

/// An engine that is a function of the page: it gets messages and returns answers, both as JSON.
struct PageEngine(u32);

/// An action of the person, as the package writes it.
#[derive(Deserialize)]
#[serde(tag = "act", content = "of", rename_all = "camelCase")]
enum Told {
    Sit,
    Watch,
    Ready(bool),
    Start,
    Kick(u8),
    Again,
    Leave,
    HandOver,
    Hidden(bool),
    Name(String),
    Color(String),
}

/// Keys, sticks and pointer, as the package writes them.
#[derive(Deserialize)]
struct Held {
    keys: Vec<String>,
    /// From -1 to 1 each.
    axes: [f64; 4],
    /// Shares of the view.
    pointer: Option<[f64; 2]>,
}

impl RawGame {
    pub(crate) fn new(game: Game) -> RawGame {
        RawGame(game)
    }
}

#[wasm_bindgen]
impl RawGame {
    /// The settings of the party, as JSON.
    pub fn party(&self) -> Result<String, JsValue> {
        let party = at_once(self.0.party()).map_err(thrown)?;
        let waits = party.host_loss == HostLoss::Wait;
        let told = json!({
            "players": [party.players.0, party.players.1], "draw": party.draw, "late": party.late,
            "hostLoss": if waits { "wait" } else { "migrate" }, "author": party.author.to_string(),
        });
        Ok(told.to_string())
    }

    /// Enters the party: with an engine as a host or player, without one as a player, or as a `bot` or `watcher`.
    pub fn play(&self, role: &str, name: &str, engine: Option<Function>) -> Result<RawPlayer, JsValue> {
        let can = match (role, engine) {
            ("watcher", _) => Can::Watch,
            ("bot", None) => Can::Bot,
            (_, Some(engine)) => Can::Host(Box::new(PageEngine::new(engine))),
            (_, None) => Can::Play,
        };
        at_once(self.0.play(can, name)).map(RawPlayer).map_err(thrown)
    }
}

#[wasm_bindgen]
impl RawPlayer {
    /// What happens, and states to draw, as JSON.
    pub fn events(&self) -> Reader {
        Reader::of(Source::Game(self.0.events()))
    }

    /// A message of the engine beside its answers, as JSON.
    pub fn answer(&self, told: &str) {
        if let Some(message) = FromGame::from_json(told) {
            self.0.answer(message);
        }
    }

    /// What the person holds from now on, as JSON.
    pub fn hold(&self, told: &str) -> Result<(), JsValue> {
        let Held { keys, axes, pointer } = serde_json::from_str(told).map_err(unfit)?;
        let mut held = 0;
        for name in &keys {
            held |= input::bit(name).ok_or_else(|| unfit(format!("no key is called {name:?}")))?;
        }
        let axes = axes.map(|axis| (axis.clamp(-1.0, 1.0) * 127.0).round() as i8);
        let share = |side: f64| (side.clamp(0.0, 1.0) * f64::from(u16::MAX)).round() as u16;
        let pointer = pointer.map(|[x, y]| (share(x), share(y)));
        self.0.hold(PlayerInput { held, axes, pointer });
        Ok(())
    }

    /// Does something in the party, as JSON says.
    pub fn act(&self, told: &str) -> Result<(), JsValue> {
        let act = match serde_json::from_str(told).map_err(unfit)? {
            Told::Sit => Act::Sit,
            Told::Watch => Act::Watch,
            Told::Ready(ready) => Act::Ready(ready),
            Told::Start => Act::Start,
            Told::Kick(slot) => Act::Kick(slot),
            Told::Again => Act::Again,
            Told::Leave => Act::Leave,
            Told::HandOver => Act::HandOver,
            Told::Hidden(hidden) => Act::Hidden(hidden),
            Told::Name(name) => Act::Name(name),
            Told::Color(color) => {
                let invalid = || unfit(format!("{color:?} is no color such as #c81e1e"));
                Act::Colour(read_color(&color).ok_or_else(invalid)?)
            }
        };
        self.0.act(act).map_err(thrown)
    }

    /// Seats, host and phase, as JSON.
    pub fn lobby(&self) -> String {
        lobby(&self.0.lobby()).to_string()
    }

    /// The own seat.
    pub fn slot(&self) -> Option<u8> {
        self.0.slot()
    }

    /// Whether this page hosts.
    #[wasm_bindgen(js_name = isHost)]
    pub fn is_host(&self) -> bool {
        self.0.is_host()
    }

    /// How well the game runs, as JSON.
    pub fn pace(&self) -> String {
        let pace = self.0.pace();
        let why = pace.why.map(|why| match why {
            Stutter::Silent => "silent",
            Stutter::Loss => "loss",
            Stutter::Jitter => "jitter",
            Stutter::Ping => "ping",
            Stutter::Size => "size",
            _ => "host",
        });
        let told = json!({
            "ping": pace.ping.map(milliseconds), "loss": pace.loss, "jitter": milliseconds(pace.jitter),
            "rate": pace.rate, "states": pace.states, "bytes": pace.bytes, "why": why,
        });
        told.to_string()
    }
}

impl PageEngine {
    fn new(engine: Function) -> PageEngine {
        let number = NEXT.replace(NEXT.get().wrapping_add(1));
        ENGINES.with_borrow_mut(|engines| engines.insert(number, engine));
        PageEngine(number)
    }
}

impl Engine for PageEngine {
    fn handle(&mut self, message: &ToGame) -> Option<FromGame> {
        let engine = ENGINES.with_borrow(|engines| engines.get(&self.0).cloned())?;
        match engine.call1(&JsValue::UNDEFINED, &message.to_json().into()) {
            Ok(answer) => FromGame::from_json(&answer.as_string()?),
            Err(_) => Some(FromGame::Failed(Fault { fatal: true, ..Fault::default() })),
        }
    }

    fn has_loop(&self) -> bool {
        true
    }
}

impl Drop for PageEngine {
    fn drop(&mut self) {
        ENGINES.with_borrow_mut(|engines| engines.remove(&self.0));
    }
}

/// The package of a party with these settings: its manifest, and a note in place of a program.
pub(crate) fn package(settings: &Map<String, Value>) -> Result<Package, JsValue> {
    const NOTE: &[u8] = b"// This game is a page of its own.\n";
    let mut manifest = settings.clone();
    for (name, value) in [("meshwork", json!(1)), ("kind", json!("script")), ("entry", json!("game.js"))] {
        manifest.insert(name.to_owned(), value);
    }
    let files = [("game.json", Value::from(manifest).to_string().into_bytes()), ("game.js", NOTE.to_vec())];
    Package::pack(&files.map(|(path, bytes)| (path.to_owned(), bytes)).into()).map_err(unfit)
}

/// An event or a state, as JSON.
pub(crate) fn event(event: GameEvent) -> String {
    match event {
        GameEvent::Shown(shown) => ToGame::Show(*shown).to_json(),
        GameEvent::Party(event) => happened(event).to_string(),
        _ => json!({ "type": "other" }).to_string(),
    }
}

fn happened(event: Event) -> Value {
    match event {
        Event::Lobby => json!({ "type": "lobby" }),
        Event::Entered { slot } => json!({ "type": "entered", "slot": slot }),
        Event::Refused(Refused::Version { ours, theirs }) => {
            json!({ "type": "refused", "reason": "version", "ours": ours, "theirs": theirs })
        }
        Event::Refused(why) => json!({ "type": "refused", "reason": refusal(why) }),
        Event::HostSilent => json!({ "type": "hostsilent" }),
        Event::CutOff { slot } => json!({ "type": "cutoff", "slot": slot }),
        Event::HostIs { slot, lost } => json!({ "type": "host", "slot": slot, "lost": lost }),
        Event::HostBack => json!({ "type": "hostback" }),
        Event::Paused(Paused::Host) => json!({ "type": "paused", "waitsFor": "host" }),
        Event::Paused(Paused::Others) => json!({ "type": "paused", "waitsFor": "others" }),
        Event::Resumed => json!({ "type": "resumed" }),
        Event::Began => json!({ "type": "began" }),
        Event::Ended(end) => ended(end),
        Event::Apart { lost } => json!({ "type": "apart", "lost": lost }),
        Event::Fault(fault) => json!({ "type": "fault", "message": fault.message, "where": fault.place }),
        _ => json!({ "type": "other" }),
    }
}

fn refusal(why: Refused) -> &'static str {
    match why {
        Refused::Full => "full",
        Refused::Kicked => "kicked",
        Refused::Started => "started",
        Refused::Elsewhere => "elsewhere",
        _ => "version",
    }
}

fn ended(end: End) -> Value {
    match end {
        End::Over(words) => {
            let result: Value = serde_json::from_str(&words).unwrap_or_default();
            json!({ "type": "ended", "reason": "over", "result": result })
        }
        End::Failed(fault) => json!({ "type": "ended", "reason": "failed", "message": fault.message }),
        End::Left => json!({ "type": "ended", "reason": "left" }),
        _ => json!({ "type": "ended", "reason": "hostgone" }),
    }
}

fn lobby(lobby: &Lobby) -> Value {
    let seat = |seat: &Seat| {
        json!({
            "slot": seat.slot, "id": seat.endpoint.to_string(), "peer": seat.endpoint.peer.to_string(),
            "name": seat.name, "color": seat.colour.to_text(), "isReady": seat.ready, "isAway": seat.away,
            "isBot": seat.bot, "wins": seat.wins,
        })
    };
    let phase = match lobby.phase {
        Phase::Gathering => "gathering",
        Phase::Starting => "starting",
        Phase::Playing => "playing",
        Phase::Ended => "ended",
    };
    let ending = lobby.ending.as_ref().map(|ending| match ending {
        Ending::Over(words) => {
            json!({ "reason": "over", "result": serde_json::from_str::<Value>(words).unwrap_or_default() })
        }
        Ending::Failed(message) => json!({ "reason": "failed", "message": message }),
    });
    json!({
        "phase": phase, "waits": lobby.waits, "round": lobby.round, "host": lobby.host_slot(),
        "seats": Value::from_iter(lobby.seats.iter().map(seat)), "ending": ending,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The color that a text such as `#c81e1e` says.
fn read_color(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let bits = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = bits.to_be_bytes();
    Some(Colour([red, green, blue]))
}
