//! What happened, why, and what to do: notices, what is told in passing, and why something was not done.
#![expect(missing_docs, reason = "a text says itself what it says")]

use meshwork_core::node::{LinkState, Refusal, RoomRefusal};

use super::{count, sentence};
use crate::apps::App;
use crate::people::Row;

pub const SHARE_LINK: &str = "Share link";
pub const MAKE_NEW_LINK: &str = "Make a new link";
pub const SENDER: &str = "whoever sent you this one";
pub const GO_HOME: &str = "Go home";
pub const YOUR_ROOMS: &str = "Your rooms";
pub const RELOAD: &str = "Reload";
pub const UPDATE: &str = "Update";
pub const PUT_AWAY: &str = "Put away";
pub const NEW_VERSION: &str = "A new version is ready.";
pub const UPDATE_WHY: &str = "Loads the page again in the new version";
pub const LATER: &str = "Later";
pub const COPIED: &str = "Copied";
pub const NOT_COPIED: &str = "This browser does not let us copy. The text is selected: copy it yourself.";
pub const LIGHT_THEME: &str = "Light theme";
pub const DARK_THEME: &str = "Dark theme";
pub const JOINED: &str = "joined";
pub const LEFT: &str = "left";
pub const LINK_AGAIN: &str = "Link again in the list of people";
pub const OTHERS: &str = "Others";
pub const SOMEONE: &str = "someone";
pub const NO_SERVER: &str = "this link names no server, and pages find rooms through servers only";
pub const ROOM_NOT_OPEN: &str = "the room is not open";
pub const NOBODY_HOLDS: &str = "nobody who is here holds it";

/// Nothing works here.
pub fn cannot_start(reason: &str) -> String {
    format!("This page cannot start. The reason: {reason}. Another browser may help.")
}

/// The cross of a notice, for those who hear it alone.
pub fn put_away(title: &str) -> String {
    format!("Put away: {title}")
}

/// One unlinked somebody.
pub fn you_unlinked(called: &str) -> String {
    format!("You unlinked {called}")
}

/// Somebody unlinked one.
pub fn unlinked_you(called: &str) -> String {
    format!("{called} unlinked you")
}

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing is wrong.
    Calm,
    /// Worse than it could be.
    Warn,
    /// Does not work.
    Bad,
}

/// What a notice offers to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Open the share sheet.
    Share,
    /// Go home, where rooms are made.
    Home,
    /// Load the page again.
    Reload,
    /// Load the page again in its newest version.
    Update,
    /// Open the sheet for meeting without a server.
    Meet,
    /// Open the share sheet where the room is given a new link.
    NewLink,
    /// Open the sheet in which one's key is saved or exchanged.
    Key,
    /// Show the list of kept rooms beside this page.
    Rooms,
}

/// Something that a person should know, where the thing would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How it is meant.
    pub tone: Tone,
    /// What happened, as a sentence.
    pub title: String,
    /// Why, and what to do.
    pub body: String,
    /// What the notice offers to do.
    pub offer: Option<Offer>,
    /// Whether it can be put away: it says what happened, not how things are.
    pub is_passing: bool,
}

impl Notice {
    /// A notice of sentences: the first is its title.
    pub fn new(tone: Tone, sentences: &str, offer: Option<Offer>) -> Notice {
        let (title, body) = match sentences.split_once(". ") {
            Some((first, rest)) => (format!("{first}."), rest.to_owned()),
            None => (sentences.to_owned(), String::new()),
        };
        Notice { tone, title, body, offer, is_passing: false }
    }

    /// The same notice, which can be put away.
    pub fn passing(self) -> Notice {
        Notice { is_passing: true, ..self }
    }
}

/// The room cannot be entered; `refusal` says why, in sentences.
pub fn refused(refusal: &str) -> Notice {
    Notice::new(Tone::Bad, refusal, Some(Offer::Home))
}

/// The browser does not keep what is written here, in these words.
pub fn unkept(words: &str) -> Notice {
    Notice::new(Tone::Bad, words, None)
}

/// An app could not be loaded.
pub fn part_missing() -> Notice {
    let sentences = "This app did not load. Its server cannot be reached or has a newer version. \
                     Reload the page.";
    Notice::new(Tone::Bad, sentences, Some(Offer::Reload))
}

