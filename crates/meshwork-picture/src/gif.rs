//! GIF (version 89a): a screen with a palette, then blocks, whose contents are chains of sub-blocks.

use crate::{Head, Kind, at, take};

/// The end of a picture.
const TRAILER: u8 = 0x3b;

/// The begin of a frame.
const FRAME: u8 = 0x2c;

enum Block<'a> {
    /// All bytes of a frame.
    Frame(&'a [u8]),
    /// An extension: its label, its chain of sub-blocks, and all of its bytes.
    Extension {
        label: u8,
        chain: &'a [u8],
        whole: &'a [u8],
    },
    Trailer,
}

/// Bytes of a palette behind these flags.
fn palette(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Takes the screen and its palette off `rest`.
fn screen<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let [flags] = at(rest, 10)?;
    take(rest, 13 + palette(flags))
}

/// Takes a chain of sub-blocks off `rest`.
fn chain<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    loop {
        let [sub] = at(rest, length)?;
        length += 1 + usize::from(sub);
        if sub == 0 {
            return take(rest, length);
        }
    }
}

/// Takes a block off `rest`; `None` if it is not whole, or of no known kind.
fn block<'a>(rest: &mut &'a [u8]) -> Option<Block<'a>> {
    let before = *rest;
    match take(rest, 1)?[0] {
        FRAME => {
            let [flags] = at(before, 9)?;
            // The size of codes stands before the chain.
            take(rest, 9 + palette(flags) + 1)?;
            chain(rest)?;
            Some(Block::Frame(&before[..before.len() - rest.len()]))
        }
        0x21 => {
            let label = take(rest, 1)?[0];
            let chain = chain(rest)?;
            Some(Block::Extension { label, chain, whole: &before[..before.len() - rest.len()] })
        }
        TRAILER => Some(Block::Trailer),
        _ => None,
    }
}

/// A 16-bit number at a place.
fn number(bytes: &[u8], place: usize) -> Option<u32> {
    at(bytes, place).map(|number| u32::from(u16::from_le_bytes(number)))
}

/// The right and lower edge of the frame that begins here.
fn edge(rest: &[u8]) -> Option<(u32, u32)> {
    let of = |begin, length| Some(number(rest, begin)? + number(rest, length)?);
    (rest.first() == Some(&FRAME)).then(|| Some((of(1, 5)?, of(3, 7)?)))?
}

/// The head of a picture. Browsers make the screen larger for a frame that leaves it, and show frames that are cut off.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    let mut rest = bytes;
    let (mut width, mut height) = (number(bytes, 6)?, number(bytes, 8)?);
    screen(&mut rest)?;
    let mut frames = 0;
    loop {
        if let Some((right, lower)) = edge(rest) {
            (width, height) = (width.max(right), height.max(lower));
            frames += 1;
        }
        match block(&mut rest) {
            Some(Block::Frame(_) | Block::Extension { .. }) => {}
            Some(Block::Trailer) | None => break,
        }
    }
    Some(Head { kind: Kind::Gif, width, height, is_animated: frames > 1 })
}

/// The picture without extensions that are not needed; `None` if it has no whole frame. A missing trailer is added.
pub(crate) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let mut cleaned = screen(&mut rest)?.to_vec();
    let mut has_pixels = false;
    while !rest.is_empty() {
        match block(&mut rest)? {
            Block::Frame(whole) => {
                has_pixels = true;
                cleaned.extend(whole);
            }
            Block::Extension { label, chain, whole } => match (label, chain) {
                // Duration, transparency and removal of the frame behind it.
                (0xf9, [4, control @ ..]) if control.len() >= 4 => {
                    cleaned.extend([0x21, 0xf9, 4]);
                    cleaned.extend(&control[..4]);
                    cleaned.push(0);
                }
                (0xff, [11, app @ ..]) if app.starts_with(b"ICCRGBG1012") => cleaned.extend(whole),
                (0xff, [11, app @ ..]) => cleaned.extend(repeats(app).into_iter().flatten()),
                _ => {}
            },
            Block::Trailer => break,
        }
    }
    cleaned.push(TRAILER);
    has_pixels.then_some(cleaned)
}

/// The extension that says how often the frames repeat, if these are the name and the sub-blocks of it.
fn repeats(app: &[u8]) -> Option<[u8; 19]> {
    let (name, chain): (&[u8; 11], _) = app.split_first_chunk()?;
    let [3, 1, low, high] = at(chain, 0)? else { return None };
    let mut whole = *b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0";
    (whole[16], whole[17]) = (low, high);
    matches!(name, b"NETSCAPE2.0" | b"ANIMEXTS1.0").then_some(whole)
}
