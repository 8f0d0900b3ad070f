//! Rooms in which programs and browsers meet, talk directly and share state, without a server in the middle.
//!
//! # The first ten lines
//! ```no_run
//! use meshwork::{Endpoint, place};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::builder().server("http://127.0.0.1:8080").bind().await?;
//! let room = endpoint.create(place::canvas(100, 100)).await?;
//! println!("paint with me: {}", room.link());
//! room.canvas().fill(10..20, 10..20, [200, 30, 30]).await?;
//! room.somebody_stays().await?; // open the link: pages and keepers stay
//! room.kept().await?; // and they have it now
//! endpoint.close().await; // says goodbye
//! # Ok(())
//! # }
//! ```
//!
//! # Six nouns
//! - An [`Endpoint`] is this program among peers: its identity, its store, its servers and its links.
//! - A [`Room`] is people who met. It is left when its last clone is dropped.
//! - A [`Member`] is somebody else in the room.
//! - A [`Topic`] is one kind of message: to all, to one, or lossy and newest first.
//! - A [`Table`] is keys and values that the room keeps, each with its author. A [`Log`] is rows in the order of time.
//! - An app's object is what an app is made of: [`Canvas`], [`Chat`], [`Counter`] and [`Values`].
//!
//! An app of one's own is made of topics, tables, [blobs](Blobs) and [presence](Presence): a room opens with it by [`room`].
//! A protocol with a state of its own is a [`Session`](session::Session), which [`Room::run`] drives. An app whose members check the
//! values of entries [registers](Builder::app) a replica: a table and one function.
//!
//! # Waiting, and not waiting
//! What is async waits for the node, the network or a disk; back-pressure is a longer wait. A future that is dropped
//! stops waiting: what it had asked for then happens or does not, and each function says which. Nothing that others
//! said is dropped without the reader being told how much.
//!
//! # Where it runs
//! Natively on a tokio runtime. In a browser the same names run in the page; there futures stay on the page's thread.
//! With the feature `testing`, `testing::Network` runs endpoints on a network in virtual time.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]
// In a browser there is one thread.
#![cfg_attr(target_arch = "wasm32", allow(clippy::arc_with_non_send_sync))]

mod app;
mod blobs;
#[cfg(feature = "chat")]
pub mod chat;
#[cfg(feature = "compute")]
pub mod compute;
mod dispatch;
mod endpoint;
mod error;
mod event;
mod fields;
mod hold;
mod identity;
mod inbox;
mod invitation;
#[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
mod lan;
mod log;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod look;
mod makers;
mod member;
mod neighbourhood;
mod new_room;
#[cfg(feature = "place")]
pub mod place;
#[cfg(feature = "play")]
pub mod play;
mod presence;
#[cfg(not(target_arch = "wasm32"))]
mod private;
mod reach;
mod receipt;
mod replica;
mod room;
mod rules;
mod runner;
mod sealed;
mod server_answers;
pub mod session;
mod shared;
mod store;
#[cfg(feature = "sync")]
pub mod sync;
mod synchronised;
mod table;
mod terms;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;
mod topic;
mod unheard;
mod waiting;

#[doc(inline)]
pub use meshwork_core::id::{Code, Endpoint as EndpointId, PeerId, RoomId, SharedSecret};
pub use meshwork_core::node::{Holders, LinkState, Refusal, RoomRefusal, ServerState};
pub use meshwork_core::room::MakeReplica;
pub use meshwork_core::seam::ice_server::ICE_SERVERS_MAX;
pub use meshwork_core::seam::lane::{
    DATAGRAM_PAYLOAD_MAX as DATAGRAM_MAX, DATAGRAM_TO_ALL_MAX, DIRECT_MAX, PRESENCE_MAX, SAY_MAX, TOPIC_MAX,
};
pub use meshwork_core::seam::path::Path;
pub use meshwork_core::signalling::address::RoomAddress as Link;
pub use meshwork_core::signed::verify::APP_LABEL_MAX as SIGN_LABEL_MAX;
pub use meshwork_core::table::VALUE_MAX;
#[cfg(not(target_arch = "wasm32"))]
pub use meshwork_rtc::native::history::BYTES_LEAST as HISTORY_LEAST;

