//! Where beads stand in the picture of an overlay: oneself in the middle, everybody else at their round-trip time.
//!
//! An angle, once given, is kept for as long as its member is in the picture. A bead that would lie on another one
//! moves outwards until it does not.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::time::Duration;

use meshwork_core::overlay::message::Tag;

use super::graph::Graph;
use crate::rtt;

/// Angles that there are: so many beads of 14 side by side fill the outermost ring of a wide picture.
const SLOTS: usize = 180;
/// Angles to both sides of its own at which a bead is put where its own is full.
const TURNS_MAX: i32 = 45;
/// Angles on both sides of a bead that are left free while there are others.
const BESIDE: usize = 2;
/// Angles on both sides of the top where the rings have their numbers.
const NUMBERED: usize = 6;
/// A bead stays where it is until it would move further than this in a picture of that side, in CSS pixels: round trips
/// differ a little each time.
const STILL: f64 = 16.0;
const STILL_SIDE: f64 = 720.0;
/// Beads beyond which they are small and without a letter.
const LARGE_MAX: usize = 60;
/// Widths of beads, in CSS pixels: of oneself, of neighbours, of others, of all others in a crowd.
const OWN: f64 = 36.0;
const NEIGHBOUR: f64 = 26.0;
const OTHER: f64 = 20.0;
const SMALL: f64 = 14.0;
/// What is left free between two beads.
const GAP: f64 = 3.0;
/// What is left free around the outermost ring, for names.
const MARGIN: f64 = 22.0;
/// Height of a name, and width of one of its letters as a rule.
const NAME_HEIGHT: f64 = 15.0;
const LETTER_WIDTH: f64 = 6.6;
/// Letters of a name at most.
pub const NAME_LETTERS_MAX: usize = 14;

/// Where a member's bead is, in CSS pixels from the middle of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
    /// Width of the bead.
    pub bead: f64,
    /// Whether the bead has its letter.
    pub has_letter: bool,
    /// Whether there is room for the name beside it.
    pub is_named: bool,
}

/// Which angle everybody has, and how far away they were drawn.
#[derive(Debug, Default)]
pub struct Layout {
    held: BTreeMap<Tag, Held>,
}

/// What somebody keeps from one drawing to the next.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    slot: usize,
    was_neighbour: bool,
    /// The round trip that was drawn last, in ms.
    far_ms: Option<f64>,
}

impl Layout {
    /// Where everybody is in a picture of so many CSS pixels, in the order of the graph's members.
    pub fn place(&mut self, graph: &Graph, side: f64) -> Vec<Spot> {
        self.turn(graph);
        let radius = radius(side);
        let is_crowd = graph.members.len() > LARGE_MAX;
        let mut spots: Vec<Spot> = graph
            .members
            .iter()
            .enumerate()
            .map(|(at, member)| {
                let bead = match member.before {
                    _ if at == 0 => OWN,
                    Some(0) if !is_crowd || member.link.is_some() => NEIGHBOUR.min(side / 16.0),
                    _ if is_crowd => SMALL.min(side / 40.0 + 4.0),
                    _ => OTHER.min(side / 20.0),
                };
                Spot { x: 0.0, y: 0.0, bead, has_letter: bead >= 16.0, is_named: false }
            })
            .collect();
        let held: Vec<Held> = graph
            .members
            .iter()
            .map(|member| self.held.get(&member.tag).copied().unwrap_or_default())
            .collect();
        let wanted = |at: usize| held[at].far_ms.map_or(radius, |ms| ring(ms, side));
        let mut order: Vec<usize> = (1..spots.len()).collect();
        // Neighbours first: nobody takes their place.
        order.sort_by(|&one, &other| {
            let key = |at: usize| (graph.members[at].before != Some(0), graph.members[at].tag);
            let (one_key, other_key) = (key(one), key(other));
            one_key
                .0
                .cmp(&other_key.0)
                .then(wanted(one).total_cmp(&wanted(other)))
                .then(one_key.1.cmp(&other_key.1))
        });
        let mut placed = vec![0];
        for at in order {
            let angle = held[at].slot as f64 / SLOTS as f64 * TAU;
            (spots[at].x, spots[at].y) =
                free_place(&spots, &placed, spots[at].bead, angle, wanted(at), radius);
            placed.push(at);
        }
        name(graph, &mut spots, side);
        spots
    }

