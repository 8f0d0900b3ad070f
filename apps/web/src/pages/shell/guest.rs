//! The line over the canvas that asks a guest's name.

use leptos::prelude::*;
use leptos::{html, web_sys};
use meshwork_web::people::{acquainted, beads};
use meshwork_web::texts;

use super::super::bead::Bead;
use super::super::name_field;
use super::super::session::{Phase, Session};
use super::super::{browser, icons};

/// Under this name a profile keeps the code of the room in which one said to go without a name.
const NAMELESS_KEY: &str = "meshwork-nameless";

/// The line, for whoever came by a link and has no name.
#[component]
pub(crate) fn GuestLine(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let code = move || session.address.code_text();
    let is_put_away = RwSignal::new(None::<String>);
    is_put_away.set(browser::stored(NAMELESS_KEY));
    let is_guest = move || session.governing.law.with(|law| law.as_ref().is_some_and(|law| !law.is_own));
    let is_shown = Memo::new(move |_| {
        session.phase.get() == Phase::Open
            && session.me.name.with(|name| name.trim().is_empty())
            && is_guest()
            && is_put_away.get() != Some(code())
    });
    let put_away = move |_| {
        let code = untrack(code);
        browser::store(NAMELESS_KEY, &code);
        is_put_away.set(Some(code));
    };
    let field = NodeRef::<html::Input>::new();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(field) = field.get_untracked() else { return };
        name_field::keep(session, acquainted::fitting(browser::characters(field.value().trim())));
    };
    let peer = session.node.peer();
    view! {
        <Show when=move || is_shown.get()>
            <form class="guest" data-testid="guest" aria-label=texts::guest::YOUR_NAME on:submit=submit>
                <Bead peer letter=Signal::stored(None)/>
                <label for="guest-name">{texts::guest::YOU_ARE} <strong>{beads::name(&peer)}</strong></label>
                <input
                    type="text"
                    id="guest-name"
                    class="line-field"
                    data-testid="guest-name"
                    node_ref=field
                    placeholder=texts::guest::YOUR_NAME
                    maxlength="32"
                    autocomplete="nickname"
                    spellcheck="false"
                />
                <button type="submit" class="button primary" data-testid="guest-join">{texts::SAVE}</button>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="guest-nameless"
                    aria-label=texts::guest::NO_NAME
                    title=texts::guest::NO_NAME
                    on:click=put_away
                >
                    {icons::cross()}
                </button>
            </form>
        </Show>
    }
}
