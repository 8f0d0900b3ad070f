//! What a record changes about a room, one thing at a time.

use core::num::NonZero;

use serde::{Deserialize, Serialize};

use super::admission::EditKey;
use super::app::{AppParameters, AppWord, GIVEN_SLOTS, SLOTS_MAX};
use super::header::{Family, ReplicaNumber};
use super::list::{ListName, ShortId};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::wire::{Bounded, BoundedText, Bytes};

/// Rules of one room: more than eight of sixteen apps under limits is a case for another room.
pub const RULES_MAX: usize = 8;
/// Moderators who are appointed or dismissed at once.
pub const MODERATORS_MAX: usize = 64;
/// Writers who are put on the list or taken off it at once.
pub const WRITERS_MAX: usize = 256;
/// Peers whom one record bans, and bans that one record lifts.
pub const BANS_MAX: usize = 256;
/// Longest name of a room, in bytes.
pub const NAME_MAX: usize = 64;
/// Longest name of an overlay, in bytes.
pub const OVERLAY_MAX: usize = 16;
/// Longest scope of a retraction, in bytes: some hundred ranges of items of a document.
pub const SCOPE_MAX: usize = 1024;
/// The most that a limit allows in a window: more is no limit to a person.
pub const LIMIT_COST_MAX: u32 = 1_000_000;
/// Shortest and longest window of a limit, in milliseconds: 100 ms to a week.
pub const LIMIT_WINDOW_MS: core::ops::RangeInclusive<u32> = 100..=604_800_000;

/// Peers in ascending order, none of them twice.
pub type Peers<const MAX: usize> = Bounded<PeerId, MAX>;

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// What the room is called.
    Name(BoundedText<NAME_MAX>),
    /// An app is on from here.
    App(AppOn),
    /// The rules of all apps, by slot; an app without one is free to everybody.
    Rules(Bounded<Rule, RULES_MAX>),
    /// How much each peer may have in a table: the greatest numbers that any record says count.
    Quota(Quota),
    /// These may ban and retract.
    Appoint(Peers<MODERATORS_MAX>),
    /// These may no more. Takes rights away.
    Dismiss(Peers<MODERATORS_MAX>),
    /// These are on the list of writers.
    List(Peers<WRITERS_MAX>),
    /// These are off it. Takes rights away.
    Unlist(Peers<WRITERS_MAX>),
    /// Whose admissions count from here: none, or those by the key with this public half.
    EditKey(Option<EditKey>),
    /// Which overlay members keep; empty for the one that fits. A name that a build does not know counts as empty.
    Overlay(BoundedText<OVERLAY_MAX>),
    /// These write and say nothing any more. Takes rights away.
    Ban(Peers<BANS_MAX>),
    /// These bans and retractions end here, in ascending order.
    Lift(Bounded<Lifted, BANS_MAX>),
    /// What somebody wrote does not show.
    Retract(Retraction),
    /// The room has another secret.
    Secret(NewSecret),
    /// For how long rows of a table are kept.
    Age(Age),
}

/// An app gets a slot of the room, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppOn {
    /// Which slot: from 2, below [`SLOTS_MAX`].
    pub slot: u8,
    /// Which app.
    pub app: AppWord,
    /// What it is told.
    pub parameters: AppParameters,
}

/// Who may write in an app, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The app's slot.
    pub slot: u8,
    /// How fast each endpoint may write; `None` for as fast as it can.
    pub limit: Option<Limit>,
    /// Who may write besides the owner and moderators.
    pub writers: WhoWrites,
}

/// How much each endpoint may write in an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The cost of all that is written in a window, 1 to [`LIMIT_COST_MAX`]. With 1, the window is a cooldown.
    pub cost: u32,
    /// Length of a window in milliseconds, within [`LIMIT_WINDOW_MS`]. Windows begin at its multiples since 1970.
    pub window_ms: u32,
}

impl Limit {
    /// The window in which a stamp lies.
    pub fn window(&self, stamp: Stamp) -> u64 {
        stamp.millis() / u64::from(self.window_ms.max(1))
    }
}

/// Who may write besides the owner and moderators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhoWrites {
    /// Everybody who is in the room.
    #[default]
    Everybody,
    /// Who is on the room's list of writers.
    Listed,
    /// Who is admitted by the edit key.
    Admitted,
}

