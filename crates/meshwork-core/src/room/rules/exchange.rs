//! Keeping the records of neighbours equal: they are few, so whole lists of their hashes are compared.
//!
//! On attaching, both ends send the hashes of all they hold; each sends the other what it lacks. Since this goes
//! out before anything of the replica, and links keep their order, a newcomer has the records before the batches.
//! Whoever makes a record sends it to all neighbours. [`QUIET`] after a change the digest is told; who finds a
//! neighbour's different for [`ASK_LEAST`] sends its hashes again, then with longer and longer pauses, since the
//! neighbour may hold what does not count here. What changes here, and a hash that is not known here, begins that anew: so a
//! record comes through many neighbours in seconds while others are made.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::Endpoint;
use crate::room::message::RoomMessage;
use crate::room::rules::records::{RecordHash, Records};
use crate::time::Time;
use crate::wire::{Bounded, Bytes};

/// How long records rest before their digest is told.
pub const QUIET: Duration = Duration::from_millis(100);
/// First pause before hashes are sent to a neighbour that differs; it doubles up to [`ASK_MOST`].
pub const ASK_LEAST: Duration = Duration::from_millis(500);
/// Longest such pause.
pub const ASK_MOST: Duration = Duration::from_secs(30);

/// What comes out of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeOutput {
    /// To be sent.
    Send(Endpoint, RoomMessage),
    /// The neighbour holds what we hold.
    InStep(Endpoint),
}

#[derive(Debug)]
struct Neighbour {
    /// What it last said of its records.
    digest: Option<[u8; 32]>,
    /// What we last told it.
    told: Option<[u8; 32]>,
    in_step: bool,
    /// When to send our hashes, if we still differ then.
    ask_at: Option<Time>,
    ask_pause: Duration,
}

/// The comparison with all neighbours.
#[derive(Debug, Default)]
pub struct Exchange {
    neighbours: BTreeMap<Endpoint, Box<Neighbour>>,
    tell_at: Option<Time>,
    outputs: VecDeque<ExchangeOutput>,
}

impl Exchange {
    /// A neighbour is attached: sends it our hashes and their digest.
    pub fn handle_attached(&mut self, now: Time, endpoint: Endpoint, records: &Records) {
        let told = Some(records.digest());
        // What it says at first may be lost with a link that another one replaces.
        let ask_at = Some(now + ASK_LEAST);
        let neighbour = Neighbour { digest: None, told, in_step: false, ask_at, ask_pause: ASK_LEAST };
        self.neighbours.insert(endpoint, Box::new(neighbour));
        self.send_hashes(endpoint, records);
        self.send(endpoint, RoomMessage::RecordsDigest(records.digest()));
    }

    /// A neighbour is gone.
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        self.neighbours.remove(&endpoint);
    }

    /// Our records changed: compares them with what neighbours told.
    pub fn handle_change(&mut self, now: Time, records: &Records) {
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            self.hurry(now, endpoint);
            self.compare(now, endpoint, records);
        }
    }

    /// Neighbours may hear of our records: tells the digest after a while.
    pub fn tell_soon(&mut self, now: Time) {
        self.tell_at = Some(now + QUIET);
    }

    /// A neighbour may have missed something.
    pub fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint) {
            neighbour.told = None;
            self.tell_at = Some(now + QUIET);
        }
    }

    /// A neighbour, or somebody about to become one, said which records it holds: sends it what it lacks, rules first, and our digest.
    pub fn handle_hashes(&mut self, now: Time, from: Endpoint, hashes: &[RecordHash], records: &Records) {
        let theirs: BTreeSet<RecordHash> = hashes.iter().copied().collect();
        let ours: BTreeSet<RecordHash> = records.hashes().collect();
        if !theirs.is_subset(&ours) {
            self.hurry(now, from);
        }
        for (record, _) in records.all().filter(|(record, _)| !theirs.contains(&record.hash())) {
            let bytes = Bytes::new(record.bytes().to_vec()).expect("a record is within its limit");
            self.send(from, RoomMessage::Record(bytes));
        }
        self.send(from, RoomMessage::RecordsDigest(records.digest()));
    }

    /// A list came, and its record is taken. Records that build on that one may have come too early: a neighbour is asked for them
    /// in time, and somebody about to become one at once.
    pub fn handle_list(&mut self, from: Endpoint, records: &Records) {
        if !self.neighbours.contains_key(&from) {
            self.send_hashes(from, records);
        }
    }

    /// A neighbour told its digest.
    pub fn handle_digest(&mut self, now: Time, from: Endpoint, digest: [u8; 32], records: &Records) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.digest = Some(digest);
            self.compare(now, from, records);
        }
    }

    /// Sends something that was just made to all neighbours.
    pub fn spread(&mut self, message: &RoomMessage) {
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        endpoints.into_iter().for_each(|endpoint| self.send(endpoint, message.clone()));
    }

    /// Tells digests and sends hashes that are due.
    pub fn handle_timeout(&mut self, now: Time, records: &Records) {
        let tells = self.tell_at.take_if(|at| *at <= now).is_some();
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            if tells {
                self.tell(endpoint, records);
            }
            let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { continue };
            if neighbour.ask_at.is_some_and(|at| at <= now) {
                neighbour.ask_pause = (neighbour.ask_pause * 2).min(ASK_MOST);
                neighbour.ask_at = Some(now + neighbour.ask_pause);
                self.send_hashes(endpoint, records);
            }
        }
    }

    /// The next thing that [`Exchange::handle_timeout`] has to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.neighbours.values().filter_map(|neighbour| neighbour.ask_at).chain(self.tell_at).min()
    }

    /// What is to be sent or told.
    pub fn poll_output(&mut self) -> Option<ExchangeOutput> {
        self.outputs.pop_front()
    }

    /// Whether the neighbour said that it holds what we hold.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.neighbours.get(&endpoint).is_some_and(|neighbour| neighbour.in_step)
    }

    fn tell(&mut self, endpoint: Endpoint, records: &Records) {
        let digest = records.digest();
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint)
            && neighbour.told.replace(digest) != Some(digest)
        {
            self.send(endpoint, RoomMessage::RecordsDigest(digest));
        }
    }

    /// Where hashes are to be sent to a neighbour, that is soon.
    fn hurry(&mut self, now: Time, endpoint: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint) {
            neighbour.ask_pause = ASK_LEAST;
            neighbour.ask_at = neighbour.ask_at.map(|at| at.min(now + ASK_LEAST));
        }
    }

    fn compare(&mut self, now: Time, endpoint: Endpoint, records: &Records) {
        let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { return };
        let Some(digest) = neighbour.digest else { return };
        if digest != records.digest() {
            neighbour.in_step = false;
            neighbour.ask_at.get_or_insert(now + neighbour.ask_pause);
            return;
        }
        (neighbour.ask_at, neighbour.ask_pause) = (None, ASK_LEAST);
        if !core::mem::replace(&mut neighbour.in_step, true) {
            self.outputs.push_back(ExchangeOutput::InStep(endpoint));
        }
    }

    fn send_hashes(&mut self, to: Endpoint, records: &Records) {
        let hashes = Bounded::new(records.hashes().collect()).expect("each kind of record has its limit");
        self.send(to, RoomMessage::Records(hashes));
    }

    /// Sends something about records to a neighbour.
    pub fn send(&mut self, to: Endpoint, message: RoomMessage) {
        self.outputs.push_back(ExchangeOutput::Send(to, message));
    }
}
