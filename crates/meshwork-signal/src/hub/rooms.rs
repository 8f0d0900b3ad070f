//! The rooms of a hub: their genesis, their code, who is in them, and when an empty one is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signalling::protocol::GENESIS_MAX;
use meshwork_core::time::Time;
use meshwork_core::wire::Base64;

use super::members::Members;
use super::network::Network;
use super::{HubConfig, SocketId};
use crate::code::{ATTEMPTS_MAX, ServerKey};

pub(super) struct Room {
    pub(super) code: Code,
    pub(super) genesis: Base64<GENESIS_MAX>,
    pub(super) members: Members,
    /// From where it was registered.
    network: Network,
    /// When it is forgotten; `None` while somebody is in it.
    forgotten: Option<Time>,
}

/// Every room that is kept; at most `rooms_max`, and `rooms_per_network_max` of one network.
#[derive(Default)]
pub(super) struct Rooms {
    rooms: BTreeMap<RoomId, Room>,
    codes: BTreeMap<Code, RoomId>,
    networks: BTreeMap<Network, usize>,
    /// The empty rooms in the order in which they are forgotten.
    empty: BTreeSet<(Time, RoomId)>,
}

/// Why a room cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegisterError {
    /// There are `rooms_max` rooms.
    Full,
    /// There are `rooms_per_network_max` rooms of that network.
    NetworkFull,
    /// All codes that the room may have belong to other rooms.
    CodesTaken,
}

impl Rooms {
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn get(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(&id)
    }

    pub(super) fn id_of(&self, code: Code) -> Option<RoomId> {
        self.codes.get(&code).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&RoomId, &Room)> {
        self.rooms.iter()
    }

    /// Forgets a room at once, and says who was in it.
    pub(super) fn remove(&mut self, id: RoomId) -> Members {
        let Some(room) = self.rooms.remove(&id) else { return Members::default() };
        if let Some(forgotten) = room.forgotten {
            self.empty.remove(&(forgotten, id));
        }
        self.forget_traces(room.code, room.network);
        room.members
    }

    /// Keeps a room that is not kept yet, at first without members.
    pub(super) fn register(
        &mut self,
        id: RoomId,
        genesis: Base64<GENESIS_MAX>,
        network: Network,
        forgotten: Time,
        key: &ServerKey,
        config: &HubConfig,
    ) -> Result<(), RegisterError> {
        if self.rooms.len() >= config.rooms_max {
            return Err(RegisterError::Full);
        }
        if self.networks.get(&network).is_some_and(|&rooms| rooms >= config.rooms_per_network_max) {
            return Err(RegisterError::NetworkFull);
        }
        let code = (0..ATTEMPTS_MAX)
            .map(|attempt| key.code(id, attempt))
            .find(|code| !self.codes.contains_key(code))
            .ok_or(RegisterError::CodesTaken)?;
        self.codes.insert(code, id);
        *self.networks.entry(network).or_default() += 1;
        self.empty.insert((forgotten, id));
        let forgotten = Some(forgotten);
        self.rooms.insert(id, Room { code, genesis, members: Members::default(), network, forgotten });
        Ok(())
    }

    /// Puts `endpoint` into a room; false when there is no such room.
    pub(super) fn join(&mut self, id: RoomId, endpoint: Endpoint, socket: SocketId) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        room.members.insert(endpoint, socket);
        if let Some(forgotten) = room.forgotten.take() {
            self.empty.remove(&(forgotten, id));
        }
        true
    }

    /// Takes `endpoint` out of a room, which is kept until `forgotten` if nobody is left.
    pub(super) fn leave(&mut self, id: RoomId, endpoint: Endpoint, forgotten: Time) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.members.remove(endpoint) && room.members.is_empty() {
            room.forgotten = Some(forgotten);
            self.empty.insert((forgotten, id));
        }
    }

    /// When the next empty room is due to be forgotten.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.empty.first().map(|&(forgotten, _)| forgotten)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        while let Some(&(forgotten, id)) = self.empty.first() {
            if forgotten > now {
                break;
            }
            self.empty.pop_first();
            if let Some(room) = self.rooms.remove(&id) {
                self.forget_traces(room.code, room.network);
            }
        }
    }

    fn forget_traces(&mut self, code: Code, network: Network) {
        self.codes.remove(&code);
        if let Some(rooms) = self.networks.get_mut(&network) {
            *rooms -= 1;
            if *rooms == 0 {
                self.networks.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    struct Table {
        rooms: Rooms,
        key: ServerKey,
    }

    impl Table {
        fn new() -> Table {
            Table { rooms: Rooms::default(), key: ServerKey::new([9; 32]) }
        }

        fn register(&mut self, id: RoomId) -> Result<Code, RegisterError> {
            let network = Network::of(Ipv4Addr::LOCALHOST.into());
            let genesis = Base64::new([1]).unwrap();
            self.rooms.register(id, genesis, network, Time(100), &self.key, &HubConfig::default())?;
            Ok(self.rooms.get(id).unwrap().code)
        }

        /// Gives the room's code at `attempt` to another room.
        fn take_code(&mut self, id: RoomId, attempt: u8) {
            self.rooms.codes.insert(self.key.code(id, attempt), RoomId([0xee; 32]));
        }
    }

    #[test]
    fn a_taken_code_gives_way_to_the_next() {
        let room = RoomId([4; 32]);
        let mut table = Table::new();
        table.take_code(room, 0);
        table.take_code(room, 1);
        assert_eq!(table.register(room), Ok(table.key.code(room, 2)));
    }

    #[test]
    fn a_room_whose_ten_codes_are_taken_is_refused() {
        let room = RoomId([4; 32]);
        let mut table = Table::new();
        (0..ATTEMPTS_MAX).for_each(|attempt| table.take_code(room, attempt));
        assert_eq!(table.register(room), Err(RegisterError::CodesTaken));
        assert_eq!(table.rooms.len(), 0);
    }

    #[test]
    fn a_forgotten_room_leaves_nothing_behind() {
        let mut table = Table::new();
        table.register(RoomId([4; 32])).unwrap();
        assert_eq!(table.rooms.next_deadline(), Some(Time(100)));
        table.rooms.handle_timeout(Time(99));
        assert_eq!(table.rooms.len(), 1);
        table.rooms.handle_timeout(Time(100));
        let Rooms { rooms, codes, networks, empty } = table.rooms;
        assert!(rooms.is_empty() && codes.is_empty() && networks.is_empty() && empty.is_empty());
    }
}
