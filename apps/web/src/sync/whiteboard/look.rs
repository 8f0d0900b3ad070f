//! How shapes look: outlines, words and pictures, for a page's canvas and for files alike.

use std::fmt::Write as _;

use meshwork_sync::whiteboard::{Picture, Shape, Style, What};

use super::{Area, Place, ends, freehand};
use crate::texts::board;

/// How thick lines are, by size, in units.
const LINES: [f64; 3] = [2.0, 3.5, 6.0];
/// How thick strokes are, by size.
const PENS: [f64; 3] = [4.0, 7.0, 12.0];
/// How many times as thick a marker is as a pen.
const MARKER: f64 = 4.0;
/// How large letters are, by size.
pub const LETTERS: [f64; 3] = [16.0, 20.0, 28.0];
/// The distance from line to line, in letters.
pub const LINE_HEIGHT: f64 = 1.3;
/// What stays free between a text and the edge around it.
const PADDING: f64 = 16.0;
/// How much of its colour a tint shows over the paper.
pub const TINT: f64 = 0.15;
/// Corners of rectangles and notes.
const RADIUS: f64 = 10.0;
const NOTE_RADIUS: f64 = 3.0;
/// An arrow's head: how long it is in lines, and at least.
const HEAD: f64 = 5.0;
const HEAD_LEAST: f64 = 12.0;

/// The colours on light paper, as [`Style::colour`] numbers them.
pub const LIGHT: [&str; 8] =
    ["#14211D", "#2563B8", "#0E7C73", "#2F7A3C", "#6A4BB8", "#9A3A8C", "#B93A5B", "#B5482A"];
/// The colours on dark paper.
pub const DARK: [&str; 8] =
    ["#E8EFEB", "#7FB0F5", "#4FC4B8", "#7ECB8B", "#B49DF2", "#E08FD3", "#F28CA6", "#F09A7A"];

/// How much of its colour an area shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// All of it.
    Whole,
    /// A tint over the paper, which covers what lies below.
    Tint,
    /// As a marker, through which one sees.
    Marker,
    /// The colour of what cannot be shown.
    Sunken,
}

/// A line around an area, or by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// How thick it is, in units.
    pub width: f64,
    /// Whether it is broken.
    pub is_dashed: bool,
}

/// A line of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLine {
    /// What it says.
    pub text: String,
    /// Where it begins, on the right if it is written from there; its middle if the text is centred.
    pub x: f64,
    /// Where its letters stand.
    pub y: f64,
    /// Whether it is a heading.
    pub is_strong: bool,
    /// Whether it is written from right to left.
    pub is_rtl: bool,
}

/// A text in its lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// The lines.
    pub lines: Vec<TextLine>,
    /// How large the letters are.
    pub size: f64,
    /// Whether lines are centred.
    pub is_centred: bool,
}

/// How a shape looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// SVG path data, in units; empty where there is none.
    pub path: String,
    /// How the area is filled.
    pub fill: Option<Fill>,
    /// How its edge is drawn.
    pub line: Option<Line>,
    /// Which colour all of it has.
    pub colour: u8,
    /// What is written in it.
    pub words: Words,
    /// A picture that fills its area.
    pub picture: Option<Picture>,
}

/// Measures a text: letters of so many units, and whether they are strong.
pub type Measure<'a> = &'a dyn Fn(&str, f64, bool) -> f64;

