//! The list of people, and one of them.
#![expect(missing_docs, reason = "a text says itself what it says")]

use std::fmt::Display;

use meshwork_core::node::LinkState;
use meshwork_core::seam::path::{LinkPath, PathEnd};

use super::{NOT_MEASURED, round_trip};
use crate::people::Row;
use crate::people::beads;

pub const PEOPLE: &str = "People";
pub const PEOPLE_AND_LINK: &str = "People and link";
pub const ABOUT: &str = "About ";
pub const HERE: &str = " here";
pub const LINKED: &str = " linked to you";
pub const YOU_BESIDE: &str = "(you)";
pub const LEGEND: &str = "Legend";
/// Of whom one only knows, in Sync.
pub const DISCOVERED: &str = "discovered";
pub const ANOTHER_TAB: &str = "You, another tab";
pub const ROUND_TRIP_UNKNOWN: &str = "Round-trip time is not known yet";
pub const SAVED: &str = "Saved in this browser";
pub const MUTED: &str = ", muted";
pub const MUTE: &str = "Mute";
pub const UNMUTE: &str = "Unmute";
pub const LINK_AGAIN: &str = "Link again";
pub const UNLINK: &str = "Unlink";
pub const LINK: &str = "Link";
pub const PATH: &str = "Path";
pub const JITTER: &str = "Jitter";
pub const LOSS: &str = "Loss";
pub const LOSS_OF: &str = "Of the pings of the last minute";
pub const RECEIVED: &str = "Received";
pub const SENT: &str = "Sent";
pub const LAST_HEARD: &str = "Last heard";
pub const KEY: &str = "Key";
pub const KEY_OF_PERSON: &str = "Key of this person";
pub const DIRECT: &str = "Direct";
pub const RELAYED: &str = "Relayed";
pub const STALE: &str = "Stale";
pub const GONE: &str = "Gone";
pub const NOT_NOW: &str = "not now";
pub const ROUND_TRIP: &str = "Round trip, last minute";

/// A person's link, of this state, where both have the same.
pub fn synced(state: impl Display) -> String {
    format!("synced, {state}")
}

/// A link is being made; `beside` says for how long.
pub fn connecting(beside: &str) -> String {
    format!("Connecting, {beside}")
}

/// For how long a link has been as it is.
pub fn state_for(state: &str, time: &str) -> String {
    format!("{state} for {time}")
}

/// Since when, where that is no length of time.
pub fn state_since(state: &str, since: &str) -> String {
    format!("{state} since {since}")
}

/// For how long a link is being made.
pub fn seconds(seconds: u64) -> String {
    format!("{seconds} s")
}

/// For how long nothing was heard.
pub fn silent(seconds: u64) -> String {
    format!("silent {seconds} s")
}

/// Why somebody is gone, without what browsers say of themselves to programmers, and nothing where they just left.
pub fn gone(reason: String) -> String {
    match reason.split_once(": ") {
        None if reason == "left" => String::new(),
        Some((words @ "the browser cannot connect", _)) => words.to_owned(),
        None if reason.starts_with("it does not accept our proof") => "your link is an old one".to_owned(),
        _ => reason,
    }
}

/// A person's row in one sentence, for those who hear it.
pub fn sentence(row: &Row) -> String {
    let mut sentence = format!("{}, {}", row.called, row.state);
    if let Some(rtt) = row.rtt {
        let (number, unit) = round_trip(rtt);
        let unit = if unit == "ms" { "milliseconds" } else { "seconds" };
        sentence.push_str(&format!(", {number} {unit}"));
    } else if !row.beside.is_empty() {
        sentence.push_str(&format!(", {}", row.beside));
    }
    sentence
}

/// The state of a person's link in rooms that show who has the same: `synced` before the kind of the link, `discovered` for a person
/// without a link, `connecting` for a link whose other end has not attached.
pub fn agreement(row: &Row) -> String {
    match row.state {
        LinkState::Connecting => DISCOVERED.to_owned(),
        LinkState::Direct | LinkState::Relayed if !row.attached => LinkState::Connecting.to_string(),
        LinkState::Direct | LinkState::Relayed if row.is_in_step => synced(row.state),
        state => state.to_string(),
    }
}

/// How packets travel, and of which kinds the addresses at the two ends are (RFC 8445 section 5.1.1).
pub fn way(row: &Row) -> String {
    let Some(LinkPath { local: Some(local), remote: Some(remote), relay, .. }) = row.path else {
        return "not known".to_owned();
    };
    let way = match (local, remote) {
        (PathEnd::Relayed, _) | (_, PathEnd::Relayed) => "Through a relay",
        (PathEnd::Host, PathEnd::Host) => "Same network",
        _ => "Through a router",
    };
    let over = relay.map(|relay| format!(" over {relay}")).unwrap_or_default();
    format!("{way}{over}, {local} to {remote}")
}

/// How much round trips differ.
pub fn jitter(row: &Row) -> String {
    let jitter = row.jitter.map(round_trip);
    jitter.map_or_else(|| NOT_MEASURED.to_owned(), |(number, unit)| format!("{number}\u{2009}{unit}"))
}

