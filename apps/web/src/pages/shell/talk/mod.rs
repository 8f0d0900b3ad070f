//! The room's conversation: its button in the bar, its panel, and the list with the field that panel and Chat show.

mod composer;
mod conversations;
mod files;
mod formatted;
mod list;
mod post;
mod reactions;
mod search;

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use meshwork_chat::{NewPost, Post, PostId, PostKey};
use meshwork_core::id::PeerId;
use meshwork_web::talk::{self, Answered, Begun, Key};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use self::composer::Composer;
pub(crate) use self::conversations::Conversations;
use self::conversations::DirectHead;
use self::list::{List, Window};
use self::search::SearchBar;
pub(crate) use self::search::SearchButton;
use super::super::session::{Phase, Session};
use super::super::sheet::Sheet;
use super::super::{browser, icons};

/// The button; none while the app in front shows the conversation itself.
#[component]
pub(crate) fn TalkButton(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let count = session.talk.unread;
    view! {
        <button
            class="icon-button talk-button"
            type="button"
            data-testid="open-chat"
            aria-label=move || texts::talk::button(count.get())
            title=texts::talk::CHAT_KEYS
            disabled=move || session.phase.get() != Phase::Open
            hidden=move || session.talk.is_in_front.get()
            on:click=move |_| session.talk.is_open.set(true)
        >
            {icons::note()}
            <span class="unread" data-testid="unread">{move || talk::unread(count.get())}</span>
        </button>
    }
}

/// The panel beside an app; the session knows whether it is open.
#[component]
pub(crate) fn TalkSheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let is_searching = RwSignal::new(false);
    let search = move || view! { <SearchButton is_searching/> };
    view! {
        <Sheet open=session.talk.is_open id="talk-title" title=texts::talk::CHAT beside_title=search>
            <Conversations session/>
            <Talking session is_searching/>
        </Sheet>
    }
}

/// An act that can be taken back.
#[derive(Clone, Debug, PartialEq)]
enum Done {
    /// This post of one's own is deleted.
    Deleted(Box<Post>),
    /// A post is hidden.
    Hidden(PostKey),
}

/// What is open beside a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Menu {
    Emoji,
    More,
}

/// The state of the list and its field. Copies are the same one.
#[derive(Clone, Copy)]
struct Panel {
    session: Session,
    /// The text that is not sent.
    draft: RwSignal<String>,
    /// The people whom it mentions, as they are called in it.
    mentioned: StoredValue<Vec<(String, PeerId)>>,
    /// The post that is edited, and the draft that waits meanwhile.
    edited: RwSignal<Option<(PostId, String)>>,
    /// Why something was not done.
    problem: RwSignal<Option<String>>,
    /// What was done last and can be taken back.
    done: RwSignal<Option<Done>>,
    /// The menu that is open.
    menu: RwSignal<Option<(Key, Menu)>>,
    /// Whether it opens above its button, since there is no room below.
    is_menu_up: RwSignal<bool>,
    /// A post that was jumped to.
    found: RwSignal<Option<PostKey>>,
    field: NodeRef<html::Textarea>,
    /// The window over the list.
    window: Window,
}

/// How long a post is marked that was jumped to.
const FOUND_FOR: Duration = Duration::from_secs(4);

impl Panel {
    fn new(session: Session) -> Panel {
        Panel {
            session,
            draft: RwSignal::new(session.talk.draft()),
            mentioned: StoredValue::new(Vec::new()),
            edited: RwSignal::new(None),
            problem: RwSignal::new(None),
            done: RwSignal::new(None),
            menu: RwSignal::new(None),
            is_menu_up: RwSignal::new(false),
            found: RwSignal::new(None),
            field: NodeRef::new(),
            window: Window::new(session.talk),
        }
    }

