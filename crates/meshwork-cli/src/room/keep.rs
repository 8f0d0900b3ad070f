//! `keep`: stays in a room of whatever app and keeps it in a store on disk.
//!
//! # How it works
//! A room keeps the tables of every app, and documents where the app is told nothing. So a keeper needs to know no app, but for one
//! with a replica of its own, as Place has its canvas: of an app with another one it keeps the rest, and says so. Blobs are kept of
//! each app that is on, those that are turned on later included.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use meshwork::chat;
use meshwork::{
    AppOn, Closed, Endpoint, Event, HISTORY_LEAST, Link, Room, RoomId, Store, Stroke, VersionError,
};
use meshwork_core::signalling::address::RoomKeys;
use meshwork_signal::http::Pages;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::attempt::Attempt;
use super::happenings::{self, Happening, Happenings};
use super::in_step::{self, Content};
use super::listen::{MeetingPoint, Serving};
use super::notices::Notices;
use super::{Common, counted, kept, link};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::{bytes, out, serve, style};

const AFTER_HELP: &str = "\
A keeper keeps the room of any app: tables, documents, blobs, and the canvas of Place. It names an app with another replica
of its own, and does not keep that replica. If its disk fails it says so, goes on, and tries again until all is on disk.
With --json the first line is {event: ready, address, peer, apps: [{app, whole}], values, counters, documents, entries},
with a canvas cells, width and height too; with --listen link too, the LINK with this keeper's own host and,
for a private room, its secret. Then come the lines of place watch without strokes, {event: app, app,
whole} for each app that is enabled later, and storage {state: failed | working, reason}.";

/// What a keeper is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Link,
    /// The folder to keep the room in, created if missing. Only one keeper can use it at a time.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Also record all accepted writes, in order, for replay, up to this size, such as 64MiB or
    /// 1GiB; beyond it the oldest are deleted. At least 1MiB, or none.
    #[arg(long, value_name = "SIZE", default_value = "none", value_parser = history_size)]
    history: u64,
    /// Also be a meeting point for this one room, with pages, so that people can enter when the room's own server
    /// is gone. HOST:PORT; port 0 is any free one, 0.0.0.0 is reachable from other machines.
    #[arg(long, value_name = "ADDR", value_parser = serve::listen_address)]
    listen: Option<String>,
    /// The public address of that, if it differs from the listening address: the printed LINK begins
    /// with it.
    #[arg(long, value_name = "URL", value_parser = serve::public_url, requires = "listen")]
    public_url: Option<String>,
    /// Addresses of proxies in front, whose header with the client's address is trusted; may be repeated.
    #[arg(long, value_name = "RANGE", value_parser = serve::address_range, requires = "listen")]
    trusted_proxies: Vec<IpNet>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What a keeper keeps a room with.
struct Keeper<'a> {
    attempt: &'a mut Attempt,
    common: &'a Common,
    /// What a meeting point here shows.
    pages: Arc<dyn Pages>,
}

/// Keeps a room until the program is asked to stop, or it fails.
pub(crate) async fn run(arguments: Arguments, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    let Arguments { link, data, history, listen, public_url, trusted_proxies, mut common } = arguments;
    // Heard from here on, so that a signal during the start ends the program in good order too.
    let mut stop = super::signal::Stop::listen()?;
    let _lock = kept::lock(&data).await?;
    common.identity.get_or_insert_with(|| data.join("identity"));
    kept::tell_if_open(&data);
    let builder = Endpoint::builder().name("Keeper").store(Store::at(&data).with_history(history));
    let started = Attempt::start(&common, builder).await;
    let mut attempt = started.map_err(|failure| kept::told(failure, &data))?;
    let mut serving = None;
    let result = {
        let keeper = Keeper { attempt: &mut attempt, common: &common, pages };
        let kept = async {
            let meeting_point = match listen {
                Some(listen) => Some(MeetingPoint::bind(&listen, public_url, trusted_proxies, &data).await?),
                None => None,
            };
            keeper.keep(link, meeting_point, &mut serving).await
        };
        tokio::select! {
            result = kept => result,
            () = stop.asked() => Ok(()),
        }
    };
    attempt.close().await;
    if let Some(serving) = serving {
        serving.end().await;
    }
    result
}

