//! The newest request of each author and kind, so that none counts twice.

use std::collections::BTreeMap;

use meshwork_core::id::PeerId;
use meshwork_play::shelf::{Ask, REQUEST_AGE_MAX_MS};

/// Authors that are remembered. Each is forgotten when its request would be refused for its age; beyond this many, new authors
/// wait until then.
const AUTHORS_MAX: usize = 100_000;

/// The time of the newest request of each author and kind. Requests of different kinds may overtake each other on their way.
///
/// It is memory alone. Requests from before the start of the server are refused, since those that it had answered are forgotten.
#[derive(Debug)]
pub(crate) struct Newest {
    began_ms: u64,
    by_author: BTreeMap<(PeerId, Kind), u64>,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Publish,
    Remove,
    Party,
    Session,
}

impl Kind {
    pub(crate) fn of(ask: &Ask) -> Kind {
        match ask {
            Ask::Publish { .. } => Kind::Publish,
            Ask::Remove { .. } => Kind::Remove,
            Ask::Party { .. } => Kind::Party,
            Ask::Session { .. } => Kind::Session,
        }
    }
}

/// A request is not newer than one that counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stale {
    #[error("this request is not newer than the last one of its author and kind: make it again")]
    Replayed,
    #[error("this request is older than this start of the server: make it again")]
    BeforeStart,
    #[error("the server has answered too many authors: try again in five minutes")]
    Full,
}

impl Newest {
    pub(crate) fn new(began_ms: u64) -> Newest {
        Newest { began_ms, by_author: BTreeMap::new() }
    }

    /// Accepts a request whose age was checked, once.
    pub(crate) fn accept(
        &mut self,
        now_ms: u64,
        author: PeerId,
        kind: Kind,
        at_ms: u64,
    ) -> Result<(), Stale> {
        let key = (author, kind);
        if at_ms < self.began_ms {
            return Err(Stale::BeforeStart);
        }
        if self.by_author.get(&key).is_some_and(|&newest| at_ms <= newest) {
            return Err(Stale::Replayed);
        }
        if self.by_author.len() >= AUTHORS_MAX {
            // A request with an earlier time is refused for its age.
            self.by_author.retain(|_, newest| now_ms.saturating_sub(*newest) <= REQUEST_AGE_MAX_MS);
        }
        if self.by_author.len() >= AUTHORS_MAX && !self.by_author.contains_key(&key) {
            return Err(Stale::Full);
        }
        self.by_author.insert(key, at_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_once() {
        let (alice, bob) = (PeerId([1; 32]), PeerId([2; 32]));
        let mut newest = Newest::new(100);
        assert_eq!(newest.accept(100, alice, Kind::Party, 99), Err(Stale::BeforeStart));
        assert_eq!(newest.accept(100, alice, Kind::Party, 100), Ok(()));
        assert_eq!(newest.accept(100, alice, Kind::Party, 100), Err(Stale::Replayed));
        assert_eq!(newest.accept(100, bob, Kind::Party, 100), Ok(()));
        assert_eq!(newest.accept(200, alice, Kind::Party, 101), Ok(()));
        assert_eq!(newest.accept(200, alice, Kind::Party, 100), Err(Stale::Replayed));
        assert_eq!(newest.accept(200, alice, Kind::Session, 100), Ok(()), "another kind");
    }

    #[test]
    fn full_memory_forgets_only_aged_requests() {
        let author = |number: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            PeerId(key)
        };
        let mut newest = Newest::new(0);
        for number in 0..AUTHORS_MAX as u32 {
            newest.accept(0, author(number), Kind::Party, 1).unwrap();
        }
        assert_eq!(newest.accept(10, author(u32::MAX), Kind::Party, 10), Err(Stale::Full));
        assert_eq!(newest.accept(10, author(5), Kind::Party, 10), Ok(()));
        let later = REQUEST_AGE_MAX_MS + 2;
        assert_eq!(newest.accept(later, author(u32::MAX), Kind::Party, later), Ok(()));
        assert_eq!(
            newest.accept(later, author(5), Kind::Party, 10),
            Err(Stale::Replayed),
            "its request could still be replayed"
        );
    }
}
