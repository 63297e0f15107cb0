//! What the routing-rule files say, checked: loading, interpolation, secrets, problems with positions, JSON Schema.
//!
//! [`load`] reads every file that it is given, replaces `${...}` in scalar values and answers either with one typed
//! [`Config`] or with *all* the [`Problems`] of all files. Everything below [`Config`] is plain data: no I/O happens
//! when a value of these types is made.

mod budget;
pub mod cel;
pub mod cesql;
mod connection;
pub mod connector;
mod derive;
mod encoding;
pub mod filter;
mod interpolate;
mod load;
mod optional;
pub mod pattern;
mod problem;
mod root;
mod route;
pub mod rule_set;
mod rules;
mod schema;
mod secret;
mod shape;
mod sink;
mod source;
mod subscription;
mod syntax;
mod template;
pub mod tls;
pub mod transform;
pub mod unit_test;
pub mod units;
mod url;
mod when;
mod yaml;

pub use budget::{BudgetPlan, budget_plan, memory_needed};
pub use cel::Cel;
pub use cesql::Cesql;
pub use connection::ConnectionConfig;
pub use derive::{Diff, Guarantee, Summary, diff, guarantee, summary};
pub use encoding::{Encoding, EventFormat};
pub use filter::Filter;
pub use load::{Loaded, load};
pub use optional::{BACKLOG_PREFIX, follow, followed_by};
pub use pattern::{Pattern, PatternError};
pub use problem::{Problem, Problems};
pub use root::{
    AdminConfig, Config, Fsync, LimitsConfig, RetentionConfig, StorageConfig, SubscribeConfig,
    TopicConfig, Version,
};
pub use route::{
    CircuitBreakerConfig, DeadLetterConfig, DeliveryGuarantee, FailoverConfig, FailoverList,
    FailoverPolicy, Ordering, RetryConfig, RetryOverride, RouteConfig, RouteLimitsConfig,
    RuleConfig, RuleSetConfig, RulesConfig, TargetConfig, To,
};
pub use schema::json_schema;
pub use secret::Secret;
pub use sink::{Place, SinkConfig};
pub use source::SourceConfig;
pub use subscription::{Credential, Protocol, Subscription};
pub use syntax::SyntaxError;
pub use template::{Field, OriginField, Segment, Step, Template};
pub use transform::TransformConfig;
pub use units::{ByteSize, Duration, Percent, Rate};
pub use url::Url;
pub use when::When;
pub use yaml::from_yaml;
