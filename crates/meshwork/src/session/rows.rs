//! The rows that a session receives.

use std::collections::BTreeSet;

use meshwork_core::table::{Change, Entry, Field, Table, Writer};

use crate::inbox::Inbox;
use crate::shared::Changed;

/// The fields that a session knows, so that it learns which are gone if its task missed changes.
pub(super) struct Rows {
    prefixes: &'static [&'static [u8]],
    pub(super) changes: Inbox<Changed>,
    known: BTreeSet<Place>,
}

/// A row and a field of it.
type Place = (Vec<u8>, Writer, Vec<u8>);

/// A field that has another value.
pub(super) struct RowChange {
    place: Place,
    pub(super) entry: Option<Entry>,
}

impl RowChange {
    fn of(row: &[u8], (writer, name): Field<'_>, entry: Option<Entry>) -> RowChange {
        RowChange { place: (row.to_vec(), writer, name.to_vec()), entry }
    }

    pub(super) fn row(&self) -> &[u8] {
        &self.place.0
    }

    pub(super) fn field(&self) -> Field<'_> {
        (self.place.1, &self.place.2)
    }
}

impl Rows {
    pub(super) fn new(prefixes: &'static [&'static [u8]], changes: Inbox<Changed>) -> Rows {
        Rows { prefixes, changes, known: BTreeSet::new() }
    }

    /// The changes that concern the session.
    pub(super) fn of(&mut self, changed: &Changed) -> Vec<RowChange> {
        let changes: &[Change] = changed.changes.of();
        let is_wanted =
            |change: &&Change| self.prefixes.iter().any(|prefix| change.row().starts_with(prefix));
        let changes = changes.iter().filter(is_wanted);
        let changes: Vec<RowChange> =
            changes.map(|change| RowChange::of(change.row(), change.field(), change.after.clone())).collect();
        for change in &changes {
            self.note(change);
        }
        changes
    }

    /// The entries of a table that concern a session.
    pub(super) fn in_table(prefixes: &'static [&'static [u8]], table: &Table) -> Vec<Entry> {
        prefixes.iter().flat_map(|prefix| table.entries(prefix)).cloned().collect()
    }

    /// All fields that have a value now, and those that have none any more.
    pub(super) fn whole(&mut self, entries: Vec<Entry>) -> Vec<RowChange> {
        let mut gone = std::mem::take(&mut self.known);
        let mut changes = Vec::new();
        for entry in entries {
            let change = RowChange::of(entry.row(), entry.field(), Some(entry.clone()));
            gone.remove(&change.place);
            self.note(&change);
            changes.push(change);
        }
        changes.extend(gone.into_iter().map(|place| RowChange { place, entry: None }));
        changes
    }

    fn note(&mut self, change: &RowChange) {
        match change.entry {
            Some(_) => drop(self.known.insert(change.place.clone())),
            None => drop(self.known.remove(&change.place)),
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use meshwork_core::clock::Stamp;
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::replica::Replica as _;
    use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
    use meshwork_core::table::{Kind, Write, payloads};

    use super::*;
    use crate::inbox::inbox;

    /// A table with a value in each of these rows.
    fn table(rows: &[&str]) -> Table {
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(2) };
        let mut table = Table::new(Kind::ByValue);
        for (row, sequence) in rows.iter().zip(1..) {
            let write = Write::value(row, Writer::Anybody.field(b"x"), "1");
            for payload in payloads(author.peer, &[write]).unwrap() {
                let window = StampWindow::at(Stamp(1_790_000_000_000 << 16));
                let header = Header::new(author, sequence, window, 0);
                let batch = SignedBatch::sign(&identity, &RoomId([3; 32]), &header, &payload).unwrap();
                let content = table.check(&batch.header(), batch.payload()).unwrap();
                table.apply(batch, content);
            }
        }
        table
    }

    #[test]
    fn missed_removals_are_found_by_reading_anew() {
        const WANTED: &[&[u8]] = &[b"a\0"];
        let mut rows = Rows::new(WANTED, inbox(1).1);
        let mut read = |table: &Table| -> Vec<(Vec<u8>, bool)> {
            let changes = rows.whole(Rows::in_table(WANTED, table));
            changes.iter().map(|change| (change.row().to_vec(), change.entry.is_some())).collect()
        };
        let seen = |row: &[u8], stands| (row.to_vec(), stands);
        let both = read(&table(&["a\0one", "a\0two", "b\0one"]));
        assert_eq!(both, [seen(b"a\0one", true), seen(b"a\0two", true)]);
        let one = read(&table(&["a\0two"]));
        assert_eq!(one, [seen(b"a\0two", true), seen(b"a\0one", false)]);
        assert_eq!(read(&table(&[])), [seen(b"a\0two", false)]);
    }
}
