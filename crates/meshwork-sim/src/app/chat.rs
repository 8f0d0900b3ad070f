//! Posts of the conversation: people write, edit, remove, hide and react.
//!
//! They stand in the table by time of the conversation, so what stands where is told by
//! [`Tables`](super::tables::Tables). What is read of it is checked here:
//!
//! - **posts**: a post reads as it was written or edited last, and a removed or hidden one does not show.
//! - **pages**: posts that are read page by page are all posts in their order.

use meshwork_chat::{Conversation, Named, NewPost, Post, PostId};
use meshwork_core::id::PeerId;
use meshwork_core::node::RoomRef;
use meshwork_core::rng::Rng;
use meshwork_core::table::{Table, Writer};

use super::tables::{self, Kind};
use super::{App, Author, Occasion, Place, Writing};
use crate::check::{Past, Violation};

/// Posts from the newest on that somebody acts on.
const NEWEST: u64 = 6;
/// Posts of a page.
const PAGE: usize = 7;
/// The emoji that people give.
const EMOJI: [&str; 2] = ["👍", "🎉"];

/// An act on a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// One is written, which answers the newest.
    Post,
    /// One of one's own gets another text.
    Edit,
    /// One of one's own is removed.
    Remove,
    /// One gets this many reactions; none takes them back.
    React(u8),
    /// Moderators hide one; what others write there must come to nothing.
    Hide,
}

/// Somebody talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is done.
    pub act: Act,
    /// With which post, counted from the newest.
    pub back: u8,
    /// How often, a batch each.
    pub times: u8,
}

/// The app.
pub(super) struct Chat;

impl App for Chat {
    fn draw(&self, occasion: Occasion, rng: &mut Rng) -> super::Operation {
        let act = match rng.below(10) {
            0..4 => Act::Post,
            4..6 => Act::Edit,
            6 => Act::Remove,
            7..9 => Act::React(rng.below(3) as u8),
            _ => Act::Hide,
        };
        let one = Operation { act, back: rng.below(NEWEST) as u8, times: 1 };
        super::Operation::Chat(match occasion {
            Occasion::Usual | Occasion::Apart => one,
            Occasion::Many => Operation { act: Act::Edit, times: 65 + rng.below(30) as u8, ..one },
            // One edits what the other reacts to.
            Occasion::Contest { second } => {
                Operation { act: if second { Act::React(1) } else { Act::Edit }, back: 0, ..one }
            }
            Occasion::Probe => Operation { act: Act::Post, ..one },
        })
    }

    fn writing(&self, author: &Author<'_>, operation: &super::Operation, turn: u16) -> Option<Writing> {
        let super::Operation::Chat(Operation { act, back, times }) = *operation else { return None };
        if turn >= u16::from(times) {
            return None;
        }
        let (room, me) = (author.room(), author.node.endpoint());
        let posts = conversation(room)?;
        let text = |word: &str| format!("{word} {} {} {turn}", author.who, author.number);
        let newest = posts.newest(None, NEWEST as usize);
        let nth = |is_wanted: &dyn Fn(&Post) -> bool| {
            newest.iter().rev().filter(|post| is_wanted(post)).map(Post::key).cycle().nth(back.into())
        };
        let own = || nth(&|post| post.author == me.peer);
        let writes = match act {
            Act::Post => {
                let re = nth(&|_| true).map(Named::from);
                let new = NewPost { text: text(POSTED), re, ..NewPost::default() };
                posts.post(me, room.time(author.now)?, &new).ok()?.1
            }
            Act::Edit => posts.edit(me.peer, own()?.id, &text(EDITED)).ok()?,
            Act::Remove => posts.remove(me.peer, own()?.id).ok()?,
            Act::React(count) => posts.react(me.peer, nth(&|_| true)?.id, &EMOJI[..count.into()]).ok()?,
            Act::Hide => posts.hide(nth(&|_| true)?, true).ok()?,
        };
        (!writes.is_empty()).then(|| tables::writing(me.peer, Kind::ByTime, &writes))
    }

