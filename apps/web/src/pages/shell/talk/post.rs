//! One post: who wrote it and when, the post that it answers, its text, reactions, and what can be done with it.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_chat::PostKey;
use meshwork_core::id::PeerId;
use meshwork_rtc::web::StorageState;
use meshwork_web::people::beads;
use meshwork_web::talk::{self, Key, Line};
use meshwork_web::texts;

use super::super::super::bead::Bead;
use super::super::super::session::Session;
use super::super::super::{browser, icons};
use super::files::Files;
use super::formatted::formatted;
use super::reactions::{Choice, Reactions};
use super::{Menu, Panel, post_element};

/// Pixels below its button that a menu takes: with less room it opens upwards.
const MENU_HEIGHT: f64 = 240.0;

/// A post, and above it the day, the unread line and the gap that begin with it.
#[component]
pub(super) fn PostRow(panel: Panel, key: Key, line: Memo<Arc<Line>>) -> impl IntoView {
    let session = panel.session;
    let (id, author) = key;
    let post_key = PostKey { id, author };
    let is_own = author == session.node.peer();
    let follows = Memo::new(move |_| line.with(|line| line.follows));
    let text = Memo::new(move |_| line.with(|line| (line.post.text.clone(), line.post.is_newer)));
    let mentions_me =
        Memo::new(move |_| line.with(|line| talk::mentions(&line.post.text, session.node.peer())));
    let when = line.with_untracked(|line| browser::time_of_day(line.post.at.as_millis()));
    let full = line.with_untracked(|line| browser::time_in_words(line.post.at.as_millis(), true));
    let shown = move || {
        let (text, is_newer) = text.get();
        let newer =
            is_newer.then(|| view! { <p class="post-newer">{icons::info()} {texts::talk::NEWER}</p> });
        view! {
            {newer}
            {formatted(session, &text)}
        }
    };
    let held = Memo::new(move |_| line.with(|line| line.post.files.clone()));
    let files = move || view! { <Files session files=held.get() is_own/> };
    let is_edited = Memo::new(move |_| line.with(|line| line.post.is_edited));
    let edited = move || is_edited.get().then_some(format!(", {}", texts::talk::EDITED));
    // A post below another one of its author has no head that says so.
    let edited_below = move || {
        let is_told_here = is_edited.get() && follows.get();
        is_told_here.then(|| view! { <p class="post-when">{texts::talk::EDITED}</p> })
    };
    view! {
        <li
            class="post"
            class:own=is_own
            class:follows=follows
            class:to-me=move || mentions_me.get() && !is_own
            class:found=move || panel.found.get() == Some(post_key)
            class:open=move || panel.menu.get().is_some_and(|(open, _)| open == key)
            id=post_element(post_key)
            data-testid="message"
        >
            <Above panel line/>
            <div class="post-box" tabindex="-1">
                {(!is_own).then(|| view! { <AuthorBead session peer=author/> })}
                <div class="post-head">
                    <AuthorName session peer=author is_own/>
                    <time class="post-when" title=full.clone()>{when.clone()}{edited}</time>
                </div>
                <div class="post-body">
                    <Quote panel line/>
                    <div class="post-text" dir="auto" data-testid="message-text">{shown}</div>
                    {files}
                    {edited_below}
                </div>
                <Reactions panel line/>
                {is_own.then(|| view! { <Heard panel key line/> })}
                <Tools panel key line when full/>
            </div>
        </li>
    }
}

/// The day, the unread line and the gap above a post.
#[component]
fn Above(panel: Panel, line: Memo<Arc<Line>>) -> impl IntoView {
    let above = Memo::new(move |_| line.with(|line| (line.day.clone(), line.begins_unread, line.missing)));
    move || {
        let (day, begins_unread, missing) = above.get();
        let day = day.map(|day| view! { <p class="post-day">{day}</p> });
        let unread = begins_unread.then(|| {
            let count = move || texts::talk::new_posts(panel.session.talk.new_below.get());
            view! { <p class="unread-line" data-testid="unread-line"><span>{count}</span></p> }
        });
        let missing = (missing > 0).then(|| {
            view! { <p class="post-day" data-testid="missing">{texts::talk::missing(missing)}</p> }
        });
        view! { {day} {missing} {unread} }
    }
}

