//! Identities sealed by a passphrase.

use meshwork_core::id::{Identity as Keys, SEALING_LEN};
pub use meshwork_core::id::{SEALED_MAX, UnsealError};

use crate::identity::{Identity, IdentityError};

impl Identity {
    /// The identity as a text that a passphrase opens, here by [`Identity::unseal`] and elsewhere by `age --decrypt`. It takes
    /// about a second of work, in which the thread does nothing else, and so does each guess at the passphrase.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn sealed(&self, passphrase: &str) -> Result<String, IdentityError> {
        let mut fresh = [0; SEALING_LEN];
        getrandom::fill(&mut fresh).map_err(|error| IdentityError::Randomness(error.to_string()))?;
        Ok(self.0.seal(passphrase, fresh))
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
        Keys::unseal(text, passphrase).map(Identity)
    }
}
