//! Programs: what a driver owns beside its node, and when each has something to do.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use meshwork_core::node::{Event, Node};
use meshwork_core::time::Time;

use super::disk::{Disk, Store};
use super::skewed;
use crate::connection::{NodeIndex, PathModel};
use crate::hostile::Mask;

/// How often a driver reads the civil clock.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// One program.
pub struct Program {
    /// The node itself.
    pub node: Node,
    /// What it heard, oldest first; taken by checkers and scenarios.
    pub events: VecDeque<Event>,
    /// What is on its disk; put back before it joins its rooms where another program left it.
    pub store: Store,
    /// How its disk behaves.
    pub disk: Disk,
    /// How it reaches the network. Its connections live on where that changes.
    pub access: PathModel,
    /// How far its civil clock is off, in microseconds. Its driver notices a change when it reads it next, within a
    /// minute.
    pub skew: i64,
    /// Whose program it is, and with which secret they sign.
    pub(super) secret: [u8; 32],
    pub(super) mask: Option<Mask>,
    pub(super) asleep: bool,
    /// Whether no server can be reached from it.
    pub(super) offline: bool,
    /// When its civil clock was read.
    clock_read: Time,
    /// How far it was off then.
    read_skew: i64,
    /// When its node has something to do.
    due: Option<Time>,
}

impl Program {
    /// A program whose civil clock was read `now`, to make its node.
    pub(super) fn new(
        now: Time,
        node: Node,
        secret: [u8; 32],
        skew: i64,
        disk: Disk,
        access: PathModel,
    ) -> Program {
        Program {
            node,
            events: VecDeque::new(),
            store: Store::new(),
            disk,
            access,
            skew,
            secret,
            mask: None,
            asleep: false,
            offline: false,
            clock_read: now,
            read_skew: skew,
            due: None,
        }
    }

    /// How far its civil clock was off when its driver last read it, in microseconds.
    pub fn read_skew(&self) -> i64 {
        self.read_skew
    }

    /// Whether it is asleep.
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// Does what is due, and reads its clock where a driver would.
    pub(super) fn time_out(&mut self, now: Time) {
        if now.since(self.clock_read) > CLOCK_INTERVAL {
            self.read_clock(now);
        }
        self.node.handle_timeout(now);
    }

    /// Reads its civil clock.
    pub(super) fn read_clock(&mut self, now: Time) {
        (self.clock_read, self.read_skew) = (now, self.skew);
        self.node.handle_wall_clock(now, skewed(now, self.skew));
    }
}

/// All programs that run, by their numbers; those that ended are gone.
#[derive(Default)]
pub(super) struct Programs {
    all: Vec<Option<Box<Program>>>,
    /// When each that is awake has something to do.
    deadlines: BTreeSet<(Time, NodeIndex)>,
}

impl Programs {
    pub(super) fn get(&self, index: NodeIndex) -> Option<&Program> {
        self.all.get(index)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, index: NodeIndex) -> Option<&mut Program> {
        self.all.get_mut(index)?.as_deref_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Program)> {
        self.all.iter().enumerate().filter_map(|(index, program)| Some((index, program.as_deref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Program> {
        self.all.iter_mut().filter_map(Option::as_deref_mut)
    }

    pub(super) fn add(&mut self, program: Program) -> NodeIndex {
        self.all.push(Some(Box::new(program)));
        self.all.len() - 1
    }

    pub(super) fn remove(&mut self, index: NodeIndex) -> Option<Program> {
        let program = self.all.get_mut(index)?.take()?;
        program.due.map(|at| self.deadlines.remove(&(at, index)));
        Some(*program)
    }

    /// Asks a program when it has something to do.
    pub(super) fn note_due(&mut self, index: NodeIndex) {
        let Some(program) = self.all.get_mut(index).and_then(Option::as_deref_mut) else { return };
        let due = program.node.poll_timeout().filter(|_| !program.asleep);
        if due != program.due {
            let before = std::mem::replace(&mut program.due, due);
            before.map(|at| self.deadlines.remove(&(at, index)));
            due.map(|at| self.deadlines.insert((at, index)));
        }
    }

    /// Which has something to do first, and when.
    pub(super) fn due(&self) -> Option<(Time, NodeIndex)> {
        self.deadlines.first().copied()
    }
}
