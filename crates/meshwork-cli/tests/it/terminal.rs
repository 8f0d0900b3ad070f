//! What a person sees on a terminal, and what a pipe gets: a real pseudo-terminal, real processes.
#![cfg(unix)]

use crate::support::Home;
use crate::support::pty::Pty;
use image::{Rgba, RgbaImage};
use vt100::{Color, Screen};

/// A terminal on which each cell of a canvas of 60 by 50 is one dot, with the people beside it.
const TERMINAL: (u16, u16) = (100, 30);

/// A server, a room of 60 by 50, and its keeper.
struct Room {
    home: Home,
    link: String,
    _running: (crate::support::Running, crate::support::Running),
}

impl Room {
    fn new() -> Room {
        let home = Home::new();
        let (server, url) = home.serve();
        let link = home.create(&url, &["--size", "60x50"]);
        let keeper = home.keep(&link, "kept");
        Room { home, link, _running: (server, keeper) }
    }

    /// Somebody at a terminal, linked to the keeper.
    fn visit(&self, set: &[(&str, &str)]) -> Pty {
        let visitor = ["place", "tui", &self.link, "--identity", "visitor", "--name", "Mira"];
        let pty = self.home.start_on_terminal(&visitor, TERMINAL, set);
        pty.wait("the keeper, linked", |screen| {
            let text = screen.contents();
            text.contains("Keeper") && text.contains("direct")
        });
        pty
    }

    /// The colour of a cell as the keeper has it.
    fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        self.home.run(["place", "export", &self.link, "--out", "out.png"]).expect_code(0);
        self.home.pixels("out.png").get_pixel(x, y).0
    }
}

/// What a character of the screen shows: the glyph, and its two colours.
fn place(screen: &Screen, (x, y): (u16, u16)) -> (String, Color, Color) {
    let cell = screen.cell(y, x).expect("a place on the screen");
    (cell.contents().to_owned(), cell.fgcolor(), cell.bgcolor())
}

#[test]
fn strokes_show_as_half_blocks_and_clicks_arrive() {
    let room = Room::new();
    let mut watch = room.home.start(["place", "watch", &room.link]);
    watch.event("in-step", |_| true);
    let mut pty = room.visit(&[]);
    for part in ["Keeper", "direct", "People, ", "60x50", "1x", "? help"] {
        pty.wait_for(part);
    }

    let pixels = ["5,4,#e6194b", "5,5,#4363d8", "7,4,#e6194b"];
    room.home.run(["place", "paint", &room.link, "--pixel", pixels[0], pixels[1], pixels[2]]).expect_code(0);
    let (red, blue) = (Color::Rgb(0xe6, 0x19, 0x4b), Color::Rgb(0x43, 0x63, 0xd8));
    pty.wait("two cells in one character", |screen| place(screen, (5, 2)) == ("▀".into(), red, blue));
    pty.wait("one of them beside the ground", |screen| {
        let (glyph, upper, lower) = place(screen, (7, 2));
        glyph == "▀" && upper == red && lower != blue && lower != Color::Default
    });

    // A click paints the upper of the two cells below it, in black; a drag in red is one stroke.
    pty.click((10, 3));
    let stroke = watch.event("stroke", |line| line["count"] == 1);
    let visitor = stroke["peer"].as_str().unwrap().to_owned();
    pty.send("4");
    pty.wait_for("Painting with red.");
    pty.drag((20, 4), (24, 4));
    watch.event("stroke", |line| line["peer"] == visitor.as_str());
    pty.wait("a line", |screen| (20..=24).all(|x| place(screen, (x, 4)).1 == red));
    // Keys: go there, paint, ask who it was, take it back.
    pty.send("g30,41\r ");
    pty.wait_for("x 30, y 41, red");
    pty.send("w");
    pty.wait_for("x 30, y 41: red, you, ");
    assert_eq!(room.pixel(30, 41), [0xe6, 0x19, 0x4b, 255]);
    pty.send("u");
    pty.wait_for("x 30, y 41, unpainted");
    assert_eq!((room.pixel(30, 41), room.pixel(10, 6)), ([0; 4], [0, 0, 0, 255]));
    pty.send("u");
    pty.wait("no line", |screen| (20..=24).all(|x| place(screen, (x, 4)).1 != red));

    // Somebody else at a terminal: their cursor is seen with their name, and mine by them.
    let lin = ["place", "tui", &room.link, "--identity", "lin", "--name", "Lin"];
    let mut other = room.home.start_on_terminal(&lin, TERMINAL, &[]);
    pty.wait_for(" Lin");
    other.wait_for(" Mira");
    other.hover((40, 20));
    pty.wait("a cursor with a name", |screen| {
        place(screen, (40, 20)).0 == "↖" && place(screen, (41, 20)).0 == "L"
    });
    pty.hover((12, 10));
    other.wait_for("↖Mira");
    other.send("q");
    assert_eq!(other.end(), 0);
    pty.wait("no cursor of who left", |screen| place(screen, (40, 20)).0 != "↖");

    pty.send("?");
    pty.wait_for("who painted this cell");
    pty.resize((50, 12));
    pty.wait("the people folded away", |screen| {
        let text = screen.contents();
        let status = text.lines().nth(10).unwrap_or_default();
        status.trim_end().ends_with("? help") && !text.contains("People, ")
    });
    pty.send("q");
    assert_eq!(pty.end(), 0);
    pty.expect_restored();
}

