//! Members with stores of their own, some of whom lie, go away or hold a part.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::message::{BlobMessage, Part};
use super::*;
use crate::id::{Instance, PeerId};
use crate::rng::Rng;
use crate::wire::{Bounded, Bytes};

const SLOT: Slot = Slot::GENESIS;
const STEP: Duration = Duration::from_millis(10);

/// How a member differs from an honest one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Honest,
    /// Says the other byte in each group.
    Forger,
    /// Says that the blob is so many bytes longer, and that it has values for them.
    Longer(u64),
    /// Holds the blob, and never sends a part.
    Silent,
}

struct Member {
    kind: Kind,
    blobs: Blobs,
    held: BTreeMap<BlobId, Held>,
    /// Groups that it was wanted for.
    served: usize,
}

#[derive(Default)]
struct Held {
    outline: Option<Outline>,
    groups: BTreeMap<u32, Vec<u8>>,
    is_whole: bool,
}

/// Members that are all attached to each other.
struct Room {
    now: Time,
    members: Vec<Member>,
    wire: VecDeque<(usize, usize, BlobMessage)>,
    told: Vec<(usize, BlobsOutput)>,
}

fn endpoint(number: usize) -> Endpoint {
    Endpoint { peer: PeerId([7; 32]), instance: Instance(number as u64) }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 251) as u8).collect()
}

fn opened(message: &Packed) -> BlobMessage {
    message.open().expect("it reads").expect("it is known")
}

impl Room {
    fn of(kinds: &[Kind]) -> Room {
        let member = |kind: &Kind| {
            let blobs = Blobs::default();
            Member { kind: *kind, blobs, held: BTreeMap::new(), served: 0 }
        };
        let mut room = Room {
            now: Time(0),
            members: kinds.iter().map(member).collect(),
            wire: VecDeque::new(),
            told: Vec::new(),
        };
        for one in 0..kinds.len() {
            (0..kinds.len()).filter(|other| *other != one).for_each(|other| {
                room.members[one].blobs.handle_attached(Time(0), endpoint(other));
            });
        }
        room
    }

    fn hold(&mut self, member: usize, bytes: &[u8]) -> Outline {
        let outline = Outline::of(bytes);
        let groups = bytes.chunks(GROUP).enumerate().map(|(number, group)| (number as u32, group.to_vec()));
        let held = Held { outline: Some(outline.clone()), groups: groups.collect(), is_whole: true };
        self.members[member].held.insert(outline.id(), held);
        outline
    }

    fn fetch(&mut self, member: usize, blob: BlobId) {
        let Member { blobs, held, .. } = &mut self.members[member];
        let held = held.get(&blob).and_then(|held| Some((held.outline.clone()?, &held.groups)));
        let groups: BTreeSet<u32> = held.iter().flat_map(|(_, groups)| groups.keys().copied()).collect();
        let held = held.map(|(outline, _)| (outline, &groups));
        blobs.fetch(self.now, SLOT, blob, BLOB_MAX, held).expect("few fetches");
    }

    /// Whether a member holds these bytes.
    fn has(&self, member: usize, bytes: &[u8]) -> bool {
        let held = self.members[member].held.get(&Outline::of(bytes).id());
        held.is_some_and(|held| {
            held.is_whole && held.groups.values().flatten().copied().collect::<Vec<u8>>() == bytes
        })
    }

    /// Does what members want done, and says on what they say.
    fn settle(&mut self, from: usize) {
        let member = &mut self.members[from];
        for work in member.blobs.take_work() {
            member.carry_out(self.now, work);
        }
        let ready: Vec<usize> = (0..self.members.len()).filter(|to| *to != from).collect();
        for to in ready {
            while let Some(message) = self.members[from].blobs.serve(endpoint(to)) {
                let message = self.members[from].twist(opened(&message));
                self.wire.extend(message.map(|message| (from, to, message)));
            }
        }
        while let Some(output) = self.members[from].blobs.poll_output() {
            match output {
                BlobsOutput::Send(to, message) => {
                    let message = self.members[from].twist(opened(&message));
                    self.wire.extend(message.map(|message| (from, to.instance.0 as usize, message)));
                }
                BlobsOutput::Waiting => {}
                output => self.told.push((from, output)),
            }
        }
    }

