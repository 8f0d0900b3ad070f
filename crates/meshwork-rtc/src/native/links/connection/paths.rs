//! What a connection knows of addresses: its own, those of the other end, and which of them carry data.

use std::net::SocketAddr;

use meshwork_core::seam::description::{Candidate, CandidateKind};
use meshwork_core::seam::path::{LinkPath, PathEnd, RelayTransport};

/// Own and other addresses of one connection, and the way that its data takes.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The other end's candidates, as it named them: as many as are taken from it.
    remotes: Vec<(SocketAddr, PathEnd)>,
    relayed: Option<(SocketAddr, RelayTransport)>,
    /// Own addresses that look otherwise from outside.
    mapped: Vec<SocketAddr>,
    /// From where to where data went last.
    way: Option<(SocketAddr, SocketAddr)>,
    told: Option<LinkPath>,
}

impl Paths {
    /// The other end named a candidate at `address`.
    pub(super) fn note_remote(&mut self, candidate: &Candidate, address: SocketAddr) {
        let end = match candidate.kind {
            CandidateKind::Host => PathEnd::Host,
            CandidateKind::ServerReflexive => PathEnd::ServerReflexive,
            CandidateKind::Relayed => PathEnd::Relayed,
        };
        self.remotes.push((address, end));
    }

    /// An own address on a relay.
    pub(super) fn note_relayed(&mut self, address: SocketAddr, transport: RelayTransport) {
        self.relayed = Some((address, transport));
    }

    /// An own address looks otherwise from outside.
    pub(super) fn note_mapped(&mut self, base: SocketAddr) {
        if !self.mapped.contains(&base) {
            self.mapped.push(base);
        }
    }

    /// A datagram goes out that is data, not a connectivity check.
    pub(super) fn note_data(&mut self, source: SocketAddr, destination: SocketAddr) {
        self.way = Some((source, destination));
    }

    /// The path, once it is another than was told last.
    pub(super) fn news(&mut self) -> Option<LinkPath> {
        let path = self.path();
        (self.told.replace(path) != Some(path)).then_some(path)
    }

    fn path(&self) -> LinkPath {
        let Some((source, destination)) = self.way else { return LinkPath::default() };
        let named = self.remotes.iter().find(|(address, _)| *address == destination);
        // An address that the other end saw before it was named.
        let remote = named.map_or(PathEnd::PeerReflexive, |(_, end)| *end);
        let relay = self.relayed.filter(|(address, _)| *address == source).map(|(_, transport)| transport);
        let local = match relay {
            Some(_) => PathEnd::Relayed,
            None if remote != PathEnd::Host && self.mapped.contains(&source) => PathEnd::ServerReflexive,
            None => PathEnd::Host,
        };
        let is_direct = relay.is_none() && matches!(remote, PathEnd::Host | PathEnd::PeerReflexive);
        let address = is_direct.then(|| destination.ip().to_canonical());
        LinkPath { local: Some(local), remote: Some(remote), relay, address }
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::seam::description::CandidateAddress;
    use meshwork_core::seam::path::Path;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn candidate(kind: CandidateKind, at: SocketAddr) -> Candidate {
        Candidate { kind, priority: 1, address: CandidateAddress::Ip(at.ip()), port: at.port() }
    }

    #[test]
    fn the_data_path_tells_how_a_link_travels() {
        let (own, outside) = (address("10.0.0.2:5000"), address("192.0.2.9:6000"));
        let relayed = address("203.0.113.1:7000");
        let mut paths = Paths::default();
        paths.note_data(own, outside);
        assert_eq!(paths.news().and_then(|path| path.remote), Some(PathEnd::PeerReflexive));
        assert_eq!(paths.news(), None, "it is told once");
        paths.note_remote(&candidate(CandidateKind::Relayed, outside), outside);
        assert_eq!(paths.news().map(LinkPath::kind), Some(Path::Relayed), "their relay was named late");
        paths.note_relayed(relayed, RelayTransport::Tcp);
        paths.note_data(relayed, outside);
        assert_eq!(paths.news().and_then(|path| path.relay), Some(RelayTransport::Tcp));
        let direct = address("198.51.100.7:9");
        paths.note_remote(&candidate(CandidateKind::ServerReflexive, direct), direct);
        paths.note_mapped(own);
        paths.note_data(own, direct);
        let path = paths.news().unwrap();
        assert_eq!(
            (path.local, path.remote),
            (Some(PathEnd::ServerReflexive), Some(PathEnd::ServerReflexive))
        );
    }
}
