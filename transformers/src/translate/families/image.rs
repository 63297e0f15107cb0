//! Images in a registry: ECR, Azure Container Registry, Artifact Registry.
//!
//! Artifact Registry has no CloudEvent of its own: it publishes to a topic of Pub/Sub, and what it
//! publishes is read as `google.cloud.artifactregistry.image.v1.ACTION`.

use super::super::table::Holds::{Derived, Maybe, Number, Text, Words};
use super::super::table::{Dialect, Family, Field, Form, Kind, Row, kind_with, number, row, text};

pub(super) const FAMILY: Family = Family {
    name: "container.image",
    about: "Images in a registry",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "ecr",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 15] = [
    text("action"),
    text("registry"),
    text("repository"),
    text("tag"),
    text("digest"),
    text("media_type"),
    text("manifest_media_type"),
    number("size"),
    number("length"),
    text("result"),
    text("action_id"),
    text("action_time"),
    text("request_id"),
    text("method"),
    text("user_agent"),
];

const EVENT_BRIDGE_KINDS: [Kind; 2] = [
    kind_with("pushed", "ECR Image Action", &[("action", "push")]),
    kind_with("deleted", "ECR Image Action", &[("action", "delete")]),
];

const EVENT_BRIDGE: [Row; 7] = [
    row("result", Text("result")),
    row("repository-name", Text("repository")),
    row("image-digest", Text("digest")),
    row("action-type", Words("action", &[("PUSH", "push"), ("DELETE", "delete")])),
    row("image-tag", Text("tag")),
    row("artifact-media-type", Text("media_type")),
    row("manifest-media-type", Text("manifest_media_type")),
];

const AZURE_KINDS: [Kind; 2] = [
    kind_with("pushed", "Microsoft.ContainerRegistry.ImagePushed", &[("action", "push")]),
    kind_with("deleted", "Microsoft.ContainerRegistry.ImageDeleted", &[("action", "delete")]),
];

const AZURE: [Row; 15] = [
    row("subject", Derived("{repository}")),
    row("subject", Derived("{repository}:{tag}")),
    row("id", Text("action_id")),
    row("timestamp", Text("action_time")),
    row("action", Text("action")),
    row("target.mediaType", Text("media_type")),
    row("target.size", Number("size")),
    row("target.digest", Text("digest")),
    row("target.length", Number("length")),
    row("target.repository", Text("repository")),
    row("target.tag", Text("tag")),
    row("request.id", Text("request_id")),
    row("request.host", Text("registry")),
    row("request.method", Text("method")),
    row("request.useragent", Text("user_agent")),
];

const GCP_KINDS: [Kind; 2] = [
    kind_with("pushed", "google.cloud.artifactregistry.image.v1.INSERT", &[("action", "push")]),
    kind_with("deleted", "google.cloud.artifactregistry.image.v1.DELETE", &[("action", "delete")]),
];

const GCP: [Row; 6] = [
    row("source", Derived("//artifactregistry.googleapis.com/projects/{$project}")),
    row("action", Words("action", &[("INSERT", "push"), ("DELETE", "delete")])),
    row("digest", Maybe("{registry}/{$project}/{repository}@{digest}")),
    row("digest", Derived("{$location}-docker.pkg.dev/{$project}/{repository}@{digest}")),
    row("tag", Maybe("{registry}/{$project}/{repository}:{tag}")),
    row("tag", Derived("{$location}-docker.pkg.dev/{$project}/{repository}:{tag}")),
];
