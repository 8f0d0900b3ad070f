//! Stand-ins for the peers of LSNP, golden bytes, limits and mutated datagrams.

mod peers;

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_core::rng::Rng;
use meshwork_core::time::Time;

use self::peers::{BROADCAST, Kind, Net, Peer, WALL, drain, ip, ours, wall};
use super::guest::{GUESTS_MAX, OF_ADDRESS_MAX};
use super::limits::ADDRESSES_MAX;
use super::machine::{PENDING_MAX, QUEUE_MAX};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn all() -> SocketAddr {
    (BROADCAST, PORT).into()
}

fn at(last: u8, port: u16) -> SocketAddr {
    (ip(last), port).into()
}

fn ann() -> String {
    format!("ann@{}", ip(7))
}

fn id(text: &str) -> UserId {
    text.parse().expect("a user id")
}

/// Handles a datagram that came to 50999 at a second.
fn hear(lsnp: &mut Lsnp, second: u64, from: SocketAddr, text: &str) {
    let now = Time(second * 1_000_000);
    lsnp.handle_datagram(now, wall(now), Socket::Lsnp, from, text.as_bytes());
}

/// A machine that has said its first words.
fn quiet() -> Lsnp {
    let mut lsnp = ours(7, 1);
    lsnp.handle_timeout(Time(0), wall(Time(0)));
    drain(&mut lsnp);
    lsnp
}

/// A text with its random id replaced, which has 16 lowercase hexadecimal digits.
fn golden(sent: &(Socket, SocketAddr, String)) -> String {
    let text = sent.2.clone();
    let Some(begin) = text.find("MESSAGE_ID:") else { return text };
    let begin = begin + "MESSAGE_ID:".len();
    let end = begin + text[begin..].find('\n').expect("a line");
    let number = text[begin..end].trim();
    assert!(
        number.len() == 16 && number.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
        "{text}"
    );
    text.replace(number, "ID")
}

fn verbose(events: &[Event]) -> Vec<String> {
    let lines = events.iter().filter_map(|event| match event {
        Event::Verbose(verbose) => Some(verbose.to_string()),
        _ => None,
    });
    lines.collect()
}

fn others(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().filter(|event| !matches!(event, Event::Verbose(_))).collect()
}

#[test]
fn first_words_reach_each_network() {
    let mut lsnp = ours(7, 1);
    lsnp.handle_timeout(Time(0), wall(Time(0)));
    let (sends, events) = drain(&mut lsnp);
    let to: Vec<String> = sends.iter().map(|(_, to, text)| format!("{to} {}", &text[..9])).collect();
    let expected = ["10.0.0.255:50999", "127.0.0.1:50999", "127.255.255.255:50999"];
    let discovery = expected.map(|to| format!("{to} TYPE:PEER"));
    let pings = expected.map(|to| format!("{to} TYPE: PIN"));
    assert_eq!(to, [discovery, pings].concat());
    assert!(sends.iter().all(|(from, ..)| *from == Socket::Main));
    let discovery =
        "TYPE:PEER_DISCOVERY\nUSER_ID:ann@10.0.0.7\nPORT:8123\nTIMESTAMP:1790000000\nMESSAGE_ID:ID\n\n";
    assert_eq!(golden(&sends[0]), discovery);
    assert_eq!(sends[3].2, "TYPE: PING\nUSER_ID: ann@10.0.0.7\n\n");
    assert_eq!(verbose(&events)[0], "SEND > 10.0.0.255:50999 PEER_DISCOVERY 101 bytes: to all");
    assert_eq!(lsnp.poll_timeout(), Some(Time(30_000_000)));
}

