//! Searching the posts: a slice of rows at a time, so that the page goes on meanwhile.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use meshwork_chat::{Post, PostId};
use meshwork_web::talk;
use meshwork_web::texts;

use super::super::super::icon_button::IconButton;
use super::super::super::{browser, icons};
use super::Panel;

/// Rows that are looked through at a time: some milliseconds.
const SLICE: usize = 1000;
/// Posts that are found before somebody is asked whether to go on.
const FOUND_AT_A_TIME: usize = 30;
/// How long somebody types before the search begins.
const TYPED: Duration = Duration::from_millis(200);

/// The search; copies are the same one.
#[derive(Clone, Copy)]
struct Search {
    panel: Panel,
    words: RwSignal<String>,
    found: RwSignal<Vec<Post>>,
    /// Whether it goes on, or where it would go on.
    is_busy: RwSignal<bool>,
    from: RwSignal<Option<PostId>>,
    /// Counts searches: a later one ends the earlier.
    number: StoredValue<u32>,
}

impl Search {
    fn begin(self, words: String) {
        self.words.set(words);
        self.found.set(Vec::new());
        self.from.set(None);
        self.number.update_value(|number| *number += 1);
        let number = self.number.get_value();
        let is_asked = self.words.with_untracked(|words| !words.trim().is_empty());
        self.is_busy.set(is_asked);
        if is_asked {
            set_timeout(move || self.step(number, 0), TYPED);
        }
    }

    fn go_on(self) {
        self.is_busy.set(true);
        self.step(self.number.get_value(), 0);
    }

    /// Looks through a slice, and goes on until enough is found or the conversation ends.
    fn step(self, number: u32, found_before: usize) {
        if self.number.try_get_value() != Some(number) {
            return;
        }
        let (words, from) = (self.words.get_untracked(), self.from.get_untracked());
        let read = self.panel.session.talk.look(|talk| talk.search(words.trim(), from, SLICE));
        let (posts, next) = read.unwrap_or_default();
        let found = found_before + posts.len();
        self.found.update(|all| all.extend(posts));
        self.from.set(next);
        if next.is_some() && found < FOUND_AT_A_TIME {
            set_timeout(move || self.step(number, found), Duration::ZERO);
        } else {
            self.is_busy.set(false);
        }
    }
}

/// The field and the posts that were found; a press on one leads to it.
#[component]
pub(super) fn SearchBar(panel: Panel, is_searching: RwSignal<bool>) -> impl IntoView {
    let search = Search {
        panel,
        words: RwSignal::new(String::new()),
        found: RwSignal::new(Vec::new()),
        is_busy: RwSignal::new(false),
        from: RwSignal::new(None),
        number: StoredValue::new(0),
    };
    let field = NodeRef::<html::Input>::new();
    field.on_load(|field| drop(field.focus()));
    let close = move || {
        is_searching.set(false);
        panel.focus_field();
    };
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        if browser::key(&event) == "Escape" {
            event.prevent_default();
            event.stop_propagation();
            close();
        }
    };
    view! {
        <div class="talk-search" role="search" on:keydown=on_key>
            <div class="talk-field-row">
                <input
                    type="search"
                    class="talk-field"
                    data-testid="search"
                    aria-label=texts::talk::SEARCH_POSTS
                    placeholder=texts::talk::SEARCH_POSTS
                    node_ref=field
                    prop:value=move || search.words.get()
                    on:input=move |event| search.begin(event_target_value(&event))
                />
                <IconButton
                    test_id="close-search"
                    label=texts::CLOSE
                    title=texts::CLOSE_KEYS
                    sign=icons::cross().into_any()
                    act=move |()| close()
                />
            </div>
            <Results search is_searching/>
        </div>
    }
}

/// The posts that were found; a press on one leads to it.
#[component]
fn Results(search: Search, is_searching: RwSignal<bool>) -> impl IntoView {
    let panel = search.panel;
    let result = move |(place, post): (usize, Post)| {
        let key = post.key();
        let called = panel.session.people.listed(post.author);
        let jump = move |_| {
            is_searching.set(false);
            // Posts of the room alone are searched.
            if panel.session.talk.whom.get_untracked().is_some() {
                panel.session.talk.show(None);
            }
            panel.jump_to(key);
        };
        view! {
            <li>
                <button
                    type="button"
                    class="search-result"
                    data-testid=format!("search-result-{place}")
                    on:click=jump
                >
                    <strong>{called}</strong>
                    <span class="post-when">{browser::time_in_words(post.at.as_millis(), false)}</span>
                    <span class="talk-excerpt">{talk::excerpt(&post.text)}</span>
                </button>
            </li>
        }
    };
    let results = move || search.found.get().into_iter().enumerate().map(result).collect_view();
    let is_none = move || {
        let has_words = search.words.with(|words| !words.trim().is_empty());
        has_words && !search.is_busy.get() && search.found.with(Vec::is_empty)
    };
    let more = move || !search.is_busy.get() && search.from.get().is_some();
    view! {
            <ul class="search-results" aria-busy=move || search.is_busy.get().to_string()>{results}</ul>
        <p role="status" class="talk-none">{move || is_none().then_some(texts::talk::SEARCH_NONE)}</p>
        <button
            type="button"
            class="button secondary"
            hidden=move || !more()
            on:click=move |_| search.go_on()
        >
            {texts::talk::SEARCH_ON}
        </button>
    }
}

/// The button that begins a search.
#[component]
pub(crate) fn SearchButton(
    /// Whether posts are being searched.
    is_searching: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <IconButton
            test_id="open-search"
            label=texts::talk::SEARCH
            sign=icons::search().into_any()
            act=move |()| is_searching.update(|is_searching| *is_searching = !*is_searching)
        />
    }
}
