//! Honest bytes and texts of every kind, always the same ones: what a run begins from, and the golden bytes.

use std::num::NonZero;

use meshwork_core::blobs::message::{BlobMessage, Packed, Part};
use meshwork_core::blobs::{GROUP, Outline};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Code, Endpoint, Identity, Instance, RoomId, Secret};
use meshwork_core::lanes::{Datagram, Letter, Passed, Said, Saying, Unreliable};
use meshwork_core::links::message::{Attach, Detach, DetachReason, Direct, GoodbyeReason, LinkMessage};
use meshwork_core::links::resume::Resumption;
use meshwork_core::overlay::message::{
    BatchName, Branch, Entry, Found, Graft, Least, OverlayMessage, Root, Routed, Status, Tag, Walk, Way,
};
use meshwork_core::overlay::nearness::Place;
use meshwork_core::overlay::sketch::{SeenLink, Sight, SketchMessage};
use meshwork_core::replica::{Below, Floor, Replica as _};
use meshwork_core::rng::Rng;
use meshwork_core::room::message::history::{
    HistoryMessage, HistoryPartEnd, HistorySpan, PartOutcome, PastEntry, PastGap, WantHistory,
};
use meshwork_core::room::message::{
    Acknowledged, AskList, Carry, Contradiction, Holds, LeafEnd, ListPiece, Neighbours, Nodes, Open,
    RoomMessage, Roots, Unwant, Want,
};
use meshwork_core::seam::description::{
    Candidate, CandidateAddress, CandidateKind, Description, Fingerprint, Role,
};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::{RoomAddress, RoomKeys, Secrets};
use meshwork_core::signalling::announce;
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::signalling::by_hand::{self, ByHand};
use meshwork_core::signalling::protocol::{FromClient, FromServer, LinkOutcome, ServerRefusal, VERSIONS};
use meshwork_core::signalling::sealing::{self, RefuseReason, SealingKey, SignalBody, SignalContent};
use meshwork_core::signed::admission::EditSeed;
use meshwork_core::signed::batch::{BATCH_MAX, Header, SignedBatch, StampWindow};
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::table::{Kind, Payload, Table, Writer, Written};
use meshwork_core::wire::{self, Base64, Bounded, BoundedText, Bytes, MessageWriter, VersionRange};
use meshwork_place::Cursor;
use meshwork_place::canvas::{CanvasSize, Colour, Strokes, cells_to_strokes};

/// The room that everything is about.
pub(crate) const ROOM: RoomId = RoomId([3; 32]);
/// Its canvas.
pub(crate) const SIZE: CanvasSize = CanvasSize { width: 100, height: 70 };
pub(crate) const STAMP: Stamp = Stamp(1_790_000_000_000 << 16);

/// Who writes everything: the secret key is 32 bytes of 1.
pub(crate) fn author() -> (Identity, Endpoint) {
    let identity = Identity::from_secret([1; 32]);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(1) };
    (identity, endpoint)
}

/// To whom everything is sealed: the secret key is 32 bytes of 2.
pub(crate) fn addressee() -> (Endpoint, SealingKey) {
    let endpoint = Endpoint { peer: Identity::from_secret([2; 32]).peer(), instance: Instance(2) };
    (endpoint, SealingKey::generate(&mut Rng::new([2; 32])))
}

pub(crate) fn introduction() -> Introduction {
    let (identity, endpoint) = author();
    Introduction::from(&announce::announce(&identity, endpoint, [5; 32]))
}

fn candidate(address: CandidateAddress) -> Candidate {
    Candidate { kind: CandidateKind::Host, priority: 2_130_706_431, address, port: 50_000 }
}

fn description(role: Role) -> Description {
    let v4 = CandidateAddress::Ip([192, 168, 1, 7].into());
    let v6 = CandidateAddress::Ip([0xfd00, 0, 0, 0, 0, 0, 0, 7].into());
    let candidates = [v4, v6, CandidateAddress::Mdns([9; 16])].map(candidate).to_vec();
    Description {
        role,
        user_fragment: BoundedText::new("abcd").expect("short"),
        password: BoundedText::new("0123456789012345678901").expect("short"),
        fingerprint: Fingerprint([7; 32]),
        candidates: Bounded::new(candidates).expect("three"),
    }
}