#[test]
fn golden_messages_in_both_framings() {
    for (from, hello, colon) in
        [(at(2, 9002), "TYPE:PEER_DISCOVERY\nPORT:9002\n", ":"), (at(3, PORT), "TYPE: PING\n", ": ")]
    {
        let mut lsnp = quiet();
        let user = id(&format!("bo@{}", from.ip()));
        hear(&mut lsnp, 1, from, &format!("{hello}USER_ID:{user}\n"));
        hear(&mut lsnp, 1, from, &format!("TYPE:FOLLOW\nFROM:{user}\nTO:ann@10.0.0.7\n"));
        hear(&mut lsnp, 1, from, &format!("TYPE{colon}PEER_LIST_REQUEST\nFROM:{user}\n"));
        hear(
            &mut lsnp,
            1,
            from,
            &format!("TYPE{colon}DM\nFROM:{user}\nTO:ann@10.0.0.7\nCONTENT:x\nMESSAGE_ID:00000000000000aa\n"),
        );
        let now = Time(0);
        assert_eq!(lsnp.post(now, wall(now), "one\ntwo"), Ok(1));
        lsnp.direct(now, wall(now), &user, "hi").expect("a guest");
        lsnp.follow(now, wall(now), &user, true).expect("a guest");
        lsnp.follow(now, wall(now), &user, false).expect("a guest");
        let avatar = Some(Avatar { kind: "image/png".into(), data: "iVAA\nRw==".into() });
        lsnp.set_profile(now, wall(now), &GuestProfile { name: "Ann".into(), status: "here".into(), avatar });
        lsnp.leave(now, wall(now));
        let (sends, _) = drain(&mut lsnp);
        let is_spaced = colon == ": ";
        // Answers to requests for lists go to the source from the main socket.
        let is_shared = |to: &SocketAddr, text: &str| is_spaced && *to == from && !text.contains("PEER_LIST");
        assert!(sends.iter().all(|(socket, to, text)| (*socket == Socket::Lsnp) == is_shared(to, text)));
        let written: Vec<String> = sends.iter().map(golden).collect();
        let line = |text: &str| {
            text.replace("=", colon).replace("BO", &user.to_string()).replace("ANN", "ann@10.0.0.7")
        };
        let mut expected = vec![
            "TYPE=POST\nUSER_ID=ANN\nCONTENT=one\u{2028}two\nTTL=3600\nTIMESTAMP=1790000000\nMESSAGE_ID=ID\nTOKEN=ANN|1790003600|broadcast\n\n",
            "TYPE=DM\nFROM=ANN\nTO=BO\nCONTENT=hi\nTIMESTAMP=1790000000\nMESSAGE_ID=ID\nTOKEN=ANN|1790003600|chat\n\n",
            "TYPE=FOLLOW\nMESSAGE_ID=ID\nFROM=ANN\nTO=BO\nTIMESTAMP=1790000000\nTOKEN=ANN|1790003600|follow\n\n",
            "TYPE=UNFOLLOW\nMESSAGE_ID=ID\nFROM=ANN\nTO=BO\nTIMESTAMP=1790000000\nTOKEN=ANN|1790003600|follow\n\n",
            "TYPE=PEER_LIST_RESPONSE\nFROM=ANN\nPEERS=[\"BO\"]\nCOUNT=1\nTIMESTAMP=1790000001\nMESSAGE_ID=ID\n\n",
        ];
        expected.extend(if is_spaced {
            [
                "TYPE=PROFILE\nUSER_ID=ANN\nDISPLAY_NAME=Ann\nSTATUS=here\nAVATAR_TYPE=image/png\nAVATAR_ENCODING=base64\nAVATAR_DATA=iVAARw==\n\n",
                "TYPE=PROFILE\nUSER_ID=ANN\nDISPLAY_NAME=ann\nSTATUS=Hello from Meshwork!\n\n",
                "TYPE=ACK\nMESSAGE_ID=ID\nSTATUS=RECEIVED\n\n",
            ]
        } else {
            [
                "TYPE=PROFILE\nUSER_ID=ANN\nDISPLAY_NAME=Ann\nSTATUS=here\nTIMESTAMP=1790000000\nMESSAGE_ID=ID\nAVATAR_TYPE=image/png\nAVATAR_ENCODING=base64\nAVATAR_DATA=iVAARw==\n\n",
                "TYPE=FOLLOW_RESPONSE\nMESSAGE_ID=ID\nFROM=ANN\nTO=BO\nTIMESTAMP=1790000001\nSTATUS=true\n\n",
                "TYPE=REVOKE\nUSER_ID=ANN\nTIMESTAMP=1790000000\nMESSAGE_ID=ID\n\n",
            ]
        });
        for text in expected {
            // Base64 has signs of equality of its own.
            let text = line(&text.replace("Rw==", "Rw??")).replace("??", "==");
            assert!(written.contains(&text), "{text}\nis not among\n{}", written.join("\n"));
        }
    }
}

