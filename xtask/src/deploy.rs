//! The files in `deploy/`, checked by the tools for them: each is read as it will be, and the image is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::image::{self, Recipe};
use crate::server::Server;
use crate::setup;
use crate::step;
use crate::workspace::Workspace;

/// Files of YAML whose form is nobody's to check but who reads them.
const YAML: [&str; 4] = [
    "prometheus/prometheus.yml",
    "prometheus/alerts.yml",
    "grafana/provisioning/dashboards/meshwork.yml",
    "grafana/provisioning/datasources/prometheus.yml",
];

/// Checks the files, and runs the image of the release binary, which must have been built.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    check_files(workspace, &workspace.program())?;
    check_image(workspace)
}

/// Checks unit, Dockerfile and compose file. The unit starts `program`, which must have been built.
pub(crate) fn check_files(workspace: &Workspace, program: &Path) -> Result<()> {
    let deploy = workspace.root.join("deploy");
    let scratch = scratch(workspace, "files")?;
    check_unit(&deploy, program, &scratch)?;
    let mut linter = setup::HADOLINT.command(workspace)?;
    step::check(linter.arg("--no-color").arg(deploy.join("Dockerfile")))?;
    check_compose(workspace, &deploy, &scratch)
}

/// Runs the image of the release binary, which must have been built.
pub(crate) fn check_image(workspace: &Workspace) -> Result<()> {
    let scratch = scratch(workspace, "image")?;
    run_image(workspace, &workspace.program(), &scratch).context("the image does not run")
}

/// An empty folder.
fn scratch(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.root.join("target/deploy").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// systemd says what it does not understand and passes over it, so it must say nothing.
fn check_unit(deploy: &Path, program: &Path, scratch: &Path) -> Result<()> {
    let unit = fs::read_to_string(deploy.join("meshwork.service")).context("deploy/ has a unit")?;
    let copy = scratch.join("meshwork.service");
    fs::write(&copy, unit.replace("/usr/local/bin/meshwork", &program.to_string_lossy()))?;
    let mut verify = Command::new("systemd-analyze");
    let output = verify.args(["verify", "--man=no", "--generators=no"]).arg(&copy).output()?;
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success() && said.is_empty(), "deploy/meshwork.service: {said}");
    Ok(())
}

/// The compose file has the form that its specification asks for, and names what is there; all other YAML is YAML.
fn check_compose(workspace: &Workspace, deploy: &Path, scratch: &Path) -> Result<()> {
    let mut compose = setup::CHECK_JSONSCHEMA.command(workspace)?;
    compose.args(["--builtin-schema", "vendor.compose-spec"]);
    step::check(compose.arg(deploy.join("compose.yaml")))?;
    let anything = scratch.join("anything.json");
    fs::write(&anything, "{}")?;
    let mut yaml = setup::CHECK_JSONSCHEMA.command(workspace)?;
    yaml.arg("--schemafile").arg(&anything);
    step::check(yaml.args(YAML.map(|file| deploy.join(file))))?;
    let text = fs::read_to_string(deploy.join("compose.yaml"))?;
    for mounted in text.split("- ./").skip(1).filter_map(|rest| rest.split(':').next()) {
        ensure!(deploy.join(mounted).exists(), "deploy/compose.yaml mounts {mounted}, which is not there");
    }
    Ok(())
}

/// Has another program unpack the image, and asks what runs in it how it is.
fn run_image(workspace: &Workspace, program: &Path, scratch: &Path) -> Result<()> {
    let archive = scratch.join("image.tar");
    image::write(&Recipe::read(workspace)?, program, &libraries(program)?, &archive)?;
    let layout = scratch.join("layout");
    tar::Archive::new(fs::File::open(&archive)?).unpack(&layout)?;
    let bundle = scratch.join("bundle");
    let is_root = setup::is_root();
    let mut unpack = Command::new("umoci");
    unpack.args(["unpack", "--image"]).arg(format!("{}:latest", layout.display())).arg(&bundle);
    unpack.args((!is_root).then_some("--rootless"));
    step::check(&mut unpack)?;
    let config: Value = serde_json::from_slice(&fs::read(bundle.join("config.json"))?)?;
    let mut server = contained(&config["process"], &bundle.join("rootfs"), is_root)?;
    let mut server = Server::start(&mut server).context("a contained program starts")?;
    let health = server.answer("/health")?;
    ensure!(health.ends_with("OK"), "its health is: {health}");
    server.stop()
}

/// The program as the image says that it is started: in its root, by its user, with its variables.
fn contained(process: &Value, root: &Path, is_root: bool) -> Result<Command> {
    let texts = |list: &Value| -> Result<Vec<String>> {
        let list = list.as_array().context("the image says how it is started")?;
        Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    let mut command = if is_root {
        let (user, group) = (&process["user"]["uid"], &process["user"]["gid"]);
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec={user}:{group}"));
        command
    } else {
        // A user may change the root only where it is root of a namespace.
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--root"]);
        command
    };
    command.arg(root).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for variable in texts(&process["env"])? {
        let (name, value) = variable.split_once('=').context("a variable has a value")?;
        command.env(name, value);
    }
    // Whatever port is free, instead of the image's.
    command.args(texts(&process["args"])?).env("PORT", "0");
    Ok(command)
}

/// What a program asks its loader for, and the loader: nothing for a program that is complete.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("cannot start ldd")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = said.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}
