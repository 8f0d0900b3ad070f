//! Makes the pages' wasm smaller: panics become traps, and what only they needed goes.
//!
//! A panic in a page ends it (`panic = "abort"`), so what it would have said is of use to developers only. Rust's
//! stable way to leave messages out would be another standard library; here they go after linking. Each call
//! of a function that only panics becomes one `unreachable`, and with it the straight line of instructions that
//! prepared the call; functions of which nothing else is left count as such themselves. Then nothing calls the
//! formatting of messages, and the places in the source that they name are blanked out.

use std::collections::HashSet;

use walrus::ir::{Instr, InstrSeq, Unreachable, Value, VisitorMut, dfs_pre_order_mut};
use walrus::{ConstExpr, DataKind, FunctionId, FunctionKind, Module};

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
/// Exports of a library that the pages never call from JavaScript: streams of server functions.
const UNUSED_EXPORTS: [&str; 2] = ["intounderlying", "__wbg_intounderlying"];

/// No file of ours or of a library is longer, and no line wider.
const LINE_RANGE: std::ops::Range<usize> = 1..100_000;
const COLUMN_RANGE: std::ops::Range<usize> = 1..1000;
/// Longest name of a source file.
const NAME_MAX: usize = 512;

/// What was done, to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Slimmed {
    /// Calls that became traps.
    pub(crate) calls: usize,
    /// Places in the source that were blanked out.
    pub(crate) places: usize,
}

/// Turns panics into traps. The module must still have its names.
pub(crate) fn slim(module: &mut Module) -> Slimmed {
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| UNUSED_EXPORTS.iter().any(|start| export.name.starts_with(start)))
        .map(walrus::Export::id)
        .collect();
    unused.into_iter().for_each(|export| module.exports.delete(export));
    let is_panic = |name: &str| PANICS.iter().any(|part| name.contains(part));
    let mut doomed: HashSet<FunctionId> = module
        .funcs
        .iter()
        .filter(|function| function.name.as_deref().is_some_and(is_panic))
        .filter(|function| matches!(function.kind, FunctionKind::Local(_)))
        .map(walrus::Function::id)
        .collect();
    let mut slimmed = Slimmed::default();
    loop {
        let known = doomed.len();
        let mut found = Vec::new();
        for (id, function) in module.funcs.iter_local_mut() {
            let entry = function.entry_block();
            let mut cut = Cut { doomed: &doomed, calls: 0 };
            dfs_pre_order_mut(&mut cut, function, entry);
            slimmed.calls += cut.calls;
            // What only panics counts as a panic itself where it is called.
            let body = &function.block(entry).instrs;
            if matches!(body.first(), Some((Instr::Unreachable(_), _))) && !doomed.contains(&id) {
                found.push(id);
            }
        }
        doomed.extend(found);
        if doomed.len() == known {
            break;
        }
    }
    for id in doomed {
        let function = module.funcs.get_mut(id).kind.unwrap_local_mut();
        let entry = function.entry_block();
        function.block_mut(entry).instrs = vec![(Unreachable {}.into(), Default::default())];
    }
    walrus::passes::gc::run(module);
    slimmed.places = blank_places(module);
    slimmed
}

/// Cuts every sequence at its first certain trap.
struct Cut<'a> {
    doomed: &'a HashSet<FunctionId>,
    calls: usize,
}

impl VisitorMut for Cut<'_> {
    fn start_instr_seq_mut(&mut self, sequence: &mut InstrSeq) {
        let is_trap = |(instr, _): &(Instr, _)| match instr {
            Instr::Call(call) => self.doomed.contains(&call.func),
            Instr::Unreachable(_) => true,
            _ => false,
        };
        let Some(at) = sequence.instrs.iter().position(is_trap) else { return };
        self.calls += usize::from(matches!(sequence.instrs[at].0, Instr::Call(_)));
        // What is computed and written right before a trap is seen by nobody: nothing runs on.
        let kept =
            sequence.instrs[..at].iter().rposition(|(instr, _)| !is_unseen(instr)).map_or(0, |last| last + 1);
        sequence.instrs.truncate(kept);
        sequence.instrs.push((Unreachable {}.into(), Default::default()));
    }
}

/// Whether an instruction only computes, reads or writes.
fn is_unseen(instr: &Instr) -> bool {
    matches!(
        instr,
        Instr::Const(_)
            | Instr::LocalGet(_)
            | Instr::LocalSet(_)
            | Instr::LocalTee(_)
            | Instr::GlobalGet(_)
            | Instr::GlobalSet(_)
            | Instr::Binop(_)
            | Instr::Unop(_)
            | Instr::Select(_)
            | Instr::Drop(_)
            | Instr::Load(_)
            | Instr::Store(_)
    )
}

