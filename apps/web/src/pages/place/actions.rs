//! What Place has in the bar.

use leptos::prelude::*;

use super::super::icons;
use super::super::session::Phase;
use super::board::Board;
use super::timelapse::TimelapseButton;

/// Time-lapse, keys, a picture over the canvas, the canvas as a picture.
#[component]
pub(crate) fn Actions(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let is_open = move || board.session.phase.get() == Phase::Open;
    view! {
        <TimelapseButton board/>
        <button
            class="icon-button keys-button"
            type="button"
            data-testid="open-keys"
            aria-label="Keys"
            title="Keys (?)"
            on:click=move |_| board.tools.is_keys_open.set(true)
        >
            {icons::keyboard()}
        </button>
        <button
            class="icon-button picture-button"
            type="button"
            data-testid="open-picture"
            aria-label="Picture over the canvas"
            title="Lay a picture over the canvas, to paint through it or to have it painted"
            disabled=move || !is_open()
            on:click=move |_| board.choose_picture()
        >
            {icons::picture()}
        </button>
        <button
            class="icon-button save-button"
            type="button"
            data-testid="save-png"
            aria-label="Save PNG"
            title="Save PNG (S)"
            disabled=move || !is_open()
            on:click=move |_| board.save_picture()
        >
            {icons::download()}
        </button>
    }
}
