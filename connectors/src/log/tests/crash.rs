//! Random histories with crashes, a full disk and failing calls, against a naive model.
//!
//! The model knows what was acknowledged and what a reader saw. Whatever happens: nothing acknowledged is missing, what a
//! reader saw stays as it was, records stand in the order in which they were appended, and cursors never go back behind
//! an acknowledged commit.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    /// So many requests at once, each of so many records with so many bytes.
    Append {
        requests: usize,
        records: usize,
        size: usize,
    },
    Commit,
    Read,
    Tidy,
    /// Power is lost.
    Crash,
    /// The process is killed.
    Kill,
    /// The process dies after so many more changes, in the middle of something.
    StopAfter(u32),
    FailSyncs(u32),
    FailDirSyncs(u32),
    FailWrites(u32),
    FailTruncates(u32),
    FailRemoves(u32),
    /// So many bytes are left on the disk.
    Fill(u64),
    Heal,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1..4_usize, 1..4_usize, 0..400_usize)
            .prop_map(|(requests, records, size)| Op::Append { requests, records, size }),
        3 => Just(Op::Commit),
        3 => Just(Op::Read),
        1 => Just(Op::Tidy),
        3 => Just(Op::Crash),
        2 => Just(Op::Kill),
        3 => (0..5_u32).prop_map(Op::StopAfter),
        1 => (1..4_u32).prop_map(Op::FailSyncs),
        1 => (1..3_u32).prop_map(Op::FailDirSyncs),
        1 => (1..3_u32).prop_map(Op::FailWrites),
        1 => (1..3_u32).prop_map(Op::FailTruncates),
        1 => (1..3_u32).prop_map(Op::FailRemoves),
        1 => (0..3000_u64).prop_map(Op::Fill),
        2 => Just(Op::Heal),
    ]
}

struct World {
    disk: Model,
    engine: Option<Engine>,
    topic: Option<Topic>,
    number: u32,
    acknowledged: BTreeMap<u64, Vec<u8>>,
    seen: BTreeMap<u64, Vec<u8>>,
    /// The cursor that was acknowledged last, and those that were tried since.
    cursor: u64,
    tried: Vec<u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            disk: Model::new(seed),
            engine: None,
            topic: None,
            number: 0,
            acknowledged: BTreeMap::new(),
            seen: BTreeMap::new(),
            cursor: 0,
            tried: Vec::new(),
        };
        world.start();
        world
    }

    /// Opens the log; while faults are armed that may fail, but never once they are over.
    fn start(&mut self) {
        let opened = open(&self.disk, &small()).ok().and_then(|mut engine| {
            let topic = topic(&mut engine, "t").ok()?;
            Some((engine, topic))
        });
        let (engine, topic) = opened.unwrap_or_else(|| {
            self.disk.kill();
            self.disk.heal();
            let mut engine = open(&self.disk, &small()).unwrap();
            let topic = topic(&mut engine, "t").unwrap();
            (engine, topic)
        });
        self.cursor = cursor(&engine, &topic, "g").unwrap_or(0);
        self.engine = Some(engine);
        self.topic = Some(topic);
    }

    fn restart(&mut self, end: impl Fn(&Model)) {
        // The process is gone before it could tidy up.
        end(&self.disk);
        self.topic = None;
        self.engine = None;
        let acknowledged = self.cursor;
        self.start();
        assert!(
            self.cursor == acknowledged || self.tried.contains(&self.cursor),
            "cursor {} instead of {acknowledged} or {:?}",
            self.cursor,
            self.tried
        );
        self.tried.clear();
        self.read();
    }

    fn engine(&mut self) -> (&mut Engine, Topic) {
        (self.engine.as_mut().unwrap(), self.topic.clone().unwrap())
    }

    fn append(&mut self, requests: usize, records: usize, size: usize) {
        let mut number = self.number;
        let mut payload = || {
            number += 1;
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(4 + size, 7);
            payload
        };
        let batches: Vec<Vec<Vec<u8>>> =
            (0..requests).map(|_| (0..records).map(|_| payload()).collect()).collect();
        self.number = number;
        let (engine, topic) = self.engine();
        let (asked, answers): (Vec<_>, Vec<_>) = batches
            .iter()
            .map(|batch| request(&topic, &batch.iter().map(Vec::as_slice).collect::<Vec<_>>()))
            .unzip();
        engine.commit(asked, i64::from(number));
        for (batch, answer) in batches.into_iter().zip(answers) {
            let Ok(first) = answer.blocking_recv().unwrap().remove(0) else { continue };
            for (offset, payload) in (first..).zip(batch) {
                assert!(self.acknowledged.insert(offset, payload).is_none(), "{offset} twice");
            }
        }
    }

    fn commit(&mut self) {
        let Some(offset) = self.seen.keys().last().map(|last| last + 1) else { return };
        let (engine, topic) = self.engine();
        match super::commit(engine, &topic, "g", offset) {
            Ok(()) => {
                self.cursor = offset;
                self.tried.clear();
            }
            Err(_) => self.tried.push(offset),
        }
    }

    fn read(&mut self) {
        let (_, topic) = self.engine();
        let (found, gaps) = read_from(&topic, 0);
        assert!(gaps.is_empty(), "nothing was damaged: {gaps:?}");
        for (offset, payload) in self.acknowledged.iter().chain(&self.seen) {
            assert_eq!(found.get(offset), Some(payload), "record {offset}");
        }
        assert!(found.values().is_sorted(), "records stand in the order of their appending");
        self.seen = found;
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Append { requests, records, size } => self.append(requests, records, size),
            Op::Commit => self.commit(),
            Op::Read => self.read(),
            Op::Tidy => self.engine().0.tidy(0),
            Op::Crash => self.restart(Model::crash),
            Op::Kill => self.restart(Model::kill),
            Op::StopAfter(n) => self.disk.stop_after(n),
            Op::FailSyncs(n) => self.disk.fail_syncs(n),
            Op::FailDirSyncs(n) => self.disk.fail_dir_syncs(n),
            Op::FailWrites(n) => self.disk.fail_writes(n),
            Op::FailTruncates(n) => self.disk.fail_truncates(n),
            Op::FailRemoves(n) => self.disk.fail_removes(n),
            Op::Fill(left) => self.disk.set_capacity(self.disk.used() + left),
            Op::Heal => self.disk.heal(),
        }
    }
}