#[test]
fn dialect_a_is_known_without_storm() {
    let (mut one, mut two) = (Peer::new(Kind::A, 2, "bo"), Peer::new(Kind::A, 3, "cy"));
    let mut packet = one.discovery(at(3, PORT));
    for _ in 0..500 {
        packet = two.receive(packet.0, &packet.2).remove(0);
        packet = one.receive(packet.0, &packet.2).remove(0);
    }
    assert_eq!(one.received, 500, "the stand-ins storm among themselves");

    let mut net = Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::A, 2, "bo")]);
    for _ in 0..20 {
        let hello = net.peers[0].discovery(all());
        net.packets.push_back(hello);
        net.run(30 * SECOND);
    }
    assert!(net.peers[0].known.contains_key(&ann()));
    let (now, bo) = (net.now, net.peers[0].id());
    let lsnp = &mut net.ours[0].1;
    assert_eq!(
        lsnp.guests().next().map(|guest| (guest.id.to_string(), guest.dialect)),
        Some((bo.clone(), Dialect::A))
    );
    lsnp.post(now, wall(now), "to all").expect("short");
    lsnp.direct(now, wall(now), &id(&bo), "to you").expect("a guest");
    net.settle();
    let shown = [("POST", "to all"), ("DM", "to you")].map(|(kind, text)| (kind.to_owned(), text.to_owned()));
    assert_eq!(net.peers[0].shown, shown);
    let carried: usize = net.carried.values().sum();
    assert!(carried < 130, "{carried} datagrams in 600 s");
}

#[test]
fn two_of_ours_exchange_few_datagrams() {
    let mut net = Net::new(vec![(7, ours(7, 1)), (8, ours(8, 2))], Vec::new());
    for (_, lsnp, _) in &mut net.ours {
        lsnp.set_profile(
            Time(0),
            wall(Time(0)),
            &GuestProfile { name: "Ann".into(), ..GuestProfile::default() },
        );
    }
    net.run(600 * SECOND);
    let carried: usize = net.carried.values().sum();
    assert!((40..200).contains(&carried), "{carried} datagrams in 600 s");
    assert_eq!(net.ours[1].1.guests().count(), 1);
    net.ours[1].1.ours([at(7, 8123)]);
    net.ours[0].1.ours([at(8, 8123)]);
    net.run(60 * SECOND);
    assert!(net.ours.iter().all(|(_, lsnp, _)| lsnp.guests().count() == 0));
}

#[test]
fn discovery_is_answered_once_in_thirty_seconds() {
    let mut lsnp = quiet();
    let hello = "TYPE:PEER_DISCOVERY\nUSER_ID:bo@10.0.0.2\nPORT:9002\n\n";
    for second in 1..=30 {
        hear(&mut lsnp, second, at(2, 9002), hello);
    }
    let (sends, _) = drain(&mut lsnp);
    assert_eq!(
        sends.iter().map(|(from, to, _)| (*from, *to)).collect::<Vec<_>>(),
        [(Socket::Main, at(2, 9002))]
    );
    for _ in 0..9 {
        lsnp.handle_datagram(Time(40_000_000), wall(Time(0)), Socket::Main, at(2, 9002), hello.as_bytes());
    }
    assert_eq!(drain(&mut lsnp).0, []);
    hear(&mut lsnp, 31, at(2, 9002), hello);
    assert_eq!(drain(&mut lsnp).0.len(), 1);
}

