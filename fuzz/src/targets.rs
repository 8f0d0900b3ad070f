//! What each target does with an input.

use std::net::{IpAddr, Ipv4Addr};

use meshwork_core::blobs::{Blobs, GROUP, Outline, Share as _, Work};
use meshwork_core::id::{Code, Endpoint, Identity, Instance};
use meshwork_core::lanes::{Saying, Unreliable};
use meshwork_core::links::message::LinkMessage;
use meshwork_core::node::{Config, Effect, Input, Node, Output};
use meshwork_core::overlay::size::PASSIVE_MAX;
use meshwork_core::overlay::sparse::Sparse;
use meshwork_core::overlay::{Face, LinkFacts, Overlay as _};
use meshwork_core::replica::{Replica as _, ReplicaNumber};
use meshwork_core::room::message::RoomMessage;
use meshwork_core::room::{Makers, Member, Room, RoomOutput};
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::io::{FRAME_MAX, ServerId};
use meshwork_core::seam::lane::{DATAGRAM_MAX, Slot};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::signalling::by_hand;
use meshwork_core::signalling::protocol::{FromClient, FromServer};
use meshwork_core::signalling::sealing::{self, SignalBody, SignalContent};
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::table::Payload;
use meshwork_core::time::{Now, Time, WallTime};
use meshwork_core::wire::{self, MESSAGE_MAX, MessageReader};
use meshwork_place::canvas::{Canvas, Strokes};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::frames::{CONTROL_MAX, Frame, Frames, push_text};
use meshwork_signal::hub::{Hub, HubConfig};

use crate::examples::{self, ROOM, SIZE};

