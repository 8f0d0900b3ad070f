//! Labels of signatures, and the one rule by which signatures hold.
//!
//! # How it works
//! An author signs a label and, behind it, what it says. No label begins another one, so a signature over one kind
//! of thing is never one over another kind. Signatures are Ed25519 (RFC 8032). They are checked without the cofactor;
//! a key or a commitment of small order, and a number that is not reduced, do not hold: `verify_strict` of
//! ed25519-dalek. The edge cases of Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs" (2020), section 5, are
//! tested with our verdicts written out.

use alloc::vec::Vec;

use crate::id::{Identity, PeerId};

/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 64;

/// What a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The body of a genesis.
    Genesis,
    /// The id of a batch.
    Batch,
    /// The RoomId and the body of a record.
    Record,
    /// The RoomId, an edit key and the peer whom it admits.
    Admission,
    /// The length of an app's label in one byte, the label, and bytes of that app.
    App,
}

impl Label {
    /// All labels.
    pub const ALL: [Label; 5] = [Label::Genesis, Label::Batch, Label::Record, Label::Admission, Label::App];

    /// The ASCII bytes that are signed first.
    pub fn text(self) -> &'static str {
        match self {
            Label::Genesis => "meshwork genesis v2",
            Label::Batch => "meshwork batch v2",
            Label::Record => "meshwork record v2",
            Label::Admission => "meshwork admission v2",
            Label::App => "meshwork app signature v1",
        }
    }

    fn message(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut message = Vec::from(self.text());
        parts.iter().for_each(|part| message.extend_from_slice(part));
        message
    }
}

/// Signs the label and the parts, one behind the other.
pub(crate) fn sign(identity: &Identity, label: Label, parts: &[&[u8]]) -> [u8; SIGNATURE_LEN] {
    identity.sign(&label.message(parts))
}

/// Whether `signature` is `peer`'s over the label and the parts. No other function checks what people signed.
pub(crate) fn holds(peer: &PeerId, label: Label, parts: &[&[u8]], signature: &[u8; SIGNATURE_LEN]) -> bool {
    peer.verifies(&label.message(parts), signature)
}

/// Longest label of an app's signatures, in bytes.
pub const APP_LABEL_MAX: usize = 64;

/// An app's label has no byte, or too many. Nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a label of {0} bytes: a label has 1 to {APP_LABEL_MAX}")]
pub struct AppLabelError(pub usize);

/// Signs bytes of an app under a label that the app chooses, such as `meshwork play release v1`.
///
/// # Errors
/// [`AppLabelError`] for a label without a byte, or with more than [`APP_LABEL_MAX`].
pub fn sign_for_app(
    identity: &Identity,
    label: &str,
    bytes: &[u8],
) -> Result<[u8; SIGNATURE_LEN], AppLabelError> {
    let length = app_label_length(label)?;
    Ok(sign(identity, Label::App, &[&[length], label.as_bytes(), bytes]))
}

/// Whether `signature` is `peer`'s over these bytes under this label of an app.
pub fn holds_for_app(peer: &PeerId, label: &str, bytes: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
    let holds = |length| holds(peer, Label::App, &[&[length], label.as_bytes(), bytes], signature);
    app_label_length(label).is_ok_and(holds)
}

fn app_label_length(label: &str) -> Result<u8, AppLabelError> {
    match label.len() {
        length @ 1..=APP_LABEL_MAX => Ok(length as u8),
        length => Err(AppLabelError(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    /// What else is signed: links and what leads to them, and rooms of the first format.
    const OTHERS: [&str; 8] = [
        "meshwork link proof v1",
        "meshwork signal v1",
        "meshwork signalling enter v1",
        "meshwork sealing key v1",
        "meshwork by hand v1",
        "meshwork batch v1",
        "meshwork room genesis v1",
        "meshwork room record v1",
    ];

    /// The cases 0 to 11 of the paper's table 5, as (message, public key, signature), and whether each holds here.
    const EDGES: [(&str, &str, &str, bool); 12] = [
        // 0 to 2: a key, or a commitment, or both of small order.
        (
            "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
            false,
        ),
        (
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            false,
        ),
        (
            "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
            false,
        ),
        // 3: key and commitment of mixed order, and the equation holds with and without the cofactor.
        (
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
            true,
        ),
        // 4 and 5: it holds with the cofactor alone.
        (
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
            false,
        ),
        (
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
            false,
        ),
        // 6 and 7: the scalar is not reduced.
        (
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
            false,
        ),
        (
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
            false,
        ),
        // 8 and 9: a commitment of small order that is not reduced.
        (
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
            false,
        ),
        (
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
            false,
        ),
        // 10 and 11: a key of small order that is not reduced.
        (
            "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            false,
        ),
        (
            "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            false,
        ),
    ];

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        core::array::from_fn(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).expect("hex"))
    }

    #[test]
    fn the_published_edge_cases_get_our_verdicts() {
        for (case, (message, peer, signature, verdict)) in EDGES.into_iter().enumerate() {
            let message: [u8; 32] = bytes(message);
            assert_eq!(PeerId(bytes(peer)).verifies(&message, &bytes(signature)), verdict, "case {case}");
        }
    }

    #[test]
    fn a_signature_is_of_one_label_only() {
        let identity = Identity::from_secret([1; 32]);
        for label in Label::ALL {
            let signature = sign(&identity, label, &[b"one", b"two"]);
            for other in Label::ALL {
                assert_eq!(holds(&identity.peer(), other, &[b"onetwo"], &signature), other == label);
            }
        }
    }

    #[test]
    fn app_signatures_hold_for_their_label_only() {
        let identity = Identity::from_secret([1; 32]);
        let (peer, other) = (identity.peer(), Identity::from_secret([2; 32]).peer());
        let signature = sign_for_app(&identity, "release", b"bytes").expect("a short label");
        assert!(holds_for_app(&peer, "release", b"bytes", &signature));
        for (peer, label, bytes) in [
            (&other, "release", &b"bytes"[..]),
            (&peer, "releas", &b"ebytes"[..]),
            (&peer, "releaseb", &b"ytes"[..]),
            (&peer, "release", &b"byte"[..]),
            (&peer, "", &b"releasebytes"[..]),
        ] {
            assert!(!holds_for_app(peer, label, bytes, &signature), "{label}");
        }
        // A label of the protocol is a label like any other here.
        let posed = sign_for_app(&identity, Label::Batch.text(), b"one").expect("a short label");
        assert!(Label::ALL.iter().all(|label| !holds(&peer, *label, &[b"one"], &posed)));
        for label in ["", &"x".repeat(APP_LABEL_MAX + 1)] {
            assert_eq!(sign_for_app(&identity, label, b""), Err(AppLabelError(label.len())));
        }
        assert!(sign_for_app(&identity, &"x".repeat(APP_LABEL_MAX), b"").is_ok());
    }

    #[test]
    fn no_label_begins_another() {
        let labels: Vec<_> =
            Label::ALL.iter().map(|label| label.text()).chain(OTHERS).map(|text| text.to_string()).collect();
        for (place, label) in labels.iter().enumerate() {
            assert!(
                labels[place + 1..]
                    .iter()
                    .all(|other| !other.starts_with(label) && !label.starts_with(other))
            );
        }
    }
}
