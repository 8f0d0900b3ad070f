//! `place stats`: what a room's canvas is made of, by whom, and who is there.

mod census;

use std::time::Duration;

use clap::Args;
use meshwork::{Colour, Link, Member, PeerId, Room};
use meshwork_place::canvas::TILE_SIDE;
use meshwork_place::picture::palette;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::attempt::{Attempt, guest};
use super::in_step::{self, Content};
use super::values;
use super::{Common, link};
use crate::bytes;
use crate::duration::date;
use crate::exit::Failure;
use crate::progress::{Progress, grouped};
use census::Census;

/// Colours and authors that are listed for people; with --json all of them are, up to [`LISTED_MAX`].
const SHOWN_MAX: usize = 12;
/// Colours and authors that are listed with --json, the most frequent ones: a photograph has a million colours.
const LISTED_MAX: usize = 256;

/// The shortest span for which people are told strokes a minute.
const MINUTE_MS: u64 = 60_000;

const AFTER_HELP: &str = "\
Examples:
  meshwork place stats LINK
  meshwork place stats LINK --json | jq '.authors[0]'

Only visible strokes count: a room forgets strokes that were painted over or erased, unless a
keeper records a history. With --json: {room, width, height, cells, painted, strokes, strokes_per_minute,
oldest_ms, newest_ms, authors: [{peer, name, cells, share}], author_count, colours: [{colour, cells, share}],
colour_count, peers: [{peer, instance, name, state, rtt_ms, bytes_received, bytes_sent, in_step, stays}],
sync_ms, memory_bytes}; times in milliseconds since 1970, shares from 0 to 1.";

/// Arguments of `place stats`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    #[command(flatten)]
    pub(super) common: Common,
}

/// The statistics.
struct Stats {
    room: String,
    census: Census,
    people: Vec<Member>,
    own: PeerId,
    /// From the opening of the room until its canvas was that of the others.
    sync: Duration,
    memory: usize,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, common } = arguments;
    let attempt = Attempt::start(&common, guest()).await?;
    let result = find_out(&attempt, link).await;
    attempt.close().await;
    let stats = result?;
    common.tell(&stats.words(), &stats.value())
}

async fn find_out(attempt: &Attempt, link: Link) -> Result<Stats, Failure> {
    let progress = Progress::start("Joining", "cells");
    let name = link::room_name(&link);
    let room = attempt.join(&link).await?;
    let opened = Instant::now();
    progress.turn_to("Fetching", None);
    in_step::wait(attempt, &room, (&progress, Content::Cells), "The canvas is not known yet.").await?;
    let sync = opened.elapsed();
    let census = count(&room, &progress).await?;
    let memory = room.canvas().memory().await?;
    let mut people = room.reach().await?.tried;
    // Who is linked through others alone says nothing of itself.
    people.retain(|member| !member.is_distant());
    Ok(Stats { room: name, census, people, own: room.me().peer, sync, memory })
}

/// Counts a few rows at a time: nothing else happens to the endpoint meanwhile.
async fn count(room: &Room, progress: &Progress) -> Result<Census, Failure> {
    let (size, canvas) = (crate::place::canvas_size(room).await?, room.canvas());
    let mut census = Census::new(size);
    progress.turn_to("Counting", Some(u64::from(size.width) * u64::from(size.height)));
    for top in (0..size.height).step_by(usize::from(TILE_SIDE)) {
        let rows = top..top.saturating_add(TILE_SIDE).min(size.height);
        let places = rows.flat_map(|y| (0..size.width).map(move |x| (x, y)));
        census.count(&canvas.cells(places).await?);
        progress.set(u64::from(top) * u64::from(size.width));
    }
    census.finish(canvas.strokes().await?);
    Ok(census)
}

impl Stats {
    fn name(&self, peer: PeerId) -> String {
        let named =
            self.people.iter().find(|member| member.peer() == peer && !member.name().trim().is_empty());
        match named {
            _ if peer == self.own => String::from("you"),
            Some(member) => format!("{} ({})", member.name().trim(), peer.short()),
            None => peer.short(),
        }
    }

