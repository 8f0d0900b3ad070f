//! A room is given a new secret: who is listed comes in with the old LINK, everybody with the new one, nobody else.

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{Config, Event, Refusal};
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::wire::BoundedText;
use meshwork_place::Place as _;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::{World, identity};

use crate::common::{Member, RED, equal, linked, refused, whole};
use crate::records::order;

const SOON: Duration = Duration::from_secs(20);

fn address(world: &World, (index, room): Member) -> RoomAddress {
    world.node(index).room(room).address().expect("it is registered")
}

/// How many a member is attached to.
fn attached(world: &World, (index, room): Member) -> usize {
    world.node(index).room(room).peers().iter().filter(|peer| peer.attached).count()
}

/// How many of these a member is attached to: whoever has the old LINK alone may be with others who have it.
fn attached_to(world: &World, (index, room): Member, of: &[Member]) -> usize {
    let peers = world.node(index).room(room).peers();
    let is_of = |endpoint| of.iter().any(|(index, _)| world.node(*index).endpoint() == endpoint);
    peers.iter().filter(|peer| peer.attached && is_of(peer.endpoint)).count()
}

/// How often a member refused somebody by its proof.
fn turned_away(world: &World, (index, _): Member) -> usize {
    let is_refusal = |event: &&Event| matches!(event, Event::Refused { reason: Refusal::RoomProof, .. });
    world.look_at(index).events.iter().filter(is_refusal).count()
}

fn painted(world: &World, (index, room): Member) -> Option<usize> {
    world.node(index).canvas(room).map(|canvas| canvas.painted())
}

fn enter(world: &mut World, person: u64, address: &RoomAddress) -> Member {
    let index = world.start(Config::default(), person, 0);
    (index, world.join_room(index, address.clone()))
}

/// The owner gives the room a new secret and keeps these people. Returns the LINK as it is then.
fn renew(world: &mut World, owner: Member, keep: &[u64]) -> RoomAddress {
    let keep: Vec<PeerId> = keep.iter().map(|person| identity(*person).peer()).collect();
    order(world, owner, |node, now, room| node.room_mut(now, room).renew_secret(keep));
    address(world, owner)
}

fn private(count: usize) -> (World, Vec<Member>) {
    let first = Config { stores: true, ..Config::default() };
    linked(World::new(11, PathModel::WAN), first, count, true)
}

#[test]
fn old_links_let_in_who_is_kept() {
    let (mut world, mut members) = private(4);
    let old = address(&world, members[0]);
    let (away, _) = members.pop().expect("the fourth");
    let removed = members.pop().expect("the third");
    world.quit(away);
    let owner = members[0];
    let new = renew(&mut world, owner, &[2, 4]);
    assert_ne!(new, old);
    let parted = |world: &World| attached(world, removed) == 0 && address(world, members[1]) == new;
    assert!(world.run_while(SOON, parted), "who is not kept is out, and who is kept has the new LINK");
    world.paint(owner.0, owner.1, &[(1, 1, RED), (2, 2, RED)]);

    // With the old LINK: one who is kept, and one who is not.
    members.push(enter(&mut world, 4, &old));
    let stranger = enter(&mut world, 6, &old);
    assert!(world.run_while(SOON, whole(&members)) && world.run_while(SOON, equal(&members)));
    assert_eq!(address(&world, members[2]), new);
    // With the new one: anybody, by whom the removed one is told too.
    members.push(enter(&mut world, 5, &new));
    assert!(world.run_while(SOON, whole(&members)) && world.run_while(SOON, equal(&members)));
    world.run_for(Duration::from_secs(60));
    for outsider in [stranger, removed] {
        assert_eq!(attached_to(&world, outsider, &members), 0);
        assert_ne!(painted(&world, outsider), Some(2), "it sees nothing of what came later");
        assert!(refused(&world, outsider.0, Refusal::RoomProof), "it is told");
    }
    assert!(refused(&world, owner.0, Refusal::RoomProof), "the old LINK is counted");

    // Everybody who is in lets in, the owner need not be there.
    world.quit(members.remove(0).0);
    members.push(enter(&mut world, 7, &new));
    assert!(world.run_while(SOON, whole(&members)) && world.run_while(SOON, equal(&members)));
}

