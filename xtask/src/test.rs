//! `cargo xtask test`: the checks of each change, in order of how soon they fail, and those of the nightly run.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::gpu::{self, Card};
use crate::pages::{Aim, Prepared};
use crate::setup::{self, NEXTEST, Need, wasm};
use crate::stamp::{self, Outcome};
use crate::workspace::Workspace;
use crate::{binary, deny, deploy, fuzz, pages, processor, sdk, server, slowest, step, tidy, weight};

/// These also run in browsers, so they are linted for wasm too.
const WASM_PACKAGES: [&str; 7] = [
    "meshwork",
    "meshwork-core",
    "meshwork-js",
    "meshwork-rtc",
    "meshwork-web",
    "meshwork-e2e-page",
    "example-vote-page",
];

/// Races. They compile other people's stacks, and give crates of everybody's other features, so they are built apart.
const RACES: &str = "meshwork-bench";
/// Chooses the tests of [`RACES`] when it is the filter.
const RACES_FILTER: &str = "bench";
/// Studies, which add little to what the other tests compile.
const STUDIES: &str = "meshwork-study";

/// What documentation and lints read.
const SOURCES: [&str; 6] = ["apps", "bench", "crates", "e2e", "examples", "fuzz"];
/// What the lints of each change read.
const SOURCES_BY_DAY: [&str; 5] = ["apps", "crates", "e2e", "examples", "fuzz"];
/// What decides over what comes from elsewhere, beside the lockfile.
const DEPENDENCIES: [&str; 1] = ["deny.toml"];

/// The linker misses a symbol: the compiler loses some now and then of crates that it optimises in increments
/// (rust-lang/rust#81280).
const LOST_SYMBOL: &str = "undefined hidden symbol: anon.";

