//! Acts as they are carried out, and what everybody may do in the end.

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, RoomMut, WriteError};
use meshwork_core::replica::{Digest, ReplicaNumber};
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::change::{Limit, Rule, SCOPE_MAX, WhoWrites};
use meshwork_core::signed::list::ShortId;
use meshwork_core::wire::{Bounded, Bytes};
use meshwork_place::canvas::{Erase, Region};
use meshwork_sync::document::{client_of, erase_scope};

use super::access::Access;
use super::acts::Act;
use super::people::{Person, Scenario, turn_documents_on};
use super::schedule::Name;
use crate::app::documents::{NAMES, documents};
use crate::app::{self, Entry, Occasion, Operation, documents as texts, tables};
use crate::chance::generator;
use crate::check::{Law, Member, Violation};
use crate::connection::NodeIndex;
use crate::world::identity;

impl Scenario {
    /// **spared**: somebody does something to keep order; but for what is taken back, nothing that is there is lost by it.
    pub(super) fn govern(&mut self, who: Name, act: Act) -> Result<(), Violation> {
        let Some(member @ (index, _)) = self.awake(who) else { return Ok(()) };
        let before = self.shown(member);
        if before.is_none() {
            return Ok(());
        }
        match self.carry_out(member, act) {
            Ok(()) => {}
            Err(error) => return self.may_be_refused(member, act, &error),
        }
        let changes_what_shows =
            matches!(act, Act::Erase { .. } | Act::EraseRow { .. } | Act::EraseText { .. } | Act::Restore);
        let (before, after) = (before.unwrap_or_default(), self.shown(member).unwrap_or_default());
        if changes_what_shows || after.starts_with(&before) {
            return Ok(());
        }
        let detail = format!("program {index} lost some of what it held by {act:?}");
        Err(Violation::new("spared", detail))
    }

    /// What a member shows, by digests: documents last, which may not be on.
    fn shown(&self, (index, room): Member) -> Option<Vec<Digest>> {
        let digests = app::ALL.iter().map(|app| app.digests(self.world.node(index).room(room)));
        digests.collect::<Option<Vec<_>>>().map(|all| all.concat())
    }

    fn carry_out(&mut self, member: Member, act: Act) -> Result<(), CommandError> {
        let peer = |whom: Name| identity(self.persons.get(&whom).copied().unwrap_or(whom as u64)).peer();
        match act {
            Act::Ban { whom } => {
                let peer = peer(whom);
                self.order(member, |room| room.ban(peer).map(drop))
            }
            Act::Unban { whom } => {
                let peer = peer(whom);
                self.order(member, |room| room.unban(peer).map(drop))
            }
            Act::Limit { slot, cost, window_ms } => {
                self.set_limit(member, slot, Some(Limit { cost, window_ms }))
            }
            Act::Free { slot } => self.set_limit(member, slot, None),
            Act::Erase { whom, side } => {
                let region = Region { x: 0, y: 0, width: side, height: side };
                let erase = Erase { author: whom.map(peer), region: (side > 0).then_some(region) };
                self.order(member, |room| room.retract(erase.to_retract(Slot::GENESIS)).map(drop))
            }
            Act::EraseRow { whom, table, row } => {
                let scope = row.map(tables::shared_row).unwrap_or_default();
                self.retract(member, tables::number(table), whom.map(peer), scope)
            }
            Act::EraseText { whom, name } => {
                let Some(scope) = self.text_of(member, whom, name) else { return Ok(()) };
                self.retract(member, texts::number(), None, scope)
            }
            Act::Restore => {
                let Some(last) = self.last_retraction(member) else { return Ok(()) };
                self.order(member, |room| room.lift(&[last]).map(drop))
            }
            Act::TurnOn => self.order(member, turn_documents_on),
            Act::Appoint { whom } => {
                let peer = peer(whom);
                self.set_moderators(member, |all| all.push(peer))
            }
            Act::Dismiss { whom } => {
                let peer = peer(whom);
                self.set_moderators(member, |all| all.retain(|one| *one != peer))
            }
            Act::Renew { keep, told } => self.renew(member, keep, told),
        }
    }

