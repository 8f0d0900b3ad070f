//! The same as the picture, as a table: for readers of screens, and for whoever prefers it.

use leptos::prelude::*;
use meshwork_web::texts;

use super::{Picture, Scene};

/// A row: who, how one is linked, how the stroke comes, links, to how many it is passed on.
type Cells = [String; 5];

/// The table; beside the picture it is there for screen readers alone.
#[component]
pub(super) fn Table(picture: Picture) -> impl IntoView {
    let rows = Memo::new(move |_| picture.read(rows));
    let origin = move || {
        picture.read(|scene| match scene.graph.origin {
            0 => texts::sketch::YOUR_STROKES.to_owned(),
            at => texts::sketch::strokes_of(&scene.graph.members[at].called),
        })
    };
    let row = move |cells: Cells| {
        let cell = |(at, words): (usize, String)| match at {
            0 => view! { <th scope="row" role="rowheader">{words}</th> }.into_any(),
            _ => view! { <td role="cell" data-head=texts::sketch::HEADS[at]>{words}</td> }.into_any(),
        };
        view! { <tr role="row">{cells.into_iter().enumerate().map(cell).collect_view()}</tr> }
    };
    view! {
        <div
            class="overlay-rows"
            class:sr-only=move || !picture.is_table.get()
            tabindex=move || picture.is_table.get().then_some("0")
            role="region"
            aria-label=texts::sketch::AS_TABLE
        >
            <table role="table" data-testid="overlay-rows">
                <caption>{move || texts::sketch::how_travel(&origin())}</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        {texts::sketch::HEADS
                            .map(|head| view! { <th scope="col" role="columnheader">{head}</th> })
                            .collect_view()}
                    </tr>
                </thead>
                <tbody role="rowgroup">{move || rows.get().into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// Oneself, then neighbours, then the others, the nearer first.
fn rows(scene: &Scene) -> Vec<Cells> {
    let graph = &scene.graph;
    let mut order: Vec<usize> = (0..graph.members.len()).collect();
    order.sort_by(|&one, &other| {
        let far = |at: usize| graph.members[at].far_ms.unwrap_or(f64::MAX);
        let group = |at: usize| (at > 0, graph.members[at].before != Some(0));
        group(one).cmp(&group(other)).then(far(one).total_cmp(&far(other))).then(one.cmp(&other))
    });
    let row = |at: usize| {
        let member = &graph.members[at];
        [
            member.called.clone(),
            texts::sketch::link(graph, at),
            texts::sketch::way(graph, at),
            member.links.to_string(),
            texts::sketch::sends(member),
        ]
    };
    order.into_iter().map(row).collect()
}
