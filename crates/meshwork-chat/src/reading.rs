//! Reads the posts of a table.
//!
//! Anybody can write in any row, so the cost of a row must not grow with what strangers put there. Of a row are read, by key: the
//! moderators' field, the fields of the author whom its id names, and those of the reader. Of all other entries the first
//! [`OTHERS_MAX`] are read. Rows are found by seeking from one to the next.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::table::{Entry, Table, Writer};

use crate::post::{Brief, NAMED, Named, Place, Post, PostError, PostId, PostKey, Reaction};
use crate::row::{
    END, HIDDEN, Hidden, KNOWN, Own, PREFIX, REACTIONS, WINDOW_MS, decode_reactions, id_of, own, row_of,
    window,
};
use crate::text::{fit, fit_lines, folded};

/// Entries of strangers that are read of one row: reactions, and the posts in a row of version 0.2. So many people react to few
/// posts, and all of them together take less than a millisecond.
pub const OTHERS_MAX: usize = 256;
/// Different reactions that are read of one row: more than a line shows.
pub const KINDS_MAX: usize = 32;
/// Entries of one author that are read in a row before the known fields are read by key.
const OWN_MAX: usize = 16;
/// Authors whose keys begin as an id says. Each further one costs 2^40 trials.
const NAMED_MAX: usize = 4;
/// Rows around a post of version 0.2 in which posts that its author had seen are looked for: on this side of it, and on the
/// other side for authors whose clocks differ.
const LOOK_BACK: usize = 256;
const LOOK_AHEAD: usize = 16;

/// The posts of a table. Each call reads the table as it is now.
///
/// Posts stand in the order of the time at which they were first written, and each behind those that its author had seen.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    pub(crate) table: &'a Table,
    /// Whose own posts and reactions are read in every row.
    reader: Option<PeerId>,
    /// Whose posts are left out.
    muted: Option<&'a BTreeSet<PeerId>>,
}

/// The posts of a row, and whether it has more of them than are read.
type InRow<'a> = (Vec<Own<'a>>, bool);

impl<'a> Conversation<'a> {
    /// The posts of the table [`replica`](crate::replica).
    pub fn of(table: &'a Table) -> Conversation<'a> {
        Conversation { table, reader: None, muted: None }
    }

    /// The same as this person reads them: also with the person's own posts and reactions in rows of which only a part is read.
    #[must_use]
    pub fn read_by(self, reader: PeerId) -> Conversation<'a> {
        Conversation { reader: Some(reader), ..self }
    }

