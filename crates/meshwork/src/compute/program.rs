//! Programs and jobs as a submitter describes them.

use meshwork_compute::FormatError;
use meshwork_compute::job::{
    CODE_MAX, Check, INPUT_MAX, Input, Job, Kind, Limits, Program as Manifest, RESULT_MAX, Reduce, Shader,
    Shape, View,
};
use meshwork_compute::packet;
use meshwork_core::id::PeerId;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use serde::Serialize;

use super::job::SubmitError;
use crate::blobs::BlobId;

/// Memory of a unit in MiB, unless the program says another number.
const MEMORY_MIB: u16 = 256;
/// Time of a unit in ms, unless the program says another number.
const UNIT_MS: u32 = 10_000;
/// Time of a unit of an offered program in ms, unless the program says another number.
const OFFERED_MS: u32 = 600_000;
/// Numbers of JavaScript that differ by no more, relatively, are equal: engines differ in the last bits of some functions.
const JS_TOLERANCE: f64 = 1e-9;

/// A program: code, or the name of a program that lenders offer, and what it returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) kind: Kind,
    pub(super) code: Vec<u8>,
    pub(super) result: Shape,
    pub(super) tolerance: (f64, f64),
    pub(super) view: View,
    pub(super) limits: Limits,
}

impl Program {
    fn new(name: &str, kind: Kind, code: Vec<u8>) -> Program {
        let unit_ms = if kind == Kind::Offered { OFFERED_MS } else { UNIT_MS };
        Program {
            name: name.to_owned(),
            about: String::new(),
            kind,
            code,
            result: Shape::Bytes,
            tolerance: (0.0, 0.0),
            view: View::File,
            limits: Limits { memory_mib: MEMORY_MIB, unit_ms, result: RESULT_MAX },
        }
    }

    /// A WebAssembly module of at most 8 MiB. Its results are bytes.
    pub fn wasm(name: &str, code: Vec<u8>) -> Program {
        Program::new(name, Kind::Wasm, code)
    }

    /// A JavaScript text of at most 8 MiB that declares `function unit(n, params, input)`. Its results are JSON, whose numbers may
    /// differ by a part in 10^9 from one engine to another.
    pub fn js(name: &str, text: &str) -> Program {
        let mut program = Program::new(name, Kind::Js, text.as_bytes().to_vec()).result(Shape::Json);
        program.tolerance = (0.0, JS_TOLERANCE);
        program.view = View::Table;
        program
    }

    /// A WGSL shader with the entry `main`, dispatched in so many workgroups, with so many bytes of output.
    pub fn wgsl(name: &str, text: &str, groups: [u16; 3], output: u32) -> Program {
        Program::new(name, Kind::Wgsl(Shader { groups, output }), text.as_bytes().to_vec())
    }

    /// A program that lenders offer under this name: no code travels, and the lender reads the data. Its results are JSON.
    pub fn offered(name: &str) -> Program {
        let mut program = Program::new(name, Kind::Offered, Vec::new()).result(Shape::Json);
        program.view = View::Table;
        program
    }

    /// A description for people, of at most 512 bytes.
    pub fn about(mut self, about: &str) -> Program {
        self.about = about.to_owned();
        self
    }

    /// The form of a unit's result. Bytes and whole numbers have no tolerance.
    pub fn result(mut self, shape: Shape) -> Program {
        self.result = shape;
        if matches!(shape, Shape::Bytes | Shape::U32) {
            self.tolerance = (0.0, 0.0);
        }
        if matches!(shape, Shape::F32 | Shape::F64 | Shape::U32) {
            self.view = View::Numbers;
        }
        self
    }

    /// Results that differ by no more are equal: an absolute and a relative part.
    pub fn tolerance(mut self, absolute: f64, relative: f64) -> Program {
        self.tolerance = (absolute, relative);
        self
    }

    /// How results are shown.
    pub fn view(mut self, view: View) -> Program {
        self.view = view;
        self
    }

    /// Results are RGBA tiles of a picture: so many tiles in a row, each of so many pixels.
    pub fn tiles(self, columns: u16, width: u16, height: u16) -> Program {
        self.result(Shape::Bytes).view(View::Tiles { columns, width, height })
    }

    /// Memory of a unit in MiB, from 1 to 1,024.
    pub fn memory_mib(mut self, mib: u16) -> Program {
        self.limits.memory_mib = mib;
        self
    }

    /// Time of a unit in ms, from 1 to 60,000, for an offered program to 3,600,000.
    pub fn unit_ms(mut self, ms: u32) -> Program {
        self.limits.unit_ms = ms;
        self
    }

    /// Bytes of a result, from 1 to 1 MiB.
    pub fn result_max(mut self, bytes: u32) -> Program {
        self.limits.result = bytes;
        self
    }

    /// Results are texts as the program writes them, whatever it is.
    pub fn text(self) -> Program {
        self.result(Shape::Bytes).view(View::Table)
    }

    /// Its code; `None` for one that lenders offer.
    pub fn code(&self) -> Option<&[u8]> {
        (self.kind != Kind::Offered).then_some(&*self.code)
    }

    /// Whether it runs on a graphics card.
    pub fn is_shader(&self) -> bool {
        matches!(self.kind, Kind::Wgsl(_))
    }

    /// The form of a unit's result.
    pub fn shape(&self) -> Shape {
        self.result
    }

