//! Overlays in words: which there are to choose from, what each means, and which is in force.

use meshwork_core::overlay::size::{EMERGENT_DEGREE, FULL_MESH_AUTO_MAX, NINES_DEFAULT, NINES_MAX};
use meshwork_core::overlay::{Kind, OverlayView};
use meshwork_core::seam::choice::Choice;
use meshwork_core::seam::config::ROOM_ENDPOINTS_MAX;

use crate::words;

/// An overlay that can be chosen for a room.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    /// What is chosen, with the usual number of nines where it has one.
    pub choice: Choice,
    /// Its name within a page, for the form and for tests.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it means for the people in the room, as a sentence.
    pub means: fn() -> String,
}

/// Everything that can be chosen, in the order in which it is offered.
pub const OFFERED: [Offered; 5] = [
    Offered {
        choice: Choice::Auto,
        id: "auto",
        title: "Auto",
        means: || {
            format!("Full mesh while up to {FULL_MESH_AUTO_MAX} are here, emergent when there are more.")
        },
    },
    Offered {
        choice: Choice::FullMesh,
        id: "full-mesh",
        title: "Full mesh",
        means: || {
            format!("Everyone connects to everyone. Fastest, up to {ROOM_ENDPOINTS_MAX} people and programs.")
        },
    },
    Offered {
        choice: Choice::KGossip { nines: NINES_DEFAULT },
        id: "k-gossip",
        title: "k-gossip",
        means: || {
            "Everyone keeps a few random connections and forwards everything. Very robust, uses more data."
                .to_owned()
        },
    },
    Offered {
        choice: Choice::Tree,
        id: "tree",
        title: "Tree",
        means: || {
            "Everyone has one parent, some children and spare connections. Uses the least data, and strokes take \
             the longest way."
                .to_owned()
        },
    },
    Offered {
        choice: Choice::Emergent,
        id: "emergent",
        title: "Emergent",
        means: || {
            let links = EMERGENT_DEGREE.0;
            format!(
                "Everyone keeps about {links} connections, mostly near ones, and strokes travel along trees. Uses little data, however many come."
            )
        },
    },
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

/// Nines as a share: 3 are 99.9 %.
pub fn share(nines: u8) -> String {
    let digits = "9".repeat(usize::from(nines.max(1)));
    let (whole, rest) = digits.split_at(digits.len().min(2));
    let whole = if whole.len() == 1 { "90" } else { whole };
    let point = if rest.is_empty() { "" } else { "." };
    format!("{whole}{point}{rest}\u{2009}%")
}

/// What the room's record asks for.
pub fn asked(choice: Choice) -> String {
    let title = OFFERED[place(choice)].title;
    match choice {
        Choice::KGossip { nines } => format!("{title}, {}", share(nines)),
        _ => title.to_owned(),
    }
}

/// What an overlay is called.
pub fn called(kind: Kind) -> String {
    match kind {
        Kind::FullMesh => asked(Choice::FullMesh),
        Kind::KGossip(nines) => asked(Choice::KGossip { nines }),
        Kind::Tree => asked(Choice::Tree),
        Kind::Emergent => asked(Choice::Emergent),
    }
}

/// What is in force on this page, and how many links that makes.
pub fn in_force(choice: Choice, view: &OverlayView) -> String {
    let kind = called(view.kind);
    let links = words::count(view.neighbours.len(), "link");
    let by = if choice == Choice::Auto { " (automatic)" } else { "" };
    let aim = match view.kind {
        Kind::FullMesh => "one to everyone here".to_owned(),
        _ => format!("of {} it aims for and {} at most", view.degree.0, view.degree.1),
    };
    format!("{kind}{by}. This page has {links}, {aim}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(kind: Kind, degree: (usize, usize)) -> OverlayView {
        OverlayView { kind, size: 1, degree, passive: 0, received: 0, branch: None, neighbours: Vec::new() }
    }

    #[test]
    fn every_overlay_choice_is_offered_with_a_sentence() {
        for (at, offered) in OFFERED.iter().enumerate() {
            assert_eq!(place(offered.choice), at, "{}", offered.id);
            assert_eq!(chosen(at, nines_of(offered.choice)), offered.choice);
            assert_eq!(offered.id.parse(), Ok(offered.choice), "it is named as in a record");
            assert!((offered.means)().ends_with('.') && (offered.means)().len() < 160);
        }
        assert_eq!(chosen(place(Choice::KGossip { nines: 3 }), 7), Choice::KGossip { nines: 7 });
        assert_eq!(place(Choice::KGossip { nines: 9 }), place(Choice::KGossip { nines: 1 }));
    }

    #[test]
    fn nines_read_as_shares() {
        let shares: Vec<String> = [1, 2, 3, 5].map(share).into();
        assert_eq!(shares, ["90\u{2009}%", "99\u{2009}%", "99.9\u{2009}%", "99.999\u{2009}%"]);
        assert_eq!(nines().count(), usize::from(NINES_MAX));
    }

    #[test]
    fn words_name_the_overlay_and_what_auto_chose() {
        let mesh = in_force(Choice::Auto, &view(Kind::FullMesh, (23, 23)));
        assert_eq!(mesh, "Full mesh (automatic). This page has 0 links, one to everyone here.");
        let emergent = in_force(Choice::Emergent, &view(Kind::Emergent, (12, 16)));
        assert_eq!(emergent, "Emergent. This page has 0 links, of 12 it aims for and 16 at most.");
        let gossip = in_force(Choice::KGossip { nines: 3 }, &view(Kind::KGossip(3), (7, 10)));
        assert!(gossip.starts_with("k-gossip, 99.9\u{2009}%. This page"), "{gossip}");
    }
}
