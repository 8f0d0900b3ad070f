//! Rules, bans and erases that somebody publishes in a room in their own name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Room;
use super::records::law::Taken;
use super::records::{
    BAN_HEADS_MAX, Ban, CHAIN_MAX, Erase, HEADS_MAX, LIFTED_MAX, Record, RecordHash, Rules, RulesRecord,
    Statement,
};
use crate::clock::Stamp;
use crate::id::{Endpoint, Identity, Instance, PeerId};
use crate::node::CommandError;
use crate::room::message::RoomMessage;
use crate::time::Now;
use crate::wire::{Bounded, Bytes};

impl Room {
    /// Sets the room's rules in the name of `identity`, who is this endpoint's peer.
    ///
    /// # Errors
    /// [`CommandError::NotAllowed`] when that is not the owner, [`CommandError::Record`] when a rule cannot be.
    pub fn set_rules(
        &mut self,
        now: Now,
        identity: &Identity,
        rules: Rules,
    ) -> Result<RecordHash, CommandError> {
        self.publish_rules(now, identity, rules, &[])
    }

    /// Bans a peer: what it wrote so far stays, what it writes from now on does not count.
    ///
    /// # Errors
    /// [`CommandError::NotAllowed`] unless this peer is the owner, or a moderator and `peer` is neither.
    pub fn ban(&mut self, now: Now, identity: &Identity, peer: PeerId) -> Result<RecordHash, CommandError> {
        let moderates = self.law.rules().moderators.binary_search(&peer).is_ok();
        let protected = peer == self.law.owner() || moderates && identity.peer() != self.law.owner();
        if protected {
            return Err(CommandError::NotAllowed("the owner, and nobody bans the owner,"));
        }
        let mut heads: BTreeMap<Instance, (Stamp, u64)> = BTreeMap::new();
        for batch in self.replica.batches().filter(|batch| batch.peer() == peer) {
            let header = batch.header();
            let head = heads.entry(header.author.instance).or_default();
            *head = (*head).max((header.window.most, header.sequence));
        }
        let mut heads: Vec<(Instance, (Stamp, u64))> = heads.into_iter().collect();
        // More programs than a record can name: those that wrote last stay.
        heads.sort_by_key(|(_, last)| core::cmp::Reverse(*last));
        heads.truncate(BAN_HEADS_MAX);
        heads.sort();
        let heads = heads.into_iter().map(|(instance, (_, sequence))| (instance, sequence)).collect();
        let heads = Bounded::new(heads).expect("just cut to the limit");
        self.publish(now, identity, Statement::Ban(Ban { peer, heads }))
    }

    /// Takes back what was written up to now.
    ///
    /// # Errors
    /// [`CommandError::NotAllowed`] unless this peer is the owner or a moderator.
    pub fn erase(&mut self, now: Now, identity: &Identity, erase: Erase) -> Result<RecordHash, CommandError> {
        self.publish(now, identity, Statement::Erase(erase))
    }

    /// Lifts bans and erases: what was erased shows again, a banned peer can write again.
    ///
    /// # Errors
    /// [`CommandError::NotAllowed`] when this peer is not the owner.
    pub fn lift(
        &mut self,
        now: Now,
        identity: &Identity,
        hashes: &[RecordHash],
    ) -> Result<RecordHash, CommandError> {
        let rules = self.law.rules().clone();
        self.publish_rules(now, identity, rules, hashes)
    }

    /// The bans of a peer that hold.
    pub fn bans_of(&self, peer: PeerId) -> Vec<RecordHash> {
        let of_peer =
            |record: &&Record| matches!(record.statement(), Statement::Ban(ban) if ban.peer == peer);
        self.law.edicts().filter(of_peer).map(Record::hash).collect()
    }

    fn publish_rules(
        &mut self,
        now: Now,
        identity: &Identity,
        rules: Rules,
        lift: &[RecordHash],
    ) -> Result<RecordHash, CommandError> {
        if identity.peer() != self.law.owner() {
            return Err(CommandError::NotAllowed("the owner of the room"));
        }
        let wrong = |what: String| CommandError::Record(what);
        let number = self.law.chain().len() + 1;
        if number > CHAIN_MAX {
            return Err(wrong(format!("rules can change {CHAIN_MAX} times")));
        }
        let old = self.law.rules();
        let changes = rules.limit != old.limit || rules.writers != old.writers;
        let strict = rules.limit.is_some() || rules.writers.is_some();
        let cut = if changes && strict { Some(self.heads()?) } else { None };
        let mut lifted: Vec<RecordHash> = match self.law.chain().last().map(Record::statement) {
            Some(Statement::Rules(last)) => last.lifted.to_vec(),
            _ => Vec::new(),
        };
        lifted.extend_from_slice(lift);
        lifted.sort();
        lifted.dedup();
        let lifted =
            Bounded::new(lifted).map_err(|_| wrong(format!("{LIFTED_MAX} bans and erases were lifted")))?;
        self.publish(
            now,
            identity,
            Statement::Rules(RulesRecord { number: number as u32, rules, lifted, cut }),
        )
    }

    /// The last sequence of each endpoint that has something in the replica.
    fn heads(&self) -> Result<Bounded<(Endpoint, u64), HEADS_MAX>, CommandError> {
        let mut heads: BTreeMap<Endpoint, u64> = BTreeMap::new();
        for header in self.replica.batches().map(|batch| batch.header()) {
            let head = heads.entry(header.author).or_default();
            *head = (*head).max(header.sequence);
        }
        let count = heads.len();
        Bounded::new(heads.into_iter().collect()).map_err(|_| {
            CommandError::Record(format!(
                "{count} programs have written here, and rules can name {HEADS_MAX}"
            ))
        })
    }

    fn publish(
        &mut self,
        now: Now,
        identity: &Identity,
        statement: Statement,
    ) -> Result<RecordHash, CommandError> {
        if !self.law.moderates(identity.peer()) {
            return Err(CommandError::NotAllowed("the owner or a moderator of the room"));
        }
        let stamp = self.clock.next(now.wall);
        let record = Record::sign(identity, &self.id, stamp, self.law.last(), statement)
            .map_err(|error| CommandError::Record(error.to_string()))?;
        let (hash, bytes) = (record.hash(), record.bytes().to_vec());
        match self.law.take(record, Stamp::LAST) {
            Taken::Changed { .. } => {}
            Taken::Refused(_, detail) => return Err(CommandError::Record(detail)),
            _ => return Err(CommandError::Record(String::from("there are as many records as there can be"))),
        }
        self.clock.merge(stamp);
        self.records.spread(&RoomMessage::Record(Bytes::new(bytes).expect("a record is within its limit")));
        self.enforce(now);
        self.finish(now);
        Ok(hash)
    }
}
