//! Making, refreshing and ending allocations (RFC 8656, sections 7 and 8).

use stun_types::attribute::{Fingerprint, RawAttribute, UnknownAttributes, XorMappedAddress};
use turn_types::AddressFamily;
use turn_types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, DontFragment, EvenPort, RequestedAddressFamily,
    ReservationToken,
};

use super::*;

const CLIENT: &str = "203.0.113.5:4000";

fn udp() -> RequestedTransport {
    RequestedTransport::new(17)
}

#[test]
fn a_binding_request_is_told_its_address() {
    let mut world = World::new(config());
    let reply = world.ask_plainly(at(CLIENT), BINDING, &[]);
    assert_eq!((reply.to, reply.code()), (at(CLIENT), None));
    let mapped = reply.message().attribute::<XorMappedAddress>().unwrap();
    assert_eq!(mapped.addr(reply.message().transaction_id()), at(CLIENT));
    assert!(!reply.message().has_attribute(Fingerprint::TYPE));
    assert_eq!(world.relay.counts.bindings.value(), 1);
}

#[test]
fn request_with_fingerprint_is_answered_with_one() {
    let mut world = World::new(config());
    let mut message = world.message(MessageClass::Request, BINDING);
    message.add_fingerprint().unwrap();
    let mut bytes = message.finish();
    let reply = Reply::only(world.hear(at(CLIENT), &bytes));
    assert!(reply.message().has_attribute(Fingerprint::TYPE));
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(world.hear(at(CLIENT), &bytes), [], "a wrong one is no STUN");
    assert_eq!(world.refused(Refusal::Malformed), 1);
}

#[test]
fn allocation_has_a_relayed_address_and_ten_minutes() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let reply = world.ask(&session, ALLOCATE, &[&udp()]);
    assert_eq!((reply.code(), reply.lifetime()), (None, 600));
    let relayed = reply.relayed();
    assert_eq!(relayed.ip().to_string(), RELAY_V4);
    assert!(world.relay.config.ports.contains(&relayed.port()));
    assert_eq!(
        world.bound.values().collect::<Vec<_>>(),
        [&SocketAddr::new("10.0.0.1".parse().unwrap(), relayed.port())]
    );
    assert!(reply.message().validate_integrity_with_key(&session.key()).is_ok(), "the answer is signed");
    let mapped = reply.message().attribute::<XorMappedAddress>().unwrap();
    assert_eq!(mapped.addr(reply.message().transaction_id()), at(CLIENT));
    world.pass(Duration::from_secs(599));
    assert_eq!(world.bound.len(), 1);
    world.pass(2 * SECOND);
    world.pass(SECOND);
    assert!(world.relay.is_empty() && world.bound.is_empty());
}

#[test]
fn repeated_request_is_answered_twice_and_done_once() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let bytes = world.signed(&session, ALLOCATE, &[&udp()]);
    let first = world.hear(session.from, &bytes);
    let second = world.hear(session.from, &bytes);
    assert_eq!(first, second);
    assert_eq!(world.relay.counts.allocations_made.value(), 1);
    let other = world.ask(&session, ALLOCATE, &[&udp()]);
    assert_eq!(other.code(), Some(437), "another request on the same 5-tuple");
    assert_eq!(world.refused(Refusal::Mismatch), 1);
}

#[test]
fn only_udp_is_relayed() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    assert_eq!(world.ask(&session, ALLOCATE, &[]).code(), Some(400));
    assert_eq!(world.ask(&session, ALLOCATE, &[&RequestedTransport::new(6)]).code(), Some(442));
    assert_eq!(world.refused(Refusal::Transport), 1);
}

