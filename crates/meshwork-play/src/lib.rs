//! Play: people publish a game, share a code and play.
//!
//! A **game** is what an author published. A **package** is its bytes, named by their hash. A **release** is the author's signature
//! over a package and its description. A **party** is a room whose app is `play` and whose parameters name a package. A **seat** is a
//! player's place in it. The **host** simulates. A **tick** is one sixtieth of a second of the game. A **match** is one start to one
//! end.

mod bytes;
pub mod delta;
pub mod input;
pub mod loopback;
pub mod package;
pub mod packets;
pub mod party;
pub mod release;
pub mod session;
pub mod shelf;
pub mod value;

pub use delta::{apply, difference};
pub use input::PlayerInput;
pub use loopback::Loopback;
pub use package::{Draw, HostLoss, Kind, Manifest, ManifestError, Package, PackageError, PackageId};
pub use party::{Party, parameters, read_parameters};
pub use release::{About, RELEASE_LABEL, Release, ReleaseError};
pub use session::{
    Act, ActError, Can, Colour, Config, Event, FromGame, Linked, Lobby, Output, Pace, Phase, Session, Shown,
    Step, Tick, ToGame,
};
pub use value::{DeltaError, Key, Keys, Limits, StateError, Value};

/// The word of the app in addresses and rooms.
pub const WORD: &str = "play";
