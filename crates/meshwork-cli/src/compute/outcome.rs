//! Outcomes of jobs: as lines, numbers, pictures and files.

use std::io::Write as _;
use std::path::Path;

use meshwork::compute::format::Job;
use meshwork::compute::{Reduce, Shape, View, read_packet};
use meshwork_place::canvas::CanvasSize;

use crate::exit::Failure;
use crate::{file, out, picture};

/// Writes an outcome: a picture into a file that ends with .png, else its lines or bytes.
pub(super) fn write(job: &Job, outcome: &[u8], path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else {
        return match text(job, outcome)? {
            Some(text) => out::print(text),
            None => out::bytes(outcome),
        };
    };
    let is_picture = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if let (true, View::Tiles { columns, width, height }) = (is_picture, job.program.view) {
        let (size, pixels) = tiles(job.units, outcome, [columns, width, height])?;
        return Ok(picture::write_png(path, size, &pixels)?);
    }
    let text = text(job, outcome)?;
    let bytes = text.as_deref().map_or(outcome, str::as_bytes);
    Ok(file::replace(path, |file| Ok(file.write_all(bytes)?))?)
}

/// An outcome as lines, each with its end; `None` for bytes.
fn text(job: &Job, outcome: &[u8]) -> Result<Option<String>, Failure> {
    let shape = job.program.result;
    let wrong = |_| Failure::Unexpected(anyhow::anyhow!("the outcome has another form than the job states"));
    Ok(match (job.reduce, shape) {
        (Reduce::Sum | Reduce::Min | Reduce::Max, Shape::U32) => {
            Some(format!("{}\n", u64::from_le_bytes(outcome.try_into().map_err(wrong)?)))
        }
        (Reduce::Sum | Reduce::Min | Reduce::Max, _) => {
            Some(format!("{}\n", f64::from_le_bytes(outcome.try_into().map_err(wrong)?)))
        }
        (Reduce::List, _) => {
            let most = job.program.limits.result as usize;
            let values =
                read_packet(outcome, job.units as usize, most).map_err(|error| anyhow::anyhow!(error))?;
            if shape == Shape::Bytes {
                return Ok(None);
            }
            Some(values.into_iter().map(|value| line(shape, value)).collect())
        }
        (Reduce::Concat, Shape::F32 | Shape::U32) => {
            Some(outcome.chunks(4).map(|value| line(shape, value)).collect())
        }
        (Reduce::Concat, Shape::F64) => Some(outcome.chunks(8).map(|value| line(shape, value)).collect()),
        _ => None,
    })
}

/// A result as a line.
pub(super) fn line(shape: Shape, value: &[u8]) -> String {
    let words = match shape {
        Shape::F32 => value.try_into().map(|bytes| f32::from_le_bytes(bytes).to_string()),
        Shape::F64 => value.try_into().map(|bytes| f64::from_le_bytes(bytes).to_string()),
        Shape::U32 => value.try_into().map(|bytes| u32::from_le_bytes(bytes).to_string()),
        Shape::Bytes | Shape::Json => Ok(String::from_utf8_lossy(value).into_owned()),
    };
    format!("{}\n", words.unwrap_or_default())
}

/// The pixels of a picture of tiles, row by row. Units beyond the last whole row are left out of no row: the rest is clear.
fn tiles(
    units: u32,
    outcome: &[u8],
    [columns, width, height]: [u16; 3],
) -> Result<(CanvasSize, Vec<u8>), Failure> {
    let rows = units.div_ceil(columns.into());
    let too_large =
        || Failure::Usage(String::from("the picture is larger than 65,535 pixels: write it without .png"));
    let side =
        |count: u32, pixels: u16| u16::try_from(count.saturating_mul(pixels.into())).map_err(|_| too_large());
    let size = CanvasSize { width: side(columns.into(), width)?, height: side(rows, height)? };
    let (tile_row, row) = (usize::from(width) * 4, usize::from(size.width) * 4);
    let mut pixels = vec![0; row * usize::from(size.height)];
    for (unit, tile) in outcome.chunks(tile_row * usize::from(height)).enumerate() {
        let (left, top) = (unit % usize::from(columns), unit / usize::from(columns) * usize::from(height));
        for (y, line) in tile.chunks(tile_row).enumerate() {
            let start = (top + y) * row + left * tile_row;
            if let Some(place) = pixels.get_mut(start..start + line.len()) {
                place.copy_from_slice(line);
            }
        }
    }
    Ok((size, pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_in_rows() {
        // Three tiles of one by two pixels, two in a row.
        let tile = |colour: u8| vec![colour; 8];
        let outcome = [tile(1), tile(2), tile(3)].concat();
        let (size, pixels) = tiles(3, &outcome, [2, 1, 2]).unwrap();
        assert_eq!((size.width, size.height), (2, 4));
        let of = |x: usize, y: usize| pixels[(y * 2 + x) * 4];
        assert_eq!([of(0, 0), of(1, 0), of(0, 1), of(1, 1)], [1, 2, 1, 2]);
        assert_eq!([of(0, 2), of(1, 2), of(0, 3), of(1, 3)], [3, 0, 3, 0]);
    }
}
