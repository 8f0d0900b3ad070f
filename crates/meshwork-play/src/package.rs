//! Packages: the bytes of a game, named by their hash.
//!
//! # Problem
//! A game is a folder of files. Members of a party fetch it from each other and from a server that they need not trust, so a
//! package is one string of bytes with one name, and reading it takes no more memory than its limits allow.
//!
//! # How it works
//! The bytes are [`MAGIC`], then postcard of the manifest's text and the index of files, then the files' bytes in the order of
//! their paths. The id is blake3 of all of it, as the id of a blob with the same bytes. `docs/protocol/play.md` has the layout.
//!
//! # Limits
//! [`PACKAGE_MAX`] bytes in all, [`FILES_MAX`] files of [`FILE_MAX`] bytes, paths of [`PATH_MAX`] bytes, a manifest of
//! [`MANIFEST_MAX`] bytes. A length is checked against the bytes that are left before anything is reserved.

mod manifest;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use meshwork_core::blobs::BlobId;
use meshwork_core::wire::{Bounded, BoundedText, decode_first, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use manifest::{
    DESCRIPTION_MAX, Draw, HostLoss, Kind, MANIFEST, Manifest, ManifestError, PLAYERS_MAX, TITLE_MAX,
    VIEW_MAX, VIEW_MIN,
};
pub(crate) use manifest::{are_players, check_description, check_title};

/// The first bytes of every package.
pub const MAGIC: &[u8; 8] = b"MWGAME1\n";
/// Most bytes of a package: a phone loads it before it plays.
pub const PACKAGE_MAX: usize = 16 * 1024 * 1024;
/// Most files of a package.
pub const FILES_MAX: usize = 256;
/// Most bytes of a file.
pub const FILE_MAX: usize = 5 * 1024 * 1024;
/// Longest path, in bytes.
pub const PATH_MAX: usize = 128;
/// Longest manifest, in bytes.
pub const MANIFEST_MAX: usize = 16 * 1024;

/// blake3 of a package's bytes: its name, and the name of the blob with these bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub [u8; 32]);

impl PackageId {
    /// The id of these bytes, whether they are a package or not.
    pub fn of(bytes: &[u8]) -> PackageId {
        PackageId(*blake3::hash(bytes).as_bytes())
    }
}

/// A package whose form and limits were checked.
#[derive(Clone)]
pub struct Package {
    id: PackageId,
    manifest: Manifest,
    /// Each path with the beginning and end of its bytes.
    files: BTreeMap<String, (usize, usize)>,
    bytes: Arc<[u8]>,
}

/// Why bytes or files are no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The bytes do not begin with [`MAGIC`], or their index breaks off or exceeds a limit.
    #[error("these bytes are no package of a game")]
    NoPackage,
    /// More than [`PACKAGE_MAX`] bytes.
    #[error("game of {0} bytes exceeds the limit of {PACKAGE_MAX}")]
    TooLarge(usize),
    /// More than [`FILES_MAX`] files.
    #[error("game of {0} files exceeds the limit of {FILES_MAX}")]
    TooManyFiles(usize),
    /// A file of more than [`FILE_MAX`] bytes.
    #[error("{path} of {length} bytes exceeds the limit of {FILE_MAX} for a file")]
    FileTooLarge {
        /// Which file.
        path: String,
        /// Its bytes.
        length: usize,
    },
    /// A path that is empty, too long, absolute, or has a part that is empty, `.` or `..`, a backslash or a control character.
    #[error(
        "{0:?} is no path of a game's file: at most {PATH_MAX} bytes, without .., \\ and control characters"
    )]
    Path(String),
    /// Paths that are not in ascending order, or twice the same.
    #[error("the paths of the package are not in order")]
    Order,
    /// The lengths of the files and the bytes behind the index differ.
    #[error("the files of the package have {stated} bytes by the index, and {found} are there")]
    Length {
        /// The sum of the index.
        stated: usize,
        /// The bytes behind the index.
        found: usize,
    },
    /// Neither a manifest nor a file that could begin the game.
    #[error("no game.js, index.html or single file to begin with; name the file as \"entry\" in game.json")]
    NoEntry,
    /// The program cannot be run, whatever its text means.
    #[error("the program {path} {wrong}")]
    Program {
        /// The path of the program.
        path: String,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// The manifest cannot be read, or names what is not there.
    #[error("game.json: {0}")]
    Manifest(#[from] ManifestError),
}

/// What stands between [`MAGIC`] and the files.
#[derive(Serialize, Deserialize)]
struct Index {
    manifest: BoundedText<MANIFEST_MAX>,
    files: Bounded<(BoundedText<PATH_MAX>, u32), FILES_MAX>,
}

impl Package {
    /// Reads a package and checks all its limits.
    ///
    /// # Errors
    /// [`PackageError`] names the first limit that the bytes break.
    pub fn read(bytes: Arc<[u8]>) -> Result<Package, PackageError> {
        if bytes.len() > PACKAGE_MAX {
            return Err(PackageError::TooLarge(bytes.len()));
        }
        let body = bytes.strip_prefix(MAGIC).ok_or(PackageError::NoPackage)?;
        let (index, rest) = decode_first::<Index>(body).map_err(|_| PackageError::NoPackage)?;
        // One package has one form: an index with longer varints would be a second id for the same files.
        if body.len() - rest.len() != encode(&index).len() {
            return Err(PackageError::NoPackage);
        }
        let mut files = BTreeMap::new();
        let mut end = bytes.len() - rest.len();
        let begin = end;
        for (path, length) in index.files.iter() {
            check_path(path)?;
            let length = *length as usize;
            check_length(path, length)?;
            if files.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= path.as_str()) {
                return Err(PackageError::Order);
            }
            files.insert(path.to_string(), (end, end + length));
            end += length;
        }
        if end != bytes.len() {
            return Err(PackageError::Length { stated: end - begin, found: rest.len() });
        }
        let manifest = Manifest::read(&index.manifest)?;
        manifest.check(|path| files.contains_key(path))?;
        Ok(Package { id: PackageId::of(&bytes), manifest, files, bytes })
    }

    /// Makes a package of files by path. `game.json` is its manifest; without one the manifest has its defaults, the game begins
    /// with `game.js`, `index.html` or the only `.js` or `.html` file, and its title is the name of that file.
    ///
    /// # Errors
    /// [`PackageError`] names the file or the limit.
    pub fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Package, PackageError> {
        let manifest = match files.get(MANIFEST) {
            Some(text) if text.len() > MANIFEST_MAX => Err(ManifestError::TooLong(text.len())),
            Some(text) => str::from_utf8(text).map(String::from).map_err(|_| ManifestError::NoText),
            None => Ok(Manifest::beginning_with(entry(files).ok_or(PackageError::NoEntry)?).to_json()),
        }?;
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .filter(|(path, _)| *path != MANIFEST)
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .collect();
        if files.len() > FILES_MAX {
            return Err(PackageError::TooManyFiles(files.len()));
        }
        let mut index = Vec::with_capacity(files.len());
        for (path, bytes) in &files {
            check_path(path)?;
            check_length(path, bytes.len())?;
            let path = BoundedText::new(path).map_err(|_| PackageError::Path((*path).to_owned()))?;
            index.push((path, bytes.len() as u32));
        }
        let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        if total > PACKAGE_MAX {
            return Err(PackageError::TooLarge(total));
        }
        let manifest = BoundedText::new(&manifest).map_err(|_| ManifestError::TooLong(manifest.len()))?;
        let index = Index { manifest, files: Bounded::new(index).expect("counted above") };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(encode(&index));
        files.iter().for_each(|(_, file)| bytes.extend_from_slice(file));
        let package = Package::read(bytes.into())?;
        let path = package.manifest.entry.clone();
        match package.file(&path).and_then(|program| wrong_with(&path, program)) {
            Some(wrong) => Err(PackageError::Program { path, wrong }),
            None => Ok(package),
        }
    }

    /// Makes a package of one `.js` or `.html` file, with the defaults of the manifest and the file's name as its title.
    ///
    /// # Errors
    /// [`PackageError`] names the limit.
    pub fn of_file(name: &str, bytes: Vec<u8>) -> Result<Package, PackageError> {
        Package::pack(&BTreeMap::from([(name.to_owned(), bytes)]))
    }

    /// Its name.
    pub fn id(&self) -> PackageId {
        self.id
    }

    /// Title, players and the rest of `game.json`.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of a file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(|&(begin, end)| &self.bytes[begin..end])
    }

    /// All files with their paths, in the order of paths, without the manifest.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, &(begin, end))| (path.as_str(), &self.bytes[begin..end]))
    }

    /// The package as it travels and is stored.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The length of [`bytes`](Package::bytes), at most [`PACKAGE_MAX`].
    pub fn length(&self) -> u32 {
        self.bytes.len() as u32
    }
}

