//! The share sheet: code, link and a picture of the link for a phone's camera.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use qrcodegen::{QrCode, QrCodeEcc};
use wasm_bindgen::JsCast as _;

use super::super::letter_beads::LetterBeads;
use super::super::{browser, icons};
use super::bar;
use super::board::Board;

/// Modules of white around a QR code (ISO/IEC 18004).
const QUIET: i32 = 4;

/// The sheet; [`Board::open_share`] opens it.
#[component]
pub(crate) fn ShareSheet(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let sheet = board.sheet;
    let link = Memo::new(move |_| bar::link(board));
    let code = Memo::new(move |_| session.code.get().map(|code| code.to_string()).unwrap_or_default());
    let close = move || {
        let open: Option<web_sys::HtmlDialogElement> = sheet.get_untracked();
        if let Some(open) = open {
            open.close();
        }
    };
    // What is pressed outside of the sheet is the dialog itself, whose box the sheet fills.
    let on_press = move |event: web_sys::MouseEvent| {
        let pressed = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlDialogElement>().ok());
        if pressed.is_some() {
            close();
        }
    };
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
        <dialog class="sheet" node_ref=sheet aria-labelledby="share-title" on:mousedown=on_press>
            <div class="sheet-body">
                <div class="sheet-head">
                    <h2 id="share-title">"Bring someone in"</h2>
                    <button
                        type="button"
                        class="icon-button"
                        aria-label="Close"
                        title="Close (Esc)"
                        on:click=move |_| close()
                    >
                        {icons::cross()}
                    </button>
                </div>
                <p class="sheet-words">{explanation}</p>
                <div class="sheet-code">
                    {move || qr(&link.get())}
                    <div>
                        <p class="sheet-words">{beside}</p>
                        <LetterBeads code/>
                    </div>
                </div>
                <CopyField value=Signal::derive(move || link.get()) test_id="share-link-sheet"/>
                <p class="sheet-words small">"The link works while someone is in the room."</p>
            </div>
        </dialog>
    }
}

/// The link as a QR code: dark on white in every theme, so that every camera reads it.
fn qr(link: &str) -> Option<impl IntoView + use<>> {
    let code = QrCode::encode_text(link, QrCodeEcc::Low).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|&x| code.get_module(x, y)) {
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let box_size = size + 2 * QUIET;
    Some(view! {
        <svg
            class="qr"
            role="img"
            aria-label="QR code of the link"
            viewBox=format!("-{QUIET} -{QUIET} {box_size} {box_size}")
            shape-rendering="crispEdges"
        >
            <path d=path></path>
        </svg>
    })
}

/// A field whose text can be copied.
#[component]
pub(crate) fn CopyField(
    /// What stands in it.
    value: Signal<String>,
    /// Its name for tests.
    test_id: &'static str,
) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let told = RwSignal::new(None::<bool>);
    let copy = move |_| {
        let field: Option<web_sys::HtmlInputElement> = field.get_untracked();
        if let Some(field) = field {
            spawn_local(async move { told.set(Some(browser::copy(field).await)) });
        }
    };
    let outcome = move || match told.get() {
        None => "",
        Some(true) => "Copied.",
        Some(false) => "This browser does not let us copy. The link is selected: copy it yourself.",
    };
    view! {
        <div class="copy-field">
            <input
                type="text"
                readonly
                node_ref=field
                aria-label="Link to this room"
                data-testid=test_id
                prop:value=move || value.get()
                on:focus=move |event| {
                    let field = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
                    if let Some(field) = field {
                        field.select();
                    }
                }
            />
            <button type="button" class="button secondary" on:click=copy>
                {icons::copy()}
                "Copy link"
            </button>
        </div>
        <p class="copied" role="status">{outcome}</p>
    }
}
