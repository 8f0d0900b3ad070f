//! Chat: people talk in a room's conversation.
//!
//! # How it works
//! Posts are rows of the table by time of the conversation's slot, which every room has and every keeper stores. The id
//! of a row carries the time at which it was written, so posts of the same hours lie together and are read without an
//! index. [`Conversation`] reads such a table and makes the writes that change it; [`Chat`] applies them to a node.
//! [`markdown`] turns a post's text into a tree. docs/protocol/conversation.md has the bytes.
//!
//! # Invariants
//! - The posts that are read depend on the table alone, never on the order in which its batches came.
//! - A post stands between the time of its id and ten minutes later, so a stretch of time is read from row ids alone.
//! - Nobody edits or removes a post of somebody else; moderators hide posts. A row belongs to the author whom its id names.
//! - What is read of a row does not grow with what strangers wrote there.
//! - Texts, names and reactions that are read can be shown: [`shown`](meshwork_core::text::shown) has left out all characters that act
//!   on a terminal or change the direction of writing.
//!
//! # Limits
//! [`TEXT_MAX`], [`FILES_MAX`], [`REACTIONS_MAX`] for one post. A table keeps each author's latest
//! [`Quota`](meshwork_core::table::Quota), so that an author's oldest posts go first.
//!
//! ```
//! use meshwork_chat::{Chat as _, NewPost};
//! use meshwork_core::id::Identity;
//! use meshwork_core::node::{Config, Node};
//! use meshwork_core::time::{Time, WallTime};
//!
//! let (now, wall) = (Time(0), WallTime::from_millis(1_790_000_000_000));
//! let mut node = Node::new(|_, _| None, Config::default(), Identity::from_secret([1; 32]), [7; 32], now, wall);
//! let room = node.create_room(now, meshwork_chat::room_spec("https://example.org", true))?;
//! let (ferry, _) = node.write_post(now, room, &NewPost::from("Ferry leaves at 9:40."))?;
//! node.react(now, room, ferry, &["👍"])?;
//! let newest = node.conversation(room).expect("the room is open").newest(None, 50);
//! assert_eq!(newest[0].text, "Ferry leaves at 9:40.");
//! assert_eq!(newest[0].reactions[0].emoji, "👍");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acting;
mod app;
mod change;
mod direct;
pub mod markdown;
pub mod own;
pub mod picture;
mod post;
pub mod profile;
mod reading;
mod row;
#[cfg(test)]
mod tests;
mod text;
mod writing;

pub use acting::Chat;
pub use app::{VERSION, WORD, app, parameters, replica, room_spec};
pub use change::{Change, Touched};
pub use direct::{Direct, Keys};
pub use post::{
    AFTER_MAX, Brief, FILE_KIND_MAX, FILE_NAME_MAX, FILES_MAX, File, HIDDEN_MAX, Named, NewPost, NoPostId,
    Post, PostError, PostId, PostKey, REACTIONS_BYTES_MAX, REACTIONS_MAX, Reaction, TEXT_MAX,
};
pub use reading::{Conversation, KINDS_MAX, OTHERS_MAX};
