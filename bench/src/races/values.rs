//! `values`: a counter and named values, by ours and by what others use.

use anyhow::Result;

use crate::contestant::{Entrant, Measured, compete};
use crate::documents::ours::ROOM;
use crate::machine::locked;
use crate::race::{Needs, Plan, Race, Row};
use crate::signatures::Signatures;
use crate::values::ours::Ours;
use crate::values::yrs::Yrs;
use crate::values::{Work, replay, yjs};
use crate::web::YJS;

/// The race.
pub(crate) const RACE: Race = Race {
    name: "values",
    about: "Ten authors, 100,000 changes in all: each raises one counter by one, or gives 100 names in turn a short \
            text, without hearing of the others. *Changes*: where they are made, with the update that is to be sent. \
            *Updates*: all of them, one by one and the authors in turn, at a replica of somebody who only reads. \
            *Opening*: what that one keeps. The last two end with everything being read: every contestant must count \
            all steps, and each name have what one of its authors wrote last, whose that is being each library's own \
            rule. Ours is what a member of a room does with the tables of Sync, but for the network: batches that \
            name author and time, our reader, the table, and folds as often as a room makes them; it keeps what is \
            left once each author folded in its next session. \"Signed\" adds Ed25519 signatures, made and checked \
            one by one. Not the same memory of the past: ours keeps the last 20 values of each name and author and \
            who wrote them, Automerge (its counter, a map's entries) every change, yrs and yjs nothing but what \
            holds. They have no counter: theirs is a map with a key for each client, which it raises, summed by who \
            reads. Measured as in `documents`. Automerge takes part with the feature `automerge`.",
    needs: Needs::Npm,
    run,
};

const AUTHORS: usize = 10;

/// One number of a round.
type Number = fn(&Measured) -> f64;

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let each = plan.size(10_000, 200);
    let mut rows = rows_of(plan, "counter", &Work::counting(AUTHORS, each))?;
    rows.extend(rows_of(plan, "names", &Work::naming(AUTHORS, each, 100))?);
    Ok(rows)
}

/// Ours without and with signatures, and the others.
fn entrants() -> Result<Vec<Entrant<Work>>> {
    let (unsigned, signed) = (Ours(Signatures::granted(ROOM)), Ours(Signatures::real(ROOM)));
    Ok(vec![
        Entrant::new("ours", move |work| replay(&unsigned, work)),
        Entrant::new("ours, signed", move |work| replay(&signed, work)),
        Entrant::new(locked("yrs"), |work| replay(&Yrs, work)),
        Entrant::new(YJS.replace('@', " "), yjs::replay),
        #[cfg(feature = "automerge")]
        {
            let automerge = crate::values::automerge::Automerge::new()?;
            Entrant::new(locked("automerge"), move |work| replay(&automerge, work))
        },
    ])
}

fn rows_of(plan: &Plan, what: &str, work: &Work) -> Result<Vec<Row>> {
    let mut entrants = entrants()?;
    compete(plan, &mut entrants, work, |_, _| Ok(()))?;
    let [ours, signed, others @ ..] = &entrants[..] else { unreachable!("ours take part") };
    let row = |measure: &str, of: Number, unit, entrant: &Entrant<Work>, other: &Entrant<Work>| {
        let name = format!("values/{what}, {measure}");
        Row::stated(name, entrant.samples(of), unit, false).against(other.name.clone(), other.samples(of))
    };
    let mut rows = Vec::new();
    let times: [(&str, Number); 3] =
        [("changes", |one| one.edit), ("updates", |one| one.apply), ("opening", |one| one.open)];
    for (measure, of) in times {
        rows.extend(others.iter().map(|other| row(measure, of, "s (CPU)", ours, other)));
        let measure = format!("{measure}, signed");
        rows.extend(others.iter().map(|other| row(&measure, of, "s (CPU)", signed, other)));
    }
    let sizes: [(&str, Number, &'static str); 2] =
        [("bytes kept", |one| one.kept as f64, "bytes"), ("memory", |one| one.memory as f64 / 1e6, "MB")];
    for (measure, of, unit) in sizes {
        rows.extend(others.iter().map(|other| row(measure, of, unit, ours, other)));
    }
    Ok(rows)
}
