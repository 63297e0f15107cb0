//! Subscription objects of the CloudEvents Subscriptions API 1.0, section 3.2, as one is proposed to be created.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::{Filter, Secret};

/// What a consumer asks for: which events, where to, by which protocol. An `id` that it proposes is not read: whoever
/// creates the subscription gives it one.
#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    /// The `source` that events must have.
    pub source: Option<String>,
    /// The `type`s of which events must have one.
    #[serde(default)]
    pub types: Vec<String>,
    /// Settings of whoever generates the events.
    #[serde(default)]
    pub config: BTreeMap<String, Json>,
    /// All of them must pass; none means that every event does.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// The URI that events are sent to.
    pub sink: String,
    /// What authorises the sender at the sink.
    pub sinkcredential: Option<Credential>,
    /// How events are sent.
    pub protocol: Protocol,
    /// Settings of the protocol.
    #[serde(default)]
    pub protocolsettings: Map<String, Json>,
}

/// The protocols that the specification names; their names are compared exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names of the specification")]
pub enum Protocol {
    Amqp,
    Mqtt3,
    Mqtt5,
    Http,
    Kafka,
    Nats,
}

/// A credential for the sink; what is secret in it cannot be shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "credentialtype", rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names of the specification, section 3.2.3")]
pub enum Credential {
    Plain {
        identifier: String,
        secret: Secret,
    },
    AccessToken {
        accesstoken: Secret,
        accesstokenexpiresutc: String,
        accesstokentype: String,
    },
    RefreshToken {
        accesstoken: Secret,
        accesstokenexpiresutc: String,
        accesstokentype: String,
        refreshtoken: Secret,
        refreshtokenendpoint: String,
    },
}

/// Name, kind of value, whether it must be there.
type Setting = (&'static str, fn(&Json) -> bool, bool);

const HTTP: &[Setting] = &[("headers", is_texts, false), ("method", Json::is_string, false)];
const MQTT: &[Setting] = &[
    ("topicname", Json::is_string, true),
    ("qos", |value| value.as_u64().is_some_and(|qos| qos <= 2), false),
    ("retain", Json::is_boolean, false),
    ("expiry", Json::is_u64, false),
    ("userproperties", is_texts, false),
];
const AMQP: &[Setting] = &[
    ("address", Json::is_string, false),
    ("linkname", Json::is_string, false),
    (
        "sendersettlementmode",
        |value| matches!(value.as_str(), Some("settled" | "unsettled")),
        false,
    ),
    ("linkproperties", is_texts, false),
];
const KAFKA: &[Setting] = &[
    ("topicname", Json::is_string, false),
    ("partitionkeyextractor", Json::is_string, false),
    ("clientid", Json::is_string, false),
    ("acks", Json::is_string, false),
];
const NATS: &[Setting] = &[("subject", Json::is_string, true)];

impl Protocol {
    fn settings(self) -> &'static [Setting] {
        match self {
            Self::Http => HTTP,
            Self::Mqtt3 | Self::Mqtt5 => MQTT,
            Self::Amqp => AMQP,
            Self::Kafka => KAFKA,
            Self::Nats => NATS,
        }
    }

    /// The schemes of its addresses, those of its own transport bindings included; none where any will do.
    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["http", "https"],
            Self::Mqtt3 | Self::Mqtt5 => &["mqtt", "mqtts", "tcp", "ssl", "tls", "ws", "wss"],
            Self::Amqp => &["amqp", "amqps", "ws", "wss"],
            Self::Kafka => &[],
            Self::Nats => &["nats", "tls", "ws", "wss"],
        }
    }
}