#[test]
fn the_newest_of_several_secrets_counts() {
    let (mut world, mut members) = private(3);
    let old = address(&world, members[0]);
    let (away, _) = members.pop().expect("the third");
    world.quit(away);
    let owner = members[0];
    let second = renew(&mut world, owner, &[2, 3]);
    let guest = enter(&mut world, 5, &second);
    assert!(world.run_while(SOON, |world| attached(world, guest) == 2));
    let third = renew(&mut world, owner, &[2, 3]);
    assert!(
        world.run_while(SOON, |world| attached(world, guest) == 0),
        "it came by the LINK, and is not kept"
    );
    // With the first of three LINKs, and with the second, which was its friends' to pass on.
    members.push(enter(&mut world, 3, &old));
    let late = enter(&mut world, 8, &second);
    assert!(world.run_while(SOON, whole(&members)));
    assert!(world.run_while(SOON, |world| members.iter().all(|member| address(world, *member) == third)));
    world.run_for(Duration::from_secs(30));
    assert_eq!([late, guest].map(|outsider| attached_to(&world, outsider, &members)), [0, 0]);
}

#[test]
fn a_keeper_holds_the_secret_through_a_crash() {
    let (mut world, mut members) = private(1);
    let old = address(&world, members[0]);
    let keeper = world.start(Config { stores: true, ..Config::default() }, 2, 0);
    members.push((keeper, world.join_room(keeper, old.clone())));
    assert!(world.run_while(SOON, whole(&members)));
    let new = renew(&mut world, members[0], &[2]);
    assert!(world.run_while(SOON, |world| address(world, members[1]) == new));
    world.run_for(Duration::from_secs(2));
    world.quit(members[0].0);
    let store = world.crash(keeper);
    let again = world.start(Config { stores: true, ..Config::default() }, 2, 0);
    world.program(again).store = store;
    // As it was told when it was started first.
    let again = (again, world.join_room(again, old.clone()));
    let guest = enter(&mut world, 5, &new);
    let stranger = enter(&mut world, 6, &old);
    assert!(world.run_while(SOON, |world| attached(world, guest) == 1));
    world.run_for(Duration::from_secs(20));
    assert_eq!((attached(&world, again), attached(&world, stranger)), (1, 0));
}

#[test]
fn two_secrets_of_two_devices_become_one() {
    let (mut world, mut members) = private(3);
    let old = address(&world, members[0]);
    members.push(enter(&mut world, 1, &old));
    assert!(world.run_while(SOON, whole(&members)));
    let others: Vec<_> = members[..3].iter().map(|(index, _)| *index).collect();
    world.cut(&[members[3].0], &others);
    world.run_for(Duration::from_secs(1));
    renew(&mut world, members[0], &[2, 3]);
    renew(&mut world, members[3], &[2, 3]);
    world.run_for(Duration::from_secs(40));
    world.heal();
    let alike = |world: &World| {
        let all: Vec<RoomAddress> = members.iter().map(|member| address(world, *member)).collect();
        whole(&members)(world) && all.iter().all(|one| *one == all[0])
    };
    assert!(world.run_while(Duration::from_secs(120), alike));
    world.run_for(Duration::from_secs(20));
    assert!(alike(&world), "the record that joins both changes nothing of it");
    let new = address(&world, members[1]);
    members.push(enter(&mut world, 5, &new));
    assert!(world.run_while(SOON, whole(&members)));
}

