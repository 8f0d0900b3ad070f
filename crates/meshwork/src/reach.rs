//! How far a program came in reaching others in a room.

use meshwork_core::node::{Node, ServerState};

use crate::error::Closed;
use crate::member::Member;
use crate::room::Room;

/// How far a program came in reaching others in a room: what there is to tell people when nobody came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reach {
    /// Servers by their WebSocket address, with the last that was heard of each: see
    /// [`Endpoint::servers`](crate::Endpoint::servers).
    pub servers: Vec<(String, ServerState)>,
    /// Whether a server says that it does not know the room.
    pub is_unknown: bool,
    /// Everybody of whom something is known, those who were tried in vain and those who left in the last minute included.
    pub tried: Vec<Member>,
    /// How many others the servers say are in the room. It is their word.
    pub named: u64,
    /// The last thing from outside that was refused, in words.
    pub refused: Option<String>,
}

impl Room {
    /// How far this program came in reaching others in the room, up to now.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn reach(&self) -> Result<Reach, Closed> {
        let look = |node: &mut Node, now, room| {
            let tried = node.room(room).peers().into_iter().map(|view| Member::new(view, now));
            (tried.collect(), node.room(room).others_named())
        };
        let (tried, named) = self.call(look).await?;
        let is_unknown = self.state.look(|known| known.is_unknown);
        let (servers, refused) = (self.shared().servers(), self.shared().last_refused());
        Ok(Reach { servers, is_unknown, tried, named, refused })
    }
}

impl Reach {
    /// Servers and members, each with why it is of no help.
    pub(crate) fn words(self) -> Vec<(String, String)> {
        let is_unknown = self.is_unknown;
        let servers = self.servers.into_iter().map(|(url, state)| {
            let why = match is_unknown {
                true => String::from("it does not know the room"),
                false => server_words(&state),
            };
            (url, why)
        });
        let members = self.tried.iter().map(|member| {
            let why = member.reason().map_or_else(|| member.link().to_string(), str::to_owned);
            (member.peer().short(), why)
        });
        servers.chain(members).collect()
    }
}

/// Why a server is of no help, in words.
fn server_words(state: &ServerState) -> String {
    match state {
        ServerState::Connecting => String::from("it does not answer"),
        ServerState::Connected => String::from("it knows of nobody in the room who answers"),
        ServerState::Away { reason } => reason.clone(),
    }
}
