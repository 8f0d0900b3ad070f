//! **clock-sanity**: nobody merges a stamp that is further ahead of the own clock than is allowed.

use std::collections::BTreeMap;

use meshwork_core::node::Config;
use meshwork_core::time::WallTime;

use super::{Member, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// The latest that each program's clock ever showed: what was allowed once stays, though a clock is set back.
#[derive(Debug, Default)]
pub struct Clocks {
    latest: BTreeMap<NodeIndex, WallTime>,
}

impl Clocks {
    /// Program `new` has the disk of program `old`, and so what `old` merged.
    pub fn inherit(&mut self, old: NodeIndex, new: NodeIndex) {
        if let Some(&latest) = self.latest.get(&old) {
            self.latest.insert(new, latest);
        }
    }

    /// Looks at the greatest stamp that each of these members shows.
    ///
    /// # Errors
    /// [`Violation`] names the program and how far the stamp is ahead.
    pub fn check(&mut self, world: &World, members: &[Member]) -> Result<(), Violation> {
        let allowed = Config::default().stamp_ahead_max.as_millis() as u64;
        for &(index, room) in members {
            let shown = WallTime(world.wall().0.saturating_add_signed(world.look_at(index).read_skew()));
            let latest = self.latest.entry(index).or_default();
            *latest = (*latest).max(shown);
            let Some(canvas) = world.node(index).canvas(room) else { continue };
            // A stamp right after one that is just allowed may carry into the next millisecond.
            let most = latest.as_millis() + allowed + 1;
            let stamp = canvas.greatest_stamp();
            if stamp.millis() > most {
                let ahead = stamp.millis() - latest.as_millis();
                let detail = format!("program {index} shows a stamp {ahead} ms ahead of its own clock");
                return Err(Violation::new("clock-sanity", detail));
            }
        }
        Ok(())
    }
}