/// How much each peer may have in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Which table.
    pub replica: ReplicaNumber,
    /// Entries with a value.
    pub values: u32,
    /// Entries that remove one.
    pub removals: u32,
    /// Bytes of all of them.
    pub bytes: u32,
}

/// For how long a table by time keeps its rows. Taken back by a later one, which says something else of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// Which table.
    pub replica: ReplicaNumber,
    /// For so many whole days of room time, by the time in the row's id; `None` for as long as somebody keeps them.
    pub days: Option<NonZero<u16>>,
}

/// A ban or a retraction that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lifted {
    /// The record that said it.
    pub record: ShortId,
    /// Whose ban ends; `None` where the record's retractions do.
    pub peer: Option<PeerId>,
}

/// What somebody wrote does not show, whenever it arrives and whoever says it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retraction {
    /// In which replica.
    pub replica: ReplicaNumber,
    /// Whose entries; `None` for everybody's.
    pub author: Option<PeerId>,
    /// Up to which stamp.
    pub until: Stamp,
    /// Which of them: what the family of the replica understands; empty for all.
    pub scope: Bytes<SCOPE_MAX>,
}

impl Retraction {
    /// Whether it covers what `peer` wrote at `stamp`, if that is within its scope.
    pub fn is_of(&self, stamp: Stamp, peer: PeerId) -> bool {
        stamp <= self.until && self.author.is_none_or(|author| author == peer)
    }
}

/// Another secret, and who keeps access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecret {
    /// [Commits](crate::id::Secret::commitment) to it without telling it.
    pub commitment: [u8; 32],
    /// The list of those who are handed it, of the kind [`Access`](super::list::ListKind::Access).
    pub access: ListName,
}

impl Change {
    /// Whether it takes something from peers that it names, so that the record names a list of what stays.
    pub fn takes(&self) -> bool {
        matches!(self, Change::Ban(_) | Change::Dismiss(_) | Change::Unlist(_))
    }

    /// Whether moderators may say it too.
    pub fn is_for_moderators(&self) -> bool {
        matches!(self, Change::Ban(_) | Change::Retract(_))
    }

    /// Whether a record may say it more than once.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self, Change::App(_) | Change::Quota(_) | Change::Retract(_))
    }

    /// Checks what its bytes cannot say wrongly by themselves.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let holds = |condition: bool, what: &'static str| if condition { Ok(()) } else { Err(what) };
        let peers =
            |peers: &[PeerId]| holds(!peers.is_empty() && rises(peers), "a list of peers does not rise");
        match self {
            Change::Name(_) | Change::EditKey(_) | Change::Overlay(_) | Change::Secret(_) => Ok(()),
            Change::App(on) => holds(GIVEN_SLOTS.contains(&on.slot), "an app's slot is not 2 to 15"),
            Change::Rules(rules) => {
                let slots = rules.windows(2).all(|pair| pair[0].slot < pair[1].slot);
                holds(slots && rules.iter().all(|rule| rule.slot < SLOTS_MAX), "rules are not by slot")?;
                let is_legal = |limit: Limit| {
                    (1..=LIMIT_COST_MAX).contains(&limit.cost) && LIMIT_WINDOW_MS.contains(&limit.window_ms)
                };
                holds(rules.iter().filter_map(|rule| rule.limit).all(is_legal), "a limit is out of range")
            }
            Change::Quota(quota) => {
                let is_table = matches!(quota.replica.family(), Family::ByValue | Family::ByTime);
                holds(is_table, "a quota is of no table")
            }
            Change::Age(age) => {
                holds(age.replica.family() == Family::ByTime, "an age is of no table by time")
            }
            Change::Appoint(list) | Change::Dismiss(list) => peers(list),
            Change::List(list) | Change::Unlist(list) | Change::Ban(list) => peers(list),
            Change::Lift(list) => holds(!list.is_empty() && rises(list), "what is lifted does not rise"),
            Change::Retract(retraction) => {
                let is_kept = retraction.replica.family() != Family::Say;
                holds(is_kept && retraction.until != Stamp::NEVER, "nothing is retracted")
            }
        }
    }
}

pub(super) fn rises<T: Ord>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair[0] < pair[1])
}
