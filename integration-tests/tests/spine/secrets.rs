//! Nothing that is secret shows anywhere: canaries are planted and every output is searched.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use hybridge_integration_tests::daemon::{self, Daemon};
use hybridge_integration_tests::wait::until;
use hybridge_integration_tests::wire::Connection;
use hybridge_integration_tests::{binary, ports, topic};

const CANARY: &str = "canary-4f1d0b";

/// What a command prints on both outputs.
fn command(arguments: &[&str], daemon: &Daemon) -> Result<String> {
    let config = daemon.config();
    let path: &[&std::ffi::OsStr] =
        if arguments[0] == "check" { &[] } else { &["--config".as_ref()] };
    let output = std::process::Command::new(binary::hybridge()?)
        .args(arguments)
        .args(path)
        .arg(config)
        .env("SECRET_TOKEN", format!("{CANARY}-token"))
        .output()?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(said(&output.stdout) + &said(&output.stderr))
}

#[tokio::test]
async fn no_secret_shows_in_any_output() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (listen, subscribe, nobody) = (ports::free()?, ports::free()?, ports::free()?);
    let file = daemon::write(folder.path(), "secret", &format!("{CANARY}-from-file"))?;
    let config = format!(
        r#"
connections:
  peer: {{ http: {{ url: "http://{nobody}/", token: "{CANARY}-peer", headers: {{ x-api-key: "{CANARY}-header" }} }} }}
subscribe: {{ listen: "{subscribe}", tokens: ["{CANARY}-subscriber"] }}
routes:
  guarded:
    from: {{ http: {{ listen: "{listen}", path: /guarded, token: "${{SECRET_TOKEN}}" }} }}
    transform: [ {{ map: {{ set: {{ "event.customer": "{{{{ event.data.customer }}}}" }} }} }} ]
    to: {{ log: {{ topic: guarded }} }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}
  signed:
    from: {{ http: {{ listen: "{listen}", path: /signed, timeout: 1s, hmac: {{ secret: "${{file:{}}}" }} }} }}
    to: {{ http: {{ connection: peer, token: "{CANARY}-sink" }} }}
"#,
        file.display()
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.variable("SECRET_TOKEN", &format!("{CANARY}-token"));
    daemon.variable("RUST_LOG", "trace");
    daemon.start()?;
    daemon.live(Duration::from_secs(20)).await?;

    let event = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\ncontent-type: application/json\r\n";
    let bearer = |token: &str| format!("{event}authorization: Bearer {CANARY}-{token}\r\n");
    // The other route is never ready.
    until("it listens", async || Ok(Connection::open(listen).await.is_ok())).await?;
    let mut connection = Connection::open(listen).await?;
    let refused = connection.post("/guarded", &bearer("wrong"), b"{}").await?;
    assert_eq!(refused.status, 401);
    let dead = connection.post("/guarded", &bearer("token"), b"{}").await?;
    assert_eq!(dead.status / 100, 2, "{}", String::from_utf8_lossy(&dead.body));
    let wrong = format!("{event}x-signature: {CANARY}\r\n");
    let unsigned = connection.post("/signed", &wrong, b"{}").await?;
    assert_eq!(unsigned.status, 401);

    let admin = daemon.admin()?;
    let mut outputs = vec![("log", daemon.log())];
    for path in ["/metrics", "/routes", "/health/ready", "/health/live"] {
        outputs.push((path, admin.get(path).await?.1));
    }
    for format in ["--format=text", "--format=json"] {
        outputs.push(("check", command(&["check", "--connect", format], &daemon)?));
    }
    for answer in [refused, dead, unsigned] {
        outputs.push(("answer", format!("{:?} {:?}", answer.head, answer.body)));
    }
    let url = format!("http://{subscribe}/topics/dead/events?from=earliest");
    let stranger = topic::Subscription::open(&url, None, &BTreeMap::new()).await;
    outputs.push(("refusal", stranger.err().context("no token was asked for")?.to_string()));
    let headers = [("authorization".to_owned(), format!("Bearer {CANARY}-subscriber"))].into();
    let mut subscription = topic::Subscription::open(&url, None, &headers).await?;
    let event = subscription.next(Duration::from_secs(5)).await?.context("no dead letter")?;
    outputs.push(("dead letter as an event", event.data));
    let letter = command(&["topic", "read", "dead", "--format=json"], &daemon)?;
    assert!(letter.contains("customer"), "the dead letter names its reason: {letter}");
    outputs.push(("dead letter", letter));

    for (name, text) in outputs {
        assert!(!text.contains(CANARY), "a secret shows in {name}:\n{text}");
    }
    Ok(())
}
