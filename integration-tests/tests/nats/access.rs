//! Logins and TLS.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use async_nats::ConnectOptions;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hybridge_integration_tests::broker::nats::{Nats, Options};
use hybridge_integration_tests::daemon::{self, Daemon};
use hybridge_integration_tests::ports;
use hybridge_integration_tests::wait::{SOON, until};
use hybridge_integration_tests::wire::Connection;
use nkeys::KeyPair;
use serde_json::json;

use super::Fixture;

fn daemon(
    fixture: &Fixture,
    name: &str,
    connection: &str,
) -> Result<(Daemon, std::net::SocketAddr)> {
    let listen = ports::free()?;
    let config = format!(
        "connections: {{ n: {{ nats: {{ servers: {:?}, {connection} }} }} }}
routes:
  r:
    from: {{ http: {{ listen: \"{listen}\" }} }}
    to: {{ nats: {{ connection: n, stream: OUT, subject: out.x }} }}
",
        fixture.nats.urls()
    );
    Ok((Daemon::new(&fixture.folder.path().join(name), &config)?, listen))
}

async fn is_red(daemon: &Daemon) -> Result<()> {
    let admin = daemon.admin()?;
    until("red", async || Ok(admin.routes().await?.to_string().contains("\"health\":\"red\"")))
        .await
}

/// A right login passes; a wrong one is red, says so, loses nothing and shows nothing.
async fn try_both(fixture: &Fixture, right: &str, wrong: &str) -> Result<()> {
    fixture.stream("OUT").await?;
    let (mut good, listen) = daemon(fixture, "good", right)?;
    good.start_ready().await?;
    let answer = Connection::open(listen).await?.post("/", "", b"1").await?;
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    assert_eq!(fixture.count("OUT").await?, 1);
    let (mut bad, _) = daemon(fixture, "bad", wrong)?;
    bad.start()?;
    bad.live(SOON).await?;
    until("said", async || Ok(bad.log().contains("check the credentials of the connection")))
        .await?;
    is_red(&bad).await?;
    assert!(!bad.log().contains("wr0ng"), "a secret in the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password() -> Result<()> {
    let options = Options {
        config: "authorization: { user: u, password: right }\n".to_owned(),
        client: || ConnectOptions::with_user_and_password("u".to_owned(), "right".to_owned()),
        ..Default::default()
    };
    let fixture = Fixture::of(Nats::with(options).await?).await?;
    try_both(&fixture, "username: u, password: right", "username: u, password: wr0ng").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token() -> Result<()> {
    let options = Options {
        config: "authorization: { token: right }\n".to_owned(),
        client: || ConnectOptions::with_token("right".to_owned()),
        ..Default::default()
    };
    let fixture = Fixture::of(Nats::with(options).await?).await?;
    try_both(&fixture, "token: right", "token: wr0ng").await
}

/// Keys that are the same for the server's configuration and for all clients of this process.
struct Keys {
    user: KeyPair,
    account: KeyPair,
    system: KeyPair,
    operator: KeyPair,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys {
        user: KeyPair::new_user(),
        account: KeyPair::new_account(),
        system: KeyPair::new_account(),
        operator: KeyPair::new_operator(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nkey() -> Result<()> {
    let user = keys().user.public_key();
    let options = Options {
        config: format!("authorization: {{ users: [ {{ nkey: {user} }} ] }}\n"),
        client: || ConnectOptions::with_nkey(keys().user.seed().unwrap_or_default()),
        ..Default::default()
    };
    let fixture = Fixture::of(Nats::with(options).await?).await?;
    let right = format!("nkey: {}", keys().user.seed()?);
    let wrong = format!("nkey: {}", KeyPair::new_user().seed()?);
    try_both(&fixture, &right, &wrong).await
}

/// A token of the kind that NATS accounts are made of.
fn jwt(
    signer: &KeyPair,
    subject: &KeyPair,
    name: &str,
    claims: serde_json::Value,
) -> Result<String> {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let body = part(json!({
        "jti": name, "iat": 1_700_000_000, "iss": signer.public_key(), "sub": subject.public_key(),
        "name": name, "nats": claims,
    }));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(format!("{header}.{body}").as_bytes())?);
    Ok(format!("{header}.{body}.{signature}"))
}

fn credentials(user: &KeyPair) -> Result<String> {
    let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let token = jwt(&keys().account, user, "user", claims)?;
    Ok(format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed()?
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file() -> Result<()> {
    let Keys { user, account, system, operator } = keys();
    let all = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let nothing = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    });
    let of = |limits| json!({ "type": "account", "version": 2, "limits": limits });
    let (system_id, account_id) = (system.public_key(), account.public_key());
    let operator_claims = json!({ "type": "operator", "version": 2, "system_account": system_id });
    let options = Options {
        config: format!(
            "operator: {}\nsystem_account: {system_id}\nresolver: MEMORY\n\
             resolver_preload: {{ {account_id}: {}, {system_id}: {} }}\n",
            jwt(operator, operator, "operator", operator_claims)?,
            jwt(operator, account, "account", of(all))?,
            jwt(operator, system, "system", of(nothing))?,
        ),
        client: || {
            let credentials = credentials(&keys().user).unwrap_or_default();
            ConnectOptions::with_credentials(&credentials).unwrap_or_default()
        },
        ..Default::default()
    };
    let fixture = Fixture::of(Nats::with(options).await?).await?;
    let (right, wrong) = (fixture.folder.path().join("right"), fixture.folder.path().join("wrong"));
    std::fs::write(&right, credentials(user)?)?;
    // Signed by nobody that the server knows.
    let mut stranger = credentials(user)?;
    stranger = stranger.replace(&user.seed()?, &KeyPair::new_user().seed()?);
    std::fs::write(&wrong, stranger)?;
    let written = |path: &std::path::Path| format!("credentials: \"${{file:{}}}\"", path.display());
    try_both(&fixture, &written(&right), &written(&wrong)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_certificate_of_our_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut ca = rcgen::CertificateParams::new(Vec::new())?;
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate()?;
    std::fs::write(file("ca.pem"), ca.self_signed(&ca_key)?.pem())?;
    let issuer = rcgen::Issuer::new(ca, ca_key);
    for name in ["server", "client", "stranger"] {
        let key = rcgen::KeyPair::generate()?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = rcgen::CertificateParams::new(names)?;
        let certificate = match name {
            "stranger" => params.self_signed(&key)?,
            _ => params.signed_by(&key, &issuer)?,
        };
        std::fs::write(file(&format!("{name}.pem")), certificate.pem())?;
        std::fs::write(file(&format!("{name}.key")), key.serialize_pem())?;
    }
    static FOLDER: OnceLock<std::path::PathBuf> = OnceLock::new();
    let _ = FOLDER.set(folder.path().to_owned());
    let config = format!(
        "tls: {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let options = Options {
        config,
        client: || {
            let file =
                |name: &str| FOLDER.get().map(|folder| folder.join(name)).unwrap_or_default();
            ConnectOptions::new()
                .add_root_certificates(file("ca.pem"))
                .add_client_certificate(file("client.pem"), file("client.key"))
                .require_tls(true)
        },
        ..Default::default()
    };
    let fixture = Fixture::of(Nats::with(options).await?).await?;
    fixture.stream("OUT").await?;
    let tls = |name: &str, ca: &str| {
        let (ca, cert, key) =
            (file(ca), file(&format!("{name}.pem")), file(&format!("{name}.key")));
        format!("tls: {{ ca: \"{ca}\", cert: \"{cert}\", key: \"{key}\" }}")
    };
    let (mut good, listen) = daemon(&fixture, "good", &tls("client", "ca.pem"))?;
    good.start_ready().await?;
    let answer = Connection::open(listen).await?.post("/", "", b"1").await?;
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    for (number, (name, ca)) in
        [("stranger", "ca.pem"), ("client", "stranger.pem")].into_iter().enumerate()
    {
        let (mut bad, _) = daemon(&fixture, &format!("bad-{number}"), &tls(name, ca))?;
        bad.start()?;
        bad.live(SOON).await?;
        is_red(&bad).await?;
    }
    Ok(())
}

/// Users who may not use everything, and one who may.
const RESTRICTED: &str = "authorization: { users: [
  { user: admin, password: right },
  { user: publisher, password: right, permissions: { publish: { deny: [ \"out.1\", \"out.in.1\" ] } } },
  { user: subscriber, password: right, permissions: { subscribe: { deny: [ \"in.no\" ] } } },
  { user: forgetful, password: right, permissions: { publish: { deny: [ \"$JS.ACK.>\" ] } } },
  { user: silent, password: right, permissions: { publish: { deny: [ \"$JS.API.CONSUMER.MSG.NEXT.>\" ] } } },
] }
";

impl Fixture {
    async fn restricted() -> Result<Self> {
        let options = Options {
            config: RESTRICTED.to_owned(),
            client: || ConnectOptions::with_user_and_password("admin".into(), "right".into()),
            ..Default::default()
        };
        let fixture = Self::of(Nats::with(options).await?).await?;
        fixture.stream("IN").await?;
        fixture.stream("OUT").await?;
        Ok(fixture)
    }

    /// A daemon whose only route, `r`, uses the connection `n` of this user.
    fn daemon_of(&self, user: &str, route: &str) -> Result<Daemon> {
        let config = format!(
            "connections: {{ n: {{ nats: {{ servers: {:?}, username: {user}, password: right }} }} }}
routes:
  r:
{route}",
            self.nats.urls()
        );
        Daemon::new(&self.folder.path().join(user), &config)
    }
}

/// Waits until the route `r` is red and says why.
async fn is_red_because(daemon: &Daemon, why: &str) -> Result<()> {
    let admin = daemon.admin()?;
    until(why, async || {
        let route = admin.route("r").await?;
        Ok(route.health == "red" && route.reason.is_some_and(|reason| reason.contains(why)))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_may_not_be_subscribed_to_is_red() -> Result<()> {
    let fixture = Fixture::restricted().await?;
    let route = |subject: &str| {
        format!(
            "    from: {{ nats: {{ connection: n, subjects: [{subject}] }} }}
    to: {{ nats: {{ connection: n, stream: OUT, subject: out.x }} }}
    delivery: at_most_once
"
        )
    };
    let mut bad = fixture.daemon_of("subscriber", &route("in.no"))?;
    let config = bad.config();
    let violation = "Permissions Violation for Subscription to \"in.no\" (check what the user";
    let output = daemon::command(&["check", "--connect", config.to_str().context("path")?])?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains(violation), "{said}");
    bad.start()?;
    bad.live(SOON).await?;
    is_red_because(&bad, violation).await?;
    assert!(!bad.admin()?.is_ready().await);
    bad.kill()?;
    let mut good = fixture.daemon_of("subscriber", &route("in.yes"))?;
    good.start_ready().await?;
    let client = fixture.nats.client().await?;
    client.publish("in.yes", "1".into()).await?;
    client.flush().await?;
    until("it is there", async || Ok(fixture.count("OUT").await? == 1)).await
}

/// The server drops such messages and goes on: they are not delivered, and those of other subjects are.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_may_not_be_published_to_is_red_and_others_go_on() -> Result<()> {
    for (target, delivery) in [("stream: OUT, ", "at_least_once"), ("", "at_most_once")] {
        let fixture = Fixture::restricted().await?;
        fixture.publish("IN", 0..100, 4).await?;
        let route = format!(
            "    from: {{ nats: {{ connection: n, stream: IN }} }}
    to: {{ nats: {{ connection: n, {target}subject: \"out.{{{{ key }}}}\" }} }}
    ordering: none
    delivery: {delivery}
"
        );
        let mut daemon = fixture.daemon_of("publisher", &route)?;
        daemon.start()?;
        daemon.live(SOON).await?;
        until("the others", async || Ok(fixture.count("OUT").await? == 75)).await?;
        is_red_because(&daemon, "1` (check what the user").await?;
        let counts = daemon.admin()?.route("r").await?.counts;
        assert_eq!((counts.received, counts.delivered), (100, 75), "{delivery}");
    }
    Ok(())
}

/// Acknowledgements that the server drops would mean that every message comes again and again; requests for messages, that
/// none ever comes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_may_not_publish_is_red() -> Result<()> {
    let fixture = Fixture::restricted().await?;
    fixture.publish("IN", 0..100, 4).await?;
    for (user, source, ordering, denied) in [
        ("forgetful", "", "none", "$JS.ACK."),
        ("silent", "", "none", "$JS.API.CONSUMER.MSG.NEXT."),
        ("silent", ", lease: { create: true }", "key", "$JS.API.CONSUMER.MSG.NEXT."),
    ] {
        let route = format!(
            "    from: {{ nats: {{ connection: n, stream: IN{source} }} }}
    to: {{ nats: {{ connection: n, stream: OUT, subject: out.x }} }}
    ordering: {ordering}
"
        );
        let mut daemon = fixture.daemon_of(user, &route)?;
        daemon.start()?;
        daemon.live(SOON).await?;
        is_red_because(&daemon, &format!("Permissions Violation for Publish to \"{denied}"))
            .await?;
        daemon.kill()?;
    }
    Ok(())
}
