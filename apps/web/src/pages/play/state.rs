//! The party of the room in front: the library's player as signals, with the page's frame as its engine.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::{LocalStorage, Owner};
use leptos::web_sys::Element;
pub(super) use meshwork::play::Act;
use meshwork::play::{
    self, Can, Fault, Game, GameEvent, GameEvents, Kind, Pace, Package, Party, Phase, Player,
};
use meshwork_core::id::{PeerId, RoomId};
use meshwork_rtc::web::timeout;
use meshwork_web::people::beads;
use meshwork_web::play::party::{Lobby, Place, Seat, Stage};
use meshwork_web::play::trust::Question;
use meshwork_web::texts;

use super::super::browser;
use super::super::session::{Session, set_if_new};
use super::engine::FrameEngine;
use super::entry::Kept;
use super::frame::{self, Screen};
use super::games;
use super::hands::Reading;
use super::notes::Notes;
use super::sound::Sounds;
use super::trust;

/// How long members are waited for before the server is asked for a published game.
const SERVER_AFTER: Duration = Duration::from_secs(1);
/// Time after which ping and people are read again.
const FOLLOW_EACH: Duration = Duration::from_millis(500);

/// What people know of the game before it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GameAbout {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) players: (u8, u8),
    /// The address of its picture.
    pub(super) cover: Option<String>,
    /// Width and height in which it draws.
    pub(super) view: (u16, u16),
}

/// What stands over the game.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Over {
    /// The game waits.
    Paused {
        words: String,
        /// Whether it ends after 30 s.
        shortens: bool,
    },
    /// The match is over.
    Ended { title: String, words: String },
}

/// The party of the room in front, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Play {
    pub(super) session: Session,
    pub(super) lobby: RwSignal<Lobby>,
    pub(super) game: RwSignal<Option<GameAbout>>,
    /// The question before an HTML game that the person has not trusted yet.
    pub(super) asks: RwSignal<Option<Question>>,
    /// Why there is no game, in words.
    pub(super) trouble: RwSignal<Option<String>>,
    /// Why the game cannot be loaded in this page.
    pub(super) fault: RwSignal<Option<Fault>>,
    pub(super) pace: RwSignal<Pace>,
    pub(super) over: RwSignal<Option<Over>>,
    pub(super) notices: RwSignal<Vec<(u32, String)>>,
    /// Whether the game is shown, or was put away after its end.
    pub(super) is_away: RwSignal<bool>,
    /// Whether the package is here, so that a frame can be mounted.
    is_loaded: RwSignal<bool>,
    pub(super) number: StoredValue<u32>,
    pub(super) reading: StoredValue<Option<Reading>>,
    work: StoredValue<Rc<RefCell<Work>>, LocalStorage>,
}

/// What runs while the page shows a party.
#[derive(Default)]
pub(super) struct Work {
    room: Option<RoomId>,
    party: Option<Party>,
    pub(super) package: Option<Package>,
    /// Dropped, it leaves the party.
    pub(super) player: Option<Player>,
    pub(super) stage: Option<frame::Stage>,
    pub(super) view: Option<Element>,
    pub(super) screen: Screen,
    /// Whether the game in the frame failed and does nothing more.
    pub(super) has_failed: bool,
    pub(super) sounds: Option<Sounds>,
    /// Counts parties, so that what an earlier one began ends.
    pub(super) opening: u32,
    /// Whether the hands are read sixty times a second.
    pub(super) is_beating: bool,
    notes: Notes,
}

impl Play {
    /// The party's state, which lives as long as the page.
    pub(super) fn of(session: Session) -> Play {
        let kept = session.app::<Kept>();
        if let Some(play) = kept.state().and_then(|state: Rc<dyn Any>| state.downcast_ref::<Play>().copied())
        {
            return play;
        }
        let owner = Owner::new_root(None);
        let play = owner.with(|| Play {
            session,
            lobby: RwSignal::new(Lobby::default()),
            game: RwSignal::new(None),
            asks: RwSignal::new(None),
            trouble: RwSignal::new(None),
            fault: RwSignal::new(None),
            pace: RwSignal::new(Pace::default()),
            over: RwSignal::new(None),
            notices: RwSignal::new(Vec::new()),
            is_away: RwSignal::new(false),
            is_loaded: RwSignal::new(false),
            number: StoredValue::new(0),
            reading: StoredValue::new(None),
            work: StoredValue::new_local(Rc::default()),
        });
        // Its signals live as long as the page.
        std::mem::forget(owner);
        kept.keep(Rc::new(play), move || play.clear());
        play.guard_page();
        play.follow_visibility();
        play
    }

