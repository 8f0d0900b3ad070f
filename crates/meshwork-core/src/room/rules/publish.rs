//! Rules, bans and retractions that a person publishes in their own name.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Rules;
use super::admissions::Admissions;
use super::records::{Outcome, Records};
use super::terms::{Terms, Writers};
use crate::clock::Stamp;
use crate::id::{Identity, PeerId, Secret};
use crate::room::message::RoomMessage;
use crate::room::replicas::Replicas;
use crate::room::writing::WriteError;
use crate::signed::app::{GENESIS_SLOT, GIVEN_SLOTS, SLOTS_MAX};
use crate::signed::batch::SignedBatch;
use crate::signed::change::{
    Age, AppOn, BANS_MAX, Change, Lifted, NewSecret, Peers, Quota, RULES_MAX, Retraction, Rule, SCOPE_MAX,
    WhoWrites,
};
use crate::signed::header::{RecordName, ReplicaNumber};
use crate::signed::list::{CUT_LIST_MAX, List, ShortId};
use crate::signed::record::{Body, Cut, HEADS_MAX, Record};
use crate::wire::{Bounded, Bytes};

/// The name of those with rights to ban and retract, for messages.
pub const MODERATORS: &str = "the owner or a moderator of the room";

/// An act that a person publishes in their own name.
#[derive(Clone, Debug)]
pub enum Act<'a> {
    /// Sets the room's rules, as the owner. Further apps with the same writers as the first follow it.
    SetTerms(Terms),
    /// Bans a peer: its batches here stay, its later ones do not count. As the owner, or as a moderator if the peer is
    /// neither.
    Ban(PeerId),
    /// Lifts all bans of a peer, as the owner. Its writes during the ban do not come back.
    Unban(PeerId),
    /// Retracts earlier writes, as the owner or a moderator.
    Retract(Retract),
    /// Lifts the retractions of these records, as the owner. The retracted entries show again.
    Lift(&'a [ShortId]),
    /// Enables an app, in a free slot, for the writers of the first app, as the owner.
    TurnOn(AppOn),
    /// Sets the rule of the app in a slot, as the owner.
    SetRule(Rule),
    /// Raises the quota of each peer in a table, as the owner.
    Raise(Quota),
    /// Sets how long a table by time keeps its rows, as the owner.
    Age(Age),
    /// Joins concurrent records of the owner's programs, as the owner.
    Join,
    /// Gives the room this secret, and restricts access by another one to these peers and the owner, as the owner.
    Renew(Secret, Vec<PeerId>),
}

/// A retraction of entries up to the time of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retract {
    /// The replica.
    pub replica: ReplicaNumber,
    /// The author of the entries; `None` for everybody.
    pub author: Option<PeerId>,
    /// The scope, in the form of the replica's family; empty for all.
    pub scope: Bytes<SCOPE_MAX>,
}

/// A record before it is signed.
#[derive(Default)]
struct Draft {
    changes: Vec<Change>,
    /// The new rules of slots.
    rules: Vec<Rule>,
    /// Appointed and dismissed moderators, and added and removed writers.
    appointed: Vec<PeerId>,
    dismissed: Vec<PeerId>,
    listed: Vec<PeerId>,
    unlisted: Vec<PeerId>,
    banned: Option<PeerId>,
    /// Slots in which everybody except the owner loses a right, bit by bit.
    slots: u16,
    /// The peers that keep access, if the secret changes.
    access: Option<List>,
}

impl Draft {
    fn of(change: Change) -> Draft {
        Draft { changes: alloc::vec![change], ..Draft::default() }
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = self.changes.clone();
        changes.extend(some(&self.appointed).map(Change::Appoint));
        changes.extend(some(&self.dismissed).map(Change::Dismiss));
        changes.extend(some(&self.listed).map(Change::List));
        changes.extend(some(&self.unlisted).map(Change::Unlist));
        changes.extend(some(self.banned.as_slice()).map(Change::Ban));
        changes
    }

    /// The new rule of a slot.
    fn rule(&self, slot: u8) -> Option<Rule> {
        self.rules.iter().find(|rule| rule.slot == slot).copied()
    }

    /// Whether a peer loses a right in every slot.
    fn takes_from(&self, peer: &PeerId) -> bool {
        let lists = [&self.dismissed[..], &self.unlisted, self.banned.as_slice()];
        lists.iter().any(|list| list.contains(peer))
    }

    /// Whether everybody except the owner loses a right in a slot.
    fn takes_in(&self, slot: u8) -> bool {
        self.slots & 1 << slot != 0
    }

    fn takes(&self) -> bool {
        self.slots != 0 || !self.dismissed.is_empty() || !self.unlisted.is_empty() || self.banned.is_some()
    }
}

