//! Pictures made smaller and larger by area averages: each new pixel is the mean of what lies beneath it.
//!
//! The mean is of light, weighted by alpha, so that neither dark edges nor the colours of transparent pixels come
//! in. Made larger by a whole number, each pixel becomes a block of its own colour.

use super::SIDE_MAX;
use super::light;
use super::pixels::{Picture, PictureError};

/// A part of a picture, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// What a new pixel takes of old ones along one side: from `first` on, with these weights, whose sum is 1.
struct Span {
    first: usize,
    weights: Vec<f32>,
}

/// Light and alpha of a pixel: red, green and blue multiplied by alpha, alpha itself.
type Sum = [f32; 4];

/// The part of a picture as `size` pixels.
///
/// # Errors
/// [`PictureError::Side`] when a side is 0 or longer than any canvas.
pub(crate) fn resample(picture: &Picture, part: Part, size: (u32, u32)) -> Result<Picture, PictureError> {
    let (width, height) = size;
    let legal = 1..=u32::from(SIDE_MAX);
    if !legal.contains(&width) || !legal.contains(&height) {
        return Err(PictureError::Side { width, height });
    }
    let columns = spans(part.left, part.width, picture.width(), width);
    let rows = spans(part.top, part.height, picture.height(), height);
    let stride = picture.width() as usize * 4;
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    // Each old row is narrowed once, however many new rows it lies beneath: they follow each other.
    let mut narrow = Narrow { row: usize::MAX, sums: vec![[0.0; 4]; columns.len()] };
    let mut sums = vec![[0.0; 4]; columns.len()];
    for span in &rows {
        sums.fill([0.0; 4]);
        for (row, weight) in (span.first..).zip(&span.weights) {
            narrow.fill(row, &picture.rgba()[row * stride..][..stride], &columns);
            for (sum, part) in sums.iter_mut().zip(&narrow.sums) {
                add(sum, *part, *weight);
            }
        }
        rgba.extend(sums.iter().flat_map(|sum| to_pixel(*sum)));
    }
    Picture::new(width, height, rgba)
}

/// One old row, narrowed to the new width.
struct Narrow {
    row: usize,
    sums: Vec<Sum>,
}

impl Narrow {
    fn fill(&mut self, row: usize, rgba: &[u8], columns: &[Span]) {
        if self.row == row {
            return;
        }
        self.row = row;
        for (sum, span) in self.sums.iter_mut().zip(columns) {
            *sum = [0.0; 4];
            for (pixel, weight) in rgba[span.first * 4..].chunks_exact(4).zip(&span.weights) {
                add(sum, from_pixel(pixel), *weight);
            }
        }
    }
}

/// What each of `count` new pixels takes of the `length` old ones between `start` and `start + extent`.
fn spans(start: f64, extent: f64, length: u32, count: u32) -> Vec<Span> {
    let last = length.saturating_sub(1) as usize;
    let step = extent / f64::from(count);
    let edge = |index: u32| (start + step * f64::from(index)).clamp(0.0, f64::from(length));
    let span = |index| {
        let (from, to) = (edge(index), edge(index + 1));
        let first = (from.floor() as usize).min(last);
        // What rounding alone adds beyond a pixel's edge is nothing.
        let end = ((to - 1e-9).floor() as usize).clamp(first, last);
        let covered = |pixel: usize| (to.min(pixel as f64 + 1.0) - from.max(pixel as f64)).max(0.0);
        let mut weights: Vec<f64> = (first..=end).map(covered).collect();
        let sum: f64 = weights.iter().sum();
        if sum > 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        } else {
            weights[0] = 1.0;
        }
        Span { first, weights: weights.into_iter().map(|weight| weight as f32).collect() }
    };
    (0..count).map(span).collect()
}

fn add(sum: &mut Sum, part: Sum, weight: f32) {
    for (total, part) in sum.iter_mut().zip(part) {
        *total += part * weight;
    }
}

fn from_pixel(pixel: &[u8]) -> Sum {
    let alpha = f32::from(pixel[3]) / 255.0;
    let [red, green, blue] = light::from_bytes([pixel[0], pixel[1], pixel[2]]);
    [red * alpha, green * alpha, blue * alpha, alpha]
}

