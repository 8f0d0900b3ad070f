//! The peer that a browser profile is: one key pair, kept in local storage.

use meshwork_core::id::Identity;
use web_sys::Storage;

use super::driver::StartError;

/// Under this name the secret key of the pages of this workspace is kept, in hexadecimal.
const KEY: &str = "meshwork-identity";
/// The mark of a guest's page, in its head.
const GUEST: &str = "meta[name=meshwork-guest]";

/// Whether an identity will be there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityStorage {
    /// It is kept in this browser profile.
    Kept,
    /// It is kept, and was made just now: nothing was kept before, or it was cleared.
    New,
    /// The browser refused to keep it: it lives as long as the page.
    ThrownAway {
        /// The browser's words.
        reason: String,
    },
}

/// The profile's identity, made and stored at the first call.
///
/// # Errors
/// [`StartError::Entropy`] when a new one is needed and the browser gives no randomness.
pub fn load_identity() -> Result<(Identity, IdentityStorage), StartError> {
    load_identity_of(KEY)
}

/// The identity that is kept in local storage under this key, made and stored at the first call.
///
/// # Errors
/// As of [`load_identity`].
pub fn load_identity_of(key: &str) -> Result<(Identity, IdentityStorage), StartError> {
    let storage = match storage() {
        Ok(storage) => storage,
        Err(reason) => return Ok((fresh()?, IdentityStorage::ThrownAway { reason })),
    };
    if let Some(secret) = read(&storage, key) {
        return Ok((Identity::from_secret(secret), IdentityStorage::Kept));
    }
    let identity = fresh()?;
    let stored = storage.set_item(key, &write(&identity.to_secret()));
    match stored {
        // Another tab may have been faster: what is stored counts.
        Ok(()) => Ok((read(&storage, key).map_or(identity, Identity::from_secret), IdentityStorage::New)),
        Err(error) => Ok((identity, IdentityStorage::ThrownAway { reason: super::handler::words(&error) })),
    }
}

/// Makes `identity` the profile's, from the next time that a page of it is loaded.
///
/// # Errors
/// The browser's words; the profile has the identity that it had.
pub fn replace_identity(identity: &Identity) -> Result<(), String> {
    let stored = storage()?.set_item(KEY, &write(&identity.to_secret()));
    stored.map_err(|error| super::handler::words(&error))
}

/// Whether this page is a guest's: a program served it at a private address, which is another computer in each network. It
/// keeps everything for its tab alone.
pub fn is_guest() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| matches!(document.query_selector(GUEST), Ok(Some(_))))
}

/// The browser's storage for this page: of a guest's page that of its tab.
///
/// # Errors
/// The browser's words.
pub fn page_storage() -> Result<Storage, String> {
    storage()
}

fn fresh() -> Result<Identity, StartError> {
    super::driver::entropy().map(Identity::from_secret)
}

fn storage() -> Result<Storage, String> {
    let window = web_sys::window().ok_or_else(|| "this is not a page".to_owned())?;
    let storage = if is_guest() { window.session_storage() } else { window.local_storage() };
    match storage {
        Ok(Some(storage)) => Ok(storage),
        Ok(None) => Err("this browser has no storage".to_owned()),
        Err(error) => Err(super::handler::words(&error)),
    }
}

fn read(storage: &Storage, key: &str) -> Option<[u8; 32]> {
    let text = storage.get_item(key).ok()??;
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; 32];
    for (byte, pair) in secret.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(secret)
}

fn write(secret: &[u8; 32]) -> String {
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}
