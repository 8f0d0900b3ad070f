//! Direct posts: rows of the conversation's table that are sealed for two people.
//!
//! # Problem
//! Two people of a room write to each other while the other is away, and any member or keeper delivers it. Nobody else
//! reads the text or learns for whom it is.
//!
//! # How it works
//! Two peers share a secret by their long-term keys, without a message: see [`SharedSecret`]. Keys for one room follow from
//! it by HKDF-SHA256 (RFC 5869). A direct post is a row that begins with a tag, a keyed hash of its author, the reader and the post's
//! id. A reader who shares the secret computes the same tag, and finds and opens the row. Tags of two posts differ, so all others see
//! the author, the time and a rounded length, and not which posts have one reader. The value is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) over the padded post; room, row and author are
//! authenticated with it, so a copied value opens nowhere else. The nonce is a keyed hash of row and text: no randomness
//! is needed, and two texts never share one. docs/protocol/conversation.md has the bytes.
//!
//! # Driving it
//! [`Keys`] holds the keys of one peer in one room. [`Keys::agree`] learns those of the peers that [`Keys::lacks`] names, and of
//! everybody to whom this peer may have written. [`Direct`] then reads a table with them and makes the writes that change it.
//!
//! # Limits
//! Finding rows takes one hash for each row and known author, which is kept for [`TAGS_MAX`] rows. Rows are opened when they are
//! asked for, from the newest on: a reaction has at least the time of its post, so nothing behind the asked posts is opened.
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
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::post::{
    FILES_MAX, Named, NewPost, Place, Post, PostError, PostId, PostKey, REACTIONS_BYTES_MAX, REACTIONS_MAX,
    Reaction, TEXT_MAX,
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
/// Rows of which it is kept whose they are: 100 bytes each.
const TAGS_MAX: usize = 16_384;

/// The keys of one peer for direct posts in one room.
pub struct Keys {
    room: RoomId,
    me: PeerId,
    known: BTreeMap<PeerId, Option<Pair>>,
    /// Of rows that were seen before, the other person; `None` for rows of which none is known.
    found: RefCell<BTreeMap<(PeerId, Tagged), Option<PeerId>>>,
}

/// The tag and the id of a sealed row.
type Tagged = [u8; TAG + TIME_TAIL];

/// The keys that two peers share.
struct Pair {
    key: [u8; 32],
    nonce: [u8; 32],
    tag: [u8; 32],
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
        Keys { room, me, known: BTreeMap::new(), found: RefCell::default() }
    }

    /// Takes the secret that this peer shares with another one; `None` if the other's id is no key to agree with.
    pub fn learn(&mut self, peer: PeerId, secret: Option<SharedSecret>) {
        let pair = secret.map(|secret| {
            let (one, other) = (self.me.min(peer), self.me.max(peer));
            let derive = |label: &[u8]| secret.key(&self.room.0, &[label, &one.0, &other.0].concat());
            Pair {
                key: derive(b"meshwork direct v1"),
                nonce: derive(b"meshwork direct nonce v1"),
                tag: derive(b"meshwork direct tag v1"),
            }
        });
        self.known.insert(peer, pair);
        // Rows without a known reader may be this person's.
        self.found.get_mut().retain(|_, other| other.is_some());
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

    /// The tag of the row of this id that `author` writes for `reader`.
    fn tag(&self, author: PeerId, reader: PeerId, id: PostId) -> Option<[u8; TAG]> {
        let pair = self.pair(if author == self.me { reader } else { author })?;
        let mut hasher = blake3::Hasher::new_keyed(&pair.tag);
        hasher.update(&author.0).update(&reader.0).update(&id.0);
        Some(*hasher.finalize().as_bytes().first_chunk().expect("a hash is longer than a tag"))
    }

    /// The other person of an author's row: the author, or the reader of an own row. `None` if this peer shares no key for it.
    fn other(&self, author: PeerId, row: &[u8], id: PostId) -> Option<PeerId> {
        let tagged: &Tagged = row.strip_prefix(PREFIX)?.try_into().ok()?;
        if let Some(other) = self.found.borrow().get(&(author, *tagged)) {
            return *other;
        }
        let has_tag =
            |reader: PeerId| self.tag(author, reader, id).is_some_and(|tag| tagged.starts_with(&tag));
        let other = match author == self.me {
            true => self.known.keys().copied().find(|reader| *reader != self.me && has_tag(*reader)),
            false => Some(author).filter(|_| has_tag(self.me)),
        };
        let mut found = self.found.borrow_mut();
        if found.len() >= TAGS_MAX {
            // The earliest authors' rows go first: which ones they are does not matter.
            found.pop_first();
        }
        found.insert((author, *tagged), other);
        other
    }

    fn pair(&self, peer: PeerId) -> Option<&Pair> {
        self.known.get(&peer)?.as_ref()
    }

    /// The peer whose keys these are.
    pub(crate) fn peer(&self) -> PeerId {
        self.me
    }

    /// The tag of the row that this peer seals for itself about a conversation.
    pub(crate) fn tag_of_own<const N: usize>(&self, with: Option<PeerId>) -> Option<[u8; N]> {
        let pair = self.pair(self.me)?;
        let mut hasher = blake3::Hasher::new_keyed(&pair.tag);
        hasher.update(b"own").update(&with.map(|peer| peer.0).unwrap_or_default());
        hasher.finalize().as_bytes().first_chunk().copied()
    }

    pub(crate) fn seal_own(&self, row: &[u8], inside: &impl Serialize) -> Result<Vec<u8>, PostError> {
        self.seal(self.me, row, inside)
    }

    /// What this peer sealed for itself; `None` for bytes of another version too.
    pub(crate) fn open_own<T: DeserializeOwned>(&self, row: &[u8], value: &[u8]) -> Option<T> {
        wire::decode(&self.unsealed(self.me, self.me, row, value)?).ok()
    }

    fn seal(&self, peer: PeerId, row: &[u8], inside: &impl Serialize) -> Result<Vec<u8>, PostError> {
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
        let body = self.unsealed(peer, author, row, value)?;
        // Its author could seal it, so bytes of another form come from another version.
        Some(wire::decode(&body).map_or(Opened::Newer, Opened::Known))
    }

    fn unsealed(&self, peer: PeerId, author: PeerId, row: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let pair = self.pair(peer)?;
        let (nonce, sealed) = value.split_first_chunk::<NONCE>()?;
        let about = self.about(row, author);
        let cipher = XChaCha20Poly1305::new(&pair.key.into());
        let padded = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &about }).ok()?;
        let (length, rest) = padded.split_first_chunk::<LENGTH>()?;
        Some(rest.get(..usize::from(u16::from_le_bytes(*length)))?.to_vec())
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
        re: Option<Of>,
        /// As the files of open posts.
        files: Vec<u8>,
        /// The keys of the files' bytes.
        keys: Bounded<[u8; 32], FILES_MAX>,
        /// The stamp with which an edited post was first written.
        first: Option<u64>,
    },
    Reaction {
        to: Of,
        /// A line each.
        emoji: BoundedText<REACTIONS_BYTES_MAX>,
    },
}

