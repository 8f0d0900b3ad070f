//! Pictures brought to a palette, plainly or dithered: what one pixel cannot show, its neighbours make up for.

use std::fmt;
use std::str::FromStr;

use super::light;
use super::palette::{Entry, Palette};
use super::pixels::{ALPHA_LEAST, Picture};

/// How colours that a palette lacks are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dither {
    /// Each pixel by the nearest colour. For pixel art.
    #[default]
    None,
    /// By a pattern that depends on the place alone, so that equal areas look equal, and a changed pixel changes no
    /// other: the order of Bayer, "An optimum method for two-level rendition of continuous-tone pictures", 1973, over
    /// colours whose mean is the pixel, as in Knoll's pattern dithering (US patent 6,606,166, expired).
    Ordered,
    /// By passing on what is missing to the pixels that follow: Floyd and Steinberg, "An adaptive algorithm for
    /// spatial grey scale", 1976, in lines that turn at the edges. For photographs.
    Diffusion,
}

/// This is no way to dither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write none, ordered or diffusion")]
pub struct UnknownDither;

/// The order of the places in a square of four by four (Bayer, 1973).
const ORDER: [[u8; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
/// Places in that square.
const PLACES: usize = 16;

/// Brings each pixel of a picture to a colour of the palette, but for those that paint no cell: they stay, and have no
/// part in what is passed on.
pub fn quantise(picture: &mut Picture, palette: &Palette, dither: Dither) {
    match dither {
        Dither::None => snap(picture, palette),
        Dither::Ordered => order(picture, palette),
        Dither::Diffusion => diffuse(picture, palette),
    }
}

fn snap(picture: &mut Picture, palette: &Palette) {
    // Neighbours are often equal.
    let mut last: Option<([u8; 3], [u8; 3])> = None;
    for pixel in painting(picture.rgba_mut()) {
        let bytes = [pixel[0], pixel[1], pixel[2]];
        let nearest = match last {
            Some((before, nearest)) if before == bytes => nearest,
            _ => palette.nearest_entry(light::from_bytes(bytes)).bytes,
        };
        last = Some((bytes, nearest));
        pixel[..3].copy_from_slice(&nearest);
    }
}

fn order(picture: &mut Picture, palette: &Palette) {
    let width = picture.width() as usize;
    let mut last: Option<([u8; 3], [[u8; 3]; PLACES])> = None;
    for (y, row) in picture.rgba_mut().chunks_exact_mut(width * 4).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(4).enumerate().filter(|(_, pixel)| pixel[3] >= ALPHA_LEAST) {
            let bytes = [pixel[0], pixel[1], pixel[2]];
            let pattern = match last {
                Some((before, pattern)) if before == bytes => pattern,
                _ => pattern(light::from_bytes(bytes), palette),
            };
            last = Some((bytes, pattern));
            pixel[..3].copy_from_slice(&pattern[usize::from(ORDER[y % 4][x % 4])]);
        }
    }
}

/// Colours of the palette whose mean is near `light`, the darkest first.
fn pattern(light: [f32; 3], palette: &Palette) -> [[u8; 3]; PLACES] {
    let mut missing = [0.0; 3];
    let mut chosen: [&Entry; PLACES] = std::array::from_fn(|_| {
        let (entry, rest) = choose(sum(light, missing), palette);
        missing = rest;
        entry
    });
    // Equal ones keep their order: the sort is stable.
    chosen.sort_by(|one, other| one.lightness().total_cmp(&other.lightness()));
    chosen.map(|entry| entry.bytes)
}

fn diffuse(picture: &mut Picture, palette: &Palette) {
    let width = picture.width() as usize;
    // With a place more at both ends, for what is passed beyond the edges.
    let (mut here, mut below) = (vec![[0.0; 3]; width + 2], vec![[0.0; 3]; width + 2]);
    for (y, row) in picture.rgba_mut().chunks_exact_mut(width * 4).enumerate() {
        let is_backwards = y % 2 == 1;
        for step in 0..width {
            let x = if is_backwards { width - 1 - step } else { step };
            let pixel = &mut row[x * 4..][..4];
            if pixel[3] < ALPHA_LEAST {
                continue;
            }
            let place = x + 1;
            let light = light::from_bytes([pixel[0], pixel[1], pixel[2]]);
            let (entry, missing) = choose(sum(light, here[place]), palette);
            pixel[..3].copy_from_slice(&entry.bytes);
            let (next, before) = if is_backwards { (place - 1, place + 1) } else { (place + 1, place - 1) };
            pass(&mut here[next], missing, 7.0 / 16.0);
            pass(&mut below[before], missing, 3.0 / 16.0);
            pass(&mut below[place], missing, 5.0 / 16.0);
            pass(&mut below[next], missing, 1.0 / 16.0);
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0.0; 3]);
    }
}

/// The pixels that paint a cell.
fn painting(rgba: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    rgba.chunks_exact_mut(4).filter(|pixel| pixel[3] >= ALPHA_LEAST)
}

fn sum(one: [f32; 3], other: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|part| one[part] + other[part])
}

