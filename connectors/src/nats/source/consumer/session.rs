//! One connection with its consumer: there, as it should be, and ready to be asked.

use std::rc::Rc;
use std::time::Duration;

use hybridge_config::connector::nats::Start;
use hybridge_core::{Error, ErrorKind, Share};
use serde_json::{Map, Value, json};

use super::Plan;
use crate::nats::api::{self, ConsumerInfo, Control, StreamInfo, code};
use crate::nats::connection::Connection;
use crate::nats::endpoint::Endpoint;
use crate::nats::pull::{Limits, Pull};

/// The server waits so long for an acknowledgement where nothing else is said.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// The server gives out no more than this without acknowledgements; memory is bounded by our budget.
const MAX_ACK_PENDING: u64 = 65_536;

pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) pull: Pull,
    /// Where answers about the consumer come to.
    pub(super) answers: u64,
    answers_to: String,
    /// Where the server says that it gave up a message.
    pub(super) advisories: u64,
    pub(super) created: String,
    pub(super) info: ConsumerInfo,
}

/// What is known of an earlier session: it must go on where that one ended.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) created: String,
    /// Everything up to here was acknowledged.
    pub(super) floor: u64,
}

impl Session {
    /// Connects, and makes the consumer where it is not there.
    pub(super) async fn establish(
        plan: &Plan,
        share: Share,
        cap: u64,
        before: Option<&Before>,
    ) -> Result<Self, Error> {
        let mut control = Control::new(plan.endpoint.open().await?);
        let stream = stream(&mut control, &plan.stream).await?;
        if before.is_some_and(|before| before.created != stream.created) {
            let what = format!("the stream `{}` was deleted and made anew", plan.stream);
            return Err(Error::new(ErrorKind::Fatal, what));
        }
        let info = consumer(&mut control, plan, before).await?;
        plan.check(&info)?;
        let mut connection = control.connection;
        let limits = Limits {
            cap,
            batch: info.config.max_batch,
            bytes: info.config.max_bytes,
            expires: Duration::from_nanos(info.config.max_expires),
            max_payload: connection.info.max_payload as u64,
        };
        let pull = Pull::new(&mut connection, &plan.stream, &plan.durable, share, limits);
        let answers_to = api::inbox();
        let answers = connection.subscribe(&answers_to, None);
        let advisory =
            format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{}.{}", plan.stream, plan.durable);
        let advisories = connection.subscribe(&advisory, None);
        Ok(Self {
            connection,
            pull,
            answers,
            answers_to,
            advisories,
            created: stream.created,
            info,
        })
    }

    /// Asks how the consumer is; the answer comes under `answers`.
    pub(super) fn ask_info(&mut self, plan: &Plan) {
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{}", plan.stream, plan.durable);
        self.connection.publish(subject.as_bytes(), self.answers_to.as_bytes(), b"", b"");
    }

    pub(super) fn ack_wait(&self) -> Duration {
        match self.info.config.ack_wait {
            0 => ACK_WAIT,
            nanos => Duration::from_nanos(nanos),
        }
    }
}

/// What is known of a stream that must be there.
pub(in crate::nats) async fn stream(
    control: &mut Control,
    name: &str,
) -> Result<StreamInfo, Error> {
    control.stream(name).await.map_err(|failure| match failure.is(code::NO_STREAM) {
        true => api::no_stream(name),
        false => failure.into_error(&format!("cannot see the stream `{name}`")),
    })
}

/// The same, over a connection of its own.
pub(in crate::nats) async fn look_up(endpoint: &Endpoint, name: &str) -> Result<StreamInfo, Error> {
    let mut control = Control::new(endpoint.open().await?);
    let known = stream(&mut control, name).await;
    control.connection.close().await;
    known
}

