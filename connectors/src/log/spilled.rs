//! Where a message came from, kept in its record: what follows a topic of spilled messages goes on as if it had them from their
//! own source, with the same identity at its target and the same coordinates in a dead letter.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::{Message, Origin, Place, Text};

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
    record.headers.set(Text::from_static(HEADER), Some(Bytes::from(text)));
    record
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
