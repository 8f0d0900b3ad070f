//! **refused**: who may not write is told why, nobody else is refused, and nobody writes more than a limit leaves.

use std::collections::BTreeMap;

use meshwork_core::node::{CommandError, WriteError};
use meshwork_core::signed::batch::SignedBatch;
use meshwork_core::signed::change::Limit;
use meshwork_core::signed::header::{RecordName, ReplicaNumber};

use super::{Law, Member, Seeds, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// What keeps somebody from writing in a replica, by the records that its program holds.
#[derive(Debug)]
pub struct Expected {
    program: NodeIndex,
    slot: u8,
    is_on: bool,
    is_banned: bool,
    /// Whether it is among those who write in the slot, if anybody can say it.
    is_writer: Option<bool>,
    moderates: bool,
    limit: Option<Limit>,
}

impl Expected {
    /// What keeps a member from writing now; `None` while its room is not open.
    pub fn of(
        world: &World,
        seeds: &Seeds,
        (index, room): Member,
        replica: ReplicaNumber,
    ) -> Option<Expected> {
        let node = world.node(index);
        let (room, peer, slot) = (node.room(room), node.endpoint().peer, replica.slot());
        let law = Law::of(room.records()?);
        Some(Expected {
            program: index,
            slot,
            is_on: law.is_on(slot),
            is_banned: law.is_banned(peer),
            is_writer: seeds.let_write(&law, index, peer, slot),
            moderates: law.moderates(peer),
            limit: law.rule(slot).0,
        })
    }

    /// A program refuses its person something.
    ///
    /// # Errors
    /// [`Violation`] says that nothing is the reason for it.
    pub fn refused(&self, error: &CommandError) -> Result<(), Violation> {
        let CommandError::Write(error) = error else { return Ok(()) };
        let is_reason = match error {
            WriteError::Banned => self.is_banned,
            WriteError::NotWriter => self.is_writer != Some(true),
            WriteError::AppIsOff(_) => !self.is_on,
            WriteError::NotAllowed(_) => !self.moderates,
            WriteError::TooFast { cost, window_ms, .. } => {
                self.limit == Some(Limit { cost: *cost, window_ms: *window_ms })
            }
            _ => true,
        };
        if is_reason { Ok(()) } else { Err(self.violation(&format!("is told: {error}"))) }
    }

    fn violation(&self, what: &str) -> Violation {
        Violation::new("refused", format!("program {} {what}, where this holds: {self:?}", self.program))
    }
}

/// What each program wrote in a window of a limit of a slot.
#[derive(Debug, Default)]
pub struct Refused {
    used: BTreeMap<(NodeIndex, u8, RecordName, u64), u64>,
}

impl Refused {
    /// A program wrote these batches.
    ///
    /// # Errors
    /// [`Violation`] says what keeps it from that.
    pub fn wrote(&mut self, expected: &Expected, batches: &[SignedBatch]) -> Result<(), Violation> {
        if expected.is_banned || !expected.is_on || expected.is_writer == Some(false) {
            return Err(expected.violation("writes"));
        }
        let Some(limit) = expected.limit else { return Ok(()) };
        for header in batches.iter().map(|batch| batch.header()) {
            let window = limit.window(header.window.most);
            let used = self.used.entry((expected.program, expected.slot, header.record, window)).or_default();
            *used += u64::from(header.cost);
            if *used > limit.cost.into() {
                return Err(expected.violation(&format!("writes {used} in a window")));
            }
        }
        Ok(())
    }
}