/// How much of what is sent once and never again was lost.
pub fn loss(row: &Row) -> String {
    let (lost, count) = (row.pings.lost(), row.pings.count());
    match count {
        0 => NOT_MEASURED.to_owned(),
        _ => format!("{}\u{2009}%, {lost} of {count}", (lost * 100).div_ceil(count)),
    }
}

/// The round trips of the last minute, each with its unit.
pub fn round_trips(median: &str, lowest: &str, highest: &str) -> String {
    format!("Round-trip time in the last minute: median {median}, lowest {lowest}, highest {highest}")
}

/// So many more are in the room; `is_linked` says whether they are reached through those who are listed.
pub fn beyond(more: usize, is_estimate: bool, is_linked: bool) -> String {
    let about = if is_estimate { "about " } else { "" };
    let through = if is_linked { " through them" } else { "" };
    format!("and {about}{more} more{through}")
}

/// What a person is called who has not said a name: by the colour and the shape of their bead, as those are numbered.
pub fn bead(colour: u8, shape: usize) -> String {
    const COLOURS: [&str; beads::COLOURS as usize] =
        ["Teal", "Blue", "Violet", "Plum", "Rose", "Brick", "Olive", "Green", "Slate", "Brown"];
    const SHAPES: [&str; beads::SHAPES.len()] =
        ["circle", "cube", "diamond", "hexagon", "clover", "scallop", "drop", "triangle"];
    format!("{} {}", COLOURS[usize::from(colour)], SHAPES[shape])
}

#[cfg(test)]
mod tests {
    use meshwork_core::node::{LinkState, PeerView};
    use meshwork_core::seam::path::{RelayTransport, RelayedBecause};
    use meshwork_core::time::Time;

    use super::*;
    use crate::people::tests::{row, view};

    #[test]
    fn synced_links_say_so() {
        let of = |state, is_in_step| Row { is_in_step, ..row(1, state, None) };
        assert_eq!(agreement(&of(LinkState::Direct, true)), "synced, direct");
        assert_eq!(agreement(&of(LinkState::Relayed, false)), "relayed");
        assert_eq!(agreement(&of(LinkState::Connecting, false)), "discovered");
        let entering = Row { attached: false, ..of(LinkState::Direct, false) };
        assert_eq!(agreement(&entering), "connecting", "they may not be allowed in");
        assert_eq!(agreement(&of(LinkState::Stale, true)), "stale");
        assert_eq!(agreement(&of(LinkState::Gone, true)), "gone", "who is gone may have written since");
    }

    #[test]
    fn each_state_has_its_words() {
        assert_eq!(sentence(&row(1, LinkState::Direct, Some(23))), "P1, direct, 23 milliseconds");
        assert_eq!(sentence(&row(1, LinkState::Connecting, Some(23))), "P1, connecting, 9 s");
        assert_eq!(sentence(&row(1, LinkState::Stale, Some(23))), "P1, stale, silent 8 s");
        assert_eq!(sentence(&row(1, LinkState::Gone, None)), "P1, gone, closed the tab");
        let because = Some(RelayedBecause::NoDirectPath);
        let relayed = PeerView { relayed_because: because, ..view(1, LinkState::Relayed, None) };
        let relayed = Row::new(relayed, Time(10_000_000));
        assert_eq!(sentence(&relayed), "P1, relayed, no direct path found");
    }

    #[test]
    fn a_link_row_says_only_what_is_measured() {
        let mut measured = view(1, LinkState::Direct, Some(120));
        (0..40).for_each(|ping| measured.pings.note(ping != 7));
        let measured = Row::new(measured, Time(10_000_000));
        assert_eq!(jitter(&measured), "12\u{2009}ms");
        assert_eq!(loss(&measured), "3\u{2009}%, 1 of 40");
        let mut ways = view(3, LinkState::Direct, None);
        let mut way = |local, remote, relay| {
            ways.path = Some(LinkPath { local, remote, relay, address: None });
            super::way(&Row::new(ways.clone(), Time(10_000_000)))
        };
        let (host, seen, relayed) =
            (Some(PathEnd::Host), Some(PathEnd::ServerReflexive), Some(PathEnd::Relayed));
        assert_eq!(way(host, host, None), "Same network, host to host");
        assert_eq!(way(seen, host, None), "Through a router, srflx to host");
        assert_eq!(way(host, relayed, None), "Through a relay, host to relay");
        let over = Some(RelayTransport::Tcp);
        assert_eq!(way(relayed, seen, over), "Through a relay over TCP, relay to srflx");
        assert_eq!(way(host, None, None), "not known", "as in browsers that tell nothing");
        let fresh = row(2, LinkState::Connecting, Some(120));
        assert_eq!([jitter(&fresh), loss(&fresh)], ["not measured", "not measured"]);
    }

    #[test]
    fn browsers_words_for_programmers_are_left_out() {
        let mut view = view(1, LinkState::Gone, None);
        view.reason = Some("the browser cannot connect: RTCPeerConnection is not defined".into());
        assert_eq!(sentence(&Row::new(view.clone(), Time(0))), "P1, gone, the browser cannot connect");
        view.reason = Some("left".into());
        assert_eq!(sentence(&Row::new(view, Time(0))), "P1, gone");
    }
}
