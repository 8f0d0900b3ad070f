//! Permissions, channels and data (RFC 8656, sections 9 to 12), forbidden peers, and the short cut.

use super::*;

const CLIENT: &str = "203.0.113.5:4000";
const PEER: &str = "8.8.8.8:5000";

/// The data of an indication, and who sent it.
fn indicated(sent: &[Sent]) -> (SocketAddr, Vec<u8>) {
    let [Sent::ToClient(_, bytes)] = sent else { panic!("one indication was expected, not {sent:?}") };
    let message = Message::from_bytes(bytes).unwrap();
    assert!(message.has_class(MessageClass::Indication) && message.has_method(DATA));
    let peer = message.attribute::<XorPeerAddress>().unwrap().addr(message.transaction_id());
    (peer, message.attribute::<Data<'_>>().unwrap().data().to_vec())
}

fn sent_to_peer(sent: &[Sent]) -> (SocketAddr, &[u8]) {
    let [Sent::ToPeer { peer, bytes, .. }] = sent else { panic!("one datagram was expected, not {sent:?}") };
    (*peer, bytes)
}

#[test]
fn data_flows_both_ways_only_after_permission() {
    let mut world = World::new(config());
    let (session, relayed) = world.allocated(CLIENT, "alice");
    assert_eq!(world.send(&session, at(PEER), b"early"), []);
    assert_eq!(world.hear_peer(relayed, at(PEER), b"early"), []);
    assert_eq!(world.refused(Refusal::NotPermitted), 2);
    assert_eq!(world.permit(&session, PEER).code(), None);
    assert_eq!(sent_to_peer(&world.send(&session, at(PEER), b"up")), (at(PEER), &b"up"[..]));
    assert_eq!(indicated(&world.hear_peer(relayed, at(PEER), b"down")), (at(PEER), b"down".to_vec()));
    let other_port = at("8.8.8.8:6000");
    assert_eq!(
        indicated(&world.hear_peer(relayed, other_port, b"x")).0,
        other_port,
        "of an address all ports"
    );
    assert_eq!(world.hear_peer(relayed, at("8.8.4.4:5000"), b"x"), [], "and no other address");
    let counts = &world.relay.counts;
    assert_eq!((counts.packets_up.value(), counts.bytes_up.value()), (1, 2));
    assert_eq!((counts.packets_down.value(), counts.bytes_down.value()), (2, 5));
}

#[test]
fn permissions_stand_five_minutes_and_are_renewed() {
    let mut world = World::new(config());
    let (session, relayed) = world.allocated(CLIENT, "alice");
    world.permit(&session, PEER);
    world.pass(Duration::from_secs(200));
    assert_eq!(world.permit(&session, PEER).code(), None);
    world.pass(Duration::from_secs(299));
    assert_eq!(world.hear_peer(relayed, at(PEER), b"x").len(), 1);
    world.pass(SECOND);
    assert_eq!(world.hear_peer(relayed, at(PEER), b"x"), []);
    assert_eq!(world.send(&session, at(PEER), b"x"), []);
}

#[test]
fn several_peers_are_permitted_together_or_none() {
    let mut world = World::new(config());
    let (session, relayed) = world.allocated(CLIENT, "alice");
    let transaction = (world.transaction + 1).into();
    let [good, bad] = ["8.8.8.8:0", "10.0.0.7:0"].map(|peer| XorPeerAddress::new(at(peer), transaction));
    let reply = world.ask(&session, CREATE_PERMISSION, &[&good, &bad]);
    assert_eq!(reply.code(), Some(403));
    assert_eq!(world.hear_peer(relayed, at(PEER), b"x"), []);
    let transaction = (world.transaction + 1).into();
    let [good, more] = ["8.8.8.8:0", "8.8.4.4:0"].map(|peer| XorPeerAddress::new(at(peer), transaction));
    assert_eq!(world.ask(&session, CREATE_PERMISSION, &[&good, &more]).code(), None);
    assert_eq!(world.hear_peer(relayed, at("8.8.4.4:1"), b"x").len(), 1);
    assert_eq!(world.ask(&session, CREATE_PERMISSION, &[]).code(), Some(400));
}

#[test]
fn channels_carry_data_with_four_bytes_more() {
    let mut world = World::new(config());
    let (session, relayed) = world.allocated(CLIENT, "alice");
    assert_eq!(world.hear(session.from, &channel_data(0x4001, b"early")), []);
    assert_eq!(world.bind_channel(&session, 0x4001, at(PEER)).code(), None);
    assert_eq!(sent_to_peer(&world.hear(session.from, &channel_data(0x4001, b"up"))), (at(PEER), &b"up"[..]));
    let down = world.hear_peer(relayed, at(PEER), b"down");
    assert_eq!(down, [Sent::ToClient(session.from, channel_data(0x4001, b"down"))], "the binding permits");
    assert_eq!(indicated(&world.hear_peer(relayed, at("8.8.8.8:6000"), b"x")).1, b"x", "another port");
    let mut padded = channel_data(0x4001, b"up");
    padded.extend([0, 0]);
    assert_eq!(sent_to_peer(&world.hear(session.from, &padded)).1, b"up");
    assert_eq!(sent_to_peer(&world.hear(session.from, &channel_data(0x4001, b""))).1, b"");
}

#[test]
fn channels_stand_ten_minutes_and_their_permission_five() {
    let mut world = World::new(config());
    let (session, relayed) = world.allocated(CLIENT, "alice");
    world.refresh(&session, 3600);
    world.bind_channel(&session, 0x4001, at(PEER));
    world.pass(Duration::from_secs(301));
    assert_eq!(world.hear_peer(relayed, at(PEER), b"x"), [], "no permission");
    assert_eq!(world.hear(session.from, &channel_data(0x4001, b"up")).len(), 1);
    assert_eq!(world.bind_channel(&session, 0x4001, at(PEER)).code(), None, "binding again renews both");
    world.pass(Duration::from_secs(299));
    assert_eq!(world.hear_peer(relayed, at(PEER), b"x").len(), 1);
    world.pass(Duration::from_secs(301));
    assert_eq!(world.hear(session.from, &channel_data(0x4001, b"up")), []);
    let fresh = session.with_fresh_nonce(&mut world);
    assert_eq!(world.bind_channel(&fresh, 0x4001, at("8.8.4.4:1")).code(), None, "free again");
}

#[test]
fn channel_has_one_peer_and_peer_one_channel() {
    let mut world = World::new(config());
    let (session, _) = world.allocated(CLIENT, "alice");
    assert_eq!(world.bind_channel(&session, 0x4001, at(PEER)).code(), None);
    assert_eq!(world.bind_channel(&session, 0x4001, at("8.8.8.8:5001")).code(), Some(400));
    assert_eq!(world.bind_channel(&session, 0x4002, at(PEER)).code(), Some(400));
    assert_eq!((world.refused(Refusal::Mismatch), world.refused(Refusal::Malformed)), (2, 0));
    for number in [0x3fff, 0x8000, 0xffff] {
        assert_eq!(world.bind_channel(&session, number, at("1.1.1.1:1")).code(), Some(400), "{number:x}");
    }
    assert_eq!(world.bind_channel(&session, 0x7fff, at("1.1.1.1:1")).code(), None, "as RFC 5766 allows");
    assert_eq!(world.bind_channel(&session, 0x4fff, at("1.1.1.1:0")).code(), Some(403), "no port");
    assert_eq!(world.ask(&session, CHANNEL_BIND, &[&ChannelNumber::new(0x4003)]).code(), Some(400));
}

#[test]
fn forbidden_peers_are_refused_everywhere() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let both = turn_types::attribute::AdditionalAddressFamily::new(turn_types::AddressFamily::IPV6);
    world.ask(&session, ALLOCATE, &[&RequestedTransport::new(17), &both]);
    let forbidden =
        ["127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80", "[::1]:80", "[::ffff:127.0.0.1]:80"];
    for peer in forbidden {
        assert_eq!(world.permit(&session, peer).code(), Some(403), "{peer}");
        assert_eq!(world.bind_channel(&session, 0x4000, at(peer)).code(), Some(403), "{peer}");
        assert_eq!(world.send(&session, at(peer), b"x"), [], "{peer}");
    }
    assert_eq!(world.refused(Refusal::Forbidden), 2 * forbidden.len() as u64);
}

