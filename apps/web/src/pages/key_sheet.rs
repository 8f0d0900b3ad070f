//! The sheet of one's key: what it is, saving it, and using another one.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{html, web_sys};
use meshwork_core::id::{IDENTITY_TEXT_MAX, Identity};
use meshwork_rtc::web;
use meshwork_web::beads;
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::bead::Bead;
use super::copy_field::CopyField;
use super::session::Session;
use super::sheet::Sheet;
use super::{browser, icons};

/// The sheet; [`Session::key_sheet`] shows it.
#[component]
pub(crate) fn KeySheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let peer = session.peer();
    let letter = Signal::derive(move || session.name.with(|name| beads::letter(name)));
    view! {
        <Sheet open=session.key_sheet id="key-title" title=texts::key::YOUR_KEY>
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
        <button
            type="button"
            class="icon-button"
            data-testid="your-key"
            aria-label=texts::key::YOUR_KEY
            title=texts::key::YOUR_KEY
            on:click=move |_| session.key_sheet.set(true)
        >
            {icons::key()}
        </button>
    }
}

#[component]
fn SaveKey(session: Session) -> impl IntoView {
    let file = format!("meshwork-key-{}.txt", session.peer().short());
    let save = move |_| {
        let words = texts::key::file(&session.exported_key());
        // A browser that saves no files leaves the field below.
        let _ = browser::save_text(&file, &words);
    };
    view! {
        <section class="sheet-part" aria-labelledby="save-key-title">
            <h3 id="save-key-title">{texts::key::SAVE}</h3>
            <p class="sheet-words">
                {texts::key::SAVE_WHY}
                {texts::key::KEEP_SECRET}
            </p>
            <button type="button" class="button primary" data-testid="save-key" on:click=save>
                {icons::download()}
                {texts::key::SAVE}
            </button>
            <details>
                <summary>{texts::SHOW_KEY}</summary>
                <CopyField
                    value=session.exported_key()
                    label=texts::key::YOUR_KEY
                    button=texts::COPY_KEY
                    test_id="own-key"
                />
            </details>
        </section>
    }
}

#[component]
fn UseKey() -> impl IntoView {
    let text = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<String>);
    let exchange = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let outcome = Identity::import(&text.get_untracked())
            .map_err(texts::key::not_a_key)
            .and_then(|identity| web::replace_identity(&identity).map_err(texts::key::not_kept));
        match outcome {
            Ok(()) => browser::reload(),
            Err(words) => problem.set(Some(words)),
        }
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
            <div class="sheet-row">
                <label class="button secondary file-button">
                    {texts::key::FROM_FILE}
                    <input type="file" class="sr-only" accept=".txt,text/plain" on:change=on_file/>
                </label>
                <button
                    type="submit"
                    class="button secondary"
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
