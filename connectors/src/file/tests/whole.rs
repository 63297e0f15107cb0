use super::*;

#[tokio::test]
async fn each_file_is_one_message_and_is_remembered() {
    let bench = Bench::new("in", "whole");
    fs::create_dir(bench.path("in")).unwrap();
    fs::write(bench.path("in/a"), "1\n2\n").unwrap();
    fs::write(bench.path("in/b"), "").unwrap();
    let mut reader = bench.source().await;
    assert_eq!(reader.read(2).await, ["1\n2\n", ""]);
    assert!(reader.open[0].message.origin.place.topic.ends_with("in/a"));
    reader.settle([0]);
    reader.flush().await;
    let mut reader = bench.source().await;
    assert_eq!(reader.read(1).await, [""]);
    reader.finish().await;
    fs::write(bench.path("in/c"), "new").unwrap();
    assert_eq!(reader.read(1).await, ["new"]);
    // What is gone is forgotten.
    reader.finish().await;
    fs::remove_file(bench.path("in/a")).unwrap();
    reader.nothing().await;
    reader.flush().await;
    assert_eq!(bench.positions.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_is_put_away_only_once_it_is_settled() {
    let mut bench = Bench::new("in/*", "whole");
    bench.config.after = After::Remove;
    fs::create_dir(bench.path("in")).unwrap();
    fs::write(bench.path("in/a"), "1").unwrap();
    fs::write(bench.path("in/b"), "2").unwrap();
    let mut reader = bench.source().await;
    reader.read(2).await;
    reader.settle([1]);
    reader.flush().await;
    assert!(bench.path("in/a").exists() && !bench.path("in/b").exists());

    bench.config.after = After::Move(bench.path("done"));
    fs::create_dir(bench.path("done")).unwrap();
    fs::write(bench.path("done/a"), "earlier").unwrap();
    let mut reader = bench.source().await;
    reader.read(1).await;
    reader.finish().await;
    assert_eq!(fs::read(bench.path("done/a.1")).unwrap(), b"1");
    assert!(!bench.path("in/a").exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_put_away_is_not_flushed_until_it_can() {
    let mut bench = Bench::new("in/*", "whole");
    bench.config.after = After::Move(bench.path("done"));
    fs::create_dir(bench.path("in")).unwrap();
    fs::write(bench.path("in/a"), "1").unwrap();
    fs::write(bench.path("done"), "in the way").unwrap();
    let mut reader = bench.source().await;
    reader.read(1).await;
    reader.settle([0]);
    reader.source.flush();
    reader.nothing().await;
    assert!(bench.path("in/a").exists());
    fs::remove_file(bench.path("done")).unwrap();
    while !matches!(reader.event().await, Event::Flushed) {}
    assert!(bench.path("done/a").exists());
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_a_fault_and_once_ends() {
    let mut bench = Bench::new("in/*", "whole");
    bench.config.max_message = "10B".parse().unwrap();
    bench.config.once = true;
    fs::create_dir(bench.path("in")).unwrap();
    fs::write(bench.path("in/a"), "0123456789x").unwrap();
    fs::write(bench.path("in/b"), "0123456789").unwrap();
    let mut reader = bench.source().await;
    assert_eq!(reader.read_to_end().await, ["0123456789", "0123456789"]);
    assert_eq!(reader.open[0].fault.as_ref().map(|f| f.kind()), Some(ErrorKind::Rejected));
    assert!(reader.open[1].fault.is_none());
}

#[tokio::test]
async fn without_memory_for_two_files_they_come_one_after_the_other() {
    let mut bench = Bench::new("in/*", "whole");
    bench.budget = Pool::new(0).route(2000, 2000);
    fs::create_dir(bench.path("in")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(bench.path(&format!("in/{name}")), name.repeat(1500)).unwrap();
    }
    let mut reader = bench.source().await;
    for name in ["a", "b", "c"] {
        assert_eq!(reader.read(1).await, [name.repeat(1500)]);
        reader.nothing().await;
        reader.finish().await;
    }
}
