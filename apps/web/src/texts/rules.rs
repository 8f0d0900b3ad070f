//! The rules of a room: the form of them, how fast one may paint, who may, and what one may do now.
#![expect(missing_docs, reason = "a text says itself what it says")]

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{ServerState, WritingLeft};
use meshwork_core::signed::change::{LIMIT_COST_MAX, Limit, NAME_MAX};
use meshwork_place::canvas::{CanvasSize, Erase, Region};

use super::{ONLY_DEVICE, ONLY_PAGE, ban, capital, count, erase, grouped, list};
use crate::apps::App;
use crate::rules::{Decision, Standing};

pub const NO_LIMIT: &str = "No limit";
pub const AT_MOST: &str = "At most";
pub const WINDOW: &str = "How long a window is";
pub const REACHED_WITH: &str = "All are reached with";
pub const WHO_LINKS: &str = "Who links to whom";
pub const WHO_MODERATES: &str = "Who may ban and erase besides you";
pub const FOUR_NUMBERS: &str = "Give four whole numbers: where it begins, and how wide and high it is.";
pub const NO_AREA: &str = "Nothing is 0 cells wide or high.";
pub const NAMED_LATER: &str = "People can be named here once they have been in the room with you.";

/// How fast, where `verb` is what the app is for.
pub fn how_fast(verb: &str) -> String {
    format!("How fast each person may {verb}")
}

/// Several of the app's units.
pub fn units(unit: &str) -> String {
    unit.strip_suffix('y').map_or_else(|| format!("{unit}s"), |stem| format!("{stem}ies"))
}

/// What stands between the number of units and the time.
pub fn units_every(unit: &str) -> String {
    format!("{} every", units(unit))
}

/// Who may do what the app is for.
pub fn who_may(verb: &str) -> String {
    format!("Who may {verb}")
}

/// The list of those who may.
pub fn besides_you(verb: &str) -> String {
    format!("People who may {verb} besides you")
}

/// A list is too long.
pub fn list_too_long(most: usize) -> String {
    format!("A list has at most {most} people.")
}

/// What one may do in an app and what comes next, where there is something to say; `owner` is whom to ask.
pub fn standing(standing: &Standing, owner: &str, app: &App) -> Option<String> {
    let (verb, doing) = app.verbs;
    match standing {
        Standing::Free => None,
        Standing::Limited(WritingLeft { left: 0, limit, wait_ms }) => {
            Some(format!("Out of {}s. {} more in {}", app.unit, limit.cost, span(*wait_ms)))
        }
        Standing::Limited(WritingLeft { left, wait_ms, .. }) => {
            let left = count(*left as usize, app.unit);
            Some(format!("{left} left, more in {}", span(*wait_ms)))
        }
        Standing::Watching => Some(format!("Only people {owner} chose can {verb} here. You can watch.")),
        Standing::Viewing => Some(format!("View only. Ask {owner} for an edit link.")),
        Standing::Banned => {
            Some(format!("{} has banned you from {doing} here. You can still watch.", capital(owner)))
        }
    }
}

/// What is asked before it is done: a question, what follows, and what the button says. `called` names people,
/// `is_own` says whether the owner is asked, who alone takes such things back. What takes nothing away is not asked.
pub fn question(
    decision: &Decision,
    called: impl Fn(PeerId) -> String,
    is_own: bool,
    app: &App,
) -> Option<(String, String, &'static str)> {
    let (verb, doing) = app.verbs;
    let banned = format!("They can watch but not {verb}. Their {doing} stays.");
    let (question, [to_owner, to_moderator], button) = match decision {
        Decision::Ban(peer, false) => (
            format!("Ban {}?", called(*peer)),
            [
                &*format!("{banned} You can lift the ban later."),
                &*format!("{banned} The owner can lift the ban."),
            ],
            ban::BAN,
        ),
        Decision::Ban(peer, true) => (
            format!("Ban {} and erase all their cells?", called(*peer)),
            [
                "They can watch but not paint, and their painting goes. You can undo both later.",
                "They can watch but not paint, and their painting goes. The owner can undo both.",
            ],
            ban::BAN_AND_ERASE,
        ),
        Decision::Retract { words, .. } => (
            format!("Erase {words}?"),
            [
                "This removes it for everyone. You can undo this later.",
                "This removes it for everyone. The owner can undo this.",
            ],
            erase::ERASE,
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

/// What was typed begins beside the canvas.
pub fn canvas_ends(size: CanvasSize) -> String {
    format!("The canvas ends at {}, {}.", size.width - 1, size.height - 1)
}

/// What was typed is no limit.
pub fn bad_limit(app: &App) -> String {
    format!("Give a number of {}s from 1 to {}.", app.unit, grouped(LIMIT_COST_MAX as usize))
}

/// A room's name is too long.
pub fn name_too_long() -> String {
    format!("This name is too long. {NAME_MAX} plain letters fit.")
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
            format!("{} every {}", count(limit.cost as usize, app.unit), window(limit.window_ms))
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
                Some((unit, noun)) => count((other / unit) as usize, noun),
                None => span(u64::from(other)),
            }
        }
    }
}

