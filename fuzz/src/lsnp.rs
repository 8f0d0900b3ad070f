//! Datagrams of LSNP, one after the other, against one machine with guests of both framings.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::time::{Time, WallTime};
use meshwork_lan::lsnp::frame::{READ_MAX, WRITE_MAX};
use meshwork_lan::lsnp::guest::GUESTS_MAX;
use meshwork_lan::lsnp::{AVATAR_MAX, Config, Event, Lsnp, Output, PORT, Socket};

const WALL: WallTime = WallTime(1_790_000_000_000_000);
/// Separates the datagrams of an input; no text has it.
const END: u8 = 0xff;

/// Honest conversations: unspaced and spaced.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let unspaced = "TYPE:PEER_DISCOVERY\nUSER_ID:bo@10.0.0.2\nPORT:9002\nTIMESTAMP:1790000000\nMESSAGE_ID:00000000000000a1\n\n\
                    |TYPE:PING\nUSER_ID:bo@10.0.0.2\nTIMESTAMP:1790000000\nPORT:9002\nMESSAGE_ID:00000000000000a2\n\n\
                    |TYPE:FOLLOW\nMESSAGE_ID:00000000000000a3\nFROM:bo@10.0.0.2\nTO:ann@10.0.0.7\nTIMESTAMP:1790000000\n\n\
                    |TYPE:FOLLOW_RESPONSE\nMESSAGE_ID:00000000000000a4\nFROM:bo@10.0.0.2\nTO:ann@10.0.0.7\nSTATUS:true\n\n\
                    |TYPE:PEER_LIST_REQUEST\nFROM:bo@10.0.0.2\n\n\
                    |TYPE:REVOKE\nUSER_ID:bo@10.0.0.2\nTIMESTAMP:1790000000\nMESSAGE_ID:00000000000000a5\n\n";
    let spaced = "TYPE: PROFILE\nUSER_ID: bo@10.0.0.2\nDISPLAY_NAME: Bo\nSTATUS: here\nAVATAR_TYPE: image/png\n\
                  AVATAR_ENCODING: base64\nAVATAR_DATA: iVBORw0KGgo=\n\n\
                  |TYPE: POST\nUSER_ID: bo@10.0.0.2\nCONTENT: hi\nTTL: 3600\nMESSAGE_ID: 00000000000000b1\n\n\
                  |TYPE: DM\r\nFROM: bo@10.0.0.2\r\nTO: ann@10.0.0.7\r\nCONTENT: hi\r\nMESSAGE_ID: 00000000000000b2\r\n\
                  TOKEN: bo@10.0.0.2/1790003600/chat\r\n\r\n\
                  |TYPE: ACK\nMESSAGE_ID: 00000000000000b3\nSTATUS: RECEIVED\n\n";
    let split = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b'|' => END,
            b'/' => b'|',
            byte => byte,
        });
        bytes.collect()
    };
    vec![split(unspaced), split(&spaced.replace("image/png", "png"))]
}

/// No input makes the machine panic, send a long datagram, or send many.
pub(crate) fn run(input: &[u8]) {
    let (announce, timeout) = (Duration::from_secs(30), Duration::from_secs(300));
    let config = Config { user: "ann".into(), port: 8123, announce, timeout };
    let mut lsnp = Lsnp::new(config, [1; 32], Time(0));
    let interface = meshwork_lan::discovery::Interface {
        name: "eth0".into(),
        address: Ipv4Addr::new(10, 0, 0, 7).into(),
        prefix: 24,
        broadcast: Some(Ipv4Addr::new(10, 0, 0, 255)),
        index: 1,
    };
    lsnp.handle_interfaces(Time(0), &[interface]);
    let mut now = Time(0);
    for (number, bytes) in input.split(|byte| *byte == END).enumerate() {
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), if number % 3 == 0 { PORT } else { 9002 }));
        let on = if number % 2 == 0 { Socket::Lsnp } else { Socket::Main };
        lsnp.handle_datagram(now, WALL, on, from, bytes);
        let first = lsnp.guests().next().map(|guest| guest.id.clone());
        if let Some(id) = first {
            assert_eq!(id.to_string().parse().as_ref(), Ok(&id), "an id is read as it is written");
            lsnp.direct(now, WALL, &id, "hi").expect("a guest");
        }
        now += Duration::from_secs(1);
        lsnp.handle_timeout(now, WALL);
        let mut sent = 0;
        while let Some(output) = lsnp.poll_output() {
            match output {
                Output::Send { bytes, .. } => {
                    assert!(
                        bytes.len() <= WRITE_MAX && bytes.starts_with(b"TYPE:") && bytes.ends_with(b"\n\n")
                    );
                    sent += 1;
                }
                Output::Event(Event::Profile { profile, .. }) => {
                    assert!(profile.avatar.is_none_or(|avatar| avatar.data.len() <= AVATAR_MAX));
                }
                Output::Event(Event::Direct { text, .. } | Event::Posted { text, .. }) => {
                    assert!(text.len() <= READ_MAX && !text.contains(char::is_control), "{text:?}");
                }
                Output::Event(_) => {}
            }
        }
        assert!(sent <= 80, "one datagram is answered by {sent}");
    }
    assert!(lsnp.guests().count() <= GUESTS_MAX);
}
