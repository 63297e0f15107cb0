//! The commands as their users run them: the real program, its exit codes and its output.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hybridge_connectors::log::{Options, Store};
use hybridge_core::Message;
use serde_json::Value;

fn hybridge(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG");
    command.env_remove("HYBRIDGE_ADMIN_TOKEN");
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder `data` with a topic `orders` of `count` records, and no process on it.
async fn folder(count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("data"), Options::default()).unwrap();
    let topic = store.topic("orders").await.unwrap();
    let message = |number: usize| Message {
        payload: Some(format!("{{\"number\":{number},\"text\":\"{}\"}}", "x".repeat(100)).into()),
        ..Message::default()
    };
    let messages: Vec<_> = (0..count).map(message).collect();
    for result in store.append(&topic, &messages).await {
        result.unwrap();
    }
    store.close();
    folder
}

#[test]
fn what_init_writes_passes_check_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(hybridge(folder.path(), &["init"]).status.code(), Some(0));
    let again = hybridge(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("not overwritten"));

    let checked = hybridge(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert!(
        text(&checked.stdout).starts_with("inbox: http 127.0.0.1:8080 -> cloudevents -> log inbox")
    );
    let checked = hybridge(folder.path(), &["check", "--format", "json"]);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&report["ok"], &report["routes"][0]["route"]), (&true.into(), &"inbox".into()));
}