/// A post of two people: its id, and whether the author of the row that names it wrote it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Of {
    id: [u8; TIME_TAIL],
    by_author: bool,
}

impl Of {
    fn key(self, author: PeerId, other: PeerId) -> PostKey {
        PostKey { id: PostId(self.id), author: if self.by_author { author } else { other } }
    }
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
            let other = keys.other(author, entry.row(), id);
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

    /// The people with whom there are direct posts, each with the newest post, and whether this peer wrote any. Of each person the
    /// newest rows are opened.
    pub fn people(&self) -> Vec<(PeerId, Post, bool)> {
        let person = |(peer, has_written)| Some((peer, self.newest(peer, 1).pop()?, has_written));
        self.peers().filter_map(person).collect()
    }

    /// The newest posts with a person, at most `most`, the earliest first. Earlier rows are not opened.
    pub fn newest(&self, peer: PeerId, most: usize) -> Vec<Post> {
        self.before(peer, None, most)
    }

    /// The newest posts with a person before this one, or of all; at most `most`, the earliest first. Earlier rows are not opened.
    pub fn before(&self, peer: PeerId, before: Option<&Post>, most: usize) -> Vec<Post> {
        let mut posts: BTreeMap<Place, Post> = BTreeMap::new();
        let mut given = Given::new();
        for row in self.rows.get(&peer).into_iter().flatten().rev() {
            let first = posts.first_key_value().map(|((first, ..), _)| *first);
            if posts.len() >= most && first.is_none_or(|first| window(row.id).1 < first) {
                break;
            }
            let post = self.read(peer, row, &mut given);
            let post = post.filter(|post| before.is_none_or(|before| post.place() < before.place()));
            posts.extend(post.map(|post| (post.place(), post)));
            while posts.len() > most {
                posts.pop_first();
            }
        }
        with_reactions(posts.into_values().collect(), given)
    }

