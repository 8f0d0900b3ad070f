//! What Place has in the bar.

use leptos::prelude::*;
use meshwork_web::texts;

use super::super::icon_button::IconButton;
use super::super::icons;
use super::super::session::Phase;
use super::board::Board;

/// Time-lapse, keys, a picture over the canvas, the canvas as a picture.
#[component]
pub(crate) fn Actions(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let is_off = Signal::derive(move || board.session.phase.get() != Phase::Open);
    view! {
        <IconButton
            class="timelapse-button"
            test_id="timelapse"
            label=texts::timelapse::TIME_LAPSE
            title=texts::timelapse::TIME_LAPSE
            sign=icons::film().into_any()
            is_off
            act=move |()| board.tools.is_timelapse_wanted.set(true)
        />
        <IconButton
            class="keys-button"
            test_id="open-keys"
            label=texts::KEYS
            title=texts::canvas::KEYS_KEYS
            sign=icons::keyboard().into_any()
            act=move |()| board.tools.is_keys_open.set(true)
        />
        <IconButton
            class="picture-button"
            test_id="open-picture"
            label=texts::picture::OVER_CANVAS
            title=texts::picture::OVER_CANVAS_WHY
            sign=icons::picture().into_any()
            is_off
            act=move |()| board.laid.choose()
        />
        <IconButton
            class="save-button"
            test_id="save-png"
            label=texts::SAVE_PNG
            title=texts::canvas::SAVE_PNG_KEYS
            sign=icons::download().into_any()
            is_off
            act=move |()| board.surface.save_picture()
        />
    }
}
