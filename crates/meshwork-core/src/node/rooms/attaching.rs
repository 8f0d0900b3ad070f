//! Attaching to rooms over links, and messages between rooms and members.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::attachments::Attachments;
use super::{Entry, ROOMS_MAX, Rooms};
use crate::blobs::Share;
use crate::id::{Endpoint, RoomId, Secret};
use crate::links::link::{Link, SEND_QUEUE_MAX};
use crate::links::message::{Attach, Detach, DetachReason, LinkMessage, RENEWED_MAX};
use crate::node::commands::CommandError;
use crate::node::common::Offence;
use crate::node::common::Own;
use crate::node::links::{BLOB_QUEUE, Links, SERVE_QUEUE};
use crate::overlay::Face;
use crate::overlay::message::LINK_VERSION;
use crate::room::message::RoomMessage;
use crate::room::rules::access::Entrance;
use crate::room::writing::WriteError;
use crate::room::{Member, Room, given_secret};
use crate::seam::description::Role;
use crate::seam::event::{Refusal, RoomHandle};
use crate::signalling::announce::Introduction;
use crate::text::shown;
use crate::wire::{Bounded, BoundedText};

impl Rooms {
    /// There is no space for an endpoint. That is a refusal only in a full mesh: in other overlays members often have
    /// enough neighbours.
    pub(in crate::node) fn refuse_full(
        &mut self,
        own: &mut Own,
        handle: RoomHandle,
        from: Endpoint,
        detail: &str,
    ) {
        self.attachments.note_distant(handle, from);
        if self.links_everybody(handle) {
            own.refuse(Some(from), Refusal::RoomFull, String::from(detail));
        }
    }

    /// Announces us to a linked endpoint in a room, once.
    pub(in crate::node) fn send_attach(
        &mut self,
        own: &Own,
        links: &mut Links,
        endpoint: Endpoint,
        handle: RoomHandle,
    ) {
        let Some(one) = self.attachments.get(endpoint) else { return };
        if !one.sent.contains(&handle)
            && self.tell_attach(own, links, endpoint, handle, false)
            && let Some(one) = self.attachments.get_mut(endpoint)
        {
            one.sent.insert(handle);
        }
    }

    /// Announces our visit to a linked endpoint in a room, once.
    pub(in crate::node) fn send_visit(
        &mut self,
        own: &Own,
        links: &mut Links,
        endpoint: Endpoint,
        handle: RoomHandle,
    ) {
        let is_news =
            self.attachments.get_mut(endpoint).is_some_and(|one| one.begin_visit(own.time(), handle));
        if is_news {
            self.tell_attach(own, links, endpoint, handle, true);
        }
    }

    fn tell_attach(
        &self,
        own: &Own,
        links: &mut Links,
        endpoint: Endpoint,
        handle: RoomHandle,
        visits: bool,
    ) -> bool {
        let Some(entry) = self.rooms.get(&handle) else { return false };
        let Some(room) = &entry.room else { return false };
        let Some(link) = links.of_mut(endpoint) else { return false };
        let role = link.role();
        let transcript = link.transcript();
        let proof = |secret: &Secret| Some(transcript.as_ref()?.room_proof(&room.kept().id(), secret, role));
        let renewed = room.kept().secrets().filter_map(|secret| proof(&secret)).take(RENEWED_MAX);
        let renewed = Bounded::new(renewed.collect()).unwrap_or_default();
        let proof = entry.secret().and_then(proof);
        link.send(&LinkMessage::Attach(Attach {
            room: room.kept().id(),
            number: handle.0,
            proof,
            renewed,
            name: BoundedText::truncated(&own.config.name),
            stays: own.config.stays,
            stores: room.kept().stores(),
            visits,
        }))
    }

    /// Sends the members of a room, or of all rooms, our facts again.
    pub(in crate::node) fn tell_members(&self, own: &Own, links: &mut Links, only: Option<RoomHandle>) {
        for (endpoint, one) in self.attachments.iter() {
            for &handle in one.sent.iter().filter(|&&room| only.is_none_or(|only| only == room)) {
                self.tell_attach(own, links, endpoint, handle, false);
            }
        }
    }

