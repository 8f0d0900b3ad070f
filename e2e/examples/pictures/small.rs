//! Screenshots as small files: at most 256 colours, the commonest ones exact.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use image::RgbImage;

/// Colours of a palette, in all that one byte can name.
const COLOURS_MAX: usize = 256;

/// Writes a picture with a palette.
pub(crate) fn write(picture: &RgbImage, file: &Path) -> Result<()> {
    let palette = palette(picture);
    let mut known: HashMap<[u8; 3], u8> = HashMap::new();
    let pixels: Vec<u8> = picture
        .pixels()
        .map(|pixel| *known.entry(pixel.0).or_insert_with(|| nearest(&palette, pixel.0)))
        .collect();
    let output = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(output), picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::High);
    // Numbers of a palette have no neighbours to be guessed from.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&pixels).context("the picture has its size")
}

/// The commonest colours; what is left of the palette goes to those farthest from them.
fn palette(picture: &RgbImage) -> Vec<[u8; 3]> {
    let mut counts: HashMap<[u8; 3], usize> = HashMap::new();
    picture.pixels().for_each(|pixel| *counts.entry(pixel.0).or_default() += 1);
    let mut colours: Vec<([u8; 3], usize)> = counts.into_iter().collect();
    colours.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), *colour));
    let rest = colours.split_off(colours.len().min(COLOURS_MAX * 3 / 4));
    let mut palette: Vec<[u8; 3]> = colours.into_iter().map(|(colour, _)| colour).collect();
    let mut apart: Vec<([u8; 3], u32)> = rest
        .into_iter()
        .map(|(colour, _)| (colour, distance(palette[usize::from(nearest(&palette, colour))], colour)))
        .collect();
    while palette.len() < COLOURS_MAX {
        let Some(&(farthest, by)) = apart.iter().max_by_key(|(colour, by)| (*by, *colour)) else { break };
        if by == 0 {
            break;
        }
        palette.push(farthest);
        apart.iter_mut().for_each(|(colour, by)| *by = (*by).min(distance(farthest, *colour)));
    }
    palette
}

fn nearest(palette: &[[u8; 3]], colour: [u8; 3]) -> u8 {
    let best = palette.iter().enumerate().min_by_key(|(_, other)| distance(**other, colour));
    best.and_then(|(index, _)| u8::try_from(index).ok()).unwrap_or_default()
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}
