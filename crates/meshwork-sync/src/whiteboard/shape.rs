//! What a shape is, and the bytes of its fields: docs/protocol/sync.md.

use std::collections::BTreeMap;

use meshwork_core::blobs::BlobId;
use meshwork_core::table::{Entry, Table, Writer};
use meshwork_core::wire::{self, Bounded, BoundedText, Bytes};
use serde::{Deserialize, Serialize};

use super::{Field, Order, ShapeId};

/// Steps in a unit, which is a pixel of the page where it is not zoomed: finer than an eye.
pub const UNIT: f64 = 8.0;
/// Most points of a piece of a stroke: three seconds of a hand, which one datagram can show before they are kept.
pub const POINTS_MAX: usize = 160;
/// Most pieces of a stroke: some minutes of drawing without a lift.
pub const PIECES_MAX: usize = 128;
/// Longest picture, in bytes: what a telephone takes, and a few seconds for the others.
pub const PICTURE_MAX: u64 = 8 * 1024 * 1024;
/// Longest text of a shape, in bytes: more than stands on a board that is read.
pub const TEXT_MAX: usize = 8192;
/// Colours that a shape may have: ink, and seven of people's.
pub const COLOURS: u8 = 8;
/// Longest name of what a shape is, in bytes.
const NAME_MAX: usize = 16;
/// How far from the middle a shape can be, in steps: two million pixels.
const FAR: i32 = 1 << 24;

/// A place on the board, in steps of 1/[`UNIT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Downwards.
    pub y: i32,
}

impl Point {
    /// The place nearest to one in units.
    pub fn at(x: f64, y: f64) -> Point {
        // A float becomes an integer by saturation, and what is no number becomes 0.
        let step = |at: f64| ((at * UNIT).round() as i32).clamp(-FAR, FAR);
        Point { x: step(x), y: step(y) }
    }

    /// The place in units.
    pub fn units(self) -> (f64, f64) {
        (f64::from(self.x) / UNIT, f64::from(self.y) / UNIT)
    }
}

/// Where a shape stands, in steps. Width and height below 0 mirror a stroke, and turn a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Of the corner from which it goes on.
    pub x: i32,
    /// Of the corner from which it goes on.
    pub y: i32,
    /// How far it goes on.
    pub width: i32,
    /// How far it goes on.
    pub height: i32,
}

impl Bounds {
    /// The least bounds around places; `None` for no places.
    pub fn around(points: impl IntoIterator<Item = Point>) -> Option<Bounds> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let (mut least, mut most) = (first, first);
        for point in points {
            least = Point { x: least.x.min(point.x), y: least.y.min(point.y) };
            most = Point { x: most.x.max(point.x), y: most.y.max(point.y) };
        }
        Some(Bounds { x: least.x, y: least.y, width: most.x - least.x, height: most.y - least.y })
    }

    /// The same area, with width and height of at least 0.
    pub fn upright(self) -> Bounds {
        let Bounds { x, y, width, height } = self;
        Bounds { x: x + width.min(0), y: y + height.min(0), width: width.abs(), height: height.abs() }
    }

    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        wire::encode(&self)
    }

    /// What bytes say, brought onto the board.
    fn read(bytes: &[u8]) -> Option<Bounds> {
        let Bounds { x, y, width, height } = wire::decode_first(bytes).ok()?.0;
        let near = |step: i32| step.clamp(-FAR, FAR);
        Some(Bounds { x: near(x), y: near(y), width: near(width), height: near(height) })
    }
}

/// How a shape looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Style {
    /// Which colour, below [`COLOURS`]: 0 is ink.
    pub colour: u8,
    /// How thick its lines and how large its letters are: 0 to 2, small to large.
    pub size: u8,
    /// Whether its area has a tint of the colour.
    pub is_filled: bool,
}

impl Style {
    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        wire::encode(&self)
    }

    fn read(bytes: &[u8]) -> Option<Style> {
        let style: Style = wire::decode_first(bytes).ok()?.0;
        (style.colour < COLOURS && style.size < 3).then_some(style)
    }
}

/// Some points of a stroke, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// At most [`POINTS_MAX`].
    pub points: Vec<Point>,
    /// How hard the pen was pressed at each of them; empty where the pen does not tell.
    pub pressures: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct PieceBytes {
    first: (i32, i32),
    steps: Bounded<(i32, i32), POINTS_MAX>,
    pressures: Bytes<POINTS_MAX>,
}

impl Piece {
    /// Its bytes; what is beyond [`POINTS_MAX`] is left out.
    pub fn bytes(&self) -> Vec<u8> {
        let points = &self.points[..self.points.len().min(POINTS_MAX)];
        let Some(first) = points.first() else { return Vec::new() };
        let steps = points.windows(2).map(|pair| (pair[1].x - pair[0].x, pair[1].y - pair[0].y)).collect();
        let pressures =
            if self.pressures.len() == self.points.len() { &self.pressures[..points.len()] } else { &[] };
        wire::encode(&PieceBytes {
            first: (first.x, first.y),
            steps: Bounded::new(steps).expect("below the most"),
            pressures: Bytes::new(pressures.to_vec()).expect("below the most"),
        })
    }

