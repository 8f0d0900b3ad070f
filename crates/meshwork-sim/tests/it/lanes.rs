//! What programs say to each other on lanes.

use std::time::Duration;

use crate::common::{BLUE, Member, RED, equal, join, refused, room_of};
use crate::overlays;
use meshwork_core::id::Endpoint;
use meshwork_core::lanes::{DATAGRAMS_SENT_MAX, DATAGRAMS_TAKEN_MAX, Datagram, Unreliable};
use meshwork_core::node::{CommandError, Event, LinkState, Refusal};
use meshwork_core::seam::io::Channel;
use meshwork_core::seam::lane::{
    Audience, DATAGRAM_PAYLOAD_MAX, DATAGRAM_TO_ALL_MAX, DirectEnd, DirectToken, PRESENCE_MAX, Slot, Topic,
};
use meshwork_core::wire::Bytes;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

const GAME: Slot = Slot::GENESIS;

fn topic(text: &str) -> Topic {
    Topic::new(text).expect("short")
}

fn endpoint(world: &World, (index, _): Member) -> Endpoint {
    world.node(index).endpoint()
}

fn send(
    world: &mut World,
    (index, room): Member,
    to: Audience,
    about: &str,
    bytes: &[u8],
) -> Result<(), CommandError> {
    let about = topic(about);
    world.command(index, |node, now| node.room_mut(now, room).send_datagram(to, GAME, &about, bytes))
}

/// What a program heard in datagrams since this was last asked, with the topics.
fn heard(world: &mut World, (index, _): Member) -> Vec<(String, Vec<u8>)> {
    let events: Vec<Event> = world.program(index).events.drain(..).collect();
    let datagrams = events.into_iter().filter_map(|event| match event {
        Event::Datagram { topic, bytes, .. } => Some((topic.to_string(), bytes)),
        _ => None,
    });
    datagrams.collect()
}

#[test]
fn datagrams_reach_those_they_are_for() {
    let (mut world, members) = room_of(3, PathModel::LOCAL);
    let second = endpoint(&world, members[1]);
    send(&mut world, members[0], Audience::All, "ball", &[1]).expect("a room");
    send(&mut world, members[0], Audience::One(second), "input", &[2; DATAGRAM_PAYLOAD_MAX]).expect("linked");
    world.run_for(Duration::from_secs(1));
    let ball = (String::from("ball"), vec![1]);
    let input = (String::from("input"), vec![2; DATAGRAM_PAYLOAD_MAX]);
    let mut both = heard(&mut world, members[1]);
    both.sort();
    assert!(both == [ball.clone(), input], "{} arrived", both.len());
    assert_eq!(heard(&mut world, members[2]), [ball]);
    assert_eq!(heard(&mut world, members[0]), []);

    let long = send(&mut world, members[0], Audience::One(second), "", &[0; DATAGRAM_PAYLOAD_MAX + 1]);
    assert_eq!(long, Err(CommandError::DatagramTooLong(DATAGRAM_PAYLOAD_MAX + 1)));
    world.quit(members[1].0);
    world.run_for(Duration::from_secs(1));
    let gone = send(&mut world, members[0], Audience::One(second), "input", &[]);
    assert_eq!(gone, Err(CommandError::NotLinked(second)));
}

