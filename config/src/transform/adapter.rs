//! `adapter`: the events of a product that does not speak CloudEvents.

use schemars::JsonSchema;
use serde::Deserialize;

/// Makes CloudEvents of the events of one product, by the adapter texts of the CloudEvents specification. Messages that
/// are events already pass; what the product does not send is a permanent fault.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdapterConfig {
    /// Web hooks of GitHub; the headers `X-GitHub-Event` and `X-GitHub-Delivery` say what they are.
    Github(NoOptions),
    /// Web hooks of GitLab.
    Gitlab(NoOptions),
    /// Rows of the changes feeds of CouchDB: `/DB/_changes` and `/_db_updates`.
    Couchdb(CouchdbConfig),
    /// Notifications of Amazon S3: one event for each record. The test event that S3 sends first is filtered.
    AwsS3(NoOptions),
    /// Requests of Amazon SNS: subscription confirmations and notifications, also with raw delivery.
    AwsSns(NoOptions),
}

/// An adapter without options.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// What a row of a feed does not say about itself.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouchdbConfig {
    /// The URL of the server, which is the source of events about databases.
    pub server: String,
    /// The database that the rows of `_changes` are about. Needed for those only.
    pub database: Option<String>,
}