    fn words(&self) -> String {
        let Census { size, painted, strokes, .. } = self.census;
        let cells = u64::from(size.width) * u64::from(size.height);
        let mut lines = vec![
            format!("Room      {}, {size} cells", self.room),
            format!(
                "Painted   {} of {} cells ({})",
                grouped(painted as u64),
                grouped(cells),
                percent(painted as u64, cells)
            ),
        ];
        let mut told = format!("Strokes   {} that still show", grouped(strokes as u64));
        // Of a moment's work it would say nothing.
        let is_long = |(oldest, newest): (u64, u64)| newest - oldest >= MINUTE_MS;
        if let Some(rate) =
            self.census.strokes_per_minute().filter(|_| self.census.span().is_some_and(is_long))
        {
            told.push_str(&format!(", {rate:.1} a minute"));
        }
        lines.push(told);
        if let Some((oldest, newest)) = self.census.span() {
            lines.push(format!("Between   {} and {}", date(oldest), date(newest)));
        }
        lines.push(format!("Synced    in {} ms", self.sync.as_millis()));
        lines.push(format!("Memory    {}", bytes::format(self.memory as u64)));
        let authors = self.census.authors();
        lines.push(format!("Authors   {}", authors.len()));
        for (peer, count) in authors.iter().take(SHOWN_MAX) {
            lines.push(row(&self.name(*peer), *count, painted));
        }
        let colours = self.census.colours();
        lines.push(format!("Colours   {}", colours.len()));
        for (colour, count) in colours.iter().take(SHOWN_MAX) {
            lines.push(row(&palette::name(Some(*colour)), *count, painted));
        }
        lines.push(format!("People    {}", self.people.len()));
        lines.extend(self.people.iter().map(|member| self.person(member)));
        lines.join("\n")
    }

    fn person(&self, member: &Member) -> String {
        let rtt = member.rtt().map_or(String::new(), |rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1000.0));
        let (sent, received) = member.traffic();
        format!(
            "  {:<28} {:<10} {:>10} {:>10} in {:>10} out",
            self.name(member.peer()),
            member.link().to_string(),
            rtt,
            bytes::format(received),
            bytes::format(sent)
        )
    }

    fn value(&self) -> Value {
        let Census { size, painted, strokes, .. } = self.census;
        let cells = u64::from(size.width) * u64::from(size.height);
        let share = |count: usize| if painted == 0 { 0.0 } else { count as f64 / painted as f64 };
        let authors = self.census.authors();
        let author = |(peer, count): &(PeerId, usize)| json!({ "peer": peer.to_string(), "name": self.name(*peer), "cells": count, "share": share(*count) });
        let colours = self.census.colours();
        let colour = |(colour, count): &(Colour, usize)| json!({ "colour": palette::to_hex(*colour), "cells": count, "share": share(*count) });
        let peer = |member: &Member| {
            let (sent, received) = member.traffic();
            json!({
                "peer": member.peer().to_string(),
                "instance": member.id().instance.to_string(),
                "name": member.name(),
                "state": member.link().to_string(),
                "rtt_ms": member.rtt().map(|rtt| rtt.as_secs_f64() * 1000.0),
                "bytes_received": received,
                "bytes_sent": sent,
                "in_step": member.is_in_step(),
                "stays": member.stays(),
            })
        };
        let span = self.census.span();
        json!({
            "room": self.room, "width": size.width, "height": size.height, "cells": cells, "painted": painted,
            "strokes": strokes, "strokes_per_minute": self.census.strokes_per_minute(),
            "oldest_ms": span.map(|(oldest, _)| oldest),
            "newest_ms": span.map(|(_, newest)| newest),
            "authors": authors.iter().take(LISTED_MAX).map(author).collect::<Vec<_>>(),
            "author_count": authors.len(),
            "colours": colours.iter().take(LISTED_MAX).map(colour).collect::<Vec<_>>(),
            "colour_count": colours.len(),
            "peers": self.people.iter().map(peer).collect::<Vec<_>>(),
            "sync_ms": self.sync.as_millis() as u64, "memory_bytes": self.memory,
        })
    }
}

fn row(name: &str, count: usize, of: usize) -> String {
    format!("  {name:<28} {:>12} {:>8}", grouped(count as u64), percent(count as u64, of as u64))
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { String::from("0 %") } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}
