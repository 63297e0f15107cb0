//! A format of events is one of structured mode.

use super::Rules;
use crate::connector::http;
use crate::{Encoding, EventFormat, SinkConfig};

impl Rules<'_> {
    pub(super) fn encodings(&mut self) {
        let mut wrong = Vec::new();
        for (name, route) in &self.config.routes {
            for (path, sink) in Self::sinks(route) {
                if !is_sound(sink) {
                    wrong.push(self.sink_place(name, &path, "event_format"));
                }
            }
        }
        for place in wrong {
            let help = "write `encoding: structured` beside it";
            self.refuse(place, "`event_format` is of structured events", help);
        }
    }
}

fn is_sound(sink: &SinkConfig) -> bool {
    let (is_structured, format) = match sink {
        SinkConfig::Kafka(kafka) => (kafka.encoding == Encoding::Structured, kafka.event_format),
        SinkConfig::Nats(nats) => (nats.encoding == Encoding::Structured, nats.event_format),
        SinkConfig::Amqp(amqp) => (amqp.encoding == Encoding::Structured, amqp.event_format),
        SinkConfig::Http(http) => (http.encoding == http::Mode::Structured, http.event_format),
        SinkConfig::Log(_) | SinkConfig::File(_) | SinkConfig::Stdio(_) => return true,
    };
    is_structured || format == EventFormat::Json
}
