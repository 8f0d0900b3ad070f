//! The head of a picture: its kind and size, read before anything decodes it.
//!
//! The reader looks at the first bytes alone and follows no length beyond them. PNG (RFC 2083 and its third edition), JPEG
//! (ITU T.81) and WebP (RFC 9649) are read; all else is no picture.

/// Segments or chunks of a head that are looked at.
const PARTS_MAX: usize = 64;

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    WebP,
}

impl PictureKind {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            PictureKind::Png => "image/png",
            PictureKind::Jpeg => "image/jpeg",
            PictureKind::WebP => "image/webp",
        }
    }
}

/// What the head of a picture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its kind.
    pub kind: PictureKind,
    /// Pixels from left to right, at least 1.
    pub width: u32,
    /// Pixels from top to bottom, at least 1.
    pub height: u32,
    /// Whether it has several frames.
    pub is_animated: bool,
}

impl Head {
    /// Reads the head of a picture; `None` for other bytes, and where the size is 0 or does not stand near the beginning.
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let head = png(bytes).or_else(|| jpeg(bytes)).or_else(|| webp(bytes))?;
        (head.width > 0 && head.height > 0).then_some(head)
    }
}

fn at<const N: usize>(bytes: &[u8], place: usize) -> Option<[u8; N]> {
    bytes.get(place..)?.first_chunk().copied()
}

fn png(bytes: &[u8]) -> Option<Head> {
    bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let mut head = None;
    let mut place = 8;
    for _ in 0..PARTS_MAX {
        let (length, name): ([u8; 4], [u8; 4]) = match (at(bytes, place), at(bytes, place + 4)) {
            (Some(length), Some(name)) => (length, name),
            _ => break,
        };
        let content = place + 8;
        match &name {
            b"IHDR" if head.is_none() => {
                let side = |place| at(bytes, place).map(u32::from_be_bytes);
                let (width, height) = (side(content)?, side(content + 4)?);
                head = Some(Head { kind: PictureKind::Png, width, height, is_animated: false });
            }
            b"acTL" => {
                head = head.map(|head| Head { is_animated: true, ..head });
                break;
            }
            b"IDAT" => break,
            _ => {}
        }
        // Behind the content stands a checksum.
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        place = content.checked_add(length)?.checked_add(4)?;
    }
    head
}

fn jpeg(bytes: &[u8]) -> Option<Head> {
    bytes.strip_prefix(b"\xff\xd8\xff")?;
    let mut place = 2;
    for _ in 0..PARTS_MAX {
        let [0xff, marker] = at(bytes, place)? else { return None };
        // A marker may be filled up with bytes of its first half.
        if marker == 0xff {
            place += 1;
            continue;
        }
        let length = usize::from(u16::from_be_bytes(at(bytes, place + 2)?));
        match marker {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => {
                let side = |place| at(bytes, place).map(|side| u32::from(u16::from_be_bytes(side)));
                let (height, width) = (side(place + 5)?, side(place + 7)?);
                return Some(Head { kind: PictureKind::Jpeg, width, height, is_animated: false });
            }
            // The picture itself, or its end.
            0xda | 0xd9 => return None,
            _ => {}
        }
        place = place.checked_add(2)?.checked_add(length)?;
    }
    None
}

fn webp(bytes: &[u8]) -> Option<Head> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    let kind = PictureKind::WebP;
    let content = 20;
    match bytes.get(12..16)? {
        b"VP8X" => {
            let [flags] = at(bytes, content)?;
            let side = |place| {
                let [low, middle, high]: [u8; 3] = at(bytes, place)?;
                Some(1 + u32::from_le_bytes([low, middle, high, 0]))
            };
            let (width, height) = (side(content + 4)?, side(content + 7)?);
            Some(Head { kind, width, height, is_animated: flags & 2 != 0 })
        }
        b"VP8 " => {
            let [0x9d, 0x01, 0x2a] = at(bytes, content + 3)? else { return None };
            let side = |place| at(bytes, place).map(|side| u32::from(u16::from_le_bytes(side) & 0x3fff));
            let (width, height) = (side(content + 6)?, side(content + 8)?);
            Some(Head { kind, width, height, is_animated: false })
        }
        b"VP8L" => {
            let [0x2f] = at(bytes, content)? else { return None };
            let sides = u32::from_le_bytes(at(bytes, content + 1)?);
            let (width, height) = (1 + (sides & 0x3fff), 1 + (sides >> 14 & 0x3fff));
            Some(Head { kind, width, height, is_animated: false })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Option<(PictureKind, u32, u32, bool)> {
        Head::read(bytes).map(|head| (head.kind, head.width, head.height, head.is_animated))
    }

    fn png_of(width: u32, height: u32, more: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 1, 2, 3, 4]);
        bytes.extend(more);
        bytes
    }

    #[test]
    fn heads_of_pictures_are_read() {
        assert_eq!(head(&png_of(60_000, 3, b"")), Some((PictureKind::Png, 60_000, 3, false)));
        let animated = png_of(8, 8, b"\0\0\0\x08acTL\0\0\0\x01\0\0\0\0");
        assert_eq!(head(&animated), Some((PictureKind::Png, 8, 8, true)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc0\0\x0b\x08\0\x10\0\x20\x01";
        assert_eq!(head(jpeg), Some((PictureKind::Jpeg, 32, 16, false)));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x20\0\x10\0";
        assert_eq!(head(lossy), Some((PictureKind::WebP, 32, 16, false)));
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x1f\xc0\x03\0";
        assert_eq!(head(lossless), Some((PictureKind::WebP, 32, 16, false)));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\x02\0\0\0\x1f\0\0\x0f\0\0";
        assert_eq!(head(extended), Some((PictureKind::WebP, 32, 16, true)));
    }

    #[test]
    fn other_bytes_and_parts_of_heads_are_none() {
        assert_eq!(head(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), None);
        assert_eq!(head(b"GIF89a\x01\0\x01\0"), None);
        assert_eq!(head(&png_of(0, 4, b"")), None, "no pixels");
        let endless = [b"\xff\xd8\xff\xe0\0\x02".to_vec(), [0xff, 0xe0, 0, 2].repeat(10_000)].concat();
        assert_eq!(head(&endless), None, "no size near the beginning");
        let whole = png_of(8, 8, b"");
        assert!((0..24).all(|length| head(&whole[..length]).is_none()));
    }
}
