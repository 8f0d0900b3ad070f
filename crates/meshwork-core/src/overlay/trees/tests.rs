//! Trees that learn from what comes twice, late or never.

use super::*;
use crate::id::{Identity, Instance, PeerId, RoomId};
use crate::signed::batch::{Header, StampWindow};
use crate::time::WallTime;

fn neighbour(number: u8) -> Endpoint {
    Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) }
}

fn at(micros: u64) -> Now {
    Now { time: Time(micros), wall: WallTime(micros) }
}

/// The bit of a batch's tree.
fn tree(batch: &SignedBatch) -> u8 {
    1 << tree_of_batch(&batch.key().author, batch.header().window.most)
}

fn name(batch: &SignedBatch) -> BatchName {
    BatchName::of(&batch.key()).in_tree(tree_of_batch(&batch.key().author, batch.header().window.most))
}

fn batch(sequence: u64, payload: usize) -> SignedBatch {
    stamped(sequence, payload, Stamp(1 << 16))
}

fn stamped(sequence: u64, payload: usize, stamp: Stamp) -> SignedBatch {
    let identity = Identity::from_secret([1; 32]);
    let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
    let window = StampWindow::at(stamp);
    let header = Header::new(author, sequence, window, 0);
    SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &alloc::vec![0; payload]).expect("legal")
}

fn trees(neighbours: u8) -> Trees {
    let (mut trees, mut outputs) = (Trees::default(), VecDeque::new());
    (1..=neighbours).for_each(|number| {
        trees.handle_attached(Time(0), neighbour(number), true, &mut outputs);
    });
    trees
}

#[test]
fn a_link_that_brings_duplicates_then_carries_names() {
    let (mut trees, mut outputs) = (trees(3), VecDeque::new());
    let first = batch(1, 10);
    let targets = trees.publish(at(0), &first, Some(neighbour(1)));
    assert_eq!(targets, [neighbour(2), neighbour(3)], "every link begins in full");
    trees.handle_duplicate(&first.key(), neighbour(2), &mut outputs);
    let prune = OverlayOutput::Send(neighbour(2), OverlayMessage::Prune(tree(&first)));
    assert_eq!(outputs.pop_front(), Some(prune));
    let second = batch(2, 10);
    assert_eq!(trees.publish(at(1), &second, None), [neighbour(1), neighbour(3)]);
    trees.handle_timeout(Time(1) + COLLECT, &mut outputs);
    let names = Bounded::new(alloc::vec![name(&second)]).expect("one");
    assert_eq!(outputs.pop_front(), Some(OverlayOutput::Send(neighbour(2), OverlayMessage::Have(names))));
    assert!(trees.publish(at(2), &second, Some(neighbour(3))).is_empty(), "only once");
}

#[test]
fn what_waits_behind_one_loss_is_late_once() {
    let (mut trees, mut outputs) = (trees(1), VecDeque::new());
    let mut withheld = Vec::new();
    for second in 0..20 {
        // A burst of them, none of which comes.
        for sequence in 0..10 {
            let named = name(&batch(1 + second * 10 + sequence, 10));
            trees.handle_have(Time::default() + Duration::from_secs(second), neighbour(1), &[named]);
        }
        while let Some(at) =
            trees.poll_timeout().filter(|at| *at < Time::default() + Duration::from_secs(second + 1))
        {
            withheld.extend(trees.handle_timeout(at, &mut outputs));
        }
        let most = 1 + second as usize / 4;
        assert!(withheld.len() <= most, "{} in {second} s", withheld.len());
    }
    assert!(withheld.len() >= 4, "whoever never sends what it names is found out: {}", withheld.len());
}

#[test]
fn missing_batches_are_asked_of_neighbours_in_turn() {
    let (mut trees, mut outputs) = (trees(2), VecDeque::new());
    let lost = batch(1, 10);
    let name = name(&lost);
    trees.handle_have(Time(0), neighbour(1), &[name]);
    trees.handle_have(Time(0), neighbour(2), &[name]);
    let mut asked = Vec::new();
    let mut withheld = Vec::new();
    while let Some(at) = trees.poll_timeout() {
        withheld.extend(trees.handle_timeout(at, &mut outputs));
        while let Some(OverlayOutput::Send(to, OverlayMessage::Graft(graft))) = outputs.pop_front() {
            assert_eq!((graft.trees, &graft.names[..]), (name.tree(), &[name][..]));
            asked.push(to);
        }
    }
    assert_eq!(asked, [neighbour(1), neighbour(2), neighbour(1)]);
    assert_eq!(withheld, [neighbour(1)], "and it is known who promised it");
}

