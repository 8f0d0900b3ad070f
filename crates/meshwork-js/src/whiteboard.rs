//! The whiteboard, whose shapes cross as lists.

use js_sys::{Array, Float64Array, Uint8Array};
use meshwork::sync::shapes::{Bounds, Order, Picture, Piece, Point, Shape, ShapeId, Style, UNIT, What};
use meshwork::{Whiteboard, WriteError};
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

#[wasm_bindgen]
impl RawApp {
    /// Its whiteboard.
    pub fn whiteboard(&self) -> RawWhiteboard {
        RawWhiteboard(self.app().whiteboard())
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawWhiteboard {
    /// All shapes with their ids, the one below all others first.
    pub fn shapes(&self) -> Result<Array, JsValue> {
        let shapes = at_once(self.0.shapes()).map_err(thrown)?;
        Ok(shapes.iter().map(|(id, shape)| Array::of2(&hex(&id.0).into(), &told(shape))).collect())
    }

    /// One shape.
    pub fn get(&self, id: &str) -> Result<Option<Array>, JsValue> {
        let shape = at_once(self.0.get(shape_id(id)?)).map_err(thrown)?;
        Ok(shape.map(|shape| told(&shape)))
    }

    /// Draws a shape, and returns its id.
    pub async fn draw(&self, told: Array) -> Result<String, JsValue> {
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

    /// Changes a shape. Returns whether it is there.
    pub async fn change(&self, id: String, told: Array) -> Result<bool, JsValue> {
        let id = shape_id(&id)?;
        let Some(shape) = at_once(self.0.get(id)).map_err(thrown)? else { return Ok(false) };
        self.0.change(id, changed(shape, &told).map_err(thrown)?).await.map_err(thrown)
    }

    /// Takes a shape away.
    pub async fn erase(&self, id: String) -> Result<(), JsValue> {
        self.0.erase(shape_id(&id)?).await.map_err(thrown)
    }

    /// The same whiteboard, all writes through which are one step.
    #[wasm_bindgen(js_name = oneStep)]
    pub fn one_step(&self) -> RawWhiteboard {
        RawWhiteboard(self.0.one_step())
    }

    /// Takes the last step back, or does the last one again that was taken back. Returns whether there was one.
    pub async fn go(&self, again: bool) -> Result<bool, JsValue> {
        let gone = if again { self.0.redo().await } else { self.0.undo().await };
        gone.map_err(thrown)
    }

    /// How many steps can be taken back, and how many done again.
    pub fn steps(&self) -> Vec<u32> {
        let (undo, redo) = self.0.steps();
        vec![undo as u32, redo as u32]
    }

    /// Which shapes change from now on.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Shapes(self.0.watch()))
    }
}

/// A shape that changed, with what it is now, and how many changes were missed so far.
pub(crate) fn change(id: ShapeId, shape: Option<Shape>, missed: u64) -> JsValue {
    let shape = shape.map_or(JsValue::UNDEFINED, |shape| told(&shape).into());
    Array::of3(&hex(&id.0).into(), &shape, &JsValue::from(missed as f64)).into()
}

/// What it is; x, y, width and height in units, color, size, whether it is filled, and the bytes of its picture; order; text; x and y
/// of each point; pressures; the blob of its picture.
fn told(shape: &Shape) -> Array {
    let Bounds { x, y, width, height } = shape.bounds;
    let [x, y, width, height] = [x, y, width, height].map(|steps| f64::from(steps) / UNIT);
    let Style { colour, size, is_filled } = shape.style;
    let (blob, bytes) = match &shape.what {
        What::Picture(picture) => (Some(picture.blob().to_string()), picture.size as f64),
        _ => (None, 0.0),
    };
    let numbers = [x, y, width, height, colour.into(), size.into(), u8::from(is_filled).into(), bytes];
    let points: Vec<f64> = shape.points().into_iter().flat_map(|(x, y)| [x, y]).collect();
    let pressures = shape.what.piece().map(|piece| &*piece.pressures).unwrap_or_default();
    Array::from_iter([
        JsValue::from(shape.what.name()),
        Float64Array::from(&numbers[..]).into(),
        hex(shape.order.bytes()).into(),
        JsValue::from(&*shape.text),
        Float64Array::from(&*points).into(),
        Uint8Array::from(pressures).into(),
        blob.into(),
    ])
}

/// A shape with what is to be another of it, told likewise: what is left out stays, and is no number among numbers. Of a stroke that is
/// where it was and pressed as it was the points stay as they were drawn.
fn changed(mut shape: Shape, told: &Array) -> Result<Shape, WriteError> {
    let numbers = |at: u32| Float64Array::new(&told.get(at)).to_vec();
    let [what, order, text, blob] = [0, 2, 3, 6].map(|at| told.get(at).as_string());
    let name = what.unwrap_or_else(|| shape.what.name().to_owned());
    let Ok([lengths @ .., color, size, is_filled, bytes]) = <[f64; 8]>::try_from(numbers(1)) else {
        return Err(invalid("a shape has eight numbers"));
    };
    let pressures: Option<Vec<u8>> = numbers(5).into_iter().map(byte).collect();
    let pressures = pressures.ok_or_else(|| invalid("a pressure is a whole number from 0 to 255"))?;
    let points = (!told.get(4).is_undefined()).then(|| places(&numbers(4)));
    let stroke = points.filter(|now| {
        let before: Vec<f64> = shape.points().into_iter().flat_map(|(x, y)| [x, y]).collect();
        *now != places(&before) || shape.what.piece().is_some_and(|piece| piece.pressures != pressures)
    });
    let Bounds { x, y, width, height } = &mut shape.bounds;
    for (length, told) in [x, y, width, height].into_iter().zip(lengths) {
        if !told.is_nan() {
            *length = steps(told);
        }
    }
    match (&*name, stroke, blob) {
        ("pen", Some(points), _) => {
            shape.bounds = Bounds::around(points.iter().copied()).unwrap_or_default();
            shape.what = What::Stroke(Piece { points, pressures });
        }
        ("image", _, Some(blob)) => {
            let blob = blob.parse().map_err(invalid)?;
            shape.what = What::Picture(Picture::new(blob, bytes as u64));
        }
        (name, ..) if !name.is_empty() && name == shape.what.name() => {}
        (name, ..) => {
            let lacking = || invalid(format!("{name:?} is no shape, or lacks what makes it one"));
            shape.what = What::plain(name).ok_or_else(lacking)?;
        }
    }
    for (look, told) in [(&mut shape.style.colour, color), (&mut shape.style.size, size)] {
        if !told.is_nan() {
            *look = byte(told).unwrap_or(u8::MAX);
        }
    }
    if !is_filled.is_nan() {
        shape.style.is_filled = is_filled != 0.0;
    }
    if let Some(order) = order {
        shape.order = order_of(&order)?;
    }
    shape.text = text.unwrap_or(shape.text);
    Ok(shape)
}

fn invalid(words: impl ToString) -> WriteError {
    WriteError::Invalid(words.to_string())
}

fn steps(units: f64) -> i32 {
    (units * UNIT).round().clamp(-BEYOND, BEYOND) as i32
}

/// Places of which each has x and y in units: what lacks its y is beyond the board.
fn places(numbers: &[f64]) -> Vec<Point> {
    let place = |pair: &[f64]| Point { x: steps(pair[0]), y: steps(*pair.get(1).unwrap_or(&BEYOND)) };
    numbers.chunks(2).map(place).collect()
}

fn byte(number: f64) -> Option<u8> {
    let byte = number as u8;
    (f64::from(byte) == number).then_some(byte)
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
    order.ok_or_else(|| invalid(format!("{digits:?} is no order of shapes")))
}
