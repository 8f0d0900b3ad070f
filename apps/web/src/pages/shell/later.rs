//! What of a room's page is loaded after the app is shown: doors to it, and what is said while it is on its way.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use meshwork_core::node::ServerState;
use meshwork_web::texts;

use super::super::key_sheet::KeySheet;
use super::super::notices::NoticeCard;
use super::super::overlays;
use super::super::parts::{Loaded, Stage};
use super::super::session::later::News;
use super::super::session::{Phase, Session};
use super::super::voice::VoiceOutlet;
use super::app::{Front, Section};
use super::guest::GuestLine;
use super::meet::MeetSheet;
use super::more::MoreMenu;
use super::notes::NotesSheet;
use super::overlay::OverlaySheet;
use super::people::People;
use super::room::RoomSheet;
use super::share::ShareSheet;

/// Loads the part as soon as there is something to see, or something of it is asked for; and with it what else can wait.
pub(super) fn load_in_time(session: Session, front: Front) {
    let later = session.later;
    let openings = [
        session.is_share_open,
        session.meeting.is_open,
        session.me.is_key_open,
        session.governing.is_sheet_open,
        session.notes.is_open,
    ];
    later.load_when_opened(openings, load_shell, session.is_part_missed);
    session.on_news(|session, news| session.later.enter(enter(Ask::Heed(session, news))));
    let is_calm = Memo::new(move |_| {
        let is_away = matches!(session.servers.best.get(), Some(ServerState::Away { .. }));
        let is_old = session.refusals.old_version().is_some();
        front.is_shown() || is_away || is_old || !matches!(session.phase.get(), Phase::Joining | Phase::Open)
    });
    let load_rest = move || {
        later.load(load_shell);
        front.load_rest();
        // Who made the room has joined nobody yet.
        spawn_local(overlays::load(session));
    };
    Effect::new(move || {
        if is_calm.get() {
            // The app is drawn in the next frame, and comes first.
            request_animation_frame(move || set_timeout(load_rest, std::time::Duration::ZERO));
        }
    });
    Effect::new(move || {
        if later.stage() == Stage::Here {
            session.heed(News::Changed);
            session.heed(News::Noted);
        }
    });
}

/// All sheets, and what is said in passing; where that cannot be loaded, that it is so.
#[component]
pub(super) fn Sheets(session: Session, front: Front) -> impl IntoView {
    let missing = move || {
        let is_large = session.are_overlays_missing.get().then(texts::notices::overlays_missing);
        let notice = session.is_part_missed.get().then(texts::notices::part_missing).or(is_large);
        notice.map(|notice| view! { <div class="update-line" role="alert"><NoticeCard notice/></div> })
    };
    view! {
        {missing}
        {session.later.made(move || enter(Ask::Sheets(session, front)))}
        {front.section(Section::Sheets)}
    }
}

/// The line over the app that asks a guest's name.
#[component]
pub(super) fn Guest(session: Session) -> impl IntoView {
    session.later.made(move || enter(Ask::Guest(session)))
}

/// The panel of people; its place is kept free.
#[component]
pub(super) fn PeoplePanel(session: Session, front: Front) -> impl IntoView {
    let panel = session.later.made(move || enter(Ask::People(session, front)));
    move || {
        panel().unwrap_or_else(|| {
            view! { <aside class="people" aria-label=texts::people::PEOPLE></aside> }.into_any()
        })
    }
}

/// What stands behind the door.
#[derive(Clone, Copy)]
enum Ask {
    /// All sheets, and what is said in passing.
    Sheets(Session, Front),
    /// The line that asks a guest's name.
    Guest(Session),
    /// The panel of people.
    People(Session, Front),
    /// Something is news.
    Heed(Session, News),
}

/// The one door to the part, so that it stands open for all as soon as it does for one.
#[wasm_split(shell, wasm_split_path = ::leptos::wasm_split, preload(load_shell), fallible)]
fn enter(ask: Ask) -> Loaded<Option<AnyView>> {
    Ok(Some(match ask {
        Ask::Sheets(session, front) => sheets(session, front).into_any(),
        Ask::Guest(session) => view! { <GuestLine session/> }.into_any(),
        Ask::People(session, front) => view! { <People session front/> }.into_any(),
        Ask::Heed(session, news) => {
            session.take_news(news);
            return Ok(None);
        }
    }))
}

fn sheets(session: Session, front: Front) -> impl IntoView {
    view! {
        <MoreMenu session front/>
        <ShareSheet session front/>
        <RoomSheet session front/>
        <OverlaySheet session/>
        <MeetSheet session/>
        <KeySheet session/>
        <NotesSheet session/>
        <VoiceOutlet voice=session.voice/>
    }
}
