//! Logins and TLS, right and wrong: what is refused is held and said, never dropped, and no secret is shown.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hybridge_integration_tests::broker::kafka::{Kafka, Options};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::proxy::Weather;
use hybridge_integration_tests::wait::until;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

use super::{consume, numbered, produce, whole_and_in_order};

const LONG: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const PASSWORD: &str = "a-good-secret";
const WRONG: &str = "not-the-secret";

/// A daemon with the route `copy`; `login` is the rest of its connection.
fn copier(kafka: &Kafka, folder: &Path, login: &str) -> Result<Daemon> {
    let broker = kafka.nodes[0].proxy.address;
    let config = format!(
        "connections: {{ here: {{ kafka: {{ brokers: [\"{broker}\"], {login} }} }} }}\nroutes:\n  copy:\n    from: {{ kafka: {{ connection: here, topics: [in], group: \"{}\" }} }}\n    to: {{ kafka: {{ connection: here, topic: out }} }}\n",
        // Nobody waits for the end of the session of a member that was killed.
        fastrand::u64(..)
    );
    Daemon::new(folder, &config)
}

async fn works(kafka: &Kafka, login: &str) -> Result<()> {
    let records = numbered(1_000);
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(kafka, folder.path(), login)?;
    daemon.start_ready().await?;
    produce(kafka, "in", &records)?;
    whole_and_in_order(&consume(kafka, "out", records.len(), LONG)?, records.len())
}

/// It is red, it says why, and it goes on to try.
async fn is_refused(kafka: &Kafka, login: &str, why: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(kafka, folder.path(), login)?;
    daemon.start()?;
    daemon.live(LONG).await?;
    let admin = daemon.admin()?;
    let is_said = async || {
        let route = admin.route("copy").await?;
        let reason = route.reason.unwrap_or_default().to_lowercase();
        Ok(route.health == "red" && why.iter().any(|why| reason.contains(why)))
    };
    until("it is red and says why", is_said).await.with_context(|| daemon.log_tail())?;
    let log = daemon.log();
    ensure!(!log.contains(PASSWORD) && !log.contains(WRONG), "{}", daemon.log_tail());
    Ok(())
}

