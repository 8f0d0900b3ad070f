//! What `place paint` paints: pixels, or a picture as large and in the colours that were asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use meshwork_place::canvas::CanvasSize;
use meshwork_place::picture::{ALPHA_LEAST, Cell, Dither, Fit, Palette, Picture, quantise};

use crate::exit::Failure;
use crate::picture;
use crate::place::values::{Pixel, Position};

/// Bytes of a palette file that is read: 256 colours with long names.
const PALETTE_FILE_MAX: u64 = 64 * 1024;

/// Which colours a picture is painted in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Colours {
    /// The twelve.
    Place,
    /// Its own.
    Any,
    /// Those of a list.
    Listed(Palette),
    /// Those of a palette file.
    File(PathBuf),
}

/// What there is to paint.
#[derive(Debug)]
pub(super) enum Drawing {
    Pixels(Vec<Pixel>),
    Picture { picture: Picture, fit: Fit, at: Option<Position>, colours: Option<Palette>, dither: Dither },
}

impl FromStr for Colours {
    type Err = String;

    fn from_str(text: &str) -> Result<Colours, String> {
        match text {
            "" => Err(String::from("write place, any, colours such as #e6194b,#ffffff, or a file")),
            "place" => Ok(Colours::Place),
            "any" => Ok(Colours::Any),
            list if list.starts_with('#') => {
                Palette::parse_list(list).map(Colours::Listed).map_err(|error| error.to_string())
            }
            path => Ok(Colours::File(path.into())),
        }
    }
}

impl Colours {
    /// The palette; `None` for a picture's own colours.
    fn palette(self) -> Result<Option<Palette>, Failure> {
        match self {
            Colours::Place => Ok(Some(Palette::place())),
            Colours::Any => Ok(None),
            Colours::Listed(palette) => Ok(Some(palette)),
            Colours::File(path) => read_palette(&path).map(Some),
        }
    }
}

impl Drawing {
    /// Reads a picture and says how it is to be painted. Dithered pictures take the twelve colours unless others
    /// were asked for.
    ///
    /// # Errors
    /// [`Failure::Usage`] when the files are no picture and no palette, or the options say nothing together.
    pub(super) fn open(
        image: &Path,
        fit: Fit,
        at: Option<Position>,
        colours: Option<Colours>,
        dither: Dither,
    ) -> Result<Drawing, Failure> {
        let colours = match (colours, dither) {
            (None, Dither::None) => None,
            (None, _) => Some(Palette::place()),
            (Some(colours), _) => colours.palette()?,
        };
        if colours.is_none() && dither != Dither::None {
            return Err(Failure::Usage(format!(
                "--dither {dither} says nothing with --palette any: every colour can be shown as it is. \
                 Leave one of them out."
            )));
        }
        Ok(Drawing::Picture { picture: picture::open(image)?, fit, at, colours, dither })
    }

    /// The cells, each once.
    ///
    /// # Errors
    /// [`Failure::Usage`] when they are outside the canvas, or there are none.
    pub(super) fn cells(&self, canvas: CanvasSize) -> Result<Vec<Cell>, Failure> {
        match self {
            Drawing::Pixels(pixels) => pixel_cells(pixels, canvas),
            Drawing::Picture { picture, fit, at, colours, dither } => {
                let (mut fitted, place) = placed(picture, *fit, *at, canvas)?;
                if let Some(palette) = colours {
                    quantise(&mut fitted, palette, *dither);
                }
                let cells = fitted.cells(place, canvas);
                if cells.is_empty() {
                    return Err(Failure::Usage(format!(
                        "Nothing to paint: every pixel of the picture has an alpha below {ALPHA_LEAST}."
                    )));
                }
                Ok(cells)
            }
        }
    }
}

/// The picture as large as it is painted, and where its upper left pixel goes.
fn placed(
    picture: &Picture,
    fit: Fit,
    at: Option<Position>,
    canvas: CanvasSize,
) -> Result<(Picture, (u16, u16)), Failure> {
    let Position { x, y } = at.unwrap_or_default();
    if x >= canvas.width || y >= canvas.height {
        return Err(Failure::Usage(format!(
            "--at {x},{y} is outside the canvas of {canvas} cells. Nothing was painted. \
             Columns and rows are counted from 0."
        )));
    }
    // From there to the lower right corner.
    let frame = CanvasSize { width: canvas.width - x, height: canvas.height - y };
    let fitted = picture.fitted(fit, frame);
    let (fitted, (left, top)) = fitted.map_err(|error| Failure::Usage(format!("{error}.")))?;
    // Who names a place wants it there, not in the middle of what is left.
    let place = if at.is_some() { (x, y) } else { (left, top) };
    if fitted.is_inside(place, canvas) {
        return Ok((fitted, place));
    }
    Err(Failure::Usage(format!(
        "The picture sticks out of the canvas: {}x{} pixels at {},{} on {canvas} cells. Nothing was painted. \
         Move it with --at, or make it fit with --fit contain.",
        fitted.width(),
        fitted.height(),
        place.0,
        place.1
    )))
}

/// The cells of `pixels`; of two for one cell the later counts.
fn pixel_cells(pixels: &[Pixel], size: CanvasSize) -> Result<Vec<Cell>, Failure> {
    let outside = |pixel: &&Pixel| pixel.x >= size.width || pixel.y >= size.height;
    if let Some(pixel) = pixels.iter().find(outside) {
        return Err(Failure::Usage(format!(
            "Cell {},{} is outside the canvas of {size} cells. Nothing was painted. \
             Columns and rows are counted from 0.",
            pixel.x, pixel.y
        )));
    }
    let cells: BTreeMap<_, _> = pixels.iter().map(|pixel| ((pixel.y, pixel.x), pixel.colour)).collect();
    Ok(cells.into_iter().map(|((y, x), colour)| (x, y, colour)).collect())
}

