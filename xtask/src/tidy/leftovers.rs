//! Leftovers: notes to oneself, switched-off tests, sleeping tests and paths of one machine.

use super::Files;

/// Split, so that this file does not find itself.
const IN_RUST: [&str; 7] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X:"),
    concat!("#[ig", "nore"),
];

const SLEEPS: [&str; 2] = [concat!("thread::", "sleep"), concat!("time::", "sleep")];

/// Places that exist on one machine only.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("../sha", "red")];

pub(super) fn check(files: &Files, waits: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files {
        let is_rust = name.ends_with(".rs");
        let may_wait = waits.iter().any(|(path, _)| path == name);
        let mut in_tests = is_test_file(name);
        let mut waited = false;
        for (index, line) in text.lines().enumerate() {
            let mut report = |what: &str| problems.push(format!("{name}:{}: {what}", index + 1));
            for path in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
                report(&format!("`{path}` exists on one machine only"));
            }
            if !is_rust {
                continue;
            }
            for leftover in IN_RUST.iter().filter(|leftover| line.contains(**leftover)) {
                report(&format!("`{leftover}` is a leftover"));
            }
            in_tests |= line.trim_start().starts_with("#[cfg(test)]");
            for sleep in SLEEPS.iter().filter(|sleep| in_tests && line.contains(**sleep)) {
                waited = true;
                if !may_wait {
                    report(&format!("`{sleep}` in a test: wait for a condition, not for time"));
                }
            }
        }
        if may_wait && !waited {
            problems.push(format!("{name} no longer waits: take its exception away"));
        }
    }
    for (path, _) in waits.iter().filter(|(path, _)| !files.contains_key(*path)) {
        problems.push(format!("{path} does not exist: take its exception away"));
    }
    problems
}

/// Whole files of tests; in other files the tests begin at `#[cfg(test)]` and go on to the end.
fn is_test_file(name: &str) -> bool {
    name.ends_with(".rs")
        && (name.starts_with("e2e/") || name.contains("/tests/") || name.ends_with("/tests.rs"))
}

/// A machine's path begins a word; `docs/work/x` or an address of the web is something else.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_ascii_alphanumeric() || "_-.}".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn problems(name: &str, text: &str) -> Vec<String> {
        check(&files(&[(name, text)]), &[])
    }

    #[test]
    fn each_leftover_fails() {
        for leftover in IN_RUST {
            assert_eq!(problems("a.rs", &format!("ok\n x {leftover}")).len(), 1, "{leftover}");
        }
        assert_eq!(problems("a.rs", "let done = 1;"), Vec::<String>::new());
    }

    #[test]
    fn tests_do_not_sleep() {
        for sleep in SLEEPS {
            assert_eq!(problems("crates/a/tests/b.rs", sleep).len(), 1);
            assert_eq!(
                problems("crates/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{ {sleep} }}")).len(),
                1
            );
            assert_eq!(problems("crates/a/src/b.rs", sleep), Vec::<String>::new());
        }
    }

    #[test]
    fn excepted_wait_passes_and_idle_exception_fails() {
        let waits = [("e2e/src/wait.rs", "polls")];
        assert_eq!(check(&files(&[("e2e/src/wait.rs", SLEEPS[1])]), &waits), Vec::<String>::new());
        assert_eq!(check(&files(&[("e2e/src/wait.rs", "")]), &waits).len(), 1);
        assert_eq!(check(&files(&[]), &waits).len(), 1);
    }

    #[test]
    fn paths_of_one_machine_fail_in_any_file() {
        for path in MACHINE_PATHS {
            assert_eq!(problems("README.md", &format!("see {path}x")).len(), 1, "{path}");
        }
        assert_eq!(problems("README.md", concat!("see docs/wo", "rk/x")), Vec::<String>::new());
    }
}
