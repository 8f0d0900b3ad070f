//! Chat: the room's conversation at full size.

mod entry;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_web::apps::{self, App as About};
use meshwork_web::talk::Lines;
use meshwork_web::texts;

pub(crate) use self::entry::Chat as Entry;
use super::front::{App, Front};
use super::parts::Loaded;
use super::session::{Phase, Session};
use super::shell::talk::{Conversations, SearchButton, Talking};

/// Loads Chat and puts it in front of the session's room.
#[wasm_split(chat, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
pub(crate) fn open(session: Session) -> Loaded<Front> {
    // A page shows it as long as it lives.
    Ok(Box::leak(Box::new(ChatFront { session })))
}

/// Chat as the page of a room knows it.
struct ChatFront {
    session: Session,
}

impl App for ChatFront {
    fn about(&self) -> &'static About {
        apps::named(meshwork_chat::WORD).expect("it stands in the table")
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        let session = self.session;
        let is_open = Memo::new(move |_| session.phase.get() == Phase::Open);
        view! {
            <style>{include_str!("chat.css")}</style>
            <div class="stage-box chat-box">
                {before_open}
                <Show when=move || is_open.get()>
                    <Conversation session/>
                </Show>
            </div>
        }
        .into_any()
    }

    fn is_empty(&self) -> bool {
        self.session.talk.lines.with(Lines::is_empty)
    }
}

/// The conversation of the room.
#[component]
fn Conversation(session: Session) -> impl IntoView {
    let talk = session.talk;
    talk.is_open.set(false);
    talk.is_in_front.set(true);
    on_cleanup(move || talk.is_in_front.set(false));
    let is_searching = RwSignal::new(false);
    let title = move || match talk.whom.get() {
        Some(peer) => (session.people.called_by_peer(peer), texts::talk::SEALED),
        None => (texts::talk::ROOM.to_owned(), texts::talk::EVERYBODY_READS),
    };
    view! {
        <div class="chat">
            <Conversations session is_always=true/>
            <div class="chat-main">
                <div class="chat-head">
                    <h2>{move || title().0}</h2>
                    <p>{move || title().1}</p>
                    <SearchButton is_searching/>
                </div>
                <Talking session is_searching/>
            </div>
        </div>
    }
}