async fn consumer(
    control: &mut Control,
    plan: &Plan,
    before: Option<&Before>,
) -> Result<ConsumerInfo, Error> {
    let what = format!("the consumer `{}` of the stream `{}`", plan.durable, plan.stream);
    match control.consumer(&plan.stream, &plan.durable).await {
        Ok(info) => return Ok(info),
        Err(failure) if failure.is(code::NO_CONSUMER) => {}
        Err(failure) => return Err(failure.into_error(&format!("cannot see {what}"))),
    }
    let config = plan.consumer(before);
    match control.make_consumer(&plan.stream, &config).await {
        Ok(info) => {
            match before {
                None => tracing::info!(
                    stream = plan.stream,
                    consumer = plan.durable,
                    "made the consumer"
                ),
                Some(before) => tracing::warn!(
                    stream = plan.stream,
                    consumer = plan.durable,
                    after = before.floor,
                    "the consumer was gone; made it again behind what was acknowledged"
                ),
            }
            Ok(info)
        }
        // Another process was faster.
        Err(failure) if failure.is(code::CONSUMER_THERE) => {
            let there = control.consumer(&plan.stream, &plan.durable).await;
            there.map_err(|failure| failure.into_error(&format!("cannot see {what}")))
        }
        Err(failure) => Err(failure.into_error(&format!("cannot make {what}"))),
    }
}

impl Plan {
    /// The consumer that is made.
    fn consumer(&self, before: Option<&Before>) -> Value {
        let mut config = Map::new();
        let ack_wait = self.ack_wait.unwrap_or(ACK_WAIT).as_nanos() as u64;
        config.insert("durable_name".into(), json!(self.durable));
        config.insert("description".into(), json!(format!("hybridge route {}", self.route)));
        config.insert("ack_policy".into(), json!("explicit"));
        config.insert("ack_wait".into(), json!(ack_wait));
        config.insert("max_deliver".into(), json!(-1));
        config.insert("max_ack_pending".into(), json!(MAX_ACK_PENDING));
        filters(&self.subjects, &mut config);
        match before {
            Some(before) => from_sequence(before.floor + 1, &mut config),
            None => from_start(&self.start, &mut config),
        }
        Value::Object(config)
    }

    /// Whether a consumer is one that can be read like this, and as the file says.
    fn check(&self, info: &ConsumerInfo) -> Result<(), Error> {
        let config = &info.config;
        let refuse = |what: String| {
            let context = format!("the consumer `{}` {what}", self.durable);
            Err(Error::new(ErrorKind::Transient, context))
        };
        if config.deliver_subject.as_ref().is_some_and(|subject| !subject.is_empty()) {
            return refuse("is a push consumer: write another `durable`".to_owned());
        }
        if config.ack_policy != "explicit" {
            let policy = &config.ack_policy;
            return refuse(format!("has the ack policy `{policy}`: it must be `explicit`"));
        }
        if (1..3).contains(&config.max_deliver) {
            let most = config.max_deliver;
            return refuse(format!(
                "gives a message up after {most} deliveries: set `max_deliver` to 3 or more, or to -1"
            ));
        }
        let mut filters = config.filters();
        let mut wanted: Vec<&str> = self.subjects.iter().map(String::as_str).collect();
        filters.sort_unstable();
        wanted.sort_unstable();
        if !wanted.is_empty() && filters != wanted {
            return refuse(format!(
                "has the subjects {filters:?}, not {wanted:?}: change it, or write another `durable`"
            ));
        }
        let wait = Duration::from_nanos(config.ack_wait);
        match self.ack_wait {
            Some(wanted) if wanted != wait => refuse(format!(
                "has an ack_wait of {wait:?}, not {wanted:?}: change one of the two"
            )),
            _ => Ok(()),
        }
    }
}

/// Which subjects a consumer gives.
pub(in crate::nats) fn filters(subjects: &[String], config: &mut Map<String, Value>) {
    match subjects {
        [] => {}
        [one] => drop(config.insert("filter_subject".into(), json!(one))),
        many => drop(config.insert("filter_subjects".into(), json!(many))),
    }
}

/// A consumer that begins at this sequence of the stream.
pub(in crate::nats) fn from_sequence(sequence: u64, config: &mut Map<String, Value>) {
    config.insert("deliver_policy".into(), json!("by_start_sequence"));
    config.insert("opt_start_seq".into(), json!(sequence.max(1)));
}

pub(in crate::nats) fn from_start(start: &Start, config: &mut Map<String, Value>) {
    match start {
        Start::Earliest => drop(config.insert("deliver_policy".into(), json!("all"))),
        Start::Latest => drop(config.insert("deliver_policy".into(), json!("new"))),
        Start::Time(time) => {
            config.insert("deliver_policy".into(), json!("by_start_time"));
            config.insert("opt_start_time".into(), json!(time));
        }
        Start::Sequence(sequence) => from_sequence(*sequence, config),
    }
}

/// A plan outlives the futures that open sessions of it.
pub(super) type Shared = Rc<Plan>;
