//! The replica: the last choice of each peer, one vote a peer.

use std::collections::BTreeMap;

use meshwork_core::id::PeerId;
use meshwork_core::replica::{
    Again, Applied, Below, Changes, Content, ContentError, Digest, Enforced, Fold, Replica, Retraction,
};
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::signed::batch::{Header, SignedBatch};
use meshwork_core::table::{
    Change, Entry, Kind, Payload, Table, TableError, Write, Writer, Written, payloads,
};

/// The first byte of the parameters: their format.
const FORMAT: u8 = 1;
/// The row of all votes. A vote is a field of it that only its peer may write, with the number of a choice.
const ROW: &[u8] = b"vote";
/// Most choices: their names share the 256 bytes of parameters.
pub const CHOICES_MAX: usize = 100;

/// The votes of a room. A table keeps them; a ballot accepts no entry but a vote.
pub struct Ballot {
    choices: Vec<String>,
    votes: Table,
}

/// Makes the ballot of a room from its parameters.
pub fn make(_: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    let choices = choices(parameters)?;
    Some(Box::new(Ballot { choices, votes: Table::new(Kind::ByValue) }))
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

impl Ballot {
    /// The names of the choices.
    pub fn choices(&self) -> &[String] {
        &self.choices
    }

    /// The choice of each peer that voted.
    pub fn votes(&self) -> BTreeMap<PeerId, &str> {
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
    pub(crate) fn read_change<'a>(&'a self, change: &Change) -> Option<(PeerId, Option<&'a str>)> {
        let (Writer::Peer(peer), _) = change.field() else { return None };
        Some((peer, change.after.as_ref().and_then(|entry| self.choice(entry))))
    }

    fn choice(&self, entry: &Entry) -> Option<&str> {
        let number = *entry.value()?.first()?;
        self.choices.get(usize::from(number)).map(String::as_str)
    }

    /// Whether the entries of a payload are one vote.
    fn check_vote(&self, header: &Header, payload: &[u8]) -> Result<(), ContentError> {
        let read = Payload::read(header, payload).map_err(|error| ContentError(error.to_string()))?;
        let is_vote = match read.entries.as_slice() {
            [Written { field: (Writer::Peer(_), b""), value, .. }] if read.row == ROW => match value {
                None => true,
                Some([number]) => usize::from(*number) < self.choices.len(),
                Some(_) => false,
            },
            _ => false,
        };
        match is_vote {
            true => Ok(()),
            false => Err(ContentError(format!("not a vote for one of {} choices", self.choices.len()))),
        }
    }
}

impl Replica for Ballot {
    fn check(&self, header: &Header, payload: &[u8]) -> Result<Content, ContentError> {
        self.check_vote(header, payload)?;
        self.votes.check(header, payload)
    }

    fn digest(&self) -> Digest {
        self.votes.digest()
    }

    fn part_count(&self) -> u32 {
        self.votes.part_count()
    }

    fn node_digest(&self, node: u32, from: u64) -> Digest {
        self.votes.node_digest(node, from)
    }

    fn below(&self, node: u32, from: u64, most: usize) -> Vec<Below> {
        self.votes.below(node, from, most)
    }

    fn node_batches(&self, node: u32, from: u64) -> Vec<SignedBatch> {
        self.votes.node_batches(node, from)
    }

    fn batches(&self) -> Box<dyn Iterator<Item = &SignedBatch> + '_> {
        self.votes.batches()
    }

    fn batch_count(&self) -> usize {
        self.votes.batch_count()
    }

    fn outline(&self, payload: &[u8]) -> Option<(u32, usize)> {
        self.votes.outline(payload)
    }

    fn shows_past(&self) -> bool {
        self.votes.shows_past()
    }

    fn apply(&mut self, batch: SignedBatch, content: Content) -> Applied<Option<Changes>> {
        self.votes.apply(batch, content)
    }

    fn enforce(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: &mut dyn Iterator<Item = &SignedBatch>,
    ) -> Enforced<Option<Changes>> {
        self.votes.enforce(stands, retracted, beaten)
    }

    fn fold(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        self.votes.fold(part, peer)
    }

    fn said_in(&self, batches: &mut dyn Iterator<Item = &SignedBatch>) -> Content {
        self.votes.said_in(batches)
    }

    fn say_again(&self, said: &Content, how: Again) -> Vec<Fold> {
        self.votes.say_again(said, how)
    }
}