impl Keeper<'_> {
    async fn keep(
        self,
        mut link: Link,
        meeting_point: Option<MeetingPoint>,
        serving: &mut Option<Serving>,
    ) -> Result<(), Failure> {
        // By the link as people have it, before it is seen from inside.
        let as_given = link.clone();
        if link.room().is_none()
            && let Some(room) = self.kept_at(&link).await?
        {
            link = link.with_keys(RoomKeys { room, secrets: None });
        }
        if let Some(meeting_point) = &meeting_point {
            link = meeting_point.seen_from_inside(link)?;
        }
        let content = Content::of_app(link.app());
        let progress = Progress::start("Joining", content.unit());
        let servers = self.attempt.endpoint.events();
        let room = self.attempt.look_for(&link).await?;
        let happenings = Happenings::new(servers, &room);
        self.attempt.opened(&room).await?;
        let (link, as_given) = (with_app(link, &room).await?, with_app(as_given, &room).await?);
        let mut own_link = None;
        if let Some(meeting_point) = meeting_point {
            let id = room.id().context("an open room has an id")?;
            let (own, url) = (meeting_point.link(&link, id)?, meeting_point.own_url());
            *serving = Some(meeting_point.serve(id, Arc::clone(&self.pages))?);
            room.add_server(&url).await?;
            // Without the note only a bare address would not find the room at the next start; what is kept of it is
            // not concerned.
            if let Err(error) = room.note(&own).await {
                tracing::warn!(%error, "cannot store the room's address");
            }
            own_link = Some(own.to_string());
        }
        progress.turn_to("Restoring", None);
        let restored = in_step::showing(&room, (&progress, content), room.restored());
        self.attempt.within(&room, restored).await?;
        drop(progress);
        let apps = room.apps().await?;
        self.tell_ready(&room, &bare_address(&as_given), &apps, own_link.as_deref()).await?;
        self.attempt.stay();
        tokio::select! {
            told = self.tell_happenings(&room, happenings) => told,
            done = self.keep_blobs(&room, apps) => done,
        }
    }

    /// Says what happens in the room, for as long as it can be in it.
    async fn tell_happenings(&self, room: &Room, mut happenings: Happenings) -> Result<(), Failure> {
        let mut notices = Notices::default();
        loop {
            let happening = self.attempt.within(room, happenings.next()).await?;
            let is_stroke = matches!(happening, Happening::Stroke(Stroke { by: Some(_), .. }));
            if self.common.json {
                if let Some(line) = happenings::line(&happening).filter(|_| !is_stroke) {
                    out::json(&line)?;
                }
            } else if let Some(line) = notices.line(&happening) {
                out::line(line)?;
            }
        }
    }

    /// Keeps the blobs of all apps: of those that are on, and of those that are turned on later, which are told.
    async fn keep_blobs(&self, room: &Room, mut known: Vec<AppOn>) -> Result<(), Failure> {
        let mut events = room.events();
        let mut keeping = JoinSet::new();
        for app in &known {
            begin(&mut keeping, room, app).await?;
        }
        loop {
            let event = tokio::select! {
                event = events.next() => event.ok_or(Closed)?,
                Some(ended) = keeping.join_next() => match ended.context("the task that keeps blobs ended")? {
                    Ok(()) => continue,
                    Err(VersionError::Closed(closed)) => return Err(closed.into()),
                    Err(error) => return Err(Failure::Storage(format!("Cannot store blobs: {error}."))),
                },
            };
            // What was missed may be that.
            if !matches!(event, Event::RulesChanged | Event::Missed(_)) {
                continue;
            }
            for app in room.apps().await? {
                if known.contains(&app) {
                    continue;
                }
                begin(&mut keeping, room, &app).await?;
                match self.common.json {
                    true => out::json(&json!({ "event": "app", "app": app.word, "whole": app.is_whole }))?,
                    false => out::line(format_args!("The app {} is on, and kept.", app.word))?,
                }
                tell_unknown(&app);
                known.push(app);
            }
        }
    }

    async fn kept_at(&self, link: &Link) -> Result<Option<RoomId>, Failure> {
        let kept = self.attempt.endpoint.kept_at(link).await;
        kept.map_err(|error| Failure::Storage(format!("Cannot read the stored room: {error}")))
    }

    /// Says that the room is open and what is kept of it. The secret of somebody else's link does not belong
    /// into a log; one's own is what was asked for.
    async fn tell_ready(
        &self,
        room: &Room,
        address: &str,
        apps: &[AppOn],
        own_link: Option<&str>,
    ) -> Result<(), Failure> {
        let (contents, mut value) = contents(room, apps).await?;
        let mut words = format!("Keeping {address}: {contents} so far. Stop with Ctrl-C.");
        if let Some(link) = own_link {
            words.push_str(&format!("\nPeople can also enter by {link}"));
            value["link"] = link.into();
        }
        let app = |app: &AppOn| json!({ "app": app.word, "whole": app.is_whole });
        value["event"] = "ready".into();
        value["address"] = address.into();
        value["peer"] = room.me().peer.to_string().into();
        value["apps"] = apps.iter().map(app).collect();
        apps.iter().for_each(tell_unknown);
        self.common.tell(&words, &value)
    }
}

