//! The docks: tools and colours at the left, zoom at the right.

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_place::canvas::Colour;
use meshwork_place::steps::Way;
use meshwork_web::gestures::Tool;
use meshwork_web::place::palette::{self, PALETTE, Swatch};
use meshwork_web::place::view::{View, ZOOM_STEP};
use meshwork_web::rules::Standing;
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use super::super::browser;
use super::super::icon_button::IconButton;
use super::super::icons;
use super::board::{Board, OWN_COLOUR};
use super::work_bar::WorkBar;

/// Tools and colours.
#[component]
pub(crate) fn Dock(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let recent = move || {
        let colours = board.tools.recent.get();
        colours.into_iter().map(|colour| recent_button(board, colour)).collect_view()
    };
    let is_shut = Memo::new(move |_| board.session.governing.standing.with(Standing::is_shut));
    view! {
        <div class="dock" class:shut=is_shut role="group" aria-label=texts::canvas::TOOLS_AND_COLOURS>
            <WorkBar board/>
            <div class="tools" role="group" aria-label=texts::canvas::PAINT_OR_MOVE>
                {tool_button(
                    board,
                    Tool::Pencil,
                    texts::canvas::PAINT,
                    texts::canvas::PAINT_KEYS,
                    icons::pencil().into_any(),
                )}
                {tool_button(
                    board,
                    Tool::Hand,
                    texts::canvas::MOVE,
                    texts::canvas::MOVE_KEYS,
                    icons::hand().into_any(),
                )}
            </div>
            <div class="tools more" role="group" aria-label=texts::canvas::UNDO_AND_FILL>
                {tool_button(
                    board,
                    Tool::Fill,
                    texts::FILL,
                    texts::canvas::FILL_KEYS,
                    icons::bucket().into_any(),
                )}
                <StepButton board way=Way::Undo/>
                <StepButton board way=Way::Redo/>
            </div>
            <div
                class="swatches"
                role="toolbar"
                aria-label=texts::COLOURS
                on:keydown=move |event| walk(&event)
            >
                {tool_button(
                    board,
                    Tool::Eyedropper,
                    texts::canvas::EYEDROPPER,
                    texts::canvas::EYEDROPPER_KEYS,
                    icons::dropper().into_any(),
                )}
                {PALETTE.iter().enumerate().map(|(index, swatch)| swatch_button(board, index, *swatch)).collect_view()}
                <OwnColour board/>
                {recent}
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
    let test_id = match tool {
        Tool::Pencil => "tool-pencil",
        Tool::Hand => "tool-hand",
        Tool::Eyedropper => "tool-eyedropper",
        Tool::Fill => "tool-fill",
    };
    // An eyedropper that is put away gives way to the tool before.
    let take = move |_| {
        let is_in_hand = board.tool.get_untracked() == tool;
        match tool {
            Tool::Eyedropper if is_in_hand => board.put_eyedropper_away(),
            _ => board.take_tool(tool),
        }
    };
    let paints = matches!(tool, Tool::Pencil | Tool::Fill);
    let is_off = Memo::new(move |_| paints && board.session.governing.standing.with(Standing::is_reader));
    view! {
        <button
            type="button"
            class=format!("tool {test_id}")
            disabled=is_off
            data-testid=test_id
            title=title
            aria-label=word
            aria-pressed=move || (board.tool.get() == tool).to_string()
            on:click=take
        >
            {sign}
            <span class="tool-word" aria-hidden="true">{word}</span>
        </button>
    }
}

#[component]
fn StepButton(board: Board, way: Way) -> impl IntoView {
    let is_undo = way == Way::Undo;
    let (word, title, test_id, sign) = if is_undo {
        (texts::UNDO, texts::canvas::UNDO_KEYS, "undo", icons::undo().into_any())
    } else {
        (texts::REDO, texts::REDO_KEYS, "redo", icons::redo().into_any())
    };
    let steps = move || {
        let (undo, redo) = board.tools.steps.get();
        if is_undo { undo } else { redo }
    };
    view! {
        <button
            type="button"
            class=format!("tool step {test_id}")
            data-testid=test_id
            title=title
            aria-label=word
            aria-disabled=move || (steps() == 0).to_string()
            on:click=move |_| board.go(way)
        >
            {sign}
            <span class="tool-word" aria-hidden="true">{word}</span>
        </button>
    }
}

fn recent_button(board: Board, colour: Colour) -> impl IntoView {
    let hex = palette::to_hex(colour);
    let label = texts::canvas::used_lately(&hex);
    view! {
        <button
            type="button"
            class="swatch recent"
            style=palette::swatch_style(colour)
            data-testid=format!("recent-{}", hex.trim_start_matches('#'))
            title=label.clone()
            aria-label=label
            aria-pressed=move || (board.colour.get() == colour).to_string()
            tabindex=move || if board.colour.get() == colour { "0" } else { "-1" }
            on:click=move |_| board.choose_colour(colour)
        >
            {icons::check()}
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
            style=palette::swatch_style(swatch.colour)
            data-testid=format!("palette-{}", hex.trim_start_matches('#'))
            title=title
            aria-label=swatch.name
            aria-pressed=move || (board.colour.get() == swatch.colour).to_string()
            tabindex=move || if is_stop(board, index) { "0" } else { "-1" }
            on:click=move |_| board.choose_colour(swatch.colour)
        >
            {icons::check()}
        </button>
    }
}

/// Whether Tab stops at a colour of the twelve: at the one in hand, or at the first where none has a swatch.
fn is_stop(board: Board, index: usize) -> bool {
    let colour = board.colour.get();
    let has_swatch = PALETTE.iter().any(|swatch| swatch.colour == colour)
        || board.tools.recent.with(|recent| recent.contains(&colour));
    if has_swatch { PALETTE[index].colour == colour } else { index == 0 }
}

/// Arrows lead from one colour to the next, so that Tab stops at one of them alone.
fn walk(event: &web_sys::KeyboardEvent) {
    let by = match browser::key(&event).as_str() {
        "ArrowRight" | "ArrowDown" => 1,
        "ArrowLeft" | "ArrowUp" => -1,
        _ => return,
    };
    let Some(swatch) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok())
    else {
        return;
    };
    let Some(swatches) = swatch.parent_element().and_then(|row| row.query_selector_all(".swatch").ok())
    else {
        return;
    };
    let swatches: Vec<web_sys::HtmlElement> =
        (0..swatches.length()).filter_map(|at| swatches.get(at)?.dyn_into().ok()).collect();
    if let Some(at) = swatches.iter().position(|other| *other == swatch) {
        let next = (at as i32 + by).rem_euclid(swatches.len() as i32) as usize;
        event.prevent_default();
        // It is in the page.
        let _ = swatches[next].focus();
    }
}

