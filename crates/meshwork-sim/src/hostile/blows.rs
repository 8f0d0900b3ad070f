//! What each kind of hostile program does: how it bends what its node says, and how it strikes.

use std::time::Duration;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance};
use meshwork_core::links::message::LinkMessage;
use meshwork_core::replica::Below;
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::room::message::{Acknowledged, LeafEnd, Neighbours, Nodes, RoomMessage, Roots};
use meshwork_core::seam::io::{Channel, FRAME_MAX, LinkId};
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::batch::{BATCH_MAX, Header, SIGNATURE_LEN, SignedBatch, StampWindow};
use meshwork_core::signed::header::{Family, RecordName};
use meshwork_core::table::{Payload, Writer, Written};
use meshwork_core::time::WallTime;
use meshwork_core::wire::{Bounded, Bytes, MESSAGE_MAX};
use meshwork_place::canvas::{CanvasSize, Colour, Strokes, TileCell};

use super::{Behaviour, DEFIED_MAX, Mask};

/// One frame to be sent over a link.
pub(crate) type Blow = (LinkId, Channel, Vec<u8>);

/// How far ahead of room time a hostile program stamps: ten minutes.
pub(super) const FORETOLD: Duration = Duration::from_secs(600);
/// Batches in one blow of a flood.
const FLOOD: u64 = 20;
/// Batches of the future in one blow: four of them are more than anybody holds.
const FORETOLD_COUNT: u64 = 300;
/// The kind number of a batch on the wire, for messages that no encoder would write.
const KIND_BATCH: u8 = 16;

impl Mask {
    /// What is said instead of a message of the node.
    pub(super) fn bend(&mut self, message: LinkMessage) -> Vec<LinkMessage> {
        let LinkMessage::Room { kind, body } = &message else { return vec![message] };
        let Ok(Some((number, inside))) = RoomMessage::decode(*kind, body) else { return vec![message] };
        let room = |message: RoomMessage| message.on_link(number);
        let bent = match (self.behaviour, inside) {
            (
                Behaviour::Withholds | Behaviour::Eclipses,
                RoomMessage::Batch(_) | RoomMessage::LeafBatch(_),
            ) => {
                vec![]
            }
            (Behaviour::Eclipses, RoomMessage::Neighbours(_)) => {
                let endpoints = self.known.iter().copied().take(20).collect();
                let endpoints = Bounded::new(endpoints).expect("twenty are within the limit");
                vec![RoomMessage::Neighbours(Neighbours { endpoints })]
            }
            (Behaviour::Misleads, RoomMessage::Root(_)) => vec![RoomMessage::Root(self.rng.bytes())],
            (Behaviour::Misleads, RoomMessage::Roots(roots)) => {
                let replicas = roots.replicas.iter().map(|&(number, _)| (number, self.rng.bytes())).collect();
                let replicas = Bounded::new(replicas).expect("as many as before");
                vec![RoomMessage::Roots(Roots { replicas, ..roots })]
            }
            (Behaviour::Misleads, RoomMessage::Nodes(nodes)) => {
                let below =
                    nodes.below.iter().map(|&node| Below { digest: self.rng.bytes(), ..node }).collect();
                let below = Bounded::new(below).expect("as many as before");
                vec![RoomMessage::Nodes(Nodes { below, ..nodes })]
            }
            (Behaviour::Misleads, RoomMessage::Want(want)) => {
                let (leaf, nonce, digest) = (want.leaf, want.nonce, self.rng.bytes());
                let end = LeafEnd { replica: want.replica, leaf, nonce, digest };
                vec![RoomMessage::LeafEnd(end), RoomMessage::Want(want)]
            }
            (Behaviour::Misleads, RoomMessage::LeafEnd(end)) => {
                vec![RoomMessage::LeafEnd(LeafEnd { digest: self.rng.bytes(), ..end })]
            }
            (Behaviour::Pretends, RoomMessage::Acknowledged(applied)) => {
                let all = (1..=200).collect();
                let sequences = Bounded::new(all).expect("two hundred are within the limit");
                vec![
                    RoomMessage::Acknowledged(Acknowledged { sequences, stored: true }),
                    RoomMessage::Acknowledged(applied),
                ]
            }
            (_, message) => vec![message],
        };
        bent.into_iter().map(room).collect()
    }

