//! Shapes as a file that Excalidraw opens, and its files and clipboard as shapes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshwork_core::blobs::{BlobId, Outline};
use meshwork_sync::whiteboard::{
    Bounds, COLOURS, Order, PIECES_MAX, POINTS_MAX, Picture, Piece, Point, Shape, ShapeId, Style, TEXT_MAX,
    What,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::look::{LETTERS, LIGHT, TINT};
use crate::texts::board;

#[cfg(test)]
mod tests;

/// Longest file, in bytes: a board with some large photographs.
pub const FILE_MAX: usize = 32 << 20;
/// Most elements of a file: far more than people look through.
pub const ELEMENTS_MAX: usize = 20_000;
/// Longest picture of a file, in bytes.
pub const PICTURE_MAX: usize = 8 << 20;
/// Longest element that is read, in bytes: a stroke with several times the points that one may have here. In memory it is
/// thirty times as long while it is read.
const ELEMENT_MAX: usize = 4 << 20;

const TRANSPARENT: &str = "transparent";
/// How far apart red, green and blue are at most in what is taken for a grey, and how many times as far as that the least
/// of them is from white: what is nearly white is coloured by less.
const GREY: u8 = 24;
const GREY_SHARE: u32 = 3;
/// Excalidraw's thickness of lines, by [`Style::size`].
const LINES: [f64; 3] = [1.0, 2.0, 4.0];
/// A marker is a stroke that is so many times as thick, and of which so many per cent are seen.
const MARKER: f64 = 4.0;
const MARKER_OPACITY: f64 = 35.0;
/// What is opaquer is no marker.
const OPACITY_MOST: f64 = 50.0;
/// Excalidraw's distance from line to line, in letters, and between a text and the edge around it.
const LINE_HEIGHT: f64 = 1.25;
const PADDING: f64 = 5.0;
/// How wide a letter is in letters' heights, on average: where a line breaks until Excalidraw measures it.
const LETTER_WIDTH: f64 = 0.55;
/// Longest name of a kind of shape, in bytes, as whiteboards have it.
const NAME_MAX: usize = 16;
/// What groups or selects others, and shows nothing itself.
const LEFT_OUT: [&str; 3] = ["frame", "magicframe", "selection"];

/// A shape of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The shape.
    pub shape: Shape,
    /// The bytes of its picture. Where several show one file of Excalidraw's, only the first of them has them.
    pub picture: Option<Vec<u8>>,
}

/// Why a file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON.
    #[error("{}", board::file_damaged(.line))]
    NotJson {
        /// Where it stops to be JSON, from 1.
        line: usize,
    },
    /// It is JSON of something else.
    #[error("{}", board::NOT_EXCALIDRAW)]
    NotExcalidraw,
    /// It has more than [`FILE_MAX`] bytes.
    #[error("{}", board::file_too_long(.length))]
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// It has more than [`ELEMENTS_MAX`] elements.
    #[error("{}", board::drawing_too_long(.count))]
    TooMany {
        /// How many it has.
        count: usize,
    },
}

/// A file before its elements are looked at: each is read by itself, so that a bad one does not lose the others.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    elements: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    files: Option<&'a RawValue>,
}

/// The shapes of a file or a clipboard, the one below all others first. Frames, what is deleted and what has no place are
/// left out; what whiteboards do not have is [`What::Unknown`].
///
/// # Errors
/// [`ReadError`] where it is no file of Excalidraw's, or too large a one.
pub fn read(text: &str) -> Result<Vec<Drawn>, ReadError> {
    if text.len() > FILE_MAX {
        return Err(ReadError::TooLong { length: text.len() });
    }
    let file: File = serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => ReadError::NotExcalidraw,
        false => ReadError::NotJson { line: error.line() },
    })?;
    if !["excalidraw", "excalidraw/clipboard"].contains(&file.kind.as_str()) {
        return Err(ReadError::NotExcalidraw);
    }
    let elements = file.elements.unwrap_or_default();
    if elements.len() > ELEMENTS_MAX {
        return Err(ReadError::TooMany { count: elements.len() });
    }
    let files = file.files.and_then(|files| serde_json::from_str(files.get()).ok()).unwrap_or_default();
    let mut pictures = Pictures { files, known: BTreeMap::new() };
    let mut list: Vec<Drawn> = Vec::new();
    let mut holders = BTreeMap::new();
    let mut held = Vec::new();
    for element in elements.iter().filter(|element| element.get().len() <= ELEMENT_MAX) {
        let Ok(element) = serde_json::from_str::<Value>(element.get()) else { continue };
        let Some(drawn) = drawn(&element, &mut pictures) else { continue };
        match (&drawn.shape.what, element["id"].as_str(), element["containerId"].as_str()) {
            (What::Text, _, Some(holder)) => held.push((list.len(), holder.to_owned())),
            (what, Some(id), _) if what.has_text() => drop(holders.insert(id.to_owned(), list.len())),
            _ => {}
        }
        list.push(drawn);
    }
    for (number, holder) in held {
        let Some(holder) = holders.get(&holder).filter(|holder| list[**holder].shape.text.is_empty()) else {
            continue;
        };
        list[*holder].shape.text = std::mem::take(&mut list[number].shape.text);
    }
    // Those that were moved into what holds them are empty now.
    list.retain(|drawn| drawn.shape.what != What::Text || !drawn.shape.text.is_empty());
    let mut top = None;
    for drawn in &mut list {
        drawn.shape.order = Order::between(top.as_ref(), None);
        top = Some(drawn.shape.order.clone());
    }
    Ok(list)
}