#[test]
fn pings_and_lists_are_answered_once() {
    for (request, every) in [("PING", 30), ("PEER_LIST_REQUEST", 10)] {
        let mut lsnp = quiet();
        let request = format!("TYPE: {request}\nUSER_ID: bo@10.0.0.2\n\n");
        let count = |lsnp: &mut Lsnp, second| {
            hear(lsnp, second, at(2, PORT), &request);
            drain(lsnp).0.len()
        };
        assert_eq!((1..=every).map(|second| count(&mut lsnp, second)).sum::<usize>(), 1, "{request}");
        assert_eq!(count(&mut lsnp, every + 1), 1);
    }
}

#[test]
fn silent_address_gets_eight_datagrams() {
    let mut lsnp = quiet();
    for number in 0..200 {
        let second = 1 + number / 25;
        let (port, user) = (1000 + number, format!("u{number}@10.0.0.2"));
        hear(&mut lsnp, second, at(2, 9), &format!("TYPE:PEER_DISCOVERY\nUSER_ID:{user}\nPORT:{port}\n"));
        hear(&mut lsnp, second, at(2, 9), &format!("TYPE: PING\nUSER_ID: {user}\n"));
        hear(&mut lsnp, second, at(2, port as u16), &format!("TYPE:PEER_LIST_REQUEST\nFROM:{user}\n"));
        lsnp.post(Time(second * 1_000_000), wall(Time(0)), "hi").expect("short");
    }
    let (sends, events) = drain(&mut lsnp);
    assert_eq!(sends.len(), UNANSWERED_MAX);
    assert!(verbose(&events).iter().any(|line| line.ends_with("not sent: it has not answered yet")));
    assert_eq!(lsnp.guests().count(), OF_ADDRESS_MAX);
}

#[test]
fn restarted_peers_are_welcome_again() {
    let mut net = Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::B, 2, "bo")]);
    let came = Event::Came { id: id("bo@10.0.0.2"), address: at(2, 9002) };
    let gone = Event::Gone(id("bo@10.0.0.2"));
    for is_silent in [false, true, false] {
        let hello = net.peers[0].discovery(all());
        net.packets.push_back(hello);
        net.run(31 * SECOND);
        assert_eq!(net.events(), vec![came.clone()]);
        assert!(net.peers[0].known.contains_key(&ann()));
        if is_silent {
            // A peer that never answers: ours announce to nobody.
            net.peers[0].banned.insert(ann());
            net.run(301 * SECOND);
        } else {
            let goodbye = net.peers[0].says(at(7, 8123), "TYPE:REVOKE\nUSER_ID:bo@10.0.0.2\nTIMESTAMP:1");
            net.packets.push_back(goodbye);
            net.settle();
        }
        assert_eq!((net.events(), net.ours[0].1.guests().count()), (vec![gone.clone()], 0));
        net.peers[0] = Peer::new(Kind::B, 2, "bo");
    }
}

#[test]
fn bans_of_dialect_b_are_its_own() {
    let mut net = Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::B, 2, "bo")]);
    let ping = net.peers[0].says(all(), "TYPE:PING\nUSER_ID:bo@10.0.0.2\nPORT:9002");
    net.packets.push_back(ping);
    net.run(SECOND);
    net.ours[0].1.leave(Time(0), wall(Time(0)));
    assert_eq!(net.ours[0].1.poll_timeout(), None);
    net.settle();
    assert!(net.peers[0].banned.contains(&ann()), "goodbye has arrived");
    net.ours[0].1 = ours(7, 2);
    let hello = net.peers[0].discovery(all());
    net.packets.push_back(hello);
    net.run(SECOND);
    assert_eq!(net.ours[0].1.guests().count(), 1, "we see a peer that has banned us");
}