/// The file that begins a game without a manifest.
fn entry(files: &BTreeMap<String, Vec<u8>>) -> Option<&str> {
    if let Some(known) = ["game.js", "index.html"].into_iter().find(|name| files.contains_key(*name)) {
        return Some(known);
    }
    let mut programs = files.keys().filter(|path| path.ends_with(".js") || path.ends_with(".html"));
    programs.next().filter(|_| programs.next().is_none()).map(String::as_str)
}

/// The reason for which no browser runs this program, as far as its bytes show it.
fn wrong_with(path: &str, program: &[u8]) -> Option<&'static str> {
    let is_utf16 =
        program.starts_with(&[0xff, 0xfe]) || program.starts_with(&[0xfe, 0xff]) || program.contains(&0);
    if ![".js", ".mjs", ".html", ".htm"].iter().any(|ending| path.ends_with(ending)) {
        return Some(
            "is neither a .js nor an .html file: compile it, and name the result as \"entry\" in game.json",
        );
    }
    if is_utf16 {
        return Some("is not UTF-8, it looks like UTF-16: save it as UTF-8");
    }
    match str::from_utf8(program) {
        Err(_) => Some("is not UTF-8: save it as UTF-8"),
        Ok(text) if text.trim_start_matches('\u{feff}').trim().is_empty() => Some("is empty"),
        Ok(_) => None,
    }
}

