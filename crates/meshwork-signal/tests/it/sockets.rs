//! The meeting point over real WebSockets: meeting, rubbish, limits, restart and shutdown.

use std::time::Duration;

use crate::common::{DEADLINE, Server, genesis, someone, soon, trusting};
use meshwork_core::id::Code;
use meshwork_core::signalling::protocol::{FromClient, FromServer, ServerRefusal};
use meshwork_core::wire::Base64;
use meshwork_signal::http::HttpConfig;
use meshwork_signal::hub::HubConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn two_meet_by_a_code_and_exchange_signals() {
    let server = Server::start().await;
    let (bytes, room) = genesis(1);
    let mut maker = server.enter(&someone(1)).await;
    let code: Code = maker.register(&bytes).await.parse().unwrap();
    assert_eq!(maker.join(room).await, []);

    let mut guest = server.enter(&someone(2)).await;
    guest.say(&FromClient::Lookup { room: None, code: Some(code) }).await;
    assert_eq!(guest.hear().await, Some(FromServer::Found { room, code, genesis: bytes }));
    assert_eq!(guest.join(room).await, [someone(1).endpoint]);
    assert!(matches!(maker.hear().await, Some(FromServer::MemberJoined { .. })));

    let payload = Base64::new([9; 8 * 1024]).unwrap();
    guest.say(&FromClient::Signal { room, to: someone(1).endpoint, payload: payload.clone() }).await;
    let from = someone(2).endpoint;
    assert_eq!(maker.hear().await, Some(FromServer::Signal { room, from, payload }));

    drop(guest);
    assert_eq!(maker.hear().await, Some(FromServer::MemberLeft { room, endpoint: from }));
}

