//! `translate`: events of one cloud as events of another.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

/// Translates events between the clouds, by way of CloudEvents. What has no place on the other side is named in the
/// extension `hybridgeloss`; families of events that the other side does not know pass wrapped, without loss.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct TranslateConfig {
    /// Whose events arrive.
    pub from: Cloud,
    /// Whose events leave; another one than `from`.
    pub to: Cloud,
    /// What a CloudEvent has as its data, with `to: cloudevents`. Default: `native`.
    #[serde(default)]
    pub data: DataForm,
    /// What is needed with `to: aws`.
    pub aws: Option<AwsConfig>,
    /// What is needed with `to: azure`.
    pub azure: Option<AzureConfig>,
    /// What is needed with `to: gcp`.
    pub gcp: Option<GcpConfig>,
    /// What to do with an event that began in the cloud that it would be translated to: two bridges in opposite
    /// directions would send it round for ever. Default: `drop`.
    #[serde(default = "Choice::drop")]
    pub returning: Choice,
    /// What to do with the event of Azure that says that a file was begun (`CreateFile`), before there is anything in
    /// it; another one follows when it is complete. Default: `drop`.
    #[serde(default = "Choice::drop")]
    pub incomplete: Choice,
    /// What to do with the deletion that Google Cloud Storage reports of a generation that was overwritten, where the
    /// event says so; the event of the new generation comes too. Default: `drop`.
    #[serde(default = "Choice::drop")]
    pub overwritten: Choice,
    /// What to do with a deletion of Google Cloud Storage that comes by Eventarc, which does not say whether the generation
    /// was overwritten: on the other side it may delete what is there. Default: `pass`.
    #[serde(default = "Choice::pass")]
    pub unsure_deletions: Choice,
}

/// Whose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// Amazon Web Services: EventBridge events, S3 notifications, SNS, SQS and Kinesis messages.
    Aws,
    /// Microsoft Azure: Event Grid events in either schema, Service Bus messages.
    Azure,
    /// Google Cloud: Eventarc events, Pub/Sub push requests, legacy events of functions.
    Gcp,
    /// No cloud: CloudEvents, which may be those of a cloud in their CloudEvents form.
    Cloudevents,
}

/// What the data of a CloudEvent are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataForm {
    /// What the cloud says, unchanged.
    #[default]
    Native,
    /// The common form of the family, the same for all clouds; families without one stay as they are.
    Canonical,
}

/// Whether some events go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// They are filtered.
    Drop,
    /// They go on like others.
    Pass,
}

impl Choice {
    fn drop() -> Self {
        Self::Drop
    }

    fn pass() -> Self {
        Self::Pass
    }
}

/// How events of AWS are written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// The account that events are said to be of: 12 digits.
    pub account: String,
    /// The region that events are said to be of, such as `eu-west-1`.
    pub region: String,
    /// In which form. Default: `event_bridge`.
    #[serde(default)]
    pub format: AwsFormat,
}

/// The form of an event of AWS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AwsFormat {
    /// The envelope of EventBridge, as the payload.
    #[default]
    EventBridge,
    /// Events of objects as S3 notifies of them (`Records`), others in the envelope of EventBridge.
    S3Notification,
}

/// How events of Azure are written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AzureConfig {
    /// The resource that events are said to be of: `source` of a CloudEvent, `topic` in the schema of Event Grid. For
    /// objects a storage account:
    /// `/subscriptions/ID/resourceGroups/NAME/providers/Microsoft.Storage/storageAccounts/NAME`.
    pub source: String,
    /// In which form. Default: `cloudevents`.
    #[serde(default)]
    pub format: AzureFormat,
    /// `dataVersion` in the schema of Event Grid, which has to have one. Default: `1.0`.
    pub data_version: Option<String>,
}

/// The form of an event of Azure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AzureFormat {
    /// A CloudEvent.
    #[default]
    Cloudevents,
    /// The schema of Event Grid, as the payload: an array with one event.
    EventGrid,
}

/// How events of Google Cloud are written: as CloudEvents, like those of Eventarc.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GcpConfig {
    /// The project that events are said to be of.
    pub project: String,
    /// The location that events are said to be of, where a source has one. Default: `global`.
    pub location: Option<String>,
}

