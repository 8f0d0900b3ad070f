//! Every decoder of bytes and texts from outside, each as one target with honest examples to begin from.
//!
//! # How it works
//! A [`Target`] takes any bytes and must neither panic nor hold more memory than its limits say; what it accepts
//! it must write again as it was read. `tests/seeded.rs` runs all targets for a short while from one seed, on any
//! toolchain; `cargo xtask fuzz TARGET` runs one for as long as one likes, guided by coverage.
//!
//! # Adding one
//! A function that reads the bytes, a function that gives honest examples, a line in [`TARGETS`].

mod chat;
mod compute;
mod examples;
mod lan;
mod lsnp;
mod mutation;
mod physics;
mod play;
mod relay;
mod signed;
mod sync;
mod targets;

use meshwork_core::replica::Replica as _;

pub use examples::messages;
pub use mutation::Mutator;

/// One decoder.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Honest inputs.
    pub examples: fn() -> Vec<Vec<u8>>,
    /// Reads the input. A panic is a finding.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "stream", examples: examples::streams, run: targets::stream },
    Target { name: "link-message", examples: examples::link_messages, run: targets::link_message },
    Target { name: "say", examples: examples::sayings, run: targets::say },
    Target { name: "lane", examples: examples::lanes, run: targets::lane },
    Target { name: "history", examples: examples::histories, run: targets::history },
    Target { name: "blobs", examples: examples::about_blobs, run: targets::blobs },
    Target { name: "overlay", examples: examples::overlays, run: targets::overlay },
    Target { name: "signal-body", examples: examples::signal_bodies, run: targets::signal_body },
    Target { name: "sealed-signal", examples: examples::sealed_signals, run: targets::sealed_signal },
    Target { name: "by-hand", examples: examples::texts_by_hand, run: targets::by_hand },
    Target { name: "genesis", examples: signed::geneses, run: signed::run_genesis },
    Target { name: "batch", examples: examples::batches, run: targets::batch },
    Target { name: "strokes", examples: examples::payloads, run: targets::strokes },
    Target { name: "table", examples: examples::table_payloads, run: targets::table },
    Target { name: "address", examples: examples::addresses, run: targets::address },
    Target { name: "identity", examples: examples::identities, run: targets::identity },
    Target { name: "from-server", examples: examples::from_server, run: targets::from_server },
    Target { name: "from-client", examples: examples::from_client, run: targets::from_client },
    Target { name: "node", examples: examples::from_server, run: targets::node },
    Target { name: "hub", examples: examples::from_client, run: targets::hub },
    Target { name: "frames", examples: examples::frames, run: targets::frames },
    Target { name: "relay", examples: relay::examples, run: relay::run },
    Target { name: "update", examples: sync::updates, run: sync::run_update },
    Target { name: "document", examples: sync::payloads, run: sync::run_payload },
    Target { name: "whiteboard", examples: sync::shapes, run: sync::run_shape },
    Target { name: "causal", examples: sync::frames, run: sync::run_frame },
    Target { name: "post", examples: chat::rows, run: chat::run_row },
    Target { name: "files", examples: chat::files, run: chat::run_files },
    Target { name: "picture", examples: chat::heads, run: chat::run_head },
    Target { name: "sealed", examples: chat::sealed, run: chat::run_sealed },
    Target { name: "own", examples: chat::own, run: chat::run_own },
    Target { name: "compute-row", examples: compute::rows, run: compute::run_row },
    Target { name: "compute-message", examples: compute::messages, run: compute::run_message },
    Target { name: "compute-packet", examples: compute::packets, run: compute::run_packet },
    Target { name: "compute-desk", examples: compute::desks, run: compute::run_desk },
    Target { name: "lan", examples: lan::examples, run: lan::run },
    Target { name: "lsnp", examples: lsnp::examples, run: lsnp::run },
    Target { name: "physics-snapshot", examples: physics::snapshots, run: physics::run_snapshot },
    Target { name: "physics-message", examples: physics::messages, run: physics::run_message },
    Target { name: "physics-member", examples: physics::members, run: physics::run_member },
    Target { name: "play-package", examples: play::packages, run: play::run_package },
    Target { name: "play-delta", examples: play::deltas, run: play::run_delta },
    Target { name: "play-packet", examples: play::packets, run: play::run_packet },
    Target { name: "play-request", examples: play::requests, run: play::run_request },
    Target { name: "stub", examples: signed::stubs, run: signed::run_stub },
    Target { name: "lists", examples: signed::lists, run: signed::run_lists },
    Target { name: "admission", examples: signed::admissions, run: signed::run_admission },
    Target { name: "record", examples: signed::records, run: signed::run_record },
];

/// The target with this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// Golden bytes of everything that is not a message of a link, by name.
pub fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let first = |examples: fn() -> Vec<Vec<u8>>| examples().remove(0);
    let mut golden = vec![
        ("signed batch, one cell", first(examples::batches)),
        ("payload of strokes, 20 cells", first(examples::payloads)),
        ("payload of a table, 2 entries", first(examples::table_payloads)),
        ("digest of a table, 2 entries", examples::table(&first(examples::table_payloads)).digest().to_vec()),
    ];
    let bodies = ["Ask", "Offer", "Answer", "Candidate", "Refuse"].into_iter().zip(examples::signal_bodies());
    golden.extend(bodies);
    let lanes = ["a cursor", "no cursor", "datagram"].into_iter().zip(examples::lanes());
    golden.extend(lanes);
    golden.push(("say", first(examples::sayings)));
    golden.extend(relay::messages());
    golden.extend(signed::golden());
    golden.extend(sync::golden());
    golden.extend(chat::golden());
    golden.extend(play::golden());
    golden
}
