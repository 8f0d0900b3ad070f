//! The picture of an overlay: what stands around it, its figures, and its rows as a table.
#![expect(missing_docs, reason = "a text says itself what it says")]

use std::time::Duration;

use meshwork_core::node::LinkState;

use super::{ALONE_HERE, YOU, YOU_IN_SENTENCE, capital, count, round_trip};
use crate::sketch::graph::{Graph, Heard, Member};
use crate::sketch::layout::NAME_LETTERS_MAX;

pub const PICTURE_OF_LINKS: &str = "Picture of the links. You are in the middle, and distance is time. Arrow keys go from one to the next; the \
     table has the same in words.";
pub const PICTURE: &str = "Picture";
pub const TABLE: &str = "Table";
pub const STRAIGHT: &str = "Straight to everyone";
pub const QUICKEST: &str = "The quickest of all ways";
pub const ONE_TREE: &str = "The one tree, up and down from the author";
pub const AUTHORS_TREE: &str = "Tree of the author";
pub const HOW_TRAVELS: &str = "How a stroke travels";
pub const FROM_YOU: &str = "From you";
pub const WHOSE: &str = "Whose strokes";
pub const HOPS: &str = "How many hear it after how many hops";
/// Times in milliseconds.
pub const STEPS: [(&str, &str); 5] =
    [("1", "to 20"), ("2", "to 60"), ("3", "to 150"), ("4", "to 400"), ("5", "over")];
pub const READING: &str = "Reading the picture";
pub const READING_HOW: &str = "You are in the middle. Distance from you is the round trip in milliseconds; overlapping people are moved \
     outwards. Choose someone to follow their strokes.";
pub const YOUR_LINK: &str = "Your link, direct";
pub const RELAYED_BY: &str = "Relayed, through a third machine";
pub const CONNECTING: &str = "Connecting";
pub const STALE_FOR: &str = "Stale, nothing heard for 2.5 s";
pub const CARRIES: &str = "Carries the chosen strokes";
/// The heads of the table.
pub const HEADS: [&str; 5] = ["Person", "Link to you", "The stroke comes", "Links", "Passes on to"];
pub const YOUR_STROKES: &str = "your strokes";
pub const AS_TABLE: &str = "Links as a table";
const AUTHOR: &str = "author";

/// Whose strokes are followed.
pub fn from(called: &str) -> String {
    format!("From {called}")
}

/// The strokes of somebody else.
pub fn strokes_of(called: &str) -> String {
    format!("the strokes of {called}")
}

/// What the table shows.
pub fn how_travel(strokes: &str) -> String {
    format!("Connections, and how {strokes} travel")
}

