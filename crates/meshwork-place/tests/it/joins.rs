//! Newcomers get the whole canvas from all members at once, also when some of them are slow, leave, or lie.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::common::Members;
use meshwork_core::node::Refusal;
use meshwork_core::room::message::{LeafEnd, RoomMessage};
use meshwork_core::wire::{Bounded, Bytes};
use meshwork_place::canvas::{CanvasSize, Colour};

const SIZE: CanvasSize = CanvasSize { width: 512, height: 512 };
const NEWCOMER: u8 = 9;
const HOSTILE: u8 = 1;

/// Three members of a room whose 64 tiles all have cells of each of them.
fn painted_room() -> Members {
    let mut members = Members::new(SIZE);
    for number in 1..=3 {
        members.open(number);
    }
    members.link(1, 2);
    members.link(1, 3);
    members.link(2, 3);
    for number in 1..=3u8 {
        for click in 0..10u16 {
            let cells: Vec<_> = (0..64u16)
                .map(|tile| {
                    let (x, y) = (tile % 8 * 64 + click, tile / 8 * 64 + u16::from(number));
                    (x, y, Colour::rgb(number * 50, click as u8, 7))
                })
                .collect();
            members.paint(number, &cells);
        }
    }
    assert!(members.run_until(Duration::from_secs(20), |members| {
        let digest = members.digest(1);
        members.digest(2) == digest && members.digest(3) == digest
    }));
    members.run_for(Duration::from_secs(2));
    members.served.clear();
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
    members
}

fn join(members: &mut Members) {
    members.open(NEWCOMER);
    for number in 1..=3 {
        members.link(number, NEWCOMER);
    }
}

/// Lets the newcomer come to what the honest members have.
fn comes_to_the_truth(members: &mut Members, within: Duration) -> bool {
    members.run_until(within, |members| members.digest(NEWCOMER) == members.digest(2))
}

#[test]
fn all_members_serve_a_newcomer_at_once() {
    let mut members = painted_room();
    join(&mut members);
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(10)));
    let served: Vec<usize> = (1..=3).map(|number| members.served[&number]).collect();
    let all: usize = served.iter().sum();
    assert!(all <= 64 * 30 * 11 / 10, "{served:?}: hardly anything comes twice");
    assert!(served.iter().all(|one| *one >= all / 5), "{served:?}: each serves its share");
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
}

#[test]
fn who_serves_faster_is_asked_for_more() {
    let mut members = painted_room();
    members.serves.insert(1, 2);
    join(&mut members);
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(20)));
    assert!(members.served[&1] * 3 < members.served[&2], "{:?}", members.served);
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
}

#[test]
fn a_join_survives_a_serving_members_death() {
    let mut members = painted_room();
    join(&mut members);
    let all = members.canvas(2).painted();
    let half = |members: &mut Members| members.canvas(NEWCOMER).painted() > all / 3;
    assert!(members.run_until(Duration::from_secs(5), half));
    members.unlink(1, NEWCOMER);
    let before = members.now.time;
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(20)));
    assert!(members.now.time.since(before) < Duration::from_secs(3), "nobody waits for the dead");
    let all: usize = members.served.values().sum();
    assert!(all < 64 * 30 * 5 / 4, "what had come of a part is not asked for twice: {all}");
}

#[test]
fn a_storing_member_has_all_once_synchronised() {
    let mut members = Members::new(SIZE);
    let cell = |members: &mut Members, number, x| members.paint(number, &[(x, 1, Colour::rgb(1, 2, 3))]);
    members.open(1);
    members.open(2);
    members.open_keeper(3);
    cell(&mut members, 1, 1);
    members.link(1, 2);
    members.run_for(Duration::from_secs(3));
    assert!(!members.room(1).is_elsewhere(), "the member that has it stores nothing");
    members.link(1, 3);
    assert!(!members.room(1).is_elsewhere(), "nothing was compared yet");
    members.run_for(Duration::from_secs(3));
    assert!(members.room(1).is_elsewhere());
    cell(&mut members, 1, 2);
    assert!(!members.room(1).is_elsewhere(), "what was painted just now is only here");
    members.run_for(Duration::from_secs(3));
    assert!(members.room(1).is_elsewhere());
    cell(&mut members, 2, 3);
    let arrived = |members: &mut Members| members.canvas(1).colour(3, 1).is_some();
    members.deaf = Some(3);
    assert!(members.run_until(Duration::from_secs(3), arrived));
    members.run_for(Duration::from_secs(3));
    assert!(!members.room(1).is_elsewhere(), "the keeper lacks what another member painted");
    members.unlink(1, 3);
    assert!(!members.room(1).is_elsewhere());
}

