//! The list of a room's documents: to choose one, to make one, and to rename and delete.

use leptos::prelude::*;
use leptos::{html, web_sys};
use meshwork_web::documents::Listed;

use super::super::super::icons;
use super::desk::Desk;
use super::state::Writing;

/// The list.
#[component]
pub(super) fn DocumentList(writing: Writing) -> impl IntoView {
    view! {
        <div class="document-side" class:open=move || writing.is_list_open.get() id="document-side">
            <div class="document-side-head">
                <h2>"Documents"</h2>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="document-new"
                    aria-label="New document"
                    title="New document"
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
            <p class="hint document-hint">"Drop a .md or .txt file to add it here."</p>
        </div>
    }
}

/// One document.
#[component]
fn Row(writing: Writing, document: Listed) -> impl IntoView {
    let (name, title) = (StoredValue::new(document.name.clone()), document.shown().to_owned());
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
                    aria-label=format!("Rename {}", called.get_value())
                    title="Rename"
                    on:click=move |_| writing.renamed.set(Some(name.get_value()))
                >
                    {icons::pencil()}
                </button>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="document-delete"
                    aria-label=format!("Delete {}", called.get_value())
                    title="Delete"
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
                <div class="document-asked" role="alertdialog" aria-label=format!("Delete {}?", called.get_value())>
                    <p>"Delete it for everyone?"</p>
                    <button
                        type="button"
                        class="button danger"
                        data-testid="document-delete-sure"
                        on:click=move |_| name.with_value(|name| writing.delete(name))
                    >
                        "Delete"
                    </button>
                    <button type="button" class="button plain" on:click=move |_| is_asked.set(false)>"Keep"</button>
                </div>
            </Show>
        </li>
    }
}

/// The field in the title's place: Enter and leaving it save, Escape does not.
#[component]
fn TitleField(writing: Writing, name: StoredValue<String>, before: String) -> impl IntoView {
    let text = RwSignal::new(before.clone());
    let field = NodeRef::<html::Input>::new();
    Effect::new(move || {
        if let Some(field) = field.get() {
            // Its text is in it by then.
            request_animation_frame(move || {
                let _ = field.focus();
                field.select();
            });
        }
    });
    let save = move || {
        // Escape has put it away before the field loses the focus.
        if text.is_disposed() || writing.renamed.with_untracked(Option::is_none) {
            return false;
        }
        let text = text.get_untracked();
        let is_saved = text == before || name.with_value(|name| writing.rename(name, &text));
        if is_saved {
            writing.renamed.set(None);
        }
        is_saved
    };
    let leave = save.clone();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if save() {
            writing.is_list_open.set(false);
            writing.tell(Desk::focus);
        }
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            writing.renamed.set(None);
        }
    };
    view! {
        <form class="document-title" on:submit=submit>
            <input
                type="text"
                class="line-field"
                data-testid="document-title"
                aria-label="Title"
                node_ref=field
                autocomplete="off"
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
                on:keydown=on_key
                on:blur=move |_| {
                    leave();
                }
            />
        </form>
    }
}
