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

/// The page in which HTML games run.
const TRUSTED: &str = "/trusted.html";

/// Its policy. Such a game has an origin of its own, no storage and no requests. Firefox's workers fetch in spite of a policy, so
/// it has no workers.
const TRUSTED_POLICY: &str = "sandbox allow-scripts; default-src 'none'; \
     script-src 'unsafe-inline' 'unsafe-eval' blob: data:; img-src data: blob:; media-src data: blob:; \
     style-src 'unsafe-inline'; connect-src 'none'; worker-src 'none'; frame-ancestors 'self'";

/// The pages as they were when this program was built.
struct Embedded;

impl Pages for Embedded {
    fn page(&self, path: &str) -> Option<Page> {
        let file = PageFiles::get(path)?;
        let page = Page::new(file.data, file.metadata.sha256_hash());
        Some(match POLICY.as_deref() {
            _ if path.ends_with(TRUSTED) => page.with_policy(TRUSTED_POLICY),
            Some(policy) if path.ends_with(".html") => page.with_policy(policy),
            _ => page,
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
