//! The room's conversation: its posts, which of them are unread, who is writing, and writing there.

use std::collections::BTreeMap;
use std::time::Duration;

use leptos::prelude::*;
use meshwork::chat::Writing;
use meshwork::look::at_once;
use meshwork::{Chat, Closed, Receipt, WriteError};
use meshwork_chat::{Chat as _, Conversation, Direct, NewPost, Post, PostId, replica};
use meshwork_core::id::{Endpoint, PeerId, RoomId};
use meshwork_core::node::{Event, Node};
use meshwork_core::seam::lane::Slot;
use meshwork_core::time::Time;
use meshwork_web::people::acquainted::Peers;
use meshwork_web::talk::{self, Drafts, Key, Lines, Marks, SHOWN_FIRST, SHOWN_MORE};
use meshwork_web::texts;

use super::super::browser;
use super::node::PageNode;
use super::people::People;
use super::reach::Reach;
use super::set_if_new;

/// Under this name a profile keeps which posts were read.
const READ_KEY: &str = "meshwork-notes-read";
/// Under this name it keeps drafts.
const DRAFTS_KEY: &str = "meshwork-drafts";
/// Under this name it keeps whose direct posts are hidden.
const BLOCKED_KEY: &str = "meshwork-blocked";
/// Posts that are shown of somebody whom one never answered.
const OF_STRANGER: usize = 3;
/// How long changes are gathered before the posts are read again.
const GATHER: Duration = Duration::from_millis(50);
/// Posts of which it is counted how many are unread.
const COUNTED: usize = 500;
/// How long somebody who wrote a letter is shown as writing, and how often the letter's author says so.
const WRITES_FOR: Duration = Duration::from_secs(6);
const SAYS_EVERY_MS: f64 = 3000.0;

/// Somebody with whom there are direct posts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Correspondent {
    pub(crate) peer: PeerId,
    /// The newest post.
    pub(crate) newest: Post,
    pub(crate) unread: usize,
    /// Whether one never wrote to the person.
    pub(crate) is_request: bool,
}

/// The conversation of a room, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Talk {
    node: PageNode,
    people: People,
    /// Whether the panel beside an app is shown.
    pub(crate) is_open: RwSignal<bool>,
    /// Whether the app in front shows the conversation itself.
    pub(crate) is_in_front: RwSignal<bool>,
    /// How many posts are unread, in the room and from people whom one answered.
    pub(crate) unread: RwSignal<usize>,
    /// How many of them are in the room's conversation.
    pub(crate) unread_in_room: RwSignal<usize>,
    /// The person of the conversation that is shown; `None` for the room.
    pub(crate) whom: RwSignal<Option<PeerId>>,
    /// The direct conversations, the newest first.
    pub(crate) directs: RwSignal<Vec<Correspondent>>,
    /// Whose direct posts are hidden.
    pub(crate) blocked: RwSignal<Peers>,
    /// The posts that are shown.
    pub(crate) lines: RwSignal<Lines>,
    /// Whether there are older ones.
    pub(crate) has_older: RwSignal<bool>,
    /// Who has the last post that this page wrote, and which that is.
    pub(crate) reach: Reach,
    pub(crate) last: RwSignal<Option<Key>>,
    /// The newest post of somebody else while the list was shown, for those who hear it.
    pub(crate) spoken: RwSignal<String>,
    /// Who is writing now, and until when.
    writing: RwSignal<BTreeMap<Endpoint, Time>>,
    said: StoredValue<f64>,
    most: StoredValue<usize>,
    begins: StoredValue<Option<Key>>,
    /// Whether the list was shown when posts were read before.
    was_shown: StoredValue<bool>,
    read: StoredValue<Option<Marks>>,
    drafts: StoredValue<Option<Drafts>>,
    is_awaited: StoredValue<bool>,
}

