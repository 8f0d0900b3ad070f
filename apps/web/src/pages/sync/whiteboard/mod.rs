//! The tab of the whiteboard: shapes that several people draw.

mod dock;
mod easel;
mod files;
mod frame;
mod keyboard;
mod painter;
mod people;
mod pictures;
mod reading;
mod stage;
mod text;

use leptos::prelude::*;

use self::easel::Easel;
use self::stage::BoardStage;
use super::state::Sync;

/// The tab.
#[component]
pub(super) fn WhiteboardPanel(sync: Sync) -> impl IntoView {
    let easel = Easel::new(sync);
    view! { <style>{include_str!("whiteboard.css")}</style><BoardStage easel/> }
}
