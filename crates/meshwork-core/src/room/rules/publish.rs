//! Rules, bans and erases that somebody publishes in their own name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Rules;
use super::record::{
    BAN_HEADS_MAX, Ban, CHAIN_MAX, Erase, HEADS_MAX, LIFTED_MAX, Record, RecordHash, Statement, Terms,
    TermsRecord,
};
use super::records::Outcome;
use crate::clock::Stamp;
use crate::id::{Endpoint, Identity, Instance, PeerId};
use crate::replica::Replica;
use crate::room::message::RoomMessage;
use crate::room::writing::WriteError;
use crate::wire::{Bounded, Bytes};

/// What somebody publishes in their own name.
#[derive(Clone, Debug)]
pub enum Act<'a> {
    /// Sets the room's rules: the owner's to do.
    SetTerms(Terms),
    /// Bans a peer: what it wrote so far stays, what it writes from then on does not count. The owner's to do, or a
    /// moderator's where the peer is neither.
    Ban(PeerId),
    /// Lifts all bans of a peer: the owner's to do. What it wrote while it was banned does not come back.
    Unban(PeerId),
    /// Takes back what was written up to then: the owner's to do, or a moderator's.
    Erase(Erase),
    /// Lifts bans and erases by their hashes: the owner's to do. What was erased shows again.
    Lift(&'a [RecordHash]),
}

impl Rules {
    /// The statement by which `signer` does something.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`], [`WriteError::Record`], [`WriteError::NotBanned`].
    pub(in crate::room) fn state(
        &self,
        signer: PeerId,
        act: Act<'_>,
        replica: &dyn Replica,
    ) -> Result<Statement, WriteError> {
        let same = || self.terms().clone();
        match act {
            Act::SetTerms(terms) => self.state_terms(signer, terms, &[], replica),
            Act::Ban(peer) => self.state_ban(signer, peer, replica),
            Act::Unban(peer) => match self.records.bans_of(peer) {
                bans if bans.is_empty() => Err(WriteError::NotBanned),
                bans => self.state_terms(signer, same(), &bans, replica),
            },
            Act::Erase(erase) => Ok(Statement::Erase(erase)),
            Act::Lift(hashes) => self.state_terms(signer, same(), hashes, replica),
        }
    }

    /// The statement by which `signer` sets the rules, and lifts bans and erases.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when that is not the owner, [`WriteError::Record`] when it cannot be.
    fn state_terms(
        &self,
        signer: PeerId,
        rules: Terms,
        lift: &[RecordHash],
        replica: &dyn Replica,
    ) -> Result<Statement, WriteError> {
        if signer != self.records.owner() {
            return Err(WriteError::NotAllowed("the owner of the room"));
        }
        let wrong = |what: String| WriteError::Record(what);
        let number = self.records.chain().len() + 1;
        if number > CHAIN_MAX {
            return Err(wrong(format!("rules can change {CHAIN_MAX} times")));
        }
        let old = self.records.rules();
        let changes = rules.limit != old.limit || rules.writers != old.writers;
        let strict = rules.limit.is_some() || rules.writers.is_some();
        let cut = if changes && strict { Some(heads(replica)?) } else { None };
        let mut lifted: Vec<RecordHash> = match self.records.chain().last().map(Record::statement) {
            Some(Statement::Terms(last)) => last.lifted.to_vec(),
            _ => Vec::new(),
        };
        lifted.extend_from_slice(lift);
        lifted.sort();
        lifted.dedup();
        let lifted =
            Bounded::new(lifted).map_err(|_| wrong(format!("{LIFTED_MAX} bans and erases were lifted")))?;
        Ok(Statement::Terms(TermsRecord { number: number as u32, rules, lifted, cut }))
    }

    /// The statement by which `signer` bans a peer.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when the peer is the owner, or a moderator and the signer is not the owner.
    fn state_ban(
        &self,
        signer: PeerId,
        peer: PeerId,
        replica: &dyn Replica,
    ) -> Result<Statement, WriteError> {
        let owner = self.records.owner();
        let moderates = self.records.rules().moderators.binary_search(&peer).is_ok();
        if peer == owner || moderates && signer != owner {
            return Err(WriteError::NotAllowed("the owner, and nobody bans the owner,"));
        }
        let mut heads: BTreeMap<Instance, (Stamp, u64)> = BTreeMap::new();
        for batch in replica.batches().filter(|batch| batch.peer() == peer) {
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
        Ok(Statement::Ban(Ban { peer, heads }))
    }

    /// Signs a statement, takes it in and sends it to all neighbours. Returns the record's name.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless the signer is the owner or a moderator, [`WriteError::Record`] when the
    /// statement cannot be.
    pub(in crate::room) fn publish(
        &mut self,
        identity: &Identity,
        stamp: Stamp,
        statement: Statement,
    ) -> Result<RecordHash, WriteError> {
        if !self.records.moderates(identity.peer()) {
            return Err(WriteError::NotAllowed("the owner or a moderator of the room"));
        }
        let record = Record::sign(identity, &self.room, stamp, self.records.last(), statement)
            .map_err(|error| WriteError::Record(error.to_string()))?;
        let (hash, bytes) = (record.hash(), record.bytes().to_vec());
        match self.records.take(record, Stamp::LAST) {
            Outcome::Changed { .. } => {}
            Outcome::Refused(_, detail) => return Err(WriteError::Record(detail)),
            _ => return Err(WriteError::Record(String::from("there are as many records as there can be"))),
        }
        self.spread(&RoomMessage::Record(Bytes::new(bytes).expect("a record is within its limit")));
        Ok(hash)
    }
}

/// The last sequence of each endpoint that has something in the replica.
fn heads(replica: &dyn Replica) -> Result<Bounded<(Endpoint, u64), HEADS_MAX>, WriteError> {
    let mut heads: BTreeMap<Endpoint, u64> = BTreeMap::new();
    for header in replica.batches().map(|batch| batch.header()) {
        let head = heads.entry(header.author).or_default();
        *head = (*head).max(header.sequence);
    }
    let count = heads.len();
    Bounded::new(heads.into_iter().collect()).map_err(|_| {
        WriteError::Record(format!("{count} programs have written here, and rules can name {HEADS_MAX}"))
    })
}