/// The pictures of a file, each of which is decoded once.
struct Pictures<'a> {
    files: BTreeMap<String, &'a RawValue>,
    known: BTreeMap<String, Picture>,
}

impl Pictures<'_> {
    /// The picture with this id in the file, the first time with its bytes.
    fn find(&mut self, id: &str) -> Option<(Picture, Option<Vec<u8>>)> {
        if let Some(picture) = self.known.get(id) {
            return Some((*picture, None));
        }
        let file: Value = serde_json::from_str(self.files.remove(id)?.get()).ok()?;
        let (head, body) = file["dataURL"].as_str()?.split_once(',')?;
        if !(head.starts_with("data:image/") && head.ends_with(";base64"))
            || body.len() / 4 * 3 > PICTURE_MAX + 2
        {
            return None;
        }
        let bytes = STANDARD.decode(body).ok().filter(|bytes| bytes.len() <= PICTURE_MAX)?;
        kind_of(&bytes)?;
        let picture = Picture::new(Outline::of(&bytes).id(), bytes.len() as u64);
        self.known.insert(id.to_owned(), picture);
        Some((picture, Some(bytes)))
    }
}

/// The media type of a picture that a page can show, by its first bytes.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// What an element shows; `None` where that is nothing, or has no place.
fn drawn(element: &Value, pictures: &mut Pictures) -> Option<Drawn> {
    let kind = element["type"].as_str().filter(|kind| !kind.is_empty() && !LEFT_OUT.contains(kind))?;
    if element["isDeleted"] == true {
        return None;
    }
    let mut picture = None;
    let (what, bounds) = match kind {
        "freedraw" | "line" | "draw" | "arrow" => along(kind, element)?,
        _ => {
            let what = match (kind, element["customData"]["meshwork"].as_str()) {
                ("rectangle", None) => What::Rectangle,
                ("rectangle", Some("note")) => What::Note,
                ("rectangle", Some(name)) => unknown(name),
                ("ellipse", _) => What::Ellipse,
                ("diamond", _) => What::Diamond,
                ("text", _) => What::Text,
                ("image", _) => match element["fileId"].as_str().and_then(|id| pictures.find(id)) {
                    Some((found, bytes)) => {
                        picture = bytes;
                        What::Picture(found)
                    }
                    None => unknown(kind),
                },
                _ => unknown(kind),
            };
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| element[name].as_f64());
            let (width, height) = (width?, height?);
            (what, bounds((x? + width.min(0.0), y? + height.min(0.0)), (width.abs(), height.abs())))
        }
    };
    let mut text = String::new();
    if what == What::Text {
        // Excalidraw breaks the lines of the one; the other is as it was written.
        let mut texts = ["originalText", "text"].into_iter().filter_map(|name| element[name].as_str());
        text = cut(texts.find(|text| !text.is_empty())?, TEXT_MAX);
    }
    let style = style(&what, element);
    Some(Drawn { shape: Shape { what, bounds, style, order: Order::between(None, None), text }, picture })
}

fn unknown(name: &str) -> What {
    What::Unknown(cut(name, NAME_MAX))
}

fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// The bounds that go on by a length from a place, in units.
fn bounds((x, y): (f64, f64), (width, height): (f64, f64)) -> Bounds {
    let (from, by) = (Point::at(x, y), Point::at(width, height));
    Bounds { x: from.x, y: from.y, width: by.x, height: by.y }
}

