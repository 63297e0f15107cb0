//! Damage of single files: whatever is changed, the log opens, and every record that was not hit is still there.

use super::*;

/// A small log of three segments, closed properly, and its records.
fn small_log() -> (BTreeMap<PathBuf, Vec<u8>>, BTreeMap<u64, Vec<u8>>) {
    let disk = Model::new(1);
    let options = small_with(230);
    let mut engine = open(&disk, &options).unwrap();
    let topic = topic(&mut engine, "t").unwrap();
    for number in 0..7_u8 {
        let payload = vec![b'a' + number; 3 + usize::from(number)];
        append(&mut engine, &topic, &[&payload], i64::from(number)).unwrap();
    }
    commit(&mut engine, &topic, "g", 3).unwrap();
    commit(&mut engine, &topic, "g", 5).unwrap();
    let (records, gaps) = read_all(&topic);
    assert_eq!((records.len(), gaps.len()), (7, 0));
    drop(engine);
    assert!(segment_files(&disk).len() >= 3);
    let mut files = disk.files();
    // Only its length counts, and it is long.
    files.remove(&Path::new(ROOT).join("reserve"));
    (files, records)
}

/// Opens what is left and checks it: at most one record is missing, and each missing one that others follow is reported.
fn check(
    files: &BTreeMap<PathBuf, Vec<u8>>,
    written: &BTreeMap<u64, Vec<u8>>,
    may_lose: usize,
    may_reuse: bool,
    what: &str,
) {
    let disk = Model::with_files(files);
    let options = Options { reserve_bytes: 0, ..small_with(230) };
    let mut engine = open(&disk, &options).unwrap_or_else(|error| panic!("{what}: {error}"));
    let topic = topic(&mut engine, "t").unwrap();
    let (found, gaps) = read_from(&topic, 0);
    let lost: Vec<u64> =
        written.keys().filter(|offset| !found.contains_key(offset)).copied().collect();
    assert!(lost.len() <= may_lose, "{what}: lost {lost:?}");
    for (offset, payload) in &found {
        assert_eq!(written.get(offset), Some(payload), "{what}: record {offset} is another one");
    }
    let last = found.keys().last().copied().unwrap_or(0);
    for offset in &lost {
        let reported = gaps.iter().any(|gap| (gap.from..gap.to).contains(offset));
        assert!(reported || *offset > last, "{what}: {offset} is missing silently");
    }
    assert!(cursor(&engine, &topic, "g").is_none_or(|offset| offset == 3 || offset == 5), "{what}");
    // Offsets that somebody may have read are not used again.
    let next = append(&mut engine, &topic, &[b"new"], 100).unwrap();
    assert!(may_reuse || next >= written.len() as u64, "{what}: offset {next} is used again");
    assert_eq!(read_from(&topic, next).0.get(&next).unwrap(), b"new", "{what}");
}

#[test]
fn f075_a_flipped_bit_anywhere_costs_at_most_the_record_it_hit() {
    let (files, written) = small_log();
    for (path, content) in &files {
        for at in 0..content.len() {
            let mut damaged = files.clone();
            damaged.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
            let lost = usize::from(path.starts_with("/log/topics/t/0"));
            let what = format!("{} bit at {at}", path.display());
            check(&damaged, &written, lost, false, &what);
        }
    }
}

#[test]
fn f075_a_file_cut_anywhere_keeps_every_record_before_the_cut() {
    let (files, written) = small_log();
    let last = segment_files_of(&files).pop();
    for (path, content) in &files {
        for len in 0..content.len() {
            let mut damaged = files.clone();
            damaged.insert(path.clone(), content[..len].to_vec());
            let is_segment = path.extension().is_some_and(|extension| extension == "seg");
            let lost = if is_segment { behind(content, len) } else { 0 };
            // Nothing tells how much the last segment had.
            let unseen = Some(path) == last.as_ref();
            let what = format!("{} cut to {len}", path.display());
            check(&damaged, &written, lost, unseen, &what);
        }
    }
}

fn segment_files_of(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let of_topic =
        |path: &&PathBuf| path.starts_with("/log/topics/t/0") && path.extension().unwrap() == "seg";
    files.keys().filter(of_topic).cloned().collect()
}

/// Records that end behind `len`.
fn behind(content: &[u8], len: usize) -> usize {
    let mut at = 64;
    let mut lost = 0;
    while at < content.len() {
        at += u32::from_le_bytes(content[at..at + 4].try_into().unwrap()) as usize + 8;
        lost += usize::from(at > len);
    }
    lost
}

#[test]
fn damaged_records_are_kept_aside_and_counted_once() {
    let (mut files, _) = small_log();
    let path = files.keys().find(|path| path.ends_with("topics/t/0/00000000000000000000.seg"));
    let path = path.unwrap().clone();
    files.get_mut(&path).unwrap()[64 + 50] ^= 4;
    let disk = Model::with_files(&files);
    for _ in 0..2 {
        let mut engine = open(&disk, &small()).unwrap();
        let topic = topic(&mut engine, "t").unwrap();
        let (records, gaps) = read_from(&topic, 0);
        assert_eq!(gaps, [Gap { from: 0, to: 1, cause: Cause::Damaged }]);
        assert_eq!(records.len(), 6);
        read_from(&topic, 0);
        assert_eq!(topic.view(0).unwrap().damaged(), (1, 1));
    }
    let kept: Vec<_> = disk
        .files()
        .into_iter()
        .filter(|(p, _)| p.to_string_lossy().contains("quarantine"))
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].1, files[&path][64..64 + 51]);
}

#[test]
fn a_copy_of_a_segment_inside_a_record_is_not_taken_for_records() {
    let disk = Model::new(1);
    let options = small_with(1 << 20);
    let mut engine = open(&disk, &options).unwrap();
    let from = topic(&mut engine, "from").unwrap();
    let to = topic(&mut engine, "to").unwrap();
    for _ in 0..5 {
        append(&mut engine, &from, &[b"inner"], 0).unwrap();
    }
    let copy = segment_files(&disk).into_values().next().unwrap();
    append(&mut engine, &to, &[&copy], 0).unwrap();
    append(&mut engine, &to, &[b"after"], 0).unwrap();
    drop(engine);
    let mut files = disk.files();
    let path = files.keys().find(|path| path.ends_with("topics/to/0/00000000000000000000.seg"));
    files.get_mut(&path.unwrap().clone()).unwrap()[64 + 9] ^= 1;
    let disk = Model::with_files(&files);
    let mut engine = open(&disk, &options).unwrap();
    let (records, gaps) = read_from(&topic(&mut engine, "to").unwrap(), 0);
    assert_eq!(records, BTreeMap::from([(1, b"after".to_vec())]));
    assert_eq!(gaps, [Gap { from: 0, to: 1, cause: Cause::Damaged }]);
}

#[test]
fn a_later_format_is_refused() {
    let disk = Model::new(1);
    drop(open(&disk, &small()).unwrap());
    let mut files = disk.files();
    let text = r#"{"version":2,"instance":"00000000-0000-0000-0000-000000000000"}"#;
    let line = format!("{text}\t{:08x}\n\n", crc32c::crc32c(text.as_bytes()));
    files.insert(Path::new(ROOT).join("FORMAT"), line.into_bytes());
    let Err(error) = open(&Model::with_files(&files), &small()) else { panic!("was opened") };
    assert!(matches!(error, OpenError::Version { found: 2, known: 1, .. }), "{error}");
}
