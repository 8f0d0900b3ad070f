//! Which addresses a relay sends nothing to, whoever asks.
//!
//! A relay that reached every address would lend strangers its place in the network: its own services, the machines
//! beside it, the metadata service of its host. So only addresses of the public internet are peers, and what leads
//! elsewhere under another notation is not (RFC 8656, sections 21.1.4 and 21.1.5; IANA's registries of
//! special-purpose addresses).

use std::net::IpAddr;

use ipnet::IpNet;
use meshwork_core::reach::Reach;

/// What a relay may send to.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Opened in spite of everything else.
    allowed: Vec<IpNet>,
    /// Closed although they are public: the server's own.
    own: Vec<IpAddr>,
}

impl Peers {
    /// Everything public but the server's `own` addresses, and what is in `allowed`.
    pub fn new(allowed: Vec<IpNet>, own: Vec<IpAddr>) -> Peers {
        Peers { allowed, own: own.into_iter().map(|address| address.to_canonical()).collect() }
    }

    /// Whether nothing may be sent to `address`.
    pub fn is_forbidden(&self, address: IpAddr) -> bool {
        if self.allowed.iter().any(|range| range.contains(&address)) {
            return false;
        }
        self.own.contains(&address) || Reach::of(address) != Reach::Internet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In all the ways in which one place can be written.
    const FORBIDDEN: &str = "
        0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.0 100.64.0.1 100.100.100.200
        100.127.255.255 127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.255 168.63.129.16 169.254.0.1 169.254.169.254
        169.254.170.2 169.254.255.255 172.16.0.1 172.17.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
        192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
        224.0.0.251 239.255.255.250 240.0.0.1 255.255.255.254 255.255.255.255
        :: ::1 ::2 ::127.0.0.1 ::10.0.0.1 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:10.0.0.1
        ::ffff:169.254.169.254 ::ffff:192.168.1.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8
        64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b::8.8.8.8 64:ff9b:1::10.0.0.1
        64:ff9b:1:ffff::1 100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1
        2001:20::1 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1 2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe::
        2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1
        fe80::5efe:127.0.0.1 fe80::a9fe:a9fe febf::1 fec0::1 feff::1 ff02::1 ff02::fb ff05::2 ff0e::1";

    const OPEN: &str = "
        1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.1 192.167.255.255
        192.169.0.0 198.17.255.255 198.20.0.0 203.0.112.255 203.0.114.0 223.255.255.255
        2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700:4700::1111 2a00::1 3ffe::1";

    fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
        text.split_whitespace().map(|address| address.parse().expect(address))
    }

    #[test]
    fn what_is_not_the_public_internet_is_forbidden() {
        let peers = Peers::default();
        assert!(addresses(FORBIDDEN).count() >= 60);
        for address in addresses(FORBIDDEN) {
            assert!(peers.is_forbidden(address), "{address}");
        }
        for address in addresses(OPEN) {
            assert!(!peers.is_forbidden(address), "{address} is {:?}", Reach::of(address));
        }
    }

    #[test]
    fn opened_range_leaves_its_other_notations_forbidden() {
        let peers =
            Peers::new(vec!["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()], Vec::new());
        for open in addresses("10.1.2.3 fd00:1::7 8.8.8.8") {
            assert!(!peers.is_forbidden(open), "{open}");
        }
        for closed in
            addresses("10.2.0.1 fd00:2::1 ::ffff:10.1.2.3 64:ff9b::10.1.2.3 2002:a01:203::1 127.0.0.1")
        {
            assert!(peers.is_forbidden(closed), "{closed}");
        }
    }

    #[test]
    fn the_servers_own_addresses_are_forbidden_unless_opened() {
        let own: Vec<IpAddr> = addresses("8.8.4.4 2a00::7 ::ffff:9.9.9.9").collect();
        let peers = Peers::new(Vec::new(), own.clone());
        for closed in addresses("8.8.4.4 2a00::7 9.9.9.9") {
            assert!(peers.is_forbidden(closed), "{closed}");
        }
        assert!(!peers.is_forbidden("8.8.8.8".parse().unwrap()));
        let opened = Peers::new(vec!["8.8.4.0/24".parse().unwrap()], own);
        assert!(!opened.is_forbidden("8.8.4.4".parse().unwrap()));
    }
}
