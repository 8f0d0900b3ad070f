//! Bodies: their shapes, their properties and their motion.

use serde::{Deserialize, Serialize};

use crate::error::{PhysicsError, unit, vector, within};

/// Most bodies of a world.
pub const BODIES_MAX: usize = 10_000;
/// Bodies stay within this many metres of the middle along each axis. Beyond it `f32` is coarser than a millimetre.
pub const SPACE: f32 = 8192.0;
/// The greatest speed along an axis, in metres per second.
pub const SPEED_MAX: f32 = 400.0;
/// The greatest spin about an axis, in radians per second.
pub const SPIN_MAX: f32 = 200.0;
/// The least half size or radius, in metres.
pub const SIZE_MIN: f32 = 0.01;
/// The greatest half size or radius, in metres.
pub const SIZE_MAX: f32 = 1000.0;
/// The least mass, in kilogrammes.
pub const MASS_MIN: f32 = 0.001;
/// The greatest mass, in kilogrammes.
pub const MASS_MAX: f32 = 1e6;
/// The greatest push, in newton seconds.
pub const IMPULSE_MAX: f32 = 1e8;

/// Three numbers along x, y and z.
pub type Vector = [f32; 3];
/// A rotation as a unit quaternion: x, y, z, w.
pub type Rotation = [f32; 4];

/// The number of a body in its world. It is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BodyId(pub u32);

/// A shape around the middle of its body. Lengths are half sizes and radii in metres, [`SIZE_MIN`] to [`SIZE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// A ball with this radius.
    Ball(f32),
    /// A box with these half sizes.
    Box(Vector),
    /// A cylinder along y with round ends: half its height without the ends, and its radius.
    Capsule(f32, f32),
    /// A cylinder along y: half its height, and its radius.
    Cylinder(f32, f32),
}

/// The way in which a body moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Gravity and other bodies move it.
    Dynamic,
    /// Nothing moves it.
    Fixed,
    /// Its own velocity moves it, and nothing stops it.
    Moved,
}

/// Everything that a body begins with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// The way in which it moves.
    pub kind: Kind,
    /// Its shape.
    pub shape: Shape,
    /// Its mass in kilogrammes, [`MASS_MIN`] to [`MASS_MAX`].
    pub mass: f32,
    /// Friction, 0 to 10.
    pub friction: f32,
    /// The part of its speed that it keeps when it bounces, 0 to 1.
    pub bounce: f32,
    /// Speed and spin that it loses each second, 0 to 100 each.
    pub damping: [f32; 2],
    /// It only reports what touches it, and stops nothing.
    pub is_sensor: bool,
    /// Steps are divided where it would pass through another body. Dearer: for bullets.
    pub is_fast: bool,
    /// Its motion.
    pub motion: Motion,
}

impl Default for Body {
    /// A dynamic ball of 1 kg and half a metre at the middle.
    fn default() -> Body {
        Body {
            kind: Kind::Dynamic,
            shape: Shape::Ball(0.5),
            mass: 1.0,
            friction: 0.5,
            bounce: 0.0,
            damping: [0.0; 2],
            is_sensor: false,
            is_fast: false,
            motion: Motion::default(),
        }
    }
}

/// The place and speed of a body.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Its middle, in metres: at most [`SPACE`] from 0 along each axis.
    pub position: Vector,
    /// Its rotation.
    pub rotation: Rotation,
    /// Metres per second: at most [`SPEED_MAX`] along each axis.
    pub velocity: Vector,
    /// Radians per second about each axis: at most [`SPIN_MAX`].
    pub spin: Vector,
}

impl Default for Motion {
    /// At rest in the middle.
    fn default() -> Motion {
        Motion { position: [0.0; 3], rotation: [0.0, 0.0, 0.0, 1.0], velocity: [0.0; 3], spin: [0.0; 3] }
    }
}

/// A body as it is now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BodyState {
    /// The body's properties, and its motion after the last step.
    pub body: Body,
    /// It lies still, and costs next to nothing until something touches it.
    pub is_asleep: bool,
}

impl Shape {
    pub(crate) fn check(self) -> Result<(), PhysicsError> {
        let size = |size| within("the size of a shape", size, SIZE_MIN, SIZE_MAX);
        match self {
            Shape::Ball(radius) => size(radius),
            Shape::Box(half) => half.into_iter().try_for_each(size),
            Shape::Capsule(half, radius) | Shape::Cylinder(half, radius) => size(half).and(size(radius)),
        }
    }
}

impl Motion {
    pub(crate) fn check(&self, is_flat: bool) -> Result<(), PhysicsError> {
        vector("position", self.position, SPACE)?;
        unit("rotation", &self.rotation)?;
        vector("velocity", self.velocity, SPEED_MAX)?;
        vector("spin", self.spin, SPIN_MAX)?;
        if is_flat {
            flat("position", &self.position[2..])?;
            flat("rotation", &self.rotation[..2])?;
            flat("velocity", &self.velocity[2..])?;
            flat("spin", &self.spin[..2])?;
        }
        Ok(())
    }
}

impl Body {
    pub(crate) fn check(&self, is_flat: bool) -> Result<(), PhysicsError> {
        self.shape.check()?;
        within("mass", self.mass, MASS_MIN, MASS_MAX)?;
        within("friction", self.friction, 0.0, 10.0)?;
        within("bounce", self.bounce, 0.0, 1.0)?;
        self.damping.into_iter().try_for_each(|damping| within("damping", damping, 0.0, 100.0))?;
        self.motion.check(is_flat)
    }
}

/// Checks that numbers out of the plane are 0.
pub(crate) fn flat(name: &'static str, parts: &[f32]) -> Result<(), PhysicsError> {
    match parts.iter().find(|part| **part != 0.0) {
        Some(part) => Err(PhysicsError::NotFlat { name, value: f64::from(*part) }),
        None => Ok(()),
    }
}
