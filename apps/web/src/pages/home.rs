//! The home page: make a room, or join one.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, web_sys};
use meshwork_core::node::{Node, RoomSpec, ServerState};
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::NoAppWord;
use meshwork_place::Place as _;
use meshwork_place::canvas::CanvasSize;
use meshwork_web::apps::{APPS, App};
use meshwork_web::code_input::{self, Entry};
use meshwork_web::people::beads;
use meshwork_web::place::doodle::Doodle;
use meshwork_web::place::view::FIRST_CANVAS;
use meshwork_web::texts;
use meshwork_web::texts::notices::Notice;

use super::bead::{Bead, OwnBead};
use super::brand::Brand;
use super::doodle::DoodlePad;
use super::kept_rooms::KeptRooms;
use super::key_sheet::{KeyButton, KeySheet};
use super::letter_beads::CodeInput;
use super::name_field::NameField;
use super::notices::NoticeCard;
use super::rules_form::{Draft, RulesFields};
use super::session::{Phase, Session};
use super::theme::ThemeToggle;
use super::{browser, entries, icons};

/// Sizes that are offered, in cells; others are made from the command line.
const SIZES: [CanvasSize; 4] = [size(50, 50), FIRST_CANVAS, size(144, 100), size(250, 250)];
/// Which of them stands there first.
const FIRST_SIZE: usize = 1;
/// How often the meeting point is looked at while the page is seen.
const HEALTH_INTERVAL: Duration = Duration::from_secs(20);

/// Under this name a profile keeps what is painted on the start page until there is a room with it.
const DOODLE_KEY: &str = "meshwork-doodle";

/// The app whose room the page makes: the card is its own, and every other app has its bead alone.
const CARD: &App = &APPS[0];

/// The thread across the page, through five beads at the heights in home.css: on a wide page behind the code, and for people who
/// have kept rooms before it; on a narrow page through the beads alone. Each lies in a box of its own.
const THREADS: [(&str, &str, &str); 3] = [
    (
        "first",
        "0 0 1200 130",
        "M-400 -60C-250 -30 -110 64 -4 64H424C466 64 507 44 552 44C597 44 648 59 696 64C744 69 792 73 840 73.5C888 74 936 72 984 \
         68C1032 64 1072 63 1128 48.5C1184 34 1225 15 1320 -18C1415 -51 1573 -106 1700 -150",
    ),
    (
        "back",
        "0 0 1200 130",
        "M-400 -90C-200 -50 20 36 72 44C120 51 168 59 216 64C264 69 312 73 360 73.5C408 74 456 70 504 68C552 66 600 60 648 60C700 60 \
         740 64 780 64H1204C1290 64 1400 -20 1600 -100",
    ),
    (
        "narrow",
        "0 0 500 60",
        "M-60 10C-30 17 15 25 50 30C85 35 117 37 150 39.5C183 42 217 43 250 43C283 43 317 43 350 40.5C383 38 415 35 450 30C485 25 530 17 \
         560 10",
    ),
];

/// The start page.
#[component]
pub(crate) fn Home(
    /// The page's node.
    session: Session,
    /// Goes to a room.
    join: Callback<RoomAddress>,
    /// Shows an app in the room that was just made for oneself alone.
    alone: Callback<&'static App>,
) -> impl IntoView {
    browser::set_title(texts::home::MESHWORK);
    // Who was in a room before has kept one, most likely; it is known a moment later.
    let has_rooms = RwSignal::new(session.visited.was_anywhere());
    let is_first = !has_rooms.get_untracked() && session.me.name.with_untracked(String::is_empty);
    let making = Making::new(session, alone);
    // Pages of others may have other apps alone.
    let has_card = entries::named(CARD.word).is_some();
    let chip = view! {
        <label class="name-chip">
            <OwnBead called=session.me.name/>
            <NameField session/>
        </label>
    };
    view! {
        <div class="home" class:back=has_rooms>
            <header class="home-bar">
                <Brand/>
                <div class="home-bar-end">
                    <ThemeToggle/>
                    {(!is_first).then_some(chip)}
                    <KeyButton session/>
                </div>
            </header>
            <main>
                {move || (!session.has_webrtc.get()).then(|| view! {
                    <div class="home-notice"><NoticeCard notice=texts::notices::no_webrtc()/></div>
                })}
                <KeptRooms session has_rooms/>
                <div class="doors">
                    <div class="home-words">
                        <h1>{texts::TITLE}</h1>
                        <p class="lead">
                            <span>{texts::LEAD[0]}</span>
                            <span>{texts::LEAD[1]}</span>
                        </p>
                    </div>
                    {is_first.then(|| view! { <FirstName session/> })}
                    {has_card.then(|| view! { <MakeRoom making has_rooms/> })}
                    {THREADS.map(thread)}
                    <AppBeads making/>
                    <JoinRoom join/>
                </div>
                <Health/>
            </main>
            <KeySheet session/>
        </div>
    }
}

