//! A field in the place of what it changes.

use leptos::prelude::*;
use leptos::{html, web_sys};

use super::super::browser;

/// The field: Enter and leaving it or the page save, Escape does not.
#[component]
pub(super) fn EditLine(
    class: &'static str,
    test_id: &'static str,
    label: String,
    /// What stands there.
    before: String,
    /// Saves another text. Returns whether that was taken.
    save: Callback<String, bool>,
    /// Puts the field away; `true` where Enter did it.
    close: Callback<bool>,
) -> impl IntoView {
    let text = RwSignal::new(before.clone());
    let is_closed = StoredValue::new(false);
    let field = NodeRef::<html::Input>::new();
    let shown = before.clone();
    Effect::new(move || {
        if let Some(field) = field.get() {
            field.set_value(&shown);
            // It is in the page.
            let _ = field.focus();
            field.select();
        }
    });
    let put_away = move |by_enter: bool| {
        is_closed.set_value(true);
        close.run(by_enter);
    };
    let leave = move |by_enter: bool| {
        // It may have been put away before it loses the focus.
        if is_closed.try_get_value() != Some(false) {
            return;
        }
        let text = text.get_untracked();
        if text == before || save.run(text) {
            put_away(by_enter);
        }
    };
    let (blur, end) = (leave.clone(), leave.clone());
    browser::before_page_ends(move || end(false));
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        leave(true);
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        if browser::key(&event) == "Escape" {
            event.stop_propagation();
            put_away(false);
        }
    };
    view! {
        <form class=class on:submit=submit>
            <input
                type="text"
                class="line-field"
                data-testid=test_id
                aria-label=label
                node_ref=field
                autocomplete="off"
                spellcheck="false"
                on:input=move |event| text.set(event_target_value(&event))
                on:keydown=on_key
                on:blur=move |_| blur(false)
            />
        </form>
    }
}
