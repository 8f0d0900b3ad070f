//! Networks of a test's own: hosts behind routers of every kind, in namespaces of the kernel.
//!
//! One namespace is the internet: a bridge, on which the server and the outer ends of the routers are. Each host is in
//! a namespace of its own, behind a router in another, whose rules make it what RFC 4787 and RFC 3489 section 5 name.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

/// Where the server is. Public, since a relay denies private addresses, and nobody else's in here.
pub const SERVER: &str = "11.0.0.1";

/// Its address by IPv6, once it has one.
pub const SERVER_V6: &str = "2a00:1::1";

/// What a router between a host and the internet does with datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// One outer port for an inner one, and whoever sends there is let in.
    FullCone,
    /// One outer port, and those are let in to whose address something was sent.
    Restricted,
    /// One outer port, and those are let in to whose address and port something was sent.
    PortRestricted,
    /// Another outer port for each destination, and only that is let in.
    Symmetric,
    /// No datagram passes either way.
    NoUdp,
}

/// Namespaces that go with this value.
pub struct Networks {
    prefix: String,
    made: Vec<String>,
}

impl Networks {
    /// The internet, with nobody behind it; `None`, and words on stderr, where the machine makes no namespaces.
    ///
    /// # Errors
    /// It makes namespaces, but no network in them.
    #[expect(clippy::print_stderr, reason = "who reads a test's output must see that it was left out")]
    pub fn new() -> Result<Option<Networks>> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("mw{}x{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut networks = Networks { prefix, made: Vec::new() };
        let made = networks.add("net").and_then(|net| inside(&net, &["nft", "list", "ruleset"]));
        if let Err(error) = made {
            eprintln!("this machine makes no networks of a test's own: {error:#}");
            return Ok(None);
        }
        let net = networks.internet();
        inside(&net, &["ip", "link", "add", "bridge", "type", "bridge"])?;
        inside(&net, &["ip", "address", "add", &format!("{SERVER}/24"), "dev", "bridge"])?;
        inside(&net, &["ip", "link", "set", "bridge", "up"])?;
        Ok(Some(networks))
    }

    /// The namespace in which the server is.
    pub fn internet(&self) -> String {
        format!("{}net", self.prefix)
    }

