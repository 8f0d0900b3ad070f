//! PNG (third edition): chunks of a length, a name, contents and a checksum.

use crate::{Head, Kind, at, exif, take};

pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Chunks that pixels, colours, resolution and frames need.
const KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

struct Chunk<'a> {
    name: [u8; 4],
    content: &'a [u8],
    /// All bytes of the chunk.
    whole: &'a [u8],
}

/// Takes a chunk off `rest`; `None` if it is not whole.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let (length, name) = (at(rest, 0).map(u32::from_be_bytes)?, at(rest, 4)?);
    let whole = take(rest, usize::try_from(length).ok()?.checked_add(12)?)?;
    Some(Chunk { name, content: &whole[8..whole.len() - 4], whole })
}

/// The head of a picture; chunks behind the first pixels are not read.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let first = chunk(&mut rest).filter(|first| first.name == *b"IHDR")?;
    let side = |place| at(first.content, place).map(u32::from_be_bytes);
    let mut head = Head { kind: Kind::Png, width: side(0)?, height: side(4)?, is_animated: false };
    let mut orientation = None;
    while let Some(chunk) = chunk(&mut rest) {
        match &chunk.name {
            b"acTL" => head.is_animated = true,
            b"eXIf" => orientation = orientation.or_else(|| exif::orientation(chunk.content)),
            b"IDAT" => break,
            _ => {}
        }
    }
    Some(head.turned(orientation))
}

/// The picture without chunks that are not needed; `None` if it is not whole.
pub(crate) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let mut cleaned = SIGNATURE.to_vec();
    let (mut has_pixels, mut has_orientation) = (false, false);
    loop {
        let Chunk { name, content, whole } = chunk(&mut rest)?;
        has_pixels |= name == *b"IDAT";
        if KEPT.contains(&&name) {
            cleaned.extend(whole);
        } else if name[0].is_ascii_uppercase() {
            // No picture shows without a chunk that its writer calls critical.
            return None;
        } else if name == *b"eXIf"
            && !has_orientation
            && let Some(orientation) = exif::orientation(content)
        {
            has_orientation = true;
            cleaned.extend(with_checksum(*b"eXIf", &exif::only(orientation)));
        }
        if name == *b"IEND" {
            return has_pixels.then_some(cleaned);
        }
    }
}

fn with_checksum(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = (content.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(content);
    let checksum = checksum(&chunk[4..]);
    chunk.extend(checksum.to_be_bytes());
    chunk
}

/// The checksum of a chunk (PNG, annex D).
fn checksum(bytes: &[u8]) -> u32 {
    let step = |rest: u32, _| if rest & 1 == 1 { 0xedb8_8320 ^ (rest >> 1) } else { rest >> 1 };
    !bytes.iter().fold(u32::MAX, |rest, byte| (0..8).fold(rest ^ u32::from(*byte), step))
}
