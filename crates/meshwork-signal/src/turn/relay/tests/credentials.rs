//! Who is let in, who is not, and why (RFC 8489, section 9.2; RFC 8656, section 5).

use stun_types::message::BINDING;

use super::*;

const CLIENT: &str = "203.0.113.5:4000";

fn allocate(world: &mut World, session: &Session) -> Option<u16> {
    world.ask(session, ALLOCATE, &[&RequestedTransport::new(17)]).code()
}

#[test]
fn who_shows_nothing_is_told_how_and_forgotten() {
    let mut world = World::new(config());
    for host in 0..250 {
        let from = at(&format!("203.{host}.113.5:4000"));
        let reply = world.ask_plainly(from, ALLOCATE, &[&RequestedTransport::new(17)]);
        assert_eq!(reply.code(), Some(401));
        assert!(reply.message().has_attribute(Nonce::TYPE) && reply.message().has_attribute(Realm::TYPE));
    }
    assert!(world.relay.is_empty());
    assert_eq!(world.relay.counts.challenges.value(), 250);
}

/// How many of so many requests without credentials are answered, each from another port of an address.
fn answered(world: &mut World, address: &str, method: Method, ports: std::ops::Range<u16>) -> usize {
    let ask = |port| {
        let message = world.message(MessageClass::Request, method).finish();
        world.hear(SocketAddr::new(address.parse().unwrap(), port), &message).len()
    };
    ports.map(ask).sum()
}

#[test]
fn address_without_credentials_gets_thousand_challenges_a_second() {
    let mut world = World::new(config());
    assert_eq!(answered(&mut world, "203.0.113.5", ALLOCATE, 4_000..5_500), 1_000);
    assert_eq!(
        answered(&mut world, "198.51.100.5", ALLOCATE, 4_000..5_500),
        1_000,
        "others are not concerned"
    );
    assert_eq!(world.refused(Refusal::Unproved), 1_000);
    world.pass(SECOND);
    assert_eq!(answered(&mut world, "203.0.113.5", ALLOCATE, 4_000..5_500), 1_000);
}

#[test]
fn class_behind_one_address_is_answered_at_once() {
    let mut world = World::new(config());
    // 25 pages of which each meets 23 others, with a socket for each.
    for method in [BINDING, ALLOCATE] {
        assert_eq!(answered(&mut world, "203.0.113.5", method, 4_000..4_000 + 25 * 23), 25 * 23);
    }
    assert_eq!(world.refused(Refusal::Unproved), 0);
}

