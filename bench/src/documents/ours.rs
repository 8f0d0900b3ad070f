//! Ours: what a member of a room does with a document, but for the network.
//!
//! Each transaction is made in a document of yrs, said as a batch, signed, read by our reader, taken in by the replica
//! and, as others' are, handed to yrs. After as many batches as a room waits for, its author folds.

use anyhow::{Result, bail};
use meshwork_core::id::RoomId;
use meshwork_core::replica::{Changes, ReplicaNumber};
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::header::Family;
use meshwork_sync::document::{Change, Documents, client_of, payloads};

use super::trace::Patch;
use super::yrs::Open;
use crate::contestant::Contestant;
use crate::member::Member;
use crate::signatures::Signatures;

/// The room that everything is signed for where no real one is needed.
pub const ROOM: RoomId = RoomId([9; 32]);
/// The name of the document.
pub const NAME: &str = "notes";

/// Ours.
pub struct Ours(pub Signatures);

/// A member, and the document as its program has it.
pub struct Writer {
    member: Member<Documents>,
    open: Open,
}

/// Where documents lie.
pub fn number() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::Own).expect("the first app has a slot")
}

fn show(open: &Open, changed: Option<Changes>) -> Result<()> {
    for change in changed.iter().flat_map(|changes| changes.of::<Change>()) {
        match change {
            Change::Said { update, .. } => open.apply(update)?,
            Change::Anew { .. } => bail!("nobody contradicts"),
        }
    }
    Ok(())
}

impl Contestant for Ours {
    type Replica = Writer;

    fn begin(&self, author: usize) -> Result<Writer> {
        let member = Member::new(author, 0, number(), Documents::new());
        let open = Open::new(client_of(member.me));
        Ok(Writer { member, open })
    }

    fn edit(&self, Writer { member, open }: &mut Writer, patches: &[Patch]) -> Result<Vec<Vec<u8>>> {
        let payloads = payloads(NAME, &[], &open.edit(patches))?;
        member.write(&self.0, &payloads, |changed| show(open, changed))
    }

    fn apply(&self, Writer { member, open }: &mut Writer, update: &[u8]) -> Result<()> {
        show(open, member.hear(&self.0, update)?)
    }

    fn text(&self, writer: &Writer) -> String {
        writer.open.text()
    }

    fn keep(&self, writer: &mut Writer) -> Result<Vec<Vec<u8>>> {
        writer.member.keep(&self.0, Documents::new)
    }

    /// As a program does: all batches into the replica, then what stands into an empty document.
    fn open(&self, kept: &[Vec<u8>]) -> Result<Writer> {
        let mut writer = self.begin(100)?;
        for bytes in kept {
            writer.member.hear(&self.0, bytes)?;
        }
        let whole = writer.member.replica.whole(NAME);
        whole.iter().try_for_each(|whole| writer.open.apply(whole))?;
        Ok(writer)
    }
}