#[component]
fn AuthorBead(session: Session, peer: PeerId) -> impl IntoView {
    let letter = Signal::derive(move || {
        session.people.track_names();
        session.people.letter_of(peer)
    });
    view! { <span class="post-bead"><Bead peer letter/></span> }
}

#[component]
fn AuthorName(session: Session, peer: PeerId, is_own: bool) -> impl IntoView {
    let called = Memo::new(move |_| {
        // People come, go and change their names.
        session.people.track_names();
        if is_own { texts::YOU.to_owned() } else { session.people.called_by_peer(peer) }
    });
    view! {
        <strong class="post-author" style=format!("color:var(--bead-{})", beads::colour(&peer))>
            {called}
        </strong>
    }
}

/// The post that this one answers; a press leads to it.
#[component]
fn Quote(panel: Panel, line: Memo<Arc<Line>>) -> impl IntoView {
    let answers = Memo::new(move |_| {
        let key = line.with(|line| line.post.re)?;
        let shown =
            panel.session.talk.lines.with(|lines| {
                lines.answered(key).map(|line| (line.post.author, talk::excerpt(&line.post.text)))
            });
        let read = || {
            let post = panel.session.talk.get(key)?;
            Some((post.author, talk::excerpt(&post.text)))
        };
        Some((key, shown.or_else(read)))
    });
    move || {
        let (key, answered) = answers.get()?;
        Some(quote(panel, key, answered))
    }
}

fn quote(panel: Panel, key: PostKey, answered: Option<(PeerId, String)>) -> AnyView {
    let Some((author, excerpt)) = answered else {
        return view! { <p class="quote gone">{texts::talk::ANSWERED_GONE}</p> }.into_any();
    };
    let called = panel.session.people.listed(author);
    let colour = format!("--quoted:var(--bead-{})", beads::colour(&author));
    view! {
        <button
            type="button"
            class="quote"
            style=colour
            data-testid="quote"
            aria-label=format!("{}{excerpt}", texts::talk::answers(&called))
            on:click=move |_| panel.jump_to(key)
        >
            <strong>{called.clone()}</strong>
            <span>{excerpt.clone()}</span>
        </button>
    }
    .into_any()
}

/// When others see it, below a post of one's own that is ahead of their clocks; else who has it, below the last post that this page
/// wrote.
#[component]
fn Heard(panel: Panel, key: Key, line: Memo<Arc<Line>>) -> impl IntoView {
    let session = panel.session;
    let written = line.with_untracked(|line| line.post.at);
    let heard = Memo::new(move |_| {
        if let Some(at_ms) = session.ahead.appears_ms(written) {
            return Some(texts::talk::appears(&browser::time_in_words(at_ms, false)));
        }
        let (by, of) = session.talk.reach.reached.get().filter(|_| session.talk.last.get() == Some(key))?;
        Some(texts::talk::heard(by, of, session.storage.get() == StorageState::Kept))
    });
    move || heard.get().map(|heard| view! { <p class="post-heard" data-testid="heard">{heard}</p> })
}

