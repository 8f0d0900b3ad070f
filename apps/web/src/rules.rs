//! The rules of a room in words: how fast one may paint, who may, and what one may do now.

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, ServerState, WriteError, WritingLeft};
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::signed::change::{LIMIT_COST_MAX, Limit, NAME_MAX};
use meshwork_core::signed::list::ShortId;
use meshwork_core::text::shown;
use meshwork_core::wire::BoundedText;
use meshwork_place::canvas::CanvasSize;
use meshwork_place::canvas::{Erase, Region};

use crate::apps::App;
use crate::words;

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

    /// In words what one may do in an app and what comes next, where there is something to say; `owner` is whom to ask.
    pub fn words(&self, owner: &str, app: &App) -> Option<String> {
        let (verb, doing) = app.verbs;
        match self {
            Standing::Free => None,
            Standing::Limited(WritingLeft { left: 0, limit, wait_ms }) => {
                Some(format!("Out of {}s. {} more in {}", app.unit, limit.cost, span(*wait_ms)))
            }
            Standing::Limited(WritingLeft { left, wait_ms, .. }) => {
                let left = words::count(*left as usize, app.unit);
                Some(format!("{left} left, more in {}", span(*wait_ms)))
            }
            Standing::Watching => Some(format!("Only people {owner} chose can {verb} here. You can watch.")),
            Standing::Viewing => Some(format!("View only. Ask {owner} for an edit link.")),
            Standing::Banned => Some(format!(
                "{} has banned you from {doing} here. You can still watch.",
                words::capital(owner)
            )),
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
    /// What is erased.
    pub erases: Vec<(ShortId, Erase)>,
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
    /// Cells read empty.
    Erase(Erase),
    /// Erased cells come back.
    Lift(ShortId),
    /// The room gets a new link: of those who have the present one only these keep access.
    NewLink(Vec<PeerId>),
    /// From now on one link lets people write, and another one lets them look.
    SplitLink,
    /// The room has this app, too.
    TurnOn(&'static App),
}

impl Decision {
    /// What is asked before it is done: a question, what follows, and what the button says. `called` names people,
    /// `is_own` says whether the owner is asked, who alone takes such things back. What takes nothing away is not asked.
    pub fn question(
        &self,
        called: impl Fn(PeerId) -> String,
        is_own: bool,
        app: &App,
    ) -> Option<(String, String, &'static str)> {
        let (verb, doing) = app.verbs;
        let banned = format!("They can watch but not {verb}. Their {doing} stays.");
        let (question, [to_owner, to_moderator], button) = match self {
            Decision::Ban(peer, false) => (
                format!("Ban {}?", called(*peer)),
                [
                    &*format!("{banned} You can lift the ban later."),
                    &*format!("{banned} The owner can lift the ban."),
                ],
                "Ban",
            ),
            Decision::Ban(peer, true) => (
                format!("Ban {} and erase all their cells?", called(*peer)),
                [
                    "They can watch but not paint, and their painting goes. You can undo both later.",
                    "They can watch but not paint, and their painting goes. The owner can undo both.",
                ],
                "Ban and erase",
            ),
            Decision::Erase(erase) => (
                format!("Erase {}?", erased(erase, called)),
                [
                    "This removes it for everyone. You can undo this later.",
                    "This removes it for everyone. The owner can undo this.",
                ],
                "Erase",
            ),
            Decision::Rules(_)
            | Decision::Unban(_)
            | Decision::Lift(_)
            | Decision::NewLink(_)
            | Decision::SplitLink
            | Decision::TurnOn(_) => return None,
        };
        Some((question, if is_own { to_owner } else { to_moderator }.to_owned(), button))
    }
}

/// What an erase is of: whose cells, and where.
pub fn erased(erase: &Erase, called: impl Fn(PeerId) -> String) -> String {
    let place = match erase.region {
        Some(Region { x, y, width, height }) => {
            format!("{width}\u{2009}\u{d7}\u{2009}{height} cells at {x}, {y}")
        }
        None => "the whole canvas".to_owned(),
    };
    match erase.author {
        Some(peer) => format!("the cells of {} on {place}", called(peer)),
        None => place,
    }
}

/// A rectangle of the canvas as somebody typed it.
///
/// # Errors
/// In words, what is wrong with it.
pub fn region(typed: [&str; 4], size: CanvasSize) -> Result<Region, String> {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let [Some(x), Some(y), Some(width), Some(height)] = typed.map(number) else {
        return Err("Give four whole numbers: where it begins, and how wide and high it is.".to_owned());
    };
    if x >= size.width || y >= size.height {
        return Err(format!("The canvas ends at {}, {}.", size.width - 1, size.height - 1));
    }
    if width == 0 || height == 0 {
        return Err("Nothing is 0 cells wide or high.".to_owned());
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
        _ => {
            let most = words::grouped(LIMIT_COST_MAX as usize);
            Err(format!("Give a number of {}s from 1 to {most}.", app.unit))
        }
    }
}

/// A room's name as somebody typed it.
///
/// # Errors
/// In words, that it is too long.
pub fn name(typed: &str) -> Result<BoundedText<NAME_MAX>, String> {
    let name = shown(typed.trim());
    BoundedText::new(&name).map_err(|_| format!("This name is too long. {NAME_MAX} plain letters fit."))
}

/// Between those who may write and how fast: what they may do.
pub fn may(app: &App) -> String {
    format!(" can {}, ", app.verbs.0)
}

/// How fast each person may do what an app is for.
pub fn pace(limit: Option<Limit>, app: &App) -> String {
    match limit {
        None => "with no limit".to_owned(),
        Some(limit) => {
            format!("{} every {}", words::count(limit.cost as usize, app.unit), window(limit.window_ms))
        }
    }
}

/// The length of a window, after "every".
pub fn window(window_ms: u32) -> String {
    match window_ms {
        1_000 => "second".to_owned(),
        60_000 => "minute".to_owned(),
        3_600_000 => "hour".to_owned(),
        86_400_000 => "day".to_owned(),
        other => {
            let parts = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute")];
            match parts.iter().find(|(unit, _)| other % unit == 0) {
                Some((unit, noun)) => words::count((other / unit) as usize, noun),
                None => span(u64::from(other)),
            }
        }
    }
}

/// A time to wait, rounded up.
pub fn span(ms: u64) -> String {
    let seconds = Duration::from_millis(ms.saturating_add(999)).as_secs().max(1);
    match seconds {
        ..=120 => format!("{seconds}\u{2009}s"),
        121..=7_200 => format!("{}\u{2009}min", seconds.div_ceil(60)),
        _ => format!("{}\u{2009}h", seconds.div_ceil(3_600)),
    }
}

/// Nobody but the owner, who is called so.
pub fn only(owner: &str) -> String {
    format!("Only {owner}")
}

/// Who makes the rules of a room.
pub fn maker(is_own: bool, owner: Option<&str>) -> String {
    match owner {
        _ if is_own => "Only you can change the rules.".to_owned(),
        Some(owner) => format!("{} makes the rules.", words::capital(owner)),
        None => "Nobody can change the rules.".to_owned(),
    }
}

/// So many rules are chosen otherwise than they hold.
pub fn unsaved(changes: usize) -> String {
    format!("{}, not saved", words::count(changes, "change"))
}

/// Who keeps all that is in a room: this browser, and these people who are here.
pub fn kept_by(is_kept_here: bool, names: &[String]) -> String {
    match (is_kept_here, names) {
        (true, []) => "Only this device has it".to_owned(),
        (false, []) => "Only this page has it".to_owned(),
        (true, names) => format!("This device, {}", list(names, "")),
        (false, names) => list(names, ""),
    }
}

/// The servers that introduce people to a room, and what became of them; `state` is that of the one that is reached best.
pub fn servers(servers: &[String], state: Option<&ServerState>) -> String {
    let state = match state {
        _ if servers.is_empty() => return "None".to_owned(),
        Some(ServerState::Connected) => "connected",
        Some(ServerState::Away { .. }) => "away",
        Some(ServerState::Connecting) | None => "not connected",
    };
    format!("{}: {state}", list(servers, ""))
}

/// Who has what was decided: so many of all who stay.
pub fn known(holders: usize, all: usize) -> String {
    match all {
        0 => "Saved. Nobody else is here: others get it when they meet you.".to_owned(),
        _ if holders >= all => "Saved. Everyone here has it.".to_owned(),
        _ => format!("Saved. {holders} of {all} have it so far."),
    }
}

/// The button that gives a room a new link, of whose holders so many keep access.
pub fn making_link(keep: usize) -> String {
    match keep {
        0 => "Make new link, nobody else keeps access".to_owned(),
        1 => "Make new link, 1 keeps access".to_owned(),
        _ => format!("Make new link, {keep} keep access"),
    }
}

/// What a new link means for those who do not keep access.
pub fn left_out(names: &[String]) -> Option<String> {
    let what = match names.len() {
        0 => return None,
        1 => "keeps what their device already has, but gets nothing new",
        _ => "keep what their devices already have, but get nothing new",
    };
    Some(format!("{} {what}.", list(names, "")))
}

/// Several people, all of them named; `nobody` when there are none.
pub fn list(names: &[String], nobody: &str) -> String {
    match names {
        [] => nobody.to_owned(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::wire::Bounded;

    use super::*;
    use crate::apps::APPS;

    const PLACE: &App = &APPS[0];
    const SIZE: CanvasSize = CanvasSize { width: 100, height: 50 };

    fn limited(left: u32, wait_ms: u64) -> Standing {
        let limit = Limit { cost: 12, window_ms: 10_000 };
        Standing::new(Ok(Some(WritingLeft { left, limit, wait_ms })), &Writers::Everybody)
    }

    fn plain(text: Option<String>) -> String {
        text.unwrap_or_default().replace('\u{2009}', " ")
    }

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
    fn a_painter_reads_cells_left_and_the_wait() {
        assert_eq!(plain(limited(12, 7_001).words("Lin", PLACE)), "12 cells left, more in 8 s");
        assert_eq!(plain(limited(1, 10).words("Lin", PLACE)), "1 cell left, more in 1 s");
        assert_eq!(plain(limited(0, 7_001).words("Lin", PLACE)), "Out of cells. 12 more in 8 s");
        assert!(limited(0, 1).is_shut() && !limited(1, 1).is_shut());
        assert_eq!(Standing::new(Ok(None), &Writers::Everybody).words("Lin", PLACE), None);
    }

    #[test]
    fn barred_painters_read_why_and_whom_to_ask() {
        let listed = Writers::Listed(Bounded::default());
        let shut_out = |why, writers| Standing::new(Err(CommandError::Write(why)), writers);
        let watching = shut_out(WriteError::NotWriter, &listed);
        assert!(watching.is_shut());
        assert_eq!(
            plain(watching.words("Lin", PLACE)),
            "Only people Lin chose can paint here. You can watch."
        );
        let viewing = shut_out(WriteError::NotWriter, &Writers::Admitted(None));
        assert!(viewing.is_shut() && viewing.is_reader() && !limited(0, 1).is_reader());
        assert_eq!(plain(viewing.words("Lin", PLACE)), "View only. Ask Lin for an edit link.");
        let banned = shut_out(WriteError::Banned, &listed);
        assert!(banned.is_shut() && plain(banned.words("Lin", PLACE)).starts_with("Lin has banned you"));
        let unknown = Standing::new(Err(CommandError::NotOpen), &listed);
        assert_eq!(unknown, Standing::Free, "there is nothing to say yet");
    }

    #[test]
    fn who_came_to_look_passes_on_no_more() {
        let admitted = Writers::Admitted(None);
        assert_eq!(Links::new(&admitted, true), Links::EditAndView);
        assert_eq!(Links::new(&admitted, false), Links::View);
        assert_eq!(Links::new(&Writers::Everybody, true), Links::One);
    }

    #[test]
    fn who_gets_no_new_link_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(left_out(&[]), None);
        let one = left_out(&names(&["Lin"])).expect("one is left out");
        assert_eq!(one, "Lin keeps what their device already has, but gets nothing new.");
        assert!(left_out(&names(&["Lin", "Bo"])).is_some_and(|words| words.starts_with("Lin and Bo keep")));
        assert_eq!(making_link(1), "Make new link, 1 keeps access");
    }

    #[test]
    fn paces_read_as_people_say_them() {
        let pace = |cells, window_ms| plain(Some(pace(Some(Limit { cost: cells, window_ms }), PLACE)));
        assert_eq!(pace(1, 300_000), "1 cell every 5 minutes");
        assert_eq!(pace(60, 60_000), "60 cells every minute");
        assert_eq!(pace(12, 10_000), "12 cells every 10 s");
        assert_eq!(super::pace(None, PLACE), "with no limit");
        assert_eq!(plain(Some(span(121_000))), "3 min");
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

    #[test]
    fn what_takes_something_away_is_asked_first() {
        let lin = PeerId([1; 32]);
        let called = |_| "Lin".to_owned();
        let asked =
            |decision: Decision, is_own| decision.question(called, is_own, PLACE).expect("it is asked");
        assert_eq!(asked(Decision::Ban(lin, false), true).0, "Ban Lin?");
        assert!(asked(Decision::Ban(lin, false), true).1.ends_with("You can lift the ban later."));
        assert!(asked(Decision::Ban(lin, true), false).1.ends_with("The owner can undo both."));
        let region = Some(Region { x: 3, y: 4, width: 12, height: 10 });
        let (question, _, button) = asked(Decision::Erase(Erase { author: Some(lin), region }), true);
        assert_eq!(plain(Some(question)), "Erase the cells of Lin on 12 × 10 cells at 3, 4?");
        assert_eq!(button, "Erase");
        assert_eq!(Decision::Unban(lin).question(called, true, PLACE), None);
    }

    #[test]
    fn who_keeps_a_room_is_named() {
        let names = ["Lin".to_owned(), "Sofia".to_owned()];
        assert_eq!(kept_by(true, &names), "This device, Lin and Sofia");
        assert_eq!(kept_by(true, &[]), "Only this device has it");
        assert_eq!(kept_by(false, &names[..1]), "Lin");
        assert_eq!(kept_by(false, &[]), "Only this page has it");
    }

    #[test]
    fn who_makes_the_rules_is_said() {
        assert_eq!(maker(true, Some("you")), "Only you can change the rules.");
        assert_eq!(maker(false, Some("teal hexagon")), "Teal hexagon makes the rules.");
        assert_eq!(maker(false, None), "Nobody can change the rules.");
        assert_eq!((unsaved(1), unsaved(2)), ("1 change, not saved".into(), "2 changes, not saved".into()));
    }

    #[test]
    fn servers_say_whether_they_are_there() {
        let at = ["one.example".to_owned(), "two.example".to_owned()];
        assert_eq!(servers(&at, Some(&ServerState::Connected)), "one.example and two.example: connected");
        let away = ServerState::Away { reason: "it is off".to_owned() };
        assert_eq!(servers(&at[..1], Some(&away)), "one.example: away");
        assert_eq!(servers(&[], None), "None");
    }

    #[test]
    fn who_has_a_decision_is_counted() {
        assert!(known(0, 0).contains("Nobody else is here"));
        assert_eq!(known(1, 3), "Saved. 1 of 3 have it so far.");
        assert_eq!(known(3, 3), "Saved. Everyone here has it.");
    }

    #[test]
    fn people_are_listed_as_one_says_them() {
        let names = ["Lin".to_owned(), "Sofia".to_owned(), "Kaveh".to_owned()];
        assert_eq!(list(&names, "nobody"), "Lin, Sofia and Kaveh");
        assert_eq!(list(&[], "nobody"), "nobody");
    }
}
