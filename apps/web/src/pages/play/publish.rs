//! Publishing: a release signed by this browser's key goes to the shelf of the server, which answers with a code and a link.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leptos::prelude::*;
use meshwork_core::id::Code;
use meshwork_play::shelf::{Ask, GAMES_PATH, Published, Refused, Request, publication};
use meshwork_play::{About, Package, Release};
use meshwork_web::texts;
use serde::{Deserialize, Serialize};

use super::super::session::Session;
use super::super::{browser, icons};
use super::games;
use super::studio::link_field;

/// Under this name a profile keeps the game that is written.
const DRAFT_KEY: &str = "meshwork-play-draft";
/// Longest draft that is kept, in bytes: a browser gives a site some megabytes.
const DRAFT_MAX: usize = 1_000_000;

/// The game that is written, as this profile keeps it. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    /// The game on the server, once it is published.
    code: RwSignal<Option<Code>>,
    /// What the server answered to the last publication.
    published: RwSignal<Option<Published>>,
}

/// A draft as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    code: Option<Code>,
    /// Base64 of each file.
    files: BTreeMap<String, String>,
}

fn kept() -> Option<Kept> {
    serde_json::from_str(&browser::stored(DRAFT_KEY)?).ok()
}

fn store(kept: &Kept) {
    if let Ok(text) = serde_json::to_string(kept) {
        browser::store(DRAFT_KEY, &text);
    }
}

impl Draft {
    /// The draft that this profile keeps, and its files.
    pub(super) fn open() -> (Draft, Option<BTreeMap<String, Vec<u8>>>) {
        let (code, files) = kept().map(|kept| (kept.code, kept.files)).unwrap_or_default();
        let files: BTreeMap<_, _> =
            files.into_iter().filter_map(|(path, text)| Some((path, STANDARD.decode(text).ok()?))).collect();
        let draft = Draft { code: RwSignal::new(code), published: RwSignal::new(None) };
        (draft, Some(files).filter(|files| !files.is_empty()))
    }

    /// Keeps the files in this profile.
    pub(super) fn keep(self, files: &BTreeMap<String, Vec<u8>>) {
        if files.values().map(Vec::len).sum::<usize>() > DRAFT_MAX {
            return;
        }
        let files = files.iter().map(|(path, bytes)| (path.clone(), STANDARD.encode(bytes))).collect();
        store(&Kept { code: self.code.get_untracked(), files });
    }

    /// The next game is another one.
    pub(super) fn forget(self) {
        browser::unstore(DRAFT_KEY);
        self.code.set(None);
        self.published.set(None);
    }
}

/// Publishes a package: as a new game, or as the next version of the game that was published from this draft.
///
/// # Errors
/// In words, why it is not published.
pub(super) async fn publish(session: Session, draft: Draft, package: &Package) -> Result<(), String> {
    let code = draft.code.get_untracked();
    let version = match code {
        Some(code) => next_version(session, code).await,
        None => None,
    };
    // A game that was taken down begins anew.
    let code = code.filter(|_| version.is_some());
    let identity = session.me.key();
    let name = session.me.name.get_untracked();
    let body = |at_ms| {
        let release = Release::sign(&identity, About::of(package, &name, version.unwrap_or(1), at_ms));
        let release = release.to_bytes();
        let hash = meshwork_play::PackageId::of(&release).0;
        let ask = Ask::Publish { code, release: hash.into(), draft: false };
        let request = Request::sign(&identity, at_ms, &browser::server(), &ask);
        publication(&request, &release, package.bytes())
    };
    let (status, answer) =
        browser::ask_signed("POST", &browser::at(GAMES_PATH), body).await.ok_or(texts::play::NO_ANSWER)?;
    if status == 404 || status == 405 {
        return Err(texts::play::NO_SHELF.to_owned());
    }
    let published: Published = match serde_json::from_slice(&answer) {
        Ok(published) => published,
        Err(_) => {
            let refused: Option<Refused> = serde_json::from_slice(&answer).ok();
            let reason = refused.map_or_else(|| texts::play::status(status), |refused| refused.error);
            return Err(texts::sentence(&reason));
        }
    };
    // The page may have gone meanwhile.
    let code = Some(published.code);
    draft.code.try_set(code);
    draft.published.try_set(Some(published));
    if let Some(kept) = kept() {
        store(&Kept { code, ..kept });
    }
    Ok(())
}

/// The next version of a game of one's own; `None` if the server has none of that code, or somebody else's.
async fn next_version(session: Session, code: Code) -> Option<u32> {
    let game = games::game(code).await?.game;
    (game.author == session.node.peer()).then_some(game.version + 1)
}

/// Code and link of the game that was published, and the offer to save the key.
#[component]
pub(super) fn Done(draft: Draft, session: Session) -> impl IntoView {
    move || {
        let Published { code, link, version } = draft.published.get()?;
        let page = browser::at(&format!("/play/{code}"));
        Some(view! {
            <section class="studio-card studio-done" role="status" data-testid="published">
                <h2>{icons::check()}{texts::play::published(version)}</h2>
                <p>
                    {texts::play::CODE}" "<strong data-testid="game-code">{code.to_string()}</strong>" "
                    <a href=page data-testid="open-game">{texts::play::OPEN_GAME}</a>
                </p>
                {link_field(link)}
                <p class="hint">{texts::play::KEEP_KEY}</p>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="save-key"
                    on:click=move |_| session.me.is_key_open.set(true)
                >
                    {icons::key()}
                    {texts::talk::SAVE_KEY}
                </button>
            </section>
        })
    }
}