#[test]
fn families_are_relayed_as_asked() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let v6 = RequestedAddressFamily::new(AddressFamily::IPV6);
    let reply = world.ask(&session, ALLOCATE, &[&udp(), &v6]);
    assert_eq!(reply.relayed().ip().to_string(), RELAY_V6);

    let session = world.session("203.0.113.5:4001", "alice");
    let both = AdditionalAddressFamily::new(AddressFamily::IPV6);
    let reply = world.ask(&session, ALLOCATE, &[&udp(), &both]);
    let message = reply.message();
    let second = message.nth_attribute::<XorRelayedAddress>(1).unwrap().addr(message.transaction_id());
    assert_eq!(
        (reply.relayed().ip().to_string(), second.ip().to_string()),
        (RELAY_V4.into(), RELAY_V6.into())
    );
    assert_eq!(world.bound.len(), 3);

    let reply = world.ask(&session, REFRESH, &[&Lifetime::new(0), &v6]);
    assert_eq!(reply.code(), None);
    assert_eq!(world.bound.len(), 2, "one family is given up");
    assert_eq!(world.ask(&session, REFRESH, &[&Lifetime::new(600), &v6]).code(), Some(443));
    assert_eq!(world.permit(&session, "[2600::1]:1").code(), Some(443));
    assert_eq!(world.permit(&session, "8.8.8.8:1").code(), None);
}

#[test]
fn unrelayed_address_family_is_told_as_unsupported() {
    let mut alone = config();
    alone.relay_addresses.pop();
    let mut world = World::new(alone);
    let session = world.session(CLIENT, "alice");
    let v6 = RequestedAddressFamily::new(AddressFamily::IPV6);
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &v6]).code(), Some(440));
    let odd = RawAttribute::new(0x0017.into(), &[9, 0, 0, 0]);
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &odd]).code(), Some(440));
    let both = AdditionalAddressFamily::new(AddressFamily::IPV6);
    let reply = world.ask(&session, ALLOCATE, &[&udp(), &both]);
    assert_eq!(reply.code(), None);
    assert_eq!(reply.message().attribute::<AddressErrorCode>().unwrap().error().code(), 440);
}

#[test]
fn unnamed_family_gets_ipv6_on_ipv6_only_relay() {
    let mut alone = config();
    alone.relay_addresses.remove(0);
    let mut world = World::new(alone);
    let session = world.session(CLIENT, "alice");
    let (v4, both) =
        (RequestedAddressFamily::new(AddressFamily::IPV4), AdditionalAddressFamily::new(AddressFamily::IPV6));
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &v4]).code(), Some(440));
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &both]).code(), Some(440));
    let reply = world.ask(&session, ALLOCATE, &[&udp()]);
    assert_eq!((reply.code(), reply.relayed().ip().to_string()), (None, RELAY_V6.to_owned()));
}

#[test]
fn wishes_that_contradict_each_other_are_refused() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let (v4, v6) = (AddressFamily::IPV4, AddressFamily::IPV6);
    let (requested, additional) = (RequestedAddressFamily::new(v4), AdditionalAddressFamily::new(v6));
    let (token, pair) = (ReservationToken::new(5), EvenPort::new(true));
    let wrong: [[&dyn AttributeWrite; 2]; 6] = [
        [&requested, &additional],
        [&token, &requested],
        [&token, &additional],
        [&token, &pair],
        [&additional, &pair],
        [&RawAttribute::new(0x8000.into(), &[1, 0, 0, 0]), &DontFragment::new()],
    ];
    for [first, second] in wrong {
        let reply = world.ask(&session, ALLOCATE, &[&udp(), first, second]);
        assert_eq!(reply.code(), Some(400), "{first:?} {second:?}");
    }
    assert!(world.bound.is_empty());
}

