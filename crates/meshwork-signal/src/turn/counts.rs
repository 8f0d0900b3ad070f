//! What a relay counts: traffic, sessions, and refusals by cause.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was refused or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Refusal {
    /// Bytes that are neither STUN nor channel data, or a request that lacks what it must have (400).
    Malformed,
    /// A request with an attribute that must be understood and is not (420).
    UnknownAttribute,
    /// The nonce is too old, or was given to another address (438). The client goes on with the new one.
    StaleNonce,
    /// The credentials are past their time (401).
    Expired,
    /// The password does not belong to the username (401).
    Forged,
    /// The username or the realm is another server's (401).
    Foreign,
    /// The allocation was made with credentials of somebody else (441).
    WrongCredentials,
    /// The request does not fit the client's allocation (437), or a channel that it has (400).
    Mismatch,
    /// Another transport than UDP was asked for (442).
    Transport,
    /// An address family that is not relayed (440), or not by this allocation (443).
    Family,
    /// The peer's address is forbidden (403; data to it is dropped).
    Forbidden,
    /// The endpoint has as many allocations as it may (486).
    EndpointQuota,
    /// The room has as many allocations as it may (486).
    RoomQuota,
    /// The address has as many allocations, or connections, as it may (486; the connection is closed).
    AddressQuota,
    /// The server has as many allocations as it may, or no port is free (508).
    Capacity,
    /// The relay is about to end, and takes on nothing new.
    Draining,
    /// Data to or from a peer that the client has not permitted, or without an allocation.
    NotPermitted,
    /// Data beyond the bytes a second of the endpoint.
    EndpointRate,
    /// Data beyond the bytes a second of the room.
    RoomRate,
    /// Data beyond the bytes a second of the client's address.
    AddressRate,
    /// Data beyond the bytes a second of the server.
    ServerRate,
    /// Data for a client on a stream that does not read what waits for it.
    SlowReader,
    /// A stream that ended because nothing was read from it, or nothing useful came over it.
    Idle,
    /// A request or a connection from an address that the operator keeps out (not answered; closed).
    Banned,
    /// An allocation or a connection that gave way to somebody's whose network has fewer (it just ends).
    GaveWay,
    /// A request without credentials from an address that was answered often enough (not answered).
    Unproved,
    /// Packets that the system did not take: its queues were full, or nothing leads there.
    Unsent,
}

impl Refusal {
    /// Every cause.
    pub const ALL: [Refusal; 27] = [
        Refusal::Malformed,
        Refusal::UnknownAttribute,
        Refusal::StaleNonce,
        Refusal::Expired,
        Refusal::Forged,
        Refusal::Foreign,
        Refusal::WrongCredentials,
        Refusal::Mismatch,
        Refusal::Transport,
        Refusal::Family,
        Refusal::Forbidden,
        Refusal::EndpointQuota,
        Refusal::RoomQuota,
        Refusal::AddressQuota,
        Refusal::Capacity,
        Refusal::Draining,
        Refusal::NotPermitted,
        Refusal::EndpointRate,
        Refusal::RoomRate,
        Refusal::AddressRate,
        Refusal::ServerRate,
        Refusal::SlowReader,
        Refusal::Idle,
        Refusal::Banned,
        Refusal::GaveWay,
        Refusal::Unproved,
        Refusal::Unsent,
    ];

    /// Its name in metrics: lower case, words joined by underscores.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Malformed => "malformed",
            Refusal::UnknownAttribute => "unknown_attribute",
            Refusal::StaleNonce => "stale_nonce",
            Refusal::Expired => "expired",
            Refusal::Forged => "forged",
            Refusal::Foreign => "foreign",
            Refusal::WrongCredentials => "wrong_credentials",
            Refusal::Mismatch => "mismatch",
            Refusal::Transport => "transport",
            Refusal::Family => "family",
            Refusal::Forbidden => "forbidden",
            Refusal::EndpointQuota => "endpoint_quota",
            Refusal::RoomQuota => "room_quota",
            Refusal::AddressQuota => "address_quota",
            Refusal::Capacity => "capacity",
            Refusal::Draining => "draining",
            Refusal::NotPermitted => "not_permitted",
            Refusal::EndpointRate => "endpoint_rate",
            Refusal::RoomRate => "room_rate",
            Refusal::AddressRate => "address_rate",
            Refusal::ServerRate => "server_rate",
            Refusal::SlowReader => "slow_reader",
            Refusal::Idle => "idle",
            Refusal::Banned => "banned",
            Refusal::GaveWay => "gave_way",
            Refusal::Unproved => "unproved",
            Refusal::Unsent => "unsent",
        }
    }
}

/// A number that one thread raises and any other reads.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Its value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Raises it. Only the relay's thread does, so a load and a store suffice, at a fraction of an atomic addition's cost.
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.value().wrapping_add(more), Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Everything a relay counts since it started. Any thread may read it at any time.
#[derive(Debug, Default)]
pub struct Counts {
    /// Packets from clients to peers.
    pub packets_up: Count,
    /// Their payload, in bytes.
    pub bytes_up: Count,
    /// Packets from peers to clients.
    pub packets_down: Count,
    /// Their payload, in bytes.
    pub bytes_down: Count,
    /// Packets from one client to another over two allocations of this relay; not among those above.
    pub packets_across: Count,
    /// Their payload, in bytes.
    pub bytes_across: Count,
    /// Allocations that stand now.
    pub allocations: Count,
    /// Allocations that were made.
    pub allocations_made: Count,
    /// Answers to binding requests.
    pub bindings: Count,
    /// Requests without credentials, which are told how to give some (401).
    pub challenges: Count,
    /// Connections over TCP and TLS that stand now.
    pub streams: Count,
    refusals: [Count; Refusal::ALL.len()],
}

impl Counts {
    /// How often something was refused or dropped for this cause.
    pub fn refused(&self, cause: Refusal) -> u64 {
        self.refusals[cause as usize].value()
    }

    pub(super) fn refuse(&self, cause: Refusal) {
        self.refuse_several(cause, 1);
    }

    pub(super) fn refuse_several(&self, cause: Refusal, times: u64) {
        self.refusals[cause as usize].add(times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_count_and_name() {
        let counts = Counts::default();
        for (number, cause) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, number, "{cause:?}");
            counts.refuse(cause);
            assert_eq!(counts.refused(cause), 1);
        }
        let mut names = Refusal::ALL.map(Refusal::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
