//! Direct posts: sealed for one other person, and carried by all members.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use meshwork_chat::{
    Change, Chat as _, Direct, Keys, Named, NewPost, Post, PostError, PostId, PostKey, replica,
};
use meshwork_core::id::{Endpoint as EndpointId, PeerId, RoomId};
use meshwork_core::node::{CommandError, Node, Receipt as Written, RoomHandle};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Table, Write};
use meshwork_core::time::{Time, WallTime};

use super::Chat;
use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::receipt::Receipt;
use crate::runner::MaybeSend;
use crate::shared::{Changed, Watched};

/// The direct posts between this program's peer and one other person: see [`Chat::with`].
#[derive(Clone, Debug)]
pub struct DirectChat {
    chat: Chat,
    peer: PeerId,
}

/// A person with whom this program's peer exchanged direct posts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Correspondent {
    /// The person.
    pub peer: PeerId,
    /// The newest post of the two.
    pub newest: Post,
    /// Whether this program's peer ever wrote to the person. If not, the posts are requests of a stranger.
    pub has_written: bool,
}

/// The changes of direct posts with one person, from the moment on at which they were asked for.
#[derive(Debug)]
pub struct DirectChanges {
    chat: DirectChat,
    inbox: Inbox<Changed>,
    known: Known,
    /// Whether the table changed since then.
    is_stale: bool,
    waiting: VecDeque<Change>,
}

/// The changes of direct posts with everybody, from the moment on at which they were asked for.
#[derive(Debug)]
pub struct AllDirectChanges {
    chat: Chat,
    inbox: Inbox<Changed>,
    known: BTreeMap<PeerId, Known>,
    /// Whether direct posts changed since then.
    is_stale: bool,
    waiting: VecDeque<(PeerId, Change)>,
}

/// The posts with one person as they were read last.
type Known = BTreeMap<PostKey, Post>;

/// The keys of this program's peer in one room.
#[derive(Default)]
struct Learnt {
    keys: Option<Keys>,
    /// How many changes the room had when the authors of its tables were learnt.
    authors_at: Option<u64>,
}

impl fmt::Debug for Learnt {
    /// The keys stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learnt").finish_non_exhaustive()
    }
}

impl Learnt {
    /// Agrees with everybody who may have written a direct post, and to whom this peer may have written one: perhaps these people
    /// whom it met elsewhere.
    fn learn(
        &mut self,
        node: &Node,
        room: RoomHandle,
        id: RoomId,
        (whom, met): (Option<PeerId>, &[PeerId]),
        changes: u64,
    ) -> &Keys {
        let me = node.endpoint().peer;
        let keys = self.keys.get_or_insert_with(|| Keys::new(id, me));
        let mut peers: BTreeSet<PeerId> = whom.into_iter().collect();
        peers.extend(node.room(room).peers().into_iter().map(|view| view.endpoint.peer));
        if let Some(table) = node.room(room).replica::<Table>(replica()) {
            peers.extend(keys.lacks(table));
            if keys.has_written(table) {
                peers.extend(met);
                if self.authors_at != Some(changes) {
                    self.authors_at = Some(changes);
                    peers.extend(authors(node, room));
                }
            }
        }
        keys.agree(node, peers);
        keys
    }
}

/// The authors of entries in all tables of a room.
fn authors(node: &Node, room: RoomHandle) -> BTreeSet<PeerId> {
    let apps = node.room(room).apps();
    let slots = apps.iter().filter_map(|(app, _)| Slot::new(node.room(room).slot_of(app)?));
    let mut authors = BTreeSet::new();
    for slot in slots.chain([Slot::CONVERSATION]) {
        for family in [Family::ByValue, Family::ByTime] {
            if let Some(table) = node.room(room).replica::<Table>(slot.replica(family)) {
                authors.extend(table.entries(b"").map(|entry| entry.author()));
            }
        }
    }
    authors
}

