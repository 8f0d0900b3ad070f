//! Direct posts: rows of the conversation's table that are sealed for two people.
//!
//! # Problem
//! Two people of a room write to each other while the other is away, and any member or keeper delivers it. Nobody else
//! reads the text or learns for whom it is.
//!
//! # How it works
//! Two peers share a secret by their long-term keys, without a message: see [`SharedSecret`]. Keys for one room follow from
//! it by HKDF-SHA256 (RFC 5869). A direct post is a row that begins with a tag of its author, the reader and the day: whoever
//! shares the secret computes the same tag, and finds and opens the row. All others see the author, the time and a
//! rounded length. The value is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) over the padded post; room, row and author are
//! authenticated with it, so a copied value opens nowhere else. The nonce is a keyed hash of row and text: no randomness
//! is needed, and two texts never share one. docs/protocol/conversation.md has the bytes.
//!
//! # Driving it
//! [`Keys`] holds the keys of one peer in one room. [`Keys::agree`] learns those of the peers that [`Keys::lacks`] names, and of
//! everybody to whom this peer may have written. [`Direct`] then reads a table with them and makes the writes that change it.
//!
//! # Limits
//! A sealed value has at most 16,424 bytes, so texts have the same limit as open posts. A stolen identity opens all
//! posts that it ever wrote or received.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, PeerId, RoomId, SharedSecret};
use meshwork_core::node::Node;
use meshwork_core::table::{Change as FieldChange, Entry, TIME_TAIL, Table, Write, Writer};
use meshwork_core::time::WallTime;
use meshwork_core::wire::{self, Bounded, BoundedText};
use serde::{Deserialize, Serialize};

use crate::post::{
    FILES_MAX, NewPost, Post, PostError, PostId, REACTIONS_BYTES_MAX, REACTIONS_MAX, Reaction, TEXT_MAX,
};
use crate::row::{decode_files, encode_files, window};
use crate::text::{fit, fit_lines};
use crate::writing::{check_text, reaction_lines};

/// The beginning of a sealed row.
const PREFIX: &[u8] = b"d\0";
/// The author's field for the sealed value.
const FIELD: &[u8] = b"x";
/// Bytes of the tag behind the prefix.
const TAG: usize = 8;
/// Bytes of a nonce in front of the sealed text.
const NONCE: usize = 24;
/// Lengths to which posts are padded, so that a sealed value tells little of its text.
const SIZES: [usize; 5] = [128, 512, 2048, 8192, 16_384];
/// Bytes in front of a post that say how long it is.
const LENGTH: usize = 2;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The keys of one peer for direct posts in one room.
pub struct Keys {
    room: RoomId,
    me: PeerId,
    known: BTreeMap<PeerId, Option<Pair>>,
    tags: RefCell<BTreeMap<(PeerId, PeerId, u64), [u8; TAG]>>,
}

/// The keys that two peers share.
struct Pair {
    secret: SharedSecret,
    key: [u8; 32],
    nonce: [u8; 32],
}

impl fmt::Debug for Keys {
    /// The keys stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("room", &self.room).field("me", &self.me).finish_non_exhaustive()
    }
}

impl Keys {
    /// No keys yet, for this peer in this room.
    pub fn new(room: RoomId, me: PeerId) -> Keys {
        Keys { room, me, known: BTreeMap::new(), tags: RefCell::default() }
    }

    /// Takes the secret that this peer shares with another one; `None` if the other's id is no key to agree with.
    pub fn learn(&mut self, peer: PeerId, secret: Option<SharedSecret>) {
        let pair = secret.map(|secret| {
            let (one, other) = (self.me.min(peer), self.me.max(peer));
            let derive = |label: &[u8]| secret.key(&self.room.0, &[label, &one.0, &other.0].concat());
            let (key, nonce) = (derive(b"meshwork direct v1"), derive(b"meshwork direct nonce v1"));
            Pair { secret, key, nonce }
        });
        self.known.insert(peer, pair);
    }