    /// The earliest posts with a person after this one, or of all; at most `most`. All later rows are opened for reactions.
    pub fn after(&self, peer: PeerId, after: Option<&Post>, most: usize) -> Vec<Post> {
        let rows = self.rows.get(&peer).map(Vec::as_slice).unwrap_or_default();
        let from = after.map_or(0, |after| rows.partition_point(|row| window(row.id).1 < after.stamp));
        let (mut posts, mut given) = (BTreeMap::new(), Given::new());
        for row in &rows[from..] {
            let post = self.read(peer, row, &mut given);
            let post = post.filter(|post| after.is_none_or(|after| post.place() > after.place()));
            posts.extend(post.map(|post| (post.place(), post)));
            while posts.len() > most {
                posts.pop_last();
            }
        }
        with_reactions(posts.into_values().collect(), given)
    }

    /// How many posts of a person after this time are there, counted up to `most`. Later rows alone are opened.
    pub fn count_after(&self, peer: PeerId, after: WallTime, most: usize) -> usize {
        let rows = self.rows.get(&peer).into_iter().flatten().rev();
        let later = rows.take_while(|row| window(row.id).1.wall() > after);
        let of_peer = later.filter(|row| row.author == peer && row.entry.stamp().wall() > after);
        let posts = of_peer.filter_map(|row| self.read(peer, row, &mut Given::new()));
        posts.filter(|post| post.at > after).take(most).count()
    }

    /// A post with a person; `None` if none shows, or if both have one of this id and the author is not named.
    pub fn get(&self, peer: PeerId, post: impl Into<Named>) -> Option<Post> {
        let key = self.find(peer, post.into()).ok()?;
        // Reactions to it stand in later rows.
        let from = self.rows.get(&peer)?.partition_point(|row| row.id < key.id);
        let (mut posts, mut given) = (Vec::new(), Given::new());
        for row in &self.rows.get(&peer)?[from..] {
            let post = self.read(peer, row, &mut given);
            posts.extend(post.filter(|post| post.key() == key));
        }
        with_reactions(posts, given).pop()
    }

    /// The id and the author of a post with a person.
    fn find(&self, peer: PeerId, Named { id, author }: Named) -> Result<PostKey, PostError> {
        let rows = self.rows.get(&peer).into_iter().flatten().filter(|row| row.id == id);
        let of_author = rows.filter(|row| author.is_none_or(|author| row.author == author));
        let posts = of_author.filter_map(|row| self.read(peer, row, &mut Given::new()));
        match &posts.map(|post| post.key()).collect::<Vec<_>>()[..] {
            [] => Err(PostError::NoSuchPost(id)),
            [key] => Ok(*key),
            _ => Err(PostError::SeveralPosts(id)),
        }
    }

