//! The share sheet: code, link and a picture of the link for a phone's camera.

use leptos::prelude::*;

use super::super::copy_field::CopyField;
use super::super::letter_beads::LetterBeads;
use super::super::qr::qr;
use super::super::sheet::Sheet;
use super::bar;
use super::board::Board;

/// The sheet; [`Board::open_share`] opens it.
#[component]
pub(crate) fn ShareSheet(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let link = Memo::new(move |_| bar::link(board));
    let code = Memo::new(move |_| session.code.get().map(|code| code.to_string()).unwrap_or_default());
    let explanation = move || {
        if session.is_private.get() == Some(true) {
            "Anyone with this link gets in. The part after # is the room's secret: no server sees it."
        } else {
            "Anyone with this link or the code gets in."
        }
    };
    let beside = move || {
        if session.is_private.get() == Some(true) {
            "Scan with a phone. The code alone does not open a private room:"
        } else {
            "Scan, or read out the code:"
        }
    };
    view! {
        <Sheet open=board.is_share_open id="share-title" title="Bring someone in">
            <p class="sheet-words">{explanation}</p>
            <div class="sheet-code">
                {move || qr(&link.get(), "QR code of the link")}
                <div>
                    <p class="sheet-words">{beside}</p>
                    <LetterBeads code/>
                </div>
            </div>
            <CopyField value=link label="Link to this room" button="Copy link" test_id="share-link-sheet"/>
            <p class="sheet-words small">"The link works while someone is in the room."</p>
            <button
                type="button"
                class="button plain"
                data-testid="meet"
                on:click=move |_| {
                    board.is_share_open.set(false);
                    board.is_meet_open.set(true);
                }
            >
                "Meet without a server"
            </button>
        </Sheet>
    }
}
