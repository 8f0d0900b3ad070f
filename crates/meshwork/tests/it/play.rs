//! Parties of real nodes on a network in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshwork::play::{
    self, Act, Can, End, Engine, Event, FromGame, GameEvent, HostLoss, Package, Party, Paused, Phase, Player,
    PlayerInput, PlayerView, Random, Refused, Rules, ToGame, Turn, input,
};
use meshwork::testing::Network;
use meshwork::{Endpoint, Room};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::guard::{create, in_private_rooms_too};

in_private_rooms_too!(
    six_play_and_a_match_ends,
    a_game_outlives_its_host,
    a_dropped_host_hands_over_at_once,
    a_host_that_was_cut_off_follows,
    watchers_cost_no_player_its_host,
    a_package_comes_from_a_member,
    holding_a_package_ends_its_fetch,
    a_restarted_player_has_its_seat,
    a_waiting_game_goes_on_or_ends,
    engines_with_a_loop_tick_by_themselves,
    engines_that_draw_are_handed_states
);

/// Time in which a party does what it is expected to.
const SOON: Duration = Duration::from_secs(30);

/// A game that counts: its ticks, and those in which each player held `a`.
struct Counting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counts {
    ticks: u64,
    held: [u64; 6],
    drawn: u32,
}

impl Rules for Counting {
    type State = Counts;

    fn setup(&mut self, _: &[PlayerView], random: &mut Random) -> Counts {
        Counts { drawn: random.below(1000), ..Counts::default() }
    }

    fn update(&mut self, counts: &mut Counts, turn: &mut Turn<'_>) {
        counts.ticks += 1;
        counts.drawn = turn.random().below(1000);
        for slot in 0..6 {
            counts.held[usize::from(slot)] += u64::from(turn.held(slot, "a"));
        }
        if turn.pressed(0, "enter") {
            turn.end(&counts.held);
        }
    }
}

fn package() -> Package {
    Package::of_file("counting.js", b"// The rules are those of a program.".to_vec()).unwrap()
}

async fn opened(endpoint: &Endpoint, host_loss: HostLoss) -> Room {
    let party = Party { late: true, host_loss, ..Party::of(&package(), endpoint.id().peer, None) };
    create(endpoint, play::party(&party)).await.unwrap()
}

async fn plays(room: &Room, name: &str) -> Player {
    room.game().play(Can::host(Counting), name).await.unwrap()
}

/// Waits for an event of the party or a state.
async fn until(player: &mut Player, is_it: impl Fn(&Player, &GameEvent) -> bool) -> GameEvent {
    let found = async {
        loop {
            let event = player.next().await.expect("the party goes on");
            if is_it(player, &event) {
                return event;
            }
        }
    };
    let found = timeout(SOON, found).await;
    found.unwrap_or_else(|_| panic!("{:?} {:#?} {:?}", player, player.lobby(), player.pace()))
}

/// Waits until something is so.
async fn stands(player: &mut Player, is_so: impl Fn(&Player) -> bool) {
    if !is_so(player) {
        until(player, |player, _| is_so(player)).await;
    }
}

/// Waits for a state.
async fn sees(player: &mut Player, is_it: impl Fn(&Counts) -> bool) -> Counts {
    let counts = |event: &GameEvent| match event {
        GameEvent::Shown(shown) => serde_json::from_str::<Counts>(&shown.state.0).ok(),
        _ => None,
    };
    let seen = until(player, |_, event| counts(event).is_some_and(|counts| is_it(&counts))).await;
    counts(&seen).unwrap()
}

/// Endpoints and players of one party; the first one made it.
async fn party(
    network: &Network,
    host_loss: HostLoss,
    names: &[&str],
) -> (Vec<Endpoint>, Vec<Room>, Vec<Player>) {
    let endpoints: Vec<Endpoint> = names.iter().map(|name| network.endpoint(name)).collect();
    let (mut rooms, mut players) = (vec![opened(&endpoints[0], host_loss).await], Vec::new());
    for endpoint in &endpoints[1..] {
        rooms.push(endpoint.join(rooms[0].link()).await.unwrap());
    }
    for (room, name) in rooms.iter().zip(names) {
        let mut player = plays(room, name).await;
        stands(&mut player, |player| player.slot().is_some()).await;
        players.push(player);
    }
    (endpoints, rooms, players)
}

