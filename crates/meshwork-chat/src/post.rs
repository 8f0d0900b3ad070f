//! Posts and their parts, as they are read and written.

use std::fmt;
use std::str::FromStr;

use meshwork_core::blobs::BlobId;
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::table::{TIME_TAIL, TableError};
use meshwork_core::time::WallTime;

/// Longest text of a post, in bytes of UTF-8.
pub const TEXT_MAX: usize = 12_000;
/// Most posts that a post names as seen last.
pub const AFTER_MAX: usize = 4;
/// Most files of a post.
pub const FILES_MAX: usize = 10;
/// Longest name of a file, in bytes of UTF-8.
pub const FILE_NAME_MAX: usize = 255;
/// Longest media type of a file, in bytes.
pub const FILE_KIND_MAX: usize = 64;
/// Most reactions of one person to a post.
pub const REACTIONS_MAX: usize = 8;
/// Most authors whose posts moderators hide in one row. More than one is possible in rows of version 0.2 alone, of which
/// [`OTHERS_MAX`](crate::OTHERS_MAX) entries are read.
pub const HIDDEN_MAX: usize = 256;
/// Most bytes of one person's reactions to a post, with a byte between each two.
pub const REACTIONS_BYTES_MAX: usize = 256;

/// Bytes of an id behind its time.
const TAIL: usize = 8;
/// The first bytes of the tail of an open post: the first of its author's key. A second key that begins with them costs 2^40
/// trials, and then its posts show beside those of the author.
pub(crate) const NAMED: usize = 5;

/// The id of a post in its room: the room's time when it was written, the first bytes of the author's key, and a hash that tells
/// posts of one millisecond apart. As text it has 28 digits from 0 to f. Direct posts and version 0.2 have a longer hash and no
/// author in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId(pub [u8; TIME_TAIL]);

/// A text is not the id of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a post has {} digits from 0 to f", 2 * TIME_TAIL)]
pub struct NoPostId;

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PostId {
    type Err = NoPostId;

    fn from_str(text: &str) -> Result<PostId, NoPostId> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NoPostId),
        };
        let digits: &[u8; 2 * TIME_TAIL] = text.as_bytes().try_into().map_err(|_| NoPostId)?;
        let mut id = [0; TIME_TAIL];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(PostId(id))
    }
}

impl PostId {
    /// The id of a post of this author at a time, with bytes that follow from the rest.
    pub(crate) fn new(time: WallTime, author: PeerId, fill: impl FnOnce(&mut blake3::Hasher)) -> PostId {
        let hashed = PostId::hashed(time, fill);
        let PostId(mut id) = PostId::first_at(time.as_millis());
        let (_, tail) = id.split_at_mut(TIME_TAIL - TAIL);
        let (named, rest) = tail.split_at_mut(NAMED);
        named.copy_from_slice(&author.0[..NAMED]);
        rest.copy_from_slice(&hashed.tail()[..TAIL - NAMED]);
        PostId(id)
    }

    /// The id of a time that names nobody, with bytes that follow from the rest.
    pub(crate) fn hashed(time: WallTime, fill: impl FnOnce(&mut blake3::Hasher)) -> PostId {
        let mut hasher = blake3::Hasher::new_derive_key("meshwork note id v1");
        fill(&mut hasher);
        hasher.update(&time.0.to_le_bytes());
        let PostId(mut id) = PostId::first_at(time.as_millis());
        id[TIME_TAIL - TAIL..].copy_from_slice(&hasher.finalize().as_bytes()[..TAIL]);
        PostId(id)
    }

    /// Whether the id names this author.
    pub(crate) fn names(&self, author: PeerId) -> bool {
        author.0[..NAMED] == self.tail()[..NAMED]
    }

    /// The least id of a time in milliseconds since 1970.
    pub(crate) fn first_at(time_ms: u64) -> PostId {
        let mut id = [0; TIME_TAIL];
        id[..TIME_TAIL - TAIL].copy_from_slice(&time_ms.min((1 << 48) - 1).to_be_bytes()[2..]);
        PostId(id)
    }

