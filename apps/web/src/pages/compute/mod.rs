//! Compute: jobs that all devices of a room work on.

mod board;
mod chart;
mod checks;
mod devices;
mod entry;
mod gathered;
mod job;
mod lend;
mod new_job;
mod own;
mod picture;
mod pool;
mod run;
mod state;
mod terms;
mod trial;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_web::apps::App as About;

use self::board::Board;
pub(crate) use self::entry::Compute as Entry;
use self::entry::about;
use self::state::Computing;
use super::front::{App, Front};
use super::parts::Loaded;
use super::session::{Phase, Session};

/// Loads Compute and puts it in front of the session's room.
#[wasm_split(compute, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
pub(crate) fn open(session: Session) -> Loaded<Front> {
    // A page shows it as long as it lives.
    Ok(Box::leak(Box::new(ComputeFront { computing: Computing::of(session) })))
}

/// Compute as the page of a room knows it.
struct ComputeFront {
    computing: Computing,
}

impl App for ComputeFront {
    fn about(&self) -> &'static About {
        about()
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        let computing = self.computing;
        let is_open = Memo::new(move |_| computing.session.phase.get() == Phase::Open);
        view! {
            <style>{include_str!("compute.css")}</style>
            <div class="stage-box compute-box">
                {before_open}
                <Show when=move || is_open.get()>
                    <Board computing/>
                </Show>
            </div>
        }
        .into_any()
    }

    fn is_empty(&self) -> bool {
        self.computing.jobs.with(Vec::is_empty)
    }
}
