//! `place replay`: the history of a canvas as a moving picture.

mod film;
mod past;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use meshwork::{Link, RoomId};
use meshwork_place::picture::Timeline;
use serde_json::json;

use self::past::Past;
use super::{Common, counted, values};
use crate::bytes;
use crate::exit::Failure;
use crate::file;
use crate::progress::Progress;

/// Most pixels a cell: a picture of 4096 cells a side is then 65,536 pixels wide, more than a GIF can be.
const SCALE_MAX: u16 = 15;
/// The default longest side of a film, in pixels, unless the canvas has more cells.
const SIDE_WANTED: u16 = 720;
/// Longest side of a GIF, in pixels.
const GIF_SIDE_MAX: usize = 65_535;
/// Frames of one film: an hour at 12 a second would be more.
const FRAMES_MAX: u32 = 20_000;

/// Arguments of `place replay`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The LINK of the room, to fetch the history from its members. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link, required_unless_present = "data", conflicts_with = "data")]
    link: Option<Link>,
    /// Instead of a LINK: the folder of a stopped keeper that ran with --history.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The room, if the keeper's folder has several.
    #[arg(long, value_name = "ROOM", requires = "data")]
    room: Option<RoomId>,
    /// The file, written whole or not at all: .gif, or .apng or .png for an animated PNG.
    #[arg(long, value_name = "FILE.gif|apng")]
    out: PathBuf,
    /// Frames a second, 1 to 50.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=50))]
    fps: u32,
    /// Length of the film, without the 2 s of its last picture.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Width and height of a cell in pixels; by default the longer side of the film has about 720.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(SCALE_MAX)))]
    scale: Option<u16>,
    /// Begin with the canvas at this time, such as 2026-11-20T12:00:00Z, or this long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    from: Option<Moment>,
    /// End with the canvas at this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to: Option<Moment>,
    /// The format of the file, if its name does not tell.
    #[arg(long, value_name = "gif|apng")]
    format: Option<Format>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// How a film is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// 256 colours, opens everywhere; unpainted cells are white.
    Gif,
    /// Every colour; unpainted cells are transparent.
    Apng,
}

/// A point in time as somebody typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    At(u64),
    /// Milliseconds before now.
    Ago(u64),
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let format = format_of(&arguments.out, arguments.format)?;
    let frames = arguments.fps.saturating_mul(arguments.seconds).max(1);
    if frames > FRAMES_MAX {
        return Err(Failure::Usage(format!(
            "A film of {frames} frames exceeds the limit of {FRAMES_MAX}. Use fewer --seconds or --fps."
        )));
    }
    let Past { mut timeline, words, source, is_whole } = match (&arguments.link, &arguments.data) {
        (Some(link), _) => past::from_room(link, &arguments.common).await?,
        (None, Some(data)) => past::from_folder(data, arguments.room).await?,
        (None, None) => return Err(Failure::Usage("Name a LINK, or a keeper's folder with --data.".into())),
    };
    if timeline.is_empty() {
        return Err(Failure::Usage("Nobody has painted there yet.".into()));
    }
    let now = crate::duration::now_ms();
    let (from, to) = range(&timeline, arguments.from, arguments.to, now)?;
    let scale = scale_of(&timeline, arguments.scale, format)?;
    let film = meshwork_place::picture::Film { from, to, frames, per_second: arguments.fps };
    let progress = Progress::start("Drawing", "frames");
    progress.turn_to("Drawing", Some(frames.into()));
    let made = film::make(&mut timeline, film, scale, format, |frame| progress.set(frame))?;
    file::replace(&arguments.out, |file| Ok(file.write_all(&made.file)?))?;
    drop(progress);
    let size = bytes::format(made.file.len() as u64);
    let mut said =
        format!("Wrote {}, {}, {size}. {words}", arguments.out.display(), counted(frames as usize, "frame"));
    if timeline.begins_late() {
        said.push_str(" Its first picture contains all cells older than the last 16 million.");
    }
    if !made.is_exact {
        said.push_str(" A GIF has 256 colours, so some are approximate; --format apng has all.");
    }
    let millis = |moment| timeline.painted_at(moment).map_or(0, |(at, _)| at);
    let value = json!({
        "frames": frames,
        "bytes": made.file.len(),
        "cells": to - from,
        "from_ms": millis(from + 1),
        "to_ms": millis(to),
        "whole": is_whole,
        "source": source,
        "exact": made.is_exact,
    });
    arguments.common.tell(&said, &value)
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    // As times are printed: with the offset of a zone.
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        let millis = u64::try_from(time.as_millisecond()).map_err(|_| "it is before 1970".to_owned())?;
        return Ok(Moment::At(millis));
    }
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| "it is before 1970".to_owned())?;
        return Ok(Moment::At(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)));
    }
    match humantime::parse_duration(text) {
        Ok(ago) => Ok(Moment::Ago(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))),
        Err(_) => {
            Err("it is neither a time such as 2026-11-20T12:00:00Z nor how long ago, such as 2h".to_owned())
        }
    }
}

