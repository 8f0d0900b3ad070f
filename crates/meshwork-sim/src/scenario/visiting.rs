//! Direct messages: what people say to one member alone, and to members to whom they have no link.

use std::time::Duration;

use meshwork_core::seam::lane::DirectEnd;

use super::access::Access;
use super::overlay::FULL_MESH;
use super::people::Scenario;
use super::schedule::{Action, Arrival, Name, Step};
use crate::chance::generator;
use crate::check::{Member, Violation};

/// Whose generator is that of visits; those of apps have small numbers.
const VISITS: u64 = 1001;
/// One in so many small rooms has some, and each large one in which not everybody is linked to everybody.
const VISITED_ONE_IN: u64 = 4;
/// Most of a room.
const VISITS_MAX: u64 = 8;
/// How long what is said to somebody who is there may take in a room at rest: as long as it waits for a link.
const LIMIT: Duration = Duration::from_secs(10);

/// Adds visits to the steps of a schedule, in the room that `first` makes.
pub(super) fn draw(seed: u64, first: Arrival, (overlay, is_large): (&str, bool), steps: &mut Vec<Step>) {
    let mut rng = generator(seed, [VISITS, 0, 0]);
    if overlay == FULL_MESH || !is_large && rng.below(VISITED_ONE_IN) != 0 {
        return;
    }
    let people = steps.iter().filter_map(|step| match step.action {
        Action::Join(Arrival { who, .. }) => Some(who),
        _ => None,
    });
    let people: Vec<Name> = [first.who].into_iter().chain(people).collect();
    let last = steps.iter().map(|step| step.at).max().unwrap_or_default();
    for _ in 0..1 + rng.below(VISITS_MAX) {
        let mut person = || people[rng.below(people.len() as u64) as usize];
        let (from, to) = (person(), person());
        let at = last / 2 + Duration::from_millis(rng.below(last.as_millis() as u64 / 2 + 1));
        steps.push(Step { at, action: Action::Visit { from, to } });
    }
    steps.sort_by_key(|step| step.at);
}

impl Scenario {
    /// Somebody honest says something `times` times to somebody honest.
    pub(super) fn say(&mut self, from: Name, to: Name, times: usize) {
        let (Some(from), Some(to)) = (self.awake(from), self.honest_member(to)) else { return };
        for _ in 0..times {
            self.say_once(from, to);
        }
    }

    /// Somebody honest says something to somebody honest, or to the next one to whom there is no link.
    pub(super) fn visit(&mut self, from: Name, to: Name) {
        let Some(from) = self.awake(from) else { return };
        let after = self.people.range(to..).chain(self.people.range(..to));
        let others = after.filter_map(|(name, _)| self.honest_member(*name)).filter(|other| *other != from);
        let others: Vec<Member> = others.collect();
        let is_far = |other: &&Member| !self.is_linked(from, **other);
        if let Some(&other) = others.iter().find(is_far).or(others.first()) {
            self.say_once(from, other);
        }
    }

    /// **visits**: in a room at rest what is said to a member is taken within ten seconds, wherever that is.
    pub(super) fn visits_at_rest(&mut self) -> Result<(), Violation> {
        if self.people.values().any(|person| person.hostile) {
            // Who passes on nothing may stand between any two.
            return Ok(());
        }
        let members = Access(self).insiders();
        let before = self.visits.count(DirectEnd::Taken);
        let mut sent = 0;
        for (place, &from) in members.iter().enumerate() {
            let far = members[place + 1..].iter().find(|other| !self.is_linked(from, **other));
            if let Some(&to) = far.filter(|_| sent < VISITS_MAX as usize) {
                sent += usize::from(self.say_once(from, to));
            }
        }
        self.run_until(self.world.now() + LIMIT + super::STRIDE)?;
        let after = self.visits.count(DirectEnd::Taken);
        if after - before >= sent {
            return self.visits.check();
        }
        let detail = format!("of {sent} messages to members that are there {} were taken", after - before);
        Err(Violation::new("visits", detail))
    }

    fn say_once(&mut self, (from, room): Member, (to, _): Member) -> bool {
        let (me, them) = (self.world.node(from).endpoint(), self.world.node(to).endpoint());
        let content = self.direct.next(me, them);
        let token = self.world.send_direct(from, room, them, &content);
        if let Some(token) = token {
            self.direct.sent(me, them);
            self.visits.sent(me, them, token, &content);
        }
        token.is_some()
    }

    fn honest_member(&self, who: Name) -> Option<Member> {
        self.people.get(&who).filter(|person| !person.hostile).and_then(|person| person.member)
    }

    fn is_linked(&self, (one, room): Member, (other, _): Member) -> bool {
        let endpoint = self.world.node(other).endpoint();
        let peer = self.world.node(one).room(room).peer(endpoint);
        peer.is_some_and(|peer| peer.path.is_some())
    }
}
