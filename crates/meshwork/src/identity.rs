//! Who a program is among peers.

use meshwork_core::id::{Identity as Keys, PeerId};

/// Who a program is among peers: a key pair. Whoever has it is this peer.
#[derive(Clone, Debug)]
pub struct Identity(pub(crate) Keys);

/// There is no identity. A file that is there is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The system gives no randomness, in words.
    #[error("the system gives no randomness: {0}")]
    Randomness(String),
    /// The file cannot be read or made, in words.
    #[error("{0}")]
    File(String),
    /// There is no such file: let one be made by `Identity::load_or_create`, or name another.
    #[error("there is no file {0}")]
    NoFile(String),
    /// The file is no identity, or was changed: put back a copy, or name another one.
    #[error("{0} is not a Meshwork identity, or it was changed")]
    Damaged(String),
    /// The text is no identity, or was mistyped, in words that do not repeat it.
    #[error("{0}")]
    Text(String),
}

impl Identity {
    /// One that nobody has seen.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn generate() -> Result<Identity, IdentityError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| IdentityError::Randomness(error.to_string()))?;
        Ok(Identity(Keys::from_secret(secret)))
    }

    /// Which peer it is.
    pub fn peer(&self) -> PeerId {
        self.0.peer()
    }

    /// A text that another program [imports](Identity::import) to be the same peer: whoever sees it is this peer.
    pub fn export(&self) -> String {
        self.0.export()
    }

    /// The identity that a text was exported from.
    ///
    /// # Errors
    /// [`IdentityError::Text`].
    pub fn import(text: &str) -> Result<Identity, IdentityError> {
        Keys::import(text).map(Identity).map_err(|error| IdentityError::Text(error.to_string()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod file {
    use std::fs::File;
    use std::io::{self, Read as _, Write as _};
    use std::path::Path;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Identity, IdentityError, Keys};
    use crate::private::{make_folder, make_private};

    /// The first line of the file: what it is, for people who find it, and in which form.
    const HEADING: &str = "meshwork identity v1";
    /// Longest file that is read: a heading and 43 characters, with room for line ends.
    const FILE_MAX: u64 = 256;

    impl Identity {
        /// Reads the identity in a file, or makes one there, with its folder, where there is none. The file is for its
        /// owner's eyes: what others could read they cannot read any more. It is never written over.
        ///
        /// # Errors
        /// [`IdentityError`]; what a file that is there says is as it was.
        pub fn load_or_create(path: impl AsRef<Path>) -> Result<Identity, IdentityError> {
            let path = path.as_ref();
            match Identity::load(path) {
                Err(IdentityError::NoFile(_)) => {}
                loaded => return loaded,
            }
            let identity = Identity::generate()?;
            let failed =
                |error: io::Error| IdentityError::File(format!("cannot make {}: {error}", path.display()));
            if create(path, &identity).map_err(failed)? {
                return Ok(identity);
            }
            // Another program made one in the meantime: both use that one.
            Identity::load(path)
        }

        /// Reads the identity in a file, and takes the file from everybody's eyes but its owner's.
        ///
        /// # Errors
        /// [`IdentityError`]; what the file says is as it was.
        pub fn load(path: impl AsRef<Path>) -> Result<Identity, IdentityError> {
            let path = path.as_ref();
            let failed =
                |error: io::Error| IdentityError::File(format!("cannot read {}: {error}", path.display()));
            let file = File::open(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => IdentityError::NoFile(path.display().to_string()),
                _ => failed(error),
            })?;
            make_private(path);
            let mut text = String::new();
            file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
            parse(&text).ok_or_else(|| IdentityError::Damaged(path.display().to_string()))
        }

        /// Writes the identity into a file that its owner alone may read. A file that is there is never written over.
        ///
        /// # Errors
        /// [`IdentityError::File`], also where a file is there.
        pub fn save(&self, path: impl AsRef<Path>) -> Result<(), IdentityError> {
            let path = path.as_ref();
            match create(path, self) {
                Ok(true) => Ok(()),
                Ok(false) => Err(IdentityError::File(format!("{} is there already", path.display()))),
                Err(error) => Err(IdentityError::File(format!("cannot make {}: {error}", path.display()))),
            }
        }
    }

    fn parse(text: &str) -> Option<Identity> {
        let mut lines = text.lines();
        let (heading, key) = (lines.next()?, lines.next()?);
        let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()?;
        (heading == HEADING && lines.next().is_none()).then(|| Identity(Keys::from_secret(secret)))
    }

    /// Writes a whole file beside `path`, then gives it its name; false when the name was taken meanwhile.
    fn create(path: &Path, identity: &Identity) -> io::Result<bool> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        make_folder(folder)?;
        // Temporary files of this crate are readable and writable by their owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{HEADING}\n{}", URL_SAFE_NO_PAD.encode(identity.0.to_secret()))?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    }
}
