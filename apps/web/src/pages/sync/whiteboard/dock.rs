//! What stands over the board: tools, how what is chosen looks, who else is there, and the zoom.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_sync::whiteboard::{COLOURS, Style, Way};
use meshwork_web::sync::whiteboard::hand::Tool;
use meshwork_web::texts;

use super::super::super::bead::PersonBead;
use super::super::super::browser;
use super::super::super::icon_button::IconButton;
use super::super::super::icons;
use super::easel::Easel;
use super::files;
use super::keyboard::{TOOLS, ZOOM_STEP};

const SIZES: [(&str, &str); 3] =
    [("S", texts::board::SMALL), ("M", texts::board::MEDIUM), ("L", texts::board::LARGE)];

fn word(tool: Tool) -> (&'static str, &'static str) {
    match tool {
        Tool::Select => ("select", texts::board::TOOL_SELECT),
        Tool::Hand => ("hand", texts::board::TOOL_HAND),
        Tool::Rectangle => ("rectangle", texts::board::TOOL_RECTANGLE),
        Tool::Ellipse => ("ellipse", texts::board::TOOL_ELLIPSE),
        Tool::Arrow => ("arrow", texts::board::TOOL_ARROW),
        Tool::Line => ("line", texts::board::TOOL_LINE),
        Tool::Pen => ("pen", texts::board::TOOL_PEN),
        Tool::Text => ("text", texts::board::TOOL_TEXT),
        Tool::Note => ("note", texts::board::TOOL_NOTE),
        Tool::Picture => ("image", texts::board::TOOL_PICTURE),
        Tool::Eraser => ("eraser", texts::board::TOOL_ERASER),
        Tool::Laser => ("laser", texts::board::TOOL_LASER),
    }
}

fn sign(tool: Tool) -> AnyView {
    match tool {
        Tool::Select => icons::pointer().into_any(),
        Tool::Hand => icons::hand().into_any(),
        Tool::Rectangle => icons::rectangle().into_any(),
        Tool::Ellipse => icons::ellipse().into_any(),
        Tool::Arrow => icons::arrow().into_any(),
        Tool::Line => icons::line().into_any(),
        Tool::Pen => icons::squiggle().into_any(),
        Tool::Text => icons::letter().into_any(),
        Tool::Note => icons::sticky().into_any(),
        Tool::Picture => icons::picture().into_any(),
        Tool::Eraser => icons::eraser().into_any(),
        Tool::Laser => icons::laser().into_any(),
    }
}

/// Tools that stand there on narrow pages before one asks for more.
const FIRST: [Tool; 5] = [Tool::Select, Tool::Hand, Tool::Pen, Tool::Text, Tool::Note];

/// The tools.
#[component]
pub(super) fn Dock(easel: Easel) -> impl IntoView {
    let are_all_shown = RwSignal::new(false);
    let tool = |(tool, letter, digit): (Tool, &'static str, &'static str)| {
        let (name, label) = word(tool);
        let keys = if digit.is_empty() { letter.to_owned() } else { format!("{letter}, {digit}") };
        let works = move || !easel.is_shut.get() || tool.only_looks();
        let take = move |_| {
            match tool {
                Tool::Picture => files::choose_picture(easel),
                tool => easel.take(tool),
            }
            easel.focus();
        };
        view! {
            <button
                type="button"
                class="board-tool"
                class:further=!FIRST.contains(&tool)
                data-testid=format!("tool-{name}")
                title=format!("{label} ({keys})")
                aria-label=label
                aria-pressed=move || (easel.tool.get() == tool).to_string()
                hidden=move || !works()
                on:click=take
            >
                {sign(tool)}
                <span aria-hidden="true">{letter}</span>
            </button>
        }
    };
    let step =
        move |way: Way, name: &'static str, label: &'static str, title: &'static str, icon: AnyView| {
            let count = move || match way {
                Way::Undo => easel.steps.get().0,
                Way::Redo => easel.steps.get().1,
            };
            view! {
                <button
                    type="button"
                    class="board-tool"
                    data-testid=name
                    title=title
                    aria-label=label
                    aria-disabled=move || (count() == 0).to_string()
                    hidden=move || easel.is_shut.get()
                    on:click=move |_| easel.go(way)
                >
                    {icon}
                </button>
            }
        };
    view! {
        <div class="board-dock" class:all=are_all_shown role="toolbar" aria-label=texts::board::TOOLS>
            {TOOLS.map(tool).collect_view()}
            <button
                type="button"
                class="board-tool board-more"
                data-testid="tool-more"
                aria-label=texts::board::MORE_TOOLS
                title=texts::board::MORE_TOOLS
                aria-expanded=move || are_all_shown.get().to_string()
                hidden=move || easel.is_shut.get()
                on:click=move |_| are_all_shown.update(|are_shown| *are_shown = !*are_shown)
            >
                {icons::down()}
            </button>
            <span class="board-rule" aria-hidden="true"></span>
            {step(Way::Undo, "board-undo", texts::UNDO, texts::board::UNDO_KEYS, icons::undo().into_any())}
            {step(Way::Redo, "board-redo", texts::REDO, texts::REDO_KEYS, icons::redo().into_any())}
        </div>
    }
}

