//! Pages with two apps: Place, as ours have it, and the vote of `example-vote`.
//!
//! `cargo build --target wasm32-unknown-unknown -p example-vote-page` makes the program. `cargo xtask run` builds the pages of
//! `apps/web`; for pages of your own, replace their program with this one.

#[cfg(target_arch = "wasm32")]
mod vote;

fn main() {
    // Pages run in a browser; elsewhere there is nothing to start.
    #[cfg(target_arch = "wasm32")]
    meshwork_web::pages::start(&vote::APPS);
}
