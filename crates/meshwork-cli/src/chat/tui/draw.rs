//! Draws conversations, people and the typed line on a terminal.

use std::time::Duration;

use meshwork::{LinkState, PeerId};
use meshwork_place::canvas::Colour;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::model::{Author, Conversation, Entry, Guest, Model, Person, Said};
use crate::duration::clock;
use crate::place::tui::colours::Depth;
use crate::place::tui::people::{rtt_words, strand};

/// Columns of the conversations.
const LEFT: u16 = 21;
/// Columns of the people.
const RIGHT: u16 = 33;
/// Columns below which the conversations go away.
const LEFT_FROM: u16 = 66;
/// Columns below which the people go away.
const RIGHT_FROM: u16 = 100;
/// Columns in front of a text, for the letter of its author.
const INDENT: u16 = 4;

/// Colours of people, by key; the own colour is apart.
const PEOPLE: [Colour; 8] = [
    Colour::rgb(0x82, 0xa9, 0xf5),
    Colour::rgb(0xf0, 0x8c, 0xa6),
    Colour::rgb(0x4e, 0xc9, 0xb8),
    Colour::rgb(0xf4, 0x96, 0x7c),
    Colour::rgb(0xb7, 0x98, 0xf0),
    Colour::rgb(0x8f, 0xca, 0x6c),
    Colour::rgb(0x6f, 0xc3, 0xe8),
    Colour::rgb(0xdd, 0x9f, 0xd6),
];
const OWN: Colour = Colour::rgb(0xf2, 0xb0, 0x24);
const LINKED: Colour = Colour::rgb(0x4d, 0xa3, 0xf0);
const BLACK: Colour = Colour::rgb(0, 0, 0);
const WHITE: Colour = Colour::rgb(255, 255, 255);

/// The keys, and their meanings.
const KEYS: [(&str, &str); 5] = [
    ("Tab", "next one"),
    ("PgUp", "older"),
    ("Ctrl N", "write to"),
    ("Ctrl C", "leave"),
    ("/help", "commands"),
];

/// The means of the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) depth: Depth,
    pub(super) is_unicode: bool,
}

/// The places of the parts.
struct Layout {
    left: Option<Rect>,
    middle: Rect,
    right: Option<Rect>,
    status: Rect,
    input: Rect,
}

impl Layout {
    fn new(area: Rect) -> Layout {
        let Rect { width, height, .. } = area;
        let input = Rect::new(0, height.saturating_sub(1), width, height.min(1));
        let status_rows = u16::from(height >= 3);
        let status = Rect::new(0, height.saturating_sub(2), width, status_rows);
        let rows = height.saturating_sub(1 + status_rows);
        let left = (width >= LEFT_FROM).then(|| Rect::new(0, 0, LEFT, rows));
        let right = (width >= RIGHT_FROM).then(|| Rect::new(width - RIGHT, 0, RIGHT, rows));
        // A column for the wall, and one of air.
        let from = left.map_or(0, |left| left.width + 2);
        let to = right.map_or(width, |right| right.x - 2);
        Layout { left, middle: Rect::new(from, 0, to - from, rows), right, status, input }
    }
}

/// Rows of posts that the terminal has.
pub(super) fn page(area: Rect) -> usize {
    posts_area(Layout::new(area).middle).height.into()
}

/// Draws everything. Returns the place of the cursor.
pub(super) fn draw(model: &mut Model, look: Look, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let layout = Layout::new(buffer.area);
    if buffer.area.width == 0 || buffer.area.height == 0 {
        return None;
    }
    // Parts of a low terminal may reach below their areas: the last two rows are drawn last.
    for wall in [layout.left.map(Rect::right), layout.right.map(|right| right.x - 2)].into_iter().flatten() {
        for y in 0..layout.middle.height {
            let bar = if look.is_unicode { "│" } else { "|" };
            look.put(buffer, (wall, y), bar, 1, Look::dim());
        }
    }
    if let Some(area) = layout.left {
        draw_conversations(model, look, area, buffer);
    }
    draw_posts(model, look, layout.middle, buffer);
    if let Some(area) = layout.right {
        draw_people(model, look, area, buffer);
    }
    draw_status(model, look, layout.status, buffer);
    draw_input(model, look, layout.input, buffer)
}

