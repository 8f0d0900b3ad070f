//! The home page: make a room, or join one.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use leptos::{ev, web_sys};
use meshwork_core::node::{RoomSpec, ServerState};
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, NoAppWord};
use meshwork_place::canvas::CanvasSize;
use meshwork_web::apps::{APPS, App};
use meshwork_web::code_input::{self, Entry};
use meshwork_web::doodle::Doodle;
use meshwork_web::view::FIRST_CANVAS;
use meshwork_web::{texts, words};

use super::bead::OwnBead;
use super::brand::Brand;
use super::doodle::DoodlePad;
use super::kept_rooms::KeptRooms;
use super::key_sheet::{KeyButton, KeySheet};
use super::letter_beads::CodeInput;
use super::name_field::NameField;
use super::not_found::NotFound;
use super::notices::NoticeCard;
use super::parts::Loaded;
use super::rules_form::{Draft, RulesFields};
use super::session::{Phase, Session};
use super::theme::ThemeToggle;
use super::{browser, documents, icons};

/// Sizes that are offered, in cells; others are made from the command line.
const SIZES: [CanvasSize; 4] = [size(50, 50), FIRST_CANVAS, size(144, 100), size(250, 250)];
/// Which of them stands there first.
const FIRST_SIZE: usize = 1;
/// How often the meeting point is looked at while the page is seen.
const HEALTH_INTERVAL: Duration = Duration::from_secs(20);

/// Under this name a profile keeps what is painted on the start page until there is a room with it.
const DOODLE_KEY: &str = "meshwork-doodle";

/// Which page of the part is shown.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// The home page.
    Home,
    /// The page of an address at which there is nothing.
    Nowhere,
}

/// The page, as soon as its part is there.
#[wasm_split(home, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
pub(crate) fn page(aim: Aim, session: Session, join: Callback<RoomAddress>) -> Loaded<Option<AnyView>> {
    Ok(Some(match aim {
        Aim::Home => view! { <Home session join/> }.into_any(),
        Aim::Nowhere => view! { <NotFound session path=browser::path() join/> }.into_any(),
    }))
}

#[component]
fn Home(
    /// The page's node.
    session: Session,
    /// Goes to a room.
    join: Callback<RoomAddress>,
) -> impl IntoView {
    browser::set_title(texts::home::MESHWORK);
    let chosen = RwSignal::new(&APPS[0]);
    view! {
        <div class="home">
            <header class="home-bar">
                <Brand/>
                <div class="home-bar-end">
                    <ThemeToggle/>
                    <label class="name-chip">
                        <OwnBead called=session.name/>
                        <NameField session/>
                    </label>
                    <KeyButton session/>
                </div>
            </header>
            <main>
                {(!browser::has_webrtc()).then(|| view! {
                    <div class="home-notice"><NoticeCard notice=words::no_webrtc()/></div>
                })}
                <KeptRooms session/>
                <div class="doors">
                    <div class="home-words">
                        <h1>{texts::TITLE}</h1>
                        <p class="lead">
                            <span>{texts::LEAD[0]}</span>
                            <span>{texts::LEAD[1]}</span>
                        </p>
                        <JoinRoom join/>
                    </div>
                    <MakeRoom session chosen/>
                </div>
                <Thread chosen/>
                <Health/>
            </main>
            <KeySheet session/>
        </div>
    }
}

/// The thread across the page, with a bead for each app: the chosen one is filled.
#[component]
fn Thread(chosen: RwSignal<&'static App>) -> impl IntoView {
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
        <div class="home-thread">
            <svg viewBox="0 0 1440 130" preserveAspectRatio="none" aria-hidden="true">
                <path d="M0 8C180 40 430 104 720 104S1260 40 1440 2"></path>
            </svg>
            <fieldset class="app-beads">
                <legend class="sr-only">{texts::home::TOGETHER}</legend>
                {APPS.iter().map(bead).collect_view()}
            </fieldset>
        </div>
    }
}

