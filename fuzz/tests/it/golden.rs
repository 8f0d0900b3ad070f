//! The golden bytes in docs/protocol/golden.md are what this build writes and reads.

use meshwork_core::links::message::LinkMessage;
use meshwork_core::room::message::RoomMessage;
use meshwork_fuzz::golden;

const DOCUMENTED: &str = include_str!("../../../docs/protocol/golden.md");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn row(name: &str, kind: &str, bytes: &[u8]) -> String {
    format!("| `{name}` | {kind} | `{}` |", hex(bytes))
}

#[test]
fn the_documented_bytes_are_written_and_read() {
    let mut rows = vec![];
    for (name, message) in meshwork_fuzz::messages() {
        let (kind, body) = message.encode();
        if let LinkMessage::Room { .. } = message {
            let (number, inside) = RoomMessage::decode(kind, &body).expect(name).expect(name);
            assert_eq!(inside.encode(number), (kind, body.clone()), "{name}");
        }
        assert_eq!(LinkMessage::decode(kind, &body), Ok(message), "{name}");
        rows.push(row(name, &kind.to_string(), &body));
    }
    rows.extend(golden().iter().map(|(name, bytes)| row(name, "-", bytes)));
    let missing: Vec<&String> =
        rows.iter().filter(|row| !DOCUMENTED.lines().any(|line| line == **row)).collect();
    assert!(
        missing.is_empty(),
        "docs/protocol/golden.md lacks {} rows. A change of bytes needs a new version. All rows:\n{}",
        missing.len(),
        rows.join("\n")
    );
}
