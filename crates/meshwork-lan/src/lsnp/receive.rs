//! Received messages: the checks that all of them pass, and the answers.

use std::net::SocketAddr;
use std::num::NonZero;

use meshwork_core::time::{Now, Time, WallTime};

use super::frame::{Draft, Frame, Framing, fit};
use super::guest::{ID_MAX, NAME_MAX};
use super::limits::ADDRESSES_MAX;
use super::machine::{Lsnp, STATUS_MAX};
use super::token::{self, Scope, Token, TokenError};
use super::{
    AVATAR_MAX, Avatar, Dialect, Direction, Event, Guest, GuestProfile, Output, PORT, Refused, Socket,
    UserId, Verbose,
};

/// Types that are known and dropped.
const UNSUPPORTED: [&str; 4] = ["FILE_", "GROUP_", "LIKE", "TICTACTOE_"];
/// Longest received text that is shown, in bytes.
const SHOWN_MAX: usize = 8_192;
/// Bytes of user ids in a list of peers.
const LIST_MAX: usize = 3_000;

impl Lsnp {
    /// A datagram that came `from` an address, on a socket. Datagrams of other protocols on the main socket are not for this
    /// machine.
    pub fn handle_datagram(&mut self, now: Time, wall: WallTime, on: Socket, from: SocketAddr, bytes: &[u8]) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let is_own = from.port() == self.config.port && self.is_local(from.ip());
        if self.has_left || is_own || self.is_ours(from) {
            return;
        }
        let at = self.position();
        let frame = Frame::read(bytes);
        let kind = frame.as_ref().map_or_else(|_| "-".to_owned(), |frame| fit(frame.kind, 32));
        let now = Now { time: now, wall };
        let result = frame.map_err(Refused::from).and_then(|frame| self.receive(now, on, from, &frame));
        let (direction, result) = match result {
            Ok(note) => (Direction::Received, note.to_owned()),
            Err(refused) => (Direction::Dropped, refused.to_string()),
        };
        let verbose = Verbose { direction, address: from, kind, size: bytes.len(), result };
        self.insert(at, Output::Event(Event::Verbose(verbose)));
    }

    fn receive(
        &mut self,
        now: Now,
        on: Socket,
        from: SocketAddr,
        frame: &Frame<'_>,
    ) -> Result<&'static str, Refused> {
        if !self.is_machine(from.ip()) {
            return Err(Refused::Address(from.ip()));
        }
        let scope = match frame.kind {
            "ACK" => return self.receive_ack(now.time, from, frame),
            "POST" => Some(Scope::Broadcast),
            "DM" => Some(Scope::Chat),
            "FOLLOW" | "UNFOLLOW" => Some(Scope::Follow),
            "PEER_DISCOVERY" | "PEER_LIST_REQUEST" | "PING" | "PROFILE" | "FOLLOW_RESPONSE"
            | "UNFOLLOW_RESPONSE" | "REVOKE" => None,
            "PEER_LIST_RESPONSE" => return Err(Refused::NotAsked),
            kind if UNSUPPORTED.iter().any(|begin| kind.starts_with(begin)) => {
                return Err(Refused::Unsupported);
            }
            _ => return Err(Refused::Unknown),
        };
        let sender = self.sender(from, frame)?;
        let is_for_us = self.is_addressed(frame)?;
        let note = match scope {
            Some(scope) => self.check_token(now.wall, &sender, scope, frame)?,
            None => "accepted",
        };
        if on == Socket::Main || is_for_us {
            self.budget.answered(now.time, from.ip());
        }
        if frame.kind == "REVOKE" {
            return self.receive_revoke(&sender, frame);
        }
        let is_new = self.meet(now.time, from, &sender, frame)?;
        let Some(guest) = self.guests.get_mut(&sender).cloned() else { return Ok(note) };
        let result = match frame.kind {
            "PEER_DISCOVERY" => self.receive_discovery(now, on, &guest),
            "PEER_LIST_REQUEST" => self.receive_list_request(now, from, frame.framing),
            "PING" => self.answer_profile(now, &guest),
            "PROFILE" => self.receive_profile(&sender, frame),
            "POST" | "DM" => self.receive_text(now, &guest, frame).map(|result| result.unwrap_or(note)),
            "FOLLOW" => self.receive_follow(now, &guest, true, note),
            "UNFOLLOW" => self.receive_follow(now, &guest, false, note),
            kind => self.receive_answer(&sender, kind == "FOLLOW_RESPONSE", frame),
        };
        if is_new && self.has_profile() {
            self.answer_profile(now, &guest)?;
        }
        result
    }

    /// The sender, if its user id names the address that the datagram came from.
    fn sender(&self, from: SocketAddr, frame: &Frame<'_>) -> Result<UserId, Refused> {
        let token = frame.get("TOKEN").filter(|_| frame.kind == "REVOKE").map(Token::parse).transpose()?;
        let text = frame.get("USER_ID").or(frame.get("FROM")).or(token.map(|token| token.user));
        let id: UserId = text.ok_or(Refused::Missing("USER_ID or FROM"))?.parse()?;
        let ip = from.ip();
        let is_local = self.is_local(id.ip().into());
        if id.ip() != ip && !(is_local && self.is_local(ip)) {
            return Err(Refused::Source { id, ip });
        }
        if id.name() == self.config.user && is_local {
            return Err(Refused::Own(id));
        }
        Ok(id)
    }

    /// Whether the message names us as its addressee; false if its type has none.
    fn is_addressed(&self, frame: &Frame<'_>) -> Result<bool, Refused> {
        if !matches!(frame.kind, "DM" | "FOLLOW" | "UNFOLLOW" | "FOLLOW_RESPONSE" | "UNFOLLOW_RESPONSE") {
            return Ok(false);
        }
        let to: UserId = frame.get("TO").ok_or(Refused::Missing("TO"))?.parse()?;
        if to.name() == self.config.user && self.is_local(to.ip().into()) {
            return Ok(true);
        }
        Err(Refused::Addressee(to))
    }

    /// A token is checked if there is one: dialect A has none, and a token proves nothing.
    fn check_token(
        &self,
        wall: WallTime,
        sender: &UserId,
        scope: Scope,
        frame: &Frame<'_>,
    ) -> Result<&'static str, TokenError> {
        let Some(text) = frame.get("TOKEN") else {
            return Ok("accepted: Token missing");
        };
        Token::parse(text)?.check(sender, scope, wall)?;
        if self.revoked.iter().any(|revoked| revoked == text) {
            Err(TokenError::Revoked)
        } else {
            Ok("accepted")
        }
    }

    /// Notes that a guest was heard. True if it is new.
    fn meet(&mut self, now: Time, from: SocketAddr, id: &UserId, frame: &Frame<'_>) -> Result<bool, Refused> {
        let (is_spaced, is_discovery) = (frame.framing == Framing::Spaced, frame.kind == "PEER_DISCOVERY");
        let port = match frame.get("PORT").filter(|_| is_discovery || frame.kind == "PING") {
            Some(text) => Some(text.parse::<NonZero<u16>>().map_err(|_| Refused::Port(fit(text, 16)))?.get()),
            None => None,
        };
        let has_token = frame.get("TOKEN").is_some();
        let is_b = has_token
            || matches!(frame.kind, "PING" | "FOLLOW" | "UNFOLLOW" | "FOLLOW_RESPONSE" | "UNFOLLOW_RESPONSE");
        let heard_as = if is_spaced {
            Dialect::Course
        } else if is_b {
            Dialect::B
        } else {
            Dialect::A
        };
        let known = self.guests.get_mut(id);
        let dialect = match known.as_ref().map(|guest| guest.dialect) {
            None => heard_as,
            // A peer of the course that others discover reads the unspaced framing.
            Some(Dialect::Course) if is_discovery => heard_as,
            Some(Dialect::A) if heard_as == Dialect::B => Dialect::B,
            Some(dialect) => dialect,
        };
        let port = match (dialect, port, known.as_ref()) {
            (Dialect::Course, ..) => PORT,
            (_, Some(port), _) => port,
            (_, None, Some(guest)) => guest.address.port(),
            (_, None, None) => from.port(),
        };
        let address = SocketAddr::new(from.ip(), port);
        let mut guest = match known {
            Some(guest) if guest.address.ip() == address.ip() => {
                (guest.address, guest.dialect, guest.heard) = (address, dialect, now);
                return Ok(false);
            }
            known => known.cloned().unwrap_or_else(|| Guest::new(id.clone(), address, dialect, now)),
        };
        (guest.address, guest.dialect, guest.heard) = (address, dialect, now);
        let is_new = self.guests.remove(id).is_none();
        if let Some(evicted) = self.guests.add(guest) {
            self.push(Output::Event(Event::Gone(evicted)));
        }
        if is_new {
            self.push(Output::Event(Event::Came { id: id.clone(), address }));
        }
        Ok(is_new)
    }

    /// A discovery on the main socket answers ours and is never answered: else two peers answer each other for ever.
    fn receive_discovery(&mut self, now: Now, on: Socket, guest: &Guest) -> Result<&'static str, Refused> {
        if on == Socket::Main {
            return Ok("an answer");
        }
        if !self.answers.admits(now.time, guest.address) {
            return Ok("answered already");
        }
        let draft = self.discovery(now.wall, guest.address.ip());
        self.send(now.time, guest, &draft, "answer");
        Ok("answered")
    }

    fn receive_list_request(
        &mut self,
        now: Now,
        from: SocketAddr,
        framing: Framing,
    ) -> Result<&'static str, Refused> {
        // One limit for a machine: its ports cannot multiply the answers.
        if !self.lists.admits(now.time, SocketAddr::new(from.ip(), 0)) {
            return Ok("answered already");
        }
        let mut size = 0;
        let ids = self.guests.iter().map(|guest| guest.id.to_string()).take_while(|id| {
            size += id.len() + 4;
            size <= LIST_MAX
        });
        let ids: Vec<String> = ids.collect();
        let draft = Draft::new("PEER_LIST_RESPONSE")
            .with("FROM", self.own_id(from.ip()))
            .with("PEERS", serde_json::json!(ids))
            .with("COUNT", ids.len())
            .with("TIMESTAMP", token::seconds(now.wall))
            .with("MESSAGE_ID", self.message_id());
        self.send_from(now.time, Socket::Main, from, framing, &draft, "answer");
        Ok("answered")
    }

    fn answer_profile(&mut self, now: Now, guest: &Guest) -> Result<&'static str, Refused> {
        if !self.profiles.admits(now.time, guest.address) {
            return Ok("answered already");
        }
        self.send_profile(now.time, now.wall, guest);
        Ok("answered")
    }

    fn receive_profile(&mut self, sender: &UserId, frame: &Frame<'_>) -> Result<&'static str, Refused> {
        let text = |key, most| fit(frame.get(key).unwrap_or_default(), most);
        let mut profile = GuestProfile {
            name: text("DISPLAY_NAME", NAME_MAX),
            status: text("STATUS", STATUS_MAX),
            avatar: None,
        };
        if let Some(guest) = self.guests.get_mut(sender) {
            guest.profile = Some(profile.clone());
        }
        let data = frame.get("AVATAR_DATA").filter(|data| !data.is_empty());
        let is_base64 =
            frame.get("AVATAR_ENCODING").is_none_or(|encoding| encoding.eq_ignore_ascii_case("base64"));
        let dropped = data.map(str::len).filter(|length| *length > AVATAR_MAX);
        profile.avatar = data
            .filter(|data| is_base64 && data.len() <= AVATAR_MAX)
            .map(|data| Avatar { kind: text("AVATAR_TYPE", 64), data: data.to_owned() });
        self.push(Output::Event(Event::Profile { of: sender.clone(), profile, dropped }));
        Ok(if dropped.is_some() {
            "accepted without its avatar, which exceeds 20,480 bytes"
        } else {
            "accepted"
        })
    }

    /// A post or a direct message. None if nothing is noteworthy.
    fn receive_text(
        &mut self,
        now: Now,
        guest: &Guest,
        frame: &Frame<'_>,
    ) -> Result<Option<&'static str>, Refused> {
        let text = fit(frame.get("CONTENT").ok_or(Refused::Missing("CONTENT"))?, SHOWN_MAX);
        let id = frame.get("MESSAGE_ID").filter(|id| !id.is_empty());
        if let Some(id) = id.filter(|id| id.len() > ID_MAX) {
            return Err(Refused::Id(id.len()));
        }
        let from = guest.id.clone();
        if let (Some(id), "DM", Dialect::Course) = (id, frame.kind, guest.dialect) {
            let draft = Draft::new("ACK").with("MESSAGE_ID", id).with("STATUS", "RECEIVED");
            self.send(now.time, guest, &draft, "answer");
        }
        let is_new = |guest: &mut Guest| id.is_none_or(|id| guest.is_new(id));
        if !self.guests.get_mut(&from).is_some_and(is_new) {
            return Ok(Some("duplicate"));
        }
        let is_direct = frame.kind == "DM";
        self.push(Output::Event(if is_direct {
            Event::Direct { from, text }
        } else {
            Event::Posted { from, text }
        }));
        Ok(None)
    }

    fn receive_follow(
        &mut self,
        now: Now,
        guest: &Guest,
        follows: bool,
        note: &'static str,
    ) -> Result<&'static str, Refused> {
        if guest.dialect != Dialect::Course {
            let draft = Draft::new(if follows { "FOLLOW_RESPONSE" } else { "UNFOLLOW_RESPONSE" })
                .with("MESSAGE_ID", self.message_id())
                .with("FROM", self.own_id(guest.address.ip()))
                .with("TO", &guest.id)
                .with("TIMESTAMP", token::seconds(now.wall))
                .with("STATUS", "true");
            self.send(now.time, guest, &draft, "answer");
        }
        if guest.follows_us != follows
            && let Some(guest) = self.guests.get_mut(&guest.id)
        {
            guest.follows_us = follows;
            let by = guest.id.clone();
            self.push(Output::Event(Event::Follows { by, follows }));
        }
        Ok(note)
    }

    fn receive_answer(
        &mut self,
        sender: &UserId,
        follows: bool,
        frame: &Frame<'_>,
    ) -> Result<&'static str, Refused> {
        if !frame.get("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("true")) {
            return Ok("it declined");
        }
        if self.followed(sender, follows) { Ok("accepted") } else { Err(Refused::NotAsked) }
    }

    fn receive_revoke(&mut self, sender: &UserId, frame: &Frame<'_>) -> Result<&'static str, Refused> {
        let Some(text) = frame.get("TOKEN") else {
            self.remove(sender);
            return Ok("goodbye");
        };
        if Token::parse(text)?.user != sender.to_string() {
            return Err(TokenError::User(sender.to_string()).into());
        }
        if self.revoked.len() == ADDRESSES_MAX {
            self.revoked.pop_front();
        }
        self.revoked.push_back(text.to_owned());
        Ok("revoked")
    }

    fn receive_ack(
        &mut self,
        now: Time,
        from: SocketAddr,
        frame: &Frame<'_>,
    ) -> Result<&'static str, Refused> {
        let id = frame.get("MESSAGE_ID").ok_or(Refused::Missing("MESSAGE_ID"))?;
        let is_of = |ip| ip == from.ip() || self.is_local(ip) && self.is_local(from.ip());
        let found = self.pending.iter().position(|pending| pending.id == id && is_of(pending.address.ip()));
        let pending = self.pending.remove(found.ok_or(Refused::NotAsked)?);
        self.budget.answered(now, from.ip());
        if let Some(guest) = self.guests.get_mut(&pending.to) {
            guest.heard = now;
        }
        self.push(Output::Event(Event::Delivered { to: pending.to, id: pending.id }));
        Ok("delivered")
    }
}
