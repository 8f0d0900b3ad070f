//! Writes updates as Yjs does, in its first encoding.

use std::cmp::Reverse;

use super::piece::{Piece, Says};
use super::{Id, KEY, Kind, ORIGIN, Parent, RIGHT, Ranges, SKIP, Update};

/// What the types are called in which a library finds what lies nowhere, before the client's number. Nobody shows them.
pub(super) const NOWHERE: &str = "meshwork nowhere";

/// The update that says these pieces and deletions. Of pieces that overlap the one that begins first counts where they
/// do. Neighbours that are one item become one.
pub fn write(pieces: Vec<Piece<'_>>, deletions: &Ranges) -> Vec<u8> {
    let items = joined(pieces);
    let mut out = Vec::new();
    number(&mut out, items.chunk_by(is_of_one).count() as u64);
    for items in items.chunk_by(is_of_one) {
        let Id { client, clock } = items[0].id;
        let gaps = items.windows(2).filter(|pair| pair[0].end() < pair[1].id.clock).count();
        number(&mut out, (items.len() + gaps) as u64);
        number(&mut out, client);
        number(&mut out, clock);
        let mut next = clock;
        for item in items {
            if item.id.clock > next {
                out.push(SKIP);
                number(&mut out, item.id.clock - next);
            }
            next = item.end();
            put(&mut out, item);
        }
    }
    number(&mut out, deletions.by_client().count() as u64);
    // Greatest first, as everybody writes them.
    for ranges in deletions.by_client().rev() {
        number(&mut out, ranges[0].0);
        number(&mut out, ranges.len() as u64);
        for (_, range) in ranges {
            number(&mut out, range.start);
            number(&mut out, range.end - range.start);
        }
    }
    out
}

/// All that some updates say, as one. What a range of `emptied` has among their items loses its content, and is deleted.
pub fn merge(updates: &[Update<'_>], emptied: &Ranges) -> Vec<u8> {
    let deletions = updates.iter().flat_map(|update| update.deletions.iter()).chain(emptied.iter());
    let deletions = deletions.cloned().collect();
    let mut pieces = Vec::new();
    for item in updates.iter().flat_map(|update| &update.items) {
        Piece::of(item).split_by(emptied, |mut piece, is_within| {
            if is_within {
                piece.empty();
            }
            pieces.push(piece);
        });
    }
    write(pieces, &deletions)
}

/// The same update with places alone: its items have no content, but for types, on which others may hang. They are not deleted: an
/// author's screen may go on showing them.
pub fn emptied(update: &Update<'_>) -> Vec<u8> {
    let emptied = |item| {
        let mut piece = Piece::of(item);
        piece.empty();
        piece
    };
    write(update.items.iter().map(emptied).collect(), &update.deleted())
}

/// The same update with another number for one of its clients.
pub fn renamed(update: &Update<'_>, from: u64, to: u64) -> Vec<u8> {
    let rename = |id: Id| if id.client == from { Id { client: to, ..id } } else { id };
    let piece = |item| {
        let mut piece = Piece::of(item);
        piece.id = rename(piece.id);
        piece.origin = piece.origin.map(rename);
        piece.right = piece.right.map(rename);
        if let Some(Parent::Item(id)) = &mut piece.parent {
            *id = rename(*id);
        }
        piece
    };
    let deletions = update.deletions.iter();
    let deletions =
        deletions.map(|(client, range)| (if *client == from { to } else { *client }, range.clone()));
    write(update.items.iter().map(piece).collect(), &deletions.collect())
}

/// Whether two pieces are of one client.
pub(super) fn is_of_one(one: &Piece<'_>, other: &Piece<'_>) -> bool {
    one.id.client == other.id.client
}

/// Pieces by client, the greatest first, and clock, without what overlaps, and with runs made one.
pub(super) fn joined(mut pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    pieces.sort_by_key(|piece| (Reverse(piece.id.client), piece.id.clock, Reverse(piece.length)));
    let mut joined: Vec<Piece<'_>> = Vec::with_capacity(pieces.len());
    for mut piece in pieces {
        let last = joined.last_mut().filter(|last| is_of_one(last, &piece));
        let Some(last) = last else {
            joined.push(piece);
            continue;
        };
        if piece.end() <= last.end() {
            continue;
        }
        if piece.id.clock < last.end() {
            piece = piece.split_off(last.end());
        }
        if !last.is_followed_by(&piece) {
            joined.push(piece);
            continue;
        }
        last.length += piece.length;
        match (&mut last.content, piece.content) {
            (Says::Text(text), Says::Text(more)) => text.to_mut().push_str(&more),
            (Says::Values(values), Says::Values(more)) => values.extend(more),
            _ => {}
        }
    }
    joined
}

fn put(out: &mut Vec<u8>, piece: &Piece<'_>) {
    let Piece { origin, right, parent, key, .. } = piece;
    let kind = match &piece.content {
        Says::Deleted => Kind::Deleted,
        Says::Text(_) => Kind::Text,
        Says::Values(_) => Kind::Any,
        Says::Whole(kind, _) => *kind,
    };
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    out.push(
        kind as u8 | flag(origin.is_some(), ORIGIN) | flag(right.is_some(), RIGHT) | flag(key.is_some(), KEY),
    );
    for id in origin.iter().chain(right) {
        number(out, id.client);
        number(out, id.clock);
    }
    match parent {
        Some(Parent::Root(name)) => {
            out.push(1);
            text(out, name);
        }
        Some(Parent::Item(id)) => {
            out.push(0);
            number(out, id.client);
            number(out, id.clock);
        }
        Some(Parent::Nowhere(client)) => {
            out.push(1);
            text(out, &format!("{NOWHERE} {client}"));
        }
        None => {}
    }
    if let Some(key) = key {
        text(out, key);
    }
    match &piece.content {
        Says::Deleted => number(out, piece.length),
        Says::Text(letters) => text(out, letters),
        Says::Values(values) => {
            number(out, values.len() as u64);
            values.iter().for_each(|value| out.extend_from_slice(value));
        }
        Says::Whole(_, bytes) => out.extend_from_slice(bytes),
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Writes a number in groups of seven bits, the least first.
pub fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
