//! Which routes may read what a `nats` sink writes.

use super::cluster;
use crate::connector::nats::{Read, SinkConfig, SourceConfig, To};
use crate::{Config, Segment, SourceConfig as AnySource, Template};

/// The routes that may read what `sink` writes: from its stream or bucket, or by subscribing to its subject.
pub(super) fn fed<'a>(config: &'a Config, sink: &SinkConfig) -> Vec<&'a str> {
    let here = cluster(config, &sink.connection);
    let is_fed = |route: &(&'a String, &'a crate::RouteConfig)| match &route.1.from {
        AnySource::Nats(source) => {
            cluster(config, &source.connection) == here && feeds(sink, source)
        }
        _ => false,
    };
    config.routes.iter().filter(is_fed).map(|(name, _)| name.as_str()).collect()
}

fn feeds(sink: &SinkConfig, source: &SourceConfig) -> bool {
    let subject_is_read = || match &sink.subject {
        Some(subject) => source.subjects.iter().any(|pattern| may_match(subject, pattern)),
        None => false,
    };
    match (sink.to(), source.read()) {
        (To::Stream(written), Read::Stream(read)) => {
            written == read && (source.subjects.is_empty() || subject_is_read())
        }
        (To::Kv(written), Read::Kv(read)) => written == read,
        (To::Stream(_) | To::Core, Read::Core) => subject_is_read(),
        _ => false,
    }
}

/// Whether a template can render to a subject that the pattern matches: what stands before its first reference, token
/// by token, does not say otherwise.
fn may_match(template: &Template, pattern: &str) -> bool {
    let (literal, is_whole) = match template.segments() {
        [] => ("", true),
        [Segment::Literal(text)] => (text.as_str(), true),
        [Segment::Literal(text), ..] => (text.as_str(), false),
        _ => return true,
    };
    let mut tokens = pattern.split('.');
    let mut known: Vec<&str> = literal.split('.').collect();
    if !is_whole {
        // A reference may continue the last token.
        known.pop();
    }
    for token in known {
        match tokens.next() {
            Some(">") => return true,
            Some("*") => {}
            Some(other) if other == token => {}
            _ => return false,
        }
    }
    !is_whole || tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_first_reference_decides() {
        let may = |template: &str, pattern| may_match(&template.parse().unwrap(), pattern);
        assert!(may("a.b", "a.b") && may("a.b", "a.*") && may("a.b", "a.>") && may("a.b", ">"));
        assert!(!may("a.b", "a") && !may("a.b", "a.b.c") && !may("a.b", "a.c") && !may("a", "a.>"));
        assert!(
            may("a.{{ key }}", "a.x.>") && may("a.b{{ key }}", "a.bc") && may("{{ key }}", "q")
        );
        assert!(!may("a.out.{{ key }}", "a.in.>"));
    }
}
