//! Cuts what a document has into updates that can be applied one after the other, so that others have their turn in between.

use std::ops::Range;

use super::piece::Piece;
use super::write::{is_of_one, joined, write};
use super::{Id, Ranges};

/// The updates that together say what [`write()`] says in one, each of at most so many items: none needs what is in a later
/// one.
pub fn slices(pieces: Vec<Piece<'_>>, deletions: &Ranges, items_max: usize) -> Vec<Vec<u8>> {
    if pieces.len() <= items_max {
        return vec![write(pieces, deletions)];
    }
    let pieces = joined(pieces);
    let order = order(&pieces);
    let mut slices = Vec::new();
    for (number, places) in order.chunks(items_max).enumerate() {
        let slice: Vec<Piece<'_>> = places.iter().map(|place| pieces[*place].clone()).collect();
        // What is deleted may lie anywhere, so the last one names all of it once more.
        let is_last = (number + 1) * items_max >= order.len();
        let items = slice.iter().map(|piece| (piece.id.client, piece.id.clock..piece.end()));
        let deleted = if is_last { deletions.clone() } else { deletions.both(&items.collect()) };
        slices.push(write(slice, &deleted));
    }
    slices
}

/// An order of pieces, which lie by client and clock, in which none comes before what it needs: each client's own in theirs. What
/// is not among them is not waited for.
fn order(pieces: &[Piece<'_>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(pieces.len());
    // Of each client what is left.
    let mut queues: Vec<Range<usize>> = Vec::new();
    for queue in pieces.chunk_by(is_of_one) {
        let start = queues.last().map_or(0, |last| last.end);
        queues.push(start..start + queue.len());
    }
    let firsts: Vec<usize> = queues.iter().map(|queue| queue.start).collect();
    // The greatest client comes first.
    let whose = |id: Id| firsts.binary_search_by(|first| id.client.cmp(&pieces[*first].id.client)).ok();
    for first in 0..queues.len() {
        // Each waits for the next piece of the one behind it.
        let mut waiting = vec![first];
        while let Some(&queue) = waiting.last() {
            let Range { start: next, end } = queues[queue];
            if next == end {
                waiting.pop();
                continue;
            }
            let comes = |id: Id, other: &usize| {
                let Range { start, end } = queues[*other];
                start < end && pieces[start].id.clock <= id.clock && !waiting.contains(other)
            };
            let mut needs = pieces[next].needs();
            let lacks = needs.find_map(|id| whose(id).filter(|other| *other != queue && comes(id, other)));
            if let Some(other) = lacks {
                waiting.push(other);
                continue;
            }
            order.push(next);
            queues[queue].start += 1;
            if waiting.len() > 1 {
                waiting.pop();
            }
        }
    }
    order
}
