//! What a race is, and how contestants take turns.

use anyhow::Result;

/// One race.
pub struct Race {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is raced and what the numbers mean, in one or two sentences for somebody who reads the results.
    pub about: &'static str,
    /// What must be there before it can run.
    pub needs: Needs,
    /// Runs it. Fails when one side did not do the work.
    pub run: fn(&Plan) -> Result<Vec<Row>>,
}

/// What a race needs besides this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// coturn's `turnserver`, which Debian has as a package: `apt-get install coturn`.
    Coturn,
    /// Node.js and npm.
    Npm,
    /// The finished pages and the binary around them (environment variable MESHWORK_BIN), and a browser.
    Browser,
    /// The same, with the npm package (environment variable MESHWORK_SDK) and npm.
    Package,
}

/// How much work is done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Measured rounds, after one that warms up.
    pub rounds: usize,
    /// A size that proves that the race works and says nothing about speed.
    pub tiny: bool,
}

impl Plan {
    /// What is run in earnest.
    pub const FULL: Plan = Plan { rounds: 7, tiny: false };

    /// `full`, or `tiny` in the smoke test.
    pub fn size<T>(&self, full: T, tiny: T) -> T {
        if self.tiny { tiny } else { full }
    }

    /// Lets two contestants take turns: one round each to warm up, then [`rounds`](Plan::rounds) each. In every
    /// second round the other one begins, so that none always runs in the other's wake.
    ///
    /// # Errors
    /// The first that a contestant reports.
    pub fn duel(
        &self,
        mut ours: impl FnMut() -> Result<f64>,
        mut other: impl FnMut() -> Result<f64>,
    ) -> Result<(Samples, Samples)> {
        ours()?;
        other()?;
        let (mut our_samples, mut other_samples) = (Vec::new(), Vec::new());
        for round in 0..self.rounds {
            if round % 2 == 0 {
                our_samples.push(ours()?);
                other_samples.push(other()?);
            } else {
                other_samples.push(other()?);
                our_samples.push(ours()?);
            }
        }
        Ok((Samples(our_samples), Samples(other_samples)))
    }

    /// One contestant alone: one round to warm up, then [`rounds`](Plan::rounds).
    ///
    /// # Errors
    /// What it reports.
    pub fn alone(&self, mut ours: impl FnMut() -> Result<f64>) -> Result<Samples> {
        ours()?;
        (0..self.rounds).map(|_| ours()).collect::<Result<_>>().map(Samples)
    }
}

/// The numbers of one contestant, one for each round; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples(pub Vec<f64>);

impl Samples {
    /// A number that is the same in every round, such as a length.
    pub fn exact(number: f64) -> Samples {
        Samples(vec![number])
    }

    /// The middle one; of an even count the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
    }

    /// The least and the greatest.
    pub fn spread(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted[0], sorted[sorted.len() - 1])
    }

    /// Each number through a function: seconds into a rate, say.
    pub fn map(self, each: impl Fn(f64) -> f64) -> Samples {
        Samples(self.0.into_iter().map(each).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// One line of the results.
#[derive(Clone, Debug)]
pub struct Row {
    /// The race's name, or it and what is special about this line: `stroke-bytes/lone-click`.
    pub name: String,
    /// Ours.
    pub ours: Samples,
    /// Whose the other number is, with its version, and the number; `None` where a number is only stated.
    pub other: Option<(String, Samples)>,
    /// The unit of both, with what was measured where that is not plain: `s (CPU)`.
    pub unit: &'static str,
    /// Whether a greater number is the better one.
    pub higher_is_better: bool,
    /// What we want to reach, as text; empty where nothing is wanted.
    pub want: &'static str,
    /// What somebody must know to read it rightly; may be empty.
    pub note: String,
}

impl Row {
    /// A number of ours that is only stated.
    pub fn stated(name: impl Into<String>, ours: Samples, unit: &'static str, higher_is_better: bool) -> Row {
        Row { name: name.into(), ours, other: None, unit, higher_is_better, want: "", note: String::new() }
    }

    /// With another's number beside it.
    #[must_use]
    pub fn against(mut self, name: impl Into<String>, samples: Samples) -> Row {
        self.other = Some((name.into(), samples));
        self
    }

    /// With what we want to reach.
    #[must_use]
    pub fn want(mut self, want: &'static str) -> Row {
        self.want = want;
        self
    }

    /// With a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Row {
        self.note = note.into();
        self
    }

    /// How many times better we are than the other: above 1 means that we win.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, other) = (self.ours.median(), self.other.as_ref()?.1.median());
        let (better, worse) = if self.higher_is_better { (ours, other) } else { (other, ours) };
        (worse != 0.0).then_some(better / worse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_means_that_we_win() {
        let row = |ours, other, higher| {
            Row::stated("race", Samples::exact(ours), "s", higher).against("other", Samples::exact(other))
        };
        assert_eq!(row(2.0, 1.0, true).ratio(), Some(2.0));
        assert_eq!(row(2.0, 1.0, false).ratio(), Some(0.5));
        assert_eq!(Row::stated("race", Samples::exact(1.0), "s", true).ratio(), None);
        assert_eq!(row(1.0, 0.0, true).ratio(), None);
    }

    #[test]
    fn contestants_alternate_and_the_first_round_is_uncounted() {
        let order = std::cell::RefCell::new(String::new());
        let turn = |who| {
            order.borrow_mut().push(who);
            Ok(order.borrow().len() as f64)
        };
        let plan = Plan { rounds: 3, tiny: true };
        let (ours, other) = plan.duel(|| turn('a'), || turn('b')).unwrap();
        assert_eq!(order.borrow().as_str(), "ababbaab");
        assert_eq!((ours.0, other.0), (vec![3.0, 6.0, 7.0], vec![4.0, 5.0, 8.0]));
    }

    #[test]
    fn the_middle_and_the_ends_of_numbers() {
        let samples = Samples(vec![9.0, 1.0, 4.0, 2.0]);
        assert_eq!((samples.median(), samples.spread()), (3.0, (1.0, 9.0)));
    }
}