    /// Gives an angle to whoever has none or became a neighbour, and forgets whoever is gone.
    fn turn(&mut self, graph: &Graph) {
        let present: BTreeMap<Tag, ()> = graph.members.iter().map(|member| (member.tag, ())).collect();
        self.held.retain(|tag, _| present.contains_key(tag));
        let is_neighbour = |at: usize| graph.members[at].before == Some(0);
        let mut fresh: Vec<usize> = (1..graph.members.len()).collect();
        fresh.retain(|&at| {
            let member = &graph.members[at];
            let Some(held) = self.held.get_mut(&member.tag) else { return true };
            let step = |ms: Option<f64>| ms.map(|ms| ring(ms, STILL_SIDE) / STILL);
            let moved = step(held.far_ms)
                .zip(step(member.far_ms))
                .is_none_or(|(one, other)| (one - other).abs() > 1.0);
            if moved {
                held.far_ms = member.far_ms;
            }
            is_neighbour(at) && !held.was_neighbour
        });
        for &at in &fresh {
            self.held.remove(&graph.members[at].tag);
        }
        let mut taken = [false; SLOTS];
        self.held.values().for_each(|held| taken[held.slot] = true);
        let depth = |at: usize| {
            let ways =
                std::iter::successors(Some(at), |&at| graph.members[at].before.filter(|before| *before != 0));
            ways.take(graph.members.len()).count()
        };
        fresh.sort_by_key(|&at| (!is_neighbour(at), depth(at), graph.members[at].tag));
        for at in fresh {
            let member = &graph.members[at];
            let before = member.before.filter(|before| *before != 0);
            let of_before = before.and_then(|before| Some(self.held.get(&graph.members[before].tag)?.slot));
            let wish = of_before.unwrap_or_else(|| self.widest_gap(graph));
            let slot = nearest_free(&taken, wish);
            taken[slot] = true;
            let held = Held { slot, was_neighbour: is_neighbour(at), far_ms: member.far_ms };
            self.held.insert(member.tag, held);
        }
    }

    /// The middle of the widest gap between neighbours.
    fn widest_gap(&self, graph: &Graph) -> usize {
        let neighbours = graph.members.iter().filter(|member| member.before == Some(0));
        let mut slots: Vec<usize> =
            neighbours.filter_map(|member| Some(self.held.get(&member.tag)?.slot)).collect();
        slots.sort_unstable();
        let Some((&first, &last)) = slots.first().zip(slots.last()) else { return SLOTS * 7 / 8 };
        let around = (SLOTS - last + first, last);
        let gaps = slots.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
        let (gap, from) = std::iter::once(around).chain(gaps).max().unwrap_or(around);
        (from + gap / 2) % SLOTS
    }
}

/// How far from the middle a round trip of so many ms is drawn.
pub fn ring(ms: f64, side: f64) -> f64 {
    let inner = OWN / 2.0 + GAP;
    let distance = rtt::distance(Duration::from_secs_f64(ms.clamp(0.0, 1e6) / 1000.0));
    inner + distance * (radius(side) - inner)
}

fn radius(side: f64) -> f64 {
    side / 2.0 - MARGIN
}

/// The free slot that is nearest to a wish: with free ones beside it where there are such, and not where the rings
/// have their numbers.
fn nearest_free(taken: &[bool; SLOTS], wish: usize) -> usize {
    let both_ways = || (0..=SLOTS / 2).flat_map(|by| [(wish + by) % SLOTS, (wish + SLOTS - by) % SLOTS]);
    let is_roomy = |slot: &usize| {
        let is_of_numbers = *slot < NUMBERED || *slot > SLOTS - NUMBERED;
        !is_of_numbers && (0..=2 * BESIDE).all(|by| !taken[(slot + SLOTS + by - BESIDE) % SLOTS])
    };
    both_ways().find(is_roomy).or_else(|| both_ways().find(|&slot| !taken[slot])).unwrap_or(wish)
}