    /// Lets time pass, in which all that is said arrives.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            for member in 0..self.members.len() {
                self.members[member].blobs.handle_timeout(self.now);
                self.settle(member);
                self.settle(member);
            }
            for (from, to, message) in self.wire.drain(..).collect::<Vec<_>>() {
                self.members[to].blobs.handle_message(self.now, endpoint(from), &Packed::from(&message));
            }
            self.now += STEP;
        }
    }

    fn offences(&self) -> Vec<usize> {
        let offender = |output: &BlobsOutput| match output {
            BlobsOutput::Offence(from, Refusal::Blob, _) => Some(from.instance.0 as usize),
            _ => None,
        };
        self.told.iter().filter_map(|(_, output)| offender(output)).collect()
    }
}

impl Member {
    fn carry_out(&mut self, now: Time, work: Work) {
        match work {
            Work::Look { slot, blob } => {
                let held = self.held.get(&blob).filter(|held| held.is_whole);
                self.blobs.looked(slot, blob, held.and_then(|held| held.outline.clone()));
            }
            Work::Read { slot, blob, group } => {
                let bytes = self.held.get(&blob).and_then(|held| held.groups.get(&group).cloned());
                self.blobs.read(slot, blob, group, bytes);
            }
            Work::Begin { outline, .. } => {
                let held = self.held.entry(outline.id()).or_default();
                if held.outline.as_ref().is_none_or(|known| known.groups() != outline.groups()) {
                    held.groups.clear();
                }
                held.outline = Some(outline);
            }
            Work::Write { slot, blob, group, bytes } => {
                self.held.entry(blob).or_default().groups.insert(group, bytes);
                self.blobs.written(now, slot, blob, group);
            }
            Work::End { blob, .. } => self.held.entry(blob).or_default().is_whole = true,
        }
    }

    /// What it says instead.
    fn twist(&mut self, message: BlobMessage) -> Option<BlobMessage> {
        if matches!(message, BlobMessage::Group(..)) {
            self.served += 1;
        }
        match (self.kind, message) {
            (Kind::Forger, BlobMessage::Group(slot, blob, number, bytes)) => {
                let forged = bytes.iter().map(|byte| !byte).collect();
                Some(BlobMessage::Group(slot, blob, number, Bytes::new(forged).expect("as long")))
            }
            (Kind::Longer(more), BlobMessage::Held(slot, blob, size)) => {
                Some(BlobMessage::Held(slot, blob, size + more))
            }
            (Kind::Silent, BlobMessage::Group(..) | BlobMessage::Values(..)) => None,
            (_, message) => Some(message),
        }
    }
}

#[test]
fn a_blob_comes_from_all_who_hold_it() {
    let mut room = Room::of(&[Kind::Honest; 4]);
    let bytes = bytes(40 * GROUP + 9);
    let [outline, ..] = [1, 2, 3].map(|holder| room.hold(holder, &bytes));
    room.fetch(0, outline.id());
    room.run(Duration::from_secs(2));
    assert!(room.has(0, &bytes));
    let served: Vec<usize> = room.members.iter().map(|member| member.served).collect();
    assert_eq!(served.iter().sum::<usize>(), 41, "each group once");
    assert!(served[1..].iter().all(|served| *served > 8), "{served:?}");
    assert_eq!(room.told, []);
}

#[test]
fn forged_groups_are_told_and_come_from_others() {
    let mut room = Room::of(&[Kind::Honest, Kind::Forger, Kind::Honest]);
    let bytes = bytes(9 * GROUP);
    let id = [1, 2].map(|holder| room.hold(holder, &bytes).id())[0];
    room.fetch(0, id);
    room.run(Duration::from_secs(2));
    assert!(room.has(0, &bytes));
    assert_eq!(room.offences(), [1], "it is asked for nothing more");
}

#[test]
fn who_claims_another_length_only_delays() {
    for more in [1, GROUP as u64 * 2] {
        let mut room = Room::of(&[Kind::Honest, Kind::Longer(more), Kind::Honest]);
        let bytes = bytes(4 * GROUP - 5);
        let id = [1, 2].map(|holder| room.hold(holder, &bytes).id())[0];
        room.fetch(0, id);
        room.run(Duration::from_secs(30));
        assert!(room.has(0, &bytes), "{more}");
    }
}