    /// Gives the server's namespace an address by IPv6, [`SERVER_V6`]. Browsers look for none on the loopback device.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn add_ipv6(&self) -> Result<()> {
        let (net, address) = (self.internet(), format!("{SERVER_V6}/64"));
        // A device counts as running only when something is plugged in.
        inside(&net, &["ip", "link", "add", "ipv6", "type", "veth", "peer", "name", "plug"])?;
        inside(&net, &["ip", "address", "add", &address, "dev", "ipv6", "nodad"])?;
        inside(&net, &["ip", "link", "set", "plug", "up"])?;
        inside(&net, &["ip", "link", "set", "ipv6", "up"])?;
        inside(&net, &["ip", "-6", "route", "add", "default", "dev", "ipv6"])
    }

    /// A host behind a router: its namespace. `number` is 2 to 254 and tells it from the others.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn host(&mut self, number: u8, router: Router) -> Result<String> {
        let (gate, host) = (self.add(&format!("gate{number}"))?, self.add(&format!("host{number}"))?);
        let (net, port) = (self.internet(), format!("port{number}"));
        let inner = |last: u8| format!("10.{number}.0.{last}");
        run(&[
            "ip", "-n", &net, "link", "add", &port, "type", "veth", "peer", "name", "outer", "netns", &gate,
        ])?;
        inside(&net, &["ip", "link", "set", &port, "master", "bridge", "up"])?;
        inside(&gate, &["ip", "address", "add", &format!("11.0.0.{number}/24"), "dev", "outer"])?;
        inside(&gate, &["ip", "link", "set", "outer", "up"])?;
        run(&[
            "ip", "-n", &gate, "link", "add", "inner", "type", "veth", "peer", "name", "outer", "netns",
            &host,
        ])?;
        for (namespace, device, last) in [(&gate, "inner", 1), (&host, "outer", 2)] {
            inside(namespace, &["ip", "address", "add", &format!("{}/24", inner(last)), "dev", device])?;
            inside(namespace, &["ip", "link", "set", device, "up"])?;
        }
        inside(&host, &["ip", "route", "add", "default", "via", &inner(1)])?;
        inside(&gate, &["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        inside(&gate, &["nft", &rules(router, &inner(2))])?;
        Ok(host)
    }

    /// Connects two hosts with a cable of their own, which no router is on.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn connect(&self, one: u8, other: u8) -> Result<()> {
        let [first, second] = [one, other].map(|number| format!("{}host{number}", self.prefix));
        run(&[
            "ip", "-n", &first, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns",
            &second,
        ])?;
        for (host, last) in [(&first, 1), (&second, 2)] {
            inside(host, &["ip", "address", "add", &format!("10.0.{one}.{last}/24"), "dev", "cable"])?;
            inside(host, &["ip", "link", "set", "cable", "up"])?;
        }
        Ok(())
    }

    /// Makes the router before a host another one, for what is sent from new ports.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn replace_router(&self, number: u8, router: Router) -> Result<()> {
        let gate = format!("{}gate{number}", self.prefix);
        let rules = rules(router, &format!("10.{number}.0.2"));
        inside(&gate, &["nft", &format!("flush ruleset\n{rules}")])
    }

    fn add(&mut self, name: &str) -> Result<String> {
        let namespace = format!("{}{name}", self.prefix);
        run(&["ip", "netns", "add", &namespace])?;
        self.made.push(namespace.clone());
        inside(&namespace, &["ip", "link", "set", "lo", "up"])?;
        Ok(namespace)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for namespace in &self.made {
            // What cannot be deleted goes with the machine.
            let _ = run(&["ip", "netns", "delete", namespace]);
        }
    }
}

/// The command that runs `program` inside a namespace.
pub(crate) fn command(namespace: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

/// The router's rules for nftables. What comes from outside unasked is dropped before it leaves a trace: a trace would
/// take the port that the host's own datagrams are about to have.
fn rules(router: Router, host: &str) -> String {
    let masquerade = match router {
        Router::Symmetric => "masquerade fully-random",
        _ => "masquerade",
    };
    let outwards =
        format!("chain out {{ type nat hook postrouting priority 100; oifname \"outer\" {masquerade}; }}\n");
    let inwards = match router {
        Router::FullCone => format!(
            "chain in {{ type nat hook prerouting priority -100; iifname \"outer\" meta l4proto udp dnat to {host}; }}\n"
        ),
        Router::Restricted => format!(
            "set known {{ type ipv4_addr; flags dynamic,timeout; timeout 5m; }}\n\
             chain note {{ type filter hook forward priority 0; oifname \"outer\" update @known {{ ip daddr }}; }}\n\
             chain in {{ type nat hook prerouting priority -100; \
             iifname \"outer\" ip saddr @known meta l4proto udp dnat to {host}; }}\n"
        ),
        Router::PortRestricted | Router::Symmetric => String::new(),
        Router::NoUdp => {
            String::from("chain stop { type filter hook forward priority 0; meta l4proto udp drop; }\n")
        }
    };
    let unasked = match router {
        Router::FullCone => "",
        _ => "chain unasked { type filter hook input priority 0; iifname \"outer\" drop; }\n",
    };
    format!("table ip router {{\n{outwards}{inwards}{unasked}}}\n")
}

fn inside(namespace: &str, words: &[&str]) -> Result<()> {
    run(&[&["ip", "netns", "exec", namespace], words].concat())
}

fn run(words: &[&str]) -> Result<()> {
    let output = Command::new(words[0]).args(&words[1..]).output().with_context(|| words[0].to_owned())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", words.join(" "));
    Ok(())
}
