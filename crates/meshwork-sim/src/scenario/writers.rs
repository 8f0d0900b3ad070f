//! Who may write: lists of writers and edit keys, how they change, and with which LINK people come.

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::CommandError;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::signed::app::{CONVERSATION_SLOT, GENESIS_SLOT};
use meshwork_core::signed::change::{Limit, Rule, WhoWrites};
use meshwork_core::wire::Bounded;

use super::acts::{Act, Draw, SLOTS};
use super::people::Scenario;
use super::schedule::{Action, Arrival, Name};
use crate::app::{Operation, documents as texts, tables};
use crate::chance::pick;
use crate::check::{Law, Member, Violation};
use crate::world::identity;

/// Most acts of a room that say who may write.
const ACTS_MAX: u64 = 8;
/// A tab is loaded again within so many milliseconds after its person got a LINK.
const RELOAD_MAX_MS: u64 = 6000;

impl Draw<'_> {
    /// Who may write changes, while people write and load their tabs again, and somebody comes when all of it is over.
    pub(super) fn writers(&mut self, first: Arrival) {
        for _ in 0..2 + self.rng.below(ACTS_MAX - 1) {
            let at = self.at(self.length_ms);
            let (who, whom) = (self.owner(), self.anybody().who);
            let act = self.writers_act(whom);
            self.push(at, Action::Govern { who, act });
            let begun = at.saturating_sub(Duration::from_secs(1));
            for author in [whom, self.anybody().who, self.anybody().who] {
                let at = begun + self.at(4000);
                self.write(at, author);
            }
            if let Act::Admit { told } = act {
                self.reload(at, told);
            }
            self.defy(at);
        }
        let (at, who) = (Duration::from_millis(self.length_ms) + self.at(5000), self.next());
        self.come(at, Arrival { who, person: who as u64, stores: false, ..first });
    }

    fn writers_act(&mut self, whom: Name) -> Act {
        let rng = &mut self.rng;
        let slot = pick(rng, &SLOTS).unwrap_or_default();
        match rng.below(10) {
            0..2 => Act::CloseTo { listed: rng.next_u64() | rng.next_u64() },
            2 => Act::List { whom },
            3 => Act::Unlist { whom },
            4..7 if self.is_private => Act::Admit { told: rng.next_u64() },
            7 if self.is_private => Act::Allow { slot, writers: WhoWrites::Admitted },
            7 | 8 => Act::Allow { slot, writers: WhoWrites::Listed },
            _ => Act::Allow { slot, writers: WhoWrites::Everybody },
        }
    }

    /// Some of those who got a LINK load their tabs again with it, and some of them leave later; who is hostile comes back as
    /// somebody new.
    fn reload(&mut self, at: Duration, told: u64) {
        for known in self.people.clone().into_iter().skip(1) {
            if !is_named(told, known.who) || self.rng.below(3) == 0 {
                continue;
            }
            let (who, at) = (known.who, at + self.at(RELOAD_MAX_MS));
            let again = at + self.at(2000);
            let (ends, begins) = match known.behaviour {
                None => (Action::Crash { who, durable: self.rng.below(3) as usize }, Action::Restart { who }),
                Some(behaviour) => (Action::Leave { who }, Action::JoinHostile { who, behaviour }),
            };
            self.push(at, ends);
            self.push(again, begins);
            let later = again + self.at(3000);
            self.write(later, who);
            if self.rng.below(3) == 0 {
                let last = later + self.at(5000);
                self.push(last, Action::Leave { who });
            }
        }
    }

    /// Who is hostile writes on, by whatever gave them a right before.
    fn defy(&mut self, at: Duration) {
        let hostile: Vec<Name> =
            self.people.iter().filter(|one| one.behaviour.is_some()).map(|one| one.who).collect();
        for who in hostile {
            let later = at + self.at(8000);
            self.push(later, Action::Defy { who });
        }
    }
}

