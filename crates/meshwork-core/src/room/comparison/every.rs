//! The comparison of all replicas of a room, each for itself.

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Comparison, ComparisonOutput};
use crate::id::Endpoint;
use crate::replica::{Digest, Replica, ReplicaNumber};
use crate::room::message::RoomMessage;
use crate::room::replicas::Replicas;
use crate::signed::batch::UnverifiedBatch;
use crate::time::Time;

/// The comparisons of the replicas of one room with all neighbours.
#[derive(Debug, Default)]
pub struct Comparisons {
    by_number: BTreeMap<ReplicaNumber, Comparison>,
    neighbours: BTreeSet<Endpoint>,
    rules: Digest,
}

impl Comparisons {
    /// There may be replicas that are not compared yet.
    pub fn handle_replicas(&mut self, now: Time, replicas: &Replicas) {
        for (number, replica) in replicas.iter() {
            if !self.by_number.contains_key(&number) {
                let mut comparison = Comparison::new(number);
                comparison.handle_rules(now, self.rules);
                for &endpoint in &self.neighbours {
                    comparison.handle_attached(now, endpoint, replica);
                }
                self.by_number.insert(number, comparison);
            }
        }
    }

    /// See [`Comparison::handle_attached`].
    pub fn handle_attached(&mut self, now: Time, endpoint: Endpoint, replicas: &Replicas) {
        self.neighbours.insert(endpoint);
        self.for_each(replicas, |comparison, replica| comparison.handle_attached(now, endpoint, replica));
    }