/// The same once they play.
async fn playing(network: &Network, names: &[&str]) -> (Vec<Endpoint>, Vec<Room>, Vec<Player>) {
    begun(names, party(network, HostLoss::Migrate, names).await).await
}

async fn begun(
    names: &[&str],
    (endpoints, rooms, mut players): (Vec<Endpoint>, Vec<Room>, Vec<Player>),
) -> (Vec<Endpoint>, Vec<Room>, Vec<Player>) {
    for player in &mut players {
        stands(player, |player| player.lobby().seats.len() == names.len()).await;
        player.act(Act::Ready(true)).unwrap();
    }
    let host = players.iter_mut().find(|player| player.is_host()).expect("one is host");
    stands(host, |host| host.lobby().seats.iter().all(|seat| seat.ready)).await;
    host.act(Act::Start).unwrap();
    for player in &mut players {
        sees(player, |counts| counts.ticks > 10).await;
    }
    (endpoints, rooms, players)
}

fn holding(key: &str) -> PlayerInput {
    PlayerInput { held: input::mask([key]), ..PlayerInput::default() }
}

/// The number of the host, and that of somebody else.
fn host(players: &[Player]) -> (usize, usize) {
    let host = players.iter().position(Player::is_host).expect("one is host");
    (host, usize::from(host == 0))
}

