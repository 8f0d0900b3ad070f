//! Picture files without a decoder: their heads, the limits of their uses, and their cleaning before they are sent.
//!
//! # Problem
//! A picture of a stranger may claim 60,000 pixels a side and end the program that decodes it. A picture of a camera carries
//! the place where it was taken, and the camera's serial number.
//!
//! # How it works
//! [`Head::read`] walks over the parts of a file, and reads kind, sides and frames. [`Limit::check`] compares the head with the
//! limits of one use. [`clean`] writes the file again with the parts that its pixels and colours need, byte by byte as
//! they were, and leaves out all others. The orientation alone stays of EXIF data. PNG is read by its third edition, JPEG by ITU T.81,
//! GIF by version 89a, WebP by RFC 9649, and the orientation by EXIF 2.32, section 4.6.
//!
//! # Invariants
//! - No byte of a file is trusted: a length that leaves the file ends the walk, and nothing is allocated by a length of the file.
//! - A part that is not known is left out: a new kind of metadata does not pass.
//! - A cleaned picture has the same pixels, and it is clean: cleaning it again changes nothing.
//!
//! # Limits
//! A walk takes time in proportion to the file. [`CARD`], [`FACE`], [`POST`] and [`BOARD`] are the limits of the uses.
//!
//! ```
//! use meshwork_picture::{Kind, PictureError, clean};
//!
//! let gif = b"GIF89a\x01\0\x01\0\0\0\0\x21\xfe\x04Oslo\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";
//! let cleaned = clean(gif)?;
//! assert_eq!(Kind::of(&cleaned), Some(Kind::Gif));
//! assert!(!cleaned.windows(4).any(|part| part == b"Oslo"));
//! assert_eq!(clean(b"<svg/>"), Err(PictureError::NoPicture));
//! # Ok::<(), PictureError>(())
//! ```

mod exif;
mod gif;
mod jpeg;
mod limit;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use std::fmt;

pub use limit::{BOARD, CARD, FACE, Limit, POST};

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// PNG, moving ones included.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
}

impl Kind {
    /// The kind of a file by its first bytes; `None` for any other file.
    pub fn of(bytes: &[u8]) -> Option<Kind> {
        if bytes.starts_with(png::SIGNATURE) {
            Some(Kind::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Kind::Jpeg)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Kind::Gif)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Kind::WebP)
        } else {
            None
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Gif => "image/gif",
            Kind::WebP => "image/webp",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Png => "PNG",
            Kind::Jpeg => "JPEG",
            Kind::Gif => "GIF",
            Kind::WebP => "WebP",
        })
    }
}

/// The head of a picture: its kind, sides and frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its kind.
    pub kind: Kind,
    /// Pixels from left to right as the picture is shown, its orientation applied; at least 1.
    pub width: u32,
    /// Pixels from top to bottom as the picture is shown, its orientation applied; at least 1.
    pub height: u32,
    /// Whether it has several frames.
    pub is_animated: bool,
}

impl Head {
    /// Reads the head of a picture; `None` for other files, and if the size is 0 or missing. The rest of the picture may be
    /// missing or damaged.
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let read = match Kind::of(bytes)? {
            Kind::Png => png::head,
            Kind::Jpeg => jpeg::head,
            Kind::Gif => gif::head,
            Kind::WebP => webp::head,
        };
        read(bytes).filter(|head| head.width > 0 && head.height > 0)
    }

    /// Pixels of a frame.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The head of a picture of these stored sides, as this EXIF orientation shows it.
    fn turned(self, orientation: Option<u8>) -> Head {
        match orientation {
            Some(5..) => Head { width: self.height, height: self.width, ..self },
            _ => self,
        }
    }
}

/// The reason for which a picture is not used or not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A file of another kind.
    #[error("the file is no PNG, JPEG, GIF or WebP picture")]
    NoPicture,
    /// A picture that is cut off or damaged: open it in a picture program, and save it again.
    #[error("the {0} picture is cut off or damaged: save it again in a picture program")]
    Damaged(Kind),
    /// A kind that the use does not have.
    #[error("a {0} picture is not possible here")]
    Kind(Kind),
    /// Several frames.
    #[error("the picture is animated, and one frame is the limit")]
    Animated,
    /// Too many bytes.
    #[error("picture of {size} bytes exceeds the limit of {max}")]
    TooLong {
        /// Bytes of the picture.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Too many pixels.
    #[error("picture of {width}x{height} pixels exceeds the limit of {side} a side and {pixels} in all")]
    TooLarge {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
        /// The limit of a side.
        side: u32,
        /// The limit of all pixels.
        pixels: u64,
    },
}

/// The picture as it is sent: its pixels, colour profile, orientation and animation, byte by byte as they were, without position,
/// time, device, serial number, software, author, comments, previews, and all that stands behind its end.
///
/// A part may carry data that looks like pixels or colours: its contents stay as they are. The result has at most 64 bytes
/// more than the picture.
///
/// # Errors
/// [`PictureError::NoPicture`] and [`PictureError::Damaged`]; nothing is to be sent then.
pub fn clean(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let kind = Kind::of(bytes).ok_or(PictureError::NoPicture)?;
    let cleaned = match kind {
        Kind::Png => png::clean(bytes),
        Kind::Jpeg => jpeg::clean(bytes),
        Kind::Gif => gif::clean(bytes),
        Kind::WebP => webp::clean(bytes),
    };
    cleaned.filter(|cleaned| Head::read(cleaned).is_some()).ok_or(PictureError::Damaged(kind))
}

/// `N` bytes at a place; `None` beyond the end.
fn at<const N: usize>(bytes: &[u8], place: usize) -> Option<[u8; N]> {
    bytes.get(place..)?.first_chunk().copied()
}

/// Takes the first `length` bytes off `rest`; `None` if it has fewer.
fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (part, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}
