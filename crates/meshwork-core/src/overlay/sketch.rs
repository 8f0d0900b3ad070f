//! What a room's members say of their links to one who looks at a picture of them.
//!
//! # Problem
//! A member knows its own links alone. A picture of the room shows those of others, too, without anybody paying for
//! it while nobody looks.
//!
//! # How it works
//! Who looks floods a [`Look`](SketchMessage::Look) to its neighbours, every few seconds. Whoever hears of it first from one neighbour
//! passes it on to the others, and sends a [`Sight`] of its own links back over that one, as well as those that come
//! from further out: a breadth-first search whose answers travel up the tree that it makes. docs/protocol/overlay.md
//! has the messages.
//!
//! # Driving it
//! The node hands in what neighbours say, and its own sight; it sends what comes back. There are no timers: whoever
//! looks calls again, and what is old is forgotten when something comes.
//!
//! # Invariants
//! - Nothing is decided by what is said here: sights are not signed, and shown as what others say.
//!
//! # Limits
//! [`LOOKS_MAX`] looks in [`LOOK_LIVES`], [`LOOKS_PER_NEIGHBOUR_MAX`] of one neighbour; [`SIGHTS_MAX`] sights for each.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::Tag;
use crate::id::Endpoint;
use crate::links::message::NAME_MAX;
use crate::time::Time;
use crate::wire::{Bounded, BoundedText, kinds};

/// How long a look is answered, and how long a member stays in the picture that says nothing more: two looks and a
/// half at the pace of [`LOOK_INTERVAL`].
pub const LOOK_LIVES: Duration = Duration::from_secs(10);
/// How often one looks at most: a picture that changes faster is not followed by eyes.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(4);
/// Looks that are answered in [`LOOK_LIVES`]: eight people who look at once.
pub const LOOKS_MAX: usize = 24;
/// Of those, looks that came over one neighbour, so that no neighbour shuts out the others.
pub const LOOKS_PER_NEIGHBOUR_MAX: usize = 12;
/// Sights that are passed on for one look, and kept of one's own: a picture of more members is not read.
pub const SIGHTS_MAX: usize = 160;
/// Links in one sight: what an endpoint of any overlay keeps, and some that are about to be given up.
pub const SEEN_MAX: usize = 40;
/// Members up to which a look goes [`HOPS_FEW`] far; in a larger room it goes [`HOPS_MANY`] far.
const FEW: usize = SIGHTS_MAX;
/// How often a look is passed on in a room of few: enough to cross it.
const HOPS_FEW: u8 = 5;
/// How often it is passed on in a room of many: the neighbours' neighbours answer, some 150 at a dozen links.
const HOPS_MANY: u8 = 1;

/// Names a look, by chance.
pub type LookId = [u8; 8];

/// A link as one of its ends tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLink {
    /// The other end.
    pub to: Tag,
    /// Smoothed round-trip time in ms, rounded up; 0 while it is not known.
    pub rtt_ms: u16,
    /// Whether packets go through a relay.
    pub relayed: bool,
    /// Trees in which the other end gets batches in full, a bit for each.
    pub eager: u8,
}

/// What a member says of its links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Who.
    pub endpoint: Endpoint,
    /// What it calls itself.
    pub name: BoundedText<NAME_MAX>,
    /// Its links.
    pub links: Bounded<SeenLink, SEEN_MAX>,
}

/// A message between neighbours about who is linked to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SketchMessage {
    /// Somebody looks: the name of the look, and how often it is still passed on.
    Look(LookId, u8),
    /// An answer to a look.
    Sight(LookId, Sight),
}

kinds!(SketchMessage {
    88 => Look(look, hops_left),
    89 => Sight(look, sight),
});

/// A look that is being answered.
#[derive(Debug)]
struct Asked {
    look: LookId,
    /// The neighbour to which answers go; `None` when it is our own look.
    by: Option<Endpoint>,
    at: Time,
    /// Sights that were passed on.
    passed: usize,
}

/// Looks of others that this endpoint helps to answer, and what it saw itself.
#[derive(Debug, Default)]
pub struct Sketch {
    looks: Vec<Asked>,
    sights: Vec<(Time, Sight)>,
}

impl Sketch {
    /// Begins a look of one's own in a room of `size`, unless the last one is too young. Returns what to say to all
    /// neighbours.
    pub fn look(&mut self, now: Time, id: LookId, size: usize) -> Option<SketchMessage> {
        self.forget(now);
        let is_young = |asked: &Asked| asked.by.is_none() && now.since(asked.at) < LOOK_INTERVAL;
        if self.looks.iter().any(is_young) {
            return None;
        }
        self.looks.push(Asked { look: id, by: None, at: now, passed: 0 });
        Some(SketchMessage::Look(id, hops(size)))
    }

