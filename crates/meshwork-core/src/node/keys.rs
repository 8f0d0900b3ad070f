//! Uses of this peer's key by apps.

use super::Node;
use crate::id::{PeerId, SharedSecret};
use crate::signed::verify::{AppLabelError, SIGNATURE_LEN, sign_for_app};

impl Node {
    /// The secret that this peer and another one share by their long-term keys; `None` if the id is no key, or a weak one.
    pub fn agree(&self, peer: PeerId) -> Option<SharedSecret> {
        self.base.own.identity.agree(peer)
    }

    /// Signs bytes of an app under its label: [`holds_for_app`](crate::signed::verify::holds_for_app) checks the
    /// signature. No signature of the protocol is one of an app, and none of an app one of the protocol.
    ///
    /// # Errors
    /// [`AppLabelError`].
    pub fn sign(&self, label: &str, bytes: &[u8]) -> Result<[u8; SIGNATURE_LEN], AppLabelError> {
        sign_for_app(&self.base.own.identity, label, bytes)
    }
}
