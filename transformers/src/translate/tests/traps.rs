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

/// What was lost, changed and added, as the event says.
fn loss(event: &Message) -> Vec<String> {
    let items = text(event, "hybridgeloss").split(',').filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}

fn header(event: &Message, name: &str) -> Option<String> {
    let found = event.headers.iter().find(|header| header.name == *name)?;
    String::from_utf8(found.value?.to_vec()).ok()
}

#[test]
fn attributes_of_a_message_come_out_of_a_wrapper_again() {
    let records = r#"{"Records":[{"messageId":"1","body":"hi","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:r:1:q","awsRegion":"r","messageAttributes":{"color":{"dataType":"String","stringValue":"red"}}}]}"#;
    let grid = AZURE.replace(" }", ", format: event_grid }");
    let there = one(&*step(&format!("{{ from: aws, to: azure, {grid} }}")), plain(records));
    assert_eq!(data(&there)[0]["eventType"], "dev.hybridge.message.published.v1");
    let back = one(&*step("{ from: azure, to: cloudevents }"), there);
    assert_eq!(header(&back, "color").as_deref(), Some("red"));
    // What an envelope came with is none of the message's own.
    let mut request = plain(records);
    request.headers.push("via".into(), Some("proxy".into()));
    let event = one(&*step("{ from: aws, to: cloudevents }"), request);
    assert_eq!(header(&event, "via"), None);
}

#[test]
fn an_event_that_holds_an_event_stays_itself() {
    let grid = |id: &str| {
        format!(
            r#"[{{"id":"1","topic":"/t","eventType":"shop.order","eventTime":"2024-01-01T00:00:00Z","subject":"s","dataVersion":"","data":{{"specversion":"1.0","id":"{id}","type":"shop.order","source":"/inner"}}}}]"#
        )
    };
    let to_events = step("{ from: azure, to: cloudevents }");
    let outer = one(&*to_events, plain(&grid("2")));
    assert_eq!((text(&outer, "source"), text(&outer, "subject")), ("/t", "s"));
    assert_eq!(data(&outer)["source"], "/inner");
    assert_eq!(text(&one(&*to_events, plain(&grid("1"))), "source"), "/inner");
}

/// An event of Azure about a resource.
fn resource(kind: &str, operation: &str) -> Message {
    plain(&format!(
        r#"{{"specversion":"1.0","id":"1","source":"/subscriptions/s/resourceGroups/g","type":"Microsoft.Resources.Resource{kind}","time":"2024-01-01T00:00:00Z","subject":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/w","data":{{"operationName":"{operation}","resourceProvider":"Microsoft.Sql","claims":{{"ver":"1.0","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"ann@example.com"}}}}}}"#
    ))
}

#[test]
fn the_verb_of_a_resource_event_follows_from_its_operation() {
    let to_aws = step(&format!("{{ from: azure, to: aws, {AWS} }}"));
    let home = step(&format!("{{ from: aws, to: azure, returning: pass, {AZURE} }}"));
    for (kind, operation, is_told) in [
        ("WriteSuccess", "Microsoft.Sql/servers/write", true),
        ("DeleteFailure", "Microsoft.Sql/servers/delete", true),
        ("ActionCancel", "Microsoft.Sql/servers/restart/action", true),
        ("WriteSuccess", "Microsoft.Sql/servers/delete", false),
        ("DeleteSuccess", "odd", false),
    ] {
        let there = one(&*to_aws, resource(kind, operation));
        let named =
            data(&there)["detail"]["hybridge"]["loss"].as_str().unwrap_or_default().to_owned();
        let back = one(&*home, there);
        let is_same = text(&back, "type") == format!("Microsoft.Resources.Resource{kind}");
        // A call that was given up is none at AWS and goes wrapped.
        assert_eq!(is_same, is_told, "{kind} {operation}");
        assert_eq!(
            named.split(',').any(|item| item == "-type"),
            !is_told,
            "{kind} {operation}: {named}"
        );
    }
}

