//! Under which numbers a program writes in a document.

use meshwork_core::id::{Endpoint, Instance, PeerId};

use super::replica::{BATCHES_MAX, BYTES_MAX, Documents};
use super::said::{SaidError, client_of, payloads_of};
use super::update::{self, Update};

/// The numbers under which a program writes in one document, as long as it runs. An item has one content for ever, so no number
/// is given to a second item: where something is not there any more that this program wrote, since a record took it, or cannot
/// be shown yet, it writes on as another instance.
#[derive(Clone, Debug)]
pub struct Pen {
    me: Endpoint,
    /// Instances that were drawn, in ascending order, with their clients.
    drawn: Vec<(Instance, u64)>,
    client: u64,
    /// Behind the last item that was written under this client.
    end: u64,
}

/// What says an update of a document, once it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// As many batches as it takes.
    pub payloads: Vec<Vec<u8>>,
    /// Where the items of the pen's client end with it.
    end: u64,
}

/// Why a peer's share of an app's documents has no room for a saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// It has more bytes than are left.
    #[error("{size} bytes exceed the limit: {used} of {BYTES_MAX} bytes are used by this peer's documents")]
    Bytes {
        /// Bytes of the saying.
        size: usize,
        /// Bytes that the peer has.
        used: usize,
    },
    /// It has more batches than are left.
    #[error(
        "{batches} batches exceed the limit: {used} of {BATCHES_MAX} batches are used by this peer's documents"
    )]
    Batches {
        /// Batches of the saying.
        batches: usize,
        /// Batches that the peer has.
        used: usize,
    },
}

impl Saying {
    /// Checks that all of it stands if a peer writes it now.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn check_share(&self, documents: &Documents, peer: PeerId) -> Result<(), ShareError> {
        if documents.has_place(peer, &self.payloads) {
            return Ok(());
        }
        let (batches, used) = documents.used(peer);
        let size: usize = self.payloads.iter().map(Vec::len).sum();
        match used + size > BYTES_MAX {
            true => Err(ShareError::Bytes { size, used }),
            false => Err(ShareError::Batches { batches: self.payloads.len(), used: batches }),
        }
    }
}

impl Pen {
    /// The pen of a program that has written nothing yet.
    pub fn new(me: Endpoint) -> Pen {
        Pen { me, drawn: Vec::new(), client: client_of(me), end: 0 }
    }

    /// The client under which this program writes.
    pub fn client(&self) -> u64 {
        self.client
    }

    /// Opens a document, to be read and edited as it is now. Returns the client under which that is done: that of `fresh`, under
    /// which nobody wrote, where the present one's items are not all there.
    pub fn open(&mut self, documents: &Documents, name: &str, fresh: Instance) -> u64 {
        if documents.lacks(name, self.client, self.end) {
            (self.client, self.end) = (self.draw(fresh), 0);
        }
        self.client
    }

    /// Lets this program write as another instance, too. Returns its client.
    pub fn draw(&mut self, fresh: Instance) -> u64 {
        let client = client_of(Endpoint { instance: fresh, ..self.me });
        let place = self.drawn.partition_point(|(instance, _)| *instance < fresh);
        self.drawn.insert(place, (fresh, client));
        client
    }

    /// Says an update, whose items are under any client of this program's, or all a [seed](super::seed).
    ///
    /// # Errors
    /// [`SaidError`]; the update says nothing that can be written.
    pub fn say(&self, name: &str, update: &[u8]) -> Result<Saying, SaidError> {
        let read = update::read_long(update)?;
        let former = self.former(&read);
        let own = read.items.iter().filter(|item| item.id.client == self.client);
        let end = own.map(|item| item.id.clock + item.length).max().unwrap_or(0);
        Ok(Saying { payloads: payloads_of(name, &former, update, read)?, end })
    }

    /// Notes that something was written.
    pub fn wrote(&mut self, saying: &Saying) {
        self.end = self.end.max(saying.end);
    }

    /// The drawn instances that have items in an update.
    fn former(&self, update: &Update<'_>) -> Vec<Instance> {
        let has = |client| update.items.iter().any(|item| item.id.client == client);
        self.drawn.iter().filter(|(_, client)| has(*client)).map(|(instance, _)| *instance).collect()
    }
}
