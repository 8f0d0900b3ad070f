//! Where a program stands in a room's overlay.

use meshwork_core::id::Endpoint as EndpointId;

use crate::error::Closed;
use crate::room::Room;

/// Where a program stands in a room's overlay: which peers keep links to which.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Neighbourhood {
    /// The members to whom the overlay keeps links.
    pub neighbours: Vec<EndpointId>,
    /// How many others are in the room, as far as is known: what they say comes through neighbours. Of large rooms it is
    /// an estimate, and who left is counted for up to two minutes.
    pub beyond: usize,
}

impl Room {
    /// Where this program stands in the room's overlay now; nobody is beside it while the room is not open.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn neighbourhood(&self) -> Result<Neighbourhood, Closed> {
        let Some(view) = self.call(|node, _, room| node.room(room).overlay()).await? else {
            return Ok(Neighbourhood { neighbours: Vec::new(), beyond: 0 });
        };
        let neighbours = view.neighbours.iter().map(|neighbour| neighbour.endpoint).collect();
        Ok(Neighbourhood { neighbours, beyond: view.beyond() })
    }
}
