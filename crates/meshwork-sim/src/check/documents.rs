//! **one-text**, **letters**, **seeded** and **opened**: what shows of documents is what people wrote in them.
//!
//! What stands is opened in the library that programs use, so that it is not only our own reading of it that agrees with
//! itself.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::node::Event;
use meshwork_core::replica::Replica as _;
use meshwork_sync::document::update::{Id, Piece, Ranges, Says};
use meshwork_sync::document::{Change, Said};

use super::{Law, Member, Past, Seeds, Violation};
use crate::app::documents::{self, NAMES, documents, letters_of_templates, number};
use crate::library::Library;
use crate::world::World;

/// Nobody writes as this client.
const READER: u64 = 0;

/// **opened**: the documents as a program has them open that begins with nothing and takes in each update that it is
/// told of, beside those that are opened from what stands.
#[derive(Debug, Default)]
pub struct OpenDocuments {
    open: BTreeMap<(Member, String), Library>,
    /// Those that were opened anew, which a further event, still to be heard, may have changed already.
    anew: BTreeSet<(Member, String)>,
    /// Who began with what was on a disk, of which nothing is told.
    restored: BTreeSet<Member>,
}

impl OpenDocuments {
    /// A program begins with what was on its disk: apps open that and are not told of it.
    pub fn insert_restored(&mut self, member: Member) {
        self.restored.insert(member);
    }

    /// A program hears an event. What it is told of a document that it did not open anew needs nothing that it does not have.
    ///
    /// # Errors
    /// [`Violation`] names the program and the document.
    pub fn hear(&mut self, world: &World, member: Member, event: &Event) -> Result<(), Violation> {
        let Event::Changed { replica, changes, .. } = event else { return Ok(()) };
        if *replica != number() || self.restored.contains(&member) {
            return Ok(());
        }
        for change in changes.of::<Change>() {
            let taken = match change {
                Change::Said { name, update } => self.take(member, name, update),
                Change::Anew { name } => self.open_anew(world, member, name),
            };
            taken.map_err(|words| opened(member, words))?;
        }
        Ok(())
    }

    fn take(&mut self, member: Member, name: &str, update: &[u8]) -> Result<(), String> {
        let key = (member, name.to_owned());
        if !self.open.contains_key(&key) {
            self.open.insert(key.clone(), Library::open(READER, None)?);
        }
        self.open[&key].apply(update)?;
        if self.open[&key].is_waiting() && !self.anew.contains(&key) { Err(waits(name)) } else { Ok(()) }
    }

    fn open_anew(&mut self, world: &World, member: Member, name: &str) -> Result<(), String> {
        let key = (member, name.to_owned());
        self.open.insert(key.clone(), standing(world, member, name)?);
        self.anew.insert(key);
        Ok(())
    }

    /// What each of these members has open shows what stands, and nothing of it waits for what was not told.
    ///
    /// # Errors
    /// [`Violation`] names the program and the document.
    pub fn check(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        for &member in members.iter().filter(|member| !self.restored.contains(member)) {
            for name in NAMES {
                let stands = text(world, member, name)?;
                let open = self.open.get(&(member, name.to_owned()));
                if open.is_some_and(Library::is_waiting) {
                    return Err(opened(member, waits(name)));
                }
                let open = open.map(Library::text).unwrap_or_default();
                if open != stands {
                    let words = format!("{name} is open as {open:?}, where {stands:?} stands");
                    return Err(opened(member, words));
                }
            }
        }
        Ok(())
    }
}

fn waits(name: &str) -> String {
    format!("{name} was told what needs more than was told")
}

fn opened((index, _): Member, words: String) -> Violation {
    Violation::new("opened", format!("at program {index} {words}"))
}

/// A document opened from what stands.
fn standing(world: &World, (index, room): Member, name: &str) -> Result<Library, String> {
    let whole = documents(world.node(index).room(room)).and_then(|documents| documents.whole(name));
    Library::open(READER, whole.as_deref())
}

fn text(world: &World, member: Member, name: &str) -> Result<String, Violation> {
    let open = standing(world, member, name);
    open.map(|open| open.text()).map_err(|words| {
        Violation::new("one-text", format!("program {} cannot open {name}: {words}", member.0))
    })
}

/// **one-text**: a document shows the same wherever these members have it.
///
/// # Errors
/// [`Violation`] names two programs, and the document in which they differ.
pub fn one_text(world: &World, members: &[Member]) -> Result<(), Violation> {
    let Some((&first, others)) = members.split_first() else { return Ok(()) };
    for name in NAMES {
        let ours = text(world, first, name)?;
        for &other in others {
            let theirs = text(world, other, name)?;
            if ours != theirs {
                let (first, other) = (first.0, other.0);
                let detail =
                    format!("{name} is {ours:?} at program {first}, and {theirs:?} at program {other}");
                return Err(Violation::new("one-text", detail));
            }
        }
    }
    Ok(())
}

