//! `cargo xtask fuzz`: one decoder under libFuzzer, for as long as one likes, on the toolchain in use.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{Workspace, host};
use crate::{processor, step};

const PACKAGE: &str = "meshwork-fuzz";
/// How long a run takes where nothing else is said, in seconds.
const SECONDS: u32 = 60;
/// Longest input, in bytes: a whole message of a link.
const INPUT_MAX: u32 = 256 * 1024;
/// Coverage counters and comparisons as libFuzzer reads them: what cargo-fuzz asks of a nightly toolchain, less
/// the address sanitizer, which code without `unsafe` has little use for.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Runs one target; its corpus and its findings stay in `fuzz/corpus/TARGET`.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let names = targets(workspace)?;
    let Some((target, rest)) = arguments.split_first() else {
        println!("{}", names.join("\n"));
        return Ok(());
    };
    ensure!(names.contains(target), "there is no target `{target}`; there are {}", names.join(", "));
    let seconds = match rest {
        [] => SECONDS,
        [seconds] => seconds.parse().with_context(|| format!("`{seconds}` is not a number of seconds"))?,
        _ => bail!("a target and a number of seconds are enough"),
    };
    Searching::build(workspace)?.search(target, seconds)
}

/// Runs every target for [`SECONDS`], as many at a time as there are processors: each keeps one busy.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    let names = targets(workspace)?;
    let searching = Searching::build(workspace)?;
    let waiting = Mutex::new(names.iter());
    let one_after_the_other = || {
        let mut findings = Vec::new();
        while let Some(target) = waiting.lock().expect("nobody panics while holding it").next() {
            if let Err(error) = searching.search(target, SECONDS) {
                findings.push(format!("{target}: {error:#}"));
            }
        }
        (findings, processor::spent())
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let findings: Vec<String> = thread::scope(|scope| {
        let searches: Vec<_> = (0..processors).map(|_| scope.spawn(one_after_the_other)).collect();
        let ended = searches.into_iter().map(|search| search.join().expect("a search returns its errors"));
        ended
            .flat_map(|(findings, time)| {
                processor::add(time);
                findings
            })
            .collect()
    });
    ensure!(findings.is_empty(), "targets with a finding:\n{}", findings.join("\n"));
    Ok(())
}

/// The programs that search, built.
struct Searching<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
}

impl Searching<'_> {
    fn build(workspace: &Workspace) -> Result<Searching<'_>> {
        let (host, target) = (host()?, workspace.target.join("fuzz"));
        let mut cargo = workspace.cargo();
        // Instrumented builds have a folder of their own, so that no other build is made again after them.
        cargo.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", INSTRUMENTATION);
        cargo.args(["build", "--profile", "fuzz", "--package", PACKAGE, "--bin", "fuzz"]);
        cargo.args(["--features", "coverage"]);
        // With a target named, build scripts and macros are not instrumented, which could not be linked.
        cargo.args(["--target", &host]);
        step::check(&mut cargo)?;
        Ok(Searching { workspace, program: target.join(host).join("fuzz/fuzz") })
    }

    /// Begins with the honest examples of a target and what earlier searches left.
    fn search(&self, target: &str, seconds: u32) -> Result<()> {
        let corpus = self.workspace.root.join("fuzz/corpus").join(target);
        let mut examples = self.workspace.cargo();
        examples.args(["run", "--quiet", "--package", PACKAGE, "--bin", "corpus", "--", target]);
        step::check(examples.arg(&corpus))?;
        let mut search = Command::new(&self.program);
        search.arg(&corpus);
        search.args([format!("-max_total_time={seconds}"), format!("-max_len={INPUT_MAX}")]);
        search.arg(format!("-artifact_prefix={}/", corpus.display()));
        step::check(search.env("MESHWORK_FUZZ_TARGET", target))
    }
}

/// The names of all targets, as `fuzz/src/lib.rs` lists them.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let path = workspace.root.join("fuzz/src/lib.rs");
    let source = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names =
        source.lines().filter_map(|line| line.trim().strip_prefix("Target { name: \"")?.split('"').next());
    Ok(names.map(str::to_owned).collect())
}