    fn check(&self, room: RoomRef<'_>, past: &[Past<'_>]) -> Result<(), Violation> {
        let Some(posts) = conversation(room) else { return Ok(()) };
        pages(posts)?;
        past.iter().try_for_each(|past| match past.written.operation {
            super::Operation::Chat(operation) => as_written(room, posts, past, operation.act),
            _ => Ok(()),
        })
    }
}

/// The first words of a post as it was written, and once it was edited.
const POSTED: &str = "posted";
const EDITED: &str = "edited";

fn conversation(room: RoomRef<'_>) -> Option<Conversation<'_>> {
    room.replica::<Table>(tables::number(Kind::ByTime)).map(Conversation::of)
}

/// **pages**: posts that are read page by page are all posts in their order.
fn pages(posts: Conversation<'_>) -> Result<(), Violation> {
    let all = posts.all();
    let mut read = posts.newest(None, PAGE);
    while let Some(first) = read.first() {
        let page = posts.newest(Some(first), PAGE);
        if page.is_empty() {
            break;
        }
        read = [page, read].concat();
    }
    let place = |post: &Post| (post.stamp, post.id, post.author);
    if read == all && all.is_sorted_by_key(place) {
        return Ok(());
    }
    Err(Violation::new("pages", format!("{} of {} posts are read in pages", read.len(), all.len())))
}

/// **posts**: what somebody wrote in a row is read so, if all of it stands.
fn as_written(
    room: RoomRef<'_>,
    posts: Conversation<'_>,
    past: &Past<'_>,
    act: Act,
) -> Result<(), Violation> {
    let stands = |entry: &super::Entry| {
        super::shown(room, &entry.place).as_ref() == Some(&entry.rank) && !super::is_retracted(room, entry)
    };
    let entries = &past.written.entries;
    if entries.is_empty() || !entries.iter().all(stands) {
        return Ok(());
    }
    let Some((id, author)) = entries.iter().find_map(|entry| post_of(&entry.place, past.written.peer)) else {
        return Ok(());
    };
    let (post, hidden) = (posts.get_by(id, author), Writer::Moderators.field(b"hidden"));
    let table = room.replica::<Table>(tables::number(Kind::ByTime));
    let row = [b"n\0".as_slice(), &id.0].concat();
    let is_hidden = table.is_some_and(|table| table.get(&row, &hidden).is_some());
    let begins = |word: &str| post.as_ref().is_some_and(|post| post.text.starts_with(word));
    let holds = match act {
        Act::Post => is_hidden || begins(POSTED) && post.as_ref().is_some_and(|post| !post.is_edited),
        Act::Edit => is_hidden || begins(EDITED) && post.as_ref().is_some_and(|post| post.is_edited),
        Act::Remove => post.is_none(),
        Act::Hide => posts.get(id).is_none(),
        Act::React(count) => posts.get(id).is_none_or(|post| {
            let given = post.reactions.iter().filter(|reaction| reaction.by.contains(&author));
            given.count() == usize::from(count)
        }),
    };
    let is_right = holds && post.as_ref().is_none_or(|post| (0..=600_000).contains(&after(post)));
    if is_right {
        return Ok(());
    }
    Err(Violation::new("posts", format!("{act:?} of {} reads {post:?}", author.short())))
}

/// Milliseconds from the time of its id to a post.
fn after(post: &Post) -> i64 {
    post.at.as_millis() as i64 - post.id.time_ms() as i64
}

/// The post whose field this is, or to which somebody reacts there.
fn post_of(place: &Place, peer: PeerId) -> Option<(PostId, PeerId)> {
    let Place::Field { row, .. } = place else { return None };
    Some((PostId(row.strip_prefix(b"n\0")?.try_into().ok()?), peer))
}
