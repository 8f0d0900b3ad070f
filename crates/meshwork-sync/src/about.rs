//! What is said about documents beside what they say: their titles, and versions that somebody saved.
//!
//! # How it works
//! All of it lies in one row of the app's table by value, named as the document is. Its title is a field that everybody
//! writes, so the later one holds. A version is a field of who saved it, named by its label: it says which blob has the
//! update of Yjs that made the document what it was. An image that stands in the text by the id of a blob is named in a field
//! that everybody writes, since who stays does not read texts; it goes with the document. A member that stays and holds such a blob
//! says so in a field of its own, so that whoever saves a version knows when it may leave.
//!
//! # Limits
//! Keepers hold of each author [`VERSIONS_MAX`] versions and [`VERSION_BYTES_MAX`] bytes, those saved last, and as much of images. A label has 1 to
//! [`LABEL_MAX`] bytes, a title at most [`TITLE_MAX`].

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::blobs::BlobId;
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::table::{Entry, Table, Write, Writer};

use crate::Kind;

/// Longest label of a version, in bytes; the shortest has one.
pub const LABEL_MAX: usize = 64;
/// Longest title of a document, in bytes.
pub const TITLE_MAX: usize = 256;
/// Most versions of one author that a keeper holds, in all documents of an app.
pub const VERSIONS_MAX: usize = 100;
/// Bytes of one author's versions that a keeper holds, in all documents of an app.
pub const VERSION_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest update that a version can have.
pub const VERSION_MAX: u64 = 16 * 1024 * 1024;

/// What the names of fields begin with, behind the byte and the peer that say who may write them.
const TITLE: &[u8] = b"t";
const VERSION: u8 = b'v';
const HELD: u8 = b'h';
const IMAGE: u8 = b'i';

/// A document as somebody saved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The name of the document.
    pub document: String,
    /// How it is called.
    pub label: String,
    /// Who saved it.
    pub author: PeerId,
    /// When, by the room's time.
    pub stamp: Stamp,
    /// The blob that has the update of Yjs which makes it.
    pub blob: BlobId,
    /// How long that is, as its author says.
    pub size: u64,
}

/// An image of a document, of at most [`PICTURE_MAX`](crate::whiteboard::PICTURE_MAX) bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The name of the document.
    pub document: String,
    /// The blob that has it.
    pub blob: BlobId,
    /// How long that is, as who put it there says.
    pub size: u64,
}

/// The title of a document; `None` where it has none, and goes by its name.
pub fn title<'a>(table: &'a Table, document: &str) -> Option<&'a str> {
    let entry = table.get(&Kind::Document.row(document), &Writer::Anybody.field(TITLE))?;
    title_of(entry)
}

/// The titles of documents whose names begin with `prefix`, by name.
pub fn titles<'a>(table: &'a Table, prefix: &str) -> BTreeMap<&'a str, &'a str> {
    let row = Kind::Document.row(prefix);
    let entries = table.entries(&row).filter(|entry| entry.field() == (Writer::Anybody, TITLE));
    entries.filter_map(|entry| Some((Kind::Document.name(entry.row())?, title_of(entry)?))).collect()
}

/// What gives a document a title; `None` takes it away.
pub fn set_title(document: &str, title: Option<&str>) -> Write {
    let (row, field) = (Kind::Document.row(document), Writer::Anybody.field(TITLE));
    match title {
        Some(title) => Write::value(row, field, title),
        None => Write::removal(row, field),
    }
}

/// The versions that were saved of a document, the latest first.
pub fn versions(table: &Table, document: &str) -> Vec<Version> {
    let mut versions: Vec<Version> =
        table.row(&Kind::Document.row(document)).filter_map(read_version).collect();
    sort_latest_first(&mut versions);
    versions
}

/// What saves a version of `me` under a label, in place of one that it has there.
pub fn save(document: &str, me: PeerId, label: &str, blob: BlobId, size: u64) -> Write {
    let value = [&blob.0[..], &size.to_le_bytes()].concat();
    Write::value(Kind::Document.row(document), version_field(me, label), value)
}

