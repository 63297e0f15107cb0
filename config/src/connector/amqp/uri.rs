//! The address of a broker, with the credentials in it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::Url;

/// `amqp://user:password@host:5672/vhost` or `amqps://...`; only scheme, host and virtual host are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri(Url);

impl Uri {
    /// Takes a text as it stands; [`crate::load`] checks that it is such an address.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Url::new(text))
    }

    /// The whole text, credentials included, for the client that opens it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Checks that it is an absolute URI of AMQP with a host.
    ///
    /// # Errors
    /// What is wrong, without the value.
    pub fn check(&self) -> Result<(), String> {
        self.0.check_scheme(&["amqp", "amqps"])?;
        if self.expose().contains(['?', '#']) {
            return Err("an AMQP URI with a query or a fragment".to_owned());
        }
        Ok(())
    }

    /// Whether it says to encrypt.
    pub fn is_encrypted(&self) -> bool {
        self.expose().starts_with("amqps://")
    }

    /// Whether a user name and password stand in it.
    pub fn has_credentials(&self) -> bool {
        let rest = self.expose().split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().is_some_and(|authority| authority.contains('@'))
    }

    /// Whether what is sent there can be read on its way: unencrypted, to another machine than this one.
    pub fn is_readable_on_the_way(&self) -> bool {
        self.0.is_readable_on_the_way()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Uri {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

impl JsonSchema for Uri {
    fn schema_name() -> Cow<'static, str> {
        "AmqpUri".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-amqp-uri",
            "description": "`amqps://user:password@host/vhost`; never printed with its user info.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_and_not_shown() {
        let uri = Uri::new("amqps://user:hunter2@host:5671/%2f");
        assert_eq!(format!("{uri} {uri:?}"), "amqps://host:5671/%2f amqps://host:5671/%2f");
        assert!(uri.has_credentials() && uri.is_encrypted() && uri.check().is_ok());
        assert!(!Uri::new("amqp://host/a@b").has_credentials());
        for wrong in ["host:5672", "http://host", "amqp://", "amqp://host/v?heartbeat=1"] {
            assert!(Uri::new(wrong).check().is_err(), "{wrong}");
        }
        let plain = |uri: &str| Uri::new(uri).is_readable_on_the_way();
        assert!(plain("amqp://u:p@rabbit/") && !plain("amqps://u:p@rabbit/"));
        assert!(!plain("amqp://u:p@127.0.0.1:5672/"));
    }
}
