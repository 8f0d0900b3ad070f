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
    /// The file or text is no identity, or was changed: put back a copy, or name another one.
    #[error("{0} is not a Meshwork identity, or it was changed")]
    Damaged(String),
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
    /// [`IdentityError::Damaged`], which does not repeat the text.
    pub fn import(text: &str) -> Result<Identity, IdentityError> {
        Keys::import(text).map(Identity).map_err(|error| IdentityError::Damaged(error.to_string()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod file {
    use std::fs::{self, File};
    use std::io::{self, Read as _, Write as _};
    use std::path::Path;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Identity, IdentityError, Keys};

    /// The first line of the file: what it is, for people who find it, and in which form.
    const HEADING: &str = "meshwork identity v1";
    /// Longest file that is read: a heading and 43 characters, with room for line ends.
    const FILE_MAX: u64 = 256;

    impl Identity {
        /// Reads the identity in a file, or makes one there, with its folder, where there is none. The file is for its
        /// owner's eyes and is never written over.
        ///
        /// # Errors
        /// [`IdentityError`]; a file that is there is as it was.
        pub fn load_or_create(path: impl AsRef<Path>) -> Result<Identity, IdentityError> {
            let path = path.as_ref();
            if let Some(identity) = load(path)? {
                return Ok(identity);
            }
            let identity = Identity::generate()?;
            let failed =
                |error: io::Error| IdentityError::File(format!("cannot make {}: {error}", path.display()));
            if create(path, &identity).map_err(failed)? {
                return Ok(identity);
            }
            // Another program made one in the meantime: both use that one.
            load(path)?.ok_or_else(|| IdentityError::File(format!("{} came and went", path.display())))
        }

        /// Reads the identity in a file.
        ///
        /// # Errors
        /// [`IdentityError`], also where there is no file.
        pub fn load(path: impl AsRef<Path>) -> Result<Identity, IdentityError> {
            let path = path.as_ref();
            load(path)?.ok_or_else(|| IdentityError::File(format!("there is no file {}", path.display())))
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

    /// `None` where there is no file.
    fn load(path: &Path) -> Result<Option<Identity>, IdentityError> {
        let failed =
            |error: io::Error| IdentityError::File(format!("cannot read {}: {error}", path.display()));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut text = String::new();
        file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
        let damaged = || IdentityError::Damaged(path.display().to_string());
        parse(&text).map(Some).ok_or_else(damaged)
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
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
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