#[test]
fn who_called_is_known_in_every_cloud() {
    let azure = one(
        &*step("{ from: azure, to: gcp, gcp: { project: p } }"),
        resource("WriteSuccess", "Microsoft.Sql/servers/write"),
    );
    let who = |event: &Message| data(event)["protoPayload"]["authenticationInfo"].clone();
    assert_eq!(who(&azure)["principalEmail"], "ann@example.com");
    assert!(!loss(&azure).contains(&"-data.claims".to_owned()));
    assert!(loss(&azure).contains(&"~data.claims".to_owned()), "ver has no place");
    let detail = r#"{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","userIdentity":{"type":"IAMUser","userName":"ann","principalId":"AIDA1","arn":"arn:aws:iam::1:user/ann"}}"#;
    let call = bridged("aws.sts", "AWS API Call via CloudTrail", detail);
    let there = one(&*step("{ from: aws, to: gcp, gcp: { project: p } }"), call.clone());
    assert_eq!(who(&there)["principalEmail"], "ann");
    assert_eq!(who(&there)["principalSubject"], "AIDA1");
    assert!(loss(&there).contains(&"~detail.userIdentity".to_owned()), "{:?}", loss(&there));
    let there = one(&*step(&format!("{{ from: aws, to: azure, {AZURE} }}")), call.clone());
    assert!(loss(&there).contains(&"~type".to_owned()), "a verb was chosen: {:?}", loss(&there));
    let claims = &data(&there)["claims"];
    let name = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
    assert_eq!(claims[name], "ann");
    // In the common form the whole is there, and its parts are not lost.
    let middle = one(&*step("{ from: aws, to: cloudevents, data: canonical }"), call);
    assert_eq!(data(&middle)["identity"]["arn"], "arn:aws:iam::1:user/ann");
    let home = step(&format!("{{ from: cloudevents, to: aws, returning: pass, {AWS} }}"));
    let home = data(&one(&*home, middle));
    assert_eq!(home["detail"]["userIdentity"]["type"], "IAMUser");
    let named = home["detail"]["hybridge"]["loss"].as_str().unwrap_or_default();
    assert!(!named.contains("principal"), "{named}");
}

#[test]
fn a_rename_across_containers_deletes_in_the_old_one() {
    let renamed = r#"{"specversion":"1.0","id":"1","source":"/s/storageAccounts/acct","type":"Microsoft.Storage.BlobRenamed","time":"2024-01-01T00:00:00Z","subject":"/blobServices/default/containers/new/blobs/b","data":{"api":"RenameFile","sourceUrl":"https://acct.dfs.core.windows.net/old/a","destinationUrl":"https://acct.dfs.core.windows.net/new/b"}}"#;
    let parts = all(apply(&*step(&format!("{{ from: azure, to: aws, {AWS} }}")), plain(renamed)));
    let place = |part: &Message| {
        let detail = data(part)["detail"].clone();
        format!("{}/{}", detail["bucket"]["name"], detail["object"]["key"]).replace('"', "")
    };
    assert_eq!(parts.iter().map(place).collect::<Vec<_>>(), ["old/a", "new/b"]);
}

#[test]
fn the_path_of_an_image_has_its_project_once() {
    let body = r#"{"action":"INSERT","digest":"eu-docker.pkg.dev/p/repo/img@sha256:1","tag":"eu-docker.pkg.dev/p/repo/img:2"}"#;
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body);
    let push = format!(
        r#"{{"message":{{"messageId":"1","publishTime":"2024-01-01T00:00:00Z","data":"{body}"}},"subscription":"projects/p/subscriptions/s"}}"#
    );
    let there = one(&*step(&format!("{{ from: gcp, to: aws, {AWS} }}")), plain(&push));
    assert_eq!(data(&there)["detail"]["repository-name"], "repo/img");
    let home = "{ from: aws, to: gcp, returning: pass, gcp: { project: p, location: eu } }";
    let home = data(&one(&*step(home), there));
    assert_eq!(home["digest"], "eu-docker.pkg.dev/p/repo/img@sha256:1");
    assert_eq!(home["tag"], "eu-docker.pkg.dev/p/repo/img:2");
}

#[test]
fn words_of_one_cloud_are_none_of_another() {
    let to_azure = step(&format!("{{ from: aws, to: azure, {AZURE} }}"));
    let posted = SAMPLES[0].1.replace("CompleteMultipartUpload", "POST Object");
    let blob = one(&*to_azure, plain(&posted));
    assert!(data(&blob)["api"].is_null());
    assert!(loss(&blob).contains(&"-detail.reason".to_owned()));
    let own = SAMPLES[0].1.replace("CompleteMultipartUpload", "Sung");
    assert_eq!(data(&one(&*to_azure, plain(&own)))["api"], "Sung");
}

#[test]
fn of_several_words_for_the_same_one_is_written() {
    let off = r#"{"specversion":"1.0","id":"1","source":"/subscriptions/s/resourceGroups/g","type":"Microsoft.Resources.ResourceActionSuccess","time":"2024-01-01T00:00:00Z","subject":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm","data":{"operationName":"Microsoft.Compute/virtualMachines/powerOff/action"}}"#;
    let there = data(&one(&*step(&format!("{{ from: azure, to: aws, {AWS} }}")), plain(off)));
    assert_eq!(there["detail"]["state"], "stopped");
    let named = there["detail"]["hybridge"]["loss"].as_str().unwrap_or_default();
    assert!(named.contains("~data.operationName"), "{named}");
}

