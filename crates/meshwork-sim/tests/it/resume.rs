//! Cuts of all lengths between real nodes on a virtual network: what outlives a link, and what is told as lost.

use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Config, Event, LinkState, PeerView};
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::lane::{DIRECT_MAX, DirectEnd, Slot, Topic};
use meshwork_core::time::Time;
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_sim::check::direct::DirectLedger;
use meshwork_sim::check::{self, Violation};
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::world::World;

const SIZE: CanvasSize = CanvasSize { width: 64, height: 64 };
const RED: Colour = Colour::rgb(255, 0, 0);
/// Within this time of the path's return data must flow.
const BACK_WITHIN: Duration = Duration::from_secs(3);

/// Two or more people who paint and talk to each other all the time.
struct People {
    world: World,
    members: Vec<(NodeIndex, RoomHandle)>,
    ledger: DirectLedger,
    events: Vec<(NodeIndex, Time, Event)>,
    strokes: u16,
}

impl People {
    fn meet(count: u64, path: PathModel, config: impl Fn(u64) -> Config) -> People {
        let mut world = World::new(11, path);
        let first = world.start(config(1), 1, 0);
        let room = world.create_room(first, SIZE, true);
        let known = |world: &World| world.node(first).room(room).address().is_some();
        assert!(world.run_while(Duration::from_secs(5), known));
        let address = world.node(first).room(room).address().expect("it is registered");
        let mut members = vec![(first, room)];
        for person in 2..=count {
            let index = world.start(config(person), person, 0);
            members.push((index, world.join_room(index, address.clone())));
        }
        let whole = |world: &World| check::whole_mesh(world, &members).is_ok();
        assert!(world.run_while(Duration::from_secs(20), whole));
        let ledger = DirectLedger::default();
        People { world, members, ledger, events: vec![], strokes: 0 }
    }

    fn endpoint(&self, member: usize) -> Endpoint {
        self.world.node(self.members[member].0).endpoint()
    }

    /// How one member sees another.
    fn view(&self, member: usize, other: usize) -> PeerView {
        let (index, room) = self.members[member];
        let endpoint = self.endpoint(other);
        let peers = self.world.node(index).room(room).peers();
        peers.into_iter().find(|peer| peer.endpoint == endpoint).expect("they know each other")
    }

    /// One member says the next thing to another.
    fn say(&mut self, member: usize, other: usize) -> bool {
        let (from, to) = (self.endpoint(member), self.endpoint(other));
        let content = self.ledger.next(from, to);
        let (index, room) = self.members[member];
        let taken = self.world.send_direct(index, room, to, &content).is_some();
        if taken {
            self.ledger.sent(from, to);
        }
        taken
    }

    /// Everybody paints a cell and says something to everybody, every 100 ms.
    fn chat_for(&mut self, interval: Duration) -> Result<(), Violation> {
        let until = self.world.now() + interval;
        while self.world.now() < until {
            for member in 0..self.members.len() {
                let (index, room) = self.members[member];
                let cell = (self.strokes % 64, self.strokes / 64 % 64, RED);
                self.strokes += 1;
                assert!(self.world.paint(index, room, &[cell]).is_some(), "painting is never refused");
                for other in (0..self.members.len()).filter(|other| *other != member) {
                    self.say(member, other);
                }
            }
            self.rest_for(Duration::from_millis(100))?;
        }
        Ok(())
    }

    fn rest_for(&mut self, interval: Duration) -> Result<(), Violation> {
        self.world.run_for(interval);
        self.hear()
    }

    fn hear(&mut self) -> Result<(), Violation> {
        check::bounded_memory(&self.world)?;
        let indices: Vec<NodeIndex> = self.world.programs().map(|(index, _)| index).collect();
        for index in indices {
            let me = self.world.node(index).endpoint();
            while let Some(event) = self.world.program(index).events.pop_front() {
                self.ledger.hear(me, &event)?;
                self.events.push((index, self.world.now(), event));
            }
        }
        Ok(())
    }

    fn cut(&mut self) {
        let (one, other) = (self.members[0].0, self.members[1].0);
        self.world.cut(&[one], &[other]);
    }

    /// How long it takes until something said from now on by each of the first two is heard by the other.
    fn time_until_heard(&mut self, limit: Duration) -> Result<Option<Duration>, Violation> {
        let began = self.world.now();
        let (one, other) = (self.endpoint(0), self.endpoint(1));
        let (there, back) = (self.ledger.counts(one, other).0, self.ledger.counts(other, one).0);
        while self.world.now().since(began) < limit {
            if self.ledger.last_heard(one, other) > there && self.ledger.last_heard(other, one) > back {
                return Ok(Some(self.world.now().since(began)));
            }
            self.say(0, 1);
            self.say(1, 0);
            self.rest_for(Duration::from_millis(20))?;
        }
        Ok(None)
    }