    /// A linked endpoint attaches to a room; `introduction` is its own. Returns the room that it is attached to now.
    pub(in crate::node) fn handle_attach(
        &mut self,
        own: &mut Own,
        links: &mut Links,
        from: Endpoint,
        attach: &Attach,
        introduction: Option<Introduction>,
    ) -> Result<Option<RoomHandle>, Offence> {
        let Some((handle, entrance)) = self.find_proved(own, links, from, attach)? else { return Ok(None) };
        if !self.admits(handle, from) {
            self.refuse_full(own, handle, from, "it attaches, but the room is full");
            send_back(&mut self.attachments, links, from, (handle, attach.room), DetachReason::Full);
            return Ok(None);
        }
        self.send_attach(own, links, from, handle);
        let speaks = links.of(from).is_some_and(|link| link.facts().version >= LINK_VERSION);
        let Some(one) = self.attachments.get_mut(from) else { return Ok(None) };
        if !one.attached.contains_key(&attach.number) && one.attached.len() >= ROOMS_MAX {
            return Err((Refusal::Message, format!("it attaches to more than {ROOMS_MAX} rooms")));
        }
        own.people.set_name(from, shown(&attach.name));
        let is_resumed = one.reattaching.remove(&handle);
        let is_again = one.is_attached(handle);
        one.attached.retain(|_, room| *room != handle);
        one.attached.insert(attach.number, handle);
        one.renewed.insert(handle, attach.renewed.clone());
        one.unsure.remove(&handle);
        one.distant.remove(&handle);
        one.end_visit(handle);
        let Some(entry) = self.rooms.get_mut(&handle) else { return Ok(None) };
        if !is_again || is_resumed {
            entry.presence.tell_again(from);
        }
        let Some(room) = entry.room.as_mut() else { return Ok(None) };
        room.membership_mut().handle_face(from, Face { introduction, speaks });
        let (member, now) = (Member::from(attach), room.kept().present(own.now));
        if is_again {
            room.membership_mut().handle_member(from, member);
        } else if is_resumed {
            room.handle_resumed(now, from, member);
        } else {
            room.handle_attached(now, from, member);
        }
        if entrance == Entrance::Listed {
            hand_secret(links, from, room);
        }
        Ok(Some(handle))
    }