    /// One blow, over every link that is attached to the room.
    pub fn attack(&mut self, wall: WallTime) -> Vec<Blow> {
        let attached: Vec<(LinkId, u32)> =
            self.numbers.iter().map(|(&link, &number)| (link, number)).collect();
        let mut blows = vec![];
        let common: Vec<RoomMessage> = match self.behaviour {
            Behaviour::Forges => self.forged(wall),
            Behaviour::Replays => self.heard.iter().cloned().filter_map(as_batch).collect(),
            Behaviour::Foretells => self.foretold(wall),
            Behaviour::Floods => self.flood(wall),
            Behaviour::Trespasses => self.trespasses(wall),
            _ => vec![],
        };
        for (place, (link, number)) in attached.into_iter().enumerate() {
            match self.behaviour {
                Behaviour::Babbles => {
                    let mut rubbish: [u8; 40] = self.rng.bytes();
                    blows.push((link, Channel::Unreliable, rubbish.to_vec()));
                    if self.inventions.is_multiple_of(2) {
                        // Looks like a message until its body is read.
                        (rubbish[0], rubbish[1]) = (KIND_BATCH, 38);
                    }
                    blows.push((link, Channel::Reliable, rubbish.to_vec()));
                }
                Behaviour::Oversizes => blows.push((link, Channel::Reliable, self.oversized(number))),
                Behaviour::Equivocates => {
                    let message = self.equivocal(wall, place);
                    self.say_all(link, number, message.into_iter().collect(), &mut blows);
                }
                _ => self.say_all(link, number, common.clone(), &mut blows),
            }
        }
        self.inventions += 1;
        blows
    }

    /// Batches in its own name, under each of these records, with and without counting what it used.
    pub fn defy(&mut self, wall: WallTime, records: &[RecordName]) -> Vec<Blow> {
        let author = Endpoint { instance: Instance(9), ..self.me };
        let (stamp, mut messages) = (Stamp::at(wall), vec![]);
        for (place, &record) in (1..).zip(records) {
            for (turn, used) in (0..).zip([None, Some(0)]) {
                let sequence = 2 * DEFIED_MAX * self.inventions + DEFIED_MAX * turn + place;
                let header =
                    Header { record, used, ..Header::new(author, sequence, StampWindow::at(stamp), 1) };
                let batch = self.cell(&self.identity, &header, Colour::rgb(7, turn as u8, place as u8));
                messages.extend(batch.and_then(as_batch));
            }
        }
        self.inventions += 1;
        let attached: Vec<(LinkId, u32)> =
            self.numbers.iter().map(|(&link, &number)| (link, number)).collect();
        let mut blows = vec![];
        for (link, number) in attached {
            self.say_all(link, number, messages.clone(), &mut blows);
        }
        blows
    }

    fn say_all(&mut self, link: LinkId, number: u32, messages: Vec<RoomMessage>, blows: &mut Vec<Blow>) {
        let streams = self.links.entry(link).or_default();
        for message in messages {
            let (kind, body) = message.encode(number);
            streams.write(kind, &body);
        }
        blows.extend(streams.frames().into_iter().map(|frame| (link, Channel::Reliable, frame)));
    }

    /// Batches in others' names: one of theirs with another sequence and colour, and one made from nothing.
    fn forged(&mut self, wall: WallTime) -> Vec<RoomMessage> {
        let mut forged = vec![];
        if let Some(batch) = self.heard.back() {
            let mut changed = batch.clone();
            let place = changed.len().saturating_sub(SIGNATURE_LEN + 3);
            if let Some(byte) = changed.get_mut(place) {
                *byte ^= 0x15;
            }
            forged.extend(as_batch(changed));
        }
        let author = self.known.iter().copied().find(|known| *known != self.me);
        if let Some(author) = author.filter(|author| author.peer != self.me.peer) {
            // Signed by the hostile program itself, then put into the other's name.
            let own = Endpoint { peer: self.me.peer, ..author };
            let sequence = 1_000_000 + self.inventions;
            if let Some(mut bytes) = self.batch(&self.identity, own, sequence, wall) {
                bytes[1..33].copy_from_slice(&author.peer.0);
                forged.extend(as_batch(bytes));
            }
        }
        forged
    }

