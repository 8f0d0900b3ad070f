//! What people sign: examples, targets, golden bytes.

use std::num::NonZero;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, PeerId, RoomId, Secret};
use meshwork_core::rng::Rng;
use meshwork_core::signed::admission::{EditSeed, SignedAdmission};
use meshwork_core::signed::batch::SignedBatch;
use meshwork_core::signed::change::{
    Age, AppOn, Change, Lifted, Limit, NewSecret, Quota, Retraction, Rule, WhoWrites,
};
use meshwork_core::signed::genesis::{Commons, Genesis, Owned};
use meshwork_core::signed::header::{Family, Header, RecordName, ReplicaNumber, StampWindow};
use meshwork_core::signed::list::{List, ListKind, ShortId};
use meshwork_core::signed::record::{Body, Cut, Record};
use meshwork_core::signed::stub::Stub;
use meshwork_core::wire::{self, Bounded, BoundedText, Bytes};

const ROOM: RoomId = RoomId([3; 32]);
const STAMP: Stamp = Stamp(1_790_000_000_000 << 16);

/// Bytes by name, for docs/protocol/golden.md.
pub(crate) fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let names = ["genesis of a private room", "genesis of a commons"].into_iter().zip(geneses());
    let mut golden: Vec<_> = names.collect();
    golden.extend(["batch of a click", "batch of a fold"].into_iter().zip(batches()));
    golden.extend([("stub of a click", stubs().remove(0)), ("cut list", lists().remove(0))]);
    golden.push(("admission", admissions().remove(0)));
    golden.push(("record of everything", records().remove(0)));
    golden
}

/// A record, a list and an admission, as messages carry them.
pub(crate) fn inside_rooms() -> [Vec<u8>; 3] {
    [records(), lists(), admissions()].map(|mut all| all.remove(0))
}

fn identity() -> Identity {
    Identity::from_secret([1; 32])
}

pub(crate) fn geneses() -> Vec<Vec<u8>> {
    let parameters = Bytes::new(vec![100, 70]).expect("short");
    let app = || "place".parse().expect("a word");
    let secret = Secret([8; 16]);
    let owned =
        Owned::new(&mut Rng::new([4; 32]), identity().peer(), app(), parameters.clone(), Some(&secret));
    let (owned, _) = owned.sign(&identity()).expect("the owner signs");
    let name = BoundedText::new("lan").expect("short");
    let (commons, _) = Commons { name, nonce: 300, app: app(), parameters }.to_bytes();
    vec![owned, commons]
}

pub(crate) fn run_genesis(input: &[u8]) {
    let Ok((genesis, room)) = Genesis::decode(input) else { return };
    let (app, parameters) = genesis.app();
    assert_eq!(
        meshwork_place::make(app, parameters).is_some(),
        meshwork_place::canvas_size(app, parameters).is_some()
    );
    if let Genesis::Commons(commons) = genesis {
        assert_eq!(commons.to_bytes(), (input.to_vec(), room));
    }
}

fn signed_batches() -> [SignedBatch; 2] {
    let author = Endpoint { peer: identity().peer(), instance: Instance(1) };
    let click = Header {
        author,
        sequence: 300,
        replica: ReplicaNumber::new(0, Family::Own).expect("a slot"),
        record: RecordName { number: 7, hash: [9; 8] },
        window: StampWindow::at(STAMP),
        cost: 1,
        used: Some(59),
    };
    let fold = Header {
        replica: ReplicaNumber::new(2, Family::ByTime).expect("a slot"),
        record: RecordName::GENESIS,
        window: StampWindow { least: Stamp(STAMP.0 + 5), most: Stamp(STAMP.0 + 70_000) },
        cost: 40,
        used: None,
        ..click
    };
    let sign = |header: &Header, payload: &[u8]| {
        SignedBatch::sign(&identity(), &ROOM, header, payload).expect("legal")
    };
    [sign(&click, &[0x77, 0, 0, 0x9c, 0x83, 0x60, 0x29, 0xc3, 0x1c]), sign(&fold, b"entries")]
}

pub(crate) fn batches() -> Vec<Vec<u8>> {
    signed_batches().iter().map(|batch| batch.bytes().to_vec()).collect()
}

/// Stubs of two batches with one sequence.
pub(crate) fn contradiction() -> [Vec<u8>; 2] {
    signed_batches().map(|batch| batch.stub().encode())
}

pub(crate) fn stubs() -> Vec<Vec<u8>> {
    contradiction().to_vec()
}

pub(crate) fn run_stub(input: &[u8]) {
    if let Ok(stub) = Stub::decode(input) {
        assert_eq!(stub.encode(), input);
        let _ = stub.verify(&ROOM);
    }
}

