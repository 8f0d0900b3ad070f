//! What Place has in the bar.

use leptos::prelude::*;
use meshwork_web::texts::{self, canvas, picture, timelapse};

use super::super::front::Action;
use super::super::icons;
use super::super::session::Phase;
use super::board::Board;

/// A picture over the canvas, the canvas as a picture, time-lapse, keys.
pub(super) fn actions(board: Board) -> Vec<Action> {
    let is_off = Signal::derive(move || board.session.phase.get() != Phase::Open);
    let tools = board.tools;
    vec![
        Action {
            test_id: "open-picture",
            label: picture::OVER_CANVAS,
            title: picture::OVER_CANVAS_WHY,
            sign: || icons::picture().into_any(),
            is_off,
            act: Callback::new(move |()| board.laid.choose()),
        },
        Action {
            test_id: "save-png",
            label: texts::SAVE_PNG,
            title: canvas::SAVE_PNG_KEYS,
            sign: || icons::download().into_any(),
            is_off,
            act: Callback::new(move |()| board.surface.save_picture()),
        },
        Action {
            test_id: "timelapse",
            label: timelapse::TIME_LAPSE,
            title: timelapse::TIME_LAPSE,
            sign: || icons::film().into_any(),
            is_off,
            act: Callback::new(move |()| tools.is_timelapse_wanted.set(true)),
        },
        Action {
            test_id: "open-keys",
            label: texts::KEYS,
            title: canvas::KEYS_KEYS,
            sign: || icons::keyboard().into_any(),
            is_off: Signal::stored(false),
            act: Callback::new(move |()| tools.is_keys_open.set(true)),
        },
    ]
}
