//! `cargo xtask test`: every check there is, in order of how soon it fails.

use std::num::NonZero;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::pages::Aim;
use crate::setup::{self, NEXTEST, Need, wasm};
use crate::stamp::{self, Outcome};
use crate::workspace::Workspace;
use crate::{binary, deny, deploy, fuzz, pages, sdk, slowest, step, tidy, weight};

/// These also run in browsers, so they are linted for wasm too.
const WASM_PACKAGES: [&str; 6] =
    ["meshwork", "meshwork-core", "meshwork-js", "meshwork-rtc", "meshwork-web", "meshwork-e2e-page"];

/// What documentation and lints read.
const SOURCES: [&str; 6] = ["apps", "bench", "crates", "e2e", "examples", "fuzz"];
/// What decides over what comes from elsewhere, beside the lockfile.
const DEPENDENCIES: [&str; 1] = ["deny.toml"];

/// What the user asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave the browsers out.
    fast: bool,
    /// What takes too long for every change, and random tests on fresh seeds, in the place of all other checks.
    nightly: bool,
    /// Only tests whose names contain this, and no other checks.
    filter: Option<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options::default();
        for argument in arguments {
            match argument.as_str() {
                "--fast" => options.fast = true,
                "--nightly" => options.nightly = true,
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
    let need = if options.fast { Need::Tests } else { Need::Everything };
    setup::setup(workspace, need)?;
    let run = Run { workspace, options, seed: seed(workspace, options.nightly) };
    eprintln!("xtask: random tests are seeded with MESHWORK_SEED={}", run.seed);
    let mut steps = Steps::new();
    let result = run.all(&mut steps);
    steps.print();
    if let Err(error) = slowest::print(workspace, run.profile()) {
        eprintln!("xtask: the slowest tests cannot be told: {error:#}");
    }
    result
}

/// One run of the checks.
struct Run<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    seed: String,
}

