//! A member of a room without the room: who signs, and one replica, written and folded as a room does it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, PeerId};
use meshwork_core::replica::{Changes, Replica, ReplicaNumber};
use meshwork_core::room::writing::FOLD_LEAST;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};

use crate::signatures::Signatures;

/// When writing begins: the first day of 2024, in milliseconds since 1970.
const BEGIN_MILLIS: u64 = 1_704_067_200_000;
/// Most authors of one race.
const AUTHORS_MAX: usize = 16;
/// Sessions of one person have instances so far apart.
const SESSION: u64 = 1000;

/// A member of the room.
pub struct Member<R> {
    identity: Identity,
    /// Who it is.
    pub me: Endpoint,
    /// Its replica.
    pub replica: R,
    number: ReplicaNumber,
    clock: u64,
    sequence: u64,
    /// By part: own batches since the last fold, and after how many the next one is due.
    unfolded: BTreeMap<u32, (usize, usize)>,
}

impl<R: Replica> Member<R> {
    /// A session of the author with this number, counted from 0.
    pub fn new(author: usize, session: u64, number: ReplicaNumber, replica: R) -> Member<R> {
        let identity = Identity::from_secret([author as u8 + 1; 32]);
        let instance = Instance(session * SESSION + author as u64);
        let me = Endpoint { peer: identity.peer(), instance };
        Member { identity, me, replica, number, clock: 0, sequence: 0, unfolded: BTreeMap::new() }
    }

    /// Writes payloads, and what folds are due after them. Returns the batches; `changed` hears what each changes.
    ///
    /// # Errors
    /// The replica takes one for wrong, or `changed` fails.
    pub fn write(
        &mut self,
        signatures: &Signatures,
        payloads: &[Vec<u8>],
        mut changed: impl FnMut(Option<Changes>) -> Result<()>,
    ) -> Result<Vec<Vec<u8>>> {
        let mut sent = Vec::new();
        for payload in payloads {
            sent.push(self.say(signatures, payload, None, &mut changed)?);
        }
        for payload in payloads {
            let Some((part, _)) = self.replica.outline(payload) else { continue };
            let (batches, due) = self.unfolded.entry(part).or_insert((0, FOLD_LEAST));
            *batches += 1;
            if batches >= due {
                sent.extend(self.fold(signatures, part, &mut changed)?);
            }
        }
        Ok(sent)
    }

    /// Takes a batch in. Returns what it changes.
    ///
    /// # Errors
    /// It is none.
    pub fn hear(&mut self, signatures: &Signatures, bytes: &[u8]) -> Result<Option<Changes>> {
        let batch = signatures.verify(bytes)?;
        let content = self.replica.check(&batch.header(), batch.payload())?;
        self.clock += 1;
        Ok(self.replica.apply(batch, content).changed)
    }

    /// What is left after the next session of each author folded, until there is nothing to fold. `make` makes a
    /// replica in which nobody has written.
    ///
    /// # Errors
    /// Somebody wrote who is no author.
    pub fn keep(&self, signatures: &Signatures, make: impl Fn() -> R) -> Result<Vec<Vec<u8>>> {
        let mut batches: Vec<SignedBatch> = self.replica.batches().cloned().collect();
        let authors: BTreeSet<PeerId> = batches.iter().map(|batch| batch.peer()).collect();
        let outline = |batch: &SignedBatch| Some(self.replica.outline(batch.payload())?.0);
        let parts: BTreeSet<u32> = batches.iter().filter_map(outline).collect();
        let session = |author| Member::new(author, 1, self.number, make());
        // Not everybody has to have written yet.
        let mut sessions: Vec<Member<R>> = (0..AUTHORS_MAX).map(session).collect();
        sessions.retain(|session| authors.contains(&session.me.peer));
        ensure!(sessions.len() == authors.len(), "somebody wrote who is no author");
        let mut clock = self.clock;
        for mut session in sessions {
            session.clock = clock;
            for batch in batches {
                let content = session.replica.check(&batch.header(), batch.payload())?;
                session.replica.apply(batch, content);
            }
            for part in &parts {
                while session.fold(signatures, *part, &mut |_| Ok(()))?.is_some() {}
            }
            clock = session.clock;
            batches = session.replica.batches().cloned().collect();
        }
        Ok(batches.iter().map(|batch| batch.bytes().to_vec()).collect())
    }

    fn say(
        &mut self,
        signatures: &Signatures,
        payload: &[u8],
        least: Option<Stamp>,
        changed: &mut impl FnMut(Option<Changes>) -> Result<()>,
    ) -> Result<Vec<u8>> {
        self.clock += 1;
        self.sequence += 1;
        let most = Stamp::new(BEGIN_MILLIS + self.clock, 0).context("a day of this century is a stamp")?;
        let window = StampWindow { least: least.unwrap_or(most), most };
        let header = Header { replica: self.number, ..Header::new(self.me, self.sequence, window, 0) };
        let content = self.replica.check(&header, payload)?;
        let header = Header { cost: content.cost as u32, ..header };
        let batch = signatures.sign(&self.identity, &header, payload)?;
        let bytes = batch.bytes().to_vec();
        changed(self.replica.apply(batch, content).changed)?;
        Ok(bytes)
    }

    /// Folds what this one wrote in a part, where that is worth it.
    fn fold(
        &mut self,
        signatures: &Signatures,
        part: u32,
        changed: &mut impl FnMut(Option<Changes>) -> Result<()>,
    ) -> Result<Option<Vec<u8>>> {
        let folded = self.replica.fold(part, self.me.peer);
        let cost = folded.as_ref().map_or(0, |(fold, _)| fold.cost);
        self.unfolded.insert(part, (0, FOLD_LEAST.max(cost / 8)));
        let say = |(fold, _): (meshwork_core::replica::Fold, _)| {
            self.say(signatures, &fold.payload, Some(fold.least), changed)
        };
        folded.map(say).transpose()
    }
}
