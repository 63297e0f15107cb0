use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hybridge_config::connector::file::{After, SourceConfig, Start};
use hybridge_core::{Budget, Delivery, ErrorKind, Event, Outcome, Pool, Source, Tag};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::positions::memory::Memory;

mod follow;
mod histories;
mod sink;
mod whole;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder, and a source of files in it.
struct Bench {
    folder: TempDir,
    positions: Memory,
    config: SourceConfig,
    cap: usize,
    budget: Budget,
}

impl Bench {
    fn new(pattern: &str, format: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(pattern).display().to_string();
        let config = SourceConfig {
            lease: None,
            path,
            format: serde_json::from_value(format.into()).unwrap(),
            poll: "5ms".parse().unwrap(),
            start: Start::Beginning,
            once: false,
            after: After::Keep,
            max_message: "1MiB".parse().unwrap(),
        };
        let (positions, budget) = (Memory::default(), Budget::unlimited());
        Self { folder, positions, config, cap: 100_000, budget }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    async fn source(&self) -> Reader {
        let positions = Box::new(self.positions.clone());
        let mut source = super::source(&self.config, "r", self.cap, positions, "here".into());
        source.connect(self.budget.clone()).await.unwrap();
        Reader { source, open: Vec::new(), early: Vec::new() }
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Reads what a source gives and remembers what is not settled.
struct Reader {
    source: Box<dyn Source>,
    open: Vec<Delivery>,
    /// Came while the reader waited for something else.
    early: Vec<Delivery>,
}

impl Reader {
    async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.source.next()).await.unwrap().unwrap()
    }

    /// The bodies of the next `count` messages.
    async fn read(&mut self, count: usize) -> Vec<String> {
        let mut bodies: Vec<String> = self.early.iter().map(body).collect();
        self.open.append(&mut self.early);
        while bodies.len() < count {
            if let Event::Deliveries(deliveries) = self.event().await {
                bodies.extend(deliveries.iter().map(body));
                self.open.extend(deliveries);
            }
        }
        bodies
    }

    /// Everything up to the end.
    async fn read_to_end(&mut self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            match self.event().await {
                Event::Deliveries(deliveries) => {
                    bodies.extend(deliveries.iter().map(body));
                    self.open.extend(deliveries);
                }
                Event::End => return bodies,
                _ => {}
            }
        }
    }

    /// Everything that comes until nothing comes for a while.
    async fn listen(&mut self) {
        self.open.append(&mut self.early);
        while let Ok(event) = timeout(Duration::from_millis(100), self.source.next()).await {
            if let Event::Deliveries(deliveries) = event.unwrap() {
                self.open.extend(deliveries);
            }
        }
    }

    /// That nothing comes for a while.
    async fn nothing(&mut self) {
        while let Ok(event) = timeout(Duration::from_millis(60), self.source.next()).await {
            assert!(!matches!(event.unwrap(), Event::Deliveries(_)));
        }
    }

    fn settle(&mut self, indexes: impl IntoIterator<Item = usize>) {
        let settled = |index: usize| (self.open[index].tag, Outcome::Delivered);
        let settled: Vec<(Tag, Outcome)> = indexes.into_iter().map(settled).collect();
        self.source.settle(&settled);
    }

    async fn flush(&mut self) {
        self.source.flush();
        loop {
            match self.event().await {
                Event::Flushed => return,
                Event::Deliveries(deliveries) => self.early.extend(deliveries),
                _ => {}
            }
        }
    }

    /// Settles everything and makes it durable.
    async fn finish(&mut self) {
        self.settle(0..self.open.len());
        self.open.clear();
        self.flush().await;
    }
}

fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(delivery.message.payload.as_ref().unwrap()).into_owned()
}
