//! The rules of a room: how fast one may paint, who may, and what one may do now.

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, WriteError, WritingLeft};
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::signed::change::{LIMIT_COST_MAX, Limit, NAME_MAX, Retraction};
use meshwork_core::signed::list::ShortId;
use meshwork_core::text::shown;
use meshwork_core::wire::BoundedText;
use meshwork_place::canvas::{CanvasSize, Region};

use crate::apps::App;
use crate::texts;

/// Windows that are offered for a limit, in milliseconds.
pub const WINDOWS_MS: [u32; 7] = [1_000, 5_000, 10_000, 60_000, 300_000, 3_600_000, 86_400_000];

/// What one may paint now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// As much as one likes.
    #[default]
    Free,
    /// So much in the window that runs.
    Limited(WritingLeft),
    /// Nothing: one is not among those whom the owner named.
    Watching,
    /// Nothing: one came by a link to look.
    Viewing,
    /// Nothing: one is banned.
    Banned,
}

impl Standing {
    /// What the node says of one's painting, under these rules.
    pub fn new(left: Result<Option<WritingLeft>, CommandError>, writers: &Writers) -> Standing {
        match left {
            Ok(Some(left)) => Standing::Limited(left),
            Err(CommandError::Write(WriteError::NotWriter)) => match writers {
                Writers::Admitted(_) => Standing::Viewing,
                _ => Standing::Watching,
            },
            Err(CommandError::Write(WriteError::Banned)) => Standing::Banned,
            _ => Standing::Free,
        }
    }

    /// Whether nothing can be painted until somebody else decides that one may.
    pub fn is_reader(&self) -> bool {
        matches!(self, Standing::Watching | Standing::Viewing | Standing::Banned)
    }

    /// Whether nothing can be painted, now or ever.
    pub fn is_shut(&self) -> bool {
        !matches!(self, Standing::Free) && !matches!(self, Standing::Limited(left) if left.left > 0)
    }
}

/// Which links to a room one can pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// One: whoever has it may do what everybody may.
    One,
    /// One that lets people write, and one to look.
    EditAndView,
    /// The one to look, since oneself has no other.
    View,
}

impl Links {
    /// Those of somebody under these rules, who came with what lets one write or without it.
    pub fn new(writers: &Writers, has_seed: bool) -> Links {
        match (writers, has_seed) {
            (Writers::Admitted(_), true) => Links::EditAndView,
            (Writers::Admitted(_), false) => Links::View,
            _ => Links::One,
        }
    }
}

/// What holds in a room, and what oneself may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLaw {
    /// Who made the room; nobody where it is a commons.
    pub owner: Option<PeerId>,
    /// What the owner decided.
    pub rules: Terms,
    /// Who is banned.
    pub banned: Vec<PeerId>,
    /// What is erased, in the terms of its app.
    pub retractions: Vec<(ShortId, Retraction)>,
    /// Whether one is the owner.
    pub is_own: bool,
    /// Whether one may ban and erase.
    pub moderates: bool,
}

/// Something that an owner or a moderator decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// New rules.
    Rules(Terms),
    /// A peer paints no more; with `true` its cells go, too.
    Ban(PeerId, bool),
    /// A banned peer may paint again.
    Unban(PeerId),
    /// Something of an app is erased.
    Retract {
        /// What.
        what: Retract,
        /// The same in words.
        words: String,
    },
    /// What was erased comes back.
    Lift(ShortId),
    /// The room gets a new link: of those who have the present one only these keep access.
    NewLink(Vec<PeerId>),
    /// From now on one link lets people write, and another one lets them look.
    SplitLink,
    /// The room has this app, too.
    TurnOn(&'static App),
}

/// A rectangle of the canvas as somebody typed it.
///
/// # Errors
/// In words, what is wrong with it.
pub fn region(typed: [&str; 4], size: CanvasSize) -> Result<Region, String> {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let [Some(x), Some(y), Some(width), Some(height)] = typed.map(number) else {
        return Err(texts::rules::FOUR_NUMBERS.to_owned());
    };
    if x >= size.width || y >= size.height {
        return Err(texts::rules::canvas_ends(size));
    }
    if width == 0 || height == 0 {
        return Err(texts::rules::NO_AREA.to_owned());
    }
    Ok(Region { x, y, width: width.min(size.width - x), height: height.min(size.height - y) })
}

/// The part of the canvas between two cells, both within it; they may lie outside of the canvas.
pub fn region_between(one: (i32, i32), other: (i32, i32), size: CanvasSize) -> Region {
    let range = |one: i32, other: i32, length: u16| {
        let inside = |at: i32| at.clamp(0, i32::from(length) - 1) as u16;
        let (first, last) = (inside(one.min(other)), inside(one.max(other)));
        (first, last - first + 1)
    };
    let ((x, width), (y, height)) = (range(one.0, other.0, size.width), range(one.1, other.1, size.height));
    Region { x, y, width, height }
}

/// A limit as somebody typed and chose it.
///
/// # Errors
/// In words, what is wrong with it.
pub fn limit(cost: &str, window_ms: u32, app: &App) -> Result<Limit, String> {
    match cost.trim().parse::<u32>() {
        Ok(cost) if (1..=LIMIT_COST_MAX).contains(&cost) => Ok(Limit { cost, window_ms }),
        _ => Err(texts::rules::bad_limit(app)),
    }
}

/// A room's name as somebody typed it.
///
/// # Errors
/// In words, that it is too long.
pub fn name(typed: &str) -> Result<BoundedText<NAME_MAX>, String> {
    let name = shown(typed.trim());
    BoundedText::new(&name).map_err(|_| texts::rules::name_too_long())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::APPS;

    const PLACE: &App = &APPS[0];
    const SIZE: CanvasSize = CanvasSize { width: 100, height: 50 };

    #[test]
    fn a_region_lies_between_any_two_corners() {
        let size = CanvasSize { width: 100, height: 80 };
        let region = Region { x: 10, y: 20, width: 6, height: 3 };
        assert_eq!(region_between((10, 20), (15, 22), size), region);
        assert_eq!(region_between((15, 20), (10, 22), size), region);
        let cell = Region { x: 5, y: 5, width: 1, height: 1 };
        assert_eq!(region_between((5, 5), (5, 5), size), cell);
        let corner = Region { x: 90, y: 0, width: 10, height: 80 };
        assert_eq!(region_between((90, -9), (400, 300), size), corner, "no further than the canvas");
    }

    #[test]
    fn who_came_to_look_passes_on_no_more() {
        let admitted = Writers::Admitted(None);
        assert_eq!(Links::new(&admitted, true), Links::EditAndView);
        assert_eq!(Links::new(&admitted, false), Links::View);
        assert_eq!(Links::new(&Writers::Everybody, true), Links::One);
    }

    #[test]
    fn what_is_typed_is_checked_in_words() {
        let region = |typed| super::region(typed, SIZE);
        let cut = Region { x: 90, y: 40, width: 10, height: 10 };
        assert_eq!(region(["90", " 40", "20", "20"]), Ok(cut), "what lies beyond the canvas is left out");
        for wrong in
            [["", "0", "1", "1"], ["100", "0", "1", "1"], ["0", "0", "0", "1"], ["-1", "0", "1", "1"]]
        {
            assert!(region(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(limit("12", 1_000, PLACE), Ok(Limit { cost: 12, window_ms: 1_000 }));
        assert!(["0", "many", "1000001"].into_iter().all(|cost| limit(cost, 1_000, PLACE).is_err()));
    }
}
