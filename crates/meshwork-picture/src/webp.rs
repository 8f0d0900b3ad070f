//! WebP (RFC 9649): a RIFF file, whose chunks have a name, a length and contents.

use crate::{Head, Kind, at, exif, take};

/// Flags of an extended file (section 2.7.1).
const ANIMATION: u8 = 0x02;
const XMP: u8 = 0x04;
const EXIF: u8 = 0x08;

struct Chunk<'a> {
    name: [u8; 4],
    content: &'a [u8],
}

/// Takes a chunk off `rest`; `None` if it is not whole. The byte that fills the last one up to an even length may be missing.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let name = at(rest, 0)?;
    let length = usize::try_from(u32::from_le_bytes(at(rest, 4)?)).ok()?;
    take(rest, 8)?;
    let content = take(rest, length)?;
    take(rest, (length % 2).min(rest.len()))?;
    Some(Chunk { name, content })
}

/// The chunks of the file by its own length, or of all that is there if it is cut off.
fn chunks(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let length = usize::try_from(u32::from_le_bytes(at(bytes, 4)?)).ok()?.checked_add(8)?;
    let whole = bytes.get(12..length);
    Some((whole.unwrap_or_else(|| bytes.get(12..).unwrap_or_default()), whole.is_some()))
}

/// The sides of a frame, width first; `None` for other chunks.
fn sides(chunk: &Chunk<'_>) -> Option<(u32, u32)> {
    let content = chunk.content;
    match &chunk.name {
        b"VP8 " => {
            let [0x9d, 0x01, 0x2a] = at(content, 3)? else { return None };
            let side = |place| at(content, place).map(|side| u32::from(u16::from_le_bytes(side) & 0x3fff));
            Some((side(6)?, side(8)?))
        }
        b"VP8L" => {
            let [0x2f] = at(content, 0)? else { return None };
            let sides = u32::from_le_bytes(at(content, 1)?);
            Some((1 + (sides & 0x3fff), 1 + (sides >> 14 & 0x3fff)))
        }
        _ => None,
    }
}

/// Flags and sides of an extended file.
fn extended(content: &[u8]) -> Option<(u8, (u32, u32))> {
    let side = |place| {
        let [low, middle, high]: [u8; 3] = at(content, place)?;
        Some(1 + u32::from_le_bytes([low, middle, high, 0]))
    };
    Some((at::<1>(content, 0)?[0], (side(4)?, side(7)?)))
}

/// The head of a picture: the larger of the canvas and its frame.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    let (mut rest, _) = chunks(bytes)?;
    let of = |(width, height), is_animated| Head { kind: Kind::WebP, width, height, is_animated };
    let first = chunk(&mut rest).unwrap_or(Chunk { name: at(bytes, 12)?, content: bytes.get(20..)? });
    if first.name != *b"VP8X" {
        return Some(of(sides(&first)?, false));
    }
    let (flags, canvas) = extended(first.content)?;
    let mut head = of(canvas, flags & ANIMATION != 0);
    let mut orientation = None;
    while let Some(chunk) = chunk(&mut rest) {
        match &chunk.name {
            b"ANIM" | b"ANMF" => head.is_animated = true,
            b"EXIF" => orientation = orientation.or_else(|| exif::orientation(tiff(chunk.content))),
            _ => {
                let (width, height) = sides(&chunk).unwrap_or_default();
                (head.width, head.height) = (head.width.max(width), head.height.max(height));
            }
        }
    }
    Some(head.turned(orientation))
}

/// EXIF data of a chunk: some programs write the head of JPEG's before it.
fn tiff(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"Exif\0\0").unwrap_or(content)
}

/// The picture without chunks that are not needed; `None` if it is not whole.
pub(crate) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, true) = chunks(bytes)? else { return None };
    let mut cleaned = b"RIFF\0\0\0\0WEBP".to_vec();
    let first = chunk(&mut rest)?;
    let is_extended = first.name == *b"VP8X";
    let mut has_pixels = !is_extended && sides(&first).is_some();
    push(&mut cleaned, first.name, first.content.get(..if is_extended { 10 } else { first.content.len() })?);
    let (mut flags, mut has_orientation) = (first.content.first()? & !(XMP | EXIF), false);
    while is_extended && !rest.is_empty() {
        let Chunk { name, content } = chunk(&mut rest)?;
        match &name {
            b"VP8 " | b"VP8L" => {
                has_pixels = true;
                push(&mut cleaned, name, content);
            }
            b"ICCP" | b"ANIM" | b"ALPH" => push(&mut cleaned, name, content),
            b"ANMF" => {
                has_pixels = true;
                push(&mut cleaned, name, &frame(content)?);
            }
            b"EXIF" if !has_orientation => {
                if let Some(orientation) = exif::orientation(tiff(content)) {
                    has_orientation = true;
                    flags |= EXIF;
                    push(&mut cleaned, name, &exif::only(orientation));
                }
            }
            _ => {}
        }
    }
    if is_extended {
        cleaned[20] = flags;
    }
    let length = u32::try_from(cleaned.len() - 8).ok()?;
    cleaned[4..8].copy_from_slice(&length.to_le_bytes());
    has_pixels.then_some(cleaned)
}

/// A frame of an animation, whose head has 16 bytes, without chunks that are not needed.
fn frame(content: &[u8]) -> Option<Vec<u8>> {
    let mut rest = content;
    let mut cleaned = take(&mut rest, 16)?.to_vec();
    while !rest.is_empty() {
        let Chunk { name, content } = chunk(&mut rest)?;
        if matches!(&name, b"ALPH" | b"VP8 " | b"VP8L") {
            push(&mut cleaned, name, content);
        }
    }
    Some(cleaned)
}

fn push(cleaned: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    cleaned.extend(name);
    // As long as the chunk that was read, or shorter.
    cleaned.extend((content.len() as u32).to_le_bytes());
    cleaned.extend(content);
    if content.len() % 2 == 1 {
        cleaned.push(0);
    }
}