/// Begins to keep the blobs of an app.
async fn begin(
    keeping: &mut JoinSet<Result<(), VersionError>>,
    room: &Room,
    app: &AppOn,
) -> Result<(), Failure> {
    let app = super::app(room, &app.word).await?;
    keeping.spawn(async move { app.keep_blobs().await });
    Ok(())
}

/// Says which app has a replica of its own that is not kept here.
fn tell_unknown(AppOn { word, is_whole, .. }: &AppOn) {
    // The conversation is a table, which is kept.
    if !is_whole && *word != chat::APP {
        style::note(format!(
            "The app {word} has a replica of its own, which this program cannot keep. It keeps the app's tables and \
            blobs. Keep the rest with a program made for {word}."
        ));
    }
}

/// What is kept of a room, in words and as JSON: of its canvas, and of all apps together the rest.
async fn contents(room: &Room, apps: &[AppOn]) -> Result<(String, Value), Failure> {
    let (mut values, mut counters, mut documents, mut entries) = (0, 0, 0, 0);
    for app in apps {
        let app = super::app(room, &app.word).await?;
        values += app.values().entries("").await?.len();
        counters += app.counters("").await?.len();
        documents += app.documents().await?.len();
        entries += app.entry_count().await?;
    }
    let posts = room.chat().all().await?.len();
    let mut value = json!({
        "values": values, "counters": counters, "documents": documents, "entries": entries, "posts": posts,
    });
    let mut parts = Vec::new();
    if let Some((width, height)) = room.canvas().size().await? {
        let painted = room.canvas().painted().await?;
        parts.push(format!("{} of {width}x{height} painted", counted(painted, "cell")));
        (value["cells"], value["width"], value["height"]) = (painted.into(), width.into(), height.into());
    }
    let counts = [(values, "value"), (counters, "counter"), (documents, "document"), (posts, "post")];
    parts.extend(counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, of)| counted(count, of)));
    if parts.is_empty() && entries > 0 {
        parts.push(format!(
            "tables with {}",
            if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
        ));
    }
    let words = if parts.is_empty() { String::from("nothing") } else { parts.join(", ") };
    Ok((words, value))
}

/// A link with the app in front that the room opened with, where it names none.
async fn with_app(link: Link, room: &Room) -> Result<Link, Failure> {
    let app = match link.app() {
        None => room.opened_with().await?.and_then(|app| app.parse().ok()),
        Some(_) => None,
    };
    Ok(app.into_iter().fold(link, Link::with_app))
}

/// Reads the size of a history.
fn history_size(text: &str) -> Result<u64, String> {
    match bytes::parse(text)? {
        size if size == 0 || size >= HISTORY_LEAST => Ok(size),
        _ => Err(format!("the size of a history is at least {}, or none", bytes::format(HISTORY_LEAST))),
    }
}

/// `http://HOST/place/CODE`: what is the same for a room's link with and without its fragment. A link without a server
/// has nothing but its id.
fn bare_address(link: &Link) -> String {
    let whole = link.to_string();
    let page = whole.split('#').next().unwrap_or_default();
    match (link.server(), link.room()) {
        (None, Some(room)) => format!("{page}#{room}"),
        _ => String::from(page),
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::Secret;
    use meshwork_core::signalling::address::Secrets;

    use super::*;

    #[test]
    fn a_history_is_off_or_of_some_size() {
        assert_eq!((history_size("none"), history_size("1GiB")), (Ok(0), Ok(1 << 30)));
        assert!(history_size("1KiB").unwrap_err().contains("1 MiB"));
    }

    #[test]
    fn a_bare_address_has_no_secret() {
        let link = "http://127.0.0.1:8080/place/k7m4qx".parse::<Link>().unwrap();
        let secrets = Secrets::from(Secret([2; 16]));
        let keys = RoomKeys { room: RoomId([1; 32]), secrets: Some(secrets) };
        let whole = link.clone().with_keys(keys);
        assert_eq!(bare_address(&whole), "http://127.0.0.1:8080/place/K7M4QX");
        assert_eq!(bare_address(&whole), bare_address(&link));
        let near = Link::without_server(meshwork_place::app(), keys);
        assert_eq!(bare_address(&near), format!("meshwork:place#{}", keys.room));
    }
}
