//! `cargo xtask dist`: what is handed to people who build nothing: the program, its image, what is in it, and checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::image;
use crate::workspace::{Workspace, host};

/// The package that the program is of.
const PROGRAM: &str = "meshwork-cli";

/// Builds everything into `target/dist`, and returns that folder.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let archive = image::build(workspace)?;
    let host = host()?;
    let program = workspace.target.join(&host).join("release/meshwork");
    let metadata = metadata(workspace, &host)?;
    let folder = workspace.root.join("target/dist");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let bill = bill_of_materials(&metadata)?;
    let version = bill["metadata"]["component"]["version"].as_str().context("the program has a version")?;
    let name = format!("meshwork-{version}-{host}");
    fs::copy(&program, folder.join(&name)).with_context(|| format!("cannot copy {}", program.display()))?;
    fs::copy(&archive, folder.join(format!("{name}.oci.tar"))).context("cannot copy the image")?;
    fs::write(folder.join(format!("{name}.cdx.json")), serde_json::to_vec_pretty(&bill)?)?;
    fs::write(folder.join("SHA256SUMS"), checksums(&folder)?)?;
    Ok(folder)
}

/// What cargo knows of the packages for this machine.
fn metadata(workspace: &Workspace, host: &str) -> Result<Value> {
    let mut cargo = workspace.cargo();
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cargo metadata writes JSON")
}

/// What is in the program, by name, version and licence, as CycloneDX 1.6 has it: all that it is linked with, and nothing
/// that only builds or tests it.
fn bill_of_materials(metadata: &Value) -> Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let (root, program) = packages
        .iter()
        .find(|(_, package)| package["name"] == PROGRAM)
        .context("the program is a package")?;
    let (mut linked, mut new) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(id) = new.pop() {
        for dependency in list(&nodes.get(&id).context("every package is resolved")?["deps"]) {
            let is_linked = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let id = text(&dependency["pkg"]);
            if is_linked && linked.insert(id.clone()) {
                new.push(id);
            }
        }
    }
    let component = |package: &Value| {
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        let licence = text(&package["license"]);
        let mut component = json!({
            "type": "library", "name": name, "version": version, "purl": format!("pkg:cargo/{name}@{version}"),
        });
        if !licence.is_empty() {
            component["licenses"] = json!([{ "expression": licence }]);
        }
        component
    };
    let components: Vec<Value> = linked.iter().filter_map(|id| packages.get(id)).map(component).collect();
    Ok(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "component": {
            "type": "application", "name": "meshwork", "version": program["version"],
            "licenses": [{ "expression": program["license"] }],
        } },
        "components": components,
    }))
}

/// A line for each file, as `sha256sum --check` reads it.
fn checksums(folder: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut lines = String::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().context("it has a name")?.to_string_lossy();
        Sha256::digest(&bytes).iter().try_for_each(|byte| write!(lines, "{byte:02x}"))?;
        writeln!(lines, "  {name}")?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_names_what_is_linked() {
        let dependency = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let package =
            |id: &str, name: &str| json!({ "id": id, "name": name, "version": "1.2.3", "license": "MIT" });
        let metadata = json!({
            "packages": [package("a", PROGRAM), package("b", "linked"), package("c", "tests"), package("d", "deep")],
            "resolve": { "nodes": [
                { "id": "a", "deps": [dependency("b", Value::Null), dependency("c", json!("dev"))] },
                { "id": "b", "deps": [dependency("d", Value::Null), dependency("c", json!("build"))] },
                { "id": "c", "deps": [] },
                { "id": "d", "deps": [dependency("b", Value::Null)] },
            ] },
        });
        let bill = bill_of_materials(&metadata).expect("all are resolved");
        let named: Vec<&str> = bill["components"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|it| it["name"].as_str())
            .collect();
        assert_eq!(named, ["linked", "deep"]);
        assert_eq!(bill["components"][0]["purl"], "pkg:cargo/linked@1.2.3");
        assert_eq!(bill["metadata"]["component"]["version"], "1.2.3");
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("b"), "").expect("it is written");
        fs::write(folder.path().join("a"), "abc").expect("it is written");
        let sums = checksums(folder.path()).expect("they are read");
        assert_eq!(
            sums,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n"
        );
    }
}
