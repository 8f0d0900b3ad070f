//! The members of the room as a session knows them: links, presence, and the links to keep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;

use super::types::Linked;
use crate::packets::{Present, Role};

/// Members that are remembered: a room of more watchers still has its players among the first.
const MEMBERS_MAX: usize = 512;
/// Time between repeated pins to a member without a link.
const PIN_AGAIN: Duration = Duration::from_secs(1);

/// A member of the room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) is_linked: bool,
    /// Since when there is a link. What others pass on is none.
    linked_at: Option<Time>,
    pub(crate) unlinked_at: Option<Time>,
    pub(crate) rtt: Option<Duration>,
    pub(crate) present: Option<Present>,
}

/// All members but this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Star {
    members: BTreeMap<Endpoint, Member>,
    pins: BTreeMap<Endpoint, Time>,
}

impl Star {
    pub(crate) fn member(&self, endpoint: Endpoint) -> Option<&Member> {
        self.members.get(&endpoint)
    }

    pub(crate) fn present(&self, endpoint: Endpoint) -> Option<&Present> {
        self.members.get(&endpoint).and_then(|member| member.present.as_ref())
    }

    fn entry(&mut self, endpoint: Endpoint) -> Option<&mut Member> {
        if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&endpoint) {
            return None;
        }
        Some(self.members.entry(endpoint).or_default())
    }

    pub(crate) fn is_linked(&self, endpoint: Endpoint) -> bool {
        self.member(endpoint).is_some_and(|member| member.is_linked)
    }

    /// Since when there is no link to a member that had one.
    pub(crate) fn unlinked_since(&self, endpoint: Endpoint) -> Option<Time> {
        self.member(endpoint).and_then(|member| member.unlinked_at)
    }

    /// Something came from a member by its own link.
    pub(crate) fn heard(&mut self, from: Endpoint) {
        if let Some(member) = self.entry(from) {
            (member.is_linked, member.unlinked_at) = (true, None);
        }
    }

    pub(crate) fn handle_link(&mut self, now: Time, who: Endpoint, link: Linked) {
        match link {
            Linked::Near(rtt) => {
                if let Some(member) = self.entry(who) {
                    (member.is_linked, member.unlinked_at) = (true, None);
                    member.linked_at.get_or_insert(now);
                    member.rtt = rtt.or(member.rtt);
                }
            }
            Linked::Far => {
                if let Some(member) = self.entry(who) {
                    (member.is_linked, member.linked_at) = (false, None);
                    member.unlinked_at.get_or_insert(now);
                }
            }
            Linked::Gone { .. } => {
                if let Some(member) = self.members.get_mut(&who) {
                    *member = Member { unlinked_at: Some(now), ..Member::default() };
                }
                self.sweep();
            }
        }
    }

    pub(crate) fn handle_present(&mut self, who: Endpoint, present: Option<Present>) {
        match present {
            Some(_) => {
                if let Some(member) = self.entry(who) {
                    member.present = present;
                }
            }
            None => {
                if let Some(member) = self.members.get_mut(&who) {
                    member.present = None;
                }
            }
        }
    }

    /// Forgets members without link and presence, if there are many.
    fn sweep(&mut self) {
        if self.members.len() > MEMBERS_MAX / 2 {
            self.members.retain(|_, member| member.is_linked || member.present.is_some());
        }
    }

    /// Members with a presence.
    pub(crate) fn all_present(&self) -> impl Iterator<Item = (Endpoint, &Present)> {
        self.members.iter().filter_map(|(endpoint, member)| Some((*endpoint, member.present.as_ref()?)))
    }

    /// How long there has been a link to a member.
    pub(crate) fn linked_for(&self, now: Time, who: Endpoint) -> Duration {
        let since = self.member(who).and_then(|member| member.linked_at);
        since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Members that say that they follow this host of this line. The host is one of them. Keys are free, so the word alone
    /// says nothing.
    pub(crate) fn followers(&self, line: u32, host: Endpoint) -> impl Iterator<Item = Endpoint> {
        let follows = move |present: &Present| {
            present.line == line
                && present.host == host.instance.0
                && matches!(present.role, Role::Player | Role::Host)
        };
        self.all_present().filter(move |(_, present)| follows(present)).map(|(who, _)| who)
    }

    /// People who watch.
    pub(crate) fn watchers(&self) -> usize {
        let watch = self.all_present().filter(|(_, present)| present.role == Role::Watcher);
        watch.map(|(who, _)| who.peer).collect::<BTreeSet<PeerId>>().len()
    }

    /// Compares the wanted links with the pinned ones. Returns those to pin, again if there is no link, and those to unpin.
    pub(crate) fn pin(&mut self, now: Time, wanted: &BTreeSet<Endpoint>) -> (Vec<Endpoint>, Vec<Endpoint>) {
        let away: Vec<Endpoint> = self.pins.keys().filter(|pin| !wanted.contains(pin)).copied().collect();
        self.pins.retain(|pin, _| wanted.contains(pin));
        let is_due = |pin: &&Endpoint| match self.pins.get(pin) {
            None => true,
            Some(at) => {
                now.since(*at) >= PIN_AGAIN && !self.member(**pin).is_some_and(|member| member.is_linked)
            }
        };
        let due: Vec<Endpoint> = wanted.iter().filter(is_due).copied().collect();
        self.pins.extend(due.iter().map(|pin| (*pin, now)));
        (due, away)
    }
}
