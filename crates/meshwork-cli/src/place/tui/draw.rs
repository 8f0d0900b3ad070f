//! Draws the canvas, the colours, the people and the words on a terminal.

use std::time::Instant;

use meshwork::LinkState;
use meshwork_place::canvas::Colour;
use meshwork_place::picture::palette::{self, PLACE};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::app::App;
use super::colours::{Depth, GROUND, is_light, letter};
use super::people::{Row, strand};
use crate::place::counted;
use crate::progress::grouped;

/// Columns of the list of people.
const PEOPLE_WIDTH: u16 = 34;
/// The list folds away below this, unless it is asked for.
const PEOPLE_FROM: u16 = 90;
/// Below these nothing can be painted on.
const SIDES_LEAST: (u16, u16) = (20, 5);
/// Columns of a cursor with its name.
const POINTER_WIDTH: usize = 14;
/// Columns of one colour of the palette.
const SWATCH_WIDTH: u16 = 4;

/// The keys, and what they do.
const HELP: [(&str, &str); 16] = [
    ("arrows", "move the frame, with Shift by 10"),
    ("Space, Enter", "paint the cell"),
    ("1-9, 0", "the first ten colours"),
    ("Q, E", "colour before, after"),
    ("C, X, I", "any colour; last colour; pick"),
    ("U, Ctrl Z", "undo your last stroke"),
    ("+, -, Z", "zoom in, out, reset"),
    ("G", "go to a cell"),
    ("W", "who painted this cell"),
    ("L", "list of people"),
    ("?", "this list"),
    ("q, Ctrl C", "leave"),
    ("click, drag", "paint"),
    ("right drag", "move the canvas"),
    ("wheel", "zoom"),
    ("Esc", "close this"),
];

/// Where things are on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) canvas: Rect,
    people: Option<Rect>,
    pub(super) palette: Option<Rect>,
    status: Rect,
    words: Rect,
    /// Whether a character shows two dots, one above the other.
    pub(super) has_half_blocks: bool,
    /// Whether the terminal is large enough.
    is_enough: bool,
}

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) depth: Depth,
    pub(super) is_unicode: bool,
    /// Whether the frame shows in this moment, where it would hide the cell below it.
    pub(super) blinks: bool,
    pub(super) now: Instant,
}

impl Layout {
    /// The places on a terminal of so many columns and rows.
    pub(super) fn new(
        (width, height): (u16, u16),
        has_half_blocks: bool,
        lists_people: Option<bool>,
    ) -> Layout {
        let lists = lists_people.unwrap_or(width >= PEOPLE_FROM) && width > PEOPLE_WIDTH + SIDES_LEAST.0;
        let canvas_width = if lists { width - PEOPLE_WIDTH } else { width };
        let has_palette = height >= 10 && width >= SWATCH_WIDTH * PLACE.len() as u16;
        let below = if has_palette { 3 } else { 2 };
        let rows = height.saturating_sub(below);
        let row = |from_below: u16| Rect::new(0, height.saturating_sub(from_below), width, height.min(1));
        Layout {
            canvas: Rect::new(0, 0, canvas_width, rows),
            people: lists.then(|| Rect::new(canvas_width, 0, PEOPLE_WIDTH, rows)),
            palette: has_palette.then(|| row(3)),
            status: row(2),
            words: row(1),
            has_half_blocks,
            is_enough: width >= SIDES_LEAST.0 && height >= SIDES_LEAST.1,
        }
    }

    /// Dots across and down of the canvas's part.
    pub(super) fn dots(&self) -> (u16, u16) {
        (self.canvas.width, self.canvas.height * if self.has_half_blocks { 2 } else { 1 })
    }

    /// The upper dot of a character; `None` outside the canvas's part.
    pub(super) fn dot_at(&self, (x, y): (u16, u16)) -> Option<(u16, u16)> {
        let is_inside = self.canvas.contains((x, y).into());
        let row = y - self.canvas.y.min(y);
        is_inside.then(|| (x - self.canvas.x, row * if self.has_half_blocks { 2 } else { 1 }))
    }

    /// Whether the people are listed.
    pub(super) fn has_people(&self) -> bool {
        self.people.is_some()
    }
}