    pub(super) fn work(self) -> Rc<RefCell<Work>> {
        self.work.get_value()
    }

    /// Begins the party of the open room, unless it has begun.
    pub(super) fn begin(self) {
        let Some(room) = self.session.node.room_id() else { return };
        if self.work().borrow().room == Some(room) {
            return;
        }
        self.clear();
        let opening = {
            let work = self.work();
            let mut work = work.borrow_mut();
            work.room = Some(room);
            work.opening
        };
        leptos::task::spawn_local(self.open(opening));
    }

    /// The person trusts this HTML game, or its author.
    pub(super) fn trust(self, question: Question) {
        trust::accept(question);
        self.asks.set(None);
        let opening = self.work().borrow().opening;
        leptos::task::spawn_local(self.open(opening));
    }

    pub(super) fn is_opening(self, opening: u32) -> bool {
        self.work().borrow().opening == opening
    }

    /// Fetches the game, then takes a seat.
    async fn open(self, opening: u32) {
        let page = self.session;
        let Some(game) = page.node.library().map(|room| room.game()) else { return };
        let Ok(party) = game.party().await else {
            return self.trouble.set(Some(texts::play::OTHER_GAME.to_owned()));
        };
        self.lobby.update(|lobby| lobby.players = party.players);
        self.trouble.set(Some(texts::play::FETCHING.to_owned()));
        let package = fetch(&game, &party).await;
        let stage = frame::load().await;
        if !self.is_opening(opening) {
            return;
        }
        let (package, stage) = match (package, stage) {
            (Some(package), Ok(stage)) => (package, stage),
            (None, _) => return self.trouble.set(Some(texts::play::NOT_HERE.to_owned())),
            (_, Err(_)) => return self.trouble.set(Some(texts::play::NOT_LOADED.to_owned())),
        };
        self.trouble.set(None);
        // The room also names a kind, but its maker may have written another one than the package has.
        if package.manifest().kind == Kind::Html {
            let question = question(&party, page.node.peer()).await;
            if !self.is_opening(opening) {
                return;
            }
            if question.is_some() {
                return self.asks.set(question);
            }
            stage.warm();
        }
        self.game.set(Some(about_game(&package)));
        let engine = Can::Host(Box::new(FrameEngine { play: self, opening }));
        let Ok(player) = game.play(engine, &self.name()).await else { return };
        // Neither fails: a player that has just entered is not over.
        let _ = player.act(Act::Hidden(browser::is_hidden()));
        let _ = player.act(Act::Colour(beads::paint(&page.node.peer())));
        leptos::task::spawn_local(self.hear(opening, player.events()));
        {
            let work = self.work();
            let mut work = work.borrow_mut();
            work.party = Some(party);
            work.sounds = Some(Sounds::of(&package));
            work.package = Some(package);
            work.player = Some(player);
            work.stage = Some(stage);
        }
        self.is_loaded.set(true);
        self.mount_frame();
        self.show_lobby();
        self.follow(opening);
    }

    /// What one is called.
    fn name(self) -> String {
        let name = self.session.me.name.get_untracked();
        match name.trim() {
            "" => beads::name(&self.session.node.peer()),
            name => name.to_owned(),
        }
    }

    /// Lets go of a party.
    fn clear(self) {
        let work = self.work();
        let opening = work.borrow().opening.wrapping_add(1);
        let view = work.borrow_mut().view.take();
        work.replace(Work { opening, view, ..Work::default() });
        self.lobby.set(Lobby::default());
        self.game.set(None);
        self.trouble.set(None);
        self.fault.set(None);
        self.asks.set(None);
        self.over.set(None);
        self.is_away.set(false);
        self.is_loaded.set(false);
    }

    /// Shows what happens in the party until it is left.
    async fn hear(self, opening: u32, mut events: GameEvents) {
        while let Some(event) = events.next().await {
            if !self.is_opening(opening) {
                return;
            }
            // The frame draws the states.
            if let GameEvent::Party(event) = event {
                self.tell(event);
            }
        }
    }

