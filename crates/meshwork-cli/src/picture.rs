//! Picture files in and out: what is to be painted, and a canvas as a PNG.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use image::{ExtendedColorType, ImageDecoder as _, ImageEncoder as _, ImageReader};
use meshwork_place::canvas::CanvasSize;
use meshwork_place::picture::Picture;

use crate::exit::Failure;
use crate::file;

/// Pixels of a picture that is read: 268 MB of them, which a photograph of 64 million pixels has.
const PIXELS_MAX: u64 = 1 << 26;

/// Reads a PNG or JPEG file; the content says which.
///
/// # Errors
/// [`Failure::Usage`] when it is no picture or too large, [`Failure::Unexpected`] when it cannot be read.
pub(crate) fn open(path: &Path) -> Result<Picture, Failure> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open the picture {name}"))?;
    let reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .with_context(|| format!("cannot read the picture {name}"))?;
    let wrong = |error| match error {
        image::ImageError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Failure::Unexpected(anyhow::Error::from(error).context(format!("cannot read the picture {name}")))
        }
        error => Failure::Usage(format!("{name} is not a PNG or JPEG picture ({error}). Convert it first.")),
    };
    let decoder = reader.into_decoder().map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(Failure::Usage(format!(
            "{name} has {width}x{height} pixels, which exceeds the limit of {PIXELS_MAX}. Make the picture smaller."
        )));
    }
    let rgba = image::DynamicImage::from_decoder(decoder).map_err(wrong)?.into_rgba8().into_raw();
    Picture::new(width, height, rgba)
        .map_err(|error| Failure::Usage(format!("{name} cannot be painted: {error}.")))
}

/// Writes a PNG beside `path`, then gives it its name: whoever looks sees the old file or the whole new one.
///
/// # Errors
/// When it cannot be written; `path` is then as it was.
pub(crate) fn write_png(path: &Path, size: CanvasSize, rgba: &[u8]) -> anyhow::Result<()> {
    file::replace(path, |file| {
        let mut writer = BufWriter::new(file);
        let (width, height) = (u32::from(size.width), u32::from(size.height));
        let encoder = image::codecs::png::PngEncoder::new(&mut writer);
        encoder.write_image(rgba, width, height, ExtendedColorType::Rgba8)?;
        Ok(writer.flush()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: CanvasSize = CanvasSize { width: 5, height: 4 };

    #[test]
    fn a_written_png_reads_as_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("canvas.png");
        std::fs::write(&path, "what was there before").unwrap();
        let rgba: Vec<u8> =
            (0..20).flat_map(|n| [n, 2 * n, 255 - n, if n % 2 == 0 { 255 } else { 0 }]).collect();
        write_png(&path, CANVAS, &rgba).unwrap();
        let read = open(&path).unwrap();
        assert_eq!((read.width(), read.height()), (5, 4));
        assert_eq!(read.rgba(), rgba);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let missing = folder.path().join("missing").join("canvas.png");
        assert!(write_png(&missing, CANVAS, &rgba).unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, "no picture").unwrap();
        assert!(matches!(open(&path), Err(Failure::Usage(words)) if words.contains("a.png")));
        std::fs::write(&path, b"\x89PNG\r\n\x1a\n\0\0").unwrap();
        assert!(matches!(open(&path), Err(Failure::Usage(_))));
        assert!(matches!(open(&folder.path().join("b.png")), Err(Failure::Unexpected(_))));
    }
}
