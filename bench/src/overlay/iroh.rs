//! iroh-gossip's state machine on the network.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use iroh_gossip::proto::{
    Command, Config, Event, InEvent, Message, OutEvent, PeerData, Scope, State, Timer, TopicId,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::ours::BATCH_BYTES;
use super::{Input, Machine, Micros, Output, Peer};

const TOPIC: TopicId = TopicId::from_bytes([9; 32]);

/// A peer as it is named on its wire: as long as a key.
type Name = [u8; 32];

/// One member.
pub struct Member {
    state: State<Name, StdRng>,
    /// When the network began, on the clock that the state machine is handed.
    begin: Instant,
    timers: BTreeMap<(Micros, u64), Timer<Name>>,
    order: u64,
    neighbours: BTreeSet<Name>,
    outputs: VecDeque<Output<Message<Name>>>,
}

/// Its settings as they come, with views of this size; `None` leaves those too.
pub fn config(views: Option<(usize, usize)>) -> Config {
    let mut config = Config::default();
    if let Some((active, passive)) = views {
        config.membership.active_view_capacity = active;
        config.membership.passive_view_capacity = passive;
    }
    config
}

impl Member {
    /// The member of this number.
    pub fn new(me: Peer, seed: u64, begin: Instant, config: Config) -> Member {
        let rng = StdRng::seed_from_u64(seed << 32 | u64::from(me));
        let state = State::new(name(me), PeerData::default(), config, rng);
        Member {
            state,
            begin,
            timers: BTreeMap::new(),
            order: 0,
            neighbours: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    fn give(&mut self, now: Micros, event: InEvent<Name>) {
        let instant = self.begin + Duration::from_micros(now);
        for output in self.state.handle(event, instant, None) {
            match output {
                OutEvent::SendMessage(to, message) => {
                    let bytes = message.size().expect("its own message has a size");
                    let is_payload = matches!(message.kind(), iroh_gossip::proto::state::MessageKind::Data);
                    self.outputs.push_back(Output::Send { to: peer(to), message, bytes, is_payload });
                }
                OutEvent::EmitEvent(_, Event::Received(event)) => {
                    let number = event.content.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                    self.outputs.push_back(Output::Heard(number, peer(event.delivered_from)));
                }
                OutEvent::EmitEvent(_, Event::NeighborUp(other)) => drop(self.neighbours.insert(other)),
                OutEvent::EmitEvent(_, Event::NeighborDown(other)) => drop(self.neighbours.remove(&other)),
                OutEvent::ScheduleTimer(after, timer) => {
                    self.order += 1;
                    self.timers.insert((now + after.as_micros() as Micros, self.order), timer);
                }
                OutEvent::DisconnectPeer(to) => self.outputs.push_back(Output::Close(peer(to))),
                OutEvent::PeerData(..) => {}
            }
        }
    }
}

impl Machine for Member {
    type Message = Message<Name>;

    fn handle(&mut self, now: Micros, input: Input<Message<Name>>) {
        match input {
            Input::Join(named) => {
                let named = named.into_iter().map(name).collect();
                self.give(now, InEvent::Command(TOPIC, Command::Join(named)));
            }
            Input::Message(from, message) => self.give(now, InEvent::RecvMessage(name(from), message)),
            // It opens links by sending, and hears of those that end.
            Input::Opened(..) | Input::Refused(_) => {}
            Input::Closed(other) => self.give(now, InEvent::PeerDisconnected(name(other))),
            Input::Broadcast(number) => {
                let mut content = vec![0; BATCH_BYTES];
                content[..4].copy_from_slice(&number.to_le_bytes());
                let command = Command::Broadcast(Bytes::from(content), Scope::Swarm);
                self.give(now, InEvent::Command(TOPIC, command));
            }
            Input::Timeout => {
                while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
                    let timer = entry.remove();
                    self.give(now, InEvent::TimerExpired(timer));
                }
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output<Message<Name>>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Micros> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    fn admits(&self, _: Peer) -> bool {
        true
    }

    fn neighbours(&self) -> usize {
        self.neighbours.len()
    }
}

fn name(peer: Peer) -> Name {
    let mut name = [5; 32];
    name[..4].copy_from_slice(&peer.to_le_bytes());
    name
}

fn peer(name: Name) -> Peer {
    u32::from_le_bytes([name[0], name[1], name[2], name[3]])
}
