//! What the owner of a room has decided, as a whole.

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::room::rules::terms;
pub use meshwork_core::seam::choice::Choice as Overlay;
use meshwork_core::signed::change::Limit;
use meshwork_core::wire::{Bounded, BoundedText, TooLong};

/// What the owner of a room has decided, as a whole: read by [`Rules::terms`](crate::Rules::terms), changed, and given
/// back to [`Rules::set`](crate::Rules::set).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// What people see the room called: at most 64 bytes; empty where it has no name.
    pub name: String,
    /// How much each endpoint may write in the app that the room opened with, and in which time; `None` for as fast as it
    /// can. Of the canvas a cell costs one. A window has at most 49 days.
    pub limit: Option<(u32, Duration)>,
    /// Who may write besides the owner and moderators.
    pub writers: Writers,
    /// Who may ban and erase besides the owner: at most 64.
    pub moderators: Vec<PeerId>,
    /// Which links members keep.
    pub overlay: Overlay,
}

/// Who may write in a room besides its owner and moderators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Writers {
    /// Everybody who is in it.
    #[default]
    Everybody,
    /// These: at most 256.
    Listed(Vec<PeerId>),
    /// Whoever has its link to edit: [`Rules::new_edit_link`](crate::Rules::new_edit_link) sets that.
    EditLink,
}

impl From<&terms::Terms> for Terms {
    fn from(terms: &terms::Terms) -> Terms {
        let window = |limit: Limit| (limit.cost, Duration::from_millis(limit.window_ms.into()));
        Terms {
            name: terms.name.to_string(),
            limit: terms.limit.map(window),
            writers: match &terms.writers {
                terms::Writers::Everybody => Writers::Everybody,
                terms::Writers::Listed(listed) => Writers::Listed(listed.to_vec()),
                terms::Writers::Admitted(_) => Writers::EditLink,
            },
            moderators: terms.moderators.to_vec(),
            overlay: Overlay::of_record(terms.overlay.as_str()),
        }
    }
}

impl Terms {
    /// The terms as a record says them, in place of `before`; in words, what cannot be.
    pub(crate) fn record(&self, before: &terms::Terms) -> Result<terms::Terms, String> {
        let words = |what: &str, error: TooLong| format!("{what}: {error}");
        Ok(terms::Terms {
            name: BoundedText::new(&self.name).map_err(|error| words("the name", error))?,
            limit: self.limit.map(limit_record).transpose()?,
            writers: match (&self.writers, &before.writers) {
                (Writers::Everybody, _) => terms::Writers::Everybody,
                (Writers::Listed(listed), _) => {
                    terms::Writers::Listed(list(listed).map_err(|error| words("the writers", error))?)
                }
                (Writers::EditLink, admitted @ terms::Writers::Admitted(_)) => admitted.clone(),
                (Writers::EditLink, _) => return Err(String::from("the room has no link to edit yet")),
            },
            moderators: list(&self.moderators).map_err(|error| words("the moderators", error))?,
            // A name that this build does not know stays as it is.
            overlay: match Overlay::of_record(&before.overlay) == self.overlay {
                true => before.overlay.clone(),
                false => BoundedText::new(&self.overlay.record_name())
                    .map_err(|error| words("the overlay", error))?,
            },
        })
    }
}

/// A limit as a record says it; in words, why it cannot be.
pub(crate) fn limit_record((cost, window): (u32, Duration)) -> Result<Limit, String> {
    match u32::try_from(window.as_millis()) {
        Ok(window_ms) => Ok(Limit { cost, window_ms }),
        Err(_) => Err(format!("a window of {window:?} is too long")),
    }
}

/// Each peer once, as records have them.
fn list<const MAX: usize>(peers: &[PeerId]) -> Result<Bounded<PeerId, MAX>, TooLong> {
    let mut peers = peers.to_vec();
    peers.sort_unstable();
    peers.dedup();
    Bounded::new(peers)
}
