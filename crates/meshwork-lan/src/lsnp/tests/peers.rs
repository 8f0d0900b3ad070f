//! Stand-ins for peers of LSNP, each with the habits of its original, and a network of virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::time::{Time, WallTime};

use super::super::{Config, Event, Lsnp, Output, PORT, Socket};
use crate::discovery::Interface;

/// A datagram on its way: from, to, bytes.
pub(super) type Packet = (SocketAddr, SocketAddr, Vec<u8>);

pub(super) const WALL: u64 = 1_790_000_000;
pub(super) const BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 255);

pub(super) fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

pub(super) fn wall(now: Time) -> WallTime {
    WallTime(WALL * 1_000_000 + now.0)
}

/// A machine of ours, named `ann`, at 10.0.0.LAST with the main port 8123.
pub(super) fn ours(last: u8, seed: u8) -> Lsnp {
    let seconds = Duration::from_secs;
    let config = Config { user: "ann".into(), port: 8123, announce: seconds(30), timeout: seconds(300) };
    let mut lsnp = Lsnp::new(config, [seed; 32], Time(0));
    let one = |address: Ipv4Addr, broadcast: Ipv4Addr, prefix| Interface {
        name: format!("if{prefix}"),
        address: address.into(),
        prefix,
        broadcast: Some(broadcast),
        index: 1,
    };
    lsnp.handle_interfaces(
        Time(0),
        &[one(ip(last), BROADCAST, 24), one([127, 0, 0, 1].into(), [127, 255, 255, 255].into(), 8)],
    );
    lsnp
}

