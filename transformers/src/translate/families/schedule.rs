//! Times that have come: rules of EventBridge with a schedule, Cloud Scheduler.

use super::super::table::Holds::{Loose, Maybe, Text};
use super::super::table::{Dialect, Family, Form, Kind, Row, kind, row, text};

pub(super) const FAMILY: Family = Family {
    name: "schedule",
    about: "Times that have come",
    fields: &[text("job"), text("custom_data")],
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "events",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const EVENT_BRIDGE_KINDS: [Kind; 1] = [kind("executed", "Scheduled Event")];

const EVENT_BRIDGE: [Row; 1] =
    [row("ext.awsresources", Maybe("[\"arn:aws:events:{$region}:{$account}:rule/{job}\"]"))];

const GCP_KINDS: [Kind; 1] = [kind("executed", "google.cloud.scheduler.job.v1.executed")];

const GCP: [Row; 2] = [
    row(
        "source",
        Loose(
            "//cloudscheduler.googleapis.com/projects/{$project}/locations/{$location}/jobs/{job}",
        ),
    ),
    row("customData", Text("custom_data")),
];
