//! The question before an HTML game: it is a page of its own, and can send out what it is given.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::people::acquainted::Peers;
use meshwork_web::texts;

use super::super::browser;
use super::state::Play;

/// Under this name a profile keeps whose HTML games it trusts.
const TRUSTED_KEY: &str = "meshwork-play-trusted";

fn trusted() -> Peers {
    Peers::read(&browser::stored(TRUSTED_KEY).unwrap_or_default())
}

/// Whether HTML games of this author run here without a question.
pub(super) fn is_trusted(author: PeerId) -> bool {
    trusted().has(author)
}

/// HTML games of this author run here from now on.
pub(super) fn trust(author: PeerId) {
    let mut peers = trusted();
    peers.set(author, true);
    browser::store(TRUSTED_KEY, &peers.write());
}

/// The question.
#[component]
pub(super) fn TrustQuestion(play: Play, author: PeerId) -> impl IntoView {
    let called = play.session.people.called_by_peer(author);
    view! {
        <div class="trust" role="alertdialog" aria-labelledby="trust-title" data-testid="trust">
            <h2 id="trust-title">{texts::play::trust_author(&called)}</h2>
            <p>{texts::play::TRUST_MEANS}</p>
            <div class="play-buttons">
                <button
                    type="button"
                    class="button primary"
                    data-testid="trust-yes"
                    on:click=move |_| play.trust(author)
                >
                    {texts::play::TRUST_YES}
                </button>
                <a class="button secondary" href=browser::at("/play") data-testid="trust-no">{texts::play::LEAVE}</a>
            </div>
        </div>
    }
}
