//! Nothing that is secret shows anywhere: canaries are planted and every output is searched.

use std::time::Duration;

use anyhow::Result;
use hybridge_integration_tests::daemon::{self, Daemon};
use hybridge_integration_tests::wire::Connection;
use hybridge_integration_tests::{ports, topic};

const CANARY: &str = "canary-4f1d0b";

#[tokio::test]
async fn no_secret_shows_in_any_output() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (listen, subscribe, nobody) = (ports::free()?, ports::free()?, ports::free()?);
    let file = daemon::write(folder.path(), "secret", &format!("{CANARY}-from-file"))?;
    let config = format!(
        r#"
connections:
  peer: {{ http: {{ url: "http://{CANARY}-user:{CANARY}-password@{nobody}/" }} }}
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
    for arguments in [["check", "--format=text"], ["check", "--format=json"]] {
        let mut command =
            std::process::Command::new(hybridge_integration_tests::binary::hybridge()?);
        let output = command
            .args(arguments)
            .arg(daemon.config())
            .env("SECRET_TOKEN", format!("{CANARY}-token"))
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        outputs.push(("check", String::from_utf8_lossy(&output.stdout).into_owned()));
        outputs.push(("check", String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    for answer in [refused, dead, unsigned] {
        outputs.push(("answer", format!("{:?} {:?}", answer.head, answer.body)));
    }
    let token = format!("Bearer {CANARY}-subscriber");
    let headers = [("authorization".to_owned(), token)].into();
    let url = format!("http://{subscribe}/topics/dead/events?from=earliest");
    let mut subscription = topic::Subscription::open(&url, None, &headers).await?;
    let letter = subscription.next(Duration::from_secs(5)).await?;
    let letter = letter.map(|frame| frame.data).unwrap_or_default();
    assert!(letter.contains("customer"), "the dead letter names its reason: {letter}");
    outputs.push(("dead letter", letter));

    for (name, text) in outputs {
        assert!(!text.contains(CANARY), "a secret shows in {name}:\n{text}");
    }
    Ok(())
}