    /// Does something with the player, if there is one.
    pub(super) fn with_player<R>(self, act: impl FnOnce(&Player) -> R) -> Option<R> {
        self.work().borrow().player.as_ref().map(act)
    }

    /// Notes the party at the shelf, as its host.
    pub(super) fn note(self, has_ended: bool) {
        let work = self.work();
        let mut work = work.borrow_mut();
        let Work { player: Some(player), party: Some(Party { code: Some(code), .. }), notes, .. } =
            &mut *work
        else {
            return;
        };
        let lobby = self.lobby.get_untracked();
        if !lobby.is_hosting {
            return;
        }
        let losses = player.counts().host_losses;
        if has_ended {
            notes.ended(self.session, *code, &lobby, losses);
        }
        let rows = self.session.people.rows;
        rows.with_untracked(|rows| {
            let is_seated = |who: PeerId| lobby.seats.iter().any(|seat| seat.peer == who);
            let pings = rows.iter().filter(|row| is_seated(row.endpoint.peer)).filter_map(|row| row.rtt);
            pings.for_each(|ping| notes.ping(u64::try_from(ping.as_millis()).unwrap_or_default()));
        });
        notes.party(self.session, *code, &lobby, losses);
    }

    pub(super) fn set_place(self, place: Place) {
        if self.lobby.with_untracked(|lobby| lobby.place != place) {
            self.lobby.update(|lobby| lobby.place = place);
        }
    }

    pub(super) fn set_me(self, slot: Option<u8>) {
        if let Some(frame) = self.work().borrow().screen.frame() {
            frame.set_me(slot);
        }
    }

    /// Reads the lobby again, as people see it.
    pub(super) fn show_lobby(self) {
        let work = self.work();
        let work = work.borrow();
        let (Some(player), Some(party)) = (&work.player, &work.party) else { return };
        let (lobby, me) = (player.lobby(), self.session.node.endpoint());
        let rows = self.session.people.rows;
        let seat = |seat: &play::Seat| {
            let is_me = seat.endpoint.peer == me.peer;
            let beside = rows.with_untracked(|rows| {
                let row = rows.iter().find(|row| row.endpoint == seat.endpoint)?;
                Some(texts::play::linked(row.rtt, row.state))
            });
            Seat {
                slot: seat.slot,
                peer: seat.endpoint.peer,
                name: seat.name.clone(),
                colour: seat.colour,
                letter: beads::letter(&seat.name),
                is_me,
                is_host: seat.endpoint == lobby.host,
                is_ready: seat.ready,
                is_away: seat.away,
                beside: beside.filter(|_| !is_me).unwrap_or_default(),
            }
        };
        let stage = match lobby.phase {
            Phase::Gathering => Stage::Gathering,
            Phase::Starting => Stage::Starting(player.countdown().map_or(3, |left| left.as_secs() + 1)),
            Phase::Playing => Stage::Playing,
            Phase::Ended => Stage::Ended,
        };
        let seats: Vec<Seat> = lobby.seats.iter().map(seat).collect();
        let is_hosting = player.is_host();
        // Programs do not host.
        let can_host = |seat: &&play::Seat| !seat.bot && !seat.away && seat.endpoint != me;
        let next = lobby.seats.iter().find(can_host).map(|seat| seat.name.clone());
        let shown = Lobby {
            players: party.players,
            next,
            seats,
            stage,
            place: self.lobby.with_untracked(|lobby| lobby.place),
            is_hosting,
            watchers: player.watchers(),
            admits_late: party.late,
            not_yet: lobby.may_start(party.players.0).err(),
        };
        drop(work);
        let is_ended = matches!(self.over.get_untracked(), Some(Over::Ended { .. }));
        if shown.stage == Stage::Gathering && is_ended && is_hosting {
            self.over.set(None);
        }
        set_if_new(self.lobby, shown);
        self.begin_beat();
    }

    /// Whether the game stands over the lobby. Tracked.
    pub(super) fn is_shown(self) -> bool {
        let is_on = self.lobby.with(|lobby| {
            let is_in = matches!(lobby.place, Place::Seated(_)) || lobby.place.is_watching();
            is_in && matches!(lobby.stage, Stage::Playing | Stage::Ended)
        });
        is_on && !self.is_away.get() || matches!(self.over.get(), Some(Over::Ended { .. }))
    }

