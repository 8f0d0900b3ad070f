//! Networks of a test's own: hosts behind routers of every kind, in namespaces of the kernel.
//!
//! One namespace is the internet: a bridge, on which the server and the outer ends of the routers are. Each host is in
//! a namespace of its own, behind a router in another, whose rules make it what RFC 4787 and RFC 3489 section 5 name.

use anyhow::Result;

use crate::namespace::Holder;
pub use crate::namespace::Namespace;
pub use crate::narrow::{Narrow, Path};

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

/// Networks that go with this value, and with the last program in them.
pub struct Networks {
    holder: Holder,
    internet: Namespace,
}

impl Networks {
    /// The internet, with nobody behind it.
    ///
    /// # Errors
    /// The machine makes no namespaces, and why: root may, others where the kernel's settings allow it.
    pub fn new() -> Result<Networks> {
        let holder = Holder::start()?;
        let internet = holder.add("internet")?;
        // Else it takes the lowest address of those plugged in, and a new one, unknown to all others, once that one goes.
        internet.run(&["ip", "link", "add", "bridge", "address", "02:00:00:00:00:01", "type", "bridge"])?;
        internet.run(&["ip", "address", "add", &format!("{SERVER}/24"), "dev", "bridge"])?;
        internet.run(&["ip", "link", "set", "bridge", "up"])?;
        Ok(Networks { holder, internet })
    }

    /// The namespace in which the server is.
    pub fn internet(&self) -> &Namespace {
        &self.internet
    }

    /// Gives the server's namespace an address by IPv6, [`SERVER_V6`]. Browsers look for none on the loopback device.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn add_ipv6(&self) -> Result<()> {
        let (net, address) = (&self.internet, format!("{SERVER_V6}/64"));
        // A device counts as running only when something is plugged in.
        net.run(&["ip", "link", "add", "ipv6", "type", "veth", "peer", "name", "plug"])?;
        net.run(&["ip", "address", "add", &address, "dev", "ipv6", "nodad"])?;
        net.run(&["ip", "link", "set", "plug", "up"])?;
        net.run(&["ip", "link", "set", "ipv6", "up"])?;
        net.run(&["ip", "-6", "route", "add", "default", "dev", "ipv6"])
    }

    /// Gives the server's namespace every address of documentation, 2001:db8::/29 and 203.0.113.0/24 and those of
    /// RFC 2544, so that programs in it come from as many networks as they like.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn add_many(&self) -> Result<()> {
        let net = &self.internet;
        for range in ["2001:db8::/29", "203.0.113.0/24", "198.18.0.0/15"] {
            let family = if range.contains(':') { "-6" } else { "-4" };
            net.run(&["ip", family, "route", "add", "local", range, "dev", "lo"])?;
        }
        net.run(&["sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1", "net.ipv4.ip_nonlocal_bind=1"])
    }

    /// A host behind a router. `number` is 2 to 254 and tells it from the others.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn host(&self, number: u8, router: Router) -> Result<Host> {
        let gate = self.holder.add(&format!("gate{number}"))?;
        let inside = self.holder.add(&format!("host{number}"))?;
        let port = format!("port{number}");
        wire(&self.internet, &port, &gate, "outer")?;
        self.internet.run(&["ip", "link", "set", &port, "master", "bridge", "up"])?;
        gate.run(&["ip", "address", "add", &format!("11.0.0.{number}/24"), "dev", "outer"])?;
        gate.run(&["ip", "link", "set", "outer", "up"])?;
        wire(&gate, "inner", &inside, "outer")?;
        let host = Host { number, gate, inside };
        host.plug_in("inner", "outer")?;
        host.gate.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        host.gate.run(&["nft", &rules(router, &host.address(2))])?;
        Ok(host)
    }
}

/// Somebody's machine behind a router of their own.
pub struct Host {
    number: u8,
    /// Where the router is.
    gate: Namespace,
    inside: Namespace,
}

impl Host {
    /// The namespace of the machine.
    pub fn namespace(&self) -> &Namespace {
        &self.inside
    }

    /// Connects it to another with a cable of their own, which no router is on.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn connect(&self, other: &Host) -> Result<()> {
        wire(&self.inside, "cable", &other.inside, "cable")?;
        for (host, last) in [(self, 1), (other, 2)] {
            // Both in the same network.
            let address = format!("10.0.{}.{last}/24", self.number);
            host.inside.run(&["ip", "address", "add", &address, "dev", "cable"])?;
            host.inside.run(&["ip", "link", "set", "cable", "up"])?;
        }
        Ok(())
    }

    /// Makes its router another one, for what is sent from new ports.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn replace_router(&self, router: Router) -> Result<()> {
        let rules = rules(router, &self.address(2));
        self.gate.run(&["nft", &format!("flush ruleset\n{rules}")])
    }

    /// Puts a box between machine and router: what the machine sends goes along `up`, what it receives along `down`.
    ///
    /// # Errors
    /// The system's, in words: among them that there are no TUN devices, and what to type.
    pub fn narrow(&self, up: Path, down: Path) -> Result<Narrow> {
        self.inside.run(&["ip", "link", "delete", "outer"])?;
        Narrow::between("narrow", (&self.inside, up), (&self.gate, down), || {
            for namespace in [&self.inside, &self.gate] {
                // Else the kernel asks for routers of that family, at any time.
                namespace.run(&["sysctl", "-qw", "net.ipv6.conf.narrow.disable_ipv6=1"])?;
                // The box alone decides what is lost, also where a busy machine is late to fetch from the device.
                namespace.run(&["ip", "link", "set", "narrow", "txqueuelen", "10000"])?;
            }
            self.plug_in("narrow", "narrow")
        })
    }

    /// An address between machine and router: 1 is the router's, 2 the machine's.
    fn address(&self, last: u8) -> String {
        format!("10.{}.0.{last}", self.number)
    }

    /// Leads everything through two devices, one of the router's and one of the machine's.
    fn plug_in(&self, of_gate: &str, of_machine: &str) -> Result<()> {
        for (namespace, device, last) in [(&self.gate, of_gate, 1), (&self.inside, of_machine, 2)] {
            namespace.run(&["ip", "address", "add", &format!("{}/24", self.address(last)), "dev", device])?;
            namespace.run(&["ip", "link", "set", device, "up"])?;
        }
        self.inside.run(&["ip", "route", "add", "default", "via", &self.address(1)])
    }
}

