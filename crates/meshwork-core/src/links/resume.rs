//! A session: what outlives the links between two endpoints.
//!
//! # Problem
//! Paths break: people change networks, close the lid, go through a tunnel. A new connection is a new start for
//! the stack, but should not be one for people.
//!
//! # How it works
//! A session has an id, drawn by the endpoint that offered its first link, and each attempt for a link of it has
//! an epoch, counted up. Of two links the one of the higher epoch counts. The session is kept for a while after
//! the last link was heard. The first message after the proof is [`Resumption`]: when this end's record of the
//! session began, and which direct message it received last. Ends whose records began with different epochs do
//! not speak of the same numbers: one of them has forgotten the session, and both begin anew.
//!
//! # Invariants
//! - The epoch of a proved link is above that of every proved link of the session before it.
//! - No direct message is sent before the other end has said what it received.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::direct::{Direct, Ended};
use crate::time::Time;

/// Body of the first message after the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// The epoch with which the sender's record of the session began.
    pub began: u32,
    /// Number of the last direct message that the sender received in this session.
    pub received: u64,
}

/// What one end remembers of a session.
#[derive(Debug)]
pub struct Session {
    id: u64,
    began: u32,
    /// Epoch of the last proved link.
    epoch: u32,
    /// Highest epoch of any attempt.
    highest: u32,
    /// When the last link was last heard, once it is gone.
    cut: Option<Time>,
    /// Whether the other end has said over the present link what it received.
    told: bool,
    /// The direct messages of both directions.
    pub direct: Direct,
}

/// What follows from the other end's [`Resumption`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// Both ends remember the same: direct messages go on where they were, after those that ended.
    Continued(Vec<Ended>),
    /// One end had forgotten: both begin anew, and these direct messages ended.
    Restarted(Vec<Ended>),
    /// The other end says what cannot be.
    Impossible,
}

impl Session {
    /// A session whose first link, as this end remembers it, is proved with this epoch.
    pub fn new(id: u64, epoch: u32) -> Session {
        let direct = Direct::default();
        Session { id, began: epoch, epoch, highest: epoch, cut: None, told: false, direct }
    }

    /// The session's id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Epoch of the last proved link.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Highest epoch of any attempt so far.
    pub fn highest(&self) -> u32 {
        self.highest
    }

    /// An attempt of this epoch is known of.
    pub fn note_epoch(&mut self, epoch: u32) {
        self.highest = self.highest.max(epoch);
    }

    /// The epoch for a new attempt; `None` when there are no more, so that a new session is due.
    pub fn next_epoch(&mut self) -> Option<u32> {
        self.highest = self.highest.checked_add(1)?;
        Some(self.highest)
    }

    /// The last link is gone; it was last heard then.
    pub fn handle_cut(&mut self, heard: Time) {
        self.cut.get_or_insert(heard);
        self.told = false;
    }

    /// When the last link was last heard, while there is none.
    pub fn cut(&self) -> Option<Time> {
        self.cut
    }

    /// A link of this epoch is proved. Returns what the other end is to be told first.
    pub fn handle_proved(&mut self, epoch: u32) -> Resumption {
        self.epoch = epoch;
        self.note_epoch(epoch);
        self.cut = None;
        self.told = false;
        self.direct.forget_arrived();
        Resumption { began: self.began, received: self.direct.received() }
    }

    /// The other end said over the present link what it remembers.
    pub fn handle_resumption(&mut self, theirs: Resumption) -> Resumed {
        if self.told {
            return Resumed::Impossible;
        }
        self.told = true;
        if theirs.began != self.began {
            self.began = self.epoch;
            return Resumed::Restarted(self.direct.restart());
        }
        self.direct.handle_resumed(theirs.received).map_or(Resumed::Impossible, Resumed::Continued)
    }

    /// Whether direct messages may be sent and taken over the present link.
    pub fn is_told(&self) -> bool {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Letter;
    use crate::seam::lane::{DirectEnd, DirectToken, Slot, Topic};
    use crate::wire::Bytes;

    #[test]
    fn both_ends_remember() {
        let (mut one, mut other) = (Session::new(7, 1), Session::new(7, 1));
        for epoch in 1..4 {
            let (first, second) = (one.handle_proved(epoch), other.handle_proved(epoch));
            assert_eq!(one.handle_resumption(second), Resumed::Continued(Vec::new()));
            assert_eq!(other.handle_resumption(first), Resumed::Continued(Vec::new()));
            assert_eq!(one.handle_resumption(second), Resumed::Impossible, "it is said once a link");
        }
        assert_eq!((one.epoch(), one.next_epoch(), one.next_epoch()), (3, Some(4), Some(5)));
    }

    #[test]
    fn a_forgetful_end_begins_anew_with_the_other() {
        let mut one = Session::new(7, 1);
        one.handle_proved(1);
        assert_eq!(
            one.handle_resumption(Resumption { began: 1, received: 0 }),
            Resumed::Continued(Vec::new())
        );
        let letter =
            Letter { room: 1, slot: Slot::GENESIS, topic: Topic::default(), bytes: Bytes::default() };
        one.direct.queue(DirectToken(1), letter.clone()).expect("room");
        one.direct.hand_over();
        one.direct.queue(DirectToken(2), letter).expect("room");
        one.handle_cut(Time(5));
        let mut forgot = Session::new(7, 2);
        let (mine, theirs) = (one.handle_proved(2), forgot.handle_proved(2));
        let lost = Ended { room: 1, token: DirectToken(1), end: DirectEnd::Unknown };
        assert_eq!(one.handle_resumption(theirs), Resumed::Restarted(alloc::vec![lost]));
        assert_eq!(forgot.handle_resumption(mine), Resumed::Restarted(Vec::new()));
        let (mine, theirs) = (one.handle_proved(3), forgot.handle_proved(3));
        assert_eq!(one.handle_resumption(theirs), Resumed::Continued(Vec::new()));
        assert_eq!(forgot.handle_resumption(mine), Resumed::Continued(Vec::new()));
        assert_eq!(one.direct.unacknowledged(), 1, "what was never sent is kept");
    }

    #[test]
    fn epochs_end() {
        let mut session = Session::new(7, u32::MAX - 1);
        assert_eq!((session.next_epoch(), session.next_epoch()), (Some(u32::MAX), None));
    }
}
