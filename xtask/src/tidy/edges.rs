//! Which crate may use which: section "The house" of the design, as a table.

use anyhow::{Context, Result};
use serde_json::Value;

/// One of our crates, as `cargo metadata` tells it.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) licence: String,
    /// The crate's folder, from the root, with `/` between its parts.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
}

pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) is_ours: bool,
    pub(super) is_for_tests: bool,
}

/// What everybody may use all of it under: the text is in the file LICENSE.
const LICENCE: &str = "MIT";

const CHAT: &str = "meshwork-chat";
const CORE: &str = "meshwork-core";
/// The library that people add.
const LIBRARY: &str = "meshwork";
const ARCADE: &str = "meshwork-arcade";
const PLACE: &str = "meshwork-place";
const PLAY: &str = "meshwork-play";
const RTC: &str = "meshwork-rtc";
const SIGNAL: &str = "meshwork-signal";
const SIM: &str = "meshwork-sim";
const STUDY: &str = "meshwork-study";
const SYNC: &str = "meshwork-sync";

/// The rooms of the house, which the programs at its top may use freely.
const ROOMS: [&str; 16] = [
    CORE,
    CHAT,
    LIBRARY,
    SYNC,
    RTC,
    SIM,
    SIGNAL,
    STUDY,
    PLACE,
    "meshwork-lan",
    "meshwork-compute",
    "meshwork-engines",
    "meshwork-physics",
    PLAY,
    ARCADE,
    "meshwork-bridge",
];

/// What would let a clock, a socket, an async runtime, a browser or global randomness into core.
const FOREIGN_TO_CORE: [&str; 14] = [
    "async-std",
    "chrono",
    "futures",
    "getrandom",
    "instant",
    "js-sys",
    "mio",
    "rand",
    "socket2",
    "time",
    "tokio",
    "wasm-bindgen",
    "web-sys",
    "web-time",
];

/// What a crate may use in its programs, or `None` for a crate that has no place in the house.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    match name {
        CORE | "xtask" => Some(&[]),
        CHAT | SYNC | PLACE | PLAY | RTC | SIGNAL | "meshwork-lan" | "meshwork-physics" => Some(&[CORE]),
        SIM => Some(&[CORE, CHAT, PLACE, SYNC, "meshwork-lan"]),
        "meshwork-compute" => Some(&[CORE, SYNC]),
        "meshwork-engines" => Some(&[CORE, "meshwork-compute"]),
        ARCADE => Some(&[CORE, PLAY]),
        STUDY => Some(&[CORE, SIM]),
        // The simulator is the network that people's own tests run on, behind a feature.
        LIBRARY => Some(&[CORE, CHAT, PLACE, PLAY, RTC, SIM, SYNC, "meshwork-compute", "meshwork-lan"]),
        "meshwork-physics-js" => Some(&["meshwork-physics"]),
        "meshwork-bridge" => Some(&[CORE, RTC]),
        "meshwork-cli" | "meshwork-web" | "meshwork-js" | "meshwork-e2e" | "meshwork-e2e-page" => {
            Some(&ROOMS)
        }
        "meshwork-fuzz" => Some(&[
            CORE,
            CHAT,
            PLACE,
            PLAY,
            SIGNAL,
            SYNC,
            "meshwork-compute",
            "meshwork-lan",
            "meshwork-physics",
        ]),
        "meshwork-bench" => Some(&[CORE, CHAT, PLACE, PLAY, RTC, SIM, SIGNAL, SYNC, "meshwork-e2e"]),
        "example-vote-page" => Some(&[CORE, LIBRARY, "example-vote", "meshwork-web"]),
        example if example.starts_with("example-") => Some(&ROOMS),
        _ => None,
    }
}

/// What a crate may use in its tests besides: the drivers and the server are tried on the virtual network, and
/// the drivers with a real meeting point.
fn allowed_in_tests(name: &str) -> &'static [&'static str] {
    match name {
        RTC => &[PLACE, SIM, SIGNAL],
        SIGNAL => &[PLACE, SIM],
        ARCADE => &[SIGNAL],
        LIBRARY => &[SIGNAL],
        STUDY => &[PLACE, "meshwork-e2e"],
        _ => &[],
    }
}

pub(super) fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let root = metadata["workspace_root"].as_str().context("workspace_root")?;
    let packages = metadata["packages"].as_array().context("packages")?;
    packages.iter().map(|package| read_package(package, root)).collect()
}

pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    let version = packages.first().map(|package| package.version.as_str()).unwrap_or_default();
    for package in packages {
        let name = &package.name;
        if package.version != version {
            problems.push(format!(
                "{name} has version {}, but {} has {version}: all crates share one (version.workspace = true)",
                package.version, packages[0].name
            ));
        }
        if package.licence != LICENCE {
            let licence = &package.licence;
            problems.push(format!(
                "{name} has the licence `{licence}`, not {LICENCE} (license.workspace = true)"
            ));
        }
        let Some(allowed) = allowed(name) else {
            problems.push(format!("{name} has no place in the table of xtask/src/tidy/edges.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let used = dependency.name.as_str();
            let is_foreign = name == CORE && !dependency.is_for_tests && FOREIGN_TO_CORE.contains(&used);
            let is_allowed = allowed.contains(&used)
                || dependency.is_for_tests && allowed_in_tests(name).contains(&used)
                // A crate may use itself in its tests, with other features.
                || dependency.is_for_tests && used == name;
            if is_foreign || dependency.is_ours && !is_allowed {
                let place = if dependency.is_for_tests { " in its tests" } else { "" };
                problems.push(format!("{name} must not use {used}{place}"));
            }
        }
    }
    problems
}

fn read_package(package: &Value, root: &str) -> Result<Package> {
    let text = |key: &str| package[key].as_str().with_context(|| format!("a package's {key}"));
    let folder = text("manifest_path")?
        .trim_start_matches(root)
        .replace('\\', "/")
        .trim_start_matches('/')
        .trim_end_matches("Cargo.toml")
        .trim_end_matches('/')
        .to_owned();
    let dependencies = package["dependencies"].as_array().context("a package's dependencies")?;
    let dependencies = dependencies.iter().map(|dependency| {
        Ok(Dependency {
            name: dependency["name"].as_str().context("a dependency's name")?.to_owned(),
            is_ours: dependency["path"].is_string(),
            is_for_tests: dependency["kind"].as_str() == Some("dev"),
        })
    });
    Ok(Package {
        name: text("name")?.to_owned(),
        version: text("version")?.to_owned(),
        licence: package["license"].as_str().unwrap_or_default().to_owned(),
        folder,
        dependencies: dependencies.collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A house of one crate that uses one thing.
    fn house(name: &str, used: &str, kind: Option<&str>, is_ours: bool) -> Vec<Package> {
        let path = is_ours.then(|| format!("/house/crates/{used}"));
        let metadata = json!({
            "workspace_root": "/house",
            "packages": [{
                "name": name, "version": "0.1.0", "license": "MIT",
                "manifest_path": format!("/house/crates/{name}/Cargo.toml"),
                "dependencies": [{ "name": used, "kind": kind, "path": path }],
            }],
        });
        packages(&metadata).expect("this is what cargo writes")
    }

    #[test]
    fn folders_are_told_from_the_root() {
        assert_eq!(house(CORE, "serde", None, false)[0].folder, "crates/meshwork-core");
    }

    #[test]
    fn the_allowed_edges_pass() {
        let pairs = [
            (RTC, CORE),
            (SIM, SYNC),
            (STUDY, SIM),
            ("meshwork-bridge", RTC),
            ("meshwork-cli", "meshwork-signal"),
        ];
        for (name, used) in pairs {
            assert_eq!(check(&house(name, used, None, true)), Vec::<String>::new());
        }
    }

    #[test]
    fn other_edges_fail() {
        for (name, used) in [(CORE, SIM), (SIM, RTC), (SIM, STUDY), (RTC, "meshwork-signal"), ("xtask", CORE)]
        {
            assert_eq!(check(&house(name, used, None, true)), [format!("{name} must not use {used}")]);
        }
    }

    #[test]
    fn drivers_may_use_the_simulator_only_in_tests() {
        assert_eq!(check(&house(RTC, SIM, Some("dev"), true)), Vec::<String>::new());
        assert_eq!(check(&house(RTC, "meshwork-signal", Some("dev"), true)), Vec::<String>::new());
        assert_eq!(check(&house(RTC, SIM, None, true)).len(), 1);
        assert_eq!(check(&house(SIM, RTC, Some("dev"), true)).len(), 1);
    }

    #[test]
    fn core_stays_without_clock_and_sockets() {
        assert_eq!(check(&house(CORE, "tokio", None, false)), ["meshwork-core must not use tokio"]);
        assert_eq!(check(&house(CORE, "serde", None, false)), Vec::<String>::new());
    }

    #[test]
    fn a_crate_outside_the_table_fails() {
        assert!(check(&house("meshwork-attic", CORE, None, true))[0].contains("has no place"));
    }

    #[test]
    fn versions_and_licences_must_agree() {
        let mut both = house(CORE, "serde", None, false);
        both.extend(house(SIM, "serde", None, false));
        both[1].version = "0.2.0".to_owned();
        assert!(check(&both)[0].contains("all crates share one"));
        both[1].version = "0.1.0".to_owned();
        both[1].licence = "WTFPL".to_owned();
        assert!(check(&both)[0].contains("not MIT"));
        let text = include_str!("../../../LICENSE");
        assert!(text.starts_with("MIT License"), "{text}");
    }
}