#[test]
fn live_strokes_are_seen_during_a_join() {
    let mut members = painted_room();
    for number in 1..=3 {
        members.serves.insert(number, 2);
    }
    join(&mut members);
    members.run_for(Duration::from_millis(500));
    members.paint(2, &[(500, 500, Colour::rgb(1, 2, 3))]);
    members.run_for(Duration::from_millis(50));
    let canvas = members.canvas(NEWCOMER);
    assert_eq!(canvas.colour(500, 500), Some(Colour::rgb(1, 2, 3)));
    assert!(canvas.painted() < 1000, "while most is still to come");
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(60)));
}

#[test]
fn nobody_is_blamed_for_painting_during_a_join() {
    let mut members = painted_room();
    for number in 1..=3 {
        members.serves.insert(number, 5);
    }
    join(&mut members);
    for stroke in 0..300u16 {
        let cell =
            |number: u16| (stroke * 7 % 512, stroke * 13 % 512, Colour::rgb(number as u8, 9, stroke as u8));
        for number in [1, 2, 3, 9u8] {
            members.paint(number, &[cell(number.into())]);
        }
        members.run_for(Duration::from_millis(20));
    }
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(30)));
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
}

#[test]
fn forged_batches_harm_nobody_and_name_their_sender() {
    let mut members = painted_room();
    members.lie(HOSTILE, |message| match message {
        RoomMessage::LeafBatch(bytes) => {
            let mut bytes = bytes.into_inner();
            let place = bytes.len() - 70;
            bytes[place] ^= 1;
            vec![RoomMessage::LeafBatch(Bytes::new(bytes).expect("as long as before"))]
        }
        message => vec![message],
    });
    join(&mut members);
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(60)));
    let forged = members.refused(NEWCOMER, HOSTILE, Refusal::BatchSignature)
        + members.refused(NEWCOMER, HOSTILE, Refusal::BatchContent);
    assert!(forged > 0);
    assert!(members.refused.keys().all(|(by, whom, _)| (*by, *whom) == (NEWCOMER, HOSTILE)));
}

/// A member that leaves batches out, and tells the digest of what it should have served. It is not told from one whose
/// replica changes, so it is asked again and again, at longer and longer intervals, and others bring what is lacking.
#[test]
fn omitted_batches_harm_nobody_and_asking_is_bounded() {
    for keep in [0, 10] {
        let mut members = painted_room();
        let (mut sent, asked) = (0, Rc::new(Cell::new(0)));
        members.lie(HOSTILE, move |message| match message {
            RoomMessage::LeafEnd(_) => {
                sent = 0;
                vec![message]
            }
            RoomMessage::LeafBatch(_) if sent >= keep => vec![],
            RoomMessage::LeafBatch(_) => {
                sent += 1;
                vec![message]
            }
            message => vec![message],
        });
        let wants = Rc::clone(&asked);
        members.lie(NEWCOMER, move |message| {
            wants.set(wants.get() + usize::from(matches!(message, RoomMessage::Want(_))));
            vec![message]
        });
        join(&mut members);
        // The others cannot help for a while.
        members.unlink(2, NEWCOMER);
        members.unlink(3, NEWCOMER);
        members.run_for(Duration::from_secs(60));
        assert!(asked.get() <= 256, "{} leaves are wanted of 64", asked.get());
        members.run_for(Duration::from_secs(600));
        assert!(asked.get() <= 256, "{} after ten minutes", asked.get());
        members.link(2, NEWCOMER);
        assert!(comes_to_the_truth(&mut members, Duration::from_secs(60)));
        // Who serves nothing at all is told.
        assert_eq!(members.refused(NEWCOMER, HOSTILE, Refusal::Withheld) > 0, keep == 0);
        assert!(members.refused.keys().all(|(by, whom, _)| (*by, *whom) == (NEWCOMER, HOSTILE)));
    }
}

