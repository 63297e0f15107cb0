//! Events of three clouds from Kafka, translated, chosen by rules, into JetStream and to an HTTP endpoint, and read back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use async_nats::jetstream;
use futures_util::StreamExt;
use hybridge_core::{Applied, Message as Sample};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::broker::nats::Nats;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::target::Target;
use hybridge_integration_tests::wait::{SOON, until};
use hybridge_transformers::{Claims, NoClaims};

use crate::{Record, connection, produce};

/// Each cloud with the step that translates its events to the next.
const CLOUDS: [(&str, &str); 3] = [
    (
        "aws",
        "{ from: aws, to: azure, azure: { source: /subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct } }",
    ),
    ("azure", "{ from: azure, to: gcp, gcp: { project: p-1 } }"),
    ("gcp", "{ from: gcp, to: aws, aws: { account: \"111122223333\", region: eu-west-1 } }"),
];

/// Events of our own, for who has no others.
const OWN: [(&str, &str); 4] = [
    (
        "aws",
        r#"{"version":"0","id":"e-1","detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2021-11-12T00:00:00Z","region":"ca-central-1","resources":["arn:aws:s3:::shop"],"detail":{"version":"0","bucket":{"name":"shop"},"object":{"key":"in/a.csv","size":5,"etag":"b1946ac92492d2347c6235b4d2611184","sequencer":"617f08299329d189"},"request-id":"N4N7GDK58NMKJ12R","reason":"PutObject"}}"#,
    ),
    (
        "azure",
        r#"[{"topic":"/subscriptions/s","subject":"orders/17","eventType":"Shop.OrderPlaced","id":"1","eventTime":"2024-01-01T00:00:00Z","data":{"total":12.50},"dataVersion":"2","metadataVersion":"1"}]"#,
    ),
    (
        "gcp",
        r#"{"specversion":"1.0","id":"g-1","type":"google.cloud.storage.object.v1.deleted","source":"//storage.googleapis.com/projects/_/buckets/shop","subject":"objects/in/a.csv","time":"2024-01-01T00:00:00Z","datacontenttype":"application/json","data":{"bucket":"shop","name":"in/a.csv","generation":"7"}}"#,
    ),
    ("gcp", "no event at all"),
];

fn samples(cloud: &str) -> Result<Vec<Vec<u8>>> {
    let Some(folder) = std::env::var_os("HYBRIDGE_CONFORMANCE") else {
        let own = OWN.iter().filter(|(of, _)| *of == cloud);
        return Ok(own.map(|(_, text)| text.as_bytes().to_vec()).collect());
    };
    let mut samples = Vec::new();
    collect(&PathBuf::from(folder).join("cloud-samples").join(cloud), &mut samples)?;
    Ok(samples)
}

fn collect(folder: &Path, samples: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, samples)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            samples.push(std::fs::read(&path)?);
        }
    }
    Ok(())
}

/// What is to come of the samples of all clouds.
#[derive(Default)]
struct Expected {
    bodies: Vec<Vec<u8>>,
    filtered: u64,
    dead: u64,
}

impl Expected {
    /// Applies the steps that the daemon has, here.
    async fn of(config: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("routes.yaml");
        std::fs::write(&path, format!("hybridge: v1\n{config}"))?;
        let loaded = hybridge_config::load(&[path], &|_| None);
        let config = loaded.map_err(|problems| anyhow!("{problems}"))?.config;
        let claims: Arc<dyn Claims> = Arc::new(NoClaims);
        let mut expected = Self::default();
        for (cloud, _) in CLOUDS {
            let step = &config.routes[cloud].transform[0];
            let step = hybridge_transformers::build(step, &claims);
            for body in samples(cloud)? {
                let message = Sample { payload: Some(body.into()), ..Sample::default() };
                expected.add(step.apply(vec![message]).await.remove(0));
            }
        }
        Ok(expected)
    }

    fn add(&mut self, applied: Applied) {
        let body = |message: Sample| message.payload.unwrap_or_default().to_vec();
        match applied {
            Applied::One(message) => self.bodies.push(body(message)),
            Applied::Many(messages) if messages.is_empty() => self.filtered += 1,
            Applied::Many(messages) => self.bodies.extend(messages.into_iter().map(body)),
            Applied::Filtered(_) | Applied::Expired(_) => self.filtered += 1,
            Applied::Failed(_) => self.dead += 1,
        }
    }
}

