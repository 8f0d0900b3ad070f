//! **neighbours-mutual**, in a room that is never at rest.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::time::Time;

use super::overlay::neighbours;
use super::{Member, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// How long one of two may be the only one to whom they are neighbours: while a link is made or given up, its two ends
/// come to know of it one after the other.
pub const ONE_SIDED_MAX: Duration = Duration::from_secs(4);

/// **neighbours-mutual** where some links are always being made or given up: of two members, nobody goes on to be a
/// neighbour of the other alone.
#[derive(Debug, Default)]
pub struct OneSided {
    /// Who is a neighbour of whom, but not the other way, and since when.
    since: BTreeMap<(NodeIndex, NodeIndex), Time>,
}

impl OneSided {
    /// Looks at all neighbours: at least twice in [`ONE_SIDED_MAX`].
    ///
    /// # Errors
    /// [`Violation`] names two of whom only one has had the other as a neighbour for too long.
    pub fn check(&mut self, world: &World, members: &[Member]) -> Result<(), Violation> {
        let all = neighbours(world, members);
        let now = world.now();
        let mut since = BTreeMap::new();
        for (one, others) in all.iter().enumerate() {
            for &other in others.iter().filter(|&&other| !all[other].contains(&one)) {
                let pair = (members[one].0, members[other].0);
                since.insert(pair, self.since.get(&pair).copied().unwrap_or(now));
            }
        }
        self.since = since;
        let Some(((one, other), since)) =
            self.since.iter().find(|(_, since)| now.since(**since) > ONE_SIDED_MAX)
        else {
            return Ok(());
        };
        let seconds = now.since(*since).as_secs_f64();
        let detail =
            format!("program {other} is a neighbour of {one}, but not the other way for {seconds:.1} s");
        Err(Violation::new("neighbours-mutual", detail))
    }

    /// How many such pairs there were when it was last looked.
    pub fn pairs(&self) -> usize {
        self.since.len()
    }
}
