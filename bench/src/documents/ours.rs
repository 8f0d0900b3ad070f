//! Ours: what a member of a room does with a document, but for the network.
//!
//! Each transaction is made in a document of yrs, said as a batch, signed, read by our reader, taken in by the replica
//! and, as others' are, handed to yrs. After as many batches as a room waits for, its author folds.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, Result, ensure};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::replica::{Applied, Changes, Content, Replica as _, ReplicaNumber};
use meshwork_core::room::writing::FOLD_LEAST;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow, UnverifiedBatch};
use meshwork_core::signed::header::Family;
use meshwork_sync::document::{Change, Documents, client_of, payloads};

use super::Contestant;
use super::trace::Patch;
use super::yrs::Open;

/// The room that everything is signed for.
const ROOM: RoomId = RoomId([9; 32]);
/// The name of the document.
const NAME: &str = "notes";
/// When writing begins: the first day of 2024, in milliseconds since 1970.
const BEGIN_MILLIS: u64 = 1_704_067_200_000;
/// Most agents of a trace.
const AGENTS_MAX: usize = 8;
/// Sessions of one person have instances so far apart.
const SESSION: u64 = 1000;

/// Ours.
pub struct Ours {
    /// Signatures that were made or checked once and are taken for granted, where their time is not to be measured.
    granted: Option<RefCell<HashMap<(Endpoint, u64), SignedBatch>>>,
}

impl Ours {
    /// Ours as it is.
    pub fn signed() -> Ours {
        Ours { granted: None }
    }

    /// Without the time that signatures take, from the second replay of a trace on.
    pub fn unsigned() -> Ours {
        Ours { granted: Some(RefCell::default()) }
    }

    /// Signs a batch, or finds the one with this signature. Its id is worked out in any case.
    fn sign(&self, identity: &Identity, header: &Header, payload: &[u8]) -> Result<SignedBatch> {
        let Some(granted) = &self.granted else {
            return Ok(SignedBatch::sign(identity, &ROOM, header, payload)?);
        };
        let mut granted = granted.borrow_mut();
        let key = (header.author, header.sequence);
        if let Some(batch) = granted.get(&key) {
            let again = UnverifiedBatch::decode(&ROOM, batch.bytes())?;
            ensure!(again.payload() == payload && again.header() == *header, "it is written again as it was");
            return Ok(batch.clone());
        }
        let batch = SignedBatch::sign(identity, &ROOM, header, payload)?;
        granted.insert(key, batch.clone());
        Ok(batch)
    }

    fn verify(&self, bytes: &[u8]) -> Result<SignedBatch> {
        let batch = UnverifiedBatch::decode(&ROOM, bytes)?;
        let Some(granted) = &self.granted else { return Ok(batch.verify()?) };
        let mut granted = granted.borrow_mut();
        let key = (batch.header().author, batch.header().sequence);
        if let Some(known) = granted.get(&key) {
            ensure!(known.id() == batch.id(), "it is what was signed");
            return Ok(known.clone());
        }
        let batch = batch.verify()?;
        granted.insert(key, batch.clone());
        Ok(batch)
    }

    /// Writes a payload, and takes it in.
    fn say(&self, member: &mut Member, payload: &[u8], least: Option<Stamp>) -> Result<Vec<u8>> {
        member.clock += 1;
        member.sequence += 1;
        let most = Stamp::new(BEGIN_MILLIS + member.clock, 0).context("a day of this century is a stamp")?;
        let window = StampWindow { least: least.unwrap_or(most), most };
        let replica = ReplicaNumber::new(GENESIS_SLOT, Family::Own).context("the first app has a slot")?;
        let header = Header { replica, ..Header::new(member.me, member.sequence, window, 0) };
        let content = member.documents.check(&header, payload)?;
        let header = Header { cost: content.cost as u32, ..header };
        let batch = self.sign(&member.identity, &header, payload)?;
        let bytes = batch.bytes().to_vec();
        member.take(batch, content)?;
        Ok(bytes)
    }

    /// Folds what a member wrote, where that is worth it.
    fn fold(&self, member: &mut Member, part: u32) -> Result<Option<Vec<u8>>> {
        let folded = member.documents.fold(part, member.me.peer);
        let cost = folded.as_ref().map_or(0, |(fold, _)| fold.cost);
        member.unfolded = (0, FOLD_LEAST.max(cost / 8));
        folded.map(|(fold, _)| self.say(member, &fold.payload, Some(fold.least))).transpose()
    }
}

