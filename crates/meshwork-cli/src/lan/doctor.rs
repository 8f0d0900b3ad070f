//! Reasons why programs on a network do not find each other, each with its remedy.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use if_addrs::get_if_addrs;
use meshwork::{BindError, Interface, Lan, Neighbour, Way};

/// One reason, or that there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// A word for programs.
    pub(super) cause: &'static str,
    pub(super) words: String,
    pub(super) remedy: String,
}

/// Observations of a program that has been on the network for a moment.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) interfaces: Vec<Interface>,
    /// Whether it heard its own announcements.
    pub(super) hears_itself: bool,
    pub(super) seen: Vec<Neighbour>,
}

fn finding(cause: &'static str, words: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { cause, words: words.into(), remedy: remedy.into() }
}

impl Finding {
    /// A port is taken, or an interface cannot be used.
    pub(super) fn of_bind(error: &BindError) -> Finding {
        let owner = holder(Lan::PORT).map_or(String::new(), |program| format!(" {program} has it."));
        finding(
            "port",
            format!("{error}.{owner}"),
            "End the program that has the port, or let it share the port (SO_REUSEADDR).",
        )
    }
}

impl Facts {
    /// The reasons, the most likely first. `tunnel` is the tunnel that the default route leads into.
    pub(super) fn findings(&self, tunnel: Option<&str>) -> Vec<Finding> {
        let mut found = Vec::new();
        let networks = || self.interfaces.iter().filter(|one| !one.address.is_loopback());
        if networks().next().is_none() {
            let remedy =
                "Join a Wi-Fi network or plug in a cable. Programs of this machine find each other without.";
            found.push(finding("no-network", "This machine is on no network.", remedy));
            return found;
        }
        let is_v6_link = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let is_v4_link = |ip: &IpAddr| matches!(ip, IpAddr::V4(ip) if ip.is_link_local());
        if networks().all(|one| is_v6_link(&one.address)) {
            found.push(finding(
                "ipv6-link-local",
                "This machine has IPv6 link-local addresses alone: programs are found, and links over them are not made.",
                "Ask for an IPv4 address: wait for the network's DHCP, or set one by hand, the same way on each machine.",
            ));
        } else if networks().all(|one| is_v4_link(&one.address) || is_v6_link(&one.address)) {
            found.push(finding(
                "no-dhcp",
                "The network gave this machine no address: it took one by itself (169.254).",
                "Machines that did the same find each other. For others, start a router or a hotspot that gives addresses.",
            ));
        }
        if let Some(name) = tunnel {
            found.push(finding(
                "vpn",
                format!("The default route leads into the tunnel {name}: a VPN may keep this network out."),
                format!("Allow local networks in the VPN, end it, or choose an interface: --interface, other than {name}."),
            ));
        }
        let has_broadcast = |one: &&Interface| one.broadcast.is_some() || one.address.is_ipv6();
        if !networks().any(|one| has_broadcast(&one)) {
            found.push(finding(
                "no-broadcast",
                "No interface carries broadcasts.",
                "Name a program on the network: --peer ADDRESS.",
            ));
        } else if !self.hears_itself {
            found.push(finding(
                "firewall",
                "This program does not hear its own announcements: a firewall of this machine drops them.",
                format!("Allow UDP port {} and ports 8000 to 9999 for meshwork, or name a program: --peer ADDRESS.", Lan::PORT),
            ));
        }
        let by_broadcast = |one: &Neighbour| matches!(one.way, Way::Broadcast | Way::Multicast);
        if self.seen.is_empty() {
            found.push(finding(
                "nobody",
                "No other program is heard.",
                "Is one running, on the same network? Guest networks often keep devices from each other (isolation): use \
                 another network, or a hotspot. A firewall on the other machine drops what it did not ask for: start \
                 meshwork there with --peer and this machine's address.",
            ));
        } else if !self.seen.iter().any(by_broadcast) {
            found.push(finding(
                "broadcast-blocked",
                "Programs are found by their addresses alone: the network passes on no broadcast.",
                "Nothing has to be done. New programs need --peer with an address.",
            ));
        }
        if found.is_empty() {
            let count = crate::room::counted(self.seen.len(), "program");
            found.push(finding(
                "none",
                format!("All is well: {count} heard."),
                "meshwork lan scan lists them.",
            ));
        }
        found
    }
}

/// The name of the tunnel that the default route leads into, if it does.
pub(super) fn tunnel_of_default_route() -> Option<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documents: connecting chooses a route and sends nothing.
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    let interface = get_if_addrs().ok()?.into_iter().find(|one| one.ip() == own)?;
    interface.is_p2p().then_some(interface.name)
}

/// The program that has a UDP port of this machine, as far as this user may know.
fn holder(port: u16) -> Option<String> {
    let sockets = std::fs::read_to_string("/proc/net/udp").ok()?;
    let end = format!(":{port:04X}");
    let inode = sockets.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1)?.ends_with(&end).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })?;
    let wanted = format!("socket:[{inode}]");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let files = std::fs::read_dir(process.path().join("fd")).ok()?;
        let is_it = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|target| target.to_string_lossy() == wanted)
        };
        files.flatten().any(is_it).then_some(())?;
        let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
        Some(format!("{} (process {})", name.trim(), process.file_name().to_string_lossy()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(address: &str) -> Interface {
        let broadcast = Some(Ipv4Addr::BROADCAST);
        Interface { name: "eth0".into(), address: address.parse().unwrap(), prefix: 24, broadcast, index: 2 }
    }

    fn causes(interfaces: &[&str], hears_itself: bool, tunnel: Option<&str>) -> Vec<&'static str> {
        let interfaces = interfaces.iter().map(|address| interface(address)).collect();
        let facts = Facts { interfaces, hears_itself, seen: Vec::new() };
        facts.findings(tunnel).into_iter().map(|finding| finding.cause).collect()
    }

    #[test]
    fn each_cause_has_a_remedy() {
        assert_eq!(causes(&["127.0.0.1"], true, None), ["no-network"]);
        assert_eq!(causes(&["fe80::1", "127.0.0.1"], true, None), ["ipv6-link-local", "nobody"]);
        assert_eq!(causes(&["169.254.3.4"], true, None), ["no-dhcp", "nobody"]);
        assert_eq!(causes(&["192.168.1.5"], false, None), ["firewall", "nobody"]);
        assert_eq!(causes(&["192.168.1.5"], true, Some("tun0")), ["vpn", "nobody"]);
        let facts = Facts {
            interfaces: vec![Interface { broadcast: None, ..interface("10.8.0.2") }],
            ..Facts::default()
        };
        assert_eq!(facts.findings(None)[0].cause, "no-broadcast");
    }
}
