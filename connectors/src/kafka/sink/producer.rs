//! The client that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hybridge_config::Ordering as Order;
use hybridge_config::connector::kafka::{
    Compression, ConnectionConfig, CreateTopicsConfig, SinkConfig,
};
use hybridge_core::{Error, ErrorKind, Text};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::super::client::{self, Voice};
use super::super::ffi;
use super::super::token::Tokens;
use super::gate::{Gate, Handing};
use super::limits::Limit;
use super::reports::Reports;
use super::verdict::Verdict;

/// Bytes that the client may hold: what a route has in flight is bounded by its own share, and copied once.
const QUEUE_KBYTES: u64 = 32 << 10;

/// Bytes of a batch where nothing is said: the client's default.
const BATCH_SIZE: usize = 1_000_000;
/// How long the cluster may take to answer what is asked about topics.
const ASKING: Duration = Duration::from_secs(5);

/// Makes clients.
pub(super) struct Factory {
    connection: Arc<ConnectionConfig>,
    tokens: Option<Arc<Tokens>>,
    config: ClientConfig,
    create: Option<CreateTopicsConfig>,
}

/// Why the client did not take a record.
#[derive(Debug)]
pub(super) enum Full {
    /// It has no room now.
    Queue,
    /// It never will.
    Refused(Verdict),
}

/// What a probe did not find.
#[derive(Debug)]
pub(super) enum Missing {
    Topic(String),
    Cluster(Error),
}

/// A client with its thread.
pub(super) struct Producer {
    client: ThreadedProducer<Context>,
    context: Arc<Context>,
    gate: Gate,
}

/// What the client calls.
struct Context {
    voice: Voice,
    reports: Reports,
    has_given_up: AtomicBool,
}

impl Factory {
    pub(super) fn new(
        sink: &SinkConfig,
        connection: Arc<ConnectionConfig>,
        timeout: Duration,
        ordering: Order,
    ) -> Self {
        let mut config = client::config(&connection);
        config.set("acks", "all");
        config.set("enable.idempotence", "true");
        // The Java client's choice, so that a key is in the same partition whoever wrote it.
        config.set("partitioner", "murmur2_random");
        // A client that may forget one record may write the next before it. Where order counts, everything is taken back at
        // once when the time is up.
        let timeout = if ordering == Order::None { timeout.as_millis().max(1) } else { 0 };
        config.set("message.timeout.ms", timeout.to_string());
        config.set("linger.ms", "1");
        config.set("queue.buffering.max.kbytes", QUEUE_KBYTES.to_string());
        config.set("message.max.bytes", limit(sink).to_string());
        let codec = match sink.compression {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        };
        config.set("compression.codec", codec);
        client::apply(&mut config, &sink.options);
        Self {
            tokens: Tokens::of(&connection),
            connection,
            config,
            create: sink.create_topics.clone(),
        }
    }

    /// A client that batches, `max_batch` bytes at most.
    pub(super) fn make(&self, max_batch: Option<usize>) -> Result<Producer, Error> {
        let mut config = self.config.clone();
        let configured = config.get("batch.size").and_then(|bytes| bytes.parse().ok());
        if let Some(most) = max_batch
            && most < configured.unwrap_or(BATCH_SIZE)
        {
            config.set("batch.size", most.max(1).to_string());
        }
        Producer::new(&config, self.tokens.clone())
    }

    /// A client that sends each record alone.
    pub(super) fn make_alone(&self) -> Result<Producer, Error> {
        let mut config = self.config.clone();
        config.set("batch.num.messages", "1");
        config.set("linger.ms", "0");
        Producer::new(&config, self.tokens.clone())
    }

    pub(super) fn creates_topics(&self) -> bool {
        self.create.is_some()
    }

