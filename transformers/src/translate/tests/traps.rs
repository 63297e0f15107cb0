//! What goes wrong where clouds look alike and are not.

use super::samples::SAMPLES;
use super::{all, apply, data, one, plain, step};
use hybridge_core::{Applied, Message};

const AZURE: &str = "azure: { source: /subscriptions/x/resourceGroups/x/providers/Microsoft.Storage/storageAccounts/other }";
const AWS: &str = "aws: { account: \"999999999999\", region: xx-test-1 }";

fn text<'m>(message: &'m Message, name: &str) -> &'m str {
    message.attributes.text(name).unwrap_or_default()
}

#[test]
fn an_object_of_s3_as_a_blob() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    let blob = one(&*to_azure, plain(SAMPLES[0].1));
    assert_eq!(text(&blob, "type"), "Microsoft.Storage.BlobCreated");
    assert_eq!(text(&blob, "subject"), "/blobServices/default/containers/shop/blobs/in/a b+ü.csv");
    let data = data(&blob);
    assert_eq!(data["api"], "PutBlockList");
    assert_eq!(data["contentLength"], 5);
    assert_eq!(data["url"], "https://other.blob.core.windows.net/shop/in/a%20b+%C3%BC.csv");
    assert_eq!(text(&blob, "hybridgeorigin"), "aws");
    assert_eq!(text(&blob, "hybridgeid"), "17793124-05d4-b198-2fde-7ededc63b103");
    let loss = "-detail.object.version-id,-detail.source-ip-address";
    assert!(text(&blob, "hybridgeloss").contains("+source"));
    loss.split(',').for_each(|item| assert!(text(&blob, "hybridgeloss").contains(item), "{item}"));
    // Sent again, it is the same event.
    assert_eq!(text(&blob, "id"), text(&one(&*to_azure, plain(SAMPLES[0].1)), "id"));
    assert_ne!(text(&blob, "id"), text(&blob, "hybridgeid"));
}

#[test]
fn what_came_from_a_cloud_does_not_go_back_there() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    let back = step(&format!("{{ from: azure, to: aws, {AWS} }}"));
    for sample in [SAMPLES[0].1, SAMPLES[3].1, SAMPLES[4].1] {
        let there = one(&*to_azure, plain(sample));
        assert!(matches!(apply(&*back, there), Applied::Filtered(_)), "{sample}");
    }
}

#[test]
fn keys_of_notifications_are_form_url_encoded() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    let blob = one(&*to_azure, plain(SAMPLES[2].1));
    assert_eq!(text(&blob, "subject"), "/blobServices/default/containers/shop/blobs/in/a b+.csv");
}

#[test]
fn the_test_event_and_files_that_are_not_complete_are_filtered() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
    assert!(matches!(apply(&*to_azure, plain(test)), Applied::Filtered(_)));
    let begun = SAMPLES[5].1.replace("PutBlockList", "CreateFile").replace("524288", "0");
    let to_aws = step(&format!("{{ from: azure, to: aws, {AWS} }}"));
    assert!(matches!(apply(&*to_aws, plain(&begun)), Applied::Filtered(_)));
    let complete = SAMPLES[5].1.replace("PutBlockList", "FlushWithClose");
    assert_eq!(data(&one(&*to_aws, plain(&complete)))["detail"]["reason"], "FlushWithClose");
    let pass = step(&format!("{{ from: azure, to: aws, incomplete: pass, {AWS} }}"));
    assert_eq!(data(&one(&*pass, plain(&begun)))["detail"]["object"]["size"], 0);
}

