//! What happens to an endpoint and in its room, for programs that say it line by line.

use meshwork::{
    CanvasChanges, Closed, EndpointEvent, EndpointEvents, EndpointId, Event, Events, Member, Room,
    ServerState, Stroke,
};
use serde_json::{Value, json};

use crate::exit::{Failure, refusal_reason};

/// Something that happened to an endpoint or in a room.
#[expect(clippy::large_enum_variant, reason = "each is printed and dropped before the next")]
pub(crate) enum Happening {
    Endpoint(EndpointEvent),
    Room(Event),
    Stroke(Stroke),
}

/// What happens to an endpoint and in a room, from now on.
pub(crate) struct Happenings {
    endpoint: EndpointEvents,
    room: Events,
    strokes: CanvasChanges,
}

impl Happenings {
    /// `endpoint` began before the room was looked for.
    pub(crate) fn new(endpoint: EndpointEvents, room: &Room) -> Happenings {
        Happenings { endpoint, room: room.events(), strokes: room.canvas().watch() }
    }

    /// How many times cells changed that were not heard: the canvas has them.
    pub(crate) fn missed(&self) -> u64 {
        self.strokes.missed()
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Result<Happening, Failure> {
        let next = tokio::select! {
            biased;
            event = self.endpoint.next() => event.map(Happening::Endpoint),
            event = self.room.next() => event.map(Happening::Room),
            stroke = self.strokes.next_stroke() => stroke.map(Happening::Stroke),
        };
        Ok(next.ok_or(Closed)?)
    }
}

/// The line that says what happened; `None` for what nobody who watches asks about.
pub(crate) fn line(happening: &Happening) -> Option<Value> {
    let line = match happening {
        Happening::Endpoint(event) => endpoint_line(event)?,
        Happening::Room(event) => room_line(event)?,
        Happening::Stroke(Stroke { by: Some((author, sequence)), cells }) => {
            let said = json!({ "event": "stroke", "sequence": sequence, "count": cells.len() });
            with_peer(said, Some(*author))
        }
        Happening::Stroke(Stroke { by: None, cells }) => json!({ "event": "mended", "count": cells.len() }),
    };
    Some(without_nulls(line))
}

fn endpoint_line(event: &EndpointEvent) -> Option<Value> {
    Some(match event {
        EndpointEvent::Server { url, state } => {
            let (state, reason) = match state {
                ServerState::Connecting => ("connecting", None),
                ServerState::Connected => ("connected", None),
                ServerState::Away { reason } => ("away", Some(reason)),
            };
            json!({ "event": "server", "url": url, "state": state, "reason": reason })
        }
        EndpointEvent::Refused { endpoint, reason, detail, count } => {
            let said =
                json!({ "event": "refused", "reason": reason.name(), "detail": detail, "count": count });
            with_peer(said, *endpoint)
        }
        EndpointEvent::Missed(count) => missed(*count),
        _ => return None,
    })
}

fn room_line(event: &Event) -> Option<Value> {
    let of = |event: &str, member: &Member| with_peer(json!({ "event": event }), Some(member.id()));
    Some(match event {
        Event::Opened(id) => json!({ "event": "room", "state": "opened", "room": id.to_string() }),
        Event::Registered(code) => {
            json!({ "event": "room", "state": "registered", "code": code.to_string() })
        }
        Event::Unknown => json!({ "event": "room", "state": "waiting" }),
        Event::Refused(reason) => json!({
            "event": "room", "state": "refused",
            "reason": refusal_reason(reason), "detail": reason.to_string(),
        }),
        Event::Link { member, state, reason } => {
            let said = json!({ "event": "state", "state": state.to_string(), "reason": reason });
            with_peer(said, Some(member.id()))
        }
        Event::Joined(member) | Event::Near(member) => of("linked", member),
        Event::Left { member, .. } => of("left", member),
        Event::Distant(member) => of("distant", member),
        Event::InStep(endpoint) => with_peer(json!({ "event": "in-step" }), Some(*endpoint)),
        Event::ClockDiffers(ahead_ms) => json!({ "event": "time", "ahead_ms": ahead_ms }),
        Event::ClockApart { endpoint, ahead_ms } => {
            json!({ "event": "clock", "peer": endpoint.peer.to_string(), "ahead_ms": ahead_ms })
        }
        Event::RulesChanged => json!({ "event": "rules" }),
        Event::LinkChanged => json!({ "event": "secret" }),
        Event::Contradicted { endpoint, detail } => {
            with_peer(json!({ "event": "equivocation", "detail": detail }), Some(*endpoint))
        }
        Event::GaveUp => json!({ "event": "gave-up" }),
        Event::StorageFailed(reason) => {
            json!({ "event": "storage", "state": "failed", "reason": reason })
        }
        Event::StorageRecovered => json!({ "event": "storage", "state": "working" }),
        Event::Missed(count) => missed(*count),
        // A watcher writes nothing.
        _ => return None,
    })
}

/// So many lines are missing here, since this program was slow.
fn missed(count: u64) -> Value {
    json!({ "event": "missed", "count": count })
}

fn with_peer(mut line: Value, endpoint: Option<EndpointId>) -> Value {
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
    use meshwork::{Colour, PeerId, Refusal, RoomRefusal};
    use meshwork_core::id::Instance;

    use super::*;

    const ENDPOINT: EndpointId = EndpointId { peer: PeerId([1; 32]), instance: Instance(0xa) };

    #[test]
    fn strokes_and_refusals_name_peer_and_count() {
        let stroke = Stroke { by: Some((ENDPOINT, 7)), cells: vec![(1, 2, Colour::rgb(0, 0, 0)); 3] };
        let peer = ENDPOINT.peer.to_string();
        let instance = "000000000000000a";
        let wanted =
            json!({ "event": "stroke", "peer": peer, "instance": instance, "sequence": 7, "count": 3 });
        assert_eq!(line(&Happening::Stroke(stroke)), Some(wanted));
        let refused = EndpointEvent::Refused {
            endpoint: None,
            reason: Refusal::LinkProof,
            detail: "fingerprint".into(),
            count: 2,
        };
        let wanted =
            json!({ "event": "refused", "reason": "link-proof", "detail": "fingerprint", "count": 2 });
        assert_eq!(line(&Happening::Endpoint(refused)), Some(wanted));
    }

    #[test]
    fn states_say_why_where_there_is_a_reason() {
        let server = |state| Happening::Endpoint(EndpointEvent::Server { url: "ws://x".into(), state });
        let here = line(&server(ServerState::Connected)).unwrap();
        assert_eq!((here["state"].as_str(), here.get("reason")), (Some("connected"), None));
        let away = line(&server(ServerState::Away { reason: "no".into() })).unwrap();
        assert_eq!((away["state"].as_str(), away["reason"].as_str()), (Some("away"), Some("no")));
    }

    #[test]
    fn refused_rooms_have_word_and_sentence() {
        let line = line(&Happening::Room(Event::Refused(RoomRefusal::SecretMissing))).unwrap();
        assert_eq!((line["event"].as_str(), line["state"].as_str()), (Some("room"), Some("refused")));
        assert_eq!(line["reason"], "secret-missing");
        assert!(line["detail"].as_str().unwrap().contains("private"));
    }

    #[test]
    fn missed_events_have_a_line() {
        let wanted = Some(json!({ "event": "missed", "count": 3 }));
        assert_eq!(line(&Happening::Room(Event::Missed(3))), wanted);
        assert_eq!(line(&Happening::Endpoint(EndpointEvent::Missed(3))), wanted);
    }

    #[test]
    fn what_watchers_ignore_has_no_line() {
        assert_eq!(
            line(&Happening::Room(Event::Kept { by: ENDPOINT, sequences: vec![1], stored: true })),
            None
        );
    }
}
