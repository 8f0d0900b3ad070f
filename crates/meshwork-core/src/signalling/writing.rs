//! Writing what a client says, by little code: a page carries it.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Display;

use super::protocol::{Announcement, FromClient, LinkOutcome};

/// An object that is being written.
struct Object(String);

impl Object {
    fn new() -> Object {
        Object(String::from("{"))
    }

    /// Adds a member whose value is JSON already.
    fn value(mut self, name: &str, value: &str) -> Object {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        for part in ["\"", name, "\":", value] {
            self.0.push_str(part);
        }
        self
    }

    /// Adds a text that needs no escapes: ids, base64url and names of this protocol have no such characters.
    fn text(self, name: &str, text: &str) -> Object {
        self.value(name, &format!("\"{text}\""))
    }

    /// Adds what there may be, as such a text.
    fn optional(self, name: &str, text: Option<&dyn Display>) -> Object {
        match text {
            Some(text) => self.text(name, &text.to_string()),
            None => self,
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Writes a message.
pub(super) fn write(message: &FromClient) -> String {
    let of = |kind| Object::new().text("type", kind);
    let object = match message {
        FromClient::Enter { version, announcement: by, proof } => of("enter")
            .value("version", &version.to_string())
            .value("announcement", &announcement(by))
            .text("proof", &proof.text()),
        FromClient::Register { genesis } => of("register").text("genesis", &genesis.text()),
        FromClient::Lookup { room, code } => of("lookup")
            .optional("room", room.as_ref().map(|room| room as _))
            .optional("code", code.as_ref().map(|code| code as _)),
        FromClient::Join { room } => of("join").text("room", &room.to_string()),
        FromClient::Leave { room } => of("leave").text("room", &room.to_string()),
        FromClient::Signal { room, to, payload } => of("signal")
            .text("room", &room.to_string())
            .text("to", &to.to_string())
            .text("payload", &payload.text()),
        FromClient::IceServers { room } => of("ice-servers").text("room", &room.to_string()),
        FromClient::Report { outcome, ms } => {
            of("report").text("outcome", name(*outcome)).value("ms", &ms.to_string())
        }
        FromClient::KeepAlive => of("keep-alive"),
        // Nobody makes one; whoever reads it ignores it.
        FromClient::Ignored => of("ignored"),
    };
    object.end()
}

fn announcement(announcement: &Announcement) -> String {
    Object::new()
        .text("endpoint", &announcement.endpoint.to_string())
        .text("sealing_key", &announcement.sealing_key.text())
        .text("signature", &announcement.signature.text())
        .end()
}

fn name(outcome: LinkOutcome) -> &'static str {
    match outcome {
        LinkOutcome::Direct => "direct",
        LinkOutcome::Relayed => "relayed",
        LinkOutcome::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Code, Endpoint, Identity, Instance, RoomId};

    #[test]
    fn every_message_is_written_as_serde_writes_it() {
        let endpoint = Endpoint { peer: Identity::from_secret([7; 32]).peer(), instance: Instance(5) };
        let (room, code) = (RoomId([3; 32]), Code::from_bits(77));
        let announcement = Announcement { endpoint, sealing_key: [1; 32].into(), signature: [2; 64].into() };
        let mut messages = alloc::vec![
            FromClient::Enter { version: 1, announcement, proof: [4; 64].into() },
            FromClient::Register { genesis: [250; 1024].into() },
            FromClient::Lookup { room: Some(room), code: None },
            FromClient::Lookup { room: None, code: Some(code) },
            FromClient::Lookup { room: Some(room), code: Some(code) },
            FromClient::Lookup { room: None, code: None },
            FromClient::Join { room },
            FromClient::Leave { room },
            FromClient::Signal { room, to: endpoint, payload: [6; 8192].into() },
            FromClient::IceServers { room },
            FromClient::KeepAlive,
        ];
        let outcomes = [LinkOutcome::Direct, LinkOutcome::Relayed, LinkOutcome::Failed];
        messages.extend(outcomes.map(|outcome| FromClient::Report { outcome, ms: u64::MAX }));
        for message in messages {
            let text = write(&message);
            assert_eq!(text, serde_json::to_string(&message).expect("it is written"));
            assert_eq!(serde_json::from_str::<FromClient>(&text).expect("it is read"), message);
        }
    }
}
