//! The bar above the canvas: mark, code, theme, picture, share.

use leptos::prelude::*;

use super::super::letter_beads::LetterBeads;
use super::super::session::{Phase, Session};
use super::super::theme::ThemeToggle;
use super::super::{browser, icons};
use super::board::Board;
use super::notes::NotesButton;
use super::timelapse::TimelapseButton;

/// The bar.
#[component]
pub(crate) fn Bar(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let code = Memo::new(move |_| session.code.get().map(|code| code.to_string()).unwrap_or_default());
    let is_open = move || session.phase.get() == Phase::Open;
    view! {
        <header class="bar">
            <div class="bar-start">
                <a class="brand" href="/" aria-label="Meshwork, home" title="Home">
                    <span class="bar-back">{icons::back()}</span>
                    {icons::mark()}
                </a>
                <span class="app-name" aria-hidden="true">
                    <span class="app-sign">{icons::place_sign()}</span>
                    "Place"
                </span>
            </div>
            <div class="bar-code">
                <Show when=move || !code.get().is_empty()>
                    <LetterBeads code/>
                </Show>
                {move || session.is_private.get().map(|is_private| privacy(session, is_private))}
            </div>
            <div class="bar-end">
                <TimelapseButton board/>
                <button
                    class="icon-button keys-button"
                    type="button"
                    data-testid="open-keys"
                    aria-label="Keys"
                    title="Keys (?)"
                    on:click=move |_| board.tools.is_keys_open.set(true)
                >
                    {icons::keyboard()}
                </button>
                <button
                    class="icon-button picture-button"
                    type="button"
                    data-testid="open-picture"
                    aria-label="Picture over the canvas"
                    title="Lay a picture over the canvas, to paint through it or to have it painted"
                    disabled=move || !is_open()
                    on:click=move |_| board.choose_picture()
                >
                    {icons::picture()}
                </button>
                <ThemeToggle/><NotesButton session/>
                <button
                    class="icon-button save-button"
                    type="button"
                    data-testid="save-png"
                    aria-label="Save PNG"
                    title="Save PNG (S)"
                    disabled=move || !is_open()
                    on:click=move |_| board.save_picture()
                >
                    {icons::download()}
                </button>
                <button
                    class="button primary share-button"
                    type="button"
                    data-testid="open-share"
                    title="Share (Ctrl K)"
                    disabled=move || !is_open()
                    on:click=move |_| board.is_share_open.set(true)
                >
                    {icons::share()}
                    "Share"
                </button>
            </div>
        </header>
    }
}

fn privacy(session: Session, is_private: bool) -> impl IntoView {
    let (sign, word, title) = if is_private {
        (icons::lock().into_any(), "Private", "Room and rules, private")
    } else {
        (icons::globe().into_any(), "Open", "Room and rules, open")
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

/// The LINK of a room as it stands in the address bar, for the time before the meeting point confirms it.
pub(crate) fn link(board: Board) -> String {
    match board.session.address.get() {
        Some(address) => address.to_string(),
        None => browser::href(),
    }
}
