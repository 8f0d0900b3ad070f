//! Identities sealed by a passphrase.

use meshwork_core::id::{Identity as Keys, SEALING_LEN};
pub use meshwork_core::id::{SEALED_MAX, UnsealError};

use crate::{Identity, IdentityError};

/// The work that opening a sealed identity takes, as a power of two: a second or less, and 256 MiB. A page, which has less of
/// both, takes a quarter.
const WORK: u8 = if cfg!(target_arch = "wasm32") { 16 } else { 18 };
/// How much of it a text may ask for: 1 GiB, and 256 MiB in a page.
const WORK_MAX: u8 = if cfg!(target_arch = "wasm32") { 18 } else { 20 };

impl Identity {
    /// The identity as a text that a passphrase opens, here by [`Identity::unseal`] and elsewhere by `age --decrypt`. It takes
    /// about a second of work, in which the thread does nothing else, and so does each guess at the passphrase.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn sealed(&self, passphrase: &str) -> Result<String, IdentityError> {
        let mut fresh = [0; SEALING_LEN];
        getrandom::fill(&mut fresh).map_err(|error| IdentityError::Randomness(error.to_string()))?;
        Ok(self.0.seal(passphrase, WORK, fresh))
    }

    /// Whether a text says of itself that it is sealed, and is to be [opened](Identity::unseal) rather than
    /// [imported](Identity::import).
    #[must_use]
    pub fn is_sealed(text: &str) -> bool {
        Keys::is_sealed(text)
    }

    /// The identity that a text was sealed from. It takes about a second of work, in which the thread does nothing else.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal(text: &str, passphrase: &str) -> Result<Identity, UnsealError> {
        Keys::unseal(text, passphrase, WORK_MAX).map(Identity)
    }
}
