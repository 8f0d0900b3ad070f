//! Jobs: a program over units 0 to n, as its submitter writes it once into the app's table.

use std::fmt;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{PeerId, RoomId};
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use serde::{Deserialize, Serialize};

use crate::form::{Form, FormatError, form, within};

/// First bytes of a job's row.
pub const ROW: [u8; 2] = [0xfe, b'j'];
/// Name of the submitter's field with the job.
pub const JOB_FIELD: &[u8] = b"job";
/// Most units of a job.
pub const UNITS_MAX: u32 = 1_000_000;
/// Most bytes of a program's code.
pub const CODE_MAX: u32 = 8 << 20;
/// Most bytes of an input.
pub const INPUT_MAX: u64 = 64 << 20;
/// Most bytes of a unit's result.
pub const RESULT_MAX: u32 = 1 << 20;
/// Most milliseconds of a unit of a sandboxed program.
pub const UNIT_MS_MAX: u32 = 60_000;
/// Most milliseconds of a unit of an offered program.
pub const OFFERED_MS_MAX: u32 = 3_600_000;

/// The name of a job: half of a hash over room, submitter and value, so no other peer can write under it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(pub [u8; 16]);

impl JobId {
    /// The name of this value, written by this peer in this room.
    pub fn of(room: &RoomId, submitter: &PeerId, value: &[u8]) -> JobId {
        let bytes = [&room.0[..], &submitter.0, value].concat();
        let hash = blake3::derive_key("meshwork compute job v1", &bytes);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        JobId(id)
    }

    /// The job's row in the app's table.
    pub fn row(&self) -> Vec<u8> {
        [&ROW[..], &self.0].concat()
    }

    /// The job of a row; `None` for other rows.
    pub fn of_row(row: &[u8]) -> Option<JobId> {
        row.strip_prefix(&ROW)?.try_into().ok().map(JobId)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A job. Written once; the batch's signature is that of program and parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The program.
    pub program: Program,
    /// Number of units, from 1 to [`UNITS_MAX`].
    pub units: u32,
    /// Parameters as JSON, as the program reads them.
    pub params: Bytes<16_384>,
    /// The input.
    pub input: Input,
    /// How results of peers that are not trusted are checked.
    pub check: Check,
    /// How results become the outcome.
    pub reduce: Reduce,
    /// The peers that confirm results and keep the books, the submitter first. Each once.
    pub trusted: Bounded<PeerId, 64>,
    /// Random bytes, so that the same job can be submitted twice.
    pub nonce: [u8; 8],
}

/// A program and its manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// The title; for [`Kind::Offered`] the name under which lenders offer it. Not empty.
    pub name: BoundedText<64>,
    /// A description for people.
    pub about: BoundedText<512>,
    /// The language.
    pub kind: Kind,
    /// The code and its length in bytes; `None` exactly for [`Kind::Offered`].
    pub code: Option<(BlobId, u32)>,
    /// The form of a unit's result.
    pub result: Shape,
    /// Bits of two `f64`, absolute and relative: results that differ by no more are equal. Both zero: equal bytes. For JSON and floats only.
    pub tolerance: (u64, u64),
    /// How results are shown.
    pub view: View,
    /// The limits of a unit.
    pub limits: Limits,
}

/// The language of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// A WebAssembly module.
    Wasm,
    /// A JavaScript function.
    Js,
    /// A WGSL shader.
    Wgsl(Shader),
    /// A program that lenders offer by name.
    Offered,
}

impl Kind {
    /// The number of the language in rows and bits of [`Offer::engines`](crate::message::Offer::engines): 0 to 3.
    pub fn number(self) -> u8 {
        match self {
            Kind::Wasm => 0,
            Kind::Js => 1,
            Kind::Wgsl(_) => 2,
            Kind::Offered => 3,
        }
    }
}

/// How a shader is dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shader {
    /// Workgroups in x, y and z, each from 1 to 65,535.
    pub groups: [u16; 3],
    /// Bytes of the output buffer, from 4 to [`RESULT_MAX`].
    pub output: u32,
}

/// The form of a unit's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Any bytes.
    Bytes,
    /// A JSON text.
    Json,
    /// A little-endian `f32`.
    F32,
    /// A little-endian `f64`.
    F64,
    /// A little-endian `u32`.
    U32,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The outcome as a file.
    File,
    /// Numbers as a plot.
    Numbers,
    /// JSON as a table.
    Table,
    /// Results are RGBA tiles of a picture.
    Tiles {
        /// Tiles in a row, at least 1.
        columns: u16,
        /// Width of a tile in pixels, at least 1.
        width: u16,
        /// Height of a tile in pixels, at least 1.
        height: u16,
    },
}

