//! Random walks: how members that are not linked come to know of each other.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::passive::{Known, draw};
use super::{Neighbour, Views};
use crate::id::Endpoint;
use crate::overlay::OverlayOutput;
use crate::overlay::message::{Entry, Found, OverlayMessage, ROUTE_MAX, SAMPLE_MAX, Tag, Walk, route};
use crate::overlay::nearness::Place;
use crate::signalling::announce::Introduction;
use crate::time::{Now, Time};
use crate::wire::Bounded;

/// Between two walks of somebody who has enough neighbours.
const WALK_EVERY: Duration = Duration::from_secs(10);
/// And of somebody who looks for some.
const SEARCH_EVERY: Duration = Duration::from_secs(2);
/// How often a walk is passed on: far enough to leave one's own surroundings.
const HOPS: u8 = 3;
/// And how often that of somebody who looks for neighbours is, which spreads where it comes by.
const HOPS_MAX: u8 = 5;
/// At this number of hops left whoever looks for neighbours is remembered on its way.
const REMEMBERED_AT: u8 = 3;
/// Walks and answers that one neighbour may send or pass on in [`WALKS_WINDOW`]: ten times those of a room in which
/// everybody looks for neighbours.
const WALKS_MAX: u32 = 256;
const WALKS_WINDOW: Duration = Duration::from_secs(10);
/// A way that was not heard of for so long is told to nobody.
const TOLD_FOR: Duration = Duration::from_secs(60);

impl Views {
    /// Sends a walk when one is due.
    pub(super) fn walk(&mut self, now: Now) {
        let joins = self.living() < self.degree.target && self.size() > self.active.len() + 1;
        if joins && self.loses() {
            // Until then it walked as seldom as who has enough.
            self.next_walk = self.next_walk.min(self.walked + SEARCH_EVERY);
        }
        if self.next_walk > now.time || planted!(ShuffleOff) {
            return;
        }
        self.walked = now.time;
        let pause = if joins { SEARCH_EVERY } else { WALK_EVERY };
        // A quarter of chance, so that a room does not walk in step.
        let jitter = self.rng.below(pause.as_micros() as u64 / 4);
        self.next_walk = now.time + pause * 7 / 8 + Duration::from_micros(jitter);
        let Some(to) = self.next_hop(&[self.me.endpoint]) else { return };
        let walk = Walk {
            hops_left: if joins { HOPS_MAX } else { HOPS },
            joins,
            origin: self.me.clone(),
            place: self.position.place(),
            path: Bounded::default(),
            sample: self.sample(now.time, to, to),
        };
        self.outputs.push_back(OverlayOutput::Send(to, OverlayMessage::Walk(Box::new(walk))));
    }

    pub(super) fn handle_walk(&mut self, now: Now, from: Endpoint, walk: Walk) {
        let origin = walk.origin.endpoint;
        let Some(neighbour) = self.active.get_mut(&from) else { return };
        let came = walk.path.last().copied().unwrap_or_else(|| Tag::of(&origin));
        if came != neighbour.tag || walk.hops_left > HOPS_MAX || origin == self.me.endpoint {
            // A walk may come round to who began it; nothing else of this is honest.
            if origin != self.me.endpoint {
                self.handle_fault(from, "it passes on walks that did not come its way");
            }
            return;
        }
        if !neighbour.counts_walk(now.time) {
            return self.handle_fault(from, "it sends more walks than a member needs");
        }
        let back: Vec<Tag> = walk.path.iter().rev().copied().collect();
        let ends = walk.hops_left == 0 || walk.path.len() >= ROUTE_MAX;
        let visited: Vec<Tag> = walk.path.iter().copied().chain([Tag::of(&origin)]).collect();
        let onward = if ends { None } else { self.next_hop_but(&[from, origin], &visited) };
        let Some(to) = onward else { return self.end_walk(now, from, &walk, back) };
        if walk.joins && walk.hops_left == REMEMBERED_AT {
            self.learn_from(now.time, from, &walk.origin, Some(walk.place), back);
        }
        let path = walk.path.iter().copied().chain([Tag::of(&self.me.endpoint)]);
        let Some(path) = route(path) else { return };
        let walk = Walk { hops_left: walk.hops_left - 1, path, ..walk };
        self.outputs.push_back(OverlayOutput::Send(to, OverlayMessage::Walk(Box::new(walk))));
    }

