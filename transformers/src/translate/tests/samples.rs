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
    (
        "aws",
        r#"{"version":"0","id":"id-0","detail-type":"ECR Image Action","source":"aws.ecr","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":[],"detail":{"result":"SUCCESS","repository-name":"team/shop","image-digest":"sha256:7f5b","action-type":"PUSH","image-tag":"latest"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-1","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":["arn:aws:ec2:eu-west-1:111122223333:instance/i-1234567890abcdef0"],"detail":{"instance-id":"i-1234567890abcdef0","state":"stopped"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-2","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":[],"detail":{"instance-id":"i-1","state":"stopping"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-3","detail-type":"AWS API Call via CloudTrail","source":"aws.lambda","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":[],"detail":{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333"},"eventTime":"2024-02-03T04:05:06Z","eventSource":"lambda.amazonaws.com","eventName":"CreateFunction20150331","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","requestParameters":{"functionName":"resize","runtime":"python3.12"},"responseElements":null,"requestID":"r-1","eventID":"e-1","eventType":"AwsApiCall"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-4","detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":[],"detail":{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333"},"eventTime":"2024-02-03T04:05:06Z","eventSource":"secretsmanager.amazonaws.com","eventName":"PutSecretValue","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","requestParameters":{"secretId":"db/password","clientRequestToken":"EXAMPLE1-90ab"},"responseElements":null,"requestID":"r-1","eventID":"e-1","eventType":"AwsApiCall"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-5","detail-type":"AWS API Call via CloudTrail","source":"aws.sts","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":[],"detail":{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333"},"eventTime":"2024-02-03T04:05:06Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","requestParameters":{"roleArn":"arn:aws:iam::1:role/r"},"responseElements":null,"requestID":"r-1","eventID":"e-1","eventType":"AwsApiCall"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-6","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":[],"detail":{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333"},"eventTime":"2024-02-03T04:05:06Z","eventSource":"s3.amazonaws.com","eventName":"GetBucketAcl","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","requestParameters":{"bucketName":"b"},"responseElements":null,"requestID":"r-1","eventID":"e-1","eventType":"AwsApiCall","errorCode":"AccessDenied","errorMessage":"no"}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-7","detail-type":"Scheduled Event","source":"aws.events","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":["arn:aws:events:eu-west-1:111122223333:rule/nightly"],"detail":{}}"#,
    ),
    (
        "aws",
        r#"{"version":"0","id":"id-8","detail-type":"Parameter Store Change","source":"aws.ssm","account":"111122223333","time":"2024-02-03T04:05:06Z","region":"eu-west-1","resources":["arn:aws:ssm:eu-west-1:111122223333:parameter/shop/limit"],"detail":{"operation":"Update","name":"/shop/limit","type":"String","description":"most"}}"#,
    ),
    (
        "azure",
        r#"{"specversion":"1.0","id":"id-9","type":"Microsoft.ContainerRegistry.ImagePushed","source":"/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acr","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"id":"831e","timestamp":"2024-02-03T04:05:06.5Z","action":"push","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":3023,"digest":"sha256:213b","length":3023,"repository":"team/shop","tag":"v1"},"request":{"id":"7c66","host":"acr.azurecr.io","method":"PUT","useragent":"docker/18"}},"subject":"team/shop:v1"}"#,
    ),
    (
        "azure",
        r#"{"specversion":"1.0","id":"id-10","type":"Microsoft.Resources.ResourceActionSuccess","source":"/subscriptions/s/resourceGroups/g","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"authorization":{"scope":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1","action":"Microsoft.Compute/virtualMachines/start/action"},"claims":{"http://schemas.microsoft.com/claims/authnclassreference":"1"},"correlationId":"c-1","httpRequest":{"clientRequestId":"q","clientIpAddress":"192.0.2.3","method":"POST","url":"https://management.azure.com"},"resourceProvider":"Microsoft.Compute","resourceUri":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1","operationName":"Microsoft.Compute/virtualMachines/start/action","status":"Succeeded","subscriptionId":"s","tenantId":"t"},"subject":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1"}"#,
    ),
    (
        "azure",
        r#"{"specversion":"1.0","id":"id-11","type":"Microsoft.Resources.ResourceDeleteSuccess","source":"/subscriptions/s/resourceGroups/g","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"authorization":{"scope":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/resize","action":"Microsoft.Web/sites/delete"},"claims":{"http://schemas.microsoft.com/claims/authnclassreference":"1"},"correlationId":"c-1","httpRequest":{"clientRequestId":"q","clientIpAddress":"192.0.2.3","method":"POST","url":"https://management.azure.com"},"resourceProvider":"Microsoft.Web","resourceUri":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/resize","operationName":"Microsoft.Web/sites/delete","status":"Succeeded","subscriptionId":"s","tenantId":"t"},"subject":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/resize"}"#,
    ),
    (
        "azure",
        r#"{"specversion":"1.0","id":"id-12","type":"Microsoft.Resources.ResourceWriteFailure","source":"/subscriptions/s/resourceGroups/g","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"authorization":{"scope":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a","action":"Microsoft.Storage/storageAccounts/write"},"claims":{"http://schemas.microsoft.com/claims/authnclassreference":"1"},"correlationId":"c-1","httpRequest":{"clientRequestId":"q","clientIpAddress":"192.0.2.3","method":"POST","url":"https://management.azure.com"},"resourceProvider":"Microsoft.Storage","resourceUri":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a","operationName":"Microsoft.Storage/storageAccounts/write","status":"Succeeded","subscriptionId":"s","tenantId":"t"},"subject":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"}"#,
    ),
    (
        "azure",
        r#"{"specversion":"1.0","id":"id-13","type":"Microsoft.KeyVault.SecretNewVersionCreated","source":"/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"Id":"https://kv.vault.azure.net/secrets/pw/ee05","VaultName":"kv","ObjectType":"Secret","ObjectName":"pw","Version":"ee05","NBF":"1559081980","EXP":"1559082102"},"subject":"pw"}"#,
    ),
    (
        "azure",
        r#"{"specversion":"1.0","id":"id-14","type":"Microsoft.AppConfiguration.KeyValueModified","source":"/subscriptions/s/resourceGroups/g/providers/microsoft.appconfiguration/configurationstores/contoso","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"key":"Foo","label":"FizzBuzz","etag":"FnUE","syncToken":"zAJw6V16=Njo1;sn=5164673"},"subject":"https://contoso.azconfig.io/kv/Foo?label=FizzBuzz"}"#,
    ),
    (
        "gcp",
        r#"{"message":{"messageId":"77","publishTime":"2024-02-03T04:05:06.7Z","data":"eyJhY3Rpb24iOiJJTlNFUlQiLCJkaWdlc3QiOiJ1cy1lYXN0MS1kb2NrZXIucGtnLmRldi9wL3Ivc2hvcEBzaGEyNTY6NmVjMSIsInRhZyI6InVzLWVhc3QxLWRvY2tlci5wa2cuZGV2L3Avci9zaG9wOjEuMSJ9"},"subscription":"projects/p/subscriptions/gcr"}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","id":"id-16","type":"google.cloud.audit.log.v1.written","source":"//cloudaudit.googleapis.com/projects/p/logs/activity","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"insertId":"i","protoPayload":{"serviceName":"compute.googleapis.com","methodName":"v1.compute.instances.stop","resourceName":"projects/p/zones/us-east1-b/instances/web1","authenticationInfo":{"principalEmail":"ada@example.com"},"requestMetadata":{"callerIp":"192.0.2.7","callerSuppliedUserAgent":"gcloud"}},"severity":"NOTICE"},"subject":"compute.googleapis.com/projects/p/zones/us-east1-b/instances/web1"}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","id":"id-17","type":"google.cloud.audit.log.v1.written","source":"//cloudaudit.googleapis.com/projects/p/logs/activity","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"insertId":"i","protoPayload":{"serviceName":"storage.googleapis.com","methodName":"storage.buckets.create","resourceName":"projects/_/buckets/b","authenticationInfo":{"principalEmail":"ada@example.com"},"status":{"code":7,"message":"denied"}}},"subject":"storage.googleapis.com/projects/_/buckets/b"}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","id":"id-18","type":"google.cloud.functions.function.v2.created","source":"//cloudfunctions.googleapis.com/projects/p/locations/us-east1","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"payload":{"name":"projects/p/locations/us-east1/functions/resize","description":"d"}},"subject":"functions/resize"}"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","id":"id-19","type":"google.cloud.scheduler.job.v1.executed","source":"//cloudscheduler.googleapis.com/projects/p/locations/us-east1/jobs/nightly","time":"2024-02-03T04:05:06.7Z","datacontenttype":"application/json","data":{"customData":"bXkgYmFzZTY0IGRhdGE="}}"#,
    ),
    (
        "gcp",
        r#"{"message":{"messageId":"78","publishTime":"2024-02-03T04:05:06.7Z","attributes":{"dataFormat":"JSON_API_V1","eventType":"SECRET_VERSION_ADD","secretId":"projects/12/secrets/pw","versionId":"projects/12/secrets/pw/versions/3","timestamp":"2024-02-03T04:05:06.5Z"},"data":"eyJuYW1lIjoicHJvamVjdHMvMTIvc2VjcmV0cy9wdy92ZXJzaW9ucy8zIiwiY3JlYXRlVGltZSI6IjIwMjQtMDItMDNUMDQ6MDU6MDYuNVoiLCJzdGF0ZSI6IkVOQUJMRUQifQ=="},"subscription":"projects/p/subscriptions/s"}"#,
    ),
];
