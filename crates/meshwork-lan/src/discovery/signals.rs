//! Sealed payloads on their way: parts that are sent until they are taken, and parts that arrive.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::time::Time;
use meshwork_core::wire::Bytes;

use crate::wire::{PIECE_MAX, Signal, Tag};

/// Signals under way, in each direction.
pub(super) const SIGNALS_MAX: usize = 64;
/// Signals that arrive from one address.
const ARRIVING_OF_ONE_MAX: usize = 16;
/// When each part is sent, until it is taken, in milliseconds.
const SENT_AFTER: [u64; 4] = [0, 200, 600, 1_400];
/// When a signal of which parts are not taken is given up, in milliseconds.
const GIVEN_UP_AFTER: u64 = 2_600;
/// How long the parts of a signal may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// Signals that arrived, by which repeated ones are known.
const DONE_MAX: usize = 256;

/// A signal of ours.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) number: u64,
    pub(super) room: RoomId,
    pub(super) tag: Tag,
    pub(super) to: Endpoint,
    payload: Vec<u8>,
    begun: Time,
    /// How often it was sent.
    sent: usize,
    /// The parts that each address has taken, as bits.
    taken: Vec<(SocketAddr, u8)>,
}

impl Outgoing {
    pub(super) fn new(
        now: Time,
        number: u64,
        (room, tag): (RoomId, Tag),
        to: Endpoint,
        payload: Vec<u8>,
    ) -> Outgoing {
        Outgoing { number, room, tag, to, payload, begun: now, sent: 0, taken: Vec::new() }
    }

    /// When it is sent again, or given up.
    pub(super) fn next(&self) -> Time {
        self.begun + Duration::from_millis(SENT_AFTER.get(self.sent).copied().unwrap_or(GIVEN_UP_AFTER))
    }

    /// Counts one sending. Returns whether there is one: after the last it is given up.
    pub(super) fn send(&mut self) -> bool {
        self.sent += 1;
        self.sent <= SENT_AFTER.len()
    }

    /// Whether nobody has taken a part, the first and the last time: few datagrams go to an address that never answered, and
    /// an announcement is one of them.
    pub(super) fn is_unheard(&self) -> bool {
        self.taken.is_empty() && [1, SENT_AFTER.len()].contains(&self.sent)
    }

    /// Whether some address has all parts.
    pub(super) fn is_whole_anywhere(&self) -> bool {
        self.taken.iter().any(|(address, _)| self.is_whole_at(*address))
    }

    /// Whether `address` has all parts.
    pub(super) fn is_whole_at(&self, address: SocketAddr) -> bool {
        self.taken_at(address).count_ones() as usize == self.pieces().len()
    }

    /// The parts that `address` has taken, as bits.
    fn taken_at(&self, address: SocketAddr) -> u8 {
        self.taken.iter().find(|(taken, _)| *taken == address).map_or(0, |(_, parts)| *parts)
    }

    fn pieces(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.payload.chunks(PIECE_MAX)
    }

    /// The parts that `address` has not taken.
    pub(super) fn parts_for(&self, address: SocketAddr, from: Endpoint) -> Vec<Signal> {
        let taken = self.taken_at(address);
        let parts = self.pieces().len() as u8;
        let missing = self.pieces().zip(0..parts).filter(|(_, part)| taken & (1 << part) == 0);
        missing
            .map(|(piece, part)| Signal {
                number: self.number,
                part,
                parts,
                tag: self.tag,
                from,
                to: self.to,
                piece: Bytes::new(piece.to_vec()).expect("a chunk has this length at most"),
            })
            .collect()
    }

    /// An address has taken a part. Returns whether it has them all.
    pub(super) fn handle_taken(&mut self, address: SocketAddr, part: u8) -> bool {
        let parts = self.pieces().len() as u32;
        if u32::from(part) >= parts {
            return false;
        }
        let at = match self.taken.iter().position(|(taken, _)| *taken == address) {
            Some(at) => at,
            None => {
                self.taken.push((address, 0));
                self.taken.len() - 1
            }
        };
        self.taken[at].1 |= 1 << part;
        self.taken[at].1.count_ones() == parts
    }
}

/// A signal of which parts have arrived.
#[derive(Debug)]
struct Arriving {
    from: Endpoint,
    ip: IpAddr,
    number: u64,
    pieces: Vec<Option<Vec<u8>>>,
    begun: Time,
}

/// The fate of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It is kept; others are missing. Or all were there before.
    Taken,
    /// It was the last: the payload.
    Last(Vec<u8>),
    /// There is no space for it: it is as if it was lost.
    Excess,
}

/// Signals for us.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    arriving: Vec<Arriving>,
    done: VecDeque<(Endpoint, u64)>,
}

impl Arrivals {
    pub(super) fn handle_part(&mut self, now: Time, ip: IpAddr, signal: Signal) -> Part {
        let Signal { number, part, parts, from, piece, .. } = signal;
        if self.done.contains(&(from, number)) {
            return Part::Taken;
        }
        self.arriving.retain(|one| now.since(one.begun) < ARRIVES_WITHIN);
        let is_it = |one: &Arriving| (one.from, one.number, one.ip) == (from, number, ip);
        let at = match self.arriving.iter().position(is_it) {
            Some(at) => at,
            None => {
                let own = self.arriving.iter().filter(|one| one.ip == ip).count();
                if own >= ARRIVING_OF_ONE_MAX || self.arriving.len() >= SIGNALS_MAX {
                    return Part::Excess;
                }
                let pieces = vec![None; parts.into()];
                self.arriving.push(Arriving { from, ip, number, pieces, begun: now });
                self.arriving.len() - 1
            }
        };
        // Other numbers of parts make another signal of it, which somebody else made up.
        match self.arriving[at].pieces.get_mut(usize::from(part)) {
            Some(kept) => *kept = Some(piece.to_vec()),
            None => return Part::Excess,
        }
        if self.arriving[at].pieces.iter().any(Option::is_none) {
            return Part::Taken;
        }
        let whole = self.arriving.swap_remove(at);
        self.done.truncate(DONE_MAX - 1);
        self.done.push_front((from, number));
        Part::Last(whole.pieces.into_iter().flatten().flatten().collect())
    }
}
