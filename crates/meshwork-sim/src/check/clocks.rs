//! **clock-sanity**: nobody merges a stamp that is further ahead of all honest clocks than is allowed, and nobody stamps
//! so while an honest server is its only witness.

use meshwork_core::clock::Stamp;
use meshwork_core::node::Config;
use meshwork_core::time::WallTime;

use super::{Member, Violation};
use crate::app;
use crate::world::World;

/// The latest that any honest clock ever showed.
///
/// Room time is what clocks agree on, so it is never later than that; and what was allowed once stays, though a
/// clock is set back.
#[derive(Debug, Default)]
pub struct Clocks {
    latest: WallTime,
}

impl Clocks {
    /// Looks at the clocks of these honest members, and at the greatest stamp that each of them shows.
    ///
    /// # Errors
    /// [`Violation`] names the program and how far the stamp is ahead.
    pub fn check(&mut self, world: &World, members: &[Member]) -> Result<(), Violation> {
        // Servers have the right time, and a room of few may take it from them.
        self.latest = self.latest.max(world.wall());
        for &(index, _) in members {
            let read = world.look_at(index).read_skew();
            self.latest = self.latest.max(WallTime(world.wall().0.saturating_add_signed(read)));
        }
        let allowed = Config::default().stamp_ahead_max.as_millis() as u64;
        // A stamp right after one that is just allowed may carry into the next millisecond.
        let most = self.latest.as_millis() + allowed + 1;
        for &member in members {
            let (index, stamp) = (member.0, greatest_stamp(world, member));
            if stamp.millis() > most {
                let ahead = stamp.millis() - self.latest.as_millis();
                let detail = format!("program {index} shows a stamp {ahead} ms ahead of every honest clock");
                return Err(Violation::new("clock-sanity", detail));
            }
        }
        Ok(())
    }
}

/// Looks at the greatest stamp of a member that wrote by itself, after an honest server welcomed it: others with a right clock
/// accept the stamp at once.
///
/// # Errors
/// [`Violation`] names the program and how far the stamp is ahead.
pub fn stamped_in_time(world: &World, member: Member) -> Result<(), Violation> {
    let (stamp, right) = (greatest_stamp(world, member), world.wall());
    // Stamps of one millisecond may carry into the next.
    if stamp.millis() <= right.as_millis() + 1 {
        return Ok(());
    }
    let ahead = stamp.millis() - right.as_millis();
    let detail = format!("program {} stamped {ahead} ms ahead of its server", member.0);
    Err(Violation::new("clock-sanity", detail))
}

fn greatest_stamp(world: &World, (index, room): Member) -> Stamp {
    let room = world.node(index).room(room);
    app::ALL.iter().map(|app| app.greatest_stamp(room)).max().unwrap_or_default()
}
