//! Functions that are made, changed and deleted: Lambda by CloudTrail, function apps of Azure by
//! management events, Cloud Functions.

use super::super::table::Holds::{Absent, Derived, Fixed, Loose, Pattern, Text, Words};
use super::super::table::{Dialect, Family, Field, Form, Kind, Row, kind, kind_with, row, text};

pub(super) const FAMILY: Family = Family {
    name: "function",
    about: "Functions that are made, changed and deleted",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "lambda",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 8] = [
    text("function"),
    text("operation"),
    text("principal"),
    text("source_ip"),
    text("user_agent"),
    text("request_id"),
    text("correlation_id"),
    text("description"),
];

const CALL: &str = "AWS API Call via CloudTrail";

const EVENT_BRIDGE_KINDS: [Kind; 3] = [
    kind_with("created", CALL, &[("operation", "create")]),
    kind_with("updated", CALL, &[("operation", "update")]),
    kind_with("deleted", CALL, &[("operation", "delete")]),
];

const NAMES: [(&str, &str); 3] = [
    ("CreateFunction20150331", "create"),
    ("UpdateFunctionCode20150331v2", "update"),
    ("DeleteFunction20150331", "delete"),
];

const EVENT_BRIDGE: [Row; 10] = [
    row("errorCode", Absent),
    row("eventTime", Derived("{$time}")),
    row("eventSource", Fixed("\"lambda.amazonaws.com\"")),
    row("eventName", Words("operation", &NAMES)),
    row("awsRegion", Derived("{$region}")),
    row("requestParameters.functionName", Pattern("{function}")),
    row("userIdentity.arn", Text("principal")),
    row("sourceIPAddress", Text("source_ip")),
    row("userAgent", Text("user_agent")),
    row("requestID", Text("request_id")),
];

const AZURE_KINDS: [Kind; 3] = [
    kind_with("updated", "Microsoft.Resources.ResourceWriteSuccess", &[("operation", "update")]),
    // Whether a write makes something or changes it cannot be seen.
    kind("created", "Microsoft.Resources.ResourceWriteSuccess"),
    kind_with("deleted", "Microsoft.Resources.ResourceDeleteSuccess", &[("operation", "delete")]),
];

const OPERATIONS: [(&str, &str); 2] =
    [("Microsoft.Web/sites/write", "update"), ("Microsoft.Web/sites/delete", "delete")];

const AZURE: [Row; 7] = [
    row("subject", Pattern("{$source}/providers/Microsoft.Web/sites/{function}")),
    row("resourceUri", Derived("{$source}/providers/Microsoft.Web/sites/{function}")),
    row("resourceProvider", Fixed("\"Microsoft.Web\"")),
    row("operationName", Words("operation", &OPERATIONS)),
    row("status", Fixed("\"Succeeded\"")),
    row("httpRequest.clientIpAddress", Text("source_ip")),
    row("correlationId", Text("correlation_id")),
];

const GCP_KINDS: [Kind; 3] = [
    kind_with("created", "google.cloud.functions.function.v2.created", &[("operation", "create")]),
    kind_with("updated", "google.cloud.functions.function.v2.updated", &[("operation", "update")]),
    kind_with("deleted", "google.cloud.functions.function.v2.deleted", &[("operation", "delete")]),
];

const GCP: [Row; 3] = [
    row(
        "source",
        Loose("//cloudfunctions.googleapis.com/projects/{$project}/locations/{$location}"),
    ),
    row("subject", Pattern("functions/{function}")),
    row("payload.description", Text("description")),
];
