//! Publishing: a release signed by this browser's key goes to the shelf of the server, which answers with a code and a link.

use std::collections::BTreeMap;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use meshwork_core::id::Code;
use meshwork_play::shelf::{Ask, GAMES_PATH, Published, Refused, Request, publication, reason_of};
use meshwork_play::{About, Package, Release};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::super::session::Session;
use super::super::{browser, icons};
use super::games;
use super::studio::link_field;

#[wasm_bindgen]
extern "C" {
    /// Loads the script of the editors; the page's own first script has this, since no other can.
    #[wasm_bindgen(js_name = loadEditor, catch)]
    fn load_editor() -> Result<Promise, JsValue>;

    /// `Draft` of `apps/web/editor/drafts.js`.
    #[derive(Clone, Debug)]
    type Stored;

    #[wasm_bindgen(method, catch)]
    fn keep(this: &Stored, code: Option<String>, changed: Array, removed: Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn forget(this: &Stored) -> Result<Promise, JsValue>;
}

/// Files of a game, by their paths.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The game that is written in this tab, as this profile keeps it. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    /// The game on the server, once it is published.
    code: RwSignal<Option<Code>>,
    /// What the server answered to the last publication.
    published: RwSignal<Option<Published>>,
    /// Why the newest version is not kept, in words.
    pub(super) problem: RwSignal<Option<String>>,
    stored: StoredValue<Option<Stored>, LocalStorage>,
    /// Code and files as they are stored.
    kept: StoredValue<(Option<Code>, Files)>,
}

impl Draft {
    /// The draft of the component that calls.
    pub(super) fn new() -> Draft {
        Draft {
            code: RwSignal::new(None),
            published: RwSignal::new(None),
            problem: RwSignal::new(None),
            stored: StoredValue::new_local(None),
            kept: StoredValue::new(Default::default()),
        }
    }

    /// Chooses the draft of this tab. Returns its files, if there are any.
    pub(super) async fn open(self) -> Option<Files> {
        let stored = match stored().await {
            Ok(stored) => stored,
            Err(exception) => {
                self.tell_unkept(&exception);
                return None;
            }
        };
        let file = |pair: JsValue| {
            let pair: Array = pair.into();
            Some((pair.get(0).as_string()?, Uint8Array::new(&pair.get(1)).to_vec()))
        };
        let field = |name: &str| Reflect::get(stored.as_ref(), &name.into()).unwrap_or_default();
        let files: Files =
            field("files").dyn_into::<Array>().unwrap_or_default().iter().filter_map(file).collect();
        let code = field("code").as_string().and_then(|code| code.parse().ok());
        // The page may have gone meanwhile.
        self.code.try_set(code);
        self.kept.try_set_value((code, files.clone()));
        self.stored.try_set_value(Some(stored));
        Some(files).filter(|files| !files.is_empty())
    }

    /// Whether it has a code.
    pub(super) fn is_published(self) -> bool {
        self.code.get_untracked().is_some()
    }

    /// Whether nothing of this draft is stored.
    pub(super) fn is_empty(self) -> bool {
        self.kept.with_value(|(_, files)| files.is_empty())
    }

    /// Keeps the files in this profile. If the browser does not, the page says so.
    pub(super) fn keep(self, files: &Files) {
        let Some(stored) = self.stored.get_value() else { return };
        let code = self.code.get_untracked();
        let (changed, removed) = (Array::new(), Array::new());
        let is_new = self.kept.with_value(|(kept_code, kept)| {
            for (path, bytes) in files.iter().filter(|(path, bytes)| kept.get(*path) != Some(bytes)) {
                changed.push(&Array::of2(&path.as_str().into(), &Uint8Array::from(bytes.as_slice())));
            }
            for path in kept.keys().filter(|path| !files.contains_key(*path)) {
                removed.push(&path.as_str().into());
            }
            code != *kept_code || changed.length() + removed.length() > 0
        });
        if !is_new {
            return;
        }
        self.kept.set_value((code, files.clone()));
        let kept = stored.keep(code.map(|code| code.to_string()), changed, removed);
        spawn_local(async move {
            match settled(kept).await {
                Ok(()) => _ = self.problem.try_set(None),
                Err(exception) => {
                    // The next change writes all files.
                    self.kept.try_set_value(Default::default());
                    self.tell_unkept(&exception);
                }
            }
        });
    }

    fn tell_unkept(self, exception: &JsValue) {
        let words = Reflect::get(exception, &"message".into()).ok().and_then(|words| words.as_string());
        self.problem.try_set(Some(texts::play::not_kept(&words.unwrap_or_default())));
    }

    /// The next game is another one.
    pub(super) fn forget(self) {
        if let Some(stored) = self.stored.get_value() {
            let forgotten = stored.forget();
            spawn_local(async move {
                if let Err(exception) = settled(forgotten).await {
                    self.tell_unkept(&exception);
                }
            });
        }
        self.kept.set_value(Default::default());
        self.code.set(None);
        self.published.set(None);
    }
}

async fn stored() -> Result<Stored, JsValue> {
    let script = JsFuture::from(load_editor()?).await?;
    let open: Function = Reflect::get(&script, &"draft".into())?.dyn_into()?;
    let opened: Promise = open.call0(&JsValue::UNDEFINED)?.dyn_into()?;
    Ok(JsFuture::from(opened).await?.unchecked_into())
}

async fn settled(promise: Result<Promise, JsValue>) -> Result<(), JsValue> {
    JsFuture::from(promise?).await.map(drop)
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
    let published: Published = match serde_json::from_slice(&answer) {
        Ok(published) => published,
        Err(_) => {
            let refused: Option<Refused> = serde_json::from_slice(&answer).ok();
            let reason = refused.map(|refused| refused.error).or_else(|| reason_of(status));
            return Err(
                reason.map_or_else(|| texts::play::NO_SHELF.to_owned(), |reason| texts::sentence(&reason))
            );
        }
    };
    // The page may have gone meanwhile.
    let code = Some(published.code);
    draft.code.try_set(code);
    draft.published.try_set(Some(published));
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
