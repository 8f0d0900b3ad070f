//! Long-term credentials: who is asked to show some, who did, and what is wrong with others (RFC 8489, section 9.2.4).

use std::time::Duration;

use meshwork_core::time::Time;
use stun_types::attribute::{
    AttributeStaticType as _, MessageIntegrity, MessageIntegritySha256, Nonce, PasswordAlgorithm,
    PasswordAlgorithmValue, PasswordAlgorithms, Realm, Username as UsernameAttribute,
};
use stun_types::message::{IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message};

use super::{Relay, Request};
use crate::turn::answer::Answer;
use crate::turn::counts::Refusal;
use crate::turn::credentials::Username;

/// What passwords may be hashed with, the better first.
const ALGORITHMS: [PasswordAlgorithmValue; 2] = [PasswordAlgorithmValue::SHA256, PasswordAlgorithmValue::MD5];

/// With what an answer is signed: what the request was signed with.
pub(in crate::turn) struct Signer {
    pub(super) key: IntegrityKey,
    pub(super) algorithm: IntegrityAlgorithm,
}

/// Who asks.
pub(super) struct Authentic {
    pub(super) signer: Signer,
    pub(super) name: String,
    /// When the credentials expire, in seconds since 1970.
    pub(super) expires_s: u64,
    /// Whether the secret behind them still makes allocations.
    pub(super) makes_allocations: bool,
}

/// What the client's credentials are, as it says.
struct Claim {
    username: String,
    realm: String,
    nonce: String,
}

impl Authentic {
    /// Whether their time is over.
    pub(super) fn is_expired(&self, request: &Request<'_>) -> bool {
        self.expires_s <= request.now.wall.as_millis() / 1000
    }

    /// Until when an allocation may be refreshed that stands on these credentials.
    pub(super) fn end(&self, request: &Request<'_>, outlives: Duration) -> Time {
        let expires_us = self.expires_s.saturating_mul(1_000_000);
        let left = Duration::from_micros(expires_us.saturating_sub(request.now.wall.0));
        let over = Duration::from_micros(request.now.wall.0.saturating_sub(expires_us));
        request.now.time + left + outlives.saturating_sub(over)
    }
}

impl Relay {
    /// Says who asks; whoever cannot show that is answered here.
    pub(super) fn authenticate(&mut self, request: &Request<'_>) -> Option<Authentic> {
        let message = &request.message;
        let has_sha256 = message.has_attribute(MessageIntegritySha256::TYPE);
        if !has_sha256 && !message.has_attribute(MessageIntegrity::TYPE) {
            self.counts.challenges.add(1);
            self.challenge(request, 401);
            return None;
        }
        let algorithm = if has_sha256 { IntegrityAlgorithm::Sha256 } else { IntegrityAlgorithm::Sha1 };
        let Some(claim) = Claim::read(message).filter(|_| agrees_on_algorithm(message, algorithm)) else {
            self.counts.refuse(Refusal::Malformed);
            self.answer_unproved(request, Answer::error(message, 400));
            return None;
        };
        match self.check(request, &claim, algorithm) {
            Ok(authentic) => Some(authentic),
            Err((code, cause)) => {
                self.counts.refuse(cause);
                self.challenge(request, code);
                None
            }
        }
    }

    fn check(
        &self,
        request: &Request<'_>,
        claim: &Claim,
        algorithm: IntegrityAlgorithm,
    ) -> Result<Authentic, (u16, Refusal)> {
        // First, as it costs the least: who has no nonce of ours makes us compute nothing.
        if !self.nonces.is_good(request.now.time, &request.client, request.remote, &claim.nonce) {
            return Err((438, Refusal::StaleNonce));
        }
        let username = Username::parse(&claim.username).filter(|_| claim.realm == self.config.realm);
        let username = username.ok_or((401, Refusal::Foreign))?;
        let passwords = self.secrets(request.now.time).flat_map(|(secret, makes_allocations)| {
            secret.passwords(&claim.username).map(move |password| (password, makes_allocations))
        });
        let mut keys = passwords.map(|(password, makes_allocations)| {
            let (username, realm) = (claim.username.clone(), claim.realm.clone());
            let key = LongTermKeyCredentials::new(username, password, realm).make_key(algorithm);
            (key, makes_allocations)
        });
        let found = keys.find(|(key, _)| request.message.validate_integrity_with_key(key).is_ok());
        let (key, makes_allocations) = found.ok_or((401, Refusal::Forged))?;
        Ok(Authentic {
            signer: Signer { key, algorithm },
            makes_allocations,
            name: username.name.to_owned(),
            expires_s: username.expires_s,
        })
    }

    /// Tells a client how to show credentials. Nothing is remembered of it.
    pub(super) fn challenge(&mut self, request: &Request<'_>, code: u16) {
        let nonce = self.nonces.make(request.now.time, &request.client, request.remote);
        let answer = Answer::error(&request.message, code)
            .with(&Realm::new(&self.config.realm).expect("its length is checked"))
            .with(&Nonce::new(&nonce).expect("ours are short"))
            .with(&PasswordAlgorithms::new(&ALGORITHMS));
        self.answer_unproved(request, answer);
    }
}

impl Claim {
    fn read(message: &Message<'_>) -> Option<Claim> {
        Some(Claim {
            username: message.attribute::<UsernameAttribute>().ok()?.username().to_owned(),
            realm: message.attribute::<Realm>().ok()?.realm().to_owned(),
            nonce: message.attribute::<Nonce>().ok()?.nonce().to_owned(),
        })
    }
}

/// Whether a client that chose an algorithm chose among ours, and repeats what we offered: somebody in between could
/// have taken the better one away. Who names none hashes with MD5, as before RFC 8489.
fn agrees_on_algorithm(message: &Message<'_>, algorithm: IntegrityAlgorithm) -> bool {
    let has_offer = message.has_attribute(PasswordAlgorithms::TYPE);
    let has_choice = message.has_attribute(PasswordAlgorithm::TYPE);
    if !has_offer && !has_choice {
        return algorithm == IntegrityAlgorithm::Sha1;
    }
    let offer = message.attribute::<PasswordAlgorithms>();
    let choice = message.attribute::<PasswordAlgorithm>();
    offer.is_ok_and(|offer| offer.algorithms() == ALGORITHMS)
        && choice.is_ok_and(|choice| choice.algorithm().as_integrity() == algorithm)
}