/// The room cannot be entered, for a reason that the node knows.
pub fn room_refused(refusal: &RoomRefusal) -> Notice {
    let offer = match refusal {
        RoomRefusal::Version(_) => Offer::Update,
        RoomRefusal::Full(_) | RoomRefusal::Server(_) => Offer::Reload,
        _ => Offer::Home,
    };
    let text = match refusal {
        RoomRefusal::Full(why) => format!("The room is full. {} Ask someone to make room.", sentence(why)),
        RoomRefusal::SecretWrong => damaged_link().to_owned(),
        other => other.to_string(),
    };
    Notice { offer: Some(offer), ..refused(&text) }
}

/// The room has a new link, which was not told here; `owner` made the room, as far as that is known.
pub fn new_link(owner: Option<&str>) -> Notice {
    let whom = owner.unwrap_or(SENDER);
    Notice::new(Tone::Warn, &format!("This room has a new link. Ask {whom} for it."), None)
}

/// The room's secret stood in the path of the page's address, which servers are sent; `owner` may give the room a new link, and is
/// `None` where that is oneself.
pub fn secret_in_path(owner: Option<&str>) -> Notice {
    let happened = "The server has seen this room's secret. On its way to you, the # of the link was written as %23, and all \
                    before a # is sent to the server.";
    match owner {
        None => {
            let text = format!("{happened} A new link shuts out the old one.");
            Notice::new(Tone::Warn, &text, Some(Offer::NewLink)).passing()
        }
        Some(owner) => {
            Notice::new(Tone::Warn, &format!("{happened} Ask {owner} for a new link."), None).passing()
        }
    }
}

/// The room has more than this page can hold, and what strangers wrote was given up.
pub fn gave_up() -> Notice {
    let text = "Some of this room is missing here. It has more than this page can hold, so what people wrote whom the owner has not \
                named may be left out. The owner can ban who floods it, or say who may write.";
    Notice::new(Tone::Warn, text, None).passing()
}

/// What stands behind the `#` of a link does not open the room.
pub fn damaged_link() -> &'static str {
    "This link does not open the room. It is damaged after the #. Ask for it again."
}

/// The browser has no WebRTC, by which people are linked.
pub fn no_webrtc() -> Notice {
    let text = "This browser can't connect you. WebRTC is turned off, by a setting or an extension. Turn it on, or open \
                the link in another browser.";
    Notice::new(Tone::Bad, text, Some(Offer::Reload))
}

/// The room's link has an app in front that this page has no part for.
pub fn other_app(app: &str) -> Notice {
    let text = format!("This room is for {app}, which this page does not have.");
    Notice::new(Tone::Bad, &text, Some(Offer::Home))
}

/// Asking the meeting point for the room.
pub fn joining() -> Notice {
    Notice::new(Tone::Calm, "Looking for the room. The server is being asked.", None)
}

/// The meeting point does not know the code.
pub fn waiting() -> Notice {
    let text = "Nobody has this room open. Check the code, or wait: it opens when someone arrives.";
    Notice::new(Tone::Warn, text, Some(Offer::Home))
}

/// The meeting point cannot be reached, before or after the room was opened.
pub fn server_away(is_open: bool, reason: &str) -> Notice {
    let what = if is_open {
        "You stay connected; new people can't join by link until it's back."
    } else {
        "Only it can find the room, so this page tries again by itself."
    };
    let text = format!("The server is unreachable. {what} {}", sentence(reason));
    Notice::new(Tone::Warn, &text, Some(Offer::Meet))
}

/// What is to be said of the people in an open room, if anything; the meeting point says that there are `named` others.
pub fn about_people(rows: &[Row], named: u64) -> Option<Notice> {
    if rows.iter().any(Row::is_linked) {
        return None;
    }
    let here = rows.iter().filter(|row| row.state != LinkState::Gone).count() as u64;
    if let (0, Some(row)) = (here, rows.iter().find(|row| row.unlinked || row.is_unwanted())) {
        let text = if row.unlinked {
            format!(
                "You are linked to nobody. You unlinked {0}. Link to {0} again in the list of people.",
                row.called
            )
        } else {
            format!("You are linked to nobody. {} unlinked you. Send the link to someone else.", row.called)
        };
        return Some(Notice::new(Tone::Calm, &text, Some(Offer::Share)));
    }
    let tried = rows.iter().filter(|row| is_failure(row)).count() as u64;
    // What the meeting point says is its word, and may be more than anybody is there.
    let people = |count: u64, what: &str| match count {
        1 => format!("1 person is {what}"),
        count => format!("{count} people are {what}"),
    };
    let (text, tone, offer) = if here > 0 && named > here {
        let text = format!(
            "You are not linked to anyone yet. {}, and a way to {here} of them is being looked for.",
            people(named, "named here")
        );
        (text, Tone::Warn, None)
    } else if here > 0 {
        let people = people(here, "in the room");
        let text =
            format!("You are not linked to anyone yet. {people}, and a way to them is being looked for.");
        (text, Tone::Warn, None)
    } else if tried > 0 && named > tried {
        let text = format!(
            "You are not linked to anyone. {}, and none of the {tried} tried could be reached. \
             The server is asked for others.",
            people(named, "named here")
        );
        (text, Tone::Bad, Some(Offer::Reload))
    } else if tried > 0 {
        let text = format!(
            "You are not linked to anyone. {}, but no direct way between you was found. \
             Try another network on one of the sides.",
            people(tried, "in the room")
        );
        (text, Tone::Bad, Some(Offer::Reload))
    } else if named > 0 {
        let people = people(named, "named here");
        let text = format!("You are not linked to anyone yet. {people}, and none has answered yet.");
        (text, Tone::Warn, None)
    } else {
        (String::from("Nobody else is here yet. Send the link to someone."), Tone::Calm, Some(Offer::Share))
    };
    Some(Notice::new(tone, &text, offer))
}

