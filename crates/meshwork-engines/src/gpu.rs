//! Shaders in WGSL on a graphics card, over Vulkan: one dispatch is one unit, and the card does one thing at a time.
//!
//! Nothing ends a shader in a loop but the driver. A unit that runs over its time fails, its device is left behind, and the card is lent
//! again once a new device answers.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use meshwork_compute::job::{Kind, Shader as Manifest, Shape};
use meshwork_compute::message::Failure;
use pollster::block_on;
use serde_json::Value;
use wgpu::{BufferUsages, Device, ErrorFilter, PollType, Queue};

use crate::limit::{Limit, Stop};
use crate::program::{Call, Program, Ran, trapped, unloadable};

/// Most bytes of a shader's text: compiling has no limit of time.
const TEXT_MAX: usize = 256 << 10;
/// A shader that loses the device so often runs here no more.
const LOSSES_MAX: u8 = 2;
/// Time in which a new device answers.
const ANSWER: Duration = Duration::from_secs(10);
/// Time between two looks at the device.
const SLICE: Duration = Duration::from_millis(50);
/// The shader of the trial.
const TRIAL: &str = "@group(0) @binding(1) var<storage, read_write> o: array<u32>;
    @compute @workgroup_size(1) fn main() { o[0] = 17u; }";

/// A graphics card that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The system has none with a driver for Vulkan.
    #[error("no graphics card with a driver for Vulkan is here: {0}")]
    None(String),
    /// The card gives no device, or one that does not work.
    #[error("the graphics card {name} cannot be used: {reason}")]
    Broken {
        /// The card.
        name: String,
        /// The driver's words.
        reason: String,
    },
}

/// The graphics card of this device. Clones are the same one.
#[derive(Clone)]
pub struct Card(Arc<Inner>);

struct Inner {
    name: String,
    /// The device, opened when it is needed. The holder of the lock has the card.
    device: Mutex<Option<Arc<Open>>>,
    /// Why the card runs no shader any more.
    gone: OnceLock<String>,
}

/// A device, with the layout of all shaders.
struct Open {
    device: Device,
    queue: Queue,
    layout: wgpu::BindGroupLayout,
    is_lost: Arc<Mutex<Option<String>>>,
}

/// The end of a dispatch without a result.
enum Broken {
    Failure(Failure),
    /// The device does not answer in time, or is lost, in the driver's words.
    Lost(Option<String>),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Broken {
        Broken::Failure(failure)
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Card").field(&self.0.name).finish()
    }
}

impl Card {
    /// The card that the system prefers for heavy work, once it has computed a trial.
    ///
    /// # Errors
    /// [`CardError`] if there is none, or it does not work.
    pub fn open() -> Result<Card, CardError> {
        let (open, name) = Open::new()?;
        let device = Mutex::new(Some(Arc::new(open)));
        Ok(Card(Arc::new(Inner { name, device, gone: OnceLock::new() })))
    }

    /// The name of the card, for people.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Why it runs no shader any more, in words: it did not answer after a shader that ran over its time.
    pub fn gone(&self) -> Option<String> {
        self.0.gone.get().cloned()
    }

    /// The device, or a new one, in the place that holds it.
    fn device(&self, place: &mut Option<Arc<Open>>) -> Result<Arc<Open>, Failure> {
        if let Some(words) = self.0.gone.get() {
            return Err(unloadable(words));
        }
        if let Some(open) = place {
            return Ok(Arc::clone(open));
        }
        match Open::new() {
            Ok((open, _)) => Ok(Arc::clone(place.insert(Arc::new(open)))),
            Err(error) => {
                let words =
                    self.0.gone.get_or_init(|| format!("{error}; end this program and start it again"));
                Err(unloadable(words))
            }
        }
    }
}

