//! What is to be known about the room as it is now.

use leptos::prelude::*;
use meshwork_core::node::Refusal;
use meshwork_rtc::web::{ROOMS_KEPT_MAX, StorageState};
use meshwork_web::people::Row;
use meshwork_web::texts;
use meshwork_web::texts::notices::{Notice, Tone};

use super::super::browser;
use super::super::front::Front;
use super::super::notices::NoticeCard;
use super::super::session::{Phase, Session};
use super::before_open::is_covered;
use super::take_up;

/// Authors whose waiting writes are named: more than an honest room has.
const WAITING_SHOWN: usize = 3;

/// What is to be known about the room as it is now, the gravest first.
#[component]
pub(super) fn RoomNotices(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let notices = move || {
        let mut notices = what_is(session, front);
        session.put_away.with(|put_away| notices.retain(|notice| !put_away.contains(notice)));
        notices
    };
    // A notice that says the same as before is left alone, so that it is not read out again.
    let notices = Memo::new(move |_| notices());
    let on_offer = Callback::new(move |offer| take_up(session, offer));
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
fn what_is(session: Session, front: Front) -> Vec<Notice> {
    let (app, mut notices) = (front.about(), Vec::<Notice>::new());
    // Why a meeting point that is away said goodbye is no news.
    let is_old = session.refusals.old_version().is_some();
    let away = session.servers.away().filter(|_| !is_old);
    let is_open = session.phase.get() == Phase::Open;
    // That stands in the place of the app already.
    let is_covered = is_open && is_covered(session, front);
    if !session.has_webrtc.get() && !is_covered {
        notices.push(texts::notices::no_webrtc());
    }
    let refusals = session.refusals.shown.get().into_iter();
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
    let is_linked = session.people.rows.with(|rows| rows.iter().any(Row::is_linked));
    match away {
        _ if session.governing.is_shut_out.get() && !is_linked => {
            notices.push(texts::notices::new_link(session.governing.owner_name().as_deref()));
        }
        Some(_) if !is_linked => notices.push(texts::notices::unlinked(app)),
        Some(reason) => notices.push(texts::notices::server_away(true, &reason)),
        // Whoever was refused is somebody: the room is not empty.
        None if is_covered || session.is_disconnected.get() => {}
        None if notices.iter().all(|notice| notice.tone != Tone::Bad) => {
            let named = session.people.named.get();
            notices.extend(session.people.rows.with(|rows| texts::notices::about_people(rows, named)));
        }
        None => {}
    }
    if session.address.is_spilt.get() {
        let is_owner = session.governing.is_owner();
        let owner = session.governing.owner_name().unwrap_or_else(|| texts::notices::SENDER.to_owned());
        notices.push(texts::notices::secret_in_path((!is_owner).then_some(&*owner)));
    }
    notices.extend(front.notices());
    notices.extend(match session.storage.get() {
        StorageState::Full { .. } => {
            Some(texts::notices::storage_full(app, session.only_here.get().as_deref()))
        }
        StorageState::Refused { reason } => Some(texts::notices::storage_refused(&reason, app)),
        _ => None,
    });
    let forgotten = session.forgotten.get();
    if forgotten > 0 {
        notices.push(texts::notices::rooms_forgotten(forgotten, ROOMS_KEPT_MAX));
    }
    let appears = session.ahead.next_ms.get().map(|at_ms| browser::time_in_words(at_ms, false));
    notices.extend(match (session.clock_ahead_ms.get(), appears) {
        (0, None) => None,
        (0, Some(at)) => Some(texts::notices::writes_appear_later(&at)),
        (ahead_ms, at) => Some(texts::notices::clock_is_wrong(ahead_ms, at.as_deref())),
    });
    let waiting = session.ahead.by_author().into_iter();
    let waiting = waiting.filter(|(author, ..)| !session.talk.blocked.with(|blocked| blocked.has(*author)));
    notices.extend(waiting.take(WAITING_SHOWN).map(|(author, writes, are_posts, until_ms)| {
        let (called, at) = (session.people.called_by_peer(author), browser::time_in_words(until_ms, false));
        texts::notices::waits(&called, writes, are_posts, &at)
    }));
    if meshwork_rtc::web::is_guest() {
        notices.push(texts::notices::on_this_network());
    } else if session.me.is_key_kept {
        notices.extend(
            session.me.key_before.with_value(|before| before.as_deref().map(texts::notices::key_is_new)),
        );
    } else {
        notices.push(texts::notices::identity_not_kept());
    }
    notices
}
