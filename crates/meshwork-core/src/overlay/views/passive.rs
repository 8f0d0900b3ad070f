//! Members that are known and not linked: who takes a lost neighbour's place, and how it is reached.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::Views;
use crate::id::Endpoint;
use crate::overlay::OverlayOutput;
use crate::overlay::message::{ROUTE_MAX, Tag};
use crate::overlay::nearness::Place;
use crate::overlay::size::PASSIVE_MAX;
use crate::rng::Rng;
use crate::signalling::announce::Introduction;
use crate::time::{Now, Time};

/// Members that one neighbour may have named among those that are remembered: a third, so that nobody can fill the
/// table with accomplices.
pub(super) const NAMED_BY_ONE_MAX: usize = PASSIVE_MAX / 3;
/// Members that could not be reached lately, at most.
const FAILED_MAX: usize = 64;
/// How long a member that could not be reached is not sought while there are others.
const FAILED_FOR: Duration = Duration::from_secs(60);
/// Where there are no others it is sought again after this pause, then after twice as long each time, up to
/// [`RETRY_MOST`].
const RETRY_FIRST: Duration = Duration::from_secs(4);
const RETRY_MOST: Duration = Duration::from_secs(30);
/// How long a member that takes us for somebody without access, or is that itself, is not sought, whoever else there is. Another record
/// may let it in.
const SHUT_FOR: Duration = Duration::from_secs(45);
/// Until nobody has named it for so long.
const RETRIED_FOR: Duration = Duration::from_secs(300);

/// A member that is not linked.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) introduction: Introduction,
    pub(super) place: Option<Place>,
    /// The neighbour that named it; `None` when a server did.
    pub(super) introducer: Option<Endpoint>,
    /// How to reach it, over neighbours of ours; empty when there is only the server.
    pub(super) route: Vec<Tag>,
    pub(super) heard: Time,
}

/// A member that could not be reached.
#[derive(Debug)]
struct Failed {
    /// Until when others are sought rather than it.
    until: Time,
    /// When it may be sought again where there are no others, and the pause that led there.
    retry: Time,
    pause: Duration,
    /// What was known of it, unless it was sought again since.
    known: Option<Known>,
}

/// What is known of members that are not linked.
#[derive(Debug, Default)]
pub(super) struct Passive {
    known: BTreeMap<Endpoint, Known>,
    failed: BTreeMap<Endpoint, Failed>,
}

impl Passive {
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is nobody who may be sought, now or later.
    pub(super) fn is_idle(&self) -> bool {
        self.known.is_empty() && self.failed.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Endpoint, &Known)> {
        self.known.iter()
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint) -> Option<Known> {
        self.known.remove(endpoint)
    }

    /// Remembers a member. A shorter way replaces a longer one; whom somebody named stands in for another whom the
    /// same one named once it has named its share, and for anybody when the table is full.
    pub(super) fn insert(&mut self, known: Known, rng: &mut Rng) {
        let endpoint = known.introduction.endpoint;
        if known.route.len() > ROUTE_MAX {
            return;
        }
        if let Some(before) = self.known.get_mut(&endpoint) {
            let better = before.route.is_empty() || known.route.len() <= before.route.len();
            before.heard = known.heard;
            before.place = known.place.or(before.place);
            if better && !known.route.is_empty() {
                (before.route, before.introducer) = (known.route, known.introducer);
                before.introduction = known.introduction;
            }
            return;
        }
        let named_by_it = |other: &Known| known.introducer.is_some() && other.introducer == known.introducer;
        let own: Vec<Endpoint> =
            self.known.iter().filter(|(_, other)| named_by_it(other)).map(|(&name, _)| name).collect();
        let pick = |rng: &mut Rng, names: &[Endpoint]| names[rng.below(names.len() as u64) as usize];
        if own.len() >= NAMED_BY_ONE_MAX {
            self.known.remove(&pick(rng, &own));
        } else if self.known.len() >= PASSIVE_MAX {
            let all: Vec<Endpoint> = self.known.keys().copied().collect();
            self.known.remove(&pick(rng, &all));
        }
        self.known.insert(endpoint, known);
    }