fn to_pixel([red, green, blue, alpha]: Sum) -> [u8; 4] {
    if alpha <= 0.0 {
        return [0; 4];
    }
    let byte = |part: f32| light::to_byte(part / alpha);
    [byte(red), byte(green), byte(blue), (alpha * 255.0 + 0.5) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(picture: &Picture) -> Part {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        Part { left: 0.0, top: 0.0, width, height }
    }

    fn sized(picture: &Picture, size: (u32, u32)) -> Picture {
        resample(picture, whole(picture), size).unwrap()
    }

    fn picture(width: u32, height: u32, pixels: &[[u8; 4]]) -> Picture {
        Picture::new(width, height, pixels.concat()).unwrap()
    }

    #[test]
    fn halves_are_means_of_light() {
        let board = picture(2, 2, &[[0, 0, 0, 255], [255; 4], [255; 4], [0, 0, 0, 255]]);
        // Half the light is the byte 188, not 128.
        assert_eq!(sized(&board, (1, 1)).rgba(), [188, 188, 188, 255]);
    }

    #[test]
    fn transparent_pixels_lend_no_colour() {
        let edge = picture(2, 1, &[[255, 0, 0, 255], [0, 255, 0, 0]]);
        assert_eq!(sized(&edge, (1, 1)).rgba(), [255, 0, 0, 128]);
        let nothing = picture(2, 1, &[[9, 9, 9, 0]; 2]);
        assert_eq!(sized(&nothing, (1, 1)).rgba(), [0; 4]);
    }

    #[test]
    fn whole_steps_make_blocks() {
        let two = picture(2, 1, &[[255, 0, 0, 255], [0, 0, 255, 255]]);
        let [red, blue] = [[255, 0, 0, 255], [0, 0, 255, 255]];
        assert_eq!(sized(&two, (6, 2)).rgba(), [red, red, red, blue, blue, blue].repeat(2).concat());
    }

    #[test]
    fn sides_have_limits() {
        let one = picture(1, 1, &[[1, 2, 3, 255]]);
        for (width, height) in [(0, 1), (1, 0), (4097, 1), (1, u32::MAX)] {
            let wrong = PictureError::Side { width, height };
            assert_eq!(resample(&one, whole(&one), (width, height)), Err(wrong));
        }
        assert_eq!(sized(&one, (4096, 1)).rgba(), [1, 2, 3, 255].repeat(4096));
    }

    fn pictures() -> impl Strategy<Value = Picture> {
        (1_u32..24, 1_u32..24).prop_flat_map(|(width, height)| {
            let bytes = prop::collection::vec(any::<u8>(), (width * height * 4) as usize);
            bytes.prop_map(move |rgba| Picture::new(width, height, rgba).unwrap())
        })
    }

    fn mean_light(picture: &Picture) -> [f64; 4] {
        let mut sum = [0.0; 4];
        for pixel in picture.rgba().chunks_exact(4) {
            from_pixel(pixel).iter().zip(&mut sum).for_each(|(part, sum)| *sum += f64::from(*part));
        }
        sum.map(|part| part / f64::from(picture.width() * picture.height()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn the_same_size_is_the_same_picture(picture in pictures()) {
            let same = sized(&picture, (picture.width(), picture.height()));
            for (before, after) in picture.rgba().chunks_exact(4).zip(same.rgba().chunks_exact(4)) {
                prop_assert!(before == after || before[3] == 0, "{before:?} {after:?}");
            }
        }

        #[test]
        fn light_and_alpha_are_kept_on_the_whole(picture in pictures(), width in 1_u32..30, height in 1_u32..30) {
            let after = mean_light(&sized(&picture, (width, height)));
            for (before, after) in mean_light(&picture).into_iter().zip(after) {
                prop_assert!((before - after).abs() < 0.02, "{before} {after}");
            }
        }

        #[test]
        fn one_colour_stays_one_colour(bytes in any::<[u8; 3]>(), width in 1_u32..30, height in 1_u32..30, to in (1_u32..30, 1_u32..30)) {
            let pixel = [bytes[0], bytes[1], bytes[2], 255];
            let flat = Picture::new(width, height, pixel.repeat((width * height) as usize)).unwrap();
            let sized = sized(&flat, to);
            prop_assert!(sized.rgba().chunks_exact(4).all(|found| found == pixel));
        }
    }
}
