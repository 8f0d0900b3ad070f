//! Decisions of the owner and the moderators of a room.

use alloc::format;
use alloc::vec::Vec;

use super::commands::CommandError;
use super::room::RoomMut;
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
    /// Sets the rules of our own room. If they become stricter, earlier writes stay, and authors that did not know the
    /// new rules re-sign their writes from the meantime, as far as the rules allow. Further apps with the same writers
    /// as the first follow it.
    ///
    /// If two programs of the owner do so concurrently, the revocations of both stay, and one of them joins both after
    /// a while.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] if the room is not ours, [`WriteError::Record`](super::WriteError::Record) for an
    /// invalid rule.
    pub fn set_rules(&mut self, rules: Terms) -> Result<ShortId, CommandError> {
        self.govern(Act::SetTerms(rules))
    }

    /// Makes another edit key: from now on its holders may write besides the owner and moderators, and others can look.
    /// The room's LINK contains it; without it the LINK is a view link
    /// ([`to_look`](crate::signalling::address::RoomAddress::to_look)). Earlier writes stay.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room and it is private.
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

    /// Gives the room a new secret: the former LINK admits nobody but these peers, the owner and holders of the new
    /// LINK ([`address`](crate::node::RoomRef::address)). The others send the new secret to these peers, if they are
    /// here or come back with the old LINK. People still find each other by the first secret, so a former holder sees
    /// at a server that somebody is in the room.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room and it is private,
    /// [`WriteError::Record`](super::WriteError::Record) for more than
    /// [`ACCESS_LIST_MAX`](crate::signed::list::ACCESS_LIST_MAX) peers, or while concurrent revocations of two of the
    /// owner's programs are not joined.
    pub fn renew_secret(&mut self, keep: Vec<PeerId>) -> Result<ShortId, CommandError> {
        let base = &mut self.node.base;
        let secret = Secret(base.own.rng.bytes());
        let (room, _) = base.rooms.open(&base.own, self.room)?;
        check_private(room)?;
        room.kept_mut().offer_secret(secret);
        self.govern(Act::Renew(secret, keep))
    }

    /// Enables an app in the room, if it is not, for the writers of the app that the room opened with. Returns its
    /// slot.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room, [`WriteError::Record`](super::WriteError::Record) if the room
    /// has as many apps as allowed.
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

    /// Sets the writers of the app in a slot of our own room, and their limit. If that becomes stricter, the effects
    /// are those of [`RoomMut::set_rules`], which sets it for the app that the room opened with.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room, [`WriteError::AppIsOff`],
    /// [`WriteError::Record`](super::WriteError::Record) for an invalid limit, or for more than
    /// [`RULES_MAX`](crate::signed::change::RULES_MAX) apps with rules.
    pub fn set_rule(&mut self, rule: Rule) -> Result<ShortId, CommandError> {
        let base = &mut self.node.base;
        let kept = base.rooms.open(&base.own, self.room)?.0.kept();
        if !kept.is_on(rule.slot) {
            return Err(WriteError::AppIsOff(rule.slot).into());
        }
        self.govern(Act::SetRule(rule))
    }

    /// Raises the quota of each peer in a table of our own room. A raised quota never falls.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room, [`WriteError::Record`](super::WriteError::Record) if it is no
    /// table.
    pub fn raise_quota(&mut self, quota: Quota) -> Result<ShortId, CommandError> {
        self.govern(Act::Raise(quota))
    }

    /// Sets for how many whole days of room time a table by time of our own room keeps its rows, or that it keeps them
    /// for ever. Everybody evicts older ones, by the time in a row's id: at once, and when days change. If the number
    /// grows, stored rows of others come back.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room, [`WriteError::Record`](super::WriteError::Record) if it is no
    /// table by time.
    pub fn set_age(&mut self, age: Age) -> Result<ShortId, CommandError> {
        self.govern(Act::Age(age))
    }

    /// Bans a peer: its earlier writes stay, its later ones do not count.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room, or moderate it and `peer` is neither owner nor moderator.
    pub fn ban(&mut self, peer: PeerId) -> Result<ShortId, CommandError> {
        self.govern(Act::Ban(peer))
    }

    /// Lifts all bans of a peer. Its writes during the ban do not come back.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room, [`WriteError::NotBanned`](super::WriteError::NotBanned).
    pub fn unban(&mut self, peer: PeerId) -> Result<ShortId, CommandError> {
        self.govern(Act::Unban(peer))
    }

    /// Retracts earlier writes.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own or moderate the room.
    pub fn retract(&mut self, retract: Retract) -> Result<ShortId, CommandError> {
        self.govern(Act::Retract(retract))
    }

    /// Lifts retractions by their records.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless we own the room.
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

/// Whether the room is private. Only then it can have an edit key or another secret.
fn check_private(room: &Room) -> Result<(), WriteError> {
    let is_private = room.kept().genesis().commitment().is_some();
    is_private.then_some(()).ok_or(WriteError::NotAllowed("the owner of a private room"))
}
