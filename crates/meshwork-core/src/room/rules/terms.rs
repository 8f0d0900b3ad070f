//! The rules of the app that a room opened with, for programs.

use crate::id::PeerId;
use crate::rulebook::Rulebook;
use crate::seam::choice::Choice;
use crate::signed::admission::EditKey;
use crate::signed::app::GENESIS_SLOT;
use crate::signed::change::{Change, Limit, MODERATORS_MAX, NAME_MAX, OVERLAY_MAX, WRITERS_MAX, WhoWrites};
use crate::signed::header::RecordName;
use crate::text::shown;
use crate::wire::{Bounded, BoundedText};

/// The rules that an owner may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The room's name, [fit for display](crate::text::shown); empty if it has none.
    pub name: BoundedText<NAME_MAX>,
    /// The limit of each endpoint's writes; `None` for no limit.
    pub limit: Option<Limit>,
    /// The writers besides owner and moderators.
    pub writers: Writers,
    /// The peers that may ban and retract besides the owner, in ascending order.
    pub moderators: Bounded<PeerId, MODERATORS_MAX>,
    /// The overlay of the room; empty for the fitting one. A name that a build does not know counts as empty.
    pub overlay: BoundedText<OVERLAY_MAX>,
}

/// The writers besides owner and moderators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Writers {
    /// Everybody in the room.
    #[default]
    Everybody,
    /// These, in ascending order.
    Listed(Bounded<PeerId, WRITERS_MAX>),
    /// Holders of the seed of this edit key; nobody without a key.
    Admitted(Option<EditKey>),
}

impl Writers {
    /// The list of writers, if there is one.
    pub fn listed(&self) -> Option<&Bounded<PeerId, WRITERS_MAX>> {
        if let Writers::Listed(list) = self { Some(list) } else { None }
    }

    pub(super) fn who(&self) -> WhoWrites {
        match self {
            Writers::Everybody => WhoWrites::Everybody,
            Writers::Listed(_) => WhoWrites::Listed,
            Writers::Admitted(_) => WhoWrites::Admitted,
        }
    }
}

impl Terms {
    /// The overlay of these terms.
    pub(in crate::room) fn overlay_choice(&self) -> Choice {
        Choice::of_record(self.overlay.as_str())
    }

    /// The terms of this record. A joined list that is longer than a record allows is cut.
    pub(super) fn of(book: &Rulebook, record: &RecordName) -> Terms {
        let (limit, who) = book.rule(record, GENESIS_SLOT).unwrap_or((None, WhoWrites::Everybody));
        let writers = match who {
            WhoWrites::Everybody => Writers::Everybody,
            WhoWrites::Listed => Writers::Listed(first(book.listed(&[*record]))),
            WhoWrites::Admitted => Writers::Admitted(book.edit_key(record)),
        };
        let overlay = book.last_said(record, |change| match change {
            Change::Overlay(overlay) => Some(overlay.clone()),
            _ => None,
        });
        let name = book.last_said(record, |change| match change {
            Change::Name(name) => BoundedText::new(&shown(name)).ok(),
            _ => None,
        });
        let moderators = first(book.moderators(&[*record]));
        Terms {
            name: name.unwrap_or_default(),
            limit,
            writers,
            moderators,
            overlay: overlay.unwrap_or_default(),
        }
    }
}

fn first<const MAX: usize>(peers: impl Iterator<Item = PeerId>) -> Bounded<PeerId, MAX> {
    Bounded::new(peers.take(MAX).collect()).expect("just cut to the limit")
}
