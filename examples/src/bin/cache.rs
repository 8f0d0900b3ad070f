//! Shows a cache that programs share: what one of them worked out the others look up, and who stays keeps it.
//! Run with `cargo run -p example-programs --bin cache -- http://127.0.0.1:8080 100000`, then with the link that is printed
//! in place of the server, and any limit.

use anyhow::Context as _;
use meshwork::{Endpoint, sync};

/// How many primes there are below a limit: something that takes its time.
fn primes_below(limit: u32) -> usize {
    let is_prime =
        |number: &u32| (2..).take_while(|by| by * by <= *number).all(|by| !number.is_multiple_of(by));
    (2..limit).filter(is_prime).count()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().context("name a server, or give the link of a room")?;
    let limit = arguments.next().context("below which number?")?;
    let is_first = !place.contains('#');
    let endpoint = match is_first {
        true => Endpoint::builder().server(&place).stays().bind().await?,
        false => Endpoint::bind().await?,
    };
    let room = if is_first { endpoint.create(sync::room()).await? } else { endpoint.join(&place).await? };
    if !is_first {
        // What others know is here then.
        room.in_step().await?;
    }
    let (values, key) = (room.values(), format!("primes below {limit}"));
    match values.get(&key).await? {
        Some(known) => println!("{} {key}, says {}", known.read::<usize>()?, known.author().short()),
        None => {
            let count = primes_below(limit.parse()?);
            values.set(&key, &count).await?;
            println!("{count} {key}, counted here");
        }
    }
    if is_first {
        println!("others ask here: {}", room.link());
        tokio::signal::ctrl_c().await?;
    } else {
        // Whoever asks next finds it.
        room.kept().await?;
    }
    endpoint.close().await;
    Ok(())
}
