//! Makes the pages' script smaller: what wasm-bindgen wrote, without words for readers and without what nobody calls.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use walrus::Module;

/// Classes of a library that the pages never use: streams of server functions.
const UNUSED: &str = "IntoUnderlying";
/// How deep what the wasm imports stands in the script.
const ENTRY: &str = "        ";

/// New names of what a wasm imports, by the old ones.
pub(crate) type Names = BTreeMap<String, String>;

/// Gives short names to what the wasm imports from the script of its own name.
pub(crate) fn rename_imports(module: &mut Module, script: &str) -> Names {
    let mut names = Names::new();
    for import in module.imports.iter_mut().filter(|import| import.module == script) {
        let short = format!("i{:x}", names.len());
        names.insert(std::mem::replace(&mut import.name, short.clone()), short);
    }
    names
}

/// The script with those names, and without the functions that the wasm does not import any more.
///
/// # Errors
/// The script lacks one of them, or is made otherwise than it was.
pub(crate) fn shorten(script: &str, names: &Names) -> Result<String> {
    let mut shortened = String::with_capacity(script.len());
    let mut found = 0;
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        let entry = line.strip_prefix(ENTRY).and_then(|entry| entry.split_once(": function"));
        let line = match entry {
            Some((name, rest)) if name.starts_with("__wb") => match names.get(name) {
                Some(short) => {
                    found += 1;
                    &format!("{short}: function{rest}")
                }
                None => {
                    skip_to(&mut lines, &format!("{ENTRY}}}"));
                    continue;
                }
            },
            _ if line.starts_with(&format!("export class {UNUSED}")) => {
                skip_to(&mut lines, "}");
                continue;
            }
            _ if line.starts_with(&format!("const {UNUSED}")) => {
                skip_to(&mut lines, "    : ");
                continue;
            }
            _ if line.contains(UNUSED) => continue,
            _ => line.trim(),
        };
        let is_said = ["/**", "*", "//"].iter().any(|sign| line.starts_with(sign));
        if !is_said && !line.is_empty() {
            shortened.push_str(line);
            shortened.push('\n');
        }
    }
    ensure!(
        found == names.len(),
        "the script has {found} of {} functions that the wasm imports",
        names.len()
    );
    ensure!(
        !shortened.contains(UNUSED),
        "the script still has {UNUSED}: wasm-bindgen writes it otherwise than it did"
    );
    Ok(shortened)
}

fn skip_to(lines: &mut std::str::Lines<'_>, end: &str) {
    lines.find(|line| line.starts_with(end));
}

/// A style sheet without words for readers and without what only they need to see its shape.
pub(crate) fn shorten_style(style: &str) -> String {
    let mut plain = String::with_capacity(style.len());
    let mut rest = style;
    while let Some((before, after)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let mut shortened = String::with_capacity(plain.len());
    for line in plain.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // A line that goes on is parted from the next; one that ends is not.
        if shortened.ends_with(|last| !matches!(last, '{' | '}' | ';' | ',')) && line != "}" && line != "{" {
            shortened.push(' ');
        }
        // Only declarations end so; in selectors, space before a colon means something.
        let declaration = line.strip_suffix(';').and_then(|line| line.split_once(": "));
        match declaration {
            Some((name, value)) => shortened.extend([name, ":", value, ";"]),
            None => {
                if line == "}" && shortened.ends_with(';') {
                    shortened.pop();
                }
                shortened.push_str(line.strip_suffix(" {").unwrap_or(line));
                if line.ends_with(" {") {
                    shortened.push('{');
                }
            }
        }
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
import * as import1 from \"./parts.js\"
export class IntoUnderlyingSink {
    free() {
        wasm.free();
    }
}
if (Symbol.dispose) IntoUnderlyingSink.prototype[Symbol.dispose] = IntoUnderlyingSink.prototype.free;
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg_used_f00: function(arg0) {
            // a word for readers
            return arg0;
        },
        __wbg_unused_f00: function() { return handleError(function (arg0) {
            return 1;
        }, arguments); },
        __wbg_last_f00: function() {
            return 2;
        },
    };
}
const IntoUnderlyingSinkFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.free(ptr, 1));
/**
 * @returns {void}
 */
export { initSync };
";

    #[test]
    fn a_script_keeps_what_its_wasm_imports_under_short_names() {
        let names = |pairs: &[(&str, &str)]| -> Names {
            pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
        };
        let used = names(&[("__wbg_used_f00", "i0"), ("__wbg_last_f00", "i1")]);
        let expected = "import * as import1 from \"./parts.js\"\nfunction __wbg_get_imports() {\nconst import0 = {\n\
            __proto__: null,\ni0: function(arg0) {\nreturn arg0;\n},\ni1: function() {\nreturn 2;\n},\n};\n}\n\
            export { initSync };\n";
        assert_eq!(shorten(SCRIPT, &used).expect("all are there"), expected);
        let more = names(&[("__wbg_used_f00", "i0"), ("__wbg_absent_f00", "i1")]);
        assert!(shorten(SCRIPT, &more).is_err());
    }

    #[test]
    fn a_style_sheet_means_the_same_without_its_shape() {
        let style = "/* Words. */\n.a,\n.b :hover {\n  color: red;\n  margin: 0\n    auto;\n}\n\n@media (width > 3px) {\n  \
            .c > .d {\n    top: 1px; /* why */\n  }\n}\n";
        let expected = ".a,.b :hover{color:red;margin: 0 auto}@media (width > 3px){.c > .d{top:1px}}";
        assert_eq!(shorten_style(style), expected);
    }
}
