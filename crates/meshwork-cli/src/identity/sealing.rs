//! Identities sealed by a passphrase, as the command line exports and imports them.

use std::path::{Path, PathBuf};

use clap::Args;
use meshwork::{Identity, UnsealError};

use super::passphrase;
use crate::exit::Failure;

/// How an export is sealed.
#[derive(Args)]
pub(super) struct Sealing {
    /// Seal it with a passphrase, as a file that age opens too: the file alone is useless. The command asks for the
    /// passphrase twice, on the terminal.
    #[arg(long)]
    sealed: bool,
    /// Read the passphrase from the first line of this file instead; - is standard input.
    #[arg(long, value_name = "FILE", requires = "sealed")]
    passphrase_file: Option<PathBuf>,
}

impl Sealing {
    /// The sealed text; `None` where none was asked for.
    pub(super) fn seal(&self, identity: &Identity) -> Result<Option<String>, Failure> {
        if !self.sealed {
            return Ok(None);
        }
        let passphrase = passphrase::new(self.passphrase_file.as_deref())?;
        identity.sealed(&passphrase).map(Some).map_err(|error| anyhow::Error::from(error).into())
    }
}

/// How an import is opened.
#[derive(Args)]
pub(super) struct Opening {
    /// Read the passphrase of a sealed text from the first line of this file instead of the terminal; - is standard
    /// input.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Opening {
    /// Says so where one source would have to be both the identity and its passphrase.
    pub(super) fn check(&self, from: &Path) -> Result<(), Failure> {
        if self.passphrase_file.as_deref() != Some(from) {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{} cannot have both the identity and its passphrase. Nothing was changed.",
            from.display()
        )))
    }

    /// The identity in a text that was read `from` a file; `None` where it is not sealed.
    pub(super) fn open(&self, from: &Path, text: &str) -> Result<Option<Identity>, Failure> {
        if !Identity::is_sealed(text) {
            return Ok(None);
        }
        let from = from.display();
        let passphrase = passphrase::known(self.passphrase_file.as_deref())?;
        let closed = |words: String, reason| Failure::Forbidden {
            words: format!("{words} Nothing was changed."),
            reason,
        };
        Identity::unseal(text, &passphrase).map(Some).map_err(|error| match error {
            UnsealError::WrongPassphrase => {
                closed(format!("This is not the passphrase of {from}. Try again."), "passphrase-wrong")
            }
            UnsealError::TooMuchWork(_) => closed(format!("{from}: {error}."), "too-much-work"),
            error => {
                Failure::Usage(format!("{from} is not an exported identity: {error}. Nothing was changed."))
            }
        })
    }
}