/// A stroke, or a line with two ends.
fn along(kind: &str, element: &Value) -> Option<(What, Bounds)> {
    let places = places(kind, element)?;
    if let ([from, to], true) = (&places[..], kind != "freedraw") {
        let has_head = |end: &str, unsaid: bool| element.get(end).map_or(unsaid, |head| !head.is_null());
        // An arrow has its one head at its end.
        let (what, from, to) =
            match (has_head("startArrowhead", false), has_head("endArrowhead", kind == "arrow")) {
                (false, false) => (What::Line, from, to),
                (true, false) => (What::Arrow, to, from),
                (_, true) => (What::Arrow, from, to),
            };
        return Some((what, bounds(*from, (to.0 - from.0, to.1 - from.1))));
    }
    let points: Vec<Point> = places.iter().map(|(x, y)| Point::at(*x, *y)).collect();
    // A float becomes an integer by saturation.
    let pressure = |pressure: &Value| Some((pressure.as_f64()? * 255.0).round() as u8);
    let pressures = element["pressures"].as_array().filter(|_| element["simulatePressure"] != true);
    let pressures = pressures.and_then(|all| all.iter().take(points.len()).map(pressure).collect());
    let pressures = pressures.filter(|all: &Vec<u8>| kind == "freedraw" && all.len() == points.len());
    let around = Bounds::around(points.iter().copied())?;
    Some((What::Stroke(Piece { points, pressures: pressures.unwrap_or_default() }), around))
}

