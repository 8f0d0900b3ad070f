//! Acts as they are carried out, and what everybody may do in the end.

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, RoomMut, WriteError};
use meshwork_core::replica::{Digest, ReplicaNumber};
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::app::{GENESIS_SLOT, GIVEN_SLOTS, SLOTS_MAX};
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::signed::change::SCOPE_MAX;
use meshwork_core::signed::header::RecordName;
use meshwork_core::signed::list::ShortId;
use meshwork_core::wire::{Bounded, Bytes};
use meshwork_place::canvas::{Erase, Region};
use meshwork_sync::document::{client_of, erase_scope};

use super::access::Access;
use super::acts::Act;
use super::people::{Person, Scenario, turn_documents_on};
use super::schedule::Name;
use crate::app::documents::{NAMES, documents};
use crate::app::{self, Entry, Occasion, documents as texts, tables};
use crate::chance::generator;
use crate::check::{Law, Member, Violation};
use crate::connection::NodeIndex;
use crate::hostile::DEFIED_MAX;
use crate::world::World;

impl Scenario {
    /// **spared**: somebody does something to keep order; but for what is taken back, nothing that is there is lost by it.
    pub(super) fn govern(&mut self, who: Name, act: Act) -> Result<(), Violation> {
        let Some(member @ (index, _)) = self.awake(who) else { return Ok(()) };
        take_in(&mut self.world, member);
        let (before, law) = (shown(&self.world, member), self.law_of(index));
        let wrote = written(&self.world, member);
        if before.is_none() {
            return Ok(());
        }
        match self.carry_out(member, act) {
            Ok(()) => {}
            Err(error) => return self.may_be_refused(member, act, &error),
        }
        if let (Some(before), Some(after)) = (law, self.law_of(index)) {
            leaves_rules(act, &before, &after)?;
        }
        // What a ban by a moderator took comes back with its lift, and may beat what shows.
        let changes_what_shows = matches!(
            act,
            Act::Erase { .. }
                | Act::EraseRow { .. }
                | Act::EraseText { .. }
                | Act::Restore
                | Act::Unban { .. }
        );
        // Whoever orders something says again what an earlier record took, if its limit lets it by now.
        let said_again = written(&self.world, member).into_iter().filter(|batch| !wrote.contains(batch));
        let said_again: Vec<ReplicaNumber> = said_again.map(|(replica, _)| replica).collect();
        let (before, after) = (before.unwrap_or_default(), shown(&self.world, member).unwrap_or_default());
        let mut others = before.iter().filter(|(replica, _)| !said_again.contains(replica));
        if changes_what_shows || others.all(|replica| after.contains(replica)) {
            return Ok(());
        }
        let detail = format!("program {index} lost some of what it held by {act:?}");
        Err(Violation::new("spared", detail))
    }

    fn carry_out(&mut self, member: Member, act: Act) -> Result<(), CommandError> {
        match act {
            Act::Ban { whom } => {
                let peer = self.peer(whom);
                self.order(member, |room| room.ban(peer).map(drop))?;
                self.banned.insert(peer);
                Ok(())
            }
            Act::Unban { whom } => {
                let peer = self.peer(whom);
                self.order(member, |room| room.unban(peer).map(drop))
            }
            Act::Erase { whom, side } => {
                let region = Region { x: 0, y: 0, width: side, height: side };
                let erase =
                    Erase { author: whom.map(|whom| self.peer(whom)), region: (side > 0).then_some(region) };
                self.order(member, |room| room.retract(erase.to_retract(Slot::GENESIS)).map(drop))
            }
            Act::EraseRow { whom, table, row } => {
                let scope = row.map(tables::shared_row).unwrap_or_default();
                let author = whom.map(|whom| self.peer(whom));
                self.retract(member, tables::number(table), author, scope)
            }
            Act::EraseText { whom, name } => {
                let Some(scope) = self.text_of(member, whom, name) else { return Ok(()) };
                self.retract(member, texts::number(), None, scope)
            }
            Act::Restore => {
                let Some(last) = last_retraction(&self.world, member) else { return Ok(()) };
                self.order(member, |room| room.lift(&[last]).map(drop))
            }
            Act::TurnOn => self.order(member, turn_documents_on),
            Act::Appoint { whom } => {
                let peer = self.peer(whom);
                self.set_moderators(member, |all| all.push(peer))
            }
            Act::Dismiss { whom } => {
                let peer = self.peer(whom);
                self.set_moderators(member, |all| all.retain(|one| *one != peer))
            }
            Act::Renew { keep, told } => {
                let kept = self.peers(keep);
                self.order(member, |room| room.renew_secret(kept).map(drop))?;
                self.is_renewed = true;
                self.hand_out(member, told);
                Ok(())
            }
            _ => self.say_who_writes(member, act),
        }
    }

