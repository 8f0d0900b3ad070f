//! The virtual driver keeps the contract that native and browser drivers keep.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use meshwork_core::conformance::{self, LinkPair, Side};
use meshwork_core::node::{Effect, Input};
use meshwork_core::rng::Rng;
use meshwork_core::time::Time;
use meshwork_sim::connection::{Connections, End, PathModel};

/// Two virtual drivers and the time between them.
struct VirtualPair {
    connections: Connections,
    queue: BTreeMap<(Time, u64), (End, Input)>,
    ready: Vec<(Side, Input)>,
    order: u64,
    now: Time,
    path: PathModel,
}

impl VirtualPair {
    fn new(path: PathModel) -> VirtualPair {
        let connections = Connections::new(Rng::new([1; 32]));
        VirtualPair { connections, queue: BTreeMap::new(), ready: vec![], order: 0, now: Time(0), path }
    }
}

impl LinkPair for VirtualPair {
    async fn apply(&mut self, side: Side, effect: Effect) {
        let mut arrivals = vec![];
        self.connections.carry_out(self.now, side as usize, effect, &self.path, &mut arrivals);
        for (at, end, input) in arrivals {
            self.order += 1;
            self.queue.insert((at, self.order), (end, input));
        }
    }

    async fn next(&mut self, patience: Duration) -> Option<(Side, Input)> {
        let until = self.now + patience;
        while self.ready.is_empty() {
            let (&(at, order), _) = self.queue.first_key_value()?;
            if at > until {
                self.now = until;
                return None;
            }
            self.now = self.now.max(at);
            let (end, input) = self.queue.remove(&(at, order))?;
            let side = if end.0 == 0 { Side::A } else { Side::B };
            let (first, early) = self.connections.admit(end, input);
            self.ready = first.into_iter().chain(early).map(|input| (side, input)).collect();
        }
        Some(self.ready.remove(0))
    }

    async fn cut(&mut self) -> bool {
        self.connections.cut(0, 1);
        true
    }
}

/// Nothing here ever waits: virtual time passes when it is asked for.
fn run_ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a virtual pair is always ready"),
    }
}

#[test]
fn the_virtual_driver_keeps_the_contract() {
    for path in [PathModel::LOCAL, PathModel { loss_per_mille: 0, repeat_per_mille: 0, ..PathModel::MOBILE }]
    {
        let result = run_ready(conformance::run_all(async || VirtualPair::new(path)));
        assert_eq!(result, Ok(()), "{path:?}");
    }
}