#[test]
fn datagrams_to_all_go_beyond_neighbours() {
    for overlay in ["emergent", "tree", "k-gossip/3"] {
        let (mut world, members) = overlays::settled(11, overlay, 40);
        let me = endpoint(&world, members[0]);
        let neighbours = |world: &World| {
            let is_neighbour = |&(index, room): &Member| {
                let peers = world.node(index).room(room).peers();
                peers.iter().any(|peer| peer.endpoint == me && peer.attached)
            };
            members[1..].iter().map(is_neighbour).collect::<Vec<bool>>()
        };
        let before = neighbours(&world);
        for step in 0..120u8 {
            send(&mut world, members[0], Audience::All, "state", &[step]).expect("a room");
            world.run_for(Duration::from_micros(16_667));
        }
        world.run_for(Duration::from_secs(1));
        let (mut near, mut far) = (0, 0);
        let after = neighbours(&world);
        for (&member, always) in members[1..].iter().zip(before.into_iter().zip(after)) {
            let steps: Vec<u8> = heard(&mut world, member).into_iter().map(|(_, bytes)| bytes[0]).collect();
            assert!(steps.is_sorted_by(|one, next| one < next), "each once, and none late: {steps:?}");
            assert!(steps.last().is_some_and(|last| *last >= 110), "{steps:?}");
            let (count, expected) = match always {
                (true, true) => (&mut near, 100..=120),
                (false, false) => (&mut far, 12..=21),
                _ => continue,
            };
            *count += 1;
            assert!(expected.contains(&steps.len()), "{} of 120 in a room of {overlay}", steps.len());
        }
        assert!(near > 2 && far > 2, "{near} neighbours and {far} others in a room of {overlay}");
    }
    let (mut world, members) = room_of(2, PathModel::LOCAL);
    let most = DATAGRAM_TO_ALL_MAX;
    send(&mut world, members[0], Audience::All, &"t".repeat(64), &vec![0; most]).expect("the most");
    let long = send(&mut world, members[0], Audience::All, "", &vec![0; most + 1]);
    assert_eq!(long, Err(CommandError::DatagramTooLong(most + 1)), "however few are there");
}

#[test]
fn of_a_stream_the_newest_counts() {
    let (mut world, members) = room_of(2, PathModel::WAN);
    for step in 0..120u8 {
        send(&mut world, members[0], Audience::All, "state", &[step]).expect("a room");
        world.run_for(Duration::from_millis(16));
    }
    world.run_for(Duration::from_secs(1));
    let steps: Vec<u8> = heard(&mut world, members[1]).into_iter().map(|(_, bytes)| bytes[0]).collect();
    assert!(steps.is_sorted(), "what comes late is passed over: {steps:?}");
    assert!((80..=120).contains(&steps.len()), "{} of 120", steps.len());
}

#[test]
fn datagrams_and_strokes_leave_each_other_room() {
    let thin = PathModel { bytes_per_second: 100_000, ..PathModel::LOCAL };
    let run = |plays: bool| {
        let (mut world, members) = room_of(2, thin);
        let (index, room) = members[0];
        let begun = world.now();
        for stroke in 0..1500u16 {
            let cells: Vec<_> = (0..50).map(|x| (x, stroke % 100, [RED, BLUE][usize::from(x) % 2])).collect();
            world.paint(index, room, &cells);
        }
        let mut steps = 0usize;
        while !equal(&members)(&world) {
            steps += 1;
            if plays {
                send(&mut world, members[0], Audience::All, "state", &[0; 32]).expect("a room");
            }
            world.run_for(Duration::from_millis(16));
        }
        (world.now().since(begun), steps, heard(&mut world, members[1]).len())
    };
    let (alone, _, _) = run(false);
    let (with, steps, heard) = run(true);
    assert!(alone > Duration::from_millis(500), "it takes a while: {alone:?}");
    // A frame takes ten steps on this line.
    assert!(heard * 12 > steps, "{heard} of {steps} were heard while strokes waited");
    assert!(with < alone + alone / 10, "{with:?} instead of {alone:?}");
}