impl Run<'_> {
    /// Whether this is a run for a change, in which everything is checked.
    fn is_whole(&self) -> bool {
        self.options.filter.is_none() && !self.options.nightly
    }

    fn all(&self, steps: &mut Steps) -> Result<()> {
        let (workspace, options) = (self.workspace, self.options);
        if self.is_whole() {
            steps.run("format", || step::check(&mut self.format()))?;
            steps.run("tidy", || tidy::tidy(workspace))?;
            steps.run_once("licences", workspace, &DEPENDENCIES, || deny::check(workspace))?;
        }
        // The pages' compiler keeps one core busy for long, so it runs beside the others.
        std::thread::scope(|scope| {
            let pages = scope.spawn(|| {
                let mut steps = Steps::new();
                let result = if options.fast { Ok(()) } else { self.build_pages(&mut steps) };
                (steps, result)
            });
            let result = self.compile(steps);
            let (of_pages, pages) = pages.join().expect("building pages returns its errors");
            steps.done.extend(of_pages.done);
            result.and(pages)
        })?;
        if !options.fast {
            steps.run("binary", || binary::build(workspace).map(drop))?;
            if self.is_whole() {
                steps.run("deployment", || deploy::check(workspace))?;
            }
        }
        let tests = steps.run("tests", || step::check(&mut self.tests()?));
        if !options.nightly || options.filter.is_some() {
            return tests;
        }
        // A night tells all that it found.
        let searches = steps.run("search by coverage", || fuzz::all(workspace));
        let packages = steps.run("packages", || step::check(&mut self.packages()));
        tests.and(searches).and(packages)
    }

    /// Lints, documentation, the test programs and the binary's crates: all that the compiler in use makes. Tests that
    /// need no more than that are run here, while the pages' compiler has the other core.
    fn compile(&self, steps: &mut Steps) -> Result<()> {
        let workspace = self.workspace;
        if self.is_whole() {
            steps.run_once("lints", workspace, &SOURCES, || step::check(&mut self.lints()))?;
            steps.run_once("lints for wasm", workspace, &SOURCES, || step::check(&mut self.wasm_lints()))?;
            steps.run_once("docs", workspace, &SOURCES, || step::check(&mut self.docs()))?;
        }
        steps.run("test programs", || self.build_tests())?;
        if !self.options.nightly {
            steps.run("tests of xtask", || step::check(&mut self.own_tests()?))?;
        }
        if self.is_whole() {
            steps.run("documentation tests", || step::check(&mut self.documentation_tests()))?;
        }
        if !self.options.fast {
            // Around whatever pages there are: what is left when the new ones are ready is to put them in.
            steps.run("binary's crates", || binary::build(workspace).map(drop))?;
        }
        Ok(())
    }

    /// The compiler loses symbols now and then of crates that it optimises in increments (rust-lang/rust#81280), and
    /// stays so: what it made of ours is then deleted, and made once more.
    fn build_tests(&self) -> Result<()> {
        let (built, is_lost) =
            step::check_for(self.tests()?.arg("--no-run"), "undefined hidden symbol: anon.")?;
        if built.is_ok() || !is_lost {
            return built;
        }
        step::run("crates whose symbols are lost", self.workspace.cargo().args(["clean", "--workspace"]))?;
        step::check(self.tests()?.arg("--no-run"))
    }

    fn build_pages(&self, steps: &mut Steps) -> Result<()> {
        let workspace = self.workspace;
        // No stamps here: `run` and `bench` leave other builds in the same folders, and what is current is told there.
        steps.run("pages", || pages::build(workspace, Aim::Small))?;
        steps.run("page size", || weight::check(workspace))?;
        steps.run("test page", || pages::build_test_page(workspace, Aim::Quick).map(drop))?;
        steps.record("npm package", || sdk::build_for_tests(workspace))
    }

    fn format(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["fmt", "--all", "--check"]);
        cargo
    }

    fn lints(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["clippy", "--workspace", "--all-targets"]);
        cargo.args(["--", "-D", "warnings"]);
        cargo
    }

    fn wasm_lints(&self) -> Command {
        let (mut cargo, _) = wasm::cargo(self.workspace, "clippy");
        for package in WASM_PACKAGES {
            cargo.args(["--package", package]);
        }
        cargo.args(["--", "-D", "warnings"]);
        cargo
    }

    fn docs(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.env("RUSTDOCFLAGS", "-D warnings");
        cargo.args(["doc", "--workspace", "--no-deps"]);
        cargo
    }

    /// Unit, property, simulation, integration and browser tests, those of decoders and races too: one graph of
    /// dependencies, one queue.
    fn tests(&self) -> Result<Command> {
        let mut nextest = self.nextest(&["--workspace", "--exclude", "xtask"])?;
        if self.options.fast {
            nextest.args(["--filterset", "not package(meshwork-e2e)"]);
        }
        nextest.env("MESHWORK_BIN", self.workspace.program());
        nextest.env("MESHWORK_TEST_PAGE", self.workspace.root.join("target/test-page"));
        nextest.env("MESHWORK_SDK", self.workspace.sdk(Aim::Quick));
        Ok(nextest)
    }

    /// Apart, since this program's dependencies are built with features of their own when it is started.
    fn own_tests(&self) -> Result<Command> {
        self.nextest(&["--package", "xtask"])
    }

    fn nextest(&self, packages: &[&str]) -> Result<Command> {
        let mut nextest = NEXTEST.command(self.workspace)?;
        crate::workspace::forget_xtask(&mut nextest);
        nextest.current_dir(&self.workspace.root).args(["nextest", "run", "--profile", self.profile()]);
        nextest.args(packages).args(["--no-tests", "pass"]);
        nextest.args(["--test-threads", &threads().to_string()]);
        nextest.args(self.options.filter.as_deref());
        if self.options.nightly {
            nextest.env("MESHWORK_NIGHTLY", "1");
        }
        self.seeded(&mut nextest);
        Ok(nextest)
    }

    fn documentation_tests(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["test", "--doc", "--workspace", "--exclude", "xtask", "--quiet"]);
        self.seeded(&mut cargo);
        cargo
    }

    /// What would be published, each built as whoever adds it gets it.
    fn packages(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["publish", "--workspace", "--dry-run", "--allow-dirty"]);
        cargo
    }

    fn profile(&self) -> &'static str {
        if self.options.nightly { "nightly" } else { "default" }
    }

    fn seeded(&self, command: &mut Command) {
        command.env("MESHWORK_SEED", &self.seed);
        if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
            command.env("PROPTEST_RNG_SEED", &self.seed);
        }
    }
}