    fn foretold(&mut self, wall: WallTime) -> Vec<RoomMessage> {
        let ahead = WallTime(wall.0 + FORETOLD.as_micros() as u64);
        let author = Endpoint { instance: Instance(self.rng.next_u64()), ..self.me };
        let batches =
            (1..=FORETOLD_COUNT).filter_map(|sequence| self.batch(&self.identity, author, sequence, ahead));
        batches.filter_map(as_batch).collect()
    }

    fn flood(&mut self, wall: WallTime) -> Vec<RoomMessage> {
        let mut batches = vec![];
        for _ in 0..FLOOD {
            let identity = Identity::generate(&mut self.rng);
            let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
            batches.extend(self.batch(&identity, author, 1, wall));
        }
        batches.into_iter().filter_map(as_batch).collect()
    }

    /// A field of moderators, and a row whose time has not come.
    fn trespasses(&self, wall: WallTime) -> Vec<RoomMessage> {
        let (author, stamp) = (Endpoint { instance: Instance(7), ..self.me }, Stamp::at(wall));
        let ahead = wall.as_millis() + FORETOLD.as_millis() as u64;
        let early = [&ahead.to_be_bytes()[2..], &[0; 8]].concat();
        let trespasses =
            [(Family::ByValue, vec![], Writer::Moderators), (Family::ByTime, early, Writer::Anybody)];
        let batch = |(place, (family, row, writer)): (u64, (Family, Vec<u8>, Writer))| {
            let entries = vec![Written { field: (writer, b"a"), stamp, value: Some(b"mine") }];
            let payload = Payload { row: &row, entries }.write(stamp);
            let header = Header {
                replica: ReplicaNumber::new(GENESIS_SLOT, family)?,
                ..Header::new(author, 1 + 2 * self.inventions + place, StampWindow::at(stamp), 2)
            };
            let batch = SignedBatch::sign(&self.identity, &self.room?, &header, &payload).ok()?;
            as_batch(batch.bytes().to_vec())
        };
        (0..).zip(trespasses).filter_map(batch).collect()
    }

    /// One sequence, and another colour for each link.
    fn equivocal(&self, wall: WallTime, place: usize) -> Option<RoomMessage> {
        let author = Endpoint { instance: Instance(7), ..self.me };
        let colour = Colour::rgb(place as u8, 1, 2);
        let bytes = self.coloured_batch(&self.identity, author, 1 + self.inventions, wall, colour);
        bytes.and_then(as_batch)
    }

    fn batch(&self, identity: &Identity, author: Endpoint, sequence: u64, wall: WallTime) -> Option<Vec<u8>> {
        self.coloured_batch(identity, author, sequence, wall, Colour::rgb(6, 6, 6))
    }

    /// A signed batch that paints the first cell.
    fn coloured_batch(
        &self,
        identity: &Identity,
        author: Endpoint,
        sequence: u64,
        wall: WallTime,
        colour: Colour,
    ) -> Option<Vec<u8>> {
        let header = Header::new(author, sequence, StampWindow::at(Stamp::at(wall)), 1);
        self.cell(identity, &header, colour)
    }

    /// The same with this header.
    fn cell(&self, identity: &Identity, header: &Header, colour: Colour) -> Option<Vec<u8>> {
        let smallest = CanvasSize { width: 1, height: 1 };
        let cell = TileCell { stamp: header.window.most, colour, index: 0 };
        let strokes = Strokes::new(smallest, 0, vec![cell]).ok()?;
        let batch = SignedBatch::sign(identity, &self.room?, header, &strokes.encode()).ok()?;
        Some(batch.bytes().to_vec())
    }

    /// In turn: a message, a batch and a frame that are too long.
    fn oversized(&mut self, number: u32) -> Vec<u8> {
        let varint = |mut value: usize| {
            let mut bytes = vec![];
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
            bytes
        };
        match self.inventions % 3 {
            0 => [vec![KIND_BATCH], varint(MESSAGE_MAX + 1), vec![number as u8; 20]].concat(),
            1 => {
                [vec![KIND_BATCH], varint(6), vec![number as u8], varint(BATCH_MAX + 1), vec![0; 2]].concat()
            }
            _ => vec![0; FRAME_MAX + 1],
        }
    }
}

fn as_batch(bytes: Vec<u8>) -> Option<RoomMessage> {
    Some(RoomMessage::Batch(Bytes::new(bytes).ok()?))
}
