//! A decoded picture, and the cells that it paints.

use crate::canvas::{CanvasSize, Colour};

/// Pixels that are more transparent than this leave their cell as it is.
pub const ALPHA_LEAST: u8 = 128;

/// A cell to be painted: column, row, colour.
pub type Cell = (u16, u16, Colour);

/// Pixels in rows: four bytes each, red, green, blue (sRGB, not multiplied) and alpha.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

/// Why there is no such picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The bytes are not four for each pixel, or a side is 0.
    #[error("{bytes} bytes are not a picture of {width}x{height} pixels")]
    Length {
        /// Pixels in a row, as said.
        width: u32,
        /// Rows, as said.
        height: u32,
        /// Bytes that were given.
        bytes: usize,
    },
    /// A side to be made is 0 or longer than any canvas.
    #[error("{width}x{height}: a picture for a canvas has 1 to 4096 pixels a side")]
    Side {
        /// Pixels in a row, as asked for.
        width: u32,
        /// Rows, as asked for.
        height: u32,
    },
}

impl Picture {
    /// A picture of `width` by `height` pixels.
    ///
    /// # Errors
    /// [`PictureError::Length`] when `rgba` is not `width * height * 4` bytes, or there are none.
    pub fn new(width: u32, height: u32, rgba: Vec<u8>) -> Result<Picture, PictureError> {
        let pixels = u64::from(width) * u64::from(height);
        let holds = pixels > 0 && pixels.checked_mul(4) == u64::try_from(rgba.len()).ok();
        if holds {
            Ok(Picture { width, height, rgba })
        } else {
            Err(PictureError::Length { width, height, bytes: rgba.len() })
        }
    }

    /// Pixels in a row, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Four bytes a pixel, row by row.
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    pub(crate) fn rgba_mut(&mut self) -> &mut [u8] {
        &mut self.rgba
    }

    /// Whether it is whole on the canvas with its upper left pixel at column and row `at`.
    pub fn is_inside(&self, at: (u16, u16), canvas: CanvasSize) -> bool {
        let fits = |offset: u16, length: u32, room: u16| {
            u32::from(offset).checked_add(length).is_some_and(|end| end <= u32::from(room))
        };
        fits(at.0, self.width, canvas.width) && fits(at.1, self.height, canvas.height)
    }

    /// The cells that it paints with its upper left pixel at column and row `at`, row by row: without those outside
    /// the canvas, and without pixels whose alpha is below [`ALPHA_LEAST`].
    pub fn cells(&self, at: (u16, u16), canvas: CanvasSize) -> Vec<Cell> {
        let (left, top) = (usize::from(at.0), usize::from(at.1));
        let columns = usize::from(canvas.width).saturating_sub(left);
        let rows = usize::from(canvas.height).saturating_sub(top);
        let mut cells = Vec::new();
        // No side is 0, so no row is empty.
        for (y, row) in self.rgba.chunks_exact(self.width as usize * 4).take(rows).enumerate() {
            for (x, pixel) in row.chunks_exact(4).take(columns).enumerate() {
                if pixel[3] >= ALPHA_LEAST {
                    // Both are below the canvas's sides.
                    let colour = Colour::rgb(pixel[0], pixel[1], pixel[2]);
                    cells.push(((left + x) as u16, (top + y) as u16, colour));
                }
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: CanvasSize = CanvasSize { width: 5, height: 4 };

    #[test]
    fn lengths_are_checked() {
        assert!(Picture::new(2, 3, vec![0; 24]).is_ok());
        for (width, height, bytes) in [(2, 3, 23), (2, 3, 25), (0, 0, 0), (0, 4, 0), (u32::MAX, u32::MAX, 4)]
        {
            let wrong = PictureError::Length { width, height, bytes };
            assert_eq!(Picture::new(width, height, vec![0; bytes]), Err(wrong));
        }
    }

    #[test]
    fn pixels_become_cells_and_transparent_ones_are_skipped() {
        let rgba = [[255, 0, 0, 255], [9, 9, 9, 127], [1, 2, 3, 128], [0; 4]].concat();
        let picture = Picture::new(2, 2, rgba).unwrap();
        let cells = picture.cells((3, 2), CANVAS);
        assert_eq!(cells, [(3, 2, Colour::rgb(255, 0, 0)), (3, 3, Colour::rgb(1, 2, 3))]);
    }

    #[test]
    fn what_sticks_out_is_left_out() {
        let picture = Picture::new(3, 3, vec![255; 36]).unwrap();
        assert!(picture.is_inside((2, 1), CANVAS) && !picture.is_inside((3, 1), CANVAS));
        assert!(!picture.is_inside((2, 2), CANVAS) && !picture.is_inside((u16::MAX, 0), CANVAS));
        assert_eq!(picture.cells((2, 1), CANVAS).len(), 9);
        let places: Vec<_> = picture.cells((4, 2), CANVAS).iter().map(|&(x, y, _)| (x, y)).collect();
        assert_eq!(places, [(4, 2), (4, 3)]);
        assert_eq!(picture.cells((u16::MAX, u16::MAX), CANVAS), []);
    }
}