    /// The time in it, in milliseconds since 1970, by its author's word. [`Post::at`] is at most ten minutes later.
    pub fn time_ms(&self) -> u64 {
        self.0[..TIME_TAIL - TAIL].iter().fold(0, |time, byte| time << 8 | u64::from(*byte))
    }

    /// The bytes behind the time.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.0[TIME_TAIL - TAIL..]
    }
}

impl From<&Post> for PostId {
    fn from(post: &Post) -> PostId {
        post.id
    }
}

/// A post and its author. An id alone may be the id of several posts: anybody can write in a row of version 0.2, and people of one
/// direct conversation in rows of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostKey {
    /// The id of the post.
    pub id: PostId,
    /// Its author.
    pub author: PeerId,
}

impl From<&Post> for PostKey {
    fn from(post: &Post) -> PostKey {
        post.key()
    }
}

impl From<PostKey> for PostId {
    fn from(key: PostKey) -> PostId {
        key.id
    }
}

/// Names a post to a call: by its id and author, or by its id alone if it is the only post of this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The id of the post.
    pub id: PostId,
    /// Its author; `None` for the only post of this id.
    pub author: Option<PeerId>,
}

impl From<PostId> for Named {
    fn from(id: PostId) -> Named {
        Named { id, author: None }
    }
}

impl From<PostKey> for Named {
    fn from(PostKey { id, author }: PostKey) -> Named {
        Named { id, author: Some(author) }
    }
}

impl From<&Post> for Named {
    fn from(post: &Post) -> Named {
        post.key().into()
    }
}

/// A post that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its id.
    pub id: PostId,
    /// Its author.
    pub author: PeerId,
    /// When it was first written, by the room's time.
    pub at: WallTime,
    /// The same exactly. Posts stand in the order of this, then of their ids, then of their authors.
    pub stamp: Stamp,
    /// Whether its author changed it.
    pub is_edited: bool,
    /// Whether a newer version of the program wrote it, and this version cannot read it or part of it.
    pub is_newer: bool,
    /// Its text, [fit to be shown](meshwork_core::text::shown_lines). It may be Markdown: see [`markdown`](crate::markdown).
    /// Empty if the post has files alone.
    pub text: String,
    /// The post that it answers.
    pub re: Option<PostKey>,
    /// Its files, at most [`FILES_MAX`].
    pub files: Vec<File>,
    /// Reactions to it, the earliest first.
    pub reactions: Vec<Reaction>,
    /// Whether its row has more than is read of a row: further reactions, or further posts in a row of version 0.2.
    pub has_more: bool,
    /// How many of the posts that its author had seen last are not here: removed, hidden, or not here yet.
    pub missing: usize,
}

/// The place of a post among others.
pub(crate) type Place = (Stamp, PostId, PeerId);

/// The place of a post, read without its text: enough to count posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Brief {
    /// When it was first written, by the room's time.
    pub stamp: Stamp,
    /// Its id.
    pub id: PostId,
    /// Its author.
    pub author: PeerId,
}

impl Brief {
    /// The id and the author of the post.
    pub fn key(&self) -> PostKey {
        PostKey { id: self.id, author: self.author }
    }

    /// When it was first written, by the room's time.
    pub fn at(&self) -> WallTime {
        self.stamp.wall()
    }
}

impl From<&Post> for Brief {
    fn from(post: &Post) -> Brief {
        Brief { stamp: post.stamp, id: post.id, author: post.author }
    }
}

impl Post {
    /// Its id and author.
    pub fn key(&self) -> PostKey {
        PostKey { id: self.id, author: self.author }
    }

    pub(crate) fn place(&self) -> Place {
        (self.stamp, self.id, self.author)
    }
}

/// A file that a post names. The room stores its bytes as a blob of the conversation's slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The hash of its bytes.
    pub blob: BlobId,
    /// How many bytes it has, by the word of the post's author.
    pub size: u64,
    /// Its name, at most [`FILE_NAME_MAX`] bytes and [fit to be shown](meshwork_core::text::shown).
    pub name: String,
    /// Its media type such as `image/png`, at most [`FILE_KIND_MAX`] bytes; empty if that is not known.
    pub kind: String,
    /// Pixels from left to right of a picture; otherwise 0.
    pub width: u16,
    /// Pixels from top to bottom of a picture; otherwise 0.
    pub height: u16,
}

