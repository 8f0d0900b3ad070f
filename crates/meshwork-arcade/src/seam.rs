//! The view of the server that the program around the shelf gives it: the hub, and the context of a request.
//!
//! The crate does not depend on `meshwork-signal`. [`Head`], [`Picture`], [`ReserveError`] and [`TooManyCodes`] repeat its types,
//! and the program around the shelf converts them.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use meshwork_core::id::{Code, PeerId};

/// The rooms of the server.
pub trait Live: Send + Sync {
    /// Members of the room with this code, in endpoints; `None` if no room has it.
    fn members(&self, room: Code) -> Option<usize>;

    /// Whether an endpoint of this peer is a member of the room with this code.
    fn has_member(&self, room: Code, peer: PeerId) -> bool;

    /// Keeps a code from being drawn for a room.
    ///
    /// # Errors
    /// [`ReserveError`]; nothing has changed.
    fn reserve(&self, code: Code) -> Result<(), ReserveError>;

    /// Lets rooms get a reserved code again.
    fn release(&self, code: Code);
}

/// A code was not reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveError {
    /// A room, a game or a page of the server has it: draw another.
    Taken,
    /// The server stores no more codes.
    Full,
}

/// A network tried more codes without a room than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyCodes;

/// A request: its client, the server's public address, and the server's pages.
pub trait Visit: Send + Sync {
    /// The client's network, which counts as one party.
    fn network(&self) -> String;

    /// Whether a program on this machine sent the request itself. Its author publishes as much as the store has room for.
    fn is_own_machine(&self) -> bool;

    /// The whole public address of a path of this server.
    fn address_of(&self, path: &str) -> String;

    /// Members of the room with this code, for a stranger.
    ///
    /// # Errors
    /// [`TooManyCodes`].
    fn members(&self, room: Code) -> Result<Option<usize>, TooManyCodes>;

    /// Whether the page that the request comes from may use this server.
    fn is_allowed_origin(&self, headers: &HeaderMap) -> bool;

    /// Whether it may publish and remove games: a page of this server or one that its operator named, or a program.
    fn may_change(&self, headers: &HeaderMap) -> bool;

    /// The page of Play under this head.
    fn page(&self, status: StatusCode, head: Head) -> Response;

    /// The response of the server's pages for a path.
    fn page_at(&self, path: &str, headers: &HeaderMap) -> Response;
}

/// The title, the description and the card of a page. Texts come from strangers: [`Visit::page`] escapes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The title of the page and of its card.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// The page's path below the public address.
    pub path: String,
    /// The card's picture.
    pub picture: Option<Picture>,
}

/// The picture of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Its path below the public address.
    pub path: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// A description for people who do not see it.
    pub description: String,
}