#[test]
fn owners_alone_renew_private_rooms() {
    let (mut world, members) = private(2);
    let (index, room) = members[1];
    let asked = world.command(index, |node, now| node.room_mut(now, room).renew_secret(vec![]));
    asked.expect_err("it is another's room");
    let (mut world, members) = linked(World::new(12, PathModel::WAN), Config::default(), 1, false);
    let (index, room) = members[0];
    let asked = world.command(index, |node, now| node.room_mut(now, room).renew_secret(vec![]));
    asked.expect_err("everybody may enter it");
}

#[test]
fn kept_peers_enter_with_an_earlier_link() {
    let (mut world, mut members) = private(1);
    let second = renew(&mut world, members[0], &[2]);
    let third = renew(&mut world, members[0], &[2]);
    // It has the second secret and has never heard of a record, so it lets in whoever shows that one.
    members.push(enter(&mut world, 2, &second));
    assert!(world.run_while(SOON, whole(&members)));
    assert!(world.run_while(SOON, |world| address(world, members[1]) == third));
}

#[test]
fn listed_members_let_in_whoever_lacks_their_records() {
    // One that is listed too, and one that came by the newest LINK: neither knows the secret that the newcomer's LINK names.
    for of_member in [2, 6] {
        let (mut world, mut members) = private(1);
        let owner = members.remove(0);
        let first = address(&world, owner);
        let second = renew(&mut world, owner, &[2, 5]);
        let third = renew(&mut world, owner, &[2, 5]);
        let link = if of_member == 2 { &first } else { &third };
        members.push(enter(&mut world, of_member, link));
        assert!(world.run_while(SOON, whole(&[owner, members[0]])));
        world.run_for(Duration::from_secs(2));
        world.quit(owner.0);
        members.push(enter(&mut world, 5, &second));
        assert!(world.run_while(SOON, whole(&members)), "person {of_member} hands over the records");
        assert!(world.run_while(SOON, |world| address(world, members[1]) == third));
    }
}

#[test]
fn whoever_is_let_in_after_all_is_linked() {
    let (mut world, members) = private(1);
    let owner = members[0];
    let old = address(&world, owner);
    renew(&mut world, owner, &[]);
    let guest = enter(&mut world, 5, &old);
    assert!(world.run_while(SOON, |world| refused(world, owner.0, Refusal::RoomProof)));
    // It closes the link before it hears that it has access after all.
    renew(&mut world, owner, &[5]);
    assert!(world.run_while(Duration::from_secs(3), whole(&[owner, guest])));
}

#[test]
fn whoever_gets_access_again_comes_back() {
    for overlay in ["full-mesh", "k-gossip:3"] {
        let (mut world, members) = private(9);
        let owner = members[0];
        let old = address(&world, owner);
        let rules = Terms { overlay: BoundedText::new(overlay).expect("short"), ..Terms::default() };
        order(&mut world, owner, |node, now, room| node.room_mut(now, room).set_rules(rules));
        let mut keep: Vec<u64> = (2..9).collect();
        renew(&mut world, owner, &keep);
        let (guest, removed) = (enter(&mut world, 20, &old), members[8]);
        world.run_for(Duration::from_secs(180));
        let times: usize = members[..8].iter().map(|one| turned_away(&world, *one)).sum();
        // Two are turned away by eight, at first and, where an overlay chooses, every 45 s.
        assert!((16..=16 * 5).contains(&times), "{overlay}: {times} refusals");
        keep.extend([9, 20]);
        renew(&mut world, owner, &keep);
        for late in [guest, removed] {
            let is_in = |world: &World| attached_to(world, late, &members[..8]) > 0;
            assert!(world.run_while(Duration::from_secs(60), is_in), "{overlay}: {late:?} is not in");
        }
        let mut all = members.clone();
        all.push(guest);
        assert!(world.run_while(SOON, equal(&all)), "{overlay}");
    }
}

