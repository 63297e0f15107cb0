//! Logins by tokens from an authorization server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use hybridge_integration_tests::authority::Authority;
use hybridge_integration_tests::broker::kafka::{Kafka, Options};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::tokens::{CLIENT, Mode, Tokens};
use hybridge_integration_tests::wait::until;

use super::{consume, numbered, produce, whole_and_in_order};

const LONG: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(10);
const AGES: Duration = Duration::from_secs(3_600);
const SCOPE: &str = "kafka";

/// A cluster that takes tokens with the scope, and ends sessions when their tokens do.
async fn cluster() -> Result<Kafka> {
    let properties = "sasl.enabled.mechanisms=OAUTHBEARER
listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\" unsecuredValidatorRequiredScope=\"kafka\";
listener.name.client.oauthbearer.connections.max.reauth.ms=3600000
";
    let client = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=admin lifeSeconds=3600 scope=kafka,orders"),
    ];
    let kafka = Kafka::with(Options {
        protocol: "SASL_PLAINTEXT",
        properties: properties.to_owned(),
        client: client.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        ..Options::default()
    })
    .await?;
    kafka.create_topic("in", 2, &[]).await?;
    Ok(kafka)
}

/// A daemon that logs in with tokens from `url` and makes the topic `out`.
fn copier(kafka: &Kafka, folder: &Path, url: &str, more: &str) -> Result<Daemon> {
    let from = "{ kafka: { connection: here, topics: [in], session_timeout: 6s } }";
    daemon(kafka, folder, url, more, from)
}

fn daemon(kafka: &Kafka, folder: &Path, url: &str, more: &str, from: &str) -> Result<Daemon> {
    let (broker, (id, secret)) = (kafka.nodes[0].proxy.address, CLIENT);
    let config = format!(
        "connections:
  here:
    kafka:
      brokers: [\"{broker}\"]
      sasl:
        mechanism: oauthbearer
        client_credentials:
          token_url: \"{url}\"
          client_id: \"{id}\"
          client_secret: \"{secret}\"
          scope: kafka
          parameters: {{ audience: \"the cluster\" }}
          timeout: 2s
          {more}
routes:
  copy:
    from: {from}
    to: {{ kafka: {{ connection: here, topic: out, timeout: 5s, create_topics: {{ partitions: 2 }} }} }}
    retry: {{ initial: 100ms, max: 1s }}
"
    );
    Daemon::new(folder, &config)
}

async fn reason(daemon: &Daemon) -> Result<String> {
    Ok(daemon.admin()?.route("copy").await?.reason.unwrap_or_default())
}

/// The route is red and says this; the process is not ready.
async fn says(daemon: &Daemon, what: &str) -> Result<()> {
    let told = until(what, async || Ok(reason(daemon).await?.contains(what))).await;
    told.map_err(|error| anyhow::anyhow!("{error}\n{}", daemon.log_tail()))
}

fn nothing_secret_is_shown(daemon: &Daemon) -> Result<()> {
    let log = daemon.log();
    // The beginning of every token.
    for secret in [CLIENT.1, "eyJhbGciOiJub25lIn0", "Basic "] {
        ensure!(!log.contains(secret), "{secret} in the log:\n{}", daemon.log_tail());
    }
    Ok(())
}

/// Tokens expire in the middle of the run and are renewed; then the server is down for longer than a token is good, and the
/// route waits and goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_and_a_server_that_is_down_is_waited_for() -> Result<()> {
    let kafka = cluster().await?;
    let server = Tokens::start(Mode::Give(LIFE, SCOPE), None).await?;
    let folder = tempfile::tempdir()?;
    let url = format!("http://{}/token", server.address);
    let mut daemon = copier(&kafka, folder.path(), &url, "")?;
    daemon.start_ready().await?;
    let records = numbered(3_000);
    let delivered = async || anyhow::Ok(daemon.admin()?.route("copy").await?.counts.delivered);
    let mut pieces = records.chunks(300);
    // Three lives of a token, and something flows in each.
    for piece in pieces.by_ref().take(8) {
        produce(&kafka, "in", piece)?;
        tokio::time::sleep(LIFE * 3 / 8).await;
    }
    until("all flows", async || Ok(delivered().await? >= 2_400)).await?;
    ensure!(daemon.admin()?.is_ready().await, "{}", daemon.log_tail());
    ensure!(!daemon.log().contains("starts again"), "{}", daemon.log_tail());
    let given = server.given();
    ensure!((6..=16).contains(&given), "{given} tokens in three lives, for two ends");
    let body = server.last();
    ensure!(body.contains("scope=kafka") && body.contains("audience=the%20cluster"), "{body}");

    server.set(Mode::Fail(503));
    says(&daemon, "it answers 503").await?;
    ensure!(!daemon.admin()?.is_ready().await, "ready without a token");
    for piece in pieces {
        produce(&kafka, "in", piece)?;
    }
    server.set(Mode::Hang);
    says(&daemon, "no answer within 2s").await?;
    let before = server.asked();
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(server.asked() - before <= 12, "{} requests in 5 s", server.asked() - before);
    server.set(Mode::Give(LIFE, SCOPE));
    whole_and_in_order(&consume(&kafka, "out", records.len(), LONG)?, records.len())?;
    until("ready", async || Ok(daemon.admin()?.is_ready().await)).await?;
    ensure!(daemon.admin()?.route("copy").await?.ledger_difference == 0);
    nothing_secret_is_shown(&daemon)
}

/// A client that is refused, a server that we do not trust and a token that the cluster does not take: each is red with what
/// to do, and everything flows by itself when it is put right, although the first token is good for long.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_said_and_goes_on_when_it_is_put_right() -> Result<()> {
    let kafka = cluster().await?;
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path(), "authority")?;
    let stranger = Authority::new(folder.path(), "stranger")?;
    let identity = authority.issue("server", &["127.0.0.1"])?;
    let server = Tokens::start(Mode::Give(AGES, "none"), Some(&identity)).await?;
    server.want("another");
    let url = format!("https://{}/token", server.address);
    let tls = |authority: &Authority| format!("tls: {{ ca: \"{}\" }}", authority.ca().display());

    let wrong = tls(&stranger);
    let mut distrustful = copier(&kafka, &folder.path().join("wrong"), &url, &wrong)?;
    distrustful.start()?;
    distrustful.live(LONG).await?;
    says(&distrustful, "certificate").await?;
    ensure!(server.asked() == 0, "the secret was sent to a server that is not trusted");
    nothing_secret_is_shown(&distrustful)?;
    drop(distrustful);

    let mut daemon = copier(&kafka, &folder.path().join("right"), &url, &tls(&authority))?;
    daemon.start()?;
    daemon.live(LONG).await?;
    says(&daemon, "refuses the client `bridge one` with 401 (invalid_client").await?;
    ensure!(reason(&daemon).await?.contains("check `client_credentials`"));
    let records = numbered(600);
    produce(&kafka, "in", &records)?;
    server.set(Mode::Redirect);
    says(&daemon, "which is not followed").await?;
    server.set(Mode::Give(AGES, "none"));
    server.want(CLIENT.1);
    says(&daemon, "check the credentials of the connection").await?;
    server.set(Mode::Give(AGES, SCOPE));
    whole_and_in_order(&consume(&kafka, "out", records.len(), LONG)?, records.len())?;
    until("ready", async || Ok(daemon.admin()?.is_ready().await)).await?;
    nothing_secret_is_shown(&daemon)
}

