//! What people write, and what of it is looked at at once.

use std::time::Duration;

use meshwork_core::node::Node;
use meshwork_core::signed::batch::SignedBatch;

use super::draw::SKEW_MAX_MICROS;
use super::people::Scenario;
use super::schedule::Name;
use crate::app::{self, Author, Entry, Operation, Writing};
use crate::check::{Expected, Member, Violation, Written};
use crate::path::PathModel;

/// How long a room must have been left alone to be calm: longer than a link takes to be given up.
const CALM: Duration = Duration::from_secs(12);
/// How long what is written may take to be everywhere in a calm room: less than repair takes to begin.
const LIVE: Duration = Duration::from_secs(1);

impl Scenario {
    /// Somebody honest does something.
    pub(super) fn write(&mut self, who: Name, operation: &Operation) -> Result<(), Violation> {
        let Some((index, room)) = self.awake(who) else { return Ok(()) };
        let (now, number) = (self.world.now(), self.writes());
        for app in app::ALL {
            for turn in 0.. {
                let author =
                    Author { node: self.world.node(index), room, now, who, number, pens: &self.pens };
                let Some(writing) = app.writing(&author, operation, turn) else { break };
                self.write_once((index, room), *operation, writing)?;
            }
        }
        Ok(())
    }

    /// **write-wins**: what a person writes shows at once on their own screen, whatever was there.
    fn write_once(
        &mut self,
        (index, room): Member,
        operation: Operation,
        writing: Writing,
    ) -> Result<(), Violation> {
        let Writing { replica, payloads, entries } = writing;
        let Some(expected) = Expected::of(&self.world, &self.seeds, (index, room), replica) else {
            return Ok(());
        };
        let said = payloads.clone();
        let write = |node: &mut Node, now| node.room_mut(now, room).write(replica, said);
        let receipt = match self.world.command(index, write) {
            Ok(receipt) => receipt,
            Err(error) => return expected.refused(&error),
        };
        let node = self.world.node(index);
        let own = node.room(room).unacknowledged();
        let batches: Vec<SignedBatch> =
            own.filter(|batch| receipt.sequences.contains(&batch.key().sequence)).cloned().collect();
        self.refused.wrote(&expected, &batches)?;
        let peer = node.endpoint().peer;
        let shown = |(place, content): (_, Vec<u8>)| match app::shown(node.room(room), &place) {
            Some(rank) if rank.peer == peer && rank.content == content => Ok(Entry { place, rank }),
            seen => {
                let content = content.escape_ascii();
                let detail = format!("program {index} wrote {content} in {place:?}, and it shows {seen:?}");
                Err(Violation::new("write-wins", detail))
            }
        };
        let entries = entries.into_iter().map(shown).collect::<Result<_, _>>()?;
        let batches = batches.iter().map(|batch| (batch.header(), batch.id().short())).collect();
        let sequences = receipt.sequences;
        let written = Written { peer, program: index, sequences, batches, operation, payloads, entries };
        self.written.insert(&written);
        self.acknowledgements.insert(written);
        Ok(())
    }

    /// **live-delivery**: in a calm room what is written is everywhere within a second.
    pub(super) fn probe(&mut self, who: Name, operation: &Operation) -> Result<(), Violation> {
        let before = self.acknowledgements.writes();
        let calm = self.is_calm();
        self.write(who, operation)?;
        if !calm || self.acknowledgements.writes() == before {
            return Ok(());
        }
        if let Some(member) = self.awake(who) {
            self.lanes.speak(&mut self.world, member);
        }
        self.world.run_for(LIVE);
        self.check()?;
        let members = self.members();
        self.lanes.all_heard(&self.world, &members)?;
        match members.iter().find(|member| !self.acknowledgements.is_shown(before, &self.world, **member)) {
            None => Ok(()),
            Some((index, _)) => {
                let detail = format!("what person {who} wrote did not reach program {index} within a second");
                Err(Violation::new("live-delivery", detail))
            }
        }
    }

    /// Whether nothing has gone wrong for a while, and every two members are linked or have a common neighbour.
    fn is_calm(&self) -> bool {
        if !self.is_mesh {
            // Elsewhere a pair that is cut may wait for names of batches.
            return false;
        }
        let members = self.members();
        let quiet = self.world.now().since(self.disturbed) >= CALM;
        let all_honest = self.people.values().all(|person| !person.hostile);
        let fast = |&(index, _): &Member| {
            let program = self.world.look_at(index);
            let access = program.access;
            (access == PathModel::LOCAL || access == PathModel::LAN)
                && !program.is_asleep()
                && program.skew.abs() <= SKEW_MAX_MICROS
        };
        let linked = |&(one, room): &Member, &(other, _): &Member| {
            let endpoint = self.world.node(other).endpoint();
            let peers = self.world.node(one).room(room).peers();
            peers.iter().any(|peer| peer.endpoint == endpoint && peer.attached && peer.state.is_linked())
        };
        let reach = |one: &Member, other: &Member| {
            one == other
                || linked(one, other)
                || members.iter().any(|between| linked(one, between) && linked(between, other))
        };
        let whole = members.iter().all(|one| members.iter().all(|other| reach(one, other)));
        quiet && all_honest && members.iter().all(fast) && whole
    }
}
