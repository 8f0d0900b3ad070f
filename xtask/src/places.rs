//! Makes one of all places in the source that the pages' wasm knows: only messages of panics show them.
//!
//! A place is a record of 16 bytes, `{ address of the file's name, its length, line, column }`. What still names one,
//! such as a function that hands on who called it, names the first; that is blank, and names no file.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use wasmparser::RelocationType;

use crate::linked::Linked;

/// Bytes of a record.
const LENGTH: usize = 16;
/// No file of ours or of a library is longer, and no line wider.
const LINES: Range<usize> = 1..100_000;
const COLUMNS: Range<usize> = 1..1000;
/// Longest name of a source file.
const NAME_MAX: usize = 512;

/// Makes one of all places in the source, and says how many there were.
pub(crate) fn forget(linked: &mut Linked) -> usize {
    let addresses: HashMap<usize, (u32, i64)> = { linked.data.entries.iter() }
        .filter(|entry| entry.ty == RelocationType::MemoryAddrI32)
        .map(|entry| (linked.data.base + entry.offset as usize, (entry.index, entry.addend)))
        .collect();
    let places: Vec<(u32, Range<usize>)> = { 0..linked.symbols.len() as u32 }
        .filter_map(|symbol| Some((symbol, linked.place(symbol)?)))
        .filter(|(_, range)| is_place(linked, range, &addresses))
        .collect();
    let Some((first, _)) = places.first() else { return 0 };
    let symbols: HashSet<u32> = places.iter().map(|(symbol, _)| *symbol).collect();
    let starts: HashSet<usize> = places.iter().map(|(_, range)| range.start).collect();
    // The file's name is the only address in a record, at its beginning.
    let base = linked.data.base;
    linked.data.entries.retain(|entry| !starts.contains(&(base + entry.offset as usize)));
    for entry in linked.code.entries.iter_mut().chain(&mut linked.data.entries) {
        if entry.ty != RelocationType::TypeIndexLeb && symbols.contains(&entry.index) {
            entry.index = *first;
        }
    }
    for (_, range) in &places {
        linked.bytes[range.clone()].fill(0);
    }
    starts.len()
}

fn is_place(linked: &Linked, range: &Range<usize>, addresses: &HashMap<usize, (u32, i64)>) -> bool {
    let word = |at: usize| {
        let bytes = linked.bytes[range.clone()].get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes) as usize
    };
    let (length, line, column) = (word(4), word(8), word(12));
    let name = || {
        let (symbol, addend) = addresses.get(&range.start)?;
        let start = linked.place(*symbol)?.start.checked_add_signed(isize::try_from(*addend).ok()?)?;
        linked.bytes.get(start..start + length)
    };
    range.len() == LENGTH
        && (4..=NAME_MAX).contains(&length)
        && LINES.contains(&line)
        && COLUMNS.contains(&column)
        && name().is_some_and(|name| name.ends_with(b".rs") && name.is_ascii())
}

#[cfg(test)]
mod tests {
    use wasmparser::RelocationEntry;

    use super::*;
    use crate::linked::Symbol;
    use crate::linked::tests::{Piece, linked};

    #[test]
    fn places_in_the_source_become_one_blank_one() {
        let mut linked = linked(&[("function", &[Piece::Address(0), Piece::Address(1)])]);
        let start = linked.bytes.len();
        linked.bytes.extend_from_slice(b"src/lib.rs and what is said.    ");
        // Two places, and what begins as they do.
        for words in [[0u32, 10, 41, 9], [0, 10, 3, 1], [0, 27, 3, 1]] {
            linked.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        let end = linked.bytes.len();
        linked.segments.clear();
        linked.segments.push(start..end);
        let data = |offset, length| Symbol::Data { segment: 0, offset, length };
        linked.symbols = vec![data(0, 10), data(0, 27), data(32, 16), data(48, 16), data(64, 16)];
        let entry = |ty, offset, index| RelocationEntry { ty, offset, index, addend: 0 };
        linked.data.base = start;
        linked.data.entries = [(32, 0), (48, 0), (64, 1)]
            .map(|(offset, index)| entry(RelocationType::MemoryAddrI32, offset, index))
            .to_vec();
        linked.code.entries = [2, 3, 4].map(|index| entry(RelocationType::MemoryAddrSleb, 0, index)).to_vec();
        assert_eq!(forget(&mut linked), 2);
        let named = |entries: &[RelocationEntry]| entries.iter().map(|entry| entry.index).collect::<Vec<_>>();
        assert_eq!(named(&linked.code.entries), [2, 2, 4]);
        assert_eq!(named(&linked.data.entries), [1]);
        assert_eq!(linked.bytes[start + 32..start + 64], [0; 32]);
        assert_eq!(linked.bytes[start + 68], 27);
    }
}
