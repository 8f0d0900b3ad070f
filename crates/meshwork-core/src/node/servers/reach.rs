//! Limits the targets that others may name: none that is nearer than they are.
//!
//! # How it works
//! A server names STUN and TURN servers as far away as it is itself, or farther. Members name candidates on this
//! machine or its cable only in a room that has a server there, where they may be this machine's own programs; in a
//! room without servers people carry the invitations. Native drivers offer such candidates in no other room either. A
//! hiding endpoint shows its address to the relay, so it uses only relays of its server's own host, or of hosts that
//! the person named.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Servers;
use crate::id::Endpoint;
use crate::node::common::Own;
use crate::reach::Reach;
use crate::seam::description::{Candidate, CandidateAddress, Signal};
use crate::seam::event::{Refusal, RoomHandle};
use crate::seam::ice_server::{IceServer, IceUrl};
use crate::seam::io::ServerId;
use crate::seam::path::NamedServer;
use crate::signalling::client::ServerClient;
use crate::wire::Bounded;

impl Servers {
    /// The nearest target that a member of a room may name: as near as the nearest of its servers.
    pub(in crate::node) fn nearest(&self, room: RoomHandle) -> Reach {
        let clients = self.of(room).iter().filter_map(|known| self.clients.get(&known.server));
        clients.map(ServerClient::reach).min().unwrap_or_default()
    }

    /// The allowed ones of a server's STUN and TURN servers, with its own host filled in.
    pub(super) fn take_servers(
        &self,
        own: &mut Own,
        server: ServerId,
        servers: Vec<IceServer>,
    ) -> Vec<NamedServer> {
        let Some(client) = self.clients.get(&server) else { return Vec::new() };
        let (host, nearest) = (client.host(), client.reach());
        let trusted = &own.config.trusted_relays;
        let trusts = |named: &str| trusted.iter().any(|one| is_same_host(one, named));
        let trusts_server = trusts(host);
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for server in servers {
            let mut ice = server.with_host(host);
            let mut may_learn = true;
            ice.urls.retain(|url| {
                // Invalid addresses were refused before.
                let Ok(named) = IceUrl::parse(url).map(|url| url.host) else { return false };
                let is_far = Reach::of_host(&named) >= nearest || is_same_host(&named, host);
                may_learn &= !is_far || trusts_server || is_same_host(&named, host) || trusts(&named);
                if !is_far {
                    refused.push(url.clone());
                }
                is_far
            });
            if !ice.urls.is_empty() {
                taken.push(NamedServer { ice, nearest, may_learn });
            }
        }
        for url in refused {
            let detail = format!("it names {url}, which is nearer to this end than the server is");
            own.refuse(None, Refusal::Server, detail);
        }
        taken
    }

    /// A member's signal without the candidates that are too near; `None` if nothing is left.
    pub(in crate::node) fn without_near(
        &self,
        own: &mut Own,
        room: RoomHandle,
        from: Option<Endpoint>,
        signal: Signal,
    ) -> Option<Signal> {
        let nearest = self.nearest(room);
        let mut near = Vec::new();
        let mut is_far = |candidate: &Candidate| match candidate.address {
            CandidateAddress::Ip(ip) if Reach::of(ip) < nearest.min(Reach::Site) => {
                // A server that also serves its own machine names loopback in good faith.
                near.extend((Reach::of(ip) != Reach::Machine).then_some(ip));
                false
            }
            _ => true,
        };
        let signal = match signal {
            Signal::Candidate(candidate) => is_far(&candidate).then_some(signal),
            Signal::Description(mut description) => {
                let mut candidates = description.candidates.into_inner();
                candidates.retain(&mut is_far);
                description.candidates = Bounded::new(candidates).unwrap_or_default();
                Some(Signal::Description(description))
            }
        };
        for ip in near {
            let detail = format!("it names {ip} as its own address, which is nearer than it is");
            own.refuse(from, Refusal::Signal, detail);
        }
        signal
    }
}

/// Whether two texts name the same host; brackets of IPv6 addresses, and case, make no difference.
fn is_same_host(one: &str, other: &str) -> bool {
    let bare = |host: &str| String::from(host.trim_start_matches('[').trim_end_matches(']'));
    bare(one).eq_ignore_ascii_case(&bare(other))
}
