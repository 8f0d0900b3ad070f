//! The Content-Security-Policy of answers.

use axum::http::HeaderValue;

/// The policy of each answer that has none of its own. A page runs its own files and compiled wasm, opens sockets to any
/// server, and frames this server's pages alone. No page may be framed: a frame's own policy says `frame-ancestors 'self'`.
pub const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; \
     worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; \
     frame-src 'self'";

/// The policy of a page whose own is no text that a header may have: nothing is loaded and nothing runs.
const UNREADABLE: HeaderValue =
    HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'");

/// [`PAGE_POLICY`] with more sources of scripts, such as `'sha256-...'` of an inline script. A frame with `srcdoc` inherits
/// the policy of its page, so the page's policy must name the hash of the frame's script.
///
/// ```
/// let policy = meshwork_signal::http::page_policy(&["'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='"]);
/// assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-"));
/// assert!(policy.ends_with("frame-src 'self'"));
/// ```
pub fn page_policy(scripts: &[&str]) -> String {
    let own = "'wasm-unsafe-eval'";
    PAGE_POLICY.replacen(own, &[&[own], scripts].concat().join(" "), 1)
}

/// A page's own policy as a header.
pub(super) fn header_of(policy: &str) -> HeaderValue {
    HeaderValue::from_str(policy).unwrap_or(UNREADABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_without_more_scripts_is_the_default() {
        assert_eq!(page_policy(&[]), PAGE_POLICY);
    }

    #[test]
    fn unreadable_policy_forbids_everything() {
        assert_eq!(header_of("default-src 'self'\r\nx: y"), UNREADABLE);
        assert_eq!(header_of("default-src 'self'"), "default-src 'self'");
    }
}
