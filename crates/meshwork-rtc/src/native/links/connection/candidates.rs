//! Candidates of both ends, those that come late among them (RFC 8838).

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use meshwork_core::seam::description::{CANDIDATES_MAX, Candidate, CandidateAddress, CandidateKind, Signal};
use meshwork_core::seam::io::Input;
use meshwork_core::seam::path::{IcePolicy, RelayTransport};
use str0m::net::Protocol;

use super::super::convert::{local_candidate, remote_candidate};
use super::{Connection, Stage};

/// Type preference of server-reflexive candidates (RFC 8445 section 5.1.2.2).
const REFLEXIVE_PREFERENCE: u32 = 100;

impl Connection {
    /// Others see the own address `base` as `mapped`: they are told, and their checks arrive at `base`.
    pub(in super::super) fn handle_reflexive(&mut self, base: SocketAddr, mapped: SocketAddr) {
        self.paths.note_mapped(base);
        let preference =
            REFLEXIVE_PREFERENCE << 24 | (u32::from(u16::MAX) - self.candidates_said as u32) << 8;
        self.tell_candidate(CandidateKind::ServerReflexive, mapped, preference | 255);
    }

    /// What is sent from `address` goes through a relay.
    pub(in super::super) fn handle_relayed(
        &mut self,
        now: Instant,
        address: SocketAddr,
        transport: RelayTransport,
    ) {
        let Ok(candidate) = str0m::Candidate::relayed(address, address, Protocol::Udp) else { return };
        self.paths.note_relayed(address, transport);
        if let Some(added) = self.rtc.add_local_candidate(candidate) {
            let priority = added.prio();
            self.tell_candidate(CandidateKind::Relayed, address, priority);
        }
        self.advance(now);
        self.drive(now);
    }

    /// The machine got another address, of which others are told `advertised`. While a path is still looked for, it may be
    /// the one that leads to the other end.
    pub(in super::super) fn handle_address(
        &mut self,
        now: Instant,
        address: SocketAddr,
        advertised: SocketAddr,
    ) {
        let is_looking = matches!(self.stage, Stage::Describing | Stage::Connecting);
        if !is_looking || self.policy == IcePolicy::Relay {
            return;
        }
        let Some(candidate) = local_candidate(address, self.candidates_said) else { return };
        if let Some(added) = self.rtc.add_local_candidate(candidate) {
            let priority = added.prio();
            self.tell_candidate(CandidateKind::Host, advertised, priority);
        }
        self.advance(now);
        self.drive(now);
    }

    /// Takes a candidate whose name was resolved to `ip`.
    pub(in super::super) fn handle_resolved(&mut self, now: Instant, candidate: Candidate, ip: IpAddr) {
        self.add_remote(now, candidate, ip);
        self.drive(now);
    }

    pub(super) fn handle_candidate(&mut self, now: Instant, candidate: Candidate) {
        // Hidden ones come again when their name is resolved.
        if let CandidateAddress::Ip(ip) = candidate.address {
            self.add_remote(now, candidate, ip);
            self.drive(now);
        }
    }

    fn add_remote(&mut self, now: Instant, candidate: Candidate, ip: IpAddr) {
        if self.candidates_seen == CANDIDATES_MAX || candidate.port == 0 {
            return;
        }
        self.candidates_seen += 1;
        match self.stage {
            Stage::Describing => self.early.push((candidate, ip)),
            Stage::Connecting | Stage::Up => {
                self.pair(candidate, ip);
                self.advance(now);
            }
            Stage::Flushing { .. } | Stage::Done => {}
        }
    }

    pub(super) fn pair(&mut self, candidate: Candidate, ip: IpAddr) {
        self.paths.note_remote(&candidate, SocketAddr::new(ip.to_canonical(), candidate.port));
        self.tell_path();
        self.rtc.add_remote_candidate(remote_candidate(candidate, ip, self.candidates_seen));
    }

    fn tell_candidate(&mut self, kind: CandidateKind, at: SocketAddr, priority: u32) {
        let candidate = Candidate { kind, priority, address: CandidateAddress::Ip(at.ip()), port: at.port() };
        let is_wanted = matches!(self.stage, Stage::Describing | Stage::Connecting);
        if is_wanted && self.candidates_said < CANDIDATES_MAX && candidate.check().is_ok() {
            self.candidates_said += 1;
            self.inputs.push(Input::Signal { link: self.link, signal: Signal::Candidate(candidate) });
        }
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::seam::description::Role;
    use meshwork_core::seam::io::LinkId;

    use super::*;

    /// The candidates that are told after the description, once the machine has a second address.
    fn told_late(policy: IcePolicy) -> Vec<Candidate> {
        let now = Instant::now();
        let [first, second] = [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], 5000)));
        let same = |own| own;
        let mut connection = Connection::open(LinkId(1), Role::Offerer, policy, &[first], same, now).unwrap();
        connection.inputs().clear();
        connection.handle_address(now, second, SocketAddr::from(([192, 0, 2, 7], 6000)));
        let inputs = connection.inputs().drain(..);
        let told = inputs.map(|input| match input {
            Input::Signal { signal: Signal::Candidate(candidate), .. } => candidate,
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn an_address_appearing_during_path_search_is_told() {
        let told = told_late(IcePolicy::All);
        let [candidate] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(candidate.kind, CandidateKind::Host);
        assert_eq!((candidate.address, candidate.port), (CandidateAddress::Ip([192, 0, 2, 7].into()), 6000));
    }

    #[test]
    fn who_hides_tells_of_none() {
        assert_eq!(told_late(IcePolicy::Relay), []);
    }
}
