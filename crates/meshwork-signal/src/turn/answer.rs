//! Writing STUN answers (RFC 8489, sections 6.3.1 and 9.2.4).

use std::net::SocketAddr;

use stun_types::attribute::{AttributeWrite, ErrorCode, Fingerprint, XorMappedAddress};
use stun_types::message::{IntegrityAlgorithm, IntegrityKey, Message, MessageWriteExt as _, MessageWriteVec};
use stun_types::prelude::*;

const FITS: &str = "an answer is far smaller than a message may be, and no attribute is added twice";

/// An answer in the making.
pub(super) struct Answer {
    message: MessageWriteVec,
    has_fingerprint: bool,
}

impl Answer {
    /// What was asked is done.
    pub(super) fn success(request: &Message<'_>) -> Answer {
        Answer {
            message: Message::builder_success(request, MessageWriteVec::with_capacity(160)),
            has_fingerprint: request.has_attribute(Fingerprint::TYPE),
        }
    }

    /// It is not, for the reason with this number, 300 to 699.
    pub(super) fn error(request: &Message<'_>, code: u16) -> Answer {
        let answer = Answer {
            message: Message::builder_error(request, MessageWriteVec::with_capacity(160)),
            has_fingerprint: request.has_attribute(Fingerprint::TYPE),
        };
        // Programs read the number; words would only make the answer longer than what asks for it.
        answer.with(&ErrorCode::builder(code).reason("").build().expect("the codes answered are legal"))
    }

    pub(super) fn with(mut self, attribute: &dyn AttributeWrite) -> Answer {
        self.message.add_attribute(attribute).expect(FITS);
        self
    }

    /// With the address from which the request came.
    pub(super) fn with_mapped_address(self, request: &Message<'_>, remote: SocketAddr) -> Answer {
        let address = XorMappedAddress::new(remote, request.transaction_id());
        self.with(&address)
    }

    /// Bytes that only who knows `key` could have written.
    pub(super) fn sign(mut self, key: &IntegrityKey, algorithm: IntegrityAlgorithm) -> Vec<u8> {
        self.message.add_message_integrity_with_key(key, algorithm).expect(FITS);
        self.finish()
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        // Who asked with a fingerprint tells STUN from other protocols by it (RFC 8489, section 7).
        if self.has_fingerprint {
            self.message.add_fingerprint().expect(FITS);
        }
        self.message.finish()
    }
}
