//! The drawing, character by character.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::super::model::tests::{LIN, ME, said};
use super::super::model::{Guest, Phones};
use super::*;

const SOFIA: PeerId = PeerId([3; 32]);
const LOOK: Look = Look { depth: Depth::True, is_unicode: true };

/// The commons of the picture: three people, a guest, a phone page, and two new posts.
fn model() -> Model {
    let mut model = Model::new(ME);
    [(ME, "Mira"), (LIN, "Lin"), (SOFIA, "Sofia")]
        .iter()
        .for_each(|(peer, name)| model.set_name(*peer, name));
    model.own = String::from("Mira at 192.168.178.24:8000");
    let person = |name: &str, link, rtt_ms: Option<u64>| Person {
        name: name.to_owned(),
        link,
        is_linked: link == LinkState::Direct,
        rtt: rtt_ms.map(Duration::from_millis),
        address: String::from("192.168.178.40:8000"),
        silent: Some(Duration::from_secs(2)),
    };
    model.people = vec![
        person("Lin", LinkState::Direct, Some(2)),
        person("Sofia", LinkState::Direct, None),
        person("Adaeze", LinkState::Gone, None),
    ];
    let address = String::from("192.168.178.61");
    model.guests = vec![Guest { name: String::from("ana"), address, silent: Duration::from_secs(14) }];
    let qr = vec!["█".repeat(33); 17];
    model.phones = Some(Phones { url: String::from("http://192.168.178.24:8000"), qr });
    let mut asking =
        said(LIN, 1, "No signal on the ferry, but its Wi-Fi lets us talk. Is anyone else on board?");
    asking.reactions = String::from("👍 2");
    model.put(None, asking, true);
    let mut answer = said(SOFIA, 2, "Deck 4, by the window.");
    answer.quote = Some((LIN, String::from("Is anyone else on board?")));
    model.put(None, answer, true);
    model.note_link(LinkState::Gone, "Adaeze is gone, closed the program");
    model.put(Some(LIN), said(LIN, 3, "Only for you."), true);
    model.input.set("Keep one for me");
    model
}

/// The rows of a drawn terminal, and the place of the cursor.
fn drawn(model: &mut Model, look: Look, (width, height): (u16, u16)) -> (Vec<String>, Option<(u16, u16)>) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut cursor = None;
    terminal.draw(|frame| cursor = draw(model, look, frame.buffer_mut())).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect();
    ((0..height).map(row).collect(), cursor)
}

fn row_with<'a>(rows: &'a [String], words: &str) -> &'a str {
    let found = rows.iter().find(|row| row.contains(words));
    found.unwrap_or_else(|| panic!("no {words:?} in\n{}", rows.join("\n")))
}

#[test]
fn a_large_terminal_shows_three_columns() {
    let (rows, cursor) = drawn(&mut model(), LOOK, (120, 36));
    let head = &rows[0];
    for part in ["Conversations", "Everyone here", "on this network", "People, 2 linked"] {
        assert!(head.contains(part), "{head}");
    }
    assert!(row_with(&rows, " L  Lin ").contains('1'), "an unread post");
    assert!(row_with(&rows, "──── Lin").ends_with("2 ms"));
    assert!(row_with(&rows, "192.168.178.40:8000").ends_with("2 s ago"));
    assert!(row_with(&rows, "─╳ ─ Adaeze ").ends_with("gone"));
    assert!(row_with(&rows, "     ana").ends_with("192.168.178.61 14 s ago"));
    for part in
        ["Guests, unproved", "Phones on this network", "http://192.168.178.24:8000", "▎ Lin: Is anyone else"]
    {
        row_with(&rows, part);
    }
    row_with(&rows, &format!(" S  Sofia {}", clock(120_000)));
    row_with(&rows, "─╳ ─ Adaeze is gone, closed the program");
    row_with(&rows, "👍");
    let code = "█".repeat(33);
    assert_eq!(rows.iter().filter(|row| row.contains(&code)).count(), 17, "a whole code");
    let status = &rows[34];
    for part in ["On this network, no server   2 linked   Mira at 192.168.178.24:8000", "Ctrl C leave"] {
        assert!(status.contains(part), "{status}");
    }
    assert_eq!(rows[35].trim_end(), " Everyone here > Keep one for me");
    assert_eq!(cursor, Some((32, 35)));
}

