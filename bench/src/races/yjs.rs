//! The other side of several races: a canvas as people build it on yrs, one map with a key `x,y` for each cell.

use anyhow::{Context, Result, ensure};
use meshwork_place::canvas::{Canvas, Colour};
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{Any, Doc, Map, MapRef, Options, Out, ReadTxn, StateVector, Transact, Update};

use super::paintings::Cell;

/// A document with the map of cells.
pub(crate) struct YrsCanvas {
    doc: Doc,
    cells: MapRef,
}

impl YrsCanvas {
    /// An empty document of the client with this number.
    pub(crate) fn new(client: u64) -> YrsCanvas {
        let doc = Doc::with_options(Options { client_id: ClientID::new(client), ..Options::default() });
        let cells = doc.get_or_insert_map("cells");
        YrsCanvas { doc, cells }
    }

    /// Paints cells in one transaction, and gives the update to be sent to others.
    pub(crate) fn paint(&self, cells: &[Cell]) -> Vec<u8> {
        let mut transaction = self.doc.transact_mut();
        for &(x, y, colour) in cells {
            self.cells.insert(&mut transaction, format!("{x},{y}"), colour.bits());
        }
        transaction.encode_update_v1()
    }

    /// Takes in what another painted.
    pub(crate) fn apply(&self, update: Update) -> Result<()> {
        self.doc.transact_mut().apply_update(update).context("yrs takes its own update")
    }

    /// The whole document as one update, as a newcomer gets it.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.doc.transact().encode_diff_v1(&StateVector::default())
    }

    /// Fails unless every cell shows the same as on `canvas`.
    pub(crate) fn shows_the_same_as(&self, canvas: &Canvas) -> Result<()> {
        let transaction = self.doc.transact();
        let count = self.cells.len(&transaction) as usize;
        ensure!(count == canvas.painted(), "yrs has {count} cells, the canvas has {}", canvas.painted());
        let size = canvas.size();
        for (x, y) in (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y))) {
            let theirs = match self.cells.get(&transaction, &format!("{x},{y}")) {
                Some(Out::Any(Any::Number(bits))) => {
                    bits.as_i64().and_then(|bits| Colour::from_bits(bits.try_into().ok()?))
                }
                _ => None,
            };
            ensure!(
                theirs == canvas.colour(x, y),
                "cell {x}, {y} differs: {theirs:?}, {:?}",
                canvas.colour(x, y)
            );
        }
        Ok(())
    }
}

/// Reads an update.
pub(crate) fn decode(bytes: &[u8]) -> Result<Update> {
    Update::decode_v1(bytes).context("yrs reads its own update")
}
