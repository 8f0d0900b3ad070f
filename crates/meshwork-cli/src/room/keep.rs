//! Stays in a room and keeps it in a store on disk: `place keep` and its like.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use meshwork::{Endpoint, HISTORY_LEAST, Link, Room, RoomId, Store, Stroke};
use meshwork_core::signalling::address::RoomKeys;
use meshwork_core::signed::app::AppWord;
use meshwork_signal::http::Pages;
use serde_json::Value;

use super::attempt::Attempt;
use super::happenings::{self, Happening, Happenings};
use super::in_step::{self, Content};
use super::listen::{MeetingPoint, Serving};
use super::notices::Notices;
use super::{Common, kept, link, print_line};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::{bytes, serve};

/// What a keeper is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Link,
    /// The folder to keep the room in, made when there is none. One keeper uses it at a time.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Also keep all that is accepted, in order, for replay: at most so many bytes, such as 64MiB or
    /// 1GiB; then the oldest are forgotten. At least 1MiB, or none.
    #[arg(long, value_name = "SIZE", default_value = "none", value_parser = history_size)]
    history: u64,
    /// Also be a meeting point for this one room, pages included: people come in here when the room's own server
    /// is gone. HOST:PORT; port 0 takes a free one, 0.0.0.0 is reachable from other machines.
    #[arg(long, value_name = "ADDR", value_parser = serve::listen_address)]
    listen: Option<String>,
    /// The address at which people reach that, where it is another than the one listened on: the LINK that is
    /// printed begins with it.
    #[arg(long, value_name = "URL", value_parser = serve::public_url, requires = "listen")]
    public_url: Option<String>,
    /// Addresses of proxies before that, which are believed when they say for whom they speak; may be repeated.
    #[arg(long, value_name = "RANGE", value_parser = serve::address_range, requires = "listen")]
    trusted_proxies: Vec<IpNet>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What a keeper keeps a room with.
struct Keeper<'a> {
    attempt: &'a mut Attempt,
    /// How the room's address is written without what is secret.
    address: String,
    common: &'a Common,
    app: &'a str,
    content: Content,
    /// What a meeting point here shows.
    pages: Arc<dyn Pages>,
}

/// Keeps a room of an app, which has `content`, of which `contents` says in words and as JSON what is kept, and for which `beside` does what
/// else is to be done meanwhile: it goes on until the room is left, or fails.
pub(crate) async fn run(
    arguments: Arguments,
    pages: Arc<dyn Pages>,
    (app, content): (&AppWord, Content),
    contents: impl AsyncFn(&Room) -> Result<(String, Value), Failure>,
    beside: impl AsyncFn(&Room) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Arguments { link, data, history, listen, public_url, trusted_proxies, mut common } = arguments;
    let link = link::of(link, app).map_err(|error| Failure::Usage(format!("{error:#}")))?;
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
        let address = bare_address(&link);
        let keeper = Keeper { attempt: &mut attempt, address, common: &common, app, content, pages };
        let kept = async {
            let meeting_point = match listen {
                Some(listen) => Some(MeetingPoint::bind(&listen, public_url, trusted_proxies, &data).await?),
                None => None,
            };
            keeper.keep(link, meeting_point, &mut serving, &contents, &beside).await
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
        contents: &impl AsyncFn(&Room) -> Result<(String, Value), Failure>,
        beside: &impl AsyncFn(&Room) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // By the link as people have it, before it is seen from inside.
        if link.room().is_none()
            && let Some(room) = self.kept_at(&link).await?
        {
            link = link.with_keys(RoomKeys { room, secrets: None });
        }
        if let Some(meeting_point) = &meeting_point {
            link = meeting_point.seen_from_inside(link)?;
        }
        let progress = Progress::start("Joining", self.content.unit());
        let servers = self.attempt.endpoint.events();
        let room = self.attempt.look_for(&link).await?;
        let happenings = Happenings::new(servers, &room);
        self.attempt.opened(&room).await?;
        let mut own_link = None;
        if let Some(meeting_point) = meeting_point {
            let id = room.id().context("an open room has an id")?;
            let (own, url) = (meeting_point.link(&link, id)?, meeting_point.own_url());
            *serving = Some(meeting_point.serve(id, Arc::clone(&self.pages))?);
            room.add_server(&url).await?;
            // Without the note only a bare address would not find the room at the next start; what is kept of it is
            // not concerned.
            if let Err(error) = room.note(&own).await {
                tracing::warn!(%error, "the room's address is not noted");
            }
            own_link = Some(own.to_string());
        }
        progress.turn_to("Restoring", None);
        let restored = in_step::showing(&room, (&progress, self.content), room.restored());
        self.attempt.within(&room, restored).await?;
        drop(progress);
        self.attempt.app(&room, self.app).await?;
        self.tell_ready(&room, contents(&room).await?, own_link.as_deref())?;
        self.attempt.stay();
        tokio::select! {
            told = self.tell_happenings(&room, happenings) => told,
            done = beside(&room) => done,
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
                    print_line(line)?;
                }
            } else if let Some(line) = notices.line(&happening) {
                print_line(line)?;
            }
        }
    }

    async fn kept_at(&self, link: &Link) -> Result<Option<RoomId>, Failure> {
        let kept = self.attempt.endpoint.kept_at(link).await;
        kept.map_err(|error| Failure::Storage(format!("What is kept cannot be read: {error}")))
    }

    /// Says that the room is open and what is kept of it. The secret of somebody else's link does not belong
    /// into a log; one's own is what was asked for.
    fn tell_ready(
        &self,
        room: &Room,
        (contents, mut value): (String, Value),
        own_link: Option<&str>,
    ) -> Result<(), Failure> {
        let mut words = format!("Keeping {}: {contents} so far. Stop with Ctrl-C.", self.address);
        if let Some(link) = own_link {
            words.push_str(&format!("\nPeople also come in by {link}"));
            value["link"] = link.into();
        }
        value["event"] = "ready".into();
        value["address"] = self.address.as_str().into();
        value["peer"] = room.me().peer.to_string().into();
        self.common.tell(&words, &value)
    }
}

/// Reads the size of a history.
fn history_size(text: &str) -> Result<u64, String> {
    match bytes::parse(text)? {
        size if size == 0 || size >= HISTORY_LEAST => Ok(size),
        _ => Err(format!("a history has at least {}, or write none", bytes::format(HISTORY_LEAST))),
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