pub(crate) fn lists() -> Vec<Vec<u8>> {
    let ids = signed_batches().map(|batch| batch.id().short()).to_vec();
    let peers = [1, 2].map(|seed| Identity::from_secret([seed; 32]).peer()).to_vec();
    [List::of_ids(ids), List::of_peers(peers)].map(|list| list.expect("two").bytes().to_vec()).to_vec()
}

/// A list is what it is named after, and nothing else.
pub(crate) fn run_lists(input: &[u8]) {
    let ids = input.chunks_exact(16).filter_map(|id| id.try_into().ok()).map(ShortId).collect();
    let list = List::of_ids(ids).expect("an input is short");
    let name = list.name();
    assert_eq!(List::decode(ListKind::Stays, list.bytes(), &name), Ok(list.clone()));
    assert_eq!(List::decode(ListKind::Stays, input, &name).is_ok(), list.bytes() == input);
    assert!(List::decode(ListKind::Access, input, &name).is_err());
}

pub(crate) fn admissions() -> Vec<Vec<u8>> {
    vec![EditSeed([8; 16]).admit(&ROOM, identity().peer()).to_bytes().to_vec()]
}

pub(crate) fn run_admission(input: &[u8]) {
    if let Ok(admission) = SignedAdmission::decode(&ROOM, input) {
        assert_eq!(admission.to_bytes(), input);
    }
}

/// A record that says everything but a new secret, and one that says each thing alone.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let changes = changes();
    let each = changes.iter().map(|change| vec![change.clone()]);
    let (_, together) = changes.split_last().expect("the last is a new secret");
    let said: Vec<Vec<Change>> = [together.to_vec()].into_iter().chain(each).collect();
    let sign = |changes| Record::sign(&identity(), &ROOM, body(changes)).expect("legal").bytes().to_vec();
    said.into_iter().map(sign).collect()
}

fn body(changes: Vec<Change>) -> Body {
    let stays = List::default().name();
    let cut = changes.iter().any(Change::takes).then_some(Cut { slots: 5, stays });
    let before = [(3, 9), (5, 7)].map(|(number, byte)| RecordName { number, hash: [byte; 8] }).to_vec();
    let (before, changes) = (Bounded::new(before), Bounded::new(changes));
    let (before, changes) = (before.expect("two"), changes.expect("few"));
    Body { signer: identity().peer(), stamp: STAMP, before, changes, cut }
}

fn changes() -> Vec<Change> {
    fn peers<const MAX: usize>(seed: u8) -> Bounded<PeerId, MAX> {
        Bounded::new(vec![PeerId([seed; 32])]).expect("one")
    }
    let replica = ReplicaNumber::new(1, Family::ByTime).expect("a slot");
    let app = AppOn { slot: 2, app: "vote".parse().expect("a word"), parameters: Bytes::default() };
    let limit = Some(Limit { cost: 60, window_ms: 60_000 });
    let rules = [(0, limit, WhoWrites::Admitted), (2, None, WhoWrites::Listed)];
    let rules = rules.map(|(slot, limit, writers)| Rule { slot, limit, writers }).to_vec();
    let lifted = [None, Some(PeerId([7; 32]))].map(|peer| Lifted { record: ShortId([5; 16]), peer });
    let scope = Bytes::new(vec![1, 2]).expect("short");
    let author = Some(PeerId([7; 32]));
    vec![
        Change::Name(BoundedText::new("Garden").expect("short")),
        Change::App(app),
        Change::Rules(Bounded::new(rules).expect("two")),
        Change::Quota(Quota { replica, values: 30_000, removals: 300, bytes: 1 << 24 }),
        Change::Appoint(peers(3)),
        Change::Dismiss(peers(4)),
        Change::List(peers(5)),
        Change::Unlist(peers(6)),
        Change::EditKey(Some(EditSeed([8; 16]).key())),
        Change::Overlay(BoundedText::new("tree").expect("short")),
        Change::Ban(peers(7)),
        Change::Lift(Bounded::new(lifted.to_vec()).expect("two")),
        Change::Retract(Retraction { replica, author, until: STAMP, scope }),
        Change::Age(Age { replica, days: NonZero::new(300) }),
        Change::Secret(NewSecret { commitment: [8; 32], access: List::empty(ListKind::Access).name() }),
    ]
}

pub(crate) fn run_record(input: &[u8]) {
    if let Ok(record) = Record::decode(&ROOM, input) {
        assert_eq!(record.bytes(), input);
    }
    // Behind the signature nothing else is reached: the body of what is signed, once more without it.
    let signed = input.len().saturating_sub(64);
    if let Some(body) = input.get(1..signed).and_then(|body| wire::decode::<Body>(body).ok()) {
        let ours = Body { signer: identity().peer(), ..body };
        if let Ok(record) = Record::sign(&identity(), &ROOM, ours) {
            assert_eq!(Record::decode(&ROOM, record.bytes()), Ok(record));
        }
    }
}
