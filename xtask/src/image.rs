//! `cargo xtask image`: the image that `deploy/Dockerfile` describes, as a file, without docker.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::binary;
use crate::workspace::Workspace;

/// The name under which the file is loaded.
const NAME: &str = "meshwork:latest";

/// Builds the program and leaves its image at `target/meshwork-image.tar`.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let program = binary::build_static(workspace)?;
    let archive = workspace.root.join("target/meshwork-image.tar");
    write(&Recipe::read(workspace)?, &program, &[], &archive)?;
    Ok(archive)
}

/// The last stage of the Dockerfile.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// From where in the stage before, to where, and whose it is then (user and group).
    copies: Vec<(String, String, u64)>,
    environment: Vec<String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    user: String,
    stop_signal: String,
    entry_point: Vec<String>,
    arguments: Vec<String>,
}

impl Recipe {
    pub(crate) fn read(workspace: &Workspace) -> Result<Recipe> {
        let file = workspace.root.join("deploy/Dockerfile");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Recipe::parse(&text).with_context(|| format!("{} cannot be followed", file.display()))
    }

    /// Reads the instructions that the file uses, in the forms that it uses; any other is an error.
    fn parse(dockerfile: &str) -> Result<Recipe> {
        let (_, stage) =
            dockerfile.rsplit_once("FROM scratch\n").context("its last stage starts from nothing")?;
        let mut recipe = Recipe::default();
        let lines = stage.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
            let words = || rest.split(' ').map(str::to_owned).collect::<Vec<_>>();
            let list = || serde_json::from_str::<Vec<String>>(rest).with_context(|| format!("`{line}`"));
            match instruction {
                "COPY" => recipe.copies.push(copied(rest).with_context(|| format!("`{line}`"))?),
                "ENV" => recipe.environment.extend(words()),
                "EXPOSE" => recipe.ports.extend(words()),
                "VOLUME" => recipe.volumes.extend(words()),
                "USER" => recipe.user = rest.to_owned(),
                "STOPSIGNAL" => recipe.stop_signal = rest.to_owned(),
                "ENTRYPOINT" => recipe.entry_point = list()?,
                "CMD" => recipe.arguments = list()?,
                _ => bail!("`{line}` is an instruction that is not known here"),
            }
        }
        Ok(recipe)
    }

    /// What the image says of itself (OCI image specification, "Image Configuration").
    fn configuration(&self, layer: &str) -> Value {
        let keys =
            |names: &[String]| names.iter().map(|name| (name.clone(), json!({}))).collect::<BTreeMap<_, _>>();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        json!({
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": self.user,
                "ExposedPorts": keys(&self.ports),
                "Env": self.environment,
                "Entrypoint": self.entry_point,
                "Cmd": self.arguments,
                "Volumes": keys(&self.volumes),
                "WorkingDir": "/",
                "StopSignal": self.stop_signal,
            },
            "rootfs": { "type": "layers", "diff_ids": [layer] },
        })
    }
}

/// `--from=build [--chown=N:N] SOURCE TARGET`.
fn copied(words: &str) -> Result<(String, String, u64)> {
    let mut words = words.split(' ');
    ensure!(words.next() == Some("--from=build"), "it copies from the stage named build");
    let mut source = words.next().context("a source")?;
    let mut owner = 0;
    if let Some(names) = source.strip_prefix("--chown=") {
        let (user, group) = names.split_once(':').context("a user and a group")?;
        ensure!(user == group, "user and group are one number");
        owner = user.parse().context("a user's number")?;
        source = words.next().context("a source")?;
    }
    let target = words.next().context("a target")?;
    ensure!(words.next().is_none(), "one source and one target");
    Ok((source.to_owned(), target.to_owned(), owner))
}

