//! `long-typing`: from a key to one's own screen, in a document of a megabyte.

use anyhow::Result;

use super::browser::{example, number};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// Letters of the document, and keys that are pressed.
const FULL: [usize; 2] = [1_000_000, 300];
const TINY: [usize; 2] = [5_000, 5];

pub(crate) const RACE: Race = Race {
    name: "long-typing",
    about: "From a key to the writer's own screen in the page's editor, in a document of a megabyte: until the frame begins that \
            has the letter, and until the page's thread is done with it. 10 keys a second, alone, and while a program types as \
            fast at the other end. The other: the same editor over the same text in a page that has nothing else, typed in \
            alone. The first 50 keys of each are not counted: an editor that was just opened is still reading its text. A frame \
            begins 60 times a second, so a key waits up to 16.7 ms for one whatever is done. One run, headless, drawn by the \
            processor.",
    needs: Needs::Browser,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let sizes = plan.size(FULL, TINY).map(|size| size.to_string());
    let seen = example(plan, "typing_race", &sizes.each_ref().map(String::as_str))?;
    let mut rows = Vec::new();
    for with in ["alone", "together"] {
        for until in ["begun", "drawn"] {
            let (ours, bare) = (&seen[with][until], &seen["bare"][until]);
            let row = |share: &str| {
                let name = format!("{}/{with}, {until}, {share}", RACE.name);
                let [ours, bare] =
                    [number(ours, share), number(bare, share)].map(|ms| ms.map(Samples::exact));
                Ok::<_, anyhow::Error>(
                    Row::stated(name, ours?, "ms", false).against("the editor alone", bare?),
                )
            };
            rows.push(row("p50")?);
            let most = [number(ours, "most")?, number(bare, "most")?];
            let note = format!("the longest {:.1} ms, of the editor alone {:.1} ms", most[0], most[1]);
            rows.push(row("p99")?.want("16 ms").note(note));
        }
    }
    let opened = Samples::exact(number(&seen, "opened")? / 1000.0);
    rows.push(
        Row::stated(format!("{}/opened", RACE.name), opened, "s", false).note("page load and join included"),
    );
    Ok(rows)
}