#[component]
fn MakeRoom(session: Session, chosen: RwSignal<&'static App>) -> impl IntoView {
    let size = RwSignal::new(FIRST_SIZE);
    let making = RwSignal::new(None::<bool>);
    let problem = RwSignal::new(None::<String>);
    let draft = Draft::new(Terms::default(), None);
    let doodle = RwSignal::new(Doodle::read(&browser::stored(DOODLE_KEY).unwrap_or_default()));
    // What was read need not be written.
    Effect::watch(
        move || doodle.with(Doodle::write),
        |painted, _, _| browser::store(DOODLE_KEY, painted),
        false,
    );
    on_cleanup(move || {
        // It is in the room now.
        if making.try_get_untracked().flatten().is_some() && session.has_room() {
            browser::unstore(DOODLE_KEY);
        }
    });
    let make = move |private: bool| {
        if making.get_untracked() == Some(private) {
            return;
        }
        let app = chosen.get_untracked();
        making.set(Some(private));
        let wanted = untrack(move || draft.rules(app)).and_then(|rules| {
            let word = app.word.parse().map_err(|error: NoAppWord| error.to_string())?;
            let parameters = match has_size(app) {
                true => meshwork_place::parameters(SIZES[size.get_untracked()]),
                false => AppParameters::default(),
            };
            Ok((RoomSpec { servers: vec![browser::origin()], app: word, parameters, private }, rules))
        });
        problem.set(wanted.as_ref().err().cloned());
        let Ok((spec, rules)) = wanted else { return };
        let cells = match has_size(app) {
            true => doodle.with_untracked(|doodle| doodle.within(SIZES[size.get_untracked()])),
            false => Vec::new(),
        };
        spawn_local(async move {
            if documents::come_with(Some(&spec.app)) {
                documents::load(session).await;
            }
            let made = session.make(spec, rules, &cells);
            // Who painted first wants to show it to somebody.
            session.is_share_open.set(made.is_ok() && !cells.is_empty());
            problem.set(made.err());
        });
    };
    let notice = move || {
        making.get()?;
        if let Some(reason) = problem.get() {
            return Some(words::refused(&reason));
        }
        match (session.phase.get(), session.server.get()) {
            (Phase::Refused(notice), _) => Some(notice),
            (_, Some(ServerState::Away { reason })) => Some(words::server_away(false, &reason)),
            _ => None,
        }
    };
    let is_kept = move || {
        let is_away = matches!(session.server.get(), Some(ServerState::Away { .. }));
        is_away && making.get().is_some() && doodle.with(|doodle| doodle.painted().next().is_some())
    };
    let is_busy = move |private: bool| making.get() == Some(private) && notice().is_none();
    let label = |CanvasSize { width, height }: CanvasSize| texts::canvas::size(width, height);
    let options = SIZES.iter().enumerate().map(|(index, cells)| {
        view! { <option value=index.to_string() selected=index == FIRST_SIZE>{label(*cells)}</option> }
    });
    let choose = move |event: web_sys::Event| {
        if let Ok(index) = event_target_value(&event).parse::<usize>() {
            size.set(index.min(SIZES.len() - 1));
        }
    };
    view! {
        <section class="door make" aria-labelledby="make-title">
            <h2 id="make-title">{move || texts::home::make_room(chosen.get().title)}</h2>
            <Show when=move || has_size(chosen.get())>
                <DoodlePad doodle/>
                <p class="hint">{texts::DOODLE_HINT}</p>
            </Show>
            <div class="door-row">
                <span class="select" hidden=move || !has_size(chosen.get())>
                    <select aria-label=texts::home::SIZE on:change=choose>{options.collect_view()}</select>
                    {icons::down()}
                </span>
                <button
                    type="button"
                    class="button primary"
                    class:busy=move || is_busy(true)
                    data-testid="create-private"
                    on:click=move |_| make(true)
                >
                    {icons::lock()}
                    {texts::home::MAKE_PRIVATE}
                </button>
                <button
                    type="button"
                    class="button secondary"
                    class:busy=move || is_busy(false)
                    data-testid="create-room"
                    on:click=move |_| make(false)
                >
                    {icons::globe()}
                    {texts::home::MAKE_OPEN}
                </button>
            </div>
            <p class="hint">
                {texts::KINDS}
            </p>
            <p class="hint">
                <a href=move || format!("/{}", chosen.get().word) data-testid="begin-alone">{texts::ALONE.0}</a>
                {texts::ALONE.1}
            </p>
            <details class="rules-fold" data-testid="rules-fold">
                <summary>{texts::LIMITS}</summary>
                <div class="rules-form">
                    {move || view! { <RulesFields draft app=chosen.get() listed=texts::ONLY_YOU/> }}
                    <p class="hint">{texts::home::CHANGE_LATER}</p>
                </div>
            </details>
            <div role="alert">
                {move || notice().map(|notice| view! { <NoticeCard notice/> })}
                <p class="hint" data-testid="doodle-kept" hidden=move || !is_kept()>{texts::home::DRAWING_KEPT}</p>
            </div>
        </section>
    }
}

const fn size(width: u16, height: u16) -> CanvasSize {
    CanvasSize { width, height }
}

/// Whether one chooses how large a room of the app is.
fn has_size(app: &App) -> bool {
    *app.word == *meshwork_place::app()
}

/// Joins a room by its code or link.
#[component]
pub(crate) fn JoinRoom(
    /// Goes to a room.
    join: Callback<RoomAddress>,
) -> impl IntoView {
    let entry = RwSignal::new(Entry::Code { text: String::new(), refused: false });
    let address = move || code_input::address(&entry.get(), &browser::origin()).ok();
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
                {move || code_input::hint(&entry.get(), &browser::origin())}
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
