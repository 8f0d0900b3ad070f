//! Moderation: bans, and what the app lets moderators do.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::rules::Decision;
use meshwork_web::texts;

use super::super::front::{Front, Section};
use super::super::session::Session;
use super::ban::{Asking, BanButtons};

/// What the owner and moderators do.
#[component]
pub(crate) fn Order(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let asking = Asking::new(session);
    view! {
        <section class="sheet-part order" aria-labelledby="order-title">
            <h3 id="order-title">{texts::MODERATION}</h3>
            <p class="complaint" role="alert">{move || asking.problem()}</p>
            <Bans session asking/>
            {front.section(Section::Order)}
        </section>
    }
}

/// The people here and those who are banned, each with what can be done.
#[component]
fn Bans(session: Session, asking: Asking) -> impl IntoView {
    let people = Memo::new(move |_| {
        let (owner, banned) = session
            .governing
            .law
            .with(|law| law.as_ref().map(|law| (law.owner, law.banned.clone())))
            .unwrap_or_default();
        let mut people = session.people.others_and(banned);
        people.retain(|(peer, _)| Some(*peer) != owner);
        people
    });
    let row = move |(peer, called): (PeerId, String)| {
        view! {
            <li>
                <span class="called">{called.clone()}</span>
                <span class="short-key">{peer.short()}</span>
                <BanButtons asking peer called can_erase=true/>
                {asking.question(move |decision| matches!(decision, Decision::Ban(asked, _) if *asked == peer))}
            </li>
        }
    };
    view! {
        <ul class="order-list">
            <For each=move || people.get() key=Clone::clone children=row/>
        </ul>
        <p class="hint" hidden=move || !people.with(Vec::is_empty)>{texts::NOBODY_TO_BAN}</p>
    }
}
