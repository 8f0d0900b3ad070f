//! A person of a room, by key or by name.

use std::collections::{BTreeMap, BTreeSet};

use meshwork::{PeerId, Room};

use crate::exit::Failure;

/// The fewest letters of a key that name a person.
const KEY_LETTERS_MIN: usize = 4;
/// Candidates that a message lists.
const LISTED_MAX: usize = 20;

/// The people known in a room, with the names that they give themselves there.
pub(super) struct People(BTreeMap<PeerId, BTreeSet<String>>);

impl People {
    /// Members met by this program, people with a profile, and people with whom it exchanged direct posts.
    pub(super) async fn of(room: &Room) -> Result<People, Failure> {
        let mut people: BTreeMap<PeerId, BTreeSet<String>> = BTreeMap::new();
        for member in room.reach().await?.tried {
            people.entry(member.peer()).or_default().insert(member.name().trim().to_owned());
        }
        for (peer, profile) in room.chat().profiles().await? {
            people.entry(peer).or_default().insert(profile.name);
        }
        for person in room.chat().people().await? {
            people.entry(person.peer).or_default();
        }
        people.remove(&room.me().peer);
        people.values_mut().for_each(|names| names.retain(|name| !name.is_empty()));
        Ok(People(people))
    }

    /// The person of this key, of this beginning of a key, or of this name.
    ///
    /// # Errors
    /// [`Failure::Usage`] lists the candidates.
    pub(super) fn find(&self, text: &str) -> Result<PeerId, Failure> {
        let text = text.trim();
        if let Ok(peer) = text.parse() {
            return Ok(peer);
        }
        let lower = text.to_lowercase();
        let has_name =
            |(_, names): &(&PeerId, &BTreeSet<String>)| names.iter().any(|name| name.to_lowercase() == lower);
        let mut found: Vec<PeerId> = self.0.iter().filter(has_name).map(|(peer, _)| *peer).collect();
        if found.is_empty() && text.len() >= KEY_LETTERS_MIN {
            found = self.0.keys().copied().filter(|peer| peer.to_string().starts_with(text)).collect();
        }
        match &*found {
            [peer] => Ok(*peer),
            [] if self.0.is_empty() => Err(Failure::Usage(format!(
                "Nobody known in this room is called {text:?}. Give the person's key."
            ))),
            [] => Err(Failure::Usage(format!(
                "Nobody known in this room is called {text:?}. Give the person's key, or one of these:\n{}",
                self.list(self.0.keys())
            ))),
            several => Err(Failure::Usage(format!(
                "{text:?} are several people. Give the key of one of them:\n{}",
                self.list(several.iter())
            ))),
        }
    }

    /// Splits a line into the person of the longest name that it begins with, and the rest.
    ///
    /// # Errors
    /// As [`People::find`], for its first word.
    pub(super) fn split<'a>(&self, line: &'a str) -> Result<(PeerId, &'a str), Failure> {
        let ends = line.char_indices().filter(|(_, letter)| letter.is_whitespace()).map(|(end, _)| end);
        let ends: Vec<usize> = ends.chain([line.len()]).collect();
        let named = |end: &usize| Some((self.find(&line[..*end]).ok()?, line[*end..].trim_start()));
        if let Some(found) = ends.iter().rev().find_map(named) {
            return Ok(found);
        }
        self.find(&line[..ends[0]]).map(|peer| (peer, line[ends[0]..].trim_start()))
    }

    /// A person in words: name and key.
    pub(super) fn words(&self, peer: PeerId) -> String {
        let names: Vec<&str> = self.0.get(&peer).into_iter().flatten().map(String::as_str).collect();
        if names.is_empty() { peer.to_string() } else { format!("{} ({peer})", names.join(", ")) }
    }

    fn list<'a>(&self, peers: impl Iterator<Item = &'a PeerId>) -> String {
        let lines: Vec<String> =
            peers.take(LISTED_MAX).map(|peer| format!("  {}", self.words(*peer))).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(known: &[(u8, &[&str])]) -> People {
        let person = |(number, names): &(u8, &[&str])| {
            (PeerId([*number; 32]), names.iter().map(|name| String::from(*name)).collect())
        };
        People(known.iter().map(person).collect())
    }

    #[test]
    fn people_are_found_by_name_and_key() {
        let people =
            people(&[(1, &["Ann"]), (2, &["Ann B.", "Annie"]), (3, &["Bo"]), (4, &["bo"]), (5, &[])]);
        let key = PeerId([9; 32]);
        assert_eq!(people.find(&key.to_string()).expect("a key"), key);
        assert_eq!(people.find("annie").expect("a name"), PeerId([2; 32]));
        assert_eq!(people.find("BQUF").expect("the beginning of a key"), PeerId([5; 32]));
        let several = people.find("Bo").expect_err("two of this name").to_string();
        assert!(several.contains("Bo (AwMD") && several.contains("bo (BAQE"), "{several}");
        let nobody = people.find("Cy").expect_err("nobody of this name").to_string();
        assert!(nobody.contains("Ann (AQEB") && nobody.contains("BQUF"), "{nobody}");
    }

    #[test]
    fn lines_begin_with_the_longest_name() {
        let people = people(&[(1, &["Ann"]), (2, &["Ann B."])]);
        assert_eq!(people.split("Ann B. is here").expect("a name"), (PeerId([2; 32]), "is here"));
        assert_eq!(people.split("ann Bo is here").expect("a name"), (PeerId([1; 32]), "Bo is here"));
        assert!(people.split("Bo is here").is_err() && people.split("").is_err());
    }
}