    /// The same without the posts of these people. They are left out while rows are read, so a page of posts is full whatever
    /// they wrote.
    #[must_use]
    pub fn without(self, muted: &'a BTreeSet<PeerId>) -> Conversation<'a> {
        Conversation { muted: Some(muted), ..self }
    }

    /// All posts, the earliest first.
    pub fn all(&self) -> Vec<Post> {
        self.built_all(self.later(None, usize::MAX))
    }

    /// The newest posts, at most `most`, the earliest first; with `before` only posts before that one.
    pub fn newest(&self, before: Option<&Post>, most: usize) -> Vec<Post> {
        self.built_all(self.earlier(before.map(Post::place), most))
    }

    /// The places of the newest posts, as [`newest`](Conversation::newest), without their texts, reactions and gaps.
    pub fn briefs(&self, most: usize) -> Vec<Brief> {
        let brief = |(stamp, id, author)| Brief { stamp, id, author };
        self.earlier(None, most).into_keys().map(brief).collect()
    }

    /// The posts after this one, at most `most` of the earliest, the earliest first.
    pub fn after(&self, post: &Post, most: usize) -> Vec<Post> {
        self.built_all(self.later(Some((post.place(), false)), most))
    }

    /// Posts around a time in milliseconds since 1970, at most `most`, the earliest first: up to half of them earlier, the rest
    /// from that time on.
    pub fn around(&self, at_ms: u64, most: usize) -> Vec<Post> {
        let place = (Stamp::new(at_ms, 0).unwrap_or(Stamp::LAST), PostId([0; _]), PeerId([0; 32]));
        let mut posts = self.built_all(self.earlier(Some(place), most / 2));
        posts.extend(self.built_all(self.later(Some((place, true)), most - posts.len())));
        posts
    }

    /// A post; `None` if none shows, or if several have this id and the author is not named.
    pub fn get(&self, post: impl Into<Named>) -> Option<Post> {
        let PostKey { id, author } = self.find(post).ok()?;
        self.get_by(id, author)
    }

    /// The post of an author in this row; `None` if none shows.
    pub fn get_by(&self, id: PostId, author: PeerId) -> Option<Post> {
        self.built_all([self.shown_by(id, author)?]).pop()
    }

    /// The id and the author of a post that shows.
    ///
    /// # Errors
    /// [`PostError::NoSuchPost`], or [`PostError::SeveralPosts`] if the author is not named and the id does not suffice.
    pub fn find(&self, post: impl Into<Named>) -> Result<PostKey, PostError> {
        let Named { id, author } = post.into();
        let found = match author {
            Some(author) => self.shown_by(id, author).map(|_| author),
            None => match &self.in_row(id).0[..] {
                [one] => Some(one.author),
                [] => None,
                _ => return Err(PostError::SeveralPosts(id)),
            },
        };
        found.map(|author| PostKey { id, author }).ok_or(PostError::NoSuchPost(id))
    }

    /// Looks through at most `rows` rows backwards, from before `from` or from the newest on. Returns the posts that have all of
    /// these words, the newest first, and the id from which to go on; `None` once all rows were looked through. A word is any
    /// part of a text, in upper or lower case.
    pub fn search(&self, words: &str, from: Option<PostId>, rows: usize) -> (Vec<Post>, Option<PostId>) {
        let words = folded(words);
        let words: Vec<&str> = words.split_whitespace().collect();
        let has_all = |own: &Own<'_>| {
            let names = own.files.iter().flat_map(|file| [" ", &*file.name]);
            let text = folded(&names.fold(own.text.to_owned(), |text, part| text + part));
            words.iter().all(|word| text.contains(word))
        };
        let (mut found, mut last) = (Vec::new(), None);
        let mut left = self.rows_before(from.map_or(END.to_vec(), row_of));
        for id in left.by_ref().take(rows) {
            let mut own: Vec<_> = self.in_row(id).0.into_iter().filter(has_all).collect();
            own.sort_by_key(|own| std::cmp::Reverse(own.place(id)));
            found.extend(self.built_all(own.into_iter().map(|own| (own.place(id), own))));
            last = Some(id);
        }
        let is_more = left.next().is_some();
        (found, last.filter(|_| is_more))
    }

