//! The drawing: rings of time, links, and a bead for everybody.

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_core::node::LinkState;
use meshwork_core::overlay::message::Tag;
use meshwork_web::people::beads;
use meshwork_web::sketch::graph::{Edge, Member};
use meshwork_web::sketch::layout::{self, Spot};
use meshwork_web::{rtt, texts};
use wasm_bindgen::JsCast as _;

use super::super::super::browser;
use super::{Picture, Scene};

/// A link of one's own as it is drawn.
#[derive(Clone, PartialEq)]
struct Strand {
    to: Tag,
    path: String,
    diamond: Option<String>,
    step: usize,
    state: &'static str,
    carries: bool,
}

/// The drawing.
#[component]
pub(super) fn Drawing(picture: Picture) -> impl IntoView {
    let side = Memo::new(move |_| picture.read(|scene| scene.side));
    let view_box = move || {
        let side = side.get();
        format!("{0} {0} {side} {side}", -side / 2.0)
    };
    let rings = move || {
        let side = side.get();
        rtt::STEPS_MS
            .map(|ms| {
                let radius = layout::ring(ms as f64, side);
                let label = if ms == 400 { "400\u{2009}ms".to_owned() } else { ms.to_string() };
                view! {
                    <circle class="ring" r=format!("{radius:.1}")></circle>
                    <text class="ring-label" y=format!("{:.1}", -radius)>{label}</text>
                }
            })
            .collect_view()
    };
    let others = Memo::new(move |_| picture.read(quiet_links));
    let asked = Memo::new(move |_| picture.read(asked_links));
    let trees = Memo::new(move |_| picture.read(tree_links));
    let carrying = (1..=6usize).map(|step| {
        let path = move || trees.with(|trees| trees.get(step - 1).cloned().unwrap_or_default());
        view! { <path class="link carries" data-step=(step % 6).to_string() d=path></path> }
    });
    let strands = Memo::new(move |_| picture.read(own_links));
    let tags = Memo::new(move |_| {
        picture.read(|scene| scene.graph.members.iter().map(|member| member.tag).collect::<Vec<_>>())
    });
    view! {
        <svg
            class="overlay-drawing"
            data-testid="overlay-drawing"
            viewBox=view_box
            role="group"
            aria-label=texts::sketch::PICTURE_OF_LINKS
            on:keydown=move |event| step(&event)
        >
            <g aria-hidden="true">
                {rings}
                <path class="link" d=others></path>
                <path class="link carries asked" d=asked></path>
                {carrying.collect_view()}
                {move || strands.get().into_iter().map(strand).collect_view()}
            </g>
            <For each=move || tags.get() key=|tag| tag.0 children=move |tag| view! { <Dot picture tag/> }/>
        </svg>
    }
}

/// Links of others that are not on the way of the chosen strokes.
fn quiet_links(scene: &Scene) -> String {
    let quiet = scene.graph.edges.iter().filter(|edge| !edge.carries && edge.one != 0);
    quiet.map(|edge| curve(scene, edge)).collect()
}

/// Links of others that are on it when somebody asks.
fn asked_links(scene: &Scene) -> String {
    let asked = scene.graph.edges.iter().filter(|edge| edge.is_asked && edge.one != 0);
    asked.map(|edge| curve(scene, edge)).collect()
}

/// Links of others that are on it: for each step of time, and last those whose time is not known.
fn tree_links(scene: &Scene) -> Vec<String> {
    let mut paths = vec![String::new(); 6];
    for edge in scene.graph.edges.iter().filter(|edge| edge.carries && !edge.is_asked && edge.one != 0) {
        let step = edge.rtt.map_or(6, rtt::step);
        paths[step - 1].push_str(&curve(scene, edge));
    }
    paths
}

fn own_links(scene: &Scene) -> Vec<Strand> {
    let members = &scene.graph.members;
    let linked = scene.graph.edges.iter().filter(|edge| edge.one == 0).map(|edge| {
        let spot = &scene.spots[edge.other];
        let state = members[edge.other].link;
        let word = match state {
            Some(LinkState::Stale) => "stale",
            _ if edge.relayed || state == Some(LinkState::Relayed) => "relayed",
            _ => "direct",
        };
        let middle = (spot.x / 2.0, spot.y / 2.0);
        let path = match word {
            "stale" => format!("M0 0Q{:.1} {:.1} {:.1} {:.1}", middle.0, middle.1 + 24.0, spot.x, spot.y),
            _ => format!("M0 0L{:.1} {:.1}", spot.x, spot.y),
        };
        let diamond = (word == "relayed").then(|| {
            let (x, y) = middle;
            format!("M{:.1} {y:.1}l6 -6l6 6l-6 6z", x - 6.0)
        });
        let step = edge.rtt.map_or(0, rtt::step);
        Strand { to: members[edge.other].tag, path, diamond, step, state: word, carries: edge.carries }
    });
    let is_linked = |at: usize| scene.graph.edges.iter().any(|edge| (edge.one, edge.other) == (0, at));
    let connecting = members
        .iter()
        .enumerate()
        .filter(|(at, member)| *at > 0 && member.link == Some(LinkState::Connecting) && !is_linked(*at));
    let connecting = connecting.map(|(at, member)| {
        let path = format!("M0 0L{:.1} {:.1}", scene.spots[at].x, scene.spots[at].y);
        Strand { to: member.tag, path, diamond: None, step: 0, state: "connecting", carries: false }
    });
    linked.chain(connecting).collect()
}

