//! Nonces that need no table: each carries its end and a proof that it was made here for this client.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshwork_core::time::Time;

use super::io::Client;

/// Opens every nonce: the cookie of RFC 8489, section 9.2, and its set of 24 features, of which the first is
/// "password algorithms".
const COOKIE: &str = "obMatJos2gAAA";
/// Bytes of the proof: 96 bits cannot be guessed within a nonce's life.
const PROOF: usize = 12;

/// Makes nonces and tells them from others'.
pub(super) struct Nonces {
    key: [u8; 32],
    life: Duration,
}

impl Nonces {
    pub(super) fn new(key: [u8; 32], life: Duration) -> Nonces {
        Nonces { key, life }
    }

    /// A nonce for a client, good until its life is over.
    pub(super) fn make(&self, now: Time, client: &Client, remote: SocketAddr) -> String {
        let end = seconds(now + self.life).to_be_bytes();
        let mut nonce = String::from(COOKIE);
        URL_SAFE_NO_PAD.encode_string([&end[..], &self.proof(end, client, remote)].concat(), &mut nonce);
        nonce
    }

    /// Whether `nonce` was made for this client and is still good.
    pub(super) fn is_good(&self, now: Time, client: &Client, remote: SocketAddr, nonce: &str) -> bool {
        let mut bytes = [0; 4 + PROOF];
        let Some(text) = nonce.strip_prefix(COOKIE) else { return false };
        if !matches!(URL_SAFE_NO_PAD.decode_slice(text, &mut bytes), Ok(length) if length == bytes.len()) {
            return false;
        }
        let (end, proof) = bytes.split_at(4);
        let end = [end[0], end[1], end[2], end[3]];
        // A nonce is no secret to who may send from the address, so that it matters little how long this takes.
        u32::from_be_bytes(end) > seconds(now) && proof == self.proof(end, client, remote)
    }

    fn proof(&self, end: [u8; 4], client: &Client, remote: SocketAddr) -> [u8; PROOF] {
        let address = match remote.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&end).update(&address.octets()).update(&remote.port().to_be_bytes());
        hasher.update(&[u8::from(matches!(client, Client::Stream(_)))]);
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&hasher.finalize().as_bytes()[..PROOF]);
        proof
    }
}

fn seconds(time: Time) -> u32 {
    u32::try_from(time.0 / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::io::{ListenerId, StreamId};

    #[test]
    fn nonce_is_good_for_one_client_until_expiry() {
        let nonces = Nonces::new([1; 32], Duration::from_secs(600));
        let remote: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let client = Client::Datagrams { listener: ListenerId(0), local: None, remote };
        let nonce = nonces.make(Time(0), &client, remote);
        assert!(nonce.len() < 128, "RFC 8489, section 14.10");
        assert!(nonces.is_good(Time(599_000_000), &client, remote, &nonce));
        assert!(!nonces.is_good(Time(600_000_000), &client, remote, &nonce), "too old");
        assert!(!nonces.is_good(Time(0), &client, "192.0.2.2:4000".parse().unwrap(), &nonce));
        assert!(!nonces.is_good(Time(0), &client, "192.0.2.1:4001".parse().unwrap(), &nonce));
        assert!(!nonces.is_good(Time(0), &Client::Stream(StreamId(1)), remote, &nonce));
        let other = Nonces::new([2; 32], Duration::from_secs(600));
        assert!(!other.is_good(Time(0), &client, remote, &nonce), "another server's");
    }

    #[test]
    fn what_is_no_nonce_is_not_good() {
        let nonces = Nonces::new([1; 32], Duration::from_secs(600));
        let remote: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let client = Client::Stream(StreamId(1));
        let nonce = nonces.make(Time(0), &client, remote);
        for wrong in
            ["", "x", COOKIE, &nonce[..nonce.len() - 1], &format!("{nonce}A"), &nonce.replace(COOKIE, "")]
        {
            assert!(!nonces.is_good(Time(0), &client, remote, wrong), "{wrong}");
        }
    }
}