    /// A member could not be reached: others are sought first.
    pub(super) fn fail(&mut self, now: Time, known: Known) {
        let endpoint = known.introduction.endpoint;
        let before = self.failed.get(&endpoint).map(|failed| failed.pause * 2);
        let pause = before.unwrap_or(RETRY_FIRST).clamp(RETRY_FIRST, RETRY_MOST);
        let known = Some(self.known.remove(&endpoint).unwrap_or(known));
        self.note_failed(endpoint, Failed { until: now + FAILED_FOR, retry: now + pause, pause, known });
    }

    /// A link to a member ends, since one of the two has no access.
    pub(super) fn shut(&mut self, now: Time, known: Known) {
        let (endpoint, until) = (known.introduction.endpoint, now + SHUT_FOR);
        self.known.remove(&endpoint);
        self.note_failed(endpoint, Failed { until, retry: until, pause: SHUT_FOR, known: Some(known) });
    }

    /// A member is not worth a link at present: others are sought first.
    pub(super) fn pass_over(&mut self, now: Time, endpoint: Endpoint) {
        let known = self.known.remove(&endpoint);
        let until = now + FAILED_FOR;
        self.note_failed(endpoint, Failed { until, retry: until, pause: Duration::ZERO, known });
    }

    fn note_failed(&mut self, endpoint: Endpoint, failed: Failed) {
        if self.failed.len() >= FAILED_MAX
            && let Some((&oldest, _)) = self.failed.iter().min_by_key(|(_, failed)| failed.until)
        {
            self.failed.remove(&oldest);
        }
        self.failed.insert(endpoint, failed);
    }

    /// The member that failed first of those whose pause is over, known again; for when there is nobody else.
    pub(super) fn recall(&mut self, now: Time) -> Option<Endpoint> {
        let known = &self.known;
        let is_known =
            |endpoint: &Endpoint, failed: &Failed| failed.known.is_some() || known.contains_key(endpoint);
        let due = self.failed.iter_mut().filter(|(one, failed)| failed.retry <= now && is_known(one, failed));
        let (&endpoint, failed) = due.min_by_key(|(_, failed)| failed.retry)?;
        if let Some(before) = failed.known.take() {
            self.known.entry(endpoint).or_insert(before);
        }
        Some(endpoint)
    }

    /// A member that could not be reached can be after all.
    pub(super) fn forgive(&mut self, endpoint: &Endpoint) {
        self.failed.remove(endpoint);
    }

    /// Whether a member could not be reached lately.
    pub(super) fn has_failed(&self, now: Time, endpoint: &Endpoint) -> bool {
        self.failed.get(endpoint).is_some_and(|failed| failed.until > now)
    }

    pub(super) fn handle_time(&mut self, now: Time) {
        self.failed.retain(|_, failed| {
            let is_retried = |known: &Known| now.since(known.heard) < RETRIED_FOR;
            failed.until > now || failed.known.as_ref().is_some_and(is_retried)
        });
    }

    /// Some of them, drawn.
    pub(super) fn sample(&self, rng: &mut Rng, count: usize, fits: impl Fn(&Known) -> bool) -> Vec<&Known> {
        let mut all: Vec<&Known> = self.known.values().filter(|known| fits(known)).collect();
        draw(rng, &mut all, count);
        all
    }
}

impl Views {
    /// `endpoint`, or this one, has no access to the room.
    pub fn handle_shut_out(&mut self, now: Now, endpoint: Endpoint) {
        let sought = self.sought.remove(&endpoint).map(|sought| {
            self.outputs.push_back(OverlayOutput::Unseek(endpoint));
            sought.known
        });
        let left = self.active.remove(&endpoint);
        self.lost |= left.is_some();
        let left = left.and_then(|neighbour| neighbour.face.introduction);
        let left = left.map(|introduction| Known {
            introduction,
            place: None,
            introducer: None,
            route: Vec::new(),
            heard: now.time,
        });
        let known = sought.or(left);
        if let Some(known) = known.or_else(|| self.passive.remove(&endpoint)) {
            self.passive.shut(now.time, known);
        }
        self.fill(now);
    }
}