pub use self::app::{App, AppIsOff, AppOn};
pub use self::blobs::{
    BLOB_MAX, BLOB_PART, Blob, BlobError, BlobId, Blobs, FETCH_MAX, FETCHES_MAX, Fetch, FetchError,
    HOLDER_WAIT, MEMORY_MAX, NoBlobId, Progress,
};
#[cfg(feature = "chat")]
pub use self::chat::Chat;
pub use self::endpoint::{BindError, Builder, CreateError, Endpoint, JOIN_MAX, JoinError};
pub use self::error::{
    AgreeError, Closed, DatagramError, DirectError, KeptError, PinError, PresenceError, RuleError, SayError,
    SignError, WriteError,
};
pub use self::event::{EVENTS_MAX, EndpointEvent, EndpointEvents, Event, Events};
pub use self::fields::Fields;
pub use self::identity::{Identity, IdentityError};
pub use self::invitation::{INVITATION_MAX, InviteError};
#[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
pub use self::lan::{Guests, Interface, Lan, Nearby, NearbyEvent, NearbyEvents, Neighbour, Way, lsnp};
pub use self::log::{LOG_NAME_MAX, Log, LogId, LogRow, NoLogId};
pub use self::member::Member;
pub use self::neighbourhood::Neighbourhood;
pub use self::new_room::{NewRoom, room};
#[cfg(feature = "place")]
pub use self::place::canvas::{
    Canvas, CanvasChanges, CanvasImage, Cell, Colour, Cursor, Erase, Region, Stroke,
};
#[cfg(all(feature = "place", not(target_arch = "wasm32")))]
pub use self::place::history::{History, StoredPast};
#[cfg(feature = "place")]
pub use self::place::past::{Past, PastCell, PastLog, PastStroke};
#[cfg(feature = "place")]
pub use self::place::steps::Repainted;
#[cfg(feature = "play")]
pub use self::play::Game;
pub use self::presence::Presence;
pub use self::reach::Reach;
pub use self::receipt::Receipt;
pub use self::replica::{ReplicaChange, ReplicaChanges};
pub use self::room::{KEPT_MAX, Room};
pub use self::rules::{Allowance, Rules};
pub use self::sealed::{SEALED_MAX, UnsealError};
pub use self::store::{KeptRoom, Store, StoreError};
#[cfg(feature = "sync")]
pub use self::sync::causal::{Causal, Speaker};
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub use self::sync::compare::{Piece, PieceKind};
#[cfg(feature = "sync")]
pub use self::sync::counter::{Counter, CounterChange, CounterChanges};
#[cfg(feature = "sync")]
pub use self::sync::document::{Document, DocumentChange, DocumentChanges};
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub use self::sync::draft::Draft;
#[cfg(feature = "sync")]
pub use self::sync::image::ImageError;
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub use self::sync::text::Text;
pub use self::table::{Change, Changes, Entry, KEY_MAX, Row, Table};
pub use self::terms::{Overlay, Terms, Writers};
pub use self::topic::{Bytes, Codec, Heard, Inbox, Json, Lane, MESSAGES_MAX, Topic};
pub use self::waiting::Waiting;

#[cfg(feature = "sync")]
pub use self::sync::values::{ValueChanges, Values};
#[cfg(feature = "sync")]
pub use self::sync::version::{Version, VersionError};
#[cfg(feature = "sync")]
pub use self::sync::whiteboard::{ShapeChanges, Whiteboard};

/// Servers that one room is looked for on.
pub const SERVERS_MAX: usize = 1 + meshwork_core::signalling::address::FURTHER_SERVERS_MAX;

/// Whether a signature of [`Endpoint::sign`] is `peer`'s over these bytes under this label.
pub fn verify(peer: PeerId, label: &str, bytes: &[u8], signature: &[u8; 64]) -> bool {
    meshwork_core::signed::verify::holds_for_app(&peer, label, bytes, signature)
}