    /// A linked endpoint visits us in a room. Returns the room.
    pub(in crate::node) fn handle_visit(
        &mut self,
        own: &mut Own,
        links: &mut Links,
        from: Endpoint,
        attach: &Attach,
    ) -> Result<Option<RoomHandle>, Offence> {
        let Some((handle, _)) = self.find_proved(own, links, from, attach)? else { return Ok(None) };
        self.send_visit(own, links, from, handle);
        own.people.set_name(from, shown(&attach.name));
        if let Some(one) = self.attachments.get_mut(from) {
            one.take_visit(own.time(), handle, attach.number);
            one.renewed.insert(handle, attach.renewed.clone());
        }
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_visited(now, from);
        }
        Ok(Some(handle))
    }

    /// Updates the visits of rooms.
    pub(in crate::node) fn handle_guests(&mut self, own: &Own) {
        for (&handle, entry) in &mut self.rooms {
            if let Some((room, now)) = entry.open(own) {
                room.sharing().handle_guests(now, &|guest| self.attachments.hears(guest, handle));
            }
        }
    }

    /// The room that an endpoint attaches to, if we are in it and it has access, with the reason.
    ///
    /// # Errors
    /// It does not prove the room's secret, or one that was replaced while nothing lists it.
    fn find_proved(
        &mut self,
        own: &Own,
        links: &mut Links,
        from: Endpoint,
        attach: &Attach,
    ) -> Result<Option<(RoomHandle, Entrance)>, Offence> {
        let is_it = |entry: &Entry| entry.room().is_some_and(|room| room.kept().id() == attach.room);
        let Some((&handle, entry)) = self.rooms.iter().find(|(_, entry)| is_it(entry)) else {
            send_detach(links, from, attach.room, DetachReason::Left);
            return Ok(None);
        };
        let detail = match entry.secret() {
            Some(secret) if !proves(links, from, &attach.room, secret, attach.proof) => {
                "the proof of the room's secret does not hold"
            }
            _ => match entrance(links, entry, from, &attach.renewed) {
                Entrance::Shut => "it shows a secret that was replaced, and nothing lists it",
                Entrance::Unsure => {
                    self.attachments.note_unsure(handle, from, Some(attach.number), attach.renewed.clone());
                    send_detach(links, from, attach.room, DetachReason::Unsure);
                    return Ok(None);
                }
                entrance => return Ok(Some((handle, entrance))),
            },
        };
        send_back(&mut self.attachments, links, from, (handle, attach.room), DetachReason::Proof);
        shut_out(self, own, handle, from);
        Err((Refusal::RoomProof, String::from(detail)))
    }

    /// We leave a room: sends this to those that know us in it. Returns the endpoints whose links no room uses now.
    pub(in crate::node) fn detach_all(&mut self, links: &mut Links, handle: RoomHandle) -> Vec<Endpoint> {
        let Some(id) = self.get(handle).map(super::Entry::id) else { return Vec::new() };
        let mut unused = Vec::new();
        for (endpoint, one) in self.attachments.iter_mut() {
            let is_concerned = one.is_attached(handle) || one.is_told(handle) || one.hears(handle);
            one.remove(handle);
            if !is_concerned || !links.is_linked(endpoint) {
                continue;
            }
            if let Some(room) = id {
                send_detach(links, endpoint, room, DetachReason::Left);
            }
            if !one.is_used() {
                unused.push(endpoint);
            }
        }
        unused
    }

    /// An endpoint is no longer attached to a room: removes its membership and presence.
    pub(in crate::node) fn handle_detached(&mut self, own: &mut Own, handle: RoomHandle, endpoint: Endpoint) {
        self.lanes().forget_presence(own, handle, |gone| gone == endpoint);
        let is_distant = self.attachments.is_distant(endpoint, handle);
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_detached(now, endpoint, is_distant);
        }
    }

    /// Sends a message to members of a room, encoded once. Comparison delivers messages without space.
    pub(in crate::node) fn send(
        &mut self,
        own: &Own,
        links: &mut Links,
        handle: RoomHandle,
        targets: &[Endpoint],
        message: &RoomMessage,
    ) {
        let encoded = message.on_link(handle.0);
        for &to in targets {
            if links.of_mut(to).is_some_and(|link| !link.send(&encoded))
                && let Some((room, now)) = self.room_mut(own, handle)
            {
                room.kept_mut().handle_skipped(now, to, message);
            }
        }
    }

    /// Serves parts of replicas over links with space. Returns whether there was nothing to serve.
    pub(in crate::node) fn serve_parts(&mut self, links: &mut Links) -> bool {
        let mut idle = true;
        if !self.rooms().any(|room| room.is_serving() || room.kept().blobs().is_some_and(Share::is_serving)) {
            return true;
        }
        for (endpoint, one) in self.attachments.iter() {
            let Some(link) = links.of_mut(endpoint) else { continue };
            let mut serves_blobs = false;
            for handle in one.rooms() {
                let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) else {
                    continue;
                };
                while link.queued() < SERVE_QUEUE {
                    let served = room.serve(endpoint);
                    if served.is_empty() {
                        break;
                    }
                    idle = false;
                    served.iter().for_each(|message| _ = link.send(&message.on_link(handle.0)));
                }
                while link.queued() < BLOB_QUEUE {
                    let Some(message) = room.sharing().serve(endpoint) else { break };
                    idle = false;
                    link.send(&message.on_link(handle.0));
                }
                serves_blobs |= room.kept().blobs().is_some_and(Share::is_serving);
            }
            let most = if serves_blobs { BLOB_QUEUE } else { SERVE_QUEUE };
            link.set_held_up(link.queued() >= most);
        }
        idle
    }

    /// Refuses to write while every member's link is full: the write could reach nobody.
    ///
    /// # Errors
    /// [`WriteError::Backpressure`].
    pub(in crate::node) fn check_backpressure(
        &self,
        links: &Links,
        handle: RoomHandle,
    ) -> Result<(), CommandError> {
        let attached = self.attachments.iter().filter(|(_, one)| one.is_attached(handle));
        let queued = attached.filter_map(|(endpoint, _)| links.of(endpoint)).map(Link::queued).min();
        match queued {
            Some(queued) if queued >= SEND_QUEUE_MAX / 2 => {
                Err(CommandError::Write(WriteError::Backpressure(queued)))
            }
            _ => Ok(()),
        }
    }
}

/// Detaches an attaching endpoint, for now. It considers us detached, too, and is informed again once it may come.
fn send_back(
    attachments: &mut Attachments,
    links: &mut Links,
    to: Endpoint,
    (handle, room): (RoomHandle, RoomId),
    reason: DetachReason,
) {
    if let Some(one) = attachments.get_mut(to) {
        one.sent.remove(&handle);
    }
    send_detach(links, to, room, reason);
}

/// An endpoint has no access to a room, or considers us without access: the overlay stops seeking it for a while.
pub(in crate::node) fn shut_out(rooms: &mut Rooms, own: &Own, handle: RoomHandle, endpoint: Endpoint) {
    if let Some((room, now)) = rooms.room_mut(own, handle) {
        room.membership_mut().handle_shut_out(now, endpoint);
    }
}

/// Informs a linked endpoint that we are not in a room with it.
pub(in crate::node) fn send_detach(links: &mut Links, to: Endpoint, room: RoomId, reason: DetachReason) {
    links.send(to, &LinkMessage::Detach(Detach { room, reason }));
}