impl Chat {
    /// The direct posts with a person of this key. Members carry and store them as they do all posts. Only the two can read
    /// them, on each device of their identities. All members see who wrote, when, and a rounded length.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # use meshwork::chat;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let network = Network::new(7);
    /// # let (bo, room) = (network.endpoint("Bo"), network.endpoint("Ann").create(chat::room()).await?);
    /// let with_bo = room.chat().with(bo.id().peer);
    /// let (id, _) = with_bo.post("Shall we meet at the pier?").await?;
    /// with_bo.edit(id, "Shall we meet at pier 2?").await?;
    /// assert_eq!(with_bo.newest(50).await?[0].text, "Shall we meet at pier 2?");
    /// assert_eq!(room.chat().people().await?[0].peer, bo.id().peer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(&self, peer: PeerId) -> DirectChat {
        DirectChat { chat: self.clone(), peer }
    }

    /// The people with whom this program's peer exchanged direct posts, the one with the newest post first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn people(&self) -> Result<Vec<Correspondent>, Closed> {
        let people = self.read_direct(None, Vec::new(), |direct| direct.people()).await?.unwrap_or_default();
        let correspondent = |(peer, newest, has_written)| Correspondent { peer, newest, has_written };
        let mut people: Vec<Correspondent> = people.into_iter().map(correspondent).collect();
        people.sort_by_key(|person| std::cmp::Reverse(person.newest.stamp));
        Ok(people)
    }

    /// Receives from now on the changes of the direct posts with everybody, also with people who write for the first time.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # use meshwork::chat::{self, Change};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let network = Network::new(7);
    /// # let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    /// # let room = ann.create(chat::room()).await?;
    /// # let same = bo.join(room.link()).await?;
    /// let mut direct = room.chat().watch_direct().await?;
    /// # same.chat().with(ann.id().peer).post("Shall we meet?").await?;
    /// let (peer, change) = direct.next().await.expect("somebody writes");
    /// assert!(peer == bo.id().peer && matches!(change, Change::Posted(post) if post.text == "Shall we meet?"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn watch_direct(&self) -> Result<AllDirectChanges, Closed> {
        let inbox = self.0.watch(Watched::Replica(replica()));
        let mut known: BTreeMap<PeerId, Known> = BTreeMap::new();
        for (peer, posts) in self.all_direct().await? {
            changes(known.entry(peer).or_default(), posts);
        }
        Ok(AllDirectChanges { chat: self.clone(), inbox, known, is_stale: false, waiting: VecDeque::new() })
    }

    /// All direct posts, by person.
    async fn all_direct(&self) -> Result<Vec<(PeerId, Vec<Post>)>, Closed> {
        let read = |direct: &Direct<'_>| {
            direct.people().into_iter().map(|(peer, ..)| (peer, direct.newest(peer, usize::MAX))).collect()
        };
        Ok(self.read_direct(None, Vec::new(), read).await?.unwrap_or_default())
    }

    /// Reads the direct posts of all people at once, for a page of this workspace: also those with `whom`, and with people whom
    /// this peer met elsewhere. `None` if the room is not open.
    #[cfg(target_arch = "wasm32")]
    #[doc(hidden)]
    pub fn direct<R: 'static>(
        &self,
        whom: Option<PeerId>,
        met: Vec<PeerId>,
        read: impl FnOnce(&Direct<'_>) -> R + 'static,
    ) -> Option<R> {
        crate::look::at_once(self.read_direct(whom, met, read))?.ok()?
    }

    /// Reads direct posts with the keys of everybody known, of `whom`, and of people whom this peer met elsewhere. Returns `None`
    /// if the room is not open.
    async fn read_direct<R: MaybeSend + 'static>(
        &self,
        whom: Option<PeerId>,
        met: Vec<PeerId>,
        read: impl FnOnce(&Direct<'_>) -> R + MaybeSend + 'static,
    ) -> Result<Option<R>, Closed> {
        let Some((id, learnt, changes)) = self.keys() else { return Ok(None) };
        let read = move |node: &mut Node, _, room| {
            let mut learnt = learnt.lock().unwrap_or_else(PoisonError::into_inner);
            let keys = learnt.learn(node, room, id, (whom, &met), changes);
            let table = node.room(room).replica::<Table>(replica())?;
            Some(read(&Direct::of(table, keys)))
        };
        self.0.call(read).await
    }

    /// The room's id, its keys, and how many changes it had up to now.
    fn keys(&self) -> Option<(RoomId, Arc<Mutex<Learnt>>, u64)> {
        let learnt = self.0.conversation().state::<Mutex<Learnt>>();
        Some((self.0.id()?, learnt, self.0.state.look(|known| known.changes)))
    }
}

