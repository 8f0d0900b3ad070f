//! A button with a sign, as they stand in bars.

use leptos::prelude::*;

/// The button.
#[component]
pub(crate) fn IconButton(
    /// Where the page needs to tell it from others.
    #[prop(default = "")]
    class: &'static str,
    test_id: &'static str,
    label: &'static str,
    /// Its label and its key, where it has one.
    #[prop(default = label)]
    title: &'static str,
    sign: AnyView,
    /// Whether it cannot be pressed now.
    #[prop(default = Signal::stored(false), into)]
    is_off: Signal<bool>,
    /// Whether pressing it does nothing now.
    #[prop(default = Signal::stored(false), into)]
    is_idle: Signal<bool>,
    #[prop(into)] act: Callback<()>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class=format!("icon-button {class}")
            data-testid=test_id
            aria-label=label
            title=title
            disabled=move || is_off.get()
            aria-disabled=move || is_idle.get().then_some("true")
            on:click=move |_| act.run(())
        >
            {sign}
        </button>
    }
}