/// What somebody who is here for the first time is called, and what without a name.
#[component]
fn FirstName(session: Session) -> impl IntoView {
    let peer = session.node.peer();
    view! {
        <div class="first-name">
            <span class="first-name-label" aria-hidden="true">{texts::key::WHAT_CALLED}</span>
            <label class="name-chip">
                <OwnBead called=session.me.name/>
                <NameField session placeholder=texts::guest::YOUR_NAME/>
            </label>
            <p class="hint">
                {texts::home::unnamed(&beads::name(&peer))}
                <Bead peer letter=Signal::stored(None)/>
            </p>
        </div>
    }
}

/// One course of the thread.
fn thread((class, place, path): (&'static str, &'static str, &'static str)) -> impl IntoView {
    view! {
        <svg class=format!("home-thread {class}") viewBox=place preserveAspectRatio="none" aria-hidden="true">
            <path d=path></path>
        </svg>
    }
}

/// A bead for each app, on the thread across the page: the one of the card is filled. Each leads to its app's room that is not
/// shared yet.
#[component]
fn AppBeads(making: Making) -> impl IntoView {
    let bead = |app: &'static App| {
        view! {
            <a
                class="app-bead"
                class:chosen=app == CARD
                href=browser::at(&format!("/{}", app.word))
                data-testid=format!("app-{}", app.word)
                on:click=move |event| open_app(making, app, &event)
            >
                <span class="app-sign">{icons::app_sign(app)}</span>
                <strong>{app.title}</strong>
                <span class="caption">{app.caption}</span>
            </a>
        }
    };
    view! { <nav class="app-beads" aria-label=texts::home::TOGETHER>{entries::abouts().map(bead).collect_view()}</nav> }
}

/// Opens an app within this page, unless a room is being made in it.
fn open_app(making: Making, app: &'static App, event: &ev::MouseEvent) {
    if app == CARD {
        begin_alone(making, event);
    } else if is_plain(event) && !making.session.has_room() {
        event.prevent_default();
        making.alone.run(app);
    }
}

/// Whether a link is to open where it is.
fn is_plain(event: &ev::MouseEvent) -> bool {
    !event.ctrl_key() && !event.meta_key() && !event.shift_key()
}

/// A room that is being made. Copies are the same one.
#[derive(Clone, Copy)]
struct Making {
    session: Session,
    /// Shows an app in the room that was made for oneself alone.
    alone: Callback<&'static App>,
    doodle: RwSignal<Doodle>,
    draft: Draft,
    /// A place of [`SIZES`].
    size: RwSignal<usize>,
    is_private: RwSignal<bool>,
    /// The one that is being made: whether it is private, and whether it is for oneself alone.
    under_way: RwSignal<Option<(bool, bool)>>,
    /// Why none can be.
    problem: RwSignal<Option<String>>,
}

impl Making {
    fn new(session: Session, alone: Callback<&'static App>) -> Making {
        let making = Making {
            session,
            alone,
            doodle: RwSignal::new(match browser::stored(DOODLE_KEY) {
                Some(kept) => Doodle::read(&kept),
                None if session.visited.was_anywhere() => Doodle::default(),
                None => Doodle::sample(),
            }),
            draft: Draft::new(Terms::default(), None),
            size: RwSignal::new(FIRST_SIZE),
            is_private: RwSignal::new(true),
            under_way: RwSignal::new(None),
            problem: RwSignal::new(None),
        };
        let doodle = making.doodle;
        // What was read need not be written.
        Effect::watch(
            move || doodle.with(Doodle::write),
            |painted, _, _| browser::store(DOODLE_KEY, painted),
            false,
        );
        on_cleanup(move || {
            // It is in the room now.
            if session.has_room() && making.under_way.try_get_untracked().flatten().is_some() {
                browser::store(DOODLE_KEY, "");
            }
        });
        making
    }

