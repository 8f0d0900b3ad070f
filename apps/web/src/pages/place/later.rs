//! What of the page is loaded after the canvas is shown: doors to it, and what is said while it is on its way.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use meshwork_core::node::ServerState;
use meshwork_place::steps::Way;
use meshwork_web::words;

use super::super::key_sheet::KeySheet;
use super::super::notices::NoticeCard;
use super::super::overlays;
use super::super::parts::{Loaded, Part, Stage};
use super::super::session::later::News;
use super::super::session::{Phase, Session};
use super::super::voice::VoiceOutlet;
use super::allowance::Allowance;
use super::board::Board;
use super::card::CellCard;
use super::cursors::Cursors;
use super::dock::{Dock, ZoomDock};
use super::ghost::GhostLayer;
use super::guest::GuestLine;
use super::marking::MarkLayer;
use super::meet::MeetSheet;
use super::minimap::Minimap;
use super::notes;
use super::overlay::OverlaySheet;
use super::people::People;
use super::picture::PictureLayer;
use super::picture_bar;
use super::room::RoomSheet;
use super::share::ShareSheet;
use super::timelapse::TimelapseSheet;
use super::tool_sheets::{GotoSheet, KeysSheet};

/// The part of a room's page that is loaded later. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Later {
    part: Part,
    /// Whether something of it was asked for that could not be loaded.
    is_missed: RwSignal<bool>,
}

impl Later {
    /// The part as the session knows it.
    pub(crate) fn new(part: Part) -> Later {
        Later { part, is_missed: RwSignal::new(false) }
    }

    /// Where a piece of the part is to stand.
    fn place(self, piece: Ask) -> impl Fn() -> Option<AnyView> + Send {
        self.part.made(move || enter(piece))
    }
}

/// Loads the part as soon as there is something to see, or something of it is asked for.
pub(super) fn load_in_time(board: Board) {
    let later = board.later;
    let session = board.session;
    let is_calm = Memo::new(move |_| {
        let is_away = matches!(session.server.get(), Some(ServerState::Away { .. }));
        board.view.with(Option::is_some)
            || is_away
            || !matches!(session.phase.get(), Phase::Joining | Phase::Open)
    });
    let openings = [
        board.is_share_open,
        board.is_meet_open,
        board.tools.is_keys_open,
        board.tools.is_goto_open,
        board.tools.is_timelapse_wanted,
        session.key_sheet,
        session.governing.is_sheet_open,
    ];
    let load_rest = move || {
        later.part.load(load_later);
        // Who made the room has joined nobody yet.
        spawn_local(overlays::load(session));
    };
    let is_wanted = Memo::new(move |_| openings.iter().any(|opening| opening.get()));
    Effect::new(move || {
        if is_wanted.get() {
            later.part.load(load_later);
        } else if is_calm.get() {
            // The canvas is drawn in the next frame, and comes first.
            request_animation_frame(move || set_timeout(load_rest, std::time::Duration::ZERO));
        }
    });
    // Whoever asked for something of it is answered when trying has failed, not while it is tried once more.
    Effect::new(move || match later.part.stage() {
        Stage::Failed if is_wanted.get_untracked() => {
            openings.iter().for_each(|opening| opening.set(false));
            later.is_missed.set(true);
        }
        Stage::Here => {
            later.is_missed.set(false);
            session.heed(News::Changed);
            session.heed(News::Noted);
        }
        _ => {}
    });
}

impl Session {
    /// Shows news, where there is somebody to show it to.
    pub(crate) fn heed(self, news: News) {
        self.later.enter(enter(Ask::Heed(self, news)));
    }
}

/// What is done with the canvas but painting by hand.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    /// Fills the area around a cell.
    Fill((i32, i32)),
    /// Says what that would fill.
    Weigh((u16, u16)),
    /// Fills what was asked about.
    Confirm,
    /// Takes a step back, or does it again.
    Go(Way),
    /// Moves the picture over the canvas.
    Carry((i32, i32)),
    /// The same by keys, and says where it is now.
    CarryByKey((i32, i32)),
    /// Counts the cells of the picture that are not right.
    Count,
    /// Leads to the next of them.
    Find,
}

impl Board {
    /// Does it, as soon as the part is there that can.
    pub(crate) fn later_do(self, deed: Deed) {
        let door = enter(Ask::Do(self, deed));
        if self.later.part.is_here() {
            return self.later.part.enter(door);
        }
        spawn_local(async move {
            if door.await.is_err() {
                self.later.is_missed.set(true);
            }
        });
    }
}

