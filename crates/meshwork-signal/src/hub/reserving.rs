//! Codes that are no rooms: routes of the server use them as addresses of their own.

use meshwork_core::id::Code;
use meshwork_core::signalling::address::is_reserved;

use super::{Hub, RESERVED_MAX};

/// The hub did not reserve a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// A room has the code, it is reserved already, or it is a page of the server. Draw another code.
    #[error("the code {0} is taken")]
    Taken(Code),
    /// The hub has [`RESERVED_MAX`] reserved codes.
    #[error("the server has {RESERVED_MAX} reserved codes, the most it stores")]
    Full,
}

impl Hub {
    /// Keeps a code from being drawn for a room, from now on. The caller stores the code, and passes it in
    /// [`HubConfig::reserved`](super::HubConfig::reserved) to the next hub. It shares the codes by network if strangers may
    /// ask for one.
    ///
    /// # Errors
    /// [`ReserveError`]; nothing has changed.
    pub fn reserve(&mut self, code: Code) -> Result<(), ReserveError> {
        let reserved = &mut self.config.reserved;
        if is_reserved(code) || reserved.contains(&code) || self.rooms.id_of(code).is_some() {
            return Err(ReserveError::Taken(code));
        }
        if reserved.len() >= RESERVED_MAX {
            return Err(ReserveError::Full);
        }
        reserved.insert(code);
        Ok(())
    }

    /// Lets rooms get a reserved code again. False if it was not reserved.
    pub fn release(&mut self, code: Code) -> bool {
        self.config.reserved.remove(&code)
    }
}