/// How many tests run at a time: three for two cores, since who waits for a browser idles a third of the time.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    cores + cores / 2
}

/// One seed for one state of the tree, so that a run can be repeated, and a fresh one at night; MESHWORK_SEED
/// overrules both.
fn seed(workspace: &Workspace, nightly: bool) -> String {
    if let Ok(chosen) = std::env::var("MESHWORK_SEED") {
        return chosen;
    }
    if nightly {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        return now.map_or(1, |since| since.as_secs()).to_string();
    }
    let mut git = Command::new("git");
    git.args(["rev-parse", "HEAD^{tree}"]).current_dir(&workspace.root);
    let tree = git.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let number = tree.ok().and_then(|tree| u64::from_str_radix(tree.get(..16)?, 16).ok());
    // Outside a repository any fixed number will do.
    number.unwrap_or(1).to_string()
}

/// What was done, for the table at the end.
struct Steps {
    started: Instant,
    done: Vec<(&'static str, Duration, &'static str)>,
}

impl Steps {
    fn new() -> Steps {
        Steps { started: Instant::now(), done: Vec::new() }
    }

    fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.record(name, || work().map(|()| Outcome::Done))
    }

    /// Skips the work where these paths are as they were when it last passed.
    fn run_once(
        &mut self,
        name: &'static str,
        workspace: &Workspace,
        paths: &[&str],
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        self.record(name, || stamp::unless_unchanged(workspace, name, paths, work))
    }

    fn record(&mut self, name: &'static str, work: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        eprintln!("xtask: {name} ...");
        let started = Instant::now();
        let result = work();
        let elapsed = started.elapsed();
        let word = match result {
            Ok(Outcome::Done) => "passed",
            Ok(Outcome::Unchanged) => "unchanged",
            Err(_) => "FAILED",
        };
        eprintln!("xtask: {name}: {word} after {}", step::seconds(elapsed));
        self.done.push((name, elapsed, word));
        result.map(drop).with_context(|| format!("the step \"{name}\" failed"))
    }

    /// Pages are built beside other steps, so the sum may exceed the time that the run took.
    fn print(&self) {
        println!("\n{:<20} {:>9}  result", "step", "seconds");
        for (name, elapsed, word) in &self.done {
            println!("{name:<20} {:>9.1}  {word}", elapsed.as_secs_f64());
        }
        let passed = self.done.iter().all(|(_, _, word)| *word != "FAILED");
        let elapsed = self.started.elapsed().as_secs_f64();
        println!("{:<20} {elapsed:>9.1}  {}", "all, by the clock", if passed { "passed" } else { "FAILED" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_flags_and_one_filter() {
        let both = parse(&["--fast", "canvas"]).expect("both are allowed");
        assert_eq!(both, Options { fast: true, nightly: false, filter: Some("canvas".to_owned()) });
        assert!(parse(&["--nightly"]).expect("it is a flag").nightly);
        assert!(parse(&["--slow"]).is_err());
        assert!(parse(&["one", "two"]).is_err());
    }

    #[test]
    fn a_failed_step_is_named_and_remembered() {
        let mut steps = Steps::new();
        let error = steps.run("lints", || bail!("broken")).expect_err("the work failed");
        assert_eq!(error.to_string(), "the step \"lints\" failed");
        assert_eq!(steps.done[0].2, "FAILED");
    }
}
