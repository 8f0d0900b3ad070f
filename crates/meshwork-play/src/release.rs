//! Releases: the author's signature over a package and its description.

use meshwork_core::id::{Identity, PeerId};
use meshwork_core::signed::verify::{SIGNATURE_LEN, holds_for_app, sign_for_app};
use meshwork_core::text::{shown, shown_lines};
use meshwork_core::wire::{BoundedText, decode, encode};
use serde::{Deserialize, Serialize};

use crate::package::{
    DESCRIPTION_MAX, PACKAGE_MAX, Package, PackageId, TITLE_MAX, are_players, check_description, check_title,
};

/// The label of the signature.
pub const RELEASE_LABEL: &str = "meshwork play release v1";
/// Longest name of an author, in bytes, as the name of a member.
pub const AUTHOR_NAME_MAX: usize = 32;
/// Longest release, in bytes.
pub const RELEASE_MAX: usize = 1 + 32 + SIGNATURE_LEN + ABOUT_MAX;

const FORMAT: u8 = 1;
const ABOUT_MAX: usize =
    32 + 5 + 2 + 4 * TITLE_MAX + 2 + 4 * DESCRIPTION_MAX + 1 + AUTHOR_NAME_MAX + 2 + 5 + 10;

/// What an author signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The package.
    pub package: PackageId,
    /// Its length in bytes.
    pub length: u32,
    /// The title of its manifest.
    pub title: String,
    /// The description of its manifest.
    pub description: String,
    /// How the author wants to be called, at most [`AUTHOR_NAME_MAX`] bytes; may be empty.
    pub author_name: String,
    /// The least and the most players.
    pub players: (u8, u8),
    /// Counted from 1 for each game.
    pub version: u32,
    /// When it was signed, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A signed description of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The package.
    pub package: PackageId,
    /// Its length in bytes.
    pub length: u32,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The author, whose signature was checked.
    pub author: PeerId,
    /// How the author wants to be called.
    pub author_name: String,
    /// The least and the most players.
    pub players: (u8, u8),
    /// Counted from 1 for each game.
    pub version: u32,
    /// When it was signed, in milliseconds since 1970, by the author's clock.
    pub at_ms: u64,
    /// The author's signature.
    pub signature: [u8; SIGNATURE_LEN],
}

/// Why bytes are no release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Of a format that this program does not know, or no release at all.
    #[error("these bytes are no release of a game")]
    NoRelease,
    /// A field out of its limits, or a text with characters that are not shown.
    #[error("the release's {0} is outside its limits")]
    Field(&'static str),
    /// The signature is not the author's.
    #[error("the release is not signed by its author")]
    Signature,
}

/// The signed bytes.
#[derive(Serialize, Deserialize)]
struct Body {
    package: PackageId,
    length: u32,
    title: BoundedText<{ 4 * TITLE_MAX }>,
    description: BoundedText<{ 4 * DESCRIPTION_MAX }>,
    author_name: BoundedText<AUTHOR_NAME_MAX>,
    players: (u8, u8),
    version: u32,
    at_ms: u64,
}

impl About {
    /// The description of a package by its manifest. A longer name is cut to [`AUTHOR_NAME_MAX`] bytes.
    pub fn of(package: &Package, author_name: &str, version: u32, at_ms: u64) -> About {
        let manifest = package.manifest();
        About {
            package: package.id(),
            length: package.length(),
            title: manifest.title.clone(),
            description: manifest.description.clone(),
            author_name: BoundedText::<AUTHOR_NAME_MAX>::truncated(shown(author_name).trim())
                .trim()
                .to_owned(),
            players: manifest.players,
            version,
            at_ms,
        }
    }

    /// The bytes to sign under [`RELEASE_LABEL`]. Texts beyond their limits are cut, and the release is then refused.
    pub fn to_sign(&self) -> Vec<u8> {
        encode(&Body {
            package: self.package,
            length: self.length,
            title: BoundedText::truncated(&self.title),
            description: BoundedText::truncated(&self.description),
            author_name: BoundedText::truncated(&self.author_name),
            players: self.players,
            version: self.version,
            at_ms: self.at_ms,
        })
    }
}

impl Release {
    /// Signs a release with the author's key.
    pub fn sign(identity: &Identity, about: About) -> Release {
        let signature = sign_for_app(identity, RELEASE_LABEL, &about.to_sign()).expect("the label is short");
        Release::of(about, identity.peer(), signature)
    }

    /// Makes a release of a signature that was made elsewhere over [`About::to_sign`] under [`RELEASE_LABEL`].
    ///
    /// # Errors
    /// [`ReleaseError`] if the signature does not hold, or a field is outside its limits.
    pub fn join(
        about: About,
        author: PeerId,
        signature: [u8; SIGNATURE_LEN],
    ) -> Result<Release, ReleaseError> {
        Release::check(&Release::of(about, author, signature).to_bytes())
    }