#[test]
fn who_is_banned_is_neither_heard_nor_shown() {
    let (mut world, members) = room_of(2, PathModel::LOCAL);
    let [(owner, room), (index, theirs)] = [members[0], members[1]];
    let them = endpoint(&world, members[1]);
    let speak = |world: &mut World, state: u8| {
        world
            .command(index, |node, now| node.room_mut(now, theirs).set_presence(GAME, Some(&[state])))
            .expect("a room");
        send(world, members[1], Audience::All, "ball", &[state]).expect("a room");
        world.run_for(Duration::from_secs(1));
        let heard = world.program(owner).events.drain(..).filter_map(|event| match event {
            Event::Presence { state, .. } => Some(state),
            Event::Datagram { bytes, .. } => Some(Some(bytes)),
            _ => None,
        });
        heard.collect::<Vec<_>>()
    };
    assert_eq!(speak(&mut world, 1), [Some(vec![1]), Some(vec![1])]);
    world.command(owner, |node, now| node.room_mut(now, room).ban(them.peer)).expect("its own room");
    assert_eq!(speak(&mut world, 2), [None], "what was shown goes, and nothing comes");
    world.command(owner, |node, now| node.room_mut(now, room).unban(them.peer)).expect("its own room");
    let lifted = [Some(vec![2]), Some(vec![3]), Some(vec![3])];
    assert_eq!(speak(&mut world, 3), lifted, "first what it said of itself meanwhile");
}

#[test]
fn floods_of_datagrams_are_bounded() {
    let (mut world, members) = room_of(2, PathModel::LOCAL);
    for number in 0..1000u32 {
        let about = format!("{number}");
        send(&mut world, members[0], Audience::All, &about, &[]).expect("a room");
        world.run_for(Duration::from_micros(500));
    }
    world.run_for(Duration::from_millis(200));
    assert_eq!(heard(&mut world, members[1]).len(), DATAGRAMS_SENT_MAX as usize);
    assert!(!refused(&world, members[1].0, Refusal::Datagram), "an honest program is not refused");

    world.run_for(Duration::from_secs(2));
    let (liar, honest) = (members[1], members[0]);
    let link = world.connections.of(liar.0)[0];
    for sequence in 1..=1000 {
        let (topic, bytes) = (topic("state"), Bytes::default());
        let said = Datagram { room: liar.1.0, slot: GAME, topic, sequence, bytes };
        world.inject(liar.0, link, Channel::Unreliable, Unreliable::Datagram(said).encode().0);
    }
    world.run_for(Duration::from_millis(500));
    assert!(refused(&world, honest.0, Refusal::Datagram));
    assert!((1..=DATAGRAMS_TAKEN_MAX as usize).contains(&heard(&mut world, honest).len()));
    let peers = world.node(honest.0).room(honest.1).peers();
    assert_eq!(peers[0].state, LinkState::Direct, "a flood ends no link: a network may have held some back");
}