impl Open {
    /// A device that has computed a trial, and the name of its card.
    fn new() -> Result<(Open, String), CardError> {
        let mut instance = wgpu::InstanceDescriptor::new_without_display_handle();
        instance.backends = wgpu::Backends::VULKAN;
        let instance = wgpu::Instance::new(instance);
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = block_on(instance.request_adapter(&options));
        let adapter = adapter.map_err(|error| CardError::None(error.to_string()))?;
        let name = adapter.get_info().name;
        let broken = |reason: String| CardError::Broken { name: name.clone(), reason };
        // The limits and features that every device has, so that a shader runs everywhere or nowhere.
        let requested = block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()));
        let (device, queue) = requested.map_err(|error| broken(error.to_string()))?;
        let is_lost = Arc::new(Mutex::new(None));
        let lost = Arc::clone(&is_lost);
        device.set_device_lost_callback(move |_, words| {
            *lock(&lost) = Some(words);
        });
        // Errors within scopes are results; others would end the program.
        device.on_uncaptured_error(Arc::new(|_| ()));
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let entries =
            [entry(0, storage(true)), entry(1, storage(false)), entry(2, wgpu::BufferBindingType::Uniform)];
        let layout = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let open = Open { device, queue, layout, is_lost };
        match open.trial() {
            Ok(17) => Ok((open, name)),
            answer => {
                std::mem::forget(open);
                Err(broken(match answer {
                    Ok(wrong) => format!("it computes {wrong} where 17 is right"),
                    Err(Broken::Failure(failure)) => failure.to_string(),
                    Err(Broken::Lost(words)) => words.unwrap_or_else(|| "it does not answer".to_owned()),
                }))
            }
        }
    }

    /// A card that hangs gives a device and answers nothing.
    fn trial(&self) -> Result<u32, Broken> {
        let limit = Limit::new(&Stop::default(), ANSWER);
        let buffers = Buffers::new(self, &[], 4, &[])?;
        let bytes = self.dispatch(&self.compile(TRIAL)?, &buffers, [1; 3], 4, &limit)?;
        Ok(u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    /// The result of steps, or the error that the device reports of them.
    fn scoped<T>(&self, kind: fn(&str) -> Failure, steps: impl FnOnce() -> T) -> Result<T, Failure> {
        let memory = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(ErrorFilter::Validation);
        let value = steps();
        let (wrong, full) = (block_on(validation.pop()), block_on(memory.pop()));
        match (wrong, full) {
            (_, Some(_)) => Err(Failure::Memory),
            (Some(error), None) => Err(kind(&words_of(&error))),
            (None, None) => Ok(value),
        }
    }

    fn compile(&self, text: &str) -> Result<wgpu::ComputePipeline, Failure> {
        self.scoped(unloadable, || {
            let source = wgpu::ShaderSource::Wgsl(text.into());
            let module =
                self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
            let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                bind_group_layouts: &[Some(&self.layout)],
                ..Default::default()
            });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: Some(&layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            })
        })
    }

    fn dispatch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &Buffers,
        groups: [u32; 3],
        length: usize,
        limit: &Limit,
    ) -> Result<Vec<u8>, Broken> {
        let bound = [&buffers.input, &buffers.output, &buffers.uniform];
        let submitted = self.scoped(trapped, || {
            let entries: Vec<_> = (0..).zip(bound).map(|(binding, buffer)| entry(binding, buffer)).collect();
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &self.layout,
                entries: &entries,
            });
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.clear_buffer(&buffers.output, 0, None);
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
            }
            encoder.copy_buffer_to_buffer(&buffers.output, 0, &buffers.read, 0, padded(length));
            let submitted = self.queue.submit([encoder.finish()]);
            // The result is read once the submission is done.
            buffers.read.map_async(wgpu::MapMode::Read, .., |_| ());
            submitted
        })?;
        loop {
            let wait = PollType::Wait { submission_index: Some(submitted.clone()), timeout: Some(SLICE) };
            let polled = self.device.poll(wait);
            if let Some(words) = lock(&self.is_lost).clone() {
                return Err(Broken::Lost(Some(words)));
            }
            match polled {
                Ok(_) => break,
                Err(_) if limit.is_late() => return Err(Broken::Lost(None)),
                Err(_) => (),
            }
        }
        let view = buffers.read.get_mapped_range(..);
        let bytes = view.map_err(|error| trapped(&error.to_string()))?[..length].to_vec();
        buffers.read.unmap();
        Ok(bytes)
    }
}

fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
}