/// What deletes a version of `me`.
pub fn delete(document: &str, me: PeerId, label: &str) -> Write {
    Write::removal(Kind::Document.row(document), version_field(me, label))
}

/// What says that a document has an image, or has it no more.
pub fn set_image(image: &Image, is_there: bool) -> Write {
    let row = Kind::Document.row(&image.document);
    let field = Writer::Anybody.field(&[&[IMAGE], &image.blob.0[..]].concat());
    if is_there { Write::value(row, field, image.size.to_le_bytes()) } else { Write::removal(row, field) }
}

/// The images of a document.
pub fn images(table: &Table, document: &str) -> Vec<Image> {
    table.row(&Kind::Document.row(document)).filter_map(read_image).collect()
}

/// What takes away all that everybody may say about a document: its title and its images.
pub fn clearing(table: &Table, document: &str) -> Vec<Write> {
    let title = title(table, document).map(|_| set_title(document, None));
    let images = images(table, document).into_iter().map(|image| set_image(&image, false));
    title.into_iter().chain(images).collect()
}

/// The images that a keeper holds, each with who named it, those put down last first: of each author as much as of versions.
pub fn images_to_hold(table: &Table) -> Vec<(PeerId, Image)> {
    let of = |entry: &Entry| Some((entry.stamp(), entry.author(), read_image(entry)?));
    let mut images: Vec<(Stamp, PeerId, Image)> =
        table.entries(&Kind::Document.row("")).filter_map(of).collect();
    images.sort_unstable_by_key(|(stamp, author, _)| std::cmp::Reverse((*stamp, *author)));
    keep_share(&mut images, |(_, author, image)| (*author, image.size));
    images.into_iter().map(|(_, author, image)| (author, image)).collect()
}

/// The peers that stay and say that they hold a blob for a document.
pub fn holders(table: &Table, document: &str, blob: BlobId) -> Vec<PeerId> {
    let held = [&[HELD], &blob.0[..]].concat();
    let holder = |entry: &Entry| match entry.field() {
        (Writer::Peer(peer), rest) if rest == held && entry.value().is_some() => Some(peer),
        _ => None,
    };
    table.row(&Kind::Document.row(document)).filter_map(holder).collect()
}

/// What says whether `me` holds a blob for a document.
pub fn hold(document: &str, me: PeerId, blob: BlobId, is_held: bool) -> Write {
    let field = Writer::Peer(me).field(&[&[HELD], &blob.0[..]].concat());
    let row = Kind::Document.row(document);
    if is_held { Write::value(row, field, []) } else { Write::removal(row, field) }
}

/// The blobs that a keeper holds, each with its document, those saved last first.
pub fn to_hold(table: &Table) -> Vec<Version> {
    let mut versions: Vec<Version> =
        table.entries(&Kind::Document.row("")).filter_map(read_version).collect();
    sort_latest_first(&mut versions);
    keep_share(&mut versions, |version| (version.author, version.size));
    versions
}

/// Leaves of each author the first that a keeper holds: [`VERSIONS_MAX`] of them, of [`VERSION_BYTES_MAX`] together.
pub(crate) fn keep_share<T>(all: &mut Vec<T>, of: impl Fn(&T) -> (PeerId, u64)) {
    let mut used: BTreeMap<PeerId, (usize, u64)> = BTreeMap::new();
    all.retain(|one| {
        let (author, size) = of(one);
        let (count, bytes) = used.entry(author).or_default();
        let sum = bytes.saturating_add(size);
        let has_place = *count < VERSIONS_MAX && sum <= VERSION_BYTES_MAX;
        if has_place {
            (*count, *bytes) = (*count + 1, sum);
        }
        has_place
    });
}

