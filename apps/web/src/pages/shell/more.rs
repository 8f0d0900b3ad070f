//! The menu of the bar: what the app offers, and what else is not pressed often enough to stand in the bar.

use leptos::prelude::*;
use leptos::{html, web_sys};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use super::super::front::{Action, BAR_ACTIONS, Front};
use super::super::session::Session;
use super::super::{icons, theme};

/// By this id the button in the bar opens it.
pub(super) const MENU: &str = "more-menu";

/// The menu.
#[component]
pub(super) fn MoreMenu(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let menu = NodeRef::<html::Div>::new();
    let offered = move |(place, action): (usize, Action)| {
        let Action { test_id, label, title, sign, is_off, act } = action;
        let what = view! { {sign()} {label} }.into_any();
        // The bar has it too where it is wide.
        view! { <Line menu test_id what title is_off is_in_bar=place < BAR_ACTIONS act/> }
    };
    let dark = theme::followed();
    let other_theme =
        view! { {move || theme::sign(dark.get())} {move || theme::label(dark.get())} }.into_any();
    let room = view! { {icons::rules()} {texts::room::ROOM_AND_RULES} }.into_any();
    let key = view! { {icons::key()} {texts::key::YOUR_KEY} }.into_any();
    let (is_sheet_open, is_key_open) = (session.governing.is_sheet_open, session.me.is_key_open);
    view! {
        <div node_ref=menu id=MENU class="more-menu" popover="auto" data-testid=MENU>
            {front.actions().into_iter().enumerate().map(offered).collect_view()}
            <Line menu test_id="theme" what=other_theme act=move |()| theme::toggle(dark)/>
            <Line menu test_id="room" what=room act=move |()| is_sheet_open.set(true)/>
            <Line menu test_id="key" what=key act=move |()| is_key_open.set(true)/>
        </div>
    }
}

/// Something that is chosen in the menu.
#[component]
fn Line(
    menu: NodeRef<html::Div>,
    /// Its name for tests, behind `menu-`.
    test_id: &'static str,
    /// Its sign and what it is called.
    what: AnyView,
    #[prop(default = "")] title: &'static str,
    #[prop(default = Signal::stored(false))] is_off: Signal<bool>,
    #[prop(default = false)] is_in_bar: bool,
    #[prop(into)] act: Callback<()>,
) -> impl IntoView {
    let choose = move |_| {
        // Closed first, so that the focus comes back to the bar from what is opened.
        close(menu);
        act.run(());
    };
    view! {
        <button
            type="button"
            class="menu-line"
            class:in-bar=is_in_bar
            data-testid=format!("menu-{test_id}")
            title=title
            disabled=move || is_off.get()
            on:click=choose
        >
            {what}
        </button>
    }
}

fn close(menu: NodeRef<html::Div>) {
    if let Some(menu) = menu.get_untracked() {
        // A browser without popovers shows it as long as the page.
        let _ = menu.unchecked_ref::<web_sys::HtmlElement>().hide_popover();
    }
}
