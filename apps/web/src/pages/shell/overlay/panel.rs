//! What stands beside the picture: figures, how strokes travel, and how the picture is read.

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_web::texts;

use super::{Picture, along};

/// Figures, bars and legend.
#[component]
pub(super) fn Panel(picture: Picture) -> impl IntoView {
    let figures = move || {
        picture.scene.with(|scene| {
            let figures =
                scene.as_ref().map(|scene| texts::sketch::figures(&scene.graph)).into_iter().flatten();
            figures.map(|(number, of)| view! { <div><dt>{of}</dt><dd>{number}</dd></div> }).collect_view()
        })
    };
    view! {
        <dl class="overlay-figures" data-testid="overlay-figures">{figures}</dl>
        <section class="sheet-part" aria-labelledby="overlay-way">
            <div class="overlay-way">
                <h3 id="overlay-way">{texts::sketch::HOW_TRAVELS}</h3>
                <Origin picture/>
            </div>
            <p class="hint">{move || picture.scene.with(|scene| scene.as_ref().map(|scene| along(scene.view.kind)))}</p>
            <Bars picture/>
        </section>
        <Legend/>
    }
}

/// Whose strokes are followed.
#[component]
fn Origin(picture: Picture) -> impl IntoView {
    let choices = Memo::new(move |_| {
        picture.read(|scene| {
            let named = scene
                .graph
                .members
                .iter()
                .filter_map(|member| Some((member.endpoint?, member.called.clone())));
            let mut choices: Vec<(Endpoint, String)> = named.collect();
            // Oneself stays the first.
            if let Some((_, others)) = choices.split_first_mut() {
                others.sort_by(|one, other| one.1.cmp(&other.1).then(one.0.cmp(&other.0)));
            }
            choices
        })
    });
    let chosen = Memo::new(move |_| {
        picture.read(|scene| scene.graph.members.get(scene.graph.origin).and_then(|member| member.endpoint))
    });
    let options = move || {
        let chosen = chosen.get();
        let option = |(at, (endpoint, called)): (usize, (Endpoint, String))| {
            let words =
                if at == 0 { texts::sketch::FROM_YOU.to_owned() } else { texts::sketch::from(&called) };
            view! { <option value=at.to_string() selected=chosen == Some(endpoint)>{words}</option> }
        };
        choices.get().into_iter().enumerate().map(option).collect_view()
    };
    let choose = move |event: leptos::web_sys::Event| {
        let at = event_target_value(&event).parse::<usize>().ok();
        let endpoint = choices.with_untracked(|choices| Some(choices.get(at?)?.0));
        picture.follow(endpoint);
    };
    view! {
        <select
            class="small-select"
            data-testid="overlay-origin"
            aria-label=texts::sketch::WHOSE
            on:change=choose
        >
            {options}
        </select>
    }
}

/// How many hear it after how many hops.
#[component]
fn Bars(picture: Picture) -> impl IntoView {
    let bars = move || {
        let counts = picture.read(|scene| texts::sketch::by_hops(&scene.graph));
        let most = counts.iter().max().copied().unwrap_or(1).max(1);
        let bar = |(hops, count): (usize, usize)| {
            let style = format!("width:{:.0}%", count as f64 / most as f64 * 100.0);
            view! {
                <li>
                    <span>{texts::sketch::hops(hops)}</span>
                    <span class="overlay-bar"><i class:author=hops == 0 style=style></i></span>
                    <span class="overlay-number">{count}</span>
                </li>
            }
        };
        counts.into_iter().enumerate().map(bar).collect_view()
    };
    view! { <ul class="overlay-bars" data-testid="overlay-hops" aria-label=texts::sketch::HOPS>{bars}</ul> }
}

/// How the picture is read.
#[component]
fn Legend() -> impl IntoView {
    let line = |state: &'static str, words: &'static str| {
        let path = match state {
            "stale" => "M2 5Q26 17 50 5",
            "relayed" => "M2 8H20M32 8H50",
            _ => "M2 8H50",
        };
        let diamond = (state == "relayed").then(
            || view! { <path class="link mine diamond" data-step="3" d="M20 8l6 -6l6 6l-6 6z"></path> },
        );
        view! {
            <li>
                <svg width="52" height="16" aria-hidden="true">
                    <path class="link mine" data-step=if state == "relayed" { "3" } else { "1" } data-state=state d=path></path>
                    {diamond}
                </svg>
                {words}
            </li>
        }
    };
    let steps = texts::sketch::STEPS.map(|(step, words)| {
        view! {
            <li>
                <svg width="36" height="8" aria-hidden="true">
                    <path class="link mine" data-step=step d="M2 4H34"></path>
                </svg>
                {words}
            </li>
        }
    });
    view! {
        <section class="sheet-part" aria-labelledby="overlay-legend">
            <h3 id="overlay-legend">{texts::sketch::READING}</h3>
            <p class="sheet-words">
                {texts::sketch::READING_HOW}
            </p>
            <ul class="overlay-steps">{steps.collect_view()}</ul>
            <ul class="overlay-forms">
                {line("direct", texts::sketch::YOUR_LINK)}
                {line("relayed", texts::sketch::RELAYED_BY)}
                {line("connecting", texts::sketch::CONNECTING)}
                {line("stale", texts::sketch::STALE_FOR)}
                <li>
                    <svg width="52" height="16" aria-hidden="true">
                        <path class="link carries" data-step="2" d="M2 8H50"></path>
                    </svg>
                    {texts::sketch::CARRIES}
                </li>
                <li>
                    <svg width="52" height="16" aria-hidden="true"><path class="link carries asked" d="M2 8H50"></path></svg>
                    {texts::BACKUP_PATH}
                </li>
                <li>
                    <svg width="52" height="16" aria-hidden="true"><path class="link" d="M2 8H50"></path></svg>
                    {texts::OTHER_LINKS}
                </li>
            </ul>
        </section>
    }
}
