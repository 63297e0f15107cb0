//! Where a message came from, kept in its record: what follows a topic of spilled messages goes on as if it had them from their
//! own source, with the same identity and hops at its target and the same coordinates in a dead letter.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::{HOPS, Headers, Message, Origin, Place, Text};

const HEADER: &str = "hybridge-spilled-origin";

/// Connector, cluster, topic, incarnation, partition, offset and child, as JSON.
type Written<'a> = (Cow<'a, str>, Cow<'a, str>, Cow<'a, str>, Cow<'a, str>, u32, u64, u32);

/// The message as its record.
pub(super) fn with_origin(message: &Message) -> Message {
    let Origin { place, offset, child } = &message.origin;
    let written: Written<'_> = (
        place.connector.as_str().into(),
        place.cluster.as_str().into(),
        place.topic.as_str().into(),
        place.incarnation.as_str().into(),
        place.partition,
        *offset,
        *child,
    );
    // Texts and numbers always serialize.
    let text = serde_json::to_vec(&written).unwrap_or_default();
    let mut record = message.clone();
    take_hop(&mut record.headers);
    record.headers.set(Text::from_static(HEADER), Some(Bytes::from(text)));
    record
}

/// Takes the last hop away, that of the route which spills: what follows it adds the same one, and in a dead letter it would be
/// a loop to send the message through the route again.
fn take_hop(headers: &mut Headers) {
    let Some(hops) = headers.get(HOPS) else { return };
    match hops.iter().rposition(|byte| *byte == b',') {
        Some(end) => headers.set(Text::from_static(HOPS), Some(hops.slice(..end))),
        None => drop(headers.remove(HOPS)),
    }
}

/// Gives messages back where they came from.
#[derive(Default)]
pub(super) struct Origins {
    /// Of the last message: most have the same one.
    place: Arc<Place>,
}

impl Origins {
    /// Takes the origin out of the headers; a message without one keeps that of its record.
    pub(super) fn restore(&mut self, message: &mut Message) {
        let Some(text) = message.headers.get(HEADER) else { return };
        message.headers.remove(HEADER);
        let Ok(written) = serde_json::from_slice::<Written<'_>>(&text) else { return };
        let (connector, cluster, topic, incarnation, partition, offset, child) = written;
        let text = |part: Cow<'_, str>| Text::from(part.into_owned());
        let place = Place {
            connector: text(connector),
            cluster: text(cluster),
            topic: text(topic),
            incarnation: text(incarnation),
            partition,
        };
        if *self.place != place {
            self.place = Arc::new(place);
        }
        message.origin = Origin { place: self.place.clone(), offset, child };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hop_of_the_route_that_spills_is_taken() {
        for (before, after) in [("a/one,b/two", Some("a/one")), ("b/two", None)] {
            let mut message = Message::default();
            message
                .headers
                .set(Text::from_static(HOPS), Some(Bytes::from_static(before.as_bytes())));
            let hops = with_origin(&message).headers.get(HOPS);
            assert_eq!(hops.as_deref(), after.map(str::as_bytes));
        }
    }
}