#[test]
fn an_operator_opens_a_range() {
    let mut open = config();
    open.allow = vec!["10.0.0.0/8".parse().unwrap()];
    let mut world = World::new(open);
    let (session, _) = world.allocated(CLIENT, "alice");
    assert_eq!(world.permit(&session, "10.0.0.7:80").code(), None);
    assert_eq!(world.permit(&session, "127.0.0.1:80").code(), Some(403));
}

#[test]
fn two_clients_meet_inside_the_relay() {
    let mut world = World::new(config());
    let (alice, of_alice) = world.allocated(CLIENT, "alice");
    let (bob, of_bob) = world.allocated("203.0.113.9:4000", "bob");
    assert_eq!(world.permit(&alice, &of_bob.to_string()).code(), None);
    assert_eq!(world.send(&alice, of_bob, b"hi"), [], "bob has not permitted alice");
    assert_eq!(world.bind_channel(&bob, 0x4000, of_alice).code(), None);
    let across = world.send(&alice, of_bob, b"hi");
    assert_eq!(across, [Sent::ToClient(bob.from, channel_data(0x4000, b"hi"))], "no datagram leaves");
    let back = world.hear(bob.from, &channel_data(0x4000, b"ho"));
    assert_eq!(indicated(&back), (of_bob, b"ho".to_vec()));
    let counts = &world.relay.counts;
    assert_eq!((counts.packets_across.value(), counts.bytes_across.value()), (2, 4));
    assert_eq!(counts.packets_up.value() + counts.packets_down.value(), 0);
    world.refresh(&bob, 0);
    assert_eq!(world.send(&alice, of_bob, b"gone"), []);
}

