//! Groups, retention, cursors and a full disk.

use super::*;

#[test]
fn f076_one_sync_covers_everything_that_waited() {
    let disk = Model::new(1);
    let mut engine = open(&disk, &Options::default()).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    append(&mut engine, &topic, &[b"first"], 0).unwrap();
    let before = disk.counts();
    let payloads: Vec<Vec<u8>> = (0..100).map(|n: u32| n.to_le_bytes().to_vec()).collect();
    let (requests, answers): (Vec<_>, Vec<_>) =
        payloads.iter().map(|payload| request(&topic, &[payload])).unzip();
    engine.commit(requests, 0);
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.blocking_recv().unwrap()[0].as_ref().unwrap(), &(number as u64 + 1));
    }
    let after = disk.counts();
    assert_eq!((after.syncs - before.syncs, after.writes - before.writes), (1, 1));
}

#[test]
fn f076_nothing_is_visible_or_acknowledged_before_its_sync() {
    let disk = Model::new(1);
    let mut engine = open(&disk, &Options::default()).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    append(&mut engine, &topic, &[b"a"], 0).unwrap();
    disk.fail_syncs(1);
    let error = append(&mut engine, &topic, &[b"lost"], 0).unwrap_err();
    assert!(matches!(error, WriteError::Disk(_)), "{error}");
    assert_eq!(read_all(&topic).0.len(), 1);
    // The next sync succeeds, but does not bring back what the failed one dropped.
    assert_eq!(append(&mut engine, &topic, &[b"b"], 0).unwrap(), 1);
    disk.crash();
    let mut engine = open(&disk, &Options::default()).unwrap();
    let (records, gaps) = read_all(&super::topic(&mut engine, "t").unwrap());
    assert_eq!(records, BTreeMap::from([(0, b"a".to_vec()), (1, b"b".to_vec())]));
    assert!(gaps.is_empty());
}

#[test]
fn f074_a_full_disk_stops_appends_but_not_cursors_and_heals() {
    let disk = Model::new(1);
    let options = small_with(1 << 20);
    let mut engine = open(&disk, &options).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    append(&mut engine, &topic, &[b"a"], 0).unwrap();
    disk.set_capacity(disk.used() + 200);
    let error = append(&mut engine, &topic, &[&[7; 300]], 0).unwrap_err();
    assert!(matches!(error, WriteError::Full), "{error}");
    for offset in 0..20 {
        commit(&mut engine, &topic, "g", offset).unwrap();
    }
    assert!(matches!(append(&mut engine, &topic, &[b"b"], 0), Err(WriteError::Full)));
    assert_eq!(read_all(&topic).0.len(), 1, "reading goes on");
    disk.set_capacity(u64::MAX);
    assert_eq!(append(&mut engine, &topic, &[b"b"], 0).unwrap(), 1);
    drop(engine);
    let mut engine = open(&disk, &options).unwrap();
    let topic = super::topic(&mut engine, "t").unwrap();
    assert_eq!(cursor(&engine, &topic, "g"), Some(19));
    assert_eq!(read_all(&topic).0.len(), 2);
}

#[test]
fn retention_removes_whole_segments_and_tells_readers() {
    let disk = Model::new(1);
    let mut options = small();
    options.defaults.retention.bytes = Some(3000);
    let mut engine = open(&disk, &options).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    for number in 0..100_u64 {
        append(&mut engine, &topic, &[&number.to_le_bytes()], number as i64).unwrap();
    }
    assert_eq!(read_all(&topic).0.len(), 100);
    engine.tidy(100);
    let extent = topic.view(0).unwrap().extent();
    assert!(extent.bytes <= 3000 || extent.segments == 1, "{extent:?}");
    let (records, gaps) = read_from(&topic, 0);
    assert_eq!(gaps, [Gap { from: 0, to: extent.earliest, cause: Cause::Removed }]);
    assert_eq!(
        records.keys().copied().collect::<Vec<_>>(),
        (extent.earliest..100).collect::<Vec<_>>()
    );
}

#[test]
fn what_every_group_has_read_is_removed_and_nothing_else() {
    let disk = Model::new(1);
    let mut options = small();
    options.defaults.retention.until_read = true;
    let mut engine = open(&disk, &options).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    for number in 0..100 {
        append(&mut engine, &topic, &[b"x"], number).unwrap();
    }
    engine.tidy(100);
    assert_eq!(read_all(&topic).0.len(), 100, "no group has read anything");
    commit(&mut engine, &topic, "fast", 100).unwrap();
    commit(&mut engine, &topic, "slow", 50).unwrap();
    engine.tidy(100);
    let earliest = topic.view(0).unwrap().extent().earliest;
    assert!(0 < earliest && earliest <= 50, "{earliest}");
    commit(&mut engine, &topic, "slow", 100).unwrap();
    engine.tidy(100);
    assert_eq!(topic.view(0).unwrap().extent().segments, 1);
}

#[test]
fn retention_by_age_keeps_the_offsets_of_an_emptied_partition() {
    let disk = Model::new(1);
    let mut options = small();
    options.defaults.retention.age = Some(std::time::Duration::from_secs(1));
    let mut engine = open(&disk, &options).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    for number in 0..30 {
        append(&mut engine, &topic, &[b"x"], number).unwrap();
    }
    engine.tidy(1_000);
    assert_eq!(read_all(&topic).0.len(), 30, "not old enough");
    engine.tidy(2_000);
    assert!(read_all(&topic).0.is_empty());
    disk.crash();
    let mut engine = open(&disk, &options).unwrap();
    let topic = super::topic(&mut engine, "t").unwrap();
    assert_eq!(append(&mut engine, &topic, &[b"y"], 3_000).unwrap(), 30);
}

