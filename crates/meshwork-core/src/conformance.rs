//! One suite of tests for every link driver: virtual, native and browser.
//!
//! # Problem
//! A node trusts its driver: inputs come in a certain order, nothing is said of a link after its end, what fits
//! the send window is taken. Drivers are written against very different stacks. This suite says the same to
//! each of them and watches every input for a breach of the contract in [`node::io`](crate::seam::io).
//!
//! # Driving it
//! Make two drivers that can reach each other, wrap them as a [`LinkPair`], and hand [`run_all`] a function that
//! makes a fresh pair. It needs no node, no server and no clock of its own: the pair carries out effects and
//! waits for inputs, the suite carries signals from end to end.
//!
//! # Invariants
//! The suite ends whatever the driver does: every wait is bounded by [`PATIENCE`], which the pair measures on
//! the clock that it runs on.

mod bench;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bench::Bench;

use crate::seam::description::{Fingerprint, Role, Signal};
use crate::seam::io::{Channel, Effect, FRAME_MAX, Input, SEND_WINDOW};

/// How long the suite waits for something that must come. Long, since a browser on a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long the suite listens for something that must not come.
pub const QUIET: Duration = Duration::from_millis(300);

/// One of the two drivers of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The one that offers, where a case does not say otherwise.
    A,
    /// The other.
    B,
}

impl Side {
    /// The other driver.
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// Two drivers that can reach each other, without nodes above them.
#[expect(async_fn_in_trait, reason = "browser drivers cannot be sent between threads")]
pub trait LinkPair {
    /// Has the driver of `side` carry out `effect`, which concerns a link.
    async fn apply(&mut self, side: Side, effect: Effect);

    /// The next input that either driver has for its node; `None` when there is none for `patience`.
    async fn next(&mut self, patience: Duration) -> Option<(Side, Input)>;

    /// Loses every packet from now on, in both directions. Says `false` when the pair cannot do that.
    async fn cut(&mut self) -> bool {
        false
    }
}

/// What a driver did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Something did not come.
    #[error("nothing came while waiting for {0}")]
    Silence(&'static str),
    /// An input breaks the contract.
    #[error("{side:?} said of link {link}: {input}; but {broken}")]
    Contract {
        /// Which driver.
        side: Side,
        /// Of which link.
        link: u64,
        /// The input, shortened.
        input: String,
        /// What is wrong with it.
        broken: &'static str,
    },
    /// A link ended that should live.
    #[error("{side:?} ended link {link}: {reason}")]
    Ended {
        /// Which driver.
        side: Side,
        /// Which link.
        link: u64,
        /// As the driver gave it.
        reason: String,
    },
    /// What arrived is not what was sent.
    #[error("{0}")]
    Differs(&'static str),
}

macro_rules! cases {
    ($($case:ident)*) => {
        /// The names of all cases, in the order in which [`run_all`] runs them.
        pub const CASES: &[&str] = &[$(stringify!($case)),*];

        /// Runs the case of this name; `None` when there is none.
        pub async fn run<P: LinkPair>(case: &str, pair: &mut P) -> Option<Result<(), Failure>> {
            $(if case == stringify!($case) { return Some($case(pair).await); })*
            None
        }
    };
}

cases! {
    opens_and_carries_both_ways
    answerer_speaks_first
    first_data_does_not_overtake_up
    messages_of_all_sizes
    order_of_many_messages
    unreliable_messages
    full_send_window
    candidates_before_the_description
    both_offer
    close_is_noticed
    close_at_every_stage
    effects_after_the_end
    changed_fingerprint_never_comes_up
    many_links_at_once
    cut_path
}

/// Runs every case on a fresh pair.
///
/// # Errors
/// The first failure with the name of its case.
pub async fn run_all<P: LinkPair>(mut make: impl AsyncFnMut() -> P) -> Result<(), (&'static str, Failure)> {
    for case in CASES {
        let mut pair = make().await;
        run(case, &mut pair).await.unwrap_or(Ok(())).map_err(|failure| (*case, failure))?;
    }
    Ok(())
}

async fn opens_and_carries_both_ways<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    bench.send(Side::A, link, Channel::Reliable, b"ping".to_vec()).await;
    bench.expect(Side::B, link, &[b"ping"]).await?;
    bench.send(Side::B, link, Channel::Reliable, b"pong".to_vec()).await;
    bench.expect(Side::A, link, &[b"pong"]).await
}

async fn answerer_speaks_first<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::B).await;
    bench.wait("the answerer to come up", |bench| bench.end(Side::A, link).up.is_some()).await?;
    bench.send(Side::A, link, Channel::Reliable, b"I answered".to_vec()).await;
    bench.expect(Side::B, link, &[b"I answered"]).await
}

