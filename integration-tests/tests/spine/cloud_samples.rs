//! Real events of three clouds through two routes into the log and back: every byte, each once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::wire::Connection;
use hybridge_integration_tests::{binary, ports, topic};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The samples by name; those of the conformance material, else the ones of the examples.
fn samples() -> Result<BTreeMap<String, Vec<u8>>> {
    let folder = match std::env::var_os("HYBRIDGE_CONFORMANCE") {
        Some(folder) => PathBuf::from(folder).join("cloud-samples"),
        None => binary::workspace().join("docs/examples/events"),
    };
    let mut samples = BTreeMap::new();
    collect(&folder, &folder, &mut samples)?;
    ensure!(samples.len() >= 4, "only {} samples in {}", samples.len(), folder.display());
    Ok(samples)
}

fn collect(root: &Path, folder: &Path, samples: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, samples)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            samples.insert(name, std::fs::read(&path)?);
        }
    }
    Ok(())
}

/// Data of an event in the CloudEvents JSON format, as it stands there.
#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    hybridgereceipt: Option<String>,
}

impl Event<'_> {
    fn bytes(&self) -> Result<Vec<u8>> {
        match (self.data, &self.data_base64) {
            (Some(data), None) => Ok(data.get().as_bytes().to_vec()),
            (None, Some(text)) => Ok(STANDARD.decode(text)?),
            _ => Ok(Vec::new()),
        }
    }
}

struct Setting {
    daemon: Daemon,
    ingress: SocketAddr,
    subscribe: String,
    _folder: tempfile::TempDir,
}

impl Setting {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (ingress, subscribe) = (ports::free()?, ports::free()?);
        let config = format!(
            "subscribe: {{ listen: \"{subscribe}\" }}\nroutes:\n  raw:\n    from: {{ http: {{ listen: \"{ingress}\", path: /raw, plain: {{ wrap: {{ source: /samples, type: sample.raw }} }} }} }}\n    to: {{ log: {{ topic: raw }} }}\n  events:\n    from: {{ http: {{ listen: \"{ingress}\", path: /events }} }}\n    to: {{ log: {{ topic: events }} }}\n"
        );
        let mut daemon = Daemon::new(folder.path(), &config)?;
        daemon.start_ready().await?;
        Ok(Self { daemon, ingress, subscribe: format!("http://{subscribe}"), _folder: folder })
    }

    /// Posts one sample to both routes; gives whether both accepted it.
    async fn post(&self, name: &str, body: &[u8]) -> Result<bool> {
        let mut connection = Connection::open(self.ingress).await?;
        let json = "content-type: application/json\r\n";
        let plain = format!("{json}idempotency-key: {name}\r\n");
        let raw = connection.post("/raw", &plain, body).await?;
        let event = format!(
            "{json}ce-specversion: 1.0\r\nce-id: {name}\r\nce-source: /samples\r\nce-type: sample\r\n"
        );
        let event = connection.post("/events", &event, body).await?;
        ensure!(raw.status < 400 && event.status < 400, "{name}: {} {}", raw.status, event.status);
        Ok(true)
    }

    /// How often each id is in the topic, over SSE; every appearance has the sample's bytes.
    async fn over_sse(
        &self,
        topic: &str,
        samples: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, usize>> {
        let url = format!("{}/topics/{topic}/events?from=earliest&data=base64", self.subscribe);
        let mut subscription = topic::Subscription::open(&url, None, &BTreeMap::new()).await?;
        let mut seen = BTreeMap::new();
        while let Some(frame) = subscription.next(Duration::from_millis(700)).await? {
            let event: Event<'_> = serde_json::from_str(&frame.data)?;
            check(&event, samples)?;
            *seen.entry(event.id).or_insert(0) += 1;
        }
        Ok(seen)
    }

    /// The same by pull, every event acknowledged.
    async fn by_pull(
        &self,
        topic: &str,
        samples: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, usize>> {
        let puller = topic::Puller::new(&self.subscribe, topic, "checker");
        let mut seen = BTreeMap::new();
        loop {
            let batch = puller.receive(50).await?;
            let events: Vec<Event<'_>> = serde_json::from_str(&batch)?;
            if events.is_empty() {
                return Ok(seen);
            }
            let mut receipts = Vec::new();
            for event in events {
                check(&event, samples)?;
                receipts.push(event.hybridgereceipt.context("no receipt")?);
                *seen.entry(event.id).or_insert(0) += 1;
            }
            puller.acknowledge(&receipts).await?;
        }
    }
}

fn check(event: &Event<'_>, samples: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let expected = samples.get(&event.id).with_context(|| format!("who is {}?", event.id))?;
    ensure!(event.bytes()? == *expected, "{} came back with other bytes", event.id);
    Ok(())
}

#[tokio::test]
async fn conformance_cloud_samples_come_back_byte_for_byte_and_once() -> Result<()> {
    let samples = samples()?;
    let setting = Setting::start().await?;
    for (name, body) in &samples {
        setting.post(name, body).await?;
    }
    for topic in ["raw", "events"] {
        let sse = setting.over_sse(topic, &samples).await?;
        let pull = setting.by_pull(topic, &samples).await?;
        for seen in [sse, pull] {
            assert_eq!(seen.len(), samples.len(), "{topic}: all of them");
            assert!(seen.values().all(|count| *count == 1), "{topic}: each exactly once: {seen:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn conformance_cloud_samples_survive_sigkill() -> Result<()> {
    let samples = samples()?;
    let mut setting = Setting::start().await?;
    for (number, (name, body)) in samples.iter().enumerate() {
        if number % (samples.len() / 4).max(1) == 1 {
            // Killed with requests of this sample on their way; its sender then repeats it.
            let _ =
                tokio::time::timeout(Duration::from_micros(300), setting.post(name, body)).await;
            setting.daemon.kill()?;
            setting.daemon.start_ready().await?;
        }
        setting.post(name, body).await?;
    }
    for topic in ["raw", "events"] {
        for seen in
            [setting.over_sse(topic, &samples).await?, setting.by_pull(topic, &samples).await?]
        {
            assert_eq!(seen.len(), samples.len(), "{topic}: each at least once");
        }
    }
    Ok(())
}
