//! A row of tabs.

use leptos::html;
use leptos::prelude::*;
use leptos::web_sys;
use leptos::web_sys::KeyboardEvent;
use wasm_bindgen::JsCast as _;

use super::browser;

/// A tab: a word, after which it and its panel are named, and what stands on it.
pub(crate) type TabName = (&'static str, &'static str);

/// The row: arrow keys go from one to the next.
#[component]
pub(crate) fn TabList(
    /// What they show, for those who do not see it.
    label: &'static str,
    /// All of them, in their order.
    tabs: &'static [TabName],
    /// Which one is in front.
    #[prop(into)]
    chosen: Signal<usize>,
    /// Brings one to the front.
    #[prop(into)]
    choose: Callback<usize>,
) -> impl IntoView {
    let row = NodeRef::<html::Div>::new();
    let on_key = move |event: KeyboardEvent| {
        let (present, last) = (chosen.get_untracked(), tabs.len() - 1);
        let next = match &*browser::key(&event) {
            "ArrowLeft" => present.checked_sub(1).unwrap_or(last),
            "ArrowRight" => (present + 1) % tabs.len(),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        choose.run(next);
        let tab = row.get_untracked().and_then(|row| row.children().item(next as u32));
        if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<web_sys::HtmlElement>().ok()) {
            // It is in the page.
            let _ = tab.focus();
        }
    };
    let tab = move |(place, (word, label)): (usize, &TabName)| {
        let is_chosen = move || chosen.get() == place;
        view! {
            <button
                type="button"
                class="tab"
                id=format!("tab-{word}")
                data-testid=format!("tab-{word}")
                role="tab"
                aria-selected=move || is_chosen().to_string()
                aria-controls=format!("panel-{word}")
                tabindex=move || if is_chosen() { "0" } else { "-1" }
                on:click=move |_| choose.run(place)
            >
                {*label}
            </button>
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label=label node_ref=row on:keydown=on_key>
            {tabs.iter().enumerate().map(tab).collect_view()}
        </div>
    }
}
