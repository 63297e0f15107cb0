//! Positions as cursors of the embedded log.

use futures_util::future::{LocalBoxFuture, try_join_all};
use hybridge_core::{Error, ErrorKind};

use super::{Numbers, Positions, Saving};
use crate::log::{Store, Topic, WriteError};

/// The topic whose cursors they are; it has no records.
const TOPIC: &str = "__positions";

/// Keeps each name as a consumer group of [`TOPIC`], and its numbers as the cursors of partitions.
pub(crate) struct InLog {
    store: Store,
    topic: Option<Topic>,
}

impl InLog {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, topic: None }
    }
}

impl Positions for InLog {
    fn open(&mut self) -> LocalBoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            let topic = self.store.topic(TOPIC).await.map_err(failed)?;
            self.topic = Some(topic);
            Ok(())
        })
    }

    fn get(&self, name: &str, count: usize) -> Numbers {
        let Some(topic) = &self.topic else { return Numbers::new() };
        (0..count as u32).map_while(|number| self.store.cursor(name, topic, number)).collect()
    }

    fn save(&self, changes: Vec<(String, Numbers)>) -> Saving {
        let (store, topic) = (self.store.clone(), self.topic.clone());
        Box::pin(async move {
            let Some(topic) = topic else {
                return Err(Error::new(ErrorKind::Fatal, "positions are not open"));
            };
            // All at once, so that the log syncs them together.
            let saves =
                changes.into_iter().map(|(name, numbers)| save(&store, &topic, name, numbers));
            try_join_all(saves).await.map_err(failed)?;
            Ok(())
        })
    }
}

async fn save(
    store: &Store,
    topic: &Topic,
    name: String,
    numbers: Numbers,
) -> Result<(), WriteError> {
    if numbers.is_empty() {
        return store.forget(&name, topic).await;
    }
    let cursors: Vec<(u32, u64)> = (0..).zip(numbers).collect();
    store.commit(&name, topic, &cursors).await
}

fn failed(error: WriteError) -> Error {
    Error::with_source(ErrorKind::Transient, "saving positions", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Options;

    #[tokio::test]
    async fn numbers_are_there_after_a_restart_and_gone_when_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let open = async || {
            let store = Store::open(folder.path(), Options::default()).unwrap();
            let mut positions = InLog::new(store.clone());
            positions.open().await.unwrap();
            (store, positions)
        };
        let (store, positions) = open().await;
        let changes = vec![("a/b".to_owned(), vec![7, 8, 9]), ("a/c".to_owned(), vec![1])];
        positions.save(changes).await.unwrap();
        positions.save(vec![("a/b".to_owned(), vec![3, 8, 9])]).await.unwrap();
        store.close();
        drop((store, positions));
        let (_store, positions) = open().await;
        assert_eq!((positions.get("a/b", 3), positions.get("a/c", 1)), (vec![3, 8, 9], vec![1]));
        positions.save(vec![("a/b".to_owned(), Vec::new())]).await.unwrap();
        assert_eq!((positions.get("a/b", 3), positions.get("a/c", 1)), (vec![], vec![1]));
    }
}