/// How a shape looks.
pub fn of(shape: &Shape, measure: Measure) -> Look {
    let area = Area::of(shape.bounds);
    let Style { colour, size, is_filled } = shape.style;
    let edge = Some(Line { width: LINES[usize::from(size)], is_dashed: false });
    let tint = is_filled.then_some(Fill::Tint);
    let look = |path: String, fill: Option<Fill>, line: Option<Line>| Look {
        path,
        fill,
        line,
        colour,
        ..Look::default()
    };
    let mut look = match &shape.what {
        What::Stroke(piece) => {
            let width = stroke_width(shape.style);
            let fill = if is_filled { Fill::Marker } else { Fill::Whole };
            look(freehand::outline(&shape.points(), &piece.pressures, width), Some(fill), None)
        }
        What::Line => look(straight(shape), None, edge),
        What::Arrow => look(arrow(shape, LINES[usize::from(size)]), None, edge),
        What::Rectangle => look(rectangle(area, RADIUS), tint, edge),
        What::Ellipse => look(ellipse(area), tint, edge),
        What::Diamond => look(diamond(area), tint, edge),
        What::Note => look(rectangle(area, NOTE_RADIUS), Some(Fill::Tint), None),
        What::Text => look(String::new(), None, None),
        What::Picture(picture) => Look { picture: Some(*picture), colour, ..Look::default() },
        What::Unknown(_) => {
            look(rectangle(area, RADIUS), Some(Fill::Sunken), Some(Line { width: 1.5, is_dashed: true }))
        }
    };
    look.words = match &shape.what {
        What::Unknown(_) => set(board::FROM_NEWER, area, &shape.what, LETTERS[0], measure),
        what if what.has_text() => set(&shape.text, area, what, letters(shape.style), measure),
        _ => Words::default(),
    };
    look
}

/// How thick a stroke is.
pub fn stroke_width(style: Style) -> f64 {
    PENS[usize::from(style.size)] * if style.is_filled { MARKER } else { 1.0 }
}

/// How large the letters of a shape are.
pub fn letters(style: Style) -> f64 {
    LETTERS[usize::from(style.size)]
}

/// The area that a text takes whose lines are as wide as they are written.
pub fn text_size(text: &str, style: Style, measure: Measure) -> (f64, f64) {
    let size = letters(style);
    let lines: Vec<&str> = text.split('\n').collect();
    let is_strong = |number: usize| number == 0 && lines.len() > 1;
    let widths = lines.iter().enumerate().map(|(number, line)| measure(line, size, is_strong(number)));
    // A pixel more than is needed, so that no line breaks.
    (widths.fold(size, f64::max).ceil() + 1.0, lines.len() as f64 * size * LINE_HEIGHT)
}

/// The part of a shape's area in which its text stands.
pub fn text_area(what: &What, area: Area) -> Area {
    match what {
        What::Text => area,
        _ => {
            let quarter = area.width / 4.0;
            // In the middle of a diamond half of its width is free above and below.
            let inset = if *what == What::Diamond { quarter } else { PADDING.min(quarter) };
            Area { x: area.x + inset, width: area.width - 2.0 * inset, ..area }
        }
    }
}

/// Where a text of this height begins in the area of a shape.
pub fn text_top(what: &What, area: Area, height: f64) -> f64 {
    match what {
        What::Text => area.y,
        What::Note => area.y + PADDING.min(area.height / 4.0),
        _ => area.y + (area.height - height) / 2.0,
    }
}

/// Whether the lines of a text are centred in a shape.
pub fn is_centred(what: &What) -> bool {
    !matches!(what, What::Text | What::Note)
}

/// Sets a text in lines.
fn set(text: &str, area: Area, what: &What, size: f64, measure: Measure) -> Words {
    if text.is_empty() {
        return Words::default();
    }
    let inner = text_area(what, area);
    let is_centred = is_centred(what);
    let has_heading = text.contains('\n');
    let mut lines = Vec::new();
    for (number, paragraph) in text.split('\n').enumerate() {
        let is_strong = number == 0 && has_heading;
        let width = |line: &str| measure(line, size, is_strong);
        let is_rtl = is_rtl(paragraph);
        lines
            .extend(broken(paragraph, inner.width, &width).into_iter().map(|line| (line, is_strong, is_rtl)));
    }
    let top = text_top(what, area, lines.len() as f64 * size * LINE_HEIGHT);
    let line = |(number, (text, is_strong, is_rtl)): (usize, (String, bool, bool))| TextLine {
        text,
        x: match (is_centred, is_rtl) {
            (true, _) => inner.x + inner.width / 2.0,
            (false, true) => inner.x + inner.width,
            (false, false) => inner.x,
        },
        y: top + (number as f64 + 0.5) * size * LINE_HEIGHT + size * 0.35,
        is_strong,
        is_rtl,
    };
    Words { lines: lines.into_iter().enumerate().map(line).collect(), size, is_centred }
}

