//! Virtual connections: what a WebRTC stack does between two drivers, without the packets.
//!
//! Reliable messages keep their order; a lost one arrives a retransmission later and holds back those behind it.
//! Unreliable messages may be lost, repeated or overtaken. While a path is cut, reliable messages wait and
//! unreliable ones are lost; what a stack has sent counts as sent when the other end could say so, so a path that
//! is cut one way stalls the other way too. Nothing is corrupted: what DTLS cannot open never arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use meshwork_core::rng::Rng;
use meshwork_core::seam::description::{
    Candidate, CandidateAddress, CandidateKind, Description, Fingerprint, Fingerprints, Role, Signal,
};
use meshwork_core::seam::io::{Channel, Effect, Input, LinkId};
use meshwork_core::seam::path::{IceConfig, IcePolicy, LinkPath, PathEnd, RelayTransport};
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText};

pub use crate::path::PathModel;

/// Which node.
pub type NodeIndex = usize;
/// One end of a connection.
pub type End = (NodeIndex, LinkId);

#[derive(Debug)]
struct EndState {
    role: Role,
    policy: IcePolicy,
    /// Whether it has an address on a relay.
    is_relayed: bool,
    token: String,
    fingerprint: Fingerprint,
    /// The other end, as its description named it, which is known also when that end is closed.
    remote: Option<End>,
    /// The certificate that the other end's description promises.
    promised: Option<Fingerprint>,
    up: bool,
    /// What arrived before the end was up.
    early: Vec<Input>,
    /// When the last reliable message to this end arrives: the next one comes no earlier.
    reliable_until: Time,
}

/// Something that happens to an end at a time.
pub type Arrival = (Time, End, Input);

/// All ends, by node and in the order in which each node made them.
#[derive(Debug, Default)]
struct Ends(Vec<Vec<(LinkId, Box<EndState>)>>);

impl Ends {
    fn place(&self, end: &End) -> Option<usize> {
        self.0.get(end.0)?.binary_search_by_key(&end.1, |(link, _)| *link).ok()
    }

    fn get(&self, end: &End) -> Option<&EndState> {
        Some(&self.0[end.0][self.place(end)?].1)
    }

    fn get_mut(&mut self, end: &End) -> Option<&mut EndState> {
        let place = self.place(end)?;
        Some(&mut self.0[end.0][place].1)
    }

    fn insert(&mut self, end: End, state: EndState) {
        if self.0.len() <= end.0 {
            self.0.resize_with(end.0 + 1, Vec::new);
        }
        let ends = &mut self.0[end.0];
        let place = ends.partition_point(|(link, _)| *link < end.1);
        ends.insert(place, (end.1, Box::new(state)));
    }

    fn remove(&mut self, end: &End) -> Option<EndState> {
        let place = self.place(end)?;
        Some(*self.0[end.0].remove(place).1)
    }

    /// Those of one node.
    fn of(&self, node: NodeIndex) -> impl Iterator<Item = (End, &EndState)> {
        let ends = self.0.get(node).into_iter().flatten();
        ends.map(move |(link, state)| ((node, *link), &**state))
    }
}

/// What a node names as its own address.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// All connections of a world.
#[derive(Debug)]
pub struct Connections {
    ends: Ends,
    tokens: BTreeMap<String, End>,
    next_token: u64,
    /// From whom to whom nothing arrives.
    cut: BTreeSet<(NodeIndex, NodeIndex)>,
    /// Who is where no direct path leads to whom.
    hard: BTreeSet<(NodeIndex, NodeIndex)>,
    /// Addresses on relays that each node has taken, those it gave back included.
    allocations: BTreeMap<NodeIndex, usize>,
    /// Addresses that nodes name as their own, where they are others than [`ADDRESS`].
    named: BTreeMap<NodeIndex, Vec<IpAddr>>,
    /// Addresses to which each node's driver was to send, so far.
    handed: BTreeSet<(NodeIndex, IpAddr)>,
    /// Whom nothing reaches and who sends nothing.
    asleep: BTreeSet<NodeIndex>,
    parked: Vec<(End, Input)>,
    /// Until when each node's sending capacity is taken.
    busy_until: BTreeMap<NodeIndex, Time>,
    rng: Rng,
}

impl Connections {
    /// No connections.
    pub fn new(rng: Rng) -> Connections {
        Connections {
            ends: Ends::default(),
            tokens: BTreeMap::new(),
            next_token: 0,
            cut: BTreeSet::new(),
            hard: BTreeSet::new(),
            allocations: BTreeMap::new(),
            named: BTreeMap::new(),
            handed: BTreeSet::new(),
            asleep: BTreeSet::new(),
            parked: vec![],
            busy_until: BTreeMap::new(),
            rng,
        }
    }

