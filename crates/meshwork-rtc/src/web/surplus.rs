//! The rooms that a browser profile forgets so that another one is kept.
//!
//! A room that somebody else has too is forgotten without a question, the longest unused one first. A room of which nobody
//! else is known to have all is forgotten only by the person.

/// Rooms that a browser profile keeps of those that others have too: more than a person returns to, and at the size of
/// most (a few megabytes) far below what browsers allow a site.
pub const ROOMS_KEPT_MAX: usize = 32;
/// Rooms that a browser profile keeps beside them of which nobody else is known to have all: eight a week for half a year. A
/// page lists them all, and one more is kept once the person has forgotten one.
pub const ROOMS_ONLY_HERE_MAX: usize = 256;

/// A stored room beside the one that is being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored<K> {
    pub(crate) room: K,
    /// Whether nobody else is known to have everything of it.
    pub(crate) is_only_here: bool,
}

/// The stored rooms that may be forgotten without a question, in the given order, and how many of them have to be so that
/// one more is kept.
pub(crate) fn surplus<K: Copy>(others: &[Stored<K>]) -> (usize, Vec<K>) {
    let shared: Vec<K> = others.iter().filter(|other| !other.is_only_here).map(|other| other.room).collect();
    ((shared.len() + 1).saturating_sub(ROOMS_KEPT_MAX), shared)
}

/// Whether a room that is not stored yet exceeds the limit of rooms that are only here.
pub(crate) fn exceeds<K>(others: &[Stored<K>]) -> bool {
    others.iter().filter(|other| other.is_only_here).count() >= ROOMS_ONLY_HERE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(only_here: usize, shared: usize) -> Vec<Stored<usize>> {
        let is_only_here = (0..only_here).map(|_| true).chain((0..shared).map(|_| false));
        is_only_here.enumerate().map(|(room, is_only_here)| Stored { room, is_only_here }).collect()
    }

    #[test]
    fn only_copies_are_never_surplus() {
        for shared in [0, 1, 31] {
            let (too_many, shared) = surplus(&rooms(60, shared));
            assert_eq!(too_many, 0, "{} shared rooms", shared.len());
        }
        let (too_many, shared) = surplus(&rooms(60, 33));
        assert_eq!((too_many, shared), (2, (60..93).collect()), "the longest unused of the shared ones go");
        assert!(surplus(&rooms(60, 0)).1.is_empty(), "not even for a full disk");
    }

    #[test]
    fn only_copies_have_a_limit_of_their_own() {
        assert!(!exceeds(&rooms(ROOMS_ONLY_HERE_MAX - 1, 99)));
        assert!(exceeds(&rooms(ROOMS_ONLY_HERE_MAX, 0)));
    }
}
