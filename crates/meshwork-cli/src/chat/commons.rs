//! `chat` without a LINK: the commons of the local network, which everybody on it shares.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use meshwork::chat;
use meshwork::{Nearby, Neighbour, Room, Store};
use meshwork_signal::http::Pages;

use super::Names;
use super::acts::Note;
use super::lines::{Ended, Lines, Talk};
use super::phones::Phones;
use super::tui::{self, Terminal};
use super::typing::{Entered, Typing};
use crate::exit::Failure;
use crate::room::attempt::{Attempt, named_guest, user_name};
use crate::room::lan::Near;
use crate::room::signal::Stop;
use crate::{duration, identity, style};

/// Letters of a name that is a file's, too.
const AS_MAX: usize = 32;

/// Options of the commons.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Without LINK: the commons of this network")]
pub(super) struct Options {
    /// Enter another commons, which is everybody's who uses the same NAME, and is kept with --data.
    #[arg(long, value_name = "NAME", conflicts_with = "link")]
    commons: Option<String>,
    /// Keep the posts of a commons with a NAME in this folder. That of this network is kept by nobody.
    #[arg(long, value_name = "DIR", requires = "commons")]
    data: Option<PathBuf>,
    /// Be a person of this name, beside others on the same machine: its key is kept.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "link", conflicts_with = "identity")]
    alias: Option<String>,
    /// Ask for a name and for verbosity first, and take commands from a pipe too, as programs of LSNP do.
    #[arg(long, conflicts_with = "link")]
    classic: bool,
    /// Print lines on a terminal, too, in place of the conversations, posts and people side by side.
    #[arg(long, conflicts_with = "link")]
    plain: bool,
    /// Leave out peers of LSNP, which read and write without any proof or seal.
    #[arg(long, conflicts_with = "link")]
    no_guests: bool,
    /// Serve the pages of the commons to phones of this network, and print the address and its QR code. [default: on a terminal]
    #[arg(long, conflicts_with = "link", overrides_with = "no_pages", verbatim_doc_comment)]
    pages: bool,
    /// Serve no pages.
    #[arg(long, conflicts_with = "link")]
    no_pages: bool,
    #[command(flatten)]
    near: Near,
    /// Time between two announcements to the network, 5s to 10m.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse, conflicts_with = "link")]
    announce: Duration,
    /// Silence after which another program counts as gone, at least twice the time between announcements.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse, conflicts_with = "link")]
    peer_timeout: Duration,
}

/// Runs a talk in the commons, in a new one whenever the machine moves to another network.
pub(super) async fn run(lines: Lines, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    let Lines { mut name, newest, mut commands, mut common, commons: options, .. } = lines;
    if let Some(alias) = &options.alias {
        common.identity = Some(identity_of(alias)?);
    }
    options.check()?;
    let (mut typing, mut is_verbose) = (None, false);
    if options.classic {
        commands = true;
        let typing = typing.insert(Typing::start(true));
        name = answer(typing, "Username:").await.filter(|answer| !answer.is_empty()).or(name);
        is_verbose =
            answer(typing, "Verbose? (y/n)").await.is_some_and(|answer| answer.starts_with(['y', 'Y']));
    }
    common.lan.add(&options.near);
    common.lan.enter(options.announce, options.peer_timeout);
    let mut stop = Stop::listen()?;
    let otherwise = || options.alias.clone().unwrap_or_else(user_name);
    if options.commons.is_none() && !options.no_guests {
        common.lan.speak_lsnp(name.clone().unwrap_or_else(otherwise));
    }
    let builder = named_guest(name.clone(), otherwise).stays();
    let builder = match &options.data {
        Some(folder) => builder.store(Store::at(folder)),
        None => builder,
    };
    let mut attempt = Attempt::start(&common, builder).await?;
    attempt.stay();
    let serves = options.pages || !options.no_pages && std::io::stdin().is_terminal();
    let draws = options.draws() && !common.json;
    let mut surface = Surface { draws, terminal: None, typing, commands, is_verbose };
    let mut phones = None;
    let own = name.unwrap_or_else(otherwise);
    let talked = async {
        loop {
            let new = options.commons.iter().fold(chat::room(), |new, name| new.named(name.clone()));
            let entered = attempt.endpoint.commons(new).await;
            let room = entered.map_err(|error| Failure::Unexpected(error.into()))?;
            surface.take();
            let greeting = greeting(&attempt, options.commons.as_deref());
            if serves {
                phones = Phones::start(&attempt, &room, &pages).await?;
            }
            let setting = tui::Setting {
                newest,
                own: &own,
                greeting,
                commons: options.commons.as_deref(),
                phones: phones.as_ref(),
            };
            let ended = surface.talk(&attempt, &room, setting).await?;
            match ended {
                Ended::Done => return Ok(()),
                Ended::Moved => style::note("this machine is on another network: its commons is empty"),
            }
            room.leave();
            if let Some(phones) = phones.take() {
                phones.end().await;
            }
        }
    };
    let result = tokio::select! {
        result = talked => result,
        () = stop.asked() => Ok(()),
    };
    // Words from here on are for the terminal as it was.
    surface.terminal.and_then(Terminal::end).iter().for_each(style::note);
    end(phones, attempt).await;
    result
}

