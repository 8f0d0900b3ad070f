//! What stands where the app will be, or would have been.

use leptos::prelude::*;
use meshwork_core::node::ServerState;
use meshwork_web::texts;

use super::super::front::Front;
use super::super::notices::NoticeCard;
use super::super::session::{Phase, Session};
use super::take_up;

/// Says what is waited for, or why there is nothing to wait for.
#[component]
pub(super) fn BeforeOpen(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let notice = Memo::new(move |_| match (session.phase.get(), session.servers.best.get()) {
        (Phase::Open, _) => is_covered(session, front).then(texts::notices::no_webrtc),
        (Phase::Joining | Phase::Waiting, _) if session.refusals.old_version().is_some() => {
            session.refusals.old_version()
        }
        (Phase::Refused(notice), _) => Some(notice),
        (_, Some(ServerState::Away { reason })) => Some(texts::notices::server_away(false, &reason)),
        (Phase::Waiting, _) => Some(texts::notices::waiting()),
        (Phase::Joining, _) => Some(texts::notices::joining()),
    });
    let on_offer = Callback::new(move |offer| take_up(session, offer));
    view! {
        <div class="before-open" role="alert">
            {move || notice.get().map(|notice| view! { <NoticeCard notice on_offer/> })}
        </div>
    }
}

/// Whether the app is hidden, because it does not show the room's content: the room refuses the caller, or this browser cannot
/// reach the members that are there. The owner of an empty room works on it alone, so the owner sees it.
pub(super) fn is_covered(session: Session, front: Front) -> bool {
    let is_refused = session.phase.with(|phase| matches!(phase, Phase::Refused(_)));
    let is_cut_off = !session.has_webrtc.get() && session.people.named.get() > 0;
    is_refused || is_cut_off && front.is_empty() && !session.governing.is_owner()
}
