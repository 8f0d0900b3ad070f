//! Fetching from one neighbour: what is asked of it, how well it serves, and whether it says what is so.
//!
//! A neighbour that withholds cannot forge, but it can waste time: announce what it does not have, serve nothing,
//! serve a trickle, or serve less than it announced. Each part comes with the digest that the sender has of it; the
//! batches served must give that digest exactly, whatever else the receiver has. So an honest neighbour whose
//! replica changes meanwhile is never blamed, and one that leaves batches out is, at once.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::replica::{Digest, PART_BATCHES_MAX, Replica};
use crate::room::message::{PARTS_MAX, PartBegin};
use crate::signed::batch::UnverifiedBatch;
use crate::time::Time;

/// Parts asked of one neighbour at a time: enough to fill a link, few enough to move to another neighbour.
pub const PARTS_IN_FLIGHT_MAX: usize = 16;
/// Parts asked of a neighbour at a time before it has shown how fast it serves: with each part that it serves one
/// more, so that of several neighbours the fast ones are asked for more.
const PARTS_IN_FLIGHT_LEAST: usize = 4;
/// How long a neighbour may bring nothing of what it was asked for, or less than `MILLIS_PER_BYTE` allows: longer
/// than a silent link lives, so that nobody is blamed for a cut.
pub const SERVE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a neighbour may bring nothing and still be taken to be serving.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// For how long a byte that it brings counts: a thousand bytes a second keep it from being passed over, so that
/// an endless trickle does not.
const MILLIS_PER_BYTE: u64 = 1;
/// First pause in which a neighbour that did not serve is asked for nothing; it doubles up to [`PAUSE_MOST`].
const PAUSE_LEAST: Duration = Duration::from_secs(15);
const PAUSE_MOST: Duration = Duration::from_secs(120);
/// Lies after which a neighbour is asked for nothing any more while it stays attached: honest ones tell none.
pub const LIES_MAX: u32 = 3;
/// Bytes of batches that are remembered to see whether a part was served whole; larger parts go unchecked.
const CHECKED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Parts that were served and are not worked off yet; an honest neighbour is never asked for more.
const RECEIVING_MAX: usize = 2 * PARTS_IN_FLIGHT_MAX;

/// A neighbour as a source of parts.
#[derive(Debug)]
pub(super) struct Source {
    /// Parts of its summary that may have to be asked for, with the digests it announced.
    pub(super) unseen: BTreeMap<u32, Digest>,
    asked: BTreeMap<u32, Asked>,
    window: usize,
    /// Until when what it brought counts, while it is asked for something; never later than now.
    progress: Time,
    receiving: VecDeque<Receiving>,
    /// Parts that were served whole and differ all the same, by the digest that they were served under: until that
    /// changes, to ask for them again would bring nothing.
    fetched: BTreeMap<u32, Digest>,
    /// Of parts that it was asked for: the digest that it last said, and the one it said before. A replica never
    /// goes back.
    said: BTreeMap<u32, (Digest, Option<Digest>)>,
    failures: u32,
    paused_until: Option<Time>,
    lies: u32,
    /// Bytes worked off that it was not told of yet; `None` before it was first asked for anything.
    pub(super) taken: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    announced: Digest,
    at: Time,
}

/// A part that it serves, from its beginning until it is worked off.
#[derive(Debug)]
struct Receiving {
    begin: PartBegin,
    bytes: usize,
    count: u32,
    /// All of them, while they are not more than are remembered.
    batches: Vec<UnverifiedBatch>,
    /// Whether something was dropped here for want of a place.
    dropped: bool,
    ended: bool,
}

/// What a source did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It said something that cannot be so.
    Lied(String),
    /// It did not serve.
    Withheld(String),
}

impl Source {
    pub(super) fn new() -> Source {
        Source {
            unseen: BTreeMap::new(),
            asked: BTreeMap::new(),
            window: PARTS_IN_FLIGHT_LEAST,
            progress: Time(0),
            receiving: VecDeque::new(),
            fetched: BTreeMap::new(),
            said: BTreeMap::new(),
            failures: 0,
            paused_until: None,
            lies: 0,
            taken: None,
        }
    }

