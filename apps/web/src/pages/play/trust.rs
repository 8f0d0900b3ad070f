//! The question before an HTML game, and the answers that this browser keeps.

use leptos::prelude::*;
use meshwork_play::PackageId;
use meshwork_web::play::trust::{Question, Trusted};
use meshwork_web::texts;

use super::super::browser;
use super::state::Play;

/// Under this name a profile keeps the authors whose HTML games it trusts.
const AUTHORS_KEY: &str = "meshwork-play-trusted";
/// Under this name it keeps single packages.
const PACKAGES_KEY: &str = "meshwork-play-trusted-games";

/// The HTML games that run here without a question.
pub(super) fn trusted() -> Trusted {
    let read = |key| browser::stored(key).unwrap_or_default();
    Trusted::read(&read(PACKAGES_KEY), &read(AUTHORS_KEY))
}

fn keep(trusted: &Trusted) {
    let (packages, authors) = trusted.write();
    browser::store(PACKAGES_KEY, &packages);
    browser::store(AUTHORS_KEY, &authors);
}

/// The person packed this game, or chose its file.
pub(super) fn trust_own(package: PackageId) {
    let mut trusted = trusted();
    trusted.add_package(package);
    keep(&trusted);
}

/// The person answers a question with yes.
pub(super) fn accept(question: Question) {
    let mut trusted = trusted();
    trusted.accept(question);
    keep(&trusted);
}

/// The question.
#[component]
pub(super) fn TrustQuestion(play: Play, question: Question) -> impl IntoView {
    let title = match question.author {
        Some(author) => texts::play::trust_author(&play.session.people.called_by_peer(author)),
        None => texts::play::TRUST_GAME.to_owned(),
    };
    view! {
        <div class="trust" role="alertdialog" aria-labelledby="trust-title" data-testid="trust">
            <h2 id="trust-title">{title}</h2>
            <p>{texts::play::TRUST_MEANS}</p>
            <div class="play-buttons">
                <button
                    type="button"
                    class="button primary"
                    data-testid="trust-yes"
                    on:click=move |_| play.trust(question)
                >
                    {texts::play::TRUST_YES}
                </button>
                <a class="button secondary" href=browser::at("/play") data-testid="trust-no">{texts::play::LEAVE}</a>
            </div>
        </div>
    }
}
