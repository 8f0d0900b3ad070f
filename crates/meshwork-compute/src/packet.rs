//! Packets: the results of a span, or the items of an input, and how results compare and reduce.
//!
//! A packet is, for each unit, a varint length and the bytes. It has no version: the job that it belongs to has one.

use crate::job::{Job, Reduce, Shape};

/// Most bytes of a packet of results.
pub const PACKET_MAX: usize = 4 << 20;

/// Bytes that are not the packet they should be. Nothing of them was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The packet breaks off, or a length is not in its shortest form.
    #[error("the packet breaks off at value {0}")]
    BreaksOff(usize),
    /// Bytes are left behind the last value.
    #[error("{0} bytes are left behind the packet's last value")]
    Trailing(usize),
    /// A value is longer than the job allows.
    #[error("value {at} of {length} bytes exceeds the job's limit of {most}")]
    TooLong {
        /// The place of the value in the packet.
        at: usize,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// A value does not have the form that the job states.
    #[error("value {0} does not have the form that the program's manifest states")]
    Shape(usize),
}

/// Writes values as a packet.
pub fn write<T: AsRef<[u8]>>(values: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let value = value.as_ref();
        let mut length = value.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(value);
    }
    out
}

/// Reads a packet of `count` values of at most `most` bytes each.
///
/// # Errors
/// [`PacketError`] for anything else.
pub fn read(bytes: &[u8], count: usize, most: usize) -> Result<Vec<&[u8]>, PacketError> {
    let mut rest = bytes;
    let mut values = Vec::new();
    for at in 0..count {
        let (length, behind) = length(rest).ok_or(PacketError::BreaksOff(at))?;
        if length > most {
            return Err(PacketError::TooLong { at, length, most });
        }
        let (value, behind) = behind.split_at_checked(length).ok_or(PacketError::BreaksOff(at))?;
        values.push(value);
        rest = behind;
    }
    if rest.is_empty() { Ok(values) } else { Err(PacketError::Trailing(rest.len())) }
}

/// Reads the results of a span of this job, and checks their form.
///
/// # Errors
/// [`PacketError`] for anything else.
pub fn results<'a>(job: &Job, bytes: &'a [u8], count: usize) -> Result<Vec<&'a [u8]>, PacketError> {
    let values = read(bytes, count, job.program.limits.result as usize)?;
    match values.iter().position(|value| !has_shape(job.program.result, value)) {
        Some(at) => Err(PacketError::Shape(at)),
        None => Ok(values),
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0usize;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (at == 0 || *byte != 0).then(|| (length, &bytes[at + 1..]));
        }
    }
    None
}

fn has_shape(shape: Shape, value: &[u8]) -> bool {
    match shape {
        Shape::Bytes => true,
        Shape::Json => serde_json::from_slice::<serde_json::Value>(value).is_ok(),
        Shape::F32 | Shape::U32 => value.len() == 4,
        Shape::F64 => value.len() == 8,
    }
}

/// A result in the one form in which engines hand it on: all NaNs are one.
pub fn canonical(shape: Shape, mut value: Vec<u8>) -> Vec<u8> {
    match shape {
        Shape::F32 if float32(&value).is_some_and(f32::is_nan) => value = f32::NAN.to_le_bytes().to_vec(),
        Shape::F64 if float64(&value).is_some_and(f64::is_nan) => value = f64::NAN.to_le_bytes().to_vec(),
        _ => (),
    }
    value
}

/// Whether two results of a unit agree, within the job's tolerance.
pub fn agree(job: &Job, left: &[u8], right: &[u8]) -> bool {
    let tolerance = (f64::from_bits(job.program.tolerance.0), f64::from_bits(job.program.tolerance.1));
    if left == right {
        return true;
    }
    if job.program.tolerance == (0, 0) {
        return false;
    }
    let near = |left: f64, right: f64| near(left, right, tolerance);
    match job.program.result {
        Shape::F32 => both(float32(left), float32(right)).is_some_and(|(l, r)| near(l.into(), r.into())),
        Shape::F64 => both(float64(left), float64(right)).is_some_and(|(l, r)| near(l, r)),
        Shape::Json => {
            let value = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
            both(value(left), value(right)).is_some_and(|(l, r)| json_agrees(&l, &r, tolerance))
        }
        Shape::Bytes | Shape::U32 => false,
    }
}

fn both<T>(left: Option<T>, right: Option<T>) -> Option<(T, T)> {
    Some((left?, right?))
}

fn near(left: f64, right: f64, (absolute, relative): (f64, f64)) -> bool {
    left == right || (left - right).abs() <= absolute.max(relative * left.abs().max(right.abs()))
}

fn json_agrees(left: &serde_json::Value, right: &serde_json::Value, tolerance: (f64, f64)) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (left, right) {
        (Number(left), Number(right)) => {
            both(left.as_f64(), right.as_f64()).is_some_and(|(left, right)| near(left, right, tolerance))
        }
        (Array(left), Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| json_agrees(left, right, tolerance))
        }
        (Object(left), Object(right)) => {
            let agrees =
                |(key, value)| right.get(key).is_some_and(|other| json_agrees(value, other, tolerance));
            left.len() == right.len() && left.iter().all(agrees)
        }
        _ => left == right,
    }
}

fn float32(bytes: &[u8]) -> Option<f32> {
    bytes.try_into().ok().map(f32::from_le_bytes)
}

fn float64(bytes: &[u8]) -> Option<f64> {
    bytes.try_into().ok().map(f64::from_le_bytes)
}

/// The outcome of all results, in the order of units. [`Reduce::Program`] gets the packet that its function reads.
pub fn reduce(job: &Job, values: &[&[u8]]) -> Vec<u8> {
    let by = job.reduce;
    match (by, job.program.result) {
        (Reduce::Concat, _) => values.concat(),
        (Reduce::Sum | Reduce::Min | Reduce::Max, Shape::U32) => {
            let numbers = values.iter().filter_map(|value| (*value).try_into().ok().map(u32::from_le_bytes));
            let number: u64 = match by {
                Reduce::Sum => numbers.map(u64::from).sum(),
                Reduce::Min => numbers.min().unwrap_or_default().into(),
                _ => numbers.max().unwrap_or_default().into(),
            };
            number.to_le_bytes().to_vec()
        }
        (Reduce::Sum | Reduce::Min | Reduce::Max, Shape::F32 | Shape::F64) => {
            let number = |value: &&[u8]| float64(value).or_else(|| float32(value).map(f64::from));
            let numbers = values.iter().filter_map(number);
            let number = match by {
                Reduce::Sum => numbers.fold(0.0, |sum, number| sum + number),
                Reduce::Min => numbers.reduce(f64::min).unwrap_or_default(),
                _ => numbers.reduce(f64::max).unwrap_or_default(),
            };
            canonical(Shape::F64, number.to_le_bytes().to_vec())
        }
        _ => write(values),
    }
}