/// How what is chosen looks, or what will be drawn, and what can be done with it.
#[component]
pub(super) fn ChosenBar(easel: Easel) -> impl IntoView {
    let has_chosen = Memo::new(move |_| easel.chosen.with(|chosen| chosen.count > 0));
    let draws = move || {
        !matches!(easel.tool.get(), Tool::Select | Tool::Hand | Tool::Eraser | Tool::Laser | Tool::Picture)
    };
    let is_shown = Memo::new(move |_| !easel.is_shut.get() && (has_chosen.get() || draws()));
    let has_look = Memo::new(move |_| !has_chosen.get() || easel.chosen.with(|chosen| chosen.has_look));
    let title = move || match has_chosen.get() {
        true => easel.chosen.with(|chosen| chosen.name.clone()),
        false => word(easel.tool.get()).1.to_owned(),
    };
    view! {
        <Show when=move || is_shown.get()>
            <div class="board-bar" data-testid="board-bar" role="toolbar" aria-label=texts::board::LOOK>
                <strong class="board-chosen">{title}</strong>
                <Show when=move || has_look.get()><Look easel/></Show>
                <Show when=move || has_chosen.get()><Deeds easel/></Show>
            </div>
        </Show>
    }
}

/// What is chosen looks so; where nothing is, what is drawn next will.
fn style(easel: Easel) -> Style {
    let chosen = easel.chosen.get();
    if chosen.count > 0 { chosen.style } else { easel.style.get() }
}

#[component]
fn Look(easel: Easel) -> impl IntoView {
    let colour = move |number: u8| {
        let name = texts::capital(texts::board::COLOUR_NAMES[usize::from(number)]);
        view! {
            <button
                type="button"
                class="board-colour"
                style=format!("--colour:var(--board-{number})")
                data-testid=format!("board-colour-{number}")
                title=name.clone()
                aria-label=name
                aria-pressed=move || (style(easel).colour == number).to_string()
                on:click=move |_| easel.restyle(|style| style.colour = number)
            ></button>
        }
    };
    let size = move |(number, (letter, name)): (usize, (&'static str, &'static str))| {
        let number = number as u8;
        view! {
            <button
                type="button"
                data-testid=format!("board-size-{number}")
                title=name
                aria-label=name
                aria-pressed=move || (style(easel).size == number).to_string()
                on:click=move |_| easel.restyle(|style| style.size = number)
            >
                {letter}
            </button>
        }
    };
    let can_be_filled = move || {
        let chosen = easel.chosen.get();
        match chosen.count {
            0 => matches!(easel.tool.get(), Tool::Rectangle | Tool::Ellipse | Tool::Pen),
            _ => chosen.can_be_filled,
        }
    };
    let is_pen = move || easel.tool.get() == Tool::Pen || easel.chosen.with(|chosen| chosen.is_stroke);
    view! {
        <div class="board-colours" role="group" aria-label=texts::board::COLOUR>
            {(0..COLOURS).map(colour).collect_view()}
        </div>
        <div class="board-sizes" role="group" aria-label=texts::board::SIZE>
            {SIZES.into_iter().enumerate().map(size).collect_view()}
        </div>
        <button
            type="button"
            class="board-fill"
            data-testid="board-fill"
            hidden=move || !can_be_filled()
            aria-pressed=move || style(easel).is_filled.to_string()
            on:click=move |_| easel.restyle(|style| style.is_filled = !style.is_filled)
        >
            {move || if is_pen() { texts::board::MARKER } else { texts::FILL }}
        </button>
    }
}