    fn read(bytes: &[u8]) -> Option<Piece> {
        let piece: PieceBytes = wire::decode_first(bytes).ok()?.0;
        let near = |step: i32| step.clamp(-FAR, FAR);
        let mut last = Point { x: near(piece.first.0), y: near(piece.first.1) };
        let mut points = vec![last];
        for (x, y) in piece.steps.iter() {
            last = Point { x: near(last.x.saturating_add(*x)), y: near(last.y.saturating_add(*y)) };
            points.push(last);
        }
        let pressures = piece.pressures.to_vec();
        (pressures.is_empty() || pressures.len() == points.len()).then_some(Piece { points, pressures })
    }
}

/// A picture: bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    blob: [u8; 32],
    /// How long it is, as its author says.
    pub size: u64,
}

impl Picture {
    /// The picture that a blob has.
    pub fn new(blob: BlobId, size: u64) -> Picture {
        Picture { blob: blob.0, size }
    }

    /// The blob.
    pub fn blob(&self) -> BlobId {
        BlobId(self.blob)
    }
}

/// What a shape is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A stroke by hand.
    Stroke(Piece),
    /// A straight line, from the corner of its bounds to the one across.
    Line,
    /// The same with a head at its end.
    Arrow,
    /// A rectangle.
    Rectangle,
    /// An ellipse.
    Ellipse,
    /// A diamond, with its corners in the middle of the edges of its bounds.
    Diamond,
    /// A text without anything around it.
    Text,
    /// A sheet of paper with a text.
    Note,
    /// A picture.
    Picture(Picture),
    /// What another build knows.
    Unknown(String),
}

impl What {
    /// Its name in the bytes.
    pub fn name(&self) -> &str {
        match self {
            What::Stroke(_) => "pen",
            What::Line => "line",
            What::Arrow => "arrow",
            What::Rectangle => "rectangle",
            What::Ellipse => "ellipse",
            What::Diamond => "diamond",
            What::Text => "text",
            What::Note => "note",
            What::Picture(_) => "image",
            What::Unknown(name) => name,
        }
    }

    /// Its bytes: the name, and behind it what a shape of that kind has.
    pub fn bytes(&self) -> Vec<u8> {
        let name = BoundedText::<NAME_MAX>::truncated(self.name());
        let content = match self {
            What::Stroke(piece) => piece.bytes(),
            What::Picture(picture) => wire::encode(picture),
            _ => Vec::new(),
        };
        [wire::encode(&name), content].concat()
    }

    /// What bytes say; what this build does not know is [`What::Unknown`], and `None` what is not even named.
    pub(super) fn read(bytes: &[u8]) -> Option<What> {
        let (name, content): (BoundedText<NAME_MAX>, _) = wire::decode_first(bytes).ok()?;
        let known = match name.as_str() {
            "pen" => Piece::read(content).map(What::Stroke),
            "image" => wire::decode_first(content).ok().map(|(picture, _)| What::Picture(picture)),
            name => What::plain(name),
        };
        Some(known.unwrap_or_else(|| What::Unknown(name.as_str().to_owned())))
    }

    /// What has nothing but this name; `None` for a stroke, a picture and what this build does not know.
    pub fn plain(name: &str) -> Option<What> {
        match name {
            "line" => Some(What::Line),
            "arrow" => Some(What::Arrow),
            "rectangle" => Some(What::Rectangle),
            "ellipse" => Some(What::Ellipse),
            "diamond" => Some(What::Diamond),
            "text" => Some(What::Text),
            "note" => Some(What::Note),
            _ => None,
        }
    }

    /// The first points of its stroke, if it is one.
    pub fn piece(&self) -> Option<&Piece> {
        match self {
            What::Stroke(piece) => Some(piece),
            _ => None,
        }
    }

    /// Whether it goes from one corner of its bounds to another, so that widths and heights below 0 mean something.
    pub fn has_ends(&self) -> bool {
        matches!(self, What::Stroke(_) | What::Line | What::Arrow)
    }

    /// Whether a text can stand in it.
    pub fn has_text(&self) -> bool {
        matches!(self, What::Rectangle | What::Ellipse | What::Diamond | What::Text | What::Note)
    }
}

/// The fields of a shape as they stand in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeMap<Field, Vec<u8>>);

impl Fields {
    /// None of them.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// What a table says of a shape, as far as this build knows it.
    pub fn of(table: &Table, id: ShapeId) -> Fields {
        Fields::read(table.row(&id.row()))
    }

    /// What these entries say of the shape in whose row they stand.
    pub(super) fn read<'a>(entries: impl Iterator<Item = &'a Entry>) -> Fields {
        let known = entries.filter_map(|entry| match entry.field() {
            (Writer::Anybody, name) => Some((Field::named(name)?, entry.value()?.to_vec())),
            _ => None,
        });
        Fields(known.collect())
    }

    fn get(&self, field: Field) -> Option<&[u8]> {
        self.0.get(&field).map(Vec::as_slice)
    }
}

