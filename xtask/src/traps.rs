//! Turns panics into traps, before the pages' wasm is split, so that what only their words need is left behind.
//!
//! A panic in a page ends it (`panic = "abort"`), so what it would have said is of use to developers only. Rust's
//! stable way to leave messages out would be another standard library; here they go after linking. Each call
//! of a function that only panics becomes one `unreachable`, and with it the straight line of instructions that
//! prepared the call; functions of which nothing else is left count as such themselves. The relocations of those
//! instructions go too: whatever nothing else names, be it text, a table of methods or the formatting of a number, is
//! not taken over when the wasm is split.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::Result;
use wasmparser::{BinaryReader, Operator, OperatorsReader};

use crate::linked::Linked;
use crate::slim;

/// Parts of the symbols of functions that never return: all of `core::panicking`, and what calls it from
/// elsewhere in the standard library.
const PANICS: [&str; 8] = [
    "4core9panicking",
    "4core6option13unwrap_failed",
    "4core6option13expect_failed",
    "4core6result13unwrap_failed",
    "18handle_alloc_error",
    "7raw_vec12handle_error",
    "17rust_begin_unwind",
    "16slice_error_fail",
];
const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;

/// What was done, to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Trapped {
    /// Calls that became traps.
    pub(crate) calls: usize,
    /// Relocations that went with them.
    pub(crate) relocations: usize,
}

/// What an instruction means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It only computes, reads or writes.
    Unseen,
    /// It calls the function of this number.
    Call(usize),
    Trap,
    Open,
    Else,
    End,
    Other,
}

/// An instruction: where it begins in the file, and what it means.
type Instruction = (usize, Kind);

/// Turns panics into traps.
///
/// # Errors
/// A function cannot be read.
pub(crate) fn trap(linked: &mut Linked) -> Result<Trapped> {
    let functions = { linked.functions.iter() }
        .map(|function| instructions(&linked.bytes, function.code.clone()))
        .collect::<Result<Vec<_>>>()?;
    let panics = { linked.names.iter() }
        .filter(|(_, name)| PANICS.iter().any(|part| name.contains(part)))
        .map(|(number, _)| *number);
    let unused =
        { linked.exports.iter() }.filter(|(_, name)| slim::is_unused(name)).map(|(number, _)| *number);
    let mut doomed: HashSet<usize> =
        panics.chain(unused).filter(|number| *number >= linked.imported).collect();
    loop {
        let found: Vec<usize> = { functions.iter().enumerate() }
            .map(|(at, function)| (at + linked.imported, function))
            // What only panics counts as a panic itself where it is called.
            .filter(|(number, function)| !doomed.contains(number) && is_doomed(function, &doomed))
            .map(|(number, _)| number)
            .collect();
        if found.is_empty() {
            break;
        }
        doomed.extend(found);
    }
    let mut trapped = Trapped::default();
    let mut cuts: Vec<Range<usize>> = Vec::new();
    for (at, function) in functions.iter().enumerate() {
        if doomed.contains(&(at + linked.imported)) {
            cuts.extend(function.first().zip(function.last()).map(|(first, last)| first.0..last.0));
            continue;
        }
        for cut in dead(function, &doomed) {
            let calls = function[cut.clone()].iter().filter(|(_, kind)| matches!(kind, Kind::Call(_)));
            trapped.calls += calls.count();
            // The end of what it lies in always follows.
            cuts.push(function[cut.start].0..function[cut.end].0);
        }
    }
    for cut in cuts.iter().filter(|cut| !cut.is_empty()) {
        linked.bytes[cut.clone()].fill(NOP);
        linked.bytes[cut.start] = UNREACHABLE;
    }
    let before = linked.code.entries.len();
    let base = linked.code.base;
    linked.code.entries.retain(|entry| {
        let at = base + entry.offset as usize;
        let next = cuts.partition_point(|cut| cut.end <= at);
        !cuts.get(next).is_some_and(|cut| cut.contains(&at))
    });
    trapped.relocations = before - linked.code.entries.len();
    Ok(trapped)
}

/// Whether a function does nothing but trap.
fn is_doomed(function: &[Instruction], doomed: &HashSet<usize>) -> bool {
    dead(function, doomed).first().is_some_and(|cut| cut.start == 0)
}

/// What is certain to end in a trap, from the last instruction before it that somebody sees, and what comes after it
/// up to the end of the sequence that it lies in.
fn dead(function: &[Instruction], doomed: &HashSet<usize>) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut at = 0;
    while at < function.len() {
        let is_trap = match function[at].1 {
            Kind::Trap => true,
            Kind::Call(number) => doomed.contains(&number),
            _ => false,
        };
        if is_trap {
            // What is computed and written right before a trap is seen by nobody: nothing runs on.
            let seen = function[..at].iter().rposition(|(_, kind)| *kind != Kind::Unseen);
            let end = end_of_sequence(function, at);
            cuts.push(seen.map_or(0, |seen| seen + 1)..end);
            at = end;
        }
        at += 1;
    }
    cuts
}