impl Subscription {
    /// Reads and checks one; the error says what is wrong, without what is secret.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), String> {
        let scheme = scheme(&self.sink).ok_or("sink: not an absolute URI")?;
        let schemes = self.protocol.schemes();
        if !schemes.is_empty() && !schemes.iter().any(|one| one.eq_ignore_ascii_case(scheme)) {
            return Err(format!("sink: {scheme} is no scheme of the protocol"));
        }
        if self.source.as_ref().is_some_and(|source| !is_reference(source)) {
            return Err("source: no URI reference".to_owned());
        }
        if self.types.iter().any(String::is_empty) {
            return Err("types: an empty one".to_owned());
        }
        if self.config.keys().any(String::is_empty) {
            return Err("config: a key without a name".to_owned());
        }
        if let Some(credential) = &self.sinkcredential {
            credential.check()?;
        }
        self.check_settings()
    }

    /// A manager may know further settings, so those that are not known pass.
    fn check_settings(&self) -> Result<(), String> {
        for (name, is_right, is_required) in self.protocol.settings() {
            match self.protocolsettings.get(*name) {
                Some(value) if !is_right(value) => {
                    return Err(format!("protocolsettings: {name} has a wrong value"));
                }
                Some(_) => {}
                None if *is_required => {
                    return Err(format!("protocolsettings: {name} is missing"));
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl Credential {
    fn check(&self) -> Result<(), String> {
        let (expires, endpoint) = match self {
            Self::Plain { identifier, .. } => {
                return match identifier.is_empty() {
                    true => Err("sinkcredential: identifier is empty".to_owned()),
                    false => Ok(()),
                };
            }
            Self::AccessToken { accesstokenexpiresutc, .. } => (accesstokenexpiresutc, None),
            Self::RefreshToken { accesstokenexpiresutc, refreshtokenendpoint, .. } => {
                (accesstokenexpiresutc, Some(refreshtokenendpoint))
            }
        };
        if expires.parse::<jiff::Timestamp>().is_err() {
            return Err("sinkcredential: accesstokenexpiresutc is no timestamp".to_owned());
        }
        if endpoint.is_some_and(|endpoint| scheme(endpoint).is_none()) {
            return Err("sinkcredential: refreshtokenendpoint is no URL".to_owned());
        }
        Ok(())
    }
}

fn is_texts(value: &Json) -> bool {
    value.as_object().is_some_and(|members| members.values().all(Json::is_string))
}

/// Whether it has only what a URI reference may have, and something of it: RFC 3986, section 2.
fn is_reference(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// The scheme of an absolute URI: RFC 3986, section 3.1.
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_rest = !rest.is_empty() && rest != "//" && !rest.contains(char::is_whitespace);
    (is_scheme && is_rest).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(changes: Json) -> Result<Subscription, String> {
        let mut subscription = json!({ "sink": "https://shop.example/in", "protocol": "HTTP" });
        for (name, value) in changes.as_object().unwrap() {
            subscription[name] = value.clone();
        }
        Subscription::from_json(&subscription.to_string())
    }

    #[test]
    fn what_the_specification_allows_is_read() {
        for changes in [
            json!({ "id": "mine", "filters": [], "types": ["a"], "config": { "interval": 5 } }),
            json!({ "filters": [{ "prefix": { "type": "a." } }], "source": "/shop" }),
            json!({ "protocolsettings": { "headers": { "a": "b" }, "method": "PUT", "own": 1 } }),
            json!({ "protocol": "AMQP", "sink": "wss://a.example/", "protocolsettings": { "address": "q" } }),
            json!({ "protocol": "KAFKA", "sink": "kafka://a" }),
            json!({ "sinkcredential": { "credentialtype": "REFRESHTOKEN", "accesstoken": "t",
                "accesstokenexpiresutc": "2030-01-01T00:00:00Z", "accesstokentype": "Bearer", "refreshtoken": "r",
                "refreshtokenendpoint": "https://a.example/token" } }),
        ] {
            assert!(read(changes.clone()).is_ok(), "{changes}: {:?}", read(changes.clone()).err());
        }
    }

    #[test]
    fn what_it_does_not_allow_is_refused_with_the_reason() {
        for (changes, reason) in [
            (json!({ "sink": null }), "expected a string"),
            (json!({ "sink": "/in" }), "not an absolute URI"),
            (json!({ "sink": "mqtt://a" }), "no scheme of the protocol"),
            (json!({ "protocol": "http" }), "unknown variant `http`"),
            (json!({ "types": [""] }), "types"),
            (json!({ "types": "a" }), "expected a sequence"),
            (json!({ "source": "" }), "source"),
            (json!({ "source": "a b" }), "source"),
            (json!({ "config": { "": 1 } }), "config"),
            (json!({ "filters": [{ "exact": {} }] }), "no attribute to compare"),
            (json!({ "protocol": "MQTT5", "sink": "mqtts://a" }), "topicname is missing"),
            (json!({ "protocol": "NATS", "sink": "nats://a" }), "subject is missing"),
            (
                json!({ "protocol": "MQTT3", "sink": "mqtt://a", "protocolsettings": { "topicname": "t", "qos": 3 } }),
                "qos has a wrong value",
            ),
            (
                json!({ "sinkcredential": { "credentialtype": "PLAIN", "identifier": "u" } }),
                "secret",
            ),
            (
                json!({ "sinkcredential": { "identifier": "u", "secret": "canary" } }),
                "credentialtype",
            ),
            (
                json!({ "sinkcredential": { "credentialtype": "ACCESSTOKEN", "accesstoken": "canary",
                    "accesstokenexpiresutc": "soon", "accesstokentype": "Bearer" } }),
                "no timestamp",
            ),
            (
                json!({ "sinkcredential": { "credentialtype": "ACCESSTOKEN", "accesstoken": "canary",
                    "accesstokenexpiresutc": "2030-01-01T00:00:00Z" } }),
                "accesstokentype",
            ),
        ] {
            let error = read(changes.clone()).unwrap_err();
            assert!(error.contains(reason), "{changes}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
        let credential = json!({ "sinkcredential": { "credentialtype": "PLAIN", "identifier": "u", "secret": "canary" } });
        assert!(!format!("{:?}", read(credential).unwrap()).contains("canary"));
    }
}
