//! What the cases stand on: a pair with all its links, whose every input is checked against the contract.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Failure, LinkPair, PATIENCE, QUIET, Side};
use crate::seam::description::{CANDIDATES_MAX, Description, Fingerprints, Role, Signal};
use crate::seam::io::{Channel, Effect, Input, LinkId, SEND_WINDOW};
use crate::seam::path::{IceConfig, Path};

/// One end of one link, as its driver tells it.
#[derive(Default)]
pub(super) struct End {
    pub(super) role: Option<Role>,
    pub(super) description: Option<Description>,
    pub(super) candidates: usize,
    pub(super) up: Option<Fingerprints>,
    pub(super) received: Vec<(Channel, Vec<u8>)>,
    pub(super) unacknowledged: usize,
    pub(super) closed: bool,
    pub(super) ended: bool,
    pub(super) may_end: bool,
}

/// A pair with all its links, whose every input is checked.
pub(super) struct Bench<'pair, P> {
    pub(super) pair: &'pair mut P,
    ends: BTreeMap<(Side, LinkId), End>,
    links: u64,
    /// Whether signals are put into `held` instead of being carried to the other end.
    pub(super) hold: bool,
    pub(super) held: Vec<(Side, LinkId, Signal)>,
}

impl<'pair, P: LinkPair> Bench<'pair, P> {
    pub(super) fn new(pair: &'pair mut P) -> Self {
        Bench { pair, ends: BTreeMap::new(), links: 0, hold: false, held: Vec::new() }
    }

    pub(super) fn new_link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    pub(super) fn end(&self, side: Side, link: LinkId) -> &End {
        self.ends.get(&(side, link)).expect("the suite opened it")
    }

    pub(super) fn end_mut(&mut self, side: Side, link: LinkId) -> &mut End {
        self.ends.get_mut(&(side, link)).expect("the suite opened it")
    }

    pub(super) async fn open(&mut self, side: Side, link: LinkId, role: Role) {
        self.ends.insert((side, link), End { role: Some(role), ..End::default() });
        self.pair.apply(side, Effect::Open { link, role, ice: IceConfig::default() }).await;
    }

    pub(super) async fn open_pair(&mut self, offerer: Side) -> LinkId {
        let link = self.new_link();
        self.open(offerer, link, Role::Offerer).await;
        self.open(offerer.other(), link, Role::Answerer).await;
        link
    }

    pub(super) async fn close(&mut self, side: Side, link: LinkId) {
        self.end_mut(side, link).closed = true;
        self.pair.apply(side, Effect::Close { link }).await;
    }

    pub(super) async fn send(&mut self, side: Side, link: LinkId, channel: Channel, bytes: Vec<u8>) {
        let end = self.end_mut(side, link);
        if !end.ended {
            end.unacknowledged += bytes.len();
            self.pair.apply(side, Effect::Send { link, channel, bytes }).await;
        }
    }

    pub(super) async fn send_when_writable(
        &mut self,
        side: Side,
        link: LinkId,
        channel: Channel,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        let room = SEND_WINDOW - bytes.len();
        self.wait("the send window to open", |bench| bench.end(side, link).unacknowledged <= room).await?;
        self.send(side, link, channel, bytes).await;
        Ok(())
    }

    /// Carries what `side` said to the other end, if that still lives.
    pub(super) async fn carry(&mut self, side: Side, link: LinkId, signal: Signal) {
        let live = self.ends.get(&(side.other(), link)).is_some_and(|end| !end.closed && !end.ended);
        if live {
            self.pair.apply(side.other(), Effect::Signal { link, signal }).await;
        }
    }

    pub(super) async fn wait(
        &mut self,
        wanted: &'static str,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), Failure> {
        while !done(self) {
            self.step(wanted).await?;
        }
        Ok(())
    }

    pub(super) async fn wait_up(&mut self, link: LinkId) -> Result<(), Failure> {
        let up = |bench: &Self| [Side::A, Side::B].iter().all(|side| bench.end(*side, link).up.is_some());
        self.wait("both ends to come up", up).await?;
        let (a, b) = (self.end(Side::A, link).up, self.end(Side::B, link).up);
        let (Some(a), Some(b)) = (a, b) else { return Err(Failure::Silence("both ends to come up")) };
        if (a.local, a.remote) != (b.remote, b.local) || a.local == a.remote {
            return Err(Failure::Differs("the ends do not agree on their two certificates"));
        }
        Ok(())
    }

    pub(super) async fn wait_acknowledged(&mut self, side: Side, link: LinkId) -> Result<(), Failure> {
        self.wait("all bytes to be given back", |bench| bench.end(side, link).unacknowledged == 0).await
    }