/// The thirteenth swatch: any colour.
#[component]
fn OwnColour(board: Board) -> impl IntoView {
    // It opens at what is in hand.
    let value = move || palette::to_hex(board.colour.get());
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
            style=move || palette::swatch_style(board.own_colour.get().unwrap_or(OWN_COLOUR))
        >
            <input
                type="color"
                data-testid="colour-input"
                aria-label=texts::canvas::ANY_COLOUR
                autocomplete="off"
                title=texts::canvas::ANY_COLOUR_KEYS
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
    let percent = move || format!("{}\u{2009}%", board.surface.view.get().map_or(100, |view| view.percent()));
    let is_whole = move || board.surface.view.get().is_none_or(|view| view.is_whole());
    let can_zoom_in = move || board.surface.view.get().is_some_and(|view| view.can_zoom_in());
    view! {
        <div class="zoom" role="group" aria-label=texts::ZOOM>
            <IconButton
                test_id="zoom-out"
                label=texts::ZOOM_OUT
                title=texts::ZOOM_OUT_KEYS
                sign=icons::minus().into_any()
                is_idle=Signal::derive(is_whole)
                act=move |()| board.surface.look(|view| view.zoom(1.0 / ZOOM_STEP))
            />
                        <output class="percent" aria-label=texts::ZOOM>{percent}</output>
            <IconButton
                test_id="zoom-in"
                label=texts::ZOOM_IN
                title=texts::ZOOM_IN_KEYS
                sign=icons::plus().into_any()
                is_idle=Signal::derive(move || !can_zoom_in())
                act=move |()| board.surface.look(|view| view.zoom(ZOOM_STEP))
            />
            <IconButton
                test_id="zoom-reset"
                label=texts::canvas::WHOLE
                title=texts::canvas::WHOLE_KEYS
                sign=icons::whole().into_any()
                act=move |()| board.surface.look(View::reset)
            />
        </div>
    }
}
