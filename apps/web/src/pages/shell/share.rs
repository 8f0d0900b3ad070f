//! The share sheet: code, link and a picture of the link for a phone's camera.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_web::{texts, words};

use super::super::copy_field::CopyField;
use super::super::letter_beads::LetterBeads;
use super::super::notices::NoticeCard;
use super::super::qr::qr;
use super::super::session::Session;
use super::super::sheet::Sheet;
use super::super::{browser, icons};
use super::app::{Front, Section};
use super::bar;

/// The sheet, shown while [`Session::is_share_open`] says so.
#[component]
pub(crate) fn ShareSheet(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let link = Memo::new(move |_| bar::link(session));
    let code = Memo::new(move |_| session.code.get().map(|code| code.to_string()).unwrap_or_default());
    Effect::new(move || {
        if session.is_share_open.get() {
            session.share();
        }
    });
    let is_unlinked = Memo::new(move |_| session.is_unshared());
    let before_link = move || match session.away() {
        Some(reason) => words::server_away(true, &reason),
        None => words::Notice::new(words::Tone::Calm, texts::LINK_SOUGHT, None),
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
        <Sheet open=session.is_share_open id="share-title" title="Bring someone in">
            <Show
                when=move || !is_unlinked.get()
                fallback=move || view! { <div role="status">{move || view! { <NoticeCard notice=before_link()/> }}</div> }
            >
                <p class="sheet-words">{explanation}</p>
                <div class="sheet-code">
                    {move || qr(&link.get(), "QR code of the link")}
                    <div>
                        <p class="sheet-words">{beside}</p>
                        <LetterBeads code/>
                    </div>
                </div>
                <CopyField value=link label="Link to this room" button="Copy link" test_id="share-link-sheet"/>
                {browser::can_share().then(|| view! { <SendLink link/> })}
                <p class="sheet-words small">"The link works while someone is in the room."</p>
            </Show>
            <button
                type="button"
                class="button plain"
                data-testid="meet"
                on:click=move |_| {
                    session.is_share_open.set(false);
                    session.is_meet_open.set(true);
                }
            >
                "Meet without a server"
            </button>
            {front.section(Section::Share)}
        </Sheet>
    }
}

/// What the system offers to send the link with.
#[component]
fn SendLink(link: Memo<String>) -> impl IntoView {
    let send = move |_| {
        spawn_local(async move {
            // Whoever closes the system's sheet has sent nothing, and knows it.
            let _ = browser::share(&link.get_untracked()).await;
        });
    };
    view! {
        <button type="button" class="button secondary send-link" data-testid="send-link" on:click=send>
            {icons::share()}
            "Send link"
        </button>
    }
}
