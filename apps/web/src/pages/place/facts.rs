//! What Place has to tell of the room: what became of the last stroke, how full the canvas is, and how large.

use leptos::prelude::*;
use meshwork_web::texts;

use super::super::icons;
use super::activity::ActivityFact;
use super::board::Board;
use super::entry::PlaceSession as _;

/// What became of the last stroke, and how full the canvas is.
#[component]
pub(crate) fn Facts(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let reached = move || {
        session.canvas().reach.reached.get().filter(|(_, of)| *of > 0).map(|(reached, of)| {
            let sign = if reached == of { icons::check().into_any() } else { icons::info().into_any() };
            view! {
                <p class="fact" class:done=reached == of>
                    {sign}
                    <span data-testid="reached">{texts::canvas::reached(reached, of)}</span>
                </p>
            }
        })
    };
    let canvas = move || {
        session.canvas().size.get().map(|size| {
            let painted = texts::count(session.canvas().painted.get(), texts::CELL);
            view! {
                <p class="fact">
                    {icons::grid()}
                    <span>{texts::canvas::size_painted(size.width, size.height, &painted)}</span>
                </p>
            }
        })
    };
    view! {
        {reached}
        <details class="facts-fold" data-testid="activity-fold">
            <summary>{texts::canvas::ACTIVITY}</summary>
            <ActivityFact board/>
            {canvas}
        </details>
    }
}

/// How large the canvas is, beside the app's name on the room sheet.
pub(super) fn size_fact(board: Board) -> impl IntoView {
    let size =
        move || board.session.canvas().size.get().map(|size| texts::canvas::size(size.width, size.height));
    view! { <span class="hint" data-testid="room-size">{size}</span> }
}
