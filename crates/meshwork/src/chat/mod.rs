//! Chat: people talk in the conversation that every room has.

mod direct;
mod profiles;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

pub use meshwork_chat::{
    Brief, Change, FILES_MAX, File, Named, NewPost, NoPostId, Post, PostId, PostKey, REACTIONS_MAX, Reaction,
    TEXT_MAX, markdown, picture, profile,
};
use meshwork_chat::{Chat as _, Conversation, Touched};
use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, Receipt as Written, RoomHandle};
use meshwork_core::time::Time;

pub use self::direct::{AllDirectChanges, Correspondent, DirectChanges, DirectChat};
use crate::blobs::{Blob, Blobs};
use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::new_room::NewRoom;
use crate::receipt::Receipt;
use crate::room::Room;
use crate::runner::MaybeSend;
use crate::shared::{Changed, Watched};
use crate::waiting::{Waiting, by_author};

/// The name of the app.
pub const APP: &str = meshwork_chat::WORD;

/// Rows that a search looks through in one call of the node.
const SEARCH_ROWS: usize = 1000;

/// A room for talking. Every room has a conversation; this one has nothing else.
pub fn room() -> NewRoom {
    crate::new_room::room(APP).parameters(&meshwork_chat::parameters())
}

/// The conversation of a room: its posts, kept with the room, whichever app it opened with.
///
/// ```
/// # use meshwork::testing::Network;
/// # use meshwork::chat;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let room = Network::new(7).endpoint("Ann").create(chat::room()).await?;
/// let chat = room.chat();
/// let (ferry, _) = chat.post("Ferry leaves at 9:40.").await?;
/// chat.write("From which *pier*?").reply(ferry).send().await?;
/// chat.react(ferry, &["👍"]).await?;
/// for post in chat.newest(None, 50).await? {
///     println!("{}: {}", post.author.short(), post.text);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Chat(Room, Arc<BTreeSet<PeerId>>);

/// A post that is being put together: see [`Chat::write`].
#[derive(Clone, Debug)]
#[must_use = "a post is written once it is sent"]
pub struct Writing {
    chat: Chat,
    new: NewPost,
}

/// A search through a conversation, from the newest post backwards: see [`Chat::search`].
pub struct Search {
    chat: Chat,
    words: String,
    from: Option<PostId>,
    /// What was found and not yet returned, the newest first.
    found: VecDeque<Post>,
    is_over: bool,
}

/// The changes of a conversation from the moment on at which they were asked for.
#[derive(Debug)]
pub struct ChatChanges {
    chat: Chat,
    inbox: Inbox<Changed>,
    /// What was heard and not yet read.
    touched: Vec<Touched>,
    waiting: VecDeque<Change>,
    missed: u64,
}

impl Room {
    /// The posts of people in the room's [conversation](Room::conversation). Every room has one.
    pub fn chat(&self) -> Chat {
        Chat(self.clone(), Arc::default())
    }
}