#[test]
fn line_breaks_inject_no_field() {
    let mut lsnp = quiet();
    let text = "TYPE:DM\nFROM:bo@10.0.0.2\nTO:ann@10.0.0.7\nCONTENT:hi\nFROM:cy@10.0.0.3\nTYPE:REVOKE\n\nTOKEN:x\n\n";
    hear(&mut lsnp, 1, at(2, 9002), text);
    let (_, events) = drain(&mut lsnp);
    assert!(events.contains(&Event::Direct { from: id("bo@10.0.0.2"), text: "hi".into() }), "{events:?}");
    let now = Time(1_000_000);
    lsnp.direct(now, wall(now), &id("bo@10.0.0.2"), "a\nFROM:cy@10.0.0.3\r\n\r\nTYPE:POST").expect("a guest");
    let mut bo = Peer::new(Kind::A, 2, "bo");
    bo.receive(at(7, 8123), drain(&mut lsnp).0[0].2.as_bytes());
    assert_eq!(
        bo.shown,
        [("DM".to_owned(), "a\u{2028}FROM:cy@10.0.0.3\u{2028}\u{2028}TYPE:POST".to_owned())]
    );
    assert!(bo.known.contains_key(&ann()));
}

#[test]
fn forged_senders_are_dropped() {
    let mut lsnp = quiet();
    let late = WALL + 3600;
    let dm = |from: &str, token: &str| {
        format!("TYPE: DM\nFROM: {from}\nTO: ann@10.0.0.7\nCONTENT: x\nTOKEN: {token}\n\n")
    };
    for (source, from, token, reason) in [
        (3, "bo@10.0.0.2", format!("bo@10.0.0.2|{late}|chat"), "bo@10.0.0.2 does not send from 10.0.0.3"),
        (3, "cy@10.0.0.3", format!("bo@10.0.0.2|{late}|chat"), "Token of bo@10.0.0.2, who is not the sender"),
        (
            3,
            "cy@10.0.0.3",
            format!("cy@10.0.0.3|{late}|follow"),
            "Invalid scope (required: chat, got: follow)",
        ),
        (3, "cy@127.0.0.1", format!("cy@127.0.0.1|{late}|chat"), "cy@127.0.0.1 does not send from 10.0.0.3"),
        (
            7,
            "ann@10.0.0.7",
            format!("ann@10.0.0.7|{late}|chat"),
            "ann@10.0.0.7 is our own user id: choose another name",
        ),
        (
            255,
            "cy@10.0.0.255",
            format!("cy@10.0.0.255|{late}|chat"),
            "10.0.0.255 is no address of one machine",
        ),
    ] {
        hear(&mut lsnp, 1, at(source, PORT), &dm(from, &token));
        let (sends, events) = drain(&mut lsnp);
        assert_eq!((sends.len(), events.len(), lsnp.guests().count()), (0, 1, 0), "{events:?}");
        let line = verbose(&events).remove(0);
        assert!(line.starts_with("DROP !") && line.ends_with(reason), "{line}");
    }
    let token = format!("cy@10.0.0.3|{late}|chat");
    hear(&mut lsnp, 1, at(3, PORT), &format!("TYPE: REVOKE\nTOKEN: {token}\n\n"));
    hear(&mut lsnp, 1, at(3, PORT), &dm("cy@10.0.0.3", &token));
    assert!(verbose(&drain(&mut lsnp).1).iter().any(|line| line.ends_with("Token revoked")));
    for local in ["di@127.0.0.1", "di@10.0.0.7"] {
        hear(&mut lsnp, 1, ([127, 0, 0, 1], 9004).into(), &format!("TYPE:PING\nUSER_ID:{local}\n"));
    }
    assert_eq!(lsnp.guests().count(), 2, "loopback matches our own addresses");
}

#[test]
fn duplicates_are_shown_once() {
    let mut net =
        Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::Strict, 3, "cy"), Peer::new(Kind::A, 2, "bo")]);
    net.run(SECOND);
    for peer in 0..2 {
        let to = if peer == 0 { at(7, PORT) } else { at(7, 8123) };
        let dm = net.peers[peer].text(to, Some(&ann()), "once");
        let post = net.peers[peer].text(to, None, "news");
        net.packets.extend([dm.clone(), post.clone(), dm, post]);
    }
    net.settle();
    let events = net.events();
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Direct { .. })), 2);
    assert_eq!(count(|event| matches!(event, Event::Posted { .. })), 2);
    let acks = |peer: &Peer| peer.shown.iter().filter(|(kind, _)| kind == "ACK").count();
    assert_eq!(
        (acks(&net.peers[0]), acks(&net.peers[1])),
        (2, 0),
        "each copy is acknowledged where that is spoken"
    );
}