    /// Agrees with those of these peers whom it does not know yet.
    pub fn agree(&mut self, node: &Node, peers: impl IntoIterator<Item = PeerId>) {
        for peer in peers {
            if peer != self.me && !self.knows(peer) {
                self.learn(peer, node.agree(peer));
            }
        }
    }

    /// Whether it knows whether this peer shares a secret with another one.
    pub fn knows(&self, peer: PeerId) -> bool {
        self.known.contains_key(&peer)
    }

    /// Authors of direct posts in a table whom it does not know yet.
    pub fn lacks(&self, table: &Table) -> Vec<PeerId> {
        let authors: BTreeSet<PeerId> = table.entries(PREFIX).filter_map(author_of).collect();
        authors.into_iter().filter(|author| *author != self.me && !self.knows(*author)).collect()
    }

    /// Whether this peer wrote direct posts in a table. To open them it needs the keys of the people to whom it may have written.
    pub fn has_written(&self, table: &Table) -> bool {
        table.entries(PREFIX).any(|entry| author_of(entry) == Some(self.me))
    }

    /// The tag of rows that `author` writes for `reader` on a day.
    fn tag(&self, author: PeerId, reader: PeerId, day: u64) -> Option<[u8; TAG]> {
        if let Some(tag) = self.tags.borrow().get(&(author, reader, day)) {
            return Some(*tag);
        }
        let pair = self.pair(if author == self.me { reader } else { author })?;
        let info = [b"meshwork direct tag v1", &author.0[..], &reader.0, &day.to_le_bytes()].concat();
        let tag = *pair.secret.key(&self.room.0, &info).first_chunk().expect("a key is longer than a tag");
        self.tags.borrow_mut().insert((author, reader, day), tag);
        Some(tag)
    }

    fn pair(&self, peer: PeerId) -> Option<&Pair> {
        self.known.get(&peer)?.as_ref()
    }

    fn seal(&self, peer: PeerId, row: &[u8], inside: &Inside) -> Result<Vec<u8>, PostError> {
        let pair = self.pair(peer).ok_or(PostError::NoKey(peer))?;
        let body = wire::encode(inside);
        let length = u16::try_from(body.len()).map_err(|_| PostError::TextTooLong(body.len()))?;
        let least = LENGTH + body.len();
        let size = SIZES.iter().find(|size| **size >= least).ok_or(PostError::TextTooLong(body.len()))?;
        let mut padded = [&length.to_le_bytes()[..], &body].concat();
        padded.resize(*size, 0);
        let mut hasher = blake3::Hasher::new_keyed(&pair.nonce);
        hasher.update(&(row.len() as u64).to_le_bytes()).update(row).update(&self.me.0).update(&padded);
        let nonce: [u8; NONCE] = *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer");
        let about = self.about(row, self.me);
        let cipher = XChaCha20Poly1305::new(&pair.key.into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: &padded, aad: &about });
        let sealed = sealed.expect("a post is shorter than the cipher's limit");
        Ok([&nonce[..], &sealed].concat())
    }

    fn open(&self, peer: PeerId, author: PeerId, row: &[u8], value: &[u8]) -> Option<Opened> {
        let pair = self.pair(peer)?;
        let (nonce, sealed) = value.split_first_chunk::<NONCE>()?;
        let about = self.about(row, author);
        let cipher = XChaCha20Poly1305::new(&pair.key.into());
        let padded = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &about }).ok()?;
        let (length, rest) = padded.split_first_chunk::<LENGTH>()?;
        let body = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
        // Its author could seal it, so bytes of another form come from another version.
        Some(wire::decode(body).map_or(Opened::Newer, Opened::Known))
    }

    fn about(&self, row: &[u8], author: PeerId) -> Vec<u8> {
        [&self.room.0[..], &author.0, row].concat()
    }
}

/// The sealed part of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Inside {
    Post {
        text: BoundedText<TEXT_MAX>,
        re: Option<[u8; TIME_TAIL]>,
        /// As the files of open posts.
        files: Vec<u8>,
        /// The keys of the files' bytes.
        keys: Bounded<[u8; 32], FILES_MAX>,
        /// The stamp with which an edited post was first written.
        first: Option<u64>,
    },
    Reaction {
        to: [u8; TIME_TAIL],
        /// A line each.
        emoji: BoundedText<REACTIONS_BYTES_MAX>,
    },
}