#[test]
fn port_pair_is_even_with_a_reservation_token() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let reply = world.ask(&session, ALLOCATE, &[&udp(), &EvenPort::new(true)]);
    let first = reply.relayed();
    assert_eq!(first.port() % 2, 0);
    let token = ReservationToken::new(reply.message().attribute::<ReservationToken>().unwrap().token());
    let other = world.session("203.0.113.5:4001", "alice");
    let reply = world.ask(&other, ALLOCATE, &[&udp(), &token]);
    assert_eq!(reply.relayed(), SocketAddr::new(first.ip(), first.port() + 1));
    let third = world.session("203.0.113.5:4002", "alice");
    assert_eq!(world.ask(&third, ALLOCATE, &[&udp(), &token]).code(), Some(508), "used already");

    let reply = world.ask(&third, ALLOCATE, &[&udp(), &EvenPort::new(true)]);
    let token = ReservationToken::new(reply.message().attribute::<ReservationToken>().unwrap().token());
    world.pass(31 * SECOND);
    let fourth = world.session("203.0.113.5:4003", "alice");
    assert_eq!(world.ask(&fourth, ALLOCATE, &[&udp(), &token]).code(), Some(508), "too late");
    world.pass(Duration::from_secs(601));
    world.pass(SECOND);
    assert!(world.relay.is_empty() && world.bound.is_empty());
}

#[test]
fn so_many_ports_are_reserved_at_a_time() {
    let mut world = World::new(config());
    let mut ask = |number: usize, is_pair: bool| {
        let session = world.session(&format!("203.0.113.{number}:4000"), &format!("user{number}"));
        let reply = world.ask(&session, ALLOCATE, &[&udp(), &EvenPort::new(is_pair)]);
        (reply.code(), world.relay.ends.reservations())
    };
    let most = ends::RESERVATIONS_MAX;
    for number in 1..=most {
        assert_eq!(ask(number, true), (None, number));
    }
    assert_eq!(ask(most + 1, true), (Some(508), most));
    assert_eq!(ask(most + 1, false), (None, most), "a port alone is there");
    // All of them are one site's, which gives one up for somebody from elsewhere.
    let other = world.session("198.51.100.1:4000", "other");
    assert_eq!(world.ask(&other, ALLOCATE, &[&udp(), &EvenPort::new(true)]).code(), None);
    assert_eq!(world.relay.ends.reservations(), most);
    world.pass(31 * SECOND);
    assert_eq!(world.relay.ends.reservations(), 0);
}

#[test]
fn an_even_port_alone_reserves_nothing() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let reply = world.ask(&session, ALLOCATE, &[&udp(), &EvenPort::new(false)]);
    assert_eq!(reply.relayed().port() % 2, 0);
    assert!(!reply.message().has_attribute(ReservationToken::TYPE));
    assert_eq!(world.bound.len(), 1);
}

#[test]
fn dont_fragment_is_granted() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &DontFragment::new()]).code(), None);
}

#[test]
fn unknown_required_attribute_is_named_in_the_refusal() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let strange = RawAttribute::new(0x7abc.into(), &[1, 2, 3, 4]);
    for reply in [
        world.ask(&session, ALLOCATE, &[&udp(), &strange]),
        world.ask_plainly(at(CLIENT), BINDING, &[&strange]),
    ] {
        assert_eq!(reply.code(), Some(420));
        assert!(reply.message().attribute::<UnknownAttributes>().unwrap().has_attribute(0x7abc.into()));
    }
    let optional = RawAttribute::new(0xfabc.into(), &[1, 2, 3, 4]);
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &optional]).code(), None);
    assert_eq!(world.refused(Refusal::UnknownAttribute), 2);
}

#[test]
fn an_answer_names_so_many_unknown_attributes() {
    let mut world = World::new(config());
    for (count, named) in [(UNKNOWN_MAX, UNKNOWN_MAX), (UNKNOWN_MAX + 1, UNKNOWN_MAX)] {
        let strange: Vec<_> =
            (0..count).map(|kind| RawAttribute::new((0x7a00 + kind as u16).into(), &[])).collect();
        let strange: Vec<&dyn AttributeWrite> = strange.iter().map(|attribute| attribute as _).collect();
        let reply = world.ask_plainly(at(CLIENT), BINDING, &strange);
        assert_eq!(reply.code(), Some(420));
        let unknown = reply.message().attribute::<UnknownAttributes>().unwrap();
        let has = |kind: &usize| unknown.has_attribute((0x7a00 + *kind as u16).into());
        assert_eq!((0..count).filter(has).count(), named);
    }
}

