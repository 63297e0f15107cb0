use super::*;

#[tokio::test]
async fn lines_come_as_the_file_grows_and_a_partial_one_waits() {
    let bench = Bench::new("*.log", "lines");
    bench.append("a.log", "one\r\n\ntw");
    let mut reader = bench.source().await;
    assert_eq!(reader.read(2).await, ["one", ""]);
    reader.nothing().await;
    bench.append("a.log", "o\n\u{e9}");
    assert_eq!(reader.read(1).await, ["two"]);
    let last = &reader.open[2].message;
    assert_eq!((last.origin.offset, &*last.origin.place.connector), (6, "file"));
    reader.nothing().await;
    assert_eq!(reader.source.lag(), Some(0), "a partial line is no message");
    bench.append("b.log", "other\n");
    assert_eq!(reader.read(1).await, ["other"]);
}

#[tokio::test]
async fn a_restart_goes_on_behind_the_last_line_without_a_gap_before_it() {
    let bench = Bench::new("a.log", "lines");
    bench.append("a.log", "1\n2\n3\n4\n");
    let mut reader = bench.source().await;
    assert_eq!(reader.read(4).await, ["1", "2", "3", "4"]);
    reader.settle([0, 1, 3]);
    reader.flush().await;
    let mut reader = bench.source().await;
    assert_eq!(reader.read(2).await, ["3", "4"]);
    reader.finish().await;
    bench.append("a.log", "5\n");
    let mut reader = bench.source().await;
    assert_eq!(reader.read(1).await, ["5"]);
}

#[tokio::test]
async fn what_is_settled_is_saved_soon_though_nobody_asks() {
    let bench = Bench::new("a.log", "lines");
    bench.append("a.log", "1\n2\n3\n");
    let mut reader = bench.source().await;
    reader.read(3).await;
    reader.settle([0, 1]);
    while bench.positions.0.lock().unwrap().is_empty() {
        reader.nothing().await;
    }
    assert_eq!(bench.source().await.read(1).await, ["3"]);
}

#[tokio::test]
async fn a_flush_that_fails_is_tried_again_and_nothing_is_lost() {
    let bench = Bench::new("a.log", "lines");
    bench.append("a.log", "1\n2\n");
    let mut reader = bench.source().await;
    reader.read(2).await;
    reader.settle([0, 1]);
    bench.positions.fail(true);
    reader.source.flush();
    reader.nothing().await;
    assert!(bench.positions.0.lock().unwrap().is_empty());
    bench.positions.fail(false);
    while !matches!(reader.event().await, Event::Flushed) {}
    assert_eq!(bench.positions.0.lock().unwrap().values().next().unwrap()[0], 4);
}

