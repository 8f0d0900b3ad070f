//! The errors of worlds and their snapshots.

use meshwork_core::wire::DecodeError;

use crate::body::BodyId;
use crate::joint::JointId;

/// A call that a world refused. The world is as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PhysicsError {
    /// A number is outside its range, or no number.
    #[error("{name} is {value}: it must be {least} to {most}")]
    Range {
        /// The name of the field.
        name: &'static str,
        /// The value.
        value: f64,
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// A direction or rotation has no length of 1.
    #[error("{name} has length {length}: it must be 1")]
    NotUnit {
        /// The name of the field.
        name: &'static str,
        /// The length.
        length: f64,
    },
    /// A flat world has no depth.
    #[error("{name} has {value} out of the plane: in a flat world it must be 0")]
    NotFlat {
        /// The name of the field.
        name: &'static str,
        /// The value.
        value: f64,
    },
    /// The world is full. Remove bodies first.
    #[error("the world has {0} bodies, which is the most: remove some first")]
    TooManyBodies(usize),
    /// The world is full. Remove joints first.
    #[error("the world has {0} joints, which is the most: remove some first")]
    TooManyJoints(usize),
    /// The body was removed, or never was.
    #[error("the world has no body {}", .0.0)]
    UnknownBody(BodyId),
    /// The joint was removed, or never was.
    #[error("the world has no joint {}", .0.0)]
    UnknownJoint(JointId),
    /// A joint needs two bodies.
    #[error("a joint cannot hold body {} to itself", .0.0)]
    OneBody(BodyId),
}

/// Bytes that are no snapshot or command. The world is as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Another version of the program wrote it.
    #[error("version {0} is not {version}, which this program reads", version = crate::VERSION)]
    Version(u8),
    /// More bytes than the format may have.
    #[error("{length} bytes exceed the limit of {most}")]
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// The bytes break off, exceed a bound, or hold a value that does not exist.
    #[error(transparent)]
    Body(#[from] DecodeError),
    /// The same value has a shorter form.
    #[error("these {0} bytes are not the shortest form of their value")]
    NotShortest(usize),
    /// The snapshot's digest is that of other bytes: it was changed on its way.
    #[error("the digest of these {0} bytes is another one: fetch the snapshot again")]
    Digest(usize),
    /// Ids must grow, and lie below the next one.
    #[error("id {0} does not follow its forerunner, or is not below the next")]
    Order(u32),
    /// A number is above its limit.
    #[error("{name} is {value}: it must be at most {most}")]
    Number {
        /// The name of the field.
        name: &'static str,
        /// The value.
        value: u64,
        /// The most.
        most: u64,
    },
    /// A body or joint that no world accepts.
    #[error(transparent)]
    Refused(#[from] PhysicsError),
}

/// Checks that a number is in its range.
pub(crate) fn within(name: &'static str, value: f32, least: f32, most: f32) -> Result<(), PhysicsError> {
    // Without NaN: it is in no range.
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(PhysicsError::Range { name, value: value.into(), least: least.into(), most: most.into() })
}

/// Checks that each part of a vector is at most `most`, to either side.
pub(crate) fn vector(name: &'static str, vector: [f32; 3], most: f32) -> Result<(), PhysicsError> {
    vector.iter().try_for_each(|part| within(name, *part, -most, most))
}

/// Checks that parts have the length 1, as near as `f32` gets after many steps.
pub(crate) fn unit(name: &'static str, parts: &[f32]) -> Result<(), PhysicsError> {
    parts.iter().try_for_each(|part| within(name, *part, -2.0, 2.0))?;
    let square: f64 = parts.iter().map(|part| f64::from(*part) * f64::from(*part)).sum();
    if (square - 1.0).abs() < 2e-3 {
        return Ok(());
    }
    Err(PhysicsError::NotUnit { name, length: square.sqrt() })
}