/// A row that its reader opened.
enum Opened {
    Known(Inside),
    /// Another version wrote it.
    Newer,
}

fn author_of(entry: &Entry) -> Option<PeerId> {
    match entry.field() {
        (Writer::Peer(author), FIELD) => Some(author),
        _ => None,
    }
}

/// The time in a sealed row's last bytes, as the id of its post.
fn id_of(row: &[u8]) -> Option<PostId> {
    let rest = row.strip_prefix(PREFIX)?;
    let (_, id) = rest.split_first_chunk::<TAG>()?;
    id.try_into().ok().map(PostId)
}

fn row_of(tag: [u8; TAG], id: PostId) -> Vec<u8> {
    [PREFIX, &tag, &id.0].concat()
}

/// The direct posts of a table that this peer can open, by the other person. It is made of the table as it is now, with the
/// keys that are known now.
pub struct Direct<'a> {
    keys: &'a Keys,
    rows: BTreeMap<PeerId, Vec<Row<'a>>>,
}

struct Row<'a> {
    id: PostId,
    author: PeerId,
    entry: &'a Entry,
}

impl<'a> Direct<'a> {
    /// Whether one of these changes of the table is about a direct post, of anybody.
    pub fn touches(changes: &[FieldChange]) -> bool {
        changes.iter().any(|change| change.row().starts_with(PREFIX))
    }