/// What a program heard of others since this was last asked: who, in which app, how much.
fn presences(world: &mut World, (index, _): Member) -> Vec<(Endpoint, u8, Option<usize>)> {
    let events: Vec<Event> = world.program(index).events.drain(..).collect();
    let told = events.into_iter().filter_map(|event| match event {
        Event::Presence { endpoint, slot, state, .. } => {
            Some((endpoint, slot.number(), state.map(|state| state.len())))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn presence_survives_loss_and_ends_with_its_endpoint() {
    let (mut world, mut members) = room_of(2, PathModel { loss_per_mille: 400, ..PathModel::WAN });
    let (index, room) = members[0];
    let me = endpoint(&world, members[0]);
    let chat = Slot::new(1).expect("there is one");
    let say = |world: &mut World, slot, state: Option<&[u8]>| {
        world.command(index, |node, now| node.room_mut(now, room).set_presence(slot, state))
    };
    say(&mut world, GAME, Some(&[1; 9])).expect("a room");
    say(&mut world, chat, Some(&[2; PRESENCE_MAX])).expect("as much as may be said");
    let long = say(&mut world, chat, Some(&[2; PRESENCE_MAX + 1]));
    assert_eq!(long, Err(CommandError::PresenceTooLong(PRESENCE_MAX + 1)));
    world.run_for(Duration::from_secs(20));
    let mut told = presences(&mut world, members[1]);
    told.sort();
    assert_eq!(told, [(me, 0, Some(9)), (me, 1, Some(PRESENCE_MAX))], "each once");

    let newcomer = join(&mut world, &mut members, 9);
    world.run_for(Duration::from_secs(20));
    let mut told = presences(&mut world, newcomer);
    told.sort();
    assert_eq!(told, [(me, 0, Some(9)), (me, 1, Some(PRESENCE_MAX))]);

    say(&mut world, chat, None).expect("a room");
    world.run_for(Duration::from_secs(20));
    assert_eq!(presences(&mut world, newcomer), [(me, 1, None)]);
    world.quit(index);
    world.run_for(Duration::from_secs(20));
    assert_eq!(presences(&mut world, newcomer), [(me, 0, None)]);
}

#[test]
fn presence_reaches_everybody() {
    let (mut world, mut members) = overlays::settled(12, "emergent", 40);
    let (index, room) = members[0];
    let me = endpoint(&world, members[0]);
    let set = |world: &mut World, state: &[u8]| {
        world
            .command(index, |node, now| node.room_mut(now, room).set_presence(GAME, Some(state)))
            .expect("a room");
        world.run_for(Duration::from_secs(3));
    };
    let shown = |world: &mut World, member: Member| {
        let told = presences(world, member);
        told.into_iter().rev().find(|(endpoint, ..)| *endpoint == me).map(|(_, _, bytes)| bytes)
    };
    set(&mut world, &[1]);
    for &member in &members[1..] {
        assert_eq!(shown(&mut world, member), Some(Some(1)));
    }
    set(&mut world, &[2; 500]);
    for &member in &members[1..] {
        assert_eq!(shown(&mut world, member), Some(Some(500)));
    }
    let newcomer = join(&mut world, &mut members, 99);
    world.run_for(Duration::from_secs(10));
    assert_eq!(shown(&mut world, newcomer), Some(Some(500)), "who comes is handed it");

    // It stays while it is there, though it says nothing else, and goes with it.
    world.run_for(Duration::from_secs(200));
    for &member in &members[1..] {
        let (ended, again): (Vec<_>, Vec<_>) =
            presences(&mut world, member).into_iter().partition(|(_, _, bytes)| bytes.is_none());
        // Who becomes a neighbour says so itself, and others say it when it is one no more.
        assert!(again.len() <= 2 * ended.len() + 1, "nobody is told the same each minute: {again:?}");
        assert!(again.iter().all(|(_, _, bytes)| *bytes == Some(500)));
    }
    world.command(index, |node, now| node.leave_room(now, room));
    world.run_for(Duration::from_secs(20));
    for &member in &members[1..] {
        assert_eq!(shown(&mut world, member), Some(None));
    }
    // Who crashes says nothing any more.
    let (index, theirs) = members[1];
    let them = endpoint(&world, members[1]);
    world
        .command(index, |node, now| node.room_mut(now, theirs).set_presence(GAME, Some(&[7])))
        .expect("a room");
    world.run_for(Duration::from_secs(5));
    world.crash(index);
    world.run_for(Duration::from_secs(250));
    for &member in &members[2..] {
        let told = presences(&mut world, member);
        let last = told.into_iter().rev().find(|(endpoint, ..)| *endpoint == them);
        assert_eq!(last.map(|(_, _, bytes)| bytes), Some(None));
    }
}

fn say(
    world: &mut World,
    (index, room): Member,
    to: Endpoint,
    about: &str,
    bytes: &[u8],
) -> Result<DirectToken, CommandError> {
    let about = topic(about);
    world.command(index, |node, now| node.room_mut(now, room).send_direct(to, GAME, &about, bytes))
}

/// What a program was told of direct messages since this was last asked: what it heard, and how its own ended.
type Told = (Vec<(Endpoint, String, Vec<u8>)>, Vec<(DirectToken, usize, DirectEnd)>);

fn told(world: &mut World, (index, room): Member) -> Told {
    let (mut heard, mut ended) = (Vec::new(), Vec::new());
    for event in world.program(index).events.drain(..) {
        match event {
            Event::Direct { room: whose, from, slot, topic, bytes } => {
                assert_eq!((whose, slot), (room, GAME));
                heard.push((from, topic.to_string(), bytes));
            }
            Event::DirectEnded { room: whose, through, messages, end, .. } => {
                assert_eq!(whose, room);
                ended.push((through, messages, end));
            }
            _ => {}
        }
    }
    (heard, ended)
}

#[test]
fn direct_messages_have_a_topic_and_an_end() {
    let (mut world, members) = room_of(2, PathModel::WAN);
    let ends = [0, 1].map(|number: usize| endpoint(&world, members[number]));
    say(&mut world, members[0], ends[1], "move", b"e2e4").expect("linked");
    let last = say(&mut world, members[0], ends[1], "clock", &[]).expect("linked");
    world.run_for(Duration::from_secs(1));
    let (heard, _) = told(&mut world, members[1]);
    let both =
        [("move", &b"e2e4"[..]), ("clock", &[])].map(|(topic, bytes)| (ends[0], topic.into(), bytes.into()));
    assert_eq!(heard, both);
    let (_, ended) = told(&mut world, members[0]);
    assert_eq!(ended.iter().map(|(_, messages, _)| messages).sum::<usize>(), 2);
    assert_eq!(ended.last().map(|&(through, _, end)| (through, end)), Some((last, DirectEnd::Taken)));

    let nobody = Endpoint { peer: ends[0].peer, ..ends[1] };
    assert_eq!(say(&mut world, members[0], nobody, "move", &[]), Err(CommandError::NotLinked(nobody)));
}

#[test]
fn direct_message_to_a_leaver_ends_at_once() {
    let (mut world, members) = room_of(2, PathModel::WAN);
    let them = endpoint(&world, members[1]);
    let (index, room) = members[1];
    world.command(index, |node, now| node.leave_room(now, room));
    let token = say(&mut world, members[0], them, "move", &[1]).expect("it is not known here yet");
    world.run_for(Duration::from_secs(1));
    let (_, ended) = told(&mut world, members[0]);
    assert!(matches!(ended[..], [(through, 1, DirectEnd::Unknown)] if through == token), "{ended:?}");
}

#[test]
fn direct_message_waits_ten_seconds_for_a_link() {
    let (mut world, mut members) = room_of(2, PathModel::LOCAL);
    let (first, second) = (members[0], endpoint(&world, members[1]));
    world.crash(members[1].0);
    // Its session is over, and it is not forgotten yet.
    world.run_for(Duration::from_secs(63));
    told(&mut world, first);
    let token = say(&mut world, first, second, "move", &[1]).expect("it is known");
    world.run_for(Duration::from_millis(9500));
    assert_eq!(told(&mut world, first).1, []);
    world.run_for(Duration::from_secs(1));
    assert_eq!(told(&mut world, first).1, [(token, 1, DirectEnd::NotSent)]);
    // Who comes is known before it is linked.
    members.truncate(1);
    let newcomer = join(&mut world, &mut members, 9);
    let them = endpoint(&world, newcomer);
    let knows = |world: &World| {
        let peers = world.node(first.0).room(first.1).peers();
        peers.iter().any(|peer| peer.endpoint == them)
    };
    assert!(world.run_while(Duration::from_secs(20), knows));
    say(&mut world, first, them, "hello", &[7]).expect("it is known");
    world.run_for(Duration::from_secs(10));
    let me = endpoint(&world, first);
    assert_eq!(told(&mut world, newcomer).0, [(me, String::from("hello"), vec![7])]);
    assert_eq!(told(&mut world, first).1.last().map(|ended| ended.2), Some(DirectEnd::Taken));
}