/// The first place from `wanted` outwards at which a bead lies on no other; where there is none, from there inwards,
/// and then the same beside that angle.
fn free_place(
    spots: &[Spot],
    placed: &[usize],
    bead: f64,
    angle: f64,
    wanted: f64,
    radius: f64,
) -> (f64, f64) {
    let is_free = |&(x, y): &(f64, f64)| {
        placed.iter().map(|&other| &spots[other]).all(|other| {
            let least = (bead + other.bead) / 2.0 + GAP;
            (x - other.x).powi(2) + (y - other.y).powi(2) >= least * least
        })
    };
    let step = bead / 4.0;
    let steps = (radius / step) as usize + 1;
    let along = |turn: i32| {
        let (sine, cosine) = (angle + f64::from(turn) / SLOTS as f64 * TAU).sin_cos();
        let outwards =
            (0..steps).map(|by| wanted + by as f64 * step).take_while(|distance| *distance <= radius);
        let inwards = (0..steps).map(|by| wanted - by as f64 * step).take_while(|distance| *distance >= 0.0);
        let places = outwards.chain(inwards).map(|distance| (distance * sine, -distance * cosine));
        places.into_iter().find(is_free)
    };
    let turns = (0..=TURNS_MAX).flat_map(|turn| [turn, -turn]);
    turns.into_iter().find_map(along).unwrap_or_else(|| (radius * angle.sin(), -radius * angle.cos()))
}

/// Decides which neighbours have their names beside them: those whose name lies on no bead and no other name.
fn name(graph: &Graph, spots: &mut [Spot], side: f64) {
    let mut boxes: Vec<[f64; 4]> = Vec::new();
    for at in 0..spots.len() {
        if graph.members[at].before != Some(0) {
            continue;
        }
        let named = name_box(&spots[at], graph.members[at].called.chars().count());
        let [left, top, right, bottom] = named;
        let edge = side / 2.0;
        let is_inside = left >= -edge && right <= edge && top >= -edge && bottom <= edge;
        let is_free = boxes
            .iter()
            .all(|other| right <= other[0] || other[2] <= left || bottom <= other[1] || other[3] <= top);
        let covers = spots.iter().enumerate().any(|(other, spot)| {
            let (x, y) = (spot.x.clamp(left, right), spot.y.clamp(top, bottom));
            other != at && (x - spot.x).hypot(y - spot.y) < spot.bead / 2.0
        });
        if is_inside && is_free && !covers {
            spots[at].is_named = true;
            boxes.push(named);
        }
    }
}

/// Where a name of so many letters stands: outward of its bead. Left, top, right, bottom.
fn name_box(spot: &Spot, letters: usize) -> [f64; 4] {
    // A number and a space stand behind the name.
    let width = (letters.min(NAME_LETTERS_MAX) + 5) as f64 * LETTER_WIDTH;
    let (x, y) = name_place(spot);
    [x - width / 2.0, y - NAME_HEIGHT / 2.0, x + width / 2.0, y + NAME_HEIGHT / 2.0]
}