/// A member that tells digests of what it does not have.
#[test]
fn false_digests_keep_nobody_from_the_truth() {
    let mut members = painted_room();
    let mut digest = 0u8;
    members.lie(HOSTILE, move |message| match message {
        RoomMessage::Nodes(mut nodes) => {
            let mut below = nodes.below.to_vec();
            digest = digest.wrapping_add(1);
            below.iter_mut().for_each(|node| node.digest = [digest; 32]);
            nodes.below = Bounded::new(below).expect("as many as before");
            vec![RoomMessage::Nodes(nodes)]
        }
        RoomMessage::LeafEnd(end) => vec![RoomMessage::LeafEnd(LeafEnd { digest: [7; 32], ..end })],
        RoomMessage::LeafBatch(_) => vec![],
        message => vec![message],
    });
    join(&mut members);
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(10)));
    members.run_for(Duration::from_secs(300));
    assert!(members.refused.keys().all(|(_, whom, _)| *whom == HOSTILE), "{:?}", members.refused);
    assert_eq!(members.digest(NEWCOMER), members.digest(2));
}

#[test]
fn withholders_delay_joins_by_seconds_and_are_named() {
    for trickle in [false, true] {
        let mut members = painted_room();
        let mut count = 0u32;
        members.lie(HOSTILE, move |message| match message {
            RoomMessage::LeafBatch(_) if trickle => {
                count += 1;
                if count.is_multiple_of(40) { vec![message] } else { vec![] }
            }
            RoomMessage::LeafBatch(_) | RoomMessage::LeafEnd(_) => vec![],
            message => vec![message],
        });
        members.serves.insert(HOSTILE, 1);
        join(&mut members);
        let before = members.now.time;
        assert!(comes_to_the_truth(&mut members, Duration::from_secs(60)));
        let taken = members.now.time.since(before);
        assert!(taken < Duration::from_secs(6), "{taken:?}");
        members.run_for(Duration::from_secs(30));
        assert!(members.refused(NEWCOMER, HOSTILE, Refusal::Withheld) > 0, "trickle: {trickle}");
        assert!(members.refused.keys().all(|(by, whom, _)| (*by, *whom) == (NEWCOMER, HOSTILE)));
    }
}

/// A member that was cut off long ago and takes in nothing new, whatever it is told.
#[test]
fn stale_members_do_no_harm_and_are_named() {
    let mut members = painted_room();
    members.unlink(1, 2);
    members.unlink(1, 3);
    let strokes: Vec<_> = (0..500u16).map(|x| (x, 100, Colour::rgb(200, 0, 0))).collect();
    members.paint(2, &strokes);
    members.deaf = Some(HOSTILE);
    let mut has_told = false;
    members.lie(HOSTILE, move |message| match message {
        // The first ones say what it holds.
        RoomMessage::Roots(_) if !std::mem::replace(&mut has_told, true) => vec![message],
        RoomMessage::Want(_) | RoomMessage::Open(_) | RoomMessage::Roots(_) => vec![],
        message => vec![message],
    });
    join(&mut members);
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(10)));
    members.run_for(Duration::from_secs(200));
    assert!(members.refused(NEWCOMER, HOSTILE, Refusal::Stale) > 0);
    assert!(
        members
            .refused
            .keys()
            .all(|(by, whom, why)| { (*by, *whom, *why) == (NEWCOMER, HOSTILE, Refusal::Stale) })
    );
    assert_eq!(members.digest(NEWCOMER), members.digest(2));
}

#[test]
fn unverified_batches_are_bounded_however_fast_they_come() {
    let mut members = painted_room();
    for number in 1..=3 {
        members.serves.insert(number, 10_000);
    }
    let cells: Vec<_> =
        (0..512u16).flat_map(|x| (200..240).map(move |y| (x, y, Colour::rgb(x as u8, y as u8, 3)))).collect();
    members.paint(2, &cells);
    for click in 0..3000u16 {
        members.paint(3, &[(click % 64, 300 + click / 64, Colour::rgb(click as u8, 1, 1))]);
    }
    members.run_for(Duration::from_secs(30));
    members.unverified_most = 0;
    join(&mut members);
    assert!(comes_to_the_truth(&mut members, Duration::from_secs(60)));
    assert!(members.unverified_most <= 3 * 512 * 1024, "{}", members.unverified_most);
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
}
