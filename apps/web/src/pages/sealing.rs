//! The key behind a passphrase: a part of its own, which is loaded when a key is saved, or a sealed one is used.

use std::time::Duration;

use leptos::wasm_split::wasm_split;
use meshwork_core::id::{Identity, SEALING_LEN, UnsealError};
use meshwork_rtc::web;
use meshwork_web::texts;

use super::browser;
use super::parts::Loaded;

/// So long the page waits until it is seen that it works, in which it does nothing else.
const SEEN: Duration = Duration::from_millis(50);

/// The key as a text that a passphrase opens.
///
/// # Errors
/// In words, why there is none.
pub(crate) async fn seal(key: Identity, passphrase: String) -> Result<String, String> {
    let fresh = web::entropy().map_err(|error| error.to_string())?;
    browser::pause(SEEN).await;
    sealed(key, passphrase, fresh).await.map_err(|_| texts::key::PART_AWAY.to_owned())
}

/// The key that a text was sealed from.
///
/// # Errors
/// In words, why there is none.
pub(crate) async fn unseal(text: String, passphrase: String) -> Result<Identity, String> {
    browser::pause(SEEN).await;
    let unsealed = unsealed(text, passphrase).await.map_err(|_| texts::key::PART_AWAY.to_owned())?;
    unsealed.map_err(|error| match error {
        UnsealError::WrongPassphrase => texts::key::WRONG_PASSPHRASE.to_owned(),
        error => texts::key::not_a_key(error),
    })
}

#[wasm_split(sealing, wasm_split_path = ::leptos::wasm_split, fallible)]
fn sealed(key: Identity, passphrase: String, fresh: [u8; SEALING_LEN]) -> Loaded<String> {
    Ok(key.seal(&passphrase, fresh))
}

#[wasm_split(sealing, wasm_split_path = ::leptos::wasm_split, fallible)]
fn unsealed(text: String, passphrase: String) -> Loaded<Result<Identity, UnsealError>> {
    Ok(Identity::unseal(&text, &passphrase))
}
