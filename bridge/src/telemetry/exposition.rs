//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write};

use crate::status::Latency;

/// Text that grows by one metric family after the other.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

/// A family whose samples follow.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    /// Starts a family; `kind` is `counter`, `gauge` or `histogram`.
    pub(super) fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text: &mut self.0, name }
    }

    pub(super) fn append(&mut self, text: &str) {
        self.0.push_str(text);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, None, value);
    }

    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], latency: &Latency) {
        let mut count = 0;
        for (bound, total) in latency.buckets() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.line("_bucket", labels, Some(&bound), total);
            count = total;
        }
        self.line("_sum", labels, None, latency.sum());
        self.line("_count", labels, None, count);
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        bound: Option<&str>,
        value: impl Display,
    ) {
        let text = &mut *self.text;
        let _ = write!(text, "{}{suffix}", self.name);
        let mut before = '{';
        for (name, value) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(text, "{before}{name}=\"");
            escape(text, value);
            text.push('"');
            before = ',';
        }
        if before == ',' {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn labels_are_escaped_and_histograms_are_whole() {
        let mut text = Exposition::default();
        text.family("a_total", "counter", "As.").sample(&[("route", "a\"b\\\n")], 3);
        let latency = Latency::default();
        latency.record(Duration::from_millis(2), 5);
        text.family("b_seconds", "histogram", "Bs.").histogram(&[], &latency);
        let text = text.finish();
        assert!(text.contains("a_total{route=\"a\\\"b\\\\\\n\"} 3\n"), "{text}");
        assert!(text.contains("b_seconds_bucket{le=\"0.0025\"} 5\n"), "{text}");
        assert!(text.contains("b_seconds_bucket{le=\"+Inf\"} 5\n"), "{text}");
        assert!(text.contains("b_seconds_sum 0.01\nb_seconds_count 5\n"), "{text}");
    }
}