/// A figure and what it is of.
pub type Figure = (String, &'static str);

/// How many people there are, and how many are linked to oneself.
pub fn title(size: usize, graph: &Graph) -> String {
    let linked = neighbours(graph);
    match (size, graph.members.len()) {
        (0 | 1, 1) => ALONE_HERE.to_owned(),
        // A large room's size is reckoned from samples.
        (size, shown) if size > shown => format!("About {size} here, {linked} linked to you"),
        (_, shown) => format!("{shown} here, {linked} linked to you"),
    }
}

/// What the picture leaves out, and on whose word it is.
pub fn beneath(size: usize, graph: &Graph) -> String {
    let shown = graph.members.len();
    let silent = graph.members.iter().filter(|member| member.endpoint.is_none()).count();
    let mut words = match size.max(shown) - neighbours(graph) {
        1 => "You are linked to everybody.".to_owned(),
        _ => "The others reach you through them.".to_owned(),
    };
    if size > shown {
        words.push_str(&format!(" The picture shows {shown} of about {size}."));
    }
    if silent > 0 {
        words.push_str(&format!(" {silent} of them say nothing of themselves."));
    }
    if shown > 1 {
        words.push_str(" Links between others are drawn as they tell of them.");
    }
    words
}

/// Copies a stroke, hops at most, median to hear it, links a person.
pub fn figures(graph: &Graph) -> [Figure; 4] {
    let heard: Vec<Heard> = graph.members.iter().filter_map(|member| member.heard).collect();
    let others = heard.len().saturating_sub(1);
    let sends: usize = heard.iter().map(|heard| heard.sends).sum();
    let copies = if others == 0 { "0".to_owned() } else { tenths(sends as f64 / others as f64) };
    let hops = heard.iter().map(|heard| heard.hops).max().unwrap_or(0);
    let mut after: Vec<f64> =
        heard.iter().filter(|heard| heard.hops > 0).map(|heard| heard.after_ms).collect();
    after.sort_by(f64::total_cmp);
    let median = after.get(after.len() / 2).map_or_else(|| "none".to_owned(), |ms| time(*ms));
    let telling: Vec<&Member> = graph.members.iter().filter(|member| member.endpoint.is_some()).collect();
    let links: usize = telling.iter().map(|member| member.links).sum();
    let links = tenths(links as f64 / telling.len().max(1) as f64);
    [
        (copies, "copies per stroke"),
        (hops.to_string(), "hops at most"),
        (median, "median to hear it"),
        (links, "links per person"),
    ]
}

/// How many hear the origin's strokes after so many hops, from the origin itself on.
pub fn by_hops(graph: &Graph) -> Vec<usize> {
    let hops = || graph.members.iter().filter_map(|member| Some(member.heard?.hops));
    let mut counts = vec![0; hops().max().map_or(0, |most| most + 1)];
    hops().for_each(|hops| counts[hops] += 1);
    counts
}

/// The head of a bar of [`by_hops`].
pub fn hops(hops: usize) -> String {
    if hops == 0 { AUTHOR.to_owned() } else { count(hops, "hop") }
}

/// How one is linked to a member: the kind of link and its time, or through whom.
pub fn link(graph: &Graph, at: usize) -> String {
    let member = &graph.members[at];
    if at == 0 {
        return YOU_IN_SENTENCE.to_owned();
    }
    let state = member.link.map(|state| capital(&state.to_string()));
    let far = member.far_ms.map(time);
    match (state, member.before, far) {
        (Some(state), Some(0), Some(far)) => format!("{state}, {far}"),
        (Some(state), ..) if member.link != Some(LinkState::Gone) => state,
        (_, Some(0), Some(far)) => format!("Linked, {far}"),
        (_, Some(before), Some(far)) => format!("Through {}, about {far}", first_hop(graph, before)),
        _ => "No way known".to_owned(),
    }
}

/// How a stroke of the chosen origin comes to a member.
pub fn way(graph: &Graph, at: usize) -> String {
    match graph.members[at].heard {
        None => "no way known".to_owned(),
        Some(Heard { hops: 0, .. }) => AUTHOR.to_owned(),
        Some(heard) => {
            let from = heard.from.map_or("", |from| graph.members[from].called.as_str());
            let from = if from == YOU { YOU_IN_SENTENCE } else { from };
            let asked = if heard.is_asked { ", asked for" } else { "" };
            format!("{}, from {from} after {}{asked}", count(heard.hops, "hop"), time(heard.after_ms))
        }
    }
}

/// To how many a member passes the stroke on.
pub fn sends(member: &Member) -> String {
    member.heard.map_or(0, |heard| heard.sends).to_string()
}

/// A bead in one sentence, for who points at it or hears it.
pub fn bead(graph: &Graph, at: usize) -> String {
    let member = &graph.members[at];
    let links = count(member.links, "link");
    match at {
        0 => format!("{YOU}, {links}"),
        _ => format!("{}: {}, {links}", member.called, link(graph, at)),
    }
}

/// A time in ms with its unit.
pub fn time(ms: f64) -> String {
    let (number, unit) = round_trip(Duration::from_secs_f64(ms.clamp(0.0, 1e9) / 1000.0));
    format!("{number}\u{2009}{unit}")
}

/// A name that does not run over its neighbours.
pub fn short(called: &str) -> String {
    match called.char_indices().nth(NAME_LETTERS_MAX - 1) {
        Some((end, _)) if called.chars().count() > NAME_LETTERS_MAX => {
            format!("{}\u{2026}", called[..end].trim_end())
        }
        _ => called.to_owned(),
    }
}

fn neighbours(graph: &Graph) -> usize {
    graph.edges.iter().filter(|edge| edge.one == 0).count()
}

fn first_hop(graph: &Graph, mut at: usize) -> &str {
    while let Some(before) = graph.members[at].before.filter(|before| *before != 0) {
        at = before;
    }
    &graph.members[at].called
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::graph::tests::{endpoint, five, sight};
    use meshwork_core::overlay::Kind;

    fn graph() -> Graph {
        Graph::new(&five(), &[], Kind::Emergent, None).expect("there is oneself")
    }

    fn plain(text: &str) -> String {
        text.replace('\u{2009}', " ")
    }

    #[test]
    fn the_head_gives_the_count_and_its_source() {
        let graph = graph();
        assert_eq!(title(5, &graph), "5 here, 2 linked to you");
        assert_eq!(title(48, &graph), "About 48 here, 2 linked to you");
        assert_eq!(
            beneath(48, &graph),
            "The others reach you through them. The picture shows 5 of about 48. 1 of them say nothing of themselves. \
             Links between others are drawn as they tell of them."
        );
        let alone =
            Graph::new(&[sight(1, "Mira", &[])], &[], Kind::FullMesh, None).expect("there is oneself");
        assert_eq!(title(1, &alone), "Nobody else is here yet");
        let two = [sight(1, "Mira", &[(2, 5, true)]), sight(2, "Lin", &[(1, 5, true)])];
        let two = Graph::new(&two, &[], Kind::FullMesh, None).expect("there is oneself");
        assert!(beneath(2, &two).starts_with("You are linked to everybody."));
    }

    #[test]
    fn figures_follow_from_the_tree() {
        let graph = graph();
        let figures: Vec<String> = figures(&graph).iter().map(|(number, _)| plain(number)).collect();
        assert_eq!(figures, ["1.0", "3", "40 ms", "2.2"]);
        assert_eq!(by_hops(&graph), [1, 2, 1, 1]);
        assert_eq!([hops(0), hops(1), hops(2)], ["author", "1 hop", "2 hops"]);
        let alone =
            Graph::new(&[sight(1, "Mira", &[])], &[], Kind::FullMesh, None).expect("there is oneself");
        assert_eq!(super::figures(&alone).map(|(number, _)| number), ["0", "0", "none", "0.0"]);
    }

    #[test]
    fn rows_say_how_members_link_and_strokes_arrive() {
        let of_me = graph();
        let links: Vec<String> = (0..5).map(|at| plain(&link(&of_me, at))).collect();
        assert_eq!(
            links,
            ["you", "Linked, 10 ms", "Linked, 80 ms", "Through Lin, about 40 ms", "Through Lin, about 90 ms"]
        );
        assert_eq!(plain(&way(&of_me, 3)), "2 hops, from Lin after 20 ms");
        assert_eq!(plain(&way(&of_me, 1)), "1 hop, from you after 5 ms");
        assert_eq!(plain(&bead(&of_me, 3)), "Kaveh: Through Lin, about 40 ms, 2 links");
        let of_kaveh = Graph::new(&five(), &[], Kind::Emergent, Some(endpoint(4))).expect("there is oneself");
        assert_eq!(way(&of_kaveh, 3), "author");
        assert_eq!(sends(&of_kaveh.members[3]), "2");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(short("Lin"), "Lin");
        assert_eq!(short("Adaeze Okonkwo-Williams"), "Adaeze Okonkw\u{2026}");
        assert_eq!(
            short("\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}\u{df}")
                .chars()
                .count(),
            14
        );
    }
}
