//! What is drawn, character by character.

use std::time::Duration;

use meshwork::{Cursor, EndpointId, PeerId};
use meshwork_core::id::Instance;
use meshwork_place::canvas::CanvasSize;

use super::super::people::{self, Person};
use super::*;

const ENDPOINT: EndpointId = EndpointId { peer: PeerId([1; 32]), instance: Instance(1) };
const RED: Colour = Colour::rgb(0xe6, 0x19, 0x4b);
const BLUE: Colour = Colour::rgb(0x43, 0x63, 0xd8);

fn look(depth: Depth) -> Look {
    Look { depth, is_unicode: depth != Depth::None, blinks: false, now: Instant::now() }
}

/// A canvas of 60 by 54 on a terminal where each cell is a dot.
fn app(depth: Depth, area: (u16, u16)) -> App {
    let layout = Layout::new(area, depth != Depth::None, None);
    let mut app = App::new("K7M4QX".into(), CanvasSize { width: 60, height: 54 }, layout);
    app.change(&[(5, 4, RED), (5, 5, BLUE), (7, 4, RED)]);
    app
}

fn drawn(app: &App, look: Look, (width, height): (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(app, look, &mut buffer);
    buffer
}

fn line(buffer: &Buffer, y: u16) -> String {
    (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect()
}

fn person(called: &str, state: LinkState, beside: &str) -> Row {
    let person = Person {
        endpoint: ENDPOINT,
        name: called,
        reason: Some(beside),
        rtt: Some(Duration::from_millis(23)),
        ..people::example(state)
    };
    Row::new(&person)
}

#[test]
fn two_cells_are_one_character() {
    let area = (60, 30);
    let buffer = drawn(&app(Depth::True, area), look(Depth::True), area);
    let both = &buffer[(5, 2)];
    assert_eq!(
        (both.symbol(), both.fg, both.bg),
        ("▀", Color::Rgb(0xe6, 0x19, 0x4b), Color::Rgb(0x43, 0x63, 0xd8))
    );
    let upper = &buffer[(7, 2)];
    let ground = Depth::True.color(GROUND);
    assert_eq!((upper.symbol(), upper.fg, upper.bg), ("▀", Color::Rgb(0xe6, 0x19, 0x4b), ground));
    assert_eq!((buffer[(6, 2)].symbol(), buffer[(6, 2)].bg), (" ", ground));
}

#[test]
fn without_colours_there_are_letters() {
    let area = (60, 30);
    let buffer = drawn(&app(Depth::None, area), look(Depth::None), area);
    assert_eq!(&line(&buffer, 4)[4..9], ".R.R.");
    assert_eq!(&line(&buffer, 5)[4..9], ".B...");
    let has_colour = |place: &ratatui::buffer::Cell| place.fg != Color::Reset || place.bg != Color::Reset;
    assert!(!buffer.content().iter().any(has_colour));
    assert!(buffer.content().iter().all(|place| place.symbol().is_ascii()), "and nothing but ASCII");
}

#[test]
fn the_frame_is_where_the_keys_paint() {
    let area = (60, 30);
    let mut app = app(Depth::None, area);
    app.cursor = (5, 4);
    let buffer = drawn(&app, look(Depth::None), area);
    assert!(buffer[(5, 4)].modifier.contains(Modifier::REVERSED));
    app.view.zoom(true, (5, 4));
    let place = app.view.dot_of((5, 4)).unwrap();
    let buffer = drawn(&app, look(Depth::None), area);
    assert_eq!(buffer[(place.0, place.1)].symbol(), "[");
    assert_eq!(buffer[(place.0 + 1, place.1)].symbol(), "]");
}

#[test]
fn the_status_tells_the_place_and_cells_left() {
    let area = (100, 30);
    let mut app = app(Depth::True, area);
    app.cursor = (5, 4);
    app.allowance = Some("60 cells every 60 s, 60 left".into());
    app.complain("You are banned in this room.");
    let buffer = drawn(&app, look(Depth::True), area);
    let status = line(&buffer, 28);
    for part in
        ["K7M4QX", "0 linked", "x 5, y 4, red", "60 cells every 60 s, 60 left", "60x54", "3 cells", "? help"]
    {
        assert!(status.contains(part), "{part:?} is missing: {status}");
    }
    assert!(line(&buffer, 29).starts_with("You are banned"));
}

#[test]
fn people_are_listed_where_there_is_room() {
    let area = (100, 30);
    let mut app = app(Depth::True, area);
    app.people =
        vec![person("Lin", LinkState::Direct, ""), person("Tomasz", LinkState::Gone, "closed the tab")];
    let buffer = drawn(&app, look(Depth::True), area);
    let text: Vec<_> = (0..28).map(|y| line(&buffer, y)).collect();
    for part in ["People, 1 linked", "──── Lin", "direct, 23 ms", "─╳ ─ Tomasz", "gone, closed the tab"]
    {
        assert!(text.iter().any(|line| line.contains(part)), "{part:?} is missing: {text:#?}");
    }
    // Folded away on a narrow terminal, and there when it is asked for.
    assert!(!Layout::new((80, 24), true, None).has_people());
    assert!(Layout::new((80, 24), true, Some(true)).has_people());
    app.people = vec![person("Lin", LinkState::Direct, ""); 40];
    let buffer = drawn(&app, look(Depth::True), area);
    assert!((0..28).any(|y| line(&buffer, y).contains("and 28 more")));
}

#[test]
fn any_size_of_terminal_is_drawn() {
    for width in (1..=120).step_by(7) {
        for height in 1..=30 {
            for depth in [Depth::True, Depth::None] {
                let mut app = app(depth, (width, height));
                app.lists_people = Some(width % 2 == 0);
                app.lay_out((width, height));
                app.is_helping = height % 2 == 0;
                drawn(&app, Look { blinks: true, ..look(depth) }, (width, height));
            }
        }
    }
}

#[test]
fn each_colour_is_clicked_where_it_is_drawn() {
    let area = (60, 30);
    let app = app(Depth::True, area);
    let buffer = drawn(&app, look(Depth::True), area);
    let palette = app.layout.palette.unwrap();
    for (number, swatch) in PLACE.iter().enumerate() {
        let x = palette.x + SWATCH_WIDTH * number as u16 + 1;
        assert_eq!(buffer[(x, palette.y)].bg, Depth::True.color(swatch.colour));
        assert_eq!(palette_at(&app.layout, (x, palette.y)), Some(swatch.colour));
    }
    assert_eq!(palette_at(&app.layout, (0, 0)), None);
}

#[test]
fn cursors_of_others_are_named_while_moving() {
    let area = (60, 30);
    let mut app = app(Depth::True, area);
    app.people = vec![person("Lin", LinkState::Direct, "")];
    let pointer = Cursor::new(app.shown.size(), (20.5, 8.5), false, RED);
    let now = Instant::now();
    app.point(ENDPOINT, Some(pointer), now);
    let buffer = drawn(&app, Look { now, ..look(Depth::True) }, area);
    assert!(line(&buffer, 4)[20..].starts_with("↖Lin "), "{}", line(&buffer, 4));
    assert_eq!(buffer[(20, 4)].bg, Depth::True.color(RED));
    let later = now + Duration::from_secs(4);
    let buffer = drawn(&app, Look { now: later, ..look(Depth::True) }, area);
    assert!(line(&buffer, 4)[20..].starts_with("↖ "));
    app.point(ENDPOINT, None, later);
    assert!(!line(&drawn(&app, look(Depth::True), area), 4).contains('↖'));
}
