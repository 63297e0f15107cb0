//! nats-server with TLS and passwords.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream};
use async_trait::async_trait;

use super::{ADMIN, Certificates, Guarded, RIGHT, USER};
use crate::broker::nats::{Nats, Options};
use crate::wait::until;

/// Where clients of this process find the authority: the harness asks for a plain function.
static CA: OnceLock<PathBuf> = OnceLock::new();

/// One server.
pub struct Encrypted {
    nats: Nats,
    password: String,
}

impl Encrypted {
    /// Starts it; once in a process.
    pub async fn start(certificates: &Certificates) -> Result<Self> {
        let _ = CA.set(certificates.ca());
        let server = &certificates.server;
        let config = format!(
            "tls: {{ cert_file: \"{}\", key_file: \"{}\" }}
authorization: {{ users: [ {{ user: {ADMIN}, password: \"{RIGHT}\" }}, {} ] }}
",
            server.cert.display(),
            server.key.display(),
            user(RIGHT)
        );
        let client = || {
            let ca = CA.get().cloned().unwrap_or_default();
            ConnectOptions::with_user_and_password(ADMIN.to_owned(), RIGHT.to_owned())
                .add_root_certificates(ca)
                .require_tls(true)
        };
        let nats = Nats::with(Options { config, client, ..Options::default() }).await?;
        Ok(Self { nats, password: RIGHT.to_owned() })
    }

    async fn context(&self) -> Result<jetstream::Context> {
        Ok(jetstream::new(self.nats.client().await?))
    }
}

fn user(password: &str) -> String {
    format!("{{ user: {USER}, password: \"{password}\" }}")
}

#[async_trait(?Send)]
impl Guarded for Encrypted {
    fn name(&self) -> &'static str {
        "jetstream access"
    }

    fn connection(&self, password: &str, ca: &Path) -> String {
        let (urls, ca) = (self.nats.urls(), ca.display());
        format!(
            "{{ nats: {{ servers: {urls:?}, username: {USER}, password: \"{password}\", tls: {{ ca: \"{ca}\" }} }} }}"
        )
    }

    fn from(&self, place: &str) -> String {
        format!("{{ nats: {{ connection: broker, stream: {place}, lease: {{ create: true }} }} }}")
    }

    fn to(&self, place: &str) -> String {
        format!("{{ nats: {{ connection: broker, stream: {place}, subject: {place}.x }} }}")
    }

    async fn create(&self, place: &str) -> Result<()> {
        let subjects = vec![format!("{place}.>")];
        let config = stream::Config { name: place.to_owned(), subjects, ..Default::default() };
        self.context().await?.create_stream(config).await?;
        Ok(())
    }

    async fn put(&self, place: &str, numbers: Range<usize>) -> Result<()> {
        let context = self.context().await?;
        for number in numbers {
            context.publish(format!("{place}.x"), number.to_string().into()).await?.await?;
        }
        Ok(())
    }

    async fn taken(&self, place: &str) -> Result<Vec<usize>> {
        let mut stream = self.context().await?.get_stream(place).await?;
        let count = stream.info().await?.state.messages;
        let mut numbers = Vec::new();
        for sequence in 1..=count {
            let message = stream.get_raw_message(sequence).await?;
            numbers.push(std::str::from_utf8(&message.payload)?.parse()?);
        }
        Ok(numbers)
    }

    async fn change_password(&mut self, password: &str) -> Result<()> {
        let old = user(&std::mem::replace(&mut self.password, password.to_owned()));
        let server = self.nats.servers.first().context("no server")?;
        server.reload(|text| text.replace(&old, &user(password)))?;
        // The server reads it when it comes to it.
        let url = format!("nats://{}", server.address);
        until("the server takes the new password", async || {
            let ca = CA.get().cloned().unwrap_or_default();
            let options =
                ConnectOptions::with_user_and_password(USER.to_owned(), password.to_owned());
            let options = options.add_root_certificates(ca).ignore_discovered_servers();
            Ok(options.connect(&url).await.is_ok())
        })
        .await
    }
}
