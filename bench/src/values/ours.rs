//! Ours: what a member of a room does with a counter and values, but for the network.
//!
//! Each step or value is a write in a table, said as a batch, signed, read by our reader and taken in. After as many
//! batches as a room waits for, its author folds.

use anyhow::Result;
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Kind, Table, payloads};
use meshwork_sync::{counter, values};

use super::{Act, text};
use crate::contestant::Contestant;
use crate::member::Member;
use crate::signatures::Signatures;

/// The name of the counter.
const COUNTER: &str = "likes";

/// Ours.
pub struct Ours(pub Signatures);

/// Where counters and values lie.
fn number() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).expect("the first app has a slot")
}

fn table() -> Table {
    Table::new(Kind::ByValue)
}

impl Contestant for Ours {
    type Replica = Member<Table>;
    type Edit = Act;

    fn begin(&self, author: usize) -> Result<Member<Table>> {
        Ok(Member::new(author, 0, number(), table()))
    }

    fn edit(&self, member: &mut Member<Table>, act: &Act) -> Result<Vec<Vec<u8>>> {
        let (table, me) = (&member.replica, member.me);
        let write = match act {
            Act::Count => counter::add(table, me, COUNTER, 1)?,
            Act::Name(name, value) => values::set(table, me.peer, name, Some(value.as_bytes())),
        };
        member.write(&self.0, &payloads(me.peer, &[write])?, |_| Ok(()))
    }

    fn apply(&self, member: &mut Member<Table>, update: &[u8]) -> Result<()> {
        member.hear(&self.0, update).map(drop)
    }

    fn text(&self, member: &Member<Table>) -> String {
        let table = &member.replica;
        let named = values::all_latest(table, "").into_iter().filter(|(_, entry)| values::is_value(entry));
        let value = |(name, entry): (_, &meshwork_core::table::Entry)| {
            (name, String::from_utf8_lossy(entry.value().unwrap_or_default()).into_owned())
        };
        text(counter::value(table, COUNTER), named.map(value))
    }

    fn keep(&self, member: &mut Member<Table>) -> Result<Vec<Vec<u8>>> {
        member.keep(&self.0, table)
    }

    fn open(&self, kept: &[Vec<u8>]) -> Result<Member<Table>> {
        let mut member = self.begin(100)?;
        kept.iter().try_for_each(|bytes| self.apply(&mut member, bytes))?;
        Ok(member)
    }
}