#[component]
fn Deeds(easel: Easel) -> impl IntoView {
    let to_front = |easel: Easel| easel.reorder(true, true);
    let to_back = |easel: Easel| easel.reorder(false, true);
    let delete = |easel: Easel| {
        easel.erase_chosen();
        easel.focus();
    };
    view! {
        <span class="board-rule" aria-hidden="true"></span>
        {deed(
            easel,
            "board-front",
            texts::board::TO_FRONT,
            texts::board::TO_FRONT_KEYS,
            icons::front(),
            to_front,
        )}
        {deed(
            easel,
            "board-back",
            texts::board::TO_BACK,
            texts::board::TO_BACK_KEYS,
            icons::to_back(),
            to_back,
        )}
        {deed(
            easel,
            "board-copy",
            texts::board::DUPLICATE,
            texts::board::DUPLICATE_KEYS,
            icons::copy(),
            Easel::duplicate,
        )}
        {deed(easel, "board-delete", texts::DELETE, texts::board::DELETE_KEYS, icons::bin(), delete)}
    }
}

fn deed(
    easel: Easel,
    test_id: &'static str,
    label: &'static str,
    title: &'static str,
    sign: impl IntoView + 'static,
    act: impl Fn(Easel) + Send + Sync + 'static,
) -> impl IntoView {
    view! { <IconButton test_id label title sign=sign.into_any() act=move |()| act(easel)/> }
}

/// Gives the keys back to the board after a press on what lies over it. Who pressed by a key goes on from there.
pub(super) fn give_back(easel: Easel, press: &MouseEvent) {
    if press.detail() > 0 {
        easel.focus();
    }
}

/// Who else is on the board: each may be followed.
#[component]
pub(super) fn PeopleDock(easel: Easel) -> impl IntoView {
    let session = easel.sync.session;
    let person = move |who: Endpoint| {
        let called = session.people.called(who);
        let is_followed = move || easel.following.get() == Some(who);
        view! {
            <button
                type="button"
                class="board-person"
                data-testid="follow"
                title=texts::board::follow_keys(&called)
                aria-label=texts::board::follow(&called)
                aria-pressed=move || is_followed().to_string()
                on:click=move |_| easel.follow((!is_followed()).then_some(who))
            >
                <PersonBead session=easel.sync.session peer=who.peer/>
            </button>
        }
    };
    view! {
        <div class="board-top">
            <div
                class="board-people"
                role="group"
                aria-label=texts::board::ON_BOARD
                on:click=move |event| give_back(easel, &event)
                on:keydown=move |event| {
                    if browser::key(&event) == "Escape" {
                        easel.follow(None);
                    }
                }
            >
                <For each=move || easel.others.get() key=|who| *who children=person/>
            </div>
            <files::FilesMenu easel/>
        </div>
    }
}

/// The zoom.
#[component]
pub(super) fn ZoomDock(easel: Easel) -> impl IntoView {
    let percent = move || format!("{}\u{2009}%", easel.camera.get().percent());
    let zoom = move |by: f64| easel.look(|camera| camera.zoom(by));
    view! {
        <div class="board-zoom" role="group" aria-label=texts::ZOOM>
            {deed(
                easel,
                "board-zoom-out",
                texts::ZOOM_OUT,
                texts::ZOOM_OUT_KEYS,
                icons::minus(),
                move |_| zoom(1.0 / ZOOM_STEP),
            )}
            <output class="percent" aria-label=texts::ZOOM>{percent}</output>
            {deed(
                easel,
                "board-zoom-in",
                texts::ZOOM_IN,
                texts::ZOOM_IN_KEYS,
                icons::plus(),
                move |_| zoom(ZOOM_STEP),
            )}
            {deed(
                easel,
                "board-zoom-all",
                texts::board::ALL_SHAPES,
                texts::board::ALL_SHAPES_KEYS,
                icons::whole(),
                Easel::show_all,
            )}
        </div>
    }
}