/// What the user asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave the browsers out.
    fast: bool,
    /// What takes too long for every change, and random tests on fresh seeds, in the place of all other checks.
    nightly: bool,
    /// The tests that need a graphics card, in the place of all other checks.
    gpu: bool,
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
                "--gpu" => options.gpu = true,
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
    let need = if options.fast || options.gpu { Need::Tests } else { Need::Everything };
    setup::setup(workspace, need)?;
    if options.gpu {
        return gpu::test(workspace, Card::Real);
    }
    let run = Run { workspace, options, seed: seed(workspace, options.nightly) };
    eprintln!("xtask: random tests are seeded with MESHWORK_SEED={}", run.seed);
    if let Some(filter) = &options.filter
        && !options.nightly
    {
        eprintln!("xtask: the nightly run has more tests: cargo xtask test --nightly {filter}");
    }
    let mut steps = Steps::new();
    let result = run.all(&mut steps);
    steps.print();
    if run.is_day() {
        println!("{}", gpu::not_run(workspace)?);
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
    /// Whether this is a run for a change.
    fn is_day(&self) -> bool {
        self.options.filter.is_none() && !self.options.nightly
    }

    /// Whether all is checked that takes too long for each change.
    fn is_night(&self) -> bool {
        self.options.filter.is_none() && self.options.nightly
    }

    /// A night checks what people get, all else what is there soonest.
    fn aim(&self) -> Aim {
        if self.is_night() { Aim::Small } else { Aim::Quick }
    }

    /// The binary under test: the one that the test programs' build makes, or at night the release.
    fn program(&self) -> PathBuf {
        if self.is_night() { self.workspace.program() } else { self.workspace.debug_program() }
    }

    fn all(&self, steps: &mut Steps) -> Result<()> {
        let (workspace, options) = (self.workspace, self.options);
        if self.is_day() {
            steps.run("format", || step::check(&mut self.format()))?;
            steps.run("tidy", || tidy::tidy(workspace))?;
            steps.run_once("licences", workspace, &DEPENDENCIES, || deny::check(workspace))?;
        }
        // One large crate of the pages leaves a core idle for long, so they are built beside the others.
        let pages = std::thread::scope(|scope| {
            let pages = scope.spawn(|| {
                let mut steps = Steps::new();
                let result = if options.fast { Ok(None) } else { self.build_pages(&mut steps) };
                (steps, result)
            });
            let result = self.compile(steps);
            let (of_pages, pages) = pages.join().expect("building pages returns its errors");
            steps.done.extend(of_pages.done);
            result.and(pages)
        })?;
        if let Some(pages) = pages {
            pages.install()?;
        }
        if !options.fast {
            // The test programs are there, all but the binary with these pages in it.
            steps.run("program", || {
                step::check(self.tests()?.arg("--no-run"))?;
                server::check_pages(&workspace.debug_program(), &workspace.pages())
            })?;
            if self.is_day() {
                let program = self.program();
                steps.run("deployment", || deploy::check_files(workspace, &program))?;
            }
        }
        if self.is_night() {
            return self.night(steps);
        }
        self.run_tests(steps)?;
        if options.nightly && options.filter.as_deref() == Some(RACES_FILTER) {
            return steps.run("tests of races", || step::check(&mut self.race_tests()?));
        }
        Ok(())
    }

    /// All that takes too long for each change. A night reports all that it found, not only the first.
    fn night(&self, steps: &mut Steps) -> Result<()> {
        let workspace = self.workspace;
        let mut found = Vec::new();
        if !self.options.fast {
            found.push(steps.run("page size", || weight::check(workspace)));
            found.push(steps.run("package size", || sdk::check_size(workspace)));
            let release = steps.run("release binary", || binary::build(workspace).map(drop));
            // Without it there is nothing to test.
            release?;
            found.push(steps.run("image", || deploy::check_image(workspace)));
        }
        found.push(self.run_tests(steps));
        found.push(steps.run("tests of shaders", || gpu::test(workspace, Card::Software)));
        found.push(
            steps.run_once("lints of shaders", workspace, &SOURCES, || {
                step::check(&mut gpu::lints(workspace))
            }),
        );
        found.push(steps.run("tests of races", || step::check(&mut self.race_tests()?)));
        found.push(steps.run_once("lints of studies", workspace, &SOURCES, || {
            step::check(&mut self.lints(&["--workspace", "--exclude", RACES]))
        }));
        found.push(steps.run_once("lints of races", workspace, &SOURCES, || {
            step::check(&mut self.lints(&["--package", RACES]))
        }));
        found.push(
            steps.run_once("lints for wasm", workspace, &SOURCES, || step::check(&mut self.wasm_lints())),
        );
        found.push(steps.run_once("docs", workspace, &SOURCES, || {
            step::check(&mut self.docs(&["--workspace", "--exclude", RACES]))?;
            step::check(&mut self.docs(&["--package", RACES]))
        }));
        found.push(steps.run("search by coverage", || fuzz::all(workspace)));
        found.push(steps.run("packages", || step::check(&mut self.packages())));
        found.into_iter().collect()
    }

    /// Lints, the test programs, and the tests that need no more than those: all for this system's processor.
    fn compile(&self, steps: &mut Steps) -> Result<()> {
        let workspace = self.workspace;
        if self.is_day() {
            steps.run_once("lints", workspace, &SOURCES_BY_DAY, || {
                step::check(&mut self.lints(&["--workspace", "--exclude", RACES, "--exclude", STUDIES]))
            })?;
        }
        steps.run("test programs", || self.build_tests())?;
        if !self.options.nightly {
            steps.run("tests of xtask", || step::check(&mut self.own_tests()?))?;
        }
        if self.is_day() {
            steps.run("documentation tests", || step::check(&mut self.documentation_tests()))?;
        }
        Ok(())
    }

    /// Builds the test programs. Crates whose symbols are lost stay so: they are then deleted, and built once more.
    fn build_tests(&self) -> Result<()> {
        let (built, is_lost) = step::check_for(self.tests()?.arg("--no-run"), LOST_SYMBOL)?;
        if built.is_ok() || !is_lost {
            return built;
        }
        step::run("crates whose symbols are lost", self.workspace.cargo().args(["clean", "--workspace"]))?;
        step::check(self.tests()?.arg("--no-run"))
    }

    /// Builds what browsers load. The pages stay apart until nobody compiles the binary around those of before.
    fn build_pages(&self, steps: &mut Steps) -> Result<Option<Prepared>> {
        let workspace = self.workspace;
        let mut prepared = None;
        // No stamps here: `run` and `bench` leave other builds in the same folders, and what is current is told there.
        steps.run("pages", || {
            prepared = pages::prepare(workspace, self.aim())?;
            Ok(())
        })?;
        steps.run("test page", || pages::build_test_page(workspace, Aim::Quick).map(drop))?;
        steps.record("npm package", || sdk::build_for_tests(workspace))?;
        Ok(prepared)
    }

    fn run_tests(&self, steps: &mut Steps) -> Result<()> {
        slowest::forget(self.workspace, self.profile())?;
        let result = steps.run("tests", || step::check(&mut self.tests()?));
        match slowest::tables(self.workspace, self.profile()) {
            Ok(tables) => steps.slowest = tables,
            Err(error) => eprintln!("xtask: the slowest tests are not known: {error:#}"),
        }
        result
    }

    fn format(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["fmt", "--all", "--check"]);
        cargo
    }

    /// All findings of all crates, not only those of the first that has some.
    fn lints(&self, packages: &[&str]) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.arg("clippy").args(packages).args(["--all-targets", "--keep-going"]);
        cargo.args(["--", "-D", "warnings"]);
        cargo
    }

    fn wasm_lints(&self) -> Command {
        let (mut cargo, _) = wasm::cargo(self.workspace, "clippy");
        for package in WASM_PACKAGES {
            cargo.args(["--package", package]);
        }
        cargo.args(["--keep-going", "--", "-D", "warnings"]);
        cargo
    }

    fn docs(&self, packages: &[&str]) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.env("RUSTDOCFLAGS", "-D warnings");
        cargo.arg("doc").args(packages).args(["--no-deps", "--keep-going"]);
        cargo
    }

    /// The crates whose tests run: one graph of dependencies, one queue. Studies add crates to it and change none, so a
    /// night builds nothing anew that a day built.
    fn tested(&self) -> Vec<&'static str> {
        let mut packages = vec!["--workspace", "--exclude", "xtask", "--exclude", RACES];
        if !self.options.nightly {
            packages.extend(["--exclude", STUDIES]);
        }
        packages
    }

    /// Unit, property, simulation, integration and browser tests, those of decoders too.
    fn tests(&self) -> Result<Command> {
        let mut nextest = self.nextest(&self.tested())?;
        nextest.args(self.options.filter.as_deref());
        if self.options.fast {
            let browsers =
                format!("not (package(meshwork-e2e) or package({STUDIES}) and test(/^reports::/))");
            nextest.args(["--filterset", &browsers]);
        }
        Ok(nextest)
    }

    /// Apart, since this program's dependencies are built with features of their own when it is started.
    fn own_tests(&self) -> Result<Command> {
        let mut nextest = self.nextest(&["--package", "xtask"])?;
        nextest.args(self.options.filter.as_deref());
        Ok(nextest)
    }

    fn race_tests(&self) -> Result<Command> {
        let mut nextest = self.nextest(&["--package", RACES])?;
        if self.options.fast {
            nextest.args(["--filterset", "not test(in_a_browser)"]);
        }
        Ok(nextest)
    }

    fn nextest(&self, packages: &[&str]) -> Result<Command> {
        let workspace = self.workspace;
        let mut nextest = NEXTEST.command(workspace)?;
        crate::workspace::forget_xtask(&mut nextest);
        nextest.current_dir(&workspace.root).args(["nextest", "run", "--profile", self.profile()]);
        nextest.args(packages).args(["--no-tests", "pass"]);
        nextest.args(["--test-threads", &threads().to_string()]);
        nextest.env("MESHWORK_BIN", self.program());
        nextest.env("MESHWORK_TEST_PAGE", workspace.root.join("target/test-page"));
        nextest.env("MESHWORK_SDK", workspace.sdk(Aim::Quick));
        if self.options.nightly {
            nextest.env("MESHWORK_NIGHTLY", "1");
        }
        self.seeded(&mut nextest);
        Ok(nextest)
    }

    fn documentation_tests(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["test", "--doc", "--quiet"]).args(self.tested());
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