/// The colour of the palette at a place of the terminal.
pub(super) fn palette_at(layout: &Layout, (x, y): (u16, u16)) -> Option<Colour> {
    let palette = layout.palette.filter(|palette| palette.contains((x, y).into()))?;
    let swatch = PLACE.get(usize::from((x - palette.x) / SWATCH_WIDTH))?;
    Some(swatch.colour)
}

/// Draws everything.
pub(super) fn draw(app: &App, look: Look, buffer: &mut Buffer) {
    let layout = &app.layout;
    if !layout.is_enough {
        let words = "Make the terminal larger.";
        buffer.set_stringn(0, 0, words, buffer.area.width.into(), Style::new());
        return;
    }
    draw_canvas(app, look, buffer);
    draw_pointers(app, look, buffer);
    draw_frame(app, look, buffer);
    if let Some(area) = layout.people {
        draw_people(app, look, area, buffer);
    }
    if let Some(area) = layout.palette {
        draw_palette(app, look, area, buffer);
    }
    draw_status(app, buffer);
    draw_words(app, look, buffer);
    if app.is_helping {
        draw_help(layout.canvas, look, buffer);
    }
}

/// What a dot shows.
#[derive(Clone, Copy, PartialEq)]
enum Dot {
    /// Nothing: it lies beside the canvas.
    Beside,
    Ground,
    Painted(Colour),
}

fn dot(app: &App, at: (u16, u16)) -> Dot {
    let Some(cell) = app.view.cell_at(at) else { return Dot::Beside };
    match app.shown.mean(cell, app.view.cells_per_dot()) {
        Some(colour) => Dot::Painted(colour),
        None => Dot::Ground,
    }
}

fn draw_canvas(app: &App, look: Look, buffer: &mut Buffer) {
    let area = app.layout.canvas;
    let colour = |dot: Dot| match dot {
        Dot::Beside => Color::Reset,
        Dot::Ground => look.depth.color(GROUND),
        Dot::Painted(colour) => look.depth.color(colour),
    };
    for y in 0..area.height {
        for x in 0..area.width {
            let place = &mut buffer[(area.x + x, area.y + y)];
            if !app.layout.has_half_blocks {
                let dot = dot(app, (x, y));
                match (dot, look.depth) {
                    (Dot::Beside, _) => place.set_char(' '),
                    (Dot::Ground, Depth::None) => place.set_char('.'),
                    (Dot::Painted(colour), Depth::None) => place.set_char(letter(colour)),
                    (dot, _) => place.set_char(' ').set_bg(colour(dot)),
                };
                continue;
            }
            let (upper, lower) = (dot(app, (x, 2 * y)), dot(app, (x, 2 * y + 1)));
            if upper == lower {
                place.set_char(' ').set_bg(colour(upper));
            } else {
                // The lower half of what is beside the canvas has no colour that a foreground could have.
                let (above, glyph, below) = match lower {
                    Dot::Beside => (upper, '▀', lower),
                    _ if upper == Dot::Beside => (lower, '▄', upper),
                    _ => (upper, '▀', lower),
                };
                place.set_char(glyph).set_fg(colour(above)).set_bg(colour(below));
            }
        }
    }
}

/// The cursors of the others: an arrow, and for a while a name.
fn draw_pointers(app: &App, look: Look, buffer: &mut Buffer) {
    let area = app.layout.canvas;
    for (endpoint, (pointer, moved)) in app.fresh_pointers(look.now) {
        let place = pointer.place();
        let Some((left, top)) = app.view.dot_of((place.0 as u16, place.1 as u16)) else { continue };
        let y = area.y + if app.layout.has_half_blocks { top / 2 } else { top };
        let arrow = if look.is_unicode { "↖" } else { "^" };
        let label = format!("{arrow}{}", app.pointer_name(endpoint, *moved, look.now));
        let mut style = Style::new().add_modifier(Modifier::BOLD);
        if look.depth == Depth::None {
            style = style.add_modifier(Modifier::REVERSED);
        } else {
            let ink =
                if is_light(pointer.colour) { Colour::rgb(0, 0, 0) } else { Colour::rgb(255, 255, 255) };
            style = style.fg(look.depth.color(ink)).bg(look.depth.color(pointer.colour));
        }
        let width = usize::from(area.width - left).min(POINTER_WIDTH);
        buffer.set_stringn(area.x + left, y, label, width, style);
    }
}

