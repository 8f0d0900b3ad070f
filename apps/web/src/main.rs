//! The pages that people open: one program, started by the browser.

fn main() {
    // Pages run in a browser; elsewhere there is nothing to start.
    #[cfg(target_arch = "wasm32")]
    meshwork_web::pages::start(&meshwork_web::pages::APPS);
}
