//! Meeting without a server: two texts that two people carry to each other.
//!
//! Whoever is in a room makes an [invitation](Room::invite). Somebody else [answers](Endpoint::answer) it, who has the
//! room's link, and the answer goes [back](Room::accept). Then the two are linked, and each is introduced to whomever the
//! other knows. A text opens for those alone who have the link; docs/protocol/signalling.md has what is in it.

use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::signalling::by_hand::{ByHandError, INVITATION_LABEL, REPLY_LABEL};
use meshwork_core::time::Time;

use crate::endpoint::{Endpoint, JoinError, entered};
use crate::error::Closed;
use crate::member::Member;
use crate::room::Room;
use crate::runner::MaybeSend;
use crate::shared::{Known, Phase};

/// How long an invitation waits for its answer, and an answer until it is taken.
pub const INVITATION_MAX: Duration = Duration::from_secs(600);

/// Why two people are not linked by texts. The room is as it was, but [`Endpoint::answer`] leaves it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// It is not the text that is wanted here, or part of it is missing: copy it again, from its first word on.
    #[error("this is no whole invitation, or no whole answer where one is wanted: copy it again")]
    NotWhole,
    /// It does not open: it is of another room, was changed, or whoever made it has another link.
    #[error("this text is of another room, or its maker has another link")]
    OtherRoom,
    /// It answers an invitation that is not waited for any more: make a new one.
    #[error("the invitation that this answers is not open any more: make a new one")]
    Expired,
    /// It was made by this very endpoint: it is for somebody else.
    #[error("this text was made here: it is for somebody else")]
    Own,
    /// Whoever made it is linked already.
    #[error("whoever made this text is linked already")]
    Linked,
    /// It cannot be used, in words: it is of another version of Meshwork, or was not signed by its maker.
    #[error("{0}")]
    Unusable(String),
    /// A newer invitation into the room was made meanwhile, which waits instead.
    #[error("a newer invitation was made meanwhile")]
    Replaced,
    /// No link came of it, in words: this device has no address, or no path was found. Make a new invitation.
    #[error("{0}")]
    NoLink(String),
    /// As many links are being made as an endpoint makes at a time, in words: try again in a moment.
    #[error("{0}")]
    Busy(String),
    /// The link is none, or leads to a room that cannot be entered.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl From<CommandError> for InviteError {
    fn from(error: CommandError) -> InviteError {
        match error {
            CommandError::ByHand(ByHandError::Text) => InviteError::NotWhole,
            CommandError::ByHand(ByHandError::Sealed) => InviteError::OtherRoom,
            CommandError::ByHand(ByHandError::NotWaiting) => InviteError::Expired,
            CommandError::ByHand(ByHandError::Own) => InviteError::Own,
            CommandError::ByHand(ByHandError::Linked) => InviteError::Linked,
            CommandError::ByHand(error @ ByHandError::Full) => JoinError::Full(error.to_string()).into(),
            CommandError::NoSuchRoom(_) => InviteError::Closed(Closed),
            error @ CommandError::TooManyAttempts(_) => InviteError::Busy(error.to_string()),
            error => InviteError::Unusable(error.to_string()),
        }
    }
}

impl Endpoint {
    /// Answers an invitation into the room of this link. Returns what is to be carried back to whoever made it, and the
    /// room, which fills once they [took it](Room::accept): [`Room::joined`] waits for that. It takes some seconds, in
    /// which own addresses are found. Dropping the future leaves the room.
    ///
    /// # Errors
    /// [`InviteError`]; the room is left.
    pub async fn answer(
        &self,
        link: impl std::fmt::Display,
        invitation: &str,
    ) -> Result<(String, Room), InviteError> {
        let text = whole(invitation, INVITATION_LABEL)?;
        let room = self.enter(self.read_link(&link.to_string())?).await?;
        let take = move |node: &mut Node, now, room| node.room_mut(now, room).take_text(&text).map(Some);
        Ok((room.text_of(take).await?, room))
    }
}

impl Room {
    /// Makes an invitation, which one person answers who has the room's [link](Room::link): its text is to be carried to
    /// them, and waits for the answer for [`INVITATION_MAX`], or until a newer one is made. It takes some seconds, in
    /// which own addresses are found. Dropping the future leaves an invitation that nobody has.
    ///
    /// # Errors
    /// [`InviteError`].
    pub async fn invite(&self) -> Result<String, InviteError> {
        self.text_of(|node, now, room| node.room_mut(now, room).invite().map(|()| None)).await
    }

    /// Takes the answer to an invitation, and waits until whoever made it is linked: for half a minute at most. Dropping
    /// the future changes nothing.
    ///
    /// # Errors
    /// [`InviteError`].
    pub async fn accept(&self, answer: &str) -> Result<Member, InviteError> {
        let text = whole(answer, REPLY_LABEL)?;
        self.state.look(|known| known.by_hand = None);
        let take = move |node: &mut Node, now, room| node.room_mut(now, room).take_text(&text);
        let who = self.call(take).await??;
        let linked = self.state.until(|known| match by_hand(known) {
            Some(Err(error)) => Some(Err(error)),
            _ => known.present.contains(&who).then_some(Ok(())),
        });
        linked.await?;
        self.member(who).await.ok_or(InviteError::Closed(Closed))
    }

    /// Waits until a member let this program in and the room's rules are here: for ever where nobody does, unless it was
    /// entered by an [answer](Endpoint::answer) of which no link comes. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`JoinError`]; the room is open as before, but where it cannot be entered.
    pub async fn joined(&self) -> Result<(), JoinError> {
        let joined = self.state.until(|known| match entered(known).transpose() {
            Some(entered) => Some(entered),
            None => match by_hand(known) {
                Some(Err(error)) => {
                    let tried = vec![(String::from("by the answer"), error.to_string())];
                    Some(Err(JoinError::NobodyReached { tried }))
                }
                _ => None,
            },
        });
        joined.await
    }

    /// Does something of which a text comes that is to be carried, and waits for the text. Where it is for somebody none comes
    /// once they are linked: a server was quicker.
    async fn text_of(
        &self,
        work: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<Option<EndpointId>, CommandError>
        + MaybeSend
        + 'static,
    ) -> Result<String, InviteError> {
        let state = Arc::clone(&self.state);
        let count = state.look(|known| {
            known.by_hand = None;
            known.by_hand_count += 1;
            known.by_hand_count
        });
        let whose = self.call(work).await??;
        let text = state.until(|known| match by_hand(known) {
            _ if known.by_hand_count != count => Some(Err(InviteError::Replaced)),
            None if whose.is_some_and(|who| known.present.contains(&who)) => Some(Err(InviteError::Linked)),
            text => text,
        });
        text.await
    }
}

/// A text of this kind.
fn whole(text: &str, label: &str) -> Result<String, InviteError> {
    if text.contains(label) { Ok(text.to_owned()) } else { Err(InviteError::NotWhole) }
}

/// What came of the last text that was asked for, if anything did; what is told of it is told once.
fn by_hand(known: &mut Known) -> Option<Result<String, InviteError>> {
    if known.phase == Phase::Left {
        return Some(Err(InviteError::Closed(Closed)));
    }
    known.by_hand.take().map(|text| text.map_err(InviteError::NoLink))
}