impl DirectChat {
    /// The other person.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Writes a post of 1 to [`TEXT_MAX`](super::TEXT_MAX) bytes to the person, as [`Chat::post`] does. The person may be away.
    ///
    /// # Errors
    /// [`WriteError`], such as [`WriteError::NoKey`]; nothing was written.
    pub async fn post(&self, text: &str) -> Result<(PostId, Receipt), WriteError> {
        self.send(NewPost::from(text)).await
    }

    /// Answers a post of the two.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn reply(&self, to: impl Into<Named>, text: &str) -> Result<(PostId, Receipt), WriteError> {
        self.send(NewPost { re: Some(to.into()), ..NewPost::from(text) }).await
    }

    /// The newest posts of the two, at most `most`, the earliest first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn newest(&self, most: usize) -> Result<Vec<Post>, Closed> {
        let peer = self.peer;
        let read = move |direct: &Direct<'_>| direct.newest(peer, most);
        Ok(self.chat.read_direct(Some(peer), Vec::new(), read).await?.unwrap_or_default())
    }

    /// A post of the two; `None` if none of this id shows.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, post: impl Into<Named>) -> Result<Option<Post>, Closed> {
        let (peer, post) = (self.peer, post.into());
        let read = move |direct: &Direct<'_>| direct.get(peer, post);
        Ok(self.chat.read_direct(Some(peer), Vec::new(), read).await?.flatten())
    }

    /// Gives a post of this program's peer another text.
    ///
    /// # Errors
    /// [`WriteError`]; it stays as it was.
    pub async fn edit(&self, id: impl Into<PostId>, text: &str) -> Result<Receipt, WriteError> {
        let (peer, id, text) = (self.peer, id.into(), text.to_owned());
        self.change(move |direct, _, _| Ok(((), direct.edit(peer, id, &text)?)))
            .await
            .map(|((), receipt)| receipt)
    }

    /// Removes a post of this program's peer. The other person may have copied it before.
    ///
    /// # Errors
    /// [`WriteError`]; it stays.
    pub async fn remove(&self, id: impl Into<PostId>) -> Result<Receipt, WriteError> {
        let (peer, id) = (self.peer, id.into());
        self.change(move |direct, _, _| Ok(((), direct.remove(peer, id)?))).await.map(|((), receipt)| receipt)
    }

    /// Writes a removed post of this program's peer again, as [`Chat::restore`] does.
    ///
    /// # Errors
    /// [`WriteError`]; it stays removed.
    pub async fn restore(&self, post: &Post) -> Result<Receipt, WriteError> {
        let (peer, post) = (self.peer, post.clone());
        self.change(move |direct, _, _| Ok(((), direct.restore(peer, &post)?)))
            .await
            .map(|((), receipt)| receipt)
    }

    /// Gives a post these emoji in place of this peer's earlier ones, as [`Chat::react`] does.
    ///
    /// # Errors
    /// [`WriteError`]; the earlier ones stay.
    pub async fn react(&self, post: impl Into<Named>, emoji: &[&str]) -> Result<Receipt, WriteError> {
        let (peer, post) = (self.peer, post.into());
        let emoji: Vec<String> = emoji.iter().map(|one| (*one).to_owned()).collect();
        let react = move |direct: &Direct<'_>, at, _: EndpointId| {
            let emoji: Vec<&str> = emoji.iter().map(String::as_str).collect();
            Ok(((), direct.react(at, peer, post, &emoji)?))
        };
        self.change(react).await.map(|((), receipt)| receipt)
    }

    /// Receives from now on the changes of these posts.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn watch(&self) -> Result<DirectChanges, Closed> {
        let inbox = self.chat.0.watch(Watched::Replica(replica()));
        let posts = self.newest(usize::MAX).await?;
        let known = posts.into_iter().map(|post| (post.key(), post)).collect();
        Ok(DirectChanges { chat: self.clone(), inbox, known, is_stale: false, waiting: VecDeque::new() })
    }

    async fn send(&self, new: NewPost) -> Result<(PostId, Receipt), WriteError> {
        let peer = self.peer;
        self.change(move |direct, at, me| direct.post(me, at, peer, &new)).await
    }

    /// Writes the changes that `make` makes of the posts as they are.
    async fn change<R: MaybeSend + 'static>(
        &self,
        mut make: impl FnMut(&Direct<'_>, WallTime, EndpointId) -> Result<(R, Vec<Write>), PostError>
        + MaybeSend
        + 'static,
    ) -> Result<(R, Receipt), WriteError> {
        let (id, learnt, changes) = self.chat.keys().ok_or(WriteError::NotOpen)?;
        let peer = self.peer;
        let write = move |node: &mut Node, now: Time, room: RoomHandle| {
            let at = node.room(room).time(now).ok_or(CommandError::NotOpen)?;
            let made = {
                let mut learnt = learnt.lock().unwrap_or_else(PoisonError::into_inner);
                let keys = learnt.learn(node, room, id, (Some(peer), &[]), changes);
                let table = node.room(room).replica::<Table>(replica()).ok_or(CommandError::NotOpen)?;
                make(&Direct::of(table, keys), at, node.endpoint())
            };
            let (made, writes) = match made {
                Ok(made) => made,
                Err(PostError::NoKey(peer)) => return Ok(Err(WriteError::NoKey(peer))),
                Err(error) => return Ok(Err(WriteError::Invalid(error.to_string()))),
            };
            let written: Written = node.apply_writes(now, room, &writes)?;
            Ok(Ok((made, written)))
        };
        let (made, written) = self.chat.0.call_patiently(write).await???;
        Ok((made, Receipt::new(self.chat.0.clone(), written)))
    }
}