impl Talk {
    pub(super) fn new(node: PageNode, people: People) -> Talk {
        Talk {
            node,
            people,
            is_open: RwSignal::new(false),
            is_in_front: RwSignal::new(false),
            unread: RwSignal::new(0),
            unread_in_room: RwSignal::new(0),
            whom: RwSignal::new(None),
            directs: RwSignal::new(Vec::new()),
            blocked: RwSignal::new(Peers::read(&browser::stored(BLOCKED_KEY).unwrap_or_default())),
            lines: RwSignal::new(Lines::default()),
            has_older: RwSignal::new(false),
            reach: Reach::new(people.rows),
            last: RwSignal::new(None),
            spoken: RwSignal::new(String::new()),
            writing: RwSignal::new(BTreeMap::new()),
            said: StoredValue::new(f64::NEG_INFINITY),
            most: StoredValue::new(SHOWN_FIRST),
            begins: StoredValue::new(None),
            was_shown: StoredValue::new(false),
            read: StoredValue::new(None),
            drafts: StoredValue::new(None),
            is_awaited: StoredValue::new(false),
        }
    }

    pub(super) fn leave(self) {
        self.unread.set(0);
        self.whom.set(None);
        self.directs.set(Vec::new());
        self.lines.set(Lines::default());
        self.last.set(None);
        self.writing.set(BTreeMap::new());
        self.begins.set_value(None);
        self.most.set_value(SHOWN_FIRST);
    }

    /// Handles an event of the node that concerns the conversation of this room.
    pub(super) fn hear(self, event: &Event) {
        match event {
            Event::Changed { room, replica: changed, .. }
                if *changed == replica() && self.node.is_in(*room) =>
            {
                self.gather();
            }
            Event::Acknowledged { room, by, sequences, .. } if self.node.is_in(*room) => {
                self.reach.hear(*by, sequences);
            }
            Event::Presence { room, endpoint, slot, state }
                if *slot == Slot::CONVERSATION && self.node.is_in(*room) =>
            {
                self.hear_writing(*endpoint, state.is_some());
            }
            Event::MemberDetached { endpoint, .. } => self.hear_writing(*endpoint, false),
            _ => {}
        }
    }

    /// Posts may be others than before: they are read again soon, once for all that arrives until then.
    pub(super) fn gather(self) {
        if self.is_awaited.get_value() {
            return;
        }
        self.is_awaited.set_value(true);
        let read = move || {
            // The page may have gone meanwhile.
            if self.is_awaited.try_set_value(false).is_none() {
                self.refresh();
            }
        };
        set_timeout(read, GATHER);
    }

    /// The list is shown from now on: a line stands before the posts that are unread.
    pub(crate) fn begin(self) {
        self.begins.set_value(None);
        self.was_shown.set_value(false);
        self.most.set_value(SHOWN_FIRST);
        self.spoken.set(String::new());
        self.refresh();
    }

    /// Shows the conversation with a person, or the room's.
    pub(crate) fn show(self, whom: Option<PeerId>) {
        self.say_writing(false);
        self.whom.set(whom);
        self.last.set(None);
        self.begin();
    }

    fn is_shown(self) -> bool {
        (self.is_open.get_untracked() || self.is_in_front.get_untracked()) && !browser::is_hidden()
    }

    /// Reads the posts again, and counts again which are unread; shown posts are read.
    pub(crate) fn refresh(self) {
        let Some((id, chat)) = self.node.room_id().zip(self.node.chat()) else { return };
        let (whom, most) = (self.whom.get_untracked(), self.most.get_value());
        let mut posts = read(chat.newest(None, COUNTED.max(most + 1)));
        posts.retain(|post| !self.people.is_muted(post.author));
        let in_room = self.read_posts(id, &posts, whom.is_none());
        let (directs, of_whom) = self.read_directs(id, whom, most + 1);
        if let Some(whom) = whom {
            posts = of_whom;
            let has_answered = directs.iter().any(|known| known.peer == whom && !known.is_request);
            if !has_answered {
                posts = posts.split_off(posts.len().saturating_sub(OF_STRANGER));
            }
        }
        self.was_shown.set_value(self.is_shown());
        let direct: usize = directs.iter().filter(|known| !known.is_request).map(|known| known.unread).sum();
        set_if_new(self.unread_in_room, in_room);
        set_if_new(self.unread, in_room + direct);
        set_if_new(self.directs, directs);
        set_if_new(self.has_older, posts.len() > most);
        let shown = posts.split_off(posts.len().saturating_sub(most));
        set_if_new(self.lines, Lines::new(shown, browser::day_in_words, self.begins.get_value()));
    }