    /// A node names these addresses as its own from now on, a few of them.
    pub fn set_addresses(&mut self, node: NodeIndex, addresses: Vec<IpAddr>) {
        self.named.insert(node, addresses);
    }

    /// The addresses to which a node's driver was to send, so far.
    pub fn handed(&self, node: NodeIndex) -> impl Iterator<Item = IpAddr> {
        self.handed.iter().filter(move |(to, _)| *to == node).map(|&(_, address)| address)
    }

    /// Carries out an effect of `node` that concerns a connection. What comes of it is added to `arrivals`.
    pub fn carry_out(
        &mut self,
        now: Time,
        node: NodeIndex,
        effect: Effect,
        path: &PathModel,
        arrivals: &mut Vec<Arrival>,
    ) {
        match effect {
            Effect::Open { link, role, ice } => {
                arrivals.extend(self.open(now, (node, link), role, &ice));
            }
            Effect::Signal { link, signal: Signal::Description(description) } => {
                arrivals.extend(self.describe(now, (node, link), &description, path));
            }
            Effect::Send { link, channel, bytes } => {
                self.send(now, (node, link), channel, bytes, path, arrivals);
            }
            Effect::Close { link } => arrivals.extend(self.close(now, (node, link), path)),
            _ => {}
        }
    }

    /// A node is gone without a word: its connections die silently. One that was asleep stays so, or what it had sent last would
    /// arrive where what it sent before did not.
    pub fn forget_node(&mut self, node: NodeIndex) {
        self.of(node).into_iter().for_each(|link| self.forget(&(node, link)));
        self.parked.retain(|((owner, _), _)| *owner != node);
        self.busy_until.remove(&node);
    }

    /// The connections of a node.
    pub fn of(&self, node: NodeIndex) -> Vec<LinkId> {
        self.ends.of(node).map(|((_, link), _)| link).collect()
    }

    /// The node at the other end of a connection, as far as a description named it.
    pub fn remote_node(&self, end: End) -> Option<NodeIndex> {
        self.ends.get(&end)?.remote.map(|(node, _)| node)
    }

    /// What an end hears of an arrival now: nothing when it is gone or its path is cut, what waited for it to be
    /// up when it comes up.
    pub fn admit(&mut self, end: End, input: Input) -> (Option<Input>, Vec<Input>) {
        let nothing = (None, vec![]);
        let Some(state) = self.ends.get_mut(&end) else { return nothing };
        let (deaf, mute) = match state.remote {
            Some((other, _)) => {
                (is_cut(&self.cut, &self.asleep, other, end.0), is_cut(&self.cut, &self.asleep, end.0, other))
            }
            None => (self.asleep.contains(&end.0), false),
        };
        match input {
            // Both ends go on looking for a path, so that they are up when there is one.
            Input::Data { channel: Channel::Reliable, .. } if deaf => {
                self.parked.push((end, input));
                nothing
            }
            Input::Writable { .. } | Input::Up { .. } if deaf || mute => {
                self.parked.push((end, input));
                nothing
            }
            // What an end has to say of itself needs no path.
            Input::Signal { .. } if self.asleep.contains(&end.0) => {
                self.parked.push((end, input));
                nothing
            }
            Input::Data { .. } | Input::Down { .. } if deaf => nothing,
            Input::Data { .. } if !state.up => {
                state.early.push(input);
                nothing
            }
            Input::Up { .. } => {
                state.up = true;
                (Some(input), std::mem::take(&mut state.early))
            }
            Input::Down { .. } => {
                self.forget(&end);
                (Some(input), vec![])
            }
            input => (Some(input), vec![]),
        }
    }

    /// Cuts the paths between two nodes, in both directions.
    pub fn cut(&mut self, one: NodeIndex, other: NodeIndex) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Lets nothing of `from` arrive at `to` any more. What `to` sends still arrives, though its
    /// stack never hears so.
    pub fn cut_one_way(&mut self, from: NodeIndex, to: NodeIndex) {
        self.cut.insert((from, to));
    }

    /// Heals all cuts. Returns what waited: it must be admitted at once, before anything overtakes it.
    pub fn heal(&mut self) -> Vec<(End, Input)> {
        self.cut.clear();
        std::mem::take(&mut self.parked)
    }

    /// From now on no new connection of these two finds a direct path, as between symmetric routers.
    pub fn make_hard(&mut self, one: NodeIndex, other: NodeIndex) {
        self.hard.extend([(one, other), (other, one)]);
    }

    /// From now on new connections of these two find one again.
    pub fn make_easy(&mut self, one: NodeIndex, other: NodeIndex) {
        self.hard.retain(|&pair| pair != (one, other) && pair != (other, one));
    }