/// These peers in ascending order, unless there are none; those beyond the limit of a record are left out.
fn some<const MAX: usize>(peers: &[PeerId]) -> Option<Peers<MAX>> {
    let mut peers = peers.to_vec();
    peers.sort();
    peers.dedup();
    peers.truncate(MAX);
    (!peers.is_empty()).then(|| Bounded::new(peers).expect("just cut to the limit"))
}

impl Rules {
    /// The possible content of the next record.
    pub(in crate::room) fn drafting(&self) -> Drafting<'_> {
        Drafting { records: &self.records, admissions: &self.admissions }
    }

    /// Signs the result of [`Drafting::state`], accepts it and sends it to all neighbours. Returns the record's id.
    ///
    /// # Errors
    /// [`WriteError::Record`] if the record is invalid.
    pub(in crate::room) fn publish(
        &mut self,
        identity: &Identity,
        (body, list): (Body, Option<Arc<List>>),
    ) -> Result<ShortId, WriteError> {
        let record = Record::sign(identity, &self.room, body)
            .map_err(|error| WriteError::Record(error.to_string()))?;
        let (id, name, bytes) = (record.id(), record.name(), record.bytes().to_vec());
        match self.records.take(record, list, Stamp::LAST) {
            Outcome::Changed => self.handle_records(),
            Outcome::Refused(_, detail) => return Err(WriteError::Record(detail)),
            _ => return Err(WriteError::Record(String::from("there are as many records as there can be"))),
        }
        self.written = Some(name);
        self.spread(&RoomMessage::Record(Bytes::new(bytes).expect("a record is within its limit")));
        Ok(id)
    }
}

/// The possible content of this program's next record, given the current records and admissions.
pub(in crate::room) struct Drafting<'a> {
    records: &'a Records,
    admissions: &'a Admissions,
}

