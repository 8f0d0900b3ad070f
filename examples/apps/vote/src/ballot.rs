//! The votes: a table with one rule, and how it is read.

use std::collections::BTreeMap;

use meshwork_core::id::PeerId;
use meshwork_core::replica::Replica;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::table::{Attempt, Change, Entry, RuledTable, Table, TableError, Write, Writer, payloads};

/// The first byte of the parameters: their format.
const FORMAT: u8 = 1;
/// The row of all votes. A vote is a field of it that only its peer may write, with the number of a choice.
const ROW: &[u8] = b"vote";
/// Most choices: their names share the 256 bytes of parameters.
pub const CHOICES_MAX: usize = 100;

/// The replica: a table that accepts votes alone.
pub type Votes = RuledTable<Choices>;

/// The names of the choices.
#[derive(Clone, Debug)]
pub struct Choices(Vec<String>);

/// The votes of a room, as they are read.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    choices: &'a [String],
    votes: &'a Table,
}

/// Makes the votes of a room from its parameters.
pub fn make(_: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    Some(Box::new(Votes::new(Choices(choices(parameters)?), is_vote)))
}

/// The rule: an entry is the vote of its peer for one of the choices, or none.
fn is_vote(Choices(choices): &Choices, attempt: &Attempt<'_>) -> bool {
    let is_place = attempt.row == ROW && matches!(attempt.field, (Writer::Peer(_), b""));
    is_place
        && attempt.value.is_none_or(|value| matches!(value, [number] if usize::from(*number) < choices.len()))
}

/// The parameters of a vote between these choices: a byte for the format, and their names in lines.
pub fn parameters(choices: &[&str]) -> Vec<u8> {
    [&[FORMAT], choices.join("\n").as_bytes()].concat()
}

/// The choices in parameters; `None` if they are no parameters of a vote.
pub(crate) fn choices(parameters: &[u8]) -> Option<Vec<String>> {
    let (&FORMAT, names) = parameters.split_first()? else { return None };
    let names: Vec<String> = str::from_utf8(names).ok()?.split('\n').map(str::to_owned).collect();
    let is_valid = (2..=CHOICES_MAX).contains(&names.len())
        && names.iter().enumerate().all(|(at, name)| !name.is_empty() && !names[..at].contains(name));
    is_valid.then_some(names)
}

impl<'a> Ballot<'a> {
    /// Reads these votes.
    pub fn of(votes: &'a Votes) -> Ballot<'a> {
        Ballot { choices: &votes.parameters().0, votes: votes.table() }
    }

    /// The names of the choices.
    pub fn choices(&self) -> &'a [String] {
        self.choices
    }

    /// The choice of each peer that voted.
    pub fn votes(&self) -> BTreeMap<PeerId, &'a str> {
        let vote = |entry: &Entry| Some((entry.author(), self.choice(entry)?));
        self.votes.row(ROW).filter_map(vote).collect()
    }

    /// The votes for each choice, those without a vote included.
    pub fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally: BTreeMap<String, usize> =
            self.choices.iter().map(|choice| (choice.clone(), 0)).collect();
        for choice in self.votes().into_values() {
            *tally.entry(choice.to_owned()).or_default() += 1;
        }
        tally
    }

    /// The payload of a vote for a choice by its name, and of none for `None`. Returns nothing for an unknown choice.
    pub fn payload(&self, peer: PeerId, choice: Option<&str>) -> Option<Result<Vec<Vec<u8>>, TableError>> {
        let field = Writer::Peer(peer).field(b"");
        let write = match choice {
            None => Write::removal(ROW, field),
            Some(choice) => {
                let number = self.choices.iter().position(|known| known == choice)?;
                Write::value(ROW, field, [u8::try_from(number).ok()?])
            }
        };
        Some(payloads(peer, &[write]))
    }

    /// The peer and the choice that a change is about; `None` for a vote that no longer counts.
    pub(crate) fn read_change(&self, change: &Change) -> Option<(PeerId, Option<&'a str>)> {
        let (Writer::Peer(peer), _) = change.field() else { return None };
        Some((peer, change.after.as_ref().and_then(|entry| self.choice(entry))))
    }

    fn choice(&self, entry: &Entry) -> Option<&'a str> {
        let number = *entry.value()?.first()?;
        self.choices.get(usize::from(number)).map(String::as_str)
    }
}
