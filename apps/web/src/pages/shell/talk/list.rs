//! The list of posts, the newest at the bottom. It stays where it is while somebody reads further up.
//!
//! Pages near the window show posts; the others are blank space of their height. The list begins at its end and counts backwards
//! from there, so earlier pages move nothing. If anything below the line that is read changes its height, the list
//! scrolls by the difference before the browser paints. Browsers do this in different ways, or not at all.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::{ev, html, web_sys};
use meshwork_chat::PostKey;
use meshwork_web::talk::pages::{PageId, View};
use meshwork_web::talk::{self, Key, Line};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;

use super::super::super::session::talk::Talk;
use super::super::super::{browser, icons};
use super::post::PostRow;
use super::{Panel, post_element};

/// Pixels from the newest post at which a button leads back to it.
const FAR_FROM_END: f64 = 400.0;

/// The window over the list. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Window {
    talk: Talk,
    list: NodeRef<html::Section>,
    /// The line that is read, which stays where it is: the id of its element, and pixels from there to the window's lower edge.
    /// None at the end of the list.
    line: StoredValue<Option<(String, f64)>>,
    /// The list was scrolled to here by this page and not by a person.
    scrolled_to: StoredValue<Option<i32>>,
    /// Whether the newest post is far.
    is_far: RwSignal<bool>,
}

impl Window {
    pub(super) fn new(talk: Talk) -> Window {
        Window {
            talk,
            list: NodeRef::new(),
            line: StoredValue::new(None),
            scrolled_to: StoredValue::new(None),
            is_far: RwSignal::new(false),
        }
    }

    /// Shows the newest posts.
    pub(super) fn to_end(self) {
        self.line.set_value(None);
        self.talk.show_end();
        if let Some(list) = self.list.get_untracked() {
            list.set_scroll_top(0);
        }
    }

    /// Scrolls to a post of a page that is shown.
    pub(super) fn to_post(self, key: PostKey) {
        let Some(list) = self.list.try_get_untracked().flatten() else { return };
        let element = post_element(key);
        browser::scroll_to(&element);
        self.scrolled_to.set_value(Some(list.scroll_top()));
        let place = from_lower_edge(&list, &element);
        self.line.set_value(place.map(|place| (element, place)));
        self.look();
    }

    fn on_scroll(self) {
        let Some(list) = self.list.get_untracked() else { return };
        let top = list.scroll_top();
        if top >= 0 {
            self.line.set_value(None);
        } else if self.scrolled_to.get_value() != Some(top) {
            self.scrolled_to.set_value(None);
            self.line.set_value(first_line(&list));
        }
        self.look();
    }

    /// Something has another height than before.
    fn on_resize(self) {
        let Some(list) = self.list.try_get_untracked().flatten() else { return };
        let moved = self.line.with_value(|line| {
            let (element, before) = line.as_ref()?;
            Some(before - from_lower_edge(&list, element)?)
        });
        if let Some(moved) = moved.filter(|moved| moved.abs() >= 0.5) {
            list.scroll_by_with_x_and_y(0.0, moved);
            self.scrolled_to.set_value(Some(list.scroll_top()));
        }
        // Heights that change while they are watched are told in the next frame alone.
        request_animation_frame(move || self.look());
    }

    /// Decides which pages show posts.
    fn look(self) {
        let Some(list) = self.list.try_get_untracked().flatten() else { return };
        let view = View { from_end: -f64::from(list.scroll_top()), height: f64::from(list.client_height()) };
        self.is_far.set(view.from_end > FAR_FROM_END);
        let shown: Vec<PageId> = self.talk.lines.with_untracked(|lines| lines.pages().collect());
        let height = |id: PageId| {
            let element = browser::element(&page_element(id))?;
            Some((id, element.get_bounding_client_rect().height()))
        };
        let heights: Vec<(PageId, f64)> = shown.into_iter().filter_map(height).collect();
        self.talk.look_at(view, &heights);
    }

    /// Watches the height of the list's content while the list is shown.
    fn watch(self, content: NodeRef<html::Div>) {
        let watched = StoredValue::new_local(None);
        Effect::new(move || {
            let Some(content) = content.get() else { return };
            let callback = Closure::<dyn FnMut()>::new(move || self.on_resize());
            if let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) {
                observer.observe(&content);
                watched.set_value(Some((observer, callback)));
            }
        });
        on_cleanup(move || {
            watched.try_update_value(|watched| {
                if let Some((observer, _)) = watched {
                    observer.disconnect();
                }
            });
        });
    }
}