#[test]
fn a_wrong_configuration_is_78_and_every_problem_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = "hybridge: v1\nroutes:\n  a:\n    fron: { stdio: {} }\nlimits: { memory: 5 }\n";
    std::fs::write(folder.path().join("hybridge.yaml"), wrong).unwrap();
    for arguments in [&["check"][..], &["run"], &["topic", "ls"]] {
        let output = hybridge(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(78), "{arguments:?}");
        let problems = text(&output.stderr);
        assert!(problems.contains("hybridge.yaml:4:5: "), "{problems}");
        assert!(problems.contains("hybridge.yaml:5:"), "{problems}");
    }
    let output = hybridge(folder.path(), &["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(78));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    assert!(report["ok"] == false && problems.iter().any(|problem| problem["line"] == 4));
}

#[test]
fn wrong_usage_is_64() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["chek"][..],
        &[],
        &["topic", "read", "../etc"],
        &["topic", "read", "a", "--offset", "1"],
        &["topic", "ls"],
        &["topic", "ls", "--admin", "localhost"],
        &["--log", "a=b=c", "schema"],
    ] {
        let output = hybridge(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", text(&output.stderr));
    }
    let help = hybridge(folder.path(), &["topic", "tail", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Examples:"));
}

#[tokio::test]
async fn the_folder_of_a_stopped_process_can_be_read() {
    let folder = folder(2500).await;
    let run = |arguments: &[&str]| {
        let output = hybridge(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        output
    };
    let list = run(&["topic", "ls", "--folder", "data"]);
    assert!(text(&list.stdout).contains("orders"), "{}", text(&list.stdout));
    let stat = run(&["topic", "stat", "orders", "--folder", "data", "--format", "json"]);
    let stat: Value = serde_json::from_slice(&stat.stdout).unwrap();
    assert_eq!(stat["partitions"][0]["records"], 2500);

    let read = run(&["topic", "read", "orders", "--folder", "data", "--format", "json"]);
    let offsets: Vec<u64> = text(&read.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["offset"].as_u64().unwrap())
        .collect();
    assert_eq!(offsets, (0..2500).collect::<Vec<_>>());
    let place = ["--folder", "data", "--partition", "0", "--offset", "2490", "--max", "3"];
    let some = run(&[&["topic", "read", "orders"], &place[..]].concat());
    assert_eq!(text(&some.stdout).lines().count(), 3);
    assert!(text(&some.stdout).starts_with("0:2490  "));
    let tail = run(&["topic", "tail", "orders", "--folder", "data", "-n", "4"]);
    assert_eq!(text(&tail.stdout).lines().count(), 4);

    std::fs::write(folder.path().join("hybridge.yaml"), CONFIG).unwrap();
    assert_eq!(
        run(&["topic", "read", "orders", "--max", "2"])
            .stdout
            .iter()
            .filter(|b| **b == b'\n')
            .count(),
        2
    );
    let missing = hybridge(folder.path(), &["topic", "read", "none"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("topic `none` does not exist"));
}

/// Port 9 of loopback: nobody listens there.
const CONFIG: &str = "\
hybridge: v1
routes: { a: { from: { stdio: {} }, to: { log: { topic: orders } } } }
admin: { listen: \"127.0.0.1:9\" }
storage: { path: data }
";

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let folder = folder(20_000).await;
    let mut child = command(folder.path(), &["topic", "read", "orders", "--folder", "data"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn schema_and_completions_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let schema = hybridge(folder.path(), &["schema"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema["properties"]["routes"].is_object());
    let script = hybridge(folder.path(), &["completions", "bash"]);
    assert!(text(&script.stdout).contains("_hybridge"));
}

#[test]
fn check_says_which_target_cannot_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG.replace(
        "to: { log: { topic: orders } }",
        "targets: { kept: { to: { log: { topic: orders } } }, far: { to: { http: { url: \"http://127.0.0.1:9/\" } } } }",
    );
    std::fs::write(folder.path().join("hybridge.yaml"), config).unwrap();
    let output = hybridge(folder.path(), &["check", "--connect", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let targets = report["targets"].as_array().unwrap();
    let of = |name: &str| targets.iter().find(|target| target["target"] == name).unwrap();
    assert!(of("far")["error"].is_string() && of("kept").get("error").is_none(), "{report}");
    assert!(!folder.path().join("data").exists(), "nothing is made");
}

/// A daemon that is killed when the test ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_ports(count: usize) -> Vec<u16> {
    let listen = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<TcpListener> = (0..count).map(listen).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// The starter file, as it is, but at ports that are free.
#[tokio::test]
async fn the_starter_file_runs_and_its_topics_can_be_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    hybridge(folder.path(), &["init"]);
    let path = folder.path().join("hybridge.yaml");
    let mut config = std::fs::read_to_string(&path).unwrap();
    let ports = free_ports(3);
    for (usual, free) in [":8080", ":8088", ":9090"].iter().zip(&ports) {
        config = config.replace(usual, &format!(":{free}"));
    }
    std::fs::write(&path, config).unwrap();
    let url = |port: usize, path: &str| format!("http://127.0.0.1:{}{path}", ports[port]);

    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let child = command(folder.path(), &["run"]).stderr(Stdio::null()).spawn().unwrap();
    let mut daemon = Daemon(child);
    let start = Instant::now();
    let ready = || http.get(url(2, "/health/ready")).send();
    while !ready().await.is_ok_and(|answer| answer.status() == 200) {
        assert!(start.elapsed() < Duration::from_secs(30), "ready");
        assert_eq!(daemon.0.try_wait().unwrap(), None, "it runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..3 {
        let post = http.post(url(0, "/")).header("content-type", "application/json");
        assert!(post.body("{\"hello\":1}").send().await.unwrap().status().is_success());
    }
    let receive = url(1, "/topics/inbox/groups/g/receive");
    let events: Value = http.post(receive).send().await.unwrap().json().await.unwrap();
    assert_eq!(events.as_array().unwrap().len(), 3);
    assert_eq!(events[0]["data"]["hello"], 1);

    let read = hybridge(folder.path(), &["topic", "read", "inbox", "--format", "json"]);
    assert_eq!(text(&read.stdout).lines().count(), 3, "{}", text(&read.stderr));
    let stat = hybridge(folder.path(), &["topic", "stat", "inbox"]);
    assert!(text(&stat.stdout).contains("group subscribe/g: at 0, 3 behind"));
    let folder_in_use = hybridge(folder.path(), &["topic", "ls", "--folder", "hybridge-data"]);
    assert!(text(&folder_in_use.stderr).contains("in use by another process"));
    let routes: Value = http.get(url(2, "/routes")).send().await.unwrap().json().await.unwrap();
    assert_eq!(routes["routes"][0]["counts"]["delivered"], 3);
    assert_eq!(routes["routes"][0]["ledger_difference"], 0);

    let id = daemon.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    let list = hybridge(folder.path(), &["topic", "ls"]);
    assert!(text(&list.stdout).contains("inbox"), "now from the folder: {}", text(&list.stderr));
}
