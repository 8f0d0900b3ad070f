//! Notes: the button in the bar that says how many are unread, and the door to the panel that it opens.

mod panel;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_web::notes;

use self::panel::NotesSheet;
use super::super::icons;
use super::super::parts::{Loaded, Part, Stage};
use super::super::session::{Phase, Session};

/// The button.
#[component]
pub(crate) fn NotesButton(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let count = session.noted.unread;
    view! {
        <button
            class="icon-button notes-button"
            type="button"
            data-testid="open-notes"
            aria-label=move || notes::button(count.get())
            title="Notes (T)"
            disabled=move || session.phase.get() != Phase::Open
            on:click=move |_| session.noted.is_open.set(true)
        >
            {icons::note()}
            <span class="unread" data-testid="notes-unread">{move || notes::unread(count.get())}</span>
        </button>
    }
}

/// Where the panel is to stand: a part of its own, loaded when it is first opened. `is_missed` says that it could not be.
pub(super) fn place(session: Session, is_missed: RwSignal<bool>) -> impl Fn() -> Option<AnyView> + Send {
    let part = Part::new();
    let is_open = session.noted.is_open;
    Effect::new(move || {
        if is_open.get() {
            part.load(load_notes);
        }
    });
    Effect::new(move || match part.stage() {
        Stage::Failed => {
            is_open.set(false);
            is_missed.set(true);
        }
        Stage::Here => is_missed.set(false),
        _ => {}
    });
    part.made(move || enter(session))
}

/// The door to the part.
#[wasm_split(notes, wasm_split_path = ::leptos::wasm_split, preload(load_notes), fallible)]
fn enter(session: Session) -> Loaded<Option<AnyView>> {
    Ok(Some(view! { <NotesSheet session/> }.into_any()))
}
