//! Hiding one's network address: a switch kept in this profile, with what it costs in words.

use leptos::prelude::*;
use meshwork_web::texts;

use super::browser;
use super::session::Session;

/// Under this name the choice is kept.
const KEY: &str = "meshwork-hide-address";
/// As this, while the address is hidden.
const HIDDEN: &str = "yes";

/// Whether this profile hides its address.
pub(crate) fn kept() -> bool {
    browser::stored(KEY).is_some_and(|kept| kept == HIDDEN)
}

/// The switch.
#[component]
pub(crate) fn HideAddress(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let on_change = move |event| {
        let hides = event_target_checked(&event);
        browser::store(KEY, if hides { HIDDEN } else { "" });
        session.me.set_hides_address(hides);
    };
    let explained = move || {
        // A relay is heard of before people are.
        session.people.rows.track();
        texts::key::hiding(session.me.hides_address.get(), session.node.knows_relay())
    };
    view! {
        <section class="sheet-part" aria-labelledby="hide-title">
            <h3 id="hide-title">{texts::key::YOUR_ADDRESS}</h3>
            <label class="fact switch">
                <input
                    type="checkbox"
                    data-testid="hide-address"
                    prop:checked=move || session.me.hides_address.get()
                    on:change=on_change
                />
                <span>{texts::key::HIDE_ADDRESS}</span>
            </label>
            <p class="sheet-words small" data-testid="hide-words">{explained}</p>
        </section>
    }
}