    fn is_equal(&self) -> bool {
        check::equal_replicas(&self.world, &self.members).is_ok()
    }

    fn lost(&self) -> Vec<(NodeIndex, usize)> {
        let lost = |(index, _, event): &(NodeIndex, Time, Event)| match event {
            Event::DirectEnded { messages, end, .. } if *end != DirectEnd::Taken => Some((*index, *messages)),
            _ => None,
        };
        self.events.iter().filter_map(lost).collect()
    }
}

/// A cut of this length between two people who go on painting and talking.
pub(crate) fn live_through(
    cut: Duration,
    path: PathModel,
    planted: Option<PlantedBug>,
) -> Result<(), Violation> {
    let mut people = People::meet(2, path, |_| Config { planted, ..Config::default() });
    people.chat_for(Duration::from_secs(2))?;
    let before = people.view(0, 1);
    people.cut();
    people.chat_for(cut)?;
    people.world.heal();
    let back = people.time_until_heard(Duration::from_secs(20))?;
    people.chat_for(Duration::from_secs(2))?;
    people.rest_for(Duration::from_secs(5))?;
    let violation = |detail: String| Err(Violation { checker: "resumed-in-time", detail });
    if back.is_none_or(|back| back > BACK_WITHIN) {
        return violation(format!("data flowed {back:?} after a cut of {cut:?}"));
    }
    people.ledger.nothing_is_lost_in_silence()?;
    check::equal_replicas(&people.world, &people.members)?;
    for (member, other) in [(0, 1), (1, 0)] {
        let view = people.view(member, other);
        if view.session != before.session || !view.attached || view.unacknowledged > 0 {
            return violation(format!("after {cut:?}: {view:?}, and before {before:?}"));
        }
    }
    if !people.lost().is_empty() || !people.ledger.all_heard() {
        return violation(format!("a cut of {cut:?} lost {:?}", people.lost()));
    }
    Ok(())
}

#[test]
fn cuts_within_a_minute_lose_and_double_nothing() {
    for seconds in [20, 50] {
        for path in [PathModel::LOCAL, PathModel::WAN, PathModel::MOBILE] {
            assert_eq!(live_through(Duration::from_secs(seconds), path, None), Ok(()), "{path:?}");
        }
    }
}

/// Whenever the path comes back, an attempt is under way that finds it.
#[test]
fn data_flows_within_three_seconds_of_path_return() {
    for tenths in (5..580).step_by(23) {
        let cut = Duration::from_millis(tenths * 100);
        assert_eq!(live_through(cut, PathModel::WAN, None), Ok(()));
    }
}

#[test]
fn loss_in_a_70_second_cut_is_told() -> Result<(), Violation> {
    let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
    people.chat_for(Duration::from_secs(2))?;
    people.rest_for(Duration::from_secs(1))?;
    let before = people.view(0, 1).session;
    people.cut();
    for _ in 0..7 {
        people.say(0, 1);
    }
    people.rest_for(Duration::from_secs(58))?;
    assert_eq!(people.lost(), [], "a minute is not over");
    people.rest_for(Duration::from_secs(3))?;
    let (silent, loud) = (people.members[1].0, people.members[0].0);
    assert_eq!(people.lost(), [(loud, 7)], "{silent} had said nothing");
    assert!(people.say(0, 1), "a link may be found");
    people.rest_for(Duration::from_secs(9))?;
    assert_eq!(people.lost(), [(loud, 7)]);
    people.rest_for(Duration::from_secs(2))?;
    assert_eq!(people.lost(), [(loud, 7), (loud, 1)], "none was");
    people.world.heal();
    people.rest_for(Duration::from_secs(20))?;
    assert_ne!(people.view(0, 1).session, before, "what comes then is a new session");
    people.chat_for(Duration::from_secs(2))?;
    people.rest_for(Duration::from_secs(2))?;
    assert!(people.is_equal(), "canvases heal all the same");
    people.ledger.nothing_is_lost_in_silence()
}

#[test]
fn short_silence_ends_without_a_new_link() -> Result<(), Violation> {
    let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
    people.chat_for(Duration::from_secs(1))?;
    people.cut();
    people.chat_for(Duration::from_millis(4500))?;
    assert_eq!(people.view(0, 1).state, LinkState::Stale);
    people.world.heal();
    people.chat_for(Duration::from_secs(10))?;
    assert_eq!((people.view(0, 1).state, people.view(0, 1).epoch), (LinkState::Direct, 1));
    let attempts = people.members.iter().map(|(index, _)| people.world.node(*index).usage().attempts);
    assert_eq!(attempts.sum::<usize>(), 0);
    Ok(())
}

