//! **told**: what a program is told of a room adds up to what the room shows.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::node::Event;

use super::{Member, Violation};
use crate::app::{self, Entry, Place, Rank};
use crate::connection::NodeIndex;
use crate::world::World;

/// What each member was told last of each place.
#[derive(Debug, Default)]
pub struct Told {
    last: BTreeMap<Member, BTreeMap<Place, Vec<u8>>>,
    /// Who began with what was on a disk, of which nothing is told.
    restored: BTreeSet<Member>,
}

impl Told {
    /// A program begins with what was on its disk: apps read that and are not told of it.
    pub fn insert_restored(&mut self, member: Member) {
        self.restored.insert(member);
    }

    /// A program hears an event.
    pub fn hear(&mut self, index: NodeIndex, event: &Event) {
        let Event::Changed { room, replica, changes, .. } = event else { return };
        let last = self.last.entry((index, *room)).or_default();
        let told = app::ALL.iter().flat_map(|app| app.told(*replica, None, changes));
        last.extend(told.map(|(place, _, content)| (place, content)));
    }

    /// An app that follows what it is told shows what the room shows, at each of these members.
    ///
    /// # Errors
    /// [`Violation`] names the program, and a place that it was told otherwise of or not at all.
    pub fn check(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        for member @ &(index, room) in members.iter().filter(|member| !self.restored.contains(member)) {
            let room = world.node(index).room(room);
            let shown = app::ALL.iter().flat_map(|app| app.entries(room));
            let shown = shown.filter(|entry| entry.rank.is_something() && !app::is_retracted(room, entry));
            let shown: BTreeMap<Place, Rank> = shown.map(|Entry { place, rank }| (place, rank)).collect();
            let told = self.last.get(member).cloned().unwrap_or_default();
            let is_told = |place: &Place, rank: &Rank| told.get(place) == Some(&rank.content);
            let untold = shown.iter().find(|(place, rank)| !is_told(place, rank));
            let gone = || told.iter().find(|(place, content)| content[0] == 0 && !shown.contains_key(place));
            if let Some((place, rank)) = untold {
                let told = told.get(place).map(|content| content.escape_ascii().to_string());
                let detail = format!("program {index} was told {told:?} of {place:?}, which shows {rank:?}");
                return Err(Violation::new("told", detail));
            }
            if let Some((place, _)) = gone() {
                let detail = format!("program {index} was not told that {place:?} shows nothing any more");
                return Err(Violation::new("told", detail));
            }
        }
        Ok(())
    }
}
