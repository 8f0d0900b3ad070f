//! One target under libFuzzer: `cargo xtask fuzz TARGET` builds and runs it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use meshwork_fuzz::Target;

/// The target that the environment names.
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("MESHWORK_FUZZ_TARGET").expect("MESHWORK_FUZZ_TARGET names a target");
    meshwork_fuzz::target(&name).expect("MESHWORK_FUZZ_TARGET names a target that exists")
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
