//! What a result depends on: the machine, the versions, the day.

use std::fs;
use std::process::Command;

/// The version of a package as `Cargo.lock` pins it, with its name: `yrs 0.28.1`.
///
/// # Panics
/// When this workspace does not have the package: a race names what it runs against.
pub fn locked(package: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let entry = format!("name = \"{package}\"\nversion = \"");
    let rest = lock.split(&entry).nth(1).expect("a race names a package that is in Cargo.lock");
    format!("{package} {}", rest.split('"').next().unwrap_or("?"))
}

/// Processor, cores, memory, system and compiler, in one line.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|total| {
        let kib: u64 = total.split(' ').next()?.parse().ok()?;
        Some(format!(", {} GiB", kib.div_ceil(1024 * 1024)))
    });
    let system = said("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.to_owned());
    let compiler = said("rustc", &["-V"]).unwrap_or_else(|| "rustc unknown".to_owned());
    let compiler = compiler.split(" (").next().unwrap_or_default();
    format!("{processor}, {cores} cores{}, {system}, {compiler}, release build", memory.unwrap_or_default())
}

/// Which Meshwork this is: the version, and the commit where there is a repository.
pub fn meshwork() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let commit = said("git", &["rev-parse", "--short=9", "HEAD"]);
    commit.map_or_else(|| format!("Meshwork {version}"), |commit| format!("Meshwork {version} at {commit}"))
}

/// Today, UTC.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_those_of_the_lock_file() {
        let version = super::locked("yrs");
        assert!(version.starts_with("yrs 0."), "{version}");
        assert_eq!(super::today().len(), 10);
    }
}