#[test]
fn who_goes_silent_or_away_is_replaced() {
    let mut room = Room::of(&[Kind::Honest, Kind::Silent, Kind::Honest]);
    let bytes = bytes(60 * GROUP);
    let id = [1, 2].map(|holder| room.hold(holder, &bytes).id())[0];
    room.fetch(0, id);
    room.run(SILENT_AFTER + Duration::from_secs(1));
    assert!(room.has(0, &bytes), "the silent one's groups came from the other");

    let mut room = Room::of(&[Kind::Honest; 3]);
    let id = [1, 2].map(|holder| room.hold(holder, &bytes).id())[0];
    room.fetch(0, id);
    room.run(8 * STEP);
    let held = room.members[0].blobs.view(SLOT, id).expect("it goes on").held;
    assert!(held > 0 && held < 60 * GROUP as u64);
    room.members[0].blobs.handle_detached(room.now, endpoint(1));
    room.run(Duration::from_secs(2));
    assert!(room.has(0, &bytes));
}

#[test]
fn what_is_held_already_is_not_fetched_again() {
    let mut room = Room::of(&[Kind::Honest; 2]);
    let bytes = bytes(20 * GROUP + 1);
    let id = room.hold(1, &bytes).id();
    room.hold(0, &bytes);
    let held = room.members[0].held.get_mut(&id).expect("held");
    held.is_whole = false;
    held.groups.retain(|group, _| group % 4 != 0);
    room.fetch(0, id);
    room.run(Duration::from_secs(1));
    assert!(room.has(0, &bytes));
    assert_eq!(room.members[1].served, 6);
}

#[test]
fn who_comes_to_hold_it_is_found() {
    let mut room = Room::of(&[Kind::Honest; 3]);
    let bytes = bytes(GROUP);
    let id = Outline::of(&bytes).id();
    room.fetch(0, id);
    room.run(Duration::from_secs(1));
    room.hold(2, &bytes);
    room.run(ASK_AGAIN);
    assert!(room.has(0, &bytes));
}

#[test]
fn who_attaches_is_asked() {
    let mut room = Room::of(&[Kind::Honest; 2]);
    let bytes = bytes(70);
    let id = room.hold(1, &bytes).id();
    room.members[0].blobs.handle_detached(Time(0), endpoint(1));
    room.fetch(0, id);
    room.run(Duration::from_secs(20));
    assert!(!room.has(0, &bytes));
    room.members[0].blobs.handle_attached(room.now, endpoint(1));
    room.run(8 * STEP);
    assert!(room.has(0, &bytes));
}

#[test]
fn what_rotted_on_disk_is_not_served() {
    let mut room = Room::of(&[Kind::Honest; 2]);
    let bytes = bytes(3 * GROUP);
    let id = room.hold(1, &bytes).id();
    let held = room.members[1].held.get_mut(&id).expect("held");
    held.groups.get_mut(&1).expect("a group")[7] ^= 1;
    room.fetch(0, id);
    room.run(Duration::from_secs(1));
    assert_eq!((room.has(0, &bytes), room.offences()), (false, vec![]));
}

#[test]
fn more_than_may_be_fetched_is_told() {
    let mut room = Room::of(&[Kind::Honest; 2]);
    let bytes = bytes(3 * GROUP);
    let id = room.hold(1, &bytes).id();
    room.members[0].blobs.fetch(Time(0), SLOT, id, GROUP as u64, None).expect("one");
    room.run(Duration::from_secs(1));
    let view = room.members[0].blobs.view(SLOT, id).expect("it goes on");
    assert_eq!((view.too_large, view.holders), (Some(3 * GROUP as u64), 0));
    room.fetch(0, id);
    room.run(Duration::from_secs(1));
    assert!(room.has(0, &bytes), "once it may be");
}

