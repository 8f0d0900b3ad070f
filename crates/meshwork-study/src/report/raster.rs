//! A drawing surface of pixels, with letters of its own, written as PNG.

use std::convert::Infallible;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind};

const HEIGHT: RasterHeight = RasterHeight::Size32;
const WEIGHT: FontWeight = FontWeight::Regular;

/// Red, green and blue of each pixel, row by row.
pub(super) struct Raster<'a> {
    pub(super) width: u32,
    pub(super) pixels: &'a mut [u8],
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width, (self.pixels.len() / 3) as u32 / self.width.max(1))
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return Ok(()) };
        if x >= self.width {
            return Ok(());
        }
        let start = 3 * (y as usize * self.width as usize + x as usize);
        let (red, green, blue) = colour.rgb;
        for (under, over) in self.pixels.iter_mut().skip(start).take(3).zip([red, green, blue]) {
            let mixed = f64::from(*under) * (1.0 - colour.alpha) + f64::from(over) * colour.alpha;
            *under = mixed.round() as u8;
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        _style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let width = get_raster_width(WEIGHT, HEIGHT) * text.chars().count();
        Ok((width as u32, HEIGHT.val() as u32))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let (width, height) = self.estimate_text_size(text, style)?;
        let (width, height) = (width as i32, height as i32);
        let left = match style.anchor().h_pos {
            HPos::Left => x,
            HPos::Center => x - width / 2,
            HPos::Right => x - width,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => y,
            VPos::Center => y - height / 2,
            VPos::Bottom => y - height,
        };
        let advance = get_raster_width(WEIGHT, HEIGHT);
        for (place, letter) in text.chars().enumerate() {
            // The words are ours, in ASCII.
            let Some(letter) = get_raster(letter, WEIGHT, HEIGHT) else { continue };
            for (row, pixels) in letter.rows().enumerate() {
                for (column, &strength) in pixels.iter().enumerate().filter(|(_, strength)| **strength > 0) {
                    let at = (left + (place * advance + column) as i32, top + row as i32);
                    let alpha = f64::from(strength) / 255.0 * style.color().alpha;
                    self.draw_pixel(at, BackendColor { alpha, ..style.color() })?;
                }
            }
        }
        Ok(())
    }
}

/// The pixels as a PNG file.
pub(super) fn png(width: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    let height = (pixels.len() / 3) as u32 / width.max(1);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("memory takes what is written");
    writer.write_image_data(pixels).expect("there are as many pixels as the header says");
    drop(writer);
    file
}
