//! A text that can be copied: a field, a button, and what became of it.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

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
) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let told = RwSignal::new(None::<bool>);
    let copy = move |_| {
        let field: Option<web_sys::HtmlInputElement> = field.get_untracked();
        if let Some(field) = field {
            spawn_local(async move {
                let is_copied = browser::copy(field).await;
                // The field may go meanwhile.
                told.try_set(Some(is_copied));
                if is_copied {
                    browser::pause(COPIED_FOR).await;
                    told.try_set(None);
                }
            });
        }
    };
    let says = move || if told.get() == Some(true) { texts::notices::COPIED } else { button };
    let heard = move || if told.get() == Some(true) { texts::notices::COPIED } else { "" };
    let problem = move || if told.get() == Some(false) { texts::notices::NOT_COPIED } else { "" };
    view! {
        <div class="copy-field">
            <input
                type="text"
                readonly
                node_ref=field
                aria-label=label
                data-testid=test_id
                prop:value=move || value.get()
                on:focus=move |event| {
                    let field = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
                    if let Some(field) = field {
                        field.select();
                    }
                }
            />
            <button type="button" class="button secondary" on:click=copy>
                {icons::copy()}
                {says}
            </button>
        </div>
        <p class="sr-only" role="status">{heard}</p>
        <p class="copied" role="alert">{problem}</p>
    }
}