    /// Another conversation is shown.
    fn begin_anew(self) {
        self.edited.set(None);
        self.problem.set(None);
        self.done.set(None);
        self.menu.set(None);
        self.found.set(None);
        self.draft.set(self.session.talk.draft());
        if browser::has_mouse() {
            self.focus_field();
        }
    }

    /// Closes the menu that is open. Returns whether one was.
    fn close_menu(self) -> bool {
        let was_open = self.menu.with_untracked(Option::is_some);
        if was_open {
            self.menu.set(None);
        }
        was_open
    }

    fn focus_field(self) {
        if let Some(field) = self.field.try_get_untracked().flatten() {
            // It is in the page.
            let _ = field.focus();
        }
    }

    fn set_draft(self, text: String) {
        if self.edited.with_untracked(Option::is_none) {
            self.session.talk.keep_draft(&text);
        }
        self.draft.set(text);
    }

    /// Sends the text, or saves it as the edited post's.
    fn send(self) {
        let text = self
            .draft
            .with_untracked(|text| self.mentioned.with_value(|people| talk::mentioned(text.trim(), people)));
        match self.edited.get_untracked() {
            Some((id, draft)) => {
                let outcome = self.session.talk.edit(id, &text);
                if self.finish(outcome, None) {
                    self.edited.set(None);
                    self.set_draft(draft);
                }
            }
            None => {
                let begun = untrack(|| self.session.talk.begun(Begun::clone));
                let Some(files) = begun.ready() else {
                    return self.problem.set(Some(texts::talk::FILES_COMING.to_owned()));
                };
                let re = begun.answered.map(|of| PostKey { id: of.id, author: of.author }.into());
                let outcome = self.session.talk.write(&NewPost { text, re, files });
                if self.finish(outcome, None) {
                    self.session.talk.begin_with(|begun| *begun = Begun::default());
                    self.set_draft(String::new());
                    self.window.to_end();
                }
            }
        }
    }

    fn answer(self, post: &Post) {
        self.stop_editing();
        let excerpt = talk::excerpt(&post.text);
        let answered = Answered { id: post.id, author: post.author, excerpt };
        self.session.talk.begin_with(|begun| begun.answered = Some(answered));
        self.menu.set(None);
        self.focus_field();
    }

    fn edit(self, post: &Post) {
        self.stop_editing();
        let (text, people) = talk::unmentioned(&post.text);
        self.mentioned.update_value(|mentioned| mentioned.extend(people));
        self.edited.set(Some((post.id, self.draft.get_untracked())));
        self.draft.set(text);
        self.menu.set(None);
        self.focus_field();
    }

    fn stop_editing(self) {
        if let Some((_, draft)) = self.edited.get_untracked() {
            self.edited.set(None);
            self.set_draft(draft);
        }
    }

    /// Edits the newest post of one's own that is shown.
    fn edit_newest(self) {
        let me = self.session.node.peer();
        let newest = self.session.talk.lines.with_untracked(|lines| {
            let key = lines.newest_of(me)?;
            lines.line(&key)
        });
        if let Some(line) = newest {
            self.edit(&line.post);
        }
    }

    fn delete(self, post: &Post) {
        let outcome = self.session.talk.remove(post.id);
        // Nobody can write again what this version cannot read.
        let done = (!post.is_newer).then(|| Done::Deleted(Box::new(post.clone())));
        self.finish(outcome, done);
    }

    fn hide(self, key: PostKey) {
        let outcome = self.session.talk.set_hidden(key, true);
        self.finish(outcome, Some(Done::Hidden(key)));
    }

    fn take_back(self, done: Done) {
        let outcome = match done {
            Done::Deleted(post) => self.session.talk.restore(&post),
            Done::Hidden(key) => self.session.talk.set_hidden(key, false),
        };
        self.finish(outcome, None);
        self.focus_field();
    }

    /// Shows what came of something. Returns whether it was done.
    fn finish(self, outcome: Result<(), String>, done: Option<Done>) -> bool {
        let is_done = outcome.is_ok();
        self.menu.set(None);
        self.done.set(done.filter(|_| is_done));
        self.problem.set(outcome.err());
        is_done
    }

