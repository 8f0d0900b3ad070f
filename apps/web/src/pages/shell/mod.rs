//! The page of a room around the app in front: its bar, its people, its sheets, and what is to be known about it. An app
//! plugs in behind [`App`](super::front::App), and nothing here knows any.

pub(crate) mod ban;
mod bar;
mod before_open;
mod comb;
mod guest;
mod meet;
mod more;
mod new_link;
mod order;
mod overlay;
mod people;
mod person;
mod profile;
mod room;
mod room_notices;
mod share;
pub(crate) mod talk;
mod unsaved;

use leptos::ev;
use leptos::prelude::*;
use meshwork_web::texts;
use meshwork_web::texts::notices::Offer;

use self::bar::Bar;
use self::before_open::{BeforeOpen, is_covered};
use self::guest::GuestLine;
use self::meet::MeetSheet;
use self::more::MoreMenu;
use self::overlay::OverlaySheet;
use self::people::People;
use self::profile::ProfileSheet;
use self::room::RoomSheet;
use self::room_notices::RoomNotices;
use self::share::ShareSheet;
use self::talk::TalkSheet;
use super::browser;
use super::front::{Front, Section};
use super::key_sheet::KeySheet;
use super::notices::NoticeCard;
use super::session::{Phase, Session};
use super::voice::VoiceOutlet;

/// The page.
#[component]
pub(crate) fn RoomPage(
    /// The page's node, which has the room.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    Effect::new(move || {
        let code = session.address.code.get().filter(|_| session.phase.get() == Phase::Open);
        let name = Some(session.governing.room_name()).filter(|name| !name.is_empty());
        let room = name.or_else(|| code.map(|code| code.to_string()));
        let room = room.map(|room| format!("{room} \u{b7} ")).unwrap_or_default();
        // What was written while one looked elsewhere is counted where tabs are told apart.
        let unread = Some(session.talk.unread.get()).filter(|unread| *unread > 0);
        let unread = unread.map(|unread| format!("({unread}) ")).unwrap_or_default();
        browser::set_title(&texts::home::page_title(&format!("{unread}{room}{}", front.about().title)));
    });
    let keys = window_event_listener(ev::keydown, move |event| handle_key(session, &event));
    on_cleanup(move || keys.remove());
    let is_covered = Memo::new(move |_| is_covered(session, front));
    let title = move || match session.address.code.get() {
        Some(code) => texts::bar::app_in(front.about().title, code),
        None => front.about().title.to_owned(),
    };
    let before_open = view! { <BeforeOpen session front/> }.into_any();
    view! {
        <div class="room" class:with-people=move || session.is_people_open.get()>
            <Bar session front/>
            <main class="stage-area" class:covered=is_covered>
                <h1 class="sr-only">{title}</h1>
                <GuestLine session/>
                <RoomNotices session front/>
                {front.view(before_open)}
            </main>
            <People session front/>
            <Sheets session front/>
        </div>
    }
}

/// All sheets and announcements, and a notice if another app could not be loaded.
#[component]
fn Sheets(session: Session, front: Front) -> impl IntoView {
    let missing = move || {
        session.is_part_missed.get().then(|| {
            let notice = texts::notices::part_missing();
            view! { <div class="update-line" role="alert"><NoticeCard notice/></div> }
        })
    };
    view! {
        {missing}
        <MoreMenu session front/>
        <ShareSheet session front/>
        <RoomSheet session front/>
        <OverlaySheet session/>
        <MeetSheet session/>
        <KeySheet session/>
        <TalkSheet session/>
        <ProfileSheet session/>
        <VoiceOutlet voice=session.voice/>
        {front.section(Section::Sheets)}
    }
}

/// Keys that count wherever the focus is: Ctrl or Cmd K shares, Escape closes the list of people.
fn handle_key(session: Session, event: &ev::KeyboardEvent) {
    let is_command = (event.ctrl_key() || event.meta_key()) && !event.alt_key();
    if is_command && browser::key(&event).eq_ignore_ascii_case("k") {
        session.is_share_open.set(true);
        event.prevent_default();
    }
    if browser::key(&event) == "Escape" && session.is_people_open.get_untracked() {
        session.is_people_open.set(false);
    }
}

/// Opens what a notice offers.
fn take_up(session: Session, offer: Offer) {
    match offer {
        Offer::Share | Offer::NewLink => session.is_share_open.set(true),
        Offer::Meet => session.meeting.is_open.set(true),
        Offer::Key => session.me.is_key_open.set(true),
        // These lead away from the page.
        Offer::Home | Offer::Rooms | Offer::Reload | Offer::Update => {}
    }
}
