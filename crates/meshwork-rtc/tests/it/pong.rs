//! A game of Pong over two native drivers: the host simulates, the guest says where its paddle is to be, and both do so
//! in datagrams and nothing else.
//!
//! The host waits where the guest has not seen what it simulated, so that what is played does not depend on how fast the
//! machine is: a rally takes as many steps everywhere, up to the lag of the guest's paddle.

#![cfg(not(target_arch = "wasm32"))]

use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, RoomHandle};
use meshwork_core::seam::lane::{Audience, Slot, Topic};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::native::{DEADLINE, Peer, serve};

const WIDTH: i16 = 240;
const HEIGHT: i16 = 200;
/// Half the height of a paddle: more than the ball rises in [`LAG_MAX`] steps, so that who follows it hits it.
const PADDLE: i16 = 30;
/// How far a paddle moves in a step.
const REACH: i16 = 3;
/// Steps that the host goes on with what the guest last said: a quarter of a second.
const LAG_MAX: u32 = 15;
/// How often the host hits the ball before it lets it pass.
const HITS: u8 = 2;
/// Columns that the ball moves in a step.
const SPEED: i16 = 4;
/// Steps that a rally takes at most: six times over the field.
const STEPS_MAX: u32 = 6 * WIDTH as u32 / SPEED as u32;

/// What the host simulates and the guest shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Game {
    step: u32,
    ball: [i16; 2],
    speed: [i16; 2],
    /// The middles of the paddles, the host's on the left.
    paddles: [i16; 2],
    hits: [u8; 2],
    score: [u8; 2],
}

impl Game {
    fn new() -> Game {
        let middle = HEIGHT / 2;
        let (ball, paddles) = ([WIDTH / 2, middle], [middle; 2]);
        Game { step: 0, ball, speed: [SPEED, 1], paddles, hits: [0; 2], score: [0; 2] }
    }

    /// One step, in which each paddle moves towards where it is wanted.
    fn advance(&mut self, wanted: [i16; 2]) {
        self.step += 1;
        for (paddle, wanted) in self.paddles.iter_mut().zip(wanted) {
            *paddle += (wanted - *paddle).clamp(-REACH, REACH);
        }
        let [x, y] = &mut self.ball;
        (*x, *y) = (*x + self.speed[0], *y + self.speed[1]);
        if !(0..HEIGHT).contains(y) {
            self.speed[1] = -self.speed[1];
            *y += 2 * self.speed[1];
        }
        if (0..WIDTH).contains(x) {
            return;
        }
        let side = usize::from(*x >= WIDTH);
        if (self.paddles[side] - *y).abs() <= PADDLE {
            self.hits[side] += 1;
            self.speed[0] = -self.speed[0];
            *x += 2 * self.speed[0];
        } else {
            self.score[1 - side] += 1;
            *x = WIDTH / 2;
        }
    }

    /// Where the host wants its paddle: at the ball, until it has hit it often enough.
    fn host_wants(&self) -> i16 {
        let y = self.ball[1];
        if self.hits[0] < HITS { y } else { (y + HEIGHT / 2) % HEIGHT }
    }

    fn is_over(&self) -> bool {
        self.score != [0; 2]
    }

    fn encode(&self) -> Vec<u8> {
        let places = [self.ball, self.speed, self.paddles].concat();
        let places = places.into_iter().flat_map(i16::to_be_bytes);
        self.step.to_be_bytes().into_iter().chain(places).chain(self.hits).chain(self.score).collect()
    }

    fn decode(bytes: &[u8]) -> Game {
        let step = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        let place = |at: usize| i16::from_be_bytes([bytes[4 + 2 * at], bytes[5 + 2 * at]]);
        let pair = |at: usize| [place(2 * at), place(2 * at + 1)];
        let (hits, score) = ([bytes[16], bytes[17]], [bytes[18], bytes[19]]);
        Game { step, ball: pair(0), speed: pair(1), paddles: pair(2), hits, score }
    }
}

