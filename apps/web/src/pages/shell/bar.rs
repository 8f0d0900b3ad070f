//! The bar above the app: mark, app, code, what the app offers, the menu, the conversation, share.

use leptos::prelude::*;
use meshwork_web::apps::App;
use meshwork_web::texts;

use super::super::front::{Action, BAR_ACTIONS, Front};
use super::super::icon_button::IconButton;
use super::super::letter_beads::LetterBeads;
use super::super::session::{Phase, Session};
use super::super::{browser, icons};
use super::more::MENU;
use super::talk::TalkButton;

/// The bar.
#[component]
pub(crate) fn Bar(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let (code, guard) = (session.address.code, session.address.is_private);
    let code = Memo::new(move |_| code.get().map(|code| code.to_string()).unwrap_or_default());
    view! {
        <header class="bar">
            <div class="bar-start">
                <a class="brand" href=browser::at("/") aria-label=texts::home::MESHWORK_HOME title=texts::bar::HOME>
                    <span class="bar-back">{icons::back()}</span>
                    {icons::mark()}
                </a>
                <Apps session front/>
            </div>
            <div class="bar-code">
                <span class="room-name" data-testid="room-name">{move || session.governing.room_name()}</span>
                <Show when=move || !code.get().is_empty()>
                    <LetterBeads code/>
                </Show>
                {move || guard.get().map(|is_private| privacy(session, is_private, session.is_unshared()))}
            </div>
            <div class="bar-end">
                <span class="bar-actions">{front.actions().into_iter().take(BAR_ACTIONS).map(action).collect_view()}</span>
                <button
                    class="icon-button"
                    type="button"
                    data-testid="more"
                    aria-label=texts::MORE
                    title=texts::MORE
                    popovertarget=MENU
                >
                    {icons::more()}
                </button>
                <TalkButton session/>
                <button
                    class="button primary share-button"
                    type="button"
                    data-testid="open-share"
                    title=texts::bar::SHARE_KEYS
                    disabled=move || session.phase.get() != Phase::Open
                    on:click=move |_| session.is_share_open.set(true)
                >
                    {icons::share()}
                    {texts::bar::SHARE}
                </button>
            </div>
        </header>
    }
}

/// The app in front; where the room has several, all of them to choose from.
#[component]
fn Apps(session: Session, front: Front) -> impl IntoView {
    let name = move || {
        view! {
            <span class="app-name" aria-hidden="true">
                <span class="app-sign">{icons::app_sign(front.about())}</span>
                {front.about().title}
            </span>
        }
    };
    let tab = move |app: &'static App| {
        view! {
            <button
                type="button"
                class="app-tab"
                data-testid=format!("front-{}", app.word)
                title=app.sentence
                aria-label=app.title
                aria-current=(app == front.about()).then_some("page")
                on:click=move |_| session.bring_to_front(app)
            >
                <span class="app-sign">{icons::app_sign(app)}</span>
                <span class="app-title">{app.title}</span>
            </button>
        }
    };
    move || match session.apps.on.get() {
        apps if apps.len() < 2 => name().into_any(),
        apps => {
            let tabs = apps.into_iter().map(tab).collect_view();
            view! { <nav class="app-tabs" aria-label=texts::APPS_IN_ROOM>{tabs}</nav> }.into_any()
        }
    }
}

fn action(action: Action) -> impl IntoView {
    let Action { test_id, label, title, sign, is_off, act } = action;
    view! { <IconButton test_id label title sign=sign() is_off act/> }
}

fn privacy(session: Session, is_private: bool, is_unshared: bool) -> impl IntoView {
    let (sign, word, title) = match (is_unshared, is_private) {
        (true, _) => (icons::lock().into_any(), texts::UNSHARED, texts::bar::ROOM_UNSHARED),
        (false, true) => (icons::lock().into_any(), texts::bar::PRIVATE, texts::bar::ROOM_PRIVATE),
        (false, false) => (icons::globe().into_any(), texts::bar::OPEN, texts::bar::ROOM_OPEN),
    };
    view! {
        <button
            type="button"
            class="chip chip-button"
            data-testid="room-chip"
            title=title
            aria-label=title
            on:click=move |_| session.governing.is_sheet_open.set(true)
        >
            {sign}
            <span class="chip-word">{word}</span>
        </button>
    }
}
