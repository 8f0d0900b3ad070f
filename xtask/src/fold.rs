//! Makes one of functions that are the same: what differed in types is often the same in instructions.

use std::collections::{HashMap, HashSet};

use wasmparser::{RelocationEntry, RelocationType};

use crate::linked::{Linked, Symbol};

/// Imports by which wasm-bindgen learns of types: it looks for who calls them, and at what those are.
const DESCRIBING: &str = "__wbindgen_describe";

/// What an instruction names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Named {
    Symbol(Symbol),
    /// The symbol or type of this number.
    Number(u32),
}

/// Where in a function something is named, how, and with what added to it.
type Mention = (usize, RelocationType, Named, i64);

/// Lets everything name the first of those functions that are the same, and says how many others there were.
/// They are named by nothing any more.
pub(crate) fn fold(linked: &mut Linked) -> usize {
    let mut first: HashMap<usize, usize> = HashMap::new();
    let exported: HashSet<usize> = linked.exports.iter().map(|(number, _)| *number).collect();
    let mentions = mentions(linked);
    let describing = |entry: &RelocationEntry| match linked.symbols.get(entry.index as usize) {
        Some(Symbol::Function(number)) => {
            linked.names.get(number).is_some_and(|name| name.starts_with(DESCRIBING))
        }
        _ => false,
    };
    let candidates: Vec<usize> = { 0..linked.functions.len() }
        .filter(|at| !exported.contains(&(at + linked.imported)))
        .filter(|at| !mentions[*at].iter().any(describing))
        .collect();
    // Those that call functions which are the same may be the same themselves.
    loop {
        let known = first.len();
        let mut same: HashMap<(u32, Vec<u8>, Vec<Mention>), usize> = HashMap::new();
        for at in &candidates {
            let number = at + linked.imported;
            if first.contains_key(&number) {
                continue;
            }
            let one = *same.entry(key(linked, *at, &mentions[*at], &first)).or_insert(number);
            if one != number {
                first.insert(number, one);
            }
        }
        if first.len() == known {
            break;
        }
    }
    let symbols: HashMap<usize, u32> = { linked.symbols.iter().enumerate().rev() }
        .filter_map(|(at, symbol)| match symbol {
            Symbol::Function(number) => Some((*number, at as u32)),
            _ => None,
        })
        .collect();
    for entry in linked.code.entries.iter_mut().chain(&mut linked.data.entries) {
        if let Named::Symbol(Symbol::Function(number)) = named(&linked.symbols, entry)
            && let Some(symbol) = last_of(&first, number).and_then(|one| symbols.get(&one))
        {
            entry.index = *symbol;
        }
    }
    first.len()
}

/// The function that stands for another, if one does.
fn last_of(first: &HashMap<usize, usize>, number: usize) -> Option<usize> {
    std::iter::successors(first.get(&number), |one| first.get(one)).last().copied()
}

/// What makes two functions the same: their type, and their bytes without what they name, and that.
fn key(
    linked: &Linked,
    at: usize,
    entries: &[RelocationEntry],
    first: &HashMap<usize, usize>,
) -> (u32, Vec<u8>, Vec<Mention>) {
    let function = &linked.functions[at];
    let mut bytes = linked.bytes[function.body.clone()].to_vec();
    let mut mentions = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = linked.code.base + entry.offset as usize - function.body.start;
        bytes[place..place + entry.ty.extent()].fill(0);
        let named = match named(&linked.symbols, entry) {
            Named::Symbol(Symbol::Function(number)) => {
                Named::Symbol(Symbol::Function(last_of(first, number).unwrap_or(number)))
            }
            named => named,
        };
        mentions.push((place, entry.ty, named, entry.addend));
    }
    (function.kind, bytes, mentions)
}

fn named(symbols: &[Symbol], entry: &RelocationEntry) -> Named {
    match symbols.get(entry.index as usize) {
        Some(symbol @ (Symbol::Function(_) | Symbol::Data { .. }))
            if entry.ty != RelocationType::TypeIndexLeb =>
        {
            Named::Symbol(*symbol)
        }
        _ => Named::Number(entry.index),
    }
}

/// The relocations of each function.
fn mentions(linked: &Linked) -> Vec<Vec<RelocationEntry>> {
    let mut mentions = vec![Vec::new(); linked.functions.len()];
    for entry in &linked.code.entries {
        let at = linked.code.base + entry.offset as usize;
        let function = linked.functions.partition_point(|function| function.body.end <= at);
        mentions[function].push(*entry);
    }
    mentions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linked::tests::{Piece, linked};

    #[test]
    fn functions_that_are_the_same_become_one_with_those_that_call_them() {
        let drop: &[u8] = &[0x1a];
        let one: &[Piece] = &[Piece::Address(0), Piece::Plain(drop)];
        let other: &[Piece] = &[Piece::Address(1), Piece::Plain(drop)];
        let functions: [(&str, &[Piece]); 7] = [
            ("one", one),
            ("same", one),
            ("other", other),
            ("calls one", &[Piece::Call(1)]),
            ("calls the same", &[Piece::Call(2)]),
            ("calls another", &[Piece::Call(3)]),
            ("calls all", &[Piece::Call(4), Piece::Call(5), Piece::Call(6), Piece::Call(2)]),
        ];
        let mut linked = linked(&functions);
        assert_eq!(fold(&mut linked), 2);
        let named: Vec<u32> = linked.code.entries.iter().map(|entry| entry.index).collect();
        assert_eq!(named, [8, 8, 9, 1, 1, 3, 4, 4, 6, 1]);
    }

    #[test]
    fn what_is_exported_or_describes_types_stays_itself() {
        let body: &[Piece] = &[Piece::Plain(&[0x41, 1, 0x1a])];
        let mut exported = linked(&[("one", body), ("same", body)]);
        exported.exports.push((2, "same".to_owned()));
        assert_eq!(fold(&mut exported), 0);
        let describing: &[Piece] = &[Piece::Call(0)];
        let mut described = linked(&[("one", describing), ("same", describing)]);
        described.names.insert(0, "__wbindgen_describe_cast".to_owned());
        assert_eq!(fold(&mut described), 0);
    }
}
