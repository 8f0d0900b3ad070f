//! yrs: a map for the counter, in which each client has a key that it raises, and one for the names.

use anyhow::{Context, Result};
use yrs::block::ClientID;
use yrs::updates::decoder::Decode as _;
use yrs::{Doc, Map as _, MapRef, Options, ReadTxn as _, StateVector, Transact as _, Update};

use super::{Act, text};
use crate::contestant::Contestant;

/// yrs.
pub struct Yrs;

/// The authors' numbers begin with this one: they are as long as those that Yjs draws, of 32 bits.
const CLIENTS: u64 = 0x9000_0000;

/// A document with two maps.
pub struct Open {
    document: Doc,
    /// The key of its client.
    me: String,
    counts: MapRef,
    names: MapRef,
}

impl Open {
    fn new(client: u64) -> Open {
        let document = Doc::with_options(Options { client_id: ClientID::new(client), ..Options::default() });
        let (counts, names) = (document.get_or_insert_map("likes"), document.get_or_insert_map("names"));
        Open { document, me: client.to_string(), counts, names }
    }
}

impl Contestant for Yrs {
    type Replica = Open;
    type Edit = Act;

    fn begin(&self, author: usize) -> Result<Open> {
        Ok(Open::new(CLIENTS + author as u64))
    }

    fn edit(&self, Open { document, me, counts, names }: &mut Open, act: &Act) -> Result<Vec<Vec<u8>>> {
        let mut writing = document.transact_mut();
        match act {
            Act::Count => {
                let before: i64 = counts.get_as(&writing, me).unwrap_or_default();
                counts.insert(&mut writing, me.as_str(), before + 1);
            }
            Act::Name(name, value) => {
                names.insert(&mut writing, name.as_str(), value.as_str());
            }
        }
        Ok(vec![writing.encode_update_v1()])
    }

    fn apply(&self, replica: &mut Open, update: &[u8]) -> Result<()> {
        let update = Update::decode_v1(update).context("yrs reads updates")?;
        replica.document.transact_mut().apply_update(update).context("yrs takes updates in")
    }

    fn text(&self, Open { document, counts, names, .. }: &Open) -> String {
        let reading = document.transact();
        let own = counts.keys(&reading).filter_map(|client| counts.get_as::<_, i64>(&reading, client).ok());
        let named = names.iter(&reading).map(|(name, value)| (name, value.to_string(&reading)));
        text(own.sum(), named)
    }

    fn keep(&self, replica: &mut Open) -> Result<Vec<Vec<u8>>> {
        Ok(vec![replica.document.transact().encode_state_as_update_v1(&StateVector::default())])
    }

    fn open(&self, kept: &[Vec<u8>]) -> Result<Open> {
        let mut open = Open::new(100);
        kept.iter().try_for_each(|update| self.apply(&mut open, update))?;
        Ok(open)
    }
}