#[test]
fn whoever_lost_access_hands_over_nothing_by_it() {
    let (mut world, mut members) = private(2);
    let (owner, removed) = (members.remove(0), members.remove(0));
    world.cut(&[owner.0], &[removed.0]);
    let new = renew(&mut world, owner, &[5]);
    world.quit(owner.0);
    // It comes by the new LINK alone, and the removed one knows of nothing.
    let guest = enter(&mut world, 5, &new);
    world.run_for(Duration::from_secs(30));
    assert_eq!([attached(&world, guest), attached(&world, removed)], [0, 0]);
    assert_ne!(address(&world, removed), new);
}

/// How many records a member holds, and how many of them go on.
fn records(world: &World, (index, room): Member) -> (usize, usize) {
    let records = world.node(index).room(room).records();
    records.map_or((0, 0), |records| (records.all().count(), records.book().heads().len()))
}

/// A room of two in which one device of the owner gave a new secret and kept person 2, while another device's records go on until
/// both are joined; everybody has heard of both. Returns the device that gave the secret, too, and the LINK as it was then.
fn forked() -> (World, Vec<Member>, Member, RoomAddress) {
    let (mut world, mut members) = private(2);
    let old = address(&world, members[0]);
    let maker = enter(&mut world, 1, &old);
    members.push(maker);
    assert!(world.run_while(SOON, whole(&members)));
    world.cut(&[maker.0], &[members[0].0, members[1].0]);
    world.run_for(Duration::from_secs(1));
    let new = renew(&mut world, maker, &[2]);
    for person in [8, 9] {
        let banned = identity(person).peer();
        order(&mut world, members[0], |node, now, room| node.room_mut(now, room).ban(banned));
    }
    world.run_for(Duration::from_secs(20));
    world.heal();
    let is_forked = |world: &World| members.iter().all(|member| records(world, *member) == (3, 2));
    assert!(world.run_while(Duration::from_secs(60), is_forked));
    members.pop();
    (world, members, maker, new)
}

#[test]
fn secrets_of_branches_outlive_their_makers() {
    let (mut world, mut members, maker, new) = forked();
    world.quit(maker.0);
    let is_joined = |world: &World| records(world, members[0]).1 == 1;
    assert!(world.run_while(SOON, is_joined));
    members.push(enter(&mut world, 5, &new));
    assert!(world.run_while(SOON, whole(&members)), "whoever has the new LINK is let in");
    assert!(members.iter().all(|member| address(&world, *member) == new));
}

#[test]
fn joined_secrets_are_handed_to_all_attached() {
    let (mut world, members, maker, new) = forked();
    let old = address(&world, members[1]);
    members.iter().for_each(|(index, _)| world.quit(*index));
    let kept = enter(&mut world, 2, &old);
    let is_forked = |world: &World| records(world, maker).1 == 2;
    assert!(world.run_while(SOON, whole(&[maker, kept])) && is_forked(&world), "it comes before the join");
    assert_ne!(address(&world, kept), new);
    assert!(world.run_while(SOON, |world| address(world, kept) == new));
}

#[test]
fn nobody_is_blamed_for_a_newer_secret() {
    let (mut world, mut members) = private(2);
    let [owner, behind] = [members[0], members[1]];
    let second = renew(&mut world, owner, &[2]);
    assert!(world.run_while(SOON, |world| address(world, behind) == second));
    world.cut(&[owner.0], &[behind.0]);
    let third = renew(&mut world, owner, &[2]);
    let guest = enter(&mut world, 5, &third);
    members.push(guest);
    world.run_for(Duration::from_secs(60));
    assert_eq!([attached(&world, behind), attached_to(&world, guest, &[owner])], [0, 1]);
    for (index, _) in [behind, guest] {
        assert!(!refused(&world, index, Refusal::RoomProof), "it cannot tell which of two secrets is newer");
    }
    world.heal();
    assert!(world.run_while(Duration::from_secs(45), whole(&members)));
    assert!(members.iter().all(|member| address(&world, *member) == third));
}