/// Whether a link was looked for in vain.
fn is_failure(row: &Row) -> bool {
    row.state == LinkState::Gone
        && ["no way through", "no connection within"].iter().any(|words| row.beside.contains(words))
}

/// Something from outside was refused; `who` it was from, `detail` the node's words.
pub fn refusal(reason: Refusal, who: &str, detail: &str) -> Notice {
    let text = match reason {
        Refusal::SealingKey => format!(
            "A link was refused. The server handed out a key that {who} did not sign, \
             so somebody may sit in the middle. Use another server."
        ),
        Refusal::Seal | Refusal::SignalSignature => format!(
            "A link was refused. What came as from {who} was not written by them, or was changed on the way. \
             Use another server if this happens again."
        ),
        Refusal::LinkProof => format!(
            "A link was refused. The connection does not end at {who}: their proof does not match it. \
             Use another server."
        ),
        Refusal::RoomProof => {
            format!("{who} was kept out. Their link does not have the secret of this room.")
        }
        Refusal::Version => {
            format!("There is no link to {who}. One of you has an older page. Reload it on both sides.")
        }
        Refusal::RoomFull => format!("The room is full. {}", sentence(detail)),
        Refusal::Server => {
            format!("The server sent something this page can't read. {}", sentence(detail))
        }
        _ => format!("Something from {who} was refused. {}", sentence(detail)),
    };
    if reason == Refusal::Version {
        return Notice::new(Tone::Warn, &text, Some(Offer::Update)).passing();
    }
    let is_danger =
        matches!(reason, Refusal::SealingKey | Refusal::Seal | Refusal::SignalSignature | Refusal::LinkProof);
    Notice::new(if is_danger { Tone::Bad } else { Tone::Warn }, &text, None).passing()
}

/// This page and the meeting point have no version of their protocol in common; `detail` says which they have.
pub fn server_version(detail: &str) -> Notice {
    let text = format!(
        "This page is of another version than its server. So you can't meet anybody new: {detail}. \
         Update to the server's version."
    );
    Notice::new(Tone::Bad, &text, Some(Offer::Update))
}

/// A stroke was not taken.
pub fn stroke_refused(reason: &str) -> Notice {
    let text = format!("Your last stroke was not taken. {}", sentence(reason));
    Notice::new(Tone::Warn, &text, None).passing()
}

/// Nobody is linked and no meeting point answers.
pub fn unlinked(app: &App) -> Notice {
    let text = format!(
        "You're offline in this room. Keep {}: it is sent as soon as you reconnect. Or meet by copy and paste.",
        app.verbs.1
    );
    Notice::new(Tone::Warn, &text, Some(Offer::Meet))
}

/// The browser stores nothing for this page; `reason` in its words.
pub fn storage_refused(reason: &str, app: &App) -> Notice {
    let text = format!(
        "This browser does not let us keep {}. It lives as long as someone has the page open. \
         {}The browser says: {}",
        app.content,
        app.rescue,
        sentence(reason)
    );
    Notice::new(Tone::Warn, &text, None).passing()
}

/// The browser has no space left for this page. `only_here` is the longest unused room that is kept beside it and that
/// nobody else has, in words.
pub fn storage_full(app: &App, only_here: Option<&str>) -> Notice {
    let hint = match only_here {
        Some(room) => format!(
            "Nothing is deleted by itself that nobody else has. Unused for the longest time is {room}: forget it or \
             another room in the list of your rooms."
        ),
        None => String::from("Free some space."),
    };
    let text = format!(
        "This browser has no room left for {}. What comes from now on lives as long as someone has the page open. \
         {hint} {}",
        app.content, app.rescue
    );
    Notice::new(Tone::Warn, text.trim_end(), only_here.map(|_| Offer::Rooms)).passing()
}