#[tokio::test]
async fn rubbish_is_told_its_fault_without_disturbing_others() {
    let server = Server::start().await;
    let (bytes, room) = genesis(1);
    let mut member = server.enter(&someone(1)).await;
    member.register(&bytes).await;
    member.join(room).await;

    let rubbish = [
        (Message::text("what?"), ServerRefusal::Malformed, "what?"),
        (Message::text(""), ServerRefusal::Malformed, "EOF"),
        (Message::binary(vec![0; 7]), ServerRefusal::Malformed, "7 bytes"),
        (Message::text("x".repeat(16 * 1024 + 1)), ServerRefusal::TooLarge, "16385 bytes"),
        (Message::text("x".repeat(100_000)), ServerRefusal::TooLarge, "100000 bytes"),
        (Message::text(r#"{"type":"keep-alive"}"#), ServerRefusal::OutOfOrder, "keep-alive"),
    ];
    for (message, reason, named) in rubbish {
        let mut client = server.connect().await;
        client.send(message).await;
        let words = client.goodbye(reason).await;
        assert!(words.contains(named), "{words}");
    }
    member.say(&FromClient::KeepAlive).await;
    assert_eq!(member.hear().await, Some(FromServer::KeepAlive));
}

#[tokio::test]
async fn broken_frames_are_told_too() {
    let server = Server::start().await;
    // An unmasked frame, a text that is no UTF-8, a reserved operation.
    for frame in [&b"\x81\x02hi"[..], b"\x81\x82\0\0\0\0\xff\xff", b"\x83\x80\0\0\0\0"] {
        let mut client = server.connect().await;
        client.socket.get_mut().write_all(frame).await.unwrap();
        client.goodbye(ServerRefusal::Malformed).await;
    }
}

#[tokio::test]
async fn a_full_room_refuses_and_the_socket_stays() {
    let config = HubConfig { members_max: 24, ..HubConfig::default() };
    let server = Server::with(config, HttpConfig::default(), [1; 32]).await;
    let (bytes, room) = genesis(1);
    let mut members = Vec::new();
    for secret in 1..=24 {
        let mut member = server.enter(&someone(secret)).await;
        member.register(&bytes).await;
        assert_eq!(member.join(room).await.len(), usize::from(secret) - 1);
        members.push(member);
    }
    let mut late = server.enter(&someone(25)).await;
    late.say(&FromClient::Join { room, token: None }).await;
    match late.hear().await {
        Some(FromServer::Refused { reason: ServerRefusal::RoomFull, room: Some(named), detail, .. }) => {
            assert_eq!(named, room);
            assert!(detail.contains("24 members"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    drop(members.remove(0));
    // The place is free once the others have heard of it.
    loop {
        if let Some(FromServer::MemberLeft { .. }) = members[0].hear().await {
            break;
        }
    }
    assert_eq!(late.join(room).await.len(), 23);
}

#[tokio::test]
async fn restart_keeps_a_code_only_with_same_key() {
    let (bytes, room) = genesis(1);
    let mut codes = Vec::new();
    for key in [[5; 32], [5; 32], [6; 32]] {
        let server = Server::with(HubConfig::default(), HttpConfig::default(), key).await;
        let mut client = server.enter(&someone(1)).await;
        // A member that comes back finds its room forgotten and registers it again.
        client.say(&FromClient::Lookup { room: Some(room), code: None }).await;
        assert_eq!(client.hear().await, Some(FromServer::Unknown { room: Some(room), code: None }));
        codes.push(client.register(&bytes).await);
        drop(client);
        soon(server.stop()).await.unwrap();
    }
    assert_eq!(codes[0], codes[1]);
    assert_ne!(codes[0], codes[2]);
}

#[tokio::test]
async fn shutting_down_says_goodbye_and_ends() {
    let server = Server::start().await;
    let mut clients = [server.enter(&someone(1)).await, server.enter(&someone(2)).await];
    let stopped = server.stop();
    for client in &mut clients {
        client.goodbye(ServerRefusal::ShuttingDown).await;
    }
    soon(stopped).await.unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_nobody_who_does_not_read() {
    let config = HttpConfig { shut_down_within: Duration::from_millis(200), ..HttpConfig::default() };
    let server = Server::with(HubConfig::default(), config, [1; 32]).await;
    let _silent = server.enter(&someone(1)).await;
    let _idle = tokio::net::TcpStream::connect(server.address).await.unwrap();
    soon(server.stop()).await.unwrap();
}

#[tokio::test]
async fn stalled_reader_is_dropped_and_its_sender_stays() {
    // The system buffers some megabytes before the server can notice: much may be said at once.
    let config = HubConfig {
        unread_after: Duration::from_secs(1),
        message_burst: 100_000,
        messages_per_second: 10_000,
        network_message_burst: 1_000_000,
        network_messages_per_second: 100_000,
        ..HubConfig::default()
    };
    let server = Server::with(config, HttpConfig::default(), [1; 32]).await;
    let (bytes, room) = genesis(1);
    let mut slow = server.enter(&someone(1)).await;
    slow.register(&bytes).await;
    slow.join(room).await;
    let mut sender = server.enter(&someone(2)).await;
    sender.join(room).await;
    let payload = Base64::new(vec![1; 8 * 1024]).unwrap();
    let signal = FromClient::Signal { room, to: someone(1).endpoint, payload };
    let flooding = async {
        loop {
            for _ in 0..50 {
                sender.say(&signal).await;
            }
            sender.say(&FromClient::KeepAlive).await;
            loop {
                match sender.hear().await {
                    Some(FromServer::MemberLeft { endpoint, .. }) => return endpoint,
                    Some(FromServer::KeepAlive) => break,
                    Some(FromServer::Refused { reason: ServerRefusal::SlowReader, .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    };
    let left = tokio::time::timeout(3 * DEADLINE, flooding).await.unwrap();
    assert_eq!(left, someone(1).endpoint);
    sender.say(&FromClient::KeepAlive).await;
    while sender.hear().await != Some(FromServer::KeepAlive) {}
}

#[tokio::test]
async fn a_local_proxy_says_for_whom_it_speaks() {
    let config = HubConfig { sockets_per_network_max: 1, ..HubConfig::default() };
    let server = Server::with(config, trusting(), [1; 32]).await;
    let mut kept = Vec::new();
    for (forwarded, is_welcome) in
        [("192.0.2.1", true), ("198.51.100.9, 192.0.2.1", false), ("192.0.2.2", true)]
    {
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "GET /signal HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             x-forwarded-for: {forwarded}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.contains("\"type\":") {
            let mut chunk = [0; 512];
            let read = soon(stream.read(&mut chunk)).await.unwrap();
            assert_ne!(read, 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
        assert_eq!(answer.contains("\"welcome\""), is_welcome, "{forwarded}: {answer}");
        kept.push(stream);
    }
}
