//! How a post lies in the fields of a row: docs/protocol/conversation.md.

use meshwork_core::blobs::{BLOB_MAX, BlobId};
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::table::{Entry, TIME_TAIL};
use meshwork_core::wire::{self, Bounded, BoundedText};
use serde::{Deserialize, Serialize};

use crate::post::{
    FILE_KIND_MAX, FILE_NAME_MAX, FILES_MAX, File, Place, PostError, PostId, PostKey, REACTIONS_BYTES_MAX,
    REACTIONS_MAX, TEXT_MAX,
};
use crate::text::fit;

/// The beginning of a post's row.
pub(crate) const PREFIX: &[u8] = b"n\0";
/// The first row behind all posts.
pub(crate) const END: &[u8] = b"n\x01";

/// The author's field for the text.
pub(crate) const TEXT: &[u8] = b"text";
/// The author's field for the posts that it had seen last: the last 8 bytes of their ids. Version 0.2 wrote it.
pub(crate) const AFTER: &[u8] = b"after";
/// The author's field for the same posts: their ids.
pub(crate) const SEEN: &[u8] = b"seen";
/// The author's field for the post that it answers: its id, then its author.
pub(crate) const RE: &[u8] = b"re";
/// The author's field for files.
pub(crate) const FILES: &[u8] = b"files";
/// The author's field for the stamp with which an edited post was first written.
pub(crate) const FIRST: &[u8] = b"first";
/// A person's own field for reactions to the posts of the row.
pub(crate) const REACTIONS: &[u8] = b"r";
/// The moderators' field that hides posts of the row while it has a value: the keys of their authors, or `1` for all posts, as
/// version 0.2 writes.
pub(crate) const HIDDEN: &[u8] = b"hidden";

/// The names of an author's fields.
pub(crate) const KNOWN: [&[u8]; 7] = [AFTER, FILES, FIRST, REACTIONS, RE, SEEN, TEXT];

/// Milliseconds behind the time of its id within which a post stands.
pub(crate) const WINDOW_MS: u64 = 10 * 60 * 1000;

/// The row of a post.
pub(crate) fn row_of(id: PostId) -> Vec<u8> {
    [PREFIX, &id.0].concat()
}

/// The post of a row; `None` for the rows of something else.
pub(crate) fn id_of(row: &[u8]) -> Option<PostId> {
    row.strip_prefix(PREFIX)?.try_into().ok().map(PostId)
}

/// The earliest and the latest place in time of posts with such an id.
pub(crate) fn window(id: PostId) -> (Stamp, Stamp) {
    let at = |millis| Stamp::new(millis, 0).unwrap_or(Stamp::LAST);
    (at(id.time_ms()), at(id.time_ms() + WINDOW_MS))
}

/// The fields of one author in a row, if they are a post.
pub(crate) struct Own<'a> {
    pub(crate) author: PeerId,
    pub(crate) stamp: Stamp,
    pub(crate) is_edited: bool,
    pub(crate) is_newer: bool,
    pub(crate) text: &'a str,
    pub(crate) re: Option<PostKey>,
    pub(crate) files: Vec<File>,
    pub(crate) seen: Vec<PostId>,
    /// The last 8 bytes of ids.
    pub(crate) after: Vec<&'a [u8]>,
}

impl Own<'_> {
    pub(crate) fn place(&self, id: PostId) -> Place {
        (self.stamp, id, self.author)
    }
}

/// The posts of a row that moderators have hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden<'a> {
    Nobody,
    Everybody,
    Authors(&'a [u8]),
}

