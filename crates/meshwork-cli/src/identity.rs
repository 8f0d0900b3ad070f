//! The file that holds a peer's secret key: made once, for its owner's eyes, never written over.

pub(crate) mod command;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etcetera::BaseStrategy as _;
use meshwork_core::id::Identity;

use crate::file::{folder_of, make_private};

/// The first line of the file: what it is, for people who find it, and in which form.
const HEADING: &str = "meshwork identity v1";
/// Longest file that is read: a heading and 43 characters, with room for line ends.
const FILE_MAX: u64 = 256;

/// Where the identity lies that is used when none is named: `meshwork/identity` in the user's data directory.
///
/// # Errors
/// When the system does not say where the user's home is.
pub(crate) fn default_path() -> Result<PathBuf> {
    let directories = etcetera::choose_base_strategy()
        .context("the data directory is not known; name a file with --identity")?;
    Ok(directories.data_dir().join("meshwork").join("identity"))
}

/// Thirty-two bytes that nobody can foresee.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn random_secret() -> Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(secret)
}

/// Reads the identity at `path`, or makes one there, with its folder, when there is none.
///
/// # Errors
/// When the file cannot be read, made, or is not an identity. An existing file is left as it is.
pub(crate) fn load_or_create(path: &Path) -> Result<Identity> {
    if let Some(identity) = load(path)? {
        return Ok(identity);
    }
    let identity = Identity::from_secret(random_secret()?);
    if create(path, &identity).with_context(|| format!("cannot make an identity at {}", path.display()))? {
        return Ok(identity);
    }
    // Another program made one in the meantime: both use that one.
    load(path)?.with_context(|| format!("{} came and went", path.display()))
}

/// Makes a folder, and those above it, that only its owner may enter; leaves one alone that is there.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// `None` when there is no file.
fn load(path: &Path) -> Result<Option<Identity>> {
    let mut text = String::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot open the identity {}", path.display()));
        }
    };
    make_private(path, "whoever did can paint as you");
    file.take(FILE_MAX)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read the identity {}", path.display()))?;
    match parse(&text) {
        Some(identity) => Ok(Some(identity)),
        None => bail!(
            "{} is not a Meshwork identity, or it was changed. \
             Put back a copy, move the file away to start as a new peer, or name another with --identity",
            path.display()
        ),
    }
}

fn parse(text: &str) -> Option<Identity> {
    let mut lines = text.lines();
    let (heading, key) = (lines.next()?, lines.next()?);
    let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()?;
    (heading == HEADING && lines.next().is_none()).then(|| Identity::from_secret(secret))
}

/// Writes a whole file beside `path`, then gives it its name; false when the name was taken meanwhile.
fn create(path: &Path, identity: &Identity) -> io::Result<bool> {
    let folder = folder_of(path);
    create_private_folder(folder)?;
    // Temporary files of this crate are readable and writable by their owner alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{HEADING}\n{}", URL_SAFE_NO_PAD.encode(identity.to_secret()))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("b").join("identity");
        let first = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap().peer(), first.peer());
        assert!(!create(&path, &Identity::from_secret([1; 32])).unwrap(), "it is never written over");
        assert_eq!(load_or_create(&path).unwrap().peer(), first.peer());
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(files.len(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("identity");
        load_or_create(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        load_or_create(&path).unwrap();
        assert_eq!(mode(&path), 0o600, "what others could read is made private");
    }

    #[test]
    fn a_garbled_file_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        for garbled in ["", "meshwork identity v1\nAAAA\n", "\u{0}", "meshwork identity v2\n", "x"] {
            fs::write(&path, garbled).unwrap();
            let error = load_or_create(&path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()) && error.contains("--identity"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), garbled);
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(load_or_create(&path).is_err());
    }
}
