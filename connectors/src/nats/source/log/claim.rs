//! Where a new holder of the lease begins to read.

use async_trait::async_trait;
use hybridge_core::Error;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::nats::lease::Claim;
use crate::nats::source::consumer::session::look_up;

/// How far a stream was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::nats::source) struct Position {
    /// The first sequence that is not resolved; 0 where nothing was read yet.
    pub(super) position: u64,
    /// When the stream was made that this is a position of.
    pub(super) stream: String,
}

#[async_trait(?Send)]
impl Claim for Plan {
    type State = Position;

    async fn begin(&self, left: Option<Position>) -> Result<Position, Error> {
        let info = look_up(&self.endpoint, &self.stream).await?;
        self.check(&info)?;
        let position = match left {
            None => self.first(&info),
            Some(left) if left.stream != info.created => {
                tracing::error!(
                    stream = self.stream,
                    position = left.position,
                    "the stream was deleted and made anew: reading it from its beginning"
                );
                info.state.first_seq.max(1)
            }
            Some(left) => self.resume(left.position, &info)?,
        };
        Ok(Position { position, stream: info.created })
    }
}
