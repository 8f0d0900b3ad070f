//! What a program that stays says to people about its room: members, storage, servers and what is refused.

use std::collections::BTreeSet;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, ServerState};

use super::counted;

/// Turns events into lines for people. Strokes have none: a busy room would flood a log.
#[derive(Default)]
pub(super) struct Notices {
    linked: BTreeSet<Endpoint>,
    /// Servers that are away, by their address.
    away: BTreeSet<String>,
}

impl Notices {
    /// The line that tells of `event`, where people want one.
    pub(super) fn line(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::MemberAttached { endpoint, .. } => {
                self.linked.insert(*endpoint);
                Some(format!("{} is linked: {}.", endpoint.peer.short(), self.links()))
            }
            Event::MemberDetached { endpoint, distant, .. } => {
                self.linked.remove(endpoint);
                let what = if *distant { "is linked through others" } else { "is gone" };
                Some(format!("{} {what}: {}.", endpoint.peer.short(), self.links()))
            }
            Event::Server { url, state: ServerState::Away { reason } } => {
                let news = self.away.insert(url.clone());
                news.then(|| format!("The meeting point {url} is away ({reason}). Links stay."))
            }
            Event::Server { url, state: ServerState::Connected } => {
                self.away.remove(url).then(|| format!("The meeting point {url} is back."))
            }
            Event::StorageFailed { reason, .. } => Some(format!(
                "Storage failed: {reason}. The room goes on; what is painted from now on is not on disk yet, \
                 and painters are told so. It is tried again until it works."
            )),
            Event::StorageRecovered { .. } => Some("Storage works again: everything is on disk.".into()),
            // A flood of refusals is told at 1, 10, 100 ...
            Event::Refused { endpoint, reason, detail, count }
                if reason.concerns_people() && is_power_of_ten(*count) =>
            {
                let from = endpoint.map_or("somebody".into(), |endpoint| endpoint.peer.short());
                Some(format!("Refused from {from}: {reason}, {detail} ({count} so far)."))
            }
            _ => None,
        }
    }

    fn links(&self) -> String {
        counted(self.linked.len(), "link")
    }
}

fn is_power_of_ten(count: u64) -> bool {
    count.checked_ilog10().is_some_and(|digits| count == 10_u64.pow(digits))
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Instance, PeerId};
    use meshwork_core::node::{Refusal, RoomHandle};

    use super::*;

    const ROOM: RoomHandle = RoomHandle(1);
    const ENDPOINT: Endpoint = Endpoint { peer: PeerId([1; 32]), instance: Instance(1) };

    #[test]
    fn links_are_counted_as_members_come_and_go() {
        let mut notices = Notices::default();
        let line = notices.line(&Event::MemberAttached { room: ROOM, endpoint: ENDPOINT }).unwrap();
        assert!(line.ends_with("is linked: 1 link."), "{line}");
        let detached = |distant| Event::MemberDetached { room: ROOM, endpoint: ENDPOINT, distant };
        let line = notices.line(&detached(false)).unwrap();
        assert!(line.ends_with("is gone: 0 links."), "{line}");
        assert!(notices.line(&detached(true)).unwrap().contains("is linked through others"), "nobody left");
    }

    #[test]
    fn a_flood_of_refusals_is_told_a_few_times() {
        let mut notices = Notices::default();
        let refused = |count| Event::Refused {
            endpoint: Some(ENDPOINT),
            reason: Refusal::BatchSignature,
            detail: "it does not hold".into(),
            count,
        };
        let told = (1..=100_000).filter(|&count| notices.line(&refused(count)).is_some()).count();
        assert_eq!(told, 6);
    }

    #[test]
    fn what_mends_itself_is_not_told() {
        let refused = |reason| {
            let (endpoint, detail) = (Some(ENDPOINT), String::from("it does not hold"));
            Notices::default().line(&Event::Refused { endpoint, reason, detail, count: 1 })
        };
        assert_eq!(refused(Refusal::Unannounced), None);
        assert!(refused(Refusal::SealingKey).is_some());
    }

    #[test]
    fn a_server_is_away_once_until_it_is_back() {
        let mut notices = Notices::default();
        let server = |state| Event::Server { url: "ws://x/signal".into(), state };
        let away = server(ServerState::Away { reason: "refused".into() });
        assert!(notices.line(&server(ServerState::Connected)).is_none(), "that is the usual case");
        assert!(notices.line(&away).is_some_and(|line| line.contains("refused")));
        assert!(notices.line(&away).is_none());
        assert!(notices.line(&server(ServerState::Connected)).is_some_and(|line| line.contains("back")));
    }

    #[test]
    fn storage_says_what_it_means_for_painters() {
        let mut notices = Notices::default();
        let failed = Event::StorageFailed { room: ROOM, reason: "disk full".into() };
        assert!(notices.line(&failed).unwrap().contains("disk full"));
        assert!(notices.line(&Event::StorageRecovered { room: ROOM }).is_some());
    }
}
