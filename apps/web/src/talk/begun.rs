//! What is begun in a conversation beside its text: the answered post and the files. It stays with the conversation.

use std::collections::BTreeMap;

use meshwork_chat::{FILES_MAX, File, PostId};
use meshwork_core::id::PeerId;

use crate::texts::talk;

/// A post that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The post.
    pub id: PostId,
    /// Its author.
    pub author: PeerId,
    /// Its first words.
    pub excerpt: String,
}

/// A file of the next post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Tells it from other files of the page.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The file, once its bytes are read.
    pub file: Option<File>,
}

/// What is begun in one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// The post that the next one answers.
    pub answered: Option<Answered>,
    /// The files of the next post, in the order in which they were chosen.
    pub files: Vec<Chosen>,
    /// Why a file is not among them.
    pub problem: Option<String>,
}

impl Begun {
    /// Adds a file whose bytes are not read yet. Returns whether there is room for it.
    pub fn choose(&mut self, number: u64, name: &str, size: u64) -> bool {
        let has_room = self.files.len() < FILES_MAX;
        if has_room {
            self.files.push(Chosen { number, name: name.to_owned(), size, file: None });
            self.problem = None;
        } else {
            self.problem = Some(talk::files_too_many(FILES_MAX));
        }
        has_room
    }

    /// The bytes of a chosen file are read, or in words, why not. A file that was removed meanwhile stays away.
    fn arrive(&mut self, number: u64, read: Result<File, String>) {
        let Some(place) = self.files.iter().position(|chosen| chosen.number == number) else { return };
        match read {
            Ok(file) => self.files[place].file = Some(file),
            Err(words) => {
                self.files.remove(place);
                self.problem = Some(words);
            }
        }
    }

    /// Removes a file.
    pub fn remove(&mut self, number: u64) {
        self.files.retain(|chosen| chosen.number != number);
    }

    /// The files of the next post; `None` while the bytes of one are not read.
    pub fn ready(&self) -> Option<Vec<File>> {
        self.files.iter().map(|chosen| chosen.file.clone()).collect()
    }
}

/// What is begun in the conversations of a room: its own, and those with one person each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllBegun(BTreeMap<Option<PeerId>, Begun>);

impl AllBegun {
    /// What is begun in a conversation.
    pub fn of(&self, whom: Option<PeerId>) -> Option<&Begun> {
        self.0.get(&whom)
    }

    /// Changes what is begun in a conversation.
    pub fn change<R>(&mut self, whom: Option<PeerId>, change: impl FnOnce(&mut Begun) -> R) -> R {
        let begun = self.0.entry(whom).or_default();
        let outcome = change(begun);
        if *begun == Begun::default() {
            self.0.remove(&whom);
        }
        outcome
    }

    /// The bytes of a file are read, or in words, why not: in the conversation for which it was chosen.
    pub fn arrive(&mut self, number: u64, read: Result<File, String>) {
        let mut begun =
            self.0.iter().filter(|(_, begun)| begun.files.iter().any(|file| file.number == number));
        if let Some(whom) = begun.next().map(|(whom, _)| *whom) {
            self.change(whom, |begun| begun.arrive(number, read));
        }
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::blobs::BlobId;

    use super::*;

    fn file(number: u64) -> File {
        let name = number.to_string();
        File { blob: BlobId([1; 32]), size: number, name, kind: String::new(), width: 0, height: 0 }
    }

    fn names(begun: &Begun) -> Option<Vec<String>> {
        Some(begun.ready()?.into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn files_stay_in_their_conversation_in_order() {
        let (room, lin) = (None, Some(PeerId([1; 32])));
        let mut all = AllBegun::default();
        for number in 0..3 {
            assert!(all.change(room, |begun| begun.choose(number, "a", 9)));
        }
        let answered = Answered { id: PostId([7; 14]), author: PeerId([2; 32]), excerpt: "When?".into() };
        all.change(room, |begun| begun.answered = Some(answered.clone()));
        // The last is read first, while the conversation with Lin is shown.
        all.arrive(2, Ok(file(2)));
        assert_eq!(all.of(lin), None);
        all.arrive(1, Ok(file(1)));
        assert_eq!(names(all.of(room).unwrap()), None, "one is not read");
        all.arrive(0, Ok(file(0)));
        let begun = all.of(room).unwrap();
        assert_eq!(names(begun), Some(vec!["0".to_owned(), "1".to_owned(), "2".to_owned()]));
        assert_eq!(begun.answered, Some(answered));
        all.change(room, |begun| *begun = Begun::default());
        assert_eq!(all, AllBegun::default());
    }

    #[test]
    fn unread_and_surplus_files_are_told() {
        let mut all = AllBegun::default();
        all.change(None, |begun| {
            (0..FILES_MAX as u64).for_each(|number| assert!(begun.choose(number, "a", 9)));
            assert!(!begun.choose(99, "a", 9));
            assert_eq!(begun.problem, Some("A post has at most 10 files.".to_owned()));
            begun.remove(3);
            assert!(begun.choose(10, "a", 9) && begun.problem.is_none());
        });
        all.arrive(3, Ok(file(3)));
        all.arrive(4, Err("No.".to_owned()));
        let begun = all.of(None).unwrap();
        let numbers: Vec<u64> = begun.files.iter().map(|chosen| chosen.number).collect();
        assert_eq!((numbers, begun.problem.as_deref()), (vec![0, 1, 2, 5, 6, 7, 8, 9, 10], Some("No.")));
    }
}
