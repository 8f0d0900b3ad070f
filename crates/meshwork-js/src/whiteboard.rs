//! The whiteboard, whose shapes cross as JSON.

use meshwork::sync::shapes::{Bounds, Order, Picture, Piece, Point, Shape, ShapeId, Style, UNIT, What};
use meshwork::{BlobId, Whiteboard, WriteError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::app::RawApp;
use crate::border::at_once;
use crate::error::{thrown, unfit};
use crate::reader::{Reader, Source};

/// Lengths, in steps, from which on all are as far beyond the board: less than half of what the number holds.
const BEYOND: f64 = 1e9;

/// Shapes that several people draw at once.
#[wasm_bindgen]
pub struct RawWhiteboard(Whiteboard);

/// A shape, or what is to be another of it: what is left out stays. Lengths are in units.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Told {
    what: Option<String>,
    x: Option<f64>,
    y: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
    color: Option<u8>,
    size: Option<u8>,
    is_filled: Option<bool>,
    order: Option<String>,
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Vec<(f64, f64)>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pressures: Vec<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<ToldPicture>,
}

#[derive(Serialize, Deserialize)]
struct ToldPicture {
    id: BlobId,
    size: u64,
}

#[wasm_bindgen]
impl RawApp {
    /// Its whiteboard.
    pub fn whiteboard(&self) -> RawWhiteboard {
        RawWhiteboard(self.app().whiteboard())
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawWhiteboard {
    /// All shapes with their ids, the one below all others first, as JSON.
    pub fn shapes(&self) -> Result<String, JsValue> {
        let shapes = at_once(self.0.shapes()).map_err(thrown)?;
        let told: Vec<_> = shapes.iter().map(|(id, shape)| (hex(&id.0), told(shape))).collect();
        serde_json::to_string(&told).map_err(unfit)
    }

    /// One shape, as JSON.
    pub fn get(&self, id: &str) -> Result<Option<String>, JsValue> {
        let shape = at_once(self.0.get(shape_id(id)?)).map_err(thrown)?;
        shape.map(|shape| serde_json::to_string(&told(&shape)).map_err(unfit)).transpose()
    }

    /// Draws a shape that JSON says, and returns its id.
    pub async fn draw(&self, told: String) -> Result<String, JsValue> {
        let nothing = Shape {
            what: What::Unknown(String::new()),
            bounds: Bounds::default(),
            style: Style::default(),
            order: at_once(self.0.top()).map_err(thrown)?,
            text: String::new(),
        };
        let shape = changed(nothing, &told).map_err(thrown)?;
        self.0.draw(shape).await.map(|id| hex(&id.0)).map_err(thrown)
    }

    /// An order over all shapes.
    pub fn top(&self) -> Result<String, JsValue> {
        at_once(self.0.top()).map(|order| hex(order.bytes())).map_err(thrown)
    }

    /// An order between two.
    pub fn between(&self, below: Option<String>, above: Option<String>) -> Result<String, JsValue> {
        let read = |order: Option<String>| order.map(|order| order_of(&order).map_err(thrown)).transpose();
        Ok(hex(Order::between(read(below)?.as_ref(), read(above)?.as_ref()).bytes()))
    }

    /// Gives a shape what JSON says. Returns whether it is there.
    pub async fn change(&self, id: String, told: String) -> Result<bool, JsValue> {
        let id = shape_id(&id)?;
        let Some(shape) = at_once(self.0.get(id)).map_err(thrown)? else { return Ok(false) };
        self.0.change(id, changed(shape, &told).map_err(thrown)?).await.map_err(thrown)
    }

    /// Takes a shape away.
    pub async fn erase(&self, id: String) -> Result<(), JsValue> {
        self.0.erase(shape_id(&id)?).await.map_err(thrown)
    }

    /// Which shapes change from now on.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Shapes(self.0.watch()))
    }
}

/// A shape that changed, with what it is now, and how many changes were missed so far.
pub(crate) fn change(id: ShapeId, shape: Option<Shape>, missed: u64) -> JsValue {
    let mut change = json!({ "id": hex(&id.0), "missed": missed });
    if let Some(shape) = shape {
        change["shape"] = serde_json::to_value(told(&shape)).unwrap_or(Value::Null);
    }
    change.to_string().into()
}

fn told(shape: &Shape) -> Told {
    let units = |steps: i32| Some(f64::from(steps) / UNIT);
    let Bounds { x, y, width, height } = shape.bounds;
    let piece = shape.what.piece();
    Told {
        what: Some(shape.what.name().to_owned()),
        x: units(x),
        y: units(y),
        width: units(width),
        height: units(height),
        color: Some(shape.style.colour),
        size: Some(shape.style.size),
        is_filled: Some(shape.style.is_filled),
        order: Some(hex(shape.order.bytes())),
        text: Some(shape.text.clone()),
        points: piece.map(|_| shape.points()),
        pressures: piece.map(|piece| piece.pressures.clone()).unwrap_or_default(),
        picture: match &shape.what {
            What::Picture(picture) => Some(ToldPicture { id: picture.blob(), size: picture.size }),
            _ => None,
        },
    }
}

/// A shape with what JSON says of it. Of a stroke that is where it was and pressed as it was the points stay as they were drawn.
fn changed(mut shape: Shape, told: &str) -> Result<Shape, WriteError> {
    let told: Told = serde_json::from_str(told).map_err(|error| WriteError::Invalid(error.to_string()))?;
    let name = told.what.unwrap_or_else(|| shape.what.name().to_owned());
    let points = |points: &[(f64, f64)]| -> Vec<Point> {
        points.iter().map(|(x, y)| Point { x: steps(*x), y: steps(*y) }).collect()
    };
    let stroke = told.points.map(|told| points(&told)).filter(|now| {
        let pressures = shape.what.piece().map(|piece| &piece.pressures);
        *now != points(&shape.points()) || pressures.is_some_and(|before| *before != told.pressures)
    });
    let Bounds { x, y, width, height } = &mut shape.bounds;
    for (length, told) in [(x, told.x), (y, told.y), (width, told.width), (height, told.height)] {
        *length = told.map_or(*length, steps);
    }
    match (&*name, stroke, told.picture) {
        ("pen", Some(points), _) => {
            shape.bounds = Bounds::around(points.iter().copied()).unwrap_or_default();
            shape.what = What::Stroke(Piece { points, pressures: told.pressures });
        }
        ("image", _, Some(ToldPicture { id, size })) => shape.what = What::Picture(Picture::new(id, size)),
        (name, ..) if !name.is_empty() && name == shape.what.name() => {}
        (name, ..) => {
            let lacking = || WriteError::Invalid(format!("{name:?} is no shape, or lacks what makes it one"));
            shape.what = What::plain(name).ok_or_else(lacking)?;
        }
    }
    shape.style.colour = told.color.unwrap_or(shape.style.colour);
    shape.style.size = told.size.unwrap_or(shape.style.size);
    shape.style.is_filled = told.is_filled.unwrap_or(shape.style.is_filled);
    if let Some(order) = told.order {
        shape.order = order_of(&order)?;
    }
    shape.text = told.text.unwrap_or(shape.text);
    Ok(shape)
}

fn steps(units: f64) -> i32 {
    (units * UNIT).round().clamp(-BEYOND, BEYOND) as i32
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that these digits say, two each.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: &u8| (*digit as char).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((value(high)? * 16 + value(low)?) as u8),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn shape_id(digits: &str) -> Result<ShapeId, JsValue> {
    let id = bytes(digits).and_then(|bytes| bytes.try_into().ok());
    id.map(ShapeId).ok_or_else(|| unfit(format!("{digits:?} is not the id of a shape")))
}

fn order_of(digits: &str) -> Result<Order, WriteError> {
    let order = bytes(digits).and_then(|bytes| Order::read(&bytes));
    order.ok_or_else(|| WriteError::Invalid(format!("{digits:?} is no order of shapes")))
}
