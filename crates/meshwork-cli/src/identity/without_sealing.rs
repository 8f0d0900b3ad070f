//! What this program says of sealed identities where it was built without them.

use std::path::Path;

use clap::Args;
use meshwork::Identity;

use crate::exit::Failure;

/// Nothing is sealed.
#[derive(Args)]
pub(super) struct Sealing {}

impl Sealing {
    pub(super) fn seal(&self, _identity: &Identity) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}

/// Nothing is opened.
#[derive(Args)]
pub(super) struct Opening {}

impl Opening {
    pub(super) fn check(&self, _from: &Path) -> Result<(), Failure> {
        Ok(())
    }

    pub(super) fn open(&self, from: &Path, text: &str) -> Result<Option<Identity>, Failure> {
        if !text.trim_start().starts_with("-----BEGIN AGE ") {
            return Ok(None);
        }
        Err(Failure::Usage(format!(
            "{} is sealed by a passphrase, and this program was built without the feature that opens it. Nothing was \
             changed. Open it with age --decrypt, and import what is in it.",
            from.display()
        )))
    }
}
