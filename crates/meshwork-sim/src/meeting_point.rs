//! A virtual signalling server: introduces members of rooms, and can be told to lie or to be away.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::{Code, Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::seam::description::Fingerprint;
use meshwork_core::seam::ice_server::IceServer;
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{
    Announcement, FromClient, FromServer, LinkOutcome, PAYLOAD_MAX, SERVER_MESSAGE_MAX, VERSIONS,
};
use meshwork_core::signalling::sealing::{self, SealingKey, SignalContent};
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::time::WallTime;
use meshwork_core::wire::Base64;
use meshwork_place::canvas::CanvasSize;

/// A lie that the server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Hands out sealing keys of its own in the names of the members.
    SealingKeys,
    /// Hands out sealed payloads with one bit changed.
    Payloads,
    /// Hands out each sealed payload, and the one before it once more.
    Replays,
    /// Has stolen the members' sealing keys: opens each payload, puts a certificate of its own into the
    /// description, and seals it again.
    Fingerprints,
    /// Hands sealed payloads to another member than the one they are for.
    Misdirects,
    /// Says that sealed payloads are from another member than the one who sent them.
    Misattributes,
    /// Hands out no sealed payloads.
    Swallows,
    /// Lists members that do not exist, each with a key and a signature that hold.
    Ghosts,
    /// Says of every member that it left.
    Departures,
    /// Hands out the genesis of a room of its own instead of the one that was asked for.
    OtherRoom,
    /// Changes a byte of everything that it says.
    Garbles,
    /// Says more in one message than is allowed.
    Oversized,
    /// Says that it is an hour later than it is.
    Time,
}

impl Lie {
    /// All lies.
    pub const ALL: [Lie; 13] = [
        Lie::SealingKeys,
        Lie::Payloads,
        Lie::Replays,
        Lie::Fingerprints,
        Lie::Misdirects,
        Lie::Misattributes,
        Lie::Swallows,
        Lie::Ghosts,
        Lie::Departures,
        Lie::OtherRoom,
        Lie::Garbles,
        Lie::Oversized,
        Lie::Time,
    ];
}

/// Which node a socket belongs to.
pub type Socket = usize;

/// The server.
#[derive(Debug, Default)]
pub struct MeetingPoint {
    announcements: BTreeMap<Socket, Announcement>,
    /// The socket over which each endpoint entered last.
    sockets: BTreeMap<Endpoint, Socket>,
    rooms: BTreeMap<RoomId, (Code, Vec<u8>, BTreeSet<Socket>)>,
    /// Of whom each member of a room was told.
    named: BTreeMap<(RoomId, Socket), BTreeSet<Socket>>,
    waiting: Vec<(Socket, Option<RoomId>, Option<Code>)>,
    lie: Option<Lie>,
    requests: u64,
    keep_alives: u64,
    /// The last signal that was handed out, for [`Lie::Replays`].
    last: Option<(Socket, FromServer)>,
    ghosts: u64,
    /// Whether it tells of a relay.
    relay: Option<String>,
    reports: Vec<(LinkOutcome, u64)>,
    /// Sealing keys that were stolen, for [`Lie::Fingerprints`].
    stolen: BTreeMap<Endpoint, SealingKey>,
}

impl MeetingPoint {
    /// Learns the secret sealing key of an endpoint.
    pub fn steal(&mut self, endpoint: Endpoint, key: SealingKey) {
        self.stolen.insert(endpoint, key);
    }

    /// How many requests and how many keep-alives it has heard since its start.
    pub fn heard(&self) -> (u64, u64) {
        (self.requests, self.keep_alives)
    }

    /// From now on tells those who join of a relay of its own, or no longer does.
    pub fn set_relay(&mut self, has_relay: bool) {
        self.relay = has_relay.then(|| String::from("turn:*:3478"));
    }

    /// From now on tells those who join of a relay at this `turn:` address.
    pub fn name_relay(&mut self, url: &str) {
        self.relay = Some(url.into());
    }

    /// What clients reported of their links, and after how many milliseconds.
    pub fn reports(&self) -> &[(LinkOutcome, u64)] {
        &self.reports
    }

    /// Begins to lie, or stops.
    pub fn set_lie(&mut self, lie: Option<Lie>) {
        self.lie = lie;
    }

    /// The first word on a new socket.
    pub fn welcome(&self, wall: WallTime) -> FromServer {
        let ahead = if self.lie == Some(Lie::Time) { 3_600_000 } else { 0 };
        FromServer::Welcome {
            versions: VERSIONS,
            challenge: [0; 32].into(),
            time_ms: wall.as_millis() + ahead,
            keep_alive_ms: 20_000,
            overlay: None,
        }
    }