#[test]
fn side_columns_go_away_on_narrow_terminals() {
    let (rows, _) = drawn(&mut model(), LOOK, (80, 24));
    assert!(rows[0].contains("Conversations") && !rows.concat().contains("People"));
    row_with(&rows, "Deck 4, by the window.");
    let (rows, cursor) = drawn(&mut model(), LOOK, (40, 12));
    assert!(!rows.concat().contains("Conversations"));
    assert!(rows[0].starts_with("Everyone here"), "{}", rows[0]);
    row_with(&rows, "Deck 4, by the window.");
    assert!(rows[10].contains("2 linked") && rows[10].ends_with("Ctrl C leave "), "{}", rows[10]);
    assert!(rows[11].contains("> Keep one for me") && cursor.is_some(), "{}", rows[11]);
}

#[test]
fn tiny_terminals_are_drawn_on() {
    let plain = Look { depth: Depth::None, is_unicode: false };
    for look in [LOOK, plain] {
        for width in (0..10).chain([20, 65, 66, 99, 100, 101]) {
            for height in 0..12 {
                let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
                draw(&mut model(), look, &mut buffer);
                let last = height.checked_sub(1).filter(|_| width > 8);
                assert!(
                    last.is_none_or(|y| (0..width).any(|x| buffer[(x, y)].symbol() == ">")),
                    "{buffer:?}"
                );
            }
        }
    }
}

#[test]
fn new_posts_stand_below_a_line() {
    let mut model = model();
    model.turn(true);
    let (rows, _) = drawn(&mut model, LOOK, (120, 36));
    let line = rows.iter().position(|row| row.contains("─ 1 new ─")).expect("a line");
    assert!(rows[line + 2].contains(" L  Lin ") && rows[line + 3].contains("Only for you."));
    assert!(rows[0].contains("for the two of you") && rows[35].starts_with(" Lin > "));
    model.turn(true);
    assert!(!drawn(&mut model, LOOK, (120, 36)).0.concat().contains(" new "));
}

#[test]
fn pages_up_show_older_posts() {
    let mut model = model();
    (4..40).for_each(|number| model.put(None, said(LIN, number, &format!("post {number}")), true));
    let shows = |model: &mut Model, words: &str| drawn(model, LOOK, (40, 12)).0.concat().contains(words);
    assert!(shows(&mut model, "post 39") && !shows(&mut model, "No signal"));
    model.scroll(10_000, true);
    assert!(shows(&mut model, "No signal") && !shows(&mut model, "post 39"));
    model.scroll(6, false);
    assert!(!shows(&mut model, "No signal"), "the scrolling was limited");
}

#[test]
fn people_have_colours_of_their_own() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 36));
    draw(&mut model(), LOOK, &mut buffer);
    let ground = |letter: &str| {
        let cells = buffer.content().iter();
        cells.filter(|cell| cell.symbol() == letter && cell.bg != Color::Reset).map(|cell| cell.bg).next()
    };
    assert!(ground("L").is_some() && ground("L") != ground("S"));
    let mut plain = Buffer::empty(Rect::new(0, 0, 120, 36));
    draw(&mut model(), Look { depth: Depth::None, is_unicode: false }, &mut plain);
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn texts_break_between_words() {
    assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    assert_eq!(wrap("one two\n\nthree", 20), ["one two", "", "three"]);
    assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    assert_eq!(wrap("早い船 早い", 6), ["早い船", "早い"]);
    assert_eq!(wrap("早い", 1), ["早", "い"]);
    assert_eq!(wrap("  indented text", 11), ["  indented", "text"]);
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
}

#[test]
fn long_lines_scroll_with_the_cursor() {
    let mut model = Model::new(ME);
    model.input.set(&"早い".repeat(5_000));
    let (rows, cursor) = drawn(&mut model, LOOK, (40, 12));
    assert!(rows[11].contains("早"));
    assert!(matches!(cursor, Some((37..=39, 11))), "{cursor:?}");
}
