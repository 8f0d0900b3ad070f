//! **acknowledged**, **stored**, **kept**, **spared** and **writes-acknowledged**: what was promised about what was written
//! holds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::Event;
use meshwork_core::signed::header::Header;
use meshwork_core::signed::list::ShortId;

use super::{Law, Member, Violation};
use crate::app::{self, Entry, Operation, Place, Rank};
use crate::connection::NodeIndex;
use crate::world::{Store, World};

/// What one person wrote in one call.
#[derive(Clone, Debug)]
pub struct Written {
    /// Whose it is.
    pub peer: PeerId,
    /// The program that it was written with.
    pub program: NodeIndex,
    /// The batches that carry it.
    pub sequences: RangeInclusive<u64>,
    /// What each of them says of itself, and the beginning of its id.
    pub batches: Vec<(Header, ShortId)>,
    /// What was done with it.
    pub operation: Operation,
    /// What the batches say.
    pub payloads: Vec<Vec<u8>>,
    /// What stood there right afterwards.
    pub entries: Vec<Entry>,
}

impl Written {
    /// Whether records take some of it.
    pub fn is_taken(&self, law: &Law) -> bool {
        self.batches.iter().any(|(header, id)| law.takes(header, id))
    }
}

/// Something that was written, after the run.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// What.
    pub written: &'a Written,
    /// Whether somebody who is here wrote it or acknowledged all of it, and no record took it.
    pub is_kept: bool,
    /// Whether a record took some of it.
    pub is_taken: bool,
}

/// All that was written, and what was said about it.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    all: Vec<Written>,
    by_sequence: BTreeMap<(NodeIndex, u64), usize>,
    /// Sequences of what was written that somebody acknowledged, and whether as stored.
    said: BTreeMap<(usize, Endpoint), (BTreeSet<u64>, BTreeSet<u64>)>,
    /// Up to which sequence each program was told that its own disk has what it wrote.
    saved: BTreeMap<NodeIndex, u64>,
}

impl Acknowledgements {
    /// An honest person wrote.
    pub fn insert(&mut self, written: Written) {
        let number = self.all.len();
        for sequence in written.sequences.clone() {
            self.by_sequence.insert((written.program, sequence), number);
        }
        self.all.push(written);
    }

    /// **acknowledged**: an honest program hears an event; if it is an acknowledgement of somebody honest, that
    /// one must show what was written or what beats it.
    ///
    /// # Errors
    /// [`Violation`] names what was written and who acknowledged it.
    pub fn hear(
        &mut self,
        world: &World,
        program: NodeIndex,
        event: &Event,
        members: &[Member],
    ) -> Result<(), Violation> {
        if let Event::Saved { sequence, .. } = event {
            self.hear_saved(program, world.node(program).endpoint(), *sequence);
        }
        let Event::Acknowledged { by, sequences, stored, .. } = event else { return Ok(()) };
        let acker = members.iter().find(|(index, _)| world.node(*index).endpoint() == *by);
        let room =
            acker.map(|&(index, room)| world.node(index).room(room)).filter(|room| room.app().is_some());
        for sequence in sequences {
            let Some(&number) = self.by_sequence.get(&(program, *sequence)) else { continue };
            let (applied, kept) = self.said.entry((number, *by)).or_default();
            applied.insert(*sequence);
            if *stored {
                kept.insert(*sequence);
            }
            let written = &self.all[number];
            let whole = applied.len() as u64 == written.sequences.end() - written.sequences.start() + 1;
            if let (Some(room), true) = (room, whole)
                && let Some(place) = lacking(written, |place| app::shown(room, place))
                && !room.records().is_some_and(|records| self.is_excused(written, &Law::of(records)))
            {
                let detail = format!(
                    "{by} acknowledged batch {sequence} of program {program}, but does not show {place:?}"
                );
                return Err(Violation::new("acknowledged", detail));
            }
        }
        Ok(())
    }

    /// Whether somebody may lack what it acknowledged: records take it, or what the same program wrote there later. Who
    /// acknowledges that acknowledges this, too, without having it, and is brought it by those who had it.
    fn is_excused(&self, written: &Written, law: &Law) -> bool {
        let is_there = |later: &&Written| {
            let mut entries = later.entries.iter();
            entries.any(|entry| written.entries.iter().any(|one| one.place == entry.place))
        };
        let is_later = |later: &&Written| {
            later.program == written.program && later.sequences.start() > written.sequences.end()
        };
        let mut later = self.all.iter().filter(is_later).filter(is_there);
        written.is_taken(law) || later.any(|later| later.is_taken(law))
    }

    /// A program was told that what it wrote is on its own disk.
    fn hear_saved(&mut self, program: NodeIndex, me: Endpoint, sequence: u64) {
        let first = self.saved.get(&program).map_or(0, |before| before + 1);
        // It is also told that what others wrote is there.
        if sequence < first {
            return;
        }
        self.saved.insert(program, sequence);
        for (&(_, sequence), &number) in self.by_sequence.range((program, first)..=(program, sequence)) {
            let (applied, kept) = self.said.entry((number, me)).or_default();
            applied.insert(sequence);
            kept.insert(sequence);
        }
    }