/// Whether a paragraph is written from right to left: its first letter is of a script that is. Unicode keeps these ranges for
/// such scripts (UAX 9, DerivedBidiClass.txt).
fn is_rtl(paragraph: &str) -> bool {
    let first = paragraph.chars().find(|letter| letter.is_alphabetic());
    first.is_some_and(|letter| {
        matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    })
}

/// Breaks a line between words where it is too wide, and within one that is.
fn broken(paragraph: &str, most: f64, width: &dyn Fn(&str) -> f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in paragraph.split_inclusive(' ') {
        if !line.is_empty() && width(&format!("{line}{}", word.trim_end())) > most {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(word);
        while width(line.trim_end()) > most && line.chars().nth(1).is_some() {
            let fits = |end: &usize| width(&line[..*end]) <= most;
            let places: Vec<usize> = line.char_indices().map(|(at, _)| at).skip(1).collect();
            let cut = places.iter().copied().take_while(fits).last().unwrap_or(places[0]);
            let rest = line.split_off(cut);
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.push(line);
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

fn rectangle(area: Area, radius: f64) -> String {
    let Area { x, y, width, height } = area;
    let round = radius.min(width / 2.0).min(height / 2.0);
    let (across, down) = (width - 2.0 * round, height - 2.0 * round);
    format!(
        "M{:.1} {y:.1}h{across:.1}a{round:.1} {round:.1} 0 0 1 {round:.1} {round:.1}v{down:.1}a{round:.1} {round:.1} 0 0 1 -{round:.1} \
         {round:.1}h-{across:.1}a{round:.1} {round:.1} 0 0 1 -{round:.1} -{round:.1}v-{down:.1}a{round:.1} {round:.1} 0 0 1 {round:.1} \
         -{round:.1}z",
        x + round
    )
}

fn ellipse(area: Area) -> String {
    let (across, down) = (area.width / 2.0, area.height / 2.0);
    let (x, y) = (area.x, area.y + down);
    let width = area.width;
    format!(
        "M{x:.1} {y:.1}a{across:.1} {down:.1} 0 1 1 {width:.1} 0a{across:.1} {down:.1} 0 1 1 -{width:.1} 0z"
    )
}

fn diamond(area: Area) -> String {
    let Area { y, width, height, .. } = area;
    let (middle, across, down) = (area.middle().0, width / 2.0, height / 2.0);
    format!("M{middle:.1} {y:.1}l{across:.1} {down:.1}l-{across:.1} {down:.1}l-{across:.1} -{down:.1}z")
}

fn straight(shape: &Shape) -> String {
    let ((x, y), (to_x, to_y)) = ends(shape.bounds);
    format!("M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}")
}

fn arrow(shape: &Shape, width: f64) -> String {
    let (from, to) = ends(shape.bounds);
    let (along, across) = (to.0 - from.0, to.1 - from.1);
    let length = along.hypot(across);
    let mut path = straight(shape);
    if length > 0.0 {
        let head = (width * HEAD).max(HEAD_LEAST).min(length);
        let side = |turn: f64| -> Place {
            let (sine, cosine) = turn.sin_cos();
            let (x, y) = (-along / length * head, -across / length * head);
            (to.0 + x * cosine - y * sine, to.1 + x * sine + y * cosine)
        };
        let (left, right) = (side(0.5), side(-0.5));
        // Writing to a string cannot fail.
        let _ = write!(
            path,
            "M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}",
            left.0, left.1, to.0, to.1, right.0, right.1
        );
    }
    path
}

#[cfg(test)]
mod tests {
    use meshwork_sync::whiteboard::{Bounds, Order};

    use super::*;

    /// All letters are half as wide as they are high.
    fn measure(text: &str, size: f64, _: bool) -> f64 {
        text.chars().count() as f64 * size / 2.0
    }

    fn shape(what: What, text: &str) -> Shape {
        Shape {
            what,
            bounds: Bounds { x: 0, y: 0, width: 160 * 8, height: 80 * 8 },
            style: Style { colour: 1, size: 0, is_filled: true },
            order: Order::between(None, None),
            text: text.to_owned(),
        }
    }

    fn lines(shape: &Shape) -> Vec<String> {
        of(shape, &measure).words.lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn texts_break_between_words() {
        // 128 units hold 16 letters of 8.
        let note = shape(What::Note, "the big tent and a lamp\n\nUmbrella");
        assert_eq!(lines(&note), ["the big tent and", "a lamp", "", "Umbrella"]);
        let long = shape(What::Note, "abcdefghijklmnopqrstuvwxyz");
        assert_eq!(lines(&long), ["abcdefghijklmnop", "qrstuvwxyz"]);
        let narrow = Shape { bounds: Bounds::default(), ..shape(What::Note, "abc") };
        assert_eq!(lines(&narrow), ["a", "b", "c"], "a letter has a line in any case");
    }

    #[test]
    fn each_line_begins_where_its_first_letter_says() {
        let text = "1. \u{5e9}\u{5dc}\u{5d5}\u{5dd} ok\nok \u{633}\u{644}\u{627}\u{645}\n12";
        let begins = |what| {
            let lines = of(&shape(what, text), &measure).words.lines;
            lines.into_iter().map(|line| (line.is_rtl, line.x)).collect::<Vec<_>>()
        };
        assert_eq!(begins(What::Text), [(true, 160.0), (false, 0.0), (false, 0.0)]);
        assert_eq!(
            begins(What::Rectangle),
            [(true, 80.0), (false, 80.0), (false, 80.0)],
            "centred lines stay"
        );
    }

    #[test]
    fn a_first_line_of_several_is_a_heading() {
        let is_strong = |text: &str| of(&shape(What::Rectangle, text), &measure).words.lines[0].is_strong;
        assert_eq!((is_strong("Ferry"), is_strong("Ferry\nPier 4")), (false, true));
    }

    #[test]
    fn a_text_takes_the_place_that_it_needs() {
        let style = Style::default();
        let (width, height) = text_size("Porto\n12 to 15 June", style, &measure);
        let text = Shape {
            bounds: super::super::bounds((0.0, 0.0), (width, height)),
            ..shape(What::Text, "Porto\n12 to 15 June")
        };
        assert_eq!(lines(&text), ["Porto", "12 to 15 June"]);
    }

    #[test]
    fn unknown_shapes_are_boxes_that_say_so() {
        let look = of(&shape(What::Unknown("hologram".to_owned()), ""), &measure);
        assert_eq!((look.fill, look.line.map(|line| line.is_dashed)), (Some(Fill::Sunken), Some(true)));
        assert_eq!(look.words.lines[0].text, "From a newer");
    }

    #[test]
    fn diamonds_touch_the_middle_of_each_edge() {
        let look = of(&shape(What::Diamond, "the big tent"), &measure);
        assert_eq!(look.path, "M80.0 0.0l80.0 40.0l-80.0 40.0l-80.0 -40.0z");
        assert_eq!(lines(&shape(What::Diamond, "the big tent")), ["the big", "tent"], "half of it is free");
    }

    #[test]
    fn arrows_have_a_head_at_their_end() {
        let look = of(&shape(What::Arrow, ""), &measure);
        assert_eq!(look.path.matches('M').count(), 2);
        assert!(look.path.starts_with("M0.0 0.0L160.0 80.0M"), "{}", look.path);
        let nowhere = Shape { bounds: Bounds::default(), ..shape(What::Arrow, "") };
        assert_eq!(of(&nowhere, &measure).path, "M0.0 0.0L0.0 0.0");
    }
}
