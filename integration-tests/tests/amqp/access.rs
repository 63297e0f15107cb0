//! Encryption, and logins by certificate.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hybridge_integration_tests::authority::{Authority, Identity};
use hybridge_integration_tests::broker::rabbitmq::{Options, RabbitMq, Tls};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::wait::{SOON, until};
use lapin::BasicProperties;

use crate::rabbit::Client;

const EACH: u32 = 20;

/// A route of the broker to itself.
fn copier(folder: &Path, name: &str, uri: &str, connection: &str) -> Result<Daemon> {
    let config = format!(
        "connections: {{ rabbit: {{ amqp: {{ uri: \"{uri}\", {connection} }} }} }}
routes:
  copy:
    from: {{ amqp: {{ connection: rabbit, queue: in }} }}
    to: {{ amqp: {{ connection: rabbit, routing_key: out }} }}
"
    );
    Daemon::new(&folder.join(name), &config)
}

async fn put(client: &Client) -> Result<()> {
    let body = |number: u32| number.to_string().into_bytes();
    let all = (0..EACH).map(|n| ("in".to_owned(), BasicProperties::default(), body(n)));
    client.publish("", all).await
}

/// Everything passes, and nothing that waited is missing.
async fn passes(client: &Client, mut daemon: Daemon) -> Result<()> {
    daemon.start_ready().await?;
    let (there, out) = (client.ready("in").await?, client.ready("out").await?);
    put(client).await?;
    until("all has passed", async || Ok(client.ready("out").await? >= out + EACH + there))
        .await
        .with_context(|| daemon.log_tail())?;
    daemon.terminate(SOON).await?;
    ensure!(client.ready("in").await? == 0);
    Ok(())
}

async fn is_red(daemon: &Daemon, why: &[&str]) -> Result<()> {
    let admin = daemon.admin()?;
    until(&why.join(", "), async || {
        let route = admin.route("copy").await?;
        let reason = route.reason.unwrap_or_default();
        Ok(route.health == "red" && why.iter().all(|why| reason.contains(why)))
    })
    .await
    .with_context(|| daemon.log_tail())
}

/// It is red and says why and what to check, and nothing is taken.
async fn is_refused(client: &Client, mut daemon: Daemon, why: &[&str]) -> Result<()> {
    let before = client.ready("in").await?;
    put(client).await?;
    daemon.start()?;
    daemon.live(SOON).await?;
    is_red(&daemon, why).await?;
    ensure!(!daemon.admin()?.is_ready().await, "ready");
    ensure!(!daemon.log().contains("guest:"), "{}", daemon.log_tail());
    daemon.kill()?;
    ensure!(client.ready("in").await? == before + EACH, "something was taken");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_both_sides() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path(), "authority")?;
    let stranger = Authority::new(folder.path(), "stranger")?;
    let server = authority.issue("server", &["127.0.0.1", "rabbit.example"])?;
    let known = authority.issue("bridge", &[])?;
    let unknown = authority.issue("nobody", &[])?;
    let strange = stranger.issue("impostor", &[])?;
    let node = RabbitMq::with(Options {
        config: "auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nssl_cert_login_from = common_name\n".to_owned(),
        plugins: vec!["rabbitmq_auth_mechanism_ssl"],
        tls: Some(Tls { ca: authority.ca(), identity: server }),
        ..Options::default()
    })
    .await?;
    node.ctl(&["add_user", "bridge", "never-used"]).await?;
    node.ctl(&["set_permissions", "bridge", ".*", ".*", ".*"]).await?;
    let client = Client::new(&node).await?;
    client.queue("in", &[]).await?;
    client.queue("out", &[]).await?;

    let address = node.secure()?.address;
    let by_password = format!("amqps://guest:guest@{address}/%2f");
    let trust = |ca: PathBuf| format!("ca: \"{}\"", ca.display());
    let ours = trust(authority.ca());
    let daemon =
        |name: &str, uri: &str, connection: &str| copier(folder.path(), name, uri, connection);
    let tls = |more: &str| format!("tls: {{ {ours}{more} }}");

    passes(&client, daemon("good", &by_password, &tls(""))?).await?;
    let advice = "check `tls` of the connection";
    let theirs = format!("tls: {{ {} }}", trust(stranger.ca()));
    let wrong = daemon("wrong-ca", &by_password, &theirs)?;
    is_refused(&client, wrong, &[advice, "UnknownIssuer"]).await?;
    let wrong = daemon("wrong-host", &by_password, &tls(", server_name: other.example"))?;
    is_refused(&client, wrong, &[advice, "not valid for name"]).await?;
    let named = daemon("right-host", &by_password, &tls(", server_name: rabbit.example"))?;
    passes(&client, named).await?;
    let wrong = format!("amqps://guest:wrong@{address}/%2f");
    let wrong = daemon("wrong-password", &wrong, &tls(""))?;
    is_refused(&client, wrong, &["check the credentials of the connection"]).await?;

    let by_certificate = format!("amqps://{address}/%2f");
    let external = |Identity { cert, key }: &Identity| {
        let (cert, key) = (cert.display(), key.display());
        format!("{}, auth: external", tls(&format!(", cert: \"{cert}\", key: \"{key}\"")))
    };
    let right = daemon("certificate", &by_certificate, &external(&known))?;
    passes(&client, right).await?;
    let wrong = daemon("nobody", &by_certificate, &external(&unknown))?;
    is_refused(&client, wrong, &["check the credentials of the connection"]).await?;
    let wrong = daemon("impostor", &by_certificate, &external(&strange))?;
    is_refused(&client, wrong, &[advice]).await
}

/// A user who may log in and may not do what the route needs: nothing flows, the route says why, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_may_not_do_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let node = RabbitMq::start().await?;
    let client = Client::new(&node).await?;
    client.queue("in", &[]).await?;
    client.queue("out", &[]).await?;
    for (user, configure, write, read) in
        [("whole", "", ".*", ".*"), ("unread", "", ".*", ""), ("unwritten", "", "", ".*")]
    {
        node.ctl(&["add_user", user, "right"]).await?;
        node.ctl(&["set_permissions", user, configure, write, read]).await?;
    }
    let daemon = |user: &str| {
        let uri = format!("amqp://{user}:right@{}/%2f", node.proxy.address);
        copier(folder.path(), user, &uri, "")
    };
    passes(&client, daemon("whole")?).await?;
    for user in ["unread", "unwritten"] {
        put(&client).await?;
        let before = client.ready("in").await?;
        let mut daemon = daemon(user)?;
        daemon.start()?;
        daemon.live(SOON).await?;
        is_red(&daemon, &["ACCESS_REFUSED", "check"]).await.context(user)?;
        daemon.kill()?;
        until("all are back", async || Ok(client.ready("in").await? == before)).await?;
    }
    Ok(())
}