/// A member of the room.
pub struct Member {
    identity: Identity,
    me: Endpoint,
    documents: Documents,
    /// The document as its program has it.
    open: Open,
    clock: u64,
    sequence: u64,
    /// Own batches since the last fold, and after how many the next one is due.
    unfolded: (usize, usize),
}

impl Member {
    fn new(agent: usize, session: u64) -> Member {
        let identity = Identity::from_secret([agent as u8 + 1; 32]);
        let instance = Instance(session * SESSION + agent as u64);
        let me = Endpoint { peer: identity.peer(), instance };
        let open = Open::new(client_of(me));
        let documents = Documents::new();
        Member { identity, me, documents, open, clock: 0, sequence: 0, unfolded: (0, FOLD_LEAST) }
    }

    /// Takes a batch into the replica, and what changed into what is open.
    fn take(&mut self, batch: SignedBatch, content: Content) -> Result<()> {
        let Applied { changed, .. } = self.documents.apply(batch, content);
        self.show(changed)
    }

    fn show(&mut self, changed: Option<Changes>) -> Result<()> {
        for change in changed.iter().flat_map(|changes| changes.of::<Change>()) {
            match change {
                Change::Said { update, .. } => self.open.apply(update)?,
                Change::Anew { .. } => anyhow::bail!("nobody contradicts"),
            }
        }
        Ok(())
    }
}

impl Contestant for Ours {
    type Replica = Member;

    fn begin(&self, agent: usize) -> Result<Member> {
        Ok(Member::new(agent, 0))
    }

    fn edit(&self, member: &mut Member, patches: &[Patch]) -> Result<Vec<Vec<u8>>> {
        let update = member.open.edit(patches);
        let mut sent = Vec::new();
        let payloads = payloads(NAME, &[], &update)?;
        for payload in &payloads {
            sent.push(self.say(member, payload, None)?);
        }
        for payload in &payloads {
            let outline = member.documents.outline(payload);
            member.unfolded.0 += 1;
            if let Some((part, _)) = outline
                && member.unfolded.0 >= member.unfolded.1
            {
                sent.extend(self.fold(member, part)?);
            }
        }
        Ok(sent)
    }

    fn apply(&self, member: &mut Member, update: &[u8]) -> Result<()> {
        let batch = self.verify(update)?;
        let content = member.documents.check(&batch.header(), batch.payload())?;
        member.clock += 1;
        member.take(batch, content)
    }

    fn text(&self, member: &Member) -> String {
        member.open.text()
    }

    /// What is left after the next session of each author folded, until there is nothing to fold.
    fn keep(&self, member: &mut Member) -> Result<Vec<Vec<u8>>> {
        let mut batches: Vec<SignedBatch> = member.documents.batches().cloned().collect();
        let authors: BTreeSet<_> = batches.iter().map(|batch| batch.peer()).collect();
        let number = member.documents.outline(batches[0].payload()).map_or(0, |(part, _)| part);
        // In a part of a history not every agent has written yet.
        let mut sessions: Vec<Member> = (0..AGENTS_MAX).map(|agent| Member::new(agent, 1)).collect();
        sessions.retain(|session| authors.contains(&session.me.peer));
        ensure!(sessions.len() == authors.len(), "somebody wrote who is no agent");
        for mut session in sessions {
            session.clock = member.clock;
            for batch in batches {
                let content = session.documents.check(&batch.header(), batch.payload())?;
                session.documents.apply(batch, content);
            }
            while self.fold(&mut session, number)?.is_some() {}
            member.clock = session.clock;
            batches = session.documents.batches().cloned().collect();
        }
        Ok(batches.iter().map(|batch| batch.bytes().to_vec()).collect())
    }

    /// As a program does: all batches into the replica, then what stands into an empty document.
    fn open(&self, kept: &[Vec<u8>]) -> Result<Member> {
        let mut member = Member::new(100, 0);
        for bytes in kept {
            let batch = self.verify(bytes)?;
            let content = member.documents.check(&batch.header(), batch.payload())?;
            member.documents.apply(batch, content);
        }
        let whole = member.documents.whole(NAME);
        whole.iter().try_for_each(|whole| member.open.apply(whole))?;
        Ok(member)
    }
}