impl Look {
    fn dim() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn bold() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn ink(self, colour: Colour) -> Style {
        match self.depth {
            Depth::None => Style::new(),
            depth => Style::new().fg(depth.color(colour)),
        }
    }

    /// Dark letters on a colour.
    fn chip(self, colour: Colour) -> Style {
        match self.depth {
            Depth::None => Look::bold().add_modifier(Modifier::REVERSED),
            depth => Look::bold().fg(depth.color(BLACK)).bg(depth.color(colour)),
        }
    }

    /// Writes a text. Returns the column behind it.
    fn put(self, buffer: &mut Buffer, (x, y): (u16, u16), text: &str, width: u16, style: Style) -> u16 {
        let area = buffer.area;
        if x >= area.right() || y >= area.bottom() {
            return x;
        }
        buffer.set_stringn(x, y, text, width.min(area.right() - x).into(), style).0
    }

    /// Writes a text at the right end of a row, if it fits.
    fn put_right(self, buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
        let width = columns(text);
        if width >= area.width || y >= area.bottom() {
            return area.right();
        }
        let x = area.right() - width;
        self.put(buffer, (x, y), text, width, style);
        x
    }
}

fn columns(text: &str) -> u16 {
    Span::raw(text).width().try_into().unwrap_or(u16::MAX)
}

fn colour(model: &Model, author: &Author) -> Colour {
    match author {
        Author::Person(peer) => colour_of(model, *peer),
        Author::Guest(_) => Colour::rgb(0xa0, 0xa8, 0xa4),
    }
}

fn colour_of(model: &Model, peer: PeerId) -> Colour {
    if peer == model.me { OWN } else { PEOPLE[usize::from(peer.0[0]) % PEOPLE.len()] }
}

/// The letter of a name, in the colour of its owner.
fn letter(name: &str) -> String {
    let first = name.chars().find(|letter| letter.is_alphanumeric()).unwrap_or('?');
    first.to_uppercase().collect()
}

fn draw_conversations(model: &Model, look: Look, area: Rect, buffer: &mut Buffer) {
    look.put(buffer, (1, area.y), "Conversations", area.width - 1, Look::bold());
    let keys = if area.height >= 16 { KEYS.len() as u16 } else { 0 };
    let bottom = area.bottom().saturating_sub(keys);
    let fits = usize::from(bottom.saturating_sub(2)).div_ceil(2);
    let from = (model.chosen + 1).saturating_sub(fits.max(1));
    let rows = (area.y + 2..bottom).step_by(2);
    for (y, (place, conversation)) in rows.zip(model.conversations.iter().enumerate().skip(from)) {
        let is_chosen = place == model.chosen;
        draw_conversation(model, conversation, is_chosen, look, Rect::new(area.x, y, area.width, 1), buffer);
    }
    for (y, (key, does)) in (bottom..area.bottom()).zip(KEYS) {
        look.put(buffer, (1, y), key, 8, Look::dim());
        look.put(buffer, (9, y), does, area.width - 9, Look::dim());
    }
}

fn draw_conversation(
    model: &Model,
    conversation: &Conversation,
    is_chosen: bool,
    look: Look,
    row: Rect,
    buffer: &mut Buffer,
) {
    let title = model.title(conversation);
    if is_chosen {
        let edge = if look.is_unicode { "▌" } else { ">" };
        look.put(buffer, (row.x, row.y), edge, 1, look.ink(LINKED));
    }
    let count = conversation.unread.to_string();
    let end = match conversation.unread {
        0 => row.right(),
        _ => look.put_right(buffer, row, row.y, &count, look.ink(OWN).add_modifier(Modifier::BOLD)),
    };
    let x = match conversation.with {
        Some(peer) => {
            let chip = format!(" {} ", letter(&title));
            look.put(buffer, (row.x + 1, row.y), &chip, 3, look.chip(colour_of(model, peer))) + 1
        }
        None => row.x + 1,
    };
    let style = if is_chosen { Look::bold() } else { Style::new() };
    look.put(buffer, (x, row.y), &title, end.saturating_sub(x + 1), style);
}

/// The area of the posts below the heading; of a low terminal all of it.
fn posts_area(area: Rect) -> Rect {
    let heading = if area.height >= 8 { 2 } else { 0 };
    Rect::new(area.x, area.y + heading, area.width, area.height - heading)
}

