//! JPEG (ITU T.81): segments behind markers, and entropy-coded data behind each start of a scan.

use crate::{Head, Kind, at, exif, take};

const JFIF: &[u8] = b"JFIF\0";
const EXIF: &[u8] = b"Exif\0\0";
const COLOURS: &[u8] = b"ICC_PROFILE\0";
const START: [u8; 2] = [0xff, 0xd8];
/// The end of the picture. Behind it stand further pictures, films and notes of some cameras.
const END: u8 = 0xd9;
/// The start of a scan.
const SCAN: u8 = 0xda;

/// A segment, and behind the start of a scan its data.
struct Segment<'a> {
    marker: u8,
    content: &'a [u8],
    /// Data of a scan; empty for other segments.
    scan: &'a [u8],
}

/// Takes a segment off `rest`; `None` if it is not whole. Bytes before a marker are skipped, as decoders do.
fn segment<'a>(rest: &mut &'a [u8]) -> Option<Segment<'a>> {
    loop {
        let begin = rest.iter().position(|byte| *byte == 0xff)?;
        take(rest, begin)?;
        let fill = rest.iter().position(|byte| *byte != 0xff)?;
        let marker = rest[fill];
        take(rest, fill + 1)?;
        match marker {
            // A stuffed byte, and markers without contents that have no meaning outside of a scan.
            0x00 | 0x01 | 0xd0..=0xd7 => {}
            0xd8 | END => return Some(Segment { marker, content: &[], scan: &[] }),
            _ => {
                let length = usize::from(u16::from_be_bytes(at(rest, 0)?));
                let content = take(rest, length)?.get(2..)?;
                let scan = if marker == SCAN { scan(rest) } else { &[] };
                return Some(Segment { marker, content, scan });
            }
        }
    }
}

/// Takes the data of a scan off `rest`: all bytes before a marker other than those of restarts.
fn scan<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let is_end = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    let length = rest.windows(2).position(is_end).unwrap_or(rest.len());
    take(rest, length).unwrap_or_default()
}

/// The sides in a frame header (section B.2.2), width first.
fn sides(marker: u8, content: &[u8]) -> Option<(u32, u32)> {
    let side = |place| at(content, place).map(|side| u32::from(u16::from_be_bytes(side)));
    match marker {
        0xc4 | 0xc8 | 0xcc => None,
        0xc0..=0xcf => Some((side(3)?, side(1)?)),
        _ => None,
    }
}

pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    let mut rest = bytes.strip_prefix(&START)?;
    let mut orientation = None;
    while let Some(Segment { marker, content, .. }) = segment(&mut rest) {
        if let Some((width, height)) = sides(marker, content) {
            let head = Head { kind: Kind::Jpeg, width, height, is_animated: false };
            return Some(head.turned(orientation.flatten()));
        }
        match marker {
            0xe1 if orientation.is_none() => orientation = content.strip_prefix(EXIF).map(exif::orientation),
            SCAN | END => return None,
            _ => {}
        }
    }
    None
}

/// The picture without segments that are not needed; `None` if it has no whole frame header and scan. A missing end is added.
pub(crate) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(&START)?;
    let mut cleaned = START.to_vec();
    let (mut has_pixels, mut has_exif) = (false, false);
    while !rest.is_empty() {
        let Segment { marker, content, scan } = segment(&mut rest)?;
        match marker {
            END => break,
            // Version and resolution, without the preview behind them.
            0xe0 if content.starts_with(JFIF) && content.len() >= JFIF.len() + 7 => {
                push(&mut cleaned, marker, &[&content[..JFIF.len() + 7], &[0, 0]].concat());
            }
            0xe1 if !has_exif && content.starts_with(EXIF) => {
                has_exif = true;
                if let Some(orientation) = exif::orientation(&content[EXIF.len()..]) {
                    push(&mut cleaned, marker, &[EXIF, &exif::only(orientation)].concat());
                }
            }
            0xe2 if content.starts_with(COLOURS) => push(&mut cleaned, marker, content),
            // The number at its end says how colours are stored.
            0xee if content.starts_with(b"Adobe") && content.len() >= 12 => {
                push(&mut cleaned, marker, &content[..12]);
            }
            0xe0..=0xef | 0xfe => {}
            // Tables, frame headers and scans (table B.1).
            0xc0..=0xc7 | 0xc9..=0xcf | SCAN..=0xdf => {
                has_pixels |= marker == SCAN;
                push(&mut cleaned, marker, content);
                cleaned.extend(scan);
            }
            _ => return None,
        }
    }
    cleaned.extend([0xff, END]);
    has_pixels.then_some(cleaned)
}

fn push(cleaned: &mut Vec<u8>, marker: u8, content: &[u8]) {
    cleaned.extend([0xff, marker]);
    // As long as the segment that was read, or one of ours, which is shorter.
    cleaned.extend((content.len() as u16 + 2).to_be_bytes());
    cleaned.extend(content);
}
