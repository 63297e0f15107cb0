//! A message on its way from a source, not settled.

use tokio::time::Instant;

use crate::{Assignment, AssignmentId, Error, Message, Permit};

/// Names a delivery to the source that made it. Only that source reads `number`: a sequence
/// number of the watermark, a delivery tag, an index into open requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The assignment that it came from.
    pub assignment: AssignmentId,
    /// The source's own number for it.
    pub number: u64,
}

/// One message that a source gave out and that waits for its outcome.
#[derive(Debug)]
pub struct Delivery {
    /// What the outcome is reported under.
    pub tag: Tag,
    /// The message.
    pub message: Message,
    /// Whose it is; says whether it may still be sent and settled.
    pub assignment: Assignment,
    /// When the one who waits for the outcome goes away (an HTTP caller); after that it is abandoned.
    pub deadline: Option<Instant>,
    /// The bytes of the budget that it holds until it is settled.
    pub permit: Permit,
    /// What the source found wrong with it for good (a line that is too long to be a message, a
    /// record that cannot be decoded). It goes no further than the dead letter, with this reason;
    /// `message` holds what there is to show.
    pub fault: Option<Error>,
}
