//! Profiles: the names, statuses and faces that people give themselves in a room.

use meshwork_chat::Chat as _;
use meshwork_chat::profile::{self, Profile, profiles};
use meshwork_core::id::PeerId;
use meshwork_core::node::Node;
use meshwork_core::table::Table;

use super::Chat;
use crate::error::{Closed, WriteError};
use crate::receipt::Receipt;

impl Chat {
    /// The profile of a person in this room; empty if there is none. It stays readable when the person has left.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # use meshwork::chat::{self, profile::Profile};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let room = Network::new(7).endpoint("Ann").create(chat::room()).await?;
    /// let me = Profile { name: "Ann".into(), status: "In Porto".into(), avatar: None };
    /// room.chat().set_profile(&me).await?;
    /// assert_eq!(room.chat().profile(room.me().peer).await?.status, "In Porto");
    /// for (peer, profile) in room.chat().profiles().await? {
    ///     println!("{}: {}", peer.short(), profile.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn profile(&self, peer: PeerId) -> Result<Profile, Closed> {
        self.0.call(move |node, _, room| node.profile(room, peer)).await
    }

    /// The profiles of all people who have one in this room.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn profiles(&self) -> Result<Vec<(PeerId, Profile)>, Closed> {
        let read = |node: &mut Node, _, room| {
            let table = node.room(room).replica::<Table>(profiles());
            let people =
                |table| profile::people(table).into_iter().map(move |peer| (peer, Profile::of(table, peer)));
            table.into_iter().flat_map(people).filter(|(_, profile)| *profile != Profile::default()).collect()
        };
        self.0.call(read).await
    }

    /// Replaces the profile of this program's peer in this room. Empty parts are removed.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] names the part that exceeds its limit; the earlier profile stays.
    pub async fn set_profile(&self, profile: &Profile) -> Result<Receipt, WriteError> {
        let profile = profile.clone();
        self.change(move |node, now, room| node.write_profile(now, room, &profile)).await
    }
}
