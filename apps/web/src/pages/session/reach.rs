//! Who has what one said last.

use std::collections::BTreeSet;

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_web::people::Row;

use super::set_if_new;

/// A stroke or a note of one's own, and who has it. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Reach {
    last: StoredValue<Option<Said>>,
    rows: RwSignal<Vec<Row>>,
    /// How many have it, and of how many.
    pub(crate) reached: RwSignal<Option<(usize, usize)>>,
}

#[derive(Clone, Debug)]
struct Said {
    sequence: u64,
    by: BTreeSet<Endpoint>,
}

impl Reach {
    pub(crate) fn new(rows: RwSignal<Vec<Row>>) -> Reach {
        Reach { last: StoredValue::new(None), rows, reached: RwSignal::new(None) }
    }

    /// Something else was said, in the batch of this number.
    pub(crate) fn begin(self, sequence: u64) {
        self.last.set_value(Some(Said { sequence, by: BTreeSet::new() }));
        self.count();
    }

    /// Somebody has batches of one's own.
    pub(crate) fn hear(self, by: Endpoint, sequences: &[u64]) {
        self.last.update_value(|last| {
            if let Some(last) = last.as_mut().filter(|last| sequences.contains(&last.sequence)) {
                last.by.insert(by);
            }
        });
        self.count();
    }

    /// Counts again, of those who are here now.
    pub(crate) fn count(self) {
        let stays = |row: &&Row| row.is_linked() && row.stays;
        let total = self.rows.with_untracked(|rows| rows.iter().filter(stays).count());
        let reached = self.last.with_value(|last| last.as_ref().map(|last| last.by.len()));
        set_if_new(self.reached, reached.map(|reached| (reached, total.max(reached))));
    }
}
