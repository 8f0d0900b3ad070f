//! Pictures in and out: a file's pixels as cells to paint, a canvas as a PNG.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use image::{ExtendedColorType, ImageDecoder as _, ImageEncoder as _, ImageReader};
use meshwork_core::crdt::canvas::{CanvasSize, Colour};

use crate::exit::Failure;

/// Pixels that are more transparent than this leave their cell as it is.
const ALPHA_LEAST: u8 = 128;
/// Longest side of a picture, in pixels: no canvas is longer, so a larger picture fits none.
const SIDE_MAX: u32 = 4096;

/// A cell to be painted.
pub(crate) type Cell = (u16, u16, Colour);

/// A decoded picture.
#[derive(Debug)]
pub(crate) struct Picture {
    width: u32,
    height: u32,
    /// Four bytes a pixel, row by row: red, green, blue, alpha.
    rgba: Vec<u8>,
}

impl Picture {
    /// Reads a PNG or JPEG file; the content says which.
    ///
    /// # Errors
    /// [`Failure::Usage`] when it is no picture or longer than any canvas, [`Failure::Unexpected`] when it
    /// cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Picture, Failure> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open the picture {name}"))?;
        let reader = ImageReader::new(BufReader::new(file))
            .with_guessed_format()
            .with_context(|| format!("cannot read the picture {name}"))?;
        let wrong = |error| match error {
            image::ImageError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Failure::Unexpected(
                    anyhow::Error::from(error).context(format!("cannot read the picture {name}")),
                )
            }
            error => {
                Failure::Usage(format!("{name} is not a PNG or JPEG picture ({error}). Convert it first."))
            }
        };
        let decoder = reader.into_decoder().map_err(wrong)?;
        let (width, height) = decoder.dimensions();
        if width > SIDE_MAX || height > SIDE_MAX {
            return Err(Failure::Usage(format!(
                "{name} has {width}x{height} pixels, and a canvas has at most {SIDE_MAX}x{SIDE_MAX} cells. \
                 Make the picture smaller."
            )));
        }
        let rgba = image::DynamicImage::from_decoder(decoder).map_err(wrong)?.into_rgba8().into_raw();
        Ok(Picture { width, height, rgba })
    }

    /// The cells that the picture paints with its upper left pixel at column and row `at`, row by row.
    ///
    /// # Errors
    /// [`Failure::Usage`] when it sticks out of the canvas, or paints nothing.
    pub(crate) fn cells(&self, at: (u16, u16), canvas: CanvasSize) -> Result<Vec<Cell>, Failure> {
        let (left, top) = at;
        let fits = |offset: u16, length: u32, room: u16| u32::from(offset) + length <= u32::from(room);
        if !fits(left, self.width, canvas.width) || !fits(top, self.height, canvas.height) {
            return Err(Failure::Usage(format!(
                "The picture sticks out of the canvas: {}x{} pixels at {left},{top} on {canvas} cells. \
                 Nothing was painted. Make the picture smaller or move it with --at.",
                self.width, self.height
            )));
        }
        let mut cells = Vec::new();
        for (index, pixel) in (0_u32..).zip(self.rgba.chunks_exact(4)) {
            // Both are below the canvas's sides, as was checked.
            let (x, y) = (left + (index % self.width) as u16, top + (index / self.width) as u16);
            if pixel[3] >= ALPHA_LEAST {
                cells.push((x, y, Colour::rgb(pixel[0], pixel[1], pixel[2])));
            }
        }
        if cells.is_empty() {
            return Err(Failure::Usage(format!(
                "There is nothing to paint: every pixel of the picture has an alpha below {ALPHA_LEAST}."
            )));
        }
        Ok(cells)
    }
}

/// Writes a PNG beside `path`, then gives it its name: whoever looks sees the old file or the whole new one.
///
/// # Errors
/// When it cannot be written; `path` is then as it was.
pub(crate) fn write_png(path: &Path, size: CanvasSize, rgba: &[u8]) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        // A picture is for everybody whom the user's umask lets in, unlike most temporary files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".meshwork-").suffix(".png").tempfile_in(folder)?;
        let mut writer = BufWriter::new(file.as_file_mut());
        let (width, height) = (u32::from(size.width), u32::from(size.height));
        image::codecs::png::PngEncoder::new(&mut writer).write_image(
            rgba,
            width,
            height,
            ExtendedColorType::Rgba8,
        )?;
        writer.flush()?;
        drop(writer);
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: CanvasSize = CanvasSize { width: 5, height: 4 };

    fn picture(width: u32, height: u32, rgba: &[[u8; 4]]) -> Picture {
        Picture { width, height, rgba: rgba.concat() }
    }

    fn words(result: Result<Vec<Cell>, Failure>) -> String {
        match result {
            Err(Failure::Usage(words)) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pixels_become_cells_and_transparent_ones_are_skipped() {
        let red = [255, 0, 0, 255];
        let placed =
            picture(2, 2, &[red, [9, 9, 9, 127], [1, 2, 3, 128], [0; 4]]).cells((3, 2), CANVAS).unwrap();
        assert_eq!(placed, [(3, 2, Colour::rgb(255, 0, 0)), (3, 3, Colour::rgb(1, 2, 3))]);
    }

    #[test]
    fn a_picture_that_sticks_out_is_refused_with_the_sizes() {
        let whole = picture(5, 4, &[[0, 0, 0, 255]; 20]);
        assert_eq!(whole.cells((0, 0), CANVAS).unwrap().len(), 20);
        for at in [(1, 0), (0, 1), (u16::MAX, u16::MAX)] {
            let words = words(whole.cells(at, CANVAS));
            assert!(words.contains("5x4 pixels") && words.contains("on 5x4 cells"), "{words}");
        }
        assert!(words(picture(1, 1, &[[0; 4]]).cells((0, 0), CANVAS)).contains("nothing to paint"));
    }

    #[test]
    fn a_written_png_reads_as_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("canvas.png");
        std::fs::write(&path, "what was there before").unwrap();
        let rgba: Vec<u8> =
            (0..20).flat_map(|n| [n, 2 * n, 255 - n, if n % 2 == 0 { 255 } else { 0 }]).collect();
        write_png(&path, CANVAS, &rgba).unwrap();
        let read = Picture::open(&path).unwrap();
        assert_eq!((read.width, read.height), (5, 4));
        assert_eq!(read.rgba, rgba);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let missing = folder.path().join("missing").join("canvas.png");
        assert!(write_png(&missing, CANVAS, &rgba).unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, "no picture").unwrap();
        assert!(matches!(Picture::open(&path), Err(Failure::Usage(words)) if words.contains("a.png")));
        std::fs::write(&path, b"\x89PNG\r\n\x1a\n\0\0").unwrap();
        assert!(matches!(Picture::open(&path), Err(Failure::Usage(_))));
        assert!(matches!(Picture::open(&folder.path().join("b.png")), Err(Failure::Unexpected(_))));
    }
}