    fn order(
        &mut self,
        (index, room): Member,
        order: impl FnOnce(&mut RoomMut<'_>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.world.command(index, |node, now| order(&mut node.room_mut(now, room)))
    }

    fn set_limit(&mut self, member: Member, slot: u8, limit: Option<Limit>) -> Result<(), CommandError> {
        let rule = Rule { slot, limit, writers: WhoWrites::Everybody };
        self.order(member, |room| room.set_rule(rule).map(drop))
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

    fn last_retraction(&self, (index, room): Member) -> Option<ShortId> {
        let records = self.world.node(index).room(room).records()?;
        records.retractions().map(|(record, _)| (record.body().stamp, record.id())).max().map(|(_, id)| id)
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

    fn renew(&mut self, member @ (index, room): Member, keep: u64, told: u64) -> Result<(), CommandError> {
        let kept = self.persons.iter().filter(|(name, _)| keep >> (*name % 64) & 1 == 1);
        let kept: Vec<PeerId> = kept.map(|(_, person)| identity(*person).peer()).collect();
        self.order(member, |room| room.renew_secret(kept).map(drop))?;
        self.renewed = Some((self.world.node(index).room(room).address(), told));
        Ok(())
    }

    /// **refused**: what somebody may do who keeps order is not refused.
    fn may_be_refused(&self, (index, room): Member, act: Act, error: &CommandError) -> Result<(), Violation> {
        let node = self.world.node(index);
        let (me, room) = (node.endpoint().peer, node.room(room));
        let is_owner = room.owner() == Some(me);
        let law = room.records().map(Law::of);
        let of = |whom: Name| self.persons.get(&whom).map(|person| identity(*person).peer());
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

    /// Somebody hostile writes on, under the genesis and under the last record that its node knows.
    pub(super) fn defy(&mut self, who: Name) {
        let Some(Person { member: Some((index, room)), hostile: true, .. }) = self.people.get(&who) else {
            return;
        };
        let (index, room) = (*index, *room);
        let records = self.world.node(index).room(room).records();
        if let Some(record) = records.map(|records| records.in_force()) {
            self.world.defy(index, record);
        }
    }

    /// The LINK with which somebody comes: the newest, if they were told of it.
    pub(super) fn link_for(&self, who: Name) -> Option<RoomAddress> {
        let told = self.renewed.as_ref().filter(|(_, told)| told >> (who % 64) & 1 == 1);
        told.and_then(|(address, _)| address.as_ref()).or(self.address.as_ref()).cloned()
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
                self.was_right(member, slot_of(&operation), self.writes() > before)?;
            }
        }
        Ok(())
    }

    /// Whether a member wrote, or did not, as records have it.
    fn was_right(&self, (index, room): Member, slot: u8, has_written: bool) -> Result<(), Violation> {
        let node = self.world.node(index);
        let (peer, room) = (node.endpoint().peer, node.room(room));
        let Some((limit, _)) = room.rule(slot) else { return Ok(()) };
        let is_banned = room.records().is_some_and(|records| Law::of(records).is_banned(peer));
        if has_written != is_banned || !has_written && limit.is_some() {
            return Ok(());
        }
        let detail =
            format!("program {index} is banned: {is_banned}, and wrote in slot {slot}: {has_written}");
        Err(Violation::new("rights", detail))
    }

    /// **let-in**: who has no access sees nothing of what was written since so much was.
    pub(super) fn nothing_gets_out(&self, since: u64) -> Result<(), Violation> {
        let insiders = Access(self).insiders();
        for (index, room) in self.members().into_iter().filter(|member| !insiders.contains(member)) {
            let room = self.world.node(index).room(room);
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

/// In which slot an operation writes.
fn slot_of(operation: &Operation) -> u8 {
    match operation {
        Operation::Canvas(_) | Operation::Sync(_) => GENESIS_SLOT,
        Operation::Tables(operation) => tables::number(operation.table).slot(),
        Operation::Documents(_) => texts::number().slot(),
    }
}