fn drawn() -> Strokes {
    let cells: Vec<_> = (0..20).map(|x| (x, x / 3, Colour::rgb((x % 3) as u8, 2, 3))).collect();
    cells_to_strokes(SIZE, &cells, STAMP).expect("cells on the canvas").remove(0)
}

fn written(sequence: u64, colour: Colour) -> SignedBatch {
    let (identity, author) = author();
    let strokes = cells_to_strokes(SIZE, &[(1, 2, colour)], STAMP).expect("a cell on the canvas").remove(0);
    let header = Header::new(author, sequence, strokes.window(), 0);
    SignedBatch::sign(&identity, &ROOM, &header, &strokes.encode()).expect("a legal batch")
}

/// The window in which the drawn strokes stand.
pub(crate) fn window() -> StampWindow {
    drawn().window()
}

fn attach() -> Attach {
    Attach {
        room: ROOM,
        number: 3,
        proof: Some([9; 32]),
        renewed: Bounded::default(),
        name: BoundedText::new("Mira").expect("short"),
        stays: true,
        stores: false,
        visits: false,
    }
}

/// Every message of a link, by name.
pub fn messages() -> Vec<(&'static str, LinkMessage)> {
    let (_, me) = author();
    let digest = [9; 32];
    let mut messages = vec![
        ("Proof", LinkMessage::Proof(Bytes::new(vec![7; 64]).expect("64 bytes"))),
        ("Goodbye", LinkMessage::Goodbye(GoodbyeReason::Left)),
        ("Attach", LinkMessage::Attach(attach())),
        ("Detach", LinkMessage::Detach(Detach { room: ROOM, reason: DetachReason::Full })),
        ("Resumption", LinkMessage::Resumption(Resumption { began: 3, received: 301 })),
        ("Direct", LinkMessage::Direct(Direct { number: 301, letter: letter() })),
        ("DirectReceived", LinkMessage::DirectReceived(301)),
        ("Presence", LinkMessage::Presence(said())),
        ("Unlinked", LinkMessage::Unlinked),
    ];
    let batch = || Bytes::new(written(5, Colour::rgb(1, 2, 3)).bytes().to_vec()).expect("a signed batch");
    let [record, list, admission] = crate::signed::inside_rooms();
    let [one, other] = crate::signed::contradiction().map(|stub| Bytes::new(stub).expect("a stub"));
    let contradiction = Contradiction { one, other };
    let piece = ListPiece { list: digest, offset: 300, bytes: Bytes::new(list).expect("short") };
    let payload = Bytes::new(vec![1, 2]).expect("short");
    let carry = Carry { hops_left: 2, from: introduction(), to: addressee().0, payload };
    let below = [Below { number: 64, is_leaf: false, digest }, Below { number: 4101, is_leaf: true, digest }];
    let nodes = Nodes { replica: 0, node: 1, below: Bounded::new(below.to_vec()).expect("two") };
    let floors = Bounded::new(vec![(0x12, Floor(20_000))]).expect("one");
    let replicas = Bounded::new(vec![(0, digest), (0x12, digest)]).expect("two");
    let roots = Roots { records: digest, holds: Holds { own: 1, floors }, replicas };
    let have = Bounded::new(vec![[7; 6]]).expect("one");
    let want = Want { replica: 0, leaf: 4101, nonce: 300, have, known_alone: true };
    let sequences = Bounded::new(vec![1, 300]).expect("two");
    let inside = [
        ("Batch", RoomMessage::Batch(batch())),
        ("Root", RoomMessage::Root(digest)),
        ("Roots", RoomMessage::Roots(roots)),
        ("Nodes", RoomMessage::Nodes(nodes)),
        ("Open", RoomMessage::Open(Open { replica: 0, node: 64 })),
        ("Want", RoomMessage::Want(want)),
        ("LeafBatch", RoomMessage::LeafBatch(batch())),
        ("LeafEnd", RoomMessage::LeafEnd(LeafEnd { replica: 0, leaf: 4101, nonce: u64::MAX, digest })),
        ("Acknowledged", RoomMessage::Acknowledged(Acknowledged { sequences, stored: true })),
        (
            "Neighbours",
            RoomMessage::Neighbours(Neighbours { endpoints: Bounded::new(vec![me]).expect("one") }),
        ),
        ("AskIntroductions", RoomMessage::AskIntroductions(Bounded::new(vec![me]).expect("one"))),
        ("Introductions", RoomMessage::Introductions(Bounded::new(vec![introduction()]).expect("one"))),
        ("Carry", RoomMessage::Carry(carry)),
        ("Records", RoomMessage::Records(Bounded::new(vec![digest]).expect("one"))),
        ("RecordsDigest", RoomMessage::RecordsDigest(digest)),
        ("Record", RoomMessage::Record(Bytes::new(record).expect("a signed record"))),
        ("Contradiction", RoomMessage::Contradiction(contradiction)),
        ("AskList", RoomMessage::AskList(AskList { list: digest, offset: 300 })),
        ("ListPiece", RoomMessage::ListPiece(piece)),
        ("Admission", RoomMessage::Admission(Bytes::new(admission).expect("its length"))),
        ("Secret", RoomMessage::Secret([8; 16])),
        ("WorkedOff", RoomMessage::WorkedOff(70_000)),
        ("Unwant", RoomMessage::Unwant(Unwant { replica: 0, leaf: 4101 })),
    ];
    let history = about_history(batch()).map(|(name, message)| (name, RoomMessage::History(message)));
    let links = vec![SeenLink { to: Tag([9; 8]), rtt_ms: 300, relayed: true, eager: 0x81 }];
    let links = Bounded::new(links).expect("one");
    let sight = Sight { endpoint: me, name: BoundedText::new("Mira").expect("short"), links };
    let sketch = [("Look", SketchMessage::Look([7; 8], 5)), ("Sight", SketchMessage::Sight([7; 8], sight))];
    let sketch = sketch.map(|(name, message)| (name, RoomMessage::Sketch(message)));
    messages.extend(sketch.map(|(name, message)| (name, message.on_link(3))));
    let blobs = blobs().into_iter().map(|(name, message)| (name, RoomMessage::Blob(Packed::from(&message))));
    messages.extend(blobs.map(|(name, message)| (name, message.on_link(3))));
    messages.extend(history.map(|(name, message)| (name, message.on_link(3))));
    messages.extend(inside.map(|(name, message)| (name, message.on_link(3))));
    let overlay = about_overlays().into_iter().map(|(name, message)| (name, RoomMessage::Overlay(message)));
    messages.extend(overlay.map(|(name, message)| (name, message.on_link(3))));
    messages
}