#[test]
fn overwriting_in_cloud_storage_is_no_deletion() {
    let push = |more: &str| {
        format!(
            r#"{{"message":{{"messageId":"1","publishTime":"2024-01-01T00:00:00Z","attributes":{{"eventType":"OBJECT_DELETE","bucketId":"b","objectId":"o","notificationConfig":"c"{more}}},"data":"e30="}},"subscription":"projects/p/subscriptions/s"}}"#
        )
    };
    let to_aws = step(&format!("{{ from: gcp, to: aws, {AWS} }}"));
    let overwritten = push(r#","overwrittenByGeneration":"17""#);
    assert!(matches!(apply(&*to_aws, plain(&overwritten)), Applied::Filtered(_)));
    let deleted = data(&one(&*to_aws, plain(&push(""))));
    assert_eq!(deleted["detail-type"], "Object Deleted");
    assert_eq!(deleted["detail"]["deletion-type"], "Permanently Deleted");
    assert_eq!(deleted["source"], "hybridge.gcp.s3");
}

#[test]
fn a_deletion_that_may_be_an_overwriting_passes_or_not() {
    let eventarc = |kind: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"//storage.googleapis.com/projects/_/buckets/b","type":"google.cloud.storage.object.v1.{kind}","time":"2024-01-01T00:00:00Z","subject":"objects/o","data":{{"bucket":"b","name":"o"}}}}"#
        )
    };
    let pass = step(&format!("{{ from: gcp, to: aws, {AWS} }}"));
    let drop = step(&format!("{{ from: gcp, to: aws, unsure_deletions: drop, {AWS} }}"));
    for kind in ["deleted", "archived"] {
        let detail = data(&one(&*pass, plain(&eventarc(kind))));
        assert_eq!(detail["detail-type"], "Object Deleted");
        assert!(matches!(apply(&*drop, plain(&eventarc(kind))), Applied::Filtered(_)), "{kind}");
    }
    assert_eq!(data(&one(&*drop, plain(&eventarc("finalized"))))["detail-type"], "Object Created");
    // A notification of Pub/Sub would say it.
    let told = r#"{"message":{"messageId":"1","publishTime":"2024-01-01T00:00:00Z","attributes":{"eventType":"OBJECT_DELETE","bucketId":"b","objectId":"o","notificationConfig":"c"},"data":"e30="},"subscription":"projects/p/subscriptions/s"}"#;
    assert_eq!(data(&one(&*drop, plain(told)))["detail-type"], "Object Deleted");
}

#[test]
fn a_rename_is_a_deletion_and_a_creation() {
    let renamed = r#"{"specversion":"1.0","id":"1","source":"/s/storageAccounts/acct","type":"Microsoft.Storage.BlobRenamed","time":"2024-01-01T00:00:00Z","subject":"/blobServices/default/containers/c/blobs/new","data":{"api":"RenameFile","sourceUrl":"https://acct.dfs.core.windows.net/c/old%20one","destinationUrl":"https://acct.dfs.core.windows.net/c/new"}}"#;
    let to_aws = step(&format!("{{ from: azure, to: aws, {AWS} }}"));
    let parts = all(apply(&*to_aws, plain(renamed)));
    let parts: Vec<_> = parts.iter().map(data).collect();
    let key = |index: usize| &parts[index]["detail"]["object"]["key"];
    assert_eq!((&parts[0]["detail-type"], key(0)), (&"Object Deleted".into(), &"old one".into()));
    assert_eq!((&parts[1]["detail-type"], key(1)), (&"Object Created".into(), &"new".into()));
    assert_ne!(parts[0]["id"], parts[1]["id"]);
    assert!(parts[0]["detail"]["deletion-type"].is_string());
    assert!(parts[1]["detail"]["deletion-type"].is_null(), "that is of the other part");
    let together = |index: usize| &parts[index]["detail"]["hybridge"]["correlationid"];
    assert_eq!(together(0), together(1));
}

#[test]
fn what_is_no_event_of_the_cloud_is_refused() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    for payload in [
        "",
        "x",
        "{}",
        "[1]",
        r#"{"Records":[{}]}"#,
        r#"{"detail-type":1,"detail":{},"source":"s"}"#,
    ] {
        assert!(matches!(apply(&*to_azure, plain(payload)), Applied::Failed(_)), "{payload}");
    }
}

#[test]
fn the_schema_of_event_grid_has_all_that_it_needs() {
    let grid = AZURE.replace("other }", "other, format: event_grid }");
    let to_azure = step(&format!("{{ from: aws, to: azure, {grid} }}"));
    let blob = data(&one(&*to_azure, plain(SAMPLES[0].1)));
    assert_eq!(blob[0]["dataVersion"], "1.0");
    assert_eq!(blob[0]["data"]["hybridge"]["origin"], "aws");
    let other = data(&one(&*to_azure, plain(SAMPLES[4].1)));
    assert_eq!(other[0]["data"]["data"]["order"]["id"], 17);
}

/// An event of EventBridge of another service.
fn bridged(source: &str, kind: &str, detail: &str) -> Message {
    plain(&format!(
        r#"{{"version":"0","id":"1","detail-type":"{kind}","source":"{source}","account":"1","time":"2024-01-01T00:00:00Z","region":"r","resources":[],"detail":{detail}}}"#
    ))
}

