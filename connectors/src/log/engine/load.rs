//! Finding the topics and cursors of a folder that is opened.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::{Engine, TOPICS};
use crate::log::cursors;
use crate::log::error::OpenError;
use crate::log::read::{self, Cursor, Step};
use crate::log::recover;
use crate::log::segment::VERSION;
use crate::log::topic::{self, Topic};
use crate::log::view::{View, lock};

impl Engine {
    pub(super) fn load_cursors(&mut self) -> Result<(), OpenError> {
        let dir = self.topic_dir(cursors::TOPIC);
        let failed = |source| OpenError::Disk { path: dir.clone(), source };
        let fact = match topic::find(&*self.disk, &dir).map_err(failed)? {
            Some(fact) => fact,
            None if self.read_only => return Ok(()),
            None => topic::create(&*self.disk, &dir, 1).map_err(failed)?,
        };
        self.cursors = self.partitions.len();
        let topic = self.load_topic(cursors::TOPIC, fact)?;
        let Some(view) = topic.view(0) else { return Ok(()) };
        let mut cursor = Cursor::at(view.extent().earliest);
        let mut max = 1 << 20;
        loop {
            match read::step(view, &mut cursor, max, false).map_err(failed)? {
                Step::Records(chunk) => {
                    let mut cursors = lock(&self.registry.cursors);
                    chunk.into_records(()).for_each(|record| cursors.replay(&record.message));
                }
                Step::TooSmall(needed) => max = needed.max(max),
                Step::Gap(_) => {}
                Step::End | Step::Cold => return Ok(()),
            }
        }
    }

    pub(super) fn load_topics(&mut self) -> Result<(), OpenError> {
        let dir = self.root.join(TOPICS);
        let failed = |source| OpenError::Disk { path: dir.clone(), source };
        let mut names = match self.disk.list(&dir) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        names.sort_unstable();
        for name in names {
            if !topic::is_valid_name(&name) || name == cursors::TOPIC {
                continue;
            }
            if let Some(fact) = topic::find(&*self.disk, &dir.join(&name)).map_err(failed)? {
                self.load_topic(&name, fact)?;
            }
        }
        Ok(())
    }

    pub(super) fn load_topic(&mut self, name: &str, fact: topic::Fact) -> Result<Topic, OpenError> {
        let dir = self.topic_dir(name);
        let failed = |source| OpenError::Disk { path: dir.clone(), source };
        let shared: Arc<str> = name.into();
        let first = self.partitions.len();
        let mut views = Vec::new();
        for number in 0..fact.partitions {
            let folder = topic::partition_dir(&dir, number);
            if !self.read_only {
                self.disk.create_dir(&folder).map_err(failed)?;
            }
            let view = View::new(
                self.disk.clone(),
                shared.clone(),
                fact.incarnation,
                number,
                folder,
                self.read_only,
            );
            let view = Arc::new(view);
            if let Some(recover::LaterVersion(found)) =
                recover::later_version(&view).map_err(failed)?
            {
                return Err(OpenError::Version { path: dir, found, known: VERSION });
            }
            let floor = self.wanted(name, number, fact.incarnation);
            let partition =
                recover::recover(view.clone(), self.rules(name), floor).map_err(failed)?;
            self.partitions.push(partition);
            views.push(view);
        }
        let inner =
            topic::Inner { name: shared, incarnation: fact.incarnation, partitions: views, first };
        let topic = Topic { inner: Arc::new(inner) };
        lock(&self.registry.topics).insert(name.to_owned(), topic.clone());
        Ok(topic)
    }

    /// The greatest cursor of a partition: records that a group is past must not get their offsets again. In topics of our
    /// own a cursor may be any number.
    fn wanted(&self, topic: &str, partition: u32, incarnation: Uuid) -> u64 {
        if !topic::is_open_to_files(topic) {
            return 0;
        }
        let groups = lock(&self.registry.cursors).of(topic, partition, incarnation);
        groups.iter().map(|(_, offset)| *offset).max().unwrap_or(0)
    }
}