/// Messages about the past, by name.
fn about_history(batch: Bytes<BATCH_MAX>) -> [(&'static str, HistoryMessage); 7] {
    let span = HistorySpan { first: 300, bytes: 70_000, since_ms: 1_790_000_000_000 };
    let entry = PastEntry { number: 300, at_ms: 1_790_000_000_000, batch };
    [
        ("HistoryAsk", HistoryMessage::Ask),
        ("HistorySpan", HistoryMessage::Span(span)),
        ("HistoryWant", HistoryMessage::Want(WantHistory { from: 300, bytes: 131_072 })),
        ("HistoryBatch", HistoryMessage::Batch(entry)),
        ("HistoryGap", HistoryMessage::Gap(PastGap { number: 301, at_ms: 1_790_000_000_000, missed: 7 })),
        ("HistoryPartEnd", HistoryMessage::PartEnd(HistoryPartEnd { next: 302, outcome: PartOutcome::End })),
        ("HistoryUnwant", HistoryMessage::Unwant),
    ]
}

/// A blob of three groups.
pub(crate) fn blob() -> Vec<u8> {
    (0..2 * GROUP + 9).map(|place| (place / 977) as u8).collect()
}

/// Messages about blobs, by name: what is asked of one who holds [`blob`], and what is told one who fetches it.
fn blobs() -> [(&'static str, BlobMessage); 7] {
    let (bytes, slot) = (blob(), Slot::GENESIS);
    let outline = Outline::of(&bytes);
    let (id, values) = (outline.id(), Bounded::new(outline.values().to_vec()).expect("three"));
    let last = Bytes::new(bytes[2 * GROUP..].to_vec()).expect("less than a group");
    [
        ("BlobAsk", BlobMessage::Ask(slot, id)),
        ("BlobHeld", BlobMessage::Held(slot, id, outline.size())),
        ("BlobLacked", BlobMessage::Lacked(slot, id)),
        ("BlobWantValues", BlobMessage::Want(slot, id, Part::Values(0))),
        ("BlobWantGroup", BlobMessage::Want(slot, id, Part::Group(2))),
        ("BlobValues", BlobMessage::Values(slot, id, 0, values)),
        ("BlobGroup", BlobMessage::Group(slot, id, 2, last)),
    ]
}

/// Messages about overlays, by name.
fn about_overlays() -> Vec<(&'static str, OverlayMessage)> {
    let place = Place { axes: [-40, 0, 300], height: 12, error: 30 };
    let route = || Bounded::new(vec![Tag([0xa1; 8])]).expect("one");
    let entry = Entry { introduction: introduction(), place, route: route() };
    let sample = || Bounded::new(vec![entry.clone()]).expect("one");
    let least = Least { epoch: 300, hashes: Bounded::new(vec![[1; 6], [2; 6]]).expect("two") };
    let status = Status { degree: 12, keeps: true, place, least: Bounded::new(vec![least]).expect("one") };
    let (origin, path) = (introduction(), Bounded::default());
    let walk = Walk { hops_left: 5, joins: true, origin: origin.clone(), place, path, sample: sample() };
    let (to, path) = (Tag([0xa2; 8]), Bounded::default());
    let found = Found { route: route(), to, from: origin.clone(), place, path, sample: sample() };
    let names = || Bounded::new(vec![BatchName([0xb1; 8])]).expect("one");
    let (payload, path) = (Bytes::new(vec![1, 2]).expect("short"), Bounded::default());
    let routed = Routed { route: route(), path, from: origin, to: addressee().0, payload };
    let root = Root { weight: 12, tag: Tag([0xb1; 8]) };
    let branch = Branch { root, beat: 300, way: Some(Way { cost: 200, depth: 3 }), child: true };
    vec![
        ("Status", OverlayMessage::Status(status)),
        ("Walk", OverlayMessage::Walk(Box::new(walk))),
        ("Found", OverlayMessage::Found(Box::new(found))),
        ("Have", OverlayMessage::Have(names())),
        ("Graft", OverlayMessage::Graft(Graft { trees: 2, names: names() })),
        ("Prune", OverlayMessage::Prune(128)),
        ("Dropped", OverlayMessage::Dropped),
        ("Routed", OverlayMessage::Routed(Box::new(routed))),
        ("Branch", OverlayMessage::Branch(branch)),
        ("Branch without a way", OverlayMessage::Branch(Branch { way: None, child: false, ..branch })),
    ]
}

/// The endpoint from which messages about overlays come honestly.
pub(crate) fn teller() -> Endpoint {
    introduction().endpoint
}

/// Messages about history one after the other.
pub(crate) fn histories() -> Vec<Vec<u8>> {
    conversations(60..68)
}

/// Messages about blobs one after the other.
pub(crate) fn about_blobs() -> Vec<Vec<u8>> {
    conversations(90..97)
}

/// Messages about overlays one after the other.
pub(crate) fn overlays() -> Vec<Vec<u8>> {
    conversations(72..81)
}

/// Messages of these kinds: kind, length of the body in two bytes, body.
fn conversations(kinds: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let encoded = messages().into_iter().map(|(_, message)| message.encode());
    let chosen = encoded.filter(|(kind, _)| kinds.contains(kind));
    let written = chosen.map(|(kind, body)| {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&[kind as u8][..], &length, &body].concat()
    });
    let written: Vec<Vec<u8>> = written.collect();
    [written.clone(), vec![written.concat()]].concat()
}

pub(crate) fn link_messages() -> Vec<Vec<u8>> {
    let one_byte = |kind: u32| u8::try_from(kind).expect("kinds are below 256");
    let encoded = messages().into_iter().map(|(_, message)| message.encode());
    encoded.map(|(kind, body)| [&[one_byte(kind)], body.as_slice()].concat()).collect()
}

/// What lanes say on the unreliable channel.
pub(crate) fn lanes() -> Vec<Vec<u8>> {
    let gone = Said { sequence: 301, state: Bytes::default(), ..said() };
    let batch = written(5, Colour::rgb(1, 2, 3)).bytes().to_vec();
    let all = [
        Unreliable::Presence(said()),
        Unreliable::Presence(gone),
        Unreliable::Datagram(datagram()),
        Unreliable::Passed(Passed { room: 3, batch }),
    ];
    all.map(|message| message.encode().0).to_vec()
}

/// What somebody says to everybody in a room.
pub(crate) fn sayings() -> Vec<Vec<u8>> {
    let Datagram { topic, .. } = datagram();
    let saying = |number, bytes: &[u8]| {
        let (number, bytes) = (NonZero::new(number), Bytes::new(bytes.to_vec()));
        let saying = Saying { number: number?, topic: topic.clone(), bytes: bytes.ok()? };
        Some(saying.encode())
    };
    [saying(300, b"hi"), saying(u64::MAX, &[])].into_iter().flatten().collect()
}

/// Where somebody's cursor is.
fn said() -> Said {
    let pointer = Cursor::new(SIZE, (12.5, 40.25), true, Colour::rgb(0xe6, 0x19, 0x4b));
    let state = Bytes::new(pointer.state().to_vec()).expect("short");
    Said { room: 3, slot: Slot::GENESIS, sequence: 300, state }
}

fn letter() -> Letter {
    let topic = BoundedText::new("a").expect("short");
    let bytes = Bytes::new(b"hi".to_vec()).expect("short");
    Letter { room: 3, slot: Slot::new(1).expect("there is one"), topic, bytes }
}

fn datagram() -> Datagram {
    let topic = BoundedText::new("ball").expect("short");
    let bytes = Bytes::new(b"hi".to_vec()).expect("short");
    Datagram { room: 3, slot: Slot::GENESIS, topic, sequence: 300, bytes }
}

pub(crate) fn streams() -> Vec<Vec<u8>> {
    let mut writer = MessageWriter::default();
    for (_, message) in messages().into_iter().filter(|(name, _)| !matches!(*name, "Batch" | "Record")) {
        let (kind, body) = message.encode();
        writer.push(kind, &body);
    }
    let frame = writer.take_frame(usize::MAX).unwrap_or_default();
    [1, 7, 255].map(|cut| [&[cut], frame.as_slice()].concat()).to_vec()
}

fn bodies() -> Vec<SignalBody> {
    let versions = VersionRange { least: 1, most: 2 };
    let contents = [
        SignalContent::Ask,
        SignalContent::Offer { versions, nonce: [4; 16], description: description(Role::Offerer) },
        SignalContent::Answer { version: 2, nonce: [4; 16], description: description(Role::Answerer) },
        SignalContent::Candidate(candidate(CandidateAddress::Ip([10, 0, 0, 7].into()))),
        SignalContent::Refuse(RefuseReason::Full),
    ];
    let (from, to) = (author().1, addressee().0);
    contents.map(|content| SignalBody { from, to, room: ROOM, session: 6, epoch: 1, content }).to_vec()
}

pub(crate) fn signal_bodies() -> Vec<Vec<u8>> {
    bodies().iter().map(wire::encode).collect()
}

pub(crate) fn sealed_signals() -> Vec<Vec<u8>> {
    let ((identity, _), (_, key)) = (author(), addressee());
    let seal = |body| sealing::seal(body, &identity, &key.public(), None, &mut Rng::new([6; 32]));
    bodies().iter().map(|body| seal(body).expect("an honest key")).collect()
}

pub(crate) fn texts_by_hand() -> Vec<Vec<u8>> {
    let (identity, me) = author();
    let genesis = Bytes::new(genesis()).expect("a signed genesis");
    let versions = VersionRange { least: 1, most: 2 };
    let (from, session, nonce) = (introduction(), 6, [4; 16]);
    let invitation = ByHand::Invitation {
        from: from.clone(),
        genesis,
        session,
        versions,
        nonce,
        description: description(Role::Offerer),
    };
    let description = description(Role::Answerer);
    let reply = ByHand::Reply { from, to: me, session, version: 2, nonce, description };
    let seal = |what| by_hand::seal(&what, &identity, &ROOM, None, &mut Rng::new([6; 32])).into_bytes();
    [invitation, reply].map(seal).to_vec()
}

/// The signed genesis of an open room.
pub(crate) fn genesis() -> Vec<u8> {
    let (identity, me) = author();
    let owned = meshwork_place::owned(&mut Rng::new([4; 32]), me.peer, SIZE, None);
    owned.sign(&identity).expect("the owner signs").0
}

pub(crate) fn batches() -> Vec<Vec<u8>> {
    let (identity, author) = author();
    let strokes = drawn();
    let header = Header::new(author, 6, strokes.window(), 0);
    let larger = SignedBatch::sign(&identity, &ROOM, &header, &strokes.encode()).expect("a legal batch");
    let own = [written(5, Colour::rgb(1, 2, 3)).bytes().to_vec(), larger.bytes().to_vec()];
    own.into_iter().chain(crate::signed::batches()).collect()
}

pub(crate) fn payloads() -> Vec<Vec<u8>> {
    // One coding of colours for what is alike, another for what is not.
    let contrast: Vec<_> =
        (0..20u8).map(|x| (x.into(), 3, Colour::rgb(x % 2 * 255, 0, x % 2 * 90))).collect();
    let contrast = cells_to_strokes(SIZE, &contrast, STAMP).expect("cells on the canvas").remove(0);
    vec![drawn().encode(), contrast.encode()]
}

/// The header of a batch for a table: what is in it was written within a second.
pub(crate) fn table_header() -> Header {
    let window = StampWindow { least: STAMP, most: Stamp(STAMP.0 + (1000 << 16)) };
    Header::new(author().1, 7, window, 0)
}

pub(crate) fn table_payloads() -> Vec<Vec<u8>> {
    let [later, latest] = [5, 1000 << 16].map(|after| Stamp(STAMP.0 + after));
    let seats = Written { field: (Writer::Anybody, b"seats"), stamp: later, value: Some(b"40") };
    let to = Written { field: (Writer::Anybody, b"to"), stamp: STAMP, value: None };
    let own = Written { field: (Writer::Peer(author().1.peer), b"vote"), stamp: STAMP, value: Some(b"") };
    let notice = Written { field: (Writer::Moderators, b"notice"), stamp: latest, value: Some(&[b'!'; 200]) };
    let row: &[u8] = b"votes\0ferry";
    let payloads = [
        Payload { row, entries: vec![seats, to] },
        Payload { row: b"", entries: vec![own] },
        Payload { row, entries: vec![seats, to, own, notice] },
    ];
    payloads.map(|payload| payload.write(STAMP)).to_vec()
}

/// A table in which a batch with this payload is all there is.
pub(crate) fn table(payload: &[u8]) -> Table {
    let mut table = Table::new(Kind::ByValue);
    let header = table_header();
    let content = table.check(&header, payload).expect("it is of a table");
    let batch = SignedBatch::sign(&author().0, &ROOM, &header, payload).expect("a legal batch");
    assert!(table.apply(batch, content).kept);
    table
}

/// A room's LINK.
pub(crate) fn address() -> RoomAddress {
    let edit_seed = Some(EditSeed([8; 16]));
    let secrets = Secrets { edit_seed, ..Secrets::from(Secret([8; 16])) };
    RoomAddress::at_server("https://example.org/mesh", Some(meshwork_place::app()), Code::from_bits(77))
        .map(|address| address.with_keys(RoomKeys { room: ROOM, secrets: Some(secrets) }))
        .and_then(|address| address.with_further_servers(vec!["http://10.0.0.7:8080".to_owned()]))
        .expect("an honest address")
}

pub(crate) fn addresses() -> Vec<Vec<u8>> {
    let keys = RoomKeys { room: ROOM, secrets: None };
    let near = RoomAddress::without_server(meshwork_place::app(), keys);
    vec![
        address().to_string().into_bytes(),
        near.to_string().into_bytes(),
        b"http://127.0.0.1:8080/k7m4qx".to_vec(),
        author().1.to_string().into_bytes(),
        b"K7M4QX".to_vec(),
    ]
}

pub(crate) fn identities() -> Vec<Vec<u8>> {
    vec![author().0.export().to_string().into_bytes()]
}

fn welcomed() -> FromServer {
    let overlay = Some(String::from("k-gossip:5"));
    FromServer::Welcome {
        versions: VERSIONS,
        challenge: [0; 32].into(),
        time_ms: 1,
        keep_alive_ms: 20_000,
        overlay,
    }
}

/// A server's first word.
pub(crate) fn welcome() -> String {
    to_json(&welcomed())
}

pub(crate) fn from_server() -> Vec<Vec<u8>> {
    let (identity, endpoint) = author();
    let announcement = announce::announce(&identity, endpoint, [5; 32]);
    let genesis = Base64::new(genesis()).expect("a signed genesis");
    let (_, room) = Genesis::decode(&genesis).expect("just signed");
    let code = Code::from_bits(77);
    let payload = Base64::new(sealed_signals().remove(0)).expect("a sealed payload");
    let members = vec![announcement.clone()];
    let (reason, detail) = (ServerRefusal::RoomFull, String::from("24 are in it"));
    let refused = |room, code| {
        let detail = detail.clone();
        FromServer::Refused { reason, detail, room, code, endpoint: None }
    };
    let messages = [
        welcomed(),
        FromServer::Entered,
        FromServer::Found { room, code, genesis },
        FromServer::Unknown { room: Some(room), code: None },
        FromServer::Joined { room, members, others: Some(3) },
        FromServer::MemberJoined { room, announcement },
        FromServer::MemberLeft { room, endpoint },
        FromServer::Signal { room, from: endpoint, payload },
        FromServer::KeepAlive,
        refused(Some(room), None),
        refused(None, Some(code)),
        FromServer::Goodbye { reason, detail, away_ms: Some(2_000) },
    ];
    with_all_lines(messages.iter().map(to_json).collect())
}

pub(crate) fn from_client() -> Vec<Vec<u8>> {
    let (identity, endpoint) = author();
    let announcement = announce::announce(&identity, endpoint, [5; 32]);
    let genesis = Base64::new(genesis()).expect("a signed genesis");
    let (_, room) = Genesis::decode(&genesis).expect("just signed");
    let payload = Base64::new(sealed_signals().remove(0)).expect("a sealed payload");
    let messages = [
        FromClient::Enter { version: VERSIONS.1, announcement, proof: Base64::from([3; 64]) },
        FromClient::Register { genesis },
        FromClient::Lookup { room: Some(room), code: None },
        FromClient::Join { room, token: None },
        FromClient::Leave { room: Some(room), code: None },
        FromClient::Leave { room: None, code: Some(Code::from_bits(77)) },
        FromClient::Signal { room, to: addressee().0, payload },
        FromClient::Report { outcome: LinkOutcome::Relayed, ms: 840 },
        FromClient::KeepAlive,
    ];
    with_all_lines(messages.iter().map(to_json).collect())
}

fn to_json(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).expect("messages have no unusual keys")
}

/// The lines one by one, and all as one conversation.
fn with_all_lines(lines: Vec<String>) -> Vec<Vec<u8>> {
    let all = lines.join("\n").into_bytes();
    lines.into_iter().map(String::into_bytes).chain([all]).collect()
}

/// WebSocket frames of a client, behind a byte that says how they are cut: texts, one in parts, a ping, a close.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let frame = |first: u8, payload: &[u8]| {
        let mut frame = vec![first];
        match u16::try_from(payload.len()) {
            Ok(length @ 126..) => {
                frame.push(0xfe);
                frame.extend(length.to_be_bytes());
            }
            _ => frame.push(0x80 | payload.len() as u8),
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    };
    let long = "to the east ".repeat(20);
    [
        vec![frame(0x81, br#"{"type":"keep-alive"}"#), frame(0x88, b"\x03\xe8")],
        vec![
            frame(0x01, b"{\"type\":"),
            frame(0x89, b"there?"),
            frame(0x80, b"\"leave\"}"),
            frame(0x8a, b""),
        ],
        vec![frame(0x81, long.as_bytes()), frame(0x82, &[7; 30])],
    ]
    .into_iter()
    .map(|frames| [&[7][..], &frames.concat()].concat())
    .collect()
}