/// The limits of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in MiB, from 1 to 1,024.
    pub memory_mib: u16,
    /// Time in milliseconds, from 1 to [`UNIT_MS_MAX`], or [`OFFERED_MS_MAX`] for an offered program.
    pub unit_ms: u32,
    /// Bytes of a result, from 1 to [`RESULT_MAX`].
    pub result: u32,
}

/// The input of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// None.
    None,
    /// One blob for all units, and its length in bytes, at most [`INPUT_MAX`].
    Whole(BlobId, u64),
    /// An item for each unit: a [packet](crate::packet) of all items, and its length in bytes, at most [`INPUT_MAX`].
    Items(BlobId, u64),
}

/// How results of peers that are not trusted are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// They are believed.
    None,
    /// A trusted peer repeats drawn units.
    Sample,
    /// A trusted peer repeats all units.
    All,
}

/// How results become the outcome, in the order of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reduce {
    /// The bytes one behind the other.
    Concat,
    /// A [packet](crate::packet) of all results.
    List,
    /// The sum of numbers.
    Sum,
    /// The least number.
    Min,
    /// The greatest number.
    Max,
    /// The program's own function over the packet of all results, run once by the steward. WebAssembly and JavaScript only.
    Program,
}

impl Job {
    /// The submitter.
    pub fn submitter(&self) -> Option<PeerId> {
        self.trusted.first().copied()
    }

    /// Whether this peer confirms results and may keep the books.
    pub fn trusts(&self, peer: &PeerId) -> bool {
        self.trusted.contains(peer)
    }

    /// The place of a trusted peer in the list: 0 is the submitter.
    pub fn rank(&self, peer: &PeerId) -> Option<usize> {
        self.trusted.iter().position(|trusted| trusted == peer)
    }
}

impl Form for Job {
    const MOST: usize = 24 * 1024;

    fn check(&self) -> Result<(), FormatError> {
        let program = &self.program;
        let is_offered = program.kind == Kind::Offered;
        within("units", self.units.into(), 1, UNITS_MAX.into())?;
        within("the length of the name", program.name.len() as u64, 1, 64)?;
        within("memory_mib", program.limits.memory_mib.into(), 1, 1024)?;
        let most = if is_offered { OFFERED_MS_MAX } else { UNIT_MS_MAX };
        within("unit_ms", program.limits.unit_ms.into(), 1, most.into())?;
        within("the limit of a result", program.limits.result.into(), 1, RESULT_MAX.into())?;
        within("the number of trusted peers", self.trusted.len() as u64, 1, 64)?;
        if program.code.is_none() != is_offered {
            return Err(FormatError::Contradiction("an offered program has no code, any other has code"));
        }
        if let Some((_, length)) = program.code {
            within("the length of the code", length.into(), 1, CODE_MAX.into())?;
        }
        if let Input::Whole(_, length) | Input::Items(_, length) = self.input {
            within("the length of the input", length, 0, INPUT_MAX)?;
        }
        if let Kind::Wgsl(shader) = program.kind {
            for groups in shader.groups {
                within("workgroups", groups.into(), 1, u16::MAX.into())?;
            }
            within("the output of a shader", shader.output.into(), 4, RESULT_MAX.into())?;
        }
        if let View::Tiles { columns, width, height } = program.view {
            for side in [columns, width, height] {
                within("a number of the tiles", side.into(), 1, u16::MAX.into())?;
            }
        }
        let is_number = !matches!(program.result, Shape::Bytes | Shape::Json);
        if matches!(self.reduce, Reduce::Sum | Reduce::Min | Reduce::Max) && !is_number {
            return Err(FormatError::Contradiction(
                "only numbers (F32, F64, U32) have a sum, a least and a greatest",
            ));
        }
        let (absolute, relative) = (f64::from_bits(program.tolerance.0), f64::from_bits(program.tolerance.1));
        let is_exact = program.tolerance == (0, 0);
        if !is_exact && matches!(program.result, Shape::Bytes | Shape::U32) {
            return Err(FormatError::Contradiction("only JSON and floats have a tolerance"));
        }
        if self.reduce == Reduce::Program && !matches!(program.kind, Kind::Wasm | Kind::Js) {
            return Err(FormatError::Contradiction(
                "only WebAssembly and JavaScript have a reduction of their own",
            ));
        }
        if ![absolute, relative].iter().all(|part| part.is_finite() && part.is_sign_positive()) {
            return Err(FormatError::Contradiction("a tolerance is finite and not negative"));
        }
        let is_repeated = |(at, peer): (usize, &PeerId)| self.trusted[..at].contains(peer);
        if self.trusted.iter().enumerate().any(is_repeated) {
            return Err(FormatError::Contradiction("a trusted peer is listed twice: list each once"));
        }
        Ok(())
    }
}

form!(Job);
