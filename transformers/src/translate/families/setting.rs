//! Settings that are changed: Parameter Store, App Configuration.

use super::super::table::Holds::{Derived, Pattern, Text, Words};
use super::super::table::{Dialect, Family, Field, Form, Kind, Row, kind_with, row, text};

pub(super) const FAMILY: Family = Family {
    name: "setting",
    about: "Settings that are changed",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "ssm",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
    ],
};

const FIELDS: [Field; 7] = [
    text("key"),
    text("label"),
    text("operation"),
    text("etag"),
    text("sync_token"),
    text("value_type"),
    text("description"),
];

const EVENT_BRIDGE_KINDS: [Kind; 3] = [
    kind_with("modified", "Parameter Store Change", &[("operation", "update")]),
    kind_with("modified", "Parameter Store Change", &[("operation", "create")]),
    kind_with("deleted", "Parameter Store Change", &[("operation", "delete")]),
];

const EVENT_BRIDGE: [Row; 5] = [
    row("name", Pattern("{key}")),
    row(
        "operation",
        Words("operation", &[("Update", "update"), ("Create", "create"), ("Delete", "delete")]),
    ),
    row("type", Text("value_type")),
    row("description", Text("description")),
    row("ext.awsresources", Derived("[\"arn:aws:ssm:{$region}:{$account}:parameter{key/}\"]")),
];

const AZURE_KINDS: [Kind; 3] = [
    kind_with(
        "modified",
        "Microsoft.AppConfiguration.KeyValueModified",
        &[("operation", "update")],
    ),
    kind_with("deleted", "Microsoft.AppConfiguration.KeyValueDeleted", &[("operation", "delete")]),
    // A value that is new is modified too.
    kind_with("modified", "Microsoft.AppConfiguration.KeyValueModified", &[]),
];

const AZURE: [Row; 6] = [
    row("subject", Derived("https://{$store}.azconfig.io/kv/{key%}")),
    row("subject", Derived("https://{$store}.azconfig.io/kv/{key%}?label={label%}")),
    row("key", Pattern("{key}")),
    row("label", Text("label")),
    row("etag", Text("etag")),
    row("syncToken", Text("sync_token")),
];
