//! Reads the posts of a table.

use std::collections::BTreeMap;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::table::{Entry, Table, Writer};

use crate::post::{Place, Post, PostId, Reaction};
use crate::row::{END, Own, PREFIX, REACTIONS, WINDOW_MS, decode_reactions, id_of, posts, row_of, window};
use crate::text::{fit, fit_lines, folded};

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
}

/// A row and its entries, of which those of one writer stand together.
type Row<'a> = (PostId, Vec<&'a Entry>);

impl<'a> Conversation<'a> {
    /// The posts of the table [`replica`](crate::replica).
    pub fn of(table: &'a Table) -> Conversation<'a> {
        Conversation { table }
    }

    /// All posts, the earliest first.
    pub fn all(&self) -> Vec<Post> {
        self.later(None, usize::MAX)
    }

    /// The newest posts, at most `most`, the earliest first; with `before` only posts before that one.
    pub fn newest(&self, before: Option<&Post>, most: usize) -> Vec<Post> {
        self.earlier(before.map(Post::place), most)
    }

    /// The posts after this one, at most `most` of the earliest, the earliest first.
    pub fn after(&self, post: &Post, most: usize) -> Vec<Post> {
        self.later(Some((post.place(), false)), most)
    }

    /// Posts around a time in milliseconds since 1970, at most `most`, the earliest first: up to half of them earlier, the rest
    /// from that time on.
    pub fn around(&self, at_ms: u64, most: usize) -> Vec<Post> {
        let place = (Stamp::new(at_ms, 0).unwrap_or(Stamp::LAST), PostId([0; _]), PeerId([0; 32]));
        let mut posts = self.earlier(Some(place), most / 2);
        posts.extend(self.later(Some((place, true)), most - posts.len()));
        posts
    }

    /// A post; `None` if none shows. If several authors wrote in its row, the earliest.
    pub fn get(&self, id: PostId) -> Option<Post> {
        self.in_row(id).into_iter().min_by_key(Post::place)
    }

    /// The post of an author in this row; `None` if none shows.
    pub fn get_by(&self, id: PostId, author: PeerId) -> Option<Post> {
        self.in_row(id).into_iter().find(|post| post.author == author)
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
        let end = from.map_or(END.to_vec(), row_of);
        let mut left = self.rows_before(&end);
        for (id, entries) in left.by_ref().take(rows) {
            let mut own: Vec<_> = posts(id, &entries).into_iter().filter(has_all).collect();
            own.sort_by_key(|own| own.place(id));
            found.extend(own.into_iter().rev().map(|own| self.built(id, &entries, own)));
            last = Some(id);
        }
        let is_more = left.next().is_some();
        (found, last.filter(|_| is_more))
    }

    /// The posts of a row.
    fn in_row(&self, id: PostId) -> Vec<Post> {
        let entries: Vec<&Entry> = self.table.row(&row_of(id)).collect();
        posts(id, &entries).into_iter().map(|own| self.built(id, &entries, own)).collect()
    }

    /// The last posts before a place.
    fn earlier(&self, before: Option<Place>, most: usize) -> Vec<Post> {
        let end = before.map_or(END.to_vec(), |(stamp, ..)| row_of(PostId::first_at(stamp.millis() + 1)));
        let mut found = BTreeMap::new();
        for (id, entries) in self.rows_before(&end) {
            let is_enough = found.len() >= most;
            if is_enough
                && found.first_key_value().is_none_or(|((first, ..), _): (&Place, _)| window(id).1 < *first)
            {
                break;
            }
            for own in posts(id, &entries) {
                let place = own.place(id);
                if before.is_none_or(|before| place < before) {
                    found.insert(place, (entries.clone(), own));
                }
            }
            while found.len() > most {
                found.pop_first();
            }
        }
        self.read(found)
    }

    /// The first posts from a place on, which is one of them or not.
    fn later(&self, from: Option<(Place, bool)>, most: usize) -> Vec<Post> {
        let start = from.map_or(PREFIX.to_vec(), |((stamp, ..), _)| {
            row_of(PostId::first_at(stamp.millis().saturating_sub(WINDOW_MS)))
        });
        let mut found = BTreeMap::new();
        for (id, entries) in self.rows_from(&start) {
            let is_enough = found.len() >= most;
            if is_enough
                && found.last_key_value().is_none_or(|((last, ..), _): (&Place, _)| *last < window(id).0)
            {
                break;
            }
            for own in posts(id, &entries) {
                let place = own.place(id);
                let is_wanted = |(from, is_wanted): (Place, bool)| place > from || is_wanted && place == from;
                if from.is_none_or(is_wanted) {
                    found.insert(place, (entries.clone(), own));
                }
            }
            while found.len() > most {
                found.pop_last();
            }
        }
        self.read(found)
    }

    fn read(&self, found: BTreeMap<Place, (Vec<&'a Entry>, Own<'a>)>) -> Vec<Post> {
        found.into_iter().map(|((_, id, _), (entries, own))| self.built(id, &entries, own)).collect()
    }

    fn built(&self, id: PostId, entries: &[&Entry], own: Own<'_>) -> Post {
        let missing = own.seen.iter().filter(|seen| !self.shows(**seen)).count();
        let missing = missing + self.missing_near(id, own.after);
        Post {
            id,
            author: own.author,
            at: own.stamp.wall(),
            stamp: own.stamp,
            is_edited: own.is_edited,
            is_newer: own.is_newer,
            text: fit_lines(own.text),
            re: own.re,
            files: own.files,
            reactions: reactions(entries),
            missing,
        }
    }

    /// Whether a post of this id shows.
    fn shows(&self, id: PostId) -> bool {
        let entries: Vec<&Entry> = self.table.row(&row_of(id)).collect();
        !posts(id, &entries).is_empty()
    }

    /// How many posts with such tails do not show near this one.
    fn missing_near(&self, id: PostId, mut tails: Vec<&[u8]>) -> usize {
        if tails.is_empty() {
            return 0;
        }
        let row = row_of(id);
        let rows = self.rows_before(&row).take(LOOK_BACK).chain(self.rows_from(&row).take(LOOK_AHEAD));
        for (other, entries) in rows {
            if tails.contains(&other.tail()) && !posts(other, &entries).is_empty() {
                tails.retain(|tail| *tail != other.tail());
            }
            if tails.is_empty() {
                break;
            }
        }
        tails.len()
    }

    /// The rows of posts before this one, backwards.
    fn rows_before<'row>(&self, end: &'row [u8]) -> impl Iterator<Item = Row<'a>> + use<'a, 'row> {
        grouped(self.table.entries_before(PREFIX, end))
    }

    /// The rows of posts from this one on.
    fn rows_from<'row>(&self, start: &'row [u8]) -> impl Iterator<Item = Row<'a>> + use<'a, 'row> {
        grouped(self.table.entries_from(PREFIX, start))
    }
}

