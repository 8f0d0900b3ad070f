//! Invitations and replies that people carry by hand: the commands of a room.

use super::commands::CommandError;
use super::room::RoomMut;
use crate::id::Endpoint;

impl RoomMut<'_> {
    /// Makes an invitation that people carry to somebody with the room's LINK, without any server:
    /// [`Event::Invitation`](super::Event::Invitation) contains the text. An earlier unanswered one of the room ends.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`] or [`CommandError::TooManyAttempts`].
    pub fn invite(&mut self) -> Result<(), CommandError> {
        self.node.connecting.begin_invitation(&mut self.node.base, self.room)?;
        self.node.settle();
        Ok(())
    }

    /// Accepts a text that a person carried here. An invitation leads to an [`Event::Reply`](super::Event::Reply), whose text must be
    /// carried back; a reply leads to the link. Returns the maker of the text.
    ///
    /// # Errors
    /// [`CommandError::ByHand`] describes the error of the text; [`CommandError::NoSuchRoom`],
    /// [`CommandError::NotOpen`] if the room's id is not known, and [`CommandError::TooManyAttempts`].
    pub fn take_text(&mut self, text: &str) -> Result<Endpoint, CommandError> {
        let from = self.node.connecting.take_by_hand(&mut self.node.base, self.room, text)?;
        self.node.settle();
        Ok(from)
    }
}