/// The frame around the cell that the keys paint.
fn draw_frame(app: &App, look: Look, buffer: &mut Buffer) {
    let Some((left, top)) = app.view.dot_of(app.cursor) else { return };
    let (side, area) = (app.view.dots_per_cell(), app.layout.canvas);
    let half = if app.layout.has_half_blocks { 2 } else { 1 };
    let (first, last) = (top / half, (top + side - 1) / half);
    if side == 1 {
        let place = &mut buffer[(area.x + left, area.y + first)];
        if !app.layout.has_half_blocks {
            place.modifier.insert(Modifier::REVERSED);
        } else if look.blinks {
            let (glyph, other) = if top % 2 == 0 { ('▀', top + 1) } else { ('▄', top - 1) };
            let beside = match dot(app, (left, other)) {
                Dot::Beside => Color::Reset,
                Dot::Ground => look.depth.color(GROUND),
                Dot::Painted(colour) => look.depth.color(colour),
            };
            let marigold = look.depth.color(Colour::rgb(0xf2, 0xa9, 0x00));
            place.set_char(glyph).set_fg(marigold).set_bg(beside);
        }
        return;
    }
    let ground = app.shown.colour(app.cursor.0, app.cursor.1).unwrap_or(GROUND);
    let ink = if is_light(ground) { Colour::rgb(0, 0, 0) } else { Colour::rgb(255, 255, 255) };
    for y in first..=last.min(area.height.saturating_sub(1)) {
        for (x, glyph) in [(left, '['), (left + side - 1, ']')] {
            if x < area.width {
                let place = &mut buffer[(area.x + x, area.y + y)];
                place.set_char(glyph);
                if look.depth != Depth::None {
                    place.set_fg(look.depth.color(ink)).set_bg(look.depth.color(ground));
                }
            }
        }
    }
}

fn draw_palette(app: &App, look: Look, area: Rect, buffer: &mut Buffer) {
    for ((number, swatch), x) in (1_u32..).zip(&PLACE).zip((area.x..).step_by(SWATCH_WIDTH.into())) {
        // The last two have no key of their own.
        let key = if number <= 10 { char::from_digit(number % 10, 10).unwrap_or(' ') } else { ' ' };
        let is_chosen = swatch.colour == app.colour;
        let style = if is_chosen { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        buffer[(x, area.y)].set_char(key).set_style(style);
        for at in [x + 1, x + 2] {
            match look.depth {
                Depth::None => buffer[(at, area.y)].set_char(letter(swatch.colour)).set_style(style),
                depth => buffer[(at, area.y)].set_char(' ').set_bg(depth.color(swatch.colour)),
            };
        }
    }
    let x = area.x + SWATCH_WIDTH * PLACE.len() as u16;
    if x + 14 < area.right() {
        buffer.set_string(x, area.y, palette::name(Some(app.colour)), Style::new());
        if look.depth != Depth::None {
            let own = &mut buffer[(x + 9, area.y)];
            own.set_char(' ').set_bg(look.depth.color(app.colour));
        }
    }
}

fn draw_status(app: &App, buffer: &mut Buffer) {
    let area = app.layout.status;
    let linked = app.people.iter().filter(|row| row.is_linked).count();
    let (x, y) = app.cursor;
    let colour = palette::name(app.shown.colour(x, y));
    let mut parts = vec![
        app.code.clone(),
        format!("{linked} linked"),
        format!("x {x}, y {y}, {colour}"),
        app.shown.size().to_string(),
        app.view.zoom_words(),
        counted_cells(app.shown.painted()),
    ];
    if let Some(words) = &app.allowance {
        parts.insert(3, words.clone());
    }
    let style = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(area, style);
    let (mut at, hint) = (area.x + 1, "? help");
    let most = area.right().saturating_sub(hint.len() as u16 + 2);
    for part in parts {
        // What does not fit whole is left out: half a number misleads.
        if at + part.chars().count() as u16 > most {
            break;
        }
        (at, _) = buffer.set_stringn(at, area.y, &part, usize::from(most - at), style);
        at += 2;
    }
    buffer.set_string(most + 1, area.y, hint, style);
}

fn draw_words(app: &App, look: Look, buffer: &mut Buffer) {
    let area = app.layout.words;
    let width = usize::from(area.width);
    if let Some(prompt) = &app.prompt {
        let (at, _) = buffer.set_stringn(area.x, area.y, prompt.question, width, Style::new());
        let line = format!("{}_", prompt.text);
        buffer.set_stringn(
            at,
            area.y,
            line,
            width - usize::from(at),
            Style::new().add_modifier(Modifier::BOLD),
        );
        return;
    }
    let (words, is_bad) = &app.words;
    let mut style = Style::new();
    if *is_bad {
        style = style.add_modifier(Modifier::BOLD);
        if look.depth != Depth::None {
            style = style.fg(Color::Red);
        }
    }
    buffer.set_stringn(area.x, area.y, words, width, style);
}

fn draw_people(app: &App, look: Look, area: Rect, buffer: &mut Buffer) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let linked = app.people.iter().filter(|row| row.is_linked).count();
    let wall = if look.is_unicode { '│' } else { '|' };
    for y in area.y..area.bottom() {
        buffer[(area.x, y)].set_char(wall).modifier.insert(Modifier::DIM);
    }
    let (left, width) = (area.x + 2, usize::from(area.width - 2));
    buffer.set_stringn(left, area.y, format!("People, {linked} linked"), width, bold);
    let rows = usize::from(area.height.saturating_sub(1)) / 2;
    let others = app.people.len() + app.beyond;
    let shown = if others > rows { rows.saturating_sub(1) } else { rows };
    let shown = shown.min(app.people.len());
    for (y, row) in (area.y + 1..).step_by(2).zip(app.people.iter().take(shown)) {
        draw_person(row, look, (left, y), width, buffer);
    }
    let more = others - shown;
    let below = area.y + 1 + 2 * shown as u16;
    if more > 0 && below < area.bottom() {
        buffer.set_stringn(left, below, format!("and {more} more"), width, Style::new());
    }
    if app.people.is_empty() && area.height > 3 {
        buffer.set_stringn(left, area.y + 1, "Nobody else is here yet.", width, Style::new());
        buffer.set_stringn(left, area.y + 2, "Send the link to someone.", width, Style::new());
    }
}

