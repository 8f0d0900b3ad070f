//! What a room's owner and moderators decide.

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::RoomAddress as Link;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::change::{Limit, Rule};
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText};

use crate::app::App;
use crate::error::{Closed, RuleError};
use crate::room::Room;
use crate::runner::MaybeSend;

/// The rules of a room, and what its owner and moderators decide. Everybody holds the same ones; what was written under
/// earlier rules stays.
#[derive(Clone, Debug)]
pub struct Rules(pub(crate) Room);

impl Rules {
    /// Changes what people see the room called: at most 64 bytes. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the name is as it was.
    pub async fn set_name(&self, name: &str) -> Result<(), RuleError> {
        let name = BoundedText::new(name).map_err(|error| RuleError::Invalid(error.to_string()))?;
        self.change(move |terms| Terms { name, ..terms }).await
    }

    /// In an app nobody but the owner and moderators may write more than `cost` in a window of time: of the canvas a
    /// cell costs one. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the limit is as it was.
    pub async fn limit(&self, app: &App, cost: u32, window: Duration) -> Result<(), RuleError> {
        let window_ms = u32::try_from(window.as_millis())
            .map_err(|_| RuleError::Invalid(format!("a window of {window:?} is too long")))?;
        self.set_limit(app.slot, Some(Limit { cost, window_ms })).await
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

    /// From now on these peers alone write in the room, besides the owner and moderators. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; everybody writes who did.
    pub async fn set_writers(&self, mut writers: Vec<PeerId>) -> Result<(), RuleError> {
        writers.sort_unstable();
        writers.dedup();
        let listed = Bounded::new(writers).map_err(|error| RuleError::Invalid(error.to_string()))?;
        self.change(move |terms| Terms { writers: Writers::Listed(listed), ..terms }).await
    }

    /// Lets everybody write who is in the room. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; those write who did.
    pub async fn let_everybody_write(&self) -> Result<(), RuleError> {
        self.change(|terms| Terms { writers: Writers::Everybody, ..terms }).await
    }

    /// Names those who may ban and hide besides the owner, in place of those named before. The owner's to do.
    ///
    /// # Errors
    /// [`RuleError`]; the moderators are as they were.
    pub async fn set_moderators(&self, mut moderators: Vec<PeerId>) -> Result<(), RuleError> {
        moderators.sort_unstable();
        moderators.dedup();
        let moderators = Bounded::new(moderators).map_err(|error| RuleError::Invalid(error.to_string()))?;
        self.change(move |terms| Terms { moderators, ..terms }).await
    }

    /// Who may ban and hide besides the owner.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn moderators(&self) -> Result<Vec<PeerId>, Closed> {
        let read = |node: &mut Node, _, room| node.room(room).rules().map(|terms| terms.moderators.to_vec());
        Ok(self.0.call(read).await?.unwrap_or_default())
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
        let link = self.0.call(|node, _, room| node.room(room).address()).await?;
        if let Some(link) = link {
            self.0.state.change(|known| known.link = Some(link));
        }
        Ok(self.0.link())
    }

    async fn set_limit(&self, slot: Slot, limit: Option<Limit>) -> Result<(), RuleError> {
        let slot = slot.number();
        if slot == GENESIS_SLOT {
            return self.change(move |terms| Terms { limit, ..terms }).await;
        }
        let set = move |node: &mut Node, now, room| {
            let (_, writers) =
                node.room(room).rule(slot).ok_or(meshwork_core::node::WriteError::AppIsOff(slot))?;
            node.room_mut(now, room).set_rule(Rule { slot, limit, writers }).map(|_| ())
        };
        self.act(set).await
    }

    async fn change(
        &self,
        change: impl FnOnce(Terms) -> Terms + MaybeSend + 'static,
    ) -> Result<(), RuleError> {
        let change = move |node: &mut Node, now, room| {
            let terms = node.room(room).rules().cloned().ok_or(CommandError::NotOpen)?;
            node.room_mut(now, room).set_rules(change(terms)).map(|_| ())
        };
        self.act(change).await
    }

    async fn act(
        &self,
        act: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<(), CommandError> + MaybeSend + 'static,
    ) -> Result<(), RuleError> {
        Ok(self.0.call(act).await??)
    }
}
