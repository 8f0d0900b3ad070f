//! Members that hold as much as each other, with others between them that hold less.

use std::time::Duration;

use crate::common::{Member, RED, equal};
use crate::overlays::Crowd;
use meshwork_core::node::Node;
use meshwork_sim::world::MakeNode;

/// Makes a program that has heard of no app: it keeps tables, and passes on the rest.
const KNOWS_NO_APP: MakeNode =
    |_, config, identity, seed, now, wall| Node::new(|_, _| None, config, identity, seed, now, wall);

#[test]
fn holders_between_whom_others_stand_compare() {
    for (seed, overlay) in [(61, "emergent"), (62, "tree"), (63, "k-gossip/3")] {
        let mut crowd = Crowd::new(seed, overlay, 1, None);
        let first = crowd.members[0];
        crowd.grow_with(60, KNOWS_NO_APP);
        crowd.world.paint(first.0, first.1, &[(1, 2, RED)]).expect("its own room");
        // What is older is passed on by nobody who does not keep it.
        crowd.world.run_for(Duration::from_secs(60));
        crowd.grow_with(63, Node::new);
        let holders: Vec<Member> = [&[first], &crowd.members[60..]].concat();
        let is_equal = |world: &_| equal(&holders)(world);
        assert!(crowd.world.run_while(Duration::from_secs(120), is_equal), "{overlay}");
        // What one missed comes to it as well.
        let all: Vec<_> = crowd.members.iter().map(|member| member.0).collect();
        let away = holders[2].0;
        let others: Vec<_> = all.iter().copied().filter(|index| *index != away).collect();
        crowd.world.cut(&[away], &others);
        crowd.world.run_for(Duration::from_secs(5));
        let last = holders[3];
        crowd.world.paint(last.0, last.1, &[(3, 4, RED)]).expect("its own room");
        crowd.world.run_for(Duration::from_secs(40));
        crowd.world.heal();
        assert!(crowd.world.run_while(Duration::from_secs(120), is_equal), "{overlay}");
    }
}