#[test]
fn the_terminal_is_restored_however_the_visit_ends() {
    let room = Room::new();
    let mut interrupted = room.visit(&[]);
    interrupted.send("\u{3}");
    assert_eq!(interrupted.end(), 0);
    interrupted.expect_restored();

    let mut terminated = room.visit(&[]);
    terminated.terminate();
    assert_eq!(terminated.end(), 0);
    terminated.expect_restored();

    let visitor = ["place", "tui", &room.link, "--identity", "visitor"];
    let mut panicked = room.home.start_on_terminal(&visitor, TERMINAL, &[("MESHWORK_TUI_PANICS", "1")]);
    assert_eq!(panicked.end(), 101);
    panicked.wait_for("asked to panic");
    panicked.expect_restored();

    let nowhere = ["place", "tui", "http://127.0.0.1:1/place/K7M4QX", "--timeout", "1s"];
    let mut failed = room.home.start_on_terminal(&nowhere, TERMINAL, &[]);
    assert_eq!(failed.end(), 3);
    failed.wait_for("error: The meeting point");
    failed.expect_restored();
}

#[test]
fn refused_strokes_are_told_with_the_remaining_allowance() {
    let room = Room::new();
    room.home.run(["place", "rules", &room.link, "--cooldown", "7days"]).expect_code(0);
    let mut pty = room.visit(&[]);
    pty.wait_for("1 cell every 7 days, 1 left");
    pty.click((10, 3));
    pty.wait_for("1 cell every 7 days, again in ");
    pty.click((11, 3));
    pty.wait_for("Not painted. This room allows 1 cell every 7 days.");
    pty.send("q");
    assert_eq!(pty.end(), 0);
}

#[test]
fn letters_replace_colour_escapes_when_colour_is_off() {
    let room = Room::new();
    room.home.run(["place", "paint", &room.link, "--pixel", "5,4,#e6194b", "6,4,#000000"]).expect_code(0);
    let mut pty = room.visit(&[("NO_COLOR", "1")]);
    pty.wait("letters", |screen| {
        screen.contents().lines().nth(4).is_some_and(|line| line.starts_with(".....RK."))
    });
    pty.send("q");
    assert_eq!(pty.end(), 0);
    let text = String::from_utf8_lossy(&pty.bytes()).into_owned();
    for colours in ["\u{1b}[38;", "\u{1b}[48;", "\u{1b}[31m", "\u{1b}[32m"] {
        assert!(!text.contains(colours), "{colours:?} is written");
    }
}

#[test]
fn painting_shows_its_progress_on_terminals_only() {
    let room = Room::new();
    room.home.draw("in.png", &RgbaImage::from_pixel(60, 50, Rgba([1, 2, 3, 255])));
    let paint = ["place", "paint", &room.link, "--image", "in.png"];
    let mut pty = room.home.start_on_terminal(&paint, (100, 10), &[]);
    assert_eq!(pty.end(), 0);
    pty.wait_for("Painted 3000 cells. 1 member applied them");
    let text = String::from_utf8_lossy(&pty.bytes()).into_owned();
    assert!(text.contains("Painting") && text.contains("of 3,000 cells"), "{text}");
    pty.wait("nothing of it stays", |screen| !screen.contents().contains("Painting"));
    pty.expect_restored();

    // A dumb terminal gets words only, and so does a pipe.
    let mut dumb = room.home.start_on_terminal(&paint, (100, 10), &[("TERM", "dumb")]);
    assert_eq!(dumb.end(), 0);
    dumb.wait_for("Painted 3000 cells.");
    assert!(!dumb.bytes().contains(&0x1b));
    let piped = room.home.run(paint).expect_code(0);
    assert!(piped.stderr.is_empty() && !piped.stdout.contains('\u{1b}'), "{piped:?}");
}