/// What `me` says that it holds: documents and blobs.
pub fn held_by(table: &Table, me: PeerId) -> BTreeSet<(String, BlobId)> {
    let row = Kind::Document.row("");
    let held = table.entries(&row).filter_map(|entry| match entry.field() {
        (Writer::Peer(peer), [HELD, blob @ ..]) if peer == me && entry.value().is_some() => {
            Some((Kind::Document.name(entry.row())?.to_owned(), BlobId(blob.try_into().ok()?)))
        }
        _ => None,
    });
    held.collect()
}

fn sort_latest_first(versions: &mut [Version]) {
    versions.sort_unstable_by_key(|version| std::cmp::Reverse((version.stamp, version.author)));
}

fn version_field(author: PeerId, label: &str) -> Vec<u8> {
    Writer::Peer(author).field(&[&[VERSION], label.as_bytes()].concat())
}

fn title_of(entry: &Entry) -> Option<&str> {
    str::from_utf8(entry.value()?).ok().filter(|title| title.len() <= TITLE_MAX)
}

/// The version that a field says; `None` for what is none, or what this version of the program cannot read.
fn read_version(entry: &Entry) -> Option<Version> {
    let (Writer::Peer(author), [VERSION, label @ ..]) = entry.field() else { return None };
    let label = str::from_utf8(label).ok().filter(|label| (1..=LABEL_MAX).contains(&label.len()))?;
    let (blob, size) = entry.value()?.split_first_chunk()?;
    Some(Version {
        document: Kind::Document.name(entry.row())?.to_owned(),
        label: label.to_owned(),
        author,
        stamp: entry.stamp(),
        blob: BlobId(*blob),
        size: u64::from_le_bytes(size.try_into().ok()?),
    })
}

