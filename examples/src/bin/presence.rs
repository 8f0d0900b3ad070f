//! Shows what members say of themselves: each types a status, and sees those of the others until they leave.
//! Run with `cargo run -p example-programs --bin presence -- http://127.0.0.1:8080 Ann`, then with the link that is
//! printed in place of the server, and another name.

use anyhow::Context as _;
use meshwork::{Endpoint, Event};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Status {
    text: String,
    lines: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().context("name a server, or give the link of a room")?;
    let name = arguments.next().context("what are you called?")?;
    let builder = Endpoint::builder().name(name);
    let is_link = place.contains('#');
    let endpoint = if is_link { builder.bind().await? } else { builder.server(&place).bind().await? };
    let room = match is_link {
        true => endpoint.join(&place).await?,
        false => endpoint.create(meshwork::room("status")).await?,
    };
    println!("come in by {}", room.link());
    let (mut events, presence) = (room.events(), room.presence());
    let (typed, mut lines) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                break;
            }
        }
    });
    let mut count = 0;
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(text) => {
                    count += 1;
                    presence.set(&Status { text, lines: count }).await?;
                }
                None => break,
            },
            event = events.next() => match event.context("the room was left")? {
                Event::Presence(id) => if let Some(Status { text, lines }) = presence.of(id) {
                    let name = room.member(id).await.map(|member| member.name().to_owned());
                    println!("{}: {text} ({lines})", name.unwrap_or_default());
                },
                Event::Left { member, .. } => println!("{} is gone", member.name()),
                _ => {}
            },
        }
    }
    endpoint.close().await;
    Ok(())
}