/// Writes the image as an archive in the layout of OCI, which `docker load` reads too.
///
/// `/out/meshwork` of the recipe is `program`, all else in `/out` an empty folder. `libraries` are put where they lie.
pub(crate) fn write(recipe: &Recipe, program: &Path, libraries: &[PathBuf], archive: &Path) -> Result<()> {
    let mut layer = Builder::new(Vec::new());
    for (source, target, owner) in &recipe.copies {
        let file = (source == "/out/meshwork").then_some(program);
        add(&mut layer, target, *owner, file)?;
    }
    for library in libraries {
        add(&mut layer, &library.to_string_lossy(), 0, Some(library))?;
    }
    let layer = layer.into_inner().context("the layer was not written")?;
    let layer_digest = digest(&layer);
    let configuration = serde_json::to_vec(&recipe.configuration(&layer_digest))?;
    let blob = |media: &str, bytes: &[u8]| json!({ "mediaType": media, "digest": digest(bytes), "size": bytes.len() });
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("application/vnd.oci.image.config.v1+json", &configuration),
        "layers": [blob("application/vnd.oci.image.layer.v1.tar", &layer)],
    }))?;
    let mut entry = blob("application/vnd.oci.image.manifest.v1+json", &manifest);
    // The one name is for skopeo, umoci and podman, the other for containerd.
    entry["annotations"] = json!({
        "org.opencontainers.image.ref.name": "latest",
        "io.containerd.image.name": format!("docker.io/library/{NAME}"),
    });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    // Docker before its version 25 reads this instead.
    let docker = json!([{
        "Config": path(&configuration),
        "RepoTags": [NAME],
        "Layers": [path(&layer)],
    }]);
    let file = File::create(archive).with_context(|| format!("cannot write {}", archive.display()))?;
    let mut image = Builder::new(file);
    append(&mut image, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    append(&mut image, "index.json", &serde_json::to_vec(&index)?)?;
    append(&mut image, "manifest.json", &serde_json::to_vec(&docker)?)?;
    for bytes in [&manifest, &configuration, &layer] {
        append(&mut image, &path(bytes), bytes)?;
    }
    image.into_inner().and_then(|file| file.sync_all()).context("the image was not written")
}

/// A program, or a folder where there is no file.
fn add(layer: &mut Builder<Vec<u8>>, target: &str, owner: u64, file: Option<&Path>) -> Result<()> {
    let mut bytes = Vec::new();
    if let Some(file) = file {
        let read = File::open(file).and_then(|mut file| file.read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {}", file.display()))?;
    }
    let kind = if file.is_some() { EntryType::Regular } else { EntryType::Directory };
    let mut header = header(kind, 0o755, &bytes);
    header.set_uid(owner);
    header.set_gid(owner);
    layer.append_data(&mut header, target.trim_start_matches('/'), bytes.as_slice())?;
    Ok(())
}

fn append(image: &mut Builder<File>, name: &str, bytes: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, 0o644, bytes);
    image.append_data(&mut header, name, bytes).with_context(|| format!("cannot write {name}"))
}

/// One without a time, so that equal programs make equal images.
fn header(kind: EntryType, mode: u32, bytes: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hash(bytes))
}

fn path(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dockerfiles_last_stage_is_followed() {
        let recipe = Recipe::parse(include_str!("../../deploy/Dockerfile"))
            .unwrap_or_else(|error| panic!("{error:#}"));
        assert!(recipe.copies.contains(&("/out/meshwork".into(), "/meshwork".into(), 0)));
        assert_eq!((recipe.entry_point[0].as_str(), recipe.arguments[0].as_str()), ("/meshwork", "serve"));
        assert!(
            recipe.volumes.iter().all(|volume| recipe.copies.iter().any(|(_, target, _)| target == volume))
        );
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let bad = [
            "RUN true",
            "COPY . .",
            "COPY --from=build --chown=me:me /out/data /data",
            "COPY --from=build /out/data",
            "ENTRYPOINT /meshwork",
        ];
        for line in bad {
            let error =
                Recipe::parse(&format!("FROM rust AS build\nFROM scratch\n{line}\n")).expect_err(line);
            assert!(format!("{error:#}").contains(line), "{error:#}");
        }
        assert!(Recipe::parse("FROM debian\n").is_err());
    }
}