fn read_palette(path: &Path) -> Result<Palette, Failure> {
    let name = path.display();
    let cannot = || format!("cannot read the palette {name}");
    let length = std::fs::metadata(path).with_context(cannot)?.len();
    if length > PALETTE_FILE_MAX {
        return Err(Failure::Usage(format!("{name} is not a palette: it has {length} bytes.")));
    }
    let text = std::fs::read_to_string(path).with_context(cannot)?;
    Palette::parse_file(&text).map_err(|error| {
        Failure::Usage(format!(
            "{name} is no palette: {error}. A palette file has one #rrggbb a line, or is GIMP's, Paint.NET's or \
             JASC's."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_place::canvas::Colour;

    const CANVAS: CanvasSize = CanvasSize { width: 10, height: 5 };

    fn pixel(text: &str) -> Pixel {
        text.parse().unwrap()
    }

    fn drawing(width: u32, height: u32, fit: Fit, at: Option<(u16, u16)>) -> Drawing {
        let picture = Picture::new(width, height, [9, 9, 9, 255].repeat((width * height) as usize)).unwrap();
        let at = at.map(|(x, y)| Position { x, y });
        Drawing::Picture { picture, fit, at, colours: None, dither: Dither::None }
    }

    fn words(result: Result<Vec<Cell>, Failure>) -> String {
        match result {
            Err(Failure::Usage(words)) => words,
            other => panic!("{other:?}"),
        }
    }

    /// The upper left and the lower right cell, and how many there are.
    fn extent(drawing: &Drawing) -> ((u16, u16), (u16, u16), usize) {
        let cells = drawing.cells(CANVAS).unwrap();
        let (first, last) = (cells[0], cells[cells.len() - 1]);
        ((first.0, first.1), (last.0, last.1), cells.len())
    }

    #[test]
    fn the_last_colour_of_a_cell_counts() {
        let cells = pixel_cells(&[pixel("1,2,#000000"), pixel("0,0,#0000ff"), pixel("1,2,#ff0000")], CANVAS);
        assert_eq!(cells.unwrap(), [(0, 0, Colour::rgb(0, 0, 255)), (1, 2, Colour::rgb(255, 0, 0))]);
    }

    #[test]
    fn pixels_outside_are_named() {
        for outside in ["10,0,#000000", "0,5,#000000"] {
            let words = words(pixel_cells(&[pixel("9,4,#000000"), pixel(outside)], CANVAS));
            let (position, _) = outside.rsplit_once(',').unwrap();
            assert!(words.contains("10x5") && words.contains(position), "{words}");
        }
    }

    #[test]
    fn a_picture_sticking_out_is_refused_with_sizes() {
        assert_eq!(extent(&drawing(10, 5, Fit::Exact, None)), ((0, 0), (9, 4), 50));
        for at in [(1, 0), (0, 1)] {
            let words = words(drawing(10, 5, Fit::Exact, Some(at)).cells(CANVAS));
            assert!(words.contains("10x5 pixels") && words.contains("--fit contain"), "{words}");
        }
        let words = words(drawing(1, 1, Fit::Exact, Some((10, 0))).cells(CANVAS));
        assert!(words.contains("--at 10,0 is outside"), "{words}");
    }

    #[test]
    fn pictures_are_fitted_into_what_their_place_leaves() {
        assert_eq!(extent(&drawing(100, 100, Fit::Contain, None)), ((2, 0), (6, 4), 25));
        assert_eq!(extent(&drawing(100, 100, Fit::Contain, Some((4, 1)))), ((4, 1), (7, 4), 16));
        assert_eq!(extent(&drawing(3, 7, Fit::Cover, None)), ((0, 0), (9, 4), 50));
        assert_eq!(extent(&drawing(3, 7, Fit::Stretch, Some((8, 3)))), ((8, 3), (9, 4), 4));
        let size = Fit::Size(CanvasSize { width: 2, height: 3 });
        assert_eq!(extent(&drawing(50, 50, size, Some((8, 2)))), ((8, 2), (9, 4), 6));
    }

    #[test]
    fn dithering_needs_a_palette_and_takes_the_twelve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        picture::write_png(&path, CANVAS, &[90, 120, 30, 255].repeat(50)).unwrap();
        let error = Drawing::open(&path, Fit::Exact, None, Some(Colours::Any), Dither::Ordered).unwrap_err();
        assert!(error.to_string().contains("--palette any"), "{error}");
        let drawing = Drawing::open(&path, Fit::Exact, None, None, Dither::Diffusion).unwrap();
        let twelve: Vec<_> = Palette::place().colours().collect();
        let cells = drawing.cells(CANVAS).unwrap();
        assert!(cells.iter().all(|(_, _, colour)| twelve.contains(colour)));
    }

    #[test]
    fn palettes_are_names_lists_and_files() {
        assert_eq!("place".parse(), Ok(Colours::Place));
        assert_eq!("any".parse(), Ok(Colours::Any));
        assert!(matches!("#ff0000,#00ff00".parse(), Ok(Colours::Listed(_))));
        assert!("#ff0000,blue".parse::<Colours>().unwrap_err().contains("blue"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.gpl");
        std::fs::write(&path, "GIMP Palette\n255 0 0 red\n0 0 255 blue\n").unwrap();
        let file: Colours = path.to_str().unwrap().parse().unwrap();
        assert_eq!(file.palette().unwrap().unwrap().colours().count(), 2);
        std::fs::write(&path, "no colours").unwrap();
        assert!(read_palette(&path).unwrap_err().to_string().contains("two.gpl is no palette"));
    }
}
