//! The pages' files compressed: `NAME.br` and `NAME.gz`, which the server hands to browsers that can read them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::pages::{Aim, ORIGIN};

/// Pictures and fonts of other kinds are compressed already.
const KINDS: [&str; 9] = ["bin", "css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest"];
/// Below this compressing saves nothing that counts.
const BYTES_MIN: u64 = 512;

/// Puts compressed copies beside all files of a folder that become smaller by it. Brotli takes ten seconds and is left
/// out of what is to be quick.
pub(crate) fn add(folder: &Path, aim: Aim) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.is_dir() {
            add(&path, aim)?;
            continue;
        }
        let kind = path.extension().unwrap_or_default().to_string_lossy();
        let length = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
        if KINDS.contains(&&*kind) && length >= BYTES_MIN {
            compress(&path, aim).with_context(|| format!("cannot compress {}", path.display()))?;
        }
    }
    Ok(())
}

fn compress(path: &Path, aim: Aim) -> Result<()> {
    let plain = fs::read(path)?;
    if plain.windows(ORIGIN.len()).any(|part| part == ORIGIN.as_bytes()) {
        // The server writes into it.
        return Ok(());
    }
    if aim == Aim::Small {
        write_if_smaller(path, "br", &plain, &brotli(&plain)?)?;
    }
    write_if_smaller(path, "gz", &plain, &gzip(&plain)?)
}

fn write_if_smaller(path: &Path, ending: &str, plain: &[u8], packed: &[u8]) -> Result<()> {
    if packed.len() < plain.len() {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        File::create(name)?.write_all(packed)?;
    }
    Ok(())
}

/// What a browser is sent that reads brotli.
///
/// # Errors
/// None: it writes to memory.
pub(crate) fn brotli(mut plain: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut plain.by_ref(), &mut packed, &BrotliEncoderParams::default())?;
    Ok(packed)
}

fn gzip(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_files_unpack_to_themselves() {
        let plain = b"the same words again and again ".repeat(100);
        let mut unpacked = Vec::new();
        brotli::Decompressor::new(&*brotli(&plain).expect("it packs"), 4096)
            .read_to_end(&mut unpacked)
            .expect("it unpacks");
        assert_eq!(unpacked, plain);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*gzip(&plain).expect("it packs"))
            .read_to_end(&mut unpacked)
            .expect("it unpacks");
        assert_eq!(unpacked, plain);
    }
}