fn draw_person(row: &Row, look: Look, (x, y): (u16, u16), width: usize, buffer: &mut Buffer) {
    let colour = match row.state {
        LinkState::Direct | LinkState::Relayed => Some(Color::Green),
        LinkState::Connecting => Some(Color::Blue),
        _ => None,
    };
    let style = match colour.filter(|_| look.depth != Depth::None) {
        Some(colour) => Style::new().fg(colour),
        None => Style::new(),
    };
    let style = if row.is_linked { style } else { style.add_modifier(Modifier::DIM) };
    let (at, _) = buffer.set_stringn(x, y, strand(row.state, look.is_unicode), width, style);
    let rest = width.saturating_sub(usize::from(at - x) + 1);
    buffer.set_stringn(at + 1, y, &row.called, rest, Style::new());
    let state = row.state.to_string();
    let words = if row.beside.is_empty() { state } else { format!("{state}, {}", row.beside) };
    buffer.set_stringn(at + 1, y + 1, words, rest, Style::new().add_modifier(Modifier::DIM));
}

fn draw_help(area: Rect, look: Look, buffer: &mut Buffer) {
    let wide = 52.min(area.width);
    let high = (HELP.len() as u16 + 3).min(area.height);
    let place = Rect::new(area.x + (area.width - wide) / 2, area.y + (area.height - high) / 2, wide, high);
    for y in place.y..place.bottom() {
        for x in place.x..place.right() {
            buffer[(x, y)].reset();
        }
    }
    let style = Style::new().add_modifier(Modifier::BOLD);
    let inside = usize::from(wide.saturating_sub(2));
    buffer.set_stringn(place.x + 1, place.y, "Keys", inside, style);
    for (y, (keys, does)) in (place.y + 1..place.bottom()).zip(HELP) {
        buffer.set_stringn(place.x + 1, y, format!("{keys:<14}{does}"), inside, Style::new());
    }
    let last = place.y + 1 + HELP.len() as u16;
    if look.depth == Depth::None && last < place.bottom() {
        let letters = "Letters: K black, S grey, W white, . unpainted";
        buffer.set_stringn(place.x + 1, last, letters, inside, Style::new());
    }
}

fn counted_cells(count: usize) -> String {
    if count == 1 { counted(1, "cell") } else { format!("{} cells", grouped(count as u64)) }
}

#[cfg(test)]
mod tests;
