//! Introductions by members, and payloads that they hand over: for us, or to forward.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Connecting;
use super::carrying::{HOPS_MAX, Reach, Way};
use super::known::Source;
use crate::id::Endpoint;
use crate::node::common::Offence;
use crate::node::lower_parts::Base;
use crate::node::rooms::Entry;
use crate::overlay::message::{OverlayMessage, Routed, Tag, route};
use crate::room::message::{Carry, RoomMessage};
use crate::seam::event::{Refusal, RoomHandle};
use crate::signalling::announce;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::Announcement;
use crate::wire::{Bounded, Bytes};

/// The report about a neighbour that hands over too much.
const TOO_MANY_CARRIED: &str = "it has more payloads carried than are allowed in a minute";

impl Connecting {
    /// Sends a sealed payload to an endpoint, through a neighbour or a server.
    pub(super) fn send_payload(
        &mut self,
        base: &mut Base,
        to: Endpoint,
        handle: RoomHandle,
        payload: Vec<u8>,
    ) {
        let from = Introduction::from(&base.own.announcement);
        let within = "a sealed payload is within its limit";
        match self.carrying.way(Reach(base), handle, to) {
            Way::Neighbours(neighbours) => {
                let payload = Bytes::new(payload).expect(within);
                let carry = Carry { hops_left: HOPS_MAX - 1, from, to, payload };
                for neighbour in neighbours {
                    send(base, handle, neighbour, RoomMessage::Carry(carry.clone()));
                }
            }
            Way::Route(next, rest) => {
                let Some(rest) = route(rest.iter().copied()) else { return };
                let payload = Bytes::new(payload).expect(within);
                let routed = Routed { route: rest, path: Bounded::default(), from, to, payload };
                send_routed(base, handle, next, routed);
            }
            Way::Server(server) => {
                let Some(room) = base.rooms.get(handle).and_then(Entry::id) else { return };
                base.servers.send_signal(&mut base.own, server, room, to, payload);
            }
        }
    }

    /// A neighbour sends the list of its members.
    pub(in crate::node) fn handle_neighbours(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        endpoints: &[Endpoint],
    ) {
        let me = base.own.me;
        let listed: BTreeSet<Endpoint> =
            endpoints.iter().copied().filter(|endpoint| *endpoint != me && *endpoint != from).collect();
        for endpoint in base.known.set_listed(handle, from, listed.clone()) {
            self.attempts.handle_absent(base, handle, endpoint, Source::Neighbour(from));
        }
        let mut unknown = Vec::new();
        for endpoint in listed {
            match base.known.announcement(endpoint).cloned() {
                Some(announcement) => self.learn(base, handle, &announcement, Source::Neighbour(from)),
                None => unknown.push(endpoint),
            }
        }
        if let Ok(unknown) = Bounded::new(unknown)
            && !unknown.is_empty()
        {
            send(base, handle, from, RoomMessage::AskIntroductions(unknown));
        }
    }

    /// A neighbour introduces endpoints that it lists.
    pub(in crate::node) fn handle_introductions(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        introductions: &[Introduction],
    ) {
        for introduction in introductions {
            if !base.known.lists(handle, from, introduction.endpoint) {
                continue;
            }
            if !base.known.contains(introduction.endpoint) && !self.counts_introduction(base, from) {
                return;
            }
            self.learn(base, handle, &introduction.announcement(), Source::Neighbour(from));
        }
    }

    /// Counts an endpoint or an attempt that a neighbour introduces. Returns whether it is within the limit.
    pub(super) fn counts_introduction(&mut self, base: &mut Base, neighbour: Endpoint) -> bool {
        let is_within = base.known.counts_introduced(&base.own, neighbour);
        if !is_within {
            let detail =
                String::from("it introduces more endpoints and attempts than are allowed in a minute");
            base.own.refuse(Some(neighbour), Refusal::TooManyAttempts, detail);
        }
        is_within
    }

    /// A neighbour hands over a payload, for us or to forward.
    pub(in crate::node) fn handle_carry(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        neighbour: Endpoint,
        carry: Carry,
    ) -> Result<(), Offence> {
        if carry.hops_left >= HOPS_MAX {
            let detail = format!("a payload that may be passed on {} times", carry.hops_left);
            return Err((Refusal::Message, detail));
        }
        let origin = carry.from.endpoint;
        if !self.is_carried(base, neighbour, origin, &carry.payload) {
            return Ok(());
        }
        let announcement = carry.from.announcement();
        check_announcement(base, &announcement)?;
        self.carrying.remember_route(base.own.time(), handle, origin, neighbour);
        if carry.to == base.own.me {
            self.take(base, handle, neighbour, &announcement, &carry.payload, None);
            return Ok(());
        }
        let targets = self.carrying.targets(Reach(base), handle, neighbour, &carry);
        let carry = Carry { hops_left: carry.hops_left.saturating_sub(1), ..carry };
        for target in targets.into_iter().filter(|target| *target != origin) {
            send(base, handle, target, RoomMessage::Carry(carry.clone()));
        }
        Ok(())
    }

