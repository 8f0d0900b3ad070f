//! Identities sealed by a passphrase: files as the program age writes and reads them, with its text armour.

use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor};

use crate::Identity;

/// Longest text that is read: an identity of one line, its header, and armour.
pub const SEALED_MAX: usize = 4096;
/// What a text of age begins with.
const ARMOUR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// How much work a text may ask for, as a power of two: what age asks for by itself is 18, and this takes 1 GiB of memory
/// and some seconds.
const WORK_MAX: u8 = 20;

/// Why a text does not become an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The passphrase is another one: try again.
    #[error("this is not the passphrase that the identity was sealed with")]
    WrongPassphrase,
    /// It is no file of age that a passphrase opens, or part of it is missing: copy it again, from its first dashes on.
    #[error("this is no sealed identity, or part of it is missing")]
    NotSealed,
    /// It asks for more work than this program does, as a power of two: seal it anew with less.
    #[error("opening it would take 2 to the {0} steps of work, more than this program does")]
    TooMuchWork(u8),
    /// It opens, and is no identity, in words: something else was sealed.
    #[error("{0}")]
    NoIdentity(String),
}

impl Identity {
    /// The identity as a text that a passphrase opens, here by [`Identity::unseal`] and elsewhere by `age --decrypt`. It takes
    /// about a second of work, in which the thread does nothing else, and so does each guess at the passphrase.
    ///
    /// # Panics
    /// Where the system gives no randomness.
    #[must_use]
    pub fn sealed(&self, passphrase: &str) -> String {
        let encryptor = Encryptor::with_user_passphrase(SecretString::from(passphrase));
        let sealed = (|| {
            let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armour)?;
            writeln!(writer, "{}", self.export())?;
            writer.finish()?.finish()
        })();
        let sealed = sealed.expect("nothing fails that is written into memory");
        String::from_utf8(sealed).expect("armour is ASCII")
    }

    /// Whether a text says of itself that it is sealed, and is to be [opened](Identity::unseal) rather than
    /// [imported](Identity::import).
    #[must_use]
    pub fn is_sealed(text: &str) -> bool {
        text.trim_start().starts_with(ARMOUR)
    }

    /// The identity that a text was sealed from. It takes about a second of work, in which the thread does nothing else.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal(text: &str, passphrase: &str) -> Result<Identity, UnsealError> {
        if text.len() > SEALED_MAX {
            return Err(UnsealError::NotSealed);
        }
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(text.trim().as_bytes()));
        let decryptor = decryptor.ok().filter(Decryptor::is_scrypt).ok_or(UnsealError::NotSealed)?;
        let mut opens = age::scrypt::Identity::new(SecretString::from(passphrase));
        opens.set_max_work_factor(WORK_MAX);
        let mut reader = decryptor.decrypt(std::iter::once(&opens as _)).map_err(|error| match error {
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
                UnsealError::WrongPassphrase
            }
            DecryptError::ExcessiveWork { required, .. } => UnsealError::TooMuchWork(required),
            _ => UnsealError::NotSealed,
        })?;
        let mut exported = String::new();
        reader.read_to_string(&mut exported).map_err(|_| UnsealError::NotSealed)?;
        Identity::import(exported.trim()).map_err(|error| UnsealError::NoIdentity(error.to_string()))
    }
}