#[test]
fn taken_ports_are_skipped_and_exhaustion_is_told() {
    let mut few = config();
    few.ports = 50_000..=50_003;
    let mut world = World::new(few);
    world.taken.extend([50_000, 50_001, 50_003]);
    let session = world.session(CLIENT, "alice");
    let reply = world.ask(&session, ALLOCATE, &[&udp()]);
    assert_eq!((reply.code(), reply.relayed().port()), (None, 50_002));
    let other = world.session("203.0.113.5:4001", "alice");
    assert_eq!(world.ask(&other, ALLOCATE, &[&udp()]).code(), Some(508));
    assert_eq!(world.refused(Refusal::Capacity), 1);
    let pair = world.ask(&other, ALLOCATE, &[&udp(), &EvenPort::new(true)]);
    assert_eq!(pair.code(), Some(508));
    world.pass(601 * SECOND);
    world.pass(SECOND);
    assert!(world.relay.is_empty() && world.bound.is_empty(), "nothing is left of those that failed");
}

#[test]
fn a_pair_with_a_taken_port_is_redrawn() {
    let mut few = config();
    few.ports = 50_000..=50_005;
    let mut world = World::new(few);
    // The second of one pair and the first of another.
    world.taken.extend([50_001, 50_002]);
    let session = world.session(CLIENT, "alice");
    let reply = world.ask(&session, ALLOCATE, &[&udp(), &EvenPort::new(true)]);
    assert_eq!((reply.code(), reply.relayed().port()), (None, 50_004));
    let bound: Vec<u16> = world.bound.values().map(SocketAddr::port).collect();
    assert_eq!(bound, [50_004, 50_005], "nothing is left of those that were tried");
}

#[test]
fn allocation_carrying_nothing_for_a_minute_ends() {
    let mut world = World::new(Config { unused_after: MINUTE, ..config() });
    let (used, relayed) = world.allocated(CLIENT, "alice");
    world.permit(&used, "8.8.8.8:1");
    let (idle, _) = world.allocated("203.0.113.6:4000", "bob");
    for _ in 0..3 {
        world.pass(MINUTE / 2);
        assert_eq!(world.refresh(&idle, 600).code().is_some(), world.now.time >= NOON.time + MINUTE);
        assert_eq!(world.hear_peer(relayed, at("8.8.8.8:1"), b"x").len(), 1);
    }
    assert_eq!(world.refused(Refusal::Idle), 1);
    world.pass(MINUTE);
    world.pass(MINUTE);
    assert_eq!(world.refused(Refusal::Idle), 2, "what once carried something does not stay for it");
    assert!(world.relay.allocations.is_empty());
}

#[test]
fn lifetimes_are_ten_minutes_to_an_hour() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp(), &Lifetime::new(5)]).lifetime(), 600);
    assert_eq!(world.refresh(&session, 86_400).lifetime(), 3600);
    assert_eq!(world.refresh(&session, 900).lifetime(), 900);
    world.pass(Duration::from_secs(899));
    assert_eq!(world.bound.len(), 1);
    world.pass(2 * SECOND);
    assert!(world.bound.is_empty(), "a shorter lifetime counts as well");
}

#[test]
fn a_refresh_with_no_lifetime_ends_the_allocation() {
    let mut world = World::new(config());
    let (session, _) = world.allocated(CLIENT, "alice");
    let reply = world.refresh(&session, 0);
    assert_eq!((reply.code(), reply.lifetime()), (None, 0));
    assert!(world.bound.is_empty());
    assert_eq!(world.refresh(&session, 0).code(), Some(437));
    assert_eq!(world.refresh(&session, 600).code(), Some(437));
    assert_eq!(world.permit(&session, "8.8.8.8:1").code(), Some(437));
    assert_eq!(world.ask(&session, ALLOCATE, &[&udp()]).code(), None, "and another may be made");
}