    /// Makes the room: at this server, or for oneself alone.
    fn make(self, is_alone: bool) {
        let Making { session, draft, problem, .. } = self;
        let asked = Some((self.is_private.get_untracked(), is_alone));
        if self.under_way.get_untracked() == asked && problem.with_untracked(Option::is_none) {
            return;
        }
        self.under_way.set(asked);
        let size = SIZES[self.size.get_untracked()];
        let wanted = untrack(move || draft.rules(CARD)).and_then(|rules| {
            let app = CARD.word.parse().map_err(|error: NoAppWord| error.to_string())?;
            let servers = if is_alone { Vec::new() } else { vec![browser::server()] };
            let private = is_alone || self.is_private.get_untracked();
            Ok((RoomSpec { servers, app, parameters: meshwork_place::parameters(size), private }, rules))
        });
        let cells = self.doodle.with_untracked(|doodle| doodle.within(size));
        let paint = |node: &mut Node, now, room| match cells.is_empty() {
            true => Ok(()),
            false => node.paint(now, room, &cells).map(drop),
        };
        let made = wanted.and_then(|(spec, rules)| session.make(spec, rules, paint));
        // A person who painted first wants to show the painting to somebody.
        session.is_share_open.set(made.is_ok() && !cells.is_empty() && !is_alone);
        let is_made = made.is_ok();
        problem.set(made.err());
        // At a server the room's address comes, and the page of the room with it.
        if is_made && is_alone {
            self.alone.run(CARD);
        }
    }

    /// Whether something is painted; tracked.
    fn has_drawing(self) -> bool {
        self.doodle.with(|doodle| doodle.painted().next().is_some())
    }

    /// What became of it, where there is something to say; tracked.
    fn notice(self) -> Option<Notice> {
        self.under_way.get()?;
        if let Some(reason) = self.problem.get() {
            return Some(texts::notices::refused(&reason));
        }
        match (self.session.phase.get(), self.session.servers.best.get()) {
            (Phase::Refused(notice), _) => Some(notice),
            (_, Some(ServerState::Away { reason })) => {
                let old = self.session.refusals.old_version();
                Some(old.unwrap_or_else(|| texts::notices::server_away(false, &reason)))
            }
            _ => None,
        }
    }

    /// Whether what is painted waits for a server; tracked.
    fn is_kept(self) -> bool {
        let is_away = matches!(self.session.servers.best.get(), Some(ServerState::Away { .. }));
        is_away && self.under_way.get().is_some() && self.has_drawing()
    }

    /// How large the canvas is and how fast one paints there, in a few words; tracked.
    fn summary(self) -> String {
        let limits = self.draft.rules(CARD).ok().and_then(|rules| rules.limit);
        let limits =
            limits.map_or(texts::home::NO_LIMITS.to_owned(), |limit| texts::rules::pace(Some(limit), CARD));
        let CanvasSize { width, height } = SIZES[self.size.get()];
        format!("{}, {limits}", texts::canvas::size(width, height))
    }
}

/// A room is made: of what is painted here, or of nothing yet.
#[component]
fn MakeRoom(making: Making, has_rooms: RwSignal<bool>) -> impl IntoView {
    // What was painted before one was in a room is not lost.
    let has_pad = Memo::new(move |before: Option<&bool>| {
        !has_rooms.get() || making.has_drawing() || before.is_some_and(|before| *before)
    });
    let is_busy = move || making.under_way.get().is_some() && making.notice().is_none();
    let title = move || match has_pad.get() {
        true => texts::home::ONLY_HERE.to_owned(),
        false => texts::home::make_room(CARD.title),
    };
    let means = move || match (has_pad.get(), making.is_private.get()) {
        (true, true) => texts::home::SHARE_PRIVATE,
        (true, false) => texts::home::SHARE_OPEN,
        (false, true) => texts::home::MEANS_PRIVATE,
        (false, false) => texts::home::MEANS_OPEN,
    };
    let button = move || match has_pad.get() {
        true => view! { {icons::share()} {texts::bar::SHARE} }.into_any(),
        false => texts::home::MAKE.into_any(),
    };
    view! {
        <section class="make" aria-labelledby="make-title">
            <Show when=move || has_pad.get()>
                <DoodlePad doodle=making.doodle/>
            </Show>
            <div class="make-foot">
                <div class="make-words">
                    <h2 id="make-title">{title}</h2>
                    <p class="hint">{means}</p>
                </div>
                <Kinds is_private=making.is_private/>
                <button
                    type="button"
                    class="button primary"
                    class:busy=is_busy
                    data-testid="make-room"
                    on:click=move |_| making.make(false)
                >
                    {button}
                </button>
            </div>
            <div class="make-more">
                <details class="rules-fold" data-testid="rules-fold">
                    <summary>{move || making.summary()}</summary>
                    <div class="rules-form">
                        <Sizes making/>
                        <RulesFields draft=making.draft app=CARD listed=texts::ONLY_YOU/>
                        <p class="hint">{texts::home::CHANGE_LATER}</p>
                    </div>
                </details>
                <p class="hint">
                    <a
                        href=browser::at(&format!("/{}", CARD.word))
                        data-testid="begin-alone"
                        on:click=move |event| begin_alone(making, &event)
                    >
                        {texts::ALONE.0}
                    </a>
                    {texts::ALONE.1}
                </p>
            </div>
            <div role="alert">
                {move || making.notice().map(|notice| view! { <NoticeCard notice/> })}
                <p class="hint" data-testid="doodle-kept" hidden=move || !making.is_kept()>{texts::home::DRAWING_KEPT}</p>
            </div>
        </section>
    }
}

