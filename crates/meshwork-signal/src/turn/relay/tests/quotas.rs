//! Nobody gets more than a share.

use super::*;

fn code(world: &mut World, from: &str, name: &str) -> Option<u16> {
    let session = world.session(from, name);
    world.ask(&session, ALLOCATE, &[&RequestedTransport::new(17)]).code()
}

#[test]
fn allocation_over_a_quota_is_refused_and_counted() {
    let mut few = config();
    few.per_endpoint.allocations_max = 1;
    few.per_room.allocations_max = 2;
    few.per_address.allocations_max = 3;
    few.in_all.allocations_max = 4;
    let mut world = World::new(few);
    assert_eq!(code(&mut world, "1.1.1.1:1", "red:a"), None);
    assert_eq!(code(&mut world, "2.2.2.2:1", "red:a"), Some(486));
    assert_eq!(code(&mut world, "1.1.1.1:2", "red:b"), None);
    assert_eq!(code(&mut world, "1.1.1.1:9", "red:c"), Some(486));
    assert_eq!(code(&mut world, "1.1.1.1:3", "blue:d"), None);
    assert_eq!(code(&mut world, "1.1.1.1:4", "blue:e"), Some(486));
    assert_eq!(code(&mut world, "4.4.4.4:1", "f"), None);
    let made = world.now.time;
    assert_eq!(code(&mut world, "5.5.5.5:1", "g"), None, "the address that has three gives one up");
    assert_eq!((world.relay.allocations.len(), world.now.time), (4, made));
    assert_eq!(code(&mut world, "1.1.1.1:9", "h"), Some(508), "and gets none back for it");
    for cause in [
        Refusal::EndpointQuota,
        Refusal::RoomQuota,
        Refusal::AddressQuota,
        Refusal::GaveWay,
        Refusal::Capacity,
    ] {
        assert_eq!(world.refused(cause), 1, "{cause:?}");
    }
    world.pass(Duration::from_secs(601));
    world.pass(SECOND);
    assert!(world.relay.is_empty());
    assert_eq!(code(&mut world, "5.5.5.5:2", "g"), None);
}

#[test]
fn heaviest_network_of_a_room_gives_way() {
    let mut few = config();
    few.per_room.allocations_max = 4;
    let mut world = World::new(few);
    for number in 0..4 {
        assert_eq!(code(&mut world, &format!("[2001:db8:7:{number}::1]:1"), "red:ghost"), None);
    }
    assert_eq!(code(&mut world, "[2001:db8:7:9::1]:1", "red:ghost"), Some(486), "the site has most of it");
    assert_eq!(code(&mut world, "2.2.2.2:1", "red:a"), None, "one of the site's gives way");
    assert_eq!((world.relay.allocations.len(), world.refused(Refusal::GaveWay)), (4, 1));
    assert_eq!(code(&mut world, "[2001:db8:7:1::1]:9", "red:ghost"), Some(486));
    world.pass(Duration::from_secs(601));
    world.pass(SECOND);
    assert!(world.relay.is_empty());
}

#[test]
fn network_giving_way_keeps_what_carries_data() {
    let mut few = config();
    few.in_all.allocations_max = 2;
    let mut world = World::new(few);
    let (_, _) = world.allocated("1.1.1.1:1", "old");
    let (young, relayed) = world.allocated("1.1.1.1:2", "young");
    world.permit(&young, "8.8.8.8:1");
    assert_eq!(world.hear_peer(relayed, at("8.8.8.8:1"), b"x").len(), 1);
    assert_eq!(code(&mut world, "2.2.2.2:1", "newcomer"), None);
    assert_eq!(world.hear_peer(relayed, at("8.8.8.8:1"), b"x").len(), 1, "the unused one went");
}

#[test]
fn network_gives_way_where_ports_run_out_first() {
    let mut few = config();
    few.ports = 50_000..=50_001;
    let mut world = World::new(few);
    assert_eq!(code(&mut world, "1.1.1.1:1", "a"), None);
    assert_eq!(code(&mut world, "1.1.1.1:2", "b"), None);
    assert_eq!(code(&mut world, "2.2.2.2:1", "newcomer"), None);
    assert_eq!(code(&mut world, "1.1.1.1:3", "c"), Some(508), "nobody holds more than one");
    assert_eq!(world.refused(Refusal::GaveWay), 1);
}

#[test]
fn new_limits_count_from_now_and_revoke_nothing() {
    let mut world = World::new(config());
    let (alice, relayed) = world.allocated("1.1.1.1:1", "red:a");
    assert_eq!(world.permit(&alice, "10.0.0.7:1").code(), Some(403));
    let few = Quota { allocations_max: 1, bytes_per_second: 64 * 1024 };
    let changed = Config { per_room: few, allow: vec!["10.0.0.0/8".parse().unwrap()], ..config() };
    world.relay.reconfigure(world.now.time, changed).unwrap();
    assert_eq!(code(&mut world, "2.2.2.2:1", "red:b"), Some(486));
    assert_eq!(world.refresh(&alice, 600).code(), None);
    assert_eq!(world.permit(&alice, "10.0.0.7:1").code(), None);
    let data = [0; 32 * 1024];
    let passed = (0..4).filter(|_| world.hear_peer(relayed, at("10.0.0.7:1"), &data).len() == 1).count();
    assert_eq!(passed, 2, "of bytes as well");

    let wrong = Config { per_room: Quota { allocations_max: 0, ..few }, ..config() };
    assert!(world.relay.reconfigure(world.now.time, wrong).is_err());
    assert_eq!(world.relay.config().per_room, few, "what is wrong changes nothing");
    world.relay.reconfigure(world.now.time, config()).unwrap();
    assert_eq!(world.permit(&alice, "10.0.0.7:1").code(), Some(403), "closed again");
    assert_eq!(code(&mut world, "2.2.2.2:1", "red:b"), None);
}

#[test]
fn bytes_over_a_quota_are_dropped_and_counted() {
    let mut slow = config();
    slow.per_endpoint = Quota { allocations_max: 8, bytes_per_second: 64 * 1024 };
    let mut world = World::new(slow);
    let (session, relayed) = world.allocated("1.1.1.1:1", "red:a");
    world.permit(&session, "8.8.8.8:1");
    let data = [0; 16 * 1024];
    let passed = (0..10).filter(|_| world.send(&session, at("8.8.8.8:1"), &data).len() == 1).count();
    assert_eq!(passed, 4);
    assert_eq!(world.hear_peer(relayed, at("8.8.8.8:1"), &data), [], "both ways together");
    assert_eq!(world.refused(Refusal::EndpointRate), 7);
    world.pass(SECOND / 4);
    assert_eq!(world.hear_peer(relayed, at("8.8.8.8:1"), &data).len(), 1, "a quarter of a second's worth");
}

#[test]
fn what_clients_send_each_other_counts_for_both() {
    let mut slow = config();
    slow.per_endpoint = Quota { allocations_max: 8, bytes_per_second: 64 * 1024 };
    let mut world = World::new(slow);
    let (alice, of_alice) = world.allocated("1.1.1.1:1", "alice");
    let (bob, of_bob) = world.allocated("2.2.2.2:1", "bob");
    world.permit(&alice, &of_bob.to_string());
    world.permit(&bob, &of_alice.to_string());
    let data = [0; 16 * 1024];
    let passed = (0..10).filter(|_| world.send(&alice, of_bob, &data).len() == 1).count();
    assert_eq!(passed, 4);
    assert_eq!(world.send(&bob, of_alice, &data), [], "bob's is used up by what he was sent");
}
