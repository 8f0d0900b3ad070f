//! Light or dark: as the system has it, until the person chooses.

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_web::texts;
use wasm_bindgen::prelude::*;

use super::{browser, icons};

/// Under this name the choice is kept; `index.html` reads it before the first paint.
const KEY: &str = "meshwork-theme";
/// What says which theme the page has.
const ATTRIBUTE: &str = "data-theme";

fn root() -> Option<web_sys::Element> {
    web_sys::window()?.document()?.document_element()
}

/// Whether the page is dark now.
pub(crate) fn is_dark() -> bool {
    root().and_then(|root| root.get_attribute(ATTRIBUTE)).is_some_and(|theme| theme == "dark")
}

/// Whether the page is dark, for every toggle on it.
#[derive(Clone, Copy)]
struct Theme(RwSignal<bool>);

/// Follows the page's theme from here on.
pub(crate) fn provide() {
    let dark = RwSignal::new(is_dark());
    provide_context(Theme(dark));
    // The system may change it as well, as long as nobody chose.
    let Some(system) =
        web_sys::window().and_then(|page| page.match_media("(prefers-color-scheme: dark)").ok()?)
    else {
        return;
    };
    let follow = Closure::<dyn FnMut()>::new(move || dark.set(is_dark()));
    // It is the page's for as long as there is one.
    let _ = system.add_event_listener_with_callback("change", follow.into_js_value().unchecked_ref());
}

/// Whether the page is dark, as a signal.
pub(crate) fn followed() -> RwSignal<bool> {
    use_context::<Theme>().map_or_else(|| RwSignal::new(is_dark()), |theme| theme.0)
}

/// The button that changes between the two.
#[component]
pub(crate) fn ThemeToggle() -> impl IntoView {
    let dark = followed();
    let label = move || label(dark.get());
    view! {
        <button class="icon-button" type="button" on:click=move |_| toggle(dark) aria-label=label title=label>
            {move || sign(dark.get())}
        </button>
    }
}

/// Changes between the two, and keeps the choice.
pub(crate) fn toggle(dark: RwSignal<bool>) {
    let theme = if dark.get_untracked() { "light" } else { "dark" };
    if let Some(root) = root() {
        // The name is valid and the element is the page's root.
        let _ = root.set_attribute(ATTRIBUTE, theme);
    }
    browser::store(KEY, theme);
    dark.set(is_dark());
}

/// What the button does that changes it.
pub(crate) fn label(is_dark: bool) -> &'static str {
    if is_dark { texts::notices::LIGHT_THEME } else { texts::notices::DARK_THEME }
}

/// Its sign.
pub(crate) fn sign(is_dark: bool) -> AnyView {
    if is_dark { icons::sun().into_any() } else { icons::moon().into_any() }
}
