//! Who holds what this program wrote in one place: "saved here", "held by 3".

use meshwork_core::node::Holders;
use meshwork_core::replica::part_named;
use meshwork_core::signed::header::Family;
use meshwork_sync::{counter, values};

use crate::error::Closed;
use crate::sync::counter::Counter;
use crate::sync::document::Document;
use crate::sync::values::Values;

impl Document {
    /// Who holds what this program wrote in the document last: its own storage, and members that stay. Where it wrote nothing
    /// since it opened the room, who was found to have all that is here, and whether all of it is stored. [`Event::Saved`](crate::Event::Saved),
    /// [`Event::Kept`](crate::Event::Kept) and [`Event::InStep`](crate::Event::InStep) tell that it may be more now.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn holders(&self) -> Result<Holders, Closed> {
        self.app.holders(self.app.slot.replica(Family::Own), part_named(self.name.as_bytes())).await
    }
}

impl Values {
    /// The same of what this program wrote last at a key: see [`Document::holders`].
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn holders(&self, key: &str) -> Result<Holders, Closed> {
        self.0.holders(self.0.by_value(), values::part(key)).await
    }
}

impl Counter {
    /// The same of what this program added last: see [`Document::holders`].
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn holders(&self) -> Result<Holders, Closed> {
        self.app.holders(self.app.by_value(), counter::part(&self.name)).await
    }
}
