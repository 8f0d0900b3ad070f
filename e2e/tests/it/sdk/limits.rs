//! The limits that the package names are those of the library.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork::compute::format as job;
use meshwork::sync;

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("short")
}

fn of_the_library() -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("SERVERS_MAX", meshwork::SERVERS_MAX as u64),
        ("ICE_SERVERS_MAX", meshwork::ICE_SERVERS_MAX as u64),
        ("JOIN_MAX", milliseconds(meshwork::JOIN_MAX)),
        ("INVITATION_MAX", milliseconds(meshwork::INVITATION_MAX)),
        ("KEPT_MAX", milliseconds(meshwork::KEPT_MAX)),
        ("EVENTS_MAX", meshwork::EVENTS_MAX as u64),
        ("TOPIC_MAX", meshwork::TOPIC_MAX as u64),
        ("MESSAGES_MAX", meshwork::MESSAGES_MAX as u64),
        ("SAY_MAX", meshwork::SAY_MAX as u64),
        ("DIRECT_MAX", meshwork::DIRECT_MAX as u64),
        ("DATAGRAM_MAX", meshwork::DATAGRAM_MAX as u64),
        ("DATAGRAM_TO_ALL_MAX", meshwork::DATAGRAM_TO_ALL_MAX as u64),
        ("PRESENCE_MAX", meshwork::PRESENCE_MAX as u64),
        ("KEY_MAX", meshwork::KEY_MAX as u64),
        ("VALUE_MAX", meshwork::VALUE_MAX as u64),
        ("NAME_MAX", sync::NAME_MAX as u64),
        ("HISTORY_MAX", sync::HISTORY_MAX as u64),
        ("DOCUMENT_NAME_MAX", sync::DOCUMENT_NAME_MAX as u64),
        ("DOCUMENT_BYTES_MAX", sync::DOCUMENT_BYTES_MAX as u64),
        ("DOCUMENT_BATCHES_MAX", sync::DOCUMENT_BATCHES_MAX as u64),
        ("LABEL_MAX", sync::LABEL_MAX as u64),
        ("TITLE_MAX", sync::TITLE_MAX as u64),
        ("VERSIONS_MAX", sync::VERSIONS_MAX as u64),
        ("VERSION_MAX", sync::VERSION_MAX),
        ("VERSION_BYTES_MAX", sync::VERSION_BYTES_MAX),
        ("PICTURE_MAX", sync::shapes::PICTURE_MAX),
        ("UNITS_MAX", job::UNITS_MAX.into()),
        ("CODE_MAX", job::CODE_MAX.into()),
        ("INPUT_MAX", job::INPUT_MAX),
        ("RESULT_MAX", job::RESULT_MAX.into()),
        ("UNIT_MS_MAX", job::UNIT_MS_MAX.into()),
        ("OFFERED_MS_MAX", job::OFFERED_MS_MAX.into()),
        ("TEXT_MAX", sync::shapes::TEXT_MAX as u64),
        ("POINTS_MAX", sync::shapes::POINTS_MAX as u64),
        ("PIECES_MAX", sync::shapes::PIECES_MAX as u64),
        ("COLOURS", sync::shapes::COLOURS.into()),
        ("BLOB_MAX", meshwork::BLOB_MAX),
        ("BLOB_PART", meshwork::BLOB_PART as u64),
        ("FETCH_MAX", meshwork::FETCH_MAX),
        ("FETCHES_MAX", meshwork::FETCHES_MAX as u64),
        ("HOLDER_WAIT", milliseconds(meshwork::HOLDER_WAIT)),
        ("MEMORY_MAX", meshwork::MEMORY_MAX),
    ])
}

/// The constants of a module that are numbers and products of them.
fn constants(script: &str) -> Result<BTreeMap<&str, u64>> {
    let mut known = BTreeMap::new();
    for line in script.lines() {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, product)) = line.strip_prefix("const ").and_then(|line| line.split_once(" = "))
        else {
            continue;
        };
        let mut value = 1;
        for factor in product.split(" * ") {
            value *= match known.get(factor) {
                Some(known) => *known,
                None => factor.replace('_', "").parse().with_context(|| format!("{name}: {factor}"))?,
            };
        }
        known.insert(name, value);
    }
    Ok(known)
}

#[test]
fn limits_are_those_of_the_library() -> Result<()> {
    let mut said = constants(include_str!("../../../../sdk/js/limits.js"))?;
    for unit in ["KIB", "MIB", "SECOND"] {
        said.remove(unit);
    }
    ensure!(said == of_the_library(), "the package says {said:?}, the library {:?}", of_the_library());
    let declared = include_str!("../../../../sdk/js/index.d.ts");
    for name in said.keys() {
        ensure!(declared.contains(&format!("export const {name}: number")), "{name} is not declared");
    }
    Ok(())
}
