//! `place watch`: says what happens in a room, one JSON object a line.

use clap::Args;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, ServerState};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::batch::BatchKey;
use meshwork_place::canvas::{Painted, REPLICA};
use serde_json::{Value, json};

use super::session::{Session, Stay};
use super::signal::Stop;
use super::values;
use super::{Common, print_line};
use crate::exit::{Failure, refusal_reason};

const AFTER_HELP: &str = "\
Each line is an object with a member `event`:
  server   {url, state: connecting | connected | away, reason}
  room     {state: opened | registered | waiting | refused, room, code, reason}
  state    {peer, instance, state: connecting | direct | relayed | stale | gone, reason}
  linked   {peer, instance}              a linked endpoint proved that it may be in the room
  left     {peer, instance}              it is not in the room any more
  distant  {peer, instance}              it is in the room still, and linked through others alone
  in-step  {peer, instance}              its canvas equals ours
  stroke   {peer, instance, sequence, count}   its batch of that number changed so many cells
  refused  {peer, instance, reason, detail, count}   something from it was refused, so often so far
  storage  {state: failed | working, reason}   what is kept on disk; place keep says it with --json
`peer` is the author's or neighbour's public key, `instance` one of its programs. Members that have
nothing to say are left out. Further events and members may come: skip what you do not know.
When it ends by itself the last line is {error, reason}.";

/// What `place watch` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: RoomAddress,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, common } = arguments;
    let mut stop = Stop::listen()?;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = tokio::select! {
        result = watch(&mut session, link) => result,
        () = stop.asked() => Ok(()),
    };
    session.close().await;
    result
}

async fn watch(session: &mut Session, link: RoomAddress) -> Result<(), Failure> {
    session.begin_join(link, None).await?;
    loop {
        let event = session.next_of_any_kind().await?;
        if let Some(line) = line(&event) {
            print_line(line)?;
        }
        match event {
            Event::RoomOpened { .. } => session.stay(),
            Event::RoomRefused { reason, .. } => return Err(Failure::Refused(reason)),
            _ => {}
        }
    }
}

/// The line that says `event`; `None` for what nobody who watches asks about.
pub(super) fn line(event: &Event) -> Option<Value> {
    let line = match event {
        Event::Server { url, state } => {
            let (state, reason) = match state {
                ServerState::Connecting => ("connecting", None),
                ServerState::Connected => ("connected", None),
                ServerState::Away { reason } => ("away", Some(reason)),
            };
            json!({ "event": "server", "url": url, "state": state, "reason": reason })
        }
        Event::RoomOpened { id, .. } => {
            json!({ "event": "room", "state": "opened", "room": id.to_string() })
        }
        Event::RoomRegistered { code, .. } => {
            json!({ "event": "room", "state": "registered", "code": code.to_string() })
        }
        Event::RoomWaiting { .. } => json!({ "event": "room", "state": "waiting" }),
        Event::RoomRefused { reason, .. } => json!({
            "event": "room", "state": "refused",
            "reason": refusal_reason(reason), "detail": reason.to_string(),
        }),
        Event::Link { endpoint, state, reason } => {
            let said = json!({ "event": "state", "state": state.to_string(), "reason": reason });
            with_peer(said, Some(*endpoint))
        }
        Event::MemberAttached { endpoint, .. } => with_peer(json!({ "event": "linked" }), Some(*endpoint)),
        Event::MemberDetached { endpoint, distant, .. } => {
            with_peer(json!({ "event": if *distant { "distant" } else { "left" } }), Some(*endpoint))
        }
        Event::InStep { endpoint, .. } => with_peer(json!({ "event": "in-step" }), Some(*endpoint)),
        Event::Changed { replica: REPLICA, batch, changes, .. } => {
            let count = Painted::of(changes).len();
            match batch {
                Some(BatchKey { author, sequence, .. }) => with_peer(
                    json!({ "event": "stroke", "sequence": sequence, "count": count }),
                    Some(*author),
                ),
                None => json!({ "event": "mended", "count": count }),
            }
        }
        Event::RoomTime { ahead_ms, .. } => json!({ "event": "time", "ahead_ms": ahead_ms }),
        Event::RulesChanged { .. } => json!({ "event": "rules" }),
        Event::SecretChanged { .. } => json!({ "event": "secret" }),
        Event::Equivocation { endpoint, detail, .. } => {
            with_peer(json!({ "event": "equivocation", "detail": detail }), Some(*endpoint))
        }
        Event::Refused { endpoint, reason, detail, count } => {
            let said =
                json!({ "event": "refused", "reason": reason.name(), "detail": detail, "count": count });
            with_peer(said, *endpoint)
        }
        Event::StorageFailed { reason, .. } => {
            json!({ "event": "storage", "state": "failed", "reason": reason })
        }
        Event::StorageRecovered { .. } => json!({ "event": "storage", "state": "working" }),
        // A watcher paints nothing.
        _ => return None,
    };
    Some(without_nulls(line))
}