    /// Creates a topic, as the configuration says.
    pub(super) async fn create_topic(&self, topic: &str) -> Result<(), Error> {
        let Some(create) = &self.create else { return Ok(()) };
        let failed = |error: KafkaError| {
            let context = format!("cannot create topic `{topic}`");
            Error::with_source(ErrorKind::Transient, context, error)
        };
        let replicas = create.replication.map_or(-1, i32::from);
        let partitions = i32::try_from(create.partitions).unwrap_or(i32::MAX);
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        let options = AdminOptions::new().operation_timeout(Some(ASKING));
        let admin = self.admin().await?;
        let created = admin.create_topics([&new], &options).await;
        super::drop_aside(admin).await;
        for result in created.map_err(failed)? {
            match result {
                Ok(_) => tracing::info!(topic, partitions, "topic created"),
                Err((_, Code::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    let context = format!("cannot create topic `{topic}`");
                    return Err(Error::with_source(client::kind(code), context, code));
                }
            }
        }
        Ok(())
    }

    /// What these topics take, as far as the cluster says; those that it does not have are left out.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(super) async fn limits(&self, topics: &[Text]) -> Result<Vec<(Text, Limit)>, Error> {
        let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let options = AdminOptions::new().request_timeout(Some(ASKING));
        let admin = self.admin().await?;
        let described = admin.describe_configs(&asked, &options).await;
        super::drop_aside(admin).await;
        let failed = |error: KafkaError| {
            Error::with_source(
                ErrorKind::Transient,
                "the cluster does not say what topics take",
                error,
            )
        };
        let told = topics.iter().zip(described.map_err(failed)?);
        let limits = told.filter_map(|(topic, described)| match described {
            Ok(told) => {
                let value = |name| told.get(name).and_then(|entry| entry.value.as_deref());
                let max_batch = value("max.message.bytes").and_then(|bytes| bytes.parse().ok());
                let wants_key =
                    value("cleanup.policy").is_some_and(|policy| policy.contains("compact"));
                Some((topic.clone(), Limit { max_batch, wants_key }))
            }
            Err(Code::UnknownTopicOrPartition) => None,
            Err(code) => {
                tracing::info!(%topic, %code, "the cluster does not say what the topic takes");
                Some((topic.clone(), Limit::default()))
            }
        });
        Ok(limits.collect())
    }

    /// A client that administers. Nobody polls it for the token that it asks for, so it is given one.
    async fn admin(&self) -> Result<AdminClient<Context>, Error> {
        let mut config = client::config(&self.connection);
        config.set("client.id", "hybridge");
        let made = config.create_with_context(Context::new(self.tokens.clone()));
        let admin: AdminClient<Context> = made.map_err(|error| {
            Error::with_source(ErrorKind::Transient, "cannot make a client", error)
        })?;
        let Some(tokens) = self.tokens.clone() else { return Ok(admin) };
        let asked = tokio::task::spawn_blocking(move || tokens.token()).await;
        let asked = asked.map_err(|_| Error::transient("asking for a token panicked"))?;
        let token = asked.map_err(|no| Error::new(no.kind, no.what))?;
        ffi::give_token(admin.inner().native_ptr(), &token).map_err(Error::transient)?;
        Ok(admin)
    }
}

/// What the client lets through: more than the sink does, which knows better what a record is.
fn limit(sink: &SinkConfig) -> usize {
    sink.max_message.as_usize().saturating_add(64 << 10).clamp(1_000, 1_000_000_000)
}

impl Producer {
    fn new(config: &ClientConfig, tokens: Option<Arc<Tokens>>) -> Result<Self, Error> {
        let context = Context::new(tokens);
        let client: ThreadedProducer<Context> =
            config.create_with_context(context).map_err(|error| {
                Error::with_source(ErrorKind::Transient, "cannot make the producer", error)
            })?;
        let context = client.client().context().clone();
        Ok(Self { client, context, gate: Gate::default() })
    }

    pub(super) fn reports(&self) -> &Reports {
        &self.context.reports
    }

    pub(super) fn voice(&self) -> &Voice {
        &self.context.voice
    }

