//! Signals as they are carried: the payload is checked and copied as text, since a server has no use for its bytes.

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::signalling::protocol::PAYLOAD_MAX;

/// What stands between the members of a `signal` that is written as docs/protocol/signalling.md shows it.
const HEAD: &str = r#"{"type":"signal","room":""#;
const TO: &str = r#"","to":""#;
const FROM: &str = r#"","from":""#;
const PAYLOAD: &str = r#"","payload":""#;
const TAIL: &str = r#""}"#;

/// A `signal` of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signal<'a> {
    pub(super) room: RoomId,
    pub(super) to: Endpoint,
    /// Base64url of at most [`PAYLOAD_MAX`] bytes.
    pub(super) payload: &'a str,
}

/// Reads a `signal` in the form in which nearly all clients write it, members in order and without spaces. Whatever
/// else is `None` and left to the general reader: other forms of the same, other messages, wrong ones.
pub(super) fn read(text: &str) -> Option<Signal<'_>> {
    let (room, rest) = text.strip_prefix(HEAD)?.split_at_checked(43)?;
    let (to, rest) = rest.strip_prefix(TO)?.split_at_checked(60)?;
    let payload = rest.strip_prefix(PAYLOAD)?.strip_suffix(TAIL)?;
    is_payload(payload).then_some(())?;
    Some(Signal { room: room.parse().ok()?, to: to.parse().ok()?, payload })
}

/// The message for the addressee; `from` is the sender's endpoint in its text form.
pub(super) fn write(room: RoomId, from: &str, payload: &str) -> String {
    let room = room.to_string();
    let parts = [HEAD, &room, FROM, from, PAYLOAD, payload, TAIL];
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.into_iter().for_each(|part| text.push_str(part));
    text
}

/// Whether it is base64url without padding (RFC 4648 section 5) in its one form, of no more bytes than a payload has.
fn is_payload(text: &str) -> bool {
    // Without an early end, so that the compiler takes many characters at once.
    let is_of_alphabet = text
        .bytes()
        .fold(true, |so_far, byte| so_far & (byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_')));
    // The bits of the last character that belong to no byte are zero.
    let last = text.bytes().last().map_or(0, sextet);
    let is_whole = match text.len() % 4 {
        0 => true,
        2 => last & 0b1111 == 0,
        3 => last & 0b11 == 0,
        _ => false,
    };
    is_of_alphabet && is_whole && text.len() / 4 * 3 + (text.len() % 4).saturating_sub(1) <= PAYLOAD_MAX
}

/// The six bits that a character of the alphabet stands for.
fn sextet(character: u8) -> u8 {
    match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        _ => 63,
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Identity, Instance};
    use meshwork_core::rng::Rng;
    use meshwork_core::signalling::protocol::{FromClient, FromServer};
    use meshwork_core::wire::Base64;

    use super::*;

    fn signal(payload: Vec<u8>) -> (FromClient, String) {
        let to = Endpoint { peer: Identity::from_secret([3; 32]).peer(), instance: Instance(0xf00) };
        let message =
            FromClient::Signal { room: RoomId([9; 32]), to, payload: Base64::new(payload).unwrap() };
        let text = serde_json::to_string(&message).unwrap();
        (message, text)
    }

    /// What the general reader makes of it.
    fn read_generally(text: &str) -> Option<FromClient> {
        serde_json::from_str(text).ok()
    }

    fn as_message(signal: &Signal<'_>) -> FromClient {
        let payload = serde_json::from_str(&format!("\"{}\"", signal.payload)).unwrap();
        FromClient::Signal { room: signal.room, to: signal.to, payload }
    }

    #[test]
    fn fast_path_agrees_with_general_reader_and_writer() {
        for length in (0..70).chain([600, PAYLOAD_MAX - 2, PAYLOAD_MAX - 1, PAYLOAD_MAX]) {
            let (message, text) = signal((0..length).map(|byte| (byte * 37 % 256) as u8).collect());
            let read = read(&text).unwrap();
            assert_eq!(as_message(&read), message);
            let FromClient::Signal { room, to: from, payload } = message else { unreachable!() };
            let written = serde_json::to_string(&FromServer::Signal { room, from, payload }).unwrap();
            assert_eq!(write(room, &from.to_string(), read.payload), written);
        }
    }

    #[test]
    fn forwarding_reader_agrees_with_the_general_reader() {
        let mut rng = Rng::new([4; 32]);
        let (_, text) = signal(vec![0xa7; 22]);
        let mut read_count = 0;
        for _ in 0..20_000 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=rng.below(2) {
                let place = rng.below(bytes.len() as u64) as usize;
                match rng.below(3) {
                    0 => bytes[place] = b"AZaz09-_=\"\\.,{} w"[rng.below(17) as usize],
                    1 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, bytes[place]),
                }
            }
            let text = String::from_utf8(bytes).unwrap();
            if let Some(signal) = read(&text) {
                read_count += 1;
                assert_eq!(read_generally(&text), Some(as_message(&signal)), "{text}");
            }
        }
        assert!(read_count > 1_000, "{read_count}");
    }

    #[test]
    fn fast_path_leaves_unusual_payloads_to_general_reader() {
        let (_, text) = signal(vec![1; 10]);
        for (from, to) in [("AQ\"}", "AR\"}"), ("AQ\"}", "AQ==\"}"), ("AQ\"}", "A\"}"), (":\"AQ", ":\"+Q")] {
            let wrong = text.replace(from, to);
            assert_ne!(wrong, text);
            assert_eq!((read(&wrong), read_generally(&wrong)), (None, None), "{wrong}");
        }
        let long = text.replace("AQ\"}", &format!("{}\"}}", "AAAA".repeat(PAYLOAD_MAX / 3 + 1)));
        assert_eq!((read(&long), read_generally(&long)), (None, None));
        let spaced = text.replace(",\"to\"", ", \"to\"");
        assert!(read(&spaced).is_none() && read_generally(&spaced).is_some());
    }
}
