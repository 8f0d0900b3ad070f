//! Sync: what several people count and write together.

mod counter;
mod document;
mod edit_line;
mod history;
mod rows;
mod shelf;
mod shut;
mod state;
mod statistics;
mod tabs;
mod values;
mod whiteboard;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_web::apps::{self, App as About};
use meshwork_web::texts::notices::Notice;

use self::state::Sync;
use self::statistics::AverageFact;
use self::tabs::Tabs;
use super::icons;
use super::parts::{Loaded, Part, Stage};
use super::session::{Phase, Session};
use super::shell::app::{Action, App, Front, Section};

/// Sync in front of the session's room.
pub(crate) fn open(session: Session) -> Front {
    let part = Part::new();
    part.load(load_sync);
    let is_empty = RwSignal::new(true);
    // A page shows it as long as it lives.
    Box::leak(Box::new(SyncFront { session, part, is_empty }))
}

/// Sync as the page of a room knows it before anything of it is loaded.
struct SyncFront {
    session: Session,
    part: Part,
    /// Whether nobody has counted or written anything.
    is_empty: RwSignal<bool>,
}

impl App for SyncFront {
    fn about(&self) -> &'static About {
        apps::named(meshwork_sync::WORD).expect("it stands in the table")
    }

    fn sign(&self) -> AnyView {
        icons::sync_sign().into_any()
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        let Self { session, part, is_empty } = *self;
        let is_open = Memo::new(move |_| session.phase.get() == Phase::Open);
        Effect::new(move || {
            if part.stage() == Stage::Failed {
                session.is_part_missed.set(true);
            }
        });
        view! {
            <div class="stage-box sync-box">
                {before_open}
                <Show when=move || is_open.get()>{part.made(move || enter(Ask::Tabs(session, is_empty)))}</Show>
            </div>
        }
        .into_any()
    }

    fn actions(&self) -> Vec<Action> {
        Vec::new()
    }

    fn section(&self, place: Section) -> AnyView {
        let Self { session, part, .. } = *self;
        match place {
            Section::Panel => part.made(move || enter(Ask::Average(session))).into_any(),
            _ => ().into_any(),
        }
    }

    fn notices(&self) -> Vec<Notice> {
        Vec::new()
    }

    fn is_shown(&self) -> bool {
        self.part.stage() == Stage::Here && self.session.phase.get() == Phase::Open
    }

    fn is_empty(&self) -> bool {
        self.is_empty.get()
    }

    fn load_rest(&self) {
        self.part.load(load_sync);
    }
}

/// What stands behind the door.
#[derive(Clone, Copy)]
enum Ask {
    /// The tabs; the signal says whether nothing is in them.
    Tabs(Session, RwSignal<bool>),
    /// The average round trip.
    Average(Session),
}

/// The one door to the part, so that it stands open for all as soon as it does for one.
#[wasm_split(sync, wasm_split_path = ::leptos::wasm_split, preload(load_sync), fallible)]
fn enter(ask: Ask) -> Loaded<Option<AnyView>> {
    Ok(Some(match ask {
        Ask::Tabs(session, is_empty) => {
            let sync = Sync::new(session, is_empty);
            view! { <style>{include_str!("sync.css")}</style><Tabs sync/> }.into_any()
        }
        Ask::Average(session) => view! { <AverageFact session/> }.into_any(),
    }))
}
