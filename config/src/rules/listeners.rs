//! One listener an address; `http` sources may share one where their paths differ.

use std::net::SocketAddr;

use super::Rules;
use crate::{SourceConfig, connector::http, yaml::Place};

/// Somebody who listens.
struct Listener<'a> {
    address: SocketAddr,
    /// The name for messages.
    name: String,
    place: Place,
    /// The source, which may share its listener with others.
    source: Option<&'a http::SourceConfig>,
}

impl Rules<'_> {
    pub(super) fn listeners(&mut self) {
        let config = self.config;
        let mut listeners: Vec<Listener> = Vec::new();
        listeners.push(Listener {
            address: config.admin.listen,
            name: "`admin`".to_owned(),
            place: self.sections.single_place("admin", &["listen"]),
            source: None,
        });
        if let Some(subscribe) = &config.subscribe {
            listeners.push(Listener {
                address: subscribe.listen,
                name: "`subscribe`".to_owned(),
                place: self.sections.single_place("subscribe", &["listen"]),
                source: None,
            });
        }
        for (name, route) in &config.routes {
            let SourceConfig::Http(source) = &route.from else { continue };
            if !source.path.starts_with('/') || source.path.contains(['?', '#', ' ']) {
                let place = self.route_place(name, &["from", "http", "path"]);
                let message = format!("not the path of a URL, {:?}", source.path);
                self.refuse(place, message, "write a path such as `/events`");
            }
            listeners.push(Listener {
                address: source.listen,
                name: format!("the route `{name}`"),
                place: self.route_place(name, &["from", "http", "listen"]),
                source: Some(source),
            });
        }
        for (index, listener) in listeners.iter().enumerate() {
            let clash = listeners[..index].iter().find_map(|other| clash(other, listener));
            if let Some((message, help)) = clash {
                self.refuse(listener.place, message, help);
            }
        }
    }
}

fn clash(first: &Listener, second: &Listener) -> Option<(String, &'static str)> {
    let port = second.address.port();
    if first.address.port() != port || port == 0 || !overlap(first.address, second.address) {
        return None;
    }
    let (address, name) = (second.address, &first.name);
    let (Some(one), Some(other)) = (first.source, second.source) else {
        return Some((format!("{address} is taken by {name}"), "write another port"));
    };
    if one.listen != other.listen {
        let help = "write the same address for both, or another port";
        return Some((format!("{address} overlaps with {}, which {name} has", one.listen), help));
    }
    if one.path == other.path {
        let message = format!("{address} with the path `{}` is taken by {name}", one.path);
        return Some((message, "write another `path` or another port"));
    }
    if one.tls != other.tls {
        let message = format!("{address} is shared with {name}, which has other `tls`");
        return Some((message, "write the same `tls` for both, or another port"));
    }
    None
}

/// Whether two addresses with the same port cannot both be listened on.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = |address: SocketAddr| address.ip().is_unspecified();
    one.ip() == other.ip() || any(one) || any(other)
}
