//! The list of posts, the newest at the bottom. It stays where it is while somebody reads further up.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::{ev, html, web_sys};
use meshwork_web::talk::{Key, Line};
use meshwork_web::texts;

use super::super::super::{browser, icons};
use super::Panel;
use super::post::PostRow;

/// Pixels from the oldest shown post at which older ones are added.
const NEAR_START: i32 = 600;
/// Pixels from the newest post at which a button leads back to it.
const FAR_FROM_END: i32 = 400;

/// The list.
#[component]
pub(super) fn List(panel: Panel) -> impl IntoView {
    let talk = panel.session.talk;
    let scroll = NodeRef::<html::Section>::new();
    let is_far = RwSignal::new(false);
    let order = Memo::new(move |_| talk.lines.with(|lines| lines.order.clone()));
    let row = move |key: Key| {
        let first = talk.lines.with_untracked(|lines| lines.line(&key))?;
        // A row goes in the turn after its post.
        let line = Memo::new(move |before: Option<&Arc<Line>>| {
            let now = talk.lines.with(|lines| lines.line(&key));
            now.or_else(|| before.cloned()).unwrap_or_else(|| first.clone())
        });
        Some(view! { <PostRow panel key line/> })
    };
    // The list begins at its end and counts backwards from there, so older posts move nothing.
    let on_scroll = move |event: web_sys::Event| {
        let list = event_target::<web_sys::HtmlElement>(&event);
        let from_end = -list.scroll_top();
        let from_start = list.scroll_height() - list.client_height() - from_end;
        is_far.set(from_end > FAR_FROM_END);
        if from_start < NEAR_START {
            talk.show_older();
        }
    };
    let to_end = move |_| {
        if let Some(list) = scroll.get_untracked() {
            list.set_scroll_top(0);
        }
        panel.found.set(None);
    };
    let on_key = move |event: ev::KeyboardEvent| {
        if browser::key(&event) == "Escape" && panel.menu.get_untracked().is_some() {
            event.prevent_default();
            event.stop_propagation();
            panel.menu.set(None);
        }
    };
    let none = move || {
        let is_none = order.with(Vec::is_empty) && talk.whom.get().is_none();
        is_none.then_some(texts::talk::NONE)
    };
    view! {
        <div class="talk-list-box">
            <section
                class="talk-scroll"
                tabindex="0"
                aria-label=texts::talk::POSTS
                node_ref=scroll
                on:scroll=on_scroll
                on:keydown=on_key
            >
                <ul class="talk-list" data-testid="message-list">
                    <For each=move || order.get() key=|key| *key children=row/>
                </ul>
                <p class="talk-none" data-testid="chat-about">{none}</p>
            </section>
            <button
                type="button"
                class="button secondary to-newest"
                data-testid="to-newest"
                hidden=move || !is_far.get()
                title=texts::talk::TO_NEWEST
                aria-label=texts::talk::TO_NEWEST
                on:click=to_end
            >
                {icons::down()}
            </button>
        </div>
    }
}
