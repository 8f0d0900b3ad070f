//! The manifest of a game, `game.json`: title, players, and how it is drawn.

use std::fmt;

use meshwork_core::text::{shown, shown_lines};
use serde::{Deserialize, Serialize};

use super::MANIFEST_MAX;

/// The path of the manifest in a folder.
pub const MANIFEST: &str = "game.json";
/// Longest title, in characters.
pub const TITLE_MAX: usize = 64;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 500;
/// Most players of a game: the seats of a party.
pub const PLAYERS_MAX: u8 = 6;
/// The smallest side of a view, in pixels.
pub const VIEW_MIN: u16 = 64;
/// The largest side of a view, in pixels.
pub const VIEW_MAX: u16 = 4096;

const FORMAT: u32 = 1;
const PLAYERS: (u8, u8) = (2, PLAYERS_MAX);
const VIEW: (u16, u16) = (960, 540);
/// Endings of files that every browser shows as a picture. SVG is a document that can have scripts, so it is none.
const PICTURES: [&str; 5] = [".png", ".jpg", ".jpeg", ".webp", ".gif"];

/// How the program of a game runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A script in a worker, `meshwork.game({ setup, update, render })`.
    Script,
    /// A document that speaks the messages of HTML games.
    Html,
}

/// How players draw what the host simulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Draw {
    /// Runs the game ahead of the host with the player's own inputs.
    Predict,
    /// Shows the recent past, between two states of the host.
    Interpolate,
}

/// What a party does when its host is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostLoss {
    /// Another player becomes host.
    Migrate,
    /// Everybody waits for the host.
    Wait,
}

/// The manifest of a game with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The title, 1 to [`TITLE_MAX`] characters, fit to be shown.
    pub title: String,
    /// The description, at most [`DESCRIPTION_MAX`] characters, fit to be shown.
    pub description: String,
    /// How the program runs.
    pub kind: Kind,
    /// The path of the program.
    pub entry: String,
    /// The least and the most players, from 1 to [`PLAYERS_MAX`].
    pub players: (u8, u8),
    /// The path of a picture.
    pub thumbnail: Option<String>,
    /// Width and height of what the game draws, in pixels.
    pub view: (u16, u16),
    /// How players draw.
    pub draw: Draw,
    /// Whether players may join while a match runs.
    pub late: bool,
    /// What happens when the host is gone.
    pub host_loss: HostLoss,
}

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// No UTF-8.
    #[error("it is no text")]
    NoText,
    /// Longer than [`MANIFEST_MAX`].
    #[error("manifest of {0} bytes exceeds the limit of {MANIFEST_MAX}")]
    TooLong(usize),
    /// No JSON, or a field of another type; the reason has line and column.
    #[error("{0}")]
    Json(String),
    /// Of a version that this program does not know.
    #[error("version {0} of manifests is unknown here; this program reads version {FORMAT}")]
    Format(u32),
    /// No title, or more than [`TITLE_MAX`] characters.
    #[error("a title has 1 to {TITLE_MAX} characters, this one has {0}")]
    Title(usize),
    /// More than [`DESCRIPTION_MAX`] characters.
    #[error("description of {0} characters exceeds the limit of {DESCRIPTION_MAX}")]
    Description(usize),
    /// Players out of order or out of range.
    #[error("\"players\": [{0}, {1}] is not a least and a most from 1 to {PLAYERS_MAX}")]
    Players(u32, u32),
    /// A side of the view out of range.
    #[error("\"view\": [{0}, {1}] has a side that is not from {VIEW_MIN} to {VIEW_MAX}")]
    View(u32, u32),
    /// A file that the manifest names is not there.
    #[error("{field} names {path:?}, and no file has that path")]
    Missing {
        /// `entry` or `thumbnail`.
        field: &'static str,
        /// The path.
        path: String,
    },
    /// A thumbnail that is no PNG, JPEG, WebP or GIF by its name.
    #[error("thumbnail {0:?} is no .png, .jpg, .webp or .gif file")]
    Picture(String),
}

/// `game.json` as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default = "format")]
    meshwork: u32,
    #[serde(default)]
    title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    kind: Option<Kind>,
    entry: Option<String>,
    players: Option<(u32, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
    view: Option<(u32, u32)>,
    draw: Option<Draw>,
    late: Option<bool>,
    host_loss: Option<HostLoss>,
}

fn format() -> u32 {
    FORMAT
}

impl Manifest {
    /// The defaults for a game that begins with this file.
    pub fn beginning_with(entry: &str) -> Manifest {
        let name = entry.rsplit('/').next().unwrap_or(entry);
        let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let title: String = shown(name).trim().chars().take(TITLE_MAX).collect();
        let title = if title.is_empty() { String::from("Game") } else { title };
        Manifest::with_defaults(title, entry.to_owned())
    }