fn draw_posts(model: &mut Model, look: Look, area: Rect, buffer: &mut Buffer) {
    let posts = posts_area(area);
    if posts.y > area.y {
        let kind = if model.here().with.is_some() { "for the two of you" } else { "on this network" };
        let end = look.put_right(buffer, area, area.y, kind, Look::dim());
        let title = model.title(model.here());
        look.put(buffer, (area.x, area.y), &title, end.saturating_sub(area.x + 1), Look::bold());
        let line = if look.is_unicode { "─" } else { "-" }.repeat(area.width.into());
        look.put(buffer, (area.x, area.y + 1), &line, area.width, Look::dim());
    }
    let height = usize::from(posts.height);
    let rows = rows(model, look, posts.width, model.here().back.saturating_add(height));
    model.limit_scroll(rows.len().saturating_sub(height));
    let to = rows.len() - model.here().back.min(rows.len());
    let shown = &rows[to.saturating_sub(height)..to];
    for (y, row) in (posts.y..).zip(shown) {
        for (x, text, style) in row {
            look.put(buffer, (posts.x + x, y), text, posts.width.saturating_sub(*x), *style);
        }
    }
}

/// Texts with their columns.
type Row = Vec<(u16, String, Style)>;

/// The last rows of the chosen conversation: all of the latest entries that fill so many rows.
fn rows(model: &Model, look: Look, width: u16, wanted: usize) -> Vec<Row> {
    let conversation = model.here();
    let is_new = |entry: &Entry| matches!(entry, Entry::Said(said) if said.is_new);
    let first_new = conversation.entries.iter().position(is_new);
    let (mut groups, mut count) = (Vec::new(), 0);
    for (place, entry) in conversation.entries.iter().enumerate().rev() {
        let mut rows: Vec<Row> = Vec::new();
        if place > 0 {
            rows.push(Row::new());
        }
        if first_new == Some(place) {
            rows.push(new_row(conversation.new_posts(), look, width));
            rows.push(Row::new());
        }
        match entry {
            Entry::Said(said) => post_rows(model, said, look, width, &mut rows),
            Entry::Note(link, words) => note_rows(*link, words, look, width, &mut rows),
        }
        count += rows.len();
        groups.push(rows);
        if count >= wanted {
            break;
        }
    }
    groups.into_iter().rev().flatten().collect()
}

/// The line above the first new post.
fn new_row(count: usize, look: Look, width: u16) -> Row {
    let words = format!(" {count} new ");
    let line = if look.is_unicode { "─" } else { "-" };
    let rest = usize::from(width.saturating_sub(columns(&words)));
    let text = format!("{}{words}{}", line.repeat(rest / 2), line.repeat(rest - rest / 2));
    vec![(0, text, look.ink(OWN).add_modifier(Modifier::BOLD))]
}

fn post_rows(model: &Model, said: &Said, look: Look, width: u16, rows: &mut Vec<Row>) {
    let (name, colour) = (model.author(&said.author), colour(model, &said.author));
    let edited = if said.is_edited { " edited" } else { "" };
    let at = format!(" {}{edited}", clock(said.at_ms));
    let inside = width.saturating_sub(INDENT).max(1);
    let name = cut(&name, inside.saturating_sub(columns(&at)));
    let behind = INDENT + columns(&name);
    rows.push(vec![
        (0, format!(" {} ", letter(&name)), look.chip(colour)),
        (INDENT, name, look.ink(colour).add_modifier(Modifier::BOLD)),
        (behind, at, Look::dim()),
    ]);
    if let Some((peer, text)) = &said.quote {
        let bar = if look.is_unicode { "▎ " } else { "> " };
        let words = cut(&format!("{}: {text}", model.name(*peer)), inside.saturating_sub(2));
        rows.push(vec![
            (INDENT, String::from(bar), look.ink(colour_of(model, *peer))),
            (INDENT + 2, words, Look::dim()),
        ]);
    }
    rows.extend(wrap(&said.text, inside).into_iter().map(|line| vec![(INDENT, line, Style::new())]));
    if !said.reactions.is_empty() {
        rows.push(vec![(INDENT, cut(&said.reactions, inside), Look::dim())]);
    }
}

