//! How packets travel between two programs: latency, jitter, loss, repetition, reordering and bandwidth by name.

use std::time::Duration;

use meshwork_core::rng::Rng;

/// How a path behaves, or what a program's access adds to its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathModel {
    /// What it is called in schedules.
    pub name: &'static str,
    /// One-way time without jitter.
    pub latency: Duration,
    /// Greatest addition to it.
    pub jitter: Duration,
    /// Lost packets in a thousand: a delay on the reliable channel, a loss on the other.
    pub loss_per_mille: u64,
    /// Packets in a thousand that arrive twice; the unreliable channel shows them twice.
    pub repeat_per_mille: u64,
    /// Packets in a thousand that those sent later overtake; the reliable channel puts them in order again.
    pub overtake_per_mille: u64,
    /// What one program can send, to everybody together.
    pub bytes_per_second: u64,
}

impl PathModel {
    /// One machine.
    pub const LOCAL: PathModel = PathModel {
        name: "local",
        latency: Duration::from_micros(200),
        jitter: Duration::from_micros(100),
        loss_per_mille: 0,
        repeat_per_mille: 0,
        overtake_per_mille: 0,
        bytes_per_second: 1_000_000_000,
    };
    /// One house or office, over the air.
    pub const LAN: PathModel = PathModel {
        name: "lan",
        latency: Duration::from_millis(1),
        jitter: Duration::from_millis(4),
        loss_per_mille: 1,
        repeat_per_mille: 1,
        overtake_per_mille: 5,
        bytes_per_second: 12_500_000,
    };
    /// Across a continent.
    pub const WAN: PathModel = PathModel {
        name: "wan",
        latency: Duration::from_millis(40),
        jitter: Duration::from_millis(15),
        loss_per_mille: 10,
        repeat_per_mille: 5,
        overtake_per_mille: 20,
        bytes_per_second: 2_500_000,
    };
    /// A phone on a train.
    pub const MOBILE: PathModel = PathModel {
        name: "mobile",
        latency: Duration::from_millis(90),
        jitter: Duration::from_millis(120),
        loss_per_mille: 50,
        repeat_per_mille: 10,
        overtake_per_mille: 50,
        bytes_per_second: 250_000,
    };
    /// All models that have a name.
    pub const ALL: [PathModel; 4] = [PathModel::LOCAL, PathModel::LAN, PathModel::WAN, PathModel::MOBILE];

    /// The path from a program with this access to one with the other: the worse of the two in everything.
    pub fn to(self, other: PathModel) -> PathModel {
        let (worse, better) = if self.latency >= other.latency { (self, other) } else { (other, self) };
        PathModel {
            name: worse.name,
            latency: worse.latency,
            jitter: worse.jitter.max(better.jitter),
            loss_per_mille: worse.loss_per_mille.max(better.loss_per_mille),
            repeat_per_mille: worse.repeat_per_mille.max(better.repeat_per_mille),
            overtake_per_mille: worse.overtake_per_mille.max(better.overtake_per_mille),
            bytes_per_second: worse.bytes_per_second.min(better.bytes_per_second),
        }
    }

    /// Draws the time that one packet takes.
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        self.latency + Duration::from_micros(rng.below(self.jitter.as_micros() as u64 + 1))
    }

    /// Draws the time until a packet arrives that is sent again as often as it is lost.
    pub fn draw_reliable(&self, rng: &mut Rng) -> Duration {
        let mut delay = self.draw(rng);
        while self.loses(rng) {
            delay += self.latency * 2 + Duration::from_millis(200);
        }
        delay
    }

    /// Draws when copies of one packet arrive that is not sent again: none, one or two.
    pub fn draw_unreliable(&self, rng: &mut Rng) -> impl Iterator<Item = Duration> + use<> {
        let overtaken = rng.below(1000) < self.overtake_per_mille;
        let mut delay = self.draw(rng);
        if overtaken {
            delay += (self.latency + self.jitter) * 2;
        }
        let first = (!self.loses(rng)).then_some(delay);
        let second = (rng.below(1000) < self.repeat_per_mille).then(|| delay + self.draw(rng));
        first.into_iter().chain(second)
    }

    /// The time that `bytes` take to leave a program.
    pub fn time_to_send(&self, bytes: usize) -> Duration {
        Duration::from_micros(bytes as u64 * 1_000_000 / self.bytes_per_second)
    }

    fn loses(&self, rng: &mut Rng) -> bool {
        rng.below(1000) < self.loss_per_mille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_as_bad_as_its_worse_end() {
        let path = PathModel::LOCAL.to(PathModel::MOBILE);
        assert_eq!(path, PathModel::MOBILE.to(PathModel::LOCAL));
        assert_eq!(path, PathModel::MOBILE);
    }

    #[test]
    fn losses_delay_reliable_packets_and_swallow_the_others() {
        let path = PathModel { loss_per_mille: 500, jitter: Duration::ZERO, ..PathModel::LOCAL };
        let mut rng = Rng::new([3; 32]);
        let late = (0..1000).filter(|_| path.draw_reliable(&mut rng) > path.latency).count();
        let arrived: usize = (0..1000).map(|_| path.draw_unreliable(&mut rng).count()).sum();
        assert!(
            (400..600).contains(&late) && (400..600).contains(&arrived),
            "{late} late, {arrived} arrived"
        );
    }
}
