//! The vocabulary of hybridge: what a message is, and the seams between its parts.
//!
//! A route takes batches of [`Delivery`]s from one [`Source`], runs them through [`Transformer`]s,
//! sends the results to [`Sink`]s and settles every delivery with the [`Outcome`] that processing
//! returned. The acknowledgement is a return value: nothing is acknowledged by a closure, by a
//! callback or in `Drop`, so a panic or a dropped future means "never settled", and the system
//! that the message came from delivers it again.
//!
//! This crate imports no other crate of the workspace and does no input or output.

mod assignment;
mod attributes;
mod budget;
mod delivery;
mod error;
mod headers;
mod message;
mod outcome;
mod packed;
mod sink;
mod source;
mod stable_id;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod transformer;
mod watermark;

pub use assignment::{Assignment, AssignmentId, Phase};
pub use attributes::{Attributes, Value, ValueRef};
pub use budget::{Budget, Permit, Pool, Share};
pub use delivery::{Delivery, Tag};
pub use error::{Error, ErrorKind};
pub use headers::{DEAD_LETTER_PREFIX, HOPS, Header, Headers};
pub use message::{Message, Origin, Place};
pub use outcome::Outcome;
pub use sink::{Receipt, Sink};
pub use source::{Event, Source};
pub use stable_id::StableId;
pub use text::Text;
pub use transformer::{Applied, Transformer};
pub use watermark::Watermark;

#[cfg(all(test, feature = "shuttle"))]
mod models;

#[cfg(test)]
mod seams {
    /// What crosses threads between a client and its worker must be sendable.
    #[test]
    fn what_crosses_threads_is_send() {
        fn send<T: Send + 'static>() {}
        send::<crate::Message>();
        send::<crate::Delivery>();
        send::<crate::Tag>();
        send::<crate::Outcome>();
        send::<crate::Error>();
        send::<crate::Permit>();
        send::<crate::Assignment>();
        send::<crate::Budget>();
    }
}
