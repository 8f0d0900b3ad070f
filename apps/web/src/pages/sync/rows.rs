//! Keys and what they stand for, each to be changed where it stands.

use leptos::prelude::*;
use leptos::{html, web_sys};
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::super::icons;
use super::counter::called;
use super::edit_line::EditLine;
use super::history::History;
use super::state::{Sync, Written};

/// The card.
#[component]
pub(super) fn ValuesCard(sync: Sync) -> impl IntoView {
    let is_shut = sync.is_shut;
    let deleted = RwSignal::new(None::<(String, String)>);
    let keys =
        move || sync.entries.with(|entries| entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
    let take_back = move |_| {
        if let Some((key, json)) = deleted.get_untracked()
            && sync.set(&key, Some(&json))
        {
            deleted.set(None);
        }
    };
    let undo = move || {
        deleted.get().map(|(key, _)| {
            view! {
                <p class="sync-undo">
                    <span>{texts::values::DELETED} <strong>{texts::name(&key)}</strong> "."</span>
                    <button type="button" class="button plain" data-testid="value-undo" on:click=take_back>
                        {texts::UNDO}
                    </button>
                </p>
            }
        })
    };
    view! {
        <section class="sync-card" aria-labelledby="values-title">
            <div class="sync-card-head">
                <h2 id="values-title">{texts::parts::VALUES}</h2>
            </div>
            <ul class="value-list" aria-label=texts::values::KEYS_AND_VALUES>
                <For each=keys key=Clone::clone children=move |key| view! { <ValueRow sync key is_shut deleted/> }/>
            </ul>
            <p class="hint" hidden=move || sync.entries.with(|entries| !entries.is_empty())>
                {texts::values::NONE}
            </p>
            <div role="status">{undo}</div>
            <AddForm sync is_shut/>
        </section>
    }
}

/// Gives a key a value, a new one or one that is there.
#[component]
fn AddForm(sync: Sync, is_shut: Memo<bool>) -> impl IntoView {
    let (key, text) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let first = NodeRef::<html::Input>::new();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let name = key.with_untracked(|key| key.trim().to_owned());
        if sync.set(&name, Some(&text.with_untracked(|text| json_of(text)))) {
            key.set(String::new());
            text.set(String::new());
            if let Some(first) = first.get_untracked() {
                // It is in the page.
                let _ = first.focus();
            }
        }
    };
    let field = move |label: &'static str, test_id: &'static str, value: RwSignal<String>| {
        view! {
            <label>
                <span>{label}</span>
                <input
                    type="text"
                    class="line-field"
                    data-testid=test_id
                    autocomplete="off"
                    spellcheck="false"
                    disabled=move || is_shut.get()
                    prop:value=move || value.get()
                    on:input=move |event| value.set(event_target_value(&event))
                />
            </label>
        }
    };
    view! {
        <form class="value-form" on:submit=submit>
            <label>
                <span>{texts::values::KEY}</span>
                <input
                    type="text"
                    class="line-field"
                    data-testid="value-key"
                    node_ref=first
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    disabled=move || is_shut.get()
                    prop:value=move || key.get()
                    on:input=move |event| key.set(event_target_value(&event))
                />
            </label>
            {field(texts::values::VALUE, "value-input", text)}
            <button
                type="submit"
                class="button secondary"
                data-testid="value-set"
                disabled=move || is_shut.get() || key.with(|key| key.trim().is_empty())
            >
                {texts::values::SET}
            </button>
        </form>
    }
}

/// One key.
#[component]
fn ValueRow(
    sync: Sync,
    key: String,
    is_shut: Memo<bool>,
    deleted: RwSignal<Option<(String, String)>>,
) -> impl IntoView {
    let name = StoredValue::new(texts::name(&key));
    let key = StoredValue::new(key);
    let written = Memo::new(move |_| {
        let of = |entries: &Vec<(String, Written)>| {
            let known = key.with_value(|key| entries.iter().find(|(name, _)| name == key).cloned());
            known.map(|(_, written)| written)
        };
        sync.entries.with(of)
    });
    let json = move || written.with(|written| written.as_ref()?.json.clone()).unwrap_or_default();
    let value = move || written.with(|written| label(written.as_ref()?)).unwrap_or_default();
    let is_edited = RwSignal::new(false);
    let is_history_open = RwSignal::new(false);
    let delete = move |_| {
        let before = untrack(json);
        if key.with_value(|key| sync.set(key, None)) {
            deleted.set(Some((key.get_value(), before)));
        }
    };
    let text = move || {
        match is_edited.get() {
        // Who may only read can still mark it and copy it.
        _ if is_shut.get() => {
            view! { <span class="value-text" data-testid="value-text">{value}</span> }.into_any()
        }
        true => view! {
            <EditLine
                class="value-edit"
                test_id="value-edit-input"
                label=texts::values::new_value(&name.get_value())
                before=shown(&untrack(json))
                save=Callback::new(move |text: String| key.with_value(|key| sync.set(key, Some(&json_of(&text)))))
                close=Callback::new(move |_| is_edited.set(false))
            />
        }
        .into_any(),
        false => view! {
            <button
                type="button"
                class="value-text"
                data-testid="value-edit"
                title=texts::values::CHANGE
                aria-label=move || texts::values::change(&name.get_value(), &value())
                on:click=move |_| is_edited.set(true)
            >
                {value}
            </button>
        }
        .into_any(),
    }
    };
    let by = move || {
        written.get().map(|Written { author, at_ms, .. }| {
            let age = move || texts::ago::shown(sync.now_ms.get().saturating_sub(at_ms));
            view! {
                <span class="value-by" title=move || called(sync, author)>
                    <PersonBead session=sync.session peer=author/>
                    <span class="sr-only">{move || called(sync, author)}</span>
                    <span class="age">{age}</span>
                </span>
            }
        })
    };
    view! {
        <li class="value-row" data-testid=format!("value-row-{}", key.get_value())>
            <span class="value-key">{name.get_value()}</span>
            {text}
            {by}
            <button
                type="button"
                class="icon-button"
                data-testid="value-history"
                aria-label=texts::values::history_of(&name.get_value())
                title=texts::values::HISTORY
                aria-expanded=move || is_history_open.get().to_string()
                on:click=move |_| is_history_open.update(|is_open| *is_open = !*is_open)
            >
                {icons::clock()}
            </button>
            <button
                type="button"
                class="icon-button"
                data-testid="value-delete"
                aria-label=texts::delete(&name.get_value())
                title=texts::DELETE
                disabled=move || is_shut.get()
                on:click=delete
            >
                {icons::cross()}
            </button>
            <Show when=move || is_history_open.get()><History sync key is_shut/></Show>
        </li>
    }
}

/// A value as it is shown and edited: a text without its quotes, unless it would read as something else then.
pub(super) fn shown(json: &str) -> String {
    let text = js_sys::JSON::parse(json).ok().and_then(|value| value.as_string());
    match text {
        Some(text) if js_sys::JSON::parse(&text).is_err() => text,
        _ => json.to_owned(),
    }
}

/// What is shown of a write; `None` where it deleted its key.
pub(super) fn label(written: &Written) -> Option<String> {
    let json = written.json.as_deref()?;
    Some(if written.is_readable() { shown(json) } else { texts::values::unreadable(json) })
}

/// What somebody typed, as JSON: what reads as JSON is that, and all else is a text.
fn json_of(typed: &str) -> String {
    let typed = typed.trim();
    match js_sys::JSON::parse(typed) {
        Ok(_) => typed.to_owned(),
        Err(_) => js_sys::JSON::stringify(&typed.into()).map(String::from).unwrap_or_default(),
    }
}
