//! The sheet of one's key: what it is, saving it, and using another one.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{html, web_sys};
use meshwork_core::id::{IDENTITY_TEXT_MAX, Identity};
use meshwork_rtc::web;
use meshwork_web::people::beads;
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::bead::Bead;
use super::copy_field::CopyField;
use super::erasing::EraseAll;
use super::icon_button::IconButton;
use super::session::Session;
use super::sheet::Sheet;
use super::{browser, icons, sealing};

/// The shortest passphrase that a key is saved with, in characters.
const PASSPHRASE_LEAST: usize = 8;

/// The sheet; [`Session::me`] says whether it is shown.
#[component]
pub(crate) fn KeySheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let peer = session.node.peer();
    let letter = Signal::derive(move || session.me.name.with(|name| beads::letter(name)));
    view! {
        <Sheet open=session.me.is_key_open id="key-title" title=texts::key::YOUR_KEY>
            <div class="key-own">
                <Bead peer letter/>
                <p class="sheet-words">
                    {texts::key::KNOWN_BY}
                    <code data-testid="own-peer">{peer.short()}</code>
                    {texts::key::SIGNED}
                </p>
            </div>
            <SaveKey session/>
            <UseKey/>
            <EraseAll session/>
        </Sheet>
    }
}

/// The button that shows the sheet.
#[component]
pub(crate) fn KeyButton(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    view! {
        <IconButton
            test_id="your-key"
            label=texts::key::YOUR_KEY
            sign=icons::key().into_any()
            act=move |()| session.me.is_key_open.set(true)
        />
    }
}

#[component]
fn SaveKey(session: Session) -> impl IntoView {
    let file = format!("meshwork-key-{}.age", session.node.peer().short());
    let passphrase = RwSignal::new(String::new());
    let sealed = RwSignal::new(None::<String>);
    let problem = RwSignal::new(None::<String>);
    let is_busy = RwSignal::new(false);
    let is_short = move || passphrase.with(|passphrase| passphrase.chars().count() < PASSPHRASE_LEAST);
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if is_short() || is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        let (key, file) = (session.me.key(), file.clone());
        spawn_local(async move {
            let outcome = sealing::seal(key, passphrase.get_untracked()).await;
            // The sheet may have gone meanwhile.
            is_busy.try_set(false);
            problem.try_set(outcome.as_ref().err().cloned());
            if let Ok(text) = outcome {
                // A browser that saves no files leaves the field below.
                let _ = browser::save_text(&file, &text);
                sealed.try_set(Some(text));
            }
        });
    };
    view! {
        <form class="sheet-part" aria-labelledby="save-key-title" on:submit=save>
            <h3 id="save-key-title">{texts::key::SAVE}</h3>
            <p class="sheet-words" id="save-key-words">
                {texts::key::SAVE_WHY}
                {texts::key::PASSPHRASE_WHY}
            </p>
            <PassphraseField passphrase label=texts::key::NEW_PASSPHRASE test_id="new-passphrase" is_new=true/>
            <button
                type="submit"
                class="button primary"
                class:busy=move || is_busy.get()
                data-testid="save-key"
                disabled=is_short
            >
                {icons::download()}
                {texts::key::SAVE}
            </button>
            <p class="complaint" role="alert">{move || problem.get()}</p>
            <Show when=move || sealed.with(Option::is_some)>
                <CopyField
                    value=Signal::derive(move || sealed.get().unwrap_or_default())
                    label=texts::key::SEALED_KEY
                    button=texts::COPY_KEY
                    test_id="own-key"
                    has_lines=true
                />
            </Show>
        </form>
    }
}

/// A field for a passphrase, which browsers offer to remember.
#[component]
fn PassphraseField(
    passphrase: RwSignal<String>,
    label: &'static str,
    test_id: &'static str,
    is_new: bool,
) -> impl IntoView {
    view! {
        <input
            type="password"
            class="line-field"
            data-testid=test_id
            aria-label=label
            placeholder=label
            autocomplete=if is_new { "new-password" } else { "current-password" }
            prop:value=move || passphrase.get()
            on:input=move |event| passphrase.set(event_target_value(&event))
        />
    }
}

#[component]
fn UseKey() -> impl IntoView {
    let text = RwSignal::new(String::new());
    let passphrase = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<String>);
    let is_busy = RwSignal::new(false);
    let is_sealed = Memo::new(move |_| text.with(|text| Identity::is_sealed(text)));
    let exchange = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        spawn_local(async move {
            let read = text.get_untracked();
            let read = match is_sealed.get_untracked() {
                true => sealing::unseal(read, passphrase.get_untracked()).await,
                false => Identity::import(&read).map_err(texts::key::not_a_key),
            };
            let outcome = read.and_then(|key| web::replace_identity(&key).map_err(texts::key::not_kept));
            is_busy.try_set(false);
            match outcome {
                Ok(()) => browser::reload(),
                // The sheet may have gone meanwhile.
                Err(words) => drop(problem.try_set(Some(words))),
            }
        });
    };
    let on_file = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        let file = input.and_then(|input| input.files()?.get(0));
        let Some(file) = file else { return };
        if file.size() > IDENTITY_TEXT_MAX as f64 {
            return problem.set(Some(texts::key::FILE_TOO_LARGE.to_owned()));
        }
        spawn_local(async move {
            match JsFuture::from(file.text()).await {
                Ok(read) => text.set(read.as_string().unwrap_or_default()),
                Err(_) => problem.set(Some(texts::key::FILE_UNREADABLE.to_owned())),
            }
        });
    };
    let field = NodeRef::<html::Textarea>::new();
    view! {
        <form class="sheet-part" aria-labelledby="use-key-title" on:submit=exchange>
            <h3 id="use-key-title">{texts::key::USE_OTHER}</h3>
            <p class="sheet-words" id="use-key-words">
                {texts::OTHER_KEY}
            </p>
            <textarea
                class="text-area"
                rows="3"
                node_ref=field
                data-testid="other-key"
                data-first=""
                aria-label=texts::key::SAVED_KEY
                aria-describedby="use-key-words"
                placeholder=texts::key::BEGINNING
                autocomplete="off"
                spellcheck="false"
                prop:value=move || text.get()
                on:input=move |event| {
                    text.set(event_target_value(&event));
                    problem.set(None);
                }
            ></textarea>
            <Show when=move || is_sealed.get()>
                <PassphraseField passphrase label=texts::key::PASSPHRASE test_id="passphrase" is_new=false/>
            </Show>
            <div class="sheet-row">
                <label class="button secondary file-button">
                    {texts::key::FROM_FILE}
                    <input type="file" class="sr-only" accept=".age,.txt,text/plain" on:change=on_file/>
                </label>
                <button
                    type="submit"
                    class="button secondary"
                    class:busy=move || is_busy.get()
                    data-testid="use-key"
                    disabled=move || text.with(|text| text.trim().is_empty())
                >
                    {texts::key::USE_THIS}
                </button>
            </div>
            <p class="complaint" role="alert">{move || problem.get()}</p>
        </form>
    }
}