#[tokio::test]
async fn rotation_by_rename_reads_the_old_file_to_its_end_and_then_the_new_one() {
    let bench = Bench::new("a.log", "lines");
    bench.append("a.log", "1\n");
    let mut reader = bench.source().await;
    assert_eq!(reader.read(1).await, ["1"]);
    fs::rename(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    bench.append("a.log.1", "2\n");
    bench.append("a.log", "3\n");
    let mut got = reader.read(2).await;
    got.sort();
    assert_eq!(got, ["2", "3"]);
    // Who writes to it may notice late.
    bench.append("a.log.1", "4\n");
    assert_eq!(reader.read(1).await, ["4"]);
    reader.finish().await;
    let mut reader = bench.source().await;
    reader.nothing().await;
}

#[tokio::test]
async fn a_renamed_file_that_still_matches_is_not_read_again() {
    let bench = Bench::new("a.log*", "lines");
    bench.append("a.log", "1\n");
    let mut reader = bench.source().await;
    reader.read(1).await;
    reader.finish().await;
    drop(reader);
    fs::rename(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    bench.append("a.log", "2\n");
    let mut reader = bench.source().await;
    assert_eq!(reader.read(1).await, ["2"]);
    reader.nothing().await;
}

#[tokio::test]
async fn rotation_by_truncation_starts_anew_and_still_settles_what_was_read() {
    let bench = Bench::new("a.log", "lines");
    bench.append("a.log", "1\n2\n3\n");
    let mut reader = bench.source().await;
    reader.read(3).await;
    fs::write(bench.path("a.log"), "x\n").unwrap();
    assert_eq!(reader.read(1).await, ["x"]);
    let (old, new) = (reader.open[0].assignment.clone(), reader.open[3].assignment.clone());
    assert!(old.is_live() && old.id() != new.id());
    assert_ne!(old.place().incarnation, new.place().incarnation);
    reader.settle([0, 1, 2]);
    assert!(matches!(reader.event().await, Event::Lost(lost) if lost.id() == old.id()));
    reader.flush().await;
    let mut reader = bench.source().await;
    assert_eq!(reader.read(1).await, ["x"]);
    reader.finish().await;
    // Cut and filled beyond the old position while nobody looked.
    drop(reader);
    fs::write(bench.path("a.log"), "y1\ny2\n").unwrap();
    let mut reader = bench.source().await;
    assert_eq!(reader.read(2).await, ["y1", "y2"]);
}

#[tokio::test]
async fn once_ends_behind_the_last_line_also_without_a_newline() {
    let mut bench = Bench::new("*", "json_lines");
    bench.config.once = true;
    bench.append("a", "{\"a\":1}\n\n  \n{\"a\":");
    bench.append("b", "2\n3");
    bench.append("c", "");
    let mut reader = bench.source().await;
    let mut got = reader.read_to_end().await;
    got.sort();
    assert_eq!(got, ["2", "3", "{\"a\":", "{\"a\":1}"]);
    let faults = reader.open.iter().filter_map(|delivery| delivery.fault.as_ref());
    assert_eq!(faults.map(|fault| fault.kind()).collect::<Vec<_>>(), [ErrorKind::Rejected]);
    reader.finish().await;
    let mut reader = bench.source().await;
    assert_eq!(reader.read_to_end().await, Vec::<String>::new());
}

#[tokio::test]
async fn once_without_any_file_ends() {
    let mut bench = Bench::new("none/*", "lines");
    bench.config.once = true;
    assert_eq!(bench.source().await.read_to_end().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_line_beyond_the_limit_is_a_fault_that_holds_the_position() {
    let mut bench = Bench::new("a.log", "lines");
    bench.config.max_message = "100KiB".parse().unwrap();
    let long = "x".repeat(300 << 10);
    bench.append("a.log", &format!("1\n{long}\n{}\n3\n", &long[..100 << 10]));
    let mut reader = bench.source().await;
    let got = reader.read(4).await;
    assert_eq!(got.iter().map(String::len).collect::<Vec<_>>(), [1, 100 << 10, 100 << 10, 1]);
    let faults: Vec<bool> = reader.open.iter().map(|delivery| delivery.fault.is_some()).collect();
    assert_eq!(faults, [false, true, false, false]);
    reader.settle([0, 2, 3]);
    reader.flush().await;
    assert_eq!(bench.source().await.read(1).await[0].len(), 100 << 10);
}

#[tokio::test]
async fn a_first_start_at_the_end_is_remembered() {
    let mut bench = Bench::new("*.log", "lines");
    bench.config.start = Start::End;
    bench.append("a.log", "old\nbegin");
    let mut reader = bench.source().await;
    reader.nothing().await;
    bench.append("a.log", "ning\n");
    bench.append("b.log", "new\n");
    let mut got = reader.read(2).await;
    got.sort();
    assert_eq!(got, ["beginning", "new"]);
    drop(reader);
    bench.append("c.log", "while down\n");
    let mut got = bench.source().await.read(3).await;
    got.sort();
    assert_eq!(got, ["beginning", "new", "while down"]);
}

#[tokio::test]
async fn a_file_without_permits_lets_others_pass_and_its_cap_holds_it() {
    let mut bench = Bench::new("*.log", "lines");
    bench.cap = 10;
    let lines: String = (0..30).map(|number| format!("{number}\n")).collect();
    bench.append("a.log", &lines);
    bench.append("b.log", &lines);
    let mut reader = bench.source().await;
    assert_eq!(reader.read(20).await.len(), 20);
    reader.nothing().await;
    // 40 lines are left; the first ones were shorter.
    let lag = reader.source.lag().unwrap();
    assert!((40..80).contains(&lag), "{lag}");
    let topics = |reader: &Reader, from: usize| {
        let topic = |d: &Delivery| d.message.origin.place.topic.ends_with("a.log");
        reader.open[from..].iter().filter(|d| topic(d)).count()
    };
    assert_eq!(topics(&reader, 0), 10);
    let first: Vec<usize> = (0..20)
        .filter(|index| reader.open[*index].message.origin.place.topic.ends_with("a.log"))
        .collect();
    reader.settle(first);
    assert_eq!(reader.read(10).await.len(), 10);
    assert_eq!(topics(&reader, 20), 10);
}

#[tokio::test]
async fn little_memory_is_enough() {
    let mut bench = Bench::new("*.log", "lines");
    bench.budget = Pool::new(0).route(1200, 1200);
    let lines: String = (0..500).map(|number| format!("{number}\n")).collect();
    bench.append("a.log", &lines);
    bench.append("b.log", &lines);
    bench.config.once = true;
    let mut reader = bench.source().await;
    let mut got = 0;
    while got < 1000 {
        got += reader.read(1).await.len();
        assert!(bench.budget.held() <= 1200, "{}", bench.budget.held());
        reader.settle(0..reader.open.len());
        reader.open.clear();
    }
    assert_eq!(got, 1000);
}

/// The file was never read again: what said that it had no permit outlived the last release.
#[tokio::test]
async fn what_was_given_back_between_two_calls_is_noticed() {
    let mut bench = Bench::new("a.log", "lines");
    bench.budget = Pool::new(0).route(1200, 1200);
    bench.append("a.log", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n");
    let mut reader = bench.source().await;
    let mut got = reader.read(9).await.len();
    assert!(got < 12, "memory for a part of the lines");
    let starved = timeout(Duration::from_millis(50), reader.source.next()).await;
    assert!(starved.is_err(), "no memory for more");
    reader.settle(0..reader.open.len());
    reader.open.clear();
    got += reader.read(12 - got).await.len();
    assert_eq!(got, 12);
    reader.settle(0..reader.open.len());
    reader.open.clear();
    bench.append("a.log", "13\n");
    assert_eq!(reader.read(1).await, ["13"]);
}

#[tokio::test]
async fn a_next_that_is_dropped_loses_nothing() {
    let bench = Bench::new("*.log", "lines");
    let mut expected = Vec::new();
    for name in ["a.log", "b.log"] {
        let lines: Vec<String> = (0..20_000).map(|number| format!("{name} {number}")).collect();
        bench.append(name, &(lines.join("\n") + "\n"));
        expected.extend(lines);
    }
    let mut reader = bench.source().await;
    let mut got = Vec::new();
    while got.len() < expected.len() {
        match futures_util::FutureExt::now_or_never(reader.source.next()) {
            Some(Ok(Event::Deliveries(deliveries))) => {
                got.extend(deliveries.iter().map(body));
                let settled: Vec<_> =
                    deliveries.iter().map(|d| (d.tag, Outcome::Delivered)).collect();
                reader.source.settle(&settled);
                reader.source.flush();
            }
            Some(other) => drop(other.unwrap()),
            None => tokio::task::yield_now().await,
        }
    }
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}