    /// A neighbour passes a look on. `None` when it is to be let be; otherwise our own sight is the answer, and the
    /// message within, if any, goes to all other neighbours.
    pub fn handle_look(
        &mut self,
        now: Time,
        from: Endpoint,
        (id, hops_left): (LookId, u8),
        size: usize,
    ) -> Option<Option<SketchMessage>> {
        self.forget(now);
        let of_neighbour = self.looks.iter().filter(|asked| asked.by == Some(from)).count();
        let is_full = self.looks.len() >= LOOKS_MAX || of_neighbour >= LOOKS_PER_NEIGHBOUR_MAX;
        if is_full || self.looks.iter().any(|asked| asked.look == id) {
            return None;
        }
        self.looks.push(Asked { look: id, by: Some(from), at: now, passed: 0 });
        let left = hops_left.min(hops(size)).checked_sub(1);
        Some(left.map(|left| SketchMessage::Look(id, left)))
    }

    /// A sight comes in. Returns the neighbour to which it is to be passed on, and it.
    pub fn handle_sight(&mut self, now: Time, id: LookId, sight: Sight) -> Option<(Endpoint, SketchMessage)> {
        self.forget(now);
        let asked = self.looks.iter_mut().find(|asked| asked.look == id && asked.passed < SIGHTS_MAX)?;
        asked.passed += 1;
        match asked.by {
            Some(by) => Some((by, SketchMessage::Sight(id, sight))),
            None => {
                self.sights.retain(|(_, known)| known.endpoint != sight.endpoint);
                if self.sights.len() < SIGHTS_MAX {
                    self.sights.push((now, sight));
                }
                None
            }
        }
    }

    /// What others say of their links, as far as it is not too old.
    pub fn sights(&self, now: Time) -> impl Iterator<Item = &Sight> {
        let fresh = move |(at, _): &&(Time, Sight)| now.since(*at) < LOOK_LIVES;
        self.sights.iter().filter(fresh).map(|(_, sight)| sight)
    }

    fn forget(&mut self, now: Time) {
        self.looks.retain(|asked| now.since(asked.at) < LOOK_LIVES);
        self.sights.retain(|(at, _)| now.since(*at) < LOOK_LIVES);
    }
}

