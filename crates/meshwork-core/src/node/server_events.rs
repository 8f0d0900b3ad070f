//! The effects of a server's messages on other parts.

use alloc::string::ToString as _;

use super::Node;
use super::connecting::Source;
use super::servers::Heard;
use crate::id::{Code, RoomId};
use crate::room::rules::publish::Act;
use crate::room::rules::terms::Terms;
use crate::seam::choice::Choice;
use crate::seam::event::{Refusal, RoomHandle, RoomRefusal};
use crate::seam::io::ServerId;
use crate::seam::path::Path;
use crate::wire::BoundedText;

impl Node {
    /// Does due work for servers.
    pub(super) fn handle_server_timeouts(&mut self) {
        for server in self.base.servers.ids() {
            let base = &mut self.base;
            let heard = base.servers.handle_timeout(&mut base.own, &base.rooms, server);
            self.handle_heard(server, heard);
        }
        let base = &mut self.base;
        base.servers.ask_for_others(&mut base.own, &base.rooms);
    }

    /// Executes a server's message.
    pub(super) fn handle_heard(&mut self, server: ServerId, heard: Option<Heard>) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let source = Source::Server(server);
        match heard {
            None => {}
            // The cause of the interruption may have hit its relay too.
            Some(Heard::Entered) => {
                base.doubt_links(|path| path.kind() == Path::Relayed);
                self.vote_on_time();
            }
            // Links do not depend on it.
            Some(Heard::Away(rooms)) => base.known.unlist_all_of(server, &rooms),
            Some(Heard::Found { handles, room, code, genesis }) => {
                for handle in handles {
                    self.handle_found(server, handle, (room, code), &genesis);
                }
            }
            Some(Heard::Members(room, members)) => {
                base.rooms.handle_sighted(&base.own, room, members.len());
                for announcement in members {
                    connecting.learn(base, room, &announcement, source);
                }
            }
            Some(Heard::Joined(room, announcement)) => connecting.learn(base, room, &announcement, source),
            Some(Heard::Left(room, endpoint)) => {
                connecting.attempts().handle_absent(base, room, endpoint, source)
            }
            Some(Heard::Signal { room, from, payload }) => {
                connecting.handle_server_signal(base, room, from, &payload, source);
            }
            // It left without an announcement.
            Some(Heard::NoSuchMember(room, endpoint)) => {
                connecting.attempts().handle_absent(base, room, endpoint, source);
                base.rooms.handle_unreachable(&base.own, room, endpoint);
            }
            Some(Heard::HeldBack(room, to)) => connecting.attempts().handle_held_back(base, room, to),
            Some(Heard::Refused(room, reason)) => self.refuse_by_server(room, server, reason),
        }
    }

    /// A server knows a room that we requested.
    fn handle_found(
        &mut self,
        server: ServerId,
        handle: RoomHandle,
        (room, code): (RoomId, Code),
        genesis: &[u8],
    ) {
        let base = &mut self.base;
        if let Err(reason) = base.rooms.open_found(&mut base.own, handle, room, genesis) {
            return self.refuse_by_server(handle, server, reason);
        }
        if base.rooms.take_new(handle) {
            self.take_overlay_of(server, handle);
        }
        let base = &mut self.base;
        base.servers.handle_opened(&mut base.own, &base.rooms, handle, server, code);
        self.vote_on_time();
    }

    /// Gives a room of our own the overlay that its server proposes for new rooms, as its first rules.
    fn take_overlay_of(&mut self, server: ServerId, handle: RoomHandle) {
        let base = &mut self.base;
        let wanted = base.servers.overlay(server);
        let Some((room, now)) = base.rooms.room_mut(&base.own, handle) else { return };
        // Its owner may have chosen already.
        if wanted == Choice::Auto || *room.kept().records().terms() != Terms::default() {
            return;
        }
        let overlay = BoundedText::new(&wanted.record_name()).expect("names of overlays are short");
        let rules = Terms { overlay, ..Terms::default() };
        // Without it the room is one like any other.
        let _ = room.govern(now, &base.own.identity, Act::SetTerms(rules));
    }

    /// One server does not admit us to a room. It cannot be entered if no other server is left to ask and no member is
    /// with us; a wrong secret is wrong everywhere.
    fn refuse_by_server(&mut self, handle: RoomHandle, server: ServerId, reason: RoomRefusal) {
        let is_everywhere = matches!(reason, RoomRefusal::SecretMissing | RoomRefusal::SecretWrong);
        let base = &mut self.base;
        if base.rooms.get(handle).is_none() {
            return;
        }
        let is_last = base.servers.handle_refused(&base.rooms, handle, server)
            && !base.rooms.attachments().has_attached(handle);
        if is_everywhere || base.servers.is_only(handle) || is_last {
            self.refuse_room(handle, reason);
        } else {
            base.own.refuse(None, Refusal::Server, reason.to_string());
        }
    }
}