    /// Its summary: what may be asked for from now on.
    pub(super) fn handle_summary(&mut self, parts: &[(u32, Digest)]) {
        self.unseen = parts.iter().filter(|(part, _)| !self.asked.contains_key(part)).copied().collect();
        for (part, digest) in parts {
            if self.said.contains_key(part) {
                self.note_said(*part, *digest);
            }
        }
    }

    /// Rules changed: digests may go back, and what was left out may count.
    pub(super) fn handle_rules(&mut self) {
        self.said.clear();
        self.fetched.clear();
    }

    /// Something that was fetched was not kept.
    pub(super) fn handle_forgotten(&mut self) {
        self.fetched.clear();
    }

    /// Whether parts may be asked of it now.
    pub(super) fn may_be_asked(&self, now: Time) -> bool {
        self.lies < LIES_MAX
            && self.paused_until.is_none_or(|until| until <= now)
            && self.asked.len() < self.window
    }

    /// Whether something is asked of it.
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The parts that are asked of it.
    pub(super) fn parts_asked(&self) -> impl Iterator<Item = u32> + '_ {
        self.asked.keys().copied()
    }

    /// Takes parts as fetched that were not: a fault on purpose.
    pub(super) fn handle_lost(&mut self, parts: &[u32]) {
        for part in parts {
            self.fetched.extend(self.unseen.remove_entry(part));
        }
    }

    /// When this part was asked of it.
    pub(super) fn asked_at(&self, part: u32) -> Option<Time> {
        self.asked.get(&part).map(|asked| asked.at)
    }

    /// The first part that differs and that may be asked for: of `skip` those that must not be.
    pub(super) fn next_part(&mut self, replica: &dyn Replica, skip: impl Fn(u32) -> bool) -> Option<u32> {
        let mut after = 0;
        while let Some((&part, &theirs)) = self.unseen.range(after..).next() {
            after = part + 1;
            if skip(part) {
                continue;
            }
            if self.fetched.get(&part) == Some(&theirs) || replica.part_digest(part) == theirs {
                self.unseen.remove(&part);
                continue;
            }
            return Some(part);
        }
        None
    }

    /// Notes that a part of its summary is asked of it.
    pub(super) fn ask(&mut self, now: Time, part: u32) {
        if self.asked.is_empty() {
            self.progress = now;
        }
        if let Some(announced) = self.unseen.remove(&part) {
            self.asked.insert(part, Asked { announced, at: now });
            self.note_said(part, announced);
        }
    }

    /// It begins to serve a part.
    pub(super) fn handle_begin(&mut self, begin: PartBegin, rules: Digest) -> Option<Fault> {
        self.asked.get(&begin.part)?;
        if self.receiving.back().is_some_and(|last| !last.ended) || self.receiving.len() >= RECEIVING_MAX {
            return Some(self.fault(Fault::Lied(format!("it begins part {} inside another", begin.part))));
        }
        if begin.batches as usize > PART_BATCHES_MAX {
            let detail = format!("{} batches are more than part {} can have", begin.batches, begin.part);
            return Some(self.fault(Fault::Lied(detail)));
        }
        let went_back = begin.rules == rules && self.note_said(begin.part, begin.digest);
        self.receiving.push_back(Receiving {
            begin,
            bytes: 0,
            count: 0,
            batches: Vec::new(),
            dropped: false,
            ended: false,
        });
        went_back.then(|| {
            let detail =
                format!("part {} is again what it had ceased to be when it was announced", begin.part);
            self.fault(Fault::Lied(detail))
        })
    }

    /// A batch arrived as one of a wanted part. Returns whether it is one.
    pub(super) fn handle_batch(&mut self, now: Time, batch: &UnverifiedBatch) -> Result<bool, Fault> {
        let bytes = batch.bytes().len();
        self.progress = now.min(self.progress + Duration::from_millis(bytes as u64 * MILLIS_PER_BYTE));
        let Some(last) = self.receiving.back_mut().filter(|last| !last.ended) else { return Ok(false) };
        last.count += 1;
        last.bytes += bytes;
        if last.count > last.begin.batches {
            let detail = format!("it said that part {} has {} batches", last.begin.part, last.begin.batches);
            last.ended = true;
            return Err(self.fault(Fault::Lied(detail)));
        }
        if last.bytes <= CHECKED_BYTES_MAX {
            last.batches.push(batch.clone());
        } else {
            last.batches = Vec::new();
        }
        Ok(true)
    }

    /// A batch of a wanted part was dropped here for want of a place.
    pub(super) fn handle_dropped(&mut self) {
        if let Some(last) = self.receiving.back_mut() {
            last.dropped = true;
        }
    }

    /// It says that it has served all of a part. Returns whether that was asked of it: its batches may still wait
    /// to be verified.
    pub(super) fn handle_end_received(&mut self, now: Time, part: u32) -> bool {
        self.progress = now;
        if let Some(last) = self.receiving.back_mut().filter(|last| last.begin.part == part) {
            last.ended = true;
        }
        self.asked.contains_key(&part)
    }

    /// All batches that it served of a part are worked off.
    pub(super) fn handle_end(
        &mut self,
        now: Time,
        part: u32,
        replica: &dyn Replica,
        rules: Digest,
    ) -> Option<Fault> {
        let asked = self.asked.remove(&part)?;
        self.progress = now;
        // A member of an earlier version does not say what it serves.
        let place = self.receiving.iter().position(|one| one.begin.part == part)?;
        let served = self.receiving.drain(..=place).next_back()?;
        if served.dropped {
            self.unseen.insert(part, asked.announced);
            return None;
        }
        self.window = (self.window + 1).min(PARTS_IN_FLIGHT_MAX);
        self.failures = 0;
        let digest = served.begin.digest;
        if replica.part_digest(part) == digest {
            return None;
        }
        if served.bytes <= CHECKED_BYTES_MAX && served.begin.rules == rules {
            let whole = served.count == served.begin.batches;
            if !whole || replica.digest_of(part, &served.batches) != Some(digest) {
                let detail = format!(
                    "it says that part {part} has {} batches, and the {} that it sent do not make it what it says",
                    served.begin.batches, served.count
                );
                return Some(self.fault(Fault::Lied(detail)));
            }
        }
        self.fetched.insert(part, digest);
        None
    }

    /// Parts that need not be served any more, since others brought them. Who serves nothing is not let off.
    pub(super) fn take_superfluous(&mut self, now: Time, replica: &dyn Replica) -> Vec<u32> {
        if now.since(self.progress) > SILENT_AFTER {
            return Vec::new();
        }
        let begun = |part: u32| self.receiving.iter().any(|one| one.begin.part == part);
        let superfluous = |(part, asked): (&u32, &Asked)| {
            (!begun(*part) && replica.part_digest(*part) == asked.announced).then_some(*part)
        };
        let parts: Vec<u32> = self.asked.iter().filter_map(superfluous).collect();
        parts.iter().for_each(|part| {
            self.asked.remove(part);
        });
        parts
    }

    /// Gives up on it when it does not serve. What was asked of it may then be asked of others.
    pub(super) fn check(&mut self, now: Time) -> Option<(Fault, Vec<u32>)> {
        if self.asked.is_empty() {
            return None;
        }
        if now.since(self.progress) < SERVE_TIMEOUT {
            return None;
        }
        let parts: Vec<u32> = core::mem::take(&mut self.asked).into_keys().collect();
        self.receiving.clear();
        self.window = PARTS_IN_FLIGHT_LEAST;
        let pause = PAUSE_LEAST.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MOST);
        self.failures += 1;
        self.paused_until = Some(now + pause);
        let detail = format!("it was asked for {} parts and serves nothing, or next to nothing", parts.len());
        Some((Fault::Withheld(detail), parts))
    }

    /// It was worked on what it sent: only what it does not send is its fault.
    pub(super) fn handle_worked_off(&mut self, now: Time, bytes: usize) {
        self.progress = self.progress.max(now);
        if let Some(taken) = &mut self.taken {
            *taken = taken.saturating_add(bytes as u32);
        }
    }

    /// When a pause ends.
    pub(super) fn paused_until(&self) -> Option<Time> {
        self.paused_until
    }

    /// Notes under which digest it has a part. Returns whether it had another one in between.
    fn note_said(&mut self, part: u32, digest: Digest) -> bool {
        if self.said.len() >= PARTS_MAX && !self.said.contains_key(&part) {
            return false;
        }
        let (last, before) = self.said.entry(part).or_insert((digest, None));
        if *last == digest {
            return false;
        }
        let back = *before == Some(digest);
        *before = Some(core::mem::replace(last, digest));
        back
    }

    fn fault(&mut self, fault: Fault) -> Fault {
        self.lies = self.lies.saturating_add(1);
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Endpoint, Identity, Instance, RoomId};
    use crate::replica::toy::Board;
    use crate::signed::batch::{Header, PAYLOAD_MAX, SignedBatch, StampWindow};

    const RULES: Digest = [0; 32];

    /// A neighbour that was asked for part 0.
    fn asked() -> Source {
        let mut source = Source::new();
        source.handle_summary(&[(0, [9; 32])]);
        source.ask(Time(0), 0);
        source
    }

    fn begin(batches: usize) -> PartBegin {
        PartBegin { replica: 0, part: 0, digest: [9; 32], rules: RULES, batches: batches as u32 }
    }

    #[test]
    fn so_many_parts_are_received_at_a_time() {
        let mut source = asked();
        for _ in 0..RECEIVING_MAX {
            assert_eq!(source.handle_begin(begin(0), RULES), None);
            assert!(source.handle_end_received(Time(0), 0));
        }
        let fault = source.handle_begin(begin(0), RULES);
        assert!(matches!(fault, Some(Fault::Lied(_))), "nobody was asked for more: {fault:?}");
        assert_eq!(source.receiving.len(), RECEIVING_MAX);
    }

    #[test]
    fn a_part_has_so_many_batches() {
        assert_eq!(asked().handle_begin(begin(PART_BATCHES_MAX), RULES), None);
        let fault = asked().handle_begin(begin(PART_BATCHES_MAX + 1), RULES);
        assert!(matches!(fault, Some(Fault::Lied(_))), "{fault:?}");
    }

    #[test]
    fn so_many_bytes_of_a_part_are_compared() {
        let board = Board::new();
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let batch = |bytes: usize| {
            let window = StampWindow::at(crate::clock::Stamp(1 << 16));
            let header = Header::new(author, 1, window, 0);
            let batch = SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &alloc::vec![0; bytes]);
            UnverifiedBatch::decode(&RoomId([1; 32]), batch.expect("it fits").bytes()).expect("a batch")
        };
        let (long, most) = (batch(PAYLOAD_MAX), CHECKED_BYTES_MAX);
        // As many as fit, and one that leaves no byte.
        let whole = most / long.bytes().len() - 1;
        let left = most - whole * long.bytes().len();
        let head = long.bytes().len() - PAYLOAD_MAX;
        for (over, remembered) in [(0, whole + 2), (1, 0)] {
            let mut source = asked();
            assert_eq!(source.handle_begin(begin(whole + 2), RULES), None);
            let halves = [left / 2, left - left / 2 + over].map(|bytes| batch(bytes - head));
            let batches: Vec<_> = core::iter::repeat_n(&long, whole).chain(&halves).collect();
            let bytes: usize = batches.iter().map(|batch| batch.bytes().len()).sum();
            assert_eq!(bytes, most + over);
            assert!(batches.iter().all(|batch| source.handle_batch(Time(0), batch) == Ok(true)));
            assert_eq!(source.receiving[0].batches.len(), remembered);
            assert!(source.handle_end_received(Time(0), 0));
            let fault = source.handle_end(Time(0), 0, &board, RULES);
            assert_eq!(fault.is_some(), over == 0, "they do not make the part: {fault:?}");
        }
    }
}
