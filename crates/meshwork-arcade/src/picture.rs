//! The pictures of games' cards: their kinds and sizes, from their bytes.

/// Bytes of a card's picture, all of which previews load.
pub(crate) const PICTURE_MAX: usize = 512 * 1024;
/// Pixels of each side of a card's picture: a page of the list decodes up to 100 of them, each to at most 16 MiB.
const SIDE_MAX: u32 = 2048;
/// The picture of a game without one.
pub(crate) const OURS: &[u8] = include_bytes!("card.png");

/// A picture that browsers and previews show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) media_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The kind and the size of a picture by its own bytes; `None` for anything else, SVG included, since it has scripts, and for a
/// larger one.
pub(crate) fn kind(bytes: &[u8]) -> Option<Kind> {
    let (media_type, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("image/png", png(bytes)?)
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        ("image/jpeg", jpeg(bytes)?)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        ("image/gif", gif(bytes)?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        ("image/webp", webp(bytes)?)
    } else {
        return None;
    };
    let is_side = |side| (1..=SIDE_MAX).contains(&side);
    let fits = bytes.len() <= PICTURE_MAX && is_side(width) && is_side(height);
    fits.then_some(Kind { media_type, width, height })
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    (bytes.get(12..16)? == b"IHDR").then_some((number(16)?, number(20)?))
}

/// The size of the logical screen (GIF89a, section 18).
fn gif(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    Some((number(6)?.into(), number(8)?.into()))
}

/// The size of the canvas, or of the only frame (RFC 9649, sections 2.5 to 2.7).
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    match bytes.get(12..16)? {
        b"VP8X" => Some(((number(24)? & 0xff_ffff) + 1, (number(26)? >> 8) + 1)),
        b"VP8L" => Some(((number(21)? & 0x3fff) + 1, (number(21)? >> 14 & 0x3fff) + 1)),
        b"VP8 " => Some((number(26)? & 0x3fff, number(26)? >> 16 & 0x3fff)),
        _ => None,
    }
}

/// The size in the first frame header (ITU-T T.81, section B.2.2).
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let mut at = 2;
    loop {
        let [0xff, marker] = *bytes.get(at..)?.first_chunk::<2>()? else { return None };
        match marker {
            0xff => at += 1,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((number(at + 7)?.into(), number(at + 5)?.into()));
            }
            0xd8 | 0x01 | 0xd0..=0xd7 => at += 2,
            _ => at += 2 + usize::from(number(at + 2)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_bytes() {
        assert_eq!(kind(OURS), Some(Kind { media_type: "image/png", width: 1200, height: 630 }));
        let jpeg =
            [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2][..], &[0xff, 0xc2, 0, 11, 8, 0, 30, 0, 40, 1, 1, 0x11, 0]]
                .concat();
        assert_eq!(kind(&jpeg), Some(Kind { media_type: "image/jpeg", width: 40, height: 30 }));
        assert_eq!(
            kind(b"GIF89a\x40\x01\xf0\x00"),
            Some(Kind { media_type: "image/gif", width: 320, height: 240 })
        );
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\x01\0\xef\0\0".as_slice();
        assert_eq!(kind(extended), Some(Kind { media_type: "image/webp", width: 320, height: 240 }));
        for picture in [jpeg.as_slice(), extended, b"GIF89a\x40\x01\xf0\x00"] {
            for length in 0..picture.len() {
                assert!(kind(&picture[..length]).is_none_or(|kind| kind.width <= 320));
            }
        }
        assert_eq!(kind(b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), None);
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n"), None);
    }

    #[test]
    fn pictures_of_many_pixels_are_none() {
        let of = |width: u32, height: u32| {
            let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
            kind(&[b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".as_slice(), &sides].concat()).is_some()
        };
        assert!(of(2048, 2048) && of(1, 2048));
        assert!(!of(2049, 1) && !of(1, 2049) && !of(20_000, 20_000) && !of(u32::MAX, u32::MAX));
    }
}