fn with_peer(mut line: Value, endpoint: Option<Endpoint>) -> Value {
    if let Some(endpoint) = endpoint {
        line["peer"] = endpoint.peer.to_string().into();
        line["instance"] = endpoint.instance.to_string().into();
    }
    line
}

fn without_nulls(mut line: Value) -> Value {
    if let Some(members) = line.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    line
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Instance, PeerId};
    use meshwork_core::node::{LinkState, Refusal, RoomHandle, RoomRefusal};
    use meshwork_core::replica::Changes;
    use meshwork_place::canvas::Colour;

    use super::*;
    use meshwork_core::signed::list::ShortId;

    const ENDPOINT: Endpoint = Endpoint { peer: PeerId([1; 32]), instance: Instance(0xa) };
    const ROOM: RoomHandle = RoomHandle(0);

    #[test]
    fn strokes_and_refusals_name_peer_and_count() {
        let cell = Painted { x: 1, y: 2, colour: Colour::rgb(0, 0, 0) };
        let batch = Some(BatchKey { author: ENDPOINT, sequence: 7, id: ShortId([0; 16]) });
        let changes = Changes::new(vec![cell; 3]).expect("some");
        let stroke = Event::Changed { room: ROOM, replica: REPLICA, batch, changes };
        let peer = ENDPOINT.peer.to_string();
        let instance = "000000000000000a";
        let wanted =
            json!({ "event": "stroke", "peer": peer, "instance": instance, "sequence": 7, "count": 3 });
        assert_eq!(line(&stroke), Some(wanted));
        let refused = Event::Refused {
            endpoint: None,
            reason: Refusal::LinkProof,
            detail: "fingerprint".into(),
            count: 2,
        };
        let wanted =
            json!({ "event": "refused", "reason": "link-proof", "detail": "fingerprint", "count": 2 });
        assert_eq!(line(&refused), Some(wanted));
    }

    #[test]
    fn states_say_why_where_there_is_a_reason() {
        let link = |state, reason: Option<&str>| Event::Link {
            endpoint: ENDPOINT,
            state,
            reason: reason.map(Into::into),
        };
        let direct = line(&link(LinkState::Direct, None)).unwrap();
        assert_eq!((direct["state"].as_str(), direct.get("reason")), (Some("direct"), None));
        let gone = line(&link(LinkState::Gone, Some("silent for 10 s"))).unwrap();
        assert_eq!(gone["reason"], "silent for 10 s");
        let away = Event::Server { url: "ws://x".into(), state: ServerState::Away { reason: "no".into() } };
        assert_eq!(line(&away).unwrap()["state"], "away");
    }

    #[test]
    fn refused_rooms_have_a_fixed_word_and_a_sentence() {
        let refused = Event::RoomRefused { room: ROOM, reason: RoomRefusal::SecretMissing };
        let line = line(&refused).unwrap();
        assert_eq!((line["event"].as_str(), line["state"].as_str()), (Some("room"), Some("refused")));
        assert_eq!(line["reason"], "secret-missing");
        assert!(line["detail"].as_str().unwrap().contains("private"));
    }

    #[test]
    fn what_a_watcher_does_not_ask_about_has_no_line() {
        let applied = Event::Acknowledged { room: ROOM, by: ENDPOINT, sequences: vec![1], stored: true };
        assert_eq!(line(&applied), None);
    }
}
