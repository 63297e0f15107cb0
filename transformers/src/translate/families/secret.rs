//! New versions of secrets: Secrets Manager by CloudTrail, Key Vault, Secret Manager.

use super::super::table::Holds::{Absent, Derived, Fixed, Loose, Maybe, Pattern, Text, Words};
use super::super::table::{Dialect, Family, Field, Form, Kind, Row, kind, kind_with, row, text};

pub(super) const FAMILY: Family = Family {
    name: "secret",
    about: "New versions of secrets",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "secretsmanager",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 11] = [
    text("name"),
    text("version"),
    text("operation"),
    text("vault"),
    text("not_before"),
    text("expires"),
    text("principal"),
    text("source_ip"),
    text("user_agent"),
    text("request_id"),
    text("created"),
];

const EVENT_BRIDGE_KINDS: [Kind; 1] =
    [kind_with("version_added", "AWS API Call via CloudTrail", &[("operation", "put")])];

const EVENT_BRIDGE: [Row; 11] = [
    row("errorCode", Absent),
    row("eventTime", Derived("{$time}")),
    row("eventSource", Fixed("\"secretsmanager.amazonaws.com\"")),
    row("eventName", Words("operation", &[("PutSecretValue", "put")])),
    row("awsRegion", Derived("{$region}")),
    row("requestParameters.secretId", Pattern("{name}")),
    row("requestParameters.clientRequestToken", Text("version")),
    row("userIdentity.arn", Text("principal")),
    row("sourceIPAddress", Text("source_ip")),
    row("userAgent", Text("user_agent")),
    row("requestID", Text("request_id")),
];

const AZURE_KINDS: [Kind; 3] = [
    kind_with(
        "version_added",
        "Microsoft.KeyVault.SecretNewVersionCreated",
        &[("operation", "put")],
    ),
    kind("near_expiry", "Microsoft.KeyVault.SecretNearExpiry"),
    kind("expired", "Microsoft.KeyVault.SecretExpired"),
];

const AZURE: [Row; 8] = [
    row("subject", Derived("{name}")),
    row("Id", Maybe("https://{vault}.vault.azure.net/secrets/{name}/{version}")),
    row("VaultName", Derived("{vault}")),
    row("ObjectType", Fixed("\"Secret\"")),
    row("ObjectName", Pattern("{name}")),
    row("Version", Text("version")),
    row("NBF", Text("not_before")),
    row("EXP", Text("expires")),
];

const GCP_KINDS: [Kind; 1] = [kind_with(
    "version_added",
    "google.cloud.secretmanager.v1.SECRET_VERSION_ADD",
    &[("operation", "put")],
)];

const GCP: [Row; 4] = [
    row("source", Loose("//secretmanager.googleapis.com/projects/{$project}")),
    row("subject", Pattern("secrets/{name}/versions/{version}")),
    row("name", Derived("projects/{$project}/secrets/{name}/versions/{version}")),
    row("createTime", Text("created")),
];
