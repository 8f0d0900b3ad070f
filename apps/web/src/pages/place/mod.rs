//! The page of a Place room: one canvas, its tools, its people.

mod bar;
mod board;
mod comb;
mod dock;
mod keyboard;
mod painter;
mod people;
mod share;
mod stage;

use leptos::prelude::*;
use meshwork_core::node::Refusal;
use meshwork_web::words::{self, Notice, Tone};

use self::bar::Bar;
use self::board::Board;
use self::people::People;
use self::share::ShareSheet;
use self::stage::StageArea;
use super::browser;
use super::notices::NoticeCard;
use super::session::{Phase, Session};
use super::voice::VoiceOutlet;

/// The page.
#[component]
pub(crate) fn Place(
    /// The page's node, which has the room.
    session: Session,
) -> impl IntoView {
    let board = Board::new(session);
    Effect::new(move || {
        let code = session.code.get().map(|code| code.to_string()).unwrap_or_default();
        browser::set_title(&format!("{code} \u{b7} Place \u{b7} Meshwork"));
    });
    let title = move || match session.code.get() {
        Some(code) => format!("Place, room {code}"),
        None => "Place".to_owned(),
    };
    view! {
        <div class="place" class:with-people=move || board.is_people_open.get()>
            <h1 class="sr-only">{title}</h1>
            <Bar board/>
            <StageArea board/>
            <People board/>
            <ShareSheet board/>
            <VoiceOutlet voice=session.voice/>
        </div>
    }
}

/// What is to be known about the room as it is now, the gravest first.
#[component]
fn RoomNotices(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let notices = move || {
        let mut notices: Vec<Notice> = Vec::new();
        // Why a meeting point that is away said goodbye is no news.
        let is_away = session.away().is_some();
        let refusals = session.refusals.get().into_iter();
        let shown = refusals.filter(|(reason, ..)| !(is_away && *reason == Refusal::Server));
        notices.extend(shown.map(|(_, _, notice)| notice));
        if session.phase.get() != Phase::Open {
            return notices;
        }
        // Whoever was refused is somebody: the room is not empty.
        if notices.iter().all(|notice| notice.tone != Tone::Bad) {
            notices.extend(session.people.with(|rows| words::about_people(rows)));
        }
        if let Some(reason) = session.away() {
            notices.push(words::server_away(true, &reason));
        }
        notices.extend(session.stroke_refused.get().map(|reason| words::stroke_refused(&reason)));
        if !session.is_identity_kept {
            notices.push(words::identity_not_kept());
        }
        notices
    };
    // A notice that says the same as before is left alone, so that it is not read out again.
    let notices = Memo::new(move |_| notices());
    let card = move |notice| view! { <NoticeCard notice on_share=board.open_share/> };
    view! {
        <div class="notices">
            <For
                each=move || notices.get()
                key=|notice| (notice.title.clone(), notice.body.clone())
                children=card
            />
        </div>
    }
}
