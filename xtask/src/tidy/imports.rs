//! What Rust imports from JavaScript catches what that throws: an exception that passes through leaves borrows behind.

use super::{Files, code_lines};

pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".rs")) {
        let (mut is_bound, mut is_inside, mut catches) = (false, false, false);
        for (number, line) in code_lines(text) {
            let words = line.trim();
            if words.starts_with("#[wasm_bindgen") {
                is_bound = true;
                catches |= words.contains("catch");
            } else if words.starts_with("extern \"C\" {") {
                is_inside = is_bound;
                catches = false;
            } else if line.starts_with('}') {
                (is_bound, is_inside) = (false, false);
            } else if is_inside && words.split(' ').any(|word| word == "fn" || word == "type") {
                if !catches && words.split(' ').any(|word| word == "fn") {
                    problems.push(format!(
                        "{name}:{number}: an import without `catch`: what it throws leaves borrows behind"
                    ));
                }
                catches = false;
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    #[test]
    fn an_import_without_catch_fails() {
        let import = |attribute: &str| {
            format!("//! A.\n#[wasm_bindgen]\nextern \"C\" {{\n    {attribute}\n    fn now() -> f64;\n}}\n")
        };
        assert_eq!(
            check(&files(&[("a.rs", &import("#[wasm_bindgen(js_namespace = performance)]"))])).len(),
            1
        );
        assert_eq!(check(&files(&[("a.rs", &import("#[wasm_bindgen(catch)]"))])), Vec::<String>::new());
        assert_eq!(check(&files(&[("a.rs", &import("/// Bare."))])).len(), 1);
        let native = "//! A.\nextern \"C\" {\n    fn now() -> f64;\n}\n";
        assert_eq!(check(&files(&[("a.rs", native)])), Vec::<String>::new());
    }

    #[test]
    fn each_import_catches_for_itself() {
        let text = "//! A.\n#[wasm_bindgen]\nextern \"C\" {\n    #[wasm_bindgen(constructor, catch)]\n    fn new() -> Result<A, JsValue>;\n    \
                    #[wasm_bindgen(method)]\n    fn close(this: &A);\n}\n";
        assert_eq!(check(&files(&[("a.rs", text)])).len(), 1);
    }
}