impl Chat {
    /// Writes a post of 1 to [`TEXT_MAX`] bytes, which may be [Markdown](markdown). Returns its id, and a receipt that tells
    /// who stores it. It may be written while nobody is linked, and travels later. Dropping the future leaves it written, or not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn post(&self, text: &str) -> Result<(PostId, Receipt), WriteError> {
        self.write(text).send().await
    }

    /// Begins a post, to answer another one or to have files.
    pub fn write(&self, text: &str) -> Writing {
        Writing { chat: self.clone(), new: NewPost::from(text) }
    }

    /// The newest posts, at most `most`, the earliest first; with `before` only posts before that one. Posts stand in the order
    /// of the time at which they were first written, and each behind those that its author had seen.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn newest(&self, before: Option<&Post>, most: usize) -> Result<Vec<Post>, Closed> {
        let before = before.cloned();
        self.read(move |posts| posts.newest(before.as_ref(), most)).await
    }

    /// The posts after this one, at most `most` of the earliest.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn after(&self, post: &Post, most: usize) -> Result<Vec<Post>, Closed> {
        let post = post.clone();
        self.read(move |posts| posts.after(&post, most)).await
    }

    /// Posts around a time in milliseconds since 1970, at most `most`: up to half of them earlier, the rest from that time on.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn around(&self, at_ms: u64, most: usize) -> Result<Vec<Post>, Closed> {
        self.read(move |posts| posts.around(at_ms, most)).await
    }

    /// Changes by others that wait here for their time, by author: posts, edits and reactions. See [`Room::waiting`].
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn waiting(&self) -> Result<Vec<Waiting>, Closed> {
        let of_posts = |replica| replica == meshwork_chat::replica();
        self.0.call(move |node, _, room| by_author(node, room, of_posts)).await
    }

    /// When others see a post of this program: see [`Room::appears_at`].
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn appears_at(&self, post: &Post) -> Result<Option<u64>, Closed> {
        self.0.appears_at(post.at.as_millis()).await
    }

    /// The same conversation without the posts of these people. They are left out while posts are read, so `newest(None, 50)`
    /// returns 50 posts of others, whatever the muted people wrote. Direct posts are not muted.
    #[must_use]
    pub fn without(&self, muted: impl IntoIterator<Item = PeerId>) -> Chat {
        Chat(self.0.clone(), Arc::new(muted.into_iter().collect()))
    }

    /// The authors and times of the newest posts, at most `most`, the earliest first: to count posts. No text is read.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn briefs(&self, most: usize) -> Result<Vec<Brief>, Closed> {
        self.read(move |posts| posts.briefs(most)).await
    }

    /// All posts, the earliest first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn all(&self) -> Result<Vec<Post>, Closed> {
        self.read(|posts| posts.all()).await
    }

    /// A post; `None` if none shows. An id alone suffices for all posts of this version. Several people may have posts of one id
    /// from version 0.2; the author must be named then.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, post: impl Into<Named>) -> Result<Option<Post>, Closed> {
        let post = post.into();
        self.read(move |posts| posts.get(post)).await
    }

    /// Searches posts that have all of these words, the newest first. A word is any part of a text, in upper or lower case.
    pub fn search(&self, words: &str) -> Search {
        let (chat, words) = (self.clone(), words.to_owned());
        Search { chat, words, from: None, found: VecDeque::new(), is_over: false }
    }

    /// Gives a post of this program's peer another text.
    ///
    /// # Errors
    /// [`WriteError`]; it stays as it was.
    pub async fn edit(&self, id: impl Into<PostId>, text: &str) -> Result<Receipt, WriteError> {
        let (id, text) = (id.into(), text.to_owned());
        self.change(move |node, now, room| node.edit_post(now, room, id, &text)).await
    }

    /// Removes a post of this program's peer. Members may have copied it before.
    ///
    /// # Errors
    /// [`WriteError`]; it stays.
    pub async fn remove(&self, id: impl Into<PostId>) -> Result<Receipt, WriteError> {
        let id = id.into();
        self.change(move |node, now, room| node.remove_post(now, room, id)).await
    }

    /// Writes a [removed](Chat::remove) post of this program's peer again, as it was read before its removal: with the same id and
    /// place, its text, its files, the post that it answers and this peer's reactions. Answers and reactions of others show
    /// again. The post counts as edited. Nothing is written if it shows.
    ///
    /// # Errors
    /// [`WriteError`]; it stays removed.
    pub async fn restore(&self, post: &Post) -> Result<Receipt, WriteError> {
        let post = post.clone();
        self.change(move |node, now, room| node.restore_post(now, room, &post)).await
    }

    /// Gives a post these emoji in place of this peer's earlier ones, at most [`REACTIONS_MAX`]; none takes them back.
    ///
    /// # Errors
    /// [`WriteError`]; the earlier ones stay.
    pub async fn react(&self, id: impl Into<PostId>, emoji: &[&str]) -> Result<Receipt, WriteError> {
        let (id, emoji): (_, Vec<String>) = (id.into(), emoji.iter().map(|one| (*one).to_owned()).collect());
        let react = move |node: &mut Node, now, room| {
            let emoji: Vec<&str> = emoji.iter().map(String::as_str).collect();
            node.react(now, room, id, &emoji)
        };
        self.change(react).await
    }

    /// Hides a post from everybody, as the owner or a moderator.
    ///
    /// # Errors
    /// [`WriteError`]; it shows.
    pub async fn hide(&self, post: impl Into<Named>) -> Result<Receipt, WriteError> {
        let post = post.into();
        self.change(move |node, now, room| node.set_post_hidden(now, room, post, true)).await
    }

    /// Shows a hidden post again, as the owner or a moderator.
    ///
    /// # Errors
    /// [`WriteError`]; it is hidden.
    pub async fn show(&self, post: impl Into<Named>) -> Result<Receipt, WriteError> {
        let post = post.into();
        self.change(move |node, now, room| node.set_post_hidden(now, room, post, false)).await
    }

    /// The blobs in which files of posts lie.
    pub fn blobs(&self) -> Blobs {
        self.0.conversation().blobs()
    }

    /// Receives from now on what changes.
    pub fn watch(&self) -> ChatChanges {
        let inbox = self.0.watch(Watched::Replica(meshwork_chat::replica()));
        ChatChanges { chat: self.clone(), inbox, touched: Vec::new(), waiting: VecDeque::new(), missed: 0 }
    }

    async fn read<R: Default + MaybeSend + 'static>(
        &self,
        read: impl FnOnce(Conversation<'_>) -> R + MaybeSend + 'static,
    ) -> Result<R, Closed> {
        let muted = self.1.clone();
        let read = move |node: &mut Node, _, room| match node.conversation(room) {
            Some(posts) => read(posts.without(&muted)),
            None => R::default(),
        };
        self.0.call(read).await
    }

    async fn change(
        &self,
        change: impl FnMut(&mut Node, Time, RoomHandle) -> Result<Written, CommandError> + MaybeSend + 'static,
    ) -> Result<Receipt, WriteError> {
        Ok(Receipt::new(self.0.clone(), self.0.call_patiently(change).await??))
    }
}