    /// The direct posts of the table [`replica`](crate::replica).
    pub fn of(table: &'a Table, keys: &'a Keys) -> Direct<'a> {
        let mut rows: BTreeMap<PeerId, Vec<Row<'a>>> = BTreeMap::new();
        for entry in table.entries(PREFIX) {
            let (Some(author), Some(id)) = (author_of(entry), id_of(entry.row())) else { continue };
            let day = id.time_ms() / DAY_MS;
            let has_tag = |reader: PeerId| {
                keys.tag(author, reader, day).is_some_and(|tag| entry.row()[PREFIX.len()..].starts_with(&tag))
            };
            let other = match author == keys.me {
                true => keys.known.keys().copied().find(|reader| has_tag(*reader)),
                false => Some(author).filter(|_| has_tag(keys.me)),
            };
            if let Some(other) = other {
                rows.entry(other).or_default().push(Row { id, author, entry });
            }
        }
        rows.values_mut().for_each(|rows| rows.sort_by_key(|row| (row.id, row.author)));
        Direct { keys, rows }
    }

    /// The people with whom there are rows, and whether this peer wrote any of them. Nothing is opened for it.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, bool)> {
        self.rows.iter().map(|(peer, rows)| (*peer, rows.iter().any(|row| row.author == self.keys.me)))
    }

    /// The people with whom there are direct posts, each with the newest post, and whether this peer wrote any.
    pub fn people(&self) -> Vec<(PeerId, Post, bool)> {
        let person = |(peer, has_written)| Some((peer, self.posts(peer).pop()?, has_written));
        self.peers().filter_map(person).collect()
    }

    /// The newest posts with a person, at most `most`, the earliest first.
    pub fn newest(&self, peer: PeerId, most: usize) -> Vec<Post> {
        let mut posts = self.posts(peer);
        posts.split_off(posts.len().saturating_sub(most))
    }

    /// A post with a person; `None` if none shows.
    pub fn get(&self, peer: PeerId, id: PostId) -> Option<Post> {
        self.posts(peer).into_iter().find(|post| post.id == id)
    }

    fn posts(&self, peer: PeerId) -> Vec<Post> {
        let mut posts = Vec::new();
        let mut reactions: BTreeMap<(PostId, PeerId), (Stamp, String)> = BTreeMap::new();
        for row in self.rows.get(&peer).into_iter().flatten() {
            let stamp = row.entry.stamp();
            let value = row.entry.value().unwrap_or_default();
            match self.keys.open(peer, row.author, row.entry.row(), value) {
                Some(Opened::Known(Inside::Reaction { to, emoji })) => {
                    let given = (stamp, emoji.as_str().to_owned());
                    // The latest reactions of each person to a post count.
                    let latest = reactions.entry((PostId(to), row.author)).or_insert_with(|| given.clone());
                    if given > *latest {
                        *latest = given;
                    }
                }
                Some(Opened::Known(Inside::Post { text, re, files, first, .. })) => {
                    let files = if files.is_empty() { Some(Vec::new()) } else { decode_files(&files) };
                    let is_newer = files.is_none();
                    let post = blank(row, first);
                    let re = re.map(PostId);
                    let text = fit_lines(text.as_str());
                    posts.push(Post { text, re, is_newer, files: files.unwrap_or_default(), ..post });
                }
                Some(Opened::Newer) => posts.push(Post { is_newer: true, ..blank(row, None) }),
                None => {}
            }
        }
        posts.sort_by_key(|post: &Post| (post.stamp, post.id, post.author));
        let mut reactions: Vec<_> = reactions.into_iter().collect();
        reactions.sort_by_key(|((to, by), (stamp, _))| (*stamp, *to, *by));
        for ((to, by), (_, emoji)) in &reactions {
            let Some(post) = posts.iter_mut().find(|post| post.id == *to) else { continue };
            for emoji in
                emoji.split('\n').take(REACTIONS_MAX).map(fit).filter(|emoji| !emoji.trim().is_empty())
            {
                match post.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
                    Some(reaction) if reaction.by.last() != Some(by) => reaction.by.push(*by),
                    Some(_) => {}
                    None => post.reactions.push(Reaction { emoji, by: vec![*by] }),
                }
            }
        }
        posts
    }

    /// A post for a person, at a time of the room. Also returns its id.
    ///
    /// # Errors
    /// [`PostError::NoKey`] if nothing can be sealed for the person, or for a text or files beyond the limits.
    pub fn post(
        &self,
        me: Endpoint,
        at: WallTime,
        peer: PeerId,
        new: &NewPost,
    ) -> Result<(PostId, Vec<Write>), PostError> {
        check_text(&new.text, !new.files.is_empty())?;
        let newest = self.posts(peer).pop();
        // A clock that is behind writes behind the post that it answers.
        let at = newest.as_ref().map_or(at, |post| at.max(post.at));
        let id = PostId::new(at, |hasher| {
            hasher.update(b"direct").update(&me.peer.0).update(&me.instance.0.to_le_bytes()).update(&peer.0);
            if let Some(post) = &newest {
                hasher.update(&post.id.0);
            }
            hasher.update(new.text.as_bytes());
        });
        let files = if new.files.is_empty() { Vec::new() } else { encode_files(&new.files)? };
        let inside = Inside::Post {
            text: text_of(&new.text)?,
            re: new.re.map(|re| re.0),
            files,
            keys: Bounded::default(),
            first: None,
        };
        Ok((id, self.written(peer, id, &inside)?))
    }

    /// Another text for a post of this peer.
    ///
    /// # Errors
    /// [`PostError`] if no such post of this peer shows, or for a text beyond the limits.
    pub fn edit(&self, peer: PeerId, id: PostId, text: &str) -> Result<Vec<Write>, PostError> {
        let row = self.own(peer, id)?;
        let value = row.entry.value().unwrap_or_default();
        match self.keys.open(peer, row.author, row.entry.row(), value) {
            Some(Opened::Known(Inside::Post { re, files, keys, first, .. })) => {
                check_text(text, !files.is_empty())?;
                let first = Some(first.unwrap_or(row.entry.stamp().0));
                self.written(peer, id, &Inside::Post { text: text_of(text)?, re, files, keys, first })
            }
            _ => Err(PostError::NoSuchPost(id)),
        }
    }

    /// Removes a post of this peer.
    ///
    /// # Errors
    /// [`PostError`] if no such post of this peer shows.
    pub fn remove(&self, peer: PeerId, id: PostId) -> Result<Vec<Write>, PostError> {
        let row = self.own(peer, id)?;
        Ok(vec![Write::removal(row.entry.row(), Writer::Peer(self.keys.me).field(FIELD))])
    }

    /// Writes a removed post of this peer again, as it was read before: at its place, with its files and the post that it answers.
    /// Reactions are rows of their own and show again. It counts as edited. A post that shows needs no writes.
    ///
    /// # Errors
    /// [`PostError::NotYours`], [`PostError::NoKey`], or [`PostError`] for a text or files beyond the limits.
    pub fn restore(&self, peer: PeerId, post: &Post) -> Result<Vec<Write>, PostError> {
        if post.author != self.keys.me {
            return Err(PostError::NotYours(post.id));
        }
        check_text(&post.text, !post.files.is_empty())?;
        if self.get(peer, post.id).is_some() {
            return Ok(Vec::new());
        }
        let inside = Inside::Post {
            text: text_of(&post.text)?,
            re: post.re.map(|re| re.0),
            files: if post.files.is_empty() { Vec::new() } else { encode_files(&post.files)? },
            keys: Bounded::default(),
            first: Some(post.stamp.0),
        };
        self.written(peer, post.id, &inside)
    }

    /// Gives a post these reactions of this peer in place of earlier ones, at a time of the room.
    ///
    /// # Errors
    /// [`PostError`] if no such post shows, or if one of these is not one emoji or there are too many.
    pub fn react(
        &self,
        at: WallTime,
        peer: PeerId,
        id: PostId,
        emoji: &[&str],
    ) -> Result<Vec<Write>, PostError> {
        let lines = BoundedText::truncated(&reaction_lines(emoji)?);
        if self.get(peer, id).is_none() {
            return Err(PostError::NoSuchPost(id));
        }
        // A person's reactions to a post are one row, which is written again.
        let mine = self.rows.get(&peer).into_iter().flatten().find(|row| {
            let value = row.entry.value().unwrap_or_default();
            let opened = self.keys.open(peer, row.author, row.entry.row(), value);
            row.author == self.keys.me
                && matches!(opened, Some(Opened::Known(Inside::Reaction { to, .. })) if to == id.0)
        });
        let own = mine.map_or_else(
            || {
                PostId::new(at, |hasher| {
                    hasher.update(b"direct reaction").update(&self.keys.me.0).update(&id.0);
                })
            },
            |row| row.id,
        );
        self.written(peer, own, &Inside::Reaction { to: id.0, emoji: lines })
    }

    fn written(&self, peer: PeerId, id: PostId, inside: &Inside) -> Result<Vec<Write>, PostError> {
        let me = self.keys.me;
        let tag = self.keys.tag(me, peer, id.time_ms() / DAY_MS).ok_or(PostError::NoKey(peer))?;
        let row = row_of(tag, id);
        let sealed = self.keys.seal(peer, &row, inside)?;
        Ok(vec![Write::value(row, Writer::Peer(me).field(FIELD), sealed)])
    }

    fn own(&self, peer: PeerId, id: PostId) -> Result<&Row<'a>, PostError> {
        let rows = self.rows.get(&peer).into_iter().flatten();
        let row = rows.into_iter().find(|row| row.id == id).ok_or(PostError::NoSuchPost(id))?;
        if row.author == self.keys.me { Ok(row) } else { Err(PostError::NotYours(id)) }
    }
}

fn text_of(text: &str) -> Result<BoundedText<TEXT_MAX>, PostError> {
    BoundedText::new(text).map_err(|error| PostError::TextTooLong(error.length))
}

/// A post of a row without its content.
fn blank(row: &Row<'_>, first: Option<u64>) -> Post {
    let written = row.entry.stamp();
    let (least, most) = window(row.id);
    let stamp = first.map_or(written, |first| Stamp(first).min(written)).clamp(least, most);
    Post {
        id: row.id,
        author: row.author,
        at: stamp.wall(),
        stamp,
        is_edited: first.is_some(),
        is_newer: false,
        text: String::new(),
        re: None,
        files: Vec::new(),
        reactions: Vec::new(),
        missing: 0,
    }
}

#[cfg(test)]
mod tests;
