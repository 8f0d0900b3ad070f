//! The menu of the bar: what the app offers, and what else is not pressed often enough to stand in the bar.

use leptos::prelude::*;
use leptos::{html, web_sys};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use super::super::session::Session;
use super::super::{icons, theme};
use super::app::{Action, BAR_ACTIONS, Front};

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
    let line = move |(place, action): (usize, Action)| {
        let Action { test_id, label, title, sign, is_off, act } = action;
        let choose = move |_| {
            // Closed first, so that the focus comes back to the bar from what is opened.
            close(menu);
            act.run(());
        };
        view! {
            <button
                type="button"
                class="menu-line"
                // The bar has it too where it is wide.
                class:in-bar=place < BAR_ACTIONS
                data-testid=format!("menu-{test_id}")
                title=title
                disabled=move || is_off.get()
                on:click=choose
            >
                {sign()}
                {label}
            </button>
        }
    };
    let dark = theme::followed();
    let (is_sheet_open, is_key_open) = (session.governing.is_sheet_open, session.me.is_key_open);
    view! {
        <div node_ref=menu id=MENU class="more-menu" popover="auto" data-testid=MENU>
            {front.actions().into_iter().enumerate().map(line).collect_view()}
            <button type="button" class="menu-line" data-testid="menu-theme" on:click=move |_| {
                close(menu);
                theme::toggle(dark);
            }>
                {move || theme::sign(dark.get())}
                {move || theme::label(dark.get())}
            </button>
            <button type="button" class="menu-line" data-testid="menu-room" on:click=move |_| {
                close(menu);
                is_sheet_open.set(true);
            }>
                {icons::rules()}
                {texts::room::ROOM_AND_RULES}
            </button>
            <button type="button" class="menu-line" data-testid="menu-key" on:click=move |_| {
                close(menu);
                is_key_open.set(true);
            }>
                {icons::key()}
                {texts::key::YOUR_KEY}
            </button>
        </div>
    }
}

fn close(menu: NodeRef<html::Div>) {
    if let Some(menu) = menu.get_untracked() {
        // A browser without popovers shows it as long as the page.
        let _ = menu.unchecked_ref::<web_sys::HtmlElement>().hide_popover();
    }
}
