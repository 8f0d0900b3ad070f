//! The orientation in EXIF data, which is a TIFF file, and EXIF data that has the orientation alone.

use crate::at;

/// The tag of the orientation (EXIF 2.32, section 4.6.4).
const ORIENTATION: u16 = 0x0112;
/// The type of a 16-bit number.
const SHORT: u16 = 3;

/// The orientation in EXIF data, 2 to 8; `None` for an upright picture, and if there is no orientation.
pub(crate) fn orientation(tiff: &[u8]) -> Option<u8> {
    let is_big = match &at(tiff, 0)? {
        b"MM\0\x2a" => true,
        b"II\x2a\0" => false,
        _ => return None,
    };
    let short = |place| {
        let bytes = at(tiff, place)?;
        Some(if is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let directory: [u8; 4] = at(tiff, 4)?;
    let directory = if is_big { u32::from_be_bytes(directory) } else { u32::from_le_bytes(directory) };
    let directory = usize::try_from(directory).ok()?;
    let first = directory.checked_add(2)?;
    for number in 0..usize::from(short(directory)?) {
        let entry = first.checked_add(12 * number)?;
        if short(entry)? == ORIENTATION {
            let value = u8::try_from(short(entry + 8)?).ok()?;
            return (short(entry + 2)? == SHORT && (2..=8).contains(&value)).then_some(value);
        }
    }
    None
}

/// EXIF data of this orientation alone.
pub(crate) fn only(orientation: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = orientation;
    tiff
}