    /// The release as it travels and is stored: the format, the author, the signature, and the signed bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[FORMAT][..], &self.author.0, &self.signature, &self.about().to_sign()].concat()
    }

    /// Reads a release and checks its limits and its signature.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn check(bytes: &[u8]) -> Result<Release, ReleaseError> {
        let no_release = ReleaseError::NoRelease;
        let rest = bytes.strip_prefix(&[FORMAT]).filter(|rest| rest.len() < RELEASE_MAX).ok_or(no_release)?;
        let (author, rest) = rest.split_first_chunk().ok_or(no_release)?;
        let (signature, signed) = rest.split_first_chunk().ok_or(no_release)?;
        let author = PeerId(*author);
        let body: Body = decode(signed).map_err(|_| no_release)?;
        let about = About {
            package: body.package,
            length: body.length,
            title: body.title.to_string(),
            description: body.description.to_string(),
            author_name: body.author_name.to_string(),
            players: body.players,
            version: body.version,
            at_ms: body.at_ms,
        };
        about.check_fields()?;
        // One release has one form.
        if about.to_sign() != signed {
            return Err(no_release);
        }
        if !holds_for_app(&author, RELEASE_LABEL, signed, signature) {
            return Err(ReleaseError::Signature);
        }
        Ok(Release::of(about, author, *signature))
    }

    /// Whether the release describes this package: its id, length, title, description and players.
    pub fn describes(&self, package: &Package) -> bool {
        self.about()
            == About {
                author_name: self.author_name.clone(),
                ..About::of(package, "", self.version, self.at_ms)
            }
    }

    /// The signed fields.
    pub fn about(&self) -> About {
        About {
            package: self.package,
            length: self.length,
            title: self.title.clone(),
            description: self.description.clone(),
            author_name: self.author_name.clone(),
            players: self.players,
            version: self.version,
            at_ms: self.at_ms,
        }
    }

    fn of(about: About, author: PeerId, signature: [u8; SIGNATURE_LEN]) -> Release {
        let About { package, length, title, description, author_name, players, version, at_ms } = about;
        Release {
            package,
            length,
            title,
            description,
            author,
            author_name,
            players,
            version,
            at_ms,
            signature,
        }
    }
}

impl About {
    fn check_fields(&self) -> Result<(), ReleaseError> {
        let fields = [
            ("title", check_title(&self.title).is_ok() && shown(&self.title).trim() == self.title),
            (
                "description",
                check_description(&self.description).is_ok()
                    && shown_lines(&self.description).trim() == self.description,
            ),
            ("author_name", shown(&self.author_name).trim() == self.author_name),
            ("players", are_players(self.players)),
            ("length", (1..=PACKAGE_MAX).contains(&(self.length as usize))),
            ("version", self.version > 0),
        ];
        match fields.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(ReleaseError::Field(field)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package::of_file("rim.js", b"meshwork.game({})".to_vec()).expect("legal")
    }

    fn mira() -> Identity {
        Identity::from_secret([7; 32])
    }

    fn release() -> Release {
        Release::sign(&mira(), About::of(&package(), "Mira", 1, 1_790_000_000_000))
    }

    #[test]
    fn releases_are_read_as_they_are_signed() {
        let bytes = release().to_bytes();
        assert!(bytes.len() <= RELEASE_MAX);
        assert_eq!(Release::check(&bytes), Ok(release()));
        assert!(release().describes(&package()));
        let other = Package::of_file("rim.js", b"meshwork.game({ })".to_vec()).expect("legal");
        assert!(!release().describes(&other));
        let renamed = About { title: "Rom".into(), ..release().about() };
        assert!(!Release::sign(&mira(), renamed).describes(&package()));
    }

    #[test]
    fn a_signature_from_elsewhere_makes_a_release() {
        let about = About::of(&package(), "Mira", 1, 1_790_000_000_000);
        let signature = sign_for_app(&mira(), RELEASE_LABEL, &about.to_sign()).expect("a label");
        assert_eq!(Release::join(about.clone(), mira().peer(), signature), Ok(release()));
        let other = Identity::from_secret([8; 32]).peer();
        assert_eq!(Release::join(about.clone(), other, signature), Err(ReleaseError::Signature));
        let labelled = sign_for_app(&mira(), "meshwork play request v1", &about.to_sign()).expect("a label");
        assert_eq!(Release::join(about, mira().peer(), labelled), Err(ReleaseError::Signature));
    }

    #[test]
    fn changed_bytes_are_refused() {
        let bytes = release().to_bytes();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(Release::check(&changed).is_err(), "byte {place}");
            assert!(Release::check(&bytes[..place]).is_err(), "{place} bytes");
        }
        assert!(Release::check(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn fields_outside_their_limits_are_refused() {
        let signed = |about: About| Release::check(&Release::sign(&mira(), about).to_bytes()).unwrap_err();
        let about = release().about();
        for (field, wrong) in [
            ("title", About { title: String::new(), ..about.clone() }),
            ("title", About { title: "a\u{202e}b".into(), ..about.clone() }),
            ("title", About { title: "x".repeat(TITLE_MAX + 1), ..about.clone() }),
            ("description", About { description: "x".repeat(DESCRIPTION_MAX + 1), ..about.clone() }),
            ("author_name", About { author_name: "a\nb".into(), ..about.clone() }),
            ("players", About { players: (2, 7), ..about.clone() }),
            ("players", About { players: (3, 2), ..about.clone() }),
            ("length", About { length: PACKAGE_MAX as u32 + 1, ..about.clone() }),
            ("version", About { version: 0, ..about.clone() }),
        ] {
            assert_eq!(signed(wrong), ReleaseError::Field(field));
        }
    }
}
