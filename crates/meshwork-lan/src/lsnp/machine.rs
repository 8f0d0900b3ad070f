//! Our end of LSNP: announcements, posts, direct messages, and the queue of outputs.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::{Time, WallTime};

use super::frame::{Draft, Framing, WRITE_MAX, fit, one_line};
use super::guest::{Guests, NAME_MAX};
use super::limits::{ADDRESSES_MAX, Budget, Limiter};
use super::token::{self, Scope};
use super::{
    Avatar, Dialect, Direction, Event, Guest, GuestProfile, NoGuest, Output, PORT, SendError, Socket,
    TEXT_MAX, UserId, Verbose,
};
use crate::discovery::Interface;

/// Between two profiles or pings for all.
const PRESENCE_EVERY: Duration = Duration::from_secs(300);
/// Between two answers of discovery to one address.
const ANSWER_EVERY: Duration = Duration::from_secs(30);
/// Between two lists of peers for one machine.
const LIST_EVERY: Duration = Duration::from_secs(10);
/// Least time between two announcements.
const ANNOUNCE_MIN: Duration = Duration::from_secs(1);
/// Until a direct message is repeated.
const REPEAT_AFTER: Duration = Duration::from_secs(2);
/// Repeats of a direct message.
const REPEATS: u8 = 3;
/// Direct messages that wait for their acknowledgement. The oldest makes room.
pub(super) const PENDING_MAX: usize = 64;
/// Interfaces in use.
const INTERFACES_MAX: usize = 64;
/// Longest status, in bytes.
pub(super) const STATUS_MAX: usize = 280;
/// Bytes of queued outputs, [`OVERHEAD`] of each included.
pub(super) const QUEUE_MAX: usize = 2 << 20;
/// Bytes that an output counts besides its contents.
const OVERHEAD: usize = 256;

/// Names, ports and times of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The name in our user id.
    pub user: String,
    /// The UDP port of the main socket.
    pub port: u16,
    /// Between two announcements to all: 30 s, as peers of LSNP have it.
    pub announce: Duration,
    /// Silence after which a guest is gone: 300 s.
    pub timeout: Duration,
}

/// A direct message without acknowledgement.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) to: UserId,
    pub(super) address: SocketAddr,
    draft: Draft,
    next: Time,
    left: u8,
}

/// Our end of LSNP.
#[derive(Debug)]
pub struct Lsnp {
    pub(super) config: Config,
    rng: Rng,
    interfaces: Vec<Interface>,
    pub(super) guests: Guests,
    ours: BTreeSet<SocketAddr>,
    profile: Option<GuestProfile>,
    announce_at: Time,
    presence_at: Time,
    pub(super) answers: Limiter,
    pub(super) lists: Limiter,
    pub(super) profiles: Limiter,
    pub(super) budget: Budget,
    pub(super) pending: Vec<Pending>,
    pub(super) revoked: VecDeque<String>,
    outputs: VecDeque<Output>,
    pub(super) queued: usize,
    excess: u64,
    pub(super) has_left: bool,
}

impl Lsnp {
    /// A machine without guests. It announces at once: name the interfaces first. `seed` is random.
    pub fn new(config: Config, seed: Seed, now: Time) -> Lsnp {
        let user = UserId::new(&config.user, Ipv4Addr::LOCALHOST).name().to_owned();
        let announce = config.announce.max(ANNOUNCE_MIN);
        Lsnp {
            profiles: Limiter::new(announce),
            config: Config { user, announce, ..config },
            rng: Rng::new(seed),
            interfaces: Vec::new(),
            guests: Guests::default(),
            ours: BTreeSet::new(),
            profile: None,
            announce_at: now,
            presence_at: now,
            answers: Limiter::new(ANSWER_EVERY),
            lists: Limiter::new(LIST_EVERY),
            budget: Budget::default(),
            pending: Vec::new(),
            revoked: VecDeque::new(),
            outputs: VecDeque::new(),
            queued: 0,
            excess: 0,
            has_left: false,
        }
    }