    /// See [`Comparison::handle_detached`].
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        self.neighbours.remove(&endpoint);
        self.by_number.values_mut().for_each(|comparison| comparison.handle_detached(endpoint));
    }

    /// See [`Comparison::handle_change`].
    pub fn handle_change(&mut self, now: Time, number: ReplicaNumber) {
        if let Some(comparison) = self.by_number.get_mut(&number) {
            comparison.handle_change(now);
        }
    }

    /// Records changed, or what they let stand may have.
    pub fn handle_rules(&mut self, now: Time, rules: Digest) {
        self.rules = rules;
        self.by_number.values_mut().for_each(|comparison| comparison.handle_rules(now, rules));
    }

    /// See [`Comparison::handle_forgotten`].
    pub fn handle_forgotten(&mut self) {
        self.by_number.values_mut().for_each(Comparison::handle_forgotten);
    }

    /// See [`Comparison::handle_missed`].
    pub fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        self.by_number.values_mut().for_each(|comparison| comparison.handle_missed(now, endpoint));
    }

    /// Takes a message about the comparison of a replica. What is of a replica that is not kept here is skipped.
    /// Returns the replica and the part that a neighbour has served to its end, if that is what it says.
    pub fn handle_message(
        &mut self,
        now: Time,
        from: Endpoint,
        message: &RoomMessage,
        replicas: &Replicas,
    ) -> Option<(ReplicaNumber, u32)> {
        let byte = match message {
            RoomMessage::Summary(summary) => summary.replica,
            RoomMessage::Digest(told) => told.replica,
            RoomMessage::AskSummary(replica) => *replica,
            RoomMessage::Want(want) | RoomMessage::Unwant(want) => want.replica,
            RoomMessage::WorkedOff(told) => told.replica,
            RoomMessage::PartBegin(begin) => begin.replica,
            RoomMessage::PartEnd(end) => end.replica,
            _ => return None,
        };
        let number = ReplicaNumber::from_byte(byte)?;
        let (comparison, replica) = (self.by_number.get_mut(&number)?, replicas.get(number)?);
        match message {
            RoomMessage::Summary(summary) => comparison.handle_summary(now, from, summary, replica),
            RoomMessage::Digest(told) => comparison.handle_digest(now, from, told.digest, replica),
            RoomMessage::AskSummary(_) => comparison.handle_ask_summary(from, replica),
            RoomMessage::Want(want) => comparison.handle_want(from, &want.parts),
            RoomMessage::Unwant(want) => comparison.handle_unwant(from, &want.parts),
            RoomMessage::WorkedOff(told) => comparison.handle_told_worked_off(from, told.bytes),
            RoomMessage::PartBegin(begin) => comparison.handle_part_begin(from, *begin),
            RoomMessage::PartEnd(end) => {
                return comparison
                    .handle_part_end_received(now, from, end.part)
                    .then_some((number, end.part));
            }
            _ => {}
        }
        None
    }

    /// See [`Comparison::handle_part_batch`].
    pub fn handle_part_batch(&mut self, now: Time, from: Endpoint, batch: &UnverifiedBatch) -> bool {
        let comparison = self.by_number.get_mut(&batch.header().replica);
        comparison.is_some_and(|comparison| comparison.handle_part_batch(now, from, batch))
    }

    /// See [`Comparison::handle_part_dropped`].
    pub fn handle_part_dropped(&mut self, from: Endpoint, number: ReplicaNumber) {
        if let Some(comparison) = self.by_number.get_mut(&number) {
            comparison.handle_part_dropped(from);
        }
    }

    /// See [`Comparison::handle_worked_off`].
    pub fn handle_worked_off(&mut self, now: Time, from: Endpoint, number: ReplicaNumber, bytes: usize) {
        if let Some(comparison) = self.by_number.get_mut(&number) {
            comparison.handle_worked_off(now, from, bytes);
        }
    }

    /// See [`Comparison::handle_part_end`].
    pub fn handle_part_end(
        &mut self,
        now: Time,
        from: Endpoint,
        (number, part): (ReplicaNumber, u32),
        replicas: &Replicas,
    ) {
        if let (Some(comparison), Some(replica)) = (self.by_number.get_mut(&number), replicas.get(number)) {
            comparison.handle_part_end(now, from, part, replica);
        }
    }

    /// Whether anybody wants parts of us.
    pub fn is_serving(&self) -> bool {
        self.by_number.values().any(Comparison::is_serving)
    }

    /// The next message for `to` of the parts that it wants: those of one replica after the other.
    pub fn serve(&mut self, to: Endpoint, replicas: &Replicas) -> Option<RoomMessage> {
        self.by_number
            .iter_mut()
            .find_map(|(number, comparison)| comparison.serve(to, replicas.get(*number)?))
    }

    /// See [`Comparison::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Time, replicas: &Replicas) {
        self.for_each(replicas, |comparison, replica| comparison.handle_timeout(now, replica));
    }

    /// See [`Comparison::fetch`] and [`Comparison::tell_worked_off`].
    pub fn fetch(
        &mut self,
        now: Time,
        replicas: Option<&Replicas>,
        is_settled: impl Fn(Endpoint) -> bool,
        waits: impl Fn(Endpoint) -> bool,
    ) {
        if let Some(replicas) = replicas {
            self.for_each(replicas, |comparison, replica| comparison.fetch(now, replica, &is_settled));
        }
        self.by_number.values_mut().for_each(|comparison| comparison.tell_worked_off(&waits));
    }

    /// When [`Comparisons::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.by_number.values().filter_map(Comparison::poll_timeout).min()
    }

    /// What is to be sent or told.
    pub fn poll_output(&mut self) -> Option<ComparisonOutput> {
        self.by_number.values_mut().find_map(Comparison::poll_output)
    }

    /// Whether all of the neighbour's replicas equalled ours when they were last compared, and nothing changed since.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.by_number.values().all(|comparison| comparison.is_in_step(endpoint))
    }

    fn for_each(&mut self, replicas: &Replicas, mut act: impl FnMut(&mut Comparison, &dyn Replica)) {
        for (number, comparison) in &mut self.by_number {
            if let Some(replica) = replicas.get(*number) {
                act(comparison, replica);
            }
        }
    }
}
