//! Checkers: what must hold at every step, and what must hold in the end, each under a name of its own.
//!
//! | name | what must hold | when |
//! |---|---|---|
//! | `exactly-once` | no program is told of a batch twice | always |
//! | `bounded-memory` | what nodes hold stays within the stated limits | always |
//! | `write-wins` | what a person writes shows at once on their own screen | at each write |
//! | `only-written` | nothing shows in the name of somebody honest who did not write it so | always, and everything in the end |
//! | `told` | what a program is told adds up to what it shows | in the end |
//! | `acknowledged` | who acknowledged a write shows it, or what beats it | at each acknowledgement |
//! | `stored` | a write acknowledged as stored is on that disk, or what beats it is | at each crash, and in the end |
//! | `kept` | every write that a surviving replica had is there in the end, or beaten | in the end |
//! | `spared` | so is what no record took, in a room whose records took something; and who signs one loses nothing by it | in the end, and at each record |
//! | `silenced` | nothing that makes what shows was taken by a record, or written without a right | in the end |
//! | `refused` | who may not write is told why, nobody else is refused, and nobody writes more than a limit leaves | at each write |
//! | `rights` | who is banned, moderates or may write is whom records name, and who may writes, heard by all | in the end |
//! | `cuts` | a record that takes a right in a slot cuts it | in the end |
//! | `let-in` | a new secret lets in whom its record lists and who has the LINK of then, and nobody else | in the end |
//! | `allowed-writers` | a field of a table shows only what somebody wrote who may | in the end |
//! | `rows-in-time` | no row of a table by time is written before the time that it carries | in the end |
//! | `within-quota` | of what a peer wrote in a table no more holds than it may have | in the end |
//! | `counted` | a counter stands at what all sessions added to it | in the end |
//! | `latest` | the value of a key is what was written last under it | in the end |
//! | `history` | a key has the last 20 writes, and keeps as many of each author | in the end |
//! | `posts` | a post reads as it was written or edited last, and a removed or hidden one does not show | in the end |
//! | `pages` | posts that are read page by page are all posts in their order | in the end |
//! | `one-text` | a document shows the same to everybody | in the end |
//! | `letters` | each letter of a document that was kept and that nobody deleted stands once | in the end |
//! | `seeded` | so does each letter of a template, however many put it in | in the end |
//! | `opened` | what a program is told of a document needs nothing else, and adds up to what stands | always, and in the end |
//! | `clock-sanity` | no stamp further ahead than allowed was merged | always |
//! | `clock-sanity` | nor made by somebody alone whose server is honest | at each write of a scenario of its own |
//! | `no-honest-refusal` | honest programs refuse nothing of each other | always |
//! | `live-delivery` | in a calm room what is written is everywhere within a second, round pairs without a link | when a schedule probes |
//! | `direct-messages` | what is said to one endpoint is heard once and in order, or told as lost | always, and in the end |
//! | `visits` | a direct message ends once; what was taken was heard once, what was not sent never; at rest all are taken in 10 s | always, and in the end |
//! | `said` | what is said to everybody is heard once, in order, and its gaps are told | always |
//! | `causal` | on a topic in causal order nothing is heard before what its author had heard, or only after two seconds | always |
//! | `newest` | of a stream of datagrams nothing older is heard after what is newer | always |
//! | `present` | what somebody says of itself is what the others are shown | in the end |
//! | `registered` | a room is registered within 30 s when nothing is wrong | at the start |
//! | `whole-mesh` | every honest member is attached to every other | in the end |
//! | `links-mutual` | who is attached to somebody is a member to whom that one is attached | in the end |
//! | `equal-replicas` | the records of honest members, what follows from them, and replicas are equal, entry by entry | in the end |
//! | `in-step` | members know that they are equal | in the end |
//! | `writes-acknowledged` | every write of somebody who is still there was acknowledged | in the end |
//! | `connected` | over links of the overlay everybody reaches everybody | when a room has settled |
//! | `loop-free` | in a tree nobody is its own ancestor, among those that follow one root | always |
//! | `one-root` | in a tree everybody follows one root, which alone has no parent | when a room has settled |
//! | `degree` | everybody has as many neighbours as its overlay promises | when a room has settled |
//! | `neighbours-mutual` | who is somebody's neighbour has that one as a neighbour | when a room has settled; for more than four seconds, always |
//! | `coverage` | what was painted shows everywhere | a moment after it was painted |
//! | `payload-copies` | a batch comes to each member so many times at most | once trees are shaped |
//! | `oldest-kept` | nobody gives up its oldest neighbours | always |
//! | `found-out` | who contradicts itself is proved to do so, to everybody | once the two halves have met |
//! | `resumed-in-time` | data flows within three seconds of a cut's end, in the same session | after a cut of seconds |
//! | `no-leak` | nodes at rest hold what their links need, and nothing else | in the end |

mod acknowledged;
mod bounded;
mod causal;
mod clocks;
pub mod direct;
mod documents;
mod equal;
mod exactly_once;
mod found_out;
mod governed;
mod honest;
mod lanes;
mod law;
mod mesh;
mod mutual;
pub mod overlay;
mod refused;
mod seeds;
mod told;
mod visits;
mod written;

use std::fmt;

use meshwork_core::seam::event::RoomHandle;

pub use self::acknowledged::{Acknowledgements, Past, Written};
pub use self::bounded::{bounded_memory, no_leak};
pub use self::causal::Causal;
pub use self::clocks::{Clocks, stamped_in_time};
pub use self::documents::{OpenDocuments, letters, one_text, silenced_letters};
pub use self::equal::{equal_replicas, same_entries, same_rules};
pub use self::exactly_once::ExactlyOnce;
pub use self::found_out::found_out;
pub use self::governed::{cuts, let_in, rights, silenced};
pub use self::honest::Honest;
pub use self::lanes::Lanes;
pub use self::law::Law;
pub use self::mesh::{in_step, links_mutual, whole_mesh};
pub use self::mutual::{ONE_SIDED_MAX, OneSided};
pub use self::refused::{Expected, Refused};
pub use self::seeds::Seeds;
pub use self::told::Told;
pub use self::visits::Visits;
pub use self::written::OnlyWritten;
use crate::connection::NodeIndex;

/// A program and its number for the room.
pub type Member = (NodeIndex, RoomHandle);

/// Something that must hold does not. `checker` names what noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker.
    pub checker: &'static str,
    /// What it saw.
    pub detail: String,
}

impl Violation {
    /// What `checker` saw.
    pub fn new(checker: &'static str, detail: String) -> Violation {
        Violation { checker, detail }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.detail)
    }
}
