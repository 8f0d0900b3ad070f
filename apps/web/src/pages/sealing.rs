//! The key behind a passphrase.

use std::time::Duration;

use meshwork_core::id::{Identity, UnsealError};
use meshwork_rtc::web;
use meshwork_web::texts;

use super::browser;

/// The work that a guess at the passphrase takes, as a power of two: some half a second, and 64 MiB.
const WORK: u8 = 16;
/// The most that a file may ask for, which programs write: 256 MiB.
const WORK_MAX: u8 = 18;
/// So long the page waits until it is seen that it works, in which it does nothing else.
const SEEN: Duration = Duration::from_millis(50);

/// The key as a text that a passphrase opens.
///
/// # Errors
/// In words, why there is none.
pub(super) async fn seal(key: Identity, passphrase: String) -> Result<String, String> {
    let fresh = web::entropy().map_err(|error| error.to_string())?;
    browser::pause(SEEN).await;
    Ok(key.seal(&passphrase, WORK, fresh))
}

/// The key that a text was sealed from.
///
/// # Errors
/// In words, why there is none.
pub(super) async fn unseal(text: String, passphrase: String) -> Result<Identity, String> {
    browser::pause(SEEN).await;
    Identity::unseal(&text, &passphrase, WORK_MAX).map_err(|error| match error {
        UnsealError::WrongPassphrase => texts::key::WRONG_PASSPHRASE.to_owned(),
        error => texts::key::not_a_key(error),
    })
}