fn hops(size: usize) -> u8 {
    if size <= FEW { HOPS_FEW } else { HOPS_MANY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use alloc::collections::VecDeque;
    use alloc::vec;

    fn endpoint(number: u16) -> Endpoint {
        Endpoint { peer: PeerId([1; 32]), instance: Instance(number.into()) }
    }

    fn sight(number: u16, links: &[u16]) -> Sight {
        let seen = |&to: &u16| SeenLink { to: Tag::of(&endpoint(to)), rtt_ms: 7, relayed: false, eager: 255 };
        let links = Bounded::new(links.iter().take(SEEN_MAX).map(seen).collect()).expect("cut");
        Sight { endpoint: endpoint(number), name: BoundedText::new("Lin").expect("short"), links }
    }

    /// Members in a circle, each linked to the next `reach` on both sides.
    struct Circle {
        members: Vec<Sketch>,
        reach: u16,
        said: usize,
    }

    impl Circle {
        fn new(size: u16, reach: u16) -> Circle {
            Circle { members: (0..size).map(|_| Sketch::default()).collect(), reach, said: 0 }
        }

        fn neighbours(&self, of: u16) -> Vec<u16> {
            let size = self.members.len() as u16;
            (1..=self.reach).flat_map(|by| [(of + by) % size, (of + size - by) % size]).collect()
        }

        /// Lets one look and everybody answer, and returns whom it saw.
        fn look(&mut self, at: Time, who: u16, id: LookId) -> Vec<u16> {
            let size = self.members.len();
            let mut on_way: VecDeque<(u16, u16, SketchMessage)> = VecDeque::new();
            if let Some(look) = self.members[usize::from(who)].look(at, id, size) {
                on_way.extend(self.neighbours(who).into_iter().map(|to| (who, to, look.clone())));
            }
            while let Some((from, to, message)) = on_way.pop_front() {
                self.said += 1;
                let neighbours = self.neighbours(to);
                let own = sight(to, &neighbours);
                let member = &mut self.members[usize::from(to)];
                match message {
                    SketchMessage::Look(id, left) => {
                        let Some(on) = member.handle_look(at, endpoint(from), (id, left), size) else {
                            continue;
                        };
                        on_way.push_back((to, from, SketchMessage::Sight(id, own)));
                        let others = neighbours.into_iter().filter(|other| *other != from);
                        on_way.extend(
                            on.iter().flat_map(|on| others.clone().map(|other| (to, other, on.clone()))),
                        );
                    }
                    SketchMessage::Sight(id, sight) => {
                        if let Some((by, message)) = member.handle_sight(at, id, sight) {
                            on_way.push_back((to, by.instance.0 as u16, message));
                        }
                    }
                }
            }
            let seen = self.members[usize::from(who)].sights(at);
            seen.map(|sight| sight.endpoint.instance.0 as u16).collect()
        }
    }

    #[test]
    fn a_look_sees_most_members_of_a_hundred() {
        let mut circle = Circle::new(100, 6);
        let seen = circle.look(Time(0), 3, [1; 8]);
        assert!(seen.len() >= 60, "six hops of six to both sides: {}", seen.len());
        assert!(!seen.contains(&3));
        assert!(circle.said < 100 * 13, "each says it once to each neighbour: {}", circle.said);
        let again = circle.look(Time(0) + LOOK_INTERVAL / 2, 3, [2; 8]);
        assert_eq!(again.len(), seen.len(), "so soon nobody is asked again");
        let later = Time(0) + LOOK_LIVES;
        assert_eq!(circle.members[3].sights(later).count(), 0, "what is old is not shown");
        assert_eq!(circle.look(later, 3, [3; 8]).len(), seen.len());
    }

    #[test]
    fn in_a_large_room_neighbours_and_theirs_answer() {
        let mut circle = Circle::new(1000, 6);
        let seen = circle.look(Time(0), 0, [1; 8]);
        assert_eq!(seen.len(), 24);
        assert!(circle.said < 200, "{}", circle.said);
        // Whatever a neighbour claims about how far its look goes.
        let onward = circle.members[5].handle_look(Time(0), endpoint(4), ([9; 8], 255), 1000);
        assert_eq!(onward, Some(Some(SketchMessage::Look([9; 8], 0))));
    }

    #[test]
    fn nobody_is_made_to_answer_without_end() {
        let mut member = Sketch::default();
        let mut answered = |from: u16| {
            (0..100)
                .filter(|round: &u8| {
                    member
                        .handle_look(Time(0), endpoint(from), ([*round, from as u8, 0, 0, 0, 0, 0, 0], 5), 10)
                        .is_some()
                })
                .count()
        };
        assert_eq!([answered(1), answered(2), answered(3)], [12, 12, 0]);
        let id = [0, 1, 0, 0, 0, 0, 0, 0];
        let passed =
            (0..1000).filter(|number| member.handle_sight(Time(0), id, sight(*number, &[])).is_some());
        assert_eq!(passed.count(), SIGHTS_MAX);
        assert_eq!(member.handle_sight(Time(0), [77; 8], sight(1, &[])), None, "nobody asked for it");
        let mut viewer = Sketch::default();
        viewer.look(Time(0), id, 10).expect("the first");
        (0..1000).for_each(|number| drop(viewer.handle_sight(Time(0), id, sight(number, &[]))));
        assert_eq!(viewer.sights(Time(0)).count(), SIGHTS_MAX);
        assert!(viewer.looks.len() <= LOOKS_MAX);
    }

    #[test]
    fn messages_read_as_they_are_written() {
        let full: Vec<u16> = (0..SEEN_MAX as u16).collect();
        for message in [SketchMessage::Look([7; 8], 5), SketchMessage::Sight([8; 8], sight(9, &full))] {
            let (kind, body) = message.encode(3);
            assert!(body.len() < 600);
            assert_eq!(SketchMessage::decode(kind, &body), Ok(Some((3, message))));
            (0..body.len()).for_each(|cut| assert!(SketchMessage::decode(kind, &body[..cut]).is_err()));
        }
        assert_eq!(SketchMessage::decode(90, &[]), Ok(None));
    }

    #[test]
    fn golden_bytes() {
        let hex = |message: SketchMessage| {
            let (kind, body) = message.encode(3);
            let body: alloc::string::String = body.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
            (kind, body)
        };
        assert_eq!(hex(SketchMessage::Look([0xa1; 8], 5)), (88, "03a1a1a1a1a1a1a1a105".into()));
        let links = vec![SeenLink { to: Tag([0xb2; 8]), rtt_ms: 300, relayed: true, eager: 0x81 }];
        let links = Bounded::new(links).expect("one");
        let name = BoundedText::new("Lin").expect("short");
        let endpoint = Endpoint { peer: PeerId([0xc3; 32]), instance: Instance(300) };
        let (kind, body) = hex(SketchMessage::Sight([0xa1; 8], Sight { endpoint, name, links }));
        let expected = alloc::format!(
            "03a1a1a1a1a1a1a1a1{}{}034c696e01b2b2b2b2b2b2b2b2ac020181",
            "c3".repeat(32),
            "ac02"
        );
        assert_eq!((kind, body), (89, expected));
    }
}