    pub(super) fn order(
        &mut self,
        (index, room): Member,
        order: impl FnOnce(&mut RoomMut<'_>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.world.command(index, |node, now| order(&mut node.room_mut(now, room)))
    }

    fn retract(
        &mut self,
        member: Member,
        replica: ReplicaNumber,
        author: Option<PeerId>,
        scope: Vec<u8>,
    ) -> Result<(), CommandError> {
        let scope: Bytes<SCOPE_MAX> = Bytes::new(scope).expect("a row or some ranges are short");
        self.order(member, |room| room.retract(Retract { replica, author, scope }).map(drop))
    }

    /// All that somebody's program wrote in a document, as far as a member holds it.
    fn text_of(&self, (index, room): Member, whom: Name, name: u8) -> Option<Vec<u8>> {
        let name = NAMES.get(usize::from(name))?;
        let (whose, _) = self.people.get(&whom)?.member?;
        let client = client_of(self.world.node(whose).endpoint());
        let end = documents(self.world.node(index).room(room))?.end_of(name, client);
        (end > 0).then(|| erase_scope(name, &[(client, 0..end)]))
    }

    fn set_moderators(
        &mut self,
        member @ (index, room): Member,
        change: impl FnOnce(&mut Vec<PeerId>),
    ) -> Result<(), CommandError> {
        let Some(terms) = self.world.node(index).room(room).rules().cloned() else { return Ok(()) };
        let mut moderators = terms.moderators.to_vec();
        change(&mut moderators);
        moderators.sort_unstable();
        moderators.dedup();
        let moderators = Bounded::new(moderators).expect("a schedule has few people");
        let terms = Terms { moderators, ..terms };
        self.order(member, |room| room.set_rules(terms).map(drop))
    }

    /// **refused**: what somebody may do who keeps order is not refused.
    fn may_be_refused(&self, (index, room): Member, act: Act, error: &CommandError) -> Result<(), Violation> {
        let node = self.world.node(index);
        let (me, room) = (node.endpoint().peer, node.room(room));
        let is_owner = room.owner() == Some(me);
        let law = room.records().map(Law::of);
        let of = |whom: Name| self.persons.contains_key(&whom).then(|| self.peer(whom));
        let may = match (act, error) {
            (Act::Ban { whom }, CommandError::Write(WriteError::NotAllowed(_))) => {
                let moderates = |peer| law.as_ref().is_some_and(|law| law.moderates(peer));
                let is_above = of(whom) == room.owner() || !is_owner && of(whom).is_some_and(moderates);
                !moderates(me) || is_above
            }
            (
                Act::Erase { .. } | Act::EraseRow { .. } | Act::EraseText { .. },
                CommandError::Write(WriteError::NotAllowed(_)),
            ) => !law.is_some_and(|law| law.moderates(me)),
            (_, CommandError::Write(WriteError::NotAllowed(_))) => !is_owner,
            (Act::Unban { whom }, CommandError::Write(WriteError::NotBanned)) => {
                !of(whom).is_some_and(|peer| law.is_some_and(|law| law.is_banned(peer)))
            }
            // What two devices took is joined first.
            (act, CommandError::Write(WriteError::Record(_))) => matches!(act, Act::Renew { .. }),
            _ => true,
        };
        if may {
            return Ok(());
        }
        Err(Violation::new("refused", format!("program {index} may not do {act:?}: {error}")))
    }

    /// Somebody hostile writes on, under the genesis and under the last records that its node knows: by one it may have had a
    /// right that was taken since.
    pub(super) fn defy(&mut self, who: Name) {
        let Some(Person { member: Some((index, room)), hostile: true, .. }) = self.people.get(&who) else {
            return;
        };
        let (index, room) = (*index, *room);
        let Some(records) = self.world.node(index).room(room).records() else { return };
        let owned = records.book().owned().map(|(record, _)| record.name());
        let all: Vec<RecordName> = [RecordName::GENESIS].into_iter().chain(owned).collect();
        let last = all.len().saturating_sub(DEFIED_MAX as usize - 1).max(1);
        self.world.defy(index, &[&all[..1], &all[last..]].concat());
    }

    /// What the records that a program holds say.
    pub(super) fn law_of(&self, index: NodeIndex) -> Option<Law> {
        let mut members = self.people.values().filter_map(|person| person.member);
        let (_, room) = members.find(|(other, _)| *other == index)?;
        self.world.node(index).room(room).records().map(Law::of)
    }

    /// **rights**: everybody writes in the end whom no record keeps from it.
    pub(super) fn everybody_writes(&mut self) -> Result<(), Violation> {
        let insiders = Access(self).insiders();
        let mut rng = generator(0, [0; 3]);
        for who in self.people.keys().copied().collect::<Vec<_>>() {
            let Some(member) = self.awake(who).filter(|member| insiders.contains(member)) else { continue };
            for app in app::ALL {
                let operation = app.draw(Occasion::Probe, &mut rng);
                let before = self.writes();
                self.write(who, &operation)?;
                self.was_right(member, &operation, self.writes() > before)?;
            }
        }
        Ok(())
    }

    /// **let-in**: who has no access sees nothing of what was written since so much was.
    pub(super) fn nothing_gets_out(&self, since: u64) -> Result<(), Violation> {
        for (index, room) in self.members() {
            let node = self.world.node(index);
            if Access(self).has_access(node.endpoint()) {
                continue;
            }
            let room = node.room(room);
            let (before, after) = self.acknowledgements.written().split_at(since as usize);
            // Who deletes a letter does what somebody may have done before.
            let is_news = |entry: &&Entry| !before.iter().any(|written| written.entries.contains(entry));
            let mut news = after.iter().flat_map(|written| &written.entries).filter(is_news);
            if let Some(entry) =
                news.find(|entry| app::shown(room, &entry.place).as_ref() == Some(&entry.rank))
            {
                let detail = format!("program {index} has no access any more, and shows {entry:?}");
                return Err(Violation::new("let-in", detail));
            }
        }
        Ok(())
    }
}

/// What a member shows, by digests: documents last, which may not be on.
fn shown(world: &World, (index, room): Member) -> Option<Vec<(ReplicaNumber, Digest)>> {
    let digests = app::ALL.iter().map(|app| app.digests(world.node(index).room(room)));
    let digests = digests.collect::<Option<Vec<_>>>()?.concat();
    let tables = [tables::Kind::ByValue, tables::Kind::ByTime].map(tables::number);
    let numbers = [&[ReplicaNumber::FIRST][..], &tables, &[texts::number()]].concat();
    Some(numbers.into_iter().zip(digests).collect())
}

/// Has a program take in what waits there to be verified, so that what shows changes by what it does next alone.
fn take_in(world: &mut World, member: Member) {
    loop {
        let before = shown(world, member);
        world.command(member.0, Node::handle_timeout);
        if shown(world, member) == before {
            return;
        }
    }
}

/// The batches that a program wrote and nobody acknowledged, each with its replica.
fn written(world: &World, (index, room): Member) -> Vec<(ReplicaNumber, BatchKey)> {
    let batches = world.node(index).room(room).unacknowledged();
    batches.map(|batch| (batch.header().replica, batch.key())).collect()
}

fn last_retraction(world: &World, (index, room): Member) -> Option<ShortId> {
    let records = world.node(index).room(room).records()?;
    records.retractions().map(|(record, _)| (record.body().stamp, record.id())).max().map(|(_, id)| id)
}

/// **rights**: an act says nothing of slots that it does not name, whichever branches it joins. Further apps alone follow the first
/// one, where the same people could write before.
fn leaves_rules(act: Act, before: &Law, after: &Law) -> Result<(), Violation> {
    let named = match act {
        Act::Limit { slot, .. } | Act::Free { slot } | Act::Allow { slot, .. } => Some(slot),
        Act::CloseTo { .. } | Act::List { .. } | Act::Unlist { .. } | Act::Admit { .. } => return Ok(()),
        _ => None,
    };
    let (first, now) = (before.rule_of_all(GENESIS_SLOT).1, after.rule(GENESIS_SLOT).1);
    let expected = |slot: u8| {
        let (limit, writers) = before.rule_of_all(slot);
        let follows = named == Some(GENESIS_SLOT) && GIVEN_SLOTS.contains(&slot) && writers == first;
        (limit, if follows { now } else { writers })
    };
    let mut slots = (0..SLOTS_MAX).filter(|slot| Some(*slot) != named);
    match slots.find(|slot| before.is_on(*slot) && after.is_joined() && expected(*slot) != after.rule(*slot))
    {
        None => Ok(()),
        Some(slot) => Err(Violation::new(
            "rights",
            format!("{act:?} says {:?} of slot {slot}, and not {:?}", after.rule(slot), expected(slot)),
        )),
    }
}