#[test]
fn unacknowledged_message_is_repeated_three_times() {
    for is_mute in [true, false] {
        let mut net = Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::Strict, 3, "cy")]);
        net.peers[0].is_mute = is_mute;
        net.run(SECOND);
        let (now, to) = (net.now, id("cy@10.0.0.3"));
        let message = net.ours[0].1.direct(now, wall(now), &to, "hi").expect("a guest");
        net.run(20 * SECOND);
        let dms = net.peers[0].shown.iter().filter(|(kind, _)| kind == "DM").count();
        let end = if is_mute {
            Event::Undelivered { to, id: message }
        } else {
            Event::Delivered { to, id: message }
        };
        assert_eq!(dms, if is_mute { 4 } else { 1 });
        assert_eq!(net.events().iter().filter(|event| **event == end).count(), 1);
        assert!(net.ours[0].1.pending.is_empty());
    }
}

#[test]
fn strict_peer_reads_all_we_send() {
    let mut net = Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::Strict, 3, "cy")]);
    net.run(SECOND);
    assert!(
        net.events()
            .iter()
            .any(|event| matches!(event, Event::Profile { profile, .. } if profile.name == "cy"))
    );
    let (now, cy) = (net.now, id("cy@10.0.0.3"));
    let lsnp = &mut net.ours[0].1;
    let status = "s".repeat(1000);
    lsnp.set_profile(now, wall(now), &GuestProfile { name: "Ann".into(), status, avatar: None });
    lsnp.post(now, wall(now), &"x".repeat(TEXT_MAX)).expect("short");
    lsnp.direct(now, wall(now), &cy, "hi").expect("a guest");
    lsnp.follow(now, wall(now), &cy, true).expect("a guest");
    assert_eq!(lsnp.post(now, wall(now), &"x\n".repeat(1000)), Err(SendError::Long(4000)));
    net.run(SECOND);
    let shown: Vec<&str> = net.peers[0].shown.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(shown, ["PROFILE", "POST", "DM"]);
    assert!(net.events().contains(&Event::Followed { who: cy, follows: true }));
    let dropped: Vec<&String> = net.peers[0].dropped.iter().filter(|reason| *reason != "FOLLOW").collect();
    assert_eq!(dropped, ["framing"], "the unspaced discovery alone");
}

#[test]
fn dialect_b_gets_posts_after_following() {
    let mut net = Net::new(vec![(7, ours(7, 1))], vec![Peer::new(Kind::B, 2, "bo")]);
    let ping = net.peers[0].says(all(), "TYPE:PING\nUSER_ID:bo@10.0.0.2\nPORT:9002");
    let hello = net.peers[0].discovery(all());
    net.packets.extend([ping, hello]);
    net.run(SECOND);
    let (now, bo) = (net.now, id("bo@10.0.0.2"));
    assert_eq!(net.ours[0].1.post(now, wall(now), "unseen"), Ok(0));
    let token = format!("bo@10.0.0.2|{}|follow", WALL + 60);
    let follow = format!("TYPE:FOLLOW\nMESSAGE_ID:1\nFROM:bo@10.0.0.2\nTO:ann@10.0.0.7\nTOKEN:{token}");
    let follow = net.peers[0].says(at(7, 8123), &follow);
    net.packets.push_back(follow);
    net.settle();
    assert_eq!(net.peers[0].follows.iter().collect::<Vec<_>>(), [&ann()], "FOLLOW_RESPONSE came at once");
    assert_eq!(net.ours[0].1.post(now, wall(now), "seen"), Ok(1));
    net.ours[0].1.follow(now, wall(now), &bo, true).expect("a guest");
    net.settle();
    assert!(net.peers[0].followers.contains(&ann()));
    assert!(net.peers[0].shown.contains(&("POST".to_owned(), "seen".to_owned())));
    let events = net.events();
    assert!(events.contains(&Event::Follows { by: bo.clone(), follows: true }));
    assert!(events.contains(&Event::Followed { who: bo.clone(), follows: true }));
    let post = net.peers[0].text(at(7, 8123), None, "from B");
    net.packets.push_back(post);
    net.settle();
    assert_eq!(net.events(), [Event::Posted { from: bo, text: "from B".into() }]);
}

