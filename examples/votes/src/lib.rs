//! Shows how an app of one's own keeps its state in a table of a room, where members that do not know the app keep and
//! serve it. Run with `cargo test -p example-votes`, which lets people vote on a virtual network.
//!
//! Everybody has one vote, in a field that only its peer may write. Changing one's mind replaces it.

use std::collections::BTreeMap;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, RoomSpec, WriteError};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::app::{AppParameters, GENESIS_SLOT};
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Table, Write, Writer, payloads};
use meshwork_core::time::Time;

/// Longest name of a choice, in bytes.
pub const CHOICE_MAX: usize = 64;
/// The row that the votes lie in, each in a field of its peer.
const BALLOTS: &[u8] = b"ballots";

/// A room to vote in, which is open to whoever has its link.
pub fn room_spec(server: &str) -> RoomSpec {
    let app = "votes".parse().expect("it is the word of an app");
    RoomSpec { server: server.to_owned(), app, parameters: AppParameters::default(), private: false }
}

/// Gives one's vote to a choice, and takes it from another.
///
/// # Errors
/// [`WriteError::Content`] for a name that is empty or longer than [`CHOICE_MAX`], or what the room says; the vote
/// stays where it was.
pub fn vote(node: &mut Node, now: Time, room: RoomHandle, choice: &str) -> Result<(), CommandError> {
    if !is_choice(choice) {
        let words = format!("a choice has 1 to {CHOICE_MAX} bytes");
        return Err(CommandError::Write(WriteError::Content(words)));
    }
    let ballots = ballots(node.endpoint().peer, choice);
    node.room_mut(now, room).write(replica(), ballots).map(|_| ())
}

/// What somebody writes who votes for a choice that has a name.
pub fn ballots(peer: PeerId, choice: &str) -> Vec<Vec<u8>> {
    let field = Writer::Peer(peer).field(b"vote");
    payloads(&[Write::value(BALLOTS, field, choice)]).expect("row, field and value are short")
}

/// How many votes each choice has.
pub fn tally(node: &Node, room: RoomHandle) -> BTreeMap<&str, usize> {
    let mut tally = BTreeMap::new();
    let table: Option<&Table> = node.room(room).replica(replica());
    for entry in table.into_iter().flat_map(|table| table.entries(BALLOTS)) {
        let is_ballot =
            entry.row() == BALLOTS && matches!(Writer::of(entry.field()), Some((Writer::Peer(_), b"vote")));
        // An app skips what it cannot read; the room keeps it all the same.
        if let Some(choice) = entry.value().filter(|_| is_ballot).and_then(|value| str::from_utf8(value).ok())
            && is_choice(choice)
        {
            *tally.entry(choice).or_insert(0) += 1;
        }
    }
    tally
}

fn is_choice(name: &str) -> bool {
    (1..=CHOICE_MAX).contains(&name.len())
}

/// The table that the votes lie in.
pub fn replica() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).expect("the first app has a slot")
}
