//! The rooms of a hub: their genesis, their code, who is in them, and when an empty one is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signed::genesis::GENESIS_MAX;
use meshwork_core::time::Time;
use meshwork_core::wire::Base64;

use super::members::Members;
use super::{HubConfig, SocketId};
use crate::code::ServerKey;
use crate::fair::{Holdings, Merit, Network};

/// Members who know of each other: those who showed the same token, of which the hash is kept, or none.
pub(super) type Circle = Option<[u8; 32]>;

pub(super) struct Room {
    pub(super) code: Code,
    pub(super) genesis: Base64<GENESIS_MAX>,
    /// Who is in it, by circle; none of them is empty.
    circles: BTreeMap<Circle, Members>,
    /// From where it was registered.
    pub(super) network: Network,
    registered: Time,
    /// Whether somebody was ever in it.
    is_joined: bool,
    /// What speaks for keeping it, as it is noted among the holders.
    merit: Merit,
    /// When it is forgotten; `None` while somebody is in it.
    forgotten: Option<Time>,
}

/// How long a room is kept that nobody has ever joined, where rooms are kept as long: whoever makes one joins it at once.
const UNJOINED_KEEP: Duration = Duration::from_secs(5 * 60);

impl Room {
    /// The members of one circle, where there are some.
    pub(super) fn circle(&self, circle: &Circle) -> Option<&Members> {
        self.circles.get(circle)
    }

    pub(super) fn circle_mut(&mut self, circle: &Circle) -> Option<&mut Members> {
        self.circles.get_mut(circle)
    }

    /// How many are in it, in all circles.
    pub(super) fn member_count(&self) -> usize {
        self.circles.values().map(Members::len).sum()
    }

    /// Everybody in it.
    pub(super) fn members(&self) -> impl Iterator<Item = (Endpoint, SocketId)> {
        self.circles.values().flat_map(Members::iter)
    }
}

/// Every room that is kept; at most `rooms_max`, and `rooms_per_network_max` for each party.
#[derive(Default)]
pub(super) struct Rooms {
    rooms: BTreeMap<RoomId, Room>,
    codes: BTreeMap<Code, RoomId>,
    holders: Holdings<RoomId>,
    /// The empty rooms in the order in which they are forgotten.
    empty: BTreeSet<(Time, RoomId)>,
}

/// Why a room cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegisterError {
    /// There are `rooms_max` rooms.
    Full,
    /// There are `rooms_per_network_max` rooms of that network, or as many times more of one around it as it stands for parties.
    NetworkFull,
    /// All codes that the room may have belong to other rooms or are reserved.
    CodesTaken,
}

impl Rooms {
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn get(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: RoomId) -> Option<&mut Room> {
        self.rooms.get_mut(&id)
    }

    pub(super) fn id_of(&self, code: Code) -> Option<RoomId> {
        self.codes.get(&code).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&RoomId, &Room)> {
        self.rooms.iter()
    }

    /// The networks from which most were registered, and how many.
    pub(super) fn heaviest(&self) -> impl Iterator<Item = (IpNet, usize)> {
        self.holders.heaviest()
    }

    /// Forgets a room at once, and says who was in it.
    pub(super) fn remove(&mut self, id: RoomId) -> Vec<(Endpoint, SocketId)> {
        let Some(room) = self.rooms.remove(&id) else { return Vec::new() };
        if let Some(forgotten) = room.forgotten {
            self.empty.remove(&(forgotten, id));
        }
        self.forget_traces(id, &room);
        room.members().collect()
    }

    /// The room that is to go so that one of `network` may be kept, where there is no place for it otherwise.
    pub(super) fn gives_way(&self, network: Network, config: &HubConfig) -> Option<RoomId> {
        let may_hold = !self.holders.is_full(network, config.rooms_per_network_max);
        if may_hold && self.rooms.len() >= config.rooms_max { self.holders.gives_way(network) } else { None }
    }

    /// Keeps a room that is not kept yet, at first without members.
    pub(super) fn register(
        &mut self,
        now: Time,
        id: RoomId,
        genesis: Base64<GENESIS_MAX>,
        network: Network,
        key: &ServerKey,
        config: &HubConfig,
    ) -> Result<(), RegisterError> {
        if self.holders.is_full(network, config.rooms_per_network_max) {
            return Err(RegisterError::NetworkFull);
        }
        if self.rooms.len() >= config.rooms_max {
            return Err(RegisterError::Full);
        }
        let is_free = |code: &Code| !self.codes.contains_key(code) && !config.reserved.contains(code);
        let code = key.codes(id).find(is_free).ok_or(RegisterError::CodesTaken)?;
        self.codes.insert(code, id);
        let forgotten = now + config.room_keep.min(UNJOINED_KEEP);
        self.empty.insert((forgotten, id));
        let room = Room {
            code,
            genesis,
            circles: BTreeMap::new(),
            network,
            registered: now,
            is_joined: false,
            merit: Merit::new(0, now),
            forgotten: Some(forgotten),
        };
        self.holders.insert(network, room.merit, id);
        self.rooms.insert(id, room);
        Ok(())
    }

    /// Puts `endpoint` into a circle of a room; false when there is no such room.
    pub(super) fn join(
        &mut self,
        id: RoomId,
        circle: Circle,
        endpoint: Endpoint,
        socket: SocketId,
        network: Network,
    ) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        room.circles.entry(circle).or_default().insert(endpoint, socket, network);
        room.is_joined = true;
        if let Some(forgotten) = room.forgotten.take() {
            self.empty.remove(&(forgotten, id));
        }
        self.rank(id);
        true
    }

    /// Takes `endpoint` out of a room, which is kept until `forgotten` if nobody is left.
    pub(super) fn leave(&mut self, id: RoomId, circle: &Circle, endpoint: Endpoint, forgotten: Time) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(members) = room.circles.get_mut(circle) else { return };
        members.remove(endpoint);
        if members.is_empty() {
            room.circles.remove(circle);
        }
        if room.circles.is_empty() && room.forgotten.is_none() {
            room.forgotten = Some(forgotten);
            self.empty.insert((forgotten, id));
            self.rank(id);
        }
    }

    /// Notes that a room is used more or less than before: rooms with members stay longest, then those that had some.
    fn rank(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let used = u8::from(room.is_joined) + u8::from(!room.circles.is_empty());
        let former = std::mem::replace(&mut room.merit, Merit::new(used, room.registered));
        self.holders.rank(room.network, former, room.merit, id);
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
                self.forget_traces(id, &room);
            }
        }
    }

    fn forget_traces(&mut self, id: RoomId, room: &Room) {
        self.codes.remove(&room.code);
        self.holders.remove(room.network, room.merit, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::ATTEMPTS_MAX;
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
            self.rooms.register(Time(0), id, genesis, network, &self.key, &HubConfig::default())?;
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
    fn room_whose_ten_codes_are_taken_is_refused() {
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
        let forgotten = Time(0) + UNJOINED_KEEP;
        assert_eq!(table.rooms.next_deadline(), Some(forgotten));
        table.rooms.handle_timeout(Time(forgotten.0 - 1));
        assert_eq!(table.rooms.len(), 1);
        table.rooms.handle_timeout(forgotten);
        let Rooms { rooms, codes, holders, empty } = table.rooms;
        assert!(rooms.is_empty() && codes.is_empty() && holders.is_empty() && empty.is_empty());
    }
}