/// The attached endpoints and visitors of a room that have no access by the present records, with the reason for each.
pub(in crate::node) fn without_access(
    rooms: &Rooms,
    links: &Links,
    handle: RoomHandle,
) -> Vec<(Endpoint, DetachReason)> {
    let Some(entry) = rooms.get(handle) else { return Vec::new() };
    let attached = rooms.attachments.iter().filter(|(_, one)| one.is_attached(handle) || one.hears(handle));
    let judged =
        attached.map(|(endpoint, one)| (endpoint, entrance(links, entry, endpoint, one.renewed(handle))));
    let shut = judged.filter_map(|(endpoint, entrance)| match entrance {
        Entrance::Shown | Entrance::Listed => None,
        Entrance::Unsure => Some((endpoint, DetachReason::Unsure)),
        Entrance::Shut => Some((endpoint, DetachReason::Proof)),
    });
    shut.collect()
}

/// Whether an endpoint has access to a room, and lacks the secret in force.
pub(in crate::node) fn is_behind(
    rooms: &Rooms,
    links: &Links,
    handle: RoomHandle,
    endpoint: Endpoint,
) -> bool {
    let (Some(entry), Some(one)) = (rooms.get(handle), rooms.attachments.get(endpoint)) else { return false };
    one.is_attached(handle) && entrance(links, entry, endpoint, one.renewed(handle)) == Entrance::Listed
}

/// Endpoints that attached before their access was known, and have it now.
pub(in crate::node) fn with_access_at_last(
    rooms: &Rooms,
    links: &Links,
    handle: RoomHandle,
) -> Vec<Endpoint> {
    let Some(entry) = rooms.get(handle) else { return Vec::new() };
    let unsure = rooms.attachments.iter().filter(|(_, one)| one.unsure.contains_key(&handle));
    let let_in =
        unsure.filter(|(endpoint, one)| entrance(links, entry, *endpoint, one.renewed(handle)).is_open());
    let_in.map(|(endpoint, _)| endpoint).collect()
}

/// The room has a new secret, and attached members have access: sends it to them, and proves that we know it.
pub(in crate::node) fn tell_secret(rooms: &Rooms, own: &Own, links: &mut Links, handle: RoomHandle) {
    rooms.tell_members(own, links, Some(handle));
    let Some(room) = rooms.room(handle) else { return };
    let attached = rooms.attachments.iter().filter(|(_, one)| one.is_attached(handle));
    attached.for_each(|(endpoint, _)| hand_secret(links, endpoint, room));
}

/// The records changed: sends the secret in force to attached members that have access by its record and did not show
/// it. They came while another branch was in force.
pub(in crate::node) fn hand_listed(rooms: &Rooms, links: &mut Links, handle: RoomHandle) {
    let Some(room) = rooms.room(handle) else { return };
    for endpoint in rooms.attachments.attached_to(handle) {
        if is_behind(rooms, links, handle, endpoint) {
            hand_secret(links, endpoint, room);
        }
    }
}

/// Sends a member with access the secret that a record in force gives the room, if it is known here.
pub(in crate::node) fn hand_secret(links: &mut Links, to: Endpoint, room: &Room) {
    if let (Some(secret), Some(link)) = (given_secret(room.kept()), links.of_mut(to)) {
        link.send(&RoomMessage::Secret(secret.0).on_link(room.kept().handle().0));
    }
}

/// The reason why an endpoint that knows the first secret has access to a room, or not.
pub(in crate::node) fn entrance(
    links: &Links,
    entry: &Entry,
    from: Endpoint,
    renewed: &[[u8; 32]],
) -> Entrance {
    let Some(room) = entry.room().filter(|_| entry.secret().is_some()) else { return Entrance::Shown };
    let kept = room.kept();
    let proves = |secret: &Secret, proof: &[u8; 32]| proves(links, from, &kept.id(), secret, Some(*proof));
    kept.entrance(&from.peer, renewed, proves)
}

/// Whether a proof shows that an endpoint knows a secret of a room.
fn proves(links: &Links, from: Endpoint, room: &RoomId, secret: &Secret, proof: Option<[u8; 32]>) -> bool {
    let (Some(link), Some(proof)) = (links.of(from), proof) else { return false };
    let role: Role = link.role().opposite();
    let expected = link.transcript().map(|transcript| transcript.room_proof(room, secret, role));
    // Hashes compare in constant time.
    expected.is_some_and(|expected| blake3::Hash::from(expected) == blake3::Hash::from(proof))
}
