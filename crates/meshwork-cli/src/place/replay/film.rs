//! A film's frames, coded one after the other.

use anyhow::Context as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use meshwork_place::picture::{ApngAssembler, Area, Film, GifEncoder, Timeline};

use super::Format;

/// A film that was made.
pub(super) struct Made {
    /// The whole file.
    pub(super) file: Vec<u8>,
    /// Whether every colour is as it was painted.
    pub(super) is_exact: bool,
}

enum Coder {
    Gif(GifEncoder),
    Apng(ApngAssembler),
}

/// Makes a film; `progress` hears how many frames there are.
///
/// # Errors
/// When a frame cannot be coded, which is a fault of ours.
pub(super) fn make(
    timeline: &mut Timeline,
    film: Film,
    scale: usize,
    format: Format,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Made> {
    let mut coder = match format {
        Format::Gif => Coder::Gif(GifEncoder::new(timeline, scale)),
        Format::Apng => Coder::Apng(ApngAssembler::default()),
    };
    timeline.seek(film.from);
    for frame in 0..film.frames {
        let moved = timeline.seek(film.moment(frame));
        // A frame in which nothing changes is one cell again.
        let unchanged = Area { x: 0, y: 0, width: 1, height: 1 };
        let area = if frame == 0 { timeline.whole() } else { moved.unwrap_or(unchanged) };
        match &mut coder {
            Coder::Gif(encoder) => encoder.push(timeline, area, film.hundredths(frame)),
            Coder::Apng(assembler) => {
                let still = still(timeline, area, scale)?;
                let at = |cell: u16| u32::from(cell) * scale as u32;
                let added = assembler.push(&still, (at(area.x), at(area.y)), film.milliseconds(frame));
                added.with_context(|| format!("frame {frame} cannot be added"))?;
            }
        }
        progress(u64::from(frame) + 1);
    }
    Ok(match coder {
        Coder::Gif(encoder) => Made { is_exact: encoder.is_exact(), file: encoder.finish() },
        Coder::Apng(assembler) => Made { is_exact: true, file: assembler.finish()? },
    })
}

fn still(timeline: &Timeline, area: Area, scale: usize) -> anyhow::Result<Vec<u8>> {
    let mut png = Vec::new();
    let side = |cells: u16| u32::from(cells) * scale as u32;
    // Cells are large areas of one colour: the quick way is small enough.
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::NoFilter);
    let pixels = timeline.rgba(area, scale);
    encoder
        .write_image(&pixels, side(area.width), side(area.height), ExtendedColorType::Rgba8)
        .context("a frame cannot be coded")?;
    Ok(png)
}
