//! Virtual machines that start and stop: EC2, Azure management events, audit logs of Compute Engine.
//!
//! States on the way to another one (pending, stopping, shutting-down) exist on EC2 only.

use super::super::table::Holds::{Absent, Derived, Fixed, Maybe, Pattern, Text, Words};
use super::super::table::{Dialect, Family, Field, Form, Kind, Row, kind_with, row, text};

pub(super) const FAMILY: Family = Family {
    name: "compute.machine",
    about: "Virtual machines that start and stop",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "ec2",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 7] = [
    text("instance"),
    text("state"),
    text("zone"),
    text("principal"),
    text("source_ip"),
    text("user_agent"),
    text("correlation_id"),
];

const EVENT_BRIDGE_KINDS: [Kind; 3] = [
    kind_with("running", "EC2 Instance State-change Notification", &[("state", "running")]),
    kind_with("stopped", "EC2 Instance State-change Notification", &[("state", "stopped")]),
    kind_with("terminated", "EC2 Instance State-change Notification", &[("state", "terminated")]),
];

const EVENT_BRIDGE: [Row; 3] = [
    row("instance-id", Pattern("{instance}")),
    row("state", Text("state")),
    row("ext.awsresources", Derived("[\"arn:aws:ec2:{$region}:{$account}:instance/{instance}\"]")),
];

const AZURE_KINDS: [Kind; 3] = [
    kind_with("running", "Microsoft.Resources.ResourceActionSuccess", &[("state", "running")]),
    kind_with("stopped", "Microsoft.Resources.ResourceActionSuccess", &[("state", "stopped")]),
    kind_with(
        "terminated",
        "Microsoft.Resources.ResourceDeleteSuccess",
        &[("state", "terminated")],
    ),
];

const OPERATIONS: [(&str, &str); 4] = [
    ("Microsoft.Compute/virtualMachines/start/action", "running"),
    ("Microsoft.Compute/virtualMachines/deallocate/action", "stopped"),
    ("Microsoft.Compute/virtualMachines/delete", "terminated"),
    // Stopped, with its hardware still there.
    ("Microsoft.Compute/virtualMachines/powerOff/action", "stopped"),
];

const AZURE: [Row; 7] = [
    row("subject", Pattern("{$source}/providers/Microsoft.Compute/virtualMachines/{instance}")),
    row("resourceUri", Derived("{$source}/providers/Microsoft.Compute/virtualMachines/{instance}")),
    row("resourceProvider", Fixed("\"Microsoft.Compute\"")),
    row("operationName", Words("state", &OPERATIONS)),
    row("status", Fixed("\"Succeeded\"")),
    row("httpRequest.clientIpAddress", Text("source_ip")),
    row("correlationId", Text("correlation_id")),
];

const GCP_KINDS: [Kind; 3] = [
    kind_with("running", "google.cloud.audit.log.v1.written", &[("state", "running")]),
    kind_with("stopped", "google.cloud.audit.log.v1.written", &[("state", "stopped")]),
    kind_with("terminated", "google.cloud.audit.log.v1.written", &[("state", "terminated")]),
];

const METHODS: [(&str, &str); 6] = [
    ("v1.compute.instances.start", "running"),
    ("v1.compute.instances.stop", "stopped"),
    ("v1.compute.instances.delete", "terminated"),
    ("beta.compute.instances.start", "running"),
    ("beta.compute.instances.stop", "stopped"),
    ("beta.compute.instances.delete", "terminated"),
];

const GCP: [Row; 12] = [
    row("protoPayload.status.code", Absent),
    row("protoPayload.status.message", Absent),
    row("source", Derived("//cloudaudit.googleapis.com/projects/{$project}/logs/activity")),
    row(
        "subject",
        Derived(
            "compute.googleapis.com/projects/{$project}/zones/{$location}/instances/{instance}",
        ),
    ),
    row(
        "subject",
        Derived("compute.googleapis.com/projects/{$project}/zones/{zone}/instances/{instance}"),
    ),
    row("protoPayload.serviceName", Fixed("\"compute.googleapis.com\"")),
    row("protoPayload.methodName", Words("state", &METHODS)),
    row(
        "protoPayload.resourceName",
        Maybe("projects/{$project}/zones/{zone}/instances/{instance}"),
    ),
    row(
        "protoPayload.resourceName",
        Derived("projects/{$project}/zones/{$location}/instances/{instance}"),
    ),
    row("protoPayload.authenticationInfo.principalEmail", Text("principal")),
    row("protoPayload.requestMetadata.callerIp", Text("source_ip")),
    row("protoPayload.requestMetadata.callerSuppliedUserAgent", Text("user_agent")),
];