    /// **stored**: all that the program at `endpoint` acknowledged as stored is on this disk, or what beats it, unless the
    /// records that the program held took it.
    ///
    /// # Errors
    /// [`Violation`] names what was written.
    pub fn check_disk(&self, endpoint: Endpoint, store: &Store, law: Option<&Law>) -> Result<(), Violation> {
        let on_disk = app::stored(store);
        for (&(number, by), (_, stored)) in &self.said {
            let written = &self.all[number];
            if by != endpoint || written.sequences.clone().any(|sequence| !stored.contains(&sequence)) {
                continue;
            }
            let lacks = lacking(written, |place| on_disk.get(place).cloned());
            if let Some(place) = lacks.filter(|_| !law.is_some_and(|law| self.is_excused(written, law))) {
                let detail = format!(
                    "{by} said that it stored batches {:?} of program {}, but {place:?} is not on its disk",
                    written.sequences, written.program
                );
                return Err(Violation::new("stored", detail));
            }
        }
        Ok(())
    }

    /// **kept** and **spared**: all that one of these members wrote or acknowledged, and that no record took, shows at each
    /// of them, or is beaten.
    ///
    /// # Errors
    /// [`Violation`] names what was written and who does not show it.
    pub fn check_kept(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        let law = members.first().and_then(|member| law(world, *member));
        let checker = if law.is_some_and(|law| law.takes_anything()) { "spared" } else { "kept" };
        for Past { written, .. } in self.past(world, members).iter().filter(|past| past.is_kept) {
            for &(index, room) in members {
                let room = world.node(index).room(room);
                if let Some(place) = lacking(written, |place| app::shown(room, place)) {
                    let detail = format!(
                        "program {index} lacks {place:?} of batches {:?} of program {}",
                        written.sequences, written.program
                    );
                    return Err(Violation::new(checker, detail));
                }
            }
        }
        Ok(())
    }

    /// All that was written, in the order of time, when these members are left, who hold the same records.
    pub fn past<'a>(&'a self, world: &World, members: &[Member]) -> Vec<Past<'a>> {
        let law = members.first().and_then(|member| law(world, *member));
        let endpoints: Vec<Endpoint> =
            members.iter().map(|(index, _)| world.node(*index).endpoint()).collect();
        let past = |(number, written): (usize, &'a Written)| {
            let Written { program, sequences, .. } = written;
            let whole = |by: &Endpoint| {
                let said = self.said.get(&(number, *by));
                said.is_some_and(|(applied, _)| sequences.clone().all(|one| applied.contains(&one)))
            };
            let author_is_here = members.iter().any(|(index, _)| index == program);
            let is_taken = law.as_ref().is_some_and(|law| written.is_taken(law));
            let is_kept = !is_taken && (author_is_here || endpoints.iter().any(whole));
            Past { written, is_kept, is_taken }
        };
        self.all.iter().enumerate().map(past).collect()
    }

    /// **writes-acknowledged**: all that members who are still here wrote, and that no record took, was acknowledged by
    /// somebody, where there is anybody else.
    ///
    /// # Errors
    /// [`Violation`] names the batch.
    pub fn check_all_acknowledged(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        if members.len() < 2 {
            return Ok(());
        }
        let acknowledged: BTreeSet<(usize, u64)> = self
            .said
            .iter()
            .flat_map(|(&(number, _), (applied, _))| applied.iter().map(move |&sequence| (number, sequence)))
            .collect();
        let here = |written: &Written| members.iter().any(|(index, _)| *index == written.program);
        let law = law(world, members[0]);
        for (number, written) in self.all.iter().enumerate().filter(|(_, written)| here(written)) {
            if let Some(sequence) =
                written.sequences.clone().find(|one| !acknowledged.contains(&(number, *one)))
                && !law.as_ref().is_some_and(|law| written.is_taken(law))
            {
                let detail = format!("nobody acknowledged batch {sequence} of program {}", written.program);
                return Err(Violation::new("writes-acknowledged", detail));
            }
        }
        Ok(())
    }

    /// Whether a member shows what was written, or what beats it. Numbers are in the order of time.
    pub fn is_shown(&self, number: usize, world: &World, (index, room): Member) -> bool {
        let room = world.node(index).room(room);
        lacking(&self.all[number], |place| app::shown(room, place)).is_none()
    }

    /// All that was written, in the order of time.
    pub fn written(&self) -> &[Written] {
        &self.all
    }

    /// How often anything was written.
    pub fn writes(&self) -> usize {
        self.all.len()
    }
}

/// What the records that a member holds say.
fn law(world: &World, (index, room): Member) -> Option<Law> {
    world.node(index).room(room).records().map(Law::of)
}

/// The first place where something lesser than what was written is, or nothing.
fn lacking(written: &Written, present: impl Fn(&Place) -> Option<Rank>) -> Option<&Place> {
    let beaten = |entry: &&Entry| present(&entry.place).is_none_or(|present| present < entry.rank);
    written.entries.iter().find(beaten).map(|entry| &entry.place)
}