fn note_rows(link: Option<LinkState>, words: &str, look: Look, width: u16, rows: &mut Vec<Row>) {
    let indent = if link.is_some() { 5 } else { INDENT };
    let lines = wrap(words, width.saturating_sub(indent).max(1));
    for (number, line) in lines.into_iter().enumerate() {
        let mut row = vec![(indent, line, Look::dim())];
        if let Some(link) = link.filter(|_| number == 0) {
            row.push((0, String::from(strand(link, look.is_unicode)), Look::dim()));
        }
        rows.push(row);
    }
}

/// The beginning of a text that fits in so many columns.
fn cut(text: &str, width: u16) -> String {
    wrap_line(text.lines().next().unwrap_or_default(), width.max(1)).into_iter().next().unwrap_or_default()
}

/// Breaks a text into lines of so many columns, between words if possible.
pub(super) fn wrap(text: &str, width: u16) -> Vec<String> {
    text.lines().flat_map(|line| wrap_line(line, width)).collect()
}

fn wrap_line(line: &str, width: u16) -> Vec<String> {
    let (mut lines, mut current, mut used) = (Vec::new(), String::new(), 0);
    // The byte behind the last blank of the current line, if a word precedes it.
    let mut blank = None;
    let span = Span::raw(line);
    for letter in span.styled_graphemes(Style::new()) {
        let wide = columns(letter.symbol);
        if used + wide > width && !current.is_empty() {
            let rest = match blank.take() {
                Some(at) if letter.symbol != " " => current.split_off(at),
                _ => String::new(),
            };
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
            used = columns(&rest);
            current = rest;
            if letter.symbol == " " {
                continue;
            }
        }
        current.push_str(letter.symbol);
        used += wide;
        if letter.symbol == " " && !current.trim().is_empty() {
            blank = Some(current.len());
        }
    }
    lines.push(current);
    lines
}

fn draw_people(model: &Model, look: Look, area: Rect, buffer: &mut Buffer) {
    let title = format!(", {} linked", model.linked());
    let x = look.put(buffer, (area.x, area.y), "People", area.width, Look::bold());
    look.put(buffer, (x, area.y), &title, area.width, Style::new());
    let mut y = area.y + 1;
    // Guests keep a few rows.
    let guests = if model.guests.is_empty() { 0 } else { 2 + model.guests.len().min(3) as u16 };
    let most = usize::from(area.height.saturating_sub(1 + guests)) / 2;
    let shown = if model.people.len() > most { most.saturating_sub(1) } else { model.people.len() };
    for person in model.people.iter().take(shown) {
        draw_person(person, look, Rect::new(area.x, y, area.width, 2), buffer);
        y += 2;
    }
    if model.people.len() > shown {
        let more = format!("and {} more", model.people.len() - shown);
        look.put(buffer, (area.x + 5, y), &more, area.width - 5, Look::dim());
        y += 1;
    }
    if model.people.is_empty() && area.height > 3 {
        look.put(buffer, (area.x, y), "Nobody else is here yet.", area.width, Look::dim());
        y += 1;
    }
    y = draw_guests(
        &model.guests,
        look,
        Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y)),
        buffer,
    );
    draw_phones(model, look, Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y)), buffer);
}

fn draw_person(person: &Person, look: Look, area: Rect, buffer: &mut Buffer) {
    let (name_style, strand_style) = match person.is_linked {
        true => (Look::bold(), look.ink(LINKED)),
        false => (Style::new(), Look::dim()),
    };
    let state = match person.link {
        LinkState::Direct | LinkState::Relayed => person.rtt.map(rtt_words).unwrap_or_default(),
        other => other.to_string(),
    };
    look.put(buffer, (area.x, area.y), strand(person.link, look.is_unicode), 4, strand_style);
    let row = |y| Rect::new(area.x, y, area.width, 1);
    let end = look.put_right(buffer, row(area.y), area.y, &state, Style::new());
    let width = |end: u16| end.saturating_sub(area.x + 6);
    look.put(buffer, (area.x + 5, area.y), &person.name, width(end), name_style);
    let y = area.y + 1;
    let silent = person.silent.map(ago).unwrap_or_default();
    let end = look.put_right(buffer, row(y), y, &silent, Look::dim());
    look.put(buffer, (area.x + 5, y), &person.address, width(end), Look::dim());
}