/// Takes what is painted along where one begins alone; with nothing painted the link leads to what one had there before.
fn begin_alone(making: Making, event: &ev::MouseEvent) {
    if untrack(move || making.has_drawing()) && is_plain(event) {
        event.prevent_default();
        making.make(true);
    }
}

/// Who gets in.
#[component]
fn Kinds(is_private: RwSignal<bool>) -> impl IntoView {
    let kind = move |test_id: &'static str, sign: AnyView, word: &'static str, private: bool| {
        view! {
            <label data-testid=test_id>
                <input
                    type="radio"
                    name="kind"
                    class="sr-only"
                    prop:checked=move || is_private.get() == private
                    on:change=move |_| is_private.set(private)
                />
                {sign}
                {word}
            </label>
        }
    };
    view! {
        <fieldset class="segments">
            <legend class="sr-only">{texts::room::WHO_GETS_IN}</legend>
            {kind("kind-private", icons::lock().into_any(), texts::bar::PRIVATE, true)}
            {kind("kind-open", icons::globe().into_any(), texts::bar::OPEN, false)}
        </fieldset>
    }
}

/// How large the canvas is.
#[component]
fn Sizes(making: Making) -> impl IntoView {
    let option = |(index, size): (usize, &CanvasSize)| {
        let words = texts::canvas::size(size.width, size.height);
        view! { <option value=index.to_string() selected=index == FIRST_SIZE>{words}</option> }
    };
    let choose = move |event| {
        if let Ok(index) = event_target_value(&event).parse::<usize>() {
            making.size.set(index.min(SIZES.len() - 1));
        }
    };
    view! {
        <label class="option-row">
            {texts::canvas::CANVAS}
            <select class="small-select" aria-label=texts::home::SIZE on:change=choose>
                {SIZES.iter().enumerate().map(option).collect_view()}
            </select>
        </label>
    }
}

const fn size(width: u16, height: u16) -> CanvasSize {
    CanvasSize { width, height }
}

/// Joins a room by its code or link.
#[component]
pub(crate) fn JoinRoom(
    /// Goes to a room.
    join: Callback<RoomAddress>,
) -> impl IntoView {
    let entry = RwSignal::new(Entry::Code { text: String::new(), refused: false });
    let address = move || code_input::address(&entry.get(), &browser::server()).ok();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if let Some(address) = address() {
            join.run(address);
        }
    };
    let is_complaint = move || matches!(entry.get(), Entry::Code { refused: true, .. });
    view! {
        <form class="door" aria-labelledby="join-title" on:submit=submit>
            <h2 id="join-title"><label for="join-code">{texts::home::JOIN_WITH_CODE}</label></h2>
            <div class="door-row">
                <CodeInput entry described_by="join-hint"/>
                <button
                    type="submit"
                    class="button secondary"
                    data-testid="join-room"
                    disabled=move || address().is_none()
                >
                    {texts::home::JOIN}
                </button>
            </div>
            <p class="hint" id="join-hint" class:complaint=is_complaint aria-live="polite">
                {move || texts::home::hint(&entry.get(), &browser::server())}
            </p>
        </form>
    }
}

/// Whether the meeting point answers, looked at again and again while somebody looks at the page.
#[component]
fn Health() -> impl IntoView {
    let is_healthy = RwSignal::new(None::<bool>);
    let look = move || {
        if !browser::is_hidden() {
            spawn_local(async move { is_healthy.set(Some(browser::is_server_healthy().await)) });
        }
    };
    look();
    if let Ok(timer) = set_interval_with_handle(look, HEALTH_INTERVAL) {
        on_cleanup(move || timer.clear());
    }
    let online = window_event_listener(ev::online, move |_| look());
    let offline = window_event_listener(ev::offline, move |_| look());
    on_cleanup(move || {
        online.remove();
        offline.remove();
    });
    let line = move || match is_healthy.get() {
        None => view! { <span>{texts::SERVER_SOUGHT}</span> }.into_any(),
        Some(true) => view! {
            <span class="sign done">{icons::check()}</span>
            <span>{texts::SERVER_READY}</span>
        }
        .into_any(),
        Some(false) => view! {
            <span class="sign failed">{icons::cross()}</span>
            <span>{texts::SERVER_AWAY}</span>
        }
        .into_any(),
    };
    view! { <p class="health" role="status">{line}</p> }
}
