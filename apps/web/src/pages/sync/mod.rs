//! Sync: what several people count and write together.

mod counter;
mod document;
mod edit_line;
mod entry;
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

pub(crate) use self::entry::Sync as Entry;
use self::state::Sync;
use self::statistics::AverageFact;
use self::tabs::Tabs;
use super::front::{Action, App, Front, Section};
use super::parts::Loaded;
use super::session::{Phase, Session};

/// Loads Sync and puts it in front of the session's room.
#[wasm_split(sync, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
pub(crate) fn open(session: Session) -> Loaded<Front> {
    // A page shows it as long as it lives.
    Ok(Box::leak(Box::new(SyncFront { session, is_empty: RwSignal::new(true) })))
}

/// Sync as the page of a room knows it.
struct SyncFront {
    session: Session,
    /// Whether nobody has counted or written anything.
    is_empty: RwSignal<bool>,
}

impl App for SyncFront {
    fn about(&self) -> &'static About {
        apps::named(meshwork_sync::WORD).expect("it stands in the table")
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        let Self { session, is_empty } = *self;
        let is_open = Memo::new(move |_| session.phase.get() == Phase::Open);
        view! {
            <style>{include_str!("sync.css")}</style>
            <div class="stage-box sync-box">
                {before_open}
                <Show when=move || is_open.get()>
                    <Tabs sync=Sync::new(session, is_empty)/>
                </Show>
            </div>
        }
        .into_any()
    }

    fn actions(&self) -> Vec<Action> {
        Vec::new()
    }

    fn section(&self, place: Section) -> AnyView {
        let session = self.session;
        match place {
            Section::Panel => view! { <AverageFact session/> }.into_any(),
            _ => ().into_any(),
        }
    }

    fn notices(&self) -> Vec<Notice> {
        Vec::new()
    }

    fn is_empty(&self) -> bool {
        self.is_empty.get()
    }
}
