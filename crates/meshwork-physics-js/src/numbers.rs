//! Bodies and joints as lists of numbers: `sdk/js/physics.js` writes and reads the same order.

use meshwork_physics::{Body, BodyId, Hold, Joint, Kind, Motion, PhysicsError, Shape};
use wasm_bindgen::prelude::*;

/// Numbers of a body.
pub(crate) const BODY: usize = 25;
/// Numbers of a motion: the last ones of a body.
pub(crate) const MOTION: usize = 13;
/// Numbers of a joint.
const JOINT: usize = 16;

/// The text of an error, which `sdk/js/physics.js` makes an error of.
pub(crate) fn thrown(error: impl core::error::Error) -> JsValue {
    JsValue::from_str(&format!("Refused\n{error}"))
}

/// The text of an error about a list that `sdk/js/physics.js` does not write.
fn unfit() -> JsValue {
    JsValue::from_str("Unfit\nthis module and its script are of two versions: load both from one package")
}

/// A number that is none of `f32`, with its own value.
fn narrow(value: f64) -> Result<f32, JsValue> {
    let narrow = value as f32;
    if narrow.is_finite() {
        return Ok(narrow);
    }
    let (least, most) = (f64::from(f32::MIN), f64::from(f32::MAX));
    Err(thrown(PhysicsError::Range { name: "a number", value, least, most }))
}

/// Three numbers.
pub(crate) fn triple(numbers: &[f64]) -> Result<[f32; 3], JsValue> {
    let &[x, y, z] = numbers else { return Err(unfit()) };
    Ok([narrow(x)?, narrow(y)?, narrow(z)?])
}

/// Four numbers.
pub(crate) fn turn(numbers: &[f64]) -> Result<[f32; 4], JsValue> {
    let &[x, y, z, w] = numbers else { return Err(unfit()) };
    Ok([narrow(x)?, narrow(y)?, narrow(z)?, narrow(w)?])
}

/// A shape: its kind, and three sizes.
pub(crate) fn shape(numbers: &[f64]) -> Result<Shape, JsValue> {
    let (&[kind], sizes) = numbers.split_first_chunk().ok_or_else(unfit)?;
    let [a, b, c] = triple(sizes)?;
    match kind as u8 {
        0 => Ok(Shape::Ball(a)),
        1 => Ok(Shape::Box([a, b, c])),
        2 => Ok(Shape::Capsule(a, b)),
        3 => Ok(Shape::Cylinder(a, b)),
        _ => Err(unfit()),
    }
}

/// A motion: position, rotation, velocity, spin.
pub(crate) fn motion(numbers: &[f64]) -> Result<Motion, JsValue> {
    if numbers.len() != MOTION {
        return Err(unfit());
    }
    Ok(Motion {
        position: triple(&numbers[..3])?,
        rotation: turn(&numbers[3..7])?,
        velocity: triple(&numbers[7..10])?,
        spin: triple(&numbers[10..])?,
    })
}

/// A body: kind, shape (4), mass, friction, bounce, damping (2), sensor, fast, motion (13).
pub(crate) fn body(numbers: &[f64]) -> Result<Body, JsValue> {
    if numbers.len() != BODY {
        return Err(unfit());
    }
    let kind = match numbers[0] as u8 {
        0 => Kind::Dynamic,
        1 => Kind::Fixed,
        2 => Kind::Moved,
        _ => return Err(unfit()),
    };
    Ok(Body {
        kind,
        shape: shape(&numbers[1..5])?,
        mass: narrow(numbers[5])?,
        friction: narrow(numbers[6])?,
        bounce: narrow(numbers[7])?,
        damping: [narrow(numbers[8])?, narrow(numbers[9])?],
        is_sensor: numbers[10] != 0.0,
        is_fast: numbers[11] != 0.0,
        motion: motion(&numbers[12..])?,
    })
}

/// The reverse of [`body`].
pub(crate) fn written(body: &Body) -> Vec<f64> {
    let kind = match body.kind {
        Kind::Dynamic => 0.0,
        Kind::Fixed => 1.0,
        Kind::Moved => 2.0,
    };
    let (shape, [a, b, c]) = match body.shape {
        Shape::Ball(radius) => (0.0, [radius, 0.0, 0.0]),
        Shape::Box(half) => (1.0, half),
        Shape::Capsule(half, radius) => (2.0, [half, radius, 0.0]),
        Shape::Cylinder(half, radius) => (3.0, [half, radius, 0.0]),
    };
    let [linear, angular] = body.damping;
    let narrow = [a, b, c, body.mass, body.friction, body.bounce, linear, angular];
    let mut numbers = vec![kind, shape];
    numbers.extend(narrow.map(f64::from));
    numbers.extend([f64::from(u8::from(body.is_sensor)), f64::from(u8::from(body.is_fast))]);
    numbers.extend(moved(&body.motion).map(f64::from));
    numbers
}

/// The numbers of a motion.
pub(crate) fn moved(motion: &Motion) -> [f32; MOTION] {
    let ([x, y, z], [i, j, k, w]) = (motion.position, motion.rotation);
    let ([u, v, s], [p, q, r]) = (motion.velocity, motion.spin);
    [x, y, z, i, j, k, w, u, v, s, p, q, r]
}

/// A joint: two bodies, two anchors (6), kind, axis (3), three numbers of the kind, whether the bodies touch.
pub(crate) fn joint(numbers: &[f64]) -> Result<Joint, JsValue> {
    if numbers.len() != JOINT {
        return Err(unfit());
    }
    let axis = triple(&numbers[9..12])?;
    let [a, b, c] = triple(&numbers[12..15])?;
    let hold = match numbers[8] as u8 {
        0 => Hold::Weld,
        1 => Hold::Ball,
        2 => Hold::Hinge(axis, [a, b]),
        3 => Hold::Slider(axis, [a, b]),
        4 => Hold::Rope(a),
        5 => Hold::Spring(a, b, c),
        _ => return Err(unfit()),
    };
    Ok(Joint {
        bodies: [BodyId(numbers[0] as u32), BodyId(numbers[1] as u32)],
        anchors: [triple(&numbers[2..5])?, triple(&numbers[5..8])?],
        hold,
        touches: numbers[15] != 0.0,
    })
}
