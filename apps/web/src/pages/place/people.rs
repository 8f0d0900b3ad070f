//! The panel of people: the comb on a wide page, the rail on a narrow one, and what the room is like.

use leptos::prelude::*;
use meshwork_rtc::web::StorageState;
use meshwork_web::texts;
use meshwork_web::{people, words};

use super::super::bead::OwnBead;
use super::super::copy_field::CopyField;
use super::super::icons;
use super::super::key_sheet::KeyButton;
use super::super::name_field::NameField;
use super::super::session::Phase;
use super::super::theme::ThemeToggle;
use super::RoomNotices;
use super::activity::ActivityFact;
use super::bar;
use super::board::Board;
use super::comb::Comb;
use super::overlay::OpenOverlay;
use super::room::OpenRoom;

/// The panel.
#[component]
pub(crate) fn People(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let linked = Memo::new(move |_| session.people.with(|rows| people::linked(rows)));
    let here = Memo::new(move |_| session.people.with(|rows| people::here(rows, session.beyond.get())));
    let about = move || if session.beyond.get().is_estimate { "About " } else { "" };
    let is_open = board.is_people_open;
    view! {
        <aside class="people" class:open=move || is_open.get() aria-label="People">
            <h2 class="linked">
                {about}
                <span data-testid="here-count">{here}</span>
                " here"
            </h2>
            <p class="linked-to-you">
                <span data-testid="peer-count">{linked}</span>
                " linked to you"
            </p>
            <OpenOverlay session/>
            <button
                type="button"
                class="fold"
                aria-label="People and link"
                aria-expanded=move || is_open.get().to_string()
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            >
                {icons::down()}
            </button>
            <div class="me">
                <OwnBead called=session.name/>
                <NameField session/>
                <span class="me-note">"(you)"</span>
                <KeyButton session/>
            </div>
            <div class="comb-box"><Comb board/></div>
            <div class="room-facts" hidden=move || session.phase.get() != Phase::Open>
                <RoomNotices board/>
                <Facts board/>
                <section class="link-box">
                    <h3>"Link to this room"</h3>
                    <CopyField
                        value=Signal::derive(move || bar::link(board))
                        label="Link to this room"
                        button="Copy link"
                        test_id="share-link"
                    />
                </section>
                <div class="legend">
                    <span class="legend-mark" aria-hidden="true"></span>
                    {texts::CLOSER}
                    <button
                        type="button"
                        class="legend-link"
                        on:click=move |_| session.governing.is_overlay_open.set(true)
                    >
                        "Legend"
                    </button>
                    <span class="narrow-only theme-toggle"><ThemeToggle/></span>
                </div>
            </div>
        </aside>
    }
}

/// What became of the last stroke, and how full the canvas is.
#[component]
fn Facts(board: Board) -> impl IntoView {
    let session = board.session;
    let reached = move || {
        session.reached.get().filter(|(_, of)| *of > 0).map(|(reached, of)| {
            let sign = if reached == of { icons::check().into_any() } else { icons::info().into_any() };
            view! {
                <p class="fact" class:done=reached == of>
                    {sign}
                    <span data-testid="reached">{words::reached(reached, of)}</span>
                </p>
            }
        })
    };
    let canvas = move || {
        session.size.get().map(|size| {
            let painted = words::count(session.painted.get(), "cell");
            view! {
                <p class="fact">
                    {icons::grid()}
                    <span>{format!("{}\u{2009}\u{d7}\u{2009}{}, {painted} painted", size.width, size.height)}</span>
                </p>
            }
        })
    };
    let kept = move || {
        let words = match session.storage.get() {
            StorageState::Kept => "Saved in this browser",
            StorageState::KeptByAnotherTab => "Saved by your other tab",
            _ => return None,
        };
        Some(view! {
            <p class="fact done">
                {icons::check()}
                <span data-testid="kept">{words}</span>
            </p>
        })
    };
    view! {
        <div class="facts">
            {reached}
            <ActivityFact board/>
            {canvas}
            {kept}
            <OpenRoom session/>
        </div>
    }
}
