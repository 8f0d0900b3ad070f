//! Giving a private room a new link: the owner says who keeps access.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::rules::Decision;
use meshwork_web::texts;

use super::super::session::Session;

/// For the owner of a private room: a fold of the share sheet.
#[component]
pub(super) fn NewLink(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let is_offered =
        Memo::new(move |_| session.governing.is_owner() && session.address.is_private.get() == Some(true));
    let is_made = RwSignal::new(false);
    view! {
        <Show when=move || is_offered.get()>
            <details class="sheet-part" data-testid="new-link" open=move || session.address.is_spilt.get()>
                <summary>{texts::share::NEW_LINK}</summary>
                <Choosing session is_made/>
            </details>
        </Show>
        <p class="copied" role="status" data-testid="new-link-made">
            {move || is_made.get().then_some(texts::NEW_LINK_MADE)}
        </p>
    }
}

/// Who keeps access: those who said a name, until somebody is ticked otherwise.
#[component]
fn Choosing(session: Session, is_made: RwSignal<bool>) -> impl IntoView {
    let unlike = RwSignal::new(Vec::<PeerId>::new());
    let problem = RwSignal::new(None::<String>);
    let met = session.visited.met_here();
    let people = Memo::new(move |_| known(session, &met));
    let keeps =
        move |peer: PeerId| unlike.with(|unlike| unlike.contains(&peer)) != session.people.is_named(peer);
    let kept = Memo::new(move |_| {
        let people = people.get().into_iter().map(|(peer, _)| peer);
        people.filter(|peer| keeps(*peer)).collect::<Vec<_>>()
    });
    let toggle = move |peer: PeerId| {
        unlike.update(|unlike| match unlike.iter().position(|other| *other == peer) {
            Some(at) => drop(unlike.swap_remove(at)),
            None => unlike.push(peer),
        });
    };
    let row = move |(peer, called): (PeerId, String)| {
        view! {
            <label class="option">
                <input
                    type="checkbox"
                    data-testid="keeps-access"
                    prop:checked=move || keeps(peer)
                    on:change=move |_| toggle(peer)
                />
                {called}
                <span class="short-key">{peer.short()}</span>
            </label>
        }
    };
    let left_out = move || {
        let people = people.get();
        let names = people.into_iter().filter(|(peer, _)| !keeps(*peer)).map(|(_, called)| called);
        texts::rules::left_out(&names.collect::<Vec<_>>())
    };
    let make = move |_| {
        let done = session.governing.decide(Decision::NewLink(kept.get_untracked()));
        is_made.set(done.is_ok());
        if done.is_ok() {
            session.address.is_spilt.set(false);
        }
        problem.set(done.err());
    };
    view! {
        <p class="hint">{texts::NEW_LINK_MEANS}</p>
        <div class="keepers">
            <For each=move || people.get() key=Clone::clone children=row/>
        </div>
        <p class="warned" role="status">{left_out}</p>
        <p class="complaint" role="alert">{move || problem.get()}</p>
        <button type="button" class="button secondary" data-testid="make-new-link" on:click=make>
            {move || texts::rules::making_link(kept.with(Vec::len))}
        </button>
    }
}

/// Everybody who may have the present link and can be named: those here, then those whom the rules name, and whom one `met` here.
fn known(session: Session, met: &[PeerId]) -> Vec<(PeerId, String)> {
    let law = session.governing.law.get();
    let ruled = law.iter().flat_map(|law| {
        let listed = law.rules.writers.listed().into_iter().flat_map(|list| list.iter());
        listed.chain(law.rules.moderators.iter()).copied()
    });
    session.people.others_and(ruled.chain(met.iter().copied()))
}
