//! Long-term credentials: who is asked to show some, who did, and what is wrong with others (RFC 8489, section 9.2.4).

use std::time::Duration;

use meshwork_core::time::Time;
use stun_types::attribute::{
    AttributeStaticType as _, MessageIntegrity, MessageIntegritySha256, Nonce, PasswordAlgorithm,
    PasswordAlgorithmValue, PasswordAlgorithms, Realm, Username as UsernameAttribute,
};
use stun_types::message::{IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message};

use super::Request;
use crate::turn::answer::Answer;
use crate::turn::config::Config;
use crate::turn::counts::Refusal;
use crate::turn::credentials::{LIFE, Secret, Username};
use crate::turn::nonce::Nonces;

/// What passwords may be hashed with, the better first.
const ALGORITHMS: [PasswordAlgorithmValue; 2] = [PasswordAlgorithmValue::SHA256, PasswordAlgorithmValue::MD5];

/// Former secrets that still count: somebody who changes it more often than that has a reason to be rid of them. Each
/// costs a forged request one more check, or two.
const RETIRED_MAX: usize = 4;

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

/// A secret that was replaced.
struct Retired {
    secret: Secret,
    since: Time,
}

impl Retired {
    /// Whether credentials made with it may still make an allocation: those that were given out before lapse by then.
    fn makes_allocations(&self, now: Time) -> bool {
        now.since(self.since) < LIFE
    }

    /// Whether such an allocation may still be used.
    fn keeps_allocations(&self, now: Time, outlives: Duration) -> bool {
        now.since(self.since) < LIFE + outlives
    }
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

/// Tells who asks, and strangers how to say so.
pub(super) struct Gate {
    nonces: Nonces,
    /// Secrets that were replaced, the oldest first.
    retired: Vec<Retired>,
}

impl Gate {
    pub(super) fn new(nonces: Nonces) -> Gate {
        Gate { nonces, retired: Vec::new() }
    }

    /// Says who asks.
    ///
    /// # Errors
    /// The code to answer and why; no cause where no credentials were shown. All but 400 is answered by a
    /// [`challenge`](Gate::challenge).
    pub(super) fn authenticate(
        &self,
        config: &Config,
        request: &Request<'_>,
    ) -> Result<Authentic, (u16, Option<Refusal>)> {
        let message = &request.message;
        let has_sha256 = message.has_attribute(MessageIntegritySha256::TYPE);
        if !has_sha256 && !message.has_attribute(MessageIntegrity::TYPE) {
            return Err((401, None));
        }
        let algorithm = if has_sha256 { IntegrityAlgorithm::Sha256 } else { IntegrityAlgorithm::Sha1 };
        let claim = Claim::read(message).filter(|_| agrees_on_algorithm(message, algorithm));
        let claim = claim.ok_or((400, Some(Refusal::Malformed)))?;
        self.check(config, request, &claim, algorithm).map_err(|(code, cause)| (code, Some(cause)))
    }

    fn check(
        &self,
        config: &Config,
        request: &Request<'_>,
        claim: &Claim,
        algorithm: IntegrityAlgorithm,
    ) -> Result<Authentic, (u16, Refusal)> {
        // First, as it costs the least: who has no nonce of ours makes us compute nothing.
        if !self.nonces.is_good(request.now.time, &request.client, request.remote, &claim.nonce) {
            return Err((438, Refusal::StaleNonce));
        }
        let username = Username::parse(&claim.username).filter(|_| claim.realm == config.realm);
        let username = username.ok_or((401, Refusal::Foreign))?;
        let passwords = self.secrets(request.now.time, config).flat_map(|(secret, makes_allocations)| {
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
    pub(super) fn challenge(&self, realm: &str, request: &Request<'_>, code: u16) -> Answer {
        let nonce = self.nonces.make(request.now.time, &request.client, request.remote);
        Answer::error(&request.message, code)
            .with(&Realm::new(realm).expect("its length is checked"))
            .with(&Nonce::new(&nonce).expect("ours are short"))
            .with(&PasswordAlgorithms::new(&ALGORITHMS))
    }

    /// Keeps those of the `former` secrets for a while that `config` has no more.
    pub(super) fn retire(&mut self, now: Time, config: &Config, former: Vec<Secret>) {
        let (secrets, outlives) = (&config.secrets, config.outlives_credentials);
        self.retired.retain(|old| !secrets.contains(&old.secret) && old.keeps_allocations(now, outlives));
        let replaced = former.into_iter().filter(|secret| !secrets.contains(secret));
        self.retired.extend(replaced.map(|secret| Retired { secret, since: now }));
        let too_many = self.retired.len().saturating_sub(RETIRED_MAX);
        self.retired.drain(..too_many);
    }

    /// The secrets with which credentials are checked, the present ones first, each with whether it makes allocations.
    pub(super) fn secrets<'a>(
        &'a self,
        now: Time,
        config: &'a Config,
    ) -> impl Iterator<Item = (&'a Secret, bool)> {
        let outlives = config.outlives_credentials;
        let former = self.retired.iter().filter(move |old| old.keeps_allocations(now, outlives));
        let former = former.map(move |old| (&old.secret, old.makes_allocations(now)));
        config.secrets.iter().map(|secret| (secret, true)).chain(former)
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