/// A driver's or compiler's words in one line, with the line of the shader first if they name one.
fn words_of(error: &wgpu::Error) -> String {
    let text = error.to_string();
    let place = text.split("wgsl:").nth(1).and_then(|rest| rest.split(':').next());
    let line = place.and_then(|line| line.trim().parse::<u32>().ok());
    let reason = text.split("error:").nth(1).unwrap_or(&text).lines().next().unwrap_or_default().trim();
    match line {
        Some(line) => format!("line {line}: {reason}"),
        None => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// A length as buffers have it.
fn padded(length: usize) -> u64 {
    (length as u64).next_multiple_of(4).max(4)
}

/// The buffers of a unit.
struct Buffers {
    input: wgpu::Buffer,
    output: wgpu::Buffer,
    read: wgpu::Buffer,
    uniform: wgpu::Buffer,
}

impl Buffers {
    fn new(open: &Open, input: &[u8], output: usize, uniform: &[u8]) -> Result<Buffers, Failure> {
        let buffer = |size, usage| {
            let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
            open.device.create_buffer(&descriptor)
        };
        let filled = |bytes: &[u8], usage| {
            let buffer = buffer(padded(bytes.len()), usage | BufferUsages::COPY_DST);
            let mut bytes = bytes.to_vec();
            bytes.resize(padded(bytes.len()) as usize, 0);
            open.queue.write_buffer(&buffer, 0, &bytes);
            buffer
        };
        open.scoped(trapped, || Buffers {
            input: filled(input, BufferUsages::STORAGE),
            output: buffer(
                padded(output),
                BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            ),
            read: buffer(padded(output), BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            uniform: filled(uniform, BufferUsages::UNIFORM),
        })
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loaded shader.
pub(crate) struct Shader {
    card: Card,
    manifest: Manifest,
    numbers: Vec<f32>,
    losses: AtomicU8,
    /// The compiled text, with its device.
    compiled: Mutex<Option<(Arc<Open>, wgpu::ComputePipeline)>>,
}

impl Shader {
    pub(crate) fn new(program: &Program, card: Option<&Card>) -> Result<Shader, Failure> {
        let Kind::Wgsl(manifest) = program.job.program.kind else {
            return Err(unloadable("it is no shader"));
        };
        let card = card.ok_or_else(|| unloadable("this device lends no graphics card"))?.clone();
        let length = program.code().len();
        if length > TEXT_MAX {
            return Err(unloadable(&format!("a shader of {length} bytes exceeds the limit of {TEXT_MAX}")));
        }
        if program.job.program.result == Shape::Json {
            return Err(unloadable("a shader gives bytes or numbers, no JSON"));
        }
        let numbers = numbers(&program.job.params)?;
        Ok(Shader { card, manifest, numbers, losses: AtomicU8::new(0), compiled: Mutex::new(None) })
    }

    /// Runs a unit. Others wait until it ends.
    pub(crate) fn run(&self, program: &Program, call: &Call, limit: &Limit) -> Ran {
        let Call::Unit(unit) = call else { return unloadable("a shader has no reduction").into() };
        let mut place = lock(&self.card.0.device);
        // The time of a unit begins when it has the card.
        let limit = limit.renewed();
        loop {
            if self.losses.load(Ordering::Relaxed) >= LOSSES_MAX {
                let words = format!("it has lost the graphics card here {LOSSES_MAX} times");
                return unloadable(&words).into();
            }
            let open = match self.card.device(&mut place) {
                Ok(open) => open,
                Err(failure) => return failure.into(),
            };
            let words = match self.unit(&open, program, *unit, call, &limit) {
                Ok(bytes) => return Ran { result: Ok(bytes), memory: None },
                Err(Broken::Failure(failure)) => return failure.into(),
                Err(Broken::Lost(words)) => words,
            };
            self.losses.fetch_add(1, Ordering::Relaxed);
            // Dropping a device waits for what it computes.
            open.device.destroy();
            std::mem::forget((open, place.take(), lock(&self.compiled).take()));
            match words {
                None => return Failure::Time.into(),
                Some(words) if self.losses.load(Ordering::Relaxed) >= LOSSES_MAX => {
                    return trapped(&format!("it loses the graphics card: {words}")).into();
                }
                // A device is lost for reasons of its own too: the unit runs once more.
                Some(_) => (),
            }
        }
    }

    fn unit(
        &self,
        open: &Arc<Open>,
        program: &Program,
        unit: u32,
        call: &Call,
        limit: &Limit,
    ) -> Result<Vec<u8>, Broken> {
        let (input, output) = (program.input(call), self.manifest.output as usize);
        if padded(input.len()) + padded(output) > u64::from(program.limits().memory_mib) << 20 {
            return Err(Failure::Memory.into());
        }
        let known = lock(&self.compiled)
            .as_ref()
            .filter(|(known, _)| Arc::ptr_eq(known, open))
            .map(|(_, it)| it.clone());
        let pipeline = match known {
            Some(pipeline) => pipeline,
            None => {
                let text =
                    std::str::from_utf8(program.code()).map_err(|_| unloadable("its code is no text"))?;
                let pipeline = open.compile(text)?;
                *lock(&self.compiled) = Some((Arc::clone(open), pipeline.clone()));
                pipeline
            }
        };
        let head = [unit, program.job.units, u32::try_from(input.len()).unwrap_or(u32::MAX), 0];
        let head = head.into_iter().flat_map(u32::to_le_bytes);
        let mut uniform: Vec<u8> =
            head.chain(self.numbers.iter().flat_map(|number| number.to_le_bytes())).collect();
        uniform.resize(uniform.len().next_multiple_of(16), 0);
        let buffers = Buffers::new(open, input, output, &uniform)?;
        let result = open.dispatch(&pipeline, &buffers, self.manifest.groups.map(u32::from), output, limit);
        if let Err(Broken::Lost(_)) = &result {
            std::mem::forget((buffers, pipeline));
        }
        result
    }
}

/// The numbers behind the head of the uniform: a list in its order, or an object's by the bytes of their names.
fn numbers(params: &[u8]) -> Result<Vec<f32>, Failure> {
    let wrong = || unloadable("parameters of a shader are null, a list of numbers, or an object of numbers");
    let value =
        if params.is_empty() { Value::Null } else { serde_json::from_slice(params).map_err(|_| wrong())? };
    let values = match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values,
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            fields.into_iter().map(|(_, value)| value).collect()
        }
        _ => return Err(wrong()),
    };
    values.iter().map(|value| value.as_f64().map(|number| number as f32).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_by_name() {
        assert_eq!(numbers(br#"{"b":2,"a":0.1,"B":3}"#), Ok(vec![3.0, 0.1, 2.0]));
        assert_eq!(numbers(b"[3,1,2]"), Ok(vec![3.0, 1.0, 2.0]));
        assert_eq!((numbers(b"null"), numbers(b"")), (Ok(vec![]), Ok(vec![])));
        assert!([&b"7"[..], b"[true]", b"{\"a\":\"b\"}", b"x"].iter().all(|params| numbers(params).is_err()));
    }
}
