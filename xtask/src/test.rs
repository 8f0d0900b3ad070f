//! `cargo xtask test`: every check there is, in order of how soon it fails.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need, Tools, WasmToolchain};
use crate::workspace::Workspace;
use crate::{bench, binary, fuzz, pages, step, tidy, weight};

/// These also run in browsers, so they are linted for wasm too.
const WASM_PACKAGES: [&str; 4] = ["meshwork-core", "meshwork-rtc", "meshwork-web", "meshwork-e2e-page"];

/// More than this many at once need more memory than many machines have.
const BROWSER_TESTS_AT_ONCE_MAX: usize = 4;

/// What the user asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave the browsers out.
    fast: bool,
    /// Only tests whose names contain this, and no other checks.
    filter: Option<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options::default();
        for argument in arguments {
            match argument.as_str() {
                "--fast" => options.fast = true,
                "--" => {}
                flag if flag.starts_with('-') => bail!("`cargo xtask test` has no flag `{flag}`"),
                filter if options.filter.is_none() => options.filter = Some(filter.to_owned()),
                extra => bail!("one filter is enough, `{extra}` is too many"),
            }
        }
        Ok(options)
    }
}

pub(crate) fn test(workspace: &Workspace, options: &Options) -> Result<()> {
    let need = if options.fast { Need::Pages } else { Need::Everything };
    let tools = setup::setup(workspace, need)?;
    let seed = seed(workspace);
    eprintln!("xtask: random tests are seeded with MESHWORK_SEED={seed}");
    let mut steps = Steps::default();
    let result = all_steps(workspace, options, &tools, &seed, &mut steps);
    steps.print();
    result
}

fn all_steps(
    workspace: &Workspace,
    options: &Options,
    tools: &Tools,
    seed: &str,
    steps: &mut Steps,
) -> Result<()> {
    if options.filter.is_none() {
        steps.run("format", || step::check(&mut format(workspace)))?;
        steps.run("tidy", || tidy::tidy(workspace))?;
        steps.run("lints", || step::check(&mut lints(workspace)))?;
        steps.run("lints for wasm", || step::check(&mut wasm_lints(workspace, tools)))?;
        steps.run("docs", || step::check(&mut docs(workspace)))?;
    }
    let filter = options.filter.as_deref();
    steps.run("tests", || step::check(&mut tests(workspace, seed, filter)))?;
    if options.filter.is_none() {
        steps.run("decoders", || step::check(seeded(&mut fuzz::tests(workspace), seed)))?;
        steps.run("races", || step::check(&mut bench::tests(workspace)))?;
    }
    if !options.fast {
        steps.run("pages and binary", || binary::build_all(workspace, tools).map(drop))?;
        steps.run("page size", || weight::check(workspace))?;
        steps.run("test page", || pages::build_test_page(workspace, tools).map(drop))?;
        steps.run("browser tests", || step::check(&mut browser_tests(workspace, seed, filter)))?;
    }
    Ok(())
}

fn format(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["fmt", "--all", "--check"]);
    cargo
}

fn lints(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--workspace", "--all-targets"]);
    cargo.args(["--", "-D", "warnings"]);
    cargo
}

fn wasm_lints(workspace: &Workspace, tools: &Tools) -> Command {
    // Debian's Rust for the web comes without clippy, so there the compiler's own warnings must do.
    let subcommand = match tools.wasm {
        WasmToolchain::InUse => "clippy",
        WasmToolchain::Debian => "check",
    };
    let (mut cargo, _) = tools.wasm.cargo(workspace, subcommand);
    for package in WASM_PACKAGES {
        cargo.args(["--package", package]);
    }
    match tools.wasm {
        WasmToolchain::InUse => cargo.args(["--", "-D", "warnings"]),
        WasmToolchain::Debian => {
            cargo.env("CARGO_UNSTABLE_WARNINGS", "true").env("CARGO_BUILD_WARNINGS", "deny")
        }
    };
    cargo
}

fn docs(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    cargo.args(["doc", "--workspace", "--no-deps"]);
    cargo
}

/// Unit, property, simulation, integration and documentation tests: all but those in browsers.
fn tests(workspace: &Workspace, seed: &str, filter: Option<&str>) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace", "--exclude", "meshwork-e2e"]);
    seeded(&mut cargo, seed);
    cargo.args(filter);
    cargo
}

fn browser_tests(workspace: &Workspace, seed: &str, filter: Option<&str>) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--package", "meshwork-e2e"]).env("MESHWORK_BIN", workspace.program());
    cargo.env("MESHWORK_TEST_PAGE", workspace.root.join("target/test-page"));
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        // A test is several browsers, each of many processes.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        cargo.env("RUST_TEST_THREADS", cores.min(BROWSER_TESTS_AT_ONCE_MAX).to_string());
    }
    seeded(&mut cargo, seed);
    cargo.args(filter);
    cargo
}

fn seeded<'a>(cargo: &'a mut Command, seed: &str) -> &'a mut Command {
    cargo.env("MESHWORK_SEED", seed);
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        cargo.env("PROPTEST_RNG_SEED", seed);
    }
    cargo
}

/// One seed for one state of the tree, so that a run can be repeated; MESHWORK_SEED overrules it.
fn seed(workspace: &Workspace) -> String {
    if let Ok(chosen) = std::env::var("MESHWORK_SEED") {
        return chosen;
    }
    let mut git = Command::new("git");
    git.args(["rev-parse", "HEAD^{tree}"]).current_dir(&workspace.root);
    let tree = git.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let number = tree.ok().and_then(|tree| u64::from_str_radix(tree.get(..16)?, 16).ok());
    // Outside a repository any fixed number will do.
    number.unwrap_or(1).to_string()
}

/// What was done, for the table at the end.
#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
}

impl Steps {
    fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("xtask: {name} ...");
        let started = Instant::now();
        let result = work();
        let elapsed = started.elapsed();
        eprintln!("xtask: {name}: {} after {}", word(result.is_ok()), step::seconds(elapsed));
        self.done.push((name, elapsed, result.is_ok()));
        result.with_context(|| format!("the step \"{name}\" failed"))
    }

    fn print(&self) {
        println!("\n{:<20} {:>9}  result", "step", "seconds");
        for (name, elapsed, passed) in &self.done {
            println!("{name:<20} {:>9.1}  {}", elapsed.as_secs_f64(), word(*passed));
        }
        let total: Duration = self.done.iter().map(|(_, elapsed, _)| *elapsed).sum();
        let passed = self.done.iter().all(|(_, _, passed)| *passed);
        println!("{:<20} {:>9.1}  {}", "all", total.as_secs_f64(), word(passed));
    }
}

fn word(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_a_flag_and_one_filter() {
        let both = parse(&["--fast", "canvas"]).expect("both are allowed");
        assert_eq!(both, Options { fast: true, filter: Some("canvas".to_owned()) });
        assert!(parse(&["--slow"]).is_err());
        assert!(parse(&["one", "two"]).is_err());
    }

    #[test]
    fn a_failed_step_is_named_and_remembered() {
        let mut steps = Steps::default();
        let error = steps.run("lints", || bail!("broken")).expect_err("the work failed");
        assert_eq!(error.to_string(), "the step \"lints\" failed");
        assert!(!steps.done[0].2);
    }
}
