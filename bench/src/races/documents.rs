//! `documents`: what people typed, replayed by ours and by what others use.

use anyhow::{Result, ensure};

use crate::contestant::{Entrant, Measured, compete};
use crate::documents::ours::{Ours, ROOM};
use crate::documents::trace::Trace;
use crate::documents::yrs::Yrs;
use crate::documents::{replay, yjs};
use crate::machine::locked;
use crate::race::{Needs, Plan, Race, Row};
use crate::signatures::Signatures;
use crate::web::YJS;

/// The race.
pub(crate) const RACE: Race = Race {
    name: "documents",
    about: "Three editing histories (bench/traces), replayed with their merges. *Edits*: each transaction where it was made, \
            with the update that is to be sent; what an agent hears of others meanwhile is not in it. *Updates*: all of \
            them, one by one, at a replica of somebody who only reads. *Opening*: what that one keeps, into an empty \
            document. The last two end with the text being read, and every contestant must end in the trace's. Ours is \
            what a member of a room does, but for the network: the document of yrs that its program edits, batches that \
            name author and time, our reader, the replica, and folds as often as a room makes them, which the reader \
            hears too; it keeps all batches, once each author folded in its next session, and opens them by way of the \
            replica. \"Signed\" adds Ed25519 signatures, made and checked one by one. yrs, yjs and ours keep what was deleted \
            (`gc: false`), and name clients by numbers as long as each draws (yrs and yjs 32 bits, ours 53), Loro keeps a snapshot and Automerge what `save` gives, both compressed. Rust contestants are \
            measured by the CPU time of their thread and a counting allocator (the opened document; what Loro has not \
            decoded yet is not in it), yjs by that of its process and V8's heap after a collection; each round of yjs is \
            a process of its own, which warms up within it. Loro takes part with the feature `loro`, Automerge with `automerge`.",
    needs: Needs::Npm,
    run,
};

/// One number of a round.
type Number = fn(&Measured) -> f64;

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in Trace::NAMES {
        let trace = Trace::read(name, plan.size(usize::MAX, 300))?;
        rows.extend(rows_of(plan, &trace)?);
    }
    Ok(rows)
}

/// Ours without and with signatures, and the others.
fn entrants() -> Result<Vec<Entrant>> {
    let (unsigned, signed) = (Ours(Signatures::granted(ROOM)), Ours(Signatures::real(ROOM)));
    Ok(vec![
        Entrant::new("ours", move |trace| replay(&unsigned, trace)),
        Entrant::new("ours, signed", move |trace| replay(&signed, trace)),
        Entrant::new(locked("yrs"), |trace| replay(&Yrs, trace)),
        Entrant::new(YJS.replace('@', " "), yjs::replay),
        #[cfg(feature = "loro")]
        Entrant::new(locked("loro"), |trace| replay(&crate::documents::loro::Loro, trace)),
        #[cfg(feature = "automerge")]
        {
            let automerge = crate::documents::automerge::Automerge::new()?;
            Entrant::new(locked("automerge"), move |trace| replay(&automerge, trace))
        },
    ])
}

fn rows_of(plan: &Plan, trace: &Trace) -> Result<Vec<Row>> {
    let mut entrants = entrants()?;
    let mut text = None;
    compete(plan, &mut entrants, trace, |name, read| {
        ensure!(text.get_or_insert_with(|| read.to_owned()) == read, "{name} reads otherwise");
        Ok(())
    })?;
    let [ours, signed, others @ ..] = &entrants[..] else { unreachable!("ours take part") };
    let row = |what: &str, of: Number, unit, entrant: &Entrant, other: &Entrant| {
        let name = format!("documents/{}, {what}", trace.name);
        Row::stated(name, entrant.samples(of), unit, false).against(other.name.clone(), other.samples(of))
    };
    let yrs = &others[0];
    let mut rows = Vec::new();
    let times: [(&str, Number); 3] =
        [("edits", |one| one.edit), ("updates", |one| one.apply), ("opening", |one| one.open)];
    for (what, of) in times {
        for other in others {
            let row = row(what, of, "s (CPU)", ours, other);
            rows.push(if std::ptr::eq(other, yrs) { row.want("ratio 0.5") } else { row });
        }
        rows.push(row(&format!("{what}, signed"), of, "s (CPU)", signed, yrs));
    }
    for other in others {
        let row = row("bytes kept", |one| one.kept as f64, "bytes", ours, other);
        rows.push(if other.name.starts_with("yjs") { row.want("ratio 0.667") } else { row });
    }
    rows.extend(others.iter().map(|other| row("memory", |one| one.memory as f64 / 1e6, "MB", ours, other)));
    Ok(rows)
}
