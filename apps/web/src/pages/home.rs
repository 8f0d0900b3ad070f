//! The home page: make a room, or join one.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, web_sys};
use meshwork_core::node::{RoomSpec, ServerState};
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, NoAppWord};
use meshwork_place::canvas::CanvasSize;
use meshwork_web::apps::{APPS, App};
use meshwork_web::code_input::{self, Entry};
use meshwork_web::doodle::Doodle;
use meshwork_web::scribble::Scribble;
use meshwork_web::sync::WHITEBOARD;
use meshwork_web::texts::notices::Notice;
use meshwork_web::view::FIRST_CANVAS;
use meshwork_web::{beads, texts};

use super::bead::{Bead, OwnBead};
use super::brand::Brand;
use super::doodle::DoodlePad;
use super::kept_rooms::KeptRooms;
use super::key_sheet::{KeyButton, KeySheet};
use super::letter_beads::CodeInput;
use super::name_field::NameField;
use super::notices::NoticeCard;
use super::rules_form::{Draft, RulesFields};
use super::scribble::ScribblePad;
use super::session::{Phase, Session};
use super::theme::ThemeToggle;
use super::{browser, icons, scribble};

/// Sizes that are offered, in cells; others are made from the command line.
const SIZES: [CanvasSize; 4] = [size(50, 50), FIRST_CANVAS, size(144, 100), size(250, 250)];
/// Which of them stands there first.
const FIRST_SIZE: usize = 1;
/// How often the meeting point is looked at while the page is seen.
const HEALTH_INTERVAL: Duration = Duration::from_secs(20);

/// Under this name a profile keeps what is painted on the start page until there is a room with it.
const DOODLE_KEY: &str = "meshwork-doodle";

/// The thread across the page: where one is here for the first time the code comes before the apps, and behind them later.
const THREADS: [&str; 2] = [
    "M0 8C40 34 80 64 120 64H520C600 64 680 50 780 50S1000 66 1120 50S1340 20 1440 0",
    "M0 8C80 34 160 50 300 50S520 62 640 58S760 64 800 64H1180C1260 64 1360 34 1440 8",
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
    let chosen = RwSignal::new(&APPS[0]);
    // Who was in a room before has kept one, most likely; it is known a moment later.
    let has_rooms = RwSignal::new(session.visited.was_anywhere());
    let is_first = !has_rooms.get_untracked() && session.me.name.with_untracked(String::is_empty);
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
                    <MakeRoom session chosen has_rooms alone/>
                    <svg class="home-thread" viewBox="0 0 1440 130" preserveAspectRatio="none" aria-hidden="true">
                        <path class="first" d=THREADS[0]></path>
                        <path class="back" d=THREADS[1]></path>
                    </svg>
                    <AppBeads chosen/>
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

/// A bead for each app, on the thread across the page: the chosen one is filled.
#[component]
fn AppBeads(chosen: RwSignal<&'static App>) -> impl IntoView {
    let bead = |app: &'static App| {
        view! {
            <label
                class="app-bead"
                class:chosen=move || chosen.get() == app
                data-testid=format!("app-{}", app.word)
            >
                <input
                    type="radio"
                    name="app"
                    class="sr-only"
                    prop:checked=move || chosen.get() == app
                    on:change=move |_| chosen.set(app)
                />
                <span class="app-sign">{icons::app_sign(app.word)}</span>
                <strong>{app.title}</strong>
                <span>{app.sentence}</span>
            </label>
        }
    };
    view! {
        <fieldset class="app-beads">
            <legend class="sr-only">{texts::home::TOGETHER}</legend>
            {APPS.iter().map(bead).collect_view()}
        </fieldset>
    }
}

/// A room that is being made. Copies are the same one.
#[derive(Clone, Copy)]
struct Making {
    session: Session,
    /// Shows an app in the room that was made for oneself alone.
    alone: Callback<&'static App>,
    app: RwSignal<&'static App>,
    doodle: RwSignal<Doodle>,
    scribble: RwSignal<Scribble>,
    draft: Draft,
    /// A place of [`SIZES`].
    size: RwSignal<usize>,
    is_private: RwSignal<bool>,
    /// The one that is being made: of which app, whether it is private, and whether it is for oneself alone.
    under_way: RwSignal<Option<(&'static App, bool, bool)>>,
    /// Why none can be.
    problem: RwSignal<Option<String>>,
}

impl Making {
    fn new(session: Session, app: RwSignal<&'static App>, alone: Callback<&'static App>) -> Making {
        let making = Making {
            session,
            alone,
            app,
            doodle: RwSignal::new(match browser::stored(DOODLE_KEY) {
                Some(kept) => Doodle::read(&kept),
                None if session.visited.was_anywhere() => Doodle::default(),
                None => Doodle::sample(),
            }),
            scribble: RwSignal::new(scribble::kept()),
            draft: Draft::new(Terms::default(), None),
            size: RwSignal::new(FIRST_SIZE),
            is_private: RwSignal::new(true),
            under_way: RwSignal::new(None),
            problem: RwSignal::new(None),
        };
        let (doodle, scribble) = (making.doodle, making.scribble);
        Effect::watch(move || scribble.get(), |drawn, _, _| scribble::keep(drawn), false);
        // What was read need not be written.
        Effect::watch(
            move || doodle.with(Doodle::write),
            |painted, _, _| browser::store(DOODLE_KEY, painted),
            false,
        );
        on_cleanup(move || {
            // It is in the room now.
            let made = making.under_way.try_get_untracked().flatten().filter(|_| session.has_room());
            match made.map(|(app, ..)| has_canvas(app)) {
                // Nor is anything begun with again.
                Some(true) => browser::store(DOODLE_KEY, ""),
                Some(false) => scribble::send(),
                None => {}
            }
        });
        making
    }

