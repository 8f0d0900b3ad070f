//! Which overlay a room keeps, as its record names it.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// Reliability of a k-gossip overlay where its record names none: one broadcast in a thousand misses somebody, and
/// repair brings it.
pub const NINES_DEFAULT: u8 = 3;
/// Most nines that a record may name.
pub const NINES_MAX: u8 = 10;

/// Which overlay the members of a room keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Full mesh while the room is small, emergent when it is not.
    #[default]
    Auto,
    /// Everybody links to everybody, up to [`ROOM_ENDPOINTS_MAX`](crate::seam::config::ROOM_ENDPOINTS_MAX).
    FullMesh,
    /// A random graph of mutual links, over which everybody passes everything on.
    KGossip {
        /// Nines of reliability, 1 to [`NINES_MAX`].
        nines: u8,
    },
    /// Parents and children, and spare links.
    Tree,
    /// Views that repair themselves, and broadcast trees over them.
    Emergent,
}

/// A text names no overlay that this build knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no overlay: auto, full-mesh, k-gossip, k-gossip:NINES (1 to {NINES_MAX}), tree or emergent")]
pub struct UnknownOverlay(pub String);

impl Choice {
    /// What a room does whose record says `name`: a name that this build does not know counts as none.
    pub fn of_record(name: &str) -> Choice {
        name.parse().unwrap_or_default()
    }

    /// The name as it stands in a record; empty for [`Choice::Auto`].
    pub fn record_name(self) -> String {
        if self == Choice::Auto { String::new() } else { format!("{self}") }
    }
}

impl FromStr for Choice {
    type Err = UnknownOverlay;

    fn from_str(text: &str) -> Result<Choice, UnknownOverlay> {
        let unknown = || UnknownOverlay(text.chars().take(32).collect());
        match text {
            "" | "auto" => Ok(Choice::Auto),
            "full-mesh" => Ok(Choice::FullMesh),
            "k-gossip" => Ok(Choice::KGossip { nines: NINES_DEFAULT }),
            "tree" => Ok(Choice::Tree),
            "emergent" => Ok(Choice::Emergent),
            text => {
                let nines = text.strip_prefix("k-gossip:").and_then(|nines| nines.parse().ok());
                let nines = nines.filter(|nines| (1..=NINES_MAX).contains(nines)).ok_or_else(unknown)?;
                Ok(Choice::KGossip { nines })
            }
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Auto => f.write_str("auto"),
            Choice::FullMesh => f.write_str("full-mesh"),
            Choice::KGossip { nines } => write!(f, "k-gossip:{nines}"),
            Choice::Tree => f.write_str("tree"),
            Choice::Emergent => f.write_str("emergent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::change::OVERLAY_MAX;
    use alloc::string::ToString as _;

    #[test]
    fn overlays_are_named_as_they_are_written() {
        let nines = |nines| Choice::KGossip { nines };
        for choice in [Choice::Auto, Choice::FullMesh, Choice::Tree, Choice::Emergent, nines(1), nines(10)] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
            assert_eq!(Choice::of_record(&choice.record_name()), choice);
            assert!(choice.record_name().len() <= OVERLAY_MAX);
        }
        assert_eq!("k-gossip".parse(), Ok(nines(NINES_DEFAULT)));
        for unknown in ["k-gossip:0", "k-gossip:11", "k-gossip:", "mesh", "Full-Mesh"] {
            assert_eq!(unknown.parse::<Choice>(), Err(UnknownOverlay(unknown.into())));
            assert_eq!(Choice::of_record(unknown), Choice::Auto);
        }
    }
}
