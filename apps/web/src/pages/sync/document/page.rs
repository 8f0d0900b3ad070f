//! The page of documents: the list, and the one that is written.

use leptos::ev;
use leptos::prelude::*;
use leptos::web_sys::{DragEvent, KeyboardEvent};
use meshwork_web::texts;

use super::super::super::{browser, icons};
use super::super::shut::Shut;
use super::desk::Desk;
use super::list::DocumentList;
use super::state::{Editor, Writing};
use super::versions::VersionSheet;

/// The page. Files are taken wherever on it they are dropped.
#[component]
pub(super) fn Page(writing: Writing) -> impl IntoView {
    let on_drop = move |event: DragEvent| {
        let files = browser::listed(event.data_transfer().and_then(|data| data.files()));
        if !files.is_empty() {
            event.prevent_default();
        }
        for file in files {
            writing.take_file(file.name(), file.into());
        }
    };
    let on_key = move |event: KeyboardEvent| {
        if browser::key(&event) == "Escape" {
            writing.is_list_open.set(false);
        }
    };
    // The editor takes them itself where it has the focus.
    let anywhere = window_event_listener(ev::keydown, move |event| heed_anywhere(writing, &event));
    on_cleanup(move || anywhere.remove());
    view! {
        <div
            class="writing"
            on:dragover=move |event: DragEvent| event.prevent_default()
            on:drop=on_drop
            on:keydown=on_key
        >
            <DocumentList writing/>
            <div class="document-main">
                <Bar writing/>
                <Shut sync=writing.sync test_id="document-shut"/>
                <p class="complaint" role="alert" data-testid="document-problem">{move || writing.problem.get()}</p>
                <LeftOut writing/>
                <div class="document-host" node_ref=writing.host></div>
                <Loading writing/>
            </div>
            <Show when=move || writing.are_versions_shown.get()><VersionSheet writing/></Show>
        </div>
    }
}

/// Keys that count wherever the focus is, while the page is seen and no sheet lies over it.
fn heed_anywhere(writing: Writing, event: &KeyboardEvent) {
    let is_command = event.ctrl_key() || event.meta_key();
    if event.default_prevented() || event.shift_key() {
        return;
    }
    // Where Alt writes another sign, the key tells which it is.
    let word =
        match (event.alt_key(), is_command, &*browser::key(&event).to_lowercase(), &*browser::code(&event)) {
            (true, false, "w", _) | (true, false, "\u{2211}", "KeyW") => "authors",
            (true, false, "p", _) | (true, false, "\u{3c0}", "KeyP") => "preview",
            (false, true, "s", _) => "save",
            _ => return,
        };
    let is_seen = writing.host.get_untracked().is_some_and(|host| host.offset_parent().is_some());
    if is_seen && !browser::is_sheet_open() {
        event.prevent_default();
        writing.heed_key(word);
    }
}

/// What can be done with the document.
#[component]
fn Bar(writing: Writing) -> impl IntoView {
    view! {
        <div class="document-bar">
            <div class="document-bar-head">
                <button
                    type="button"
                    class="button plain document-menu"
                    data-testid="document-menu"
                    aria-expanded=move || writing.is_list_open.get().to_string()
                    aria-controls="document-side"
                    on:click=move |_| writing.is_list_open.update(|is_open| *is_open = !*is_open)
                >
                    {icons::page()}
                    <span>{move || writing.shown_title()}</span>
                    {icons::down()}
                </button>
                <Ways writing/>
            </div>
            <Tools writing/>
        </div>
    }
}

/// To write, or to read it as it looks.
#[component]
fn Ways(writing: Writing) -> impl IntoView {
    let way = move |label: &'static str, test_id: &'static str, is_read: bool, key: &'static str| {
        view! {
            <button
                type="button"
                data-testid=test_id
                title=key
                aria-pressed=move || (writing.is_read.get() == is_read).to_string()
                on:click=move |_| writing.is_read.set(is_read)
            >
                {label}
            </button>
        }
    };
    view! {
        <div class="document-ways" role="group" aria-label=texts::HOW_SHOWN>
            {way(texts::documents::WRITE, "document-write", false, texts::documents::WRITE_KEYS)}
            {way(texts::documents::PREVIEW, "document-preview", true, texts::documents::PREVIEW_KEYS)}
        </div>
    }
}