    /// Opens a row: a post, or reactions, which are noted.
    fn read(&self, peer: PeerId, row: &Row<'_>, given: &mut Given) -> Option<Post> {
        let other = if row.author == peer { self.keys.me } else { peer };
        let value = row.entry.value().unwrap_or_default();
        match self.keys.open(peer, row.author, row.entry.row(), value)? {
            Opened::Known(Inside::Reaction { to, emoji }) => {
                let now = (row.entry.stamp(), emoji.as_str().to_owned());
                // The latest reactions of each person to a post count.
                let latest =
                    given.entry((to.key(row.author, other), row.author)).or_insert_with(|| now.clone());
                if now > *latest {
                    *latest = now;
                }
                None
            }
            Opened::Known(Inside::Post { text, re, files, first, .. }) => {
                let files = if files.is_empty() { Some(Vec::new()) } else { decode_files(&files) };
                Some(Post {
                    text: fit_lines(text.as_str()),
                    re: re.map(|re| re.key(row.author, other)),
                    is_newer: files.is_none(),
                    files: files.unwrap_or_default(),
                    ..blank(row, first)
                })
            }
            Opened::Newer => Some(Post { is_newer: true, ..blank(row, None) }),
        }
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
        let newest = self.newest(peer, 1).pop();
        // A clock that is behind writes behind the post that it answers.
        let at = newest.as_ref().map_or(at, |post| at.max(post.at));
        let id = PostId::hashed(at, |hasher| {
            hasher.update(b"direct").update(&me.peer.0).update(&me.instance.0.to_le_bytes()).update(&peer.0);
            if let Some(post) = &newest {
                hasher.update(&post.id.0);
            }
            hasher.update(new.text.as_bytes());
        });
        let files = if new.files.is_empty() { Vec::new() } else { encode_files(&new.files)? };
        let inside = Inside::Post {
            text: text_of(&new.text)?,
            re: new.re.map(|re| self.answered(peer, re)).transpose()?,
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
        if self.find(peer, post.into()).is_ok() {
            return Ok(Vec::new());
        }
        let inside = Inside::Post {
            text: text_of(&post.text)?,
            re: post.re.map(|re| self.named(re)),
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
        post: impl Into<Named>,
        emoji: &[&str],
    ) -> Result<Vec<Write>, PostError> {
        let lines = BoundedText::truncated(&reaction_lines(emoji)?);
        let to = self.named(self.find(peer, post.into())?);
        // Readers open rows from the newest on, so reactions stand behind their post.
        let at = at.max(WallTime::from_millis(PostId(to.id).time_ms()));
        // A person's reactions to a post are one row, which is written again.
        let mine = self.rows.get(&peer).into_iter().flatten().find(|row| {
            let value = row.entry.value().unwrap_or_default();
            let opened = self.keys.open(peer, row.author, row.entry.row(), value);
            row.author == self.keys.me
                && matches!(opened, Some(Opened::Known(Inside::Reaction { to: other, .. })) if other == to)
        });
        let own = mine.map_or_else(
            || {
                PostId::hashed(at, |hasher| {
                    hasher.update(b"direct reaction").update(&self.keys.me.0).update(&to.id);
                    hasher.update(&[u8::from(to.by_author)]);
                })
            },
            |row| row.id,
        );
        self.written(peer, own, &Inside::Reaction { to, emoji: lines })
    }

    /// A post as a row of this peer names it.
    fn named(&self, PostKey { id, author }: PostKey) -> Of {
        Of { id: id.0, by_author: author == self.keys.me }
    }

    /// The post that another one answers.
    fn answered(&self, peer: PeerId, re: Named) -> Result<Of, PostError> {
        match re.author {
            Some(author) => Ok(self.named(PostKey { id: re.id, author })),
            None => Ok(self.named(self.find(peer, re)?)),
        }
    }

    fn written(&self, peer: PeerId, id: PostId, inside: &Inside) -> Result<Vec<Write>, PostError> {
        let me = self.keys.me;
        let tag = self.keys.tag(me, peer, id).ok_or(PostError::NoKey(peer))?;
        let row = row_of(tag, id);
        let sealed = self.keys.seal(peer, &row, inside)?;
        Ok(vec![Write::value(row, Writer::Peer(me).field(FIELD), sealed)])
    }

    fn own(&self, peer: PeerId, id: PostId) -> Result<&Row<'a>, PostError> {
        let mut rows = self.rows.get(&peer).into_iter().flatten().filter(|row| row.id == id).peekable();
        let lacks = if rows.peek().is_some() { PostError::NotYours(id) } else { PostError::NoSuchPost(id) };
        rows.find(|row| row.author == self.keys.me).ok_or(lacks)
    }
}

/// The reactions of a person to a post, and when they were given.
type Given = BTreeMap<(PostKey, PeerId), (Stamp, String)>;

/// Posts with their reactions, the earliest first.
fn with_reactions(mut posts: Vec<Post>, given: Given) -> Vec<Post> {
    let mut given: Vec<_> = given.into_iter().collect();
    given.sort_by_key(|((to, by), (stamp, _))| (*stamp, *to, *by));
    let places: BTreeMap<PostKey, usize> =
        posts.iter().enumerate().map(|(place, post)| (post.key(), place)).collect();
    for ((to, by), (_, emoji)) in given {
        let Some(place) = places.get(&to) else { continue };
        let post = &mut posts[*place];
        for emoji in emoji.split('\n').take(REACTIONS_MAX).map(fit).filter(|emoji| !emoji.trim().is_empty()) {
            match post.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
                Some(reaction) if reaction.by.last() != Some(&by) => reaction.by.push(by),
                Some(_) => {}
                None => post.reactions.push(Reaction { emoji, by: vec![by] }),
            }
        }
    }
    posts
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
        has_more: false,
        missing: 0,
    }
}

#[cfg(test)]
mod tests;
