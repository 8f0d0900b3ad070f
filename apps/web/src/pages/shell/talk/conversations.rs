//! The conversations of a room: the room's own, and those with one person each. On narrow pages they are a row of chips.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::talk;
use meshwork_web::texts;

use super::super::super::bead::Bead;
use super::super::super::icons;
use super::super::super::session::Session;
use super::super::super::session::talk::Correspondent;

/// The list. It is hidden while the room's conversation is the only one, unless `is_always` says otherwise.
#[component]
pub(crate) fn Conversations(
    /// The page's node.
    session: Session,
    /// Whether it stands beside the posts where the page has room.
    #[prop(optional)]
    is_always: bool,
) -> impl IntoView {
    let (talk, is_choosing) = (session.talk, RwSignal::new(false));
    let of = move |is_request: bool| {
        let directs = talk.directs.get().into_iter().filter(|known| known.is_request == is_request);
        directs.collect::<Vec<_>>()
    };
    let row = move |known: Correspondent| view! { <Person session known/> };
    // Somebody to whom nothing was written yet.
    let fresh = move || {
        let whom = talk.whom.get()?;
        let is_listed = talk.directs.with(|directs| directs.iter().any(|known| known.peer == whom));
        (!is_listed).then(|| view! { <Chip session peer=whom unread=0 beside=String::new()/> })
    };
    let requests = Memo::new(move |_| of(true));
    let is_alone = move || talk.directs.with(Vec::is_empty) && talk.whom.get().is_none() && !is_always;
    view! {
        <nav class="conversations" aria-label=texts::talk::CONVERSATIONS hidden=is_alone>
            <div class="conversations-head">
                <h2>{texts::talk::CONVERSATIONS}</h2>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="new-message"
                    title=texts::talk::NEW_DIRECT
                    aria-label=texts::talk::NEW_DIRECT
                    aria-expanded=move || is_choosing.get().to_string()
                    on:click=move |_| is_choosing.update(|is_choosing| *is_choosing = !*is_choosing)
                >
                    {icons::plus()}
                </button>
            </div>
            <Show when=move || is_choosing.get()>
                <Choice session is_choosing/>
            </Show>
            <div class="conversation-list" data-testid="conversation-list">
                <button
                    type="button"
                    class="conversation"
                    data-testid="conversation-room"
                    aria-current=move || talk.whom.get().is_none().then_some("true")
                    on:click=move |_| talk.show(None)
                >
                    <span class="conversation-sign">{icons::people()}</span>
                    <span class="conversation-name">{texts::talk::ROOM}</span>
                    <span class="unread">{move || talk::unread(talk.unread_in_room.get())}</span>
                </button>
                <h3 hidden=move || talk.directs.with(Vec::is_empty)>{texts::talk::DIRECT}</h3>
                {fresh}
                {move || of(false).into_iter().map(row).collect_view()}
                <h3 hidden=move || requests.with(Vec::is_empty)>{texts::talk::REQUESTS}</h3>
                <div class="requests" data-testid="requests" hidden=move || requests.with(Vec::is_empty)>
                    {move || requests.get().into_iter().map(row).collect_view()}
                </div>
            </div>
        </nav>
    }
}

#[component]
fn Person(session: Session, known: Correspondent) -> impl IntoView {
    let is_own = known.newest.author == session.node.peer();
    let excerpt = talk::excerpt(&known.newest.text);
    let beside = if is_own { texts::talk::you_wrote(&excerpt) } else { excerpt };
    // A request makes no noise.
    let unread = if known.is_request { 0 } else { known.unread };
    view! { <Chip session peer=known.peer unread beside/> }
}

#[component]
fn Chip(session: Session, peer: PeerId, unread: usize, beside: String) -> impl IntoView {
    let called = session.people.called_by_peer(peer);
    let letter = Signal::stored(session.people.letter_of(peer));
    let test_id = format!("dm-{called}");
    view! {
        <button
            type="button"
            class="conversation"
            data-testid=test_id
            aria-current=move || (session.talk.whom.get() == Some(peer)).then_some("true")
            on:click=move |_| session.talk.show(Some(peer))
        >
            <span class="conversation-sign"><Bead peer letter/></span>
            <span class="conversation-name">{called}</span>
            <span class="conversation-text">{beside}</span>
            <span class="unread">{talk::unread(unread)}</span>
        </button>
    }
}

/// The people to write to.
#[component]
fn Choice(session: Session, is_choosing: RwSignal<bool>) -> impl IntoView {
    let person = move |(peer, called): (PeerId, String)| {
        let letter = Signal::stored(session.people.letter_of(peer));
        let choose = move |_| {
            is_choosing.set(false);
            session.talk.show(Some(peer));
        };
        view! {
            <button type="button" class="talk-name" data-testid="message-person" on:click=choose>
                <Bead peer letter/>
                {called}
            </button>
        }
    };
    let people = Memo::new(move |_| session.people.others());
    view! {
        <div class="conversation-choice" role="group" aria-label=texts::talk::NEW_DIRECT>
            {move || people.get().into_iter().map(person).collect_view()}
            <p hidden=move || !people.with(Vec::is_empty)>{texts::ALONE_HERE}</p>
        </div>
    }
}

/// The sentence above a conversation with one person, and what can be done about it.
#[component]
pub(super) fn DirectHead(session: Session) -> impl IntoView {
    let talk = session.talk;
    let is_request = move |peer: PeerId| {
        talk.directs.with(|directs| directs.iter().any(|known| known.peer == peer && known.is_request))
    };
    let is_fresh =
        move |peer: PeerId| talk.directs.with(|directs| directs.iter().all(|known| known.peer != peer));
    move || {
        let peer = talk.whom.get()?;
        let called = session.people.called_by_peer(peer);
        let words = match (is_request(peer), is_fresh(peer)) {
            (true, _) => Some(texts::talk::request(&called)),
            (_, true) => Some(texts::talk::sealed_for(&called)),
            _ => None,
        };
        let key = is_fresh(peer).then(|| {
            view! {
                <button
                    type="button"
                    class="button secondary"
                    data-testid="direct-save-key"
                    on:click=move |_| session.me.is_key_open.set(true)
                >
                    {texts::talk::SAVE_KEY}
                </button>
            }
        });
        let block = move |_| talk.set_blocked(peer, true);
        Some(view! {
            <div class="direct-head">
                <p>
                    {icons::lock()}
                    <strong data-testid="direct-with">{called}</strong>
                    <button type="button" class="button secondary" data-testid="block" on:click=block>
                        {texts::talk::BLOCK}
                    </button>
                </p>
                {words.map(|words| view! { <p class="direct-about" data-testid="direct-about">{words}</p> })}
                {key}
            </div>
        })
    }
}