/// Draws guests. Returns the row behind them.
fn draw_guests(guests: &[Guest], look: Look, area: Rect, buffer: &mut Buffer) -> u16 {
    if guests.is_empty() || area.height < 3 {
        return area.y;
    }
    let y = area.y + 1;
    let x = look.put(buffer, (area.x, y), "Guests", area.width, Look::bold());
    look.put(buffer, (x, y), ", unproved", area.width, Look::dim());
    let mut below = y + 1;
    for (y, guest) in (y + 1..area.bottom()).zip(guests) {
        let row = Rect::new(area.x, y, area.width, 1);
        let words = format!("{} {}", guest.address, ago(guest.silent));
        let end = look.put_right(buffer, row, y, &words, Look::dim());
        look.put(buffer, (area.x + 5, y), &guest.name, end.saturating_sub(area.x + 6), Style::new());
        below = y + 1;
    }
    below
}

/// Draws the address for phones, and its code if there is room.
fn draw_phones(model: &Model, look: Look, area: Rect, buffer: &mut Buffer) {
    let Some(phones) = model.phones.as_ref().filter(|_| area.height >= 3) else { return };
    look.put(buffer, (area.x, area.y + 1), "Phones on this network", area.width, Look::bold());
    look.put(buffer, (area.x, area.y + 2), &phones.url, area.width, look.ink(LINKED));
    let is_wide = phones.qr.iter().any(|line| columns(line) > area.width);
    if is_wide || !look.is_unicode || area.height < 3 + phones.qr.len() as u16 {
        return;
    }
    let style = match look.depth {
        Depth::None => Style::new(),
        depth => Style::new().fg(depth.color(WHITE)).bg(depth.color(BLACK)),
    };
    for (y, line) in (area.y + 3..).zip(&phones.qr) {
        look.put(buffer, (area.x, y), line, area.width, style);
    }
}

fn ago(silent: Duration) -> String {
    format!("{} s ago", silent.as_secs())
}

fn draw_status(model: &Model, look: Look, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let style = Style::new().add_modifier(Modifier::REVERSED);
    clear(area, buffer);
    buffer.set_style(area, style);
    let hint = "Ctrl C leave ";
    let end = look.put_right(buffer, area, area.y, hint, style);
    let linked = format!("{} linked", model.linked());
    let mut x = area.x + 1;
    let bold = style.add_modifier(Modifier::BOLD);
    for (part, style) in [(&model.network, bold), (&linked, style), (&model.own, style)] {
        // Parts that do not fit are left out.
        if x + columns(part) < end {
            x = look.put(buffer, (x, area.y), part, end - x, style) + 3;
        }
    }
}

/// Draws the typed line, scrolled so that its cursor shows. Returns the place of the cursor.
fn draw_input(model: &Model, look: Look, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    if area.height == 0 {
        return None;
    }
    clear(area, buffer);
    let title = model.title(model.here());
    let mut x = area.x;
    if area.width >= 30 {
        x = look.put(buffer, (x + 1, area.y), &title, area.width / 3, Look::dim()) + 1;
    }
    if area.width >= 8 {
        x = look.put(buffer, (x, area.y), "> ", 2, look.ink(OWN).add_modifier(Modifier::BOLD));
    }
    let (before, after) = model.input.parts();
    let shown = |text: &str| text.replace('\n', if look.is_unicode { "↵" } else { " " });
    let (before, after) = (shown(before), shown(after));
    let room = area.right().saturating_sub(x + 1);
    let tail = ending(&before, room);
    let at = look.put(buffer, (x, area.y), tail, room, Style::new());
    look.put(buffer, (at, area.y), &after, area.right().saturating_sub(at), Style::new());
    Some((at.min(area.right() - 1), area.y))
}

fn clear(area: Rect, buffer: &mut Buffer) {
    for x in area.left()..area.right() {
        buffer[(x, area.y)].reset();
    }
}

/// The end of a text that fits in so many columns.
fn ending(text: &str, room: u16) -> &str {
    let mut used = 0_u16;
    let fits = |(at, letter): (usize, char)| {
        used = used.saturating_add(columns(letter.encode_utf8(&mut [0; 4])));
        (used <= room).then_some(at)
    };
    let from = text.char_indices().rev().map_while(fits).last();
    &text[from.unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests;