    /// The interfaces in use, the best first. A new network is announced to at once.
    pub fn handle_interfaces(&mut self, now: Time, up: &[Interface]) {
        let up: Vec<Interface> =
            up.iter().filter(|one| one.address.is_ipv4()).take(INTERFACES_MAX).cloned().collect();
        if up.iter().any(|one| !self.interfaces.contains(one)) {
            (self.announce_at, self.presence_at) = (now, now);
        }
        self.interfaces = up;
    }

    /// Addresses at which programs of our own kind are known. They are no guests: their datagrams are dropped.
    pub fn ours(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.ours = addresses.into_iter().take(ADDRESSES_MAX).collect();
        let ids: Vec<UserId> = self
            .guests
            .iter()
            .filter(|guest| self.is_ours(guest.address))
            .map(|guest| guest.id.clone())
            .collect();
        for id in ids {
            self.remove(&id);
        }
    }

    /// The guests.
    pub fn guests(&self) -> impl Iterator<Item = &Guest> {
        self.guests.iter()
    }

    /// Our user id, as most guests see it.
    pub fn user_id(&self) -> UserId {
        self.own_id(Ipv4Addr::LOCALHOST.into())
    }

    /// Posts a text to each guest; guests of dialect B get it if they follow us. Returns the number of receivers.
    ///
    /// # Errors
    /// [`SendError::Long`]: nothing is sent.
    pub fn post(&mut self, now: Time, wall: WallTime, text: &str) -> Result<usize, SendError> {
        let text = checked(text)?;
        let to: Vec<Guest> = self
            .guests
            .iter()
            .filter(|guest| guest.dialect != Dialect::B || guest.follows_us)
            .cloned()
            .collect();
        let id = self.message_id();
        for guest in &to {
            let own = self.own_id(guest.address.ip());
            let draft = Draft::new("POST")
                .with("USER_ID", &own)
                .with("CONTENT", &text)
                .with("TTL", token::TTL)
                .with("TIMESTAMP", token::seconds(wall))
                .with("MESSAGE_ID", &id)
                .with("TOKEN", token::make(&own, wall, Scope::Broadcast));
            self.send(now, guest, &draft, "sent");
        }
        Ok(to.len())
    }

    /// Writes to one guest alone. Returns the id of the message: [`Event::Delivered`] or [`Event::Undelivered`] follows if
    /// the guest's dialect acknowledges.
    ///
    /// # Errors
    /// [`SendError`]: nothing is sent.
    pub fn direct(
        &mut self,
        now: Time,
        wall: WallTime,
        to: &UserId,
        text: &str,
    ) -> Result<String, SendError> {
        let text = checked(text)?;
        let guest = self.guest(to)?;
        let (own, id) = (self.own_id(guest.address.ip()), self.message_id());
        let draft = Draft::new("DM")
            .with("FROM", &own)
            .with("TO", to)
            .with("CONTENT", text)
            .with("TIMESTAMP", token::seconds(wall))
            .with("MESSAGE_ID", &id)
            .with("TOKEN", token::make(&own, wall, Scope::Chat));
        self.send(now, &guest, &draft, "sent");
        if guest.dialect == Dialect::Course {
            if self.pending.len() == PENDING_MAX {
                let Pending { to, id, .. } = self.pending.remove(0);
                self.push(Output::Event(Event::Undelivered { to, id }));
            }
            let (next, address) = (now + REPEAT_AFTER, guest.address);
            self.pending.push(Pending {
                id: id.clone(),
                to: to.clone(),
                address,
                draft,
                next,
                left: REPEATS,
            });
        }
        Ok(id)
    }