#[test]
fn other_programs_at_relay_address_are_not_reached() {
    let mut own = config();
    own.own_addresses = vec![RELAY_V4.parse().unwrap()];
    let mut world = World::new(own);
    let (alice, _) = world.allocated(CLIENT, "alice");
    let ssh = SocketAddr::new(RELAY_V4.parse().unwrap(), 22);
    assert_eq!(world.permit(&alice, &ssh.to_string()).code(), None, "a permission names no port");
    assert_eq!(world.send(&alice, ssh, b"hello"), []);
    assert_eq!(world.bind_channel(&alice, 0x4000, ssh).code(), None);
    assert_eq!(world.hear(alice.from, &channel_data(0x4000, b"hello")), []);
    assert_eq!(world.refused(Refusal::Forbidden), 2);
}

#[test]
fn permissions_and_channels_are_bounded() {
    let mut few = config();
    (few.permissions_max, few.channels_max) = (4, 4);
    let mut world = World::new(few);
    let (session, _) = world.allocated(CLIENT, "alice");
    world.refresh(&session, 3600);
    for number in 0..4 {
        assert_eq!(world.permit(&session, &format!("8.8.8.{number}:1")).code(), None);
        assert_eq!(
            world
                .bind_channel(
                    &session,
                    0x4000 + number,
                    SocketAddr::new("8.8.8.0".parse().unwrap(), number + 1)
                )
                .code(),
            None
        );
    }
    assert_eq!(world.permit(&session, "8.8.8.9:1").code(), Some(508));
    assert_eq!(world.bind_channel(&session, 0x4004, at("8.8.8.0:99")).code(), Some(508));
    assert_eq!(world.permit(&session, "8.8.8.3:1").code(), None, "one that stands is renewed");
    world.pass(Duration::from_secs(301));
    assert_eq!(world.permit(&session, "8.8.8.9:1").code(), None, "those that lapsed make room");
}

#[test]
fn send_indication_with_unknown_required_attribute_is_dropped() {
    let mut world = World::new(config());
    let (session, _) = world.allocated(CLIENT, "alice");
    world.permit(&session, PEER);
    let mut message = world.message(MessageClass::Indication, SEND);
    let transaction = message.transaction_id();
    message.add_attribute(&XorPeerAddress::new(at(PEER), transaction)).unwrap();
    message.add_attribute(&Data::new(b"x")).unwrap();
    message.add_attribute(&stun_types::attribute::RawAttribute::new(0x7abc.into(), &[1])).unwrap();
    assert_eq!(world.hear(session.from, &message.finish()), []);
    let mut empty = world.message(MessageClass::Indication, SEND);
    empty.add_attribute(&Data::new(b"x")).unwrap();
    assert_eq!(world.hear(session.from, &empty.finish()), []);
    assert_eq!((world.refused(Refusal::UnknownAttribute), world.refused(Refusal::Malformed)), (1, 1));
}

#[test]
fn a_request_names_so_many_peers() {
    let mut world = World::new(config());
    let (session, _) = world.allocated(CLIENT, "alice");
    for (count, code) in [(requests::ADDRESSES_MAX, None), (requests::ADDRESSES_MAX + 1, Some(400))] {
        // Always the same one, so that there are permissions enough.
        let peer = XorPeerAddress::new(at(PEER), (world.transaction + 1).into());
        let peers: Vec<&dyn AttributeWrite> = (0..count).map(|_| &peer as _).collect();
        assert_eq!(world.ask(&session, CREATE_PERMISSION, &peers).code(), code, "{count}");
    }
    assert_eq!(world.refused(Refusal::Malformed), 1);
}

#[test]
fn data_of_so_many_bytes_is_carried() {
    let mut world = World::new(config());
    let (session, relayed) = world.allocated(CLIENT, "alice");
    world.permit(&session, PEER);
    let (most, longer) = (vec![7; data::DATA_MAX], vec![7; data::DATA_MAX + 1]);
    let up = world.send(&session, at(PEER), &most);
    assert_eq!(sent_to_peer(&up), (at(PEER), &most[..]));
    assert_eq!(world.send(&session, at(PEER), &longer), []);
    assert_eq!(world.refused(Refusal::Malformed), 1);
    let down = world.hear_peer(relayed, at(PEER), &most);
    assert_eq!(indicated(&down), (at(PEER), most));
    assert_eq!(world.hear_peer(relayed, at(PEER), &longer), []);
    assert_eq!(world.refused(Refusal::Malformed), 2);
}