/// Both ends notice the silence at the same moment, and still make one link, whether another one or the old one is first
/// when the path is back.
#[test]
fn both_ends_reconnecting_make_one_link_without_leaving() -> Result<(), Violation> {
    let mut resumed = 0;
    for quarters in 26..38 {
        resumed += usize::from(is_one_link_after(Duration::from_millis(quarters * 250))?);
    }
    assert!((1..12).contains(&resumed), "{resumed} of 12 were resumed");
    Ok(())
}

/// Cuts two people off from each other for so long. Returns whether another link resumed their session.
fn is_one_link_after(cut: Duration) -> Result<bool, Violation> {
    let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
    people.rest_for(Duration::from_secs(2))?;
    people.cut();
    people.rest_for(cut)?;
    people.events.clear();
    people.world.heal();
    people.rest_for(Duration::from_secs(30))?;
    for member in 0..2 {
        let usage = people.world.node(people.members[member].0).usage();
        assert_eq!((usage.links, usage.attempts), (1, 0), "{usage:?}");
    }
    assert_eq!(people.view(0, 1).epoch, people.view(1, 0).epoch, "and it is the same");
    let flaps = |event: &Event| matches!(event, Event::MemberAttached { .. } | Event::MemberDetached { .. });
    assert!(!people.events.iter().any(|(_, _, event)| flaps(event)), "{:?}", people.events);
    let states: Vec<_> = people.events.iter().filter_map(|(_, _, event)| link_state(event)).collect();
    assert!(states.iter().all(|(state, _)| *state == LinkState::Direct), "{states:?}");
    Ok(states.iter().any(|(_, why)| why.as_deref().is_some_and(|why| why.starts_with("resumed"))))
}

fn link_state(event: &Event) -> Option<(LinkState, Option<String>)> {
    match event {
        Event::Link { state, reason, .. } => Some((*state, reason.clone())),
        _ => None,
    }
}

#[test]
fn a_cut_pair_does_not_disturb_the_others() -> Result<(), Violation> {
    let mut people = People::meet(4, PathModel::WAN, |_| Config::default());
    people.chat_for(Duration::from_secs(1))?;
    people.cut();
    people.chat_for(Duration::from_secs(20))?;
    for (member, other) in [(0, 2), (2, 1), (3, 0), (2, 3)] {
        let (sent, heard, _) = people.ledger.counts(people.endpoint(member), people.endpoint(other));
        assert!(sent - heard < 5, "{member} to {other}: {heard} of {sent}");
        assert_eq!(people.view(member, other).epoch, 1);
    }
    people.world.heal();
    people.chat_for(Duration::from_secs(5))?;
    people.rest_for(Duration::from_secs(3))?;
    assert!(people.ledger.all_heard() && people.is_equal());
    people.ledger.nothing_is_lost_in_silence()
}

#[test]
fn reload_starts_new_session_and_reports_lost_messages() -> Result<(), Violation> {
    let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
    people.chat_for(Duration::from_secs(1))?;
    people.rest_for(Duration::from_secs(1))?;
    let before = people.view(0, 1).session;
    let address = people.world.node(people.members[0].0).room(people.members[0].1).address().expect("a room");
    people.cut();
    people.say(0, 1);
    people.world.crash(people.members[1].0);
    people.world.heal();
    let index = people.world.start(Config::default(), 2, 0);
    people.members[1] = (index, people.world.join_room(index, address));
    people.rest_for(Duration::from_secs(5))?;
    assert_ne!(people.view(0, 1).session, before);
    people.chat_for(Duration::from_secs(1))?;
    people.rest_for(Duration::from_secs(60))?;
    assert_eq!(people.lost(), [(people.members[0].0, 1)]);
    people.ledger.nothing_is_lost_in_silence()
}