#[test]
fn what_was_added_is_named_where_it_stands() {
    let deleted = r#"{"specversion":"1.0","id":"1","source":"/s/storageAccounts/acct","type":"Microsoft.Storage.BlobDeleted","time":"2024-01-01T00:00:00Z","subject":"/blobServices/default/containers/c/blobs/b","data":{"api":"DeleteBlob"}}"#;
    let there = data(&one(&*step(&format!("{{ from: azure, to: aws, {AWS} }}")), plain(deleted)));
    let named = there["detail"]["hybridge"]["loss"].as_str().unwrap_or_default();
    assert!(named.split(',').any(|item| item == "+detail.deletion-type"), "{named}");
}

#[test]
fn versions_of_the_schema_are_not_of_the_event() {
    let grid = AZURE.replace(" }", ", format: event_grid }");
    let there = one(&*step(&format!("{{ from: aws, to: azure, {grid} }}")), plain(SAMPLES[0].1));
    let home = step(&format!("{{ from: azure, to: aws, returning: pass, {AWS} }}"));
    let home = data(&one(&*home, there));
    assert!(home["detail"]["hybridge"]["dataversion"].is_null(), "{home}");
}

#[test]
fn every_source_of_records_is_read() {
    let to_events = step("{ from: aws, to: cloudevents }");
    let messages = r#"{"eventSource":"aws:mq","eventSourceArn":"arn:aws:mq:r:1:broker:b:b-1","messages":[
        {"messageID":"ID:1","timestamp":1599863938941,"destination":{"physicalName":"orders"},"data":"aGk=","properties":{"color":"red","JMSXGroupID":"g"}},
        {"messageID":"ID:2","destination":{"physicalName":"orders"},"data":""}]}"#;
    let read = all(apply(&*to_events, plain(messages)));
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].payload.as_deref(), Some(b"hi".as_slice()));
    assert_eq!(text(&read[0], "time"), "2020-09-11T22:38:58.941Z");
    assert_eq!((text(&read[0], "topic"), text(&read[0], "partitionkey")), ("orders", "g"));
    assert_eq!(header(&read[0], "color").as_deref(), Some("red"));
    let delivered = r#"{"invocationId":"i","deliveryStreamArn":"arn:aws:firehose:r:1:deliverystream/d","region":"r","records":[{"recordId":"r1","approximateArrivalTimestamp":1507217624302,"data":"aGk="}]}"#;
    let record = one(&*to_events, plain(delivered));
    assert_eq!((text(&record, "id"), text(&record, "topic")), ("r1", "d"));
    let mail = r#"{"Records":[{"eventSource":"aws:ses","eventVersion":"1.0","ses":{"mail":{"messageId":"m1","timestamp":"1970-01-01T00:00:00.123Z"}}}]}"#;
    let mail = one(&*to_events, plain(mail));
    assert_eq!((text(&mail, "id"), text(&mail, "type")), ("m1", "com.amazonaws.ses"));
    assert_eq!(data(&mail)["ses"]["mail"]["messageId"], "m1");
    let commit = r#"{"Records":[{"eventId":"c1","eventName":"ReferenceChanges","eventSource":"aws:codecommit","eventSourceARN":"arn:aws:codecommit:r:1:repo","eventTime":"2016-01-01T23:59:59.000+0000"}]}"#;
    let commit = one(&*to_events, plain(commit));
    assert_eq!(text(&commit, "type"), "com.amazonaws.codecommit.ReferenceChanges");
    assert_eq!((text(&commit, "id"), text(&commit, "time")), ("c1", ""));
    let rabbit = r#"{"eventSource":"aws:rmq","eventSourceArn":"arn:aws:mq:r:1:broker:b:b-1","rmqMessagesByQueue":{"q::/":[{"basicProperties":{"headers":{"color":{"bytes":[114,-61,-92]},"n":1}},"data":"aGk="}]}}"#;
    let rabbit = one(&*to_events, plain(rabbit));
    assert_eq!(header(&rabbit, "color").as_deref(), Some("rä"));
    assert_eq!(header(&rabbit, "n").as_deref(), Some("1"));
}

#[test]
fn an_event_of_a_database_needs_its_domain() {
    let event = |domain: &str| {
        format!(
            r#"{{"data":{{"data":null,"delta":1}},"context":{{"resource":"projects/_/instances/i/refs/r","timestamp":"2020-09-29T11:32:00.000Z","eventType":"providers/google.firebase.database/eventTypes/ref.write","eventId":"1"}},"domain":"{domain}"}}"#
        )
    };
    let to_events = step("{ from: gcp, to: cloudevents }");
    let written = one(&*to_events, plain(&event("europe-west1.firebasedatabase.app")));
    assert!(text(&written, "source").contains("/locations/europe-west1/"));
    assert!(matches!(apply(&*to_events, plain(&event(""))), Applied::Failed(_)));
}
