//! Overlays: what each is called, what it means, and which is in force.

use meshwork_core::overlay::size::{EMERGENT_DEGREE, FULL_MESH_AUTO_MAX};
use meshwork_core::overlay::{Kind, OverlayView};
use meshwork_core::seam::choice::Choice;
use meshwork_core::seam::config::ROOM_ENDPOINTS_MAX;

use super::count;

/// What a choice is called.
pub fn title(choice: Choice) -> &'static str {
    match choice {
        Choice::Auto => "Auto",
        Choice::FullMesh => "Full mesh",
        Choice::KGossip { .. } => "k-gossip",
        Choice::Tree => "Tree",
        Choice::Emergent => "Emergent",
    }
}

/// What it means for the people in a room, as a sentence.
pub fn means(choice: Choice) -> String {
    match choice {
        Choice::Auto => {
            format!("Full mesh while up to {FULL_MESH_AUTO_MAX} are here, emergent when there are more.")
        }
        Choice::FullMesh => {
            format!("Everyone connects to everyone. Fastest, up to {ROOM_ENDPOINTS_MAX} people and programs.")
        }
        Choice::KGossip { .. } => {
            "Everyone keeps a few random connections and forwards everything. Very robust, uses more data."
                .to_owned()
        }
        Choice::Tree => {
            "Everyone has one parent, some children and spare connections. Uses the least data, and strokes take \
             the longest way."
                .to_owned()
        }
        Choice::Emergent => {
            let links = EMERGENT_DEGREE.0;
            format!(
                "Everyone keeps about {links} connections, mostly near ones, and strokes travel along trees. \
                 Uses little data, however many come."
            )
        }
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
    let title = title(choice);
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
    let links = count(view.neighbours.len(), "link");
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
    use crate::overlays::OFFERED;

    fn view(kind: Kind, degree: (usize, usize)) -> OverlayView {
        OverlayView { kind, size: 1, degree, passive: 0, received: 0, branch: None, neighbours: Vec::new() }
    }

    #[test]
    fn every_overlay_is_explained_in_a_sentence() {
        for offered in &OFFERED {
            let means = means(offered.choice);
            assert!(means.ends_with('.') && means.len() < 160, "{means}");
        }
    }

    #[test]
    fn nines_read_as_shares() {
        let shares: Vec<String> = [1, 2, 3, 5].map(share).into();
        assert_eq!(shares, ["90\u{2009}%", "99\u{2009}%", "99.9\u{2009}%", "99.999\u{2009}%"]);
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