/// One end keeps sessions for 12 s, the other for a minute: after 20 s one of them has forgotten.
#[test]
fn forgetful_end_makes_the_other_tell_its_loss() -> Result<(), Violation> {
    for forgetful in [1, 2] {
        let within = |person| if person == forgetful { 12 } else { 60 };
        let config =
            |person| Config { resume_within: Duration::from_secs(within(person)), ..Config::default() };
        let mut people = People::meet(2, PathModel::WAN, config);
        people.chat_for(Duration::from_secs(1))?;
        people.rest_for(Duration::from_secs(1))?;
        people.cut();
        people.say(0, 1);
        people.say(1, 0);
        people.rest_for(Duration::from_secs(20))?;
        people.world.heal();
        people.rest_for(Duration::from_secs(30))?;
        assert_eq!(people.lost().len(), 2, "both had something on its way: {:?}", people.lost());
        people.chat_for(Duration::from_secs(2))?;
        people.rest_for(Duration::from_secs(2))?;
        let (sent, heard, lost) = people.ledger.counts(people.endpoint(0), people.endpoint(1));
        assert_eq!((sent - heard, lost), (1, 1), "and everything after it arrives");
        people.ledger.nothing_is_lost_in_silence()?;
    }
    Ok(())
}

#[test]
fn a_changed_network_is_noticed_within_two_seconds() -> Result<(), Violation> {
    let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
    people.chat_for(Duration::from_secs(1))?;
    // The links still work: nothing is made anew.
    people.world.change_network(people.members[0].0);
    people.chat_for(Duration::from_secs(3))?;
    assert_eq!(people.view(0, 1).epoch, 1);
    // The old path is dead, and the driver says that the network changed.
    people.cut();
    people.chat_for(Duration::from_millis(100))?;
    people.world.change_network(people.members[0].0);
    people.world.change_network(people.members[1].0);
    people.rest_for(Duration::from_secs(2))?;
    let attempts = people.members.iter().map(|(index, _)| people.world.node(*index).usage().attempts);
    assert!(attempts.min() >= Some(1), "both are on their way to another link");
    people.world.heal();
    people.chat_for(Duration::from_secs(1))?;
    people.rest_for(Duration::from_secs(2))?;
    assert!(people.ledger.all_heard());
    people.ledger.nothing_is_lost_in_silence()
}

#[test]
fn direct_messages_kept_for_one_endpoint_are_bounded() -> Result<(), Violation> {
    use meshwork_core::links::direct::RETAINED_MAX;
    use meshwork_core::node::CommandError;
    let mut people = People::meet(3, PathModel::WAN, |_| Config::default());
    people.cut();
    let ((index, room), to) = (people.members[0], people.endpoint(1));
    let long = vec![0; DIRECT_MAX];
    let taken = (0..100).take_while(|_| people.world.send_direct(index, room, to, &long).is_some()).count();
    assert_eq!(taken, RETAINED_MAX / (DIRECT_MAX + 64));
    let now = people.world.now();
    let mut send = |bytes: &[u8]| {
        let room = &mut people.world.program(index).node.room_mut(now, room);
        room.send_direct(to, Slot::GENESIS, &Topic::default(), bytes)
    };
    let refused = send(&long).expect_err("it is full");
    assert!(matches!(refused, CommandError::Backpressure(bytes) if bytes > RETAINED_MAX - 2 * DIRECT_MAX));
    assert!(refused.to_string().contains("cannot keep up"), "{refused}");
    let too_long = send(&[0; DIRECT_MAX + 1]);
    assert_eq!(too_long, Err(CommandError::TooLong(DIRECT_MAX + 1)));
    // The third hears at once all the same.
    people.say(0, 2);
    people.rest_for(Duration::from_secs(1))?;
    assert_eq!(people.ledger.counts(people.endpoint(0), people.endpoint(2)), (1, 1, 0));
    Ok(())
}

/// Nothing of one end arrives at the other, which still hears it: the end that hears nothing moves the other.
#[test]
fn deaf_end_resumes_a_path_cut_one_way() -> Result<(), Violation> {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
        people.chat_for(Duration::from_secs(1))?;
        let before = people.view(0, 1).session;
        let (deaf, mute) = (people.members[to].0, people.members[from].0);
        people.world.connections.cut_one_way(mute, deaf);
        people.chat_for(Duration::from_secs(20))?;
        people.world.heal();
        let back = people.time_until_heard(Duration::from_secs(20))?;
        assert!(back.is_some_and(|back| back <= BACK_WITHIN), "data flowed {back:?} after the cut");
        people.chat_for(Duration::from_secs(2))?;
        people.rest_for(Duration::from_secs(5))?;
        assert_eq!(people.view(0, 1).session, before);
        assert_eq!(people.lost(), []);
        assert!(people.ledger.all_heard() && people.is_equal());
    }
    Ok(())
}

