//! Overlays: which there are to choose from.

use meshwork_core::overlay::size::{NINES_DEFAULT, NINES_MAX};
use meshwork_core::seam::choice::Choice;

/// An overlay that can be chosen for a room.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    /// What is chosen, with the usual number of nines where it has one.
    pub choice: Choice,
    /// Its name within a page, for the form and for tests.
    pub id: &'static str,
}

/// Everything that can be chosen, in the order in which it is offered.
pub const OFFERED: [Offered; 5] = [
    Offered { choice: Choice::Auto, id: "auto" },
    Offered { choice: Choice::FullMesh, id: "full-mesh" },
    Offered { choice: Choice::KGossip { nines: NINES_DEFAULT }, id: "k-gossip" },
    Offered { choice: Choice::Tree, id: "tree" },
    Offered { choice: Choice::Emergent, id: "emergent" },
];

/// Which of [`OFFERED`] a choice is, whatever its nines.
pub fn place(choice: Choice) -> usize {
    let same = |offered: &Offered| std::mem::discriminant(&offered.choice) == std::mem::discriminant(&choice);
    OFFERED.iter().position(same).unwrap_or(0)
}

/// The nines that can be promised.
pub fn nines() -> impl Iterator<Item = u8> {
    1..=NINES_MAX
}

/// The nines of a choice; the usual ones where it has none.
pub fn nines_of(choice: Choice) -> u8 {
    match choice {
        Choice::KGossip { nines } => nines,
        _ => NINES_DEFAULT,
    }
}

/// The choice at a place of [`OFFERED`], with so many nines where it has any.
pub fn chosen(place: usize, nines: u8) -> Choice {
    match OFFERED.get(place).map_or(Choice::Auto, |offered| offered.choice) {
        Choice::KGossip { .. } => Choice::KGossip { nines },
        choice => choice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_overlay_can_be_chosen() {
        for (at, offered) in OFFERED.iter().enumerate() {
            assert_eq!(place(offered.choice), at, "{}", offered.id);
            assert_eq!(chosen(at, nines_of(offered.choice)), offered.choice);
            assert_eq!(offered.id.parse(), Ok(offered.choice), "it is named as in a record");
        }
        assert_eq!(chosen(place(Choice::KGossip { nines: 3 }), 7), Choice::KGossip { nines: 7 });
        assert_eq!(place(Choice::KGossip { nines: 9 }), place(Choice::KGossip { nines: 1 }));
    }
}