impl DirectChanges {
    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return Some(change);
            }
            if !self.is_stale {
                self.inbox.next().await?;
                self.is_stale = true;
            }
            let posts = self.chat.newest(usize::MAX).await.ok()?;
            self.is_stale = false;
            self.waiting.extend(changes(&mut self.known, posts));
        }
    }
}

impl AllDirectChanges {
    /// Waits for the next change, and returns it with the other person; `None` once the room was left. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<(PeerId, Change)> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return Some(change);
            }
            if !self.is_stale {
                let (changed, missed) = self.inbox.next().await?;
                self.is_stale = missed > 0 || Direct::touches(changed.changes.of());
                continue;
            }
            let people = self.chat.all_direct().await.ok()?;
            self.is_stale = false;
            let mut people: BTreeMap<PeerId, Vec<Post>> = people.into_iter().collect();
            for peer in self.known.keys() {
                people.entry(*peer).or_default();
            }
            for (peer, posts) in people {
                let changed = changes(self.known.entry(peer).or_default(), posts);
                self.waiting.extend(changed.into_iter().map(|change| (peer, change)));
            }
        }
    }
}

/// Notes how posts differ from those that were read last.
fn changes(known: &mut Known, posts: Vec<Post>) -> Vec<Change> {
    let (mut gone, mut changes) = (std::mem::take(known), Vec::new());
    for post in posts {
        let key = post.key();
        let change = match gone.remove(&key) {
            None => Some(Change::Posted(post.clone())),
            Some(before) if before == post => None,
            Some(before) if before.reactions == post.reactions => Some(Change::Edited(post.clone())),
            Some(before) => {
                let is_edited = before.text != post.text;
                if is_edited {
                    changes.push(Change::Edited(post.clone()));
                }
                Some(Change::Reacted(post.clone()))
            }
        };
        changes.extend(change);
        known.insert(key, post);
    }
    changes.extend(gone.into_keys().map(Change::Removed));
    changes
}
