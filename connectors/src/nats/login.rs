//! Who we are: what `CONNECT` says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hybridge_config::connector::nats::ConnectionConfig;
use hybridge_core::{Error, ErrorKind};
use nkeys::KeyPair;
use serde::Serialize;

#[derive(Serialize, Default)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    lang: &'static str,
    version: &'static str,
    name: &'a str,
    protocol: u8,
    headers: bool,
    no_responders: bool,
    echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

/// The `CONNECT` line for a server that gave this nonce.
///
/// # Errors
/// Credentials or an nkey that are none, as [`Unauthorized`](ErrorKind::Unauthorized): they may be corrected.
pub(super) fn connect(
    config: &ConnectionConfig,
    name: &str,
    is_tls: bool,
    nonce: &str,
) -> Result<String, Error> {
    let mut connect = Connect {
        tls_required: is_tls,
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        name,
        protocol: 1,
        headers: true,
        no_responders: true,
        echo: true,
        user: config.username.as_deref(),
        pass: config.password.as_ref().map(|password| password.expose()),
        auth_token: config.token.as_ref().map(|token| token.expose()),
        ..Connect::default()
    };
    if let Some(nkey) = &config.nkey {
        let pair = pair(nkey.expose().trim(), "nkey")?;
        connect.nkey = Some(pair.public_key());
        connect.sig = Some(sign(&pair, nonce)?);
    }
    if let Some(credentials) = &config.credentials {
        let text = credentials.expose();
        let jwt = section(text, "BEGIN NATS USER JWT").ok_or_else(|| wrong("no user JWT"))?;
        let seed = section(text, "BEGIN USER NKEY SEED").ok_or_else(|| wrong("no seed"))?;
        connect.jwt = Some(jwt.to_owned());
        connect.sig = Some(sign(&pair(seed, "credentials")?, nonce)?);
    }
    let json = serde_json::to_string(&connect).map_err(|error| {
        Error::with_source(ErrorKind::Fatal, "cannot write the login to NATS", error)
    })?;
    Ok(format!("CONNECT {json}\r\n"))
}

fn pair(seed: &str, what: &str) -> Result<KeyPair, Error> {
    // The cause may show a part of the seed.
    KeyPair::from_seed(seed).map_err(|_| {
        Error::new(ErrorKind::Unauthorized, format!("the seed in `{what}` is not an nkey"))
    })
}

fn sign(pair: &KeyPair, nonce: &str) -> Result<String, Error> {
    let signature = pair.sign(nonce.as_bytes());
    let signature = signature.map_err(|_| wrong("a seed that cannot sign"))?;
    Ok(URL_SAFE_NO_PAD.encode(signature))
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, format!("`credentials` hold {what}"))
}

/// The line that follows the one with this heading.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.contains(heading));
    lines.next()?;
    lines.map(str::trim).find(|line| !line.is_empty() && !line.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use hybridge_config::Secret;

    use super::*;

    fn config() -> ConnectionConfig {
        ConnectionConfig {
            servers: Vec::new(),
            credentials: None,
            nkey: None,
            token: None,
            username: None,
            password: None,
            tls: None,
            connect_timeout: None,
        }
    }

    #[test]
    fn credentials_are_signed_and_their_seed_stays_here() {
        let user = KeyPair::new_user();
        let seed = user.seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\nJWT.x.y\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        let config = ConnectionConfig { credentials: Some(Secret::new(text)), ..config() };
        let line = connect(&config, "n", false, "nonce").unwrap();
        let json: serde_json::Value = serde_json::from_str(&line[8..]).unwrap();
        assert_eq!(json["jwt"], "JWT.x.y");
        let signature = URL_SAFE_NO_PAD.decode(json["sig"].as_str().unwrap()).unwrap();
        user.verify(b"nonce", &signature).unwrap();
        assert!(!line.contains(&seed));
    }

    #[test]
    fn what_is_no_key_is_said_without_showing_it() {
        let config = ConnectionConfig { nkey: Some(Secret::new("SUSECRET")), ..config() };
        let error = connect(&config, "n", false, "nonce").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(!error.to_string().contains("SECRET"));
    }
}
