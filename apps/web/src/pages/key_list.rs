//! The list of keys on a sheet, and the switch by which letters are none.

use leptos::prelude::*;
use meshwork_web::keys::Line;
use meshwork_web::texts;

/// The list.
#[component]
pub(crate) fn KeyList(
    /// Its lines.
    lines: &'static [Line],
    /// Names it for tests.
    testid: &'static str,
    /// Whether letters are keys.
    are_letters_on: RwSignal<bool>,
    /// Lets them be keys, or not.
    set_letters: Callback<bool>,
) -> impl IntoView {
    let line = |(keys, does): &Line| {
        view! {
            <div class="key-line">
                <dt>{*keys}</dt>
                <dd>{*does}</dd>
            </div>
        }
    };
    view! {
        <dl class="keys" data-testid=testid>{lines.iter().map(line).collect_view()}</dl>
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
