//! What people call you: one field, kept in this profile.

use leptos::prelude::*;
use leptos::web_sys::HtmlInputElement;
use meshwork_web::people::acquainted;
use meshwork_web::texts;

use super::browser;
use super::session::Session;

/// Under this name it is kept.
const KEY: &str = "meshwork-name";

/// The name kept in this profile, or nothing.
pub(crate) fn kept() -> String {
    browser::stored(KEY).unwrap_or_default()
}

/// One is called this from now on, in this profile.
pub(crate) fn keep(session: Session, name: String) {
    browser::store(KEY, name.trim());
    session.me.set_name(name);
}

/// The field. What is typed counts at once, for this and for other pages of the profile.
#[component]
pub(crate) fn NameField(
    /// The page's node.
    session: Session,
    /// What stands in it while it is empty.
    #[prop(default = texts::key::WHAT_CALLED)]
    placeholder: &'static str,
) -> impl IntoView {
    let on_input = move |event: leptos::web_sys::Event| {
        let typed = event_target_value(&event);
        let name = acquainted::fitting(browser::characters(&typed));
        if name != typed {
            // What is shown is what others see.
            event_target::<HtmlInputElement>(&event).set_value(&name);
        }
        keep(session, name);
    };
    view! {
        <input
            type="text"
            class="name-field"
            dir="auto"
            data-testid="display-name"
            aria-label=texts::key::WHAT_CALLED
            placeholder=placeholder
            maxlength="32"
            autocomplete="nickname"
            spellcheck="false"
            prop:value=move || session.me.name.get()
            on:input=on_input
        />
    }
}