fn check_path(path: &str) -> Result<(), PackageError> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let is_legal = path.len() <= PATH_MAX
        && path != MANIFEST
        && path.split('/').all(is_part)
        && !path.chars().any(|character| character == '\\' || character.is_control());
    // Of a long path the beginning tells which it was.
    let shown = || path[..path.floor_char_boundary(PATH_MAX)].to_owned();
    if is_legal { Ok(()) } else { Err(PackageError::Path(shown())) }
}

fn check_length(path: &str, length: usize) -> Result<(), PackageError> {
    if length <= FILE_MAX {
        Ok(())
    } else {
        Err(PackageError::FileTooLarge { path: path.to_owned(), length })
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package").field("id", &self.id).field("files", &self.files.keys()).finish()
    }
}

impl From<PackageId> for BlobId {
    fn from(id: PackageId) -> BlobId {
        BlobId(id.0)
    }
}

impl From<BlobId> for PackageId {
    fn from(id: BlobId) -> PackageId {
        PackageId(id.0)
    }
}

/// A text is not the id of a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of a package: it has 64 hexadecimal digits")]
pub struct NoPackageId(pub String);

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BlobId(self.0).fmt(f)
    }
}

impl fmt::Debug for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PackageId {
    type Err = NoPackageId;

    fn from_str(text: &str) -> Result<PackageId, NoPackageId> {
        // Capital digits would be a second text of one id.
        let id = text.parse::<BlobId>().ok().filter(|id| id.to_string() == text);
        id.map(PackageId::from).ok_or_else(|| NoPackageId(text[..text.floor_char_boundary(64)].to_owned()))
    }
}

impl Serialize for PackageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BlobId(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PackageId, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(PackageId)
        }
    }
}

#[cfg(test)]
mod tests;