#[test]
fn forged_floods_starve_no_address() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let forged = Session { password: String::from("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), ..session.clone() };
    let address = at(CLIENT).ip().to_string();
    assert_eq!(answered(&mut world, &address, ALLOCATE, 4_000..5_500), 999);
    assert_eq!(answered(&mut world, &address, BINDING, 4_000..5_500), 1_500, "bindings count for nobody");
    assert_eq!(allocate(&mut world, &forged), Some(401), "a good nonce came from there");
    assert_eq!(allocate(&mut world, &session), None);
}

#[test]
fn answers_without_credentials_are_little_longer_than_requests() {
    let mut world = World::new(config());
    // IPv4 and UDP have 28 bytes before each.
    let mut on_the_wire = |method, attributes: &[&dyn AttributeWrite]| {
        let mut message = world.message(MessageClass::Request, method);
        attributes.iter().for_each(|attribute| message.add_attribute(*attribute).unwrap());
        let asked = message.finish();
        let sent = world.hear(at(CLIENT), &asked);
        let [Sent::ToClient(_, answer)] = sent.as_slice() else { panic!("{sent:?}") };
        (asked.len() + 28, answer.len() + 28)
    };
    assert_eq!(on_the_wire(BINDING, &[]), (48, 60));
    let (asked, answer) = on_the_wire(ALLOCATE, &[&RequestedTransport::new(17)]);
    assert!(answer <= asked * 9 / 4, "{answer} bytes for {asked}");
}

#[test]
fn binding_needs_no_credentials() {
    let mut world = World::new(config());
    assert_eq!(world.ask_plainly(at(CLIENT), BINDING, &[]).code(), None);
}

#[test]
fn both_integrity_algorithms_and_both_keys_open() {
    let mut world = World::new(config());
    let mut session = world.session(CLIENT, "alice");
    let passwords: Vec<_> = Secret::from_text(SECRET).unwrap().passwords(&session.username).collect();
    assert_eq!(passwords.len(), 2, "the text, and the bytes that it spells");
    for password in passwords {
        for algorithm in [IntegrityAlgorithm::Sha1, IntegrityAlgorithm::Sha256] {
            (session.password, session.algorithm) = (password.clone(), algorithm);
            assert_eq!(allocate(&mut world, &session), None, "{algorithm:?}");
            let reply = world.refresh(&session, 0);
            assert_eq!(reply.message().validate_integrity_with_key(&session.key()).ok(), Some(algorithm));
        }
    }
}

#[test]
fn invalid_credentials_are_refused_and_counted_by_cause() {
    let mut world = World::new(config());
    let good = world.session(CLIENT, "alice");
    let forged = Session { password: String::from("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), ..good.clone() };
    assert_eq!(allocate(&mut world, &forged), Some(401));
    let longer = Session { username: good.username.replace("179", "189"), ..good.clone() };
    assert_eq!(allocate(&mut world, &longer), Some(401), "a later expiry");
    let theirs = Secret::from_text("another server's secret").unwrap();
    let theirs = theirs.mint("alice", world.now.wall + LIFE).unwrap();
    let other = Session { username: theirs.username, password: theirs.password, ..good.clone() };
    assert_eq!(allocate(&mut world, &other), Some(401), "another server's secret");
    assert_eq!(world.refused(Refusal::Forged), 3);
    let realm = Session { realm: String::from("elsewhere"), ..good.clone() };
    assert_eq!(allocate(&mut world, &realm), Some(401), "another server's realm");
    let user = Session { username: String::from("alice"), ..good.clone() };
    assert_eq!(allocate(&mut world, &user), Some(401), "another server's usernames");
    assert_eq!(world.refused(Refusal::Foreign), 2);
    world.pass(LIFE);
    let expired = good.with_fresh_nonce(&mut world);
    assert_eq!(allocate(&mut world, &expired), Some(401));
    assert_eq!(world.refused(Refusal::Expired), 1);
    assert!(world.bound.is_empty());
}

#[test]
fn a_second_secret_opens_as_well() {
    let mut both = config();
    let old = Secret::from_text("the secret of last month").unwrap();
    both.secrets.push(old.clone());
    let mut world = World::new(both);
    let minted = old.mint("alice", world.now.wall + LIFE).unwrap();
    let session = world.session(CLIENT, "bob");
    let session = Session { username: minted.username, password: minted.password, ..session };
    assert_eq!(allocate(&mut world, &session), None);
}

#[test]
fn former_secret_allocates_ten_minutes_and_keeps_allocations() {
    let mut world = World::new(config());
    let (alice, _) = world.allocated(CLIENT, "alice");
    let late = Secret::from_text(SECRET).unwrap().mint("carol", world.now.wall + 3 * LIFE).unwrap();
    let changed =
        Config { secrets: vec![Secret::from_text("the secret of next month").unwrap()], ..config() };
    world.relay.reconfigure(world.now.time, changed).unwrap();
    world.pass(LIFE / 2);
    let bob = world.session("203.0.113.6:1", "bob");
    assert_eq!(allocate(&mut world, &bob), None, "the new one counts");
    let carol = Session { username: late.username, password: late.password, ..bob };
    let carol = Session { from: at("203.0.113.7:1"), ..carol }.with_fresh_nonce(&mut world);
    assert_eq!(allocate(&mut world, &carol), None, "and the former one as well");
    assert_eq!(world.refresh(&carol, 0).code(), None);
    world.pass(LIFE / 2 - SECOND);
    let alice = alice.with_fresh_nonce(&mut world);
    assert_eq!(world.refresh(&alice, 600).code(), None);
    world.pass(SECOND);
    let carol = carol.with_fresh_nonce(&mut world);
    assert_eq!(allocate(&mut world, &carol), Some(401), "but not for new ones any more");
    assert_eq!(world.refused(Refusal::Forged), 1);
    world.pass(LIFE / 2);
    let alice = alice.with_fresh_nonce(&mut world);
    assert_eq!(world.refresh(&alice, 600).code(), None, "whoever is connected stays so");
    for _ in 0..6 * 24 {
        world.pass(LIFE - SECOND);
        let alice = alice.with_fresh_nonce(&mut world);
        let code = world.refresh(&alice, 600).code();
        if world.now.time >= NOON.time + LIFE + world.relay.config().outlives_credentials {
            assert_eq!(code, Some(401), "for a day");
        } else {
            assert_eq!(code, None);
        }
    }
    assert_ne!(world.refused(Refusal::Forged), 1, "the day passed");
}

#[test]
fn often_replaced_secrets_do_not_pile_up() {
    let mut world = World::new(config());
    for number in 0..20 {
        let secret = Secret::from_text(&format!("secret number {number}, as long as it must be")).unwrap();
        let changed = Config { secrets: vec![secret], ..config() };
        world.relay.reconfigure(world.now.time, changed).unwrap();
        assert!(world.relay.gate.secrets(world.now.time, world.relay.config()).count() <= 5);
    }
    let back = config();
    world.relay.reconfigure(world.now.time, back).unwrap();
    let session = world.session(CLIENT, "alice");
    assert_eq!(allocate(&mut world, &session), None);
}

#[test]
fn nonces_expire_and_belong_to_one_address() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let moved = Session { from: at("203.0.113.6:4000"), ..session.clone() };
    let reply = world.ask(&moved, ALLOCATE, &[&RequestedTransport::new(17)]);
    assert_eq!(reply.code(), Some(438));
    let nonce = reply.message().attribute::<Nonce>().unwrap().nonce().to_owned();
    assert_eq!(allocate(&mut world, &Session { nonce, ..moved }), None, "the new one is good");
    assert_eq!(allocate(&mut world, &session), None);
    world.pass(Duration::from_secs(500));
    assert_eq!(world.refresh(&session, 600).code(), None);
    world.pass(Duration::from_secs(101));
    assert_eq!(world.refresh(&session, 600).code(), Some(438));
    let made_up = Session { nonce: String::from("x"), ..session.clone() };
    assert_eq!(world.refresh(&made_up, 600).code(), Some(438));
    assert_eq!(world.refused(Refusal::StaleNonce), 3);
    let fresh = session.with_fresh_nonce(&mut world);
    assert_eq!(world.refresh(&fresh, 600).code(), None);
}

#[test]
fn allocation_belongs_to_the_name_that_made_it() {
    let mut world = World::new(config());
    let (session, _) = world.allocated(CLIENT, "room:alice");
    let stranger = world.session(CLIENT, "room:mallory");
    assert_eq!(world.refresh(&stranger, 0).code(), Some(441));
    assert_eq!(world.permit(&stranger, "8.8.8.8:1").code(), Some(441));
    assert_eq!(world.bind_channel(&stranger, 0x4000, at("8.8.8.8:1")).code(), Some(441));
    assert_eq!(world.refused(Refusal::WrongCredentials), 3);
    world.pass(MINUTE);
    let renewed = session.renewed(&world);
    assert_ne!(renewed.username, session.username);
    assert_eq!(world.refresh(&renewed, 600).code(), None, "newer credentials of the same name go on with it");
}

#[test]
fn an_allocation_outlives_its_credentials_for_a_day() {
    let mut world = World::new(config());
    let (mut session, _) = world.allocated(CLIENT, "alice");
    for _ in 0..23 {
        world.pass(Duration::from_secs(599));
        for _ in 0..5 {
            session = session.with_fresh_nonce(&mut world);
            assert_eq!(world.refresh(&session, 3600).code(), None);
            world.pass(Duration::from_secs(599));
        }
    }
    let mut last = None;
    for _ in 0..12 {
        session = session.with_fresh_nonce(&mut world);
        let reply = world.refresh(&session, 3600);
        last = reply.code();
        world.pass(Duration::from_secs(599));
    }
    assert_eq!(last, Some(437), "its day is over, and it is gone");
    assert!(world.bound.is_empty());
    session = session.with_fresh_nonce(&mut world);
    assert_eq!(allocate(&mut world, &session), Some(401));
}

#[test]
fn without_that_day_it_ends_with_its_credentials() {
    let mut strict = config();
    strict.outlives_credentials = Duration::ZERO;
    let mut world = World::new(strict);
    let session = world.session(CLIENT, "alice");
    world.pass(Duration::from_secs(300));
    let reply = world.ask(&session, ALLOCATE, &[&RequestedTransport::new(17)]);
    assert_eq!(reply.lifetime(), 300);
    world.pass(Duration::from_secs(301));
    assert!(world.bound.is_empty());
}

#[test]
fn what_lacks_something_is_malformed() {
    let mut world = World::new(config());
    let session = world.session(CLIENT, "alice");
    let mut unnamed = world.message(MessageClass::Request, ALLOCATE);
    unnamed.add_message_integrity_with_key(&session.key(), session.algorithm).unwrap();
    let reply = Reply::only(world.hear(session.from, &unnamed.finish()));
    assert_eq!(reply.code(), Some(400));
    // A choice of algorithm without the offer: somebody in between took the offer away.
    let mut bid_down = world.message(MessageClass::Request, ALLOCATE);
    bid_down.add_attribute(&PasswordAlgorithm::new(PasswordAlgorithmValue::MD5)).unwrap();
    let reply = Reply::only(world.hear(session.from, &session.sign(bid_down)));
    assert_eq!(reply.code(), Some(400));
    assert_eq!(world.refused(Refusal::Malformed), 2);
}

#[test]
fn a_changed_request_is_forged() {
    let mut world = World::new(config());
    let (session, _) = world.allocated(CLIENT, "alice");
    let mut bytes = world.signed(&session, REFRESH, &[&Lifetime::new(600)]);
    let lifetime = bytes.windows(4).position(|window| window == 600u32.to_be_bytes()).unwrap();
    bytes[lifetime + 2] = 0;
    assert_eq!(Reply::only(world.hear(session.from, &bytes)).code(), Some(401));
    assert_eq!(MessageIntegrity::TYPE.value(), 0x0008);
}