/// Blanks out each record of a place in the source, `{ address of the file's name, its length, line, column }`,
/// and the names of the files. Only messages of panics show them. Returns how many records there were.
fn blank_places(module: &mut Module) -> usize {
    let mut places = 0;
    let segments: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
    // One image of the memory, so that a record may lie in another segment than the name.
    let mut image: Vec<u8> = Vec::new();
    let start_of = |kind: &DataKind| match kind {
        DataKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. } => usize::try_from(*start).ok(),
        _ => None,
    };
    for data in module.data.iter() {
        let Some(start) = start_of(&data.kind) else { return 0 };
        image.resize(image.len().max(start + data.value.len()), 0);
        image[start..start + data.value.len()].copy_from_slice(&data.value);
    }
    let word = |image: &[u8], at: usize| {
        image.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes) as usize
    };
    let mut blanks: Vec<(usize, usize)> = Vec::new();
    for at in (0..image.len().saturating_sub(15)).step_by(4) {
        let (name, length) = (word(&image, at), word(&image, at + 4));
        let (line, column) = (word(&image, at + 8), word(&image, at + 12));
        let is_place = (LINE_RANGE.contains(&line) && COLUMN_RANGE.contains(&column) && name > 0)
            && (4..=NAME_MAX).contains(&length)
            && image.get(name..name + length).is_some_and(|name| name.ends_with(b".rs") && name.is_ascii());
        if is_place {
            places += 1;
            blanks.extend([(at, 16), (name, length)]);
        }
    }
    blanks.into_iter().for_each(|(at, length)| image[at..at + length].fill(0));
    for id in segments {
        let data = module.data.get_mut(id);
        let (Some(start), length) = (start_of(&data.kind), data.value.len()) else { continue };
        data.value.copy_from_slice(&image[start..start + length]);
    }
    places
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, ValType};

    use super::*;

    /// A function of no parameters that calls another with a number, and then does nothing more.
    fn calling(module: &mut Module, name: &str, callee: FunctionId) -> FunctionId {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.name(name.to_owned());
        builder.func_body().i32_const(7).call(callee).unreachable();
        builder.finish(Vec::new(), &mut module.funcs)
    }

    #[test]
    fn panics_and_what_leads_to_nothing_else_become_traps() {
        let mut module = Module::default();
        let said = module.types.add(&[ValType::I32], &[]);
        let (say, _) = module.add_import_func("page", "say", said);
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[]);
        builder.name("_ZN4core9panicking9panic_fmt17h0E".to_owned());
        let message = module.locals.add(ValType::I32);
        builder.func_body().local_get(message).call(say).unreachable();
        let panic = builder.finish(vec![message], &mut module.funcs);
        let wrapper = calling(&mut module, "wrapper", panic);
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().i32_const(1).call(say).call(wrapper).unreachable();
        let kept = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add("kept", kept);
        module.exports.add("intounderlyingsource_pull", panic);

        assert_eq!(slim(&mut module).calls, 2);
        assert_eq!(module.exports.iter().map(|export| export.name.as_str()).collect::<Vec<_>>(), ["kept"]);
        let body = module.funcs.get(kept).kind.unwrap_local();
        let kinds = body.block(body.entry_block()).instrs.iter().map(|(instr, _)| instr);
        assert!(matches!(
            kinds.collect::<Vec<_>>()[..],
            [Instr::Const(_), Instr::Call(_), Instr::Unreachable(_)]
        ));
        assert_eq!(module.funcs.iter_local().count(), 1, "nobody calls what panicked");
    }

    #[test]
    fn places_in_the_source_are_blanked_out_and_nothing_else() {
        let mut module = Module::default();
        let memory = module.memories.add_local(false, false, 1, None, None);
        let mut bytes = b"src/lib.rs and what is said".to_vec();
        bytes.resize(32, b' ');
        for word in [1024u32, 10, 41, 9, 1024, 27, 3, 1] {
            bytes.extend(word.to_le_bytes());
        }
        let offset = ConstExpr::Value(Value::I32(1024));
        module.data.add(DataKind::Active { memory, offset }, bytes);
        assert_eq!(blank_places(&mut module), 1);
        let after = &module.data.iter().next().expect("it is kept").value;
        assert_eq!(&after[..27], b"\0\0\0\0\0\0\0\0\0\0 and what is said");
        assert_eq!((&after[32..48], &after[48..52]), (&[0; 16][..], &1024u32.to_le_bytes()[..]));
    }
}