    /// Replaces our profile and sends it to all. A picture that does not fit is left out.
    pub fn set_profile(&mut self, now: Time, wall: WallTime, profile: &GuestProfile) {
        let name = Some(fit(&profile.name, NAME_MAX)).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| self.config.user.clone());
        let avatar = profile.avatar.as_ref().map(|Avatar { kind, data }| {
            let data = data.replace(char::is_whitespace, "");
            Avatar { kind: kind.clone(), data }
        });
        self.profile = Some(GuestProfile { name, status: fit(&profile.status, STATUS_MAX), avatar });
        let longest = UserId::new(&self.config.user, Ipv4Addr::BROADCAST);
        let framings = [Framing::Spaced, Framing::Unspaced];
        let bytes = framings.map(|framing| self.own_profile(wall, &longest, framing).write(framing).len());
        let bytes = bytes[0].max(bytes[1]);
        if bytes > WRITE_MAX {
            self.profile.iter_mut().for_each(|profile| profile.avatar = None);
            self.push(Output::Event(Event::AvatarLeftOut { bytes }));
        }
        self.presence_at = now;
        self.handle_timeout(now, wall);
    }

    /// Follows a guest, or no longer. [`Event::Followed`] comes when it counts: guests of dialect B answer first.
    ///
    /// # Errors
    /// [`NoGuest`]
    pub fn follow(&mut self, now: Time, wall: WallTime, who: &UserId, follows: bool) -> Result<(), NoGuest> {
        let guest = self.guest(who)?;
        let own = self.own_id(guest.address.ip());
        let draft = Draft::new(if follows { "FOLLOW" } else { "UNFOLLOW" })
            .with("MESSAGE_ID", self.message_id())
            .with("FROM", &own)
            .with("TO", who)
            .with("TIMESTAMP", token::seconds(wall))
            .with("TOKEN", token::make(&own, wall, Scope::Follow));
        self.send(now, &guest, &draft, "sent");
        if let Some(guest) = self.guests.get_mut(who) {
            guest.asked = Some(follows);
        }
        if guest.dialect == Dialect::Course {
            self.followed(who, follows);
        }
        Ok(())
    }

    /// The guest has confirmed that we follow it, or no longer. False if we did not ask.
    pub(super) fn followed(&mut self, who: &UserId, follows: bool) -> bool {
        let Some(guest) = self.guests.get_mut(who).filter(|guest| guest.asked == Some(follows)) else {
            return false;
        };
        (guest.asked, guest.is_followed) = (None, follows);
        self.push(Output::Event(Event::Followed { who: who.clone(), follows }));
        true
    }

    /// Says goodbye to guests of dialect B, and ends: the machine neither reads nor sends from now on.
    pub fn leave(&mut self, now: Time, wall: WallTime) {
        let to: Vec<Guest> =
            self.guests.iter().filter(|guest| guest.dialect == Dialect::B).cloned().collect();
        for guest in to {
            let draft = Draft::new("REVOKE")
                .with("USER_ID", self.own_id(guest.address.ip()))
                .with("TIMESTAMP", token::seconds(wall))
                .with("MESSAGE_ID", self.message_id());
            self.send(now, &guest, &draft, "goodbye");
        }
        self.guests.clear();
        self.pending.clear();
        self.has_left = true;
    }

    /// When [`Lsnp::handle_timeout`] is due, if it is.
    pub fn poll_timeout(&self) -> Option<Time> {
        let repeats = self.pending.iter().map(|pending| pending.next);
        let due = [self.announce_at, self.presence_at].into_iter().chain(repeats);
        due.chain(self.guests.next_gone(self.config.timeout)).min().filter(|_| !self.has_left)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time, wall: WallTime) {
        if self.has_left {
            return;
        }
        let timeout = self.config.timeout;
        for id in self.guests.take(|guest| now.since(guest.heard) >= timeout) {
            self.push(Output::Event(Event::Gone(id)));
        }
        if now >= self.announce_at {
            self.announce_at = now + self.config.announce;
            for to in self.everybody() {
                let draft = self.discovery(wall, to.ip());
                self.emit(Socket::Main, to, Framing::Unspaced, &draft, Ok("to all"));
            }
        }
        if now >= self.presence_at {
            self.presence_at = now + PRESENCE_EVERY;
            self.send_presence(now, wall);
        }
        self.repeat(now);
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            self.queued -= cost(&output);
            return Some(output);
        }
        let excess = std::mem::take(&mut self.excess);
        (excess > 0).then_some(Output::Event(Event::Excess(excess)))
    }

    fn send_presence(&mut self, now: Time, wall: WallTime) {
        for to in self.everybody() {
            let own = self.own_id(to.ip());
            let draft = match &self.profile {
                Some(_) => self.own_profile(wall, &own, Framing::Spaced),
                None => Draft::new("PING").with("USER_ID", own),
            };
            self.emit(Socket::Main, to, Framing::Spaced, &draft, Ok("to all"));
        }
        if self.profile.is_some() {
            let unspaced = self.guests.iter().filter(|guest| guest.dialect != Dialect::Course);
            for guest in unspaced.cloned().collect::<Vec<_>>() {
                self.send_profile(now, wall, &guest);
            }
        }
    }

    pub(super) fn send_profile(&mut self, now: Time, wall: WallTime, guest: &Guest) {
        let own = self.own_id(guest.address.ip());
        let draft = self.own_profile(wall, &own, guest.dialect.framing());
        self.send(now, guest, &draft, "sent");
    }

    fn repeat(&mut self, now: Time) {
        let (due, waiting) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| now >= pending.next);
        self.pending = waiting;
        for mut pending in Vec::<Pending>::into_iter(due) {
            if pending.left == 0 {
                let Pending { to, id, .. } = pending;
                self.push(Output::Event(Event::Undelivered { to, id }));
                continue;
            }
            pending.left -= 1;
            pending.next = now + REPEAT_AFTER;
            let note = format!("repeat {} of {REPEATS}", REPEATS - pending.left);
            self.send_from(now, Socket::Lsnp, pending.address, Framing::Spaced, &pending.draft, &note);
            self.pending.push(pending);
        }
    }

    /// PEER_DISCOVERY for an address.
    pub(super) fn discovery(&mut self, wall: WallTime, to: IpAddr) -> Draft {
        Draft::new("PEER_DISCOVERY")
            .with("USER_ID", self.own_id(to))
            .with("PORT", self.config.port)
            .with("TIMESTAMP", token::seconds(wall))
            .with("MESSAGE_ID", self.message_id())
    }

    fn own_profile(&mut self, wall: WallTime, own: &UserId, framing: Framing) -> Draft {
        let profile = self.profile.clone().unwrap_or_else(|| GuestProfile {
            name: self.config.user.clone(),
            status: "Hello from Meshwork!".to_owned(),
            avatar: None,
        });
        let mut draft = Draft::new("PROFILE")
            .with("USER_ID", own)
            .with("DISPLAY_NAME", profile.name)
            .with("STATUS", profile.status);
        if framing == Framing::Unspaced {
            draft = draft.with("TIMESTAMP", token::seconds(wall)).with("MESSAGE_ID", self.message_id());
        }
        match profile.avatar {
            Some(avatar) => draft
                .with("AVATAR_TYPE", avatar.kind)
                .with("AVATAR_ENCODING", "base64")
                .with("AVATAR_DATA", avatar.data),
            None => draft,
        }
    }

    pub(super) fn has_profile(&self) -> bool {
        self.profile.is_some()
    }

    pub(super) fn message_id(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    fn guest(&self, id: &UserId) -> Result<Guest, NoGuest> {
        self.guests.iter().find(|guest| guest.id == *id).cloned().ok_or_else(|| NoGuest(id.clone()))
    }

    pub(super) fn remove(&mut self, id: &UserId) {
        if self.guests.remove(id).is_some() {
            self.push(Output::Event(Event::Gone(id.clone())));
        }
    }

    /// Sends a message to a guest.
    pub(super) fn send(&mut self, now: Time, guest: &Guest, draft: &Draft, note: &str) {
        // A firewall on the guest's side of 50999 admits our answers, and ours the guest's. Unspaced guests register the source.
        let from = if guest.dialect == Dialect::Course { Socket::Lsnp } else { Socket::Main };
        self.send_from(now, from, guest.address, guest.dialect.framing(), draft, note);
    }

    /// Sends a message to one address, if its budget admits it.
    pub(super) fn send_from(
        &mut self,
        now: Time,
        from: Socket,
        to: SocketAddr,
        framing: Framing,
        draft: &Draft,
        note: &str,
    ) {
        let result = if self.budget.admits(now, to.ip()) {
            Ok(note)
        } else {
            Err("not sent: it has not answered yet")
        };
        self.emit(from, to, framing, draft, result);
    }

    fn emit(
        &mut self,
        from: Socket,
        to: SocketAddr,
        framing: Framing,
        draft: &Draft,
        result: Result<&str, &str>,
    ) {
        let bytes = draft.write(framing);
        let size = bytes.len();
        let (direction, result) = match result {
            Ok(note) if size <= WRITE_MAX => (Direction::Sent, note),
            Ok(_) => (Direction::Dropped, "not sent: it exceeds 4,096 bytes"),
            Err(reason) => (Direction::Dropped, reason),
        };
        if direction == Direction::Sent {
            self.push(Output::Send { from, to, bytes });
        }
        let (kind, result) = (draft.kind.to_owned(), result.to_owned());
        self.push(Output::Event(Event::Verbose(Verbose { direction, address: to, kind, size, result })));
    }

    /// The addresses that reach all programs.
    fn everybody(&self) -> BTreeSet<SocketAddr> {
        let broadcasts =
            self.interfaces.iter().filter_map(|one| one.broadcast.filter(|all| *all != one.address));
        broadcasts.chain([Ipv4Addr::LOCALHOST]).map(|ip| (ip, PORT).into()).collect()
    }

    /// Our user id for an address: with our address on its network, else with our best one.
    pub(super) fn own_id(&self, to: IpAddr) -> UserId {
        let mut outer = self.interfaces.iter().filter(|one| !one.address.is_loopback());
        let best = outer.clone().next();
        let nearest = outer.find(|one| is_on(one, to)).or(best);
        let ip = match nearest.map(|one| one.address) {
            Some(IpAddr::V4(ip)) => ip,
            _ => Ipv4Addr::LOCALHOST,
        };
        UserId::new(&self.config.user, ip)
    }

    /// Whether an address is of this computer.
    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.interfaces.iter().any(|one| one.address == ip)
    }

    /// Whether an address is of one machine, and of IPv4.
    pub(super) fn is_machine(&self, ip: IpAddr) -> bool {
        let IpAddr::V4(ip) = ip else { return false };
        let is_all = ip.is_broadcast()
            || self.interfaces.iter().any(|one| one.broadcast == Some(ip) && one.address != ip);
        !is_all && !ip.is_unspecified() && !ip.is_multicast()
    }

    /// Whether a program of our own kind is known at an address.
    pub(super) fn is_ours(&self, address: SocketAddr) -> bool {
        let is_local = self.is_local(address.ip());
        let is_same = |one: &SocketAddr| one.port() == address.port() && is_local && self.is_local(one.ip());
        self.ours.contains(&address) || self.ours.iter().any(is_same)
    }

    /// Length of the queue, to insert in it later.
    pub(super) fn position(&self) -> usize {
        self.outputs.len()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.insert(self.outputs.len(), output);
    }

    pub(super) fn insert(&mut self, at: usize, output: Output) {
        let cost = cost(&output);
        if self.queued + cost > QUEUE_MAX {
            self.excess += 1;
            return;
        }
        self.queued += cost;
        self.outputs.insert(at, output);
    }
}

fn is_on(interface: &Interface, to: IpAddr) -> bool {
    let (IpAddr::V4(own), IpAddr::V4(to)) = (interface.address, to) else { return false };
    let host = u32::MAX.checked_shr(interface.prefix.into()).unwrap_or(0);
    (u32::from(own) | host) == (u32::from(to) | host)
}

fn checked(text: &str) -> Result<String, SendError> {
    let text = one_line(text);
    if text.len() > TEXT_MAX { Err(SendError::Long(text.len())) } else { Ok(text) }
}

/// The share of an output in [`QUEUE_MAX`].
fn cost(output: &Output) -> usize {
    OVERHEAD
        + match output {
            Output::Send { bytes, .. } => bytes.len(),
            Output::Event(Event::Posted { text, .. } | Event::Direct { text, .. }) => text.len(),
            Output::Event(Event::Profile { profile, .. }) => {
                let avatar =
                    profile.avatar.as_ref().map_or(0, |avatar| avatar.kind.len() + avatar.data.len());
                profile.name.len() + profile.status.len() + avatar
            }
            Output::Event(_) => 0,
        }
}