/// All sheets, and what is said in passing; where that cannot be loaded, that it is so.
#[component]
pub(super) fn Sheets(board: Board) -> impl IntoView {
    let missing = move || {
        let is_large = board.session.are_overlays_missing.get().then(words::overlays_missing);
        let notice = board.later.is_missed.get().then(words::part_missing).or(is_large);
        notice.map(|notice| view! { <div class="update-line" role="alert"><NoticeCard notice/></div> })
    };
    view! {
        {missing}
        {board.later.place(Ask::Sheets(board))}
        {notes::place(board.session, board.later.is_missed)}
    }
}

/// What lies over the canvas, below the frame of the cell that is pointed at.
#[component]
pub(super) fn Layers(board: Board) -> impl IntoView {
    board.later.place(Ask::Layers(board))
}

/// What lies over the canvas and that frame.
#[component]
pub(super) fn Pointers(board: Board) -> impl IntoView {
    board.later.place(Ask::Pointers(board))
}

/// What stands around the canvas: what one may paint, the small picture, zoom.
#[component]
pub(super) fn BesideCanvas(board: Board) -> impl IntoView {
    board.later.place(Ask::BesideCanvas(board))
}

/// The line over the canvas that asks a guest's name.
#[component]
pub(super) fn Guest(board: Board) -> impl IntoView {
    board.later.place(Ask::Guest(board))
}

/// Tools and colours.
#[component]
pub(super) fn Tools(board: Board) -> impl IntoView {
    board.later.place(Ask::Tools(board))
}

/// The panel of people; its place is kept free.
#[component]
pub(super) fn PeoplePanel(board: Board) -> impl IntoView {
    let panel = board.later.place(Ask::People(board));
    move || panel().unwrap_or_else(|| view! { <aside class="people" aria-label="People"></aside> }.into_any())
}

/// What stands behind the door.
#[derive(Clone, Copy)]
enum Ask {
    /// All sheets, and what is said in passing.
    Sheets(Board),
    /// What lies over the canvas, below the frame of the cell that is pointed at.
    Layers(Board),
    /// What lies over the canvas and that frame.
    Pointers(Board),
    /// What stands around the canvas: what one may paint, the small picture, zoom.
    BesideCanvas(Board),
    /// The line that asks a guest's name.
    Guest(Board),
    /// Tools and colours.
    Tools(Board),
    /// The panel of people.
    People(Board),
    /// Something is done with the canvas.
    Do(Board, Deed),
    /// Something is news.
    Heed(Session, News),
}

/// The one door to the part, so that it stands open for all as soon as it does for one.
#[wasm_split(later, wasm_split_path = ::leptos::wasm_split, preload(load_later), fallible)]
fn enter(ask: Ask) -> Loaded<Option<AnyView>> {
    Ok(Some(match ask {
        Ask::Sheets(board) => sheets(board).into_any(),
        Ask::Layers(board) => view! { <PictureLayer board/><GhostLayer board/><MarkLayer board/> }.into_any(),
        Ask::Pointers(board) => view! { <Cursors board/><CellCard board/> }.into_any(),
        Ask::BesideCanvas(board) => beside_canvas(board).into_any(),
        Ask::Guest(board) => view! { <GuestLine board/> }.into_any(),
        Ask::Tools(board) => {
            picture_bar::take_from_anywhere(board);
            view! { <Dock board/> }.into_any()
        }
        Ask::People(board) => view! { <People board/> }.into_any(),
        Ask::Do(board, deed) => {
            do_deed(board, deed);
            return Ok(None);
        }
        Ask::Heed(session, news) => {
            session.take_news(news);
            return Ok(None);
        }
    }))
}

fn sheets(board: Board) -> impl IntoView {
    let session = board.session;
    view! {
        <ShareSheet board/>
        <RoomSheet board/>
        <OverlaySheet board/>
        <MeetSheet board/>
        <KeysSheet board/>
        <GotoSheet board/>
        <KeySheet session/>
        <TimelapseSheet board/>
        <VoiceOutlet voice=session.voice/>
    }
}

fn beside_canvas(board: Board) -> impl IntoView {
    let is_shown = move || board.view.with(Option::is_some);
    view! {
        <Allowance board/>
        <Minimap board/>
        <Show when=is_shown>
            <ZoomDock board/>
        </Show>
    }
}

fn do_deed(board: Board, deed: Deed) {
    match deed {
        Deed::Fill(cell) => board.fill(cell),
        Deed::Weigh(cell) => board.weigh_fill(cell),
        Deed::Confirm => board.confirm_question(),
        Deed::Go(way) => board.go(way),
        Deed::Carry(by) => board.carry_picture(by),
        Deed::CarryByKey(by) => board.carry_picture_by_key(by),
        Deed::Count => board.count_picture(),
        Deed::Find => board.find_wrong(),
    }
}
