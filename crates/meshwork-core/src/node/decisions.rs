//! What the owner and the moderators of a room decide.

use alloc::format;
use alloc::vec::Vec;

use super::room::RoomMut;
use super::view::CommandError;
use crate::id::{PeerId, Secret};
use crate::room::Room;
use crate::room::rules::publish::{Act, Retract};
use crate::room::rules::terms::{Terms, Writers};
use crate::room::writing::WriteError;
use crate::signed::admission::EditSeed;
use crate::signed::app::{AppParameters, AppWord, SLOTS_MAX};
use crate::signed::change::{Age, AppOn, Quota, Rule};
use crate::signed::list::ShortId;

impl RoomMut<'_> {
    /// Sets the rules of a room that one owns. Where they become stricter, what was written so far stays, and what
    /// was written meanwhile by somebody who had not heard of them is said again by its author, as far as the
    /// rules allow. Further apps in which the same people may write as in the first follow it.
    ///
    /// Where two programs of the owner do so without hearing of each other, what either took stays taken, and one of
    /// them joins both after a while.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when the room is not one's own, [`WriteError::Record`](super::WriteError::Record) when a rule cannot be.
    pub fn set_rules(&mut self, rules: Terms) -> Result<ShortId, CommandError> {
        self.govern(Act::SetTerms(rules))
    }

    /// Makes another edit key: from now on its holders may write besides the owner and moderators, and others look. The
    /// room's LINK carries it; without it the LINK is one to look
    /// ([`to_look`](crate::signalling::address::RoomAddress::to_look)). What was written so far stays.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner of a private room.
    pub fn set_edit_key(&mut self) -> Result<ShortId, CommandError> {
        let base = &mut self.node.base;
        let seed = EditSeed::generate(&mut base.own.rng);
        let (room, _) = base.rooms.open(&base.own, self.room)?;
        check_private(room)?;
        let writers = Writers::Admitted(Some(seed.key()));
        let terms = Terms { writers, ..room.kept().records().terms().clone() };
        let record = self.govern(Act::SetTerms(terms))?;
        self.node.base.rooms.set_edit_seed(self.room, seed);
        Ok(record)
    }

    /// Gives the room a new secret: whoever has the LINK as it was is let in no more, but these peers, the owner and
    /// whoever has the LINK from then on ([`address`](crate::node::RoomRef::address)). The peers that are here or come back with the old LINK
    /// are handed the new secret by the others. People go on to find each other by the first one, so who had it can
    /// still see at a server that somebody is in the room.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner of a private room,
    /// [`WriteError::Record`](super::WriteError::Record) for more than
    /// [`ACCESS_LIST_MAX`](crate::signed::list::ACCESS_LIST_MAX) peers, or while what two of the owner's programs took
    /// is not joined.
    pub fn renew_secret(&mut self, keep: Vec<PeerId>) -> Result<ShortId, CommandError> {
        let base = &mut self.node.base;
        let secret = Secret(base.own.rng.bytes());
        let (room, _) = base.rooms.open(&base.own, self.room)?;
        check_private(room)?;
        room.kept_mut().offer_secret(secret);
        self.govern(Act::Renew(secret, keep))
    }

    /// Turns an app on in the room, if it is not, for those who may write in the app that the room opened with. Returns its
    /// slot.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, [`WriteError::Record`](super::WriteError::Record) where the
    /// room has as many apps as it can.
    pub fn turn_on(&mut self, app: AppWord, parameters: AppParameters) -> Result<u8, CommandError> {
        let base = &mut self.node.base;
        let kept = base.rooms.open(&base.own, self.room)?.0.kept();
        if let Some(slot) = kept.slot_of(&app) {
            return Ok(slot);
        }
        let full = || WriteError::Record(format!("a room has at most {SLOTS_MAX} apps"));
        let slot = kept.free_slot().ok_or_else(full)?;
        self.govern(Act::TurnOn(AppOn { slot, app, parameters }))?;
        Ok(slot)
    }

    /// Sets who may write in the app in a slot of a room that one owns, and how much. Where that becomes stricter it
    /// is as with [`RoomMut::set_rules`], which sets it for the app that the room opened with.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, [`WriteError::AppIsOff`],
    /// [`WriteError::Record`](super::WriteError::Record) for a limit that cannot be, or for more than
    /// [`RULES_MAX`](crate::signed::change::RULES_MAX) apps with rules.
    pub fn set_rule(&mut self, rule: Rule) -> Result<ShortId, CommandError> {
        let base = &mut self.node.base;
        let kept = base.rooms.open(&base.own, self.room)?.0.kept();
        if !kept.is_on(rule.slot) {
            return Err(WriteError::AppIsOff(rule.slot).into());
        }
        self.govern(Act::SetRule(rule))
    }

    /// Raises how much each peer may have in a table of a room that one owns. What was raised once stays so.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, [`WriteError::Record`](super::WriteError::Record) for what is
    /// no table.
    pub fn raise_quota(&mut self, quota: Quota) -> Result<ShortId, CommandError> {
        self.govern(Act::Raise(quota))
    }

    /// Sets for how many whole days of room time a table by time of a room that one owns keeps its rows, or that it keeps
    /// them for ever. Everybody gives up what is older, by the time that a row's id carries: at once, and as days turn.
    /// Where the number becomes greater, what somebody still has comes back.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, [`WriteError::Record`](super::WriteError::Record) for what is
    /// no table by time.
    pub fn set_age(&mut self, age: Age) -> Result<ShortId, CommandError> {
        self.govern(Act::Age(age))
    }

    /// Bans a peer: what it wrote so far stays, what it writes from now on does not count.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, or a moderator and `peer` is neither.
    pub fn ban(&mut self, peer: PeerId) -> Result<ShortId, CommandError> {
        self.govern(Act::Ban(peer))
    }

    /// Lifts all bans of a peer. What it wrote while it was banned does not come back.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, [`WriteError::NotBanned`](super::WriteError::NotBanned).
    pub fn unban(&mut self, peer: PeerId) -> Result<ShortId, CommandError> {
        self.govern(Act::Unban(peer))
    }

    /// Takes back what was written up to now.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner or a moderator.
    pub fn retract(&mut self, retract: Retract) -> Result<ShortId, CommandError> {
        self.govern(Act::Retract(retract))
    }

    /// Lifts retractions by the records that say them.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner.
    pub fn lift(&mut self, records: &[ShortId]) -> Result<ShortId, CommandError> {
        self.govern(Act::Lift(records))
    }

    fn govern(&mut self, act: Act<'_>) -> Result<ShortId, CommandError> {
        let base = &mut self.node.base;
        let (room, now) = base.rooms.open(&base.own, self.room)?;
        let hash = room.govern(now, &base.own.identity, act)?;
        self.node.settle();
        Ok(hash)
    }
}

/// Whether a secret guards the room, so that there is one to say who may do what.
fn check_private(room: &Room) -> Result<(), WriteError> {
    let is_private = room.kept().genesis().commitment().is_some();
    is_private.then_some(()).ok_or(WriteError::NotAllowed("the owner of a private room"))
}