/// A local network: hosts on one bridge, with addresses and without a router or any route.
pub struct LocalNetwork {
    holder: Holder,
    bridge: Namespace,
}

impl LocalNetwork {
    /// The bridge, without hosts.
    ///
    /// # Errors
    /// The machine makes no namespaces, in words, as for [`Networks::new`].
    pub fn new() -> Result<LocalNetwork> {
        let holder = Holder::start()?;
        let bridge = holder.add("bridge")?;
        bridge.run(&["ip", "link", "add", "bridge", "address", "02:00:00:00:00:01", "type", "bridge"])?;
        bridge.run(&["ip", "link", "set", "bridge", "up"])?;
        Ok(LocalNetwork { holder, bridge })
    }

    /// A host at 192.168.77.`number`, 1 to 254.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn host(&self, number: u8) -> Result<Namespace> {
        let host = self.holder.add(&format!("host{number}"))?;
        wire(&self.bridge, &port(number), &host, "lan")?;
        host.run(&["ip", "address", "add", &address(number), "broadcast", "+", "dev", "lan"])?;
        host.run(&["ip", "link", "set", "lan", "up"])?;
        self.bridge.run(&["ip", "link", "set", &port(number), "up"])?;
        self.heal(number)?;
        Ok(host)
    }

    /// Drops everything between a host and the others. Its interface stays up.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn cut(&self, number: u8) -> Result<()> {
        self.bridge.run(&["ip", "link", "set", &port(number), "nomaster"])
    }

    /// Connects a host again.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn heal(&self, number: u8) -> Result<()> {
        self.bridge.run(&["ip", "link", "set", &port(number), "master", "bridge"])
    }

    /// Gives a host another address.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn renumber(&self, host: &Namespace, number: u8) -> Result<()> {
        host.run(&["ip", "-4", "address", "flush", "dev", "lan"])?;
        host.run(&["ip", "address", "add", &address(number), "broadcast", "+", "dev", "lan"])
    }

    /// Has a host drop all datagrams that are no answers, except those of mDNS, as the firewall of a laptop does.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn firewall(&self, host: &Namespace) -> Result<()> {
        let rules = "table inet firewall {\nchain in { type filter hook input priority 0; \
                     iifname \"lan\" ct state established,related accept; \
                     iifname \"lan\" udp dport 5353 accept; iifname \"lan\" meta l4proto udp drop; }\n}\n";
        host.run(&["nft", rules])
    }

    /// Takes a host's address and cable away.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn unplug(&self, host: &Namespace) -> Result<()> {
        host.run(&["ip", "address", "flush", "dev", "lan"])?;
        host.run(&["ip", "link", "set", "lan", "down"])
    }

    /// Gives a host the address 169.254.77.`number` in place of its own, as systems do without DHCP.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn without_dhcp(&self, host: &Namespace, number: u8) -> Result<()> {
        host.run(&["ip", "-4", "address", "flush", "dev", "lan"])?;
        let address = format!("169.254.77.{number}/16");
        host.run(&["ip", "address", "add", &address, "broadcast", "+", "dev", "lan"])
    }

    /// Gives a host a tunnel, into which its default route leads, and a network for containers.
    ///
    /// # Errors
    /// The system's, in words.
    pub fn tunnel(&self, host: &Namespace) -> Result<()> {
        host.run(&["ip", "link", "add", "docker0", "type", "bridge"])?;
        host.run(&["ip", "address", "add", "172.17.0.1/16", "broadcast", "+", "dev", "docker0"])?;
        host.run(&["ip", "link", "set", "docker0", "up"])?;
        host.run(&["ip", "tuntap", "add", "a-vpn", "mode", "tun"])?;
        host.run(&["ip", "address", "add", "10.99.0.2/24", "dev", "a-vpn"])?;
        host.run(&["ip", "link", "set", "a-vpn", "up"])?;
        host.run(&["ip", "route", "add", "default", "dev", "a-vpn"])
    }
}

/// The bridge's end of a host's wire.
fn port(number: u8) -> String {
    format!("port{number}")
}

/// The address of a host of a local network.
fn address(number: u8) -> String {
    format!("192.168.77.{number}/24")
}

/// Two devices that are the ends of one wire.
fn wire(one: &Namespace, device: &str, other: &Namespace, peer: &str) -> Result<()> {
    let end = ["peer", "name", peer, "netns", other.path()];
    one.run(&[&["ip", "link", "add", device, "type", "veth"][..], &end].concat())
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
