//! Serving blobs: what members want of them, no more than stated, read by the application.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::message::{BlobMessage, Part, VALUES_MAX};
use super::outline::Outline;
use super::{Name, Work};
use crate::id::Endpoint;
use crate::lanes::Allowance;
use crate::recent::Recent;
use crate::time::Time;
use crate::wire::{Bounded, Bytes};

/// Parts that one member may have asked for and not got: what an honest one wants of all blobs that it fetches at a time.
pub const WANTS_MAX: usize = super::FETCHES_MAX * super::fetch::WANTED_MAX;
/// How often one member may ask in a second: for all that a page of a conversation shows.
pub const ASKS_MAX: u32 = 64;
/// Outlines that are at hand; others are looked up again. With the longest blobs that is 128 MiB.
const KNOWN_MAX: usize = 16;
/// Blobs that are looked up at a time.
const LOOKING_MAX: usize = 64;
/// Groups read ahead for one member: the one that goes out next, while another is read.
const READY_MAX: usize = 1;

#[derive(Debug)]
struct Client {
    asks: Allowance,
    wants: VecDeque<(Name, Part)>,
    /// The group that the application is reading for it.
    reading: Option<(Name, u32)>,
    /// What is to be sent when the link has room.
    ready: VecDeque<BlobMessage>,
}

impl Client {
    fn new() -> Client {
        let asks = Allowance::new(ASKS_MAX);
        Client { asks, wants: VecDeque::new(), reading: None, ready: VecDeque::new() }
    }
}

/// One's own blobs, as the others see them.
#[derive(Debug)]
pub(super) struct Serving {
    clients: BTreeMap<Endpoint, Client>,
    known: Recent<Name, Outline>,
    looking: BTreeMap<Name, BTreeSet<Endpoint>>,
    sends: VecDeque<(Endpoint, BlobMessage)>,
    work: VecDeque<Work>,
}

impl Default for Serving {
    fn default() -> Serving {
        Serving {
            clients: BTreeMap::new(),
            known: Recent::new(KNOWN_MAX),
            looking: BTreeMap::new(),
            sends: VecDeque::new(),
            work: VecDeque::new(),
        }
    }
}

impl Serving {
    pub(super) fn handle_detached(&mut self, member: Endpoint) {
        self.clients.remove(&member);
        for asked in self.looking.values_mut() {
            asked.remove(&member);
        }
    }

    /// Somebody asks whether a blob is held.
    ///
    /// # Errors
    /// How many asked too often since that was last told.
    pub(super) fn handle_ask(&mut self, now: Time, from: Endpoint, name: Name) -> Result<(), u64> {
        self.client(from).asks.count(now)?;
        if let Some(outline) = self.known.get(&name) {
            let held = BlobMessage::Held(name.0, name.1, outline.size());
            self.sends.push_back((from, held));
        } else if let Some(asked) = self.looking.get_mut(&name) {
            asked.insert(from);
        } else if self.looking.len() < LOOKING_MAX {
            self.looking.insert(name, BTreeSet::from([from]));
            self.work.push_back(Work::Look { slot: name.0, blob: name.1 });
        } else {
            self.lack(from, name);
        }
        Ok(())
    }

    /// The application looked whether it holds a blob.
    pub(super) fn handle_looked(&mut self, name: Name, outline: Option<Outline>) {
        let asked = self.looking.remove(&name).unwrap_or_default();
        let Some(outline) = outline else {
            asked.into_iter().for_each(|member| self.lack(member, name));
            return;
        };
        let size = outline.size();
        let (known, _) = self.known.used(name, || outline.clone());
        *known = outline;
        for member in asked {
            self.sends.push_back((member, BlobMessage::Held(name.0, name.1, size)));
        }
    }

    /// Somebody wants a part. Returns whether it may want so many.
    pub(super) fn handle_want(&mut self, from: Endpoint, name: Name, part: Part) -> bool {
        let client = self.client(from);
        let waiting = client.wants.len() + client.ready.len() + usize::from(client.reading.is_some());
        if waiting >= WANTS_MAX {
            return false;
        }
        client.wants.push_back((name, part));
        self.begin(from);
        true
    }

    /// The application read a group, or could not.
    pub(super) fn handle_read(&mut self, name: Name, group: u32, bytes: Option<Vec<u8>>) {
        let held = self.known.get(&name);
        // What is damaged on one's own disk is not said to others.
        let whole = bytes.filter(|bytes| held.is_some_and(|outline| outline.holds(group, bytes)));
        let waits = |client: &Client| client.reading == Some((name, group));
        let waiting = self.clients.iter().filter(|(_, client)| waits(client));
        let waiting: Vec<Endpoint> = waiting.map(|(&member, _)| member).collect();
        let Some(message) = whole.and_then(|bytes| Bytes::new(bytes).ok()) else {
            waiting.into_iter().for_each(|member| self.client(member).reading = None);
            return self.forget(name);
        };
        for member in waiting {
            let client = self.client(member);
            client.reading = None;
            client.ready.push_back(BlobMessage::Group(name.0, name.1, group, message.clone()));
            self.begin(member);
        }
    }

    /// A blob is not held any more: whoever wants something of it is told.
    pub(super) fn forget(&mut self, name: Name) {
        self.known.remove(&name);
        let mut told = Vec::new();
        for (&member, client) in &mut self.clients {
            let before = client.wants.len();
            client.wants.retain(|(wanted, _)| *wanted != name);
            if client.wants.len() < before {
                told.push(member);
            }
        }
        told.into_iter().for_each(|member| self.lack(member, name));
    }

    /// Whether something is ready for anybody.
    pub(super) fn is_ready(&self) -> bool {
        self.clients.values().any(|client| !client.ready.is_empty())
    }

    /// The next part for a member.
    pub(super) fn take(&mut self, to: Endpoint) -> Option<BlobMessage> {
        let message = self.clients.get_mut(&to)?.ready.pop_front()?;
        self.begin(to);
        Some(message)
    }

    pub(super) fn poll_send(&mut self) -> Option<(Endpoint, BlobMessage)> {
        self.sends.pop_front()
    }

    pub(super) fn poll_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    /// Gets ready for a member what it wants next.
    fn begin(&mut self, member: Endpoint) {
        let Some(client) = self.clients.get_mut(&member) else { return };
        while client.reading.is_none()
            && client.ready.len() <= READY_MAX
            && let Some((name, part)) = client.wants.pop_front()
        {
            let (slot, blob) = name;
            let Some(outline) = self.known.get(&name) else {
                self.sends.push_back((member, BlobMessage::Lacked(slot, blob)));
                continue;
            };
            match part {
                Part::Values(first) => {
                    let values = outline.values().get(first as usize..).unwrap_or_default();
                    let values = values[..values.len().min(VALUES_MAX)].to_vec();
                    let values = Bounded::new(values).unwrap_or_default();
                    client.ready.push_back(BlobMessage::Values(slot, blob, first, values));
                }
                Part::Group(group) => {
                    client.reading = Some((name, group));
                    self.work.push_back(Work::Read { slot, blob, group });
                }
            }
        }
    }

    fn lack(&mut self, to: Endpoint, (slot, blob): Name) {
        self.sends.push_back((to, BlobMessage::Lacked(slot, blob)));
    }

    fn client(&mut self, member: Endpoint) -> &mut Client {
        self.clients.entry(member).or_insert_with(Client::new)
    }
}
