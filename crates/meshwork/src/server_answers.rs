//! Servers that do not help: when a new room is taken in by none, and when it is plain that nobody lets this program in.

use std::time::Duration;

use meshwork_core::node::{LinkState, Node, RoomRefusal, ServerAnswer, ServerSays, ServerState};
use meshwork_core::time::Time;

use crate::endpoint::{CreateError, JoinError};
use crate::error::Closed;
use crate::room::Room;
use crate::shared::{Phase, Shared};

/// For how long servers know no such room, or nobody in it, before that is told: a server that was just restarted hears
/// of its rooms from their members within a second or two.
const SURE_AFTER: Duration = Duration::from_secs(3);
/// How often it is looked what servers say.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Why nobody lets a program in, as far as servers say.
#[derive(Debug, PartialEq, Eq)]
enum Nobody {
    /// These know no such room.
    Unknown(Vec<String>),
    /// Nobody is in it.
    Empty,
}

impl Shared {
    /// The endpoint's servers, each with why it did not take a new room in.
    pub(crate) fn servers_in_the_way(&self, answers: &[ServerAnswer]) -> Vec<(String, String)> {
        let why = |server: &String| match self.server_state(server) {
            _ if refuses(answers, server) => String::from("it refused the room"),
            Some(ServerState::Away { reason }) => reason,
            Some(ServerState::Connected) => String::from("it did not take the room in"),
            _ => String::from("it does not answer"),
        };
        self.servers.iter().map(|server| (server.clone(), why(server))).collect()
    }
}

impl Room {
    /// Waits until a server took a new room in, where the endpoint has any.
    pub(crate) async fn taken_in(&self) -> Result<(), CreateError> {
        let shared = self.shared();
        loop {
            let changed = self.state.change_after_now();
            let answers = self.call(|node, _, room| node.room(room).server_answers()).await?;
            let (phase, is_registered) = self.state.look(|known| (known.phase.clone(), known.is_registered));
            let has_failed = |server: &String| refuses(&answers, server) || is_away(&answers, server);
            match phase {
                Phase::Refused(RoomRefusal::Server(why)) => {
                    let tried = shared.servers.iter().map(|server| (server.clone(), why.clone()));
                    return Err(CreateError::Server { tried: tried.collect() });
                }
                Phase::Refused(reason) => return Err(CreateError::Refused(reason)),
                Phase::Left => return Err(CreateError::Closed(Closed)),
                Phase::Open if is_registered || shared.servers.is_empty() => return Ok(()),
                Phase::Open if shared.servers.iter().all(has_failed) => {
                    return Err(CreateError::Server { tried: shared.servers_in_the_way(&answers) });
                }
                Phase::Open | Phase::Looking => {}
            }
            changed.await;
        }
    }

    /// Waits until it is plain that nobody lets this program in, and says why.
    pub(crate) async fn nobody_comes(&self) -> JoinError {
        let (shared, mut since) = (self.shared(), None::<Time>);
        loop {
            let look = |node: &mut Node, now, room| {
                let is_somebody = node.room(room).peers().iter().any(|peer| peer.state != LinkState::Gone);
                (now, node.room(room).server_answers(), is_somebody)
            };
            let Ok((now, answers, is_somebody)) = self.call(look).await else { return Closed.into() };
            match nobody(&answers, is_somebody) {
                None => since = None,
                Some(why) if now.since(*since.get_or_insert(now)) >= SURE_AFTER => {
                    return match (why, self.reach().await) {
                        (Nobody::Unknown(servers), _) => JoinError::Unknown { servers },
                        (Nobody::Empty, Ok(reach)) => JoinError::NobodyReached { tried: reach.words() },
                        (Nobody::Empty, Err(closed)) => closed.into(),
                    };
                }
                Some(_) => {}
            }
            shared.runner.sleep(LOOK_INTERVAL).await;
        }
    }
}

fn refuses(answers: &[ServerAnswer], server: &str) -> bool {
    answers.iter().any(|answer| answer.server == server && answer.says == ServerSays::Refused)
}

/// Whether an attempt to reach a server failed that began after the room was made.
fn is_away(answers: &[ServerAnswer], server: &str) -> bool {
    answers.iter().any(|answer| answer.server == server && answer.is_away)
}

/// Why nobody comes, if that is plain: each server has answered or is away, and none names anybody. `is_somebody` says that a
/// link to somebody is up or being made.
fn nobody(answers: &[ServerAnswer], is_somebody: bool) -> Option<Nobody> {
    let is_awaited = |answer: &ServerAnswer| match answer.says {
        ServerSays::Nothing => !answer.is_away,
        ServerSays::Joined { others } => others > 0,
        _ => false,
    };
    if is_somebody || answers.iter().any(is_awaited) {
        return None;
    }
    if answers.iter().any(|answer| matches!(answer.says, ServerSays::Joined { .. })) {
        return Some(Nobody::Empty);
    }
    let unknown = answers.iter().filter(|answer| answer.says == ServerSays::Unknown);
    let unknown: Vec<String> = unknown.map(|answer| answer.server.clone()).collect();
    (!unknown.is_empty()).then_some(Nobody::Unknown(unknown))
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    fn told(says: &[ServerSays], is_somebody: bool) -> Option<Nobody> {
        let last = says.len() - 1;
        let answer = |(number, says): (usize, &ServerSays)| ServerAnswer {
            server: number.to_string(),
            says: *says,
            // The last one is away.
            is_away: number == last,
        };
        let answers: Vec<_> = says.iter().enumerate().map(answer).collect();
        nobody(&answers, is_somebody)
    }

    #[test]
    fn rooms_are_given_up_once_servers_answered() {
        let (nothing, unknown) = (ServerSays::Nothing, ServerSays::Unknown);
        let joined = |others| ServerSays::Joined { others };
        assert_eq!(told(&[unknown, nothing], false), Some(Nobody::Unknown(vec![String::from("0")])));
        assert_eq!(told(&[joined(0), unknown], false), Some(Nobody::Empty));
        assert_eq!(told(&[joined(0), nothing], false), Some(Nobody::Empty));
        assert_eq!(told(&[unknown, nothing], true), None, "somebody is being linked to");
        assert_eq!(told(&[nothing, unknown, nothing], false), None, "the first has not answered");
        assert_eq!(told(&[joined(1), nothing], false), None, "somebody is there");
        assert_eq!(told(&[nothing], false), None, "all are away");
    }
}
