//! Cuts what a document has into updates that can be applied one after the other, so that others have their turn in between.

use std::cmp::Reverse;
use std::ops::Range;

use super::piece::Piece;
use super::write::{is_of_one, joined, write};
use super::{Id, Ranges};

/// Most items of each slice but the first: where people who never met wrote in one place, a library passes over many others
/// for each of them.
const LATER_ITEMS: usize = 250;

/// The updates that together say what [`write()`] says in one, the first of at most so many items: none needs what is in a later
/// one. What this client made is in the first, with all that it needs, however many that are.
pub fn slices(
    pieces: Vec<Piece<'_>>,
    deletions: &Ranges,
    items_max: usize,
    client: Option<u64>,
) -> Vec<Vec<u8>> {
    if pieces.len() <= items_max {
        return vec![write(pieces, deletions)];
    }
    let pieces = joined(pieces);
    let is_own = needed_by(&pieces, client);
    let (own, others): (Vec<usize>, Vec<usize>) =
        order(&pieces).into_iter().partition(|place| is_own[*place]);
    let first = own.len().max(items_max.min(pieces.len()));
    let order = [own, others].concat();
    let (first, later) = order.split_at(first);
    let mut chunks: Vec<&[usize]> =
        [first].into_iter().chain(later.chunks(LATER_ITEMS.min(items_max))).collect();
    let last = chunks.pop();
    let cut =
        |places: &[usize]| places.iter().map(|place| pieces[*place].clone()).collect::<Vec<Piece<'_>>>();
    let mut slices: Vec<Vec<u8>> = chunks
        .into_iter()
        .map(|places| {
            let slice = cut(places);
            let items = slice.iter().map(|piece| (piece.id.client, piece.id.clock..piece.end()));
            let deleted = deletions.both(&items.collect());
            write(slice, &deleted)
        })
        .collect();
    // What is deleted may lie anywhere, so the last one names all of it once more.
    slices.extend(last.map(|places| write(cut(places), deletions)));
    slices
}

/// Which pieces a client made, or need to be there before those can be.
fn needed_by(pieces: &[Piece<'_>], client: Option<u64>) -> Vec<bool> {
    let is_own = |piece: &Piece<'_>| Some(piece.id.client) == client;
    let mut needed: Vec<bool> = pieces.iter().map(is_own).collect();
    let mut left: Vec<Id> = pieces.iter().filter(|piece| is_own(piece)).flat_map(Piece::needs).collect();
    while let Some(id) = left.pop() {
        // The greatest client stands first.
        let is_before =
            |piece: &Piece<'_>| (Reverse(piece.id.client), piece.id.clock) <= (Reverse(id.client), id.clock);
        let Some(place) = pieces.partition_point(is_before).checked_sub(1) else { continue };
        let piece = &pieces[place];
        let has = piece.id.client == id.client && id.clock < piece.end();
        if has && !std::mem::replace(&mut needed[place], true) {
            left.extend(piece.needs());
        }
    }
    needed
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
