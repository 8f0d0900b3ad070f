//! The server's key on disk: 32 bytes that only their owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::code::ServerKey;

/// Name of the key's file in the server's data directory.
pub const FILE_NAME: &str = "server.key";

/// Why the key in a data directory cannot be used. No other key is made in its stead: it would change the
/// code of every room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The directory or the file cannot be made, read or written.
    #[error("cannot {action} {path}; choose a directory that this user may write to")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold 32 bytes.
    #[error(
        "{path} is not a server key: it has {length} bytes, not 32. Restore it, or delete it to get new codes"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length; 33 stands for everything longer than 32.
        length: usize,
    },
}

/// Reads the key in `directory`, or stores `fresh` there when there is none yet.
///
/// Directory and file are made for their owner only. The file appears whole or not at all.
///
/// # Errors
/// [`KeyFileError`]; a key that was there before is untouched.
pub fn load_or_create(directory: &Path, fresh: ServerKey) -> Result<ServerKey, KeyFileError> {
    create_private_directory(directory).map_err(|source| KeyFileError::File {
        action: "create",
        path: directory.to_path_buf(),
        source,
    })?;
    let path = directory.join(FILE_NAME);
    let failed = |action| {
        let path = path.clone();
        move |source| KeyFileError::File { action, path, source }
    };
    match File::open(&path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(33).read_to_end(&mut bytes).map_err(failed("read"))?;
            let length = bytes.len();
            let bytes = bytes.try_into().map_err(|_| KeyFileError::Length { path: path.clone(), length })?;
            Ok(ServerKey::new(bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            store(&path, &fresh).map_err(failed("write"))?;
            Ok(fresh)
        }
        Err(error) => Err(failed("read")(error)),
    }
}

fn store(path: &Path, key: &ServerKey) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(&key.to_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_stays() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("new/data");
        let first = load_or_create(&data, ServerKey::new([1; 32])).unwrap();
        let second = load_or_create(&data, ServerKey::new([2; 32])).unwrap();
        assert_eq!((first.to_bytes(), second.to_bytes()), ([1; 32], [1; 32]));
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing but the key is left");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        load_or_create(directory.path(), ServerKey::new([1; 32])).unwrap();
        let mode = fs::metadata(directory.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn file_of_another_length_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        fs::write(&path, [0; 31]).unwrap();
        let error = load_or_create(directory.path(), ServerKey::new([1; 32])).unwrap_err();
        assert!(matches!(error, KeyFileError::Length { length: 31, .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), [0; 31]);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = load_or_create(&file, ServerKey::new([1; 32])).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
