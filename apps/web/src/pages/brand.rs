//! The mark and the name, which lead home.

use leptos::prelude::*;

use super::icons;

/// The link.
#[component]
pub(crate) fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/" aria-label="Meshwork, home">
            {icons::mark()}
            <span>"meshwork"</span>
        </a>
    }
}
