//! One connection with a consumer of its own that begins at a sequence and keeps the order of the stream.

use std::time::Duration;

use hybridge_config::connector::nats::Start;
use hybridge_core::{Error, ErrorKind, Share};
use serde_json::{Map, Value, json};

use super::Plan;
use crate::nats::api::{Control, StreamInfo};
use crate::nats::connection::Connection;
use crate::nats::pull::{Limits, Pull};
use crate::nats::source::consumer::session::{filters, from_sequence, from_start, stream};

/// The server removes a consumer that nobody asks for so long.
const INACTIVE: Duration = Duration::from_secs(60);

pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) pull: Pull,
    /// The number of the last message that this consumer gave.
    pub(super) last: u64,
    delete: String,
}

impl Session {
    /// Connects, and begins to read at `position`; at 0 where the file says.
    pub(super) async fn establish(
        plan: &Plan,
        share: Share,
        cap: u64,
        position: u64,
        created: &str,
    ) -> Result<Self, Error> {
        let mut control = Control::new(plan.endpoint.open().await?);
        let info = stream(&mut control, &plan.stream).await?;
        if info.created != created {
            let what = format!("the stream `{}` was deleted and made anew", plan.stream);
            return Err(Error::new(ErrorKind::Fatal, what));
        }
        let name = format!("hybridge-{}", uuid::Uuid::new_v4().simple());
        let config = plan.consumer(&name, position);
        let made = control.make_consumer(&plan.stream, &config).await;
        made.map_err(|failure| {
            failure.into_error(&format!("cannot read the stream `{}`", plan.stream))
        })?;
        let mut connection = control.connection;
        let max_payload = connection.info.max_payload as u64;
        let limits = Limits { cap, max_payload, ..Limits::default() };
        let pull = Pull::new(&mut connection, &plan.stream, &name, share, limits);
        let delete = format!("$JS.API.CONSUMER.DELETE.{}.{name}", plan.stream);
        Ok(Self { connection, pull, last: 0, delete })
    }

    /// Gives the consumer back.
    pub(super) async fn close(mut self) {
        self.connection.publish(self.delete.as_bytes(), b"", b"", b"");
        self.connection.close().await;
    }
}

impl Plan {
    fn consumer(&self, name: &str, position: u64) -> Value {
        let mut config = Map::new();
        config.insert("name".into(), json!(name));
        config.insert("description".into(), json!(format!("hybridge route {}", self.route)));
        config.insert("ack_policy".into(), json!("none"));
        config.insert("max_deliver".into(), json!(1));
        config.insert("mem_storage".into(), json!(true));
        config.insert("num_replicas".into(), json!(1));
        config.insert("inactive_threshold".into(), json!(INACTIVE.as_nanos() as u64));
        filters(&self.subjects, &mut config);
        match position {
            0 => from_start(&self.start, &mut config),
            position => from_sequence(position, &mut config),
        }
        Value::Object(config)
    }

    /// What a stream must be to be read as a log.
    ///
    /// # Errors
    /// Its messages go when they are acknowledged, or by others' acknowledgements.
    pub(super) fn check(&self, info: &StreamInfo) -> Result<(), Error> {
        if info.config.retention == "limits" {
            return Ok(());
        }
        Err(Error::transient(format!(
            "the stream `{}` has the retention `{}`, and only one with `limits` can be read in order: write \
             `ordering: none`, or make a stream with `limits` that has it as its source",
            self.stream, info.config.retention
        )))
    }

    /// Where a position that does not exist yet begins; 0 where only the server can tell.
    pub(super) fn first(&self, info: &StreamInfo) -> u64 {
        match &self.start {
            Start::Earliest => info.state.first_seq.max(1),
            Start::Latest => info.state.last_seq + 1,
            Start::Sequence(sequence) => (*sequence).max(1),
            Start::Time(_) => 0,
        }
    }

    /// Where to go on after `position`, of a stream that is as `info` says.
    ///
    /// # Errors
    /// The stream has not come as far as the position: it lost its end.
    pub(super) fn resume(&self, position: u64, info: &StreamInfo) -> Result<u64, Error> {
        let state = &info.state;
        if position > state.last_seq + 1 {
            let what = format!(
                "the stream `{}` ends at {}, before the position {position}: it has lost messages, or the position \
                 {} is that of another one; delete it to begin anew",
                self.stream,
                state.last_seq,
                self.lease.shown()
            );
            return Err(Error::new(ErrorKind::Transient, what));
        }
        if position > 0 && position < state.first_seq {
            let missed = state.first_seq - position;
            metrics::counter!("hybridge_nats_missed_messages_total", "route" => self.route.clone())
                .increment(missed);
            tracing::error!(
                stream = self.stream,
                from = position,
                to = state.first_seq,
                "messages are missing: removed before they were read"
            );
            return Ok(state.first_seq);
        }
        Ok(position)
    }
}
