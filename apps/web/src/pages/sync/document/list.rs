//! The list of a room's documents: to choose one, to make one, and to rename and delete.

use leptos::prelude::*;
use meshwork_web::sync::documents::Listed;
use meshwork_web::texts;

use super::super::super::icons;
use super::super::edit_line::EditLine;
use super::desk::Desk;
use super::state::Writing;

/// The list.
#[component]
pub(super) fn DocumentList(writing: Writing) -> impl IntoView {
    view! {
        <div class="document-side" class:open=move || writing.is_list_open.get() id="document-side">
            <div class="document-side-head">
                <h2>{texts::documents::DOCUMENTS}</h2>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="document-new"
                    aria-label=texts::documents::NEW
                    title=texts::documents::NEW
                    disabled=move || writing.is_shut.get()
                    on:click=move |_| writing.make_untitled()
                >
                    {icons::plus()}
                </button>
            </div>
            <ul class="document-list" data-testid="document-list">
                <For
                    each=move || writing.list.get()
                    key=Clone::clone
                    children=move |document| view! { <Row writing document/> }
                />
            </ul>
            <p class="hint document-hint">{texts::documents::DROP}</p>
        </div>
    }
}

/// One document.
#[component]
fn Row(writing: Writing, document: Listed) -> impl IntoView {
    let (name, title) = (StoredValue::new(document.name.clone()), document.shown());
    let is = move |other: &str| name.with_value(|name| name == other);
    let is_chosen = Memo::new(move |_| writing.chosen.with(|chosen| is(chosen)));
    let is_renamed = Memo::new(move |_| writing.renamed.with(|renamed| renamed.as_deref().is_some_and(is)));
    let is_asked = RwSignal::new(false);
    let shown = title.clone();
    let called = StoredValue::new(title);
    let field = move || match is_renamed.get() {
        true => view! { <TitleField writing name before=called.get_value()/> }.into_any(),
        false => view! {
            <button
                type="button"
                class="document-choose"
                data-testid="document-choose"
                aria-current=move || is_chosen.get().then_some("true")
                on:click=move |_| writing.choose(name.get_value())
            >
                {icons::page()}
                <span>{shown.clone()}</span>
            </button>
        }
        .into_any(),
    };
    let actions = move || {
        (is_chosen.get() && !writing.is_shut.get()).then(|| {
            view! {
                <button
                    type="button"
                    class="icon-button"
                    data-testid="document-rename"
                    aria-label=texts::documents::rename(&called.get_value())
                    title=texts::documents::RENAME
                    on:click=move |_| writing.renamed.set(Some(name.get_value()))
                >
                    {icons::pencil()}
                </button>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="document-delete"
                    aria-label=texts::delete(&called.get_value())
                    title=texts::DELETE
                    on:click=move |_| is_asked.set(true)
                >
                    {icons::bin()}
                </button>
            }
        })
    };
    view! {
        <li class:chosen=move || is_chosen.get()>
            <div class="document-row">{field}{actions}</div>
            <Show when=move || is_asked.get()>
                <div
                    class="document-asked"
                    role="alertdialog"
                    aria-label=texts::documents::delete_asked(&called.get_value())
                >
                    <p>{texts::documents::DELETE_FOR_ALL}</p>
                    <button
                        type="button"
                        class="button danger"
                        data-testid="document-delete-sure"
                        on:click=move |_| name.with_value(|name| writing.delete(name))
                    >
                        {texts::DELETE}
                    </button>
                    <button type="button" class="button plain" on:click=move |_| is_asked.set(false)>
                        {texts::KEEP}
                    </button>
                </div>
            </Show>
        </li>
    }
}

/// The field in the title's place.
#[component]
fn TitleField(writing: Writing, name: StoredValue<String>, before: String) -> impl IntoView {
    let close = move |by_enter| {
        writing.renamed.set(None);
        if by_enter {
            writing.is_list_open.set(false);
            writing.tell(Desk::focus);
        }
    };
    view! {
        <EditLine
            class="document-title"
            test_id="document-title"
            label=texts::documents::TITLE.to_owned()
            before
            save=Callback::new(move |text: String| name.with_value(|name| writing.rename(name, &text)))
            close=Callback::new(close)
        />
    }
}