/// The first byte says how the rest is cut into frames.
pub(crate) fn stream(input: &[u8]) {
    let Some((&cut, bytes)) = input.split_first() else { return };
    let mut reader = MessageReader::default();
    for frame in bytes.chunks(usize::from(cut).clamp(1, FRAME_MAX)) {
        if reader.push(frame).is_err() {
            return;
        }
        loop {
            match reader.next_message() {
                Ok(Some((kind, body))) => {
                    assert!(body.len() <= MESSAGE_MAX);
                    let _ = LinkMessage::decode(kind, body);
                    let _ = RoomMessage::decode(kind, body);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// The first byte is the kind.
pub(crate) fn link_message(input: &[u8]) {
    let Some((&kind, body)) = input.split_first() else { return };
    if let Ok(message) = LinkMessage::decode(kind.into(), body) {
        let (again, written) = message.encode();
        assert_eq!(again, u32::from(kind));
        assert_eq!(LinkMessage::decode(again, &written), Ok(message), "it is written as it was read");
    }
    if let Ok(Some((number, message))) = RoomMessage::decode(kind.into(), body) {
        let (again, written) = message.encode(number);
        assert_eq!(again, u32::from(kind));
        let read = RoomMessage::decode(again, &written);
        assert_eq!(read, Ok(Some((number, message))), "it is written as it was read");
    }
}

/// What lanes say on the unreliable channel.
pub(crate) fn lane(input: &[u8]) {
    let Ok(Some(said)) = Unreliable::decode(input) else { return };
    let (written, stream) = said.encode();
    assert!(stream < written.len() && written.len() <= DATAGRAM_MAX);
    assert_eq!(Unreliable::decode(&written), Ok(Some(said)));
}

/// What somebody says to everybody in a room.
pub(crate) fn say(input: &[u8]) {
    let Ok(saying) = Saying::decode(input) else { return };
    assert_eq!(Saying::decode(&saying.encode()), Ok(saying));
}

/// What a neighbour says about history, to a member that has a log and fetches another's.
pub(crate) fn history(input: &[u8]) {
    let genesis = examples::genesis();
    let (decoded, id) = Genesis::decode(&genesis).expect("an honest genesis");
    let config = Config { stores: true, keeps_history: true, ..Config::default() };
    let (me, _) = examples::addressee();
    let them = Endpoint { instance: Instance(7), ..me };
    let mut room =
        Room::new(RoomHandle(1), id, decoded, genesis, Makers::new(meshwork_place::make), me, &config);
    let mut now = Now { time: Time(0), wall: WallTime(1_790_000_000_000_000) };
    room.handle_attached(now, them, Member { name: String::new(), stays: true, stores: true });
    room.begin_history(now, ReplicaNumber::FIRST);
    for (kind, message) in messages(input) {
        if (60..68).contains(&kind) {
            room.handle_message(now, them, message);
        }
        now.time += std::time::Duration::from_millis(50);
        room.handle_timeout(now);
        room.verify(now, 1);
        while !room.serve(them).is_empty() {}
        while let Some(output) = room.poll_output() {
            if let RoomOutput::ReadHistory { token, .. } = output {
                room.handle_history_read(now, token, Err(String::from("nothing there")));
            }
        }
        assert!(room.take_history(now, 1).len() <= 1);
    }
}

/// What a neighbour says about blobs, to a member that holds one and fetches it too.
pub(crate) fn blobs(input: &[u8]) {
    let (bytes, slot, mut now) = (examples::blob(), Slot::GENESIS, Time(0));
    let outline = Outline::of(&bytes);
    let (id, them) = (outline.id(), examples::teller());
    let mut blobs = Blobs::default();
    blobs.handle_attached(now, them);
    blobs.fetch(now, slot, id, 1 << 20, None).expect("one");
    for (_, message) in messages(input) {
        let RoomMessage::Blob(message) = message else { continue };
        blobs.handle_message(now, them, &message);
        now += std::time::Duration::from_millis(50);
        blobs.handle_timeout(now);
        for work in blobs.take_work() {
            match work {
                Work::Look { slot, blob } => {
                    blobs.looked(slot, blob, Some(outline.clone()).filter(|held| held.id() == blob));
                }
                Work::Read { slot, blob, group } => {
                    let group_bytes = bytes.chunks(GROUP).nth(group as usize).map(<[u8]>::to_vec);
                    blobs.read(slot, blob, group, group_bytes);
                }
                Work::Write { slot, blob, group, bytes } => {
                    assert!(outline.holds(group, &bytes), "what is written is proved");
                    blobs.written(now, slot, blob, group);
                }
                Work::Begin { .. } | Work::End { .. } => {}
            }
        }
        while blobs.serve(them).is_some() {}
        while blobs.poll_output().is_some() {}
    }
}

/// What a neighbour says about the overlay, to a member of a tree and to one of an emergent overlay.
pub(crate) fn overlay(input: &[u8]) {
    let (me, _) = examples::addressee();
    let me = Introduction { endpoint: me, ..examples::introduction() };
    let them = examples::teller();
    for mut overlay in [Sparse::tree(me.clone(), 16, [1; 32]), Sparse::emergent(me.clone(), 16, [1; 32])] {
        let mut now = Now { time: Time(0), wall: WallTime(1_790_000_000_000_000) };
        for instance in 1..4 {
            let face = Face { introduction: None, speaks: true };
            overlay.handle_attached(now, Endpoint { instance: Instance(instance), ..them }, face);
        }
        for (_, message) in messages(input) {
            if let RoomMessage::Overlay(message) = message {
                overlay.handle_message(now, them, message);
            }
            now.time += std::time::Duration::from_millis(300);
            overlay.handle_timeout(now, &|_| LinkFacts::default());
            let said = std::iter::from_fn(|| overlay.poll_output()).count();
            assert!(said < 1000, "one message is answered by {said}");
        }
        let view = overlay.view();
        assert!(view.neighbours.len() <= 3 && view.passive <= PASSIVE_MAX);
    }
}

/// Messages inside a room: kind, length of the body in two bytes, body.
fn messages(mut rest: &[u8]) -> Vec<(u8, RoomMessage)> {
    let mut messages = Vec::new();
    while let Some(([kind, high, low], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (body, behind) = behind.split_at(length);
        rest = behind;
        if let Ok(Some((_, message))) = RoomMessage::decode((*kind).into(), body) {
            messages.push((*kind, message));
        }
    }
    messages
}

pub(crate) fn signal_body(input: &[u8]) {
    let Ok(body) = wire::decode::<SignalBody>(input) else { return };
    match &body.content {
        SignalContent::Offer { description, .. } | SignalContent::Answer { description, .. } => {
            let _ = description.check();
        }
        SignalContent::Candidate(candidate) => {
            let _ = candidate.check();
        }
        _ => {}
    }
    assert_eq!(wire::decode::<SignalBody>(&wire::encode(&body)), Ok(body));
}

pub(crate) fn sealed_signal(input: &[u8]) {
    let (me, key) = examples::addressee();
    let _ = sealing::open(input, &key, me, &ROOM, None);
}

pub(crate) fn by_hand(input: &[u8]) {
    let _ = by_hand::open(&String::from_utf8_lossy(input), &ROOM, None);
}

pub(crate) fn batch(input: &[u8]) {
    let Ok(batch) = UnverifiedBatch::decode(&ROOM, input) else { return };
    assert_eq!(batch.bytes(), input);
    let _ = Canvas::new(SIZE).expect("a legal size").read(&batch);
    let stub = batch.stub();
    assert_eq!(stub.verify(&ROOM).is_ok(), batch.verify().is_ok());
}

/// The payload alone, so that no signature stands before it.
pub(crate) fn strokes(input: &[u8]) {
    let Ok(strokes) = Strokes::decode(SIZE, examples::window(), input) else { return };
    assert!(!strokes.cells().is_empty());
    assert_eq!(Strokes::decode(SIZE, examples::window(), &strokes.encode()), Ok(strokes));
}

/// What is read is written alike, and a table takes it in.
pub(crate) fn table(input: &[u8]) {
    let header = examples::table_header();
    let Ok(payload) = Payload::read(&header, input) else { return };
    assert_eq!(payload.write(header.window.least), input);
    let table = examples::table(input);
    assert_eq!(table.batch_count(), 1);
    let values = payload.entries.iter().filter(|written| written.value.is_some()).count();
    assert_eq!(table.entries(payload.row).count(), values);
}

pub(crate) fn address(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(address) = text.parse::<RoomAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(endpoint) = text.parse::<Endpoint>() {
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
    if let Ok(code) = text.parse::<Code>() {
        assert_eq!(code.to_string().parse(), Ok(code));
    }
}

pub(crate) fn identity(input: &[u8]) {
    if let Ok(identity) = Identity::import(&String::from_utf8_lossy(input)) {
        assert_eq!(Identity::import(&identity.export()).map(|again| again.peer()), Ok(identity.peer()));
    }
}

pub(crate) fn from_server(input: &[u8]) {
    let Ok(message) = serde_json::from_slice::<FromServer>(input) else { return };
    if !matches!(message, FromServer::Ignored) {
        let text = serde_json::to_string(&message).expect("messages have no unusual keys");
        assert_eq!(serde_json::from_str::<FromServer>(&text).ok(), Some(message));
    }
}

pub(crate) fn from_client(input: &[u8]) {
    let Ok(message) = serde_json::from_slice::<FromClient>(input) else { return };
    if !matches!(message, FromClient::Ignored) {
        let text = serde_json::to_string(&message).expect("messages have no unusual keys");
        assert_eq!(serde_json::from_str::<FromClient>(&text).ok(), Some(message));
    }
}

/// A node hears the lines of the input from its server, which let it in.
pub(crate) fn node(input: &[u8]) {
    let mut node = Node::new(
        meshwork_place::make,
        Config::default(),
        Identity::from_secret([1; 32]),
        [5; 32],
        Time(0),
        WallTime(1_790_000_000_000_000),
    );
    node.join_room(Time(0), examples::address(), None).expect("the first room");
    let mut opened = None;
    while let Some(output) = node.poll_output() {
        if let Output::Effect(Effect::ServerOpen { server, .. }) = output {
            opened = Some(server);
        }
    }
    let server = opened.expect("it asks for its server");
    hear(&mut node, server, &examples::welcome());
    hear(&mut node, server, r#"{"type":"entered"}"#);
    for line in String::from_utf8_lossy(input).lines() {
        hear(&mut node, server, line);
    }
    node.handle_timeout(Time(60_000_000));
}

fn hear(node: &mut Node, server: ServerId, text: &str) {
    node.handle_input(Time(1), Input::ServerText { server, text: text.to_owned() });
    while node.poll_output().is_some() {}
}

/// A meeting point hears the lines of the input on one socket.
pub(crate) fn hub(input: &[u8]) {
    let mut hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32]).expect("legal defaults");
    let wall = WallTime(1_790_000_000_000_000);
    let socket = hub.handle_opened(Time(0), wall, IpAddr::V4(Ipv4Addr::LOCALHOST));
    for line in String::from_utf8_lossy(input).lines() {
        hub.handle_text(Time(1), socket, line);
        while hub.poll_output().is_some() {}
    }
    hub.handle_timeout(Time(60_000_000));
    while hub.poll_output().is_some() {}
}

/// A server reads WebSocket frames. The first byte says how much of the rest comes at a time: what is read does not
/// depend on it.
pub(crate) fn frames(input: &[u8]) {
    const MESSAGE_MAX: usize = 300;
    let Some((&cut, bytes)) = input.split_first() else { return };
    let in_pieces = read_frames(bytes, usize::from(cut).max(1), MESSAGE_MAX);
    assert_eq!(in_pieces, read_frames(bytes, bytes.len().max(1), MESSAGE_MAX));
}

/// What is read of `bytes`, which come a piece at a time.
fn read_frames(bytes: &[u8], piece: usize, message_max: usize) -> Vec<String> {
    let mut frames = Frames::new(message_max);
    let (mut waiting, mut read) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        waiting.extend_from_slice(piece);
        loop {
            match frames.next(&mut waiting) {
                Ok(Some((length, frame))) => {
                    match &frame {
                        Frame::Text(text) => {
                            assert!(text.len() <= message_max);
                            push_text(&mut Vec::new(), text);
                        }
                        Frame::Binary(length) => assert!(*length <= message_max),
                        Frame::Ping(payload) => assert!(payload.len() <= CONTROL_MAX),
                        Frame::Part | Frame::Pong | Frame::Close => {}
                    }
                    read.push(format!("{frame:?}"));
                    waiting.drain(..length);
                }
                Ok(None) => break,
                Err(rubbish) => {
                    read.push(format!("{rubbish:?}"));
                    return read;
                }
            }
        }
        assert!(waiting.len() < frames.frame_max(), "a frame is whole or refused by then");
    }
    read
}