    /// Scrolls to a post, also to one that is older than those shown.
    fn jump_to(self, key: PostKey) {
        if !self.session.talk.show_around(key) {
            return;
        }
        self.found.set(Some(key));
        // Its page is in the document by then.
        request_animation_frame(move || self.window.to_post(key));
        // Nothing is sought any more by then.
        set_timeout(move || _ = self.found.try_set(None), FOUND_FOR);
    }
}

/// The id of the element of a post.
fn post_element(PostKey { id, author }: PostKey) -> String {
    format!("post-{id}-{author}")
}

/// The posts with the field below them.
#[component]
pub(crate) fn Talking(
    /// The page's node.
    session: Session,
    /// Whether posts are being searched.
    is_searching: RwSignal<bool>,
) -> impl IntoView {
    let panel = Panel::new(session);
    session.talk.begin();
    // Each conversation has a draft of its own.
    Effect::new(move |before: Option<Option<PeerId>>| {
        let whom = session.talk.whom.get();
        if before.is_some_and(|before| before != whom) {
            panel.begin_anew();
        }
        whom
    });
    if browser::has_mouse() {
        // The list is shown in this turn, and gives the focus to its first element.
        request_animation_frame(move || panel.focus_field());
    }
    // Posts that came while nobody looked are read when somebody does.
    let seen = window_event_listener(leptos::ev::focus, move |_| session.talk.refresh());
    let shown = window_event_listener(leptos::ev::visibilitychange, move |_| session.talk.refresh());
    // A menu closes by a press anywhere else.
    let pressed = window_event_listener(leptos::ev::pointerdown, move |event| {
        let target = event.target().and_then(|target| target.dyn_into::<leptos::web_sys::Element>().ok());
        let is_in_tools = target.is_some_and(|target| matches!(target.closest(".post-tools"), Ok(Some(_))));
        if !is_in_tools {
            panel.close_menu();
        }
    });
    on_cleanup(move || {
        seen.remove();
        shown.remove();
        pressed.remove();
    });
    view! {
        <style>{include_str!("talk.css")}</style>
        <div class="talk">
            <Show when=move || is_searching.get()>
                <SearchBar panel is_searching/>
            </Show>
            <DirectHead session/>
            <List panel/>
            <TakeBack panel/>
            <Writers session/>
            <Composer panel/>
            <p class="sr-only" aria-live="polite" data-testid="chat-spoken">
                {move || session.talk.spoken.get()}
            </p>
        </div>
    }
}

/// Who is writing.
#[component]
fn Writers(session: Session) -> impl IntoView {
    let words = Memo::new(move |_| {
        let writers = session.talk.writers();
        let called: Vec<String> =
            writers.into_iter().map(|peer| session.people.called_by_peer(peer)).collect();
        texts::talk::writing(&called)
    });
    view! { <p class="talk-writers" data-testid="writing">{words}</p> }
}

/// What was done last, and the button that takes it back.
#[component]
fn TakeBack(panel: Panel) -> impl IntoView {
    let offer = move || {
        let done = panel.done.get()?;
        let (words, verb) = match done {
            Done::Deleted(_) => (texts::talk::DELETED, texts::UNDO),
            Done::Hidden(_) => (texts::talk::HIDDEN, texts::talk::SHOW_AGAIN),
        };
        let button = NodeRef::<html::Button>::new();
        // The element with the focus is gone.
        button.on_load(|button| drop(button.focus()));
        Some(view! {
            <p>{words}</p>
            <button
                type="button"
                class="button secondary"
                data-testid="take-back"
                node_ref=button
                on:click=move |_| panel.take_back(done.clone())
            >
                {verb}
            </button>
        })
    };
    view! { <div class="talk-done" role="status">{offer}</div> }
}