    /// Makes the room: at this server, or for oneself alone.
    fn make(self, is_alone: bool) {
        let Making { session, draft, problem, .. } = self;
        let app = self.app.get_untracked();
        let asked = Some((app, self.is_private.get_untracked(), is_alone));
        if self.under_way.get_untracked() == asked && problem.with_untracked(Option::is_none) {
            return;
        }
        self.under_way.set(asked);
        let wanted = untrack(move || draft.rules(app)).and_then(|rules| {
            let word = app.word.parse().map_err(|error: NoAppWord| error.to_string())?;
            let parameters = match has_canvas(app) {
                true => meshwork_place::parameters(SIZES[self.size.get_untracked()]),
                false => AppParameters::default(),
            };
            let servers = if is_alone { Vec::new() } else { vec![browser::server()] };
            let private = is_alone || self.is_private.get_untracked();
            Ok((RoomSpec { servers, app: word, parameters, private }, rules))
        });
        problem.set(wanted.as_ref().err().cloned());
        let Ok((spec, rules)) = wanted else { return };
        let cells = match has_canvas(app) {
            true => self.doodle.with_untracked(|doodle| doodle.within(SIZES[self.size.get_untracked()])),
            false => Vec::new(),
        };
        let has_scribble = !has_canvas(app) && self.has_drawing();
        let made = session.make(spec, rules, &cells);
        if has_scribble {
            session.address.note_view(Some(WHITEBOARD));
        }
        // Who painted first wants to show it to somebody.
        session.is_share_open.set(made.is_ok() && (has_scribble || !cells.is_empty()) && !is_alone);
        let is_made = made.is_ok();
        problem.set(made.err());
        // At a server the room's address comes, and the page of the room with it.
        if is_made && is_alone {
            self.alone.run(app);
        }
    }

    /// Whether something is painted or drawn for the app that is chosen; tracked where that counts.
    fn has_drawing(self) -> bool {
        untrack(move || match has_canvas(self.app.get()) {
            true => self.doodle.with(|doodle| doodle.painted().next().is_some()),
            false => self.scribble.with(|scribble| !scribble.is_empty()),
        })
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
        let app = self.app.get();
        let limits = self.draft.rules(app).ok().and_then(|rules| rules.limit);
        let limits =
            limits.map_or(texts::home::NO_LIMITS.to_owned(), |limit| texts::rules::pace(Some(limit), app));
        match has_canvas(app) {
            true => {
                let CanvasSize { width, height } = SIZES[self.size.get()];
                format!("{}, {limits}", texts::canvas::size(width, height))
            }
            false => texts::capital(&limits),
        }
    }
}

/// A room is made: of what is painted here, or of nothing yet.
#[component]
fn MakeRoom(
    session: Session,
    chosen: RwSignal<&'static App>,
    has_rooms: RwSignal<bool>,
    alone: Callback<&'static App>,
) -> impl IntoView {
    let making = Making::new(session, chosen, alone);
    // What was painted before one was in a room is not lost.
    let has_pad = Memo::new(move |before: Option<&bool>| {
        chosen.track();
        !has_rooms.get() || making.has_drawing() || before.is_some_and(|before| *before)
    });
    let pad = move || match has_canvas(chosen.get()) {
        true => view! { <DoodlePad doodle=making.doodle/> }.into_any(),
        false => view! { <ScribblePad scribble=making.scribble/> }.into_any(),
    };
    let is_busy = move || making.under_way.get().is_some() && making.notice().is_none();
    let title = move || match has_pad.get() {
        true => texts::home::ONLY_HERE.to_owned(),
        false => texts::home::make_room(chosen.get().title),
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
            <Show when=move || has_pad.get()>{pad}</Show>
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
                        {move || view! { <RulesFields draft=making.draft app=chosen.get() listed=texts::ONLY_YOU/> }}
                        <p class="hint">{texts::home::CHANGE_LATER}</p>
                    </div>
                </details>
                <p class="hint">
                    <a
                        href=move || browser::at(&format!("/{}", chosen.get().word))
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
    let is_plain = !event.ctrl_key() && !event.meta_key() && !event.shift_key();
    if making.has_drawing() && is_plain {
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

/// How large the canvas is, where there is one.
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
        <label class="option-row" hidden=move || !has_canvas(making.app.get())>
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

/// Whether there is a canvas in the app, of a size that one chooses.
fn has_canvas(app: &App) -> bool {
    *app.word == *meshwork_place::app()
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
