//! Objects in a store: S3, Blob Storage, Cloud Storage.
//!
//! Sources: the S3 user guide ("Amazon S3 event notifications", `ev-events.md` and
//! `notification-content-structure.md`); "Azure Blob Storage as an Event Grid source"; the message
//! `StorageObjectData` of `googleapis/google-cloudevents`.

use super::super::table::Holds::{
    Derived, Fixed, FormUrl, Json, Maybe, Number, NumberText, Pattern, Quoted, Sequence, Text,
    Words,
};
use super::super::table::{
    Dialect, Family, Field, Form, Kind, Row, json, kind, kind_with, number, row, text,
};

pub(super) const FAMILY: Family = Family {
    name: "storage.object",
    about: "Objects in a store",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "s3",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect {
            form: Form::S3Notification,
            service: "s3",
            kinds: &NOTIFICATION_KINDS,
            rows: &NOTIFICATION,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 47] = [
    text("container"),
    text("key"),
    text("previous_container"),
    text("previous_key"),
    text("previous_host"),
    number("size"),
    text("etag"),
    text("md5"),
    text("crc32c"),
    text("content_type"),
    text("content_encoding"),
    text("content_language"),
    text("content_disposition"),
    text("cache_control"),
    text("version"),
    number("metageneration"),
    text("sequencer"),
    text("operation"),
    text("aspect"),
    text("deletion"),
    text("requester"),
    text("source_ip"),
    text("request_id"),
    text("client_request_id"),
    text("owner"),
    text("storage_class"),
    text("previous_storage_class"),
    text("blob_type"),
    text("configuration"),
    text("schema_version"),
    text("event_version"),
    json("diagnostics"),
    json("metadata"),
    json("component_count"),
    json("customer_encryption"),
    text("kms_key"),
    json("event_based_hold"),
    json("temporary_hold"),
    text("retention_expires"),
    text("created"),
    text("updated"),
    text("deleted"),
    text("storage_class_updated"),
    text("self_link"),
    text("media_link"),
    text("overwritten_by"),
    text("overwrote"),
];

/// What AWS says and what the common form says.
const REASONS: [(&str, &str); 8] = [
    ("PutObject", "put"),
    ("POST Object", "post"),
    ("CopyObject", "copy"),
    ("CompleteMultipartUpload", "complete_multipart"),
    ("DeleteObject", "delete"),
    ("Lifecycle Expiration", "expire"),
    ("PutObjectTagging", "tag"),
    ("DeleteObjectTagging", "untag"),
];

const DELETIONS: [(&str, &str); 2] =
    [("Permanently Deleted", "permanent"), ("Delete Marker Created", "marker")];

const EVENT_BRIDGE_KINDS: [Kind; 9] = [
    kind("created", "Object Created"),
    kind_with("archived", "Object Deleted", &[("deletion", "marker")]),
    kind_with("deleted", "Object Deleted", &[("deletion", "permanent")]),
    // Without a deletion type it is not known which.
    kind("deleted", "Object Deleted"),
    kind("tier_changed", "Object Storage Class Changed"),
    kind_with("metadata_changed", "Object Tags Added", &[("aspect", "tags_added")]),
    kind_with("metadata_changed", "Object Tags Deleted", &[("aspect", "tags_deleted")]),
    kind_with("metadata_changed", "Object ACL Updated", &[("aspect", "acl")]),
    kind_with("metadata_changed", "Object Metadata Updated", &[("aspect", "metadata")]),
];

const EVENT_BRIDGE: [Row; 15] = [
    row("version", Fixed("\"0\"")),
    row("bucket.name", Pattern("{container}")),
    row("object.key", Pattern("{key}")),
    row("object.size", Number("size")),
    row("object.etag", Text("etag")),
    row("object.version-id", Text("version")),
    row("object.sequencer", Text("sequencer")),
    row("request-id", Text("request_id")),
    row("requester", Text("requester")),
    row("source-ip-address", Text("source_ip")),
    row("reason", Words("operation", &REASONS)),
    row("deletion-type", Words("deletion", &DELETIONS)),
    row("destination-storage-class", Words("storage_class", &CLASSES)),
    row("source-storage-class", Words("previous_storage_class", &CLASSES)),
    row("ext.awsresources", Derived("[\"arn:aws:s3:::{container}\"]")),
];

const NOTIFICATION_KINDS: [Kind; 11] = [
    kind_with("created", "ObjectCreated:Put", &[("operation", "put")]),
    kind_with("created", "ObjectCreated:Post", &[("operation", "post")]),
    kind_with("created", "ObjectCreated:Copy", &[("operation", "copy")]),
    kind_with(
        "created",
        "ObjectCreated:CompleteMultipartUpload",
        &[("operation", "complete_multipart")],
    ),
    kind_with(
        "deleted",
        "ObjectRemoved:Delete",
        &[("deletion", "permanent"), ("operation", "delete")],
    ),
    kind_with(
        "archived",
        "ObjectRemoved:DeleteMarkerCreated",
        &[("deletion", "marker"), ("operation", "delete")],
    ),
    kind_with(
        "deleted",
        "LifecycleExpiration:Delete",
        &[("deletion", "permanent"), ("operation", "expire")],
    ),
    kind_with(
        "archived",
        "LifecycleExpiration:DeleteMarkerCreated",
        &[("deletion", "marker"), ("operation", "expire")],
    ),
    kind_with("tier_changed", "LifecycleTransition", &[]),
    // What was done is another word than S3 has: the event is written, the word is lost.
    kind("created", "ObjectCreated:Put"),
    kind("deleted", "ObjectRemoved:Delete"),
];

const NOTIFICATION: [Row; 21] = [
    row("eventVersion", Text("event_version")),
    row("eventSource", Fixed("\"aws:s3\"")),
    row("awsRegion", Derived("{$region}")),
    row("eventTime", Derived("{$time}")),
    row("eventName", Derived("{$name}")),
    row("userIdentity.principalId", Text("requester")),
    row("requestParameters.sourceIPAddress", Text("source_ip")),
    row("responseElements.x-amz-request-id", Text("request_id")),
    row("responseElements.x-amz-request-id", Derived("{$request}")),
    row("responseElements.x-amz-id-2", Derived("{$host}")),
    row("s3.s3SchemaVersion", Text("schema_version")),
    row("s3.configurationId", Text("configuration")),
    row("s3.bucket.name", Pattern("{container}")),
    row("s3.bucket.ownerIdentity.principalId", Text("owner")),
    row("s3.bucket.arn", Derived("arn:aws:s3:::{container}")),
    row("s3.object.key", FormUrl("key")),
    row("s3.object.size", Number("size")),
    row("s3.object.eTag", Text("etag")),
    row("s3.object.versionId", Text("version")),
    row("s3.object.sequencer", Text("sequencer")),
    row(
        "lifecycleEventData.transitionEventData.destinationStorageClass",
        Words("storage_class", &CLASSES),
    ),
];

/// The classes of AWS; those of the common form are the tiers that all have.
const CLASSES: [(&str, &str); 4] = [
    ("STANDARD", "hot"),
    ("STANDARD_IA", "cool"),
    ("GLACIER_IR", "cold"),
    ("DEEP_ARCHIVE", "archive"),
];

const AZURE_KINDS: [Kind; 5] = [
    kind("created", "Microsoft.Storage.BlobCreated"),
    kind("deleted", "Microsoft.Storage.BlobDeleted"),
    // Which deletions leave an older version behind cannot be seen.
    kind("archived", "Microsoft.Storage.BlobDeleted"),
    kind("renamed", "Microsoft.Storage.BlobRenamed"),
    kind("tier_changed", "Microsoft.Storage.BlobTierChanged"),
];

const APIS: [(&str, &str); 5] = [
    ("PutBlob", "put"),
    ("CopyBlob", "copy"),
    ("PutBlockList", "complete_multipart"),
    ("DeleteBlob", "delete"),
    ("SetBlobTier", "set_tier"),
];

const TIERS: [(&str, &str); 4] =
    [("Hot", "hot"), ("Cool", "cool"), ("Cold", "cold"), ("Archive", "archive")];

const AZURE: [Row; 16] = [
    row("subject", Pattern("/blobServices/default/containers/{container}/blobs/{key}")),
    row("api", Words("operation", &APIS)),
    row("clientRequestId", Text("client_request_id")),
    row("requestId", Text("request_id")),
    row("eTag", Quoted("etag")),
    row("contentType", Text("content_type")),
    row("contentLength", Number("size")),
    row("blobType", Text("blob_type")),
    row("accessTier", Words("storage_class", &TIERS)),
    row("previousTier", Words("previous_storage_class", &TIERS)),
    row("url", Derived("https://{$account}.blob.core.windows.net/{container%}/{key%}")),
    row("sourceUrl", Maybe("https://{previous_host}/{previous_container%}/{previous_key%}")),
    row("destinationUrl", Derived("https://{previous_host}/{container%}/{key%}")),
    row("sequencer", Text("sequencer")),
    row("identity", Text("requester")),
    row("storageDiagnostics", Json("diagnostics")),
];

const GCP_KINDS: [Kind; 4] = [
    kind("created", "google.cloud.storage.object.v1.finalized"),
    kind_with("deleted", "google.cloud.storage.object.v1.deleted", &[("deletion", "permanent")]),
    kind_with("archived", "google.cloud.storage.object.v1.archived", &[("deletion", "marker")]),
    kind_with(
        "metadata_changed",
        "google.cloud.storage.object.v1.metadataUpdated",
        &[("aspect", "metadata")],
    ),
];

const GCP_CLASSES: [(&str, &str); 4] =
    [("STANDARD", "hot"), ("NEARLINE", "cool"), ("COLDLINE", "cold"), ("ARCHIVE", "archive")];

const GCP: [Row; 34] = [
    row("source", Pattern("//storage.googleapis.com/projects/_/buckets/{container}")),
    row("subject", Pattern("objects/{key}")),
    row("bucket", Derived("{container}")),
    row("cacheControl", Text("cache_control")),
    row("componentCount", Json("component_count")),
    row("contentDisposition", Text("content_disposition")),
    row("contentEncoding", Text("content_encoding")),
    row("contentLanguage", Text("content_language")),
    row("contentType", Text("content_type")),
    row("crc32c", Text("crc32c")),
    row("customerEncryption", Json("customer_encryption")),
    row("etag", Text("etag")),
    row("eventBasedHold", Json("event_based_hold")),
    row("generation", NumberText("version")),
    row("generation", Sequence("sequencer")),
    row("id", Derived("{container}/{key}/{sequencer#}")),
    row("kind", Fixed("\"storage#object\"")),
    row("kmsKeyName", Text("kms_key")),
    row("md5Hash", Text("md5")),
    row("mediaLink", Text("media_link")),
    row("metadata", Json("metadata")),
    row("metageneration", NumberText("metageneration")),
    row("name", Derived("{key}")),
    row("retentionExpirationTime", Text("retention_expires")),
    row("selfLink", Text("self_link")),
    row("size", NumberText("size")),
    row("storageClass", Words("storage_class", &GCP_CLASSES)),
    row("temporaryHold", Json("temporary_hold")),
    row("timeCreated", Text("created")),
    row("timeDeleted", Text("deleted")),
    row("timeStorageClassUpdated", Text("storage_class_updated")),
    row("updated", Text("updated")),
    row("ext.overwrittenbygeneration", Text("overwritten_by")),
    row("ext.overwrotegeneration", Text("overwrote")),
];
