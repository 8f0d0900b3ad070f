//! The docks: tools and colours at the left, zoom at the right.

use leptos::prelude::*;
use meshwork_core::crdt::canvas::Colour;
use meshwork_web::gestures::Tool;
use meshwork_web::palette::{self, PALETTE, Swatch};
use meshwork_web::view::{View, ZOOM_STEP};

use super::super::icons;
use super::board::{Board, OWN_COLOUR};

/// Tools and colours.
#[component]
pub(crate) fn Dock(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    view! {
        <div class="dock" role="group" aria-label="Tools and colours">
            <div class="tools" role="group" aria-label="Tools">
                {tool_button(board, Tool::Pencil, "Paint", "Paint (P)", icons::pencil().into_any())}
                {tool_button(board, Tool::Hand, "Move", "Move (H)", icons::hand().into_any())}
            </div>
            <div class="swatches" role="group" aria-label="Colours">
                {PALETTE.iter().enumerate().map(|(index, swatch)| swatch_button(board, index, *swatch)).collect_view()}
                <OwnColour board/>
            </div>
        </div>
    }
}

fn tool_button(
    board: Board,
    tool: Tool,
    word: &'static str,
    title: &'static str,
    sign: AnyView,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="tool"
            title=title
            aria-label=word
            aria-pressed=move || (board.tool.get() == tool).to_string()
            on:click=move |_| board.tool.set(tool)
        >
            {sign}
            <span class="tool-word" aria-hidden="true">{word}</span>
        </button>
    }
}

fn swatch_button(board: Board, index: usize, swatch: Swatch) -> impl IntoView {
    let hex = palette::to_hex(swatch.colour);
    let title = match index {
        0..9 => format!("{} ({})", swatch.name, index + 1),
        9 => format!("{} (0)", swatch.name),
        _ => swatch.name.to_owned(),
    };
    view! {
        <button
            type="button"
            class="swatch"
            style=style(swatch.colour)
            data-testid=format!("palette-{}", hex.trim_start_matches('#'))
            title=title
            aria-label=swatch.name
            aria-pressed=move || (board.colour.get() == swatch.colour).to_string()
            on:click=move |_| board.choose_colour(swatch.colour)
        >
            {icons::check()}
        </button>
    }
}

fn style(colour: Colour) -> String {
    let mark = if palette::is_light(colour) { "#14211d" } else { "#ffffff" };
    format!("--swatch:{};--swatch-mark:{mark}", palette::to_hex(colour))
}

/// The thirteenth swatch: any colour.
#[component]
fn OwnColour(board: Board) -> impl IntoView {
    let value = move || palette::to_hex(board.own_colour.get().unwrap_or(OWN_COLOUR));
    let is_chosen = move || board.own_colour.get().is_some();
    let is_in_hand = move || {
        let colour = board.colour.get();
        board.own_colour.get() == Some(colour) && PALETTE.iter().all(|swatch| swatch.colour != colour)
    };
    view! {
        <span
            class="own-colour"
            class:chosen=is_chosen
            class:in-hand=is_in_hand
            style=move || style(board.own_colour.get().unwrap_or(OWN_COLOUR))
        >
            <input
                type="color"
                data-testid="colour-input"
                aria-label="Any colour"
                title="Any colour (C)"
                node_ref=board.colour_field
                prop:value=value
                on:input=move |event| board.choose_own_colour(&event_target_value(&event))
                on:change=move |event| board.choose_own_colour(&event_target_value(&event))
            />
            {move || if is_in_hand() { icons::check().into_any() } else { icons::plus().into_any() }}
        </span>
    }
}

/// Zoom.
#[component]
pub(crate) fn ZoomDock(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let percent = move || format!("{}\u{2009}%", board.view.get().map_or(100, |view| view.percent()));
    let is_whole = move || board.view.get().is_none_or(|view| view.is_whole());
    let can_zoom_in = move || board.view.get().is_some_and(|view| view.can_zoom_in());
    view! {
        <div class="zoom" role="group" aria-label="Zoom">
            <button
                type="button"
                class="icon-button"
                data-testid="zoom-out"
                aria-label="Zoom out"
                title="Zoom out (-)"
                aria-disabled=move || is_whole().to_string()
                on:click=move |_| board.look(|view| view.zoom(1.0 / ZOOM_STEP))
            >
                {icons::minus()}
            </button>
            <output class="percent" aria-label="Zoom">{percent}</output>
            <button
                type="button"
                class="icon-button"
                data-testid="zoom-in"
                aria-label="Zoom in"
                title="Zoom in (+)"
                aria-disabled=move || (!can_zoom_in()).to_string()
                on:click=move |_| board.look(|view| view.zoom(ZOOM_STEP))
            >
                {icons::plus()}
            </button>
            <button
                type="button"
                class="icon-button"
                data-testid="zoom-reset"
                aria-label="Whole canvas"
                title="Whole canvas (Z)"
                on:click=move |_| board.look(View::reset)
            >
                {icons::whole()}
            </button>
        </div>
    }
}