    /// The text that is sent for `text`: changed under some lies.
    pub fn bend_text(&self, text: String, rng: &mut Rng) -> String {
        match self.lie {
            Some(Lie::Garbles) => {
                let place = rng.below(text.len() as u64) as usize;
                let garbled = |(at, letter)| if at == place { '#' } else { letter };
                text.chars().enumerate().map(garbled).collect()
            }
            Some(Lie::Oversized) => text + &" ".repeat(SERVER_MESSAGE_MAX),
            _ => text,
        }
    }

    /// Answers what `socket` said, with whom each answer goes to.
    pub fn handle(&mut self, socket: Socket, message: FromClient) -> Vec<(Socket, FromServer)> {
        match message {
            FromClient::KeepAlive => self.keep_alives += 1,
            _ => self.requests += 1,
        }
        match message {
            FromClient::Enter { announcement, .. } => {
                self.sockets.insert(announcement.endpoint, socket);
                self.announcements.insert(socket, announcement);
                vec![(socket, FromServer::Entered)]
            }
            FromClient::Register { genesis } => self.register(socket, &genesis),
            FromClient::Lookup { room, code } => match self.find(room, code) {
                Some(found) => vec![(socket, self.found(found))],
                None => {
                    self.waiting.push((socket, room, code));
                    vec![(socket, FromServer::Unknown { room, code })]
                }
            },
            FromClient::Join { room, .. } => {
                let relay = self.relay.as_deref().map(|url| (socket, relay(room, url)));
                relay.into_iter().chain(self.join(socket, room)).collect()
            }
            FromClient::IceServers { room } => {
                self.relay.as_deref().map(|url| (socket, relay(room, url))).into_iter().collect()
            }
            FromClient::Report { outcome, ms } => {
                self.reports.push((outcome, ms));
                vec![]
            }
            FromClient::Leave { room, code } => {
                self.waiting.retain(|waiting| *waiting != (socket, room, code));
                room.map(|room| self.leave(socket, room)).unwrap_or_default()
            }
            FromClient::Signal { room, to, payload } => {
                let addressee = self.socket_of(room, to);
                let from = self.announcements.get(&socket).map(|announcement| announcement.endpoint);
                let (Some(addressee), Some(from)) = (addressee, from) else { return vec![] };
                self.hand_out(addressee, room, from, payload)
            }
            FromClient::KeepAlive => vec![(socket, FromServer::KeepAlive)],
            _ => vec![],
        }
    }

    /// The socket is closed.
    pub fn close(&mut self, socket: Socket) -> Vec<(Socket, FromServer)> {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        let left = rooms.into_iter().flat_map(|room| self.leave(socket, room)).collect();
        if let Some(gone) = self.announcements.remove(&socket) {
            self.sockets.remove(&gone.endpoint);
        }
        self.waiting.retain(|(waiting, ..)| *waiting != socket);
        left
    }

    /// Tells everybody in a room of `count` members who have joined and answer nobody.
    pub fn name_ghosts(&mut self, room: RoomId, count: u64) -> Vec<(Socket, FromServer)> {
        let joined = (self.ghosts..self.ghosts + count)
            .map(|number| FromServer::MemberJoined { room, announcement: ghost(number) });
        self.ghosts += count;
        let members = self.rooms.get(&room).into_iter().flat_map(|(_, _, members)| members);
        joined.flat_map(|joined| members.clone().map(move |member| (*member, joined.clone()))).collect()
    }

    /// The key to which signals for a member are sealed.
    pub fn sealing_key(&self, of: Endpoint) -> Option<[u8; 32]> {
        self.announcements.get(self.sockets.get(&of)?)?.sealing_key.array()
    }

    /// A ghost joined a room and says something to a member, who is told of both.
    pub fn carry_ghost(
        &self,
        room: RoomId,
        ghost: &Announcement,
        to: Endpoint,
        payload: Vec<u8>,
    ) -> Vec<(Socket, FromServer)> {
        let (Some(socket), Ok(payload)) = (self.socket_of(room, to), Base64::new(payload)) else {
            return vec![];
        };
        let joined = FromServer::MemberJoined { room, announcement: ghost.clone() };
        vec![(socket, joined), (socket, FromServer::Signal { room, from: ghost.endpoint, payload })]
    }

