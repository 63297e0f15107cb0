//! A route of the real daemon from Kafka to Kafka.

use std::time::Duration;

use anyhow::Result;

use super::{Record, cluster, committed, consume, copier, numbered, produce, whole_and_in_order};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_in_order_and_is_committed() -> Result<()> {
    let kafka = cluster(4).await?;
    let records = numbered(20_000);
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", "")?;
    daemon.start_ready().await?;
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    assert_eq!(arrived.len(), records.len(), "nothing comes twice without a fault");
    whole_and_in_order(&arrived, records.len())?;
    daemon.terminate(LONG).await?;
    let positions = committed(&kafka, "copy", "in", 4)?;
    assert_eq!(positions.iter().flatten().sum::<i64>(), 20_000, "{positions:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f010_f025_a_record_keeps_its_key_and_a_null_value() -> Result<()> {
    let kafka = cluster(3).await?;
    let header = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
    let time = Some(1_700_000_000_123);
    let records = [
        Record {
            key: Some(vec![0, 0xff]),
            value: Some(vec![0xfe, 0]),
            headers: vec![
                header("a", Some(b"1")),
                header("null", None),
                header("a", Some(&[0xff, 0])),
                header("empty", Some(b"")),
                header("ce_specversion", Some(b"1.0")),
            ],
            time,
            partition: 0,
        },
        Record { key: Some(b"k".to_vec()), value: None, time, partition: 1, ..Record::default() },
        Record { key: None, value: Some(Vec::new()), time, partition: 2, ..Record::default() },
        Record {
            key: Some(Vec::new()),
            value: Some(b"x".to_vec()),
            time,
            partition: 2,
            ..Record::default()
        },
    ];
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", ", partition: keep")?;
    daemon.start_ready().await?;
    let mut arrived = consume(&kafka, "out", records.len(), LONG)?;
    for record in &mut arrived {
        let (name, _) = record.headers.pop().unwrap_or_default();
        assert_eq!(name, "hybridge-via");
    }
    arrived.sort_by_key(|record| record.partition);
    assert_eq!(arrived, records);
    Ok(())
}