    /// Whether somebody else plays.
    pub(super) fn has_others(self) -> bool {
        self.lobby.with_untracked(|lobby| {
            lobby.stage == Stage::Playing
                && matches!(lobby.place, Place::Seated(_))
                && lobby.seats.iter().any(|seat| !seat.is_me && !seat.is_away)
        })
    }

    /// Puts the picture of an ended game away: the lobby is seen.
    pub(super) fn put_away(self) {
        self.over.set(None);
        self.is_away.set(true);
    }

    /// The person does something.
    pub(super) fn act(self, act: Act) {
        if act == Act::Watch {
            self.set_place(Place::Watching);
        }
        if act == Act::Sit {
            self.set_place(Place::Entering);
        }
        if act == Act::Again {
            self.over.set(None);
        }
        // A player takes part under the name that they typed, and it stays with the party.
        if matches!(act, Act::Ready(true) | Act::Start) {
            self.session.node.keep_name();
        }
        if let Some(Err(error)) = self.with_player(|player| player.act(act)) {
            self.notify(texts::sentence(&error.to_string()));
        }
        self.show_lobby();
    }

    /// Leaves the party for the start page.
    pub(super) fn leave(self) {
        self.depart();
        browser::go_to(&browser::at("/play"));
    }

    /// Leaves the party, and notes its match as its host. The player's task runs before the page does anything else.
    pub(super) fn depart(self) {
        self.note(true);
        self.clear();
    }

    /// Reads ping and people again each half second, and notes the party as its host.
    fn follow(self, opening: u32) {
        let read = move || {
            if !self.is_opening(opening) {
                return;
            }
            if let Some(pace) = self.with_player(Player::pace) {
                set_if_new(self.pace, pace);
            }
            self.show_lobby();
            self.note(false);
            self.follow(opening);
        };
        set_timeout(read, FOLLOW_EACH);
    }

    /// Asks before a page of a game with others closes.
    fn guard_page(self) {
        let guard = leptos::ev::beforeunload;
        let ask = window_event_listener(guard, move |event| {
            if self.has_others() && self.lobby.with_untracked(|lobby| lobby.is_hosting) {
                event.prevent_default();
            }
        });
        // It stays as long as the page.
        std::mem::forget(ask);
    }

    /// Tells the player and the frame whether anybody sees the page.
    fn follow_visibility(self) {
        let seen = window_event_listener(leptos::ev::visibilitychange, move |_| {
            let is_hidden = browser::is_hidden();
            if let Some(reading) = self.reading.get_value() {
                reading.let_go();
            }
            // A party that is over hosts nothing.
            self.with_player(|player| _ = player.act(Act::Hidden(is_hidden)));
            if let Some(frame) = self.work().borrow().screen.frame() {
                frame.set_hidden(is_hidden);
            }
        });
        std::mem::forget(seen);
    }
}

/// The package: from here, from members, or from the server.
async fn fetch(game: &Game, party: &Party) -> Option<Package> {
    if party.code.is_some() {
        if let Some(Ok(package)) = timeout(SERVER_AFTER, game.package()).await {
            return Some(package);
        }
        if let Some(package) = games::package(party.package).await {
            // Others have it from here. A page that cannot hold it plays all the same.
            let _ = game.hold(&package).await;
            return Some(package);
        }
    }
    game.package().await.ok()
}

/// The question before an HTML game, if there is one. Only the shelf has the release that proves an author.
async fn question(party: &Party, me: PeerId) -> Option<Question> {
    let trusted = trust::trusted();
    if trusted.has_package(party.package) {
        return None;
    }
    let answer = match party.code {
        Some(code) => games::game(code).await,
        None => None,
    };
    trusted.question(party.package, answer.as_ref().map(|answer| answer.release.as_ref()), me)
}

/// What people read of a game.
fn about_game(package: &Package) -> GameAbout {
    let manifest = package.manifest();
    let cover = manifest.thumbnail.as_deref().and_then(|path| picture_address(path, package.file(path)?));
    GameAbout {
        title: manifest.title.clone(),
        description: manifest.description.clone(),
        players: manifest.players,
        cover,
        view: manifest.view,
    }
}

/// The address of a picture among the files of a game; `None` for a file of another kind.
pub(super) fn picture_address(path: &str, bytes: &[u8]) -> Option<String> {
    let kind = match path.rsplit_once('.')?.1.to_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        _ => return None,
    };
    browser::address_of(bytes, kind)
}