#[test]
fn who_grafts_gets_the_batch_and_the_tree() {
    let (mut trees, mut outputs) = (trees(2), VecDeque::new());
    let sent = batch(1, 10);
    let name = name(&sent);
    trees.handle_prune(neighbour(2), u8::MAX);
    assert_eq!(trees.publish(at(0), &sent, None), [neighbour(1)]);
    let graft = Graft { trees: name.tree(), names: Bounded::new(alloc::vec![name]).expect("one") };
    assert!(trees.handle_graft(Time(1), neighbour(2), &graft, &mut outputs));
    assert_eq!(outputs.pop_front(), Some(OverlayOutput::Batch(neighbour(2), sent)));
    assert_eq!(trees.eager(neighbour(2)), name.tree());
    let endless = (0..=SERVED_MAX).all(|_| trees.handle_graft(Time(2), neighbour(2), &graft, &mut outputs));
    assert!(!endless, "nobody is sent the same for ever");
}

#[test]
fn a_surplus_neighbour_begins_with_names_alone() {
    let (mut trees, mut outputs) = (trees(3), VecDeque::new());
    outputs.clear();
    trees.used = 0b1111_0000;
    trees.handle_attached(Time(5), neighbour(4), true, &mut outputs);
    trees.handle_attached(Time(5), neighbour(5), false, &mut outputs);
    let eager = [1, 2, 3, 4, 5].map(|number| trees.eager(neighbour(number)));
    assert_eq!((eager, outputs.len()), ([255, 255, 255, 15, 255], 0), "but who knows no names gets all");
    (1..=4).for_each(|number| trees.handle_detached(neighbour(number), &mut outputs));
    trees.handle_attached(Time(9), neighbour(6), true, &mut outputs);
    assert!(matches!(outputs.make_contiguous(), [OverlayOutput::Send(_, OverlayMessage::Graft(_))]));
}

#[test]
fn an_author_takes_the_tree_it_hears_soonest() {
    let author = batch(1, 10).key().author;
    let mut trees = Trees::new(&author, 0);
    let stamp = Stamp::at(WallTime(9_000_000));
    assert_eq!(trees.stamped(stamp), stamp, "nothing was heard: the first of its trees");
    // Over the first of its trees batches come after 300 ms, over the others after 100 ms and 200 ms.
    for (sequence, (choice, late)) in [(0, 300), (1, 100), (2, 200), (3, 1)].into_iter().enumerate() {
        let heard = stamped(sequence as u64 + 1, 10, Stamp((5000 << 16) + choice));
        trees.publish(at(1000 * (5000 + late)), &heard, Some(neighbour(1)));
    }
    let chosen = trees.stamped(stamp);
    assert_eq!(chosen, Stamp(stamp.0 + 1));
    assert_eq!(
        tree_of_batch(&author, chosen),
        (tree_of(&author) + 1) % TREES,
        "not one that is not among its own"
    );
    assert_eq!(trees.stamped(Stamp(stamp.0 + 3)), Stamp(stamp.0 + 9), "stamps only grow");
}

#[test]
fn what_is_kept_is_bounded() {
    let mut trees = trees(1);
    for sequence in 1..300 {
        trees.publish(at(0), &batch(sequence, 8000), None);
    }
    assert!(trees.kept_bytes <= KEPT_BYTES_MAX && trees.kept.len() < 135);
    let names: Vec<BatchName> =
        (0..2 * MISSING_MAX as u64).map(|n| BatchName((n << 3).to_be_bytes())).collect();
    trees.handle_have(Time(0), neighbour(1), &names);
    assert_eq!(trees.missing.len(), MISSING_MAX);
    for sequence in 300..RECENT_MAX as u64 + 500 {
        trees.remember(Time(0), BatchName((sequence << 3).to_be_bytes()), None);
    }
    assert_eq!((trees.recent.len(), trees.order.len()), (RECENT_MAX, RECENT_MAX));
    let kept = trees
        .recent
        .values()
        .filter_map(|recent| recent.batch.as_ref())
        .map(|batch| batch.bytes().len())
        .sum::<usize>();
    assert_eq!(kept, trees.kept_bytes);
}
