//! Unit tests of routing-rule files: what a `*.test.yaml` says.
//!
//! [`load_tests`] reads one such file with the same care as the files that it tests: every problem at once, each with its
//! place.

mod load;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use load::{is_test_file, load_tests};

use crate::{Duration, Version};

/// A file of unit tests.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hybridge unit tests")]
pub struct TestFileConfig {
    /// The version of the language.
    pub hybridge: Version,
    /// The routing-rule file or folder that is tested, relative to this file. Default: for `orders.test.yaml`,
    /// `orders.yaml`.
    pub config: Option<PathBuf>,
    /// Values for `${NAME}` in the tested files; a name that is not here is looked up in the environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The tests.
    #[schemars(length(min = 1))]
    pub tests: Vec<TestConfig>,
}

/// One test: what comes in, how targets answer, and what is expected.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestConfig {
    /// What it shows.
    pub name: String,
    /// The route. Default: the only one.
    pub route: Option<String>,
    /// The messages that the source gives, in this order.
    #[schemars(length(min = 1))]
    pub input: Vec<InputConfig>,
    /// How targets answer, by their names, and `dead_letter`: one answer for each message that is sent, in this order;
    /// after the last one everything is accepted. The second sink of a failover list is `NAME[1]`.
    #[serde(default)]
    pub answers: BTreeMap<String, Vec<AnswerConfig>>,
    /// How long it may take on the clock of the test, which does not wait.
    #[serde(default = "default_within")]
    pub within: Duration,
    /// What is expected.
    pub expect: ExpectConfig,
}

fn default_within() -> Duration {
    Duration::from_secs(3_600)
}

/// A message as a source gives it: one of `event`, `json`, `text`, `base64` and `file`, or none for a null body.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputConfig {
    /// A CloudEvent in its JSON format; `specversion` may be left out.
    pub event: Option<Map<String, Value>>,
    /// A body in JSON.
    pub json: Option<Value>,
    /// A body of text.
    pub text: Option<String>,
    /// A body of any bytes, in base64.
    pub base64: Option<String>,
    /// A file with the body, relative to the file of the tests.
    pub file: Option<PathBuf>,
    /// The key.
    pub key: Option<String>,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The topic, stream or queue that it comes from.
    pub topic: Option<String>,
    /// The partition that it comes from.
    pub partition: u32,
    /// When it was produced (RFC 3339).
    pub time: Option<String>,
}

/// What a target does with a message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerConfig {
    /// What kind of answer it is. Either this or `http`.
    pub answer: Option<Answer>,
    /// The status of an HTTP answer, which is understood as the `http` sink does: 429 is throttled, 503 passes, 400 is
    /// the message's own fault.
    #[schemars(range(min = 100, max = 599))]
    pub http: Option<u16>,
    /// How long the target asks to wait (`Retry-After`); with `throttled` or `http: 429`.
    pub wait: Option<Duration>,
    /// How often in a row.
    #[serde(default = "default_times")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub times: u32,
}

fn default_times() -> u32 {
    1
}

/// The kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is written.
    Accepted,
    /// It fails in a way that may pass.
    Transient,
    /// The target asks to wait.
    Throttled,
    /// There is no connection.
    Disconnected,
    /// The credentials are refused.
    Unauthorized,
    /// The message is refused for good.
    Rejected,
}

/// What is expected; what is not said is not compared, but for dead letters: without `dead_letters` there must be none.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectConfig {
    /// How each message of the input ends, in their order. Default: none may be left unsettled.
    pub outcomes: Option<Vec<OutcomeName>>,
    /// What each target gets, by its name, in this order and nothing else. Targets that are not named get nothing.
    pub targets: Option<BTreeMap<String, Vec<OutputConfig>>>,
    /// The rules that match any of the messages, by name, in any order, and no others.
    pub rules: Option<Vec<String>>,
    /// The dead letters, in this order.
    pub dead_letters: Vec<DeadLetterExpectation>,
    /// How often something was sent to a target, by its name, what failed included.
    pub attempts: BTreeMap<String, u64>,
    /// How long it takes on the clock of the test.
    pub took: Option<TookConfig>,
    /// A file with everything that came out, relative to the file of the tests; `hybridge test --update` writes it.
    pub golden: Option<PathBuf>,
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// Every required target has it.
    Delivered,
    /// No target was to have it.
    Filtered,
    /// It was past its time.
    Expired,
    /// The dead letters have it.
    DeadLettered,
    /// Its producer was told that it is refused.
    Rejected,
    /// It has no end: it waits, or holds its lane.
    Held,
}

/// A message that a target gets. Members of `event`, headers and members of `json` that are not named are free.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// Attributes and `data` of a CloudEvent, as in its JSON format.
    pub event: Option<Map<String, Value>>,
    /// A body in JSON.
    pub json: Option<Value>,
    /// The body as text.
    pub text: Option<String>,
    /// The body in base64.
    pub base64: Option<String>,
    /// A file with the body, byte for byte, relative to the file of the tests.
    pub file: Option<PathBuf>,
    /// The key.
    pub key: Option<String>,
    /// Headers; null for one that must not be there.
    pub headers: BTreeMap<String, Option<String>>,
    /// Where it goes to, as the templates of the sink say: `{ topic: orders }`, `{ subject: orders.placed }`,
    /// `{ routing_key: eu }`.
    pub to: BTreeMap<String, String>,
    /// Whether nothing may be there that is not named, in `event` and `json`.
    pub exactly: bool,
}

/// A dead letter.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetterExpectation {
    /// A part of the reason.
    pub reason: Option<String>,
    /// Where it failed: `source`, `transform`, `target NAME`.
    pub stage: Option<String>,
    /// How often it was tried there.
    pub attempts: Option<u32>,
    /// The message in it.
    pub message: Option<OutputConfig>,
}

/// A span of time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TookConfig {
    /// No less than this.
    pub at_least: Option<Duration>,
    /// No more than this.
    pub at_most: Option<Duration>,
}
