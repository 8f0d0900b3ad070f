//! What an operator asks of a hub: new limits, a look at its rooms, closing and banning, and an end in good order.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::id::{Code, Endpoint, PeerId, RoomId};
use meshwork_core::signalling::protocol::{FromServer, ServerRefusal};
use meshwork_core::time::Time;

use super::bans::Ban;
use super::config::GUESSES;
use super::counts::Counts;
use super::rooms::Room;
use super::{Hub, HubConfig, HubConfigError, SocketId};
use crate::fair::Network;

/// One room as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomView {
    /// Its id.
    pub room: RoomId,
    /// Its code here.
    pub code: Code,
    /// Who is in it.
    pub members: Vec<Endpoint>,
}

/// How much a hub holds now, and what it has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Open sockets.
    pub sockets: usize,
    /// Sockets whose endpoint was proved.
    pub endpoints: usize,
    /// Rooms that are kept.
    pub rooms: usize,
    /// Members of all rooms together.
    pub members: usize,
    /// Lookups that wait for their room.
    pub waits: usize,
    /// Bytes that wait to be read.
    pub unread_bytes: usize,
    /// Networks whose rate is being counted.
    pub networks: usize,
    /// Deadlines that are kept; one for each socket.
    pub deadlines: usize,
    /// What has happened.
    pub counts: Counts,
}

/// A network tried more codes without a room than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "your network tries codes that no room has: {} are answered at once, {} in a second",
    GUESSES.burst,
    GUESSES.per_second
)]
pub struct TooManyCodes;

impl Hub {
    /// Replaces the limits, and the relays that members are told of when they next ask. What is there already and above
    /// a new limit stays, and so do the one room that the hub was made for and all reserved codes.
    ///
    /// # Errors
    /// [`HubConfigError`] when a field is outside its legal range; the former limits stay.
    pub fn reconfigure(&mut self, config: HubConfig) -> Result<(), HubConfigError> {
        let mut reserved = config.reserved;
        reserved.extend(&self.config.reserved);
        let config = HubConfig { only_room: self.config.only_room, reserved, ..config };
        config.check()?;
        self.config = config;
        Ok(())
    }

