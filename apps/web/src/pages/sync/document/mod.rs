//! The tab of documents: texts that several people write at once, in an editor that is loaded when it is first opened.

mod desk;
mod list;
mod page;
mod state;
mod versions;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_web::texts;

use self::page::Page;
use self::state::Writing;
use super::super::parts::{Loaded, Part, Stage};
use super::state::Sync;

/// The tab, once its part is there.
#[component]
pub(super) fn DocumentPanel(sync: Sync) -> impl IntoView {
    let part = Part::new();
    part.load(load_writing);
    let is_failed = Memo::new(move |_| part.stage() == Stage::Failed);
    view! {
        {part.made(move || enter(sync))}
        <Show when=move || is_failed.get()>
            <p class="complaint" role="alert">
                {texts::documents::NOT_LOADED}
                <button type="button" class="button plain" on:click=move |_| part.load(load_writing)>
                    {texts::TRY_AGAIN}
                </button>
            </p>
        </Show>
    }
}

/// The door to the part.
#[wasm_split(writing, wasm_split_path = ::leptos::wasm_split, preload(load_writing), fallible)]
fn enter(sync: Sync) -> Loaded<Option<AnyView>> {
    let writing = Writing::new(sync);
    Ok(Some(view! { <style>{include_str!("document.css")}</style><Page writing/> }.into_any()))
}
