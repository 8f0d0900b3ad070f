//! `chat profile`: prints the profiles of a room, or changes one's own.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use meshwork::PeerId;
use meshwork::chat::picture::Head;
use meshwork::chat::profile::{AVATAR_MAX, AVATAR_SIDE_MAX, Profile};
use serde_json::{Value, json};

use super::{Target, denied, kept, on_disk};
use crate::bytes;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::{Attempt, guest};
use crate::room::in_step::{self, Content};

const AFTER_HELP: &str = "\
Examples:
  meshwork chat profile LINK                                  print all profiles of the room
  meshwork chat profile LINK --name Ann --status 'In Porto'
  meshwork chat profile LINK --avatar face.png
  meshwork chat profile LINK --status '' --no-avatar          remove both

Parts without an option stay as they are. A change waits until a member that stays has it.
With --json: {peer, stored} for a change, otherwise {profiles: [{peer, name, status, avatar}]}, with avatar null or
{kind, width, height, bytes}.";

/// Arguments of `chat profile`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Your name in this room, at most 32 bytes; empty removes it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Your status, at most 280 bytes; empty removes it.
    #[arg(long, value_name = "TEXT")]
    status: Option<String>,
    /// Your face: a PNG, JPEG or WebP without animation, at most 16 KiB and 256 pixels a side.
    #[arg(long, value_name = "FILE", conflicts_with = "no_avatar")]
    avatar: Option<PathBuf>,
    /// Remove your face.
    #[arg(long)]
    no_avatar: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let avatar = arguments.avatar.as_deref().map(face).transpose()?;
    let attempt = Attempt::start(&arguments.target.common, guest()).await?;
    let done = act(&attempt, &arguments, avatar).await;
    attempt.close().await;
    let (words, value) = done?;
    arguments.target.common.tell(&words, &value)
}

async fn act(
    attempt: &Attempt,
    Arguments { target, name, status, no_avatar, .. }: &Arguments,
    avatar: Option<Vec<u8>>,
) -> Result<(String, Value), Failure> {
    let progress = Progress::start("Joining", Content::Notes.unit());
    let room = attempt.join(&target.link).await?;
    let (mut events, chat, me) = (room.events(), room.chat(), room.me().peer);
    progress.turn_to("Fetching", None);
    in_step::wait(attempt, &room, (&progress, Content::Notes), "The profiles are not known yet.").await?;
    if name.is_none() && status.is_none() && avatar.is_none() && !no_avatar {
        let profiles = chat.profiles().await?;
        let values: Vec<Value> = profiles.iter().map(value).collect();
        return Ok((words(&profiles), json!({ "profiles": values })));
    }
    let before = chat.profile(me).await?;
    let profile = Profile {
        name: name.clone().unwrap_or(before.name),
        status: status.clone().unwrap_or(before.status),
        avatar: avatar.or(before.avatar).filter(|_| !no_avatar),
    };
    attempt.within(&room, async { chat.set_profile(&profile).await.map_err(denied) }).await?;
    let stored = attempt.within(&room, kept(&mut events)).await?;
    let words = format!("Done. A member that stays has your profile{}.", on_disk(stored));
    Ok((words, json!({ "peer": me.to_string(), "stored": stored })))
}

/// Reads a face whose head is within the limits.
fn face(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let size = file.metadata().with_context(|| format!("cannot read {name}"))?.len();
    file.take(AVATAR_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    let refused = |why: String| {
        Failure::Usage(format!(
            "{name} {why}. A face is a PNG, JPEG or WebP without animation, of at most {} and {AVATAR_SIDE_MAX} \
            pixels a side. Scale it down first, such as: magick {name} -resize {AVATAR_SIDE_MAX}x{AVATAR_SIDE_MAX} \
            -quality 80 face.jpg",
            bytes::format(AVATAR_MAX as u64)
        ))
    };
    if bytes.len() > AVATAR_MAX {
        return Err(refused(format!("has {}", bytes::format(size))));
    }
    match Head::read(&bytes) {
        None => Err(refused(String::from("is no such picture"))),
        Some(head) if head.is_animated => Err(refused(String::from("is animated"))),
        Some(Head { width, height, .. }) if width.max(height) > AVATAR_SIDE_MAX => {
            Err(refused(format!("has {width}x{height} pixels")))
        }
        Some(_) => Ok(bytes),
    }
}

fn value((peer, profile): &(PeerId, Profile)) -> Value {
    let avatar = profile.avatar.as_deref().and_then(|bytes| Some((bytes.len(), Head::read(bytes)?)));
    let avatar = avatar.map(|(bytes, head)| {
        json!({ "kind": head.kind.media_type(), "width": head.width, "height": head.height, "bytes": bytes })
    });
    json!({ "peer": peer.to_string(), "name": profile.name, "status": profile.status, "avatar": avatar })
}

fn words(profiles: &[(PeerId, Profile)]) -> String {
    let line = |(peer, profile): &(PeerId, Profile)| {
        let head = profile.avatar.as_deref().and_then(Head::read);
        let face =
            head.map(|head| format!("  face of {}x{} pixels", head.width, head.height)).unwrap_or_default();
        let status: String = profile.status.lines().map(|line| format!("\n  {line}")).collect();
        format!("{peer}  {}{face}{status}", profile.name)
    };
    match profiles {
        [] => String::from("Nobody has a profile here."),
        profiles => profiles.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
