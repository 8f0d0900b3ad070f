//! The golden bytes in docs/protocol/golden.md are what this build writes and reads, and what released versions wrote is
//! among them.

use meshwork_core::links::message::LinkMessage;
use meshwork_core::room::message::RoomMessage;
use meshwork_fuzz::golden;

const DOCUMENTED: &str = include_str!("../../../docs/protocol/golden.md");
/// A version, the first bytes of the hash of a row that its golden.md had, and the name of that row. A release adds lines.
const RELEASED: &str = include_str!("released.txt");

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

#[test]
fn bytes_of_released_versions_stay() {
    let rows = DOCUMENTED.lines().filter_map(|row| {
        let name = row.strip_prefix("| `")?.split('`').next()?;
        Some(format!("{} {name}", hex(&blake3::hash(row.as_bytes()).as_bytes()[..8])))
    });
    let rows: Vec<String> = rows.collect();
    let changed = RELEASED.lines().filter(|line| {
        let (_, row) = line.split_once(' ').expect("a version stands before it");
        !rows.iter().any(|known| known == row)
    });
    let changed: Vec<&str> = changed.collect();
    assert!(
        changed.is_empty(),
        "docs/protocol/golden.md has these otherwise than a released version, whose bytes are read for ever: {changed:#?}. \
         Write the new form in rows of its own. All rows:\n{}",
        rows.join("\n")
    );
    assert!(RELEASED.lines().count() >= 105, "rows of released versions are missing");
}
