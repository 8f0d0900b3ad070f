//! The `meshwork` program, with its pages.

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use meshwork_signal::http::{Page, Pages, page_policy};
use rust_embed::RustEmbed;

/// Their files.
#[derive(RustEmbed)]
#[folder = "../../target/pages"]
struct PageFiles;

/// The file that lists the scripts which the policy of all pages allows beside their own.
const SCRIPT_SOURCES: &str = "script-sources.txt";

/// The policy of all pages, with the script of the frames in which games run.
static POLICY: LazyLock<Option<String>> = LazyLock::new(|| {
    let sources = PageFiles::get(SCRIPT_SOURCES)?;
    let sources = std::str::from_utf8(&sources.data).ok()?;
    Some(page_policy(&sources.split_whitespace().collect::<Vec<_>>()))
});

/// The pages as they were when this program was built.
struct Embedded;

impl Pages for Embedded {
    fn page(&self, path: &str) -> Option<Page> {
        let file = PageFiles::get(path)?;
        let page = Page::new(file.data, file.metadata.sha256_hash());
        let policy = POLICY.as_deref().filter(|_| path.ends_with(".html"));
        Some(match policy {
            Some(policy) => page.with_policy(policy),
            None => page,
        })
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
