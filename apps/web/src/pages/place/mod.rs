//! The page of a Place room: one canvas, its tools, its people.

mod activity;
mod allowance;
mod ban;
mod bar;
mod board;
mod card;
mod comb;
mod cursors;
mod dock;
mod editing;
mod ghost;
mod guest;
mod keyboard;
mod later;
mod marking;
mod meet;
mod minimap;
mod notes;
mod order;
mod overlay;
mod painter;
mod people;
mod person;
mod picture;
mod picture_bar;
mod room;
mod share;
mod stage;
mod timelapse;
mod tool_sheets;
mod tools;
mod work_bar;
mod working;

use leptos::prelude::*;
use meshwork_core::node::Refusal;
use meshwork_rtc::web::{ROOMS_KEPT_MAX, StorageState};
use meshwork_web::people::Row;
use meshwork_web::words::{self, Notice, Tone};

use self::bar::Bar;
use self::board::Board;
use self::later::{PeoplePanel, Sheets};
use self::stage::StageArea;
use super::browser;
use super::notices::NoticeCard;
use super::session::{Phase, Session};

/// The page.
#[component]
pub(crate) fn Place(
    /// The page's node, which has the room.
    session: Session,
) -> impl IntoView {
    let board = Board::new(session);
    later::load_in_time(board);
    Effect::new(move || {
        let code = session.code.get().filter(|_| session.phase.get() == Phase::Open);
        let room = code.map(|code| format!("{code} \u{b7} ")).unwrap_or_default();
        browser::set_title(&format!("{room}Place \u{b7} Meshwork"));
    });
    view! {
        <div class="place" class:with-people=move || board.is_people_open.get()>
            <Bar board/>
            <StageArea board/>
            <PeoplePanel board/>
            <Sheets board/>
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
        let mut notices = what_is(session);
        session.put_away.with(|put_away| notices.retain(|notice| !put_away.contains(notice)));
        notices
    };
    // A notice that says the same as before is left alone, so that it is not read out again.
    let notices = Memo::new(move |_| notices());
    let on_offer = Callback::new(move |offer| board.take_up(offer));
    let on_put_away = Callback::new(move |notice| session.put_away.update(|put_away| put_away.push(notice)));
    let card = move |notice| view! { <NoticeCard notice on_offer on_put_away/> };
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

/// What there is to say, put away or not.
fn what_is(session: Session) -> Vec<Notice> {
    let mut notices: Vec<Notice> = Vec::new();
    // Why a meeting point that is away said goodbye is no news.
    let is_old = session.old_version().is_some();
    let away = session.away().filter(|_| !is_old);
    if !browser::has_webrtc() {
        notices.push(words::no_webrtc());
    }
    let refusals = session.refusals.get().into_iter();
    let is_open = session.phase.get() == Phase::Open;
    let shown = refusals.filter(|(reason, from, _)| match (reason, from) {
        (Refusal::Server, _) => away.is_none(),
        // Before the room is open it stands where the canvas would be.
        (Refusal::Version, None) => is_open,
        _ => true,
    });
    notices.extend(shown.map(|(_, _, notice)| notice));
    if !is_open {
        return notices;
    }
    let is_linked = session.people.with(|rows| rows.iter().any(Row::is_linked));
    match away {
        Some(_) if !is_linked => notices.push(words::unlinked()),
        Some(reason) => notices.push(words::server_away(true, &reason)),
        // Whoever was refused is somebody: the room is not empty.
        None if notices.iter().all(|notice| notice.tone != Tone::Bad) => {
            let named = session.named.get();
            notices.extend(session.people.with(|rows| words::about_people(rows, named)));
        }
        None => {}
    }
    notices.extend(session.stroke_slowed.get().then(words::stroke_slowed));
    notices.extend(session.stroke_refused.get().map(|reason| words::stroke_refused(&reason)));
    notices.extend(match session.storage.get() {
        StorageState::Full { .. } => Some(words::storage_full()),
        StorageState::Refused { reason } => Some(words::storage_refused(&reason)),
        _ => None,
    });
    let forgotten = session.forgotten.get();
    if forgotten > 0 {
        notices.push(words::rooms_forgotten(forgotten, ROOMS_KEPT_MAX));
    }
    let ahead_ms = session.clock_ahead_ms.get();
    if ahead_ms != 0 {
        notices.push(words::clock_is_wrong(ahead_ms));
    }
    if session.is_key_kept {
        notices.extend(session.key_before.with_value(|before| before.as_deref().map(words::key_is_new)));
    } else {
        notices.push(words::identity_not_kept());
    }
    notices
}
