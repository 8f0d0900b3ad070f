//! Joints between two bodies.

use serde::{Deserialize, Serialize};

use crate::body::{BodyId, SPACE, Vector};
use crate::error::{PhysicsError, unit, vector, within};

/// Most joints of a world.
pub const JOINTS_MAX: usize = 10_000;

/// The number of a joint in its world. It is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JointId(pub u32);

/// A joint between two bodies. It goes when one of them goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// The bodies.
    pub bodies: [BodyId; 2],
    /// The point of each body that is held, from its middle in its own axes, in metres.
    pub anchors: [Vector; 2],
    /// The freedom that is left.
    pub hold: Hold,
    /// The two bodies touch each other as well.
    pub touches: bool,
}

/// The freedom that a joint leaves. Axes are unit vectors in each body's own axes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Hold {
    /// None: the bodies are one.
    Weld,
    /// All rotations.
    Ball,
    /// Rotation about an axis, between two angles in radians.
    Hinge(Vector, [f32; 2]),
    /// Motion along an axis, between two lengths in metres.
    Slider(Vector, [f32; 2]),
    /// All within this many metres.
    Rope(f32),
    /// A spring: length at rest in metres, newtons per metre, newton seconds per metre.
    Spring(f32, f32, f32),
}

impl Joint {
    pub(crate) fn check(&self) -> Result<(), PhysicsError> {
        if self.bodies[0] == self.bodies[1] {
            return Err(PhysicsError::OneBody(self.bodies[0]));
        }
        self.anchors.iter().try_for_each(|anchor| vector("an anchor", *anchor, SPACE))?;
        let limits = |name, [least, most]: [f32; 2], bound: f32| {
            within(name, least, -bound, bound)?;
            within(name, most, least, bound)
        };
        match self.hold {
            Hold::Weld | Hold::Ball => Ok(()),
            Hold::Hinge(axis, angles) => {
                unit("the axis", &axis)?;
                limits("an angle", angles, core::f32::consts::PI)
            }
            Hold::Slider(axis, lengths) => {
                unit("the axis", &axis)?;
                limits("a length", lengths, SPACE)
            }
            Hold::Rope(length) => within("the rope's length", length, 0.01, SPACE),
            Hold::Spring(length, stiffness, damping) => {
                within("the spring's length", length, 0.0, SPACE)?;
                within("the spring's stiffness", stiffness, 0.0, 1e6)?;
                within("the spring's damping", damping, 0.0, 1e6)
            }
        }
    }
}
