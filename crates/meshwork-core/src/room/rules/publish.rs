//! Rules, bans and retractions that somebody publishes in their own name.

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

/// Who may do what is not for everybody, in words.
pub const MODERATORS: &str = "the owner or a moderator of the room";

/// What somebody publishes in their own name.
#[derive(Clone, Debug)]
pub enum Act<'a> {
    /// Sets the room's rules: the owner's to do. Further apps in which the same may write as in the first follow it.
    SetTerms(Terms),
    /// Bans a peer: what this program holds of it stays, what it writes from then on does not count. The owner's to do,
    /// or a moderator's where the peer is neither.
    Ban(PeerId),
    /// Lifts all bans of a peer: the owner's to do. What it wrote while it was banned does not come back.
    Unban(PeerId),
    /// Takes back what was written up to then: the owner's to do, or a moderator's.
    Retract(Retract),
    /// Lifts the retractions of these records: the owner's to do. What was taken back shows again.
    Lift(&'a [ShortId]),
    /// Turns an app on, in a slot that is free, for those who may write in the first: the owner's to do.
    TurnOn(AppOn),
    /// Sets the rule of the app in a slot: the owner's to do.
    SetRule(Rule),
    /// Raises what each peer may have in a table: the owner's to do.
    Raise(Quota),
    /// Sets for how long a table by time keeps its rows: the owner's to do.
    Age(Age),
    /// Joins what the owner's programs wrote without hearing of each other: the owner's to do.
    Join,
    /// Gives the room this secret, and access by another one to these peers and the owner alone: the owner's to do.
    Renew(Secret, Vec<PeerId>),
}

/// What is taken back, of all that was written up to the record that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retract {
    /// Of which replica.
    pub replica: ReplicaNumber,
    /// Whose entries; `None` for everybody's.
    pub author: Option<PeerId>,
    /// Which of them: what the family of the replica understands; empty for all.
    pub scope: Bytes<SCOPE_MAX>,
}

/// A record before it is signed.
#[derive(Default)]
struct Draft {
    changes: Vec<Change>,
    /// The rules that slots are given.
    rules: Vec<Rule>,
    /// Who is appointed and dismissed, and who is put on the list of writers and taken off it.
    appointed: Vec<PeerId>,
    dismissed: Vec<PeerId>,
    listed: Vec<PeerId>,
    unlisted: Vec<PeerId>,
    banned: Option<PeerId>,
    /// Slots in which everybody but the owner loses a right, bit by bit.
    slots: u16,
    /// Who keeps access, where the secret changes.
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

    /// The rule that a slot is given.
    fn rule(&self, slot: u8) -> Option<Rule> {
        self.rules.iter().find(|rule| rule.slot == slot).copied()
    }

    /// Whether a peer loses a right in every slot.
    fn takes_from(&self, peer: &PeerId) -> bool {
        let lists = [&self.dismissed[..], &self.unlisted, self.banned.as_slice()];
        lists.iter().any(|list| list.contains(peer))
    }

    /// Whether everybody but the owner loses a right in a slot.
    fn takes_in(&self, slot: u8) -> bool {
        self.slots & 1 << slot != 0
    }

    fn takes(&self) -> bool {
        self.slots != 0 || !self.dismissed.is_empty() || !self.unlisted.is_empty() || self.banned.is_some()
    }
}

/// These peers in ascending order, unless there are none; beyond the most that a record can say they are left out.
fn some<const MAX: usize>(peers: &[PeerId]) -> Option<Peers<MAX>> {
    let mut peers = peers.to_vec();
    peers.sort();
    peers.dedup();
    peers.truncate(MAX);
    (!peers.is_empty()).then(|| Bounded::new(peers).expect("just cut to the limit"))
}

impl Rules {
    /// What the next record may say.
    pub(in crate::room) fn drafting(&self) -> Drafting<'_> {
        Drafting { records: &self.records, admissions: &self.admissions }
    }

    /// Signs what [`Drafting::state`] gave, takes it in and sends it to all neighbours. Returns the record's name.
    ///
    /// # Errors
    /// [`WriteError::Record`] when the record cannot be.
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

/// What the next record of this program may say, by what records and admissions say now.
pub(in crate::room) struct Drafting<'a> {
    records: &'a Records,
    admissions: &'a Admissions,
}

impl Drafting<'_> {
    /// What a record says by which `signer` does something at `stamp`, and the list of what stays.
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
        // What is turned on took the first free slot itself.
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

    /// What the owner's next record names as before it: of more than it can name those that go on first.
    fn heads(&self) -> Vec<RecordName> {
        let mut heads = self.records.book().heads();
        heads.split_off(heads.len().saturating_sub(HEADS_MAX))
    }

    /// What changes so that what these terms change holds in the record that joins all that goes on. What they leave as it is
    /// in the record in force nobody asked for: there the branches hold together.
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
                // Who was admitted by the key before loses that in every app for the admitted.
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
        // A record says something, also where nothing changes.
        if terms.overlay != seen.overlay || draft.rules.is_empty() && draft.changes().is_empty() {
            draft.changes.push(Change::Overlay(terms.overlay.clone()));
        }
        Ok(draft)
    }

    /// The rules of the further apps in which those may write who may in the app that the room opened with.
    fn followers(&self) -> Vec<Rule> {
        let first = self.rule(GENESIS_SLOT).writers;
        let further = GIVEN_SLOTS.filter(|slot| self.records.book().app(*slot).is_some());
        further.map(|slot| self.rule(slot)).filter(|rule| rule.writers == first).collect()
    }

    /// The rule of a slot that the owner's next record finds: of what goes on the stricter, so that no branch is overruled by
    /// what is said of another slot.
    fn rule(&self, slot: u8) -> Rule {
        let (limit, writers) = self.records.book().joined_rule(&self.heads(), slot);
        Rule { slot, limit, writers }
    }

    /// Says the rules that slots are given, with those of all others. Who may write in the app that the room opened with may do
    /// so in what is turned on, from its first batch on, and goes on to where that was so.
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
        // Another device may have turned the same on for everybody.
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

    /// Slots in which some may write less, or not at all, by what the draft says than by one of the records before it, bit
    /// by bit: of two branches each may be the stricter one in something.
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

    /// What one branch took is taken by the record that joins it, too.
    fn repeat(&self, draft: &mut Draft) {
        let repeat = self.records.book().repeat();
        draft.slots |= repeat.slots;
        draft.dismissed.extend(repeat.dismiss.iter().filter(|peer| !draft.appointed.contains(peer)));
        draft.unlisted.extend(repeat.unlist.iter().filter(|peer| !draft.listed.contains(peer)));
    }

    /// What stays of those who lose a right: what is held here.
    fn stays(&self, draft: &Draft, replicas: &Replicas) -> Result<List, WriteError> {
        let loses = |batch: &&SignedBatch| {
            draft.takes_in(batch.header().replica.slot()) || draft.takes_from(&batch.peer())
        };
        let edicts = self.records.book().edicts().map(|(record, _)| record);
        let edicts = edicts.filter(|record| draft.takes_from(&record.body().signer));
        let mut ids: Vec<ShortId> = edicts.map(Record::id).collect();
        // Of more than a list has place for, those of strangers are left out.
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

/// Whom to give a right and from whom to take it, so that what makes `now` of what is `seen` is so where those have it who are
/// `joined`.
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
