//! Commands on systems where a process cannot be ended with its children: none can be offered.

use crate::limit::Limit;
use crate::program::{Call, Program, Ran, unloadable};

/// A command that cannot be made here.
#[derive(Clone, Debug)]
pub struct Command(std::convert::Infallible);

/// A command that cannot be offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The system cannot end a command with its children.
    #[error("commands cannot be offered on this system: offer them on Linux or macOS")]
    System,
}

impl Command {
    /// Refuses every line.
    ///
    /// # Errors
    /// Always [`CommandError::System`].
    pub fn parse(_: &str) -> Result<Command, CommandError> {
        Err(CommandError::System)
    }

    pub(crate) fn run(&self, _: &Program, _: &Call, _: &Limit) -> Ran {
        unloadable("commands do not run on this system").into()
    }
}