    /// Reads the text of `game.json`.
    ///
    /// # Errors
    /// [`ManifestError`] names the field.
    pub fn read(text: &str) -> Result<Manifest, ManifestError> {
        if text.len() > MANIFEST_MAX {
            return Err(ManifestError::TooLong(text.len()));
        }
        let written: Written =
            serde_json::from_str(text).map_err(|error| ManifestError::Json(error.to_string()))?;
        if written.meshwork != FORMAT {
            return Err(ManifestError::Format(written.meshwork));
        }
        let entry = written.entry.unwrap_or_else(|| match written.kind {
            Some(Kind::Html) => String::from("index.html"),
            _ => String::from("game.js"),
        });
        let mut manifest = Manifest::with_defaults(shown(&written.title).trim().to_owned(), entry);
        if let Some(kind) = written.kind {
            manifest = manifest.of_kind(kind);
        }
        manifest.description = shown_lines(&written.description).trim().to_owned();
        manifest.thumbnail = written.thumbnail;
        if let Some((least, most)) = written.players {
            let wrong = ManifestError::Players(least, most);
            let (Ok(least), Ok(most)) = (least.try_into(), most.try_into()) else { return Err(wrong) };
            manifest.players = (least, most);
        }
        if let Some((width, height)) = written.view {
            let wrong = ManifestError::View(width, height);
            let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) else { return Err(wrong) };
            manifest.view = (width, height);
        }
        manifest.draw = written.draw.unwrap_or(manifest.draw);
        manifest.late = written.late.unwrap_or(manifest.late);
        manifest.host_loss = written.host_loss.unwrap_or(manifest.host_loss);
        manifest.check_fields()?;
        Ok(manifest)
    }

    /// The manifest as `game.json`, with all fields.
    pub fn to_json(&self) -> String {
        let pair = |(first, second): (u16, u16)| Some((first.into(), second.into()));
        let written = Written {
            meshwork: FORMAT,
            title: self.title.clone(),
            description: self.description.clone(),
            kind: Some(self.kind),
            entry: Some(self.entry.clone()),
            players: pair((self.players.0.into(), self.players.1.into())),
            thumbnail: self.thumbnail.clone(),
            view: pair(self.view),
            draw: Some(self.draw),
            late: Some(self.late),
            host_loss: Some(self.host_loss),
        };
        serde_json::to_string(&written).expect("its keys are texts")
    }

    /// Checks that the files which it names are there.
    pub(super) fn check(&self, has: impl Fn(&str) -> bool) -> Result<(), ManifestError> {
        let missing = |field, path: &str| Err(ManifestError::Missing { field, path: path.to_owned() });
        if !has(&self.entry) {
            return missing("entry", &self.entry);
        }
        match &self.thumbnail {
            Some(path) if !has(path) => missing("thumbnail", path),
            Some(path) if !is_picture(path) => Err(ManifestError::Picture(path.clone())),
            _ => Ok(()),
        }
    }

    fn with_defaults(title: String, entry: String) -> Manifest {
        let kind = if entry.ends_with(".html") { Kind::Html } else { Kind::Script };
        let manifest = Manifest {
            title,
            description: String::new(),
            kind,
            entry,
            players: PLAYERS,
            thumbnail: None,
            view: VIEW,
            draw: Draw::Predict,
            late: true,
            host_loss: HostLoss::Migrate,
        };
        manifest.of_kind(kind)
    }

    /// A document cannot be predicted, and nobody but its host has its state.
    fn of_kind(self, kind: Kind) -> Manifest {
        let (draw, host_loss) = match kind {
            Kind::Script => (Draw::Predict, HostLoss::Migrate),
            Kind::Html => (Draw::Interpolate, HostLoss::Wait),
        };
        Manifest { kind, draw, host_loss, ..self }
    }

    fn check_fields(&self) -> Result<(), ManifestError> {
        check_title(&self.title)?;
        check_description(&self.description)?;
        let (least, most) = self.players;
        if !are_players(self.players) {
            return Err(ManifestError::Players(least.into(), most.into()));
        }
        let (width, height) = self.view;
        if ![width, height].iter().all(|side| (VIEW_MIN..=VIEW_MAX).contains(side)) {
            return Err(ManifestError::View(width.into(), height.into()));
        }
        Ok(())
    }
}

pub(crate) fn check_title(title: &str) -> Result<(), ManifestError> {
    match title.chars().count() {
        1..=TITLE_MAX => Ok(()),
        count => Err(ManifestError::Title(count)),
    }
}

pub(crate) fn check_description(description: &str) -> Result<(), ManifestError> {
    match description.chars().count() {
        0..=DESCRIPTION_MAX => Ok(()),
        count => Err(ManifestError::Description(count)),
    }
}

/// Whether these are a least and a most of players.
pub(crate) fn are_players((least, most): (u8, u8)) -> bool {
    1 <= least && least <= most && most <= PLAYERS_MAX
}

fn is_picture(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    PICTURES.iter().any(|ending| path.ends_with(ending))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Script => "script",
            Kind::Html => "html",
        })
    }
}
