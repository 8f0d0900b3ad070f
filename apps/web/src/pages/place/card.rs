//! The card that says who painted a cell and when.

use std::time::Duration;

use leptos::prelude::*;
use leptos::{ev, web_sys};
use meshwork_web::place::{card, palette};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use super::super::bead::{Bead, OwnBead};
use super::board::Board;
use super::cursors::stage_point;
use super::entry::PlaceSession as _;
use super::painted::Authorship;

/// The cell that the card is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    /// Which cell.
    pub(crate) cell: (u16, u16),
    /// Whether a finger asks, which hides what is under it.
    pub(crate) is_touch: bool,
}

/// The card, when a pointer rests, a finger presses long, or W asks.
#[component]
pub(crate) fn CellCard(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    show_when_resting(board);
    show_when_pressed(board);
    // What is asked about may be painted over, or moved, while the card is there.
    let shown = Memo::new(move |_| {
        // A rectangle that is marked is not to be covered.
        let asked = board.asked.get().filter(|_| !board.is_marking.get())?;
        board.session.people.rows.track();
        Some((asked, board.session.activity().authorship(asked.cell)))
    });
    let style = move || {
        let (asked, view) = (board.asked.get()?, board.surface.view.get()?);
        let (x, y) = card::place(&view, asked.cell, stage_size()?, asked.is_touch);
        Some(format!("transform:translate({x}px,{y}px)"))
    };
    view! {
        <div class="cell-card" data-testid="cell-card" hidden=move || shown.with(Option::is_none) style=style aria-hidden="true">
            {move || shown.get().map(|(asked, authorship)| words(board, asked, authorship))}
        </div>
    }
}

fn words(board: Board, asked: Asked, authorship: Authorship) -> impl IntoView {
    let Authorship { peer, called, colour, age_ms } = authorship;
    let (x, y) = asked.cell;
    let Some(peer) = peer else {
        return view! {
            <span class="card-words">
                <span>{texts::EMPTY_CELL}</span>
                <span class="card-facts">{format!("{x}, {y}")}</span>
            </span>
        }
        .into_any();
    };
    let (bead, called) = if peer == board.session.node.peer() {
        (view! { <OwnBead called=board.session.me.name/> }.into_any(), texts::YOU.to_owned())
    } else {
        let letter = board.session.people.letter_of(peer);
        (view! { <Bead peer letter=Signal::stored(letter)/> }.into_any(), called)
    };
    let hex = colour.map(palette::to_hex);
    let facts = [Some(format!("{x}, {y}")), hex, Some(texts::ago::shown(age_ms))];
    view! {
        {bead}
        <span class="card-words">
            <span>
                <strong>{called}</strong>
                " "
                {texts::canvas::PAINTED_THIS}
            </span>
            <span class="card-facts">{facts.into_iter().flatten().collect::<Vec<_>>().join(" \u{2022} ")}</span>
        </span>
    }
    .into_any()
}

/// A pointer or the frame that keys move rests on a cell.
fn show_when_resting(board: Board) {
    let is_pressed = StoredValue::new(false);
    // The cell on which the last press ended: whoever has just drawn there knows who did.
    let drawn = StoredValue::new(None::<(u16, u16)>);
    let down = window_event_listener(ev::pointerdown, move |_| {
        is_pressed.set_value(true);
        hide(board);
    });
    let up = window_event_listener(ev::pointerup, move |_| {
        is_pressed.set_value(false);
        drawn.set_value(board.surface.frame.get_untracked().map(|frame| frame.cell));
    });
    let cancelled = window_event_listener(ev::pointercancel, move |_| is_pressed.set_value(false));
    on_cleanup(move || [down, up, cancelled].into_iter().for_each(|listener| listener.remove()));
    Effect::new(move || {
        let frame = board.surface.frame.get();
        let is_asked = |asked: Asked| frame.is_some_and(|frame| frame.cell == asked.cell);
        if !board.asked.get_untracked().is_some_and(is_asked) {
            hide(board);
        }
        if drawn.get_value() != frame.map(|frame| frame.cell) {
            drawn.set_value(None);
        }
        let Some(frame) = frame else { return };
        let show = move || {
            let rests = board.surface.frame.try_get_untracked().flatten() == Some(frame);
            if rests
                && drawn.get_value().is_none()
                && !is_pressed.get_value()
                && !board.is_marking.get_untracked()
            {
                board.asked.set(Some(Asked { cell: frame.cell, is_touch: false }));
            }
        };
        set_timeout(show, Duration::from_millis(card::HOVER_MS));
    });
    // A canvas that moves leaves the card behind.
    Effect::new(move || {
        board.surface.view.track();
        hide(board);
    });
}

/// A finger rests on a cell: what it was about to paint is forgotten.
fn show_when_pressed(board: Board) {
    let press = StoredValue::new(None::<(i32, (f64, f64))>);
    let end = move || press.set_value(None);
    let down = window_event_listener(ev::pointerdown, move |event| {
        let Some(at) = stage_point(&event).filter(|_| event.pointer_type() == "touch") else { return };
        // A second finger is a gesture.
        let is_first = event.is_primary();
        press.set_value(is_first.then_some((event.pointer_id(), at)));
        let begun = press.get_value();
        let show = move || {
            let Some((pointer, at)) = press.try_get_value().flatten().filter(|_| press.get_value() == begun)
            else {
                return;
            };
            let Some(cell) = board.surface.view.get_untracked().and_then(|view| view.cell_at(at)) else {
                return;
            };
            board.cancel(pointer);
            board.asked.set(Some(Asked { cell, is_touch: true }));
        };
        if is_first {
            set_timeout(show, Duration::from_millis(card::PRESS_MS));
        }
    });
    let moved = window_event_listener(ev::pointermove, move |event| {
        let Some((pointer, (x, y))) = press.get_value() else { return };
        let now = stage_point(&event).filter(|_| event.pointer_id() == pointer);
        if now.is_some_and(|now| (now.0 - x).hypot(now.1 - y) >= card::TREMBLE) {
            end();
        }
    });
    let up = window_event_listener(ev::pointerup, move |_| end());
    let cancelled = window_event_listener(ev::pointercancel, move |_| end());
    on_cleanup(move || [down, moved, up, cancelled].into_iter().for_each(|listener| listener.remove()));
}

fn hide(board: Board) {
    if board.asked.get_untracked().is_some() {
        board.asked.set(None);
    }
}

fn stage_size() -> Option<(f64, f64)> {
    let stage = web_sys::window()?.document()?.query_selector(".stage").ok()??;
    let stage: web_sys::HtmlElement = stage.dyn_into().ok()?;
    Some((f64::from(stage.client_width()), f64::from(stage.client_height())))
}