    /// Forgets everything, as a server that was started again has.
    pub fn restart(&mut self) {
        let stolen = std::mem::take(&mut self.stolen);
        let relay = self.relay.take();
        let MeetingPoint { lie, ghosts, .. } = *self;
        *self = MeetingPoint { lie, ghosts, relay, stolen, ..MeetingPoint::default() };
    }

    /// Carries a signal to its addressee, as honestly as the lie allows.
    fn hand_out(
        &mut self,
        to: Socket,
        room: RoomId,
        from: Endpoint,
        payload: Base64<PAYLOAD_MAX>,
    ) -> Vec<(Socket, FromServer)> {
        let someone_else = |not: [Endpoint; 2]| {
            let (_, _, members) = self.rooms.get(&room)?;
            let endpoint = |socket: &Socket| Some((*socket, self.announcements.get(socket)?.endpoint));
            members.iter().filter_map(endpoint).find(|(_, endpoint)| !not.contains(endpoint))
        };
        let addressee = self.announcements.get(&to).map_or(from, |announcement| announcement.endpoint);
        let (to, from) = match self.lie {
            Some(Lie::Swallows) => return vec![],
            Some(Lie::Misdirects) => (someone_else([from, addressee]).map_or(to, |(socket, _)| socket), from),
            Some(Lie::Misattributes) => {
                (to, someone_else([from, addressee]).map_or(from, |(_, endpoint)| endpoint))
            }
            _ => (to, from),
        };
        let payload = match self.lie {
            Some(Lie::Fingerprints) => self.swap_fingerprint(room, addressee, payload),
            _ => self.bend_payload(payload),
        };
        let signal = (to, FromServer::Signal { room, from, payload });
        let last = self.last.replace(signal.clone()).filter(|_| self.lie == Some(Lie::Replays));
        [signal].into_iter().chain(last).collect()
    }

