//! The room rail: where beads stand when the comb is laid flat.

/// How many beads a rail shows, and the width of one as a share of its line: 24 pixels of those that a phone leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    /// Beads at most.
    pub beads: usize,
    /// A bead's share of the line.
    pub bead: f64,
}

impl Room {
    /// Where everybody is shown.
    pub const ALL: Room = Room { beads: 8, bead: 0.125 };
    /// Where it is said beside the line how many more there are.
    pub const SOME: Room = Room { beads: 7, bead: 0.142 };

    /// The room for `listed` people where `beyond` others are here too, and how many have no bead.
    pub fn of(listed: usize, beyond: usize) -> (Room, usize) {
        let is_all = beyond == 0 && listed <= Room::ALL.beads;
        let room = if is_all { Room::ALL } else { Room::SOME };
        (room, listed.saturating_sub(room.beads) + beyond)
    }
}

/// Places for beads along one line: from 0 at its left end to 1 at its right end.
///
/// `distances` are wanted places in ascending order; as many as there is room for are used. Beads that would overlap are
/// set one bead apart, the nearer one first.
pub fn places(distances: &[f64], Room { beads, bead }: Room) -> Vec<f64> {
    let mut places: Vec<f64> = distances.iter().take(beads).copied().collect();
    // One's own bead stands at 0.
    let mut least = bead;
    for place in &mut places {
        *place = place.max(least);
        least = *place + bead;
    }
    // Those pushed over the end push back.
    let mut most = 1.0;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - bead;
    }
    places
}

/// Where beads stand: all as before, unless one of them is now at least `seen` away from there. Kept or moved together,
/// they never overlap.
pub fn steady(before: Option<&Vec<f64>>, now: Vec<f64>, seen: f64) -> Vec<f64> {
    let is_still = |before: &&Vec<f64>| {
        let moves = |(before, now): (&f64, &f64)| (before - now).abs() >= seen;
        before.len() == now.len() && !before.iter().zip(&now).any(moves)
    };
    before.filter(is_still).cloned().unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beads_stay_together_and_move_together() {
        let before = vec![0.2, 0.5];
        let after = |now: &[f64]| steady(Some(&before), now.to_vec(), 0.02);
        assert_eq!(after(&[0.19, 0.51]), before);
        assert_eq!(after(&[0.19, 0.53]), [0.19, 0.53], "one is seen to move");
        assert_eq!(after(&[0.2]), [0.2], "one is gone");
        assert_eq!(steady(None, vec![0.3], 0.02), [0.3]);
    }

    #[test]
    fn beads_stand_where_they_belong_unless_they_overlap() {
        let room = Room { beads: 8, bead: 0.1 };
        assert_eq!(places(&[0.3, 0.6], room), [0.3, 0.6]);
        let pushed = places(&[0.0, 0.02, 0.6, 1.0, 1.0], room);
        let expected = [0.1, 0.2, 0.6, 0.9, 1.0];
        assert!(
            pushed.iter().zip(expected).all(|(place, wanted)| (place - wanted).abs() < 1e-9),
            "{pushed:?}"
        );
    }

    #[test]
    fn eight_people_show_or_seven_and_a_count() {
        let shown = |(listed, beyond): (usize, usize)| {
            let (room, more) = Room::of(listed, beyond);
            let places = places(&vec![0.5; listed], room);
            let apart = |pair: &[f64]| pair[1] - pair[0] > room.bead - 1e-9;
            assert!(places.windows(2).all(apart) && places.first().is_none_or(|first| *first >= 0.0));
            (places.len(), more)
        };
        let people = [(0, 0), (8, 0), (9, 0), (20, 0), (5, 11), (20, 11)];
        assert_eq!(people.map(shown), [(0, 0), (8, 0), (7, 2), (7, 13), (5, 11), (7, 24)]);
    }
}
