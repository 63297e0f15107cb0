//! Calls of a cloud's own interfaces: CloudTrail, management events of Azure, audit logs of Google.

use super::super::table::Holds::{Derived, Json, Number, Text};
use super::super::table::{
    Dialect, Family, Field, Form, Kind, Row, json, kind, kind_with, number, row, text,
};

pub(super) const FAMILY: Family = Family {
    name: "audit.call",
    about: "Calls of a cloud's own interfaces",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "cloudtrail",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 26] = [
    text("service"),
    text("method"),
    text("verb"),
    text("resource"),
    text("principal"),
    text("principal_id"),
    json("identity"),
    json("claims"),
    json("authorization"),
    text("source_ip"),
    text("user_agent"),
    text("http_method"),
    text("url"),
    text("client_request_id"),
    text("request_id"),
    text("correlation_id"),
    text("audit_id"),
    text("status"),
    text("error_code"),
    number("error_number"),
    text("error_message"),
    json("request"),
    json("response"),
    text("subscription"),
    text("tenant"),
    text("version"),
];

const CALL: &str = "AWS API Call via CloudTrail";

const EVENT_BRIDGE_KINDS: [Kind; 2] =
    [kind_with("failed", CALL, &[("error_code", "*")]), kind("succeeded", CALL)];

const EVENT_BRIDGE: [Row; 16] = [
    row("eventVersion", Text("version")),
    row("userIdentity", Json("identity")),
    row("userIdentity.userName", Text("principal")),
    row("userIdentity.principalId", Text("principal_id")),
    row("eventTime", Derived("{$time}")),
    row("eventSource", Text("service")),
    row("eventName", Text("method")),
    row("awsRegion", Derived("{$region}")),
    row("sourceIPAddress", Text("source_ip")),
    row("userAgent", Text("user_agent")),
    row("errorCode", Text("error_code")),
    row("errorMessage", Text("error_message")),
    row("requestParameters", Json("request")),
    row("responseElements", Json("response")),
    row("requestID", Text("request_id")),
    row("eventID", Text("audit_id")),
];

/// What the name of an operation of Azure ends with tells the verb of its type, which is then no field.
const WRITE: [(&str, &str); 2] = [("method", "*/write"), ("verb", "")];
const DELETE: [(&str, &str); 2] = [("method", "*/delete"), ("verb", "")];
const ACTION: [(&str, &str); 2] = [("method", "*/action"), ("verb", "")];

const AZURE_KINDS: [Kind; 18] = [
    kind_with("succeeded", "Microsoft.Resources.ResourceWriteSuccess", &WRITE),
    kind_with("succeeded", "Microsoft.Resources.ResourceDeleteSuccess", &DELETE),
    kind_with("succeeded", "Microsoft.Resources.ResourceActionSuccess", &ACTION),
    kind_with("failed", "Microsoft.Resources.ResourceWriteFailure", &WRITE),
    kind_with("failed", "Microsoft.Resources.ResourceDeleteFailure", &DELETE),
    kind_with("failed", "Microsoft.Resources.ResourceActionFailure", &ACTION),
    kind_with("cancelled", "Microsoft.Resources.ResourceWriteCancel", &WRITE),
    kind_with("cancelled", "Microsoft.Resources.ResourceDeleteCancel", &DELETE),
    kind_with("cancelled", "Microsoft.Resources.ResourceActionCancel", &ACTION),
    kind_with("succeeded", "Microsoft.Resources.ResourceActionSuccess", &[("verb", "action")]),
    kind_with("succeeded", "Microsoft.Resources.ResourceWriteSuccess", &[("verb", "write")]),
    kind_with("succeeded", "Microsoft.Resources.ResourceDeleteSuccess", &[("verb", "delete")]),
    kind_with("failed", "Microsoft.Resources.ResourceActionFailure", &[("verb", "action")]),
    kind_with("failed", "Microsoft.Resources.ResourceWriteFailure", &[("verb", "write")]),
    kind_with("failed", "Microsoft.Resources.ResourceDeleteFailure", &[("verb", "delete")]),
    kind_with("cancelled", "Microsoft.Resources.ResourceActionCancel", &[("verb", "action")]),
    kind_with("cancelled", "Microsoft.Resources.ResourceWriteCancel", &[("verb", "write")]),
    kind_with("cancelled", "Microsoft.Resources.ResourceDeleteCancel", &[("verb", "delete")]),
];

const AZURE: [Row; 16] = [
    row("subject", Text("resource")),
    row("authorization", Json("authorization")),
    row("claims", Json("claims")),
    row("claims.http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", Text("principal")),
    row(
        "claims.http://schemas.microsoft.com/identity/claims/objectidentifier",
        Text("principal_id"),
    ),
    row("correlationId", Text("correlation_id")),
    row("httpRequest.clientRequestId", Text("client_request_id")),
    row("httpRequest.clientIpAddress", Text("source_ip")),
    row("httpRequest.method", Text("http_method")),
    row("httpRequest.url", Text("url")),
    row("resourceProvider", Text("service")),
    row("resourceUri", Derived("{resource}")),
    row("operationName", Text("method")),
    row("status", Text("status")),
    row("subscriptionId", Text("subscription")),
    row("tenantId", Text("tenant")),
];

const GCP_KINDS: [Kind; 2] = [
    kind_with("failed", "google.cloud.audit.log.v1.written", &[("error_message", "*")]),
    kind("succeeded", "google.cloud.audit.log.v1.written"),
];

const GCP: [Row; 14] = [
    row("source", Derived("//cloudaudit.googleapis.com/projects/{$project}/logs/activity")),
    row("subject", Derived("{service}/{resource}")),
    row("protoPayload.serviceName", Text("service")),
    row("protoPayload.methodName", Text("method")),
    row("protoPayload.resourceName", Text("resource")),
    row("protoPayload.authenticationInfo.principalEmail", Text("principal")),
    row("protoPayload.authenticationInfo.principalSubject", Text("principal_id")),
    row("protoPayload.requestMetadata.callerIp", Text("source_ip")),
    row("protoPayload.requestMetadata.callerSuppliedUserAgent", Text("user_agent")),
    row("protoPayload.status.code", Number("error_number")),
    row("protoPayload.status.message", Text("error_message")),
    row("protoPayload.request", Json("request")),
    row("protoPayload.response", Json("response")),
    row("insertId", Text("audit_id")),
];