/// A laptop is closed for half a minute; its program finds that time has passed.
#[test]
fn sleeping_half_a_minute_keeps_the_same_session() -> Result<(), Violation> {
    for sleeper in 0..2 {
        let mut people = People::meet(3, PathModel::WAN, |_| Config::default());
        people.chat_for(Duration::from_secs(1))?;
        let before = people.view(sleeper, 1 - sleeper).session;
        people.world.sleep(people.members[sleeper].0);
        for _ in 0..30 {
            people.say(1 - sleeper, sleeper);
            people.rest_for(Duration::from_secs(1))?;
        }
        people.world.wake(people.members[sleeper].0);
        people.world.change_network(people.members[sleeper].0);
        let back = people.time_until_heard(Duration::from_secs(20))?;
        assert!(back.is_some_and(|back| back <= BACK_WITHIN), "data flowed {back:?} after it woke");
        people.chat_for(Duration::from_secs(2))?;
        people.rest_for(Duration::from_secs(5))?;
        assert_eq!(people.view(sleeper, 1 - sleeper).session, before);
        assert_eq!(people.lost(), []);
        assert!(people.ledger.all_heard() && people.is_equal());
    }
    Ok(())
}

/// The connection itself fails: nobody waits for silence.
#[test]
fn a_failed_connection_is_resumed_at_once() -> Result<(), Violation> {
    let mut people = People::meet(2, PathModel::WAN, |_| Config::default());
    people.chat_for(Duration::from_secs(1))?;
    let before = people.view(0, 1);
    people.world.fail_connection(people.members[0].0, people.members[1].0);
    let back = people.time_until_heard(Duration::from_secs(20))?;
    assert!(back.is_some_and(|back| back < Duration::from_secs(2)), "data flowed {back:?} later");
    people.rest_for(Duration::from_secs(2))?;
    let after = people.view(0, 1);
    assert_eq!((after.session, after.epoch), (before.session, before.epoch + 1));
    people.ledger.nothing_is_lost_in_silence()
}

/// Somebody paints as fast as a program can: it is told to wait, and everything is applied and acknowledged.
#[test]
fn flooding_painter_is_slowed_and_fully_acknowledged() {
    let mut people =
        People::meet(2, PathModel::WAN, |person| Config { stays: person == 1, ..Config::default() });
    let (painter, room) = people.members[1];
    let (mut waits, mut last) = (0, 0);
    for stroke in 0..12_000u32 {
        let cell = ((stroke % 64) as u16, (stroke / 64 % 64) as u16, Colour::rgb((stroke >> 12) as u8, 1, 1));
        loop {
            match people.world.command(painter, |node, now| node.paint(now, room, &[cell])) {
                Ok(receipt) => break last = *receipt.sequences.end(),
                Err(error) => {
                    assert!(error.to_string().contains("cannot keep up"), "{error}");
                    waits += 1;
                    people.world.run_for(Duration::from_millis(20));
                }
            }
        }
    }
    assert!(waits > 0, "nobody takes 12,000 strokes at once");
    people.world.run_for(Duration::from_secs(20));
    let mut acknowledged = std::collections::BTreeSet::new();
    while let Some(event) = people.world.program(painter).events.pop_front() {
        if let Event::Acknowledged { sequences, .. } = event {
            acknowledged.extend(sequences);
        }
    }
    let missing: Vec<u64> = (1..=last).filter(|sequence| !acknowledged.contains(sequence)).collect();
    assert_eq!(
        missing, [0; 0],
        "each of {last} batches is acknowledged, folds included; waited {waits} times"
    );
    assert!(people.is_equal());
}

/// Two other people are cut off from each other, and one of them lies still with a full queue: a third is not held up.
#[test]
fn a_full_queue_holds_up_nobody_else() -> Result<(), Violation> {
    let mut people = People::meet(3, PathModel::WAN, |_| Config::default());
    people.cut();
    let (index, room) = people.members[0];
    // More than the window and the queue of the cut link take, in colours that do not pack.
    for round in 0..600u32 {
        let noise =
            |cell: u32| Colour::rgb((cell * 7 + round) as u8, (cell * 13) as u8, (cell * round) as u8);
        let cells: Vec<_> =
            (0..1024).map(|cell| ((cell % 64) as u16, (cell / 64) as u16, noise(cell))).collect();
        let painted = people.world.paint(index, room, &cells);
        assert!(painted.is_some(), "round {round}: the third takes it all");
        people.world.run_for(Duration::from_millis(10));
    }
    let full = people.world.node(index).usage().queued_bytes_most;
    assert!(full > 512 * 1024, "{full} bytes wait on the cut link");
    people.world.run_for(Duration::from_secs(1));
    let pair = [people.members[0], people.members[2]];
    assert_eq!(check::equal_replicas(&people.world, &pair), Ok(()), "the third has everything");
    people.world.heal();
    people.rest_for(Duration::from_secs(20))?;
    assert!(people.is_equal());
    Ok(())
}