    /// How much there is, and what has happened.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sockets: self.sockets.len(),
            endpoints: self.endpoints.len(),
            rooms: self.rooms.len(),
            members: self.sockets.values().map(|socket| socket.rooms.len()).sum(),
            waits: self.waits.len(),
            unread_bytes: self.sockets.values().map(|socket| socket.unread_bytes).sum(),
            networks: self.spending.len(),
            deadlines: self.deadlines.len(),
            counts: self.counts.clone(),
        }
    }

    /// The networks that have most sockets, and how many.
    pub fn holders_of_sockets(&self) -> impl Iterator<Item = (IpNet, usize)> {
        self.holders.heaviest()
    }

    /// The networks from which most rooms were registered, and how many.
    pub fn holders_of_rooms(&self) -> impl Iterator<Item = (IpNet, usize)> {
        self.rooms.heaviest()
    }

    /// Every room that is kept, in the order of their ids.
    pub fn rooms(&self) -> impl Iterator<Item = RoomView> {
        self.rooms.iter().map(|(&room, kept)| {
            let members = kept.members().map(|(endpoint, _)| endpoint).collect();
            RoomView { room, code: kept.code, members }
        })
    }

    /// The room with this code.
    pub fn room_of(&self, code: Code) -> Option<RoomId> {
        self.rooms.id_of(code)
    }

    /// Members of the room with this code, in endpoints. `None` if no room has the code.
    pub fn member_count(&self, code: Code) -> Option<usize> {
        self.rooms.get(self.rooms.id_of(code)?).map(Room::member_count)
    }

    /// The same for a stranger at `address`. Unknown codes are limited as in a lookup: 50 at once and 5 a second of one
    /// network, and they count together with its lookups.
    ///
    /// # Errors
    /// [`TooManyCodes`] if the network tried too many unknown codes. The answer is the same for a known code.
    pub fn member_count_for(
        &mut self,
        now: Time,
        address: IpAddr,
        code: Code,
    ) -> Result<Option<usize>, TooManyCodes> {
        let room = self.guess(now, Network::of(address), code)?;
        Ok(room.and_then(|room| self.rooms.get(room)).map(Room::member_count))
    }

    /// Whether an endpoint of this peer is a member of the room with this code.
    pub fn has_member(&self, code: Code, peer: PeerId) -> bool {
        let room = self.rooms.id_of(code).and_then(|room| self.rooms.get(room));
        room.is_some_and(|room| room.members().any(|(endpoint, _)| endpoint.peer == peer))
    }

    /// The room with a code, for a stranger in a network. An unknown code counts as a guess. The limit holds before the hub
    /// looks the code up, so that guesses beyond it learn nothing of known codes either.
    pub(super) fn guess(
        &mut self,
        now: Time,
        network: Network,
        code: Code,
    ) -> Result<Option<RoomId>, TooManyCodes> {
        if !self.guessing.spend(now, network, 1, GUESSES) {
            return Err(TooManyCodes);
        }
        let room = self.rooms.id_of(code).filter(|&room| self.rooms.get(room).is_some());
        if room.is_some() {
            self.guessing.give_back(now, network, 1, GUESSES);
        }
        Ok(room)
    }

    /// Forgets a room, tells its members, and takes no registration of it for [`CLOSED_FOR`](super::CLOSED_FOR).
    /// Its members stay linked to each other. False when there is no such room.
    pub fn close_room(&mut self, now: Time, room: RoomId) -> bool {
        let is_known = self.rooms.get(room).is_some();
        if is_known {
            self.bans.close(now, room);
            self.expel(now, room, ServerRefusal::Banned, "was closed by whoever runs this server");
            self.settle(now);
        }
        is_known
    }

    /// Keeps somebody or a room out from now on. Rooms that were registered from addresses that are banned go. False when there are [`BANS_MAX`](super::BANS_MAX) bans already.
    pub fn ban(&mut self, now: Time, ban: Ban) -> bool {
        if !self.bans.insert(ban) {
            return false;
        }
        match ban {
            Ban::Room(room) => {
                self.expel(now, room, ServerRefusal::Banned, "is banned by whoever runs this server")
            }
            Ban::Peer(peer) => {
                let all = self.endpoints.iter().filter(|(endpoint, _)| endpoint.peer == peer);
                let ids: Vec<SocketId> = all.map(|(_, &id)| id).collect();
                ids.into_iter().for_each(|id| self.doom_banned(id));
            }
            Ban::Addresses(range) => {
                let first = Network::of(range.addr());
                let is_in = |network: Network| range.contains(&network.address()) || network == first;
                let all = self.sockets.iter().filter(|(_, socket)| is_in(socket.network));
                let ids: Vec<SocketId> = all.map(|(&id, _)| id).collect();
                ids.into_iter().for_each(|id| self.doom_banned(id));
                let rooms: Vec<RoomId> =
                    self.rooms.iter().filter(|(_, room)| is_in(room.network)).map(|(&id, _)| id).collect();
                let why = "was registered from an address that is banned by whoever runs this server";
                rooms.into_iter().for_each(|room| self.expel(now, room, ServerRefusal::Banned, why));
            }
        }
        self.settle(now);
        true
    }

    /// Lets somebody or a room in again, also one that was closed. False when there was no such ban.
    pub fn unban(&mut self, ban: Ban) -> bool {
        self.bans.remove(ban)
    }

    /// Every ban.
    pub fn bans(&self) -> Vec<Ban> {
        self.bans.list()
    }

    /// Begins to end: new sockets are told goodbye at once, present ones at random moments within `within`, so that
    /// they do not all come back elsewhere at the same time. Each is told how long to stay away from this server.
    pub fn drain(&mut self, now: Time, within: Duration) {
        self.draining_until = Some(now + within);
        let ids: Vec<SocketId> = self.sockets.keys().copied().collect();
        for id in ids {
            let after = Duration::from_micros(self.rng.below(within.as_micros() as u64 + 1));
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.leaves = Some(now + after);
            }
            self.reschedule(id);
        }
        self.settle(now);
    }

    pub(super) fn doom_banned(&mut self, id: SocketId) {
        let detail = String::from("whoever runs this server has banned you");
        self.doom(id, ServerRefusal::Banned, detail);
    }

    /// Whether an address is kept out.
    pub(crate) fn is_banned(&self, address: IpAddr) -> bool {
        self.bans.has_address(address)
    }

    /// Takes a room away from its members, and tells them.
    pub(super) fn expel(&mut self, now: Time, room: RoomId, reason: ServerRefusal, why: &str) {
        for (endpoint, id) in self.rooms.remove(room) {
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.rooms.remove(&room);
            }
            let detail = format!("room {room} {why}");
            self.refuse(now, id, reason, detail, room, Some(endpoint));
        }
    }

    /// What a socket that is told goodbye is to wait before it comes back.
    pub(super) fn away_ms(&self, now: Time, reason: ServerRefusal) -> Option<u64> {
        let until = self.draining_until.filter(|_| reason == ServerRefusal::ShuttingDown)?;
        Some(until.since(now).as_millis().try_into().unwrap_or(u64::MAX))
    }

    pub(super) fn push_goodbye_at(&mut self, now: Time, id: SocketId, reason: ServerRefusal, detail: String) {
        self.counts.said_goodbye(reason);
        let away_ms = self.away_ms(now, reason);
        self.push_goodbye(id, &FromServer::Goodbye { reason, detail, away_ms });
    }
}
