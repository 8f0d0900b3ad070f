//! Checkers: what must hold at every step, and what must hold in the end.

pub mod direct;

use std::collections::BTreeSet;
use std::fmt;

use meshwork_core::id::Endpoint;
use meshwork_core::node::event::RoomHandle;
use meshwork_core::node::{Event, PEERS_MAX, PENDING_MAX};
use meshwork_core::room::delivery::HELD_MAX;
use meshwork_core::session::direct::RETAINED_MAX;
use meshwork_core::session::link::SEND_QUEUE_MAX;
use meshwork_core::wire::MESSAGE_MAX;

use crate::connection::NodeIndex;
use crate::world::World;

/// Something that must hold does not. `checker` names what noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker.
    pub checker: &'static str,
    /// What it saw.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.detail)
    }
}

/// What the checkers remember between steps.
#[derive(Debug, Default)]
pub struct Checks {
    delivered: BTreeSet<(NodeIndex, Endpoint, u64)>,
}

impl Checks {
    /// **exactly-once**: no program is told of a batch twice.
    ///
    /// # Errors
    /// [`Violation`] names the program and the batch.
    pub fn exactly_once(&mut self, index: NodeIndex, event: &Event) -> Result<(), Violation> {
        let Event::CanvasChanged { author, sequence, .. } = event else { return Ok(()) };
        if self.delivered.insert((index, *author, *sequence)) {
            return Ok(());
        }
        let detail = format!("program {index} was told of batch {sequence} of {author} twice");
        Err(Violation { checker: "exactly-once", detail })
    }
}

/// **bounded-memory**: what nodes hold stays within the stated limits.
///
/// # Errors
/// [`Violation`] names the program and what it holds.
pub fn bounded_memory(world: &World) -> Result<(), Violation> {
    for (index, program) in world.programs() {
        let usage = program.node.usage();
        let within = usage.peers <= PEERS_MAX
            && usage.attempts <= PENDING_MAX
            && usage.queued_bytes_most <= SEND_QUEUE_MAX + MESSAGE_MAX
            && usage.retained_bytes_most <= RETAINED_MAX
            && usage.held_batches <= HELD_MAX;
        if !within {
            let detail = format!("program {index} holds {usage:?}");
            return Err(Violation { checker: "bounded-memory", detail });
        }
    }
    Ok(())
}

/// **equal-replicas**: the canvases of all members are equal.
///
/// # Errors
/// [`Violation`] names two programs that differ.
pub fn equal_replicas(world: &World, members: &[(NodeIndex, RoomHandle)]) -> Result<(), Violation> {
    let digest = |&(index, room): &(NodeIndex, RoomHandle)| {
        world.node(index).canvas(room).map(|canvas| canvas.digest())
    };
    let mut others = members.iter();
    let Some(first) = others.next() else { return Ok(()) };
    match others.find(|other| digest(other) != digest(first)) {
        None => Ok(()),
        Some(other) => {
            let detail = format!("programs {} and {} show different canvases", first.0, other.0);
            Err(Violation { checker: "equal-replicas", detail })
        }
    }
}

/// **whole-mesh**: every member is attached to every other.
///
/// # Errors
/// [`Violation`] names a program and how many it is attached to.
pub fn whole_mesh(world: &World, members: &[(NodeIndex, RoomHandle)]) -> Result<(), Violation> {
    for &(index, room) in members {
        let attached = world.node(index).peers(room).iter().filter(|peer| peer.attached).count();
        if attached + 1 != members.len() {
            let detail = format!("program {index} is attached to {attached} of {}", members.len() - 1);
            return Err(Violation { checker: "whole-mesh", detail });
        }
    }
    Ok(())
}