/// The middle of the name of a bead: above it in the upper half, below it in the lower one.
pub fn name_place(spot: &Spot) -> (f64, f64) {
    let away = spot.bead / 2.0 + NAME_HEIGHT / 2.0 + 1.0;
    (spot.x, if spot.y < 0.0 { spot.y - away } else { spot.y + away })
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::{endpoint, five, sight};
    use super::*;
    use meshwork_core::overlay::Kind;
    use meshwork_core::overlay::sketch::Sight;

    const WIDE: f64 = 720.0;
    const NARROW: f64 = 366.0;

    fn picture(sights: &[Sight]) -> Graph {
        Graph::new(sights, &[], Kind::Emergent, None).expect("there is oneself")
    }

    /// A room in which each is linked to the next six on both sides, all a millisecond apart.
    fn crowd(size: u16) -> Vec<Sight> {
        (0..size)
            .map(|who| {
                let near = (1..=6).flat_map(|by| [(who + by) % size, (who + size - by) % size]);
                let links: Vec<(u16, u16, bool)> = near.map(|to| (to + 1, 1, true)).collect();
                sight(who + 1, "Swarm", &links)
            })
            .collect()
    }

    fn overlaps(spots: &[Spot]) -> usize {
        let pairs = (0..spots.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        let is_over = |&(one, other): &(usize, usize)| {
            let (one, other) = (spots[one], spots[other]);
            (one.x - other.x).hypot(one.y - other.y) + 1e-9 < (one.bead + other.bead) / 2.0
        };
        pairs.filter(is_over).count()
    }

    #[test]
    fn members_stand_at_their_time_around_oneself() {
        let graph = picture(&five());
        let spots = Layout::default().place(&graph, WIDE);
        assert_eq!((spots[0].x, spots[0].y), (0.0, 0.0));
        let distances: Vec<f64> = spots.iter().map(|spot| spot.x.hypot(spot.y)).collect();
        let lin = ring(10.0, WIDE);
        assert!((distances[1] - lin).abs() < 7.0, "{} at 10 ms: {lin}", distances[1]);
        assert!(distances[1] < distances[3] && distances[3] < distances[2], "{distances:?}");
        assert!(spots.iter().all(|spot| spot.has_letter));
        let named: Vec<bool> = spots.iter().map(|spot| spot.is_named).collect();
        assert_eq!(named, [false, true, true, false, false], "neighbours have names");
        assert!(ring(20.0, WIDE) < ring(60.0, WIDE) && ring(1e9, WIDE) <= WIDE / 2.0);
    }

    #[test]
    fn hundred_near_members_do_not_overlap_on_phones() {
        for (side, least) in [(WIDE, 14.0), (NARROW, 12.0)] {
            let graph = picture(&crowd(100));
            let spots = Layout::default().place(&graph, side);
            assert_eq!(spots.len(), 100);
            assert_eq!(overlaps(&spots), 0, "in {side} pixels");
            assert!(spots.iter().all(|spot| spot.bead >= least));
            let edge = side / 2.0;
            assert!(spots.iter().all(|spot| spot.x.abs() < edge && spot.y.abs() < edge));
        }
    }

    #[test]
    fn angles_stay_when_people_come_and_go() {
        let mut layout = Layout::default();
        let angle = |spot: &Spot| spot.x.atan2(-spot.y);
        let before = picture(&crowd(40));
        let first = layout.place(&before, WIDE);
        let sights: Vec<Sight> =
            crowd(60).into_iter().filter(|sight| sight.endpoint != endpoint(7)).collect();
        let after = picture(&sights);
        let second = layout.place(&after, WIDE);
        let mut kept = 0;
        for (member, spot) in before.members.iter().zip(&first).skip(1) {
            let Some(now) = after.members.iter().position(|other| other.tag == member.tag) else { continue };
            assert!((angle(spot) - angle(&second[now])).abs() < 1e-9, "{:?} turned", member.endpoint);
            kept += 1;
        }
        assert!(kept >= 38, "{kept}");
        assert_eq!(layout.place(&after, WIDE), second, "the same again");
        let near = |ms| picture(&[sight(1, "Mira", &[(2, ms, true)]), sight(2, "Lin", &[(1, ms, true)])]);
        let mut two = Layout::default();
        let drawn = [30, 33, 29, 90].map(|ms| two.place(&near(ms), WIDE)[1]);
        assert!(drawn[0] == drawn[1] && drawn[1] == drawn[2], "what differs a little stands still");
        assert!(drawn[3].y.hypot(drawn[3].x) > drawn[0].y.hypot(drawn[0].x) + 50.0);
        let fresh = Layout::default().place(&picture(&crowd(40)), WIDE);
        assert_eq!(fresh, first, "and from the same beginning the same");
    }
}
