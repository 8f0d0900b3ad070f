//! Synchronises the records of neighbours: they are few, so whole lists of their hashes are compared.
//!
//! On attaching, both ends send the hashes of all their records, and each sends the other the missing ones. Since this
//! goes out before any batch, and links keep their order, a newcomer has the records before the batches. The maker of a
//! record sends it to all neighbours. [`QUIET`] after a change the digest is sent. A member whose neighbour's digest
//! differs for [`ASK_LEAST`] sends its hashes again, then with longer and longer pauses, since the neighbour may have
//! records that do not count here. Changes here and unknown hashes restart the pauses, so that a record comes through
//! many neighbours in seconds while others are made.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::Endpoint;
use crate::room::message::RoomMessage;
use crate::room::rules::records::{RecordHash, Records};
use crate::time::Time;
use crate::wire::{Bounded, Bytes};

/// How long records rest before their digest is sent.
pub const QUIET: Duration = Duration::from_millis(100);
/// First pause before hashes are sent to a neighbour that differs; it doubles up to [`ASK_MOST`].
pub const ASK_LEAST: Duration = Duration::from_millis(500);
/// Longest such pause.
pub const ASK_MOST: Duration = Duration::from_secs(30);

/// An output of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeOutput {
    /// Send this.
    Send(Endpoint, RoomMessage),
    /// The neighbour has the same records.
    InStep(Endpoint),
}

#[derive(Debug)]
struct Neighbour {
    /// Its last digest.
    digest: Option<[u8; 32]>,
    /// Our last digest that we sent it.
    told: Option<[u8; 32]>,
    in_step: bool,
    /// The time to send our hashes, if we still differ then.
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
        // Its first messages may be lost with a replaced link.
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

    /// Our records changed: compares them with the digests of neighbours.
    pub fn handle_change(&mut self, now: Time, records: &Records) {
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            self.hurry(now, endpoint);
            self.compare(now, endpoint, records);
        }
    }

    /// Sends neighbours our digest after a while.
    pub fn tell_soon(&mut self, now: Time) {
        self.tell_at = Some(now + QUIET);
    }

    /// A neighbour may have missed a message.
    pub fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint) {
            neighbour.told = None;
            self.tell_at = Some(now + QUIET);
        }
    }

    /// A neighbour or a future neighbour sent its hashes: sends it the missing records, rules first, and our digest.
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

    /// A list arrived, and its record was accepted. Records that build on it may have come too early: we ask a
    /// neighbour for them in time, and a future neighbour at once.
    pub fn handle_list(&mut self, from: Endpoint, records: &Records) {
        if !self.neighbours.contains_key(&from) {
            self.send_hashes(from, records);
        }
    }

    /// A neighbour sent its digest.
    pub fn handle_digest(&mut self, now: Time, from: Endpoint, digest: [u8; 32], records: &Records) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.digest = Some(digest);
            self.compare(now, from, records);
        }
    }

    /// Sends a new record or list to all neighbours.
    pub fn spread(&mut self, message: &RoomMessage) {
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        endpoints.into_iter().for_each(|endpoint| self.send(endpoint, message.clone()));
    }

    /// Sends due digests and hashes.
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

    /// The next time at which [`Exchange::handle_timeout`] has work.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.neighbours.values().filter_map(|neighbour| neighbour.ask_at).chain(self.tell_at).min()
    }

    /// The next message or report.
    pub fn poll_output(&mut self) -> Option<ExchangeOutput> {
        self.outputs.pop_front()
    }

    /// Whether the neighbour's digest equals ours.
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

    /// If hashes are due to a neighbour, makes that soon.
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

    /// Sends a neighbour a message about records.
    pub fn send(&mut self, to: Endpoint, message: RoomMessage) {
        self.outputs.push_back(ExchangeOutput::Send(to, message));
    }
}
