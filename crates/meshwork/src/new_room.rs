//! What a room that is to be made is like.

use meshwork_core::signed::app::{AppParameters, AppWord, NoAppWord};
use meshwork_core::wire::Bytes;

/// What a room that is to be made is like: handed to [`Endpoint::create`](crate::Endpoint::create). Its app alone may be
/// [turned on](crate::Room::turn_on) in another one.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewRoom {
    pub(crate) app: Result<AppWord, NoAppWord>,
    pub(crate) parameters: Result<AppParameters, String>,
    pub(crate) private: bool,
    pub(crate) name: Option<String>,
}

/// A room that opens with an app of one's own: its word has 1 to 32 of `a` to `z`, `0` to `9` and `-`.
pub fn room(app: &str) -> NewRoom {
    NewRoom { app: app.parse(), parameters: Ok(AppParameters::default()), private: false, name: None }
}

impl From<&str> for NewRoom {
    /// An app by its word, which is told nothing.
    fn from(app: &str) -> NewRoom {
        room(app)
    }
}

impl NewRoom {
    /// A secret guards it, which its link carries: nobody enters by the code alone.
    pub fn private(mut self) -> NewRoom {
        self.private = true;
        self
    }

    /// What people see it called: at most 64 bytes.
    pub fn named(mut self, name: impl Into<String>) -> NewRoom {
        self.name = Some(name.into());
        self
    }

    /// What the app is told of the room, for ever: at most 256 bytes, which nobody else reads.
    pub fn parameters(mut self, bytes: &[u8]) -> NewRoom {
        let length = bytes.len();
        self.parameters = Bytes::new(bytes.to_vec())
            .map_err(|_| format!("an app is told at most 256 bytes of a room, and these are {length}"));
        self
    }
}
