//! The list of keys on a sheet, and the switch by which letters are none.

use leptos::prelude::*;
use meshwork_web::texts;
use meshwork_web::texts::keys::{Group, Line};

use super::browser;

/// The list.
#[component]
pub(crate) fn KeyList(
    /// Its groups.
    groups: &'static [Group],
    /// Names it for tests.
    testid: &'static str,
    /// Whether letters are keys.
    are_letters_on: RwSignal<bool>,
    /// Lets them be keys, or not.
    set_letters: Callback<bool>,
) -> impl IntoView {
    let is_apple = browser::is_apple();
    let line = move |(names, does): &Line| {
        view! {
            <div class="key-line">
                <dt>{texts::keys::called(names, is_apple).split(", ").map(cap).collect_view()}</dt>
                <dd>{*does}</dd>
            </div>
        }
    };
    let group = move |(called, lines): &Group| {
        view! {
            <section class="key-group">
                <h3>{*called}</h3>
                <dl>{lines.iter().map(line).collect_view()}</dl>
            </section>
        }
    };
    view! {
        <div class="keys" data-testid=testid>{groups.iter().map(group).collect_view()}</div>
        <label class="switch-line">
            <input
                type="checkbox"
                role="switch"
                data-testid="letter-keys"
                prop:checked=move || are_letters_on.get()
                on:change=move |event| set_letters.run(event_target_checked(&event))
            />
            <span>
                {texts::SHORTCUTS}
                <small>{texts::SHORTCUTS_WHERE}</small>
            </span>
        </label>
    }
}

fn cap(key: &str) -> impl IntoView + use<> {
    view! { <kbd>{key.to_owned()}</kbd> }
}
