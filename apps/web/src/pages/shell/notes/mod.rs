//! Notes: the button in the bar that says how many are unread, and the panel that it opens.

mod panel;

use leptos::prelude::*;
use meshwork_web::{notes, texts};

pub(crate) use self::panel::NotesSheet;
use super::super::icons;
use super::super::session::{Phase, Session};

/// The button.
#[component]
pub(crate) fn NotesButton(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let count = session.notes.unread;
    view! {
        <button
            class="icon-button notes-button"
            type="button"
            data-testid="open-notes"
            aria-label=move || texts::notes::button(count.get())
            title=texts::notes::NOTES_KEYS
            disabled=move || session.phase.get() != Phase::Open
            on:click=move |_| session.notes.is_open.set(true)
        >
            {icons::note()}
            <span class="unread" data-testid="notes-unread">{move || notes::unread(count.get())}</span>
        </button>
    }
}