/// The sends and the events of a machine until now.
pub(super) fn drain(lsnp: &mut Lsnp) -> (Vec<(Socket, SocketAddr, String)>, Vec<Event>) {
    let (mut sends, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = lsnp.poll_output() {
        match output {
            Output::Send { from, to, bytes } => {
                assert!(bytes.len() <= 4096);
                sends.push((from, to, String::from_utf8(bytes).expect("a text")));
            }
            Output::Event(event) => events.push(event),
        }
    }
    (sends, events)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    A,
    B,
    Strict,
}

/// A foreign peer with one or two sockets.
pub(super) struct Peer {
    kind: Kind,
    ip: Ipv4Addr,
    port: u16,
    name: &'static str,
    pub(super) known: BTreeMap<String, SocketAddr>,
    pub(super) banned: BTreeSet<String>,
    pub(super) follows: BTreeSet<String>,
    pub(super) followers: BTreeSet<String>,
    /// Type and content of the messages that it shows.
    pub(super) shown: Vec<(String, String)>,
    /// Datagrams that it drops.
    pub(super) dropped: Vec<String>,
    pub(super) received: usize,
    /// Whether acknowledgements get lost.
    pub(super) is_mute: bool,
    numbers: u64,
}

impl Peer {
    pub(super) fn new(kind: Kind, last: u8, name: &'static str) -> Peer {
        let port = if kind == Kind::Strict { PORT } else { 9000 + u16::from(last) };
        Peer {
            kind,
            ip: ip(last),
            port,
            name,
            known: BTreeMap::new(),
            banned: BTreeSet::new(),
            follows: BTreeSet::new(),
            followers: BTreeSet::new(),
            shown: Vec::new(),
            dropped: Vec::new(),
            received: 0,
            is_mute: false,
            numbers: 0,
        }
    }

    pub(super) fn id(&self) -> String {
        format!("{}@{}", self.name, self.ip)
    }

    fn number(&mut self) -> String {
        self.numbers += 1;
        format!("{:016x}", self.numbers | u64::from(self.ip.octets()[3]) << 32)
    }

    /// A message of its own, in its framing and from its main socket. `text` is unspaced.
    pub(super) fn says(&self, to: SocketAddr, text: &str) -> Packet {
        let colon = if self.kind == Kind::Strict { ": " } else { ":" };
        let text: String = text.lines().map(|line| line.replacen(':', colon, 1) + "\n").collect();
        ((self.ip, self.port).into(), to, format!("{text}\n").into_bytes())
    }

    pub(super) fn discovery(&mut self, to: SocketAddr) -> Packet {
        let (id, port, number) = (self.id(), self.port, self.number());
        self.says(
            to,
            &format!("TYPE:PEER_DISCOVERY\nUSER_ID:{id}\nPORT:{port}\nTIMESTAMP:{WALL}\nMESSAGE_ID:{number}"),
        )
    }

    /// A post, or a direct message for an addressee.
    pub(super) fn text(&mut self, to: SocketAddr, addressee: Option<&str>, content: &str) -> Packet {
        let (id, number) = (self.id(), self.number());
        let (head, scope) = match addressee {
            Some(addressee) => (format!("TYPE:DM\nFROM:{id}\nTO:{addressee}"), "chat"),
            None => (format!("TYPE:POST\nUSER_ID:{id}"), "broadcast"),
        };
        let token =
            if self.kind == Kind::A { String::new() } else { format!("TOKEN:{id}|{}|{scope}", WALL + 60) };
        self.says(to, &format!("{head}\nCONTENT:{content}\nTIMESTAMP:{WALL}\nMESSAGE_ID:{number}\n{token}"))
    }

    /// Reads its own framing alone.
    fn read(&self, bytes: &[u8]) -> Result<BTreeMap<String, String>, &'static str> {
        let text = str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        if self.kind != Kind::Strict {
            let pairs = text.split('\n').filter_map(|line| line.split_once(':'));
            return Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
        }
        if bytes.len() > 4096 || !text.starts_with("TYPE: ") || !text.ends_with("\n\n") {
            return Err("framing");
        }
        let pairs = text.lines().filter_map(|line| line.split_once(": "));
        let fields: BTreeMap<String, String> =
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let is_hex = |id: &String| {
            id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let has_ip = |id: &String| id.split_once('@').is_some_and(|(_, ip)| ip.parse::<Ipv4Addr>().is_ok());
        if fields.get("MESSAGE_ID").is_some_and(|id| !is_hex(id)) {
            return Err("MESSAGE_ID");
        }
        if ["USER_ID", "FROM"].iter().any(|key| fields.get(*key).is_some_and(|id| !has_ip(id))) {
            return Err("USER_ID");
        }
        Ok(fields)
    }

    fn permits(&self, fields: &BTreeMap<String, String>, scope: &str) -> bool {
        let parts: Vec<&str> =
            fields.get("TOKEN").map(|token| token.split('|').collect()).unwrap_or_default();
        self.kind == Kind::A
            || parts.len() == 3
                && parts[1].parse::<u64>().is_ok_and(|expiry| expiry > WALL)
                && parts[2] == scope
    }

    pub(super) fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Packet> {
        self.received += 1;
        let fields = match self.read(bytes) {
            Ok(fields) => fields,
            Err(reason) => {
                self.dropped.push(reason.to_owned());
                return Vec::new();
            }
        };
        let get = |key: &str| fields.get(key).cloned().unwrap_or_default();
        let (kind, content) = (get("TYPE"), get("CONTENT"));
        let sender = Some(get("USER_ID")).filter(|id| !id.is_empty()).unwrap_or_else(|| get("FROM"));
        if sender == self.id() || self.banned.contains(&sender) {
            return Vec::new();
        }
        let is_new = !self.known.contains_key(&sender);
        if self.kind == Kind::A && !sender.is_empty() {
            self.known.insert(sender.clone(), from);
        }
        let is_for_it = get("TO") == self.id();
        match (self.kind, kind.as_str()) {
            (_, "DM") if is_for_it && self.permits(&fields, "chat") => {
                self.shown.push((kind, content));
                let ack = format!("TYPE:ACK\nMESSAGE_ID:{}\nSTATUS:RECEIVED", get("MESSAGE_ID"));
                let is_spoken = self.kind == Kind::Strict && !self.is_mute;
                return is_spoken.then(|| self.says((from.ip(), PORT).into(), &ack)).into_iter().collect();
            }
            (_, "POST") if self.permits(&fields, "broadcast") => {
                if self.kind != Kind::B || self.follows.contains(&sender) {
                    self.shown.push((kind, content));
                }
            }
            (_, "PROFILE") => {
                self.known.insert(sender, from);
                self.shown.push((kind, get("DISPLAY_NAME")));
            }
            (_, "ACK") => self.shown.push((kind, get("MESSAGE_ID"))),
            (Kind::Strict, "PING") => {
                self.known.insert(sender, from);
                let profile =
                    format!("TYPE:PROFILE\nUSER_ID:{}\nDISPLAY_NAME:{}\nSTATUS:here", self.id(), self.name);
                return is_new.then(|| self.says(from, &profile)).into_iter().collect();
            }
            (Kind::A | Kind::B, "PEER_DISCOVERY") => {
                let address = SocketAddr::new(from.ip(), get("PORT").parse().unwrap_or_default());
                self.known.insert(sender, address);
                return vec![self.discovery(address)];
            }
            (Kind::B, other) => return self.receive_of_b(from, sender, other, &fields),
            (_, other) => self.dropped.push(other.to_owned()),
        }
        Vec::new()
    }

    fn receive_of_b(
        &mut self,
        from: SocketAddr,
        sender: String,
        kind: &str,
        fields: &BTreeMap<String, String>,
    ) -> Vec<Packet> {
        match kind {
            "REVOKE" => {
                self.known.remove(&sender);
                self.banned.insert(sender);
            }
            "FOLLOW" if self.permits(fields, "follow") => {
                let (id, number) = (self.id(), self.number());
                let answer =
                    format!("TYPE:FOLLOW_RESPONSE\nMESSAGE_ID:{number}\nFROM:{id}\nTO:{sender}\nSTATUS:true");
                self.followers.insert(sender);
                return vec![self.says(from, &answer)];
            }
            "FOLLOW_RESPONSE" => drop(self.follows.insert(sender)),
            other => self.dropped.push(other.to_owned()),
        }
        Vec::new()
    }
}

/// A network with machines of ours and foreign peers, one an address.
pub(super) struct Net {
    pub(super) now: Time,
    pub(super) ours: Vec<(Ipv4Addr, Lsnp, Vec<Event>)>,
    pub(super) peers: Vec<Peer>,
    pub(super) packets: VecDeque<Packet>,
    /// Datagrams that were carried, by sender.
    pub(super) carried: BTreeMap<SocketAddr, usize>,
}

impl Net {
    pub(super) fn new(ours: Vec<(u8, Lsnp)>, peers: Vec<Peer>) -> Net {
        let ours = ours.into_iter().map(|(last, lsnp)| (ip(last), lsnp, Vec::new())).collect();
        Net { now: Time(0), ours, peers, packets: VecDeque::new(), carried: BTreeMap::new() }
    }

    /// Carries everything until `span` has passed. A storm ends at 10,000 datagrams.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.settle();
            let next = self.ours.iter().filter_map(|(_, lsnp, _)| lsnp.poll_timeout()).min().unwrap_or(end);
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            for (_, lsnp, _) in &mut self.ours {
                lsnp.handle_timeout(self.now, wall(self.now));
            }
        }
    }

    pub(super) fn settle(&mut self) {
        loop {
            for (ip, lsnp, events) in &mut self.ours {
                while let Some(output) = lsnp.poll_output() {
                    match output {
                        Output::Send { from, to, bytes } if !to.ip().is_loopback() => {
                            let port = if from == Socket::Main { 8123 } else { PORT };
                            self.packets.push_back(((*ip, port).into(), to, bytes));
                        }
                        Output::Send { .. } => {}
                        Output::Event(event) => events.push(event),
                    }
                }
            }
            let Some((from, to, bytes)) = self.packets.pop_front() else { return };
            let carried = self.carried.entry(from).or_default();
            *carried += 1;
            assert!(*carried < 10_000, "a storm");
            let is_all = to.ip() == BROADCAST;
            for (ip, lsnp, _) in &mut self.ours {
                let on = if to.port() == PORT { Socket::Lsnp } else { Socket::Main };
                if is_all || to.ip() == *ip && [PORT, 8123].contains(&to.port()) {
                    lsnp.handle_datagram(self.now, wall(self.now), on, from, &bytes);
                }
            }
            for peer in &mut self.peers {
                if is_all || to.ip() == peer.ip && [PORT, peer.port].contains(&to.port()) {
                    self.packets.extend(peer.receive(from, &bytes));
                }
            }
        }
    }

    /// The events of the first machine of ours since the last call, without the verbose ones.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let events = std::mem::take(&mut self.ours[0].2);
        events.into_iter().filter(|event| !matches!(event, Event::Verbose(_))).collect()
    }
}