/// Where the sequence ends in which an instruction stands.
fn end_of_sequence(function: &[Instruction], from: usize) -> usize {
    let mut depth = 0;
    for (at, (_, kind)) in function.iter().enumerate().skip(from) {
        match kind {
            Kind::Open => depth += 1,
            Kind::Else | Kind::End if depth == 0 => return at,
            Kind::End => depth -= 1,
            _ => {}
        }
    }
    function.len() - 1
}

fn instructions(bytes: &[u8], code: Range<usize>) -> Result<Vec<Instruction>> {
    let reader = BinaryReader::new(&bytes[code.clone()], code.start as u64);
    let mut operators = OperatorsReader::new(reader);
    let mut found = Vec::new();
    while !operators.eof() {
        let (operator, at) = operators.read_with_offset()?;
        let at = at as usize;
        let kind = match operator {
            Operator::Call { function_index } => Kind::Call(function_index as usize),
            Operator::Unreachable => Kind::Trap,
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => Kind::Open,
            Operator::Else => Kind::Else,
            Operator::End => Kind::End,
            _ if is_unseen(&bytes[at..]) => Kind::Unseen,
            _ => Kind::Other,
        };
        found.push((at, kind));
    }
    Ok(found)
}

/// Whether an instruction only computes, reads or writes, by its first bytes.
fn is_unseen(instruction: &[u8]) -> bool {
    match instruction {
        // Nothing; drop and select; variables; memory; constants and arithmetic.
        [NOP | 0x1a | 0x1b | 0x20..=0x24 | 0x28..=0x3e | 0x41..=0xc4, ..] => true,
        // Numbers cut off at the bounds of integers; copying and filling of memory.
        [0xfc, 0..=7 | 10 | 11, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linked::tests::{Piece, linked};

    const TRAP: &[u8] = &[UNREACHABLE];

    /// The instructions of a function, without those that do nothing.
    fn left(linked: &Linked, at: usize) -> Vec<u8> {
        linked.bytes[linked.functions[at].code.clone()].iter().copied().filter(|byte| *byte != NOP).collect()
    }

    #[test]
    fn panics_and_what_leads_to_nothing_else_become_traps() {
        let panic: &[Piece] = &[Piece::Address(0), Piece::Plain(&[0x1a]), Piece::Call(0), Piece::Plain(TRAP)];
        let wrapper: &[Piece] =
            &[Piece::Address(1), Piece::Plain(&[0x1a]), Piece::Call(1), Piece::Plain(TRAP)];
        let kept: &[Piece] = &[
            Piece::Call(0),
            // A condition, under which it panics; then what is done otherwise.
            Piece::Plain(&[0x41, 7, 0x04, 0x40]),
            Piece::Address(1),
            Piece::Plain(&[0x1a]),
            Piece::Call(2),
            Piece::Plain(&[0x02, 0x40, 0x0b, 0x05]),
            Piece::Call(0),
            Piece::Plain(&[0x0b]),
        ];
        let mut linked =
            linked(&[("_ZN4core9panicking9panic_fmt17h0E", panic), ("wrapper", wrapper), ("kept", kept)]);
        let before = linked.bytes.len();
        assert_eq!(trap(&mut linked).expect("it is read"), Trapped { calls: 1, relocations: 6 });
        assert_eq!(linked.bytes.len(), before, "nothing moved");
        for at in 0..2 {
            assert_eq!(left(&linked, at), [UNREACHABLE, 0x0b]);
        }
        let call = [0x10, 0x80, 0x80, 0x80, 0x80, 0];
        let expected = [&call[..], &[0x41, 7, 0x04, 0x40, UNREACHABLE, 0x05], &call, &[0x0b, 0x0b]].concat();
        assert_eq!(left(&linked, 2), expected);
        // Only the calls of the import are left of what was named.
        assert_eq!(linked.code.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [0, 0]);
        walrus::Module::from_buffer(&linked.write()).expect("it is valid");
    }

    #[test]
    fn what_somebody_sees_before_a_panic_is_done() {
        let panic: &[Piece] = &[Piece::Plain(TRAP)];
        let function: &[Piece] = &[Piece::Address(0), Piece::Plain(&[0x1a]), Piece::Call(0), Piece::Call(1)];
        let mut linked = linked(&[("_ZN4core9panicking5panic17h0E", panic), ("function", function)]);
        assert_eq!(trap(&mut linked).expect("it is read"), Trapped { calls: 1, relocations: 1 });
        assert_eq!(linked.code.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [3, 0]);
    }
}
