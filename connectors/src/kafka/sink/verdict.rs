//! How it went with one record, and what that means for its message.

use hybridge_core::{Error, ErrorKind, Receipt};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::super::client::{self, Voice};
use super::missing_topic;

/// How it went with one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All in-sync replicas have it, at this offset.
    Written(u64),
    /// Not handed to the client: an earlier one of its key was refused, or the client took no more.
    Held,
    /// The client took no more for the whole time.
    Full,
    /// The batch that it was sent in is larger than the topic takes.
    BatchTooLarge,
    /// It is larger than the topic takes.
    TooLarge,
    /// Its topic does not exist.
    NoTopic,
    /// The message can never be written as it is, for this reason.
    Impossible(String),
    /// What the client reports.
    Failed(Code),
}

impl Verdict {
    /// What the client's report says.
    pub(super) fn of(code: Code) -> Self {
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
                Self::BatchTooLarge
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic => Self::NoTopic,
            Code::UnknownPartition => {
                Self::Impossible("the topic does not have the partition".to_owned())
            }
            Code::InvalidTopic => Self::Impossible("no topic can have this name".to_owned()),
            Code::InvalidRecord => {
                let what = "the topic does not take it: it may be compacted and want a key";
                Self::Impossible(what.to_owned())
            }
            Code::InvalidTimestamp => {
                Self::Impossible("the topic does not take its time".to_owned())
            }
            code => Self::Failed(code),
        }
    }

    /// Whether the record was not written and will be sent again.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::BatchTooLarge | Self::NoTopic | Self::Failed(_))
    }

    /// What is said to the route.
    pub(super) fn told(
        self,
        topic: impl FnOnce() -> hybridge_core::Text,
        voice: &Voice,
    ) -> Result<Receipt, Error> {
        match self {
            Self::Written(offset) => Ok(Receipt::Written(Some(offset))),
            Self::Held => {
                let what = "an earlier message of the same key was not written";
                Err(Error::new(ErrorKind::Held, what))
            }
            Self::Full => {
                Err(Error::transient("the client takes no more: it waits for the cluster"))
            }
            Self::BatchTooLarge | Self::TooLarge => {
                Err(Error::rejected(format!("larger than the topic `{}` takes", topic())))
            }
            Self::NoTopic => Err(missing_topic(&topic())),
            Self::Impossible(what) => {
                Err(Error::rejected(format!("cannot write to topic `{}`: {what}", topic())))
            }
            Self::Failed(code) => {
                let context = format!("cannot write to topic `{}`", topic());
                let error = KafkaError::MessageProduction(code);
                Err(match client::kind(code) {
                    ErrorKind::Disconnected => voice.explain(context, &error),
                    kind => Error::with_source(kind, context, error),
                })
            }
        }
    }
}
