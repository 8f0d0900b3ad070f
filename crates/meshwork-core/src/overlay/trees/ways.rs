//! The ways that batches come here: who brings those of each tree, and who else would bring them how much later.

use alloc::collections::BTreeMap;

use super::TREES;
use crate::id::Endpoint;

/// By how many batches of a tree somebody can be ahead of others who bring some.
const AHEAD_MAX: u8 = 4;
/// How much later or sooner than a batch its name is taken to have come at most, in milliseconds.
const LAG_MAX: i64 = 2000;

/// What one endpoint knows of its ways.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// By tree: who brings most of its batches, and by how many it is ahead of others.
    parents: [Option<(Endpoint, u8)>; TREES as usize],
    /// By neighbour and tree: how much later than a batch its name comes, in milliseconds, smoothed.
    lags: BTreeMap<Endpoint, [Option<i64>; TREES as usize]>,
}

impl Ways {
    /// `from` was the first to bring a batch of the tree with this number. Authors are everywhere, so that now and then
    /// one comes from below.
    pub(super) fn handle_brought(&mut self, tree: u8, from: Endpoint) {
        let parent = &mut self.parents[usize::from(tree)];
        *parent = match *parent {
            Some((endpoint, ahead)) if endpoint == from => Some((from, (ahead + 1).min(AHEAD_MAX))),
            Some((endpoint, ahead)) if ahead > 1 => Some((endpoint, ahead - 1)),
            _ => Some((from, 1)),
        };
    }

    /// The name of a batch of this tree came from a neighbour so much later than the batch, or sooner.
    pub(super) fn handle_named(&mut self, tree: u8, from: Endpoint, lag_ms: i64) {
        let lag = lag_ms.clamp(-LAG_MAX, LAG_MAX);
        let smoothed = &mut self.lags.entry(from).or_default()[usize::from(tree)];
        *smoothed = Some(smoothed.map_or(lag, |before| before + (lag - before) / 4));
    }

    /// A neighbour is gone. Returns the trees whose batches it brought, a bit for each.
    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) -> u8 {
        self.lags.remove(&endpoint);
        let mut orphaned = 0;
        for (tree, parent) in self.parents.iter_mut().enumerate() {
            if parent.is_some_and(|(one, _)| one == endpoint) {
                *parent = None;
                orphaned |= 1 << tree;
            }
        }
        orphaned
    }

    /// Of the neighbours that fit, the one whose names of batches of a tree come soonest.
    pub(super) fn soonest(&self, tree: u8, fits: impl Fn(&Endpoint) -> bool) -> Option<Endpoint> {
        let known = self.lags.iter().filter(|(endpoint, _)| fits(endpoint));
        let lags = known.filter_map(|(&endpoint, lags)| Some((lags[usize::from(tree)]?, endpoint)));
        lags.min().map(|(_, endpoint)| endpoint)
    }
}