    fn manifest(&self) -> Result<Manifest, FormatError> {
        let code = (self.kind != Kind::Offered).then(|| {
            // A longer one is refused by the format.
            (blob_of(&self.code), u32::try_from(self.code.len()).unwrap_or(u32::MAX))
        });
        let bits = |(absolute, relative): (f64, f64)| (absolute.to_bits(), relative.to_bits());
        Ok(Manifest {
            name: text("the length of the name", &self.name)?,
            about: text("the length of the description", &self.about)?,
            kind: self.kind,
            code,
            result: self.result,
            tolerance: bits(self.tolerance),
            view: self.view,
            limits: self.limits,
        })
    }
}

/// A job that is not submitted yet: a program over units 0 to n.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    pub(super) program: Program,
    units: u32,
    params: String,
    pub(super) input: Option<Vec<u8>>,
    has_items: bool,
    check: Check,
    reduce: Reduce,
    trusted: Vec<PeerId>,
}

impl NewJob {
    /// A program over units 0 to `units`, at most 1,000,000. Results are concatenated; drawn units are checked.
    pub fn new(program: Program, units: u32) -> NewJob {
        NewJob {
            program,
            units,
            params: "null".to_owned(),
            input: None,
            has_items: false,
            check: Check::Sample,
            reduce: Reduce::Concat,
            trusted: Vec::new(),
        }
    }

    /// A program over a list of items, one for each unit, at most 64 MiB together. The outcome lists their results in order.
    pub fn items<T: AsRef<[u8]>>(program: Program, items: &[T]) -> NewJob {
        let mut job = NewJob::new(program, u32::try_from(items.len()).unwrap_or(u32::MAX));
        job.input = Some(packet::write(items));
        job.has_items = true;
        job.reduce = Reduce::List;
        job
    }

    /// Parameters for the program, as JSON of at most 16 KiB.
    ///
    /// # Errors
    /// A value that is no JSON, such as a map whose keys are no texts.
    pub fn params<T: Serialize + ?Sized>(mut self, params: &T) -> Result<NewJob, serde_json::Error> {
        self.params = serde_json::to_string(params)?;
        Ok(self)
    }

    /// The same of a value that is JSON.
    pub(super) fn params_json(mut self, params: &serde_json::Value) -> NewJob {
        self.params = params.to_string();
        self
    }

    /// One input for all units, of at most 64 MiB.
    pub fn input(mut self, bytes: Vec<u8>) -> NewJob {
        self.input = Some(bytes);
        self.has_items = false;
        self
    }

    /// The code as lenders read it; `None` for a program that lenders offer.
    pub fn code_bytes(&self) -> Option<&[u8]> {
        self.program.code()
    }

    /// The input as lenders read it: the whole, or the packet of all items.
    pub fn input_bytes(&self) -> Option<&[u8]> {
        self.input.as_deref()
    }

    /// How results of peers that are not trusted are checked.
    pub fn check(mut self, check: Check) -> NewJob {
        self.check = check;
        self
    }

    /// How results become the outcome.
    pub fn reduce(mut self, reduce: Reduce) -> NewJob {
        self.reduce = reduce;
        self
    }

    /// Peers that confirm results and keep the books besides the submitter, at most 63.
    pub fn trust(mut self, peers: impl IntoIterator<Item = PeerId>) -> NewJob {
        self.trusted.extend(peers);
        self
    }

    /// The job as its submitter writes it.
    ///
    /// # Errors
    /// [`SubmitError::Format`] for a number or text outside its range.
    pub fn form(&self, me: PeerId, nonce: [u8; 8]) -> Result<Job, SubmitError> {
        let mut trusted = vec![me];
        for peer in &self.trusted {
            if !trusted.contains(peer) {
                trusted.push(*peer);
            }
        }
        let range =
            |name, value: usize, most| FormatError::Range { name, value: value as u64, least: 1, most };
        let count = trusted.len();
        let input = match &self.input {
            None => Input::None,
            Some(bytes) if self.has_items => Input::Items(blob_of(bytes), bytes.len() as u64),
            Some(bytes) => Input::Whole(blob_of(bytes), bytes.len() as u64),
        };
        let params = self.params.len();
        let params = Bytes::new(self.params.clone().into_bytes())
            .map_err(|_| range("the length of the parameters", params, 16_384))?;
        Ok(Job {
            program: self.program.manifest()?,
            units: self.units,
            params,
            input,
            check: self.check,
            reduce: self.reduce,
            trusted: Bounded::new(trusted).map_err(|_| range("the number of trusted peers", count, 64))?,
            nonce,
        })
    }

    /// Whether code and input are short enough to be hashed and stored.
    pub(super) fn within_limits(&self) -> Result<(), FormatError> {
        let longer = |name, bytes: &[u8], most: u64| match bytes.len() as u64 {
            value if value > most => Err(FormatError::Range { name, value, least: 0, most }),
            _ => Ok(()),
        };
        longer("the length of the code", &self.program.code, CODE_MAX.into())?;
        longer("the length of the input", self.input.as_deref().unwrap_or_default(), INPUT_MAX)
    }
}

fn blob_of(bytes: &[u8]) -> BlobId {
    meshwork_core::blobs::Outline::of(bytes).id()
}

fn text<const MAX: usize>(name: &'static str, text: &str) -> Result<BoundedText<MAX>, FormatError> {
    BoundedText::new(text).map_err(|_| FormatError::Range {
        name,
        value: text.len() as u64,
        least: 0,
        most: MAX as u64,
    })
}