impl File {
    /// A name under which it can be saved: the last part of its name without leading dots, or `file`.
    pub fn safe_name(&self) -> String {
        let last = self.name.rsplit(['/', '\\', ':']).next().unwrap_or_default();
        let odd = |letter: char| matches!(letter, '<' | '>' | '"' | '|' | '?' | '*');
        let name: String = last.chars().map(|letter| if odd(letter) { '_' } else { letter }).collect();
        let name = name.trim_start_matches(|letter: char| letter == '.' || letter.is_whitespace());
        let name = name.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace());
        if name.is_empty() { String::from("file") } else { String::from(name) }
    }
}

/// An emoji with which people reacted to a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji, fit to be shown. Whoever writes one with this program gives one grapheme; others may have given up to
    /// [`REACTIONS_BYTES_MAX`] bytes of any text.
    pub emoji: String,
    /// The people who gave it, the earliest first.
    pub by: Vec<PeerId>,
}

/// A post to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPost {
    /// Its text, 1 to [`TEXT_MAX`] bytes; it may be empty if there are files.
    pub text: String,
    /// The post that it answers.
    pub re: Option<Named>,
    /// Its files, at most [`FILES_MAX`].
    pub files: Vec<File>,
}

impl From<&str> for NewPost {
    fn from(text: &str) -> NewPost {
        NewPost { text: text.to_owned(), ..NewPost::default() }
    }
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// Neither text nor files.
    #[error("a post has a text or files, and this has neither")]
    Empty,
    /// A text of more than [`TEXT_MAX`] bytes.
    #[error("text of {0} bytes exceeds the limit of {TEXT_MAX}")]
    TextTooLong(usize),
    /// More than [`FILES_MAX`] files.
    #[error("{0} files exceed the limit of {FILES_MAX}")]
    TooManyFiles(usize),
    /// A file's name is empty or has more than [`FILE_NAME_MAX`] bytes.
    #[error("a file's name has 1 to {FILE_NAME_MAX} bytes, and this has {0}")]
    FileName(usize),
    /// A file's media type of more than [`FILE_KIND_MAX`] bytes.
    #[error("media type of {0} bytes exceeds the limit of {FILE_KIND_MAX}")]
    FileKind(usize),
    /// A file of more than [`BLOB_MAX`](meshwork_core::blobs::BLOB_MAX) bytes.
    #[error("file of {0} bytes exceeds the limit of {max}", max = meshwork_core::blobs::BLOB_MAX)]
    FileTooLong(u64),
    /// No such post shows.
    #[error("there is no post {0}")]
    NoSuchPost(PostId),
    /// Several posts that show have this id, so the author must be named.
    #[error("several posts have the id {0}: name the author of one")]
    SeveralPosts(PostId),
    /// All ids that were tried for this millisecond are taken by posts of the same author.
    #[error("too many posts within one millisecond: write again")]
    TooManyAtOnce,
    /// The posts of more than [`HIDDEN_MAX`] authors are hidden in one row.
    #[error("posts of {0} authors are hidden in this row, which is the limit")]
    TooManyHidden(usize),
    /// The post has another author.
    #[error("post {0} is not yours")]
    NotYours(PostId),
    /// The post is not hidden.
    #[error("post {0} is not hidden")]
    NotHidden(PostId),
    /// A reaction is not one grapheme, such as one emoji.
    #[error("{0:?} is not one emoji")]
    NotOneEmoji(String),
    /// More than [`REACTIONS_MAX`] reactions, or more than [`REACTIONS_BYTES_MAX`] bytes of them.
    #[error(
        "{count} reactions of {bytes} bytes exceed the limit of {REACTIONS_MAX} and {REACTIONS_BYTES_MAX} bytes"
    )]
    TooManyReactions {
        /// How many.
        count: usize,
        /// Their bytes, with a byte between each two.
        bytes: usize,
    },
    /// Nothing can be sealed for this person: the keys are not known yet, or the id is no key to agree with.
    #[error("there is no key to seal a post for {0}")]
    NoKey(PeerId),
    /// The table refuses the write.
    #[error(transparent)]
    Table(#[from] TableError),
}