/// More than usual, since what is left to find shows in one history of thousands; `PROPTEST_CASES` asks for others.
fn some_cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { usual.cases } else { 1_000 };
    ProptestConfig { cases, ..usual }
}

proptest! {
    #![proptest_config(some_cases())]

    #[test]
    fn acknowledged_records_and_cursors_survive_every_history(
        seed: u64,
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut world = World::new(seed);
        for op in ops {
            world.apply(op);
        }
        world.disk.heal();
        world.restart(Model::crash);
        let before = world.acknowledged.len();
        world.append(1, 1, 10);
        prop_assert_eq!(world.acknowledged.len(), before + 1, "a healed disk takes records");
        world.restart(Model::crash);
    }
}

/// Whatever of an append a killed process had done: what is read after it is there after a power cut too.
#[test]
fn what_a_killed_process_has_left_and_was_read_survives_a_power_cut() {
    let mut shown = 0;
    for (changes, seed) in (0..8).flat_map(|changes| (0..16).map(move |seed| (changes, seed))) {
        let mut world = World::new(seed);
        world.append(1, 1, 50);
        let acknowledged = world.acknowledged.len();
        world.apply(Op::StopAfter(changes));
        world.append(1, 1, 100);
        world.apply(Op::Kill);
        shown += world.seen.len() - acknowledged.min(world.seen.len());
        world.apply(Op::Crash);
    }
    assert!(shown > 0, "no record was left that had not been acknowledged");
}

/// What a process took back before it died, and the next one did not find, is not there after a power cut either.
#[test]
fn what_was_taken_back_and_not_found_stays_away() {
    for (first, then, seed) in (0..8)
        .flat_map(|n| (0..4).map(move |m| (n, m)))
        .flat_map(|(n, m)| (0..8).map(move |s| (n, m, s)))
    {
        let mut world = World::new(seed);
        world.append(1, 1, 50);
        world.read();
        // The file of the first commit is there and its records may be durable; the second one begins by removing it.
        for changes in [first, then] {
            world.apply(Op::StopAfter(changes));
            world.commit();
        }
        world.apply(Op::Kill);
        world.apply(Op::Crash);
    }
}
