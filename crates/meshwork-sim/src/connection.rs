//! Virtual connections: what a WebRTC stack does between two drivers, without the packets.
//!
//! Reliable messages keep their order; a lost one arrives a retransmission later and holds back those behind it.
//! Unreliable messages may be lost, doubled or overtaken. While a path is cut, reliable messages wait and
//! unreliable ones are lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::node::io::{Channel, Effect, Input, LinkId, Path};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::description::{
    Candidate, CandidateAddress, CandidateKind, Description, Fingerprint, Fingerprints, Role, Signal,
};
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText};

/// Which node.
pub type NodeIndex = usize;
/// One end of a connection.
pub type End = (NodeIndex, LinkId);

/// How paths behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathModel {
    /// One-way time without jitter.
    pub latency: Duration,
    /// Greatest addition to it.
    pub jitter: Duration,
    /// Lost packets in a thousand.
    pub loss_per_mille: u64,
}

impl PathModel {
    /// One machine or room.
    pub const LOCAL: PathModel = PathModel {
        latency: Duration::from_micros(200),
        jitter: Duration::from_micros(100),
        loss_per_mille: 0,
    };
    /// Across a continent.
    pub const WAN: PathModel = PathModel {
        latency: Duration::from_millis(40),
        jitter: Duration::from_millis(15),
        loss_per_mille: 10,
    };
    /// A phone on a train.
    pub const MOBILE: PathModel = PathModel {
        latency: Duration::from_millis(90),
        jitter: Duration::from_millis(120),
        loss_per_mille: 50,
    };

    /// Draws the time that one packet takes.
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        self.latency + Duration::from_micros(rng.below(self.jitter.as_micros() as u64 + 1))
    }

    fn loses(&self, rng: &mut Rng) -> bool {
        rng.below(1000) < self.loss_per_mille
    }
}

#[derive(Debug)]
struct EndState {
    role: Role,
    token: String,
    fingerprint: Fingerprint,
    /// The other end, as its description named it.
    remote: Option<String>,
    /// The node at the other end, which is known also when that end is closed.
    remote_node: Option<NodeIndex>,
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

/// All connections of a world.
#[derive(Debug)]
pub struct Connections {
    ends: BTreeMap<End, EndState>,
    tokens: BTreeMap<String, End>,
    next_token: u64,
    cut: BTreeSet<(NodeIndex, NodeIndex)>,
    parked: Vec<(End, Input)>,
    rng: Rng,
}

impl Connections {
    /// No connections.
    pub fn new(rng: Rng) -> Connections {
        let (ends, tokens, cut, parked) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new(), vec![]);
        Connections { ends, tokens, next_token: 0, cut, parked, rng }
    }

    /// Carries out an effect of `node` that concerns a connection.
    pub fn carry_out(
        &mut self,
        now: Time,
        node: NodeIndex,
        effect: Effect,
        path: &PathModel,
    ) -> Vec<Arrival> {
        match effect {
            Effect::Open { link, role } => self.open(now, (node, link), role),
            Effect::Signal { link, signal: Signal::Description(description) } => {
                self.describe(now, (node, link), &description, path)
            }
            Effect::Send { link, channel, bytes } => self.send(now, (node, link), channel, bytes, path),
            Effect::Close { link } => self.close(now, (node, link), path),
            _ => vec![],
        }
    }

    /// A node is gone without a word: its connections die silently.
    pub fn forget_node(&mut self, node: NodeIndex) {
        self.ends.retain(|(owner, _), _| *owner != node);
        self.tokens.retain(|_, (owner, _)| *owner != node);
    }

    /// The connections of a node.
    pub fn of(&self, node: NodeIndex) -> Vec<LinkId> {
        self.ends.keys().filter(|(owner, _)| *owner == node).map(|(_, link)| *link).collect()
    }