/// The rows of these entries.
fn grouped<'a>(entries: impl Iterator<Item = &'a Entry>) -> impl Iterator<Item = Row<'a>> {
    let mut entries = entries.filter_map(|entry| Some((id_of(entry.row())?, entry))).peekable();
    std::iter::from_fn(move || {
        let (id, first) = entries.next()?;
        let mut row = vec![first];
        while let Some((_, entry)) = entries.next_if(|(other, _)| *other == id) {
            row.push(entry);
        }
        Some((id, row))
    })
}

/// The reactions in a row with these entries.
fn reactions(entries: &[&Entry]) -> Vec<Reaction> {
    let own = |entry: &&&Entry| matches!(entry.field(), (Writer::Peer(_), REACTIONS));
    let mut given: Vec<&&Entry> = entries.iter().filter(own).collect();
    given.sort_by_key(|entry| (entry.stamp(), entry.author()));
    let mut reactions: Vec<(&str, Vec<PeerId>)> = Vec::new();
    for entry in given {
        for emoji in decode_reactions(entry.value().unwrap_or_default()) {
            match reactions.iter_mut().find(|(other, _)| *other == emoji) {
                Some((_, by)) if by.last() == Some(&entry.author()) => {}
                Some((_, by)) => by.push(entry.author()),
                None => reactions.push((emoji, vec![entry.author()])),
            }
        }
    }
    let shown = reactions.into_iter().map(|(emoji, by)| Reaction { emoji: fit(emoji), by });
    shown.filter(|reaction| !reaction.emoji.trim().is_empty()).collect()
}
