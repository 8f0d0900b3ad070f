//! What a batch says of a document: its name, and an update of Yjs under the number of its author.
//!
//! A payload is the length of the name in one byte and the name, the number of former instances in one byte and each in
//! 8 bytes, little-endian, and then the update.

use std::ops::Range;

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::planted;
use meshwork_core::signed::batch::PAYLOAD_MAX;

use super::update::{self, ITEMS_MAX, Piece, Ranges, Update, UpdateError, renamed, write};

/// Longest name of a document, in bytes; the shortest has one.
pub const NAME_MAX: usize = crate::NAME_MAX;
/// Most former instances of one peer that a batch names: a fold of more sessions is left to another batch.
pub const FORMER_MAX: usize = 64;

/// The number of an endpoint is blake3 in its key derivation mode under this context, over its peer and its instance.
const CLIENT_CONTEXT: &str = "meshwork document client v1";
/// The number of a seed likewise, over the document's name and the seed's update with 0 in place of that number.
const SEED_CONTEXT: &str = "meshwork document seed v1";
/// A number of Yjs has so many bits: JavaScript counts no further.
const CLIENT_BITS: u32 = 53;
/// Longest payload before its update.
const HEAD_MAX: usize = 1 + NAME_MAX + 1 + FORMER_MAX * size_of::<u64>();
/// Longest update that a batch of anybody has place for.
pub const UPDATE_MAX: usize = PAYLOAD_MAX - HEAD_MAX;

/// Why something cannot be said of a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaidError {
    /// The payload ends before its update, or has no name.
    #[error("the name of a document has 1 to {NAME_MAX} bytes of UTF-8, and the payload goes on behind it")]
    Head,
    /// Former instances out of order, or too many.
    #[error("former instances stand in ascending order, and are at most {FORMER_MAX}")]
    Former,
    /// The update is none.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// It inserts nothing and deletes nothing.
    #[error("the update says nothing")]
    Nothing,
    /// Its items belong to somebody else.
    #[error("the items of client {0} are not its author's, and no seed of this document")]
    Client(u64),
    /// One value alone is longer than a batch.
    #[error("one value has {0} bytes, and can have {UPDATE_MAX} with its place")]
    TooLong(usize),
}

/// The number of an endpoint in documents.
pub fn client_of(endpoint: Endpoint) -> u64 {
    let instance = if planted!(ClientOfPeer) { 0 } else { endpoint.instance.0 };
    number(CLIENT_CONTEXT, &[&endpoint.peer.0, &instance.to_le_bytes()])
}

/// The update that puts the same thing into a document whoever seeds it: `update`, whose items all have the client 0, under
/// the number that follows from it and from the document's name.
///
/// # Errors
/// [`SaidError`] where it has other items, deletes something, or is longer than a batch.
pub fn seed(name: &str, update: &[u8]) -> Result<Vec<u8>, SaidError> {
    let read = update::read(update)?;
    let content = renamed(&read, 0, 0);
    let client = number_of_seed(name, &content);
    let seed = renamed(&read, 0, client);
    match update::read(&seed)? {
        read if !is_seed(name, &read) => {
            Err(SaidError::Client(read.items.first().map_or(0, |item| item.id.client)))
        }
        _ if seed.len() > UPDATE_MAX => Err(SaidError::TooLong(seed.len())),
        _ => Ok(seed),
    }
}

/// The number of a seed, whose items have the client 0 in `content`.
fn number_of_seed(name: &str, content: &[u8]) -> u64 {
    let content = if planted!(SeedByName) { &[] } else { content };
    number(SEED_CONTEXT, &[&[name.len() as u8], name.as_bytes(), content])
}

fn number(context: &str, parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let first = hasher.finalize().as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    first >> (u64::BITS - CLIENT_BITS)
}

/// Whether all that an update says is a seed of the document with this name.
fn is_seed(name: &str, update: &Update<'_>) -> bool {
    let Some(client) = update.items.first().map(|item| item.id.client) else { return false };
    let content = renamed(update, client, 0);
    let is_whole = update.items[0].id.clock == 0 && update.deletions.is_empty();
    let ends = update.items.windows(2).all(|pair| pair[0].id.clock + pair[0].length == pair[1].id.clock);
    is_whole && ends && client == number_of_seed(name, &content)
}

/// What a batch says.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// Of which document.
    pub name: &'a str,
    /// Instances of earlier sessions of the author under whose numbers there are items.
    pub former: Vec<Instance>,
    /// The update as it stands there.
    pub bytes: &'a [u8],
    /// What it says.
    pub update: Update<'a>,
}