/// Pixels from an element's upper edge down to the lower edge of the window.
fn from_lower_edge(list: &web_sys::HtmlElement, element: &str) -> Option<f64> {
    let element = browser::element(element)?;
    Some(list.get_bounding_client_rect().bottom() - element.get_bounding_client_rect().top())
}

/// The uppermost post that begins in the window, as [`Window::line`] has it.
fn first_line(list: &web_sys::HtmlElement) -> Option<(String, f64)> {
    let posts = list.query_selector_all(".post").ok()?;
    let window = list.get_bounding_client_rect();
    let post = |place: u32| posts.get(place)?.dyn_into::<web_sys::Element>().ok();
    let is_above =
        |place: u32| post(place).is_some_and(|post| post.get_bounding_client_rect().top() < window.top());
    let (mut low, mut high) = (0, posts.length());
    while low < high {
        let middle = low.midpoint(high);
        if is_above(middle) { low = middle + 1 } else { high = middle }
    }
    // Of a post that is longer than the window none begins in it.
    let post = post(low).or_else(|| post(low.checked_sub(1)?))?;
    Some((post.id(), window.bottom() - post.get_bounding_client_rect().top()))
}

/// The id of the element of a page.
fn page_element(id: PageId) -> String {
    format!("posts-{id}")
}

/// The list.
#[component]
pub(super) fn List(panel: Panel) -> impl IntoView {
    let (talk, window) = (panel.session.talk, panel.window);
    let content = NodeRef::<html::Div>::new();
    window.watch(content);
    let to_end = move |_| {
        window.to_end();
        panel.found.set(None);
    };
    let on_key = move |event: ev::KeyboardEvent| {
        if browser::key(&event) == "Escape" && panel.close_menu() {
            event.prevent_default();
            event.stop_propagation();
        }
    };
    let none = move || {
        let is_none = talk.lines.with(talk::Lines::is_empty) && talk.whom.get().is_none();
        is_none.then_some(texts::talk::NONE)
    };
    let unseen = move || talk::unread(talk.unseen.get());
    let newest = move || texts::talk::to_newest(talk.unseen.get());
    view! {
        <div class="talk-list-box">
            <section
                class="talk-scroll"
                tabindex="0"
                aria-label=texts::talk::POSTS
                node_ref=window.list
                on:scroll=move |_| window.on_scroll()
                on:keydown=on_key
            >
                <div class="talk-list" data-testid="message-list" node_ref=content>
                    <For
                        each=move || talk.pages.get()
                        key=|id| *id
                        children=move |id| view! { <Page panel id/> }
                    />
                </div>
                <p class="talk-none" data-testid="chat-about">{none}</p>
            </section>
            <button
                type="button"
                class="button secondary to-newest"
                data-testid="to-newest"
                hidden=move || !window.is_far.get()
                title=newest
                aria-label=newest
                on:click=to_end
            >
                {icons::down()}
                <span class="unread">{unseen}</span>
            </button>
        </div>
    }
}

/// The posts of a page, or blank space of their height.
#[component]
fn Page(panel: Panel, id: PageId) -> impl IntoView {
    let talk = panel.session.talk;
    let keys = Memo::new(move |_| talk.lines.with(|lines| lines.page(id).map(<[Key]>::to_vec)));
    let space = move || match keys.with(Option::is_none) {
        true => format!("height:{}px", talk.height_of(id)),
        false => String::new(),
    };
    let row = move |key: Key| {
        let first = talk.lines.with_untracked(|lines| lines.line(&key))?;
        // A row goes in the turn after its post.
        let line = Memo::new(move |before: Option<&Arc<Line>>| {
            let now = talk.lines.with(|lines| lines.line(&key));
            now.or_else(|| before.cloned()).unwrap_or_else(|| first.clone())
        });
        Some(view! { <PostRow panel key line/> })
    };
    view! {
        <ul
            class="talk-page"
            id=page_element(id)
            style=space
            aria-hidden=move || keys.with(Option::is_none).then_some("true")
        >
            <For each=move || keys.get().unwrap_or_default() key=|key| *key children=row/>
        </ul>
    }
}