    /// What an end hears of an arrival now: nothing when it is gone or its path is cut, what waited for it to be
    /// up when it comes up.
    pub fn admit(&mut self, end: End, input: Input) -> Vec<Input> {
        let Some(state) = self.ends.get_mut(&end) else { return vec![] };
        let cut = state.remote_node.is_some_and(|other| self.cut.contains(&ordered(end.0, other)));
        match input {
            Input::Data { channel: Channel::Reliable, .. } if cut => {
                self.parked.push((end, input));
                vec![]
            }
            Input::Data { .. } | Input::Up { .. } | Input::Down { .. } if cut => vec![],
            Input::Data { .. } if !state.up => {
                state.early.push(input);
                vec![]
            }
            Input::Up { .. } => {
                state.up = true;
                let early = std::mem::take(&mut state.early);
                [input].into_iter().chain(early).collect()
            }
            Input::Down { .. } => {
                self.forget(&end);
                vec![input]
            }
            input => vec![input],
        }
    }

    /// Cuts the paths between two nodes, in both directions.
    pub fn cut(&mut self, one: NodeIndex, other: NodeIndex) {
        self.cut.insert(ordered(one, other));
    }

    /// Heals all cuts. Returns what waited: it must be admitted at once, before anything overtakes it.
    pub fn heal(&mut self) -> Vec<(End, Input)> {
        self.cut.clear();
        std::mem::take(&mut self.parked)
    }

    /// The other end, while both exist.
    fn remote(&self, end: &End) -> Option<End> {
        let token = self.ends.get(end)?.remote.as_ref()?;
        self.tokens.get(token).copied()
    }

    fn open(&mut self, now: Time, end: End, role: Role) -> Vec<Arrival> {
        self.next_token += 1;
        let token = format!("end{}", self.next_token);
        let fingerprint = Fingerprint(self.rng.bytes());
        let state = EndState {
            role,
            token: token.clone(),
            fingerprint,
            remote: None,
            remote_node: None,
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
        let state = &self.ends[&end];
        let candidate = Candidate {
            kind: CandidateKind::Host,
            priority: 1,
            address: CandidateAddress::Ip([127, 0, 0, 1].into()),
            port: 1 + (end.0 as u16),
        };
        let description = Description {
            role: state.role,
            user_fragment: BoundedText::new(&state.token).expect("short"),
            password: BoundedText::new("0123456789012345678901").expect("short"),
            fingerprint: state.fingerprint,
            candidates: Bounded::new(vec![candidate]).expect("one"),
        };
        (now, end, Input::Signal { link: end.1, signal: Signal::Description(description) })
    }

    fn describe(&mut self, now: Time, end: End, description: &Description, path: &PathModel) -> Vec<Arrival> {
        let Some(state) = self.ends.get_mut(&end) else { return vec![] };
        let token = String::from(description.user_fragment.as_str());
        state.remote_node = self.tokens.get(&token).map(|(node, _)| *node);
        state.remote = Some(token);
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
            let link = one.1;
            let fingerprints = Fingerprints { local: local.fingerprint, remote: state.fingerprint };
            let input = if honest {
                Input::Up { link, fingerprints, path: Path::Direct }
            } else {
                Input::Down { link, reason: String::from("the other end showed another certificate") }
            };
            arrivals.push((at, one, input));
        }
        arrivals
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
    ) -> Vec<Arrival> {
        let freed = bytes.len();
        let mut delay = path.draw(&mut self.rng);
        let lost = path.loses(&mut self.rng);
        let writable = |at| (at, end, Input::Writable { link: end.1, bytes: freed });
        let Some(remote) = self.remote(&end) else { return vec![writable(now + delay)] };
        let data = Input::Data { link: remote.1, channel, bytes };
        if channel == Channel::Unreliable {
            let doubled = path.loses(&mut self.rng).then(|| (now + delay * 2, remote, data.clone()));
            let arrival = (!lost).then_some((now + delay, remote, data));
            return doubled.into_iter().chain(arrival).chain([writable(now + delay)]).collect();
        }
        while lost && path.loses(&mut self.rng) {
            delay += path.latency * 2 + Duration::from_millis(200);
        }
        if lost {
            delay += path.latency * 2 + Duration::from_millis(200);
        }
        let Some(state) = self.ends.get_mut(&remote) else { return vec![writable(now + delay)] };
        let at = (now + delay).max(state.reliable_until);
        state.reliable_until = at;
        vec![(at, remote, data), writable(at + path.latency)]
    }

    fn close(&mut self, now: Time, end: End, path: &PathModel) -> Vec<Arrival> {
        let remote = self.remote(&end);
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

fn ordered(one: NodeIndex, other: NodeIndex) -> (NodeIndex, NodeIndex) {
    (one.min(other), one.max(other))
}