impl<'a> Hidden<'a> {
    pub(crate) fn of(value: Option<&'a [u8]>) -> Hidden<'a> {
        match value {
            None => Hidden::Nobody,
            Some(keys) if !keys.is_empty() && keys.len() % KEY == 0 => Hidden::Authors(keys),
            Some(_) => Hidden::Everybody,
        }
    }

    /// The authors that it names.
    pub(crate) fn authors(self) -> impl Iterator<Item = PeerId> {
        let keys = if let Hidden::Authors(keys) = self { keys } else { &[] };
        keys.chunks_exact(KEY).filter_map(|key| key.try_into().ok().map(PeerId))
    }

    pub(crate) fn covers(self, author: PeerId) -> bool {
        self == Hidden::Everybody || self.authors().any(|other| other == author)
    }
}

/// Bytes of an author's key.
const KEY: usize = 32;

/// The value that names a post.
pub(crate) fn encode_key(PostKey { id, author }: PostKey) -> Vec<u8> {
    [&id.0[..], &author.0].concat()
}

/// The post that a value names; `None` for other bytes.
fn decode_key(bytes: &[u8]) -> Option<PostKey> {
    let (id, author) = bytes.split_first_chunk::<TIME_TAIL>()?;
    Some(PostKey { id: PostId(*id), author: PeerId(author.try_into().ok()?) })
}

/// The post of an author, of whose fields in the row these show; `is_unknown` if further ones do. `None` if they are no post.
pub(crate) fn own<'a>(
    id: PostId,
    author: PeerId,
    entries: &[&'a Entry],
    is_unknown: bool,
) -> Option<Own<'a>> {
    let named = |name: &[u8]| entries.iter().find(|entry| entry.field().1 == name);
    let value = |name: &[u8]| named(name).and_then(|entry| entry.value());
    let text = value(TEXT).and_then(|text| str::from_utf8(text).ok());
    let text = text.filter(|text| (1..=TEXT_MAX).contains(&text.len()));
    let files = value(FILES).map(decode_files);
    let is_unknown = is_unknown || entries.iter().any(|entry| !KNOWN.contains(&entry.field().1));
    let is_unread = matches!(files, Some(None));
    let has_no_text = named(TEXT).is_none();
    let files = files.flatten().unwrap_or_default();
    let is_bare = text.is_none() && files.is_empty();
    // A text that is too long or no UTF-8 is skipped, and stays in the table.
    if is_bare && !(has_no_text && (is_unknown || is_unread)) {
        return None;
    }
    let written = entries.iter().filter(|entry| entry.field().1 != REACTIONS).map(|entry| entry.stamp());
    let written = named(TEXT).map(|entry| entry.stamp()).or_else(|| written.min())?;
    let first =
        value(FIRST).and_then(|bytes| bytes.try_into().ok()).map(|bytes| Stamp(u64::from_be_bytes(bytes)));
    let (least, most) = window(id);
    let ids = |bytes: &[u8]| -> Vec<PostId> {
        bytes
            .chunks_exact(TIME_TAIL)
            .take(crate::AFTER_MAX)
            .filter_map(|id| id.try_into().ok().map(PostId))
            .collect()
    };
    Some(Own {
        author,
        stamp: first.map_or(written, |first| first.min(written)).clamp(least, most),
        is_edited: named(FIRST).is_some(),
        is_newer: is_unread || is_bare,
        text: text.unwrap_or_default(),
        re: value(RE).and_then(decode_key),
        files,
        seen: value(SEEN).map(ids).unwrap_or_default(),
        after: match value(SEEN) {
            None => value(AFTER).unwrap_or_default().chunks_exact(8).take(crate::AFTER_MAX).collect(),
            Some(_) => Vec::new(),
        },
    })
}

/// A file on the wire.
#[derive(Serialize, Deserialize)]
struct Written {
    blob: BlobId,
    size: u64,
    name: BoundedText<FILE_NAME_MAX>,
    kind: BoundedText<FILE_KIND_MAX>,
    width: u16,
    height: u16,
}

/// The value of the field for these files.
///
/// # Errors
/// [`PostError`] names the first number that exceeds its limit.
pub(crate) fn encode_files(files: &[File]) -> Result<Vec<u8>, PostError> {
    let count = files.len();
    let written = |file: &File| {
        let File { name, kind, .. } = file;
        if name.is_empty() {
            return Err(PostError::FileName(0));
        }
        if file.size > BLOB_MAX {
            return Err(PostError::FileTooLong(file.size));
        }
        Ok(Written {
            blob: file.blob,
            size: file.size,
            name: BoundedText::new(name).map_err(|error| PostError::FileName(error.length))?,
            kind: BoundedText::new(kind).map_err(|error| PostError::FileKind(error.length))?,
            width: file.width,
            height: file.height,
        })
    };
    let written = files.iter().map(written).collect::<Result<Vec<_>, _>>()?;
    let written = Bounded::<_, FILES_MAX>::new(written).map_err(|_| PostError::TooManyFiles(count))?;
    Ok(wire::encode(&written))
}

/// The files of a field; `None` for no files or other bytes.
pub(crate) fn decode_files(bytes: &[u8]) -> Option<Vec<File>> {
    let written: Bounded<Written, FILES_MAX> = wire::decode(bytes).ok()?;
    let file = |Written { blob, size, name, kind, width, height }: Written| File {
        blob,
        size,
        name: fit(&name),
        kind: fit(&kind),
        width,
        height,
    };
    let files: Vec<File> = written.into_inner().into_iter().map(file).collect();
    (!files.is_empty()).then_some(files)
}

/// The reactions of a field. Other bytes are none.
pub(crate) fn decode_reactions(bytes: &[u8]) -> Vec<&str> {
    let text = if bytes.len() > REACTIONS_BYTES_MAX { "" } else { str::from_utf8(bytes).unwrap_or_default() };
    let lines: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
    if lines.len() > REACTIONS_MAX { Vec::new() } else { lines }
}
