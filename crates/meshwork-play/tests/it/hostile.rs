//! Members that follow no rules change nothing.

use meshwork_core::rng::Rng;
use meshwork_core::wire;
use meshwork_play::packets::{
    Ask, At, Direct, InputPacket, NoSeat, Present, Role, Said, StateHead, StatePart, To, VERSION, Whole,
};
use meshwork_play::session::{Act, COLOURS, Can, Lobby, Output, Phase, Seat, TOPICS};

use crate::world::{World, ms, party};

/// Messages to one player or to all.
fn lies(world: &World, from: usize, to: usize) -> Vec<Output> {
    let (me, target) = (world.session(from).me(), world.session(to).me());
    let lobby = world.session(to).lobby().clone();
    let mut own = Lobby { host: me, term: lobby.term + 1, version: lobby.version + 9, ..lobby.clone() };
    own.seats.iter_mut().filter(|seat| seat.slot == 0).for_each(|seat| seat.name = String::from("liar"));
    let late = Lobby { term: u32::MAX, version: u32::MAX, round: u32::MAX, ..own.clone() };
    let (line, term) = (lobby.line, lobby.term);
    let whole = Whole { tick: u64::MAX, round: lobby.round, term: u32::MAX, ..Whole::default() };
    let seats = lobby.seats.iter().map(|seat| seat.endpoint.peer).collect();
    let at = At { round: 9, term: 9, tick: u64::MAX, version: 9 };
    let ask = Ask { line, term: u32::MAX, host: lobby.host, at, can_host: true, hidden: false, seats };
    let head = StateHead {
        line,
        term,
        round: lobby.round,
        tick: u64::MAX,
        back: 1,
        sent: u32::MAX,
        waiting: 0,
        part: 1,
    };
    let direct = |message: &Direct| Output::Direct { to: target, bytes: wire::encode(message) };
    let say = |message: &Said| Output::Say { topic: "p", bytes: wire::encode(message) };
    let part = StatePart { head, bytes: vec![0; 40] };
    let packet = InputPacket { line, term, round: 1, newest: u32::MAX, acked: Some(u64::MAX), runs: vec![] };
    let datagram = |topic, bytes| Output::Datagram { to: Some(target), topic, bytes };
    vec![
        direct(&Direct::Welcome { lobby: own.clone(), whole: None }),
        direct(&Direct::Welcome { lobby: own.clone(), whole: Some(whole.clone()) }),
        direct(&Direct::Welcome { lobby: late.clone(), whole: None }),
        direct(&Direct::HandOver { leaves: true, lobby: lobby.clone(), whole: Some(whole.clone()) }),
        direct(&Direct::HandOver { leaves: false, lobby: late, whole: Some(whole) }),
        direct(&Direct::Refused { line, why: NoSeat::Kicked }),
        direct(&Direct::Leave { line, term, stays: true, next: Some(To(me)) }),
        direct(&Direct::Ready { line: line + 1, ready: false }),
        say(&Said::Lobby(own)),
        say(&Said::Lobby(lobby)),
        say(&Said::Ask(ask)),
        say(&Said::Hears { line, term: u32::MAX, host: me }),
        datagram("s0", part.encode()),
        datagram("i", wire::encode(&packet)),
    ]
}