impl Moment {
    fn millis(self, now: u64) -> u64 {
        match self {
            Moment::At(millis) => millis,
            Moment::Ago(millis) => now.saturating_sub(millis),
        }
    }
}

/// The moments at which the film begins and ends.
fn range(
    timeline: &Timeline,
    from: Option<Moment>,
    to: Option<Moment>,
    now: u64,
) -> Result<(usize, usize), Failure> {
    let first = from.map_or(0, |from| timeline.moment(from.millis(now)));
    let last = to.map_or(timeline.len(), |to| timeline.moment(to.millis(now).saturating_add(1)));
    if first < last {
        return Ok((first, last));
    }
    let date = |moment| timeline.painted_at(moment).map_or(0, |(at, _)| at);
    Err(Failure::Usage(format!(
        "Nobody painted between --from and --to. The history goes from {} to {}.",
        crate::duration::date(date(0)),
        crate::duration::date(date(timeline.len()))
    )))
}

fn format_of(out: &Path, asked: Option<Format>) -> Result<Format, Failure> {
    let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match (asked, ending.as_str()) {
        (Some(format), _) => Ok(format),
        (None, "gif") => Ok(Format::Gif),
        (None, "apng" | "png") => Ok(Format::Apng),
        (None, _) => Err(Failure::Usage(format!(
            "{} ends neither with .gif nor with .apng. Rename it, or add --format gif.",
            out.display()
        ))),
    }
}

fn scale_of(timeline: &Timeline, asked: Option<u16>, format: Format) -> Result<usize, Failure> {
    let size = timeline.size();
    let side = size.width.max(size.height);
    let scale = usize::from(asked.unwrap_or((SIDE_WANTED / side).clamp(1, 8)));
    if format == Format::Gif && usize::from(side) * scale > GIF_SIDE_MAX {
        return Err(Failure::Usage(format!(
            "A GIF has at most {GIF_SIDE_MAX} pixels a side. Use a smaller --scale."
        )));
    }
    Ok(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_or_how_long_ago() {
        assert_eq!(parse_moment("2026-09-21T14:13:20Z"), Ok(Moment::At(1_790_000_000_000)));
        assert_eq!(parse_moment("2026-09-21 14:13:20"), Ok(Moment::At(1_790_000_000_000)));
        assert_eq!(parse_moment("2026-09-21T23:13:20+09:00"), Ok(Moment::At(1_790_000_000_000)));
        assert!(parse_moment("1969-12-31T23:00:00Z").is_err_and(|words| words.contains("before 1970")));
        assert_eq!(parse_moment("2h 5min"), Ok(Moment::Ago(7_500_000)));
        assert_eq!(Moment::Ago(7_500_000).millis(10_000_000), 2_500_000);
        assert!(parse_moment("noon").is_err_and(|words| words.contains("how long ago")));
    }

    #[test]
    fn the_files_name_says_how_it_is_coded() {
        let format = |name: &str| format_of(Path::new(name), None).ok();
        assert_eq!(format("a.GIF"), Some(Format::Gif));
        assert_eq!((format("a.apng"), format("b/a.png")), (Some(Format::Apng), Some(Format::Apng)));
        assert_eq!(format("film"), None);
        assert_eq!(format_of(Path::new("film"), Some(Format::Gif)).ok(), Some(Format::Gif));
    }
}
