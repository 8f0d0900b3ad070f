//! Records read as they are signed, and only so; what cannot be said is refused.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use core::num::NonZero;

use super::super::admission::EditKey;
use super::super::app::SLOTS_MAX;
use super::super::change::{
    Age, AppOn, BANS_MAX, Lifted, Limit, MODERATORS_MAX, NewSecret, Quota, Retraction, Rule, WRITERS_MAX,
    WhoWrites,
};
use super::super::header::{Family, ReplicaNumber};
use super::super::list::{ACCESS_LIST_MAX, CUT_LIST_MAX, List};
use super::*;
use crate::wire::{BoundedText, Bytes};

const ROOM: RoomId = RoomId([9; 32]);
const AFTER_GENESIS: [RecordName; 1] = [RecordName::GENESIS];

fn identity() -> Identity {
    Identity::from_secret([1; 32])
}

fn body(before: &[RecordName], changes: Vec<Change>, cut: Option<Cut>) -> Body {
    Body {
        signer: identity().peer(),
        stamp: Stamp::new(1_790_000_000_000, 3).expect("a stamp of today"),
        before: Bounded::new(before.to_vec()).expect("few"),
        changes: Bounded::new(changes).expect("few"),
        cut,
    }
}

fn sign(body: Body) -> Result<Record, RecordError> {
    Record::sign(&identity(), &ROOM, body)
}

/// A record that follows the genesis and says this.
fn says(changes: Vec<Change>, cut: Option<Cut>) -> Result<Record, RecordError> {
    sign(body(&AFTER_GENESIS, changes, cut))
}

fn peers<const MAX: usize>(numbers: &[u8]) -> Bounded<PeerId, MAX> {
    Bounded::new(numbers.iter().map(|&number| PeerId([number; 32])).collect()).expect("few")
}

fn cut(slots: u16) -> Option<Cut> {
    let list = List::of_ids(vec![ShortId([7; 16])]).expect("one");
    Some(Cut { slots, stays: list.name() })
}

fn table() -> ReplicaNumber {
    ReplicaNumber::new(1, Family::ByTime).expect("a slot")
}

fn limit() -> Limit {
    Limit { cost: 60, window_ms: 60_000 }
}

fn name(number: u32, byte: u8) -> RecordName {
    RecordName { number, hash: [byte; 8] }
}

fn retraction() -> Retraction {
    let scope = Bytes::new(vec![1, 2]).expect("short");
    Retraction { replica: table(), author: Some(PeerId([7; 32])), until: Stamp(300), scope }
}

/// Every kind of change that may stand in one record.
fn together() -> Vec<Change> {
    let mut changes = changes();
    changes.retain(|change| !matches!(change, Change::Secret(_)));
    changes
}

/// Every kind of change.
fn changes() -> Vec<Change> {
    let app = AppOn { slot: 2, app: "vote".parse().expect("a word"), parameters: Bytes::default() };
    let rules = [(0, Some(limit()), WhoWrites::Admitted), (2, None, WhoWrites::Listed)];
    let rules = rules.map(|(slot, limit, writers)| Rule { slot, limit, writers }).to_vec();
    let access = List::empty(ListKind::Access).name();
    let lifted = [None, Some(PeerId([7; 32]))].map(|peer| Lifted { record: ShortId([5; 16]), peer });
    vec![
        Change::Name(BoundedText::new("Garden").expect("short")),
        Change::App(app),
        Change::Rules(Bounded::new(rules).expect("two")),
        Change::Quota(Quota { replica: table(), values: 30_000, removals: 300, bytes: 1 << 24 }),
        Change::Appoint(peers(&[3])),
        Change::Dismiss(peers(&[4])),
        Change::List(peers(&[5])),
        Change::Unlist(peers(&[6])),
        Change::EditKey(Some(EditKey([8; 32]))),
        Change::Overlay(BoundedText::new("tree").expect("short")),
        Change::Ban(peers(&[1, 2])),
        Change::Lift(Bounded::new(lifted.to_vec()).expect("two")),
        Change::Retract(retraction()),
        Change::Age(Age { replica: table(), days: NonZero::new(300) }),
        Change::Secret(NewSecret { commitment: [8; 32], access }),
    ]
}

/// docs/protocol/records.md shows these.
#[test]
fn golden_records() {
    let rules = says(vec![changes().remove(2), changes().remove(8)], cut(1)).expect("legal");
    let ban = sign(body(&[name(3, 7)], vec![Change::Ban(peers(&[7]))], cut(0))).expect("legal");
    let join = sign(body(&[name(4, 9), name(5, 7)], vec![], cut(1))).expect("legal");
    let page = include_str!("../../../../../docs/protocol/records.md");
    let page: String = page.split_whitespace().collect();
    for record in [rules, ban, join] {
        let golden: String = record.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(page.contains(&golden), "docs/protocol/records.md lacks {golden}");
    }
}

