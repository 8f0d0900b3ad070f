//! Commands: inputs of a shared world of bodies.

use std::collections::VecDeque;

use meshwork_core::id::Endpoint;
use meshwork_core::wire::{decode, encode};
use serde::{Deserialize, Serialize};

use crate::VERSION;
use crate::body::{Body, BodyId, Motion, Vector};
use crate::error::{FormatError, PhysicsError};
use crate::joint::{Joint, JointId};
use crate::lockstep::{INPUT_MAX, Input, Simulation};
use crate::snapshot::Digest;
use crate::world::{Report, World};

/// Most steps whose outcomes are kept until the program fetches them: ten seconds.
pub const OUTCOMES_MAX: usize = 600;

/// A change of a world, as a member's input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Adds a body.
    Add(Body),
    /// Removes a body.
    Remove(BodyId),
    /// Puts a body somewhere else.
    Place(BodyId, Motion),
    /// Pushes a body, at a point of the world or at its middle: newton seconds.
    Push(BodyId, Vector, Option<Vector>),
    /// Adds a joint.
    Join(Joint),
    /// Removes a joint.
    Part(JointId),
    /// Changes gravity: metres per second squared.
    Gravity(Vector),
}

/// Something that a command made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A body.
    Body(BodyId),
    /// A joint.
    Joint(JointId),
    /// Nothing: it changed something.
    Nothing,
}

/// A command that a shared world refused. Every member refused it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It has no command's form.
    #[error(transparent)]
    Form(#[from] FormatError),
    /// The world refuses it.
    #[error(transparent)]
    Refused(#[from] PhysicsError),
}

/// The outcome of one step of a shared world.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps of the world, with this one.
    pub step: u64,
    /// Author, number and outcome of each input, in order.
    pub commands: Vec<(Endpoint, u32, Result<Made, CommandError>)>,
    /// Everything else that happened.
    pub report: Report,
}

impl Command {
    /// The bytes: a version, then postcard.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(encode(self));
        bytes
    }

    /// Reads bytes of [`Command::encode`].
    ///
    /// # Errors
    /// [`FormatError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Command, FormatError> {
        if bytes.len() > INPUT_MAX {
            return Err(FormatError::TooLong { length: bytes.len(), most: INPUT_MAX });
        }
        let body = match bytes.split_first() {
            Some((&VERSION, body)) => body,
            other => return Err(FormatError::Version(other.map_or(0, |(version, _)| *version))),
        };
        let command: Command = decode(body)?;
        if encode(&command) != body {
            return Err(FormatError::NotShortest(bytes.len()));
        }
        Ok(command)
    }
}

impl World {
    /// Applies a command.
    ///
    /// # Errors
    /// The world refuses it, and is as it was.
    pub fn apply(&mut self, command: &Command) -> Result<Made, PhysicsError> {
        match *command {
            Command::Add(body) => return self.add_body(body).map(Made::Body),
            Command::Join(joint) => return self.add_joint(joint).map(Made::Joint),
            Command::Remove(body) => self.remove_body(body)?,
            Command::Place(body, motion) => self.place(body, motion)?,
            Command::Push(body, impulse, at) => self.push(body, impulse, at)?,
            Command::Part(joint) => self.remove_joint(joint)?,
            Command::Gravity(gravity) => self.set_gravity(gravity)?,
        }
        Ok(Made::Nothing)
    }
}

/// A world of bodies that members share. Its inputs are [commands](Command).
#[derive(Debug, Default)]
pub struct SharedWorld {
    world: World,
    outcomes: VecDeque<Outcome>,
}

impl SharedWorld {
    /// A shared world that begins as this one.
    pub fn new(world: World) -> SharedWorld {
        SharedWorld { world, outcomes: VecDeque::new() }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The outcomes of the last steps, at most [`OUTCOMES_MAX`], each once.
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }
}

impl Simulation for SharedWorld {
    type Refusal = FormatError;

    fn step(&mut self, inputs: &[Input]) {
        let mut apply = |input: &Input| Ok(self.world.apply(&Command::decode(&input.bytes)?)?);
        let commands = inputs.iter().map(|input| (input.from, input.number, apply(input))).collect();
        let report = self.world.step();
        self.outcomes.push_back(Outcome { step: self.world.steps(), commands, report });
        if self.outcomes.len() > OUTCOMES_MAX {
            self.outcomes.pop_front();
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        self.world.snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), FormatError> {
        self.world.restore(snapshot)
    }

    fn digest(&self) -> Digest {
        self.world.digest()
    }
}