    /// Waits until `side` has received exactly these messages, on the reliable channel and in this order.
    pub(super) async fn expect(
        &mut self,
        side: Side,
        link: LinkId,
        messages: &[&[u8]],
    ) -> Result<(), Failure> {
        self.wait("messages", |bench| bench.end(side, link).received.len() >= messages.len()).await?;
        let received = core::mem::take(&mut self.end_mut(side, link).received);
        let same = |((channel, got), sent): (&(Channel, Vec<u8>), &&[u8])| {
            *channel == Channel::Reliable && got.as_slice() == *sent
        };
        if received.len() != messages.len() || !received.iter().zip(messages).all(same) {
            return Err(Failure::Differs("what arrived is not what was sent"));
        }
        Ok(())
    }

    /// Listens for a while to inputs that are all allowed to come.
    pub(super) async fn listen(&mut self, patience: Duration) -> Result<(), Failure> {
        while let Some((side, input)) = self.pair.next(patience).await {
            self.take(side, input).await?;
        }
        Ok(())
    }

    /// Listens for a while; anything said of an ended link breaks the contract.
    pub(super) async fn expect_quiet(&mut self) -> Result<(), Failure> {
        self.listen(QUIET).await
    }

    pub(super) async fn step(&mut self, wanted: &'static str) -> Result<(), Failure> {
        let (side, input) = self.pair.next(PATIENCE).await.ok_or(Failure::Silence(wanted))?;
        self.take(side, input).await
    }

    /// Checks an input against the contract and notes it.
    pub(super) async fn take(&mut self, side: Side, input: Input) -> Result<(), Failure> {
        let Some(link) = input.link() else {
            return Err(breach(side, 0, &input, "it does not concern a link"));
        };
        let other = self.ends.get(&(side.other(), link)).and_then(|end| end.description.clone());
        let Some(end) = self.ends.get_mut(&(side, link)) else {
            return Err(breach(side, link.0, &input, "the link was never opened"));
        };
        if let Err(broken) = check(end, other.as_ref(), &input) {
            return Err(breach(side, link.0, &input, broken));
        }
        match input {
            Input::Signal { signal, .. } => {
                match &signal {
                    Signal::Description(description) => end.description = Some(description.clone()),
                    Signal::Candidate(_) => end.candidates += 1,
                }
                if self.hold {
                    self.held.push((side, link, signal));
                } else {
                    self.carry(side, link, signal).await;
                }
            }
            Input::Up { fingerprints, .. } => end.up = Some(fingerprints),
            Input::Data { channel, bytes, .. } => end.received.push((channel, bytes)),
            Input::Writable { bytes, .. } => end.unacknowledged -= bytes,
            Input::Down { reason, .. } => {
                end.ended = true;
                if !end.may_end {
                    return Err(Failure::Ended { side, link: link.0, reason });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether the contract allows `end` to say `input`; `other` is the other end's description.
fn check(end: &End, other: Option<&Description>, input: &Input) -> Result<(), &'static str> {
    let require = |holds: bool, broken: &'static str| if holds { Ok(()) } else { Err(broken) };
    require(!end.closed, "the node closed the link")?;
    require(!end.ended, "the link is down")?;
    match input {
        Input::Signal { signal: Signal::Description(description), .. } => {
            require(end.description.is_none(), "there is one description per attempt")?;
            require(Some(description.role) == end.role, "it is the other role")?;
            let offered = end.role == Some(Role::Offerer) || other.is_some();
            require(offered, "an answer comes after the offer")?;
            require(description.check().is_ok(), "the description is not valid")
        }
        Input::Signal { signal: Signal::Candidate(candidate), .. } => {
            require(candidate.check().is_ok(), "the candidate is not valid")?;
            let named = end.description.as_ref().map_or(0, |own| own.candidates.len());
            require(named + end.candidates < CANDIDATES_MAX, "there are too many candidates")
        }
        Input::Up { fingerprints, path, .. } => {
            require(path.kind() == Path::Direct, "there is no relay")?;
            require(end.up.is_none(), "it is up already")?;
            let local = end.description.as_ref().map(|own| own.fingerprint);
            require(local == Some(fingerprints.local), "its certificate is not the described one")
        }
        Input::Data { .. } => require(end.up.is_some(), "data comes after up"),
        Input::PathChanged { .. } => require(end.up.is_some(), "a path changes after up"),
        Input::Writable { bytes, .. } => {
            require(end.up.is_some(), "nothing can have been sent before up")?;
            require(*bytes > 0, "nothing became writable")?;
            require(*bytes <= end.unacknowledged, "more is given back than was sent")
        }
        Input::Down { reason, .. } => require(!reason.is_empty(), "it gives no reason"),
        _ => Err("it does not concern a link"),
    }
}

fn breach(side: Side, link: u64, input: &Input, broken: &'static str) -> Failure {
    let mut input = alloc::format!("{input:?}");
    input.truncate(input.floor_char_boundary(200));
    Failure::Contract { side, link, input, broken }
}