impl Scenario {
    /// Somebody says who may write. Who may not say it says nothing.
    pub(super) fn say_who_writes(&mut self, member: Member, act: Act) -> Result<(), CommandError> {
        match act {
            Act::CloseTo { listed } => {
                let peers = self.peers(listed);
                self.set_list(member, |list| *list = Some(peers))
            }
            Act::List { whom } => {
                let peer = self.peer(whom);
                self.set_list(member, |list| list.iter_mut().for_each(|list| list.push(peer)))
            }
            Act::Unlist { whom } => {
                let peer = self.peer(whom);
                self.set_list(member, |list| list.iter_mut().for_each(|list| list.retain(|one| *one != peer)))
            }
            Act::Allow { slot, writers } => self.set_rule(member, slot, |rule| rule.writers = writers),
            Act::Limit { slot, cost, window_ms } => {
                self.set_rule(member, slot, |rule| rule.limit = Some(Limit { cost, window_ms }))
            }
            Act::Free { slot } => self.set_rule(member, slot, |rule| rule.limit = None),
            Act::Admit { told } => {
                self.order(member, |room| room.set_edit_key().map(drop))?;
                self.hand_out(member, told);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set_rule(
        &mut self,
        member @ (index, room): Member,
        slot: u8,
        change: impl FnOnce(&mut Rule),
    ) -> Result<(), CommandError> {
        let (limit, writers) =
            self.world.node(index).room(room).rule(slot).unwrap_or((None, WhoWrites::Everybody));
        let mut rule = Rule { slot, limit, writers };
        change(&mut rule);
        self.order(member, |room| room.set_rule(rule).map(drop))
    }

    /// Changes the list of those who write in the app that the room opened with, where there is one or there is to be one.
    fn set_list(
        &mut self,
        member @ (index, room): Member,
        change: impl FnOnce(&mut Option<Vec<PeerId>>),
    ) -> Result<(), CommandError> {
        let Some(terms) = self.world.node(index).room(room).rules().cloned() else { return Ok(()) };
        let mut list = terms.writers.listed().map(|list| list.to_vec());
        change(&mut list);
        let Some(mut list) = list else { return Ok(()) };
        list.sort_unstable();
        list.dedup();
        let writers = Writers::Listed(Bounded::new(list).expect("a schedule has few people"));
        let terms = Terms { writers, ..terms };
        self.order(member, |room| room.set_rules(terms).map(drop))
    }

    /// People are handed the LINK that a member has: a bit for each.
    pub(super) fn hand_out(&mut self, (index, room): Member, told: u64) {
        let Some(address) = self.world.node(index).room(room).address() else { return };
        let told = self.persons.keys().filter(|who| is_named(told, **who));
        self.links.extend(told.map(|who| (*who, address.clone())));
    }

    pub(super) fn peer(&self, who: Name) -> PeerId {
        identity(self.persons.get(&who).copied().unwrap_or(who as u64)).peer()
    }

    /// The peers of people: a bit for each.
    pub(super) fn peers(&self, who: u64) -> Vec<PeerId> {
        self.persons.keys().filter(|one| is_named(who, **one)).map(|one| self.peer(*one)).collect()
    }

    /// **rights**: whether a member wrote, or did not, as records have it.
    pub(super) fn was_right(
        &self,
        (index, room): Member,
        operation: &Operation,
        has_written: bool,
    ) -> Result<(), Violation> {
        let node = self.world.node(index);
        let (peer, slot) = (node.endpoint().peer, slot_of(operation));
        let Some(law) = node.room(room).records().map(Law::of) else { return Ok(()) };
        let is_banned = law.is_banned(peer);
        // Nobody writes in an app that the record in force does not know, such as one that another branch turned on.
        let is_out = is_banned || !law.is_on(slot);
        let may = if is_out { Some(false) } else { self.seeds.let_write(&law, index, peer, slot) };
        let is_limited = law.rule(slot).0.is_some();
        if may.is_none_or(|may| may == has_written || may && is_limited) {
            return Ok(());
        }
        let detail = format!(
            "program {index} is banned: {is_banned}, may write in slot {slot}: {may:?}, and wrote: {has_written}"
        );
        Err(Violation::new("rights", detail))
    }
}

fn is_named(bits: u64, who: Name) -> bool {
    bits >> (who % 64) & 1 == 1
}

/// In which slot an operation writes.
fn slot_of(operation: &Operation) -> u8 {
    match operation {
        Operation::Canvas(_) | Operation::Sync(_) => GENESIS_SLOT,
        Operation::Tables(operation) => tables::number(operation.table).slot(),
        Operation::Documents(_) => texts::number().slot(),
        Operation::Chat(_) => CONVERSATION_SLOT,
    }
}