impl Writing {
    /// It answers this post.
    pub fn reply(mut self, to: impl Into<Named>) -> Writing {
        self.new.re = Some(to.into());
        self
    }

    /// It has this file, whose bytes lie in [`Chat::blobs`].
    pub fn file(mut self, file: File) -> Writing {
        self.new.files.push(file);
        self
    }

    /// It has this blob as a file of this name. The blob is one of [`Chat::blobs`].
    pub fn blob(self, blob: &Blob, name: &str) -> Writing {
        let (name, kind) = (name.to_owned(), String::new());
        self.file(File { blob: blob.id(), size: blob.size(), name, kind, width: 0, height: 0 })
    }

    /// Writes it, as [`Chat::post`] does.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn send(self) -> Result<(PostId, Receipt), WriteError> {
        let Writing { chat: Chat(room, _), new } = self;
        let write = move |node: &mut Node, now, room| node.write_post(now, room, &new);
        let (id, written) = room.call_patiently(write).await??;
        Ok((id, Receipt::new(room, written)))
    }
}

impl Search {
    /// The next post; `None` once all were looked through. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn next(&mut self) -> Result<Option<Post>, Closed> {
        while self.found.is_empty() && !self.is_over {
            let (words, from) = (self.words.clone(), self.from);
            let search = move |posts: Conversation<'_>| posts.search(&words, from, SEARCH_ROWS);
            let (found, next) = self.chat.read(search).await?;
            (self.found, self.from, self.is_over) = (found.into(), next, next.is_none());
        }
        Ok(self.found.pop_front())
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").field("words", &self.words).finish_non_exhaustive()
    }
}

impl ChatChanges {
    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return Some(change);
            }
            if self.touched.is_empty() {
                let (changed, missed) = self.inbox.next().await?;
                self.missed += missed;
                self.touched = Touched::all(changed.changes.of());
            } else {
                let touched = self.touched.clone();
                self.waiting = self.chat.read(move |posts| posts.changes(&touched)).await.ok()?.into();
                self.touched.clear();
            }
        }
    }

    /// How many times something changed, so far, that this reader was too slow to receive: the conversation itself has all
    /// posts.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
