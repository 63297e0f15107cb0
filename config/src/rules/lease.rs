//! What the lease of a source says fits the source, and no two routes want the same one.

use std::collections::BTreeMap;

use super::Rules;
use crate::connector::file::{After, Format};
use crate::connector::lease::LeaseConfig;
use crate::{RouteConfig, SourceConfig};

impl Rules<'_> {
    pub(super) fn lease(&mut self, name: &str, route: &RouteConfig, lease: &LeaseConfig) {
        let kind = route.from.kind();
        let place = |key| self.route_place(name, &["from", kind, "lease", key]);
        let (connection, bucket, key, ttl) =
            (place("connection"), place("bucket"), place("key"), place("ttl"));
        self.connection(&lease.connection, "nats", connection);
        if !is_bucket(&lease.bucket) {
            let what = format!("not a name for a bucket, {:?}", lease.bucket);
            self.refuse(bucket, what, "a bucket has letters, digits, `_` and `-`");
        }
        let written = lease.key(kind, name);
        if !is_key(&written) {
            let what = format!("not a key for a lease, {written:?}");
            let help =
                "write a `key` of letters, digits, `_`, `-`, `/`, `=`, and single dots inside";
            self.refuse(key, what, help);
        }
        if lease.ttl.get().as_millis() < 1000 {
            self.refuse(ttl, "a `ttl` of a lease below 1s", "write `ttl: 15s`");
        }
        if let SourceConfig::File(file) = &route.from
            && file.format == Format::Whole
            && file.after == After::Keep
        {
            let whole = self.route_place(name, &["from", kind, "lease"]);
            let what = "`lease` with files of format `whole` that stay: each would be remembered \
                        in the entry of the lease, which is one message";
            self.refuse(whole, what, "write `after: remove`, or `after: { move: FOLDER }`");
        }
    }

    /// Two routes of one process under one lease: the second would wait for the first for ever.
    pub(super) fn leases(&mut self) {
        let mut taken: BTreeMap<(&str, &str, String), &str> = BTreeMap::new();
        for (name, route) in &self.config.routes {
            let Some(lease) = route.from.lease() else { continue };
            let kind = route.from.kind();
            let key = lease.key(kind, name);
            let entry = (lease.connection.as_str(), lease.bucket.as_str(), key);
            let Some(first) = taken.get(&entry) else {
                taken.insert(entry, name);
                continue;
            };
            let what = format!("the lease `{}` is that of the route `{first}` already", entry.2);
            let place = self.route_place(name, &["from", kind, "lease", "key"]);
            self.refuse(place, what, "give each route a `key` of its own, or leave it out");
        }
    }
}

fn is_bucket(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '=');
    key.split('.').all(|part| !part.is_empty() && part.chars().all(plain))
}
