//! Credentials for clients that are members of no room: what `/turn-token?id=` answers, in the form of the original.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use meshwork_core::time::{Time, WallTime};
use serde_json::json;

use super::credentials::{Secret, TOKEN_LIFE, name_of_token};
use crate::fair::Network;

/// How long answers are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// Answers in that time to one client address: a page asks once when it is loaded, and a school may be one address.
const PER_NETWORK_MAX: u32 = 30;
/// Client addresses that are counted at once. Beyond, nobody new is answered until the time is over.
const NETWORKS_MAX: usize = 65_536;
/// Stands for the host by which a client reached the server.
const SAME_HOST: &str = "*";

/// Hands out credentials to whoever asks, to each address so many a minute.
#[derive(Debug)]
pub struct Tokens {
    secret: Secret,
    stun: String,
    urls: Vec<String>,
    counted: HashMap<Network, u32>,
    since: Time,
}

/// As many were handed out to this address as it may get. Ask again in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this address was given {PER_NETWORK_MAX} credentials within a minute; ask again in a minute")]
pub struct TooManyTokens;

impl Tokens {
    /// Names the STUN server and the relays at these addresses, in which the host `*` is the one asked.
    pub fn new(secret: Secret, stun: String, urls: Vec<String>) -> Tokens {
        Tokens { secret, stun, urls, counted: HashMap::new(), since: Time(0) }
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
        if now.since(self.since) >= WINDOW {
            self.counted.clear();
            self.since = now;
        }
        let network = Network::of(address);
        let has_room = self.counted.len() < NETWORKS_MAX || self.counted.contains_key(&network);
        let count =
            if has_room { self.counted.entry(network).or_default() } else { return Err(TooManyTokens) };
        if *count >= PER_NETWORK_MAX {
            return Err(TooManyTokens);
        }
        *count += 1;
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
        assert!(ask(&mut tokens, WINDOW, "192.0.2.1").is_ok());
    }

    #[test]
    fn so_many_networks_are_counted_a_minute() {
        let mut tokens = tokens();
        let from = |number: usize| std::net::Ipv4Addr::from(0x0900_0000 + number as u32).to_string();
        for number in 0..NETWORKS_MAX {
            assert!(ask(&mut tokens, Duration::ZERO, &from(number)).is_ok());
        }
        assert_eq!(ask(&mut tokens, Duration::ZERO, &from(NETWORKS_MAX)), Err(TooManyTokens));
        assert!(ask(&mut tokens, Duration::ZERO, &from(0)).is_ok(), "who is counted goes on");
        assert!(ask(&mut tokens, WINDOW, &from(NETWORKS_MAX)).is_ok());
    }
}
