//! Network namespaces of the kernel: as root, else in a user namespace of one's own, where the kernel allows that.

use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Keeps the names of namespaces where nobody else sees them, until the end of its stdin: of the test's process too.
const HOLD: &str = "mount -t tmpfs tmpfs /run && mkdir /run/netns && echo held && read -r _";

/// Settings that keep people from making namespaces: the file below /proc/sys, what it holds then, and what to type.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=16384"),
];

/// A network namespace; it goes with its [`Networks`](crate::networks::Networks) and what runs in it.
#[derive(Clone, Debug)]
pub struct Namespace {
    net: String,
    /// The user namespace that it belongs to, where that is not the test's own.
    user: Option<String>,
}

impl Namespace {
    /// A datagram socket in here, on a free port where `address` has port 0.
    ///
    /// # Errors
    /// There is no such address in here.
    pub fn bind_udp(&self, address: SocketAddr) -> Result<UdpSocket> {
        let bind = move || UdpSocket::bind(address).map(OwnedFd::from);
        self.open(bind).map(UdpSocket::from).with_context(|| format!("cannot bind {address}"))
    }

    /// The words before a program and its arguments that start it in here, in the same folder.
    pub(crate) fn entering(&self) -> Vec<String> {
        let mut words = vec!["nsenter".to_owned(), format!("--net={}", self.net)];
        if let Some(user) = &self.user {
            words.extend([format!("--user={user}"), "--preserve-credentials".to_owned()]);
        }
        words
    }

    /// The command that starts a program in here.
    pub fn command(&self, program: &Path) -> Command {
        let words = self.entering();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// Runs a command in here to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Result<()> {
        run(self.command(Path::new(words[0])).args(&words[1..]))
    }

    /// What `ip` takes for the namespace of a device's other end.
    pub(crate) fn path(&self) -> &str {
        &self.net
    }

    /// What `open` opens in here. It runs between fork and exec, so it must not allocate.
    pub(crate) fn open(
        &self,
        open: impl Fn() -> io::Result<OwnedFd> + Send + Sync + 'static,
    ) -> Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair()?;
        let user = self.user.as_ref().map(File::open).transpose()?;
        let net = File::open(&self.net).with_context(|| self.net.clone())?;
        let hand_over = move || {
            if let Some(user) = &user {
                move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
            }
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            let opened = [open()?];
            let opened = [opened[0].as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&opened));
            sendmsg(&theirs, &[IoSlice::new(b"x")], &mut control, SendFlags::empty())?;
            Ok(())
        };
        let mut child = Command::new("true");
        // SAFETY: nothing but system calls, and the process has a single thread then, as a user namespace demands.
        unsafe { child.pre_exec(hand_over) };
        child.status()?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        recvmsg(&ours, &mut [IoSliceMut::new(&mut [0])], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let received = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut opened) => opened.next(),
            _ => None,
        });
        received.context("nothing was handed over")
    }
}

/// The process that keeps namespaces until it is dropped.
pub(crate) struct Holder {
    child: Child,
    _held: Option<ChildStdin>,
    in_user_namespace: bool,
}

impl Holder {
    /// Starts it, as root or in a user namespace.
    ///
    /// # Errors
    /// The machine allows neither: which setting forbids it, and what to type.
    pub(crate) fn start() -> Result<Holder> {
        let as_root = Holder::begin(false);
        let Err(as_root) = as_root else { return as_root };
        Holder::begin(true).map_err(|as_user| {
            let setting = |name: &str| fs::read_to_string(Path::new("/proc/sys").join(name)).ok();
            let said = format!("as root: {as_root:#}; in a user namespace: {as_user:#}");
            anyhow!("this machine makes no network namespaces ({said}); {}", cure(setting))
        })
    }

    fn begin(in_user_namespace: bool) -> Result<Holder> {
        let mut command = Command::new("unshare");
        if in_user_namespace {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "--net", "sh", "-c", HOLD]).process_group(0);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("unshare; type: cargo xtask setup")?;
        let held = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let holder = Holder { child, _held: held, in_user_namespace };
        let mut said = [0; 4];
        if stdout.context("its stdout is a pipe")?.read_exact(&mut said).is_ok() {
            return Ok(holder);
        }
        let mut why = String::new();
        stderr.context("its stderr is a pipe")?.read_to_string(&mut why)?;
        bail!("{}", why.trim())
    }

    /// Makes a network namespace; `name` tells it from the others.
    pub(crate) fn add(&self, name: &str) -> Result<Namespace> {
        let pid = self.child.id();
        let mut command = Command::new("nsenter");
        command.args([&format!("--target={pid}"), "--mount", "--net"]);
        if self.in_user_namespace {
            command.args(["--user", "--preserve-credentials"]);
        }
        run(command.args(["ip", "netns", "add", name]))?;
        let user = self.in_user_namespace.then(|| format!("/proc/{pid}/ns/user"));
        let namespace = Namespace { net: format!("/proc/{pid}/root/run/netns/{name}"), user };
        namespace.run(&["ip", "link", "set", "lo", "up"])?;
        Ok(namespace)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What to type so that the machine makes namespaces; `setting` reads one of the kernel's.
fn cure(setting: impl Fn(&str) -> Option<String>) -> String {
    let forbids = |name: &str, value: &str| setting(name).is_some_and(|held| held.trim() == value);
    let found = SETTINGS.into_iter().find(|(name, value, _)| forbids(name, value));
    match found {
        Some((name, value, words)) => {
            format!("{} is {value}: type {words}, or run the tests as root", name.replace('/', "."))
        }
        None => "run the tests as root, a container with --privileged".to_owned(),
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program}; type: cargo xtask setup"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", said.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_forbidding_namespaces_is_named_with_its_cure() {
        let hardened =
            |name: &str| Some(if name.ends_with("userns_clone") { "0\n" } else { "9\n" }.to_owned());
        assert_eq!(
            cure(hardened),
            "kernel.unprivileged_userns_clone is 0: type sudo sysctl kernel.unprivileged_userns_clone=1, or run the \
             tests as root"
        );
        let ubuntu = |name: &str| name.contains("apparmor").then(|| "1\n".to_owned());
        assert!(cure(ubuntu).contains("sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"));
        assert!(cure(|_| None).contains("--privileged"));
    }
}