/// A shape as its fields say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it is, with the points of all pieces where it is a stroke.
    pub what: What,
    /// Where it stands.
    pub bounds: Bounds,
    /// How it looks.
    pub style: Style,
    /// What it lies over.
    pub order: Order,
    /// What is written in it.
    pub text: String,
}

impl Shape {
    /// The shape that fields make; `None` where they do not say what it is, or where it stands.
    pub fn read(fields: &Fields) -> Option<Shape> {
        let mut what = What::read(fields.get(Field::What)?)?;
        let mut around = None;
        if let What::Stroke(piece) = &mut what {
            for number in 1..PIECES_MAX as u8 {
                let Some(next) = fields.get(Field::Piece(number)).and_then(Piece::read) else {
                    break;
                };
                // A pen tells throughout, or not at all.
                let tells =
                    piece.pressures.len() == piece.points.len() && next.pressures.len() == next.points.len();
                piece.points.extend(next.points);
                match tells {
                    true => piece.pressures.extend(next.pressures),
                    false => piece.pressures.clear(),
                }
            }
            around = Bounds::around(piece.points.iter().copied());
        }
        let bounds = fields.get(Field::Bounds).and_then(Bounds::read).or(around)?;
        let text = fields.get(Field::Text).and_then(|bytes| str::from_utf8(bytes).ok());
        Some(Shape {
            bounds: if what.has_ends() { bounds } else { bounds.upright() },
            what,
            style: fields.get(Field::Style).and_then(Style::read).unwrap_or_default(),
            order: fields
                .get(Field::Order)
                .and_then(Order::read)
                .unwrap_or_else(|| Order::between(None, None)),
            text: text.filter(|text| text.len() <= TEXT_MAX).unwrap_or_default().to_owned(),
        })
    }

    /// Whether others read it as it is: it lies within 2^24 steps of the middle, a stroke has 1 to
    /// [`POINTS_MAX`] times [`PIECES_MAX`] points with a pressure each or none, the text at most [`TEXT_MAX`] bytes, and the
    /// colour and the size are some. Width and height of what has no [ends](What::has_ends) may be below 0.
    pub fn is_readable(&self) -> bool {
        let Bounds { x, y, width, height } = self.bounds;
        let points = self.what.piece().into_iter().flat_map(|piece| &piece.points);
        let mut steps = points.flat_map(|point| [point.x, point.y]).chain([x, y, width, height]);
        if !steps.all(|step| (-FAR..=FAR).contains(&step)) {
            return false;
        }
        let bounds = if self.what.has_ends() { self.bounds } else { self.bounds.upright() };
        Shape::read(&self.fields()) == Some(Shape { bounds, ..self.clone() })
    }

    /// The points of its stroke where it stands, in units; empty for what is no stroke.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let Some(piece) = self.what.piece() else { return Vec::new() };
        let Some(drawn) = Bounds::around(piece.points.iter().copied()) else { return Vec::new() };
        let along = |at: i32, from: i32, length: i32, to: i32, new: i32| {
            let share = if length == 0 { 0.0 } else { f64::from(at - from) / f64::from(length) };
            (f64::from(to) + share * f64::from(new)) / UNIT
        };
        let bounds = self.bounds;
        let place = |point: &Point| {
            (
                along(point.x, drawn.x, drawn.width, bounds.x, bounds.width),
                along(point.y, drawn.y, drawn.height, bounds.y, bounds.height),
            )
        };
        piece.points.iter().map(place).collect()
    }

    /// The fields that make it: of a stroke the first piece stands in what it is.
    pub fn fields(&self) -> Fields {
        let mut fields = BTreeMap::new();
        let mut what = self.what.clone();
        let mut is_moved = true;
        if let What::Stroke(piece) = &mut what {
            is_moved = Bounds::around(piece.points.iter().copied()) != Some(self.bounds);
            let all = std::mem::take(piece);
            let mut pressures = all.pressures.chunks(POINTS_MAX);
            for (number, points) in all.points.chunks(POINTS_MAX).take(PIECES_MAX).enumerate() {
                let next = Piece {
                    points: points.to_vec(),
                    pressures: pressures.next().map(<[u8]>::to_vec).unwrap_or_default(),
                };
                match number {
                    0 => *piece = next,
                    _ => drop(fields.insert(Field::Piece(number as u8), next.bytes())),
                }
            }
        }
        fields.insert(Field::What, what.bytes());
        fields.insert(Field::Style, self.style.bytes());
        fields.insert(Field::Order, self.order.bytes().to_vec());
        if is_moved {
            fields.insert(Field::Bounds, self.bounds.bytes());
        }
        if !self.text.is_empty() {
            fields.insert(Field::Text, self.text.as_bytes().to_vec());
        }
        Fields(fields)
    }
}
