//! Cuts what a document has into updates that can be applied one after the other, so that others have their turn in between.

use std::collections::{BTreeMap, VecDeque};

use super::Ranges;
use super::piece::Piece;
use super::write::{joined, write};

/// The updates that together say what [`write`] says in one, each of at most so many items: none needs what is in a later
/// one.
pub fn slices(pieces: Vec<Piece<'_>>, deletions: &Ranges, items_max: usize) -> Vec<Vec<u8>> {
    let mut slices = Vec::new();
    let mut left = VecDeque::from(in_order(joined(pieces)));
    loop {
        let slice: Vec<Piece<'_>> = left.drain(..left.len().min(items_max)).collect();
        if left.is_empty() {
            // What is deleted may lie anywhere, so all of it is named once more.
            slices.push(write(slice, deletions));
            return slices;
        }
        let items = slice.iter().map(|piece| (piece.id.client, piece.id.clock..piece.end()));
        let deleted = deletions.both(&items.collect());
        slices.push(write(slice, &deleted));
    }
}

/// Pieces, each client's in its order, so that none comes before what it needs of the others: as libraries place them. What is
/// not among them is not waited for.
fn in_order(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut ordered = Vec::with_capacity(pieces.len());
    let mut queues: BTreeMap<u64, VecDeque<Piece<'_>>> = BTreeMap::new();
    for piece in pieces {
        queues.entry(piece.id.client).or_default().push_back(piece);
    }
    for client in queues.keys().copied().collect::<Vec<_>>() {
        // Each waits for the next piece of the one behind it.
        let mut waiting = vec![client];
        while let Some(&client) = waiting.last() {
            let Some(next) = queues[&client].front() else {
                waiting.pop();
                continue;
            };
            let comes = |of: u64, clock| queues.get(&of)?.front().map(|first| first.id.clock <= clock);
            let lacks = next.needs().find(|id| {
                id.client != client
                    && !waiting.contains(&id.client)
                    && comes(id.client, id.clock) == Some(true)
            });
            if let Some(id) = lacks {
                waiting.push(id.client);
                continue;
            }
            ordered.extend(queues.get_mut(&client).and_then(VecDeque::pop_front));
            if waiting.len() > 1 {
                waiting.pop();
            }
        }
    }
    ordered
}