fn client(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_password() -> Result<()> {
    let properties = format!(
        "sasl.enabled.mechanisms=PLAIN\nlistener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_ada=\"{PASSWORD}\";\n"
    );
    let kafka = Kafka::with(Options {
        protocol: "SASL_PLAINTEXT",
        properties,
        client: client(&[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "ada"),
            ("sasl.password", PASSWORD),
        ]),
        ..Options::default()
    })
    .await?;
    kafka.create_topic("in", 2, &[]).await?;
    kafka.create_topic("out", 2, &[]).await?;
    let login = |password: &str| {
        format!("sasl: {{ mechanism: plain, username: ada, password: {password} }}")
    };
    works(&kafka, &login(PASSWORD)).await?;
    is_refused(&kafka, &login(WRONG), &["authentication failed"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_token() -> Result<()> {
    let properties = "sasl.enabled.mechanisms=OAUTHBEARER\nlistener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;\n";
    let kafka = Kafka::with(Options {
        protocol: "SASL_PLAINTEXT",
        properties: properties.to_owned(),
        client: client(&[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("sasl.oauthbearer.config", "principal=admin lifeSeconds=3600"),
        ]),
        ..Options::default()
    })
    .await?;
    kafka.create_topic("in", 2, &[]).await?;
    kafka.create_topic("out", 2, &[]).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("token");
    let login = format!("sasl: {{ mechanism: oauthbearer, token_file: \"{}\" }}", path.display());
    std::fs::write(&path, token(-10))?;
    is_refused(&kafka, &login, &["has expired"]).await?;
    std::fs::write(&path, token(600))?;
    works(&kafka, &login).await
}

/// A user who may log in and may not do one of the things that the route needs: nothing flows, and the route says what it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_may_not_do_is_said() -> Result<()> {
    let users = ["whole", "unread", "ungrouped", "unwritten", "unproducing"];
    let logins = users.map(|user| format!("user_{user}=\"{PASSWORD}\"")).join(" ");
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule";
    let properties = format!(
        "sasl.enabled.mechanisms=PLAIN\nlistener.name.client.plain.sasl.jaas.config={plain} required user_admin=\"{PASSWORD}\" {logins};\nauthorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=User:admin;User:ANONYMOUS\n"
    );
    let kafka = Kafka::with(Options {
        protocol: "SASL_PLAINTEXT",
        properties,
        client: client(&[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "admin"),
            ("sasl.password", PASSWORD),
        ]),
        ..Options::default()
    })
    .await?;
    for topic in ["in", "out", "other"] {
        kafka.create_topic(topic, 2, &[]).await?;
    }
    let mut allowed: Vec<String> = Vec::new();
    for user in users {
        let mut allow = |what: &str| allowed.push(format!("{user}:{what}"));
        if user == "unread" {
            allow("describe:topic:in");
        } else {
            allow("read:topic:in");
        }
        if user != "ungrouped" {
            allow("read:group:*");
        }
        match user {
            "unproducing" => {}
            "unwritten" => allow("write:topic:other"),
            _ => allow("write:topic:out"),
        }
    }
    kafka.allow(&allowed.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let login = |user: &str| {
        format!("sasl: {{ mechanism: plain, username: {user}, password: {PASSWORD} }}")
    };
    works(&kafka, &login("whole")).await?;
    produce(&kafka, "in", &numbered(10))?;
    is_refused(&kafka, &login("unread"), &["topic authorization failed"]).await?;
    is_refused(&kafka, &login("ungrouped"), &["group authorization failed"]).await?;
    is_refused(&kafka, &login("unwritten"), &["topic authorization failed"]).await?;
    is_refused(&kafka, &login("unproducing"), &["cluster authorization failed"]).await
}

/// An unsigned token, which a broker takes that is configured for tests.
fn token(good_for: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs() as i64);
    let claims = format!(r#"{{"sub":"ada","iat":{},"exp":{}}}"#, now - 20, now + good_for);
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Signs a certificate as `NAME.pem` with `NAME.key`, and both in one as `NAME.store`; it is good for so long from now.
fn certificate(
    folder: &Path,
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    good_for: Duration,
) -> Result<()> {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970 + good_for;
    let cert = params.signed_by(&key, authority)?;
    std::fs::write(file("store"), format!("{}{}", key.serialize_pem(), cert.pem()))?;
    std::fs::write(file("key"), key.serialize_pem())?;
    std::fs::write(file("pem"), cert.pem())?;
    Ok(())
}

/// A cluster that wants a certificate of `authority` of everybody. Its own and those of the tests are files of `folder`.
async fn secured(folder: &Path, authority: &CertifiedIssuer<'static, KeyPair>) -> Result<Kafka> {
    let shown = |name: &str| folder.join(name).display().to_string();
    std::fs::write(folder.join("ca.pem"), authority.pem())?;
    for name in ["server", "admin"] {
        certificate(folder, authority, name, DAY)?;
    }
    let properties = format!(
        "ssl.keystore.type=PEM\nssl.keystore.location={}\nssl.truststore.type=PEM\nssl.truststore.location={}\nssl.client.auth=required\n",
        shown("server.store"),
        shown("ca.pem")
    );
    let kafka = Kafka::with(Options {
        protocol: "SSL",
        properties,
        client: client(&[
            ("security.protocol", "ssl"),
            ("ssl.ca.location", &shown("ca.pem")),
            ("ssl.certificate.location", &shown("admin.pem")),
            ("ssl.key.location", &shown("admin.key")),
        ]),
        ..Options::default()
    })
    .await?;
    kafka.create_topic("in", 2, &[]).await?;
    kafka.create_topic("out", 2, &[]).await?;
    Ok(kafka)
}

fn tls(folder: &Path, ca: &str) -> String {
    let shown = |name: &str| folder.join(name).display().to_string();
    format!(
        "tls: {{ ca: \"{}\", cert: \"{}\", key: \"{}\" }}",
        shown(ca),
        shown("client.pem"),
        shown("client.key")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_both_sides() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let authority = authority("authority")?;
    let kafka = secured(folder, &authority).await?;
    certificate(folder, &authority, "client", DAY)?;
    std::fs::write(folder.join("other.pem"), self::authority("other")?.pem())?;
    works(&kafka, &tls(folder, "ca.pem")).await?;
    is_refused(&kafka, &tls(folder, "other.pem"), &["certificate verify failed"]).await?;
    let anonymous = format!("tls: {{ ca: \"{}\" }}", folder.join("ca.pem").display());
    is_refused(&kafka, &anonymous, &["ssl", "disconnect"]).await
}

/// A certificate is renewed while the daemon runs and the one that it began with expires: when it has to connect again it does so
/// with the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_used() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let authority = authority("authority")?;
    let kafka = secured(folder.path(), &authority).await?;
    let good_for = Duration::from_secs(20);
    certificate(folder.path(), &authority, "client", good_for)?;
    let issued = Instant::now();
    let storage = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, storage.path(), &tls(folder.path(), "ca.pem"))?;
    daemon.start_ready().await?;
    let records = numbered(1_000);
    produce(&kafka, "in", &records[..500])?;
    consume(&kafka, "out", 500, LONG)?;
    certificate(folder.path(), &authority, "client", DAY)?;
    let expired = good_for + Duration::from_secs(2);
    tokio::time::sleep(expired.saturating_sub(issued.elapsed())).await;
    let proxy = &kafka.nodes[0].proxy;
    proxy.set(Weather::Reset);
    tokio::time::sleep(Duration::from_millis(200)).await;
    proxy.set(Weather::Clear);
    produce(&kafka, "in", &records[500..])?;
    let arrived = consume(&kafka, "out", records.len(), LONG).with_context(|| daemon.log_tail())?;
    whole_and_in_order(&arrived, records.len())
}

/// The cluster keeps no password but what a challenge needs. Both mechanisms, right and wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_challenge() -> Result<()> {
    let login = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let mechanisms = [("scram_sha_256", "SCRAM-SHA-256"), ("scram_sha_512", "SCRAM-SHA-512")];
    let mut properties = "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n".to_owned();
    let mut format = Vec::new();
    for (_, mechanism) in mechanisms {
        let name = mechanism.to_lowercase();
        properties.push_str(&format!("listener.name.client.{name}.sasl.jaas.config={login}\n"));
        let user = format!("{mechanism}=[name=ada,password={PASSWORD}]");
        format.extend(["--add-scram".to_owned(), user]);
    }
    let kafka = Kafka::with(Options {
        protocol: "SASL_PLAINTEXT",
        properties,
        format,
        client: client(&[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.username", "ada"),
            ("sasl.password", PASSWORD),
        ]),
        ..Options::default()
    })
    .await?;
    kafka.create_topic("in", 2, &[]).await?;
    kafka.create_topic("out", 2, &[]).await?;
    let records = numbered(1_000);
    for (number, (mechanism, _)) in mechanisms.into_iter().enumerate() {
        let login = |password: &str| {
            format!("sasl: {{ mechanism: {mechanism}, username: ada, password: {password} }}")
        };
        // What waits while the login is refused arrives with the right one.
        produce(&kafka, "in", &records[number * 500..][..500])?;
        is_refused(&kafka, &login(WRONG), &["check the credentials of the connection"]).await?;
        let folder = tempfile::tempdir()?;
        let mut daemon = copier(&kafka, folder.path(), &login(PASSWORD))?;
        daemon.start_ready().await?;
        consume(&kafka, "out", (number + 1) * 500, LONG)?;
        daemon.terminate(LONG).await?;
    }
    whole_and_in_order(&consume(&kafka, "out", records.len(), LONG)?, records.len())
}
