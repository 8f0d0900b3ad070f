//! Sheets of the tools: the list of keys, and going to a cell.

use leptos::prelude::*;
use leptos::{html, web_sys};
use meshwork_web::place::cell_input;
use meshwork_web::texts;
use meshwork_web::texts::keys::KEYS;

use super::super::key_list::KeyList;
use super::super::sheet::Sheet;
use super::board::Board;
use super::entry::PlaceSession as _;
use super::surface::Frame;

/// The list of keys.
#[component]
pub(crate) fn KeysSheet(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let tools = board.tools;
    let set_letters = Callback::new(move |are_on| tools.set_letters(are_on));
    view! {
        <Sheet open=tools.is_keys_open id="keys-title" title=texts::canvas::KEYS_ON>
            <KeyList groups=&KEYS testid="keys" are_letters_on=tools.are_letters_on set_letters/>
        </Sheet>
    }
}

/// Going to a cell.
#[component]
pub(crate) fn GotoSheet(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    view! {
        <Sheet open=board.tools.is_goto_open id="goto-title" title=texts::canvas::GO_TO>
            <GotoForm board/>
        </Sheet>
    }
}

#[component]
fn GotoForm(board: Board) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let problem = RwSignal::new(None::<String>);
    let go = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let (Some(size), Some(field)) = (board.surface.size(), field.get_untracked()) else { return };
        match cell_input::read(&field.value(), size) {
            Ok(cell) => {
                board.tools.is_goto_open.set(false);
                board.surface.frame.set(Some(Frame { cell, is_by_key: true }));
                board.surface.look(|view| view.show(cell));
                if let Some(paper) = board.surface.paper.get_untracked() {
                    // It is in the page.
                    let _ = paper.focus();
                }
                board.session.voice.speak(board.session.activity().describe_cell(cell));
            }
            Err(words) => problem.set(Some(words)),
        }
    };
    view! {
        <form class="sheet-part" on:submit=go>
            <label for="goto-cell">{texts::canvas::COLUMN_AND_ROW}</label>
            <div class="sheet-row">
                <input
                    id="goto-cell"
                    class="line-field"
                    data-testid="goto-cell"
                    data-first=""
                    node_ref=field
                    placeholder="12, 40"
                    autocomplete="off"
                    inputmode="text"
                    aria-describedby="goto-problem"
                />
                <button type="submit" class="button primary" data-testid="goto-go">
                    {texts::canvas::GO_THERE}
                </button>
            </div>
            <p class="complaint" id="goto-problem" role="alert" data-testid="goto-problem">
                {move || problem.get()}
            </p>
        </form>
    }
}