#[test]
fn records_read_as_they_are_signed() {
    let record = sign(body(&[name(3, 9), name(5, 7)], together(), cut(5))).expect("legal");
    let read = Record::decode(&ROOM, record.bytes()).expect("just signed");
    assert_eq!((&read, read.number(), read.body()), (&record, 6, record.body()));
    assert_eq!(read.name().hash, record.hash()[..8]);
    assert_eq!(read.id().0, record.hash()[..16]);
    for change in changes() {
        let cut = if change.takes() { cut(0) } else { None };
        let record = says(vec![change.clone()], cut).expect("legal");
        assert_eq!(Record::decode(&ROOM, record.bytes()).expect("just signed").body().changes[0], change);
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let record = sign(body(&[name(3, 9), name(5, 7)], together(), cut(5))).expect("legal");
    for place in 0..record.bytes().len() {
        let mut changed = record.bytes().to_vec();
        changed[place] ^= 1;
        assert!(Record::decode(&ROOM, &changed).is_err(), "byte {place}");
    }
    let elsewhere = Record::decode(&RoomId([8; 32]), record.bytes());
    assert_eq!(elsewhere, Err(RecordError::Signature(identity().peer())));
    let longer = [record.bytes(), &[0]].concat();
    assert!(Record::decode(&ROOM, &longer).is_err());
    assert_eq!(Record::decode(&ROOM, &[1; 100]), Err(RecordError::First));
    assert_eq!(Record::decode(&ROOM, &[3; 100]), Err(RecordError::Later(3)));
    assert_eq!(Record::decode(&ROOM, &[2; 64]), Err(RecordError::Length(64)));
    let stranger = Identity::from_secret([2; 32]);
    let signed = Record::sign(&stranger, &ROOM, body(&AFTER_GENESIS, together(), cut(0)));
    assert!(matches!(signed, Err(RecordError::Signer { .. })));
}

#[test]
fn a_number_has_one_form() {
    let record = says(vec![Change::Name(BoundedText::new("a").expect("short"))], None).expect("legal");
    let signed = &record.bytes()[..record.bytes().len() - SIGNATURE_LEN];
    // The list of changes stands before its one change: a varint of one byte.
    let place = signed.len() - 5;
    assert_eq!(signed[place], 1);
    let mut padded = signed.to_vec();
    padded.splice(place..=place, [0x81, 0]);
    let signature = verify::sign(&identity(), Label::Record, &[&ROOM.0, &padded]);
    let padded = [padded, signature.to_vec()].concat();
    let refused = Err(RecordError::Content("a number is not in its shortest form"));
    assert_eq!(Record::decode(&ROOM, &padded), refused);
}

#[test]
fn what_is_before_is_checked() {
    let rename = || vec![Change::Name(BoundedText::default())];
    let after = |before: &[RecordName]| sign(body(before, rename(), None)).map(|record| record.number());
    assert_eq!(after(&AFTER_GENESIS), Ok(1));
    assert_eq!(after(&[name(RECORDS_MAX - 1, 1)]), Ok(RECORDS_MAX));
    let refused: [&[RecordName]; 6] = [
        &[],
        &[name(2, 2), name(2, 2)],
        &[name(2, 2), name(1, 2)],
        &[RecordName::GENESIS, name(1, 2)],
        &[name(0, 1)],
        &[name(RECORDS_MAX, 1)],
    ];
    for before in refused {
        assert!(matches!(after(before), Err(RecordError::Content(_))), "{before:?}");
    }
    assert!(says(vec![], None).is_err(), "it changes nothing");
    assert!(sign(body(&[name(1, 1), name(1, 2)], vec![], None)).is_ok(), "it joins two heads");
}

#[test]
fn taking_a_right_says_what_stays() {
    for taking in changes().into_iter().filter(Change::takes) {
        assert!(says(vec![taking.clone()], None).is_err(), "{taking:?}");
        assert!(says(vec![taking], cut(0)).is_ok());
    }
    let rename = || vec![Change::Name(BoundedText::default())];
    assert!(says(rename(), cut(0)).is_err(), "nothing is taken");
    let long = |count| says(rename(), Some(Cut { slots: 1, stays: ListName { count, hash: [0; 32] } }));
    assert!(long(CUT_LIST_MAX as u32).is_ok() && long(CUT_LIST_MAX as u32 + 1).is_err());
    let renew = changes().pop().expect("the last one");
    assert!(says(vec![renew.clone()], None).is_ok());
    assert!(says(vec![renew], cut(1)).is_err(), "a record names one list");
}

#[test]
fn changes_out_of_bounds_are_refused() {
    let rule = |slot, cost, window_ms| Rule {
        slot,
        limit: Some(Limit { cost, window_ms }),
        writers: WhoWrites::Everybody,
    };
    let rules = |rules: &[Rule]| Change::Rules(Bounded::new(rules.to_vec()).expect("few"));
    let app = |slot| {
        let app = "vote".parse().expect("a word");
        Change::App(AppOn { slot, app, parameters: Bytes::default() })
    };
    let quota = |family| {
        let replica = ReplicaNumber::new(0, family).expect("a slot");
        Change::Quota(Quota { replica, values: 1, removals: 1, bytes: 1 })
    };
    let age = |family| {
        let replica = ReplicaNumber::new(0, family).expect("a slot");
        Change::Age(Age { replica, days: None })
    };
    let say = ReplicaNumber::new(0, Family::Say).expect("a slot");
    let long = ListName { count: ACCESS_LIST_MAX as u32 + 1, hash: [0; 32] };
    let refused = [
        rules(&[rule(0, 0, 1000)]),
        rules(&[rule(0, 1, 99)]),
        rules(&[rule(16, 1, 1000)]),
        rules(&[rule(1, 1, 1000), rule(1, 1, 1000)]),
        app(0),
        app(1),
        app(SLOTS_MAX),
        quota(Family::Own),
        quota(Family::Say),
        age(Family::Own),
        age(Family::ByValue),
        Change::Appoint(peers(&[])),
        Change::List(peers(&[2, 1])),
        Change::List(peers(&[2, 2])),
        Change::Lift(Bounded::default()),
        Change::Retract(Retraction { replica: say, ..retraction() }),
        Change::Retract(Retraction { until: Stamp::NEVER, ..retraction() }),
        Change::Secret(NewSecret { commitment: [0; 32], access: long }),
    ];
    for change in refused {
        assert!(says(vec![change.clone()], None).is_err(), "{change:?}");
    }
    assert!(says(vec![app(2), app(15), quota(Family::ByValue), age(Family::ByTime)], None).is_ok());
}

#[test]
fn a_record_says_one_thing_once() {
    let twice = vec![Change::EditKey(None), Change::EditKey(None)];
    assert!(says(twice, None).is_err());
    let retractions = vec![Change::Retract(retraction()), Change::Retract(retraction())];
    assert!(says(retractions, None).is_ok());
    assert!(says(vec![Change::Appoint(peers(&[1, 2])), Change::Dismiss(peers(&[2]))], cut(0)).is_err());
    assert!(says(vec![Change::List(peers(&[1])), Change::Unlist(peers(&[1]))], cut(0)).is_err());
    assert!(says(vec![Change::List(peers(&[1])), Change::Unlist(peers(&[2]))], cut(0)).is_ok());
}

#[test]
fn the_longest_lists_of_peers_fit() {
    fn many<const MAX: usize>(first: u16) -> Bounded<PeerId, MAX> {
        let peer = |number: u16| {
            let mut bytes = [255; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            PeerId(bytes)
        };
        Bounded::new((first..first + MAX as u16).map(peer).collect()).expect("as many as may be")
    }
    let changes = vec![
        Change::Appoint(many::<MODERATORS_MAX>(0)),
        Change::Dismiss(many::<MODERATORS_MAX>(1000)),
        Change::List(many::<WRITERS_MAX>(0)),
        Change::Unlist(many::<WRITERS_MAX>(1000)),
        Change::Ban(many::<BANS_MAX>(0)),
    ];
    let record = says(changes, cut(u16::MAX)).expect("legal");
    assert!(record.bytes().len() <= RECORD_MAX, "{}", record.bytes().len());
}

#[test]
fn the_greater_number_goes_on() {
    let named = |text, before: &[RecordName]| {
        sign(body(before, vec![Change::Name(BoundedText::new(text).expect("short"))], None)).expect("legal")
    };
    let (first, second, later) =
        (named("a", &AFTER_GENESIS), named("b", &AFTER_GENESIS), named("c", &[name(1, 1)]));
    assert!(later.rank() > first.rank() && later.rank() > second.rank());
    let (lower, greater) = if first.hash() < second.hash() { (first, second) } else { (second, first) };
    assert!(lower.rank() > greater.rank(), "the lower hash goes on");
}