    /// Whether nothing can be written by it any more.
    pub(super) fn has_given_up(&self) -> bool {
        self.context.has_given_up.load(Ordering::Acquire)
    }

    /// Gives the client one record, to be reported.
    pub(super) fn hand(&self, record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), KafkaError> {
        let handed = self.client.send(record).map_err(|(error, _)| error);
        if let Err(KafkaError::MessageProduction(Code::Fatal)) = handed {
            self.context.has_given_up.store(true, Ordering::Release);
        }
        handed
    }

    /// Records that the client holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        usize::try_from(self.client.in_flight_count()).unwrap_or_default()
    }

    /// The client as the library knows it.
    #[cfg(test)]
    pub(super) fn native(&self) -> *mut rdkafka::types::RDKafka {
        self.client.client().native_ptr()
    }

    /// Waits until records may be handed over. Cancel-safe.
    pub(super) async fn handing(&self) -> Handing<'_> {
        self.gate.enter().await
    }

    /// Takes back what the client holds, whatever was taken back before.
    pub(super) async fn take_back_again(self: &Arc<Self>) {
        self.take_back(self.gate.round()).await;
    }

    /// Takes back everything that the client holds, once for all that was handed over in this round: it is reported as
    /// purged, and what of it is under way is fenced before anything else is written. Goes on where nobody waits for it.
    pub(super) async fn take_back(self: &Arc<Self>, round: u64) {
        let producer = self.clone();
        let task = async move {
            let Some(closed) = producer.gate.close(round).await else { return };
            let purging = tokio::task::spawn_blocking(move || {
                // It waits for the client's threads.
                producer.client.purge(PurgeConfig::default().queue().inflight());
                drop(closed);
            });
            let _ = purging.await;
        };
        let _ = tokio::spawn(task).await;
    }

    /// Asks the cluster whether it is there, and whether it has the topic. Blocks.
    pub(super) fn probe(&self, topic: Option<&str>, limit: Duration) -> Result<(), Missing> {
        let client = self.client.client();
        let asked = topic.unwrap_or("__hybridge_probe");
        let metadata = client::ask(self.voice(), limit, |patience| {
            client.fetch_metadata(Some(asked), patience).inspect_err(|_| {
                // The cause is told by the client's thread.
                std::thread::sleep(Duration::from_millis(150));
            })
        });
        let metadata = metadata.map_err(|error| {
            Missing::Cluster(self.voice().explain("cannot reach the cluster", &error))
        })?;
        let Some(topic) = topic else { return Ok(()) };
        for found in metadata.topics() {
            let Some(error) = found.error() else { continue };
            let code = Code::from(error);
            return Err(match Verdict::of(code) {
                Verdict::NoTopic => Missing::Topic(topic.to_owned()),
                _ => {
                    let context = format!("topic `{topic}`");
                    Missing::Cluster(Error::with_source(client::kind(code), context, code))
                }
            });
        }
        Ok(())
    }
}

impl Context {
    fn new(tokens: Option<Arc<Tokens>>) -> Self {
        let voice = Voice::new(tokens);
        Self { voice, reports: Reports::default(), has_given_up: AtomicBool::new(false) }
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, text: &str) {
        self.voice.log(level, fac, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(Code::Fatal) {
            tracing::error!(reason, "the producer has given up");
            self.has_given_up.store(true, Ordering::Release);
        }
        self.voice.error(&error, reason);
    }

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.voice.token()
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, name: usize) {
        let verdict = match result {
            Ok(record) => {
                self.voice.is_well();
                Verdict::Written(u64::try_from(record.offset()).unwrap_or_default())
            }
            Err((error, _)) => match error.rdkafka_error_code() {
                // It is taken back when the time is up.
                Some(Code::PurgeQueue | Code::PurgeInflight) => Verdict::of(Code::MessageTimedOut),
                code => Verdict::of(code.unwrap_or(Code::Unknown)),
            },
        };
        self.reports.report(name, verdict);
    }
}