/// Actions on a post.
#[component]
fn Tools(panel: Panel, key: Key, line: Memo<Arc<Line>>, when: String, full: String) -> impl IntoView {
    let session = panel.session;
    let (_, author) = key;
    let called = if author == session.node.peer() {
        texts::YOU.to_owned()
    } else {
        session.people.called_by_peer(author)
    };
    let brief = when.clone();
    let label = move |title: &str| texts::talk::of_post(title, &called, &when);
    let toggle = move |menu: Menu, event: &web_sys::MouseEvent| {
        panel.is_menu_up.set(has_more_room_above(&event_target::<web_sys::Element>(event)));
        panel.menu.update(|open| *open = Some((key, menu)).filter(|now| *open != Some(*now)));
    };
    let open = Memo::new(move |_| panel.menu.get().filter(|(open, _)| *open == key).map(|(_, menu)| menu));
    let is_open = move |menu: Menu| (open.get() == Some(menu)).to_string();
    let menu = move || match open.get() {
        Some(Menu::Emoji) => view! { <Choice panel line/> }.into_any(),
        Some(Menu::More) => view! { <More panel key line/> }.into_any(),
        None => ().into_any(),
    };
    view! {
        <div class="post-side">
        <div class="post-tools">
            <time class="post-when" title=full>{brief}</time>
            <button
                type="button"
                class="icon-button"
                data-testid="react"
                title=texts::talk::REACT
                aria-label=label(texts::talk::REACT)
                aria-expanded=move || is_open(Menu::Emoji)
                on:click=move |event| toggle(Menu::Emoji, &event)
            >
                {icons::smile()}
            </button>
            <button
                type="button"
                class="icon-button"
                data-testid="reply"
                title=texts::talk::REPLY
                aria-label=label(texts::talk::REPLY)
                on:click=move |_| panel.answer(&line.get_untracked().post)
            >
                {icons::reply()}
            </button>
            <button
                type="button"
                class="icon-button"
                data-testid="post-more"
                title=texts::MORE
                aria-label=label(texts::MORE)
                aria-expanded=move || is_open(Menu::More)
                on:click=move |event| toggle(Menu::More, &event)
            >
                {icons::dots()}
            </button>
            {menu}
        </div>
        </div>
    }
}

/// Whether a menu of this button opens upwards to be in sight.
fn has_more_room_above(button: &web_sys::Element) -> bool {
    let list = button.closest(".talk-scroll").ok().flatten().map(|list| list.get_bounding_client_rect());
    let button = button.get_bounding_client_rect();
    let (top, bottom) = list.map_or((0.0, browser::height()), |list| (list.top(), list.bottom()));
    let (above, below) = (button.top() - top, bottom - button.bottom());
    below < MENU_HEIGHT && above > below
}

/// The less frequent ones.
#[component]
fn More(panel: Panel, key: Key, line: Memo<Arc<Line>>) -> impl IntoView {
    let session = panel.session;
    let (id, author) = key;
    let is_own = author == session.node.peer();
    let moderates = move || {
        let is_in_room = session.talk.whom.get().is_none();
        is_in_room
            && !is_own
            && session.governing.law.with(|law| law.as_ref().is_some_and(|law| law.moderates))
    };
    let copy = move |_| {
        let text = talk::unmentioned(&line.get_untracked().post.text).0;
        panel.menu.set(None);
        spawn_local(async move { _ = browser::copy_alone(&text).await });
    };
    let own = is_own.then(|| {
        view! {
            <button type="button" data-testid="edit" on:click=move |_| panel.edit(&line.get_untracked().post)>
                {icons::pencil()}
                {texts::talk::EDIT}
            </button>
            <button type="button" data-testid="delete" on:click=move |_| panel.delete(&line.get_untracked().post)>
                {icons::bin()}
                {texts::DELETE}
            </button>
        }
    });
    view! {
        <div class="post-menu" class:upwards=move || panel.is_menu_up.get() role="group" aria-label=texts::MORE>
            {own}
            <button type="button" data-testid="copy-post" on:click=copy>
                {icons::copy()}
                {texts::talk::COPY_TEXT}
            </button>
            <button type="button" data-testid="hide" hidden=move || !moderates() on:click=move |_| panel.hide(PostKey { id, author })>
                {icons::eye_shut()}
                {texts::talk::HIDE}
            </button>
        </div>
    }
}
