//! All allocations: whose each is, when it is to be looked at, and which gives way.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::time::Time;
use slab::Slab;

use crate::fair::{Holdings, Network};
use crate::turn::allocation::Allocation;
use crate::turn::io::Client;

/// Allocations by their keys. A key is used again once its allocation is gone.
#[derive(Default)]
pub(super) struct Allocations {
    /// As many as `Config::in_all` allows; so are their clients.
    all: Slab<Allocation>,
    clients: HashMap<Client, usize>,
    /// The same by the networks that they were made from.
    holders: Holdings<usize>,
    /// The same of each room.
    rooms: HashMap<String, Holdings<usize>>,
    /// When each is to be looked at.
    timers: BTreeSet<(Time, usize)>,
}

impl Allocations {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
            && self.clients.is_empty()
            && self.holders.is_empty()
            && self.rooms.is_empty()
            && self.timers.is_empty()
    }

    pub(super) fn get(&self, key: usize) -> Option<&Allocation> {
        self.all.get(key)
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut Allocation> {
        self.all.get_mut(key)
    }

    /// The allocation of a client.
    pub(super) fn of(&self, client: &Client) -> Option<usize> {
        self.clients.get(client).copied()
    }

    /// Those of clients that `is_meant` names.
    pub(super) fn among(&self, is_meant: impl Fn(&Client) -> bool) -> Vec<usize> {
        self.clients.iter().filter(|(client, _)| is_meant(client)).map(|(_, &key)| key).collect()
    }

    /// The networks that have most allocations, and how many.
    pub(super) fn heaviest(&self) -> impl Iterator<Item = (IpNet, usize)> {
        self.holders.heaviest()
    }

    /// The allocation that gives way to a newcomer, if one does.
    pub(super) fn gives_way(&self, newcomer: Network) -> Option<usize> {
        self.holders.gives_way(newcomer)
    }

    /// The allocation of the room in a name that gives way to a newcomer there, if one does.
    pub(super) fn gives_way_in_room(&self, name: &str, newcomer: Network) -> Option<usize> {
        self.rooms.get(room_of(name)?)?.gives_way(newcomer)
    }

    /// Takes one in. Where it does not count towards its network, it gives way to nobody.
    pub(super) fn insert(&mut self, allocation: Allocation, counts: bool) -> usize {
        let (client, network, merit, timer) =
            (allocation.client, allocation.network, allocation.merit(), allocation.timer);
        let room = room_of(&allocation.name).map(str::to_owned);
        let key = self.all.insert(allocation);
        if counts {
            self.holders.insert(network, merit, key);
            if let Some(room) = room {
                self.rooms.entry(room).or_default().insert(network, merit, key);
            }
        }
        self.clients.insert(client, key);
        self.timers.insert((timer, key));
        key
    }

    pub(super) fn remove(&mut self, key: usize) -> Allocation {
        let gone = self.all.remove(key);
        self.holders.remove(gone.network, gone.merit(), key);
        if let Some(room) = room_of(&gone.name)
            && let Some(holders) = self.rooms.get_mut(room)
        {
            holders.remove(gone.network, gone.merit(), key);
            if holders.is_empty() {
                self.rooms.remove(room);
            }
        }
        self.clients.remove(&gone.client);
        self.timers.remove(&(gone.timer, key));
        gone
    }

    /// Notes that one carried something.
    pub(super) fn note_use(&mut self, key: usize) {
        let allocation = &mut self.all[key];
        let former = allocation.merit();
        if allocation.carry() {
            self.holders.rank(allocation.network, former, allocation.merit(), key);
            if let Some(holders) = room_of(&allocation.name).and_then(|room| self.rooms.get_mut(room)) {
                holders.rank(allocation.network, former, allocation.merit(), key);
            }
        }
    }

    /// Has one end then, unless it is refreshed again.
    pub(super) fn set_end(&mut self, key: usize, expires: Time) {
        let allocation = &mut self.all[key];
        allocation.expires = expires;
        // It may have become shorter; what is longer is seen when it is looked at.
        if expires < allocation.timer {
            self.timers.remove(&(allocation.timer, key));
            allocation.timer = expires;
            self.timers.insert((expires, key));
        }
    }

    /// When one is to be looked at.
    pub(super) fn due(&self) -> Option<Time> {
        self.timers.first().map(|&(time, _)| time)
    }

    /// The time has come that [`due`](Allocations::due) names. Returns the one that is to end, and whether it carried
    /// nothing for as long as `most`.
    pub(super) fn look(&mut self, now: Time, most: Duration) -> Option<(usize, bool)> {
        let (_, key) = self.timers.pop_first()?;
        let allocation = &mut self.all[key];
        let is_unused = allocation.is_unused(now, most);
        if allocation.expires > now && !is_unused {
            allocation.timer = allocation.next_look(most);
            self.timers.insert((allocation.timer, key));
            return None;
        }
        Some((key, is_unused))
    }
}

/// The room that a name was given out for, with its circle.
fn room_of(name: &str) -> Option<&str> {
    name.split_once(':').map(|(room, _)| room)
}

impl Index<usize> for Allocations {
    type Output = Allocation;

    fn index(&self, key: usize) -> &Allocation {
        &self.all[key]
    }
}

impl IndexMut<usize> for Allocations {
    fn index_mut(&mut self, key: usize) -> &mut Allocation {
        &mut self.all[key]
    }
}
