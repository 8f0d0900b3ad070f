//! The graphics card in builds without it: there is none.

use crate::limit::Limit;
use crate::program::{Call, Program, Ran, unloadable};
use meshwork_compute::message::Failure;

/// A graphics card, which this build does not use.
#[derive(Clone, Debug)]
pub struct Card(std::convert::Infallible);

/// A graphics card that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The build has no engine for shaders.
    #[error("this build runs no shaders: build it with --features gpu, or run them in a page")]
    Build,
}

impl Card {
    /// Refuses.
    ///
    /// # Errors
    /// Always [`CardError::Build`].
    pub fn open() -> Result<Card, CardError> {
        Err(CardError::Build)
    }

    /// The name of the card, for people.
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    /// Why it runs no shader any more, in words.
    pub fn gone(&self) -> Option<String> {
        match self.0 {}
    }
}

/// A loaded shader.
pub(crate) struct Shader(std::convert::Infallible);

impl Shader {
    pub(crate) fn new(_: &Program, _: Option<&Card>) -> Result<Shader, Failure> {
        Err(unloadable(&CardError::Build.to_string()))
    }

    pub(crate) fn run(&self, _: &Program, _: &Call, _: &Limit) -> Ran {
        match self.0 {}
    }
}
