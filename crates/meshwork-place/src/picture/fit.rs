//! How large a picture is to be on the canvas, and which part of it shows.

use std::fmt;
use std::str::FromStr;

use crate::canvas::CanvasSize;

use super::pixels::{Picture, PictureError};
use super::resample::{Part, resample};

/// How a picture meets a frame of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fit {
    /// A pixel is a cell, whether it fits or not.
    #[default]
    Exact,
    /// As large as it can be within the frame with its own proportions, in the middle.
    Contain,
    /// As small as it can be with its own proportions while it covers the frame; what sticks out is cut off.
    Cover,
    /// As large as the frame, whatever becomes of its proportions.
    Stretch,
    /// So many cells wide and high, whether they fit or not.
    Size(CanvasSize),
}

/// A picture as large as it is to be, and the column and row of the frame at which it begins.
pub type Placed = (Picture, (u16, u16));

/// This is no way to fit a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write contain, cover, stretch, or a size in cells such as 64x48")]
pub struct UnknownFit;

impl Picture {
    /// The picture as large as `fit` asks for in a frame of that size.
    ///
    /// # Errors
    /// [`PictureError::Side`] when a side of what is to be made is 0 or longer than any canvas.
    pub fn fitted(&self, fit: Fit, frame: CanvasSize) -> Result<Placed, PictureError> {
        let (width, height) = (u64::from(self.width()), u64::from(self.height()));
        let (across, down) = (u64::from(frame.width), u64::from(frame.height));
        let whole = Part { left: 0.0, top: 0.0, width: width as f64, height: height as f64 };
        // Whether the picture is wider than the frame, compared by proportion.
        let is_wider = width * down > height * across;
        let (part, size) = match fit {
            Fit::Exact => return Ok((self.clone(), (0, 0))),
            Fit::Size(size) => (whole, (u64::from(size.width), u64::from(size.height))),
            Fit::Stretch => (whole, (across, down)),
            Fit::Contain if is_wider => (whole, (across, rounded(height * across, width))),
            Fit::Contain => (whole, (rounded(width * down, height), down)),
            Fit::Cover if is_wider => {
                let shown = (height * across) as f64 / down as f64;
                (Part { left: (width as f64 - shown) / 2.0, width: shown, ..whole }, (across, down))
            }
            Fit::Cover => {
                let shown = (width * down) as f64 / across as f64;
                (Part { top: (height as f64 - shown) / 2.0, height: shown, ..whole }, (across, down))
            }
        };
        let picture = resample(self, part, (size.0 as u32, size.1 as u32))?;
        let middle = |room: u16, length: u64| u64::from(room).saturating_sub(length) as u16 / 2;
        let at = match fit {
            Fit::Contain => (middle(frame.width, size.0), middle(frame.height, size.1)),
            _ => (0, 0),
        };
        Ok((picture, at))
    }
}

/// The quotient, rounded to the nearest whole number and at least 1.
fn rounded(dividend: u64, divisor: u64) -> u64 {
    ((dividend + divisor / 2) / divisor).max(1)
}

impl FromStr for Fit {
    type Err = UnknownFit;

    fn from_str(text: &str) -> Result<Fit, UnknownFit> {
        match text {
            "exact" => Ok(Fit::Exact),
            "contain" => Ok(Fit::Contain),
            "cover" => Ok(Fit::Cover),
            "stretch" => Ok(Fit::Stretch),
            size => {
                let read = || {
                    let (width, height) = size.split_once(['x', 'X'])?;
                    let side = |text: &str| text.parse().ok().filter(|_| !text.starts_with('+'));
                    let size = CanvasSize { width: side(width)?, height: side(height)? };
                    size.check().ok().map(|()| Fit::Size(size))
                };
                read().ok_or(UnknownFit)
            }
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fit::Exact => f.write_str("exact"),
            Fit::Contain => f.write_str("contain"),
            Fit::Cover => f.write_str("cover"),
            Fit::Stretch => f.write_str("stretch"),
            Fit::Size(size) => size.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grey(width: u32, height: u32) -> Picture {
        Picture::new(width, height, vec![255; (width * height * 4) as usize]).unwrap()
    }

    fn sizes(picture: (u32, u32), fit: Fit, frame: (u16, u16)) -> (u32, u32, (u16, u16)) {
        let frame = CanvasSize { width: frame.0, height: frame.1 };
        let (fitted, at) = grey(picture.0, picture.1).fitted(fit, frame).unwrap();
        (fitted.width(), fitted.height(), at)
    }

    #[test]
    fn contained_pictures_keep_their_proportions_in_the_middle() {
        assert_eq!(sizes((200, 100), Fit::Contain, (50, 50)), (50, 25, (0, 12)));
        assert_eq!(sizes((10, 20), Fit::Contain, (50, 50)), (25, 50, (12, 0)));
        assert_eq!(sizes((1000, 1), Fit::Contain, (50, 50)), (50, 1, (0, 24)));
    }

    #[test]
    fn the_other_ways_fill_their_frame() {
        for fit in [Fit::Cover, Fit::Stretch] {
            assert_eq!(sizes((200, 100), fit, (50, 40)), (50, 40, (0, 0)));
        }
        let size = Fit::Size(CanvasSize { width: 7, height: 9 });
        assert_eq!(sizes((200, 100), size, (5, 4)), (7, 9, (0, 0)));
        assert_eq!(sizes((8, 9), Fit::Exact, (5, 4)), (8, 9, (0, 0)));
    }

    #[test]
    fn covering_cuts_off_both_sides_alike() {
        let row = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]];
        let wide = Picture::new(4, 1, row.concat()).unwrap();
        let (fitted, _) = wide.fitted(Fit::Cover, CanvasSize { width: 4, height: 2 }).unwrap();
        assert_eq!(fitted.rgba(), [0, 255, 0, 255].repeat(8));
    }

    #[test]
    fn ways_have_names() {
        for text in ["exact", "contain", "cover", "stretch", "64x48"] {
            assert_eq!(text.parse::<Fit>().unwrap().to_string(), text);
        }
        for wrong in ["", "fill", "0x5", "5x0", "4097x1", "5x5x5", "+5x5", "x"] {
            assert_eq!(wrong.parse::<Fit>(), Err(UnknownFit), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn contained_is_within_and_touches(width in 1_u32..90, height in 1_u32..90, across in 1_u16..60, down in 1_u16..60) {
            let (wide, high, at) = sizes((width, height), Fit::Contain, (across, down));
            prop_assert!(wide + u32::from(at.0) <= u32::from(across));
            prop_assert!(high + u32::from(at.1) <= u32::from(down));
            prop_assert!(wide == u32::from(across) || high == u32::from(down));
        }
    }
}