fn strand(strand: Strand) -> impl IntoView {
    view! {
        <path
            class="link mine"
            class:carries=strand.carries
            data-step=strand.step.to_string()
            data-state=strand.state
            d=strand.path
        ></path>
        {strand.diamond.map(|path| view! { <path class="link mine diamond" data-step=strand.step.to_string() d=path></path> })}
    }
}

/// A link between two others: bent a little away from the middle, so that it does not cover beads on its way.
fn curve(scene: &Scene, edge: &Edge) -> String {
    let (one, other) = (&scene.spots[edge.one], &scene.spots[edge.other]);
    let (x, y) = ((one.x + other.x) * 0.55, (one.y + other.y) * 0.55);
    format!("M{:.1} {:.1}Q{x:.1} {y:.1} {:.1} {:.1}", one.x, one.y, other.x, other.y)
}

/// Somebody's bead.
#[component]
fn Dot(picture: Picture, tag: Tag) -> impl IntoView {
    let found = Memo::new(move |_| {
        picture.read(|scene| {
            let at = scene.graph.members.iter().position(|member| member.tag == tag)?;
            let origin = scene.graph.origin == at;
            Some((
                at,
                scene.graph.members[at].clone(),
                scene.spots[at],
                texts::sketch::bead(&scene.graph, at),
                origin,
            ))
        })
    });
    let is_here = picture.scene.with_untracked(|scene| {
        scene.as_ref().and_then(|scene| scene.graph.members.iter().find(|member| member.tag == tag).cloned())
    });
    let Some(member) = is_here else { return ().into_any() };
    let is_me = picture.scene.with_untracked(|scene| {
        scene.as_ref().is_some_and(|scene| scene.graph.members.first().is_some_and(|first| first.tag == tag))
    });
    let get = move |read: fn(&Member, &Spot) -> String| {
        found.with(|found| found.as_ref().map(|(_, member, spot, ..)| read(member, spot)).unwrap_or_default())
    };
    let (style, shape) = match member.endpoint {
        _ if is_me => ("--bead:var(--you);--bead-ink:var(--on-you)".to_owned(), beads::ROUND),
        Some(endpoint) => {
            (format!("--bead:var(--bead-{})", beads::colour(&endpoint.peer)), beads::shape(&endpoint.peer))
        }
        None => ("--bead:var(--bead-mute);--bead-ink:var(--ink-2)".to_owned(), beads::ROUND),
    };
    let place = move || get(|_, spot| format!("transform:translate({:.1}px,{:.1}px)", spot.x, spot.y));
    let scale = move || get(|_, spot| format!("scale({:.3}) translate(-12 -12)", spot.bead / 24.0));
    let letter = move || {
        get(|member, spot| {
            member.letter.filter(|_| spot.has_letter).map(|letter| letter.to_string()).unwrap_or_default()
        })
    };
    let name = move || {
        found.with(|found| {
            let (_, member, spot, ..) = found.as_ref()?;
            let (_, y) = layout::name_place(spot);
            let time = member
                .far_ms
                .filter(|_| member.before == Some(0))
                .map(texts::sketch::time)
                .unwrap_or_default();
            let is_named = spot.is_named;
            let (called, y) = (texts::sketch::short(&member.called), y - spot.y);
            Some(view! {
                <text class="name" class:named=is_named y=format!("{y:.1}") aria-hidden="true">
                    {called}" "<tspan class="name-time">{time}</tspan>
                </text>
            })
        })
    };
    let sentence =
        move || found.with(|found| found.as_ref().map(|found| found.3.clone()).unwrap_or_default());
    let is_origin = move || found.with(|found| found.as_ref().is_some_and(|found| found.4));
    let state = move || get(|member, _| member.link.map(|state| state.to_string()).unwrap_or_default());
    let follow = move || {
        if let Some(endpoint) = member.endpoint {
            picture.follow(Some(endpoint));
        }
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        if matches!(browser::key(&event).as_str(), "Enter" | " ") {
            event.prevent_default();
            follow();
        }
    };
    view! {
        <g style=move || format!("{style};{}", place())>
            <g
                class="dot"
                class:me=is_me
                class:origin=is_origin
                role="button"
                aria-label=sentence
                aria-pressed=move || is_origin().to_string()
                tabindex=if is_me { "0" } else { "-1" }
                data-state=state
                on:click=move |_| follow()
                on:keydown=on_key
            >
                <circle class="halo" r=move || get(|_, spot| format!("{:.1}", spot.bead / 2.0 + 5.0))></circle>
                <g transform=scale>
                    <path d=shape.path></path>
                    <text class="letter" x="12" y=shape.letter_y.to_string()>{letter}</text>
                </g>
            </g>
            {name}
        </g>
    }
    .into_any()
}

/// Arrow keys go from bead to bead.
fn step(event: &web_sys::KeyboardEvent) {
    let forward = match browser::key(&event).as_str() {
        "ArrowRight" | "ArrowDown" => true,
        "ArrowLeft" | "ArrowUp" => false,
        _ => return,
    };
    event.prevent_default();
    let present = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(present) = present else { return };
    let Some(place) = present.parent_element() else { return };
    let next = if forward { place.next_element_sibling() } else { place.previous_element_sibling() };
    let next = next.and_then(|next| next.first_element_child());
    let next = next.filter(|next| next.class_list().contains("dot"));
    if let Some(next) = next.and_then(|next| next.dyn_into::<web_sys::SvgElement>().ok()) {
        // It is in the page.
        let _ = next.focus();
    }
}