/// A time to wait, rounded up.
fn span(ms: u64) -> String {
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
        Some(owner) => format!("{} makes the rules.", capital(owner)),
        None => "Nobody can change the rules.".to_owned(),
    }
}

/// So many rules are chosen otherwise than they hold.
pub fn unsaved(changes: usize) -> String {
    format!("{}, not saved", count(changes, "change"))
}

/// Who keeps all that is in a room: this browser, and these people who are here.
pub fn kept_by(is_kept_here: bool, names: &[String]) -> String {
    match (is_kept_here, names) {
        (true, []) => ONLY_DEVICE.to_owned(),
        (false, []) => ONLY_PAGE.to_owned(),
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

#[cfg(test)]
mod tests {
    use meshwork_core::node::{CommandError, WriteError};
    use meshwork_core::room::rules::terms::Writers;
    use meshwork_core::seam::lane::Slot;
    use meshwork_core::wire::Bounded;

    use super::*;
    use crate::apps::APPS;

    const PLACE: &App = &APPS[0];

    fn limited(left: u32, wait_ms: u64) -> Standing {
        let limit = Limit { cost: 12, window_ms: 10_000 };
        Standing::new(Ok(Some(WritingLeft { left, limit, wait_ms })), &Writers::Everybody)
    }

    fn plain(text: Option<String>) -> String {
        text.unwrap_or_default().replace('\u{2009}', " ")
    }

    #[test]
    fn a_painter_reads_cells_left_and_the_wait() {
        assert_eq!(plain(standing(&limited(12, 7_001), "Lin", PLACE)), "12 cells left, more in 8 s");
        assert_eq!(plain(standing(&limited(1, 10), "Lin", PLACE)), "1 cell left, more in 1 s");
        assert_eq!(plain(standing(&limited(0, 7_001), "Lin", PLACE)), "Out of cells. 12 more in 8 s");
        assert!(limited(0, 1).is_shut() && !limited(1, 1).is_shut());
        assert_eq!(standing(&Standing::new(Ok(None), &Writers::Everybody), "Lin", PLACE), None);
    }

    #[test]
    fn barred_painters_read_why_and_whom_to_ask() {
        let listed = Writers::Listed(Bounded::default());
        let shut_out = |why, writers| Standing::new(Err(CommandError::Write(why)), writers);
        let watching = shut_out(WriteError::NotWriter, &listed);
        assert!(watching.is_shut());
        assert_eq!(
            plain(standing(&watching, "Lin", PLACE)),
            "Only people Lin chose can paint here. You can watch."
        );
        let viewing = shut_out(WriteError::NotWriter, &Writers::Admitted(None));
        assert!(viewing.is_shut() && viewing.is_reader() && !limited(0, 1).is_reader());
        assert_eq!(plain(standing(&viewing, "Lin", PLACE)), "View only. Ask Lin for an edit link.");
        let banned = shut_out(WriteError::Banned, &listed);
        assert!(banned.is_shut() && plain(standing(&banned, "Lin", PLACE)).starts_with("Lin has banned you"));
        let unknown = Standing::new(Err(CommandError::NotOpen), &listed);
        assert_eq!(unknown, Standing::Free, "there is nothing to say yet");
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
    fn what_takes_something_away_is_asked_first() {
        let lin = PeerId([1; 32]);
        let called = |_| "Lin".to_owned();
        let asked =
            |decision: Decision, is_own| question(&decision, called, is_own, PLACE).expect("it is asked");
        assert_eq!(asked(Decision::Ban(lin, false), true).0, "Ban Lin?");
        assert!(asked(Decision::Ban(lin, false), true).1.ends_with("You can lift the ban later."));
        assert!(asked(Decision::Ban(lin, true), false).1.ends_with("The owner can undo both."));
        let region = Some(Region { x: 3, y: 4, width: 12, height: 10 });
        let erase = Erase { author: Some(lin), region };
        let (what, words) = (erase.to_retract(Slot::GENESIS), erased(&erase, called));
        let (question, _, button) = asked(Decision::Retract { what, words }, true);
        assert_eq!(plain(Some(question)), "Erase the cells of Lin on 12 × 10 cells at 3, 4?");
        assert_eq!(button, "Erase");
        assert_eq!(super::question(&Decision::Unban(lin), called, true, PLACE), None);
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
}
