//! The panel of people: the comb on a wide page, the rail where there is no room beside, and what the room is like.

use leptos::ev;
use leptos::prelude::*;
use meshwork_rtc::web::StorageState;
use meshwork_web::{people, texts};

use super::super::bead::OwnBead;
use super::super::browser;
use super::super::copy_field::CopyField;
use super::super::front::{Front, Section};
use super::super::icons;
use super::super::key_sheet::KeyButton;
use super::super::name_field::NameField;
use super::super::session::{Phase, Session, set_if_new};
use super::RoomNotices;
use super::comb::Comb;
use super::overlay::OpenOverlay;
use super::profile::ProfileButton;
use super::room::OpenRoom;

/// Pages of this width have no room for the panel beside the stage; place.css knows the same.
const NARROW: &str = "(width < 1100px)";

/// The panel, or the rail.
#[component]
pub(crate) fn People(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let linked = Memo::new(move |_| session.people.rows.with(|rows| people::linked(rows)));
    let here =
        Memo::new(move |_| session.people.rows.with(|rows| people::here(rows, session.people.beyond.get())));
    let about = move || if session.people.beyond.get().is_estimate { texts::people::ABOUT } else { "" };
    let is_open = session.is_people_open;
    let is_narrow = RwSignal::new(browser::matches(NARROW));
    let resized = window_event_listener(ev::resize, move |_| set_if_new(is_narrow, browser::matches(NARROW)));
    on_cleanup(move || resized.remove());
    let is_rail = move || is_narrow.get() || session.apps.is_panel_taken.get();
    view! {
        <aside class="people" class:rail=is_rail class:open=move || is_open.get() aria-label=texts::people::PEOPLE>
            <h2 class="linked">
                {about}
                <span data-testid="here-count">{here}</span>
                {texts::people::HERE}
            </h2>
            <p class="linked-to-you">
                <span data-testid="peer-count">{linked}</span>
                {texts::people::LINKED}
            </p>
            <OpenOverlay session/>
            <button
                type="button"
                class="fold"
                aria-label=texts::people::PEOPLE_AND_LINK
                aria-expanded=move || is_open.get().to_string()
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            >
                {icons::down()}
            </button>
            <div class="me">
                <OwnBead called=session.me.name/>
                <NameField session/>
                <span class="me-note">{texts::people::YOU_BESIDE}</span>
                <ProfileButton session/>
                <KeyButton session/>
            </div>
            <div class="comb-box"><Comb session/></div>
            <div class="room-facts" hidden=move || session.phase.get() != Phase::Open>
                <RoomNotices session front/>
                <Facts session front/>
                <section class="link-box" hidden=move || session.is_unshared()>
                    <h3>{texts::ROOM_LINK}</h3>
                    <CopyField
                        value=Signal::derive(move || session.address.link_in_bar())
                        label=texts::ROOM_LINK
                        button=texts::COPY_LINK
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
                        {texts::people::LEGEND}
                    </button>
                </div>
            </div>
        </aside>
    }
}

/// What the app has to tell of the room, and whether the room is kept.
#[component]
fn Facts(session: Session, front: Front) -> impl IntoView {
    let kept = move || {
        (session.storage.get() == StorageState::Kept).then(|| {
            view! {
                <p class="fact done">
                    {icons::check()}
                    <span data-testid="kept">{texts::people::SAVED}</span>
                </p>
            }
        })
    };
    view! {
        <div class="facts">
            {front.section(Section::Panel)}
            {kept}
            <OpenRoom session/>
        </div>
    }
}