    /// Marks the posts of a conversation as read, if it is shown. Returns how many are unread.
    fn read_posts(self, id: RoomId, posts: &[Post], is_chosen: bool) -> usize {
        let (me, is_shown) = (self.node.peer(), is_chosen && self.is_shown());
        let count = |read: &mut Option<Marks>| {
            let kept = || Marks::read(&browser::stored(READ_KEY).unwrap_or_default());
            let read = read.get_or_insert_with(kept);
            let is_fresh = |post: &&Post| post.author != me && read.is_unread(&id, post);
            let unread = posts.iter().filter(is_fresh).count();
            let (first, newest) = (posts.iter().find(is_fresh), posts.iter().rfind(is_fresh));
            let (Some(first), Some(newest)) = (first, newest) else { return unread };
            if !is_shown {
                return unread;
            }
            // Posts that come while somebody looks are not marked.
            if !self.was_shown.get_value() {
                self.begins.set_value(Some((first.id, first.author)));
            }
            let called = self.people.called_by_peer(newest.author);
            self.spoken.set(format!("{called}: {}", talk::unmentioned(&newest.text).0));
            posts.iter().for_each(|post| read.mark(&id, post));
            browser::store(READ_KEY, &read.write());
            0
        };
        self.read.try_update_value(count).unwrap_or_default()
    }