#[test]
fn pictures_beyond_their_limits_are_left_out() {
    let mut lsnp = quiet();
    for (length, is_kept) in [(AVATAR_MAX, true), (AVATAR_MAX + 1, false)] {
        let text = format!(
            "TYPE:PROFILE\nUSER_ID:bo@10.0.0.2\nDISPLAY_NAME:B\u{1b}o\nSTATUS:hi\navatar_type:image/png\nAvatar_Encoding:base64\nAVATAR_DATA:{}\n\n",
            "A".repeat(length)
        );
        hear(&mut lsnp, 1, at(2, 9002), &text);
        let events = others(drain(&mut lsnp).1);
        let Some(Event::Profile { profile, dropped, .. }) = events.last() else { panic!("{events:?}") };
        assert_eq!((profile.name.as_str(), *dropped), ("Bo", (!is_kept).then_some(length)));
        let avatar = profile.avatar.as_ref().map(|avatar| (avatar.kind.as_str(), avatar.data.len()));
        assert_eq!(avatar, is_kept.then_some(("image/png", length)));
    }
    assert!(
        lsnp.guests().all(|guest| guest.profile.as_ref().is_some_and(|profile| profile.avatar.is_none()))
    );
    let now = Time(1_000_000);
    for (length, is_kept) in [(3_000, true), (4_000, false)] {
        let avatar = Some(Avatar { kind: "image/png".into(), data: "A".repeat(length) });
        lsnp.set_profile(now, wall(now), &GuestProfile { name: "Ann".into(), status: String::new(), avatar });
        let (sends, events) = drain(&mut lsnp);
        assert_eq!(sends.iter().all(|(.., text)| text.contains("AVATAR_DATA")), is_kept);
        assert_eq!(
            events.iter().any(|event| matches!(event, Event::AvatarLeftOut { bytes } if *bytes > 4096)),
            !is_kept
        );
    }
}

#[test]
fn unsupported_types_do_nothing() {
    let mut lsnp = quiet();
    for kind in [
        "FILE_OFFER",
        "FILE_CHUNK",
        "GROUP_CREATE",
        "GROUP_MESSAGE",
        "LIKE",
        "TICTACTOE_INVITE",
        "NONSENSE\u{1b}",
    ] {
        hear(
            &mut lsnp,
            1,
            at(2, 9002),
            &format!("TYPE:{kind}\nFROM:bo@10.0.0.2\nTO:ann@10.0.0.7\nfilename:../../x\n\n"),
        );
        let (sends, events) = drain(&mut lsnp);
        assert_eq!((sends.len(), events.len(), lsnp.guests().count()), (0, 1, 0), "{kind}");
        let line = verbose(&events).remove(0);
        assert!(line.starts_with("DROP !") && !line.contains('\u{1b}'), "{line}");
        assert!(line.ends_with("not supported") != kind.starts_with("NONSENSE"), "{line}");
    }
}

#[test]
fn full_queue_counts_its_excess() {
    let mut lsnp = quiet();
    let text = "x".repeat(8000);
    for number in 0..1000 {
        hear(
            &mut lsnp,
            1,
            at(2, 9002),
            &format!("TYPE:POST\nUSER_ID:bo@10.0.0.2\nCONTENT:{text}\nMESSAGE_ID:{number}\n\n"),
        );
        assert!(lsnp.queued <= QUEUE_MAX);
    }
    let events = drain(&mut lsnp).1;
    assert!(matches!(events.last(), Some(Event::Excess(count)) if *count > 100), "{:?}", events.last());
    assert_eq!((lsnp.queued, lsnp.poll_output()), (0, None));
}