fn config(kafka: &Kafka, nats: &Nats, hook: &Target) -> String {
    let mut config = connection(kafka).trim_end().trim_end_matches('}').trim_end().to_owned();
    config.push_str(&format!(", nats: {{ nats: {{ servers: {:?} }} }} }}\nroutes:\n", nats.urls()));
    for (cloud, step) in CLOUDS {
        config.push_str(&format!(
            "  {cloud}:
    from: {{ kafka: {{ connection: here, topics: [{cloud}] }} }}
    transform: [ {{ translate: {step} }} ]
    rules:
      - {{ name: blobs, when: {{ pattern: {{ type: [ {{ prefix: Microsoft.Storage. }}, {{ prefix: google.cloud.storage. }} ] }} }}, send_to: [stream] }}
      - {{ name: objects, when: {{ pattern: {{ data: {{ detail-type: [ {{ prefix: \"Object \" }} ] }} }} }}, send_to: [stream] }}
    otherwise: [hook]
    targets:
      stream: {{ to: {{ nats: {{ connection: nats, stream: OUT, subject: out.{cloud} }} }} }}
      hook: {{ to: {{ http: {{ url: \"http://{}/\" }} }} }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}
",
            hook.address
        ));
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_events_of_three_clouds_are_translated_chosen_and_read_back() -> Result<()> {
    let (kafka, nats) = (Kafka::start().await?, Nats::start().await?);
    let hook = Target::accepting().await?;
    let context = jetstream::new(nats.client().await?);
    let stream = jetstream::stream::Config {
        name: "OUT".to_owned(),
        subjects: vec!["out.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(stream).await?;
    let config = config(&kafka, &nats, &hook);
    let expected = Expected::of(&config).await?;
    let folder = tempfile::tempdir()?;
    let mut daemon = Daemon::new(folder.path(), &config)?;
    let mut count = 0;
    for (cloud, _) in CLOUDS {
        kafka.create_topic(cloud, 2, &[]).await?;
        let record = |(number, body): (usize, Vec<u8>)| Record {
            partition: -1,
            key: Some(number.to_string().into_bytes()),
            value: Some(body),
            ..Record::default()
        };
        let records: Vec<Record> = samples(cloud)?.into_iter().enumerate().map(record).collect();
        count += records.len() as u64;
        produce(&kafka, cloud, &records)?;
    }
    daemon.start_ready().await?;
    let totals = async || -> Result<(u64, u64, u64)> {
        let mut totals = (0, 0, 0);
        for (cloud, _) in CLOUDS {
            let counts = daemon.admin()?.route(cloud).await?.counts;
            totals.0 += counts.delivered;
            totals.1 += counts.filtered;
            totals.2 += counts.dead_lettered;
        }
        Ok(totals)
    };
    until("all", async || {
        let (delivered, filtered, dead) = totals().await?;
        Ok(delivered + filtered + dead == count)
    })
    .await?;
    let (_, filtered, dead) = totals().await?;
    assert_eq!((filtered, dead), (expected.filtered, expected.dead));

    let streamed = streamed(&context).await?;
    let hooked: Vec<Vec<u8>> = hook.received().iter().map(|one| one.body.to_vec()).collect();
    ensure!(!streamed.is_empty() && !hooked.is_empty(), "both targets get some");
    let mut arrived: Vec<String> =
        [streamed, hooked].concat().iter().map(|body| plain(body)).collect();
    let mut wanted: Vec<String> = expected.bodies.iter().map(|body| plain(body)).collect();
    arrived.sort();
    wanted.sort();
    let differs = arrived.iter().zip(&wanted).find(|(arrived, wanted)| arrived != wanted);
    ensure!(differs.is_none(), "{differs:?}");
    assert_eq!(arrived.len(), wanted.len());
    daemon.terminate(SOON).await?;
    Ok(())
}

/// A body without what an envelope gets from its record where the event has none: id and time.
fn plain(body: &[u8]) -> String {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    if let Some(envelope) =
        value.as_object_mut().filter(|object| object.contains_key("detail-type"))
    {
        envelope.remove("id");
        envelope.remove("time");
    }
    value.to_string()
}

/// The bodies of all messages in the stream.
async fn streamed(context: &jetstream::Context) -> Result<Vec<Vec<u8>>> {
    let stream = context.get_stream("OUT").await?;
    let count = stream.cached_info().state.messages as usize;
    let config = jetstream::consumer::pull::OrderedConfig::default();
    let messages = stream.create_consumer(config).await?.messages().await?;
    let mut bodies = Vec::new();
    let mut messages = messages.take(count);
    while bodies.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(20), messages.next()).await?;
        bodies.push(next.context("the stream ends")??.payload.to_vec());
    }
    Ok(bodies)
}
