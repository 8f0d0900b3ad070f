//! Shows a bot in a document: it finishes each line that ends in an open sum, such as `2 + 3 =`, whoever writes it.
//! Run with `cargo run -p example-programs --bin bot -- http://127.0.0.1:8080`, or with the link of a room in place of the
//! server; it goes on until Ctrl-C. Others write with `meshwork sync text LINK notes --edit`.

use anyhow::Context as _;
use meshwork::{Endpoint, sync};

/// Where the open sums of a text end, counted in characters, and what each comes to.
fn open_sums(text: &str) -> Vec<(usize, String)> {
    let mut sums = Vec::new();
    let mut end = 0;
    for line in text.split('\n') {
        end += line.chars().count();
        if let Some(sum) = line.trim_end().strip_suffix('=') {
            let numbers: Result<Vec<f64>, _> = sum.split('+').map(|number| number.trim().parse()).collect();
            sums.extend(numbers.map(|numbers| (end, format!(" {}", numbers.iter().sum::<f64>()))));
        }
        end += 1;
    }
    sums
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let place = std::env::args().nth(1).context("name a server, or give the link of a room")?;
    let builder = Endpoint::builder().name("Bot");
    let is_link = place.contains('#');
    let endpoint =
        if is_link { builder.bind().await? } else { builder.server(&place).stays().bind().await? };
    let room = if is_link { endpoint.join(&place).await? } else { endpoint.create(sync::room()).await? };
    // A task of its own hears Ctrl-C also while the loop is busy.
    let mut stop = tokio::spawn(tokio::signal::ctrl_c());
    println!("write with me: {}", room.link());
    let notes = room.document("notes");
    let mut changes = notes.watch();
    loop {
        let finish = |text: &mut meshwork::Text<'_, '_>| {
            // From the end, so that places before stay what they are.
            for (at, sum) in open_sums(&text.read()).into_iter().rev() {
                text.insert(at, &sum);
            }
        };
        notes.edit(finish).await?;
        tokio::select! {
            _ = &mut stop => break,
            change = changes.next() => drop(change.context("the room was left")?),
        }
    }
    // Sends what is left, and says goodbye.
    endpoint.close().await;
    Ok(())
}