impl Drafting<'_> {
    /// The content of the record by which `signer` acts at `stamp`, and its list of staying batches.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`], [`WriteError::Banned`], [`WriteError::Record`], [`WriteError::NotBanned`].
    pub(in crate::room) fn state(
        &self,
        signer: PeerId,
        stamp: Stamp,
        act: Act<'_>,
        replicas: &Replicas,
    ) -> Result<(Body, Option<Arc<List>>), WriteError> {
        let is_owner = Some(signer) == self.records.owner();
        if !is_owner && !matches!(act, Act::Ban(_) | Act::Retract(_)) {
            return Err(WriteError::NotAllowed("the owner of the room"));
        }
        if !self.records.moderates(signer) {
            return Err(WriteError::NotAllowed(MODERATORS));
        }
        if self.records.is_banned(signer) {
            return Err(WriteError::Banned);
        }
        let mut draft = match act {
            Act::SetTerms(terms) => self.set_terms(&terms)?,
            Act::SetRule(rule) => Draft { rules: alloc::vec![rule], ..Draft::default() },
            Act::Raise(quota) => Draft::of(Change::Quota(quota)),
            Act::Age(age) => Draft::of(Change::Age(age)),
            Act::Ban(peer) => self.ban(is_owner, peer)?,
            Act::Unban(peer) => match self.records.bans_of(peer) {
                bans if bans.is_empty() => return Err(WriteError::NotBanned),
                bans => lift(bans.into_iter().map(|record| Lifted { record, peer: Some(peer) }).collect())?,
            },
            Act::Retract(Retract { replica, author, scope }) => {
                Draft::of(Change::Retract(Retraction { replica, author, until: stamp, scope }))
            }
            Act::Lift(records) => {
                lift(records.iter().map(|&record| Lifted { record, peer: None }).collect())?
            }
            Act::TurnOn(on) => Draft::of(Change::App(on)),
            Act::Join => Draft::default(),
            Act::Renew(secret, mut keep) => {
                keep.push(signer);
                let list = List::of_peers(keep).map_err(|error| WriteError::Record(error.to_string()))?;
                let (commitment, access) = (secret.commitment(), list.name());
                Draft { access: Some(list), ..Draft::of(Change::Secret(NewSecret { commitment, access })) }
            }
        };
        let before = if is_owner { self.heads() } else { alloc::vec![self.records.in_force()] };
        if before.len() > 1 {
            self.repeat(&mut draft);
        }
        // The enabled app took the first free slot itself.
        if is_owner && !draft.changes.iter().any(|change| matches!(change, Change::App(_))) {
            draft.changes.extend(self.records.book().displaced_apps().into_iter().map(Change::App));
        }
        self.set_rules(&mut draft)?;
        if is_owner {
            draft.slots |= self.stricter_than(&before, &draft);
        }
        let (list, cut) = match draft.access.take() {
            Some(_) if draft.takes() => {
                let detail = "what other programs of the owner took is joined first, in a few seconds";
                return Err(WriteError::Record(String::from(detail)));
            }
            Some(access) => (Some(Arc::new(access)), None),
            None if draft.takes() => {
                let stays = self.stays(&draft, replicas)?;
                let cut = Cut { slots: draft.slots, stays: stays.name() };
                (Some(Arc::new(stays)), Some(cut))
            }
            None => (None, None),
        };
        let wrong = |_| WriteError::Record(String::from("it says too much at once"));
        let changes = Bounded::new(draft.changes()).map_err(wrong)?;
        let before = Bounded::new(before).expect("just cut to the limit");
        Ok((Body { signer, stamp, before, changes, cut }, list))
    }

    /// The predecessors of the owner's next record: if there are too many, current heads first.
    fn heads(&self) -> Vec<RecordName> {
        let mut heads = self.records.book().heads();
        heads.split_off(heads.len().saturating_sub(HEADS_MAX))
    }

    /// The changes that make the changed terms hold in the record that joins all heads. Unchanged terms keep the result
    /// of joining the branches.
    fn set_terms(&self, terms: &Terms) -> Result<Draft, WriteError> {
        let (book, in_force, heads) = (self.records.book(), self.records.in_force(), self.heads());
        let (seen, joined) = (self.records.terms(), self.rule(GENESIS_SLOT));
        let mut draft = Draft::default();
        let who = terms.writers.who();
        let followers = self.followers();
        let limit = if terms.limit == seen.limit { joined.limit } else { terms.limit };
        let writers = if who == seen.writers.who() { joined.writers } else { who };
        if (limit, writers) != (joined.limit, joined.writers) {
            draft.rules.push(Rule { slot: GENESIS_SLOT, limit, writers });
        }
        match &terms.writers {
            Writers::Everybody => {}
            Writers::Listed(now) => {
                (draft.listed, draft.unlisted) =
                    changed(now, book.listed(&[in_force]).collect(), book.listed(&heads).collect());
            }
            Writers::Admitted(key) if book.edit_key(&in_force) == *key => {}
            Writers::Admitted(key) => {
                draft.changes.push(Change::EditKey(*key));
                draft.slots = followers.iter().fold(1 << GENESIS_SLOT, |slots, rule| slots | 1 << rule.slot);
                // Peers that were admitted by the former key lose that right in every app for the admitted.
                let for_admitted = |slot: &u8| self.rule(*slot).writers == WhoWrites::Admitted;
                let slots = (0..SLOTS_MAX).filter(for_admitted).filter(|_| !planted!(KeyCutsFirst));
                draft.slots = slots.fold(draft.slots, |slots, slot| slots | 1 << slot);
            }
        }
        (draft.appointed, draft.dismissed) = changed(
            &terms.moderators,
            book.moderators(&[in_force]).collect(),
            book.moderators(&heads).collect(),
        );
        if terms.name != seen.name {
            draft.changes.push(Change::Name(terms.name.clone()));
        }
        // A record has content, even if nothing changes.
        if terms.overlay != seen.overlay || draft.rules.is_empty() && draft.changes().is_empty() {
            draft.changes.push(Change::Overlay(terms.overlay.clone()));
        }
        Ok(draft)
    }

    /// The rules of further apps whose writers are those of the app that the room opened with.
    fn followers(&self) -> Vec<Rule> {
        let first = self.rule(GENESIS_SLOT).writers;
        let further = GIVEN_SLOTS.filter(|slot| self.records.book().app(*slot).is_some());
        further.map(|slot| self.rule(slot)).filter(|rule| rule.writers == first).collect()
    }

    /// The rule of a slot before the owner's next record: the strictest rule of all branches, so that a change of
    /// another slot relaxes none.
    fn rule(&self, slot: u8) -> Rule {
        let (limit, writers) = self.records.book().joined_rule(&self.heads(), slot);
        Rule { slot, limit, writers }
    }

    /// Sets the changed rules of slots, together with those of all others. Writers of the first app may also write in
    /// the enabled app, from its first batch on, and keep that right where they had it.
    fn set_rules(&self, draft: &mut Draft) -> Result<(), WriteError> {
        let first = draft.rule(GENESIS_SLOT).map(|rule| rule.writers);
        if let Some(writers) = first.filter(|writers| *writers != self.rule(GENESIS_SLOT).writers) {
            let following = self.followers().into_iter().filter(|rule| draft.rule(rule.slot).is_none());
            let following: Vec<Rule> = following.map(|rule| Rule { writers, ..rule }).collect();
            draft.rules.extend(following);
        }
        let first = self.rule(GENESIS_SLOT).writers;
        let turned_on = draft.changes.iter().filter_map(|change| match change {
            Change::App(on) if first != self.rule(on.slot).writers => {
                Some(Rule { writers: first, ..self.rule(on.slot) })
            }
            _ => None,
        });
        let turned_on: Vec<Rule> = turned_on.collect();
        // Another device may have enabled the same app for everybody.
        draft.slots = turned_on.iter().fold(draft.slots, |slots, rule| slots | 1 << rule.slot);
        draft.rules.extend(turned_on);
        if draft.rules.is_empty() {
            return Ok(());
        }
        let is_free = |rule: &Rule| rule.limit.is_none() && rule.writers == WhoWrites::Everybody;
        let rules = (0..SLOTS_MAX).map(|slot| draft.rule(slot).unwrap_or_else(|| self.rule(slot)));
        let rules = rules.filter(|rule| !is_free(rule)).collect();
        let full = |_| WriteError::Record(format!("a room has rules for at most {RULES_MAX} apps"));
        draft.changes.push(Change::Rules(Bounded::new(rules).map_err(full)?));
        Ok(())
    }

    /// Slots in which some peers may write less, or not at all, by the draft than by one of its predecessors, bit by
    /// bit: each of two branches may be the stricter one in something.
    fn stricter_than(&self, before: &[RecordName], draft: &Draft) -> u16 {
        let is_stricter = |slot: &u8| {
            let rule = draft.rule(*slot).unwrap_or_else(|| self.rule(*slot));
            let rules = before.iter().filter_map(|record| self.records.book().rule(record, *slot));
            rules.into_iter().any(|(limit, writers)| {
                rule.limit != limit && rule.limit.is_some()
                    || rule.writers != writers && rule.writers != WhoWrites::Everybody
            })
        };
        (0..SLOTS_MAX).filter(is_stricter).fold(0, |slots, slot| slots | 1 << slot)
    }

    fn ban(&self, is_owner: bool, peer: PeerId) -> Result<Draft, WriteError> {
        if Some(peer) == self.records.owner() || self.records.moderates(peer) && !is_owner {
            return Err(WriteError::NotAllowed("the owner, and nobody bans the owner,"));
        }
        Ok(Draft { banned: Some(peer), ..Draft::default() })
    }

    /// Repeats the revocations of each branch in the record that joins them.
    fn repeat(&self, draft: &mut Draft) {
        let repeat = self.records.book().repeat();
        draft.slots |= repeat.slots;
        draft.dismissed.extend(repeat.dismiss.iter().filter(|peer| !draft.appointed.contains(peer)));
        draft.unlisted.extend(repeat.unlist.iter().filter(|peer| !draft.listed.contains(peer)));
    }

    /// The staying batches of peers that lose a right: those that are here.
    fn stays(&self, draft: &Draft, replicas: &Replicas) -> Result<List, WriteError> {
        let loses = |batch: &&SignedBatch| {
            draft.takes_in(batch.header().replica.slot()) || draft.takes_from(&batch.peer())
        };
        let edicts = self.records.book().edicts().map(|(record, _)| record);
        let edicts = edicts.filter(|record| draft.takes_from(&record.body().signer));
        let mut ids: Vec<ShortId> = edicts.map(Record::id).collect();
        // If there are too many for a list, batches of strangers are left out.
        for are_named in [true, false] {
            let batches = replicas.batches().filter(loses);
            let batches = batches.filter(|batch| self.is_named(&batch.peer()) == are_named);
            ids.extend(batches.map(|batch| batch.id().short()));
        }
        ids.truncate(CUT_LIST_MAX);
        List::of_ids(ids).map_err(|error| WriteError::Record(error.to_string()))
    }

    /// Whether records or an admission name a peer.
    fn is_named(&self, peer: &PeerId) -> bool {
        !self.admissions.of(peer).is_empty() || self.records.names(peer)
    }
}

/// The grants and revocations that turn `joined` into `now`, leaving alone what the user did not change since `seen`.
fn changed(now: &[PeerId], seen: Vec<PeerId>, joined: Vec<PeerId>) -> (Vec<PeerId>, Vec<PeerId>) {
    let given = now.iter().filter(|peer| !seen.contains(peer) && !joined.contains(peer));
    let taken = seen.iter().filter(|peer| !now.contains(peer) && joined.contains(peer));
    (given.copied().collect(), taken.copied().collect())
}

fn lift(lifted: Vec<Lifted>) -> Result<Draft, WriteError> {
    let mut lifted = lifted;
    lifted.sort_unstable();
    lifted.dedup();
    let wrong = |_| WriteError::Record(format!("a record lifts at most {BANS_MAX} bans and retractions"));
    Ok(Draft::of(Change::Lift(Bounded::new(lifted).map_err(wrong)?)))
}
