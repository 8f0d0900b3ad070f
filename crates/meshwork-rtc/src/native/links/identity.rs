//! What an end of a connection is known by: ICE credentials and certificate fingerprints.

use meshwork_core::signalling::description::Fingerprint;
use str0m::IceCreds;

/// The characters of ICE credentials (RFC 8839 section 5.4): six random bits each.
const ICE_CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of the user fragment: 48 bits, of which RFC 8445 section 5.3 asks for 24.
const FRAGMENT_LEN: usize = 8;
/// Characters of the password: 192 bits, of which RFC 8445 section 5.3 asks for 128.
const PASSWORD_LEN: usize = 32;
/// How SDP, and with it str0m, names SHA-256 (RFC 8122 section 5).
const SHA_256: &str = "sha-256";

/// Fresh credentials from the system's randomness. Those that str0m makes by itself can be guessed.
///
/// # Errors
/// In words, when the system has no randomness.
pub(super) fn credentials() -> Result<IceCreds, String> {
    let mut random = [0; FRAGMENT_LEN + PASSWORD_LEN];
    getrandom::fill(&mut random).map_err(|error| format!("the system has no randomness: {error}"))?;
    let text: String = random.iter().map(|byte| char::from(ICE_CHARACTERS[usize::from(byte & 63)])).collect();
    let (ufrag, pass) = text.split_at(FRAGMENT_LEN);
    Ok(IceCreds { ufrag: ufrag.into(), pass: pass.into() })
}

/// A fingerprint as the core knows it; `None` when it is not SHA-256.
pub(super) fn read_fingerprint(fingerprint: &str0m::config::Fingerprint) -> Option<Fingerprint> {
    let bytes = fingerprint.bytes.as_slice().try_into().ok()?;
    (fingerprint.hash_func == SHA_256).then_some(Fingerprint(bytes))
}

/// A fingerprint as str0m knows it.
pub(super) fn write_fingerprint(fingerprint: Fingerprint) -> str0m::config::Fingerprint {
    str0m::config::Fingerprint { hash_func: SHA_256.into(), bytes: fingerprint.0.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_keep_to_their_alphabet_and_differ() {
        let (first, second) = (credentials().unwrap(), credentials().unwrap());
        assert_ne!(first, second);
        assert_eq!((first.ufrag.len(), first.pass.len()), (FRAGMENT_LEN, PASSWORD_LEN));
        let allowed = |text: &str| text.bytes().all(|byte| ICE_CHARACTERS.contains(&byte));
        assert!(allowed(&first.ufrag) && allowed(&first.pass));
    }

    #[test]
    fn fingerprints_survive_the_way_there_and_back() {
        let fingerprint = Fingerprint([7; 32]);
        assert_eq!(read_fingerprint(&write_fingerprint(fingerprint)), Some(fingerprint));
        let short = str0m::config::Fingerprint { hash_func: "sha-1".into(), bytes: vec![7; 20] };
        assert_eq!(read_fingerprint(&short), None);
    }
}