    /// The direct conversations, the newest first, and at least the `most` newest posts of the one with `whom`. All posts are
    /// opened once.
    fn read_directs(self, id: RoomId, whom: Option<PeerId>, most: usize) -> (Vec<Correspondent>, Vec<Post>) {
        let is_blocked = move |peer: PeerId| self.blocked.with_untracked(|blocked| blocked.has(peer));
        let read = move |direct: &Direct<'_>| {
            let people = direct.peers().filter(|(peer, _)| whom == Some(*peer) || !is_blocked(*peer));
            people.map(|(peer, wrote)| (peer, wrote, direct.newest(peer, COUNTED.max(most)))).collect()
        };
        // Our own direct posts are to people whom we met.
        let met = self.people.everybody_known();
        let people = self.node.chat().and_then(|chat| chat.direct(whom, met, read));
        let people: Vec<_> = people.unwrap_or_default();
        let (mut directs, mut of_whom) = (Vec::new(), Vec::new());
        for (peer, has_written, posts) in people {
            if let Some(newest) = posts.last().filter(|_| !is_blocked(peer)) {
                let counted = &posts[posts.len().saturating_sub(COUNTED)..];
                let unread = self.read_posts(direct_id(id), counted, whom == Some(peer));
                let newest = newest.clone();
                directs.push(Correspondent { peer, newest, unread, is_request: !has_written });
            }
            if whom == Some(peer) {
                of_whom = posts;
            }
        }
        directs.sort_by_key(|known| std::cmp::Reverse(known.newest.stamp));
        (directs, of_whom)
    }

    /// Hides the direct posts of a person from now on, or shows them again.
    pub(crate) fn set_blocked(self, peer: PeerId, is_blocked: bool) {
        self.blocked.update(|blocked| blocked.set(peer, is_blocked));
        self.blocked.with_untracked(|blocked| browser::store(BLOCKED_KEY, &blocked.write()));
        if is_blocked && self.whom.get_untracked() == Some(peer) {
            self.show(None);
        }
        self.refresh();
    }

    /// How many posts stand below the unread line.
    pub(crate) fn new_below(self) -> usize {
        let begins = self.begins.get_value();
        self.lines.with(|lines| {
            let place = begins.and_then(|begins| lines.order.iter().position(|key| *key == begins));
            place.map_or(0, |place| lines.order.len() - place)
        })
    }

    /// Shows older posts too.
    pub(crate) fn show_older(self) {
        if self.has_older.get_untracked() {
            self.most.update_value(|most| *most += SHOWN_MORE);
            self.refresh();
        }
    }

    /// Shows posts back to this one.
    pub(crate) fn show_back_to(self, id: PostId) {
        let Some(chat) = self.node.chat() else { return };
        let Some(post) = read(chat.get(id)) else { return };
        let count = 1 + read(chat.after(&post, usize::MAX)).len();
        if count > self.most.get_value() {
            self.most.set_value(count + SHOWN_MORE / 2);
            self.refresh();
        }
    }

    /// Looks at the conversation, if the room has one already.
    pub(crate) fn look<R>(self, look: impl FnOnce(&Conversation<'_>) -> R) -> Option<R> {
        self.node.look(|node, room| node.conversation(room).map(|conversation| look(&conversation))).flatten()
    }

    /// A post of the conversation that is shown; `None` if none shows.
    pub(crate) fn get(self, id: PostId) -> Option<Post> {
        let chat = self.node.chat()?;
        match self.whom.get_untracked() {
            Some(whom) => read(chat.with(whom).get(id)),
            None => read(chat.get(id)),
        }
    }

    /// Writes a post.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn write(self, post: &NewPost) -> Result<(), String> {
        let chat = self.node.chat().ok_or_else(not_open)?;
        let sent = match (self.whom.get_untracked(), post.re) {
            (Some(whom), Some(re)) => written(chat.with(whom).reply(re, &post.text)),
            (Some(whom), None) => written(chat.with(whom).post(&post.text)),
            (None, re) => {
                let begun = post.files.iter().cloned().fold(chat.write(&post.text), Writing::file);
                written(re.into_iter().fold(begun, Writing::reply).send())
            }
        };
        self.gather();
        let (id, receipt) = sent?;
        self.last.set(Some((id, self.node.peer())));
        self.reach.begin(*receipt.sequences().end());
        self.say_writing(false);
        self.begins.set_value(None);
        self.refresh();
        Ok(())
    }

    /// Gives a post of one's own another text.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn edit(self, id: PostId, text: &str) -> Result<(), String> {
        self.act(|chat, whom| match whom {
            Some(whom) => written(chat.with(whom).edit(id, text)),
            None => written(chat.edit(id, text)),
        })
    }

    /// Deletes a post of one's own.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn remove(self, id: PostId) -> Result<(), String> {
        self.act(|chat, whom| match whom {
            Some(whom) => written(chat.with(whom).remove(id)),
            None => written(chat.remove(id)),
        })
    }

    /// Adds one's reaction to a post, or takes it back.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn react(self, post: &Post, emoji: &str) -> Result<(), String> {
        let me = self.node.peer();
        let mine = post.reactions.iter().filter(|reaction| reaction.by.contains(&me));
        let mut mine: Vec<&str> = mine.map(|reaction| &*reaction.emoji).collect();
        match mine.iter().position(|known| *known == emoji) {
            Some(place) => drop(mine.remove(place)),
            None => mine.push(emoji),
        }
        self.act(|chat, whom| match whom {
            Some(whom) => written(chat.with(whom).react(post.id, &mine)),
            None => written(chat.react(post.id, &mine)),
        })
    }

    /// Hides a post from everybody, or shows it again.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn set_hidden(self, id: PostId, is_hidden: bool) -> Result<(), String> {
        self.act(|chat, _| match is_hidden {
            true => written(chat.hide(id)),
            false => written(chat.show(id)),
        })
    }

    /// Why one may write nothing at all, if that is so.
    pub(crate) fn why_none(self) -> Option<String> {
        let left =
            self.node.command(|node, now, room| node.room_mut(now, room).writing_left(replica().slot()));
        left.err().map(|error| why_not(&error.into()))
    }

    /// Changes a post of the conversation that is shown.
    fn act(self, act: impl FnOnce(&Chat, Option<PeerId>) -> Result<Receipt, String>) -> Result<(), String> {
        let done =
            self.node.chat().ok_or_else(not_open).and_then(|chat| act(&chat, self.whom.get_untracked()));
        self.gather();
        done.map(drop)
    }

    /// Says to the others that one is writing, or not any more.
    pub(crate) fn say_writing(self, writes: bool) {
        let now = browser::milliseconds();
        if writes && now - self.said.get_value() < SAYS_EVERY_MS {
            return;
        }
        if !writes && self.said.get_value() == f64::NEG_INFINITY {
            return;
        }
        self.said.set_value(if writes { now } else { f64::NEG_INFINITY });
        // The person of a direct post stays between the two.
        let writes = writes && self.whom.get_untracked().is_none();
        let state = writes.then(|| format!("{{\"t\":1,\"n\":{}}}", now as u64));
        let say = |node: &mut Node, now, room| {
            let state = state.as_deref().map(str::as_bytes);
            node.room_mut(now, room).set_presence(Slot::CONVERSATION, state)
        };
        // Presence is said in passing: who may not write says nothing.
        let _ = self.node.with_room(say);
    }

    fn hear_writing(self, who: Endpoint, writes: bool) {
        if who.peer == self.node.peer() || self.people.is_muted(who.peer) {
            return;
        }
        let now = self.node.with(|_, now| now);
        let is_known = self.writing.with_untracked(|writing| writing.contains_key(&who));
        if writes {
            self.writing.update(|writing| _ = writing.insert(who, now + WRITES_FOR));
        } else if is_known {
            self.writing.update(|writing| _ = writing.remove(&who));
        }
    }

    /// Nobody writes any more who has not said so for a while.
    pub(super) fn tick(self) {
        let now = self.node.with(|_, now| now);
        if self.writing.with_untracked(|writing| writing.values().any(|until| *until <= now)) {
            self.writing.update(|writing| writing.retain(|_, until| *until > now));
        }
        if self.said.get_value() < browser::milliseconds() - WRITES_FOR.as_millis() as f64 {
            self.say_writing(false);
        }
    }

    /// Who is writing. Tracked.
    pub(crate) fn writers(self) -> Vec<PeerId> {
        let mut peers: Vec<PeerId> =
            self.writing.with(|writing| writing.keys().map(|who| who.peer).collect());
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// The text that was begun and not sent.
    pub(crate) fn draft(self) -> String {
        let Some(id) = self.node.room_id() else { return String::new() };
        self.with_drafts(|drafts| drafts.get(&id, self.whom.get_untracked()).to_owned())
    }

    /// Keeps a text that is not sent.
    pub(crate) fn keep_draft(self, text: &str) {
        let Some(id) = self.node.room_id() else { return };
        let written = self.with_drafts(|drafts| {
            (drafts.get(&id, self.whom.get_untracked()) != text).then(|| {
                drafts.set(&id, self.whom.get_untracked(), text);
                drafts.write()
            })
        });
        if let Some(written) = written {
            browser::store(DRAFTS_KEY, &written);
        }
    }

    fn with_drafts<R>(self, work: impl FnOnce(&mut Drafts) -> R) -> R {
        let work = |drafts: &mut Option<Drafts>| {
            let kept = || Drafts::read(&browser::stored(DRAFTS_KEY).unwrap_or_default());
            work(drafts.get_or_insert_with(kept))
        };
        self.drafts.try_update_value(work).expect("the session lives as long as the page")
    }
}

/// The result of a read in the room's conversation, which waits for nothing in a page.
pub(super) fn read<T: Default>(read: impl Future<Output = Result<T, Closed>>) -> T {
    at_once(read).and_then(Result::ok).unwrap_or_default()
}

/// The result of a write there, or in words, why nothing was written.
pub(super) fn written<T>(write: impl Future<Output = Result<T, WriteError>>) -> Result<T, String> {
    // A write waits only if neighbours have no room for it.
    let written = at_once(write).ok_or_else(|| texts::sentence(texts::parts::TOO_FAST))?;
    written.map_err(|error| why_not(&error))
}

/// In words, that there is no room to write in.
pub(super) fn not_open() -> String {
    why_not(&WriteError::NotOpen)
}

fn why_not(error: &WriteError) -> String {
    match error {
        WriteError::NotWriter => texts::talk::NOT_WRITER.to_owned(),
        WriteError::Banned => texts::talk::BANNED.to_owned(),
        WriteError::TooFast { wait, .. } => texts::talk::too_fast(*wait),
        error => texts::sentence(&error.to_string()),
    }
}

/// The id under which it is kept what was read of a room's direct posts.
fn direct_id(room: RoomId) -> RoomId {
    RoomId(room.0.map(|byte| !byte))
}