/// So many rooms, the longest unused, were forgotten for this one; `most` are kept.
pub fn rooms_forgotten(rooms: usize, most: usize) -> Notice {
    let what = match rooms {
        1 => "1 room that you had not opened for long is no longer kept here".to_owned(),
        _ => format!("{rooms} rooms that you had not opened for long are no longer kept here"),
    };
    let text = format!(
        "{what}. Of the rooms that others have too, this browser keeps the {most} used last, or fewer where space is \
         short. The others still have them."
    );
    Notice::new(Tone::Calm, &text, None).passing()
}

/// The profile has a new key, though it had another before; `before` is that one's short name.
pub fn key_is_new(before: &str) -> Notice {
    let text = format!(
        "You are somebody new here. The key of this browser was cleared, and a new key is a new author: what you \
         painted before stays under the old one, {before}. If you saved your key, use it again."
    );
    Notice::new(Tone::Warn, &text, Some(Offer::Key)).passing()
}

/// The clocks of the others agree on another time; `ahead_ms` says how far theirs are ahead of one's own, and `appears` when the
/// others see what one writes, if that is later.
pub fn clock_is_wrong(ahead_ms: i64, appears: Option<&str>) -> Notice {
    let seconds = usize::try_from(ahead_ms.unsigned_abs() / 1000).unwrap_or(usize::MAX);
    let apart = if seconds < 120 { count(seconds, "second") } else { count(seconds / 60, "minute") };
    let how = if ahead_ms > 0 { "slow" } else { "fast" };
    let so = appears.map_or_else(
        || "What you write is stamped with the time of the others, so nothing is lost.".to_owned(),
        |at| format!("What you write follows what you wrote by this clock, so the others see it at {at}."),
    );
    let text = format!("Your clock is {apart} {how}. {so} {SET_CLOCK}");
    Notice::new(Tone::Warn, &text, None).passing()
}

/// The others see what one writes later, since the clock was ahead when one wrote before.
pub fn writes_appear_later(at: &str) -> Notice {
    let text = format!(
        "What you write appears to others at {at}. The clock of this device was ahead when you wrote here. {SET_CLOCK}"
    );
    Notice::new(Tone::Warn, &text, None).passing()
}

/// So many posts or changes of somebody wait, since the clock of their device is ahead.
pub fn waits(called: &str, writes: usize, are_posts: bool, at: &str) -> Notice {
    let what = count(writes, if are_posts { "post" } else { "change" });
    let appear = if writes == 1 { "appears" } else { "appear" };
    let text = format!("{what} of {called} {appear} at {at}. The clock of their device is ahead.");
    Notice::new(Tone::Calm, &text, None).passing()
}

const SET_CLOCK: &str = "Set the clock of this device right when you can.";

/// Strokes wait until the others have taken in those before them.
pub fn stroke_slowed() -> Notice {
    let text = "The others cannot keep up. Your strokes go on as fast as they take them in.";
    Notice::new(Tone::Warn, text, None)
}

/// The browser keeps no identity.
pub fn identity_not_kept() -> Notice {
    let text = "This browser does not let us keep who you are. \
                After the page is closed you come back as somebody new, unless you save your key.";
    Notice::new(Tone::Warn, text, Some(Offer::Key)).passing()
}

