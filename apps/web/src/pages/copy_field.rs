//! A text that can be copied: a field, a button, and what became of it.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_web::texts;

use super::{browser, icons};

/// How long the button says that the text is copied.
const COPIED_FOR: Duration = Duration::from_secs(2);

/// A field whose text can be copied.
#[component]
pub(crate) fn CopyField(
    /// What stands in it.
    #[prop(into)]
    value: Signal<String>,
    /// What it is, for those who do not see it.
    label: &'static str,
    /// What the button says.
    button: &'static str,
    /// Its name for tests.
    test_id: &'static str,
    /// Whether it has several lines.
    #[prop(optional)]
    has_lines: bool,
) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let area = NodeRef::<html::Textarea>::new();
    let select = move || {
        if let Some(field) = field.get_untracked() {
            field.select();
        }
        if let Some(area) = area.get_untracked() {
            area.select();
        }
    };
    let told = RwSignal::new(None::<bool>);
    let copy = move |_| {
        spawn_local(async move {
            let is_copied = browser::copy(&value.get_untracked(), select).await;
            // The field may go meanwhile.
            told.try_set(Some(is_copied));
            if is_copied {
                browser::pause(COPIED_FOR).await;
                told.try_set(None);
            }
        });
    };
    let says = move || if told.get() == Some(true) { texts::notices::COPIED } else { button };
    let heard = move || if told.get() == Some(true) { texts::notices::COPIED } else { "" };
    let problem = move || if told.get() == Some(false) { texts::notices::NOT_COPIED } else { "" };
    let shown = match has_lines {
        true => view! {
            <textarea
                class="text-area"
                rows="3"
                readonly
                node_ref=area
                aria-label=label
                data-testid=test_id
                prop:value=move || value.get()
                on:focus=move |_| select()
            ></textarea>
        }
        .into_any(),
        false => view! {
            <input
                type="text"
                readonly
                node_ref=field
                aria-label=label
                data-testid=test_id
                prop:value=move || value.get()
                on:focus=move |_| select()
            />
        }
        .into_any(),
    };
    view! {
        <div class="copy-field">
            {shown}
            <button type="button" class="button secondary" on:click=copy>
                {icons::copy()}
                {says}
            </button>
        </div>
        <p class="sr-only" role="status">{heard}</p>
        <p class="copied" role="alert">{problem}</p>
    }
}
