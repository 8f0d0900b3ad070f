//! A short run of every target from one printed seed, on any toolchain.

use std::panic::{AssertUnwindSafe, catch_unwind};

use meshwork_fuzz::{Mutator, TARGETS};

/// Inputs for each target: some seconds for all of them.
const INPUTS: usize = 20_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn no_input_makes_a_decoder_panic() {
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0u64);
    println!("seed {seed}");
    for target in TARGETS {
        let mut mutator = Mutator::new(seed, (target.examples)());
        for number in 0..INPUTS {
            let input = mutator.draw();
            let run = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
            assert!(
                run.is_ok(),
                "target {} panics at input {number} of seed {seed}: {}\nrepeat with: MESHWORK_SEED={seed} \
                 cargo test --manifest-path fuzz/Cargo.toml",
                target.name,
                hex(&input)
            );
        }
    }
}

#[test]
fn honest_examples_are_read() {
    for target in TARGETS {
        for example in (target.examples)() {
            (target.run)(&example);
        }
    }
}

#[test]
fn every_message_has_an_example() {
    let names: Vec<&str> = meshwork_fuzz::messages().iter().map(|(name, _)| *name).collect();
    let documented = include_str!("../../../docs/protocol/golden.md");
    for name in &names {
        assert!(documented.contains(&format!("| `{name}` |")), "docs/protocol/golden.md lacks {name}");
    }
}