/// What was done, for the tables at the end.
struct Steps {
    started: Instant,
    done: Vec<Step>,
    slowest: String,
}

struct Step {
    name: &'static str,
    clock: Duration,
    processor: Duration,
    result: &'static str,
}

impl Steps {
    fn new() -> Steps {
        Steps { started: Instant::now(), done: Vec::new(), slowest: String::new() }
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
        let (started, spent) = (Instant::now(), processor::spent());
        let result = work();
        let (clock, processor) = (started.elapsed(), processor::spent() - spent);
        let word = match result {
            Ok(Outcome::Done) => "passed",
            Ok(Outcome::Unchanged) => "unchanged",
            Err(_) => "FAILED",
        };
        eprintln!(
            "xtask: {name}: {word} after {}, {} of a processor",
            step::seconds(clock),
            step::seconds(processor)
        );
        self.done.push(Step { name, clock, processor, result: word });
        result.map(drop).with_context(|| format!("the step \"{name}\" failed"))
    }

    /// Pages are built beside other steps, so the sum may exceed the time that the run took.
    fn print(&self) {
        let line = |name: &str, clock: Duration, processor: Duration, result: &str| {
            let (clock, processor) = (clock.as_secs_f64(), processor.as_secs_f64());
            println!("{name:<20} {clock:>9.1} {processor:>10.1}  {result}");
        };
        println!("\n{:<20} {:>9} {:>10}  result", "step", "seconds", "processor");
        for step in &self.done {
            line(step.name, step.clock, step.processor, step.result);
        }
        let passed = self.done.iter().all(|step| step.result != "FAILED");
        let processor = self.done.iter().map(|step| step.processor).sum();
        line("all", self.started.elapsed(), processor, if passed { "passed" } else { "FAILED" });
        println!("{}", self.slowest);
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
        assert_eq!(both, Options { fast: true, filter: Some("canvas".to_owned()), ..Options::default() });
        assert!(parse(&["--nightly"]).expect("it is a flag").nightly);
        assert!(parse(&["--gpu"]).expect("it is a flag").gpu);
        assert!(parse(&["--slow"]).is_err());
        assert!(parse(&["one", "two"]).is_err());
    }

    #[test]
    fn a_failed_step_is_named_and_remembered() {
        let mut steps = Steps::new();
        let error = steps.run("lints", || bail!("broken")).expect_err("the work failed");
        assert_eq!(error.to_string(), "the step \"lints\" failed");
        assert_eq!(steps.done[0].result, "FAILED");
    }
}
