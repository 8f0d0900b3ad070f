//! The room's conversation: its posts, which of them are unread, who is writing, and writing there.
//!
//! # How it works
//! Posts of the room follow the library's [`ChatChanges`]: a change names its post, so only the stale parts are read again, once for
//! all changes of [`GATHER`]. Direct posts are read again if a change touches direct posts. Writes of this page read their part at
//! once, and their changes then find everything up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leptos::prelude::*;
use meshwork::chat::Writing;
use meshwork::chat::{Change, ChatChanges};
use meshwork::look::at_once;
use meshwork::{Chat, Closed, Receipt, WriteError};
use meshwork_chat::{Brief, Chat as _, Conversation, Direct, File, NewPost, Post, PostId, PostKey, replica};
use meshwork_core::id::{Endpoint, PeerId, RoomId};
use meshwork_core::node::{Event, Node, RoomHandle};
use meshwork_core::seam::lane::Slot;
use meshwork_core::time::{Time, WallTime};
use meshwork_web::people::acquainted::Peers;
use meshwork_web::talk::pages::{PageId, Pages, Source, View, place};
use meshwork_web::talk::{self, AllBegun, Begun, Drafts, Key, Lines, Marks, Newest};
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
/// Posts of the conversation that is shown of which it is counted how many are unread.
const COUNTED: usize = 500;
/// Direct posts that are opened to count the unread ones of each person: one more than is shown exactly.
const DIRECT_COUNTED: usize = 100;
/// Pixels from the end of the newest post within which it counts as seen.
const AT_END: f64 = 4.0;
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

/// The parts that must be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stale {
    /// The places of the room's newest posts.
    newest: bool,
    /// Direct posts.
    direct: bool,
    /// The pages that show posts.
    pages: bool,
}

impl Stale {
    const ALL: Stale = Stale { newest: true, direct: true, pages: true };

