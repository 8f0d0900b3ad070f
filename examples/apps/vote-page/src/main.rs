//! Pages with two apps: Place, as ours have it, and the vote of `example-vote`.
//!
//! `MESHWORK_PAGES=example-vote-page cargo xtask run` builds the pages with this program in place of that of `apps/web`, and serves
//! them.

#[cfg(target_arch = "wasm32")]
mod vote;

fn main() {
    // Pages run in a browser; elsewhere there is nothing to start.
    #[cfg(target_arch = "wasm32")]
    meshwork_web::pages::start(&vote::APPS);
}