#[test]
fn a_pipe_has_escape_bytes_only_when_asked() {
    let home = Home::new();
    let link = "http://127.0.0.1:1/place/K7M4QX";
    let commands: [&[&str]; 5] = [
        &["--help"],
        &["place", "paint", "--help"],
        &["place", "paint", link],
        &["place", "tui", link],
        &["place", "export", link, "--out", "a.png", "--timeout", "1s"],
    ];
    for command in commands {
        let ended = home.run(command);
        assert!(!(ended.stdout + &ended.stderr).contains('\u{1b}'), "{command:?}");
        let coloured = home.run([&["--color", "always"], command].concat());
        assert!((coloured.stdout + &coloured.stderr).contains('\u{1b}'), "{command:?}");
    }
    // On a terminal they come by themselves, unless NO_COLOR is set or it knows none, watched by a CI or not.
    for (set, is_coloured) in [
        (&[][..], true),
        (&[("CI", "true")], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
        (&[("TERM", "dumb"), ("CI", "true")], false),
        (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], true),
    ] {
        let mut pty = home.start_on_terminal(&["place", "paint", link], (80, 24), set);
        assert_eq!(pty.end(), 2);
        pty.wait_for("error:");
        assert_eq!(
            String::from_utf8_lossy(&pty.bytes()).contains("\u{1b}[1m\u{1b}[31merror:"),
            is_coloured,
            "{set:?}"
        );
    }
}

/// Others name keys, counters and documents, and write what they like into them.
#[test]
fn terminals_carry_out_nothing_that_others_wrote() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.run(["sync", "create", "--server", &url]).expect_code(0).stdout.trim().to_owned();
    let _keeper = home.keep_for("sync", &link, "kept");
    let hostile = "a\u{1b}]52;c;eA==\u{7}b\u{9b}31m\u{202e}c";
    let named = |kind: &str| format!("{kind}{hostile}");
    let (key, counter, document) = (named("key"), named("counter"), named("document"));
    // JSON has C1 and direction in its texts as they are.
    let value = "\"one\ttwo\u{9b}31m\u{202e}\"".replace('\t', "\\t");
    std::fs::write(home.path("text"), format!("one\ttwo\n{hostile}\n")).unwrap();
    home.run(["sync", "set", &link, &key, &value]).expect_code(0);
    home.run(["sync", "add", &link, &counter, "1"]).expect_code(0);
    home.run(["sync", "text", &link, &document, "--in", "text"]).expect_code(0);
    home.run(["sync", "versions", &link, &document, "--save", hostile]).expect_code(0);
    home.run(["place", "notes", &link.replace("/sync/", "/place/"), "--write", hostile]);
    let acts = |character: char| {
        character == '\u{1b}'
            || ('\u{80}'..='\u{9f}').contains(&character)
            || character == '\u{202e}'
            || character == '\u{7}'
    };
    let commands: [&[&str]; 13] = [
        &["list"],
        &["list", "--json"],
        &["get", &key],
        &["get", &key, "--json"],
        &["get", &key, "--history"],
        &["get", &counter],
        &["text", &document],
        &["text", &document, "--json"],
        &["versions", &document],
        &["versions", &document, "--json"],
        &["versions", &document, "--show", hostile],
        &["versions", &document, "--compare", hostile],
        &["versions", &document, "--show", "none"],
    ];
    for command in commands {
        let arguments = [&["sync", command[0], &link], &command[1..]].concat();
        let mut pty = home.start_on_terminal(&arguments, (200, 40), &[("TERM", "dumb")]);
        pty.end();
        let shown = String::from_utf8(pty.bytes()).expect("UTF-8");
        assert!(!shown.contains(acts), "{arguments:?}: {shown:?}");
    }
    let text = ["sync", "text", &link, &document];
    let mut pty = home.start_on_terminal(&text, (200, 40), &[("TERM", "dumb")]);
    pty.end();
    assert!(String::from_utf8_lossy(&pty.bytes()).contains("one\ttwo\r\n"), "tabs and lines stay");
    let mut raw = home.start_on_terminal(&[&text[..], &["--raw"]].concat(), (200, 40), &[("TERM", "dumb")]);
    raw.end();
    assert!(String::from_utf8_lossy(&raw.bytes()).contains(hostile));
    assert!(home.run(text).expect_code(0).stdout.contains(hostile), "a pipe gets it as it is");
}