/// A token is refused in the middle of the run, long before it expires: it is not shown for ever, and the next is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_in_the_middle_of_a_run_is_replaced() -> Result<()> {
    let mut kafka = cluster().await?;
    let server = Tokens::start(Mode::Give(AGES, SCOPE), None).await?;
    let folder = tempfile::tempdir()?;
    let url = format!("http://{}/token", server.address);
    let mut daemon = copier(&kafka, folder.path(), &url, "")?;
    daemon.start_ready().await?;
    let records = numbered(900);
    produce(&kafka, "in", &records[..300])?;
    consume(&kafka, "out", 300, LONG)?;

    let node = &mut kafka.nodes[0];
    node.child().kill()?;
    node.edit(|text| text.replace("Scope=\"kafka\"", "Scope=\"orders\""))?;
    node.begin()?;
    kafka.up().await?;
    produce(&kafka, "in", &records[300..600])?;
    says(&daemon, "check the credentials of the connection").await?;
    server.set(Mode::Give(AGES, "orders"));
    produce(&kafka, "in", &records[600..])?;
    whole_and_in_order(&consume(&kafka, "out", records.len(), LONG)?, records.len())?;
    until("ready", async || Ok(daemon.admin()?.is_ready().await)).await?;
    nothing_secret_is_shown(&daemon)
}

/// The same of a sink alone, whose client nobody makes anew for another reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_whose_token_is_refused_shows_another() -> Result<()> {
    let mut kafka = cluster().await?;
    let server = Tokens::start(Mode::Give(AGES, SCOPE), None).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("in.txt");
    let write = |count: usize| {
        let lines: Vec<String> = (0..count).map(|number| format!("{number}\n")).collect();
        std::fs::write(&path, lines.concat())
    };
    write(100)?;
    let from = format!("{{ file: {{ path: \"{}\", format: lines, poll: 50ms }} }}", path.display());
    let url = format!("http://{}/token", server.address);
    let mut daemon = daemon(&kafka, &folder.path().join("daemon"), &url, "", &from)?;
    daemon.start_ready().await?;
    consume(&kafka, "out", 100, LONG)?;
    let node = &mut kafka.nodes[0];
    node.child().kill()?;
    node.edit(|text| text.replace("Scope=\"kafka\"", "Scope=\"orders\""))?;
    node.begin()?;
    kafka.up().await?;
    write(200)?;
    says(&daemon, "check the credentials of the connection").await?;
    server.set(Mode::Give(AGES, "orders"));
    let records = consume(&kafka, "out", 200, LONG)?;
    let numbers: Result<std::collections::HashSet<usize>> =
        records.iter().map(super::number).collect();
    ensure!(numbers?.len() == 200);
    nothing_secret_is_shown(&daemon)
}
