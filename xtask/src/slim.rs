//! Drops from the pages' wasm, once it is bound to its script, what the pages never call.

use walrus::Module;

/// Exports of a library that the pages never call from JavaScript: streams of server functions.
const UNUSED_EXPORTS: [&str; 2] = ["intounderlying", "__wbg_intounderlying"];

/// Drops what the pages never call.
pub(crate) fn slim(module: &mut Module) {
    let unused: Vec<_> =
        module.exports.iter().filter(|export| is_unused(&export.name)).map(walrus::Export::id).collect();
    unused.into_iter().for_each(|export| module.exports.delete(export));
    walrus::passes::gc::run(module);
}

/// Whether the pages never call what is exported under a name.
pub(crate) fn is_unused(export: &str) -> bool {
    UNUSED_EXPORTS.iter().any(|start| export.starts_with(start))
}

#[cfg(test)]
mod tests {
    use walrus::FunctionBuilder;

    use super::*;

    #[test]
    fn exports_that_nobody_calls_go_with_what_only_they_call() {
        let mut module = Module::default();
        let mut add = |callee: Option<walrus::FunctionId>| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            if let Some(callee) = callee {
                builder.func_body().call(callee);
            }
            builder.finish(Vec::new(), &mut module.funcs)
        };
        let (leaf, kept) = (add(None), add(None));
        let unused = add(Some(leaf));
        module.exports.add("kept", kept);
        module.exports.add("intounderlyingsource_pull", unused);
        slim(&mut module);
        assert_eq!(module.exports.iter().map(|export| export.name.as_str()).collect::<Vec<_>>(), ["kept"]);
        assert_eq!(module.funcs.iter_local().map(|(id, _)| id).collect::<Vec<_>>(), [kept]);
    }
}
