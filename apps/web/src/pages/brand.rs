//! The mark and the name, which lead home.

use leptos::prelude::*;
use meshwork_web::texts;

use super::{browser, icons};

/// The link.
#[component]
pub(crate) fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href=browser::at("/") aria-label=texts::home::MESHWORK_HOME>
            {icons::mark()}
            <span>{texts::home::WORDMARK}</span>
        </a>
    }
}