fn attacked(is_player: bool) {
    let mut world = World::new(11, party());
    world.way(20, 5, 0);
    world.gather(3);
    let (host, tick) = (world.hosts()[0], world.session(0).counts().tick);
    let liar = match is_player {
        true => (0..3).find(|which| *which != host).expect("a player"),
        false => world.add(3, Can::Watch),
    };
    world.run(ms(500));
    let before = world.session(host).lobby().clone();
    for _ in 0..4 {
        for to in (0..3).filter(|to| *to != liar) {
            for lie in lies(&world, liar, to) {
                world.net.forge(world.now, liar, lie);
                world.run(ms(30));
            }
        }
    }
    world.run(ms(1000));
    let after = world.session(host).lobby().clone();
    let seats = |lobby: &Lobby| lobby.seats.clone();
    assert_eq!(
        (after.line, after.term, after.host, seats(&after)),
        (before.line, before.term, before.host, seats(&before))
    );
    for which in 0..3 {
        assert_eq!(world.session(which).lobby().host, before.host, "m{which}");
        assert!(world.session(which).counts().tick > tick + 90, "m{which}");
    }
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn lies_of_a_watcher_change_nothing() {
    attacked(false);
}

#[test]
fn lies_of_a_player_change_nothing() {
    attacked(true);
}

#[test]
fn random_bytes_are_refused_and_counted() {
    let mut world = World::new(12, party());
    world.gather(3);
    let host = world.hosts()[0];
    let liar = world.add(3, Can::Watch);
    world.run(ms(500));
    let mut rng = Rng::new([5; 32]);
    for _ in 0..1500 {
        let to = rng.below(3) as usize;
        let target = world.session(to).me();
        let honest = lies(&world, liar, to);
        let mut message = honest[rng.below(honest.len() as u64) as usize].clone();
        if let Output::Direct { bytes, .. } | Output::Say { bytes, .. } | Output::Datagram { bytes, .. } =
            &mut message
        {
            for _ in 0..=rng.below(4) {
                let place = rng.below(bytes.len() as u64) as usize;
                bytes[place] = rng.next_u64() as u8;
            }
            bytes.truncate(bytes.len() - rng.below(3) as usize);
        }
        let noise: Vec<u8> = (0..rng.below(90)).map(|_| rng.next_u64() as u8).collect();
        world.net.forge(world.now, liar, message);
        let topic = TOPICS[rng.below(7) as usize];
        world.net.forge(world.now, liar, Output::Datagram { to: Some(target), topic, bytes: noise });
        world.run(ms(2));
    }
    world.run(ms(1000));
    assert!(world.session(host).counts().refused > 100, "{:?}", world.session(host).counts());
    assert_eq!(world.hosts(), [host]);
    world.run(ms(1000));
    assert_eq!(world.violations, [""; 0]);
}

/// Keys of one stranger. The first is the host of a line, as all seven say.
struct Liar {
    keys: Vec<usize>,
    line: u32,
    term: u32,
}

impl Liar {
    /// Seven keys, all linked to the members that are there, or the first alone.
    fn new(world: &mut World, members: usize, are_linked: bool) -> Liar {
        let keys = (0..7).map(|key| {
            for member in (0..members).filter(|_| key > 0 && !are_linked) {
                world.cut(member, members + key, true);
            }
            let added = world.add(10 + key as u8, Can::Watch);
            // From now on only lies come from this program.
            world.act(added, Act::Leave);
            added
        });
        Liar { keys: keys.collect(), line: 1, term: 1 }
    }

    /// A seat in the line, for whoever asks.
    fn welcome(&self, world: &World, to: usize) -> Output {
        let (me, them) = (world.session(self.keys[0]).me(), world.session(to).me());
        let seat = |(slot, endpoint)| Seat {
            slot,
            endpoint,
            name: String::from("m"),
            colour: COLOURS[0],
            ready: true,
            away: false,
            bot: false,
            wins: 0,
        };
        let seats = [(0, me), (1, them)].map(seat).to_vec();
        let (line, term, phase) = (self.line, self.term, Phase::Gathering);
        let lobby = Lobby { line, term, host: me, phase, seats, ..world.session(0).lobby().clone() };
        Output::Direct { to: them, bytes: wire::encode(&Direct::Welcome { lobby, whole: None }) }
    }

    fn run(&self, world: &mut World, times: u32) {
        let host = world.session(self.keys[0]).me().instance.0;
        for _ in 0..times {
            for to in world.alive().into_iter() {
                world.net.forge(world.now, self.keys[0], self.welcome(world, to));
            }
            for (number, key) in self.keys.iter().enumerate() {
                let present = Present {
                    version: VERSION,
                    package: [9; 8],
                    line: self.line,
                    term: self.term,
                    host,
                    role: if number == 0 { Role::Host } else { Role::Player },
                    seats: 7,
                    slot: Some(number as u8),
                    can_host: true,
                    hidden: false,
                };
                world.net.forge(world.now, *key, Output::Present(wire::encode(&present)));
            }
            world.run(ms(200));
        }
    }
}

#[test]
fn seven_keys_of_a_stranger_take_no_match() {
    let mut world = World::new(13, party());
    world.way(20, 5, 0);
    world.gather(3);
    let mut liar = Liar::new(&mut world, 3, true);
    world.run(ms(6000));
    let (host, before) = (world.hosts()[0], world.session(0).lobby().clone());
    let tick = world.session(host).counts().tick;
    liar.run(&mut world, 25);
    (liar.line, liar.term) = (before.line, before.term + 1);
    liar.run(&mut world, 25);
    for which in 0..3 {
        let lobby = world.session(which).lobby();
        assert_eq!((lobby.line, lobby.term, lobby.host), (before.line, before.term, before.host), "m{which}");
        assert!(world.session(which).counts().tick > tick + 500, "m{which}");
    }
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn seven_keys_of_a_stranger_get_no_newcomer() {
    for is_on in [false, true] {
        let mut world = World::new(14, party());
        world.way(20, 5, 0);
        for person in 0..3 {
            world.add(person, Can::Host);
        }
        world.run(ms(6000));
        if is_on {
            world.begin();
        }
        let liar = Liar::new(&mut world, 3, false);
        let newcomer = 3 + liar.keys.len();
        liar.keys[1..].iter().for_each(|key| world.cut(*key, newcomer, true));
        liar.run(&mut world, 5);
        assert_eq!(world.add(3, Can::Host), newcomer);
        liar.run(&mut world, 60);
        let lobby = world.session(0).lobby().clone();
        assert_eq!(lobby.seats.len(), 4, "a match is on: {is_on}");
        assert_eq!(world.session(newcomer).lobby().line, lobby.line);
        assert!(world.session(newcomer).slot().is_some());
        assert_eq!(world.violations, [""; 0]);
    }
}

#[test]
fn answers_of_strangers_delay_no_next_host() {
    let mut world = World::new(15, party());
    world.way(20, 5, 0);
    world.gather(2);
    let liar = world.add(2, Can::Watch);
    world.run(ms(6000));
    let (host, lobby) = (world.hosts()[0], world.session(0).lobby().clone());
    let me = world.session(liar).me();
    world.kill(host, true);
    for _ in 0..10 {
        for named in [me, lobby.host] {
            let hears = Said::Hears { line: lobby.line, term: lobby.term, host: named };
            world.net.forge(world.now, liar, Output::Say { topic: "p", bytes: wire::encode(&hears) });
        }
        world.run(ms(300));
    }
    assert_eq!(world.hosts(), [1 - host]);
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn asks_of_strangers_displace_no_player() {
    let mut world = World::new(16, party());
    world.gather(3);
    let (host, lobby) = (world.hosts()[0], world.session(0).lobby().clone());
    let strangers: Vec<usize> = (0..33).map(|key| world.add(10 + key, Can::Watch)).collect();
    world.run(ms(1000));
    let tell = |world: &mut World| {
        for stranger in &strangers {
            let seats = vec![world.session(*stranger).me().peer];
            let at = At { round: 1, term: 1, tick: 1, version: 1 };
            let ask = Ask { line: 7, term: 1, host: lobby.host, at, can_host: true, hidden: false, seats };
            let bytes = wire::encode(&Said::Ask(ask));
            world.net.forge(world.now, *stranger, Output::Say { topic: "p", bytes });
        }
        world.run(ms(500));
    };
    tell(&mut world);
    world.kill(host, true);
    for _ in 0..6 {
        tell(&mut world);
    }
    let [next] = world.hosts()[..] else { panic!("hosts are {:?}", world.hosts()) };
    assert!(next < 3 && next != host, "m{next}");
    assert_eq!(world.violations, [""; 0]);
}