/// **letters** and **seeded**: each letter that was kept and that nobody deleted stands once in its document, wherever these
/// members have it, after all that was written; and so does a template that several put in.
///
/// # Errors
/// [`Violation`] names the program, the document and the letter.
pub fn letters(world: &World, members: &[Member], past: &[Past<'_>]) -> Result<(), Violation> {
    let templates = letters_of_templates();
    for name in NAMES {
        let mut written = Written::of(past, name);
        if let Some(&first) = members.first() {
            written.erase(&erased(world, first, name));
        }
        let due = written.due();
        for &member in members {
            let mut stands: BTreeMap<char, u64> = BTreeMap::new();
            text(world, member, name)?.chars().for_each(|letter| *stands.entry(letter).or_default() += 1);
            let all: BTreeSet<char> = stands.keys().chain(due.keys()).copied().collect();
            for letter in all {
                let count = stands.get(&letter).copied().unwrap_or(0);
                let (least, most) = due.get(&letter).copied().unwrap_or_default();
                if !(least..=most).contains(&count) {
                    let checker = if templates.contains(&letter) { "seeded" } else { "letters" };
                    let detail = format!(
                        "program {} shows {letter} {count} times in {name}, where {least} to {most} are due",
                        member.0
                    );
                    return Err(Violation::new(checker, detail));
                }
            }
        }
    }
    Ok(())
}

/// What records that a member holds erased in a document.
fn erased(world: &World, (index, room): Member, name: &str) -> Ranges {
    let records = world.node(index).room(room).records();
    let retractions = records.into_iter().flat_map(|records| records.retractions());
    let of_name = retractions.filter_map(|(_, by)| documents::erased(by).filter(|(other, _)| *other == name));
    of_name.flat_map(|(_, ranges)| ranges).collect()
}

/// **silenced**, in documents: each letter that shows is in an update that stands by what records say of its author.
///
/// # Errors
/// [`Violation`] names the program, the document and the letter.
pub fn silenced_letters(world: &World, members: &[Member], seeds: &Seeds) -> Result<(), Violation> {
    for &member in members {
        let room = world.node(member.0).room(member.1);
        let (Some(documents), Some(records)) = (documents(room), room.records()) else { continue };
        let law = Law::of(records);
        let standing = documents.batches().filter(|batch| seeds.let_stand(&law, batch));
        let standing: Vec<Said<'_>> = standing.filter_map(|batch| Said::read(batch.payload()).ok()).collect();
        for name in NAMES {
            let items = standing.iter().filter(|said| said.name == name).flat_map(|said| &said.update.items);
            let texts = items.filter_map(|item| match Piece::of(item).content {
                Says::Text(text) => Some(text.into_owned()),
                _ => None,
            });
            let due: BTreeSet<char> = texts.collect::<String>().chars().collect();
            if let Some(letter) = text(world, member, name)?.chars().find(|letter| !due.contains(letter)) {
                let detail =
                    format!("program {} shows {letter} in {name}, which nothing that stands says", member.0);
                return Err(Violation::new("silenced", detail));
            }
        }
    }
    Ok(())
}

/// What was written in one document.
#[derive(Default)]
struct Written {
    /// Letters by the items that they are, and whether they were kept.
    letters: BTreeMap<(Id, char), bool>,
    /// What somebody deleted, and what of that was kept.
    deleted: Ranges,
    deleted_for_sure: Ranges,
    /// The document as those have it who heard nothing but what was kept.
    kept: Option<Library>,
}

impl Written {
    fn of(past: &[Past<'_>], name: &str) -> Written {
        let mut written = Written { kept: Library::open(READER, None).ok(), ..Written::default() };
        let (mut deleted, mut for_sure) = (vec![], vec![]);
        for past in past {
            let said = past.written.payloads.iter().filter_map(|payload| Said::read(payload).ok());
            for said in said.filter(|said| said.name == name) {
                if let Some(kept) = written.kept.as_ref().filter(|_| past.is_kept) {
                    // An update that contradicts another one says something of the same items: those are there.
                    let _ = kept.apply(said.bytes);
                    for_sure.extend(said.update.deletions.iter().cloned());
                }
                deleted.extend(said.update.deletions.iter().cloned());
                for item in &said.update.items {
                    let Says::Text(text) = Piece::of(item).content else { continue };
                    for (clock, letter) in (item.id.clock..).zip(text.chars()) {
                        let is_kept = written.letters.entry((Id { clock, ..item.id }, letter)).or_default();
                        *is_kept |= past.is_kept;
                    }
                }
            }
        }
        written.deleted = deleted.into_iter().collect();
        written.deleted_for_sure = for_sure.into_iter().collect();
        written
    }

    /// A record erased these items.
    fn erase(&mut self, items: &Ranges) {
        for deleted in [&mut self.deleted, &mut self.deleted_for_sure] {
            *deleted = deleted.iter().chain(items.iter()).cloned().collect();
        }
    }

    /// How often each letter stands at least, and at most.
    fn due(&self) -> BTreeMap<char, (u64, u64)> {
        let mut due: BTreeMap<char, (u64, u64)> = BTreeMap::new();
        let is_in =
            |ranges: &Ranges, id: Id| ranges.within(id.client, &(id.clock..id.clock + 1)).next().is_some();
        for (&(id, letter), is_kept) in &self.letters {
            // What was written beside something that is lost waits for that.
            let has_all = self.kept.as_ref().is_some_and(|kept| id.clock < kept.end_of(id.client));
            let (least, most) = due.entry(letter).or_default();
            *least += u64::from(*is_kept && has_all && !is_in(&self.deleted, id));
            *most += u64::from(!is_in(&self.deleted_for_sure, id));
        }
        due
    }
}
