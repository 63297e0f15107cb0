//! Small events of our own, one for each kind that a cloud sends.

/// Events by their cloud.
pub(super) const SAMPLES: &[(&str, &str)] = &[
    (
        "aws",
        r#"{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2021-11-12T00:00:00Z","region":"ca-central-1","resources":["arn:aws:s3:::shop"],"detail":{"version":"0","bucket":{"name":"shop"},"object":{"key":"in/a b+ü.csv","size":5,"etag":"b1946ac92492d2347c6235b4d2611184","version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"617f08299329d189"},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","source-ip-address":"192.0.2.4","reason":"CompleteMultipartUpload"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"2ee9cc15-d022-99ea-1fb8-1b1bac4850f9","detail-type":"Object Deleted","source":"aws.s3","account":"111122223333","time":"2021-11-12T00:00:01Z","region":"ca-central-1","resources":["arn:aws:s3:::shop"],"detail":{"version":"0","bucket":{"name":"shop"},"object":{"key":"a","etag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"617f0837b476e463"},"request-id":"0BH729840619AG5K","requester":"123456789012","reason":"DeleteObject","deletion-type":"Delete Marker Created"}}"#,
    ),
    (
        "aws",
        r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2024-02-03T04:05:06.789Z","eventName":"ObjectRemoved:Delete","userIdentity":{"principalId":"AWS:AIDA"},"requestParameters":{"sourceIPAddress":"192.0.2.5"},"responseElements":{"x-amz-request-id":"D82B88E5F771F645","x-amz-id-2":"vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6="},"s3":{"s3SchemaVersion":"1.0","configurationId":"all","bucket":{"name":"shop","ownerIdentity":{"principalId":"A3I5"},"arn":"arn:aws:s3:::shop"},"object":{"key":"in/a+b%2B.csv","sequencer":"0C0F6F405D6ED209E1"}}}]}"#,
    ),
    (
        "aws",
        r#"{"Records":[{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEB","body":"{\"order\":17}","attributes":{"SentTimestamp":"1545082649183","MessageGroupId":"customer-9"},"messageAttributes":{"kind":{"stringValue":"new","dataType":"String"}},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:orders","awsRegion":"us-east-2"}]}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"c030038d-8c4d-6141-9545-00ff7b7153ee","detail-type":"Order, placed","source":"my shop","account":"111122223333","time":"2021-11-12T00:00:00Z","region":"eu-west-1","resources":[],"detail":{"order":{"id":17,"total":12.50}},"replay-name":"again"}"#,
    ),
    (
        "azure",
        r#"[{"topic":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct","subject":"/blobServices/default/containers/shop/blobs/in/a b.csv","eventType":"Microsoft.Storage.BlobCreated","id":"831e1650-001e-001b-66ab-eeb76e069631","eventTime":"2017-06-26T18:41:00.9584103Z","data":{"api":"PutBlockList","clientRequestId":"6d79dbfb-0e37-4fc4-981f-442c9ca65760","requestId":"831e1650-001e-001b-66ab-eeb76e000000","eTag":"\"0x8D4BCC2E4835CD0\"","contentType":"text/csv","contentLength":524288,"blobType":"BlockBlob","accessTier":"Cool","url":"https://acct.blob.core.windows.net/shop/in/a%20b.csv","sequencer":"00000000000004420000000000028963","storageDiagnostics":{"batchId":"b68529f3"}},"dataVersion":"","metadataVersion":"1"}]"#,
    ),
    (
        "azure",
        r#"{"source":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct","subject":"/blobServices/default/containers/shop/blobs/a","type":"Microsoft.Storage.BlobDeleted","time":"2017-11-07T20:09:22.5674003Z","id":"4c2359fe-001e-00ba-0e04-58586806d298","specversion":"1.0","data":{"api":"DeleteBlob","requestId":"4c2359fe","contentType":"text/plain","blobType":"BlockBlob","url":"https://acct.blob.core.windows.net/shop/a","sequencer":"0000000000000281000000000002F5CA","storageDiagnostics":{"batchId":"b68529f3"}}}"#,
    ),
    (
        "azure",
        r#"{"source":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Media/mediaservices/m","subject":"transforms/t","type":"Microsoft.Media.JobStateChange","time":"2018-04-20T21:26:13.8978772Z","id":"b9d38923","specversion":"1.0","data":{"previousState":"Processing","state":"Finished","correlationData":{"a":null}}}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","type":"google.cloud.storage.object.v1.finalized","source":"//storage.googleapis.com/projects/_/buckets/shop","subject":"objects/in/a b.csv","id":"1","time":"2020-09-29T11:32:00.123456Z","datacontenttype":"application/json","bucket":"shop","data":{"bucket":"shop","contentType":"text/csv","crc32c":"rTVTeQ==","etag":"CNHZkbuF/ugCEAE=","generation":"1587627537231057","id":"shop/in/a b.csv/1587627537231057","kind":"storage#object","md5Hash":"kF8MuJ5+CTJxvyhHS1xzRg==","metageneration":"1","name":"in/a b.csv","size":"352","storageClass":"NEARLINE","timeCreated":"2020-04-23T07:38:57.230Z","updated":"2020-04-23T07:38:57.230Z"}}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","type":"google.cloud.storage.object.v1.archived","source":"//storage.googleapis.com/projects/_/buckets/shop","subject":"objects/a","id":"2","time":"2020-09-29T11:32:00Z","datacontenttype":"application/json","data":{"bucket":"shop","name":"a","generation":"1587627537231058"}}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","type":"google.cloud.pubsub.topic.v1.messagePublished","source":"//pubsub.googleapis.com/projects/p/topics/orders","id":"3103425958877813","time":"2021-02-05T04:06:14.109Z","datacontenttype":"application/json","data":{"subscription":"projects/p/subscriptions/s","message":{"attributes":{"attr1":"value","Weird-Name":"ü"},"data":"AP8Q","messageId":"3103425958877813","publishTime":"2021-02-05T04:06:14.109Z","orderingKey":"k"}}}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","type":"google.cloud.firestore.document.v1.written","source":"//firestore.googleapis.com/projects/p/databases/(default)","subject":"documents/a/b","id":"4","time":"2020-09-29T11:32:00Z","datacontenttype":"application/json","data":{"value":{"fields":{"count":{"integerValue":"4"}}},"updateMask":{}}}"#,
    ),
];
