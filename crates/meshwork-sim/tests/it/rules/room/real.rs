//! The rulebook of core against this world: both judge every batch alike, whatever records a member knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::rulebook::{Claim, Rulebook, Verdict as Judged, WithList};
use meshwork_core::signed::admission::{EditKey, EditSeed};
use meshwork_core::signed::change::{Change as Said, Quota, Retraction, Rule, WhoWrites};
use meshwork_core::signed::header::{Family, Header, RecordName, ReplicaNumber, StampWindow};
use meshwork_core::signed::list::{List, ShortId};
use meshwork_core::signed::record::{Body, Cut as RealCut, Record as RealRecord};
use meshwork_core::wire::{Bounded, BoundedText, Bytes};

use super::member::{Member, Verdict};
use super::record::{Batch, Change, Field, Peer, Record, Stays};
use super::{IN_FORCE, Room, random_action};
use crate::common;

const ROOM: RoomId = RoomId([3; 32]);

/// Records of this world as people sign them, each signed once.
#[derive(Default)]
struct Signed {
    records: BTreeMap<u64, WithList>,
    keys: Vec<EditKey>,
}

fn identity(peer: Peer) -> Identity {
    Identity::from_secret([peer as u8 + 1; 32])
}

fn peer_id(peer: Peer) -> PeerId {
    identity(peer).peer()
}

fn short_id(id: u64) -> ShortId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.to_be_bytes());
    ShortId(bytes)
}

fn bounded<T, const MAX: usize>(items: impl IntoIterator<Item = T>) -> Bounded<T, MAX> {
    Bounded::new(items.into_iter().collect()).expect("few")
}

fn table() -> ReplicaNumber {
    ReplicaNumber::new(0, Family::ByValue).expect("a slot")
}

impl Signed {
    /// Signs the records that a member knows, whatever they build on first.
    fn sign_all(&mut self, records: &BTreeMap<u64, std::rc::Rc<Record>>) {
        let mut sorted: Vec<&Record> = records.values().map(|record| &**record).collect();
        sorted.sort_by_key(|record| record.number);
        for record in sorted {
            if !self.records.contains_key(&record.id) {
                let signed = self.sign(record, records);
                self.records.insert(record.id, signed);
            }
        }
    }

    fn sign(&mut self, record: &Record, known: &BTreeMap<u64, std::rc::Rc<Record>>) -> WithList {
        let covered: BTreeSet<u64> = record.after.iter().flat_map(|id| &known[id].after).copied().collect();
        let mut before: Vec<RecordName> =
            record.after.difference(&covered).map(|id| self.records[id].0.name()).collect();
        before.sort();
        let mut said: Vec<Said> = record.cuts.iter().flat_map(|cut| self.said(cut.change, record)).collect();
        if record.number == 0 {
            before = vec![RecordName::GENESIS];
            said = vec![Said::Appoint(bounded([peer_id(Peer::Moderator)]))];
        }
        let slots = u16::from(record.cuts.iter().any(|cut| cut.change == Change::NewKey));
        let stays = record.cuts.iter().flat_map(|cut| match &cut.stays {
            Stays::Listed(ids) => ids.iter().map(|id| short_id(*id)),
            Stays::UpTo(_) => panic!("cuts list batches"),
        });
        let stays = List::of_ids(stays.collect()).expect("few");
        let cuts = slots != 0 || said.iter().any(Said::takes);
        let cut = cuts.then(|| RealCut { slots, stays: stays.name() });
        let body = Body {
            signer: peer_id(Peer::Owner),
            // Two devices may say the same at once: that is two records here.
            stamp: Stamp(record.id.max(1)),
            before: bounded(before),
            changes: bounded(said),
            cut,
        };
        let signed = RealRecord::sign(&identity(Peer::Owner), &ROOM, body).expect("legal");
        (signed, Some(Arc::new(stays)))
    }