#[test]
fn a_flood_is_refused_and_counted() {
    let mut blobs = Blobs::default();
    let outline = Outline::of(&bytes(20 * GROUP));
    blobs.looked(SLOT, outline.id(), Some(outline.clone()));
    for want in 0..WANTS_MAX + 12 {
        let want = BlobMessage::Want(SLOT, outline.id(), Part::Group(want as u32 % 20));
        blobs.handle_message(Time(0), endpoint(1), &Packed::from(&want));
    }
    for _ in 0..1000 {
        blobs.handle_message(Time(0), endpoint(1), &Packed::from(&BlobMessage::Ask(SLOT, outline.id())));
    }
    assert_eq!(blobs.take_work().len(), 1, "one group is read at a time");
    let outputs: Vec<BlobsOutput> = core::iter::from_fn(|| blobs.poll_output()).collect();
    let refused = outputs.iter().filter(|output| matches!(output, BlobsOutput::Refused(..))).count();
    let answered = outputs.iter().filter(|output| matches!(output, BlobsOutput::Send(..))).count();
    assert_eq!((refused, answered), (12 + 1, ASKS_MAX as usize));
}

#[test]
fn an_unasked_outline_is_an_offence() {
    let mut room = Room::of(&[Kind::Honest; 2]);
    let outline = Outline::of(&bytes(3 * GROUP));
    let id = outline.id();
    room.fetch(0, id);
    let values = Bounded::new(outline.values()[..2].to_vec()).expect("two");
    let fetching = &mut room.members[0].blobs;
    for message in [BlobMessage::Held(SLOT, id, outline.size()), BlobMessage::Values(SLOT, id, 0, values)] {
        fetching.handle_message(Time(0), endpoint(1), &Packed::from(&message));
    }
    room.settle(0);
    assert_eq!(room.offences(), [1]);
}

#[test]
fn so_many_blobs_are_fetched_at_a_time() {
    let mut blobs = Blobs::default();
    let mut fetch = |number: usize| blobs.fetch(Time(0), SLOT, BlobId([number as u8; 32]), BLOB_MAX, None);
    assert!((0..FETCHES_MAX).all(|number| fetch(number).is_ok()));
    assert_eq!((fetch(0), fetch(FETCHES_MAX)), (Ok(()), Err(TooManyFetches)));
    blobs.cancel(SLOT, BlobId([0; 32]));
    assert_eq!(blobs.fetch(Time(0), SLOT, BlobId([FETCHES_MAX as u8; 32]), BLOB_MAX, None), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_honest_holder_is_enough(seed in any::<[u8; 32]>()) {
        let mut rng = Rng::new(seed);
        let mut kinds = vec![Kind::Honest, Kind::Honest];
        for _ in 0..rng.below(4) {
            kinds.push(match rng.below(5) {
                0 => Kind::Honest,
                1 => Kind::Forger,
                2 => Kind::Silent,
                3 => Kind::Longer(1 + rng.below(100)),
                _ => Kind::Longer(GROUP as u64 * (1 + rng.below(3))),
            });
        }
        let mut room = Room::of(&kinds);
        let bytes = bytes(rng.below(12 * GROUP as u64) as usize);
        let id = (1..kinds.len()).map(|holder| room.hold(holder, &bytes).id()).last().expect("one");
        room.fetch(0, id);
        let mut is_whole = false;
        for _ in 0..40 {
            room.run(Duration::from_secs(4));
            let who = 2 + rng.below(4) as usize;
            if who < kinds.len() {
                room.members[0].blobs.handle_detached(room.now, endpoint(who));
                room.members[0].blobs.handle_attached(room.now, endpoint(who));
            }
            is_whole = room.has(0, &bytes);
        }
        prop_assert!(is_whole, "{kinds:?}");
        prop_assert!(room.offences().iter().all(|&member| kinds[member] != Kind::Honest));
    }
}

#[test]
fn many_fetches_of_one_member_are_no_flood() {
    let mut room = Room::of(&[Kind::Honest, Kind::Honest]);
    let blobs: Vec<Vec<u8>> = (1..=FETCHES_MAX).map(|fill| vec![fill as u8; 6 * GROUP]).collect();
    for bytes in &blobs {
        let outline = room.hold(1, bytes);
        room.fetch(0, outline.id());
    }
    room.run(Duration::from_secs(2));
    assert!(blobs.iter().all(|bytes| room.has(0, bytes)));
    assert!(
        !room.told.iter().any(|(_, output)| matches!(output, BlobsOutput::Refused(..))),
        "{:?}",
        room.told
    );
}