/// A player with the other one linked.
struct Player {
    peer: Peer,
    room: RoomHandle,
    other: Endpoint,
}

impl Player {
    async fn say(&self, topic: &str, bytes: Vec<u8>) {
        let (topic, room, to) = (Topic::new(topic).unwrap(), self.room, Audience::One(self.other));
        let sent = self
            .peer
            .driver
            .call(move |node, now| node.room_mut(now, room).send_datagram(to, Slot::GENESIS, &topic, &bytes));
        // Nobody hears it once the other has left.
        let _ = sent.await.unwrap();
    }
}

/// What a datagram says, if it is of this topic.
fn said(event: Event, about: &str) -> Option<Vec<u8>> {
    match event {
        Event::Datagram { slot: Slot::GENESIS, topic, bytes, .. } if &*topic == about => Some(bytes),
        _ => None,
    }
}

/// Simulates sixty steps a second until the guest has seen a score. Returns how old inputs were, in steps.
async fn host(mut player: Player) -> (Game, Vec<u32>) {
    let mut game = Game::new();
    let (mut seen, mut guest_wants) = (0, HEIGHT / 2);
    let (mut ages, mut is_seen_to_end) = (Vec::new(), false);
    let mut ticks = interval(Duration::from_secs(1) / 60);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !is_seen_to_end {
        ticks.tick().await;
        while let Some(event) = player.peer.events.try_next() {
            let Some(input) = said(event, "input") else { continue };
            seen = u32::from_be_bytes(input[..4].try_into().unwrap());
            guest_wants = i16::from_be_bytes(input[4..].try_into().unwrap());
            ages.push(game.step - seen);
            is_seen_to_end = game.is_over() && seen == game.step;
        }
        if !game.is_over() && game.step - seen <= LAG_MAX {
            game.advance([game.host_wants(), guest_wants]);
        }
        player.say("state", game.encode()).await;
    }
    player.peer.driver.shut_down().await;
    (game, ages)
}

/// Shows what arrives, and says where its paddle is to be, until the host leaves. Returns what it showed.
async fn guest(mut player: Player) -> Vec<Game> {
    let mut shown: Vec<Game> = Vec::new();
    while let Some(event) = player.peer.events.next().await {
        if matches!(event, Event::MemberDetached { .. }) {
            break;
        }
        let Some(state) = said(event, "state") else { continue };
        let game = Game::decode(&state);
        assert!(shown.last().is_none_or(|last| last.step <= game.step), "what comes late is passed over");
        shown.push(game);
        player.say("input", [&state[..4], &game.ball[1].to_be_bytes()].concat()).await;
    }
    shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_players_play_pong_in_datagrams() {
    let (server, _stop) = serve().await;
    let (mut ada, mut ben) = (Peer::start(21, None), Peer::start(22, None));
    let (room, address) = ada.create(server, false).await;
    let their_room = ben.join(&address).await;
    let attached = |event: &Event| matches!(event, Event::MemberAttached { .. }).then_some(());
    ada.wait("member", attached).await;
    ben.wait("member", attached).await;
    let (me, other) = (ada.driver.endpoint(), ben.driver.endpoint());
    let hosting = tokio::spawn(host(Player { peer: ada, room, other }));
    let playing = tokio::spawn(guest(Player { peer: ben, room: their_room, other: me }));
    let (game, mut ages) = timeout(DEADLINE, hosting).await.expect("a score in time").unwrap();
    let shown = timeout(DEADLINE, playing).await.expect("the end in time").unwrap();

    assert_eq!((game.hits, game.score), ([HITS, HITS + 1], [0, 1]), "the host lets the last one pass");
    assert!(game.step <= STEPS_MAX, "{} steps", game.step);
    assert_eq!(shown.last(), Some(&game), "the guest sees the score");
    ages.sort_unstable();
    let median = ages[ages.len() / 2];
    println!("{} steps, {} states shown, inputs {median} steps old", game.step, shown.len());
    assert!(median <= LAG_MAX, "{median} steps");
}
