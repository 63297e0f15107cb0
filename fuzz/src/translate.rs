//! Translation of events between clouds, in every direction.

use hybridge_core::Transformer;

use crate::steps::{applied, make, messages};

const AWS: &str = "aws: { account: '123456789012', region: eu-west-1 }";
const S3: &str = "aws: { account: '123456789012', region: eu-west-1, format: s3_notification }";
const AZURE: &str = "azure: { source: /subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a }";
const EVENT_GRID: &str = "azure: { source: /subscriptions/s, format: event_grid }";
const GCP: &str = "gcp: { project: p, location: europe-west1 }";
const CLOUDS: [&str; 4] = ["aws", "azure", "gcp", "cloudevents"];
const TARGETS: [(&str, &str); 7] = [
    ("aws", AWS),
    ("aws", S3),
    ("azure", AZURE),
    ("azure", EVENT_GRID),
    ("gcp", GCP),
    ("cloudevents", "data: native"),
    ("cloudevents", "data: canonical"),
];

/// A direction, and those that lead back from where it goes.
struct Way {
    there: Box<dyn Transformer>,
    back: Vec<Box<dyn Transformer>>,
}

thread_local! {
    static WAYS: Vec<Way> = ways();
}

/// A message in every direction, and what comes of it back again: sound events and JSON, or refused for good.
pub fn translate(input: &[u8]) {
    WAYS.with(|ways| {
        for message in messages(input) {
            for way in ways {
                for made in checked(&*way.there, message.clone()) {
                    way.back.iter().for_each(|back| drop(checked(&**back, made.clone())));
                }
            }
        }
    });
}

fn checked(step: &dyn Transformer, message: hybridge_core::Message) -> Vec<hybridge_core::Message> {
    let made = applied(step, message);
    for message in made.iter().filter(|message| !message.is_event()) {
        let payload = message.payload.as_deref().unwrap_or_default();
        serde_json::from_slice::<serde::de::IgnoredAny>(payload)
            .unwrap_or_else(|error| panic!("not JSON: {error}"));
    }
    made
}

fn ways() -> Vec<Way> {
    let step = |from: &str, to: &str, options: &str| {
        let passes = "returning: pass, incomplete: pass, overwritten: pass";
        make(&format!("translate: {{ from: {from}, to: {to}, {options}, {passes} }}"))
    };
    let mut ways = Vec::new();
    for from in CLOUDS {
        for (to, options) in TARGETS.iter().filter(|(to, _)| *to != from) {
            let back = TARGETS.iter().filter(|(other, _)| *other == from);
            let back = back.map(|(other, options)| step(to, other, options)).collect();
            ways.push(Way { there: step(from, to, options), back });
        }
    }
    ways
}