/// Honest datagrams of all types, to be mutated.
fn honest() -> Vec<Vec<u8>> {
    let tails = [
        "PORT:9002\nTIMESTAMP:1790000000\nMESSAGE_ID:00000000000000aa",
        "TO:ann@10.0.0.7\nCONTENT:hi\nTIMESTAMP:1790000000\nMESSAGE_ID:00000000000000ab\nTOKEN:bo@10.0.0.2|1790003600|chat",
        "DISPLAY_NAME:Bo\nSTATUS:hi\nAVATAR_TYPE:image/png\nAVATAR_ENCODING:base64\nAVATAR_DATA:iVBORw0KGgo=",
        "TO:ann@10.0.0.7\nSTATUS:true\nMESSAGE_ID:00000000000000ac\nTOKEN:bo@10.0.0.2|1790003600|follow",
    ];
    let kinds = [
        "PEER_DISCOVERY",
        "PEER_LIST_REQUEST",
        "PING",
        "PROFILE",
        "POST",
        "DM",
        "FOLLOW",
        "UNFOLLOW",
        "FOLLOW_RESPONSE",
        "REVOKE",
        "ACK",
        "FILE_OFFER",
    ];
    let texts = kinds.iter().flat_map(|kind| {
        tails
            .iter()
            .map(move |tail| format!("TYPE:{kind}\nUSER_ID:bo@10.0.0.2\nFROM:bo@10.0.0.2\n{tail}\n\n"))
    });
    texts.flat_map(|text| [text.replace(':', ": ").into_bytes(), text.into_bytes()]).collect()
}

#[test]
fn mutated_datagrams_keep_tables_bounded() {
    let seed: u8 = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    println!("seed {seed}");
    let (mut rng, mut lsnp, honest) = (Rng::new([seed; 32]), ours(7, 1), honest());
    for number in 0..100_000 {
        let mut bytes = honest[rng.below(honest.len() as u64) as usize].clone();
        let last = 1 + rng.below(200) as u8;
        if rng.below(2) == 0 {
            let name = rng.below(5_000);
            bytes = String::from_utf8_lossy(&bytes)
                .replace("bo@10.0.0.2", &format!("u{name}@10.0.0.{last}"))
                .into_bytes();
        }
        for _ in 0..rng.below(3) {
            let at = rng.below(bytes.len() as u64 + 1) as usize;
            match rng.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, rng.next_u64() as u8),
                2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.below(8)),
                _ => drop(bytes.drain(at..(at + rng.below(9) as usize).min(bytes.len()))),
            }
        }
        let now = Time(number * 20_000);
        let on = if rng.below(2) == 0 { Socket::Main } else { Socket::Lsnp };
        lsnp.handle_datagram(now, wall(now), on, at(last, rng.next_u64() as u16), &bytes);
        if rng.below(50) == 0 {
            lsnp.handle_timeout(now, wall(now));
            lsnp.post(now, wall(now), "hi").expect("short");
            let to = lsnp.guests().next().map(|guest| guest.id.clone());
            to.map(|to| lsnp.direct(now, wall(now), &to, "hi"));
            drain(&mut lsnp);
        }
        assert!(
            lsnp.guests().count() <= GUESTS_MAX
                && lsnp.pending.len() <= PENDING_MAX
                && lsnp.queued <= QUEUE_MAX
        );
        assert!(
            [
                lsnp.answers.len(),
                lsnp.lists.len(),
                lsnp.profiles.len(),
                lsnp.budget.len(),
                lsnp.revoked.len()
            ]
            .iter()
            .all(|size| *size <= ADDRESSES_MAX)
        );
    }
    assert!(lsnp.guests().count() > 200, "most datagrams are read");
}
