//! Hostile members: programs that mean harm, on links that are as real as everybody's.
//!
//! # Problem
//! Who attacks a room from inside has been introduced, has proved its key and knows the secret. Hand-made links
//! would have to do all that over again, and would rot with every change of the protocol.
//!
//! # How it works
//! A hostile program runs the very node that honest ones run, and wears a [`Mask`]: all frames between node and
//! channels pass through it as messages. It lets the node be introduced and prove itself, learns from what the
//! node says under which number a room goes, and then drops, changes, repeats and adds messages, each
//! [`Behaviour`] in its own way. It can sign as itself and as people it invents, never as somebody else.
//!
//! # Limits
//! A mask lies on links. [`Ghosts`] have none, and speak through a server alone. What servers do is `meeting_point::Lie`.

mod blows;
mod ghosts;
mod stream;

use std::collections::{BTreeMap, VecDeque};

use meshwork_core::id::{Endpoint, Identity, RoomId};
use meshwork_core::links::message::LinkMessage;
use meshwork_core::node::Input;
use meshwork_core::rng::Rng;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::seam::io::{Channel, LinkId};

pub use self::ghosts::Ghosts;
use self::stream::Streams;

/// Batches that a mask remembers of those it heard.
const HEARD_MAX: usize = 64;
/// Records under which a hostile program writes at once.
pub const DEFIED_MAX: u64 = 4;

/// In which way a program is hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// Sends batches in the names of others, whose signatures cannot hold.
    Forges,
    /// Sends again what it once heard, on every link.
    Replays,
    /// Sends messages, batches and frames that are longer than is allowed.
    Oversizes,
    /// Paints with stamps far ahead of room time.
    Foretells,
    /// Sends many small batches, signed by people whom it invents.
    Floods,
    /// Says that it has sent parts of the canvas, and sends none of them. Passes on nothing.
    Withholds,
    /// Says that it is linked to everybody, so that others leave it to it to pass batches on, and passes on none.
    Eclipses,
    /// Sends rubbish.
    Babbles,
    /// Acknowledges everything as stored at once, and answers no ping.
    Pretends,
    /// Tells digests and summaries that are not those of its canvas.
    Misleads,
    /// Sends two batches with the same sequence to different members.
    Equivocates,
    /// Writes in tables what others alone may write, and in rows whose time has not come.
    Trespasses,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Behaviour; 12] = [
        Behaviour::Forges,
        Behaviour::Replays,
        Behaviour::Oversizes,
        Behaviour::Foretells,
        Behaviour::Floods,
        Behaviour::Withholds,
        Behaviour::Eclipses,
        Behaviour::Babbles,
        Behaviour::Pretends,
        Behaviour::Misleads,
        Behaviour::Equivocates,
        Behaviour::Trespasses,
    ];
}

/// What stands between a hostile program's node and its channels.
pub struct Mask {
    behaviour: Behaviour,
    identity: Identity,
    me: Endpoint,
    rng: Rng,
    links: BTreeMap<LinkId, Streams>,
    /// The room that is attacked, once the node attached to one.
    room: Option<RoomId>,
    /// Under which number the node speaks of the room on each link.
    numbers: BTreeMap<LinkId, u32>,
    /// Batches that were heard, oldest first.
    heard: VecDeque<Vec<u8>>,
    /// Endpoints that were heard of, to be claimed as neighbours.
    known: Vec<Endpoint>,
    /// Counts what was invented, so that each invention is new.
    inventions: u64,
}

impl Mask {
    /// A mask for the program with this identity and endpoint.
    pub fn new(behaviour: Behaviour, identity: Identity, me: Endpoint, rng: Rng) -> Mask {
        Mask {
            behaviour,
            identity,
            me,
            rng,
            links: BTreeMap::new(),
            room: None,
            numbers: BTreeMap::new(),
            heard: VecDeque::new(),
            known: vec![],
            inventions: 0,
        }
    }

    /// In which way the program is hostile.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// The node says something on a channel. Returns what is said instead.
    pub fn say(&mut self, link: LinkId, channel: Channel, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        if channel == Channel::Unreliable {
            let mute = self.behaviour == Behaviour::Pretends;
            return if mute { vec![] } else { vec![bytes] };
        }
        let mut streams = self.links.remove(&link).unwrap_or_default();
        for (kind, body) in streams.said(&bytes) {
            let message = LinkMessage::decode(kind, &body).ok();
            if let Some(message) = &message {
                self.learn(link, message);
            }
            match message.map(|message| self.bend(message)) {
                None => streams.write(kind, &body),
                Some(bent) => bent.iter().for_each(|message| {
                    let (kind, body) = message.encode();
                    streams.write(kind, &body);
                }),
            }
        }
        let frames = streams.frames();
        self.links.insert(link, streams);
        frames
    }

    /// The node is about to hear something.
    pub fn hear(&mut self, input: &Input) {
        match input {
            Input::Data { link, channel: Channel::Reliable, bytes } => {
                let messages = self.links.entry(*link).or_default().heard(bytes);
                for (kind, body) in messages {
                    if let Ok(Some((_, message))) = RoomMessage::decode(kind, &body) {
                        self.remember(message);
                    }
                }
            }
            Input::Down { link, .. } => {
                self.links.remove(link);
                self.numbers.remove(link);
            }
            _ => {}
        }
    }

    fn learn(&mut self, link: LinkId, message: &LinkMessage) {
        match message {
            LinkMessage::Attach(attach) => {
                self.room = Some(attach.room);
                self.numbers.insert(link, attach.number);
            }
            LinkMessage::Goodbye(_) | LinkMessage::Detach(_) => {
                self.numbers.remove(&link);
            }
            LinkMessage::Room { kind, body } => {
                if let Ok(Some((_, RoomMessage::Batch(bytes)))) = RoomMessage::decode(*kind, body) {
                    self.keep(bytes.to_vec());
                }
            }
            _ => {}
        }
    }

    fn remember(&mut self, message: RoomMessage) {
        match message {
            RoomMessage::Batch(bytes) | RoomMessage::LeafBatch(bytes) => self.keep(bytes.to_vec()),
            RoomMessage::Neighbours(links) => {
                self.known.extend(links.endpoints.iter().copied());
                self.known.sort_unstable();
                self.known.dedup();
            }
            _ => {}
        }
    }

    fn keep(&mut self, batch: Vec<u8>) {
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(batch);
    }
}