/// Keeps `count` of the items, drawn.
pub(super) fn draw<T>(rng: &mut Rng, items: &mut Vec<T>, count: usize) {
    for place in 0..count.min(items.len()) {
        let other = place + rng.below((items.len() - place) as u64) as usize;
        items.swap(place, other);
    }
    items.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::message::tests::introduction;

    fn known(number: u8, introducer: u8, route: usize) -> Known {
        Known {
            introduction: introduction(number),
            place: None,
            introducer: Some(introduction(introducer).endpoint),
            route: alloc::vec![Tag([introducer; 8]); route],
            heard: Time(0),
        }
    }

    #[test]
    fn nobody_fills_the_table_with_whom_they_named() {
        let (mut passive, mut rng) = (Passive::default(), Rng::new([1; 32]));
        for number in 0..200 {
            passive.insert(known(number, 201, 1), &mut rng);
        }
        assert_eq!(passive.len(), NAMED_BY_ONE_MAX);
        for number in 0..200 {
            passive.insert(known(number, 202 + number % 4, 1), &mut rng);
        }
        assert_eq!(passive.len(), PASSIVE_MAX);
        assert!(passive.sample(&mut rng, 8, |_| true).len() == 8);
    }

    #[test]
    fn a_shorter_way_replaces_a_longer_one() {
        let (mut passive, mut rng) = (Passive::default(), Rng::new([1; 32]));
        passive.insert(known(1, 9, 5), &mut rng);
        passive.insert(known(1, 8, 2), &mut rng);
        passive.insert(known(1, 7, 3), &mut rng);
        passive.insert(known(2, 7, ROUTE_MAX + 1), &mut rng);
        let routes: Vec<usize> = passive.iter().map(|(_, known)| known.route.len()).collect();
        assert_eq!(routes, [2], "and what is further than a payload travels is nothing");
    }

    #[test]
    fn who_failed_is_recalled_later_each_time() {
        let (mut passive, mut rng) = (Passive::default(), Rng::new([1; 32]));
        let endpoint = introduction(1).endpoint;
        passive.insert(known(1, 9, 1), &mut rng);
        let (mut now, mut pauses) = (Time(0), Vec::new());
        while pauses.len() < 5 {
            let known = passive.remove(&endpoint).expect("it is known when it is sought");
            passive.fail(now, known);
            assert!(passive.len() == 0 && passive.has_failed(now, &endpoint));
            let failed = now;
            while passive.recall(now).is_none() {
                now += Duration::from_secs(1);
                passive.handle_time(now);
            }
            pauses.push(now.since(failed).as_secs());
        }
        assert_eq!(pauses, [4, 8, 16, 30, 30]);
        let known = passive.remove(&endpoint).expect("it is known when it is sought");
        passive.fail(now, known);
        passive.handle_time(now + RETRIED_FOR);
        assert_eq!(passive.recall(now + RETRIED_FOR), None, "nobody named it for so long");
    }

    #[test]
    fn so_many_members_are_remembered_as_failed() {
        let mut passive = Passive::default();
        let now = |number: usize| Time(number as u64);
        let fail =
            |passive: &mut Passive, number: usize| passive.fail(now(number), known(number as u8, 201, 1));
        let has_failed = |passive: &Passive, number: usize| {
            passive.has_failed(now(0), &introduction(number as u8).endpoint)
        };
        (0..FAILED_MAX).for_each(|number| fail(&mut passive, number));
        assert!((0..FAILED_MAX).all(|number| has_failed(&passive, number)));
        fail(&mut passive, FAILED_MAX);
        assert!((1..=FAILED_MAX).all(|number| has_failed(&passive, number)));
        assert!(!has_failed(&passive, 0), "the oldest is forgotten");
    }
}