    /// A neighbour hands over a payload that travels along a route.
    pub(in crate::node) fn handle_routed(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        neighbour: Endpoint,
        routed: Routed,
    ) -> Result<(), Offence> {
        let origin = routed.from.endpoint;
        let came = routed.path.last().copied().unwrap_or_else(|| Tag::of(&origin));
        if came != Tag::of(&neighbour) {
            return Err((Refusal::Message, String::from("a payload that did not come its way")));
        }
        if !self.is_carried(base, neighbour, origin, &routed.payload) {
            return Ok(());
        }
        if routed.to == base.own.me {
            let announcement = routed.from.announcement();
            check_announcement(base, &announcement)?;
            // Its way back is the way for answers.
            let back = routed.path.iter().rev().copied().collect();
            self.take(base, handle, neighbour, &announcement, &routed.payload, Some(back));
            return Ok(());
        }
        let (to, mut path) = (routed.to, routed.path.into_inner());
        path.push(Tag::of(&base.own.me));
        let Some(path) = route(path) else { return Ok(()) };
        let reach = Reach(base);
        let next = if reach.can_carry(handle, to) {
            Some((to, Vec::new()))
        } else {
            reach.next_of(handle, &routed.route).map(|(next, rest)| (next, rest.to_vec()))
        };
        if let Some((next, rest)) = next.filter(|(next, _)| *next != neighbour)
            && let Some(rest) = route(rest)
        {
            send_routed(base, handle, next, Routed { route: rest, path, ..routed });
        }
        Ok(())
    }

    /// Whether a payload from a neighbour is within its limit, of another endpoint, and new.
    fn is_carried(&mut self, base: &mut Base, neighbour: Endpoint, origin: Endpoint, payload: &[u8]) -> bool {
        if !base.known.counts_carried(&base.own, neighbour) {
            let detail = String::from(TOO_MANY_CARRIED);
            base.own.refuse(Some(neighbour), Refusal::TooManyAttempts, detail);
            return false;
        }
        origin != base.own.me && !self.carrying.is_seen(payload)
    }

    /// A payload for us came through a neighbour, along a way if it has one.
    fn take(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        neighbour: Endpoint,
        announcement: &Announcement,
        payload: &[u8],
        back: Option<Vec<Tag>>,
    ) {
        let origin = announcement.endpoint;
        if !base.known.contains(origin) && !self.counts_introduction(base, neighbour) {
            return;
        }
        if self.know(base, handle, announcement) {
            if let Some(back) = back {
                self.carrying.remember_way(handle, origin, back);
            }
            self.handle_sealed_signal(base, handle, origin, payload, Source::Neighbour(neighbour));
        }
    }
}

/// A neighbour lacks announcements of members in our list.
pub(in crate::node) fn handle_ask_introductions(
    base: &mut Base,
    handle: RoomHandle,
    from: Endpoint,
    endpoints: &[Endpoint],
) {
    let attached =
        endpoints.iter().filter(|endpoint| base.rooms.attachments().is_attached(**endpoint, handle));
    let announcements = attached.filter_map(|endpoint| base.known.announcement(*endpoint));
    let introductions: Vec<Introduction> = announcements.map(Introduction::from).collect();
    if let Ok(introductions) = Bounded::new(introductions)
        && !introductions.is_empty()
    {
        send(base, handle, from, RoomMessage::Introductions(introductions));
    }
}

pub(super) fn check_announcement(base: &Base, announcement: &Announcement) -> Result<(), Offence> {
    let origin = announcement.endpoint;
    if base.known.announcement(origin) != Some(announcement) && !announce::verify(announcement) {
        let detail = format!("it carries a payload of {origin} with a key that {origin} did not sign");
        return Err((Refusal::SealingKey, detail));
    }
    Ok(())
}

fn send_routed(base: &mut Base, handle: RoomHandle, next: Endpoint, routed: Routed) {
    send(base, handle, next, RoomMessage::Overlay(OverlayMessage::Routed(Box::new(routed))));
}

fn send(base: &mut Base, handle: RoomHandle, to: Endpoint, message: RoomMessage) {
    base.rooms.send(&base.own, &mut base.links, handle, &[to], &message);
}

#[cfg(test)]
mod tests;
