//! The gateways of this machine's networks. A forwarder that hides its clients, such as docker's, connects from there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The flag of a route by a gateway (RTF_GATEWAY).
const BY_GATEWAY: u32 = 2;

/// The gateways that Linux lists; elsewhere none is known.
pub(super) fn gateways() -> Vec<IpAddr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let mut found = of_ipv4(&read("/proc/net/route"));
    found.extend(of_ipv6(&read("/proc/net/ipv6_route")));
    found.sort_unstable();
    found.dedup();
    found
}

fn is_by_gateway(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & BY_GATEWAY != 0)
}

/// Interface, destination, gateway, flags; the addresses are numbers of this machine's byte order.
fn of_ipv4(text: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (gateway, flags) = (fields.get(2)?, fields.get(3)?);
        let bytes = u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes();
        is_by_gateway(flags).then(|| IpAddr::V4(Ipv4Addr::from(bytes)))
    };
    text.lines().skip(1).filter_map(gateway).collect()
}

/// Destination, source and next hop, each address with 32 digits; the flags stand last but one.
fn of_ipv6(text: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (gateway, flags) = (fields.get(4)?, fields.get(8)?);
        let address = u128::from_str_radix(gateway, 16).ok()?;
        is_by_gateway(flags).then(|| IpAddr::V6(Ipv6Addr::from(address)))
    };
    text.lines().filter_map(gateway).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_read_from_the_routes() {
        let number = u32::from_ne_bytes([172, 18, 0, 1]);
        let routes = format!(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
             eth0\t00000000\t{number:08X}\t0003\t0\t0\t0\t00000000\n\
             eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
        );
        assert_eq!(of_ipv4(&routes), ["172.18.0.1".parse::<IpAddr>().unwrap()]);
        let zeros = "0".repeat(32);
        let routes = format!(
            "{zeros} 00 {zeros} 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n\
             fd000000000000000000000000000000 40 {zeros} 00 {zeros} 00000100 00000001 00000000 00000001     eth0\n"
        );
        assert_eq!(of_ipv6(&routes), ["fd00::1".parse::<IpAddr>().unwrap()]);
        assert!(of_ipv4("").is_empty() && of_ipv6("rubbish\n").is_empty());
    }
}