    fn and(self, other: Stale) -> Stale {
        Stale {
            newest: self.newest || other.newest,
            direct: self.direct || other.direct,
            pages: self.pages || other.pages,
        }
    }
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
    /// The pages of posts that were reached, the earliest first.
    pub(crate) pages: RwSignal<Vec<PageId>>,
    /// The posts of those pages that are near the window.
    pub(crate) lines: RwSignal<Lines>,
    /// How many posts stand below the unread line.
    pub(crate) new_below: RwSignal<usize>,
    /// How many posts of others came since the end of the list was seen.
    pub(crate) unseen: RwSignal<usize>,
    /// Who has the last post that this page wrote, and which that is.
    pub(crate) reach: Reach,
    pub(crate) last: RwSignal<Option<Key>>,
    /// The newest post of somebody else while the list was shown, for those who hear it.
    pub(crate) spoken: RwSignal<String>,
    /// Who is writing now, and until when.
    writing: RwSignal<BTreeMap<Endpoint, Time>>,
    said: StoredValue<f64>,
    paging: StoredValue<Pages>,
    /// Whether the end of the newest post is in the window.
    is_at_end: StoredValue<bool>,
    /// The newest post when the end was seen last.
    seen: StoredValue<Option<Brief>>,
    begins: StoredValue<Option<Key>>,
    /// The newest posts of the room, without those of people who were muted when they were read.
    newest: StoredValue<Newest>,
    muted: StoredValue<BTreeSet<PeerId>>,
    stale: StoredValue<Stale>,
    /// Whether the list was shown when posts were read before.
    was_shown: StoredValue<bool>,
    read: StoredValue<Option<Marks>>,
    drafts: StoredValue<Option<Drafts>>,
    /// The answered post and the files of the next post, by conversation.
    begun: RwSignal<AllBegun>,
    /// How many files were chosen so far.
    chosen: StoredValue<u64>,
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
            pages: RwSignal::new(Vec::new()),
            lines: RwSignal::new(Lines::default()),
            new_below: RwSignal::new(0),
            unseen: RwSignal::new(0),
            reach: Reach::new(people.rows),
            last: RwSignal::new(None),
            spoken: RwSignal::new(String::new()),
            writing: RwSignal::new(BTreeMap::new()),
            said: StoredValue::new(f64::NEG_INFINITY),
            paging: StoredValue::new(Pages::default()),
            is_at_end: StoredValue::new(true),
            seen: StoredValue::new(None),
            begins: StoredValue::new(None),
            newest: StoredValue::new(Newest::new(COUNTED)),
            muted: StoredValue::new(BTreeSet::new()),
            stale: StoredValue::new(Stale::ALL),
            was_shown: StoredValue::new(false),
            read: StoredValue::new(None),
            drafts: StoredValue::new(None),
            begun: RwSignal::new(AllBegun::default()),
            chosen: StoredValue::new(0),
            is_awaited: StoredValue::new(false),
        }
    }

    pub(super) fn leave(self) {
        self.unread.set(0);
        self.whom.set(None);
        self.directs.set(Vec::new());
        self.paging.set_value(Pages::default());
        self.is_at_end.set_value(true);
        self.pages.set(Vec::new());
        self.lines.set(Lines::default());
        self.last.set(None);
        self.writing.set(BTreeMap::new());
        self.begins.set_value(None);
        self.newest.set_value(Newest::new(COUNTED));
        self.stale.set_value(Stale::ALL);
        self.begun.set(AllBegun::default());
    }

    /// Follows the posts of the room, as long as the page is in it.
    pub(super) async fn follow(self, room: RoomHandle, mut changes: ChatChanges) {
        let mut missed = 0;
        while let Some(change) = changes.next().await {
            if !self.node.is_in(room) {
                return;
            }
            self.take(&change);
            if changes.missed() > missed {
                missed = changes.missed();
                self.gather();
            }
        }
    }

    /// Brings what is read up to date with a change of the room's posts.
    fn take(self, change: &Change) {
        let stale = match change {
            Change::Posted(post) if self.people.is_muted(post.author) => return,
            Change::Posted(post) => {
                let add = |newest: &mut Newest| {
                    let is_first = newest.posts().iter().all(|known| known.author != post.author);
                    newest.add(post.into()).then_some(is_first)
                };
                // A post that this page wrote is read already. With a new author, direct posts to the author may open.
                let Some(direct) = self.newest.try_update_value(add).flatten() else { return };
                Stale { direct, pages: self.shows_room(), newest: false }
            }
            Change::Removed(key) => {
                let newest = self.newest.try_update_value(|newest| newest.remove(*key)).unwrap_or(true);
                Stale { newest, pages: self.shows_room(), direct: false }
            }
            Change::Edited(post) | Change::Reacted(post) if self.shows_room() => {
                let shown = self.lines.with_untracked(|lines| lines.line(&(post.id, post.author)));
                if shown.is_none_or(|line| line.post == *post) {
                    return;
                }
                Stale { pages: true, ..Stale::default() }
            }
            Change::Edited(_) | Change::Reacted(_) => return,
            _ => Stale::ALL,
        };
        self.gather_stale(stale);
    }

    /// Whether the conversation that is shown is the room's.
    fn shows_room(self) -> bool {
        self.whom.get_untracked().is_none()
    }

    /// Handles an event of the node that concerns the conversation of this room.
    pub(super) fn hear(self, event: &Event) {
        match event {
            // Direct posts that this page wrote are read already.
            Event::Changed { room, replica: changed, batch, changes }
                if *changed == replica()
                    && self.node.is_in(*room)
                    && Direct::touches(changes.of())
                    && batch.is_none_or(|batch| batch.author != self.node.endpoint()) =>
            {
                self.gather_stale(Stale { newest: false, direct: true, pages: !self.shows_room() });
            }
            Event::Acknowledged { room, by, sequences, .. } if self.node.is_in(*room) => {
                self.reach.hear(*by, sequences);
            }
            Event::Presence { room, endpoint, slot, state }
                if *slot == Slot::CONVERSATION && self.node.is_in(*room) =>
            {
                self.hear_writing(*endpoint, state.is_some());
            }
            // Direct posts to somebody who was not known before may open.
            Event::MemberAttached { room, .. } if self.node.is_in(*room) => {
                self.gather_stale(Stale { direct: true, ..Stale::default() });
            }
            Event::MemberDetached { endpoint, .. } => self.hear_writing(*endpoint, false),
            _ => {}
        }
    }

    /// Posts may be others than before: they are read again soon, once for all that arrives until then.
    pub(super) fn gather(self) {
        self.gather_stale(Stale::ALL);
    }

    fn gather_stale(self, stale: Stale) {
        self.stale.update_value(|before| *before = before.and(stale));
        if self.is_awaited.get_value() {
            return;
        }
        self.is_awaited.set_value(true);
        let read = move || {
            // The page may have gone meanwhile.
            if self.is_awaited.try_set_value(false).is_none() {
                self.update();
            }
        };
        set_timeout(read, GATHER);
    }

    /// The list is shown from now on: a line stands before the posts that are unread.
    pub(crate) fn begin(self) {
        self.begins.set_value(None);
        self.was_shown.set_value(false);
        self.spoken.set(String::new());
        self.paging.set_value(Pages::default());
        self.is_at_end.set_value(true);
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

    /// Reads all posts again, and counts again which are unread; shown posts are read.
    pub(crate) fn refresh(self) {
        self.stale.set_value(Stale::ALL);
        self.update();
    }

    /// Reads the conversation that is shown again, after a write of this page.
    fn reread(self) {
        let is_room = self.shows_room();
        let stale = Stale { newest: is_room, direct: !is_room, pages: true };
        self.stale.update_value(|before| *before = before.and(stale));
        self.update();
    }

    /// Reads stale parts again, and counts again which posts are unread; shown posts are read.
    fn update(self) {
        let Some((id, chat)) = self.node.room_id().zip(self.node.chat()) else { return };
        let stale = self.take_stale();
        let whom = self.whom.get_untracked();
        let muted = self.unmuted(&chat);
        if stale.newest {
            let posts = read(muted.briefs(COUNTED));
            self.newest.update_value(|newest| newest.set(posts));
        }
        let newest = self.newest.with_value(|newest| newest.posts().to_vec());
        let in_room = self.read_posts(id, &newest, whom.is_none(), |key| read(muted.get(key)));
        let of_whom = if stale.direct { self.update_directs(id, &chat, whom) } else { None };
        self.was_shown.set_value(self.is_shown());
        let unread = self.directs.with_untracked(|directs| {
            let known = directs.iter().filter(|known| !known.is_request);
            known.map(|known| known.unread).sum::<usize>()
        });
        set_if_new(self.unread_in_room, in_room);
        set_if_new(self.unread, in_room + unread);
        match (whom, of_whom) {
            (None, _) => self.count_new(&newest),
            (Some(_), Some(of_whom)) => self.count_new(&of_whom),
            (Some(_), None) => {}
        }
        if stale.pages {
            self.read_pages(&Posts { talk: self, chat: muted, whom });
        }
    }

    /// The stale parts, which are read now: all, if the list came into view or somebody else is muted.
    fn take_stale(self) -> Stale {
        let stale = self.stale.try_update_value(std::mem::take).unwrap_or_default();
        let muted: BTreeSet<PeerId> = self.people.muted.with_untracked(|muted| muted.iter().collect());
        let is_as_before =
            self.muted.with_value(|before| *before == muted) && self.was_shown.get_value() == self.is_shown();
        self.muted.set_value(muted);
        if is_as_before { stale } else { Stale::ALL }
    }

    /// Reads direct posts again. Returns the newest ones with the person who is shown.
    fn update_directs(self, id: RoomId, chat: &Chat, whom: Option<PeerId>) -> Option<Vec<Brief>> {
        let of_whom =
            whom.map(|whom| self.directs_with(chat, whom, move |direct| direct.newest(whom, COUNTED)));
        let directs = self.read_directs(id, chat, whom.zip(of_whom.as_deref()));
        set_if_new(self.directs, directs);
        Some(of_whom?.iter().map(Brief::from).collect())
    }

    /// Counts the newest posts of the conversation that is shown: those below the unread line, and those not seen yet.
    fn count_new(self, newest: &[Brief]) {
        let begins = self.begins.get_value();
        let begin = begins
            .and_then(|(id, author)| newest.iter().position(|post| (post.id, post.author) == (id, author)));
        set_if_new(self.new_below, begin.map_or(0, |begin| newest.len() - begin));
        if self.is_at_end.get_value() && self.is_shown() {
            self.seen.set_value(newest.last().copied());
        }
        let (me, seen) = (self.node.peer(), self.seen.get_value());
        let is_unseen = |post: &&Brief| post.author != me && seen.as_ref() < Some(*post);
        set_if_new(self.unseen, newest.iter().filter(is_unseen).count());
    }

    /// Reads the posts of the pages near the window.
    fn read_pages(self, posts: &Posts) {
        let is_at_end = self.is_at_end.get_value();
        let read = |pages: &mut Pages| (pages.read(posts, is_at_end), pages.ids());
        let Some((shown, ids)) = self.paging.try_update_value(read) else { return };
        set_if_new(self.pages, ids);
        set_if_new(self.lines, Lines::new(shown, browser::day_in_words, self.begins.get_value()));
    }

    /// The posts of the conversation that is shown.
    fn posts(self) -> Option<Posts> {
        Some(Posts { talk: self, chat: self.unmuted(&self.node.chat()?), whom: self.whom.get_untracked() })
    }

    /// The conversation without the posts of people who are muted.
    fn unmuted(self, chat: &Chat) -> Chat {
        chat.without(self.people.muted.with_untracked(|muted| muted.iter().collect::<BTreeSet<_>>()))
    }

    /// The window is here, and the pages that show posts have these heights in pixels.
    pub(crate) fn look_at(self, view: View, heights: &[(PageId, f64)]) {
        let Some(posts) = self.posts() else { return };
        let (is_at_end, was_at_end) = (view.from_end < AT_END, self.is_at_end.get_value());
        self.is_at_end.set_value(is_at_end);
        let is_other = self.paging.try_update_value(|pages| pages.look(&posts, view, heights));
        if is_at_end && !was_at_end {
            self.refresh();
        } else if is_other == Some(true) {
            self.read_pages(&posts);
        }
    }

    /// The height of a page, in pixels.
    pub(crate) fn height_of(self, page: PageId) -> f64 {
        self.paging.with_value(|pages| pages.height(page))
    }

    /// Shows the newest posts.
    pub(crate) fn show_end(self) {
        if self.go_to_end() {
            self.reread();
        }
    }

    /// The newest posts are shown with the next reading. Returns whether other posts were shown.
    fn go_to_end(self) -> bool {
        let (was_at_end, shows_end) = (self.is_at_end.get_value(), self.paging.with_value(Pages::shows_end));
        if !shows_end {
            self.paging.set_value(Pages::default());
        }
        self.is_at_end.set_value(true);
        !(was_at_end && shows_end)
    }

    /// Marks the posts of a conversation as read, if it is shown. Returns how many are unread.
    fn read_posts(
        self,
        id: RoomId,
        posts: &[Brief],
        is_chosen: bool,
        get: impl FnOnce(PostKey) -> Option<Post>,
    ) -> usize {
        let (me, is_shown) = (self.node.peer(), is_chosen && self.is_shown());
        let count = |read: &mut Option<Marks>| {
            let kept = || Marks::read(&browser::stored(READ_KEY).unwrap_or_default());
            let read = read.get_or_insert_with(kept);
            let is_fresh = |post: &&Brief| post.author != me && read.is_unread(&id, **post);
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
            let text = get(newest.key()).map(|post| talk::unmentioned(&post.text).0).unwrap_or_default();
            self.spoken.set(format!("{called}: {text}"));
            posts.iter().for_each(|post| read.mark(&id, *post));
            browser::store(READ_KEY, &read.write());
            0
        };
        self.read.try_update_value(count).unwrap_or_default()
    }

    /// The direct conversations, the newest first. Of each the newest post is opened, and those that are unread; of the one that is
    /// shown the newest posts are given.
    fn read_directs(self, id: RoomId, chat: &Chat, shown: Option<(PeerId, &[Post])>) -> Vec<Correspondent> {
        let is_blocked = move |peer: PeerId| self.blocked.with_untracked(|blocked| blocked.has(peer));
        let kept = || Marks::read(&browser::stored(READ_KEY).unwrap_or_default());
        let marks =
            self.read.try_update_value(|read| read.get_or_insert_with(kept).clone()).unwrap_or_default();
        let (whom, id) = (shown.map(|(whom, _)| whom), direct_id(id));
        let read = move |direct: &Direct<'_>| {
            let correspondent = |(peer, has_written)| {
                let newest = direct.newest(peer, 1).pop()?;
                let until = WallTime::from_millis(marks.read_until(&id, peer));
                // Of a stranger a few are enough to decide.
                let most = if has_written { DIRECT_COUNTED } else { OF_STRANGER };
                let unread = if whom == Some(peer) { 0 } else { direct.count_after(peer, until, most) };
                Some(Correspondent { peer, newest, unread, is_request: !has_written })
            };
            direct.peers().filter(|(peer, _)| !is_blocked(*peer)).filter_map(correspondent).collect()
        };
        // Our own direct posts are to people whom we met.
        let mut directs: Vec<Correspondent> =
            chat.direct(whom, self.people.everybody_known(), read).unwrap_or_default();
        if let Some((whom, posts)) = shown.filter(|(whom, _)| !is_blocked(*whom)) {
            let briefs: Vec<Brief> = posts.iter().map(Brief::from).collect();
            let get = |key| posts.iter().find(|post| post.key() == key).cloned();
            let unread = self.read_posts(id, &briefs, true, get);
            let known = directs.iter_mut().filter(|known| known.peer == whom);
            known.for_each(|known| known.unread = unread);
        }
        directs.sort_by_key(|known| std::cmp::Reverse(known.newest.stamp));
        directs
    }

    /// Direct posts with a person, as `read` finds them. Of somebody whom one never answered there are few.
    fn directs_with(
        self,
        chat: &Chat,
        whom: PeerId,
        read: impl FnOnce(&Direct<'_>) -> Vec<Post> + 'static,
    ) -> Vec<Post> {
        let read = move |direct: &Direct<'_>| {
            let is_answered = direct.peers().any(|(peer, has_written)| peer == whom && has_written);
            if is_answered { read(direct) } else { direct.newest(whom, OF_STRANGER) }
        };
        chat.direct(Some(whom), self.people.everybody_known(), read).unwrap_or_default()
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

    /// Shows the posts around this one. Returns whether there is such a post.
    pub(crate) fn show_around(self, key: PostKey) -> bool {
        let Some((posts, post)) = self.posts().zip(self.get(key)) else { return false };
        self.is_at_end.set_value(false);
        self.paging.update_value(|pages| pages.reach(&posts, &post));
        self.read_pages(&posts);
        true
    }

    /// Looks at the conversation, if the room has one already.
    pub(crate) fn look<R>(self, look: impl FnOnce(&Conversation<'_>) -> R) -> Option<R> {
        self.node.look(|node, room| node.conversation(room).map(|conversation| look(&conversation))).flatten()
    }

    /// A post of the conversation that is shown; `None` if none shows.
    pub(crate) fn get(self, key: PostKey) -> Option<Post> {
        let chat = self.node.chat()?;
        match self.whom.get_untracked() {
            Some(whom) => read(chat.with(whom).get(key)),
            None => read(chat.get(key)),
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
        let (id, receipt) = sent?;
        self.node.keep_name();
        self.last.set(Some((id, self.node.peer())));
        self.reach.begin(*receipt.sequences().end());
        self.say_writing(false);
        self.begins.set_value(None);
        self.go_to_end();
        self.reread();
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

    /// Writes a deleted post of one's own again, as it was.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn restore(self, post: &Post) -> Result<(), String> {
        self.act(|chat, whom| match whom {
            Some(whom) => written(chat.with(whom).restore(post)),
            None => written(chat.restore(post)),
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
            Some(whom) => written(chat.with(whom).react(post, &mine)),
            None => written(chat.react(post.id, &mine)),
        })
    }

    /// Hides a post from everybody, or shows it again.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn set_hidden(self, key: PostKey, is_hidden: bool) -> Result<(), String> {
        self.act(|chat, _| match is_hidden {
            true => written(chat.hide(key)),
            false => written(chat.show(key)),
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
        let chat = self.node.chat().ok_or_else(not_open)?;
        act(&chat, self.whom.get_untracked())?;
        self.reread();
        Ok(())
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

    /// Reads what is begun in the conversation that is shown. Tracked.
    pub(crate) fn begun<R: Default>(self, read: impl FnOnce(&Begun) -> R) -> R {
        self.begun.with(|all| all.of(self.whom.get()).map(read).unwrap_or_default())
    }

    /// Changes what is begun in the conversation that is shown.
    pub(crate) fn begin_with<R>(self, change: impl FnOnce(&mut Begun) -> R) -> R {
        let whom = self.whom.get_untracked();
        let change = |all: &mut AllBegun| all.change(whom, change);
        self.begun.try_update(change).expect("the session lives as long as the page")
    }

    /// Adds a file to the next post of the conversation that is shown. Returns its number; `None` if a post has no more files.
    pub(crate) fn choose(self, name: &str, size: u64) -> Option<u64> {
        let number = self.chosen.get_value();
        self.chosen.set_value(number + 1);
        self.begin_with(|begun| begun.choose(number, name, size)).then_some(number)
    }

    /// The bytes of a chosen file are read, or in words, why not.
    pub(crate) fn arrive(self, number: u64, read: Result<File, String>) {
        self.begun.update(|all| all.arrive(number, read));
    }

    fn with_drafts<R>(self, work: impl FnOnce(&mut Drafts) -> R) -> R {
        let work = |drafts: &mut Option<Drafts>| {
            let kept = || Drafts::read(&browser::stored(DRAFTS_KEY).unwrap_or_default());
            work(drafts.get_or_insert_with(kept))
        };
        self.drafts.try_update_value(work).expect("the session lives as long as the page")
    }
}

/// The posts of a conversation, without those of people who are muted.
struct Posts {
    talk: Talk,
    chat: Chat,
    /// The person of direct posts.
    whom: Option<PeerId>,
}

impl Source for Posts {
    fn after(&self, post: Option<&Post>, most: usize) -> Vec<Post> {
        let after = post.cloned();
        let Some(whom) = self.whom else {
            return match post {
                Some(post) => read(self.chat.after(post, most)),
                None => read(self.chat.around(0, most)),
            };
        };
        let read = move |direct: &Direct<'_>| direct.after(whom, after.as_ref(), most);
        let mut posts = self.talk.directs_with(&self.chat, whom, read);
        posts.retain(|other| Some(place(other)) > post.map(place));
        posts.truncate(most);
        posts
    }

    fn before(&self, post: Option<&Post>, most: usize) -> Vec<Post> {
        let before = post.cloned();
        let Some(whom) = self.whom else { return read(self.chat.newest(post, most)) };
        let read = move |direct: &Direct<'_>| direct.before(whom, before.as_ref(), most);
        let mut posts = self.talk.directs_with(&self.chat, whom, read);
        posts.retain(|other| post.is_none_or(|post| place(other) < place(post)));
        posts.split_off(posts.len().saturating_sub(most))
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