#[test]
fn a_call_that_failed_changed_nothing() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    let call = |error: &str| {
        let detail = format!(
            r#"{{"eventSource":"secretsmanager.amazonaws.com","eventName":"PutSecretValue",{error}"requestParameters":{{"secretId":"s","clientRequestToken":"t"}}}}"#
        );
        let event = bridged("aws.secretsmanager", "AWS API Call via CloudTrail", &detail);
        text(&one(&*to_azure, event), "type").to_owned()
    };
    assert_eq!(call(""), "Microsoft.KeyVault.SecretNewVersionCreated");
    assert!(call(r#""errorCode":"AccessDenied","#).ends_with("Failure"));
}

#[test]
fn what_is_derived_and_read_again_is_not_lost() {
    let to_gcp = step("{ from: aws, to: gcp, gcp: { project: p } }");
    let detail = r#"{"instance-id":"i-1","state":"running"}"#;
    let event = bridged("aws.ec2", "EC2 Instance State-change Notification", detail);
    let loss = one(&*to_gcp, event);
    let loss = text(&loss, "hybridgeloss");
    assert!(!loss.contains("instance-id"), "{loss}");
}

#[test]
fn a_message_that_only_begins_like_an_envelope_is_a_message() {
    let to_events = step("{ from: aws, to: cloudevents }");
    for body in
        [r#"{\"detail-type\":\"x\",\"source\":\"y\",\"detail\":{}}"#, "[]", r#"{\"Records\":[]}"#]
    {
        let records = format!(
            r#"{{"Records":[{{"messageId":"1","body":"{body}","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:r:1:q","awsRegion":"r"}}]}}"#
        );
        let event = one(&*to_events, plain(&records));
        assert_eq!(text(&event, "type"), "dev.hybridge.message.published.v1", "{body}");
    }
}

#[test]
fn a_message_knows_its_cloud_in_the_common_form() {
    let records = r#"{"Records":[{"messageId":"1","body":"hi","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:r:1:q","awsRegion":"r"}]}"#;
    let event = one(&*step("{ from: aws, to: cloudevents }"), plain(records));
    let there = one(&*step(&format!("{{ from: cloudevents, to: azure, {AZURE} }}")), event.clone());
    assert_eq!(text(&there, "hybridgeorigin"), "aws");
    let back = one(&*step("{ from: azure, to: cloudevents }"), there);
    let home =
        one(&*step(&format!("{{ from: cloudevents, to: aws, returning: pass, {AWS} }}")), back);
    assert_eq!(data(&home)["id"], text(&event, "id"));
}

#[test]
fn parameters_have_a_slash_before_their_name() {
    let event = |key: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"/subscriptions/s/providers/Microsoft.AppConfiguration/configurationStores/c","type":"Microsoft.AppConfiguration.KeyValueModified","time":"2024-01-01T00:00:00Z","subject":"https://c.azconfig.io/kv/k","data":{{"key":"{key}"}}}}"#
        )
    };
    let to_aws = step(&format!("{{ from: azure, to: aws, {AWS} }}"));
    for key in ["Foo", "/Foo"] {
        let resources = &data(&one(&*to_aws, plain(&event(key))))["resources"];
        assert_eq!(resources[0], "arn:aws:ssm:xx-test-1:999999999999:parameter/Foo", "{key}");
    }
}

#[test]
fn names_of_attributes_in_the_wrong_case_are_read() {
    let event = r#"{"specversion":"1.0","id":"1","source":"//cloudaudit.googleapis.com/projects/p/logs/activity","type":"google.cloud.audit.log.v1.written","methodName":"m","data":{}}"#;
    let event = one(&*step("{ from: gcp, to: cloudevents }"), plain(event));
    assert_eq!(text(&event, "methodname"), "m");
}

#[test]
fn an_event_without_a_time_gets_one_where_the_form_needs_it() {
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let grid = AZURE.replace(" }", ", format: event_grid }");
    let written = one(&*step(&format!("{{ from: cloudevents, to: azure, {grid} }}")), plain(event));
    let time = data(&written)[0]["eventTime"].as_str().unwrap_or_default().to_owned();
    assert!(hybridge_schemas::rfc3339::millis(&time).is_some(), "{time}");
}