#[test]
fn cursors_survive_compaction_and_the_crash_after_it() {
    let disk = Model::new(3);
    let options = small_with(300 << 10);
    let mut engine = open(&disk, &options).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    let groups: Vec<String> = (0..50).map(|n| format!("group-{n}")).collect();
    for offset in 0..200 {
        for group in &groups {
            commit(&mut engine, &topic, group, offset).unwrap();
        }
    }
    let cursor_bytes = |disk: &Model| -> usize {
        let files = disk.files();
        files
            .iter()
            .filter(|(path, _)| path.starts_with("/log/topics/__cursors"))
            .map(|(_, c)| c.len())
            .sum()
    };
    let before = cursor_bytes(&disk);
    engine.tidy(0);
    assert!(cursor_bytes(&disk) < before / 10, "{} of {before}", cursor_bytes(&disk));
    commit(&mut engine, &topic, "group-0", 1000).unwrap();
    disk.crash();
    let mut engine = open(&disk, &options).unwrap();
    let topic = super::topic(&mut engine, "t").unwrap();
    assert_eq!(cursor(&engine, &topic, "group-0"), Some(1000));
    assert!(groups[1..].iter().all(|group| cursor(&engine, &topic, group) == Some(199)));
}

#[test]
fn a_committed_cursor_survives_a_loss_of_power() {
    for seed in 0..20 {
        let disk = Model::new(seed);
        let mut engine = open(&disk, &small()).unwrap();
        let topic = topic(&mut engine, "t").unwrap();
        append(&mut engine, &topic, &[b"a", b"b", b"c"], 0).unwrap();
        for offset in 1..=3 {
            commit(&mut engine, &topic, "g", offset).unwrap();
        }
        disk.crash();
        drop(engine);
        let mut engine = open(&disk, &small()).unwrap();
        let topic = super::topic(&mut engine, "t").unwrap();
        assert_eq!(cursor(&engine, &topic, "g"), Some(3), "seed {seed}");
    }
}

#[test]
fn a_cursor_ahead_of_the_log_is_not_overtaken_by_new_records() {
    let disk = Model::new(1);
    let mut engine = open(&disk, &small()).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    append(&mut engine, &topic, &[b"a"], 0).unwrap();
    commit(&mut engine, &topic, "g", 40).unwrap();
    drop(engine);
    let mut engine = open(&disk, &small()).unwrap();
    let topic = super::topic(&mut engine, "t").unwrap();
    assert_eq!(append(&mut engine, &topic, &[b"b"], 0).unwrap(), 40);
    let (records, gaps) = read_from(&topic, 0);
    assert_eq!(records.keys().copied().collect::<Vec<_>>(), [0, 40]);
    assert!(gaps.is_empty(), "offsets that were never used are not missed: {gaps:?}");
}

#[test]
fn a_second_open_is_refused_until_the_first_is_closed() {
    let disk = Model::new(1);
    let engine = open(&disk, &small()).unwrap();
    assert!(matches!(open(&disk, &small()), Err(OpenError::Locked(_))));
    drop(engine);
    open(&disk, &small()).unwrap();
}

fn at_intervals() -> Options {
    let fsync = crate::log::Fsync::Interval(std::time::Duration::from_secs(1));
    Options { fsync, ..small() }
}

#[test]
fn with_an_interval_a_killed_process_loses_nothing_and_no_record_waits_for_a_sync() {
    let disk = Model::new(1);
    let mut engine = open(&disk, &at_intervals()).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    let before = disk.counts().syncs;
    append(&mut engine, &topic, &[b"a"], 0).unwrap();
    append(&mut engine, &topic, &[b"b"], 0).unwrap();
    assert_eq!(disk.counts().syncs, before);
    assert!(engine.is_dirty());
    disk.kill();
    drop(engine);
    let mut engine = open(&disk, &at_intervals()).unwrap();
    assert_eq!(read_all(&super::topic(&mut engine, "t").unwrap()).0.len(), 2);
}

#[test]
fn with_an_interval_a_lost_record_does_not_hide_a_later_one_from_a_group() {
    for seed in 0..20 {
        let disk = Model::new(seed);
        let mut engine = open(&disk, &at_intervals()).unwrap();
        let topic = topic(&mut engine, "t").unwrap();
        append(&mut engine, &topic, &[b"a"], 0).unwrap();
        engine.sync().unwrap();
        for _ in 0..30 {
            append(&mut engine, &topic, &[b"may be lost"], 0).unwrap();
        }
        commit(&mut engine, &topic, "g", 31).unwrap();
        disk.crash();
        drop(engine);
        let mut engine = open(&disk, &at_intervals()).unwrap();
        let topic = super::topic(&mut engine, "t").unwrap();
        let wanted = cursor(&engine, &topic, "g").unwrap_or(0);
        let next = append(&mut engine, &topic, &[b"b"], 0).unwrap();
        assert!(next >= wanted, "the group at {wanted} would never see {next}");
        assert_eq!(read_from(&topic, 0).0.get(&0).unwrap(), b"a");
    }
}

#[test]
fn f076_what_is_acknowledged_survives_a_loss_of_power_also_in_a_new_segment() {
    for seed in 0..20 {
        let disk = Model::new(seed);
        let mut engine = open(&disk, &small()).unwrap();
        let topic = topic(&mut engine, "t").unwrap();
        for number in 0..5 {
            append(&mut engine, &topic, &[&[7; 600]], number).unwrap();
        }
        disk.crash();
        drop(engine);
        let mut engine = open(&disk, &small()).unwrap();
        let topic = super::topic(&mut engine, "t").unwrap();
        assert_eq!(read_all(&topic).0.len(), 5, "seed {seed}");
    }
}
