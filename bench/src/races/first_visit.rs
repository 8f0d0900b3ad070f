//! `first-visit`: how long it takes somebody who knows nothing of Meshwork to paint with somebody else.

use anyhow::{Context, Result};

use super::browser::{example, number};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// Steps by the names that the example has for them, with what is done then.
const STEPS: [(&str, &str); 3] =
    [("opened", "start page"), ("shared", "room shared"), ("seen", "stroke seen by another")];

pub(crate) const RACE: Race = Race {
    name: "first-visit",
    about: "From opening the start page in a browser without a profile to a stroke that a second profile sees, which opened the \
            link: one stroke on the start page and Share, made at once, so the time is the pages' own. Server and both browsers on \
            one machine.",
    needs: Needs::Browser,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let visits = example(plan, "first_visit", &[&plan.rounds.to_string()])?;
    let visits = visits.as_array().context("it prints an array")?;
    let mut rows = Vec::new();
    for browser in ["Chromium", "Firefox"] {
        for (step, what) in STEPS {
            let ours = visits.iter().filter(|visit| visit["browser"] == browser);
            let seconds = ours.map(|visit| Ok(number(visit, &format!("{step}_ms"))? / 1000.0));
            let name = format!("{}/{browser}, {what}", RACE.name);
            rows.push(Row::stated(name, Samples(seconds.collect::<Result<_>>()?), "s", false));
        }
    }
    Ok(rows)
}
