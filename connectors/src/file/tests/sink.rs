use hybridge_config::connector::file::SinkConfig;
use hybridge_core::testing::message;
use hybridge_core::{Message, Sink};

use super::*;

fn sink_config(path: PathBuf, more: serde_json::Value) -> SinkConfig {
    let mut config = serde_json::json!({ "path": path, "format": "lines" });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn made(config: &SinkConfig) -> Box<dyn Sink> {
    super::super::sink(config, "r", "t")
}

fn batch(bodies: &[&str]) -> Vec<Message> {
    let numbered = bodies.iter().zip(0..).map(|(body, offset)| {
        let mut message = message("", body);
        message.origin.offset = offset;
        message
    });
    numbered.collect()
}

async fn kinds(sink: &dyn Sink, bodies: &[&str]) -> Vec<Option<ErrorKind>> {
    let results = sink.send(&batch(bodies)).await;
    results.into_iter().map(|result| result.err().map(|error| error.kind())).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn lines_are_appended_and_a_torn_one_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    append(&path, "whole\nto");
    let sink = made(&sink_config(path.clone(), serde_json::json!({})));
    sink.probe().await.unwrap();
    let rejected = Some(ErrorKind::Rejected);
    assert_eq!(kinds(&*sink, &["1", "no\nline", "3"]).await, [None, rejected, None]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nto\n1\n3\n");

    let second = made(&sink_config(path.clone(), serde_json::json!({})));
    assert_eq!(kinds(&*second, &["x"]).await, [Some(ErrorKind::Transient)]);
    sink.close().await;
    assert_eq!(kinds(&*second, &["x"]).await, [None]);
}

#[tokio::test]
async fn batches_that_wait_are_written_together_and_each_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let sink = made(&sink_config(path.clone(), serde_json::json!({})));
    let batches: Vec<Vec<Message>> =
        (0..50).map(|number| batch(&[&format!("{number} a"), &format!("{number} b")])).collect();
    let results =
        futures_util::future::join_all(batches.iter().map(|batch| sink.send(batch))).await;
    assert!(results.into_iter().flatten().all(|result| result.is_ok()));
    let written = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 100);
    assert!(lines.chunks(2).all(|pair| pair[1] == pair[0].replace(" a", " b")));
}

#[tokio::test]
async fn a_full_disk_is_transient_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let sink = made(&sink_config(path.clone(), serde_json::json!({})));
    assert_eq!(kinds(&*sink, &["1"]).await, [Some(ErrorKind::Transient)]);
    fs::remove_file(&path).unwrap();
    assert_eq!(kinds(&*sink, &["1"]).await, [None]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
}

#[tokio::test]
async fn a_file_is_rotated_by_size_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let sink = made(&sink_config(path.clone(), serde_json::json!({ "rotate": { "bytes": "8B" } })));
    assert_eq!(kinds(&*sink, &["111", "222"]).await, [None, None]);
    assert_eq!(kinds(&*sink, &["333"]).await, [None]);
    assert_eq!(kinds(&*sink, &["a line beyond the size"]).await, [None]);
    assert_eq!(kinds(&*sink, &["4"]).await, [None]);
    let mut files: Vec<String> = names(folder.path());
    assert_eq!(files.remove(0), "out");
    let old = files.iter().map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
    let mut old: Vec<String> = old.collect();
    old.sort();
    assert_eq!(old, ["111\n222\n", "333\n", "a line beyond the size\n"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "4\n");
}

#[tokio::test]
async fn a_file_is_rotated_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let rotate = serde_json::json!({ "rotate": { "age": "1ms" } });
    let sink = made(&sink_config(path.clone(), rotate));
    assert_eq!(kinds(&*sink, &["1"]).await, [None]);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(kinds(&*sink, &["2"]).await, [None]);
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), names(folder.path()).len()),
        ("2\n", 2)
    );
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let sink = made(&sink_config(path.clone(), serde_json::json!({})));
    assert_eq!(kinds(&*sink, &["1"]).await, [None]);
    fs::rename(&path, folder.path().join("moved")).unwrap();
    assert_eq!(kinds(&*sink, &["2"]).await, [None]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
}

#[tokio::test]
async fn one_file_a_message_and_the_same_file_when_it_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/out");
    let sink = made(&sink_config(path.clone(), serde_json::json!({ "format": "whole" })));
    sink.probe().await.unwrap();
    assert_eq!(kinds(&*sink, &["a\nb", "2"]).await, [None, None]);
    assert_eq!(kinds(&*sink, &["a\nb", "2"]).await, [None, None]);
    let mut event = message("", "{}");
    event.attributes.set("specversion".into(), "1.0".into());
    event.attributes.set("datacontenttype".into(), "application/json".into());
    event.origin.offset = 7;
    assert!(sink.send(&[event]).await[0].is_ok());
    let names = names(&path);
    let contents: Vec<String> =
        names.iter().map(|name| fs::read_to_string(path.join(name)).unwrap()).collect();
    assert_eq!(contents[..2], ["a\nb", "2"]);
    assert_eq!(
        contents[2],
        r#"{"specversion":"1.0","datacontenttype":"application/json","data":{}}"#
    );
    assert!(names[0].ends_with(".bin") && names[2].ends_with(".json") && names.len() == 3);

    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "in the way").unwrap();
    assert_eq!(kinds(&*sink, &["1", "2"]).await, [Some(ErrorKind::Transient); 2]);
}
