//! The lines that a program prints about its room while it stays: members, storage, servers and refusals.

use std::collections::BTreeSet;

use meshwork::{EndpointEvent, EndpointId, Event, ServerState};

use super::counted;
use super::happenings::Happening;

/// Turns events into lines for people. Strokes have none: a busy room would flood a log.
#[derive(Default)]
pub(crate) struct Notices {
    linked: BTreeSet<EndpointId>,
    /// Servers that are away, by their address.
    away: BTreeSet<String>,
}

impl Notices {
    /// The line that tells of what happened, where people want one.
    pub(crate) fn line(&mut self, happening: &Happening) -> Option<String> {
        match happening {
            Happening::Endpoint(event) => self.endpoint_line(event),
            Happening::Room(Event::Joined(member) | Event::Near(member)) => Some(self.linked(member.id())),
            Happening::Room(Event::Left { member, .. }) => Some(self.unlinked(member.id(), "is gone")),
            Happening::Room(Event::Distant(member)) => {
                Some(self.unlinked(member.id(), "is linked through others"))
            }
            Happening::Room(Event::StorageFailed(reason)) => Some(format!(
                "Storage failed: {reason}. The room goes on; what is written from now on is not on disk yet, \
                 and its authors are told so. It is tried again until it works."
            )),
            Happening::Room(Event::GaveUp) => Some(
                "The room has more than this program can hold. What people wrote whom the owner has not named may be \
                 missing here, until the owner bans who floods the room or says who may write."
                    .into(),
            ),
            Happening::Room(Event::StorageRecovered) => {
                Some("Storage works again: everything is on disk.".into())
            }
            _ => None,
        }
    }

    fn endpoint_line(&mut self, event: &EndpointEvent) -> Option<String> {
        match event {
            EndpointEvent::Server { url, state: ServerState::Away { reason } } => {
                let news = self.away.insert(url.clone());
                news.then(|| format!("The meeting point {url} is away ({reason}). Links stay."))
            }
            EndpointEvent::Server { url, state: ServerState::Connected } => {
                self.away.remove(url).then(|| format!("The meeting point {url} is back."))
            }
            // A flood of refusals is told at 1, 10, 100 ...
            EndpointEvent::Refused { endpoint, reason, detail, count }
                if reason.concerns_people() && is_power_of_ten(*count) =>
            {
                let from = endpoint.map_or("somebody".into(), |endpoint| endpoint.peer.short());
                Some(format!("Refused from {from}: {reason}, {detail} ({count} so far)."))
            }
            _ => None,
        }
    }

    fn linked(&mut self, endpoint: EndpointId) -> String {
        self.linked.insert(endpoint);
        format!("{} is linked: {}.", endpoint.peer.short(), self.links())
    }

    fn unlinked(&mut self, endpoint: EndpointId, what: &str) -> String {
        self.linked.remove(&endpoint);
        format!("{} {what}: {}.", endpoint.peer.short(), self.links())
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
    use meshwork::{PeerId, Refusal};
    use meshwork_core::id::Instance;

    use super::*;

    const ENDPOINT: EndpointId = EndpointId { peer: PeerId([1; 32]), instance: Instance(1) };

    #[test]
    fn links_are_counted_as_members_come_and_go() {
        let mut notices = Notices::default();
        let line = notices.linked(ENDPOINT);
        assert!(line.ends_with("is linked: 1 link."), "{line}");
        let line = notices.unlinked(ENDPOINT, "is gone");
        assert!(line.ends_with("is gone: 0 links."), "{line}");
    }

    #[test]
    fn a_flood_of_refusals_is_told_sparingly() {
        let mut notices = Notices::default();
        let refused = |count| EndpointEvent::Refused {
            endpoint: Some(ENDPOINT),
            reason: Refusal::BatchSignature,
            detail: "it does not hold".into(),
            count,
        };
        let told = (1..=100_000).filter(|&count| notices.endpoint_line(&refused(count)).is_some()).count();
        assert_eq!(told, 6);
    }

    #[test]
    fn what_mends_itself_is_not_told() {
        let refused = |reason| {
            let (endpoint, detail) = (Some(ENDPOINT), String::from("it does not hold"));
            Notices::default().endpoint_line(&EndpointEvent::Refused { endpoint, reason, detail, count: 1 })
        };
        assert_eq!(refused(Refusal::Unannounced), None);
        assert!(refused(Refusal::SealingKey).is_some());
    }

    #[test]
    fn an_away_server_is_told_once_until_back() {
        let mut notices = Notices::default();
        let server = |state| EndpointEvent::Server { url: "ws://x/signal".into(), state };
        let away = server(ServerState::Away { reason: "refused".into() });
        assert!(notices.endpoint_line(&server(ServerState::Connected)).is_none(), "that is the usual case");
        assert!(notices.endpoint_line(&away).is_some_and(|line| line.contains("refused")));
        assert!(notices.endpoint_line(&away).is_none());
        assert!(
            notices.endpoint_line(&server(ServerState::Connected)).is_some_and(|line| line.contains("back"))
        );
    }

    #[test]
    fn storage_says_what_it_means_for_authors() {
        let mut notices = Notices::default();
        let failed = Happening::Room(Event::StorageFailed("disk full".into()));
        assert!(notices.line(&failed).unwrap().contains("disk full"));
        assert!(notices.line(&Happening::Room(Event::StorageRecovered)).is_some());
    }
}