/// Ends the pages, and leaves.
async fn end(phones: Option<Phones>, attempt: Attempt) {
    if let Some(phones) = phones {
        phones.end().await;
    }
    attempt.close().await;
}

/// The answer to a question; `None` at the end of the input.
async fn answer(typing: &mut Typing, question: &str) -> Option<String> {
    style::note(question);
    match typing.next().await {
        Entered::Line(line) => Some(line.text.trim().to_owned()),
        Entered::End | Entered::Interrupted => None,
    }
}

/// The file of a person of this machine.
fn identity_of(alias: &str) -> Result<PathBuf, Failure> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_".contains(letter);
    if alias.is_empty() || alias.chars().count() > AS_MAX || !alias.chars().all(is_plain) {
        return Err(Failure::Usage(format!(
            "--as {alias:?}: a name has 1 to {AS_MAX} letters, digits, - and _. --name may be anything."
        )));
    }
    let default = identity::default_path()?;
    Ok(default.with_file_name("people").join(alias.to_lowercase()))
}

/// Shows the way for phones.
fn invite(phones: &Phones) {
    if style::is_output_terminal()
        && let Some(qr) = phones.qr()
    {
        style::note(qr);
    }
    style::note(format!("phones on this network: {}", phones.url));
}

/// The words at the beginning: the commons and its network.
fn greeting(attempt: &Attempt, commons: Option<&str>) -> Option<String> {
    let nearby = attempt.endpoint.nearby()?;
    let place = match (nearby.own_address(), nearby.interfaces().first()) {
        (Some(address), Some(interface)) if !address.is_loopback() => {
            format!("{address}:{} on {}", nearby.port(), interface.name)
        }
        _ => String::from("no network: only programs of this machine are here"),
    };
    Some(match commons {
        Some(name) => format!("the commons {name:?}, {place}"),
        None => format!("the commons of this network, {place}. Everybody on it can read along."),
    })
}

/// The surface of all talks: a drawn terminal, or lines.
struct Surface {
    draws: bool,
    terminal: Option<Terminal>,
    typing: Option<Typing>,
    commands: bool,
    is_verbose: bool,
}

impl Surface {
    /// Takes the terminal at the first talk. A terminal that cannot be drawn on gets lines.
    fn take(&mut self) {
        if self.draws && self.terminal.is_none() {
            self.terminal = Terminal::take();
            self.draws = self.terminal.is_some();
        }
    }

    /// Talks until the person is done, or the machine moves.
    async fn talk(
        &mut self,
        attempt: &Attempt,
        room: &Room,
        setting: tui::Setting<'_>,
    ) -> Result<Ended, Failure> {
        if let Some(terminal) = &mut self.terminal {
            return tui::run(terminal, attempt, room, setting).await;
        }
        setting.greeting.iter().for_each(style::note);
        setting.phones.iter().for_each(|phones| invite(phones));
        let typing = self.typing.get_or_insert_with(|| Typing::start(self.commands));
        let talk = Talk::start(attempt, room, setting.newest, Some(self.is_verbose)).await?;
        talk.run(attempt, typing).await
    }
}

impl Options {
    /// Refuses a silence that is too short for the announcements.
    fn check(&self) -> Result<(), Failure> {
        if self.peer_timeout >= 2 * self.announce {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "--peer-timeout {} is below twice --announce {}.",
            duration::format(self.peer_timeout),
            duration::format(self.announce)
        )))
    }

    /// Whether the commons is drawn on the terminal: on one that can be drawn on, unless lines are asked for.
    fn draws(&self) -> bool {
        let is_terminal = std::io::stdin().is_terminal() && style::is_output_terminal() && !style::is_dumb();
        is_terminal && !self.plain && !self.classic
    }
}

/// The programs that were heard: name, address, port, and seconds since then.
pub(super) async fn list(nearby: &Nearby, room: &Room) -> Result<Vec<Note>, Failure> {
    let names = Names::of(room).await?;
    let mut seen = nearby.seen();
    seen.sort_by_key(|one| one.address);
    let program = |one: &Neighbour| {
        let (name, silent) = (names.name(one.endpoint.peer), one.silent.as_secs());
        Note::Line(format!("{name}  {}  {}  {silent} s ago", one.address.ip(), one.address.port()))
    };
    let mut notes: Vec<Note> = seen.iter().map(program).collect();
    for (guest, silent) in nearby.guests().map(|guests| guests.list()).unwrap_or_default() {
        let (id, ip, port) = (&guest.id, guest.address.ip(), guest.address.port());
        notes.push(Note::Line(format!("{id} (guest, unproved)  {ip}  {port}  {} s ago", silent.as_secs())));
    }
    if notes.is_empty() {
        let words = "no other program is heard: meshwork lan doctor says what may be wrong";
        notes.push(Note::Aside(String::from(words)));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_of_a_machine_have_files() {
        let path = identity_of("Lin").unwrap();
        assert!(path.ends_with("people/lin"), "{}", path.display());
        for wrong in ["", "../lin", "a b", "a/b", &"a".repeat(33)] {
            assert!(identity_of(wrong).is_err(), "{wrong}");
        }
    }
}