    fn register(&mut self, socket: Socket, bytes: &[u8]) -> Vec<(Socket, FromServer)> {
        let Ok((_, room)) = Genesis::decode(bytes) else { return vec![] };
        let bits = u32::from_le_bytes([room.0[0], room.0[1], room.0[2], room.0[3]]);
        let code = Code::from_bits(bits);
        self.rooms.entry(room).or_insert_with(|| (code, bytes.to_vec(), BTreeSet::new()));
        let mut answers = vec![(socket, self.found(room))];
        let (come_true, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, wanted, by_code)| *wanted == Some(room) || *by_code == Some(code));
        self.waiting = waiting;
        let come_true: Vec<(Socket, Option<RoomId>, Option<Code>)> = come_true;
        answers.extend(come_true.into_iter().map(|(waiting, ..)| (waiting, self.found(room))));
        answers
    }

    fn join(&mut self, socket: Socket, room: RoomId) -> Vec<(Socket, FromServer)> {
        let Some((_, _, members)) = self.rooms.get_mut(&room) else { return vec![] };
        let is_member = !members.insert(socket);
        let count = members.len() as u64 - 1;
        let mut others: Vec<Socket> = members.iter().copied().filter(|member| *member != socket).collect();
        let is_large = others.len() > SAMPLE;
        let named = self.named.entry((room, socket)).or_default();
        others.retain(|other| !named.contains(other));
        if is_large {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&self.requests.to_le_bytes());
            let mut rng = Rng::new(seed);
            for place in 0..SAMPLE.min(others.len()) {
                let other = place + rng.below((others.len() - place) as u64) as usize;
                others.swap(place, other);
            }
            others.truncate(SAMPLE.min(NAMED_MAX.saturating_sub(named.len())));
        }
        named.extend(&others);
        let announced = |member: &Socket| self.announcements.get(member).cloned();
        let mut members: Vec<_> = others.iter().filter_map(announced).map(|one| self.bend(one)).collect();
        let left = |one: &Announcement| (socket, FromServer::MemberLeft { room, endpoint: one.endpoint });
        let departures: Vec<_> = match self.lie {
            Some(Lie::Departures) => members.iter().map(left).collect(),
            _ => vec![],
        };
        if self.lie == Some(Lie::Ghosts) {
            members.extend((0..GHOSTS).map(|number| ghost(self.ghosts + number)));
        }
        let mut answers = vec![(socket, FromServer::Joined { room, members, others: Some(count) })];
        answers.extend(departures);
        // Joining again is not told.
        if let Some(announcement) = announced(&socket).filter(|_| !is_member) {
            let announcement = self.bend(announcement);
            let joined = FromServer::MemberJoined { room, announcement };
            for other in others {
                let named = self.named.entry((room, other)).or_default();
                if named.len() < NAMED_MAX {
                    named.insert(socket);
                }
                answers.push((other, joined.clone()));
            }
        }
        if self.lie == Some(Lie::Ghosts) {
            self.ghosts += GHOSTS;
        }
        answers
    }

    fn leave(&mut self, socket: Socket, room: RoomId) -> Vec<(Socket, FromServer)> {
        let Some((_, _, members)) = self.rooms.get_mut(&room) else { return vec![] };
        let Some(announcement) = self.announcements.get(&socket).filter(|_| members.remove(&socket)) else {
            return vec![];
        };
        self.named.remove(&(room, socket));
        for member in &*members {
            if let Some(named) = self.named.get_mut(&(room, *member)) {
                named.remove(&socket);
            }
        }
        let left = FromServer::MemberLeft { room, endpoint: announcement.endpoint };
        if members.len() >= SAMPLE {
            return vec![];
        }
        members.iter().map(|member| (*member, left.clone())).collect()
    }

    fn find(&self, room: Option<RoomId>, code: Option<Code>) -> Option<RoomId> {
        let meant = |(id, (known, ..)): &(&RoomId, &(Code, Vec<u8>, BTreeSet<Socket>))| {
            room.map_or(code == Some(*known), |room| room == **id)
        };
        self.rooms.iter().find(meant).map(|(id, _)| *id)
    }

    fn found(&self, room: RoomId) -> FromServer {
        let (code, genesis, _) = &self.rooms[&room];
        if self.lie == Some(Lie::OtherRoom) {
            let (identity, size) = (Identity::from_secret([8; 32]), CanvasSize { width: 9, height: 9 });
            let other = meshwork_place::owned(&mut Rng::new([8; 32]), identity.peer(), size, None);
            let (other, _) = other.sign(&identity).expect("the owner signs");
            let genesis = Base64::new(other).expect("a genesis is within the limit");
            return FromServer::Found { room, code: *code, genesis };
        }
        let genesis = Base64::new(genesis.clone()).expect("it was registered within the limit");
        FromServer::Found { room, code: *code, genesis }
    }

    fn socket_of(&self, room: RoomId, endpoint: Endpoint) -> Option<Socket> {
        let (_, _, members) = self.rooms.get(&room)?;
        self.sockets.get(&endpoint).copied().filter(|socket| members.contains(socket))
    }

    fn bend(&self, mut announcement: Announcement) -> Announcement {
        if self.lie == Some(Lie::SealingKeys) {
            announcement.sealing_key = [7; 32].into();
        }
        announcement
    }

    /// Puts another certificate into the description of a payload, where the addressee's key was stolen.
    fn swap_fingerprint(
        &self,
        room: RoomId,
        to: Endpoint,
        payload: Base64<PAYLOAD_MAX>,
    ) -> Base64<PAYLOAD_MAX> {
        let Some(key) = self.stolen.get(&to) else { return payload };
        let Ok(mut body) = sealing::open(&payload, key, to, &room, None) else { return payload };
        if let SignalContent::Offer { description, .. } | SignalContent::Answer { description, .. } =
            &mut body.content
        {
            description.fingerprint = Fingerprint([0xbb; 32]);
        }
        // The key that opens is not the key that signs: the server can only sign as itself.
        let liar = Identity::from_secret([0xbb; 32]);
        let sealed = sealing::seal(&body, &liar, &key.public(), None, &mut Rng::new([0xbb; 32]));
        Base64::new(sealed.expect("an honest key")).expect("as long as before")
    }

    fn bend_payload<const MAX: usize>(&self, payload: Base64<MAX>) -> Base64<MAX> {
        if self.lie != Some(Lie::Payloads) {
            return payload;
        }
        let mut bytes = payload.to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        Base64::new(bytes).expect("as long as before")
    }
}

/// Members that are named to a newcomer, and to whom it is named: a larger room finds itself.
const SAMPLE: usize = 24;
/// Of so many members of a room a socket is told in all.
const NAMED_MAX: usize = 4 * SAMPLE;
/// Ghosts that are listed at each joining.
const GHOSTS: u64 = 3;

/// A relay for members of a room, for ten minutes.
fn relay(room: RoomId, url: &str) -> FromServer {
    let server = IceServer {
        urls: vec![url.into()],
        username: String::from("somebody"),
        credential: String::from("something"),
    };
    FromServer::IceServers { room, servers: vec![server], lasts_ms: 600_000 }
}

/// The announcement of an endpoint that does not exist.
fn ghost(number: u64) -> Announcement {
    let mut secret = [0x66; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    let identity = Identity::from_secret(secret);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(number) };
    announce::announce(&identity, endpoint, [9; 32])
}