/// The page comes from a program of the network, over plain http.
pub fn on_this_network() -> Notice {
    let text = "On this network, no internet. Keep this page open: it loads again only while the program it came from \
                runs, and once it is closed you come back as somebody new. No notifications, and no camera: send \
                pictures from your gallery.";
    Notice::new(Tone::Calm, text, None).passing()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::APPS;
    use crate::people;

    const PLACE: &App = &APPS[0];

    fn row(state: LinkState, beside: &str) -> Row {
        let linked = people::tests::row(1, state, None);
        Row { called: "Lin".into(), letter: Some('L'), beside: beside.into(), stands_at: None, ..linked }
    }

    #[test]
    fn the_first_sentence_is_the_title() {
        let notice = waiting();
        assert_eq!(notice.title, "Nobody has this room open.");
        assert!(notice.body.starts_with("Check the code"));
        assert_eq!(refused("No.").body, "");
    }

    #[test]
    fn a_full_room_is_told_without_ids() {
        let full = RoomRefusal::Full("it has 2 members, the most this server allows".into());
        let notice = room_refused(&full);
        assert_eq!(notice.title, "The room is full.");
        assert_eq!(notice.body, "It has 2 members, the most this server allows. Ask someone to make room.");
    }

    #[test]
    fn a_clock_is_slow_when_others_are_ahead() {
        assert_eq!(clock_is_wrong(61_000, None).title, "Your clock is 61 seconds slow.");
        let fast = clock_is_wrong(-420_000, None);
        assert_eq!(fast.title, "Your clock is 7 minutes fast.");
        assert!(fast.body.contains("with the time of the others, so nothing is lost"));
        let late = clock_is_wrong(-420_000, Some("12:14"));
        assert!(late.body.contains("the others see it at 12:14") && !late.body.contains("lost"), "{late:?}");
        assert_eq!(writes_appear_later("12:14").title, "What you write appears to others at 12:14.");
    }

    #[test]
    fn waiting_writes_are_named() {
        assert_eq!(waits("Ann", 2, true, "12:07").title, "2 posts of Ann appear at 12:07.");
        assert_eq!(waits("Ann", 1, false, "12:07").title, "1 change of Ann appears at 12:07.");
    }

    #[test]
    fn an_empty_room_offers_to_share() {
        let notice = about_people(&[], 0).expect("something to say");
        assert_eq!((notice.title.as_str(), notice.offer), ("Nobody else is here yet.", Some(Offer::Share)));
        let left = about_people(&[row(LinkState::Gone, "closed the tab")], 0).expect("something to say");
        assert_eq!(left, notice, "who left is not in the room");
        assert_eq!(about_people(&[row(LinkState::Direct, "")], 0), None);
    }

    #[test]
    fn a_way_that_is_not_found_is_told() {
        let looking = about_people(&[row(LinkState::Connecting, "2 s")], 1).expect("something to say");
        assert!(looking.body.starts_with("1 person is in the room"), "{looking:?}");
        let failed = row(LinkState::Gone, "no way through to them was found");
        let none = about_people(&[failed.clone(), failed], 2).expect("something to say");
        assert_eq!(none.title, "You are not linked to anyone.");
        assert!(none.body.starts_with("2 people are in the room"), "{none:?}");
    }

    #[test]
    fn a_room_full_of_ghosts_tells_the_truth() {
        let body = |rows: &[Row]| about_people(rows, 1_500).expect("something to say").body;
        let ghost = row(LinkState::Gone, "no connection within 15 s");
        let told = body(&[ghost.clone(), ghost]);
        assert!(
            told.starts_with("1500 people are named here, and none of the 2 tried could be reached"),
            "{told}"
        );
        let looking = body(&[row(LinkState::Connecting, "2 s")]);
        assert!(looking.contains("1500 people are named here, and a way to 1 of them"), "{looking}");
        assert!(body(&[]).ends_with("none has answered yet."), "{}", body(&[]));
    }

    #[test]
    fn a_servers_reason_is_a_sentence() {
        assert_eq!(
            server_away(true, "it does not answer").body,
            "You stay connected; new people can't join by link until it's back. It does not answer."
        );
    }

    #[test]
    fn only_notices_of_past_events_can_be_dismissed() {
        assert!(refusal(Refusal::RoomProof, "Lin", "").is_passing);
        assert!(
            storage_refused("no", PLACE).is_passing
                && storage_full(PLACE, None).is_passing
                && key_is_new("abc").is_passing
        );
        assert!(!unlinked(PLACE).is_passing && !server_away(true, "").is_passing && !waiting().is_passing);
    }

    #[test]
    fn full_storage_names_the_room_that_may_go() {
        assert_eq!(storage_full(PLACE, None).offer, None);
        let notice = storage_full(PLACE, Some("Ferry friends, last opened on 3 Nov 2026"));
        assert!(notice.body.contains("Ferry friends, last opened on 3 Nov 2026"), "{}", notice.body);
        assert_eq!(notice.offer, Some(Offer::Rooms));
    }

    #[test]
    fn an_unlinked_member_is_told_how_to_meet() {
        let notice = unlinked(PLACE);
        assert_eq!(
            (notice.title.as_str(), notice.offer),
            ("You're offline in this room.", Some(Offer::Meet))
        );
        assert!(notice.body.contains("copy and paste"));
        assert_eq!(
            rooms_forgotten(1, 32).title,
            "1 room that you had not opened for long is no longer kept here."
        );
    }

    #[test]
    fn a_swapped_sealing_key_is_named_as_such() {
        let notice = refusal(Refusal::SealingKey, "Lin", "");
        assert_eq!(notice.tone, Tone::Bad);
        assert!(notice.body.contains("Lin did not sign"));
    }
}
