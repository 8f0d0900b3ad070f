//! Credentials for clients that are members of no room: what `/turn-token?id=` answers, in the form of the original.

use std::net::IpAddr;

use meshwork_core::time::{Time, WallTime};
use serde_json::json;

use super::credentials::{Secret, TOKEN_LIFE, name_of_token};
use crate::fair::{Buckets, Network, Rate};

/// Answers to one client address at once, and in a minute: a page asks once when it is loaded, and a school may be one
/// address. Wider networks get as many times more as they stand for parties.
const PER_NETWORK_MAX: u32 = 30;
/// What an answer costs of a bucket that holds a minute's worth and refills within it.
const COST: u32 = 2;
const RATE: Rate = Rate { per_second: PER_NETWORK_MAX * COST / 60, burst: PER_NETWORK_MAX * COST };
/// Stands for the host by which a client reached the server.
const SAME_HOST: &str = "*";

/// Hands out credentials to whoever asks, to each address so many a minute.
#[derive(Debug)]
pub struct Tokens {
    secret: Secret,
    stun: String,
    urls: Vec<String>,
    spending: Buckets,
}

/// As many were handed out to this address, or to the networks around it, as they may get. Ask again in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "your network was given as many credentials as it may have, {PER_NETWORK_MAX} a minute for one address; ask again in a minute"
)]
pub struct TooManyTokens;

impl Tokens {
    /// Names the STUN server and the relays at these addresses, in which the host `*` is the one asked.
    pub fn new(secret: Secret, stun: String, urls: Vec<String>) -> Tokens {
        Tokens { secret, stun, urls, spending: Buckets::default() }
    }

    /// The JSON text for `id`, asked for from `address` by the name `host`.
    ///
    /// # Errors
    /// [`TooManyTokens`]
    pub fn issue(
        &mut self,
        (now, wall): (Time, WallTime),
        address: IpAddr,
        host: &str,
        id: &str,
    ) -> Result<String, TooManyTokens> {
        let network = Network::of(address);
        self.spending.sweep(now, RATE);
        if !self.spending.spend(now, network, COST, RATE) {
            return Err(TooManyTokens);
        }
        let name = name_of_token(id, network.address());
        let minted = self.secret.mint(&name, wall + TOKEN_LIFE).expect("its name is made to fit");
        let place = |url: &String| url.replacen(SAME_HOST, host, 1);
        let servers = json!({ "iceServers": [
            { "urls": place(&self.stun) },
            {
                "urls": self.urls.iter().map(place).collect::<Vec<_>>(),
                "username": minted.username,
                "credential": minted.password,
            },
        ]});
        Ok(servers.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOON: WallTime = WallTime(1_790_000_000_000_000);

    fn tokens() -> Tokens {
        let secret = Secret::from_text("00112233445566778899aabbccddeeff").unwrap();
        Tokens::new(secret, String::from("stun:*:3478"), vec![String::from("turn:*:3478?transport=udp")])
    }

    fn ask(tokens: &mut Tokens, at: Duration, from: &str) -> Result<String, TooManyTokens> {
        tokens.issue((Time(0) + at, NOON), from.parse().unwrap(), "paint.example.org", "alice")
    }

    #[test]
    fn the_answer_has_the_form_of_the_original() {
        let text = ask(&mut tokens(), Duration::ZERO, "192.0.2.1").unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        let [stun, relay] = answer["iceServers"].as_array().unwrap().as_slice() else { panic!("{text}") };
        assert_eq!(stun["urls"], "stun:paint.example.org:3478");
        assert_eq!(relay["urls"][0], "turn:paint.example.org:3478?transport=udp");
        assert_eq!(relay["username"], "1790086400:alice@192.0.2.1");
        let password = relay["credential"].as_str().unwrap();
        let secret = Secret::from_text("00112233445566778899aabbccddeeff").unwrap();
        assert!(secret.verify("1790086400:alice@192.0.2.1", password, NOON).is_ok());
    }

    #[test]
    fn an_address_gets_so_many_a_minute() {
        let mut tokens = tokens();
        for _ in 0..PER_NETWORK_MAX {
            assert!(ask(&mut tokens, Duration::ZERO, "192.0.2.1").is_ok());
        }
        assert_eq!(ask(&mut tokens, Duration::ZERO, "192.0.2.1"), Err(TooManyTokens));
        assert!(ask(&mut tokens, Duration::ZERO, "192.0.2.2").is_ok());
        assert!(ask(&mut tokens, Duration::from_secs(2), "192.0.2.1").is_ok(), "one every two seconds");
        assert_eq!(ask(&mut tokens, Duration::from_secs(2), "192.0.2.1"), Err(TooManyTokens));
    }

    #[test]
    fn two_sites_keep_nobody_from_credentials() {
        let mut tokens = tokens();
        let mut given = 0;
        for number in 0..70_000 {
            let site = number % 2;
            let address = format!("2001:db8:{site}:{:x}::1", number / 2);
            given += usize::from(ask(&mut tokens, Duration::ZERO, &address).is_ok());
        }
        assert_eq!(given, 2 * 4 * PER_NETWORK_MAX as usize, "a /48 has the share of four");
        assert!(ask(&mut tokens, Duration::ZERO, "192.0.2.1").is_ok());
    }
}
