//! Why nothing can be written, where nothing can.

use leptos::prelude::*;

use super::super::icons;
use super::state::Sync;

/// The line, the same in each tab.
#[component]
pub(super) fn Shut(
    sync: Sync,
    /// Its name for tests.
    test_id: &'static str,
) -> impl IntoView {
    let why = Memo::new(move |_| sync.why_shut());
    view! {
        <Show when=move || why.with(Option::is_some)>
            <p class="sync-shut">{icons::lock()}<span data-testid=test_id>{move || why.get()}</span></p>
        </Show>
    }
}
