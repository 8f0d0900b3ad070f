//! The key behind a passphrase.

use std::time::Duration;

use meshwork_core::id::{Identity, UnsealError};
use meshwork_rtc::web;
use meshwork_web::texts;

use super::browser;

/// How long the page waits before it derives a key, so that it is drawn as busy: deriving blocks it.
const SEEN: Duration = Duration::from_millis(50);

/// The key as a text that a passphrase opens.
///
/// # Errors
/// In words, why there is none.
pub(crate) async fn seal(key: Identity, passphrase: String) -> Result<String, String> {
    let fresh = web::entropy().map_err(|error| error.to_string())?;
    browser::pause(SEEN).await;
    Ok(key.seal(&passphrase, fresh))
}

/// The key that a text was sealed from.
///
/// # Errors
/// In words, why there is none.
pub(crate) async fn unseal(text: String, passphrase: String) -> Result<Identity, String> {
    browser::pause(SEEN).await;
    Identity::unseal(&text, &passphrase).map_err(|error| match error {
        UnsealError::WrongPassphrase => texts::key::WRONG_PASSPHRASE.to_owned(),
        error => texts::key::not_a_key(error),
    })
}