    fn said(&mut self, change: Change, record: &Record) -> Vec<Said> {
        match change {
            Change::Rename => vec![Said::Name(BoundedText::new(&format!("{}", record.id)).expect("short"))],
            Change::Ban => vec![Said::Ban(bounded([peer_id(Peer::Hostile)]))],
            Change::Demote => vec![Said::Dismiss(bounded([peer_id(Peer::Moderator)]))],
            Change::NewKey => {
                let key = EditSeed(short_id(record.id).0).key();
                self.keys.push(key);
                let rule = Rule { slot: 0, limit: None, writers: WhoWrites::Admitted };
                vec![Said::Rules(bounded([rule])), Said::EditKey(Some(key))]
            }
            Change::Retract => {
                let until = Stamp(record.retracts.unwrap_or_default() + 1);
                let author = Some(peer_id(Peer::Hostile));
                vec![Said::Retract(Retraction { replica: table(), author, until, scope: Bytes::default() })]
            }
            Change::LowerQuota => {
                vec![Said::Quota(Quota { replica: table(), values: 1, removals: 1, bytes: 1 })]
            }
        }
    }

    /// What the rulebook of a member says of a batch, in the words of this world.
    fn judge(&self, book: &Rulebook, batch: &Batch) -> &'static str {
        let Some((record, _)) = self.records.get(&batch.record.id) else { return "refused" };
        let (peer, instance) = (peer_id(batch.peer()), Instance(batch.endpoint.instance));
        let header = Header {
            author: Endpoint { peer, instance },
            sequence: batch.sequence,
            replica: table(),
            record: record.name(),
            window: StampWindow::at(Stamp(batch.stamp + 1)),
            cost: 1,
            used: None,
        };
        let admitted = if batch.peer() == Peer::Hostile { &[] } else { &self.keys[..] };
        let verdict = book.judge(&Claim { header: &header, id: short_id(batch.id), admitted });
        let fields = batch.entries.iter().map(|(key, _)| match key.field {
            Field::Anybody => true,
            Field::Own(owner) => owner == batch.peer(),
            Field::Moderators => book.moderates(&header.record, &peer),
        });
        match verdict {
            _ if !fields.into_iter().all(|may| may) => "refused",
            Judged::Stands => "stands",
            Judged::Cut | Judged::Suspended => "cut",
            Judged::Unknown | Judged::Displaced | Judged::Refused(_) => "refused",
        }
    }

    /// The rulebook of a member, from its records in whatever order.
    fn book(&mut self, member: &Member, rng: &mut Rng) -> Rulebook {
        self.sign_all(&member.records);
        let mut records: Vec<WithList> = member.records.keys().map(|id| self.records[id].clone()).collect();
        for place in 1..records.len() {
            records.swap(place, rng.below(place as u64 + 1) as usize);
        }
        Rulebook::new(Some(peer_id(Peer::Owner)), records)
    }
}

fn verdict(member: &Member, batch: &Batch) -> &'static str {
    match member.judge(batch) {
        Verdict::Stands => "stands",
        Verdict::Refused => "refused",
        Verdict::Cut(_) => "cut",
    }
}

#[test]
fn the_rulebook_judges_as_the_model_does() {
    let seed = common::seed(1);
    let number = if common::is_nightly() { 20_000 } else { 400 };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for schedule in 0..number {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&u64::to_le_bytes(schedule));
        let rng = &mut Rng::new(bytes);
        let mut room = Room::new(IN_FORCE);
        for _ in 0..4 + rng.below(30) {
            let action = random_action(rng);
            room.step(&action);
        }
        let taken = room.members.values().flat_map(|member| member.taken.values());
        let batches: Vec<_> = taken.chain(&room.attacks).collect();
        let mut signed = Signed::default();
        for (device, member) in &room.members {
            let book = signed.book(member, rng);
            assert_eq!(
                book.in_force().map(|record| record.number()),
                Some(member.in_force().number as u32 + 1)
            );
            assert_eq!(book.heads().len(), member.heads().len());
            for record in member.records.values() {
                let name = signed.records[&record.id].0.name();
                assert_eq!(book.moderates(&name, &peer_id(Peer::Moderator)), record.rights.moderates);
                let is_free = book.rule(&name, 0).is_some_and(|(_, writers)| writers == WhoWrites::Everybody);
                assert_eq!(is_free, record.rights.edit_key == 0);
            }
            for batch in &batches {
                let expected = verdict(member, batch);
                let judged = signed.judge(&book, batch);
                assert_eq!(
                    judged, expected,
                    "schedule {schedule}, {device:?}, {batch:#?}, {:#?}",
                    member.records
                );
                *counts.entry(expected).or_default() += 1;
            }
        }
    }
    println!("{counts:?}");
    assert!(counts.len() == 3 && counts.values().all(|count| *count > 100), "{counts:?}");
}