    /// How many addresses on relays a node has taken so far.
    pub fn allocations(&self, node: NodeIndex) -> usize {
        self.allocations.get(&node).copied().unwrap_or(0)
    }

    /// A node falls asleep: nothing reaches it, and it sends nothing.
    pub fn sleep(&mut self, node: NodeIndex) {
        self.asleep.insert(node);
    }

    /// A node wakes up. Returns what waited, as [`Connections::heal`] does.
    pub fn wake(&mut self, node: NodeIndex) -> Vec<(End, Input)> {
        self.asleep.remove(&node);
        std::mem::take(&mut self.parked)
    }

    /// All connections between two nodes fail, as when DTLS gives up on what it cannot open. Returns who is to
    /// be told at once, and what.
    pub fn fail(&mut self, one: NodeIndex, other: NodeIndex) -> Vec<(End, Input)> {
        let to = |owner, other| {
            let leads = move |state: &EndState| state.remote.is_some_and(|(node, _)| node == other);
            self.ends.of(owner).filter(move |(_, state)| leads(state)).map(|(end, _)| end)
        };
        let (lesser, greater) = (one.min(other), one.max(other));
        let ends: Vec<End> = to(lesser, greater).chain(to(greater, lesser)).collect();
        ends.iter().for_each(|end| self.forget(end));
        let down = |(_, link): End| Input::Down { link, reason: String::from("the connection failed") };
        ends.into_iter().map(|end| (end, down(end))).collect()
    }

    /// The other end, while both exist.
    fn remote(&self, end: &End) -> Option<End> {
        self.ends.get(end)?.remote.filter(|remote| self.ends.place(remote).is_some())
    }

    fn open(&mut self, now: Time, end: End, role: Role, ice: &IceConfig) -> Vec<Arrival> {
        let is_relayed = ice.usable_servers().any(|server| server.ice.is_relay());
        *self.allocations.entry(end.0).or_default() += usize::from(is_relayed);
        self.next_token += 1;
        let token = format!("end{}", self.next_token);
        let fingerprint = Fingerprint(self.rng.bytes());
        let state = EndState {
            role,
            policy: ice.policy,
            is_relayed,
            token: token.clone(),
            fingerprint,
            remote: None,
            promised: None,
            up: false,
            early: vec![],
            reliable_until: now,
        };
        self.tokens.insert(token, end);
        self.ends.insert(end, state);
        match role {
            Role::Offerer => vec![self.own_description(now, end)],
            Role::Answerer => vec![],
        }
    }

    fn own_description(&self, now: Time, end: End) -> Arrival {
        let state = self.ends.get(&end).expect("it was opened");
        let candidate = |kind, address: IpAddr| Candidate {
            kind,
            priority: 1,
            address: CandidateAddress::Ip(address),
            port: 1 + (end.0 as u16),
        };
        let own = self.named.get(&end.0).map_or(&[ADDRESS][..], Vec::as_slice);
        let own = if state.policy == IcePolicy::Relay { &[] } else { own };
        let own = own.iter().map(|&address| candidate(CandidateKind::Host, address));
        let relayed = state.is_relayed.then(|| candidate(CandidateKind::Relayed, [192, 0, 2, 1].into()));
        let description = Description {
            role: state.role,
            user_fragment: BoundedText::new(&state.token).expect("short"),
            password: BoundedText::new("0123456789012345678901").expect("short"),
            fingerprint: state.fingerprint,
            candidates: Bounded::new(own.into_iter().chain(relayed).collect()).expect("few are set"),
        };
        (now, end, Input::Signal { link: end.1, signal: Signal::Description(description) })
    }

    fn describe(&mut self, now: Time, end: End, description: &Description, path: &PathModel) -> Vec<Arrival> {
        let Some(state) = self.ends.get_mut(&end) else { return vec![] };
        let addresses = description.candidates.iter().filter_map(|candidate| match candidate.address {
            CandidateAddress::Ip(ip) => Some((end.0, ip)),
            CandidateAddress::Mdns(_) => None,
        });
        self.handed.extend(addresses);
        // Ends are not made again, so one that is gone by now is gone for good.
        state.remote = self.tokens.get(description.user_fragment.as_str()).copied();
        state.promised = Some(description.fingerprint);
        let role = state.role;
        let mut arrivals = vec![];
        if role == Role::Answerer {
            arrivals.push(self.own_description(now, end));
        }
        let (Some(remote), Role::Offerer) = (self.remote(&end), role) else { return arrivals };
        // Checks, DTLS and SCTP take about three round trips; the answerer is up half a round trip later.
        let up = now + path.draw(&mut self.rng) * 6;
        let later = up + path.draw(&mut self.rng);
        let honest = self.shows_what_it_promised(end, remote) && self.shows_what_it_promised(remote, end);
        for (at, one, other) in [(up, end, remote), (later, remote, end)] {
            let (Some(state), Some(local)) = (self.ends.get(&other), self.ends.get(&one)) else { continue };
            // Who finds no path goes on looking; the node's patience ends sooner.
            let Some(path) = self.way(one, other) else { continue };
            let link = one.1;
            let fingerprints = Fingerprints { local: local.fingerprint, remote: state.fingerprint };
            let input = if honest {
                Input::Up { link, fingerprints, path }
            } else {
                Input::Down { link, reason: String::from("the other end showed another certificate") }
            };
            arrivals.push((at, one, input));
        }
        arrivals
    }