/// The nearest colour, and what is then missing: at most the light of one pixel, or what no colour can show would pile
/// up and spill over the picture.
fn choose(wanted: [f32; 3], palette: &Palette) -> (&Entry, [f32; 3]) {
    let entry = palette.nearest_entry(wanted.map(|part| part.clamp(0.0, 1.0)));
    let missing = std::array::from_fn(|part| (wanted[part] - entry.light[part]).clamp(-1.0, 1.0));
    (entry, missing)
}

fn pass(to: &mut [f32; 3], missing: [f32; 3], share: f32) {
    for (part, missing) in to.iter_mut().zip(missing) {
        *part += missing * share;
    }
}

impl FromStr for Dither {
    type Err = UnknownDither;

    fn from_str(text: &str) -> Result<Dither, UnknownDither> {
        match text {
            "none" => Ok(Dither::None),
            "ordered" => Ok(Dither::Ordered),
            "diffusion" => Ok(Dither::Diffusion),
            _ => Err(UnknownDither),
        }
    }
}

impl fmt::Display for Dither {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dither::None => "none",
            Dither::Ordered => "ordered",
            Dither::Diffusion => "diffusion",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Colour;
    use proptest::prelude::*;

    const WAYS: [Dither; 3] = [Dither::None, Dither::Ordered, Dither::Diffusion];

    fn black_and_white() -> Palette {
        Palette::new([Colour::rgb(0, 0, 0), Colour::rgb(255, 255, 255)]).unwrap()
    }

    fn flat(side: u32, bytes: [u8; 3]) -> Picture {
        let pixel = [bytes[0], bytes[1], bytes[2], 255];
        Picture::new(side, side, pixel.repeat((side * side) as usize)).unwrap()
    }

    fn quantised(mut picture: Picture, palette: &Palette, dither: Dither) -> Picture {
        quantise(&mut picture, palette, dither);
        picture
    }

    fn mean_light(picture: &Picture) -> [f32; 3] {
        let mut mean = [0.0; 3];
        for pixel in picture.rgba().chunks_exact(4) {
            mean = sum(mean, light::from_bytes([pixel[0], pixel[1], pixel[2]]));
        }
        mean.map(|part| part / (picture.width() * picture.height()) as f32)
    }

    #[test]
    fn half_the_light_is_every_second_pixel() {
        let palette = black_and_white();
        let white = |dither| {
            let picture = quantised(flat(64, [188; 3]), &palette, dither);
            picture.rgba().chunks_exact(4).filter(|pixel| pixel[0] == 255).count()
        };
        assert_eq!(white(Dither::None), 64 * 64, "one colour without dithering");
        assert_eq!(white(Dither::Ordered), 64 * 64 / 2);
        assert!(white(Dither::Diffusion).abs_diff(64 * 64 / 2) < 64, "{}", white(Dither::Diffusion));
    }

    #[test]
    fn ordered_patterns_depend_on_the_place_alone() {
        let palette = Palette::place();
        let plain = quantised(flat(16, [120, 150, 90]), &palette, Dither::Ordered);
        let mut touched = flat(16, [120, 150, 90]);
        touched.rgba_mut()[..4].copy_from_slice(&[255, 255, 255, 255]);
        let touched = quantised(touched, &palette, Dither::Ordered);
        assert_eq!(plain.rgba()[4..], touched.rgba()[4..]);
    }

    #[test]
    fn what_is_transparent_stays_and_passes_nothing_on() {
        let clear = [7, 8, 9, 0];
        let rgba = [[255, 255, 255, 255], clear, [0, 0, 0, 255], clear].concat();
        for dither in WAYS {
            let picture = Picture::new(4, 1, rgba.clone()).unwrap();
            assert_eq!(quantised(picture, &black_and_white(), dither).rgba(), rgba, "{dither}");
        }
    }

    #[test]
    fn ways_have_names() {
        for dither in WAYS {
            assert_eq!(dither.to_string().parse(), Ok(dither));
        }
        assert_eq!("floyd".parse::<Dither>(), Err(UnknownDither));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn only_colours_of_the_palette_come_out(side in 1_u32..12, seed in any::<u64>(), dither in 0..3_usize) {
            let palette = Palette::place();
            let mut noise = seed | 1;
            let rgba: Vec<u8> = (0..side * side * 4).map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                noise as u8
            }).collect();
            let before = Picture::new(side, side, rgba).unwrap();
            let after = quantised(before.clone(), &palette, WAYS[dither]);
            for (before, after) in before.rgba().chunks_exact(4).zip(after.rgba().chunks_exact(4)) {
                let colour = Colour::rgb(after[0], after[1], after[2]);
                prop_assert!(before[3] == after[3]);
                let is_known = palette.colours().any(|known| known == colour);
                let holds = if before[3] < ALPHA_LEAST { before == after } else { is_known };
                prop_assert!(holds);
            }
            // Once is enough.
            prop_assert_eq!(quantised(after.clone(), &palette, Dither::None), after);
        }

        #[test]
        fn dithered_greys_keep_their_light(grey in any::<u8>()) {
            for dither in [Dither::Ordered, Dither::Diffusion] {
                let mean = mean_light(&quantised(flat(32, [grey; 3]), &black_and_white(), dither))[0];
                // One place of the pattern is a sixteenth of the light.
                prop_assert!((mean - light::from_byte(grey)).abs() < 1.0 / 16.0, "{dither} {grey}: {mean}");
            }
        }
    }
}
