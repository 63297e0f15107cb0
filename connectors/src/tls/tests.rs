//! Sinks and sources that check each other.

use std::fs;

use hybridge_config::Ordering;
use hybridge_core::testing::message;
use hybridge_core::{Budget, ErrorKind, Event, Outcome, Sink as _, Source as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::*;
use crate::http::{Servers, Sink, Source};

/// A certificate authority and the folder that its files lie in.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Writes a certificate for `name` and its key over the files in `to`.
    fn issue_to(&self, to: &Path, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (cert_path, key_path) = (to.join("cert.pem"), to.join("key.pem"));
        fs::write(&cert_path, certificate.pem()).unwrap();
        fs::write(&key_path, key.serialize_pem()).unwrap();
        (cert_path, key_path)
    }
}

async fn listening(tls: Value) -> Source {
    let config = serde_json::from_value(json!({ "listen": "127.0.0.1:0", "tls": tls })).unwrap();
    let servers = Servers::new(Handle::current());
    let mut source = Source::new(&config, "r", "i".into(), servers);
    source.connect(Budget::unlimited()).await.unwrap();
    source
}

/// Posts one message to `source`, which takes it.
async fn post(source: &mut Source, tls: Value) -> Option<ErrorKind> {
    let url = format!("https://{}/", source.local_addr().unwrap());
    let config =
        serde_json::from_value(json!({ "url": url, "encoding": "raw", "tls": tls })).unwrap();
    let sink = Sink::new(&config, "r", "t", Ordering::None).unwrap();
    let batch = [message("", "x")];
    let mut sending = std::pin::pin!(sink.send(&batch));
    loop {
        let event = tokio::select! {
            results = &mut sending => {
                let error = results.into_iter().next().unwrap().err();
                return error.map(|error| error.kind());
            }
            event = source.next() => event.unwrap(),
        };
        let Event::Deliveries(deliveries) = event else { continue };
        source.settle(&[(deliveries[0].tag, Outcome::Delivered)]);
    }
}

#[tokio::test]
async fn servers_and_clients_show_who_they_are() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = tempfile::tempdir().unwrap();
    let (cert, key) = authority.issue_to(server.path(), "inner.example");
    let client = tempfile::tempdir().unwrap();
    let (client_cert, client_key) = authority.issue_to(client.path(), "client");
    let strange = tempfile::tempdir().unwrap();
    let (strange_cert, strange_key) = stranger.issue_to(strange.path(), "client");

    let mut source = listening(json!({ "cert": cert, "key": key })).await;
    let ca = authority.ca();
    for (tls, expected) in [
        (json!({ "ca": ca, "server_name": "inner.example" }), None),
        (json!({ "ca": ca }), Some(ErrorKind::Disconnected)),
        (
            json!({ "ca": stranger.ca(), "server_name": "inner.example" }),
            Some(ErrorKind::Disconnected),
        ),
        (json!({ "ca": cert.with_extension("no") }), Some(ErrorKind::Transient)),
        (json!({ "ca": ca, "cert": client_cert }), Some(ErrorKind::Transient)),
    ] {
        assert_eq!(post(&mut source, tls.clone()).await, expected, "{tls}");
    }

    let mut mutual = listening(json!({ "cert": cert, "key": key, "ca": ca })).await;
    let with = |cert: Option<&PathBuf>, key: Option<&PathBuf>| json!({ "ca": ca, "server_name": "inner.example", "cert": cert, "key": key });
    assert_eq!(post(&mut mutual, with(Some(&client_cert), Some(&client_key))).await, None);
    // TLS 1.3: the client learns of it only when the server does not answer.
    let refused = Some(ErrorKind::Transient);
    assert_eq!(post(&mut mutual, with(None, None)).await, refused);
    assert_eq!(post(&mut mutual, with(Some(&strange_cert), Some(&strange_key))).await, refused);
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let (first, second) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = first.issue_to(folder.path(), "localhost");
    let config = serde_json::from_value(json!({ "cert": cert, "key": key })).unwrap();
    let server = Server::load(&config).unwrap();
    let trusts = async |authority: &Authority| {
        let config = serde_json::from_value(json!({ "ca": authority.ca() })).unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client(&config).unwrap()));
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = "localhost".try_into().unwrap();
        let (shaken, _) =
            tokio::join!(connector.connect(name, near), server.acceptor().accept(far));
        shaken.is_ok()
    };
    assert!(trusts(&first).await && !trusts(&second).await);
    assert!(!server.reload().unwrap());
    second.issue_to(folder.path(), "localhost");
    assert!(server.reload().unwrap() && !server.reload().unwrap());
    assert!(trusts(&second).await && !trusts(&first).await);
    fs::write(&key, "no key, and a canary").unwrap();
    let error = server.reload().unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("key.pem") && !shown.contains("canary"), "{shown}");
    assert!(trusts(&second).await, "what was in use stays in use");
}
