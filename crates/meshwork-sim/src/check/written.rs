//! **only-written**: what shows in the name of somebody honest was written by them.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::PeerId;
use meshwork_core::node::Event;
use meshwork_core::signed::batch::BatchKey;

use super::{Member, Past, Violation, Written};
use crate::app::{self, Entry, Place, Rank};
use crate::world::World;

/// Everything that honest people wrote, by place.
#[derive(Debug, Default)]
pub struct OnlyWritten {
    honest: BTreeSet<PeerId>,
    places: BTreeMap<Place, BTreeSet<Rank>>,
}

impl OnlyWritten {
    /// This person is honest.
    pub fn insert_person(&mut self, peer: PeerId) {
        self.honest.insert(peer);
    }

    /// An honest person wrote.
    pub fn insert(&mut self, written: &Written) {
        for Entry { place, rank } in &written.entries {
            self.places.entry(place.clone()).or_default().insert(rank.clone());
        }
    }

    /// An honest program hears an event: what it is told of must have been written. What a record takes back shows nothing in
    /// its author's name.
    ///
    /// # Errors
    /// [`Violation`] names the place and in whose name it shows something.
    pub fn hear(&self, world: &World, (index, room): Member, event: &Event) -> Result<(), Violation> {
        let Event::Changed { replica, batch: Some(BatchKey { author, .. }), changes, .. } = event else {
            return Ok(());
        };
        let was_written = |place: &Place, peer: PeerId, content: &Vec<u8>| {
            let mut ranks = self.places.get(place).into_iter().flatten();
            let shows_nothing = content.first() != Some(&0);
            ranks.any(|rank| {
                let entry = || Entry { place: place.clone(), rank: rank.clone() };
                rank.peer == peer
                    && (rank.content == *content
                        || shows_nothing && app::was_retracted(world.node(index).room(room), &entry()))
            })
        };
        let told = app::ALL.iter().flat_map(|app| app.told(*replica, Some(author.peer), changes));
        let mut told = told.filter_map(|(place, peer, content)| Some((place, peer?, content)));
        match told
            .find(|(place, peer, content)| self.honest.contains(peer) && !was_written(place, *peer, content))
        {
            None => Ok(()),
            Some((place, peer, content)) => {
                let (peer, content) = (peer.short(), content.escape_ascii());
                let detail = format!("program {index} was told that {peer} wrote {content} in {place:?}");
                Err(Violation::new("only-written", detail))
            }
        }
    }

    /// Looks at everything that these members show, after all that was written. What a record took its author's program may
    /// have said again since, and what one takes back shows nothing, what was said again as well.
    ///
    /// # Errors
    /// [`Violation`] names the place and in whose name it shows something.
    pub fn check(&self, world: &World, members: &[Member], past: &[Past<'_>]) -> Result<(), Violation> {
        let mut taken: BTreeMap<&Place, Vec<&Rank>> = BTreeMap::new();
        for past in past.iter().filter(|past| past.is_taken) {
            past.written
                .entries
                .iter()
                .for_each(|entry| taken.entry(&entry.place).or_default().push(&entry.rank));
        }
        for &(index, room) in members {
            let room = world.node(index).room(room);
            let mut entries = app::ALL.iter().flat_map(|app| app.entries(room));
            let written = |entry: &Entry| {
                let Entry { place, rank } = entry;
                let says_so = |one: &Rank| {
                    one.peer == rank.peer
                        && (one.content == rank.content
                            || !rank.is_something() && app::is_retracted(room, entry))
                };
                let mut written = self.places.get(place).into_iter().flatten();
                let mut taken = taken.get(place).into_iter().flatten();
                written.any(|one| one.stamp == rank.stamp && says_so(one))
                    || taken.any(|one| one.stamp < rank.stamp && says_so(one))
            };
            if let Some(Entry { place, rank }) =
                entries.find(|entry| self.honest.contains(&entry.rank.peer) && !written(entry))
            {
                let detail = format!("program {index} shows in {place:?} what nobody wrote: {rank:?}");
                return Err(Violation::new("only-written", detail));
            }
        }
        Ok(())
    }
}
