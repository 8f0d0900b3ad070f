//! The tab of documents: texts that several people write at once, in an editor that is loaded when it is first opened.

mod desk;
mod list;
mod page;
mod state;
mod versions;

use leptos::prelude::*;

use self::page::Page;
use self::state::Writing;
use super::state::Sync;

/// The tab.
#[component]
pub(super) fn DocumentPanel(sync: Sync) -> impl IntoView {
    let writing = Writing::new(sync);
    view! { <style>{include_str!("document.css")}</style><Page writing/> }
}