impl<'a> Said<'a> {
    /// Reads a payload. Whose the items are is not looked at.
    ///
    /// # Errors
    /// [`SaidError`].
    pub fn read(payload: &'a [u8]) -> Result<Said<'a>, SaidError> {
        let (&length, rest) = payload.split_first().ok_or(SaidError::Head)?;
        let (name, rest) = rest.split_at_checked(length.into()).ok_or(SaidError::Head)?;
        let name = str::from_utf8(name).ok().filter(|name| is_name(name)).ok_or(SaidError::Head)?;
        let (&count, rest) = rest.split_first().ok_or(SaidError::Head)?;
        let count = usize::from(count);
        let (former, bytes) = rest.split_at_checked(count * size_of::<u64>()).ok_or(SaidError::Head)?;
        let (former, _) = former.as_chunks::<8>();
        let former: Vec<Instance> = former.iter().map(|bytes| Instance(u64::from_le_bytes(*bytes))).collect();
        if count > FORMER_MAX || !former.is_sorted_by(|one, other| one < other) {
            return Err(SaidError::Former);
        }
        let update = update::read(bytes)?;
        if update.items.is_empty() && update.deletions.is_empty() {
            return Err(SaidError::Nothing);
        }
        Ok(Said { name, former, bytes, update })
    }

    /// Checks that all items are this author's, or all a seed.
    ///
    /// # Errors
    /// [`SaidError::Client`].
    pub fn check(&self, author: Endpoint) -> Result<(), SaidError> {
        let of = |instance: &Instance| client_of(Endpoint { instance: *instance, ..author });
        let own: Vec<u64> = self.former.iter().chain([&author.instance]).map(of).collect();
        let foreign =
            self.update.items.iter().map(|item| item.id.client).find(|client| !own.contains(client));
        foreign
            .filter(|_| !is_seed(self.name, &self.update))
            .map_or(Ok(()), |client| Err(SaidError::Client(client)))
    }

    /// What it counts under a limit: a begun KiB as much as an item or a range that it deletes.
    pub fn cost(&self) -> usize {
        self.update.items.len() + self.update.deletions.len() + self.bytes.len().div_ceil(1024)
    }

    /// Which of some endpoints of one peer have items in it.
    pub fn writers(&self, peer: PeerId, instances: impl Iterator<Item = Instance>) -> Vec<Instance> {
        let has = |client| self.update.items.iter().any(|item| item.id.client == client);
        instances.filter(|instance| has(client_of(Endpoint { peer, instance: *instance }))).collect()
    }
}

/// Whether a document can have this name.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
}

/// A payload.
pub fn payload(name: &str, former: &[Instance], update: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(HEAD_MAX + update.len());
    payload.push(name.len() as u8);
    payload.extend_from_slice(name.as_bytes());
    payload.push(former.len() as u8);
    former.iter().for_each(|instance| payload.extend_from_slice(&instance.0.to_le_bytes()));
    payload.extend_from_slice(update);
    payload
}

/// The payloads that say an update of a document: as few as batches have place for, cut within its items.
///
/// # Errors
/// [`SaidError`]; the update says nothing that can be written.
pub fn payloads(name: &str, former: &[Instance], update: &[u8]) -> Result<Vec<Vec<u8>>, SaidError> {
    payloads_of(name, former, update, update::read_long(update)?)
}

/// The payloads of an update that was read.
pub(super) fn payloads_of(
    name: &str,
    former: &[Instance],
    update: &[u8],
    read: Update<'_>,
) -> Result<Vec<Vec<u8>>, SaidError> {
    if !is_name(name) {
        return Err(SaidError::Head);
    }
    if read.items.is_empty() && read.deletions.is_empty() {
        return Err(SaidError::Nothing);
    }
    if update.len() <= UPDATE_MAX && read.items.len() <= ITEMS_MAX && read.deletions.len() <= ITEMS_MAX {
        return Ok(vec![payload(name, former, update)]);
    }
    let mut parts = Parts::default();
    let mut pieces: Vec<Piece<'_>> = read.items.iter().map(Piece::of).collect();
    // In the order in which they were made, so that none waits for one that comes later.
    pieces.sort_by_key(|piece| (piece.id.client, piece.id.clock));
    for piece in pieces {
        parts.add(piece)?;
    }
    for (client, range) in read.deletions.into_iter().collect::<Ranges>().iter() {
        parts.delete(*client, range.clone());
    }
    parts.end();
    Ok(parts.done.iter().map(|update| payload(name, former, update)).collect())
}

/// An update that is being cut.
#[derive(Default)]
struct Parts<'a> {
    pieces: Vec<Piece<'a>>,
    deletions: Vec<(u64, Range<u64>)>,
    size: usize,
    done: Vec<Vec<u8>>,
}

/// Bytes of an update beside its items and ranges, at most.
const FRAME: usize = 64;
/// Bytes of a range that is deleted, at most.
const RANGE_MAX: usize = 24;

impl<'a> Parts<'a> {
    fn add(&mut self, mut piece: Piece<'a>) -> Result<(), SaidError> {
        loop {
            let left = (UPDATE_MAX - FRAME).saturating_sub(self.size);
            let has_place = piece.size() <= left && self.pieces.len() < ITEMS_MAX;
            // What is cut has half of its parts, which may be half of its bytes.
            if has_place {
                self.size += piece.size();
                self.pieces.push(piece);
                return Ok(());
            }
            if left < UPDATE_MAX / 2 || self.pieces.len() == ITEMS_MAX {
                self.end();
            } else if piece.length > 1 {
                let rest = piece.split_off(piece.middle());
                self.add(piece)?;
                piece = rest;
            } else if self.pieces.is_empty() {
                return Err(SaidError::TooLong(piece.size()));
            } else {
                self.end();
            }
        }
    }

    fn delete(&mut self, client: u64, range: Range<u64>) {
        if self.size + RANGE_MAX > UPDATE_MAX - FRAME || self.deletions.len() == ITEMS_MAX {
            self.end();
        }
        self.size += RANGE_MAX;
        self.deletions.push((client, range));
    }

    fn end(&mut self) {
        let (pieces, deletions) = (std::mem::take(&mut self.pieces), std::mem::take(&mut self.deletions));
        self.size = 0;
        if !pieces.is_empty() || !deletions.is_empty() {
            self.done.push(write(pieces, &deletions.into_iter().collect()));
        }
    }
}
