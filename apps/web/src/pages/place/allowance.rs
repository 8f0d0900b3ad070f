//! The line beside the dock: what one may paint now where that is not everything, and how to begin.

use leptos::prelude::*;
use meshwork_web::rules::Standing;
use meshwork_web::texts;

use super::super::icons;
use super::super::session::Phase;
use super::board::Board;
use super::entry::PlaceSession as _;

/// The line; none where one may paint as one likes, and somebody has.
#[component]
pub(crate) fn Allowance(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let words = Memo::new(move |_| {
        if session.phase.get() != Phase::Open {
            return None;
        }
        let owner = session.governing.owner_name().unwrap_or_default();
        session
            .governing
            .standing
            .with(|standing| texts::rules::standing(standing, &owner, session.apps.in_front()))
    });
    let is_shut = Memo::new(move |_| session.governing.standing.with(Standing::is_shut));
    let is_empty = Memo::new(move |_| {
        session.phase.get() == Phase::Open
            && session.canvas().painted.get() == 0
            && session.governing.standing.with(|standing| !standing.is_shut())
    });
    view! {
        <Show when=move || is_empty.get() && words.with(Option::is_none)>
            <p class="allowance">
                {icons::pencil()}
                <span data-testid="empty-canvas">{texts::EMPTY_CANVAS}</span>
            </p>
        </Show>
        <Show when=move || words.with(Option::is_some)>
            <p class="allowance" class:shut=move || is_shut.get()>
                {move || if is_shut.get() { icons::lock().into_any() } else { icons::pencil().into_any() }}
                <span data-testid="allowance">{move || words.get()}</span>
            </p>
        </Show>
    }
}