#[component]
fn Tools(writing: Writing) -> impl IntoView {
    let tool = move |label: &'static str, test_id: &'static str, icon: AnyView, act: fn(Writing)| {
        view! {
            <button
                type="button"
                class="document-tool brief"
                data-testid=test_id
                title=label
                disabled=move || !is_possible(writing, test_id)
                on:click=move |_| act(writing)
            >
                {icon}
                <span>{label}</span>
            </button>
        }
    };
    view! {
        <div class="document-tools">
            <button
                type="button"
                class="document-tool"
                data-testid="document-authors"
                aria-label=texts::documents::AUTHORS
                title=texts::documents::AUTHORS_KEYS
                aria-pressed=move || writing.are_authors_shown.get().to_string()
                on:click=move |_| writing.are_authors_shown.update(|are_shown| *are_shown = !*are_shown)
            >
                {icons::people()}
                <span>
                    {texts::documents::AUTHORS_PARTS[0]}
                    <span class="wide">{texts::documents::AUTHORS_PARTS[1]}</span>
                </span>
            </button>
            <button
                type="button"
                class="document-tool"
                data-testid="document-versions"
                title=texts::documents::VERSIONS_KEYS
                aria-pressed=move || writing.are_versions_shown.get().to_string()
                on:click=move |_| writing.are_versions_shown.update(|are_shown| *are_shown = !*are_shown)
            >
                {icons::clock()}
                <span>{texts::documents::VERSIONS}</span>
            </button>
            {tool(texts::UNDO, "document-undo", icons::undo().into_any(), |writing| writing.tell(Desk::undo))}
            {tool(texts::REDO, "document-redo", icons::redo().into_any(), |writing| writing.tell(Desk::redo))}
            {tool(texts::documents::PICTURE, "document-picture", icons::picture().into_any(), choose_picture)}
            {tool(
                texts::documents::SAVE_FILE,
                "document-download",
                icons::download().into_any(),
                Writing::download,
            )}
        </div>
    }
}

/// Lets one choose a picture, which comes to where the caret is: fingers have nothing to drop or paste.
fn choose_picture(writing: Writing) {
    browser::choose_file(browser::PICTURES, move |file| writing.take_file(file.name(), file.into()));
}

/// Whether a tool has something to do; tracked.
fn is_possible(writing: Writing, tool: &str) -> bool {
    match tool {
        "document-undo" => !writing.is_shut.get() && writing.can_undo.get(),
        "document-picture" => !writing.is_shut.get() && writing.editor.get() == Editor::Here,
        "document-redo" => !writing.is_shut.get() && writing.can_redo.get(),
        _ => writing.editor.get() == Editor::Here,
    }
}

/// That words of the document are in this page alone, for good, and what can be done with them.
#[component]
fn LeftOut(writing: Writing) -> impl IntoView {
    let why =
        Memo::new(move |_| writing.left_out.with(|left_out| left_out.get(&writing.chosen.get()).cloned()));
    view! {
        <Show when=move || why.with(Option::is_some)>
            <p class="complaint" role="alert" data-testid="document-left-out">
                {move || why.get()}
                <button
                    type="button"
                    class="button plain"
                    data-testid="copy-left-out"
                    on:click=move |_| writing.copy_left_out()
                >
                    {texts::documents::COPY_LEFT_OUT}
                </button>
                <button
                    type="button"
                    class="button plain"
                    data-testid="hide-left-out"
                    on:click=move |_| writing.hide_left_out()
                >
                    {texts::CLOSE}
                </button>
            </p>
        </Show>
    }
}

/// That the editor is on its way, or that it could not be loaded.
#[component]
fn Loading(writing: Writing) -> impl IntoView {
    move || match writing.editor.get() {
        Editor::Here => ().into_any(),
        Editor::Loading => {
            view! { <p class="hint document-loading">{texts::documents::LOADING}</p> }.into_any()
        }
        Editor::Failed => view! {
            <p class="complaint document-loading" role="alert">
                {texts::documents::NOT_LOADED}
                <button type="button" class="button plain" on:click=move |_| writing.load()>
                    {texts::TRY_AGAIN}
                </button>
            </p>
        }
        .into_any(),
    }
}
