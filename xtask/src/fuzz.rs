//! `cargo xtask fuzz`: one decoder under libFuzzer, for as long as one likes, on the toolchain in use.

use anyhow::{Context, Result, bail, ensure};

use crate::step;
use crate::workspace::{Workspace, host};

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
    search(workspace, target, seconds)
}

/// Runs every target for [`SECONDS`].
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    for target in targets(workspace)? {
        search(workspace, &target, SECONDS)
            .with_context(|| format!("the target `{target}` has a finding"))?;
    }
    Ok(())
}

fn search(workspace: &Workspace, target: &str, seconds: u32) -> Result<()> {
    let corpus = workspace.root.join("fuzz/corpus").join(target);
    let mut examples = workspace.cargo();
    examples.args(["run", "--quiet", "--package", PACKAGE, "--bin", "corpus", "--", target]);
    step::check(examples.arg(&corpus))?;
    let mut cargo = workspace.cargo();
    // Instrumented builds have a folder of their own, so that no other build is made again after them.
    cargo.env("CARGO_TARGET_DIR", workspace.target.join("fuzz"));
    cargo.args(["run", "--profile", "fuzz", "--package", PACKAGE, "--features", "coverage", "--bin", "fuzz"]);
    // With a target named, build scripts and macros are not instrumented, which could not be linked.
    cargo.args(["--target", &host()?]);
    cargo.arg("--").arg(&corpus);
    cargo.args([format!("-max_total_time={seconds}"), format!("-max_len={INPUT_MAX}")]);
    cargo.arg(format!("-artifact_prefix={}/", corpus.display()));
    cargo.env("RUSTFLAGS", INSTRUMENTATION).env("MESHWORK_FUZZ_TARGET", target);
    step::check(&mut cargo)
}

/// The names of all targets, as `fuzz/src/lib.rs` lists them.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let path = workspace.root.join("fuzz/src/lib.rs");
    let source = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names =
        source.lines().filter_map(|line| line.trim().strip_prefix("Target { name: \"")?.split('"').next());
    Ok(names.map(str::to_owned).collect())
}