/// The image that a field says.
fn read_image(entry: &Entry) -> Option<Image> {
    let (Writer::Anybody, [IMAGE, blob @ ..]) = entry.field() else { return None };
    Some(Image {
        document: Kind::Document.name(entry.row())?.to_owned(),
        blob: BlobId(blob.try_into().ok()?),
        size: u64::from_le_bytes(entry.value()?.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Person, exchange};

    const ONE: BlobId = BlobId([1; 32]);
    const TWO: BlobId = BlobId([2; 32]);

    fn write(person: &mut Person, make: impl Fn(PeerId) -> Write) {
        person.write(|_, me| Ok::<_, ()>(make(me.peer)));
    }

    fn labels(person: &Person) -> Vec<String> {
        versions(&person.table, "notes").into_iter().map(|version| version.label).collect()
    }

    #[test]
    fn the_later_title_holds() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        write(&mut ann, |_| set_title("notes", Some("Minutes")));
        write(&mut ann, |_| set_title("other", Some("Else")));
        exchange(&mut ann, &mut bo);
        write(&mut bo, |_| set_title("notes", Some("Minutes of May")));
        exchange(&mut ann, &mut bo);
        assert_eq!(title(&ann.table, "notes"), Some("Minutes of May"));
        assert_eq!(titles(&bo.table, "n"), BTreeMap::from([("notes", "Minutes of May")]));
        write(&mut ann, |_| set_title("notes", None));
        assert_eq!(title(&ann.table, "notes"), None);
    }

    #[test]
    fn versions_belong_to_who_saved_them() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        write(&mut ann, |me| save("notes", me, "draft", ONE, 7));
        exchange(&mut ann, &mut bo);
        write(&mut bo, |me| save("notes", me, "draft", TWO, 9));
        write(&mut bo, |me| delete("notes", me, "final"));
        exchange(&mut ann, &mut bo);
        let saved: Vec<(PeerId, BlobId, u64)> = versions(&ann.table, "notes")
            .into_iter()
            .map(|version| (version.author, version.blob, version.size))
            .collect();
        assert_eq!(saved, [(bo.me.peer, TWO, 9), (ann.me.peer, ONE, 7)]);
        write(&mut bo, |me| delete("notes", me, "draft"));
        exchange(&mut ann, &mut bo);
        assert_eq!(labels(&ann), ["draft"], "one of them deleted its own");
    }

    #[test]
    fn holders_say_what_they_hold() {
        let (mut ann, mut keeper) = (Person::new(1, 1), Person::new(2, 1));
        write(&mut ann, |me| save("notes", me, "draft", ONE, 7));
        exchange(&mut ann, &mut keeper);
        write(&mut keeper, |me| hold("notes", me, ONE, true));
        exchange(&mut ann, &mut keeper);
        assert_eq!(holders(&ann.table, "notes", ONE), [keeper.me.peer]);
        assert_eq!(held_by(&ann.table, keeper.me.peer), BTreeSet::from([(String::from("notes"), ONE)]));
        write(&mut keeper, |me| hold("notes", me, ONE, false));
        assert_eq!(holders(&keeper.table, "notes", ONE), []);
    }

    #[test]
    fn images_stay_until_anybody_takes_them_out() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        let image = |blob, size| Image { document: "notes".into(), blob, size };
        write(&mut ann, |_| set_image(&image(ONE, 7), true));
        write(&mut ann, |_| set_image(&image(TWO, VERSION_BYTES_MAX), true));
        exchange(&mut ann, &mut bo);
        assert_eq!(images(&bo.table, "notes"), [image(ONE, 7), image(TWO, VERSION_BYTES_MAX)]);
        let held = [(ann.me.peer, image(TWO, VERSION_BYTES_MAX))];
        assert_eq!(images_to_hold(&bo.table), held, "the share is used up");
        write(&mut bo, |_| set_image(&image(TWO, 0), false));
        exchange(&mut ann, &mut bo);
        assert_eq!(images_to_hold(&ann.table), [(ann.me.peer, image(ONE, 7))]);
        assert!(images(&ann.table, "note").is_empty() && to_hold(&ann.table).is_empty());
        let cleared = clearing(&ann.table, "notes");
        ann.write_all(&cleared);
        exchange(&mut ann, &mut bo);
        assert_eq!((images(&bo.table, "notes"), clearing(&bo.table, "notes")), (Vec::new(), Vec::new()));
    }

    #[test]
    fn keepers_hold_what_was_saved_last() {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        write(&mut bo, |me| save("notes", me, "mine", ONE, VERSION_BYTES_MAX));
        exchange(&mut ann, &mut bo);
        for number in 0..=VERSIONS_MAX {
            write(&mut ann, |me| save("notes", me, &number.to_string(), TWO, 7));
        }
        write(&mut ann, |me| save("notes", me, "huge", TWO, u64::MAX));
        let held: Vec<Version> = to_hold(&ann.table);
        let of = |author: PeerId| held.iter().filter(move |version| version.author == author);
        assert_eq!(of(bo.me.peer).count(), 1);
        let latest: Vec<String> = (1..=VERSIONS_MAX).rev().map(|number| number.to_string()).collect();
        assert_eq!(of(ann.me.peer).map(|version| version.label.clone()).collect::<Vec<_>>(), latest);
    }

    #[test]
    fn rows_are_as_documented() {
        let me = PeerId([5; 32]);
        let field = |rest: &[u8]| [&[1], &me.0[..], rest].concat();
        let value = [&[1; 32][..], &7_u64.to_le_bytes()].concat();
        let row = b"\xff\x64notes";
        assert_eq!(save("notes", me, "draft", ONE, 7), Write::value(row, field(b"vdraft"), value));
        let held = [&b"h"[..], &[1; 32]].concat();
        assert_eq!(hold("notes", me, ONE, true), Write::value(row, field(&held), []));
        let image = Image { document: "notes".into(), blob: ONE, size: 7 };
        let named = [&b"\0i"[..], &[1; 32]].concat();
        assert_eq!(set_image(&image, true), Write::value(row, named, 7_u64.to_le_bytes()));
        assert_eq!(set_title("notes", Some("Minutes")), Write::value(row, b"\0t".to_vec(), "Minutes"));
    }
}
