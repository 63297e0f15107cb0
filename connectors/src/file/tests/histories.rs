//! Random histories of a log file that is appended to and rotated while its source is restarted.

use std::collections::{BTreeSet, HashMap};

use hybridge_core::AssignmentId;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Appends so many lines, and the beginning of another one.
    Append { lines: usize, begin: bool },
    /// The file gets another name that matches, and a new one takes its place.
    Rotate,
    /// Everything was read: the file is cut.
    Cut,
    /// Settles every `keep`-th delivery not, the others are; then the source is made anew.
    Restart { keep: usize, flush: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..400_usize, any::<bool>()).prop_map(|(lines, begin)| Step::Append { lines, begin }),
        1 => Just(Step::Rotate),
        1 => Just(Step::Cut),
        2 => (2..9_usize, any::<bool>()).prop_map(|(keep, flush)| Step::Restart { keep, flush }),
    ];
    proptest::collection::vec(step, 1..12)
}

/// A writer whose lines are numbers, and the reader beside it.
struct History {
    bench: Bench,
    reader: Reader,
    next: usize,
    begun: bool,
    rotated: usize,
    seen: BTreeSet<usize>,
    /// Where the next line of each assignment must start.
    expected: HashMap<AssignmentId, u64>,
}

impl History {
    async fn new() -> Self {
        let bench = Bench::new("a.log*", "lines");
        let reader = bench.source().await;
        let (seen, expected) = (BTreeSet::new(), HashMap::new());
        Self { bench, reader, next: 0, begun: false, rotated: 0, seen, expected }
    }

    fn line(&mut self) -> String {
        self.next += 1;
        let number = self.next - 1;
        format!("{number} {}\n", "x".repeat(number % 300))
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.begun) {
            self.bench.append("a.log", "\n");
        }
    }

    fn append(&mut self, lines: usize, begin: bool) {
        self.end_line();
        let mut text: String = (0..lines).map(|_| self.line()).collect();
        if begin {
            text += self.line().trim_end();
            self.begun = true;
        }
        self.bench.append("a.log", &text);
    }

    /// Reads until every line that was ended has been seen.
    async fn catch_up(&mut self) {
        let ended = self.next - usize::from(self.begun);
        while (0..ended).any(|number| !self.seen.contains(&number)) {
            self.reader.read(1).await;
            let from = self.reader.open.len() - self.reader.open.len().min(512);
            for delivery in &self.reader.open[from..] {
                let body = body(delivery);
                let number = body.split(' ').next().unwrap().parse().unwrap();
                let start = delivery.message.origin.offset;
                let before =
                    self.expected.insert(delivery.assignment.id(), start + body.len() as u64 + 1);
                let is_again = before.is_some_and(|before| before > start);
                assert!(is_again || before.is_none_or(|before| before == start), "a gap");
                self.seen.insert(number);
            }
        }
    }

    async fn restart(&mut self, keep: usize, flush: bool) {
        let settled = (0..self.reader.open.len()).filter(|index| index % keep != keep - 1);
        self.reader.settle(settled);
        if flush {
            self.reader.flush().await;
        }
        self.reader = self.bench.source().await;
        self.expected.clear();
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Append { lines, begin } => self.append(lines, begin),
            Step::Rotate => {
                self.end_line();
                self.rotated += 1;
                let (from, to) = ("a.log", format!("a.log.{}", self.rotated));
                if self.bench.path(from).exists() {
                    fs::rename(self.bench.path(from), self.bench.path(&to)).unwrap();
                }
            }
            Step::Cut => {
                self.end_line();
                self.catch_up().await;
                self.reader.finish().await;
                fs::write(self.bench.path("a.log"), "").unwrap();
                // Seen while it is empty; what is filled in unseen may look like more of the same.
                self.reader.nothing().await;
            }
            Step::Restart { keep, flush } => self.restart(keep, flush).await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn every_line_comes_and_none_again_after_all_are_settled(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut history = History::new().await;
            for step in steps {
                history.step(step).await;
            }
            history.end_line();
            history.catch_up().await;
            // A restart reads again what was not settled, and then all is.
            history.restart(3, true).await;
            history.reader.listen().await;
            history.reader.finish().await;
            history.restart(1, false).await;
            history.reader.nothing().await;
        });
    }
}
