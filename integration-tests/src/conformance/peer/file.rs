//! Files of lines.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use async_trait::async_trait;
use tempfile::TempDir;

use super::{Fault, Feature, Peer, Record, Sections};
use crate::conformance::{Role, Settles, Stage};

/// How it is settled as a source.
pub const SETTLES: Settles = Settles {
    connector: "file",
    source: "`file`",
    done: "the watermark moves; the position of the file follows within 100 ms, and at the end",
    abandoned: "nothing: read again from the position",
    rejected: "its lane stops; readiness names it",
};

/// A folder of files.
pub struct FilePeer {
    folder: TempDir,
}

impl FilePeer {
    /// Makes the folder.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    fn path(&self, place: &str) -> PathBuf {
        self.folder.path().join(format!("{place}.jsonl"))
    }
}

#[async_trait(?Send)]
impl Peer for FilePeer {
    fn name(&self) -> &'static str {
        "file"
    }

    fn features(&self) -> Vec<Feature> {
        vec![Feature::Durable, Feature::Ordered, Feature::SourceLimit]
    }

    fn faults(&self, _: Role) -> Vec<Fault> {
        Fault::OF_THE_DAEMON.to_vec()
    }

    fn sections(&self, _: &str) -> Sections {
        Sections::default()
    }

    fn from(&self, place: &str, more: &str) -> String {
        format!(
            "{{ file: {{ path: \"{}\", poll: 20ms, format: lines{more} }} }}",
            self.path(place).display()
        )
    }

    fn to(&self, place: &str) -> String {
        format!("{{ file: {{ path: \"{}\", format: lines }} }}", self.path(place).display())
    }

    async fn create(&mut self, place: &str) -> Result<()> {
        std::fs::File::create(self.path(place))?;
        Ok(())
    }

    async fn put(&self, _: &Stage, place: &str, records: &[Record]) -> Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.path(place))?;
        let mut lines = Vec::new();
        for record in records {
            lines.extend_from_slice(record.payload.as_deref().unwrap_or_default());
            lines.push(b'\n');
        }
        Ok(file.write_all(&lines)?)
    }

    async fn take(&self, stage: &Stage, place: &str, least: usize) -> Result<Vec<Record>> {
        let lines = || -> Result<Vec<Vec<u8>>> {
            let bytes = std::fs::read(self.path(place))?;
            let mut lines: Vec<Vec<u8>> =
                bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.pop();
            Ok(lines)
        };
        stage.until("everything is in the file", async || Ok(lines()?.len() >= least)).await?;
        let record = |line: Vec<u8>| Record { payload: Some(line.into()), ..Record::default() };
        Ok(lines()?.into_iter().map(record).collect())
    }

    async fn owed(&self, _: &Stage, _: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        bail!("{fault:?} is not for a peer")
    }
}
