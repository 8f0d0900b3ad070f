//! The room rail: where beads stand when the comb is laid flat.

/// Beads that a rail shows before it says how many more there are.
pub const SHOWN_MAX: usize = 8;

/// Places for beads along one line: from 0 at its left end to 1 at its right end.
///
/// `distances` are wanted places in ascending order, at most [`SHOWN_MAX`] are used; `bead` is the width of a
/// bead as a share of the line. Beads that would overlap are set one bead apart, the nearer one first.
pub fn places(distances: &[f64], bead: f64) -> Vec<f64> {
    let mut places: Vec<f64> = distances.iter().take(SHOWN_MAX).copied().collect();
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

/// Where beads stand: all as before, unless one of them is now at least `seen` away from there. Kept or moved together, they
/// never overlap.
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
        assert_eq!(places(&[0.3, 0.6], 0.1), [0.3, 0.6]);
        let pushed = places(&[0.0, 0.02, 0.6, 1.0, 1.0], 0.1);
        let expected = [0.1, 0.2, 0.6, 0.9, 1.0];
        assert!(
            pushed.iter().zip(expected).all(|(place, wanted)| (place - wanted).abs() < 1e-9),
            "{pushed:?}"
        );
    }

    #[test]
    fn no_more_than_eight_are_shown() {
        let places = places(&[0.5; 20], 0.1);
        assert_eq!(places.len(), SHOWN_MAX);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] > 0.099));
    }
}