    /// A walk ends here: remembers what it tells, answers, and links to who looks for neighbours.
    fn end_walk(&mut self, now: Now, from: Endpoint, walk: &Walk, back: Vec<Tag>) {
        let origin = walk.origin.endpoint;
        let found = Found {
            route: route(back.iter().copied().skip(1)).unwrap_or_default(),
            to: Tag::of(&origin),
            from: self.me.clone(),
            place: self.position.place(),
            path: Bounded::default(),
            sample: self.sample(now.time, from, origin),
        };
        self.outputs.push_back(OverlayOutput::Send(from, OverlayMessage::Found(Box::new(found))));
        self.take_sample(now.time, from, &back, origin, &walk.sample);
        self.learn_from(now.time, from, &walk.origin, Some(walk.place), back);
        if walk.joins && self.loses() {
            // It lives, and this way leads to it: what failed before was another way.
            self.passive.forgive(&origin);
        }
        let free = self.taken() + self.sought.len() < self.degree.most;
        let is_new = self.passive.iter().any(|(&known, _)| known == origin);
        if walk.joins && free && is_new && !self.passive.has_failed(now.time, &origin) {
            let is_long = self.needs_long();
            self.seek(now.time, origin, is_long, None);
        }
    }

    pub(super) fn handle_found(&mut self, now: Now, from: Endpoint, mut found: Found) {
        let me = Tag::of(&self.me.endpoint);
        let Some(neighbour) = self.active.get_mut(&from) else { return };
        let came = found.path.last().copied().unwrap_or_else(|| Tag::of(&found.from.endpoint));
        if came != neighbour.tag {
            return self.handle_fault(from, "it passes on answers that did not come its way");
        }
        if !neighbour.counts_walk(now.time) {
            return self.handle_fault(from, "it answers more walks than there are");
        }
        if found.to == me {
            let answerer = found.from.endpoint;
            let way: Vec<Tag> = found.path.iter().rev().copied().collect();
            self.take_sample(now.time, from, &way, answerer, &found.sample);
            self.learn_from(now.time, from, &found.from, Some(found.place), way);
            return self.fill(now);
        }
        // The last of the way that is a neighbour of ours, so that who left meanwhile is passed by.
        let mut rest = core::mem::take(&mut found.route).into_inner();
        let next = self.neighbour_of(found.to).inspect(|_| rest.clear()).or_else(|| {
            let place = rest.iter().rposition(|tag| self.neighbour_of(*tag).is_some())?;
            let next = self.neighbour_of(rest[place]);
            rest.drain(..=place);
            next
        });
        let path = found.path.iter().copied().chain([me]);
        if let (Some(next), Some(route_left), Some(path)) = (next, route(rest), route(path))
            && next != from
        {
            let found = Found { route: route_left, path, ..found };
            self.outputs.push_back(OverlayOutput::Send(next, OverlayMessage::Found(Box::new(found))));
        }
    }

    /// Some of whom one knows, for somebody reached through `via`.
    fn sample(&mut self, now: Time, via: Endpoint, to: Endpoint) -> Bounded<Entry, SAMPLE_MAX> {
        let linked = |(&endpoint, neighbour): (&Endpoint, &Neighbour)| {
            let introduction = neighbour.face.introduction.clone()?;
            let fits = endpoint != via && endpoint != to && !neighbour.facts.stale;
            let place = neighbour.place.unwrap_or(UNKNOWN);
            fits.then_some(Entry { introduction, place, route: Bounded::default() })
        };
        let mut entries: Vec<Entry> = self.active.iter().filter_map(linked).collect();
        draw(&mut self.rng, &mut entries, SAMPLE_MAX / 2);
        let via = Tag::of(&via);
        let left = SAMPLE_MAX - entries.len();
        let told = |known: &Known| {
            let fresh = now.since(known.heard) < TOLD_FOR && known.introduction.endpoint != to;
            fresh
                && !known.route.is_empty()
                && known.route.len() < ROUTE_MAX / 2
                && !known.route.contains(&via)
        };
        let known = self.passive.sample(&mut self.rng, left, told);
        entries.extend(known.into_iter().filter_map(|known| {
            let introduction = known.introduction.clone();
            let place = known.place.unwrap_or(UNKNOWN);
            Some(Entry { introduction, place, route: route(known.route.iter().copied())? })
        }));
        Bounded::new(entries).unwrap_or_default()
    }