/// The places that a stroke or line goes along, turned as it is; `None` where one of them is none.
fn places(kind: &str, element: &Value) -> Option<Vec<(f64, f64)>> {
    let (x, y) = (element["x"].as_f64()?, element["y"].as_f64()?);
    let place = |point: &Value| Some((x + point[0].as_f64()?, y + point[1].as_f64()?));
    let points = element["points"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut places: Vec<(f64, f64)> =
        points.iter().take(POINTS_MAX * PIECES_MAX).map(place).collect::<Option<_>>()?;
    if places.len() < 2 && kind != "freedraw" {
        // Old files say of a line only how far it goes.
        places = vec![(x, y), (x + element["width"].as_f64()?, y + element["height"].as_f64()?)];
    }
    if let Some(angle) = element["angle"].as_f64().filter(|angle| *angle != 0.0) {
        let corner = |pick: fn(f64, f64) -> f64| {
            places.iter().copied().reduce(|one, other| (pick(one.0, other.0), pick(one.1, other.1)))
        };
        let (least, most) = (corner(f64::min)?, corner(f64::max)?);
        let (x, y) = (f64::midpoint(least.0, most.0), f64::midpoint(least.1, most.1));
        let (sine, cosine) = angle.sin_cos();
        for place in &mut places {
            let (right, down) = (place.0 - x, place.1 - y);
            *place = (x + right * cosine - down * sine, y + right * sine + down * cosine);
        }
    }
    Some(places)
}

fn style(what: &What, element: &Value) -> Style {
    let number = |name: &str, unsaid: f64| element[name].as_f64().unwrap_or(unsaid);
    let thickness = number("strokeWidth", LINES[1]);
    let is_stroke = what.piece().is_some();
    let is_marker = is_stroke && thickness >= MARKER && number("opacity", 100.0) < OPACITY_MOST;
    let has_area = !what.has_ends() && *what != What::Text;
    let line = colour(element["strokeColor"].as_str().unwrap_or(LIGHT[0]));
    let area = colour(element["backgroundColor"].as_str().unwrap_or(TRANSPARENT)).filter(|_| has_area);
    Style {
        // Where a line in ink is around a coloured area, it is the area that people see.
        colour: line.filter(|line| *line != 0).or(area).unwrap_or(0),
        size: match what {
            What::Text => size(number("fontSize", LETTERS[1]), LETTERS),
            _ => size(if is_marker { thickness / MARKER } else { thickness }, LINES),
        },
        is_filled: is_marker || area.is_some(),
    }
}

/// The number of the nearest size.
fn size(length: f64, sizes: [f64; 3]) -> u8 {
    sizes.windows(2).filter(|pair| length > f64::midpoint(pair[0], pair[1])).count() as u8
}

/// Our colour for one of a file's; `None` where nothing is seen. What has only a name is ink.
fn colour(name: &str) -> Option<u8> {
    if name.is_empty() || name == TRANSPARENT || (name.len() == 9 && name.ends_with("00")) {
        return None;
    }
    Some(rgb(name).map_or(0, nearest))
}

/// Red, green and blue of a colour in hexadecimal digits.
fn rgb(colour: &str) -> Option<[u8; 3]> {
    let digits = colour.strip_prefix('#')?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = match digits.len() {
        3 => [0, value >> 8, (value >> 4) & 15, value & 15].map(|digit| digit as u8 * 17),
        6 => value.to_be_bytes(),
        8 => (value >> 8).to_be_bytes(),
        _ => return None,
    };
    Some([red, green, blue])
}

/// The number of the colour that is nearest, by itself or by its tint.
fn nearest(rgb: [u8; 3]) -> u8 {
    let [red, green, blue] = rgb;
    let least = red.min(green).min(blue);
    let spread = red.max(green).max(blue) - least;
    if spread <= GREY && u32::from(spread) * GREY_SHARE <= u32::from(u8::MAX - least) {
        return 0;
    }
    let far = |other: [u8; 3]| -> u32 {
        let parts = rgb.iter().zip(other);
        parts.map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
    };
    let farness = |colour: &u8| match colour {
        // Its tint is a grey.
        0 => far(ours(0)),
        _ => far(ours(*colour)).min(far(tint(*colour))),
    };
    (0..COLOURS).min_by_key(farness).unwrap_or(0)
}

/// Red, green and blue of one of our colours; one that there is not is ink.
fn ours(colour: u8) -> [u8; 3] {
    LIGHT.get(usize::from(colour)).and_then(|colour| rgb(colour)).unwrap_or_default()
}

fn tint(colour: u8) -> [u8; 3] {
    ours(colour).map(|part| (255.0 - f64::from(255 - part) * TINT).round() as u8)
}

fn hex(parts: &[u8]) -> String {
    parts.iter().map(|part| format!("{part:02x}")).collect()
}

/// A picture as an address that has all of it; `None` for bytes that are none.
pub fn data_url(bytes: &[u8]) -> Option<String> {
    Some(format!("data:{};base64,{}", kind_of(bytes)?, STANDARD.encode(bytes)))
}

/// The file of shapes, the one below all others first, with the bytes that `picture` has. A picture that has none is a
/// frame without contents.
pub fn write(shapes: &[(ShapeId, &Shape)], picture: impl Fn(BlobId) -> Option<Vec<u8>>) -> String {
    let mut elements = Vec::new();
    let mut files = Map::new();
    for (id, shape) in shapes {
        let id = hex(&id.0);
        let Some(mut element) = element(&id, shape) else { continue };
        if let What::Picture(held) = &shape.what
            && let Some(bytes) = picture(held.blob())
            && let Some(kind) = kind_of(&bytes)
            && let Some(address) = data_url(&bytes)
        {
            let name = held.blob().to_string();
            let file = json!({ "mimeType": kind, "id": name, "dataURL": address, "created": 1 });
            files.insert(name, file);
        }
        let text = held_text(&id, shape);
        if let Some(text) = &text {
            element["boundElements"] = json!([{ "type": "text", "id": text["id"] }]);
        }
        elements.push(element);
        elements.extend(text);
    }
    let file = json!({
        "type": "excalidraw",
        "version": 2,
        "source": "meshwork",
        "elements": elements,
        "appState": { "viewBackgroundColor": "#ffffff" },
        "files": files,
    });
    file.to_string()
}

/// What every element has.
fn base(id: &str, kind: &str, (x, y): (f64, f64), (width, height): (f64, f64)) -> Value {
    json!({
        "id": id, "type": kind, "x": x, "y": y, "width": width, "height": height, "angle": 0,
        "strokeColor": format!("#{}", hex(&ours(0))), "backgroundColor": TRANSPARENT, "fillStyle": "solid",
        "strokeWidth": LINES[1], "strokeStyle": "solid", "roughness": 0, "opacity": 100, "roundness": null,
        "groupIds": [], "frameId": null, "boundElements": [], "link": null, "locked": false, "index": null,
        "isDeleted": false, "seed": 1, "version": 1, "versionNonce": 1, "updated": 1,
    })
}

/// Whether it is an area that has a colour, and a text in it, in Excalidraw.
fn has_room(what: &What) -> bool {
    matches!(what, What::Rectangle | What::Ellipse | What::Diamond | What::Note | What::Unknown(_))
}

/// A shape as an element; `None` for a stroke without points.
fn element(id: &str, shape: &Shape) -> Option<Value> {
    let Shape { what, bounds, style, .. } = shape;
    let kind = match what {
        What::Stroke(_) => "freedraw",
        What::Note | What::Unknown(_) => "rectangle",
        what => what.name(),
    };
    let from = Point { x: bounds.x, y: bounds.y }.units();
    let by = Point { x: bounds.width, y: bounds.height }.units();
    let points = shape.points();
    let from = if what.piece().is_some() { *points.first()? } else { from };
    let mut element = base(id, kind, from, (by.0.abs(), by.1.abs()));
    let thickness = LINES[usize::from(style.size.min(2))];
    element["strokeWidth"] = json!(thickness);
    element["strokeColor"] = json!(format!("#{}", hex(&ours(style.colour))));
    if *what == What::Note || (style.is_filled && has_room(what)) {
        element["backgroundColor"] = json!(format!("#{}", hex(&tint(style.colour))));
    }
    match what {
        What::Stroke(piece) => {
            let mut points: Vec<_> = points.iter().map(|(x, y)| [x - from.0, y - from.1]).collect();
            let has_pressures = piece.pressures.len() == points.len();
            let mut pressures: Vec<_> = piece.pressures.iter().map(|told| f64::from(*told) / 255.0).collect();
            if points.len() == 1 {
                // Excalidraw takes what has one point for nothing.
                points.push([0.0001, 0.0001]);
                pressures.extend(pressures.first().copied());
            }
            element["points"] = json!(points);
            element["simulatePressure"] = json!(!has_pressures);
            element["pressures"] = if has_pressures { json!(pressures) } else { json!([]) };
            if style.is_filled {
                element["strokeWidth"] = json!(thickness * MARKER);
                element["opacity"] = json!(MARKER_OPACITY);
            }
        }
        What::Line | What::Arrow => {
            element["points"] = json!([[0.0, 0.0], by]);
            element["startArrowhead"] = Value::Null;
            element["endArrowhead"] = if *what == What::Arrow { json!("arrow") } else { Value::Null };
            element["startBinding"] = Value::Null;
            element["endBinding"] = Value::Null;
        }
        What::Text => say(&mut element, &shape.text, &shape.text, style.size),
        What::Note => {
            element["strokeColor"] = json!(TRANSPARENT);
            element["customData"] = json!({ "meshwork": "note" });
        }
        What::Picture(held) => {
            element["fileId"] = json!(held.blob().to_string());
            element["status"] = json!("saved");
            element["scale"] = json!([1, 1]);
        }
        What::Unknown(name) => {
            element["strokeStyle"] = json!("dashed");
            element["customData"] = json!({ "meshwork": name });
        }
        What::Rectangle => element["roundness"] = json!({ "type": 3 }),
        What::Ellipse | What::Diamond => {}
    }
    Some(element)
}

/// Gives an element a text, once as its lines stand and once as it was written.
fn say(element: &mut Value, lines: &str, text: &str, size: u8) {
    element["fontSize"] = json!(LETTERS[usize::from(size.min(2))]);
    // Excalidraw's number of its plain typeface.
    element["fontFamily"] = json!(2);
    element["lineHeight"] = json!(LINE_HEIGHT);
    element["text"] = json!(lines);
    element["originalText"] = json!(text);
    element["textAlign"] = json!("left");
    element["verticalAlign"] = json!("top");
    element["containerId"] = Value::Null;
    element["autoResize"] = json!(true);
}

/// The text in a box, which is an element of its own.
fn held_text(id: &str, shape: &Shape) -> Option<Value> {
    if !has_room(&shape.what) || shape.text.is_empty() {
        return None;
    }
    let Bounds { x, y, width, height } = shape.bounds;
    let ((x, y), (width, height)) = (Point { x, y }.units(), Point { x: width, y: height }.units());
    let letters = LETTERS[usize::from(shape.style.size.min(2))];
    // Half of a diamond's width is free above and below the middle.
    let aside = PADDING + if shape.what == What::Diamond { width / 4.0 } else { 0.0 };
    let inner = (width - 2.0 * aside).max(letters);
    // A float becomes an integer by saturation.
    let lines = broken(&shape.text, (inner / (letters * LETTER_WIDTH)) as usize);
    let tall = lines.split('\n').count() as f64 * letters * LINE_HEIGHT;
    let is_note = shape.what == What::Note;
    let top = if is_note { y + PADDING } else { y + (height - tall) / 2.0 };
    let mut element = base(&format!("{id}-text"), "text", (x + aside, top), (inner, tall));
    say(&mut element, &lines, &shape.text, shape.style.size);
    element["containerId"] = json!(id);
    if !is_note {
        element["textAlign"] = json!("center");
        element["verticalAlign"] = json!("middle");
    }
    Some(element)
}

/// A text with its lines broken between words where they have more characters than `most`.
fn broken(text: &str, most: usize) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut length = 0;
    for word in text.split_inclusive([' ', '\n']) {
        let letters = word.trim_end().chars().count();
        if length > 0 && length + letters > most {
            lines.truncate(lines.trim_end_matches(' ').len());
            lines.push('\n');
            length = 0;
        }
        lines.push_str(word);
        length = if word.ends_with('\n') { 0 } else { length + word.chars().count() };
    }
    lines
}