    /// How packets of `one` travel to `other`, if there is a way.
    fn way(&self, one: End, other: End) -> Option<LinkPath> {
        let (own, theirs) = (self.ends.get(&one)?, self.ends.get(&other)?);
        let hides = [own, theirs].iter().any(|state| state.policy == IcePolicy::Relay);
        if [own, theirs].iter().any(|state| state.policy == IcePolicy::Relay && !state.is_relayed) {
            return None;
        }
        if !hides && !self.hard.contains(&(one.0, other.0)) {
            let address = self.named.get(&other.0).and_then(|named| named.first().copied());
            return Some(LinkPath { address, ..LinkPath::HOSTS });
        }
        let end = |is_relayed| Some(if is_relayed { PathEnd::Relayed } else { PathEnd::Host });
        (own.is_relayed || theirs.is_relayed).then_some(LinkPath {
            local: end(own.is_relayed),
            remote: end(theirs.is_relayed),
            relay: own.is_relayed.then_some(RelayTransport::Udp),
            address: None,
        })
    }

    /// Whether the certificate of `shower` is the one that `viewer` was promised.
    fn shows_what_it_promised(&self, viewer: End, shower: End) -> bool {
        let promised = self.ends.get(&viewer).and_then(|state| state.promised);
        promised == self.ends.get(&shower).map(|state| state.fingerprint)
    }

    fn send(
        &mut self,
        now: Time,
        end: End,
        channel: Channel,
        bytes: Vec<u8>,
        path: &PathModel,
        arrivals: &mut Vec<Arrival>,
    ) {
        let freed = bytes.len();
        let busy_until = self.busy_until.entry(end.0).or_insert(now);
        let left = now.max(*busy_until) + path.time_to_send(freed);
        *busy_until = left;
        let writable = |at| (at, end, Input::Writable { link: end.1, bytes: freed });
        let remote = self.ends.get(&end).and_then(|state| state.remote);
        let Some((remote, state)) = remote.and_then(|remote| Some((remote, self.ends.get_mut(&remote)?)))
        else {
            return arrivals.push(writable(left + path.draw(&mut self.rng)));
        };
        if channel == Channel::Unreliable {
            let data = |bytes| Input::Data { link: remote.1, channel, bytes };
            let mut copies = path.draw_unreliable(&mut self.rng);
            let (first, second) = (copies.next(), copies.next());
            if let Some(delay) = second {
                arrivals.push((left + delay, remote, data(bytes.clone())));
            }
            if let Some(delay) = first {
                arrivals.push((left + delay, remote, data(bytes)));
            }
            return arrivals.push(writable(left));
        }
        let delay = path.draw_reliable(&mut self.rng);
        let at = (left + delay).max(state.reliable_until);
        state.reliable_until = at;
        arrivals.push((at, remote, Input::Data { link: remote.1, channel, bytes }));
        arrivals.push(writable(at + path.latency));
    }

    fn close(&mut self, now: Time, end: End, path: &PathModel) -> Vec<Arrival> {
        // Where there is no way, nobody hears that it was given up.
        let remote = self.remote(&end).filter(|&remote| self.way(end, remote).is_some());
        self.forget(&end);
        let Some((remote, state)) = remote.and_then(|end| Some((end, self.ends.get(&end)?))) else {
            return vec![];
        };
        let at = (now + path.draw(&mut self.rng)).max(state.reliable_until);
        let reason = String::from("the other end closed the connection");
        vec![(at, remote, Input::Down { link: remote.1, reason })]
    }

    fn forget(&mut self, end: &End) {
        if let Some(state) = self.ends.remove(end) {
            self.tokens.remove(&state.token);
        }
    }
}

fn is_cut(
    cut: &BTreeSet<(NodeIndex, NodeIndex)>,
    asleep: &BTreeSet<NodeIndex>,
    from: NodeIndex,
    to: NodeIndex,
) -> bool {
    asleep.contains(&from) || asleep.contains(&to) || cut.contains(&(from, to))
}