    /// Remembers whom `teller` knows, who is reached through `from` along `way`.
    fn take_sample(&mut self, now: Time, from: Endpoint, way: &[Tag], teller: Endpoint, sample: &[Entry]) {
        let mut to_teller: Vec<Tag> = way.to_vec();
        to_teller.push(Tag::of(&teller));
        for entry in sample {
            let way: Vec<Tag> = to_teller.iter().chain(entry.route.iter()).copied().collect();
            self.learn_from(now, from, &entry.introduction, Some(entry.place), way);
        }
    }

    /// Remembers a member that `from` told of.
    fn learn_from(
        &mut self,
        now: Time,
        from: Endpoint,
        one: &Introduction,
        place: Option<Place>,
        way: Vec<Tag>,
    ) {
        if way.len() <= ROUTE_MAX && !way.contains(&Tag::of(&self.me.endpoint)) {
            let introduction = one.clone();
            self.learn(Known { introduction, place, introducer: Some(from), route: way, heard: now });
        }
    }

    fn next_hop(&mut self, but: &[Endpoint]) -> Option<Endpoint> {
        self.next_hop_but(but, &[])
    }

    /// A neighbour, drawn, that takes walks and was not passed by.
    fn next_hop_but(&mut self, but: &[Endpoint], visited: &[Tag]) -> Option<Endpoint> {
        let fits = |endpoint: &Endpoint, neighbour: &Neighbour| {
            let takes = neighbour.face.speaks && !neighbour.facts.stale;
            takes && !but.contains(endpoint) && !visited.contains(&neighbour.tag)
        };
        let mut hops: Vec<Endpoint> =
            self.active.iter().filter(|(endpoint, one)| fits(endpoint, one)).map(|(&one, _)| one).collect();
        draw(&mut self.rng, &mut hops, 1);
        hops.pop()
    }
}

impl Neighbour {
    /// Counts a walk or an answer. Returns whether there may be so many.
    fn counts_walk(&mut self, now: Time) -> bool {
        if now.since(self.walks.0) > WALKS_WINDOW {
            self.walks = (now, 0);
        }
        self.walks.1 += 1;
        self.walks.1 <= WALKS_MAX
    }
}

/// A place that says nothing.
const UNKNOWN: Place = Place { axes: [0; 3], height: 0, error: 100 };

#[cfg(test)]
mod tests {
    use super::super::Degree;
    use super::*;
    use crate::overlay::Face;
    use crate::overlay::message::tests::introduction;

    #[test]
    fn a_neighbour_sends_so_many_walks_and_answers() {
        let mut views = Views::new(introduction(1), Degree { target: 8, most: 12 }, false, [1; 32]);
        let neighbour = introduction(2);
        let from = neighbour.endpoint;
        let mut now = Now::default();
        let face = Face { introduction: Some(neighbour.clone()), speaks: true };
        views.handle_attached(now, from, face);
        let walk = OverlayMessage::Walk(Box::new(Walk {
            hops_left: 0,
            joins: false,
            origin: neighbour.clone(),
            place: UNKNOWN,
            path: Bounded::default(),
            sample: Bounded::default(),
        }));
        let found = OverlayMessage::Found(Box::new(Found {
            route: Bounded::default(),
            to: Tag::of(&introduction(1).endpoint),
            from: neighbour,
            place: UNKNOWN,
            path: Bounded::default(),
            sample: Bounded::default(),
        }));
        for number in 0..WALKS_MAX {
            let message = if number % 2 == 0 { &walk } else { &found };
            views.handle_message(now, from, message.clone());
        }
        assert_eq!(views.active[&from].faults, 0);
        views.handle_message(now, from, walk.clone());
        assert_eq!(views.active[&from].faults, 1);
        views.handle_message(now, from, found);
        assert_eq!(views.active[&from].faults, 2);
        now.time += WALKS_WINDOW + Duration::from_micros(1);
        views.handle_message(now, from, walk);
        assert_eq!(views.active[&from].faults, 2, "later it may send others");
    }
}
