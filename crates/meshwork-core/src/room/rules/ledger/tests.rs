//! Bounds of superseded batches, in all and by author.

use alloc::vec;

use super::*;
use crate::clock::Stamp;
use crate::id::{Identity, RoomId};
use crate::signed::batch::{Header, PAYLOAD_MAX, StampWindow};

fn peer(author: u8) -> PeerId {
    Identity::from_secret([author; 32]).peer()
}

fn batch(author: u8, sequence: u64, bytes: usize) -> SignedBatch {
    let identity = Identity::from_secret([author; 32]);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(1) };
    let header = Header::new(endpoint, sequence, StampWindow::at(Stamp(1 << 20)), 0);
    SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &vec![0; bytes]).expect("a legal batch")
}

/// How many batches of an author win no entry.
fn waiting(ledger: &Ledger, author: u8) -> usize {
    ledger.beaten().filter(|batch| batch.peer() == peer(author)).count()
}

#[test]
fn strangers_give_way_first() {
    let mut ledger = Ledger::default();
    let is_known = |known: &PeerId| *known == peer(1);
    let lose = |ledger: &mut Ledger, author, sequence| {
        ledger.note_beaten(&batch(author, sequence, PAYLOAD_MAX), 5);
        ledger.bound(5, is_known).len()
    };
    let most = AUTHOR_BYTES_MAX / batch(1, 1, PAYLOAD_MAX).bytes().len();
    let gone: usize = (1..=most as u64).map(|sequence| lose(&mut ledger, 1, sequence)).sum();
    assert_eq!(gone, 0);
    for author in 2..12 {
        (1..=40).for_each(|sequence| _ = lose(&mut ledger, author, sequence));
        assert!(ledger.beaten.sum <= BEATEN_BYTES_MAX);
    }
    assert_eq!(waiting(&ledger, 1), most, "whom the room knows keeps all");
    let strangers: Vec<usize> = (2..12).map(|author| waiting(&ledger, author)).collect();
    let (least, greatest) = (strangers.iter().min(), strangers.iter().max());
    assert!(
        least.zip(greatest).is_some_and(|(least, most)| *least > 10 && most - least <= 1),
        "{strangers:?}"
    );

    // Of one author the oldest give way.
    assert_eq!(lose(&mut ledger, 1, 1000), 1);
    let first = ledger.beaten().find(|batch| batch.peer() == peer(1)).expect("some wait");
    assert_eq!(first.header().sequence, 2);
}

#[test]
fn small_batches_count_as_larger_ones() {
    let mut ledger = Ledger::default();
    let one = batch(1, 1, 10);
    ledger.note_kept(one.clone(), false);
    assert_eq!((ledger.beaten().count(), ledger.beaten.sum, ledger.first_day()), (0, 0, None));
    assert!(ledger.note_beaten(&one, 5) && !ledger.note_beaten(&one, 6));
    assert_eq!((ledger.beaten.sum, ledger.first_day()), (BATCH_BYTES_LEAST, Some(5)));
    ledger.note_kept(one, false);
    assert_eq!((ledger.beaten().count(), ledger.beaten.sum, ledger.first_day()), (0, 0, None));
}

#[test]
fn days_end_after_a_week() {
    let mut ledger = Ledger::default();
    for (author, day) in [(1, 5), (1, 6), (2, 5), (2, 9)] {
        ledger.note_beaten(&batch(author, u64::from(day), 10), day);
    }
    assert_eq!(ledger.bound(12, |_| false), []);
    assert_eq!(ledger.bound(13, |_| false).len(), 2);
    assert_eq!((ledger.first_day(), ledger.beaten().count()), (Some(6), 2));
    assert_eq!(ledger.bound(20, |_| true).len(), 2, "whoever wrote it");
    assert!(ledger.beaten.of.is_empty() && ledger.beaten.ranked.is_empty() && ledger.beaten.sum == 0);
}

#[test]
fn who_has_most_is_given_up_first() {
    let mut ledger = Ledger::default();
    for (author, count) in [(1, 50), (2, 5), (3, 20), (4, 10)] {
        (1..=count).for_each(|sequence| ledger.note_kept(batch(author, sequence, 10), author == 4));
    }
    let beyond = |ledger: &Ledger, most: usize, known: u8| {
        let authors = ledger.beyond(most * BATCH_BYTES_LEAST, |author| *author == peer(known));
        [1, 2, 3, 4].map(|author| authors.contains(&peer(author)))
    };
    assert_eq!(beyond(&ledger, 75, 9), [false; 4], "what is bounded anyway does not count");
    assert_eq!(beyond(&ledger, 74, 9), [true, false, false, false]);
    assert_eq!(beyond(&ledger, 74, 1), [false, false, true, false], "strangers only");
    assert_eq!(beyond(&ledger, 55, 1), [false, true, true, false], "an eighth is to be left");
    (1..=50).for_each(|sequence| _ = ledger.note_beaten(&batch(1, sequence, 10), 5));
    (1..=20).for_each(|sequence| _ = ledger.forget(&batch(3, sequence, 10).key()));
    assert_eq!(beyond(&ledger, 5, 9), [false; 4]);
    ledger.note_kept(batch(1, 1, 10), false);
    assert_eq!(beyond(&ledger, 5, 9), [false, true, false, false]);
}
