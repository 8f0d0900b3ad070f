//! The `meshwork` program, with its pages.

use std::process::ExitCode;
use std::sync::Arc;

use meshwork_signal::http::{Page, Pages};
use rust_embed::RustEmbed;

/// Their files.
#[derive(RustEmbed)]
#[folder = "../../target/pages"]
struct PageFiles;

/// The pages as they were when this program was built.
struct Embedded;

impl Pages for Embedded {
    fn page(&self, path: &str) -> Option<Page> {
        let file = PageFiles::get(path)?;
        Some(Page::new(file.data, file.metadata.sha256_hash()))
    }
}

fn main() -> ExitCode {
    meshwork_cli::run(Arc::new(Embedded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_page_is_embedded() {
        assert!(Embedded.page("index.html").is_some());
        assert!(Embedded.page("no-such-file").is_none());
    }
}
