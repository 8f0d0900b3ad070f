//! **connected**, **degree**, **neighbours-mutual**, **coverage**, **payload-copies** and **oldest-kept**: what holds in
//! a room whose members keep some links each; **loop-free** and **one-root**: what holds in a tree besides.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::Endpoint;
use meshwork_core::node::LinkState;
use meshwork_core::overlay::message::Tag;
use meshwork_core::overlay::views::PINNED;
use meshwork_place::Place as _;

use super::{Member, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// Who is a neighbour of whom, by place among the members.
pub fn neighbours(world: &World, members: &[Member]) -> Vec<Vec<usize>> {
    let places = places(world, members);
    let of = |&(index, room): &Member| {
        let view = world.node(index).room(room).overlay();
        let endpoints = view.into_iter().flat_map(|view| view.neighbours).map(|one| one.endpoint);
        endpoints.filter_map(|endpoint| places.get(&endpoint).copied()).collect()
    };
    members.iter().map(of).collect()
}

/// **connected**: over links of the overlay everybody reaches everybody.
///
/// # Errors
/// [`Violation`] says how many are reached from the first member.
pub fn connected(world: &World, members: &[Member]) -> Result<(), Violation> {
    let neighbours = neighbours(world, members);
    let mut reached: BTreeSet<usize> = (0..members.len().min(1)).collect();
    let mut next: Vec<usize> = reached.iter().copied().collect();
    while let Some(one) = next.pop() {
        next.extend(neighbours[one].iter().copied().filter(|&other| reached.insert(other)));
    }
    if reached.len() == members.len() {
        return Ok(());
    }
    let detail = format!("{} of {} are reached from the first", reached.len(), members.len());
    Err(Violation::new("connected", detail))
}

/// **degree**: everybody has at least `least` neighbours that are alive, as far as there are so many others, and no
/// more neighbours than its overlay keeps at most.
///
/// # Errors
/// [`Violation`] names a program and its neighbours.
pub fn degree(world: &World, members: &[Member], least: usize) -> Result<(), Violation> {
    let neighbours = neighbours(world, members);
    for (&(index, room), living) in members.iter().zip(&neighbours) {
        let Some(view) = world.node(index).room(room).overlay() else { continue };
        let (kept, (_, most)) = (view.neighbours.len(), view.degree);
        if kept > most || living.len() < least.min(members.len() - 1) {
            let living = living.len();
            let detail = format!(
                "program {index} has {kept} neighbours, {living} of them alive, and {least} to {most} are expected"
            );
            return Err(Violation::new("degree", detail));
        }
    }
    Ok(())
}

/// **neighbours-mutual**: of two members, both are neighbours of each other or neither is.
///
/// # Errors
/// [`Violation`] names the two.
pub fn neighbours_mutual(world: &World, members: &[Member]) -> Result<(), Violation> {
    let neighbours = neighbours(world, members);
    for (place, others) in neighbours.iter().enumerate() {
        if let Some(&other) = others.iter().find(|&&other| !neighbours[other].contains(&place)) {
            let (one, other) = (members[place].0, members[other].0);
            let detail = format!("program {other} is a neighbour of {one}, but not the other way");
            return Err(Violation::new("neighbours-mutual", detail));
        }
    }
    Ok(())
}

/// **coverage**: everybody shows the same.
///
/// # Errors
/// [`Violation`] says how many show what the first does not.
pub fn coverage(world: &World, members: &[Member]) -> Result<(), Violation> {
    let digest = |&(index, room): &Member| world.node(index).canvas(room).map(|canvas| canvas.digest());
    let first = members.first().and_then(digest);
    let others = members.iter().filter(|member| digest(member) != first).count();
    if others == 0 {
        return Ok(());
    }
    Err(Violation::new("coverage", format!("{others} of {} differ from the first", members.len())))
}

/// Batches that came live to all members so far, copies included.
pub fn payloads(world: &World, members: &[Member]) -> u64 {
    let heard =
        |&(index, room): &Member| world.node(index).room(room).overlay().map_or(0, |view| view.received);
    members.iter().map(heard).sum()
}

/// **payload-copies**: since `before`, members got each of `batches` batches at most `most` times on average.
///
/// # Errors
/// [`Violation`] says how often.
pub fn payload_copies(
    world: &World,
    members: &[Member],
    before: u64,
    batches: usize,
    most: f64,
) -> Result<f64, Violation> {
    let copies = (payloads(world, members) - before) as f64 / (batches * (members.len() - 1)) as f64;
    if copies <= most {
        return Ok(copies);
    }
    Err(Violation::new("payload-copies", format!("each batch came {copies:.2} times, {most} are allowed")))
}

/// Each endpoint's place among the members.
fn places(world: &World, members: &[Member]) -> BTreeMap<Endpoint, usize> {
    let endpoint = |(place, (index, _)): (usize, &Member)| (world.node(*index).endpoint(), place);
    members.iter().enumerate().map(endpoint).collect()
}

/// Everybody's place in a tree: whose branch it is on, and the place of its parent among the members.
fn parents(world: &World, members: &[Member]) -> Vec<Option<(Tag, Option<usize>)>> {
    let places = places(world, members);
    let of = |&(index, room): &Member| {
        let branch = world.node(index).room(room).overlay()?.branch?;
        Some((branch.root, branch.parent.and_then(|parent| places.get(&parent).copied())))
    };
    members.iter().map(of).collect()
}

/// **loop-free**: among members that follow one root nobody is its own ancestor, at whatever moment.
///
/// # Errors
/// [`Violation`] names who is, and the steps around.
pub fn loop_free(world: &World, members: &[Member]) -> Result<(), Violation> {
    let parents = parents(world, members);
    for (first, branch) in parents.iter().enumerate() {
        let Some((root, parent)) = *branch else { continue };
        let same_root = |place: &usize| parents[*place].is_some_and(|(other, _)| other == root);
        let (mut next, mut steps) = (parent.filter(same_root), 1);
        while let Some(place) = next.filter(|_| steps <= members.len()) {
            if place == first {
                let detail = format!("program {} is its own ancestor in {steps} steps", members[first].0);
                return Err(Violation::new("loop-free", detail));
            }
            next = parents[place].and_then(|(_, parent)| parent).filter(same_root);
            steps += 1;
        }
    }
    Ok(())
}

/// **one-root**: everybody follows the same root, which alone has no parent.
///
/// # Errors
/// [`Violation`] says how many roots and members without a parent there are.
pub fn one_root(world: &World, members: &[Member]) -> Result<(), Violation> {
    let parents = parents(world, members);
    let roots: BTreeSet<Option<Tag>> = parents.iter().map(|branch| branch.map(|(root, _)| root)).collect();
    let lonely = parents.iter().filter(|branch| branch.is_none_or(|(_, parent)| parent.is_none())).count();
    if roots.len() == 1 && lonely == 1 && !roots.contains(&None) {
        return Ok(());
    }
    let detail = format!("{} roots are followed, {lonely} members have no parent", roots.len());
    Err(Violation::new("one-root", detail))
}

/// **oldest-kept**: nobody gives up one of its oldest neighbours of its own accord.
#[derive(Debug, Default)]
pub struct Oldest(BTreeMap<NodeIndex, Vec<Endpoint>>);

impl Oldest {
    /// Looks at everybody's oldest neighbours, and at what became of those seen before.
    ///
    /// # Errors
    /// [`Violation`] names a program and whom it gave up.
    pub fn check(&mut self, world: &World, members: &[Member]) -> Result<(), Violation> {
        for &(index, room) in members {
            let Some(view) = world.node(index).room(room).overlay() else { continue };
            let peers = world.node(index).room(room).peers();
            for endpoint in self.0.get(&index).into_iter().flatten() {
                let given_up = peers.iter().find(|peer| {
                    let words = peer.reason.as_deref().unwrap_or_default();
                    let by_choice = words.starts_with("no neighbour any more");
                    peer.endpoint == *endpoint && peer.state == LinkState::Gone && by_choice
                });
                if let Some(given_up) = given_up {
                    let words = given_up.reason.clone().unwrap_or_default();
                    let detail = format!("program {index} gave up one of its oldest neighbours: {words}");
                    return Err(Violation::new("oldest-kept", detail));
                }
            }
            let mut oldest: Vec<_> = view.neighbours.iter().map(|one| (one.since, one.endpoint)).collect();
            oldest.sort_unstable();
            oldest.truncate(PINNED);
            self.0.insert(index, oldest.into_iter().map(|(_, endpoint)| endpoint).collect());
        }
        Ok(())
    }
}
