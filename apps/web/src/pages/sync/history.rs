//! What stood at a key before.

use leptos::prelude::*;
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::counter::called;
use super::rows::{label, shown};
use super::state::{Sync, Written};

/// The last writes of a key, the latest first.
#[component]
pub(super) fn History(sync: Sync, key: StoredValue<String>, is_shut: Memo<bool>) -> impl IntoView {
    let writes = Memo::new(move |_| {
        sync.changes.track();
        key.with_value(|key| sync.history(key))
    });
    let row = move |(at, written): (usize, Written)| {
        let words = label(&written).unwrap_or_else(|| texts::values::WAS_DELETED.to_owned());
        let is_offered = at > 0 && written.is_readable();
        let Written { author, at_ms, json, .. } = written;
        let age = move || texts::ago::shown(sync.now_ms.get().saturating_sub(at_ms));
        let again = json.filter(|_| is_offered).map(|json| {
            let label = texts::values::use_again(&shown(&json));
            view! {
                <button
                    type="button"
                    class="button plain"
                    data-testid="value-again"
                    aria-label=label
                    disabled=move || is_shut.get()
                    on:click=move |_| {
                        key.with_value(|key| sync.set(key, Some(&json)));
                    }
                >
                    {texts::values::USE_AGAIN}
                </button>
            }
        });
        view! {
            <li>
                <PersonBead session=sync.session peer=author/>
                <span class="history-value">{words}</span>
                <span class="age">{move || called(sync, author)} ", " {age}</span>
                {again}
            </li>
        }
    };
    view! {
        <ol
            class="value-past"
            data-testid="value-past"
            aria-label=texts::values::history_of(&texts::name(&key.get_value()))
        >
            {move || writes.get().into_iter().enumerate().map(row).collect_view()}
        </ol>
    }
}