/// The text that every field of [`TranslateConfig`] but the checks is read from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Cloud,
    to: Cloud,
    #[serde(default)]
    data: DataForm,
    aws: Option<AwsConfig>,
    azure: Option<AzureConfig>,
    gcp: Option<GcpConfig>,
    #[serde(default = "Choice::drop")]
    returning: Choice,
    #[serde(default = "Choice::drop")]
    incomplete: Choice,
    #[serde(default = "Choice::drop")]
    overwritten: Choice,
    #[serde(default = "Choice::pass")]
    unsure_deletions: Choice,
}

/// By hand, so that what the target needs is asked for when the file is loaded.
impl<'de> Deserialize<'de> for TranslateConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(from)?;
        let config = Self {
            from: written.from,
            to: written.to,
            data: written.data,
            aws: written.aws,
            azure: written.azure,
            gcp: written.gcp,
            returning: written.returning,
            incomplete: written.incomplete,
            overwritten: written.overwritten,
            unsure_deletions: written.unsure_deletions,
        };
        match config.fault() {
            None => Ok(config),
            Some(fault) => Err(D::Error::custom(fault)),
        }
    }
}

impl TranslateConfig {
    fn fault(&self) -> Option<String> {
        if self.from == self.to {
            return Some("from and to are the same".into());
        }
        let given = [
            ("aws", Cloud::Aws, self.aws.is_some()),
            ("azure", Cloud::Azure, self.azure.is_some()),
            ("gcp", Cloud::Gcp, self.gcp.is_some()),
        ];
        for (name, cloud, is_given) in given {
            if is_given && self.to != cloud {
                return Some(format!(
                    "{name} says how events are written: it goes with to: {name}"
                ));
            }
            if !is_given && self.to == cloud {
                let needs = match cloud {
                    Cloud::Aws => "{ account: \"123456789012\", region: eu-west-1 }",
                    Cloud::Azure => "{ source: /subscriptions/... }",
                    _ => "{ project: my-project }",
                };
                return Some(format!(
                    "events of this cloud need what no other cloud says: {name}: {needs}"
                ));
            }
        }
        if self.data == DataForm::Canonical && self.to != Cloud::Cloudevents {
            return Some("data: canonical goes with to: cloudevents".into());
        }
        self.options_fault()
    }

    fn options_fault(&self) -> Option<String> {
        if let Some(aws) = &self.aws {
            if aws.account.len() != 12 || !aws.account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Some(format!("aws.account: {:?} is not 12 digits", aws.account));
            }
            if !is_name(&aws.region) {
                return Some(format!("aws.region: {:?} is no name of a region", aws.region));
            }
        }
        if let Some(azure) = &self.azure {
            let is_path = azure.source.starts_with('/') && azure.source.len() > 1;
            if !is_path || azure.source.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Some(format!(
                    "azure.source: {:?} is no resource such as /subscriptions/ID/resourceGroups/NAME/...",
                    azure.source
                ));
            }
        }
        if let Some(gcp) = &self.gcp {
            for (name, text) in
                [("project", Some(&gcp.project)), ("location", gcp.location.as_ref())]
            {
                if let Some(text) = text.filter(|text| !is_name(text)) {
                    return Some(format!("gcp.{name}: {text:?} is no name of a {name}"));
                }
            }
        }
        None
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_target_needs_is_asked_for_at_load() {
        let read = |text: &str| {
            serde_json::from_str::<TranslateConfig>(text).map_err(|error| error.to_string())
        };
        for (text, reason) in [
            (r#"{ "from": "aws", "to": "aws" }"#, "the same"),
            (r#"{ "from": "aws", "to": "azure" }"#, "azure: { source"),
            (
                r#"{ "from": "gcp", "to": "aws", "aws": { "account": "1", "region": "r" } }"#,
                "12 digits",
            ),
            (
                r#"{ "from": "aws", "to": "gcp", "gcp": { "project": "a b" } }"#,
                "no name of a project",
            ),
            (r#"{ "from": "aws", "to": "azure", "azure": { "source": "x" } }"#, "no resource"),
            (
                r#"{ "from": "aws", "to": "cloudevents", "gcp": { "project": "p" } }"#,
                "goes with to: gcp",
            ),
            (
                r#"{ "from": "aws", "to": "gcp", "data": "canonical", "gcp": { "project": "p" } }"#,
                "to: cloudevents",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(read(r#"{ "from": "aws", "to": "cloudevents" }"#).is_ok());
        assert!(read(r#"{ "from": "aws", "to": "azure", "azure": { "source": "/a" } }"#).is_ok());
    }
}