/// Whichever end is up first sends at once, so that its data may be there before the other end is up.
async fn first_data_does_not_overtake_up<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    let mut greeted = [false; 2];
    let messages: [Vec<u8>; 10] = core::array::from_fn(|index| vec![index as u8; 50]);
    while greeted != [true; 2] {
        for (side, greeted) in [Side::A, Side::B].into_iter().zip(&mut greeted) {
            if bench.end(side, link).up.is_some() && !*greeted {
                *greeted = true;
                for message in &messages {
                    bench.send(side, link, Channel::Reliable, message.clone()).await;
                }
            }
        }
        if greeted != [true; 2] {
            bench.step("both ends to come up").await?;
        }
    }
    let expected = messages.each_ref().map(Vec::as_slice);
    bench.expect(Side::A, link, &expected).await?;
    bench.expect(Side::B, link, &expected).await
}

async fn messages_of_all_sizes<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    for side in [Side::A, Side::B] {
        for size in [1, 2, 1000, 1200, 5000, FRAME_MAX - 1, FRAME_MAX] {
            let message = pattern(size);
            bench.send(side, link, Channel::Reliable, message.clone()).await;
            bench.expect(side.other(), link, &[&message]).await?;
        }
    }
    Ok(())
}

async fn order_of_many_messages<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    const MESSAGES: u32 = 2000;
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    for number in 0..MESSAGES {
        for side in [Side::A, Side::B] {
            let mut message = vec![0; 90];
            message[..4].copy_from_slice(&number.to_be_bytes());
            bench.send_when_writable(side, link, Channel::Reliable, message).await?;
        }
    }
    for side in [Side::A, Side::B] {
        let arrived = |bench: &Bench<'_, P>| bench.end(side, link).received.len() >= MESSAGES as usize;
        bench.wait("2000 messages", arrived).await?;
        let received = core::mem::take(&mut bench.end_mut(side, link).received);
        let numbers = received.iter().map(|(_, message)| message.get(..4));
        if !numbers.eq((0..MESSAGES).map(u32::to_be_bytes).collect::<Vec<_>>().iter().map(|n| Some(&n[..]))) {
            return Err(Failure::Differs("messages arrived more than once or in another order"));
        }
    }
    Ok(())
}

async fn unreliable_messages<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    const MESSAGES: usize = 20;
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    let sent: Vec<Vec<u8>> = (1..=MESSAGES).map(|number| vec![number as u8; number * 50]).collect();
    for message in &sent {
        bench.send_when_writable(Side::A, link, Channel::Unreliable, message.clone()).await?;
    }
    // Each may be lost; what the reliable channel carries says that the last of them had its chance.
    bench.wait("an unreliable message", |bench| !bench.end(Side::B, link).received.is_empty()).await?;
    bench.send(Side::A, link, Channel::Reliable, b"end".to_vec()).await;
    let ended = |bench: &Bench<'_, P>| {
        bench.end(Side::B, link).received.iter().any(|(channel, _)| *channel == Channel::Reliable)
    };
    bench.wait("a reliable message", ended).await?;
    let mut received = core::mem::take(&mut bench.end_mut(Side::B, link).received);
    received.retain(|(channel, _)| *channel == Channel::Unreliable);
    received.sort();
    let count = received.len();
    received.dedup();
    if received.len() != count {
        return Err(Failure::Differs("an unreliable message arrived twice"));
    }
    if received.iter().any(|(_, message)| !sent.contains(message)) {
        return Err(Failure::Differs("an unreliable message was changed on its way"));
    }
    bench.wait_acknowledged(Side::A, link).await
}

async fn full_send_window<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    const TOTAL: usize = 16 * SEND_WINDOW;
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    let message = pattern(FRAME_MAX);
    let mut sent = 0;
    while sent < TOTAL {
        // All that the window allows, without a pause: the driver must take it.
        while sent < TOTAL && bench.end(Side::A, link).unacknowledged + FRAME_MAX <= SEND_WINDOW {
            bench.send(Side::A, link, Channel::Reliable, message.clone()).await;
            sent += FRAME_MAX;
        }
        bench.step("the window to open again").await?;
    }
    let expected = vec![message.as_slice(); TOTAL / FRAME_MAX];
    bench.expect(Side::B, link, &expected).await?;
    bench.wait_acknowledged(Side::A, link).await
}

async fn candidates_before_the_description<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    bench.hold = true;
    let link = bench.open_pair(Side::A).await;
    let mut carried = 0;
    while bench.end(Side::A, link).up.is_none() || bench.end(Side::B, link).up.is_none() {
        bench.step("a description").await?;
        for (side, link, signal) in core::mem::take(&mut bench.held) {
            let Signal::Description(mut description) = signal else {
                bench.carry(side, link, signal).await;
                continue;
            };
            for candidate in core::mem::take(&mut description.candidates).into_inner() {
                carried += 1;
                bench.carry(side, link, Signal::Candidate(candidate)).await;
            }
            bench.carry(side, link, Signal::Description(description)).await;
        }
    }
    // Browsers name their candidates one by one, after the description.
    if carried + bench.end(Side::A, link).candidates + bench.end(Side::B, link).candidates == 0 {
        return Err(Failure::Differs("neither end named a candidate"));
    }
    bench.send(Side::A, link, Channel::Reliable, b"ping".to_vec()).await;
    bench.expect(Side::B, link, &[b"ping"]).await
}

