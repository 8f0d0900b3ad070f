//! What a room's owner and moderators decide.

use std::num::NonZero;
use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, RoomHandle, WriteError as NodeWriteError, WritingLeft};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::RoomAddress as Link;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::change::{Age, Rule};
use meshwork_core::signed::header::Family;
use meshwork_core::time::Time;

use crate::app::App;
use crate::error::{Closed, RuleError, WriteError};
use crate::room::Room;
use crate::runner::MaybeSend;
use crate::terms::{Terms, Writers, limit_record};

/// What a room lets this program write in an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What it allows now: of the canvas, so many cells.
    pub left: u32,
    /// What it allows in each window.
    pub cost: u32,
    /// How long a window is.
    pub window: Duration,
    /// How long until the next one begins.
    pub wait: Duration,
}

/// The rules of a room, and what its owner and moderators decide. Everybody holds the same ones; what was written under
/// earlier rules stays.
#[derive(Clone, Debug)]
pub struct Rules(pub(crate) Room);

impl Rules {
    /// What the owner has decided, as a whole; `None` while it is not known.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn terms(&self) -> Result<Option<Terms>, Closed> {
        self.0.call(|node, _, room| node.room(room).rules().map(Terms::from)).await
    }

    /// Decides all of it at once: what others decided since it was read is undone. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; nothing of it is decided.
    pub async fn set(&self, terms: Terms) -> Result<(), RuleError> {
        self.change(move |present| *present = terms).await
    }

    /// Waits until members that stay hold what is decided in the room as this program does, on their disks where they
    /// store, and returns how many do. Who leaves before that may be the last who knew of it. It takes as long as nobody
    /// who stays is linked; dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn held(&self) -> Result<usize, Closed> {
        loop {
            let changed = self.0.state.change_after_now();
            let count = |node: &mut Node, _, room| {
                let peers = node.room(room).peers();
                let staying =
                    peers.iter().filter(|peer| peer.attached && peer.stays && peer.state.is_linked());
                staying.filter(|peer| node.room(room).has_our_records(peer.endpoint)).count()
            };
            match self.0.call(count).await? {
                0 => changed.await,
                holders => return Ok(holders),
            }
        }
    }

    /// Changes what people see the room called: at most 64 bytes. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the name is as it was.
    pub async fn set_name(&self, name: &str) -> Result<(), RuleError> {
        let name = name.to_owned();
        self.change(move |terms| terms.name = name).await
    }

    /// In an app nobody but the owner and moderators may write more than `cost` in a window of time: of the canvas a
    /// cell costs one. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the limit is as it was.
    pub async fn limit(&self, app: &App, cost: u32, window: Duration) -> Result<(), RuleError> {
        self.set_limit(app.slot, Some((cost, window))).await
    }

    /// Lets everybody write in an app as fast as they can. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the limit is as it was.
    pub async fn lift_limit(&self, app: &App) -> Result<(), RuleError> {
        self.set_limit(app.slot, None).await
    }

    /// How much each endpoint may write in an app, and in which time; `None` where that is not limited.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn limit_of(&self, app: &App) -> Result<Option<(u32, Duration)>, Closed> {
        let slot = app.slot.number();
        let limit = self.0.call(move |node, _, room| node.room(room).rule(slot)?.0).await?;
        Ok(limit.map(|limit| (limit.cost, Duration::from_millis(limit.window_ms.into()))))
    }

    /// What the limit of an app leaves this program now; `None` where it may write as fast as it can.
    ///
    /// # Errors
    /// [`WriteError::NotWriter`] or [`WriteError::Banned`] where that is nothing; [`WriteError::AppIsOff`],
    /// [`WriteError::NotOpen`], [`WriteError::Closed`].
    pub async fn left_of(&self, app: &App) -> Result<Option<Allowance>, WriteError> {
        let slot = app.slot.number();
        let left = self.0.call(move |node, now, room| node.room_mut(now, room).writing_left(slot)).await??;
        Ok(left.map(|WritingLeft { left, limit, wait_ms }| Allowance {
            left,
            cost: limit.cost,
            window: Duration::from_millis(limit.window_ms.into()),
            wait: Duration::from_millis(wait_ms),
        }))
    }

    /// From now on everybody drops posts of more than so many days ago, and who was away brings none back; `None` keeps
    /// them for ever, and a greater number brings back what somebody still has. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; posts are kept as long as they were.
    pub async fn keep_posts_for(&self, days: Option<NonZero<u16>>) -> Result<(), RuleError> {
        let age = Age { replica: Slot::CONVERSATION.replica(Family::ByTime), days };
        self.act(move |node, now, room| node.room_mut(now, room).set_age(age).map(|_| ())).await
    }

    /// For how many days posts are kept; `None` for ever.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn posts_kept_for(&self) -> Result<Option<NonZero<u16>>, Closed> {
        self.0.call(|node, _, room| node.room(room).age(Slot::CONVERSATION.replica(Family::ByTime))).await
    }

    /// From now on everybody drops rows of an app's [logs](App::log) that are more than so many days old, and nobody who was
    /// away brings them back; `None` keeps them for ever, and a greater number brings back rows that somebody still has. The
    /// owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; rows are kept as long as they were.
    pub async fn keep_logs_for(&self, app: &App, days: Option<NonZero<u16>>) -> Result<(), RuleError> {
        let age = Age { replica: app.slot.replica(Family::ByTime), days };
        self.act(move |node, now, room| node.room_mut(now, room).set_age(age).map(|_| ())).await
    }

    /// For how many days rows of an app's logs are kept; `None` for ever.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn logs_kept_for(&self, app: &App) -> Result<Option<NonZero<u16>>, Closed> {
        let replica = app.slot.replica(Family::ByTime);
        self.0.call(move |node, _, room| node.room(room).age(replica)).await
    }

    /// From now on these peers alone write in the room, besides the owner and moderators. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; everybody writes who did.
    pub async fn set_writers(&self, writers: Vec<PeerId>) -> Result<(), RuleError> {
        self.change(move |terms| terms.writers = Writers::Listed(writers)).await
    }

    /// Lets everybody write who is in the room. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; those write who did.
    pub async fn let_everybody_write(&self) -> Result<(), RuleError> {
        self.change(|terms| terms.writers = Writers::Everybody).await
    }

    /// Names those who may ban and hide besides the owner, in place of those named before. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the moderators are as they were.
    pub async fn set_moderators(&self, moderators: Vec<PeerId>) -> Result<(), RuleError> {
        self.change(move |terms| terms.moderators = moderators).await
    }

    /// Who may ban and hide besides the owner.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn moderators(&self) -> Result<Vec<PeerId>, Closed> {
        Ok(self.terms().await?.unwrap_or_default().moderators)
    }

    /// Bans a peer: what it wrote so far stays, what it writes from now on counts for nobody. The owner's to do, or of
    /// somebody who is neither owner nor moderator a moderator's.
    ///
    /// # Errors
    /// [`RuleError`]; it is not banned.
    pub async fn ban(&self, peer: PeerId) -> Result<(), RuleError> {
        self.act(move |node, now, room| node.room_mut(now, room).ban(peer).map(|_| ())).await
    }

    /// Lifts all bans of a peer. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; it is banned if it was.
    pub async fn unban(&self, peer: PeerId) -> Result<(), RuleError> {
        self.act(move |node, now, room| node.room_mut(now, room).unban(peer).map(|_| ())).await
    }

    /// Who is banned.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn banned(&self) -> Result<Vec<PeerId>, Closed> {
        self.0.call(|node, _, room| node.room(room).bans()).await
    }

    /// From now on only whoever has the link that is returned writes, besides the owner and moderators; others look. The
    /// owner's to do, in a private room.
    ///
    /// # Errors
    /// [`RuleError`]; those write who did.
    pub async fn new_edit_link(&self) -> Result<Link, RuleError> {
        self.act(|node, now, room| node.room_mut(now, room).set_edit_key().map(|_| ())).await?;
        self.refreshed().await
    }

    /// The link without what lets one write.
    pub fn view_link(&self) -> Link {
        self.0.link().to_look()
    }

    /// Gives the room a new secret and returns the link that has it: whoever has an earlier link is let in no more, but
    /// those listed. The owner's to do, in a private room.
    ///
    /// # Errors
    /// [`RuleError`]; the link is as it was.
    pub async fn new_link(&self, keep: Vec<PeerId>) -> Result<Link, RuleError> {
        self.act(move |node, now, room| node.room_mut(now, room).renew_secret(keep).map(|_| ())).await?;
        self.refreshed().await
    }

    /// The link as the node has it now, before its event is heard.
    async fn refreshed(&self) -> Result<Link, RuleError> {
        self.0.refresh_link().await?;
        Ok(self.0.link())
    }

    async fn set_limit(&self, slot: Slot, limit: Option<(u32, Duration)>) -> Result<(), RuleError> {
        let slot = slot.number();
        if slot == GENESIS_SLOT {
            return self.change(move |terms| terms.limit = limit).await;
        }
        let limit = limit.map(limit_record).transpose().map_err(RuleError::Invalid)?;
        let set = move |node: &mut Node, now, room| {
            let (_, writers) = node.room(room).rule(slot).ok_or(NodeWriteError::AppIsOff(slot))?;
            node.room_mut(now, room).set_rule(Rule { slot, limit, writers }).map(|_| ())
        };
        self.act(set).await
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Terms) + MaybeSend + 'static,
    ) -> impl Future<Output = Result<(), RuleError>> {
        self.act(move |node, now, room| set_changed(node, now, room, Box::new(change)))
    }

    fn act(
        &self,
        act: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<(), CommandError> + MaybeSend + 'static,
    ) -> impl Future<Output = Result<(), RuleError>> {
        done(self.0.call(act))
    }
}

fn set_changed(
    node: &mut Node,
    now: Time,
    room: RoomHandle,
    change: Box<dyn FnOnce(&mut Terms)>,
) -> Result<(), CommandError> {
    let before = node.room(room).rules().ok_or(CommandError::NotOpen)?;
    let mut terms = Terms::from(before);
    change(&mut terms);
    let terms = terms.record(before).map_err(|words| CommandError::Write(NodeWriteError::Record(words)))?;
    node.room_mut(now, room).set_rules(terms).map(|_| ())
}

async fn done(
    acted: impl Future<Output = Result<Result<(), CommandError>, Closed>>,
) -> Result<(), RuleError> {
    Ok(acted.await??)
}
