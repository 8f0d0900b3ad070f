//! Who takes part, records with their cuts, batches, and which of their entries hold.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Rules;
use crate::rules::harness::hash;

/// An author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Peer {
    Ann,
    Ben,
    Moderator,
    Owner,
    Hostile,
}

/// What an author writes with. The phone and the laptop are the owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Device {
    Phone,
    Laptop,
    Ann,
    Ben,
    Moderator,
    Hostile,
}

impl Device {
    pub(super) const HONEST: [Device; 5] =
        [Device::Phone, Device::Laptop, Device::Ann, Device::Ben, Device::Moderator];

    pub(super) fn peer(self) -> Peer {
        match self {
            Device::Phone | Device::Laptop => Peer::Owner,
            Device::Ann => Peer::Ann,
            Device::Ben => Peer::Ben,
            Device::Moderator => Peer::Moderator,
            Device::Hostile => Peer::Hostile,
        }
    }
}

/// A device between two restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Endpoint {
    pub(super) device: Device,
    pub(super) instance: u64,
}

/// What an owner says in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Change {
    Rename,
    /// Bans the hostile peer.
    Ban,
    /// Takes the moderator's rights.
    Demote,
    /// A new edit key, which the hostile peer never gets.
    NewKey,
    /// Clears what the hostile peer wrote so far.
    Retract,
    /// Tries to lower the quota to one.
    LowerQuota,
}

impl Change {
    /// Whether it takes a right from this peer.
    pub(super) fn takes_from(self, peer: Peer) -> bool {
        match self {
            Change::Ban => peer == Peer::Hostile,
            Change::Demote => peer == Peer::Moderator,
            Change::NewKey => peer != Peer::Owner,
            Change::Rename | Change::Retract | Change::LowerQuota => false,
        }
    }
}

/// Which batches stay of those whose authors lose a right.
#[derive(Clone, Debug, Hash)]
pub(super) enum Stays {
    Listed(BTreeSet<u64>),
    UpTo(BTreeMap<Endpoint, u64>),
}

/// What a change means for the batches that are there already.
#[derive(Clone, Debug, Hash)]
pub(super) struct Cut {
    pub(super) change: Change,
    pub(super) stays: Stays,
}

impl Cut {
    pub(super) fn keeps(&self, batch: &Batch) -> bool {
        match &self.stays {
            Stays::Listed(ids) => ids.contains(&batch.id),
            Stays::UpTo(heads) => heads.get(&batch.endpoint).is_some_and(|head| batch.sequence <= *head),
        }
    }
}

/// Who may do what under a record.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Rights {
    pub(super) is_banned: bool,
    pub(super) moderates: bool,
    pub(super) edit_key: u64,
    pub(super) quota: Option<usize>,
}

impl Rights {
    /// A right that either has lost stays lost.
    pub(super) fn join(self, other: Rights) -> Rights {
        Rights {
            is_banned: self.is_banned || other.is_banned,
            moderates: self.moderates && other.moderates,
            edit_key: self.edit_key.max(other.edit_key),
            quota: self.quota.max(other.quota),
        }
    }
}

/// The rules from now on, with everything that came before them.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) number: u64,
    /// All records that this one builds on.
    pub(super) after: BTreeSet<u64>,
    pub(super) rights: Rights,
    pub(super) cuts: Vec<Cut>,
    /// The hostile peer's entries up to this stamp read cleared.
    pub(super) retracts: Option<u64>,
}

impl Record {
    pub(super) fn first(quota: Option<usize>) -> Rc<Record> {
        let rights = Rights { is_banned: false, moderates: true, edit_key: 0, quota };
        Rc::new(Record {
            id: hash(&rights),
            number: 0,
            after: BTreeSet::new(),
            rights,
            cuts: Vec::new(),
            retracts: None,
        })
    }
}

/// A field, by who may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Field {
    Anybody,
    Own(Peer),
    Moderators,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) row: char,
    pub(super) field: Field,
}

/// What was written into a key. The order is what decides who wins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Entry {
    pub(super) stamp: u64,
    pub(super) peer: Peer,
    pub(super) content: u64,
}

/// The greatest content.
pub(super) const REMOVED: u64 = 9;

/// Entries of one row that an author says at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: u64,
    pub(super) endpoint: Endpoint,
    pub(super) sequence: u64,
    /// The record that its author saw in force.
    pub(super) record: Rc<Record>,
    pub(super) stamp: u64,
    pub(super) entries: Vec<(Key, Entry)>,
}

impl Batch {
    pub(super) fn new(
        endpoint: Endpoint,
        sequence: u64,
        record: &Rc<Record>,
        stamp: u64,
        entries: Vec<(Key, Entry)>,
    ) -> Rc<Batch> {
        let id = hash(&(endpoint, sequence, record.id, stamp, &entries));
        Rc::new(Batch { id, endpoint, sequence, record: Rc::clone(record), stamp, entries })
    }

    pub(super) fn peer(&self) -> Peer {
        self.endpoint.device.peer()
    }

    /// Whether its author may write this by the record that it names, for ever.
    pub(super) fn is_allowed(&self) -> bool {
        let (peer, rights) = (self.peer(), self.record.rights);
        let may_write = peer != Peer::Hostile || (!rights.is_banned && rights.edit_key == 0);
        may_write
            && self.entries.iter().all(|(key, _)| match key.field {
                Field::Anybody => true,
                Field::Own(owner) => owner == peer,
                Field::Moderators => peer == Peer::Owner || (peer == Peer::Moderator && rights.moderates),
            })
    }
}

/// The entry that holds in each key, and the batch that brought it.
pub(super) type Table = BTreeMap<Key, (Entry, Rc<Batch>)>;

/// What counts against the same number: the peer's values or, counted apart, its removals. Some fields are free.
pub(super) fn counted_with(key: Key, entry: Entry, rules: Rules) -> Option<(Peer, bool)> {
    let is_free = key.field == Field::Moderators && rules.moderators_fields_are_free;
    let is_apart = entry.content == REMOVED && rules.removals_count_apart;
    (!is_free).then_some((entry.peer, is_apart))
}

/// Which entries hold: the greatest first, until the quota of their peer is full.
pub(super) fn table(batches: &[Rc<Batch>], quota: Option<usize>, rules: Rules) -> Table {
    let mut entries: Vec<(Key, Entry, &Rc<Batch>)> = batches
        .iter()
        .flat_map(|batch| batch.entries.iter().map(move |(key, entry)| (*key, *entry, batch)))
        .collect();
    if rules.equal_stamps_go_by_content {
        entries.sort_by_key(|(key, entry, batch)| Reverse((*entry, *key, batch.stamp, batch.id)));
    } else {
        entries.sort_by_key(|(_, entry, _)| Reverse(entry.stamp));
    }
    let mut table = Table::new();
    let mut counts = BTreeMap::new();
    for (key, entry, batch) in entries {
        if table.contains_key(&key) {
            continue;
        }
        if let (Some(quota), Some(group)) = (quota, counted_with(key, entry, rules)) {
            let count = counts.entry(group).or_insert(0);
            if *count == quota {
                continue;
            }
            *count += 1;
        }
        table.insert(key, (entry, Rc::clone(batch)));
    }
    table
}
