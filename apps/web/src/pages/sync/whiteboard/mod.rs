//! The tab of the whiteboard: shapes that several people draw, in a part that is loaded when it is first opened.

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
use leptos::wasm_split::wasm_split;
use meshwork_web::texts;

use self::easel::Easel;
use self::stage::BoardStage;
use super::super::parts::{Loaded, Part, Stage};
use super::state::Sync;

/// The tab, once its part is there.
#[component]
pub(super) fn WhiteboardPanel(sync: Sync) -> impl IntoView {
    let part = Part::new();
    part.load(load_drawing);
    let is_failed = Memo::new(move |_| part.stage() == Stage::Failed);
    view! {
        {part.made(move || enter(sync))}
        <Show when=move || is_failed.get()>
            <p class="complaint" role="alert">
                {texts::board::NOT_LOADED}
                <button type="button" class="button plain" on:click=move |_| part.load(load_drawing)>
                    {texts::TRY_AGAIN}
                </button>
            </p>
        </Show>
    }
}

/// The door to the part.
#[wasm_split(drawing, wasm_split_path = ::leptos::wasm_split, preload(load_drawing), fallible)]
fn enter(sync: Sync) -> Loaded<Option<AnyView>> {
    let easel = Easel::new(sync);
    Ok(Some(view! { <style>{include_str!("whiteboard.css")}</style><BoardStage easel/> }.into_any()))
}
