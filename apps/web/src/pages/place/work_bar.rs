//! What stands above the tools: what one of them said, a question before a large fill, and how far painting is.

use leptos::prelude::*;
use meshwork_web::place::palette;
use meshwork_web::texts;

use super::board::Board;
use super::picture_bar::PictureBar;
use super::tools::{Ghost, Progress};

/// The bar; it is empty most of the time.
#[component]
pub(crate) fn WorkBar(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let tools = board.tools;
    let is_asked = move || tools.asked.with(Option::is_some);
    let is_working = Memo::new(move |_| tools.progress.with(Option::is_some));
    let hint = move || tools.hint.get().filter(|_| !is_asked() && !is_working.get());
    view! {
        <div class="work-bar">
            {move || tools.asked.get().map(|asked| view! { <Question board asked/> })}
            <Show when=move || is_working.get()>
                <Work board/>
            </Show>
            <Show when=move || board.is_marking.get()>
                <Marking board/>
            </Show>
            <PictureBar board/>
            {move || hint().map(|hint| view! { <p class="hint" data-testid="tool-hint">{hint}</p> })}
        </div>
    }
}

#[component]
fn Marking(board: Board) -> impl IntoView {
    view! {
        <div class="work" role="group" aria-label=texts::erase::MARKING>
            <p data-testid="marking">{texts::erase::DRAG}</p>
            <button
                type="button"
                class="button secondary"
                data-testid="marking-cancel"
                on:click=move |_| {
                    board.cancel_marking();
                }
            >
                {texts::CANCEL}
            </button>
        </div>
    }
}

#[component]
fn Question(board: Board, asked: Ghost) -> impl IntoView {
    let question = texts::canvas::fill_asked(asked.cells.len(), &palette::name(Some(asked.colour)));
    view! {
        <div class="work" role="group" aria-label=texts::canvas::LARGE_FILL>
            <p data-testid="fill-question">{question}</p>
            <button
                type="button"
                class="button primary"
                data-testid="fill-confirm"
                on:click=move |_| board.confirm_question()
            >
                {texts::FILL}
            </button>
            <button
                type="button"
                class="button secondary"
                on:click=move |_| {
                    board.cancel_question();
                }
            >
                {texts::CANCEL}
            </button>
        </div>
    }
}

#[component]
fn Work(board: Board) -> impl IntoView {
    let words = move || {
        let Some(Progress { done, total, wait }) = board.tools.progress.get() else { return String::new() };
        let (done, total) = (texts::grouped(done), texts::count(total, texts::CELL));
        let left = board.tools.time_left();
        match (wait.is_zero(), left) {
            (true, None) => texts::canvas::done_of(&done, &total),
            (_, Some(left)) => texts::canvas::done_left(&done, &total, texts::canvas::duration(left)),
            (false, None) => texts::canvas::done_waiting(&done, &total, texts::canvas::duration(wait)),
        }
    };
    let share = move || {
        let progress = board.tools.progress.get();
        progress.map_or(0, |progress| progress.done * 100 / progress.total.max(1))
    };
    view! {
        <div class="work" role="group" aria-label=texts::canvas::PAINTING>
            <div
                class="work-strand"
                role="progressbar"
                aria-label=texts::canvas::PAINTED
                aria-valuenow=move || share().to_string()
                aria-valuemin="0"
                aria-valuemax="100"
                style=move || format!("--share:{}", share())
            ></div>
            <p data-testid="work-progress">{words}</p>
            <button
                type="button"
                class="button secondary"
                data-testid="work-cancel"
                on:click=move |_| board.tools.cancel_job()
            >
                {texts::CANCEL}
            </button>
        </div>
    }
}
