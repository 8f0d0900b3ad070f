//! How authors choose among trees.

use meshwork_core::overlay::trees::CHOICES;
use meshwork_core::rng::Rng;

use crate::tree::{Delivery, NEVER, TREES_MAX};
use meshwork_sim::chance;

/// How an author picks a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// By its name, so that all trees carry as much.
    Named,
    /// Another one for each broadcast, drawn.
    Drawn,
    /// Of so many that its name gives, the one whose root it is nearest to.
    Root(usize),
    /// Of so many that its name gives, the one over which it hears others soonest after they wrote.
    Heard(usize),
}

impl Choice {
    /// What the overlay's authors do.
    pub const MESHWORK: Choice = Choice::Heard(CHOICES as usize);

    /// In words.
    pub fn words(self) -> String {
        match self {
            Choice::Named => "by name".to_owned(),
            Choice::Drawn => "drawn for each".to_owned(),
            Choice::Root(TREES_MAX) => "nearest root".to_owned(),
            Choice::Root(of) => format!("nearest root of {of}"),
            Choice::Heard(TREES_MAX) => "heard soonest".to_owned(),
            Choice::Heard(of) => format!("heard soonest of {of}"),
        }
    }
}

/// How authors pick trees, and what they know for it.
pub struct Picker {
    choice: Choice,
    trees: usize,
    /// How far each peer is from each tree's root.
    roots: Vec<Vec<u32>>,
    /// How late each peer hears over each tree, smoothed; with what its author's clock is wrong.
    heard: Vec<Vec<i32>>,
    rng: Rng,
}

impl Picker {
    /// Nobody has heard anything.
    pub fn new(choice: Choice, trees: usize, peers: usize, rng: Rng) -> Picker {
        let heard = vec![vec![i32::MAX; peers]; trees];
        Picker { choice, trees, roots: vec![vec![]; trees], heard, rng }
    }

    /// The tree of an author.
    pub fn pick(&mut self, author: u32) -> usize {
        // Names are drawn at random, as peers' numbers are.
        let named = |of: usize| (0..of.min(self.trees)).map(|step| (author as usize + step) % self.trees);
        let peer = author as usize;
        let best = match self.choice {
            Choice::Named => None,
            Choice::Drawn => Some(chance::below(&mut self.rng, self.trees)),
            Choice::Root(of) => named(of).min_by_key(|&tree| self.roots[tree][peer]),
            Choice::Heard(of) => named(of).min_by_key(|&tree| self.heard[tree][peer]),
        };
        best.unwrap_or(author as usize % self.trees)
    }

    /// Everybody heard a broadcast, which may have been the first over its tree.
    pub fn note(&mut self, tree: usize, is_first: bool, delivery: &Delivery) {
        if is_first {
            self.roots[tree].clone_from(&delivery.at);
        }
        let wrong = chance::below(&mut self.rng, 2 * CLOCK_ERROR_MICROS as usize) as i32 - CLOCK_ERROR_MICROS;
        for (heard, &at) in self.heard[tree].iter_mut().zip(&delivery.at) {
            let age = at.min(2_000_000) as i32 + wrong;
            if at != NEVER && at != 0 {
                *heard = if *heard == i32::MAX { age } else { *heard + (age - *heard) / 8 };
            }
        }
    }
}

/// How much an author's clock is wrong against room time, at most, in microseconds.
const CLOCK_ERROR_MICROS: i32 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_sim::chance::generator;

    #[test]
    fn authors_choose_their_fastest_own_tree() {
        let mut picker = Picker::new(Choice::MESHWORK, TREES_MAX, 10, generator(1, [0; 3]));
        assert_eq!(picker.pick(3), 3, "nothing was heard");
        for (tree, late) in [(3, 300_000), (4, 100_000), (5, 200_000), (6, 1_000)] {
            let mut delivery = Delivery::default();
            delivery.at.resize(10, late);
            picker.note(tree, true, &delivery);
        }
        assert_eq!(picker.pick(3), 4);
    }
}
