//! Reactions to a post: the chips below it, and the emoji to choose from.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_chat::{Post, Reaction};
use meshwork_core::id::PeerId;
use meshwork_web::talk::Line;
use meshwork_web::texts;

use super::Panel;

/// The reactions that a post has.
#[component]
pub(super) fn Reactions(panel: Panel, line: Memo<Arc<Line>>) -> impl IntoView {
    let reactions = Memo::new(move |_| line.with(|line| line.post.reactions.clone()));
    let me = panel.session.node.peer();
    let chip = move |reaction: Reaction| {
        let (is_mine, count) = (reaction.by.contains(&me), reaction.by.len());
        let names = names(panel, &reaction.by);
        let emoji = reaction.emoji.clone();
        view! {
            <button
                type="button"
                class="reaction"
                data-testid="reaction"
                aria-pressed=is_mine.to_string()
                aria-label=texts::talk::reaction(&reaction.emoji, &names)
                title=names.join(", ")
                on:click=move |_| react(panel, &line.get_untracked().post, &emoji)
            >
                <span class="reaction-emoji">{reaction.emoji.clone()}</span>
                {count}
            </button>
        }
    };
    let chips = move || reactions.get().into_iter().map(chip).collect_view();
    view! { <div class="reactions" hidden=move || reactions.with(Vec::is_empty)>{chips}</div> }
}

fn names(panel: Panel, by: &[PeerId]) -> Vec<String> {
    by.iter().map(|peer| panel.session.people.listed(*peer)).collect()
}

fn react(panel: Panel, post: &Post, emoji: &str) {
    panel.finish(panel.session.talk.react(post, emoji), None);
}

/// The emoji to choose from, and a field for any other.
#[component]
pub(super) fn Choice(panel: Panel, line: Memo<Arc<Line>>) -> impl IntoView {
    let other = RwSignal::new(String::new());
    let button = move |emoji: &'static str| {
        view! {
            <button
                type="button"
                class="emoji"
                data-testid="emoji"
                aria-label=emoji
                on:click=move |_| react(panel, &line.get_untracked().post, emoji)
            >
                {emoji}
            </button>
        }
    };
    let add = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let emoji = other.get_untracked();
        if !emoji.trim().is_empty() {
            react(panel, &line.get_untracked().post, emoji.trim());
        }
    };
    view! {
        <div
            class="post-menu emoji-menu"
            class:upwards=move || panel.is_menu_up.get()
            role="group"
            aria-label=texts::talk::REACT
        >
            {texts::talk::EMOJI.map(button).collect_view()}
            <form on:submit=add>
                <input
                    type="text"
                    class="emoji-field"
                    data-testid="emoji-field"
                    aria-label=texts::talk::ANY_EMOJI
                    placeholder=texts::talk::ANY_EMOJI
                    autocomplete="off"
                    prop:value=move || other.get()
                    on:input=move |event| other.set(event_target_value(&event))
                />
                <button type="submit" class="button secondary">{texts::talk::ADD}</button>
            </form>
        </div>
    }
}