/// Two offers cannot become a link; but both can be closed, and another link can be opened.
async fn both_offer<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.new_link();
    for side in [Side::A, Side::B] {
        bench.open(side, link, Role::Offerer).await;
        bench.end_mut(side, link).may_end = true;
    }
    let described = |bench: &Bench<'_, P>| {
        [Side::A, Side::B].iter().all(|side| bench.end(*side, link).description.is_some())
    };
    bench.wait("both offers", described).await?;
    for side in [Side::A, Side::B] {
        bench.close(side, link).await;
    }
    bench.expect_quiet().await?;
    let link = bench.open_pair(Side::B).await;
    bench.wait_up(link).await
}

/// What was sent before a close arrives, then the other end notices; a new link can follow.
///
/// It is more than a congestion window takes at first, so that a driver must wait before it closes.
async fn close_is_noticed<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    for side in [Side::A, Side::B] {
        let link = bench.open_pair(Side::A).await;
        bench.wait_up(link).await?;
        let messages: [Vec<u8>; 8] = core::array::from_fn(|index| vec![index as u8; SEND_WINDOW / 16]);
        for message in &messages {
            bench.send(side, link, Channel::Reliable, message.clone()).await;
        }
        bench.end_mut(side.other(), link).may_end = true;
        bench.close(side, link).await;
        bench.wait("the other end to notice", |bench| bench.end(side.other(), link).ended).await?;
        bench.expect(side.other(), link, &messages.each_ref().map(Vec::as_slice)).await?;
    }
    bench.expect_quiet().await
}

async fn close_at_every_stage<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    // At once, and one at a time after each further input.
    for inputs in 0..4 {
        let link = bench.open_pair(Side::A).await;
        bench.end_mut(Side::A, link).may_end = true;
        bench.end_mut(Side::B, link).may_end = true;
        for _ in 0..inputs {
            bench.step("a connection to proceed").await?;
        }
        bench.close(Side::A, link).await;
        bench.close(Side::B, link).await;
    }
    bench.expect_quiet().await
}

/// A node may have asked for something just before it hears that the link has ended.
async fn effects_after_the_end<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    let offer = bench.end(Side::A, link).description.clone();
    bench.end_mut(Side::A, link).may_end = true;
    bench.close(Side::B, link).await;
    bench.wait("the other end to notice", |bench| bench.end(Side::A, link).ended).await?;
    let never = bench.new_link();
    for side in [Side::A, Side::B] {
        for link in [link, never] {
            let bytes = vec![1; 100];
            bench.pair.apply(side, Effect::Send { link, channel: Channel::Reliable, bytes }).await;
            if let Some(offer) = offer.clone() {
                bench.pair.apply(side, Effect::Signal { link, signal: Signal::Description(offer) }).await;
            }
            bench.pair.apply(side, Effect::Close { link }).await;
        }
    }
    bench.expect_quiet().await
}

/// An end that shows another certificate than its description says is not connected to.
async fn changed_fingerprint_never_comes_up<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    bench.hold = true;
    let link = bench.open_pair(Side::A).await;
    bench.end_mut(Side::A, link).may_end = true;
    bench.end_mut(Side::B, link).may_end = true;
    while !bench.end(Side::B, link).ended {
        bench.step("the deceived end to give up").await?;
        if bench.end(Side::B, link).up.is_some() {
            return Err(Failure::Differs("a connection came up to an end that showed another certificate"));
        }
        for (side, link, mut signal) in core::mem::take(&mut bench.held) {
            if let (Side::A, Signal::Description(description)) = (side, &mut signal) {
                description.fingerprint = Fingerprint([0xab; 32]);
            }
            bench.carry(side, link, signal).await;
        }
    }
    bench.close(Side::A, link).await;
    Ok(())
}

async fn many_links_at_once<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    const LINKS: usize = 8;
    let mut bench = Bench::new(pair);
    let mut links = Vec::new();
    for number in 0..LINKS {
        links.push(bench.open_pair(if number % 2 == 0 { Side::A } else { Side::B }).await);
    }
    for link in &links {
        bench.wait_up(*link).await?;
    }
    for link in &links {
        for side in [Side::A, Side::B] {
            bench.send(side, *link, Channel::Reliable, link.0.to_be_bytes().to_vec()).await;
        }
    }
    for link in &links {
        for side in [Side::A, Side::B] {
            bench.expect(side, *link, &[&link.0.to_be_bytes()]).await?;
        }
    }
    Ok(())
}

async fn cut_path<P: LinkPair>(pair: &mut P) -> Result<(), Failure> {
    let mut bench = Bench::new(pair);
    let link = bench.open_pair(Side::A).await;
    bench.wait_up(link).await?;
    if !bench.pair.cut().await {
        return Ok(());
    }
    for side in [Side::A, Side::B] {
        bench.end_mut(side, link).may_end = true;
        for _ in 0..SEND_WINDOW / FRAME_MAX {
            bench.send(side, link, Channel::Reliable, vec![0; FRAME_MAX]).await;
        }
    }
    bench.listen(QUIET).await?;
    bench.close(Side::A, link).await;
    bench.close(Side::B, link).await;
    bench.expect_quiet().await
}

/// A message whose bytes betray a shift or a cut.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}