#[tokio::test(start_paused = true)]
async fn six_play_and_a_match_ends() {
    let network = Network::calm(7);
    let names = ["Ann", "Bo", "Cy", "Di", "Eve", "Fay"];
    let (_endpoints, rooms, mut players) = playing(&network, &names).await;
    let slots: Vec<u8> = players.iter().map(|player| player.slot().unwrap()).collect();
    players[4].hold(holding("a"));
    for player in &mut players {
        let seen = sees(player, |counts| counts.held[usize::from(slots[4])] > 30).await;
        assert_eq!(seen.held.iter().filter(|held| **held > 0).count(), 1, "{seen:?}");
    }
    let seventh = network.endpoint("Gus").join(rooms[0].link()).await.unwrap();
    let mut seventh = plays(&seventh, "Gus").await;
    let is_full =
        |_: &Player, event: &GameEvent| matches!(event, GameEvent::Party(Event::Refused(Refused::Full)));
    until(&mut seventh, is_full).await;
    let first = slots.iter().position(|slot| *slot == 0).unwrap();
    players[first].hold(holding("enter"));
    for player in &mut players {
        let over = |_: &Player, event: &GameEvent| matches!(event, GameEvent::Party(Event::Ended(_)));
        until(player, over).await;
        stands(player, |player| player.lobby().phase == Phase::Ended).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_game_outlives_its_host() {
    let network = Network::new(11);
    let (endpoints, _rooms, mut players) = playing(&network, &["Ann", "Bo", "Cy", "Di"]).await;
    let (first, other) = host(&players);
    let slot = usize::from(players[other].slot().unwrap());
    players[other].hold(holding("a"));
    let before = sees(&mut players[other], |counts| counts.held[slot] > 30).await;
    network.kill(&endpoints[first]);
    let is_next = |_: &Player, event: &GameEvent| matches!(event, GameEvent::Party(Event::HostIs { .. }));
    players.remove(first);
    for player in &mut players {
        until(player, is_next).await;
        let after = sees(player, |counts| counts.ticks > before.ticks + 120).await;
        assert!(after.held[slot] > before.held[slot], "{before:?} {after:?}");
    }
    assert_eq!(players.iter().filter(|player| player.is_host()).count(), 1);
    assert!(players.iter().all(|player| player.counts().host_losses == 1));
}

#[tokio::test(start_paused = true)]
async fn matches_and_new_hosts_need_no_server() {
    let network = Network::new(43);
    let (endpoints, _rooms, mut players) = playing(&network, &["Ann", "Bo", "Cy"]).await;
    network.stop_server();
    network.run(Duration::from_secs(60)).await;
    let (first, other) = host(&players);
    let slot = usize::from(players[other].slot().unwrap());
    players[other].hold(holding("a"));
    let before = sees(&mut players[other], |counts| counts.held[slot] > 30).await;
    network.kill(&endpoints[first]);
    players.remove(first);
    for player in &mut players {
        until(player, |_, event| matches!(event, GameEvent::Party(Event::HostIs { .. }))).await;
        sees(player, |counts| counts.ticks > before.ticks + 120).await;
    }
}

#[tokio::test(start_paused = true)]
async fn matches_outlive_hosts_that_die_early() {
    for seed in 40..52 {
        println!("seed {seed}");
        let network = Network::new(seed);
        let names = ["Ann", "Bo", "Cy"];
        let (endpoints, _rooms, mut players) = party(&network, HostLoss::Migrate, &names).await;
        for player in &mut players {
            stands(player, |player| player.lobby().seats.len() == names.len()).await;
            player.act(Act::Ready(true)).unwrap();
        }
        let (first, _) = host(&players);
        stands(&mut players[first], |host| host.lobby().seats.iter().all(|seat| seat.ready)).await;
        players[first].act(Act::Start).unwrap();
        for player in &mut players {
            until(player, |_, event| *event == GameEvent::Party(Event::Began)).await;
        }
        network.run(Duration::from_millis(seed % 4 * 20)).await;
        network.kill(&endpoints[first]);
        players.remove(first);
        for player in &mut players {
            until(player, |_, event| matches!(event, GameEvent::Party(Event::HostIs { .. }))).await;
            sees(player, |counts| counts.ticks > 300).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_follows_a_killed_host_at_once() {
    for seed in [61, 62, 63] {
        println!("seed {seed}");
        let network = Network::new(seed);
        let (endpoints, rooms, players) = playing(&network, &["Ann", "Bo"]).await;
        let (first, other) = host(&players);
        let eve = network.endpoint("Eve");
        let mut watcher = eve.join(rooms[0].link()).await.unwrap().game().watch().await.unwrap();
        let before = sees(&mut watcher, |counts| counts.ticks > 10).await;
        network.kill(&endpoints[first]);
        let is_next = |_: &Player, event: &GameEvent| matches!(event, GameEvent::Party(Event::HostIs { .. }));
        let soon = Duration::from_secs(4);
        timeout(soon, until(&mut watcher, is_next)).await.expect("it follows as fast as players do");
        assert_eq!(watcher.lobby().host, endpoints[other].id());
        timeout(soon, sees(&mut watcher, |counts| counts.ticks > before.ticks + 60))
            .await
            .expect("its picture moves");
        assert!(players[other].is_host());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_host_hands_over_at_once() {
    let network = Network::calm(31);
    let (_endpoints, _rooms, mut players) = playing(&network, &["Ann", "Bo", "Cy"]).await;
    let (first, _) = host(&players);
    drop(players.remove(first));
    for player in &mut players {
        let is_next = |_: &Player, event: &GameEvent| matches!(event, GameEvent::Party(Event::HostIs { lost, .. }) if *lost < 10);
        // Nobody searches for a silent host, which takes a second.
        timeout(Duration::from_millis(500), until(player, is_next)).await.expect("the host hands over");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_cut_off_follows() {
    let network = Network::new(13);
    let (endpoints, _rooms, mut players) = playing(&network, &["Ann", "Bo", "Cy", "Di"]).await;
    let (first, other) = host(&players);
    let slot = players[first].slot();
    for (number, endpoint) in endpoints.iter().enumerate() {
        if number != first {
            network.cut(&endpoints[first], endpoint);
        }
    }
    network.run(Duration::from_secs(20)).await;
    let next = players[other].lobby().host;
    assert_ne!(next, endpoints[first].id());
    network.heal();
    stands(&mut players[first], |player| player.lobby().host == next).await;
    let now = sees(&mut players[other], |_| true).await;
    sees(&mut players[first], |counts| counts.ticks > now.ticks + 60).await;
    assert_eq!((players[first].slot(), players[first].is_host()), (slot, false));
}

#[tokio::test(start_paused = true)]
async fn watchers_cost_no_player_its_host() {
    let network = Network::calm(17);
    let (_endpoints, rooms, mut players) = playing(&network, &["Ann", "Bo", "Cy"]).await;
    let mut watchers = Vec::new();
    for number in 0..10 {
        let endpoint = network.endpoint(&format!("Watcher {number}"));
        let room = endpoint.join(rooms[0].link()).await.unwrap();
        let watcher = room.game().watch().await.unwrap();
        watchers.push((endpoint, room, watcher));
    }
    for (_, _, watcher) in &mut watchers {
        sees(watcher, |counts| counts.ticks > 10).await;
        assert_eq!(watcher.slot(), None);
    }
    network.run(Duration::from_secs(20)).await;
    assert_eq!(players[0].watchers(), 10);
    let term = players[0].lobby().term;
    for player in &mut players {
        let now = sees(player, |_| true).await;
        network.run(Duration::from_secs(1)).await;
        let later = sees(player, |_| true).await;
        assert!(later.ticks >= now.ticks + 50, "{} ticks in a second", later.ticks - now.ticks);
        assert_eq!(player.lobby().term, term, "nobody else became host");
    }
}

#[tokio::test(start_paused = true)]
async fn a_package_comes_from_a_member() {
    let network = Network::new(19);
    let (ann, bo, cy) = (network.endpoint("Ann"), network.endpoint("Bo"), network.endpoint("Cy"));
    let room = opened(&ann, HostLoss::Migrate).await;
    let (of_bo, of_cy) = (bo.join(room.link()).await.unwrap(), cy.join(room.link()).await.unwrap());
    network.stop_server();
    let ann_holds = async {
        // Until then everybody says that they do not hold it.
        network.run(Duration::from_secs(5)).await;
        room.game().hold(&package()).await.unwrap();
    };
    let game = of_bo.game();
    let (fetched, ()) = tokio::join!(game.package(), ann_holds);
    assert_eq!(fetched.unwrap().id(), package().id());
    network.kill(&ann);
    assert_eq!(of_cy.game().package().await.unwrap().bytes(), package().bytes());
    let other = Package::of_file("other.js", vec![b'1']).unwrap();
    assert!(of_cy.game().hold(&other).await.is_err(), "another game's bytes");
}

#[tokio::test(start_paused = true)]
async fn holding_a_package_ends_its_fetch() {
    let network = Network::calm(41);
    let ann = network.endpoint("Ann");
    let room = opened(&ann, HostLoss::Migrate).await;
    let (game, package) = (room.game(), package());
    let holds = async {
        network.run(Duration::from_millis(300)).await;
        game.hold(&package).await.unwrap();
    };
    let fetch = timeout(Duration::from_millis(900), game.package());
    let (fetched, ()) = tokio::join!(fetch, holds);
    assert_eq!(fetched.expect("no wait for other holders").unwrap().id(), package.id());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_player_has_its_seat() {
    let network = Network::new(23);
    let (endpoints, rooms, mut players) = playing(&network, &["Ann", "Bo", "Cy"]).await;
    let (_, other) = host(&players);
    let (slot, held) = (players[other].slot().unwrap(), usize::from(players[other].slot().unwrap()));
    players[other].hold(holding("a"));
    sees(&mut players[other], |counts| counts.held[held] > 30).await;
    let again = network.restart(&endpoints[other]);
    let room = again.join(rooms[usize::from(other == 0)].link()).await.unwrap();
    let mut player = plays(&room, "Somebody").await;
    stands(&mut player, |player| player.slot().is_some()).await;
    assert_eq!(player.slot(), Some(slot));
    let seen = sees(&mut player, |_| true).await;
    assert!(seen.held[held] > 30, "{seen:?}");
    player.hold(holding("a"));
    sees(&mut player, |counts| counts.held[held] > seen.held[held] + 10).await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_game_goes_on_or_ends() {
    let network = Network::calm(29);
    let names = ["Ann", "Bo", "Cy"];
    let (endpoints, rooms, mut players) = begun(&names, party(&network, HostLoss::Wait, &names).await).await;
    let (first, other) = host(&players);
    let before = sees(&mut players[other], |counts| counts.ticks > 60).await;
    let link = rooms[other].link();
    let again = network.restart(&endpoints[first]);
    let is = |wanted: Event| move |_: &Player, event: &GameEvent| matches!(event, GameEvent::Party(event) if *event == wanted);
    until(&mut players[other], is(Event::Paused(Paused::Host))).await;
    let room = again.join(link).await.unwrap();
    let mut back = plays(&room, "Host").await;
    until(&mut players[other], is(Event::Resumed)).await;
    let after = sees(&mut players[other], |counts| counts.ticks > before.ticks + 60).await;
    assert!(sees(&mut back, |_| true).await.ticks >= before.ticks, "{after:?}");
    assert!(back.is_host());
    network.kill(&again);
    until(&mut players[other], is(Event::Paused(Paused::Host))).await;
    network.run(Duration::from_secs(30)).await;
    until(&mut players[other], is(Event::Ended(End::HostGone))).await;
}

/// An engine with a loop of its own, which counts its steps.
struct Looping(Arc<AtomicU64>);

impl Engine for Looping {
    fn handle(&mut self, message: &ToGame) -> Option<FromGame> {
        let tick = match message {
            ToGame::Setup { tick, .. } => *tick,
            ToGame::Step(step) => {
                self.0.fetch_add(1, Ordering::Relaxed);
                step.tick
            }
            _ => return None,
        };
        let envelope = format!(r#"{{"state":{tick},"random":0,"sounds":[],"end":null}}"#);
        Some(FromGame::Stepped { tick, envelope })
    }

    fn has_loop(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn engines_with_a_loop_tick_by_themselves() {
    let network = Network::calm(9);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = opened(&ann, HostLoss::Migrate).await;
    let steps = Arc::new(AtomicU64::new(0));
    let mut host = room.game().play(Can::Host(Box::new(Looping(Arc::clone(&steps)))), "Ann").await.unwrap();
    stands(&mut host, Player::is_host).await;
    let mut second = bo.join(room.link()).await.unwrap().game().play(Can::Play, "Bo").await.unwrap();
    stands(&mut second, |player| player.slot().is_some()).await;
    second.act(Act::Ready(true)).unwrap();
    stands(&mut host, |host| host.lobby().seats.iter().any(|seat| seat.ready)).await;
    let mut events = host.events();
    host.act(Act::Start).unwrap();
    assert!(host.countdown().is_some_and(|left| left <= Duration::from_secs(3)));
    while events.next().await != Some(GameEvent::Party(Event::Began)) {}
    network.run(Duration::from_secs(1)).await;
    assert_eq!(steps.load(Ordering::Relaxed), 0, "only its own ticks step it");
    for _ in 0..60 {
        host.answer(FromGame::Tick);
        network.run(Duration::from_millis(17)).await;
    }
    assert_eq!(steps.load(Ordering::Relaxed), 60);
    let is_late = |event: &GameEvent| matches!(event, GameEvent::Shown(shown) if shown.tick > 50);
    until(&mut second, |_, event| is_late(event)).await;
    host.answer(FromGame::Failed(play::Fault {
        message: "no".to_owned(),
        fatal: true,
        ..play::Fault::default()
    }));
    let failed = async {
        loop {
            match events.next().await.expect("the party goes on") {
                GameEvent::Shown(_) => panic!("it draws its own states"),
                GameEvent::Party(Event::Ended(End::Failed(fault))) => return fault.message,
                _ => {}
            }
        }
    };
    assert_eq!(timeout(SOON, failed).await.unwrap(), "no");
}

/// An engine that draws the states of its host, which it counts.
struct Drawing(Arc<AtomicU64>);

impl Engine for Drawing {
    fn handle(&mut self, message: &ToGame) -> Option<FromGame> {
        if matches!(message, ToGame::Show(_)) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        None
    }

    fn draws(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn engines_that_draw_are_handed_states() {
    let network = Network::calm(37);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = opened(&ann, HostLoss::Migrate).await;
    let mut host = plays(&room, "Ann").await;
    stands(&mut host, Player::is_host).await;
    let drawn = Arc::new(AtomicU64::new(0));
    let drawing = Can::Host(Box::new(Drawing(Arc::clone(&drawn))));
    let mut second = bo.join(room.link()).await.unwrap().game().play(drawing, "Bo").await.unwrap();
    stands(&mut second, |player| player.slot().is_some()).await;
    second.act(Act::Ready(true)).unwrap();
    stands(&mut host, |host| host.lobby().seats.iter().any(|seat| seat.ready)).await;
    host.act(Act::Start).unwrap();
    sees(&mut host, |counts| counts.ticks > 60).await;
    assert!(drawn.load(Ordering::Relaxed) > 30);
    drop(host);
    while let Some(event) = timeout(Duration::from_secs(1), second.next()).await.ok().flatten() {
        assert!(matches!(event, GameEvent::Party(_)), "its reader gets no states");
    }
}
