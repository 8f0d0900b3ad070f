//! The limits of pictures, one for each use.

use crate::{Head, Kind, PictureError};

/// The limits of the pictures of one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The kinds.
    pub kinds: &'static [Kind],
    /// Most bytes.
    pub bytes: usize,
    /// Most pixels of a side.
    pub side: u32,
    /// Most pixels of a frame.
    pub pixels: u64,
    /// Whether several frames are possible.
    pub may_move: bool,
}

const ALL: &[Kind] = &[Kind::Png, Kind::Jpeg, Kind::Gif, Kind::WebP];

/// The card of a published game: previews in other programs load all of its bytes, and a page of the list decodes up to 100 of
/// them, each to at most 16 MiB.
pub const CARD: Limit =
    Limit { kinds: ALL, bytes: 512 * 1024, side: 2_048, pixels: 2_048 * 2_048, may_move: false };

/// The picture of a profile: 1,500 people in a room have 24 MB of them.
pub const FACE: Limit = Limit {
    kinds: &[Kind::Png, Kind::Jpeg, Kind::WebP],
    bytes: 16 * 1024,
    side: 256,
    pixels: 256 * 256,
    may_move: false,
};

/// A picture that is shown in a post: 40 million pixels take 160 MB in memory. A larger or moving one is a file to save.
pub const POST: Limit =
    Limit { kinds: ALL, bytes: usize::MAX, side: 8_192, pixels: 40_000_000, may_move: false };

/// A picture on a whiteboard or in a document: as large as in a post. It may move.
pub const BOARD: Limit = Limit { may_move: true, ..POST };

impl Limit {
    /// The head of a picture within these limits.
    ///
    /// # Errors
    /// [`PictureError`] names the limit that the picture exceeds.
    pub fn check(&self, bytes: &[u8]) -> Result<Head, PictureError> {
        let head = Head::read(bytes).ok_or(PictureError::NoPicture)?;
        let Head { kind, width, height, is_animated } = head;
        if !self.kinds.contains(&kind) {
            return Err(PictureError::Kind(kind));
        }
        if bytes.len() > self.bytes {
            return Err(PictureError::TooLong { size: bytes.len(), max: self.bytes });
        }
        if is_animated && !self.may_move {
            return Err(PictureError::Animated);
        }
        if width.max(height) > self.side || head.pixels() > self.pixels {
            return Err(PictureError::TooLarge { width, height, side: self.side, pixels: self.pixels });
        }
        Ok(head)
    }
}
