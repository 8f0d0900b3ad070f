//! What of Place is loaded after the canvas is shown: the door to it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use meshwork_place::steps::Way;

use super::super::parts::Loaded;
use super::super::shell::app::Section;
use super::allowance::Allowance;
use super::board::Board;
use super::card::CellCard;
use super::cursors::Cursors;
use super::dock::{Dock, ZoomDock};
use super::erase::Erasing;
use super::facts::{Facts, size_fact};
use super::ghost::GhostLayer;
use super::marking::MarkLayer;
use super::minimap::Minimap;
use super::picture::PictureLayer;
use super::picture_bar;
use super::share::SharePicture;
use super::timelapse::TimelapseSheet;
use super::tool_sheets::{GotoSheet, KeysSheet};

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
    /// Leads to the next of them.
    Find,
}

impl Board {
    /// Loads the part when a sheet of it is opened.
    pub(super) fn load_in_time(self) {
        let openings = [self.tools.is_keys_open, self.tools.is_goto_open, self.tools.is_timelapse_wanted];
        self.later.load_when_opened(openings, load_place, self.session.is_part_missed);
    }

    /// Loads the part, since there is time.
    pub(super) fn load(self) {
        self.later.load(load_place);
    }

    /// Where a piece of the part is to stand.
    pub(super) fn place(self, piece: Piece) -> impl Fn() -> Option<AnyView> + Send {
        self.later.made(move || enter(Ask::Show(self, piece)))
    }

    /// Does it, as soon as the part is there that can.
    pub(crate) fn later_do(self, deed: Deed) {
        let door = enter(Ask::Do(self, deed));
        if self.later.is_here() {
            return self.later.enter(door);
        }
        spawn_local(async move {
            if door.await.is_err() {
                self.session.is_part_missed.set(true);
            }
        });
    }
}

/// A piece of the page that is loaded later.
#[derive(Clone, Copy)]
pub(super) enum Piece {
    /// What lies over the canvas, below the frame of the cell that is pointed at.
    Layers,
    /// What lies over the canvas and that frame.
    Pointers,
    /// What stands around the canvas: what one may paint, the small picture.
    BesideCanvas,
    /// Tools and colours, and after them zoom.
    Tools,
    /// A place of the room's page.
    Section(Section),
}

/// What stands behind the door.
#[derive(Clone, Copy)]
enum Ask {
    /// A piece is shown.
    Show(Board, Piece),
    /// Something is done with the canvas.
    Do(Board, Deed),
}

/// The one door to the part, so that it stands open for all as soon as it does for one.
#[wasm_split(place, wasm_split_path = ::leptos::wasm_split, preload(load_place), fallible)]
fn enter(ask: Ask) -> Loaded<Option<AnyView>> {
    let (board, piece) = match ask {
        Ask::Show(board, piece) => (board, piece),
        Ask::Do(board, deed) => {
            do_deed(board, deed);
            return Ok(None);
        }
    };
    Ok(Some(match piece {
        Piece::Layers => view! { <PictureLayer board/><GhostLayer board/><MarkLayer board/> }.into_any(),
        Piece::Pointers => view! { <Cursors board/><CellCard board/> }.into_any(),
        Piece::BesideCanvas => beside_canvas(board).into_any(),
        Piece::Tools => {
            picture_bar::take_from_anywhere(board);
            view! { <Dock board/><div class="zoom-place"><ZoomDock board/></div> }.into_any()
        }
        Piece::Section(place) => section(board, place),
    }))
}

fn section(board: Board, place: Section) -> AnyView {
    match place {
        Section::Panel => view! { <Facts board/> }.into_any(),
        Section::Share => view! { <SharePicture board/> }.into_any(),
        Section::Facts => size_fact(board).into_any(),
        Section::Order => view! { <Erasing board/> }.into_any(),
        Section::Sheets => view! { <KeysSheet board/><GotoSheet board/><TimelapseSheet board/> }.into_any(),
    }
}

fn beside_canvas(board: Board) -> impl IntoView {
    board.surface.keep_thumbnail();
    view! {
        <Allowance board/>
        <Minimap board/>
    }
}

fn do_deed(board: Board, deed: Deed) {
    match deed {
        Deed::Fill(cell) => board.fill(cell),
        Deed::Weigh(cell) => board.weigh_fill(cell),
        Deed::Confirm => board.confirm_question(),
        Deed::Go(way) => board.go(way),
        Deed::Carry(by) => board.laid.carry(by),
        Deed::CarryByKey(by) => board.laid.carry_by_key(by),
        Deed::Find => board.laid.find_wrong(),
    }
}