    /// The last posts before a place.
    fn earlier(&self, before: Option<Place>, most: usize) -> BTreeMap<Place, Own<'a>> {
        let end = before.map_or(END.to_vec(), |(stamp, ..)| row_of(PostId::first_at(stamp.millis() + 1)));
        let mut found = BTreeMap::new();
        for id in self.rows_before(end) {
            let is_enough = found.len() >= most;
            if is_enough
                && found.first_key_value().is_none_or(|((first, ..), _): (&Place, _)| window(id).1 < *first)
            {
                break;
            }
            for own in self.in_row(id).0 {
                let place = own.place(id);
                if before.is_none_or(|before| place < before) {
                    found.insert(place, own);
                }
            }
            while found.len() > most {
                found.pop_first();
            }
        }
        found
    }

    /// The first posts from a place on, which is one of them or not.
    fn later(&self, from: Option<(Place, bool)>, most: usize) -> BTreeMap<Place, Own<'a>> {
        let start = from.map_or(PREFIX.to_vec(), |((stamp, ..), _)| {
            row_of(PostId::first_at(stamp.millis().saturating_sub(WINDOW_MS)))
        });
        let mut found = BTreeMap::new();
        for id in self.rows_from(start) {
            let is_enough = found.len() >= most;
            if is_enough
                && found.last_key_value().is_none_or(|((last, ..), _): (&Place, _)| *last < window(id).0)
            {
                break;
            }
            for own in self.in_row(id).0 {
                let place = own.place(id);
                let is_wanted = |(from, is_wanted): (Place, bool)| place > from || is_wanted && place == from;
                if from.is_none_or(is_wanted) {
                    found.insert(place, own);
                }
            }
            while found.len() > most {
                found.pop_last();
            }
        }
        found
    }

    /// Builds posts, of which those of one row stand together or nearly so.
    fn built_all(&self, found: impl IntoIterator<Item = (Place, Own<'a>)>) -> Vec<Post> {
        let mut rows: BTreeMap<PostId, (Vec<Reaction>, bool)> = BTreeMap::new();
        let mut build = |((_, id, author), own): (Place, Own<'a>)| {
            let (reactions, has_more) = rows.entry(id).or_insert_with(|| self.reactions(id, author));
            let missing = own.seen.iter().filter(|seen| !self.shows(**seen)).count();
            Post {
                id,
                author,
                at: own.stamp.wall(),
                stamp: own.stamp,
                is_edited: own.is_edited,
                is_newer: own.is_newer,
                text: fit_lines(own.text),
                re: own.re,
                files: own.files,
                reactions: reactions.clone(),
                has_more: *has_more,
                missing: missing + self.missing_near(id, own.after),
            }
        };
        found.into_iter().map(&mut build).collect()
    }

    /// Whether a post of this id shows.
    pub(crate) fn shows(&self, id: PostId) -> bool {
        !self.in_row(id).0.is_empty()
    }

    /// How many posts with such tails do not show near this one.
    fn missing_near(&self, id: PostId, mut tails: Vec<&[u8]>) -> usize {
        if tails.is_empty() {
            return 0;
        }
        let row = row_of(id);
        let rows = self.rows_before(row.clone()).take(LOOK_BACK).chain(self.rows_from(row).take(LOOK_AHEAD));
        for other in rows {
            if tails.contains(&other.tail()) && self.shows(other) {
                tails.retain(|tail| *tail != other.tail());
            }
            if tails.is_empty() {
                break;
            }
        }
        tails.len()
    }

    /// The ids of the rows of posts before this row, backwards.
    fn rows_before(&self, mut end: Vec<u8>) -> impl Iterator<Item = PostId> + use<'a> {
        let table = self.table;
        let rows = std::iter::from_fn(move || {
            visit();
            let row = table.row_before(PREFIX, &end)?;
            row.clone_into(&mut end);
            Some(id_of(row))
        });
        rows.flatten()
    }

    /// The ids of the rows of posts from this row on.
    fn rows_from(&self, mut start: Vec<u8>) -> impl Iterator<Item = PostId> + use<'a> {
        let table = self.table;
        let rows = std::iter::from_fn(move || {
            visit();
            let row = table.row_from(PREFIX, &start)?;
            row.clone_into(&mut start);
            // The least row behind this one.
            start.push(0);
            Some(id_of(row))
        });
        rows.flatten()
    }

    /// The value of the field with which moderators hide posts of a row.
    pub(crate) fn hidden(&self, row: &[u8]) -> Hidden<'a> {
        visit();
        Hidden::of(self.table.get(row, &Writer::Moderators.field(HIDDEN)).and_then(Entry::value))
    }

    /// The posts of a row that show.
    fn in_row(&self, id: PostId) -> InRow<'a> {
        let row = row_of(id);
        let hidden = self.hidden(&row);
        if hidden == Hidden::Everybody {
            return (Vec::new(), false);
        }
        let (authors, has_more) = self.authors(&row, id);
        let is_shown = |author: &PeerId| !hidden.covers(*author) && !self.is_muted(*author);
        let authors = authors.into_iter().filter(is_shown);
        (authors.filter_map(|author| self.own(&row, id, author)).collect(), has_more)
    }

    /// The post of an author in a row, if it shows.
    fn shown_by(&self, id: PostId, author: PeerId) -> Option<(Place, Own<'a>)> {
        let row = row_of(id);
        let is_shown =
            self.may_show(&row, id, author) && !self.hidden(&row).covers(author) && !self.is_muted(author);
        let own = if is_shown { self.own(&row, id, author) } else { None }?;
        Some((own.place(id), own))
    }

    fn is_muted(&self, author: PeerId) -> bool {
        self.muted.is_some_and(|muted| muted.contains(&author))
    }

    /// Whether a post of this author in a row counts: the author is the one whom the id names, or the id names nobody there.
    pub(crate) fn may_show(&self, row: &[u8], id: PostId, author: PeerId) -> bool {
        id.names(author) || self.named(row, id).is_empty()
    }

    /// The people of whom there may be posts in a row, and whether there are more.
    pub(crate) fn authors(&self, row: &[u8], id: PostId) -> (Vec<PeerId>, bool) {
        let named = self.named(row, id);
        if !named.is_empty() {
            return (named, false);
        }
        let (entries, has_more) = self.others(row);
        let mut authors: Vec<PeerId> = entries.iter().filter_map(|entry| writer_of(entry)).collect();
        authors.dedup();
        authors.extend(self.reader.filter(|reader| !authors.contains(reader)));
        (authors, has_more)
    }

    /// The people who hold fields in a row and whom its id names. Removed fields count: nobody gets the row of a removed post.
    fn named(&self, row: &[u8], id: PostId) -> Vec<PeerId> {
        let mut key = [0; 32];
        key[..NAMED].copy_from_slice(&id.tail()[..NAMED]);
        let (mut next, mut named) = (Some(PeerId(key)), Vec::new());
        while let Some(from) = next.filter(|_| named.len() < NAMED_MAX) {
            visit();
            let first = self.table.row_part(row, (Writer::Peer(from), &[])).next();
            let author = first.and_then(|(entry, _)| writer_of(entry)).filter(|author| id.names(*author));
            named.extend(author);
            next = author.and_then(following);
        }
        named
    }

    /// The post of an author in a row.
    pub(crate) fn own(&self, row: &[u8], id: PostId, author: PeerId) -> Option<Own<'a>> {
        let writer = Writer::Peer(author);
        let (mut entries, mut has_many) = (Vec::new(), false);
        for (place, (entry, shows)) in self.table.row_part(row, (writer, &[])).enumerate() {
            visit();
            if entry.field().0 != writer {
                break;
            }
            if place == OWN_MAX {
                has_many = true;
                break;
            }
            entries.extend(Some(entry).filter(|_| shows));
        }
        if has_many {
            let known = KNOWN.iter().filter_map(|name| self.table.get(row, &writer.field(name)));
            entries = known.inspect(|_| visit()).collect();
        }
        own(id, author, &entries, has_many)
    }

    /// The first entries of people in a row, and whether it has more.
    fn others(&self, row: &[u8]) -> (Vec<&'a Entry>, bool) {
        let first = (Writer::Peer(PeerId([0; 32])), &[][..]);
        let of_people = self.table.row_part(row, first).take_while(|(entry, _)| writer_of(entry).is_some());
        let mut read = of_people.inspect(|_| visit());
        let entries = read.by_ref().take(OTHERS_MAX).filter(|(_, shows)| *shows).map(|(entry, _)| entry);
        (entries.collect(), read.next().is_some())
    }

    /// The reactions in the row of a post, and whether there is more in it than is read.
    fn reactions(&self, id: PostId, author: PeerId) -> (Vec<Reaction>, bool) {
        let row = row_of(id);
        let (mut given, has_more) = self.others(&row);
        given.retain(|entry| entry.field().1 == REACTIONS);
        for peer in self.reader.into_iter().chain([author]) {
            visit();
            let entry = self.table.get(&row, &Writer::Peer(peer).field(REACTIONS));
            given.extend(entry.filter(|_| given.iter().all(|other| other.author() != peer)));
        }
        given.sort_by_key(|entry| (entry.stamp(), entry.author()));
        let mut reactions: Vec<Reaction> = Vec::new();
        let mut places: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        let mut is_cut = false;
        for entry in given {
            let by = entry.author();
            for emoji in decode_reactions(entry.value().unwrap_or_default()) {
                let has_room = reactions.len() < KINDS_MAX || self.reader == Some(by);
                if !has_room && !places.contains_key(emoji) {
                    is_cut = true;
                    continue;
                }
                let place = *places.entry(emoji).or_insert_with(|| {
                    let shown = Some(fit(emoji)).filter(|shown| !shown.trim().is_empty())?;
                    reactions.push(Reaction { emoji: shown, by: Vec::new() });
                    Some(reactions.len() - 1)
                });
                let Some(place) = place else { continue };
                if reactions[place].by.last() != Some(&by) {
                    reactions[place].by.push(by);
                }
            }
        }
        (reactions, has_more || is_cut)
    }
}

/// The person who writes a field.
fn writer_of(entry: &Entry) -> Option<PeerId> {
    match entry.field().0 {
        Writer::Peer(peer) => Some(peer),
        _ => None,
    }
}

/// The least key behind this one; `None` behind the last.
fn following(PeerId(mut key): PeerId) -> Option<PeerId> {
    for byte in key.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(PeerId(key));
        }
    }
    None
}

/// Counts what is read of a table, for tests.
fn visit() {
    #[cfg(test)]
    VISITED.with(|visited| visited.set(visited.get() + 1));
}

#[cfg(test)]
thread_local! {
    pub(crate) static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
