//! Requests of Amazon SNS to an HTTP endpoint (`adapters/aws-sns.md`).

use bytes::Bytes;
use hybridge_core::{Applied, Error, Message, Text};
use hybridge_schemas::json::Selection;

use super::rules::text;
use super::{Adapter, Draft, JSON, header};

/// The data is the whole request. With raw delivery it is the message itself, of which subject and
/// time are not known.
pub(super) struct Sns;

impl Adapter for Sns {
    fn events(&self, message: &Message, payload: &Bytes) -> Result<Applied, Error> {
        let kind = header(message, "x-amz-sns-message-type")?;
        let source = match kind.as_str() {
            "SubscriptionConfirmation" => header(message, "x-amz-sns-topic-arn")?,
            "Notification" | "UnsubscribeConfirmation" => {
                header(message, "x-amz-sns-subscription-arn")?
            }
            _ => return Err(Error::rejected("x-amz-sns-message-type is none that SNS sends")),
        };
        let mut draft = Draft {
            id: header(message, "x-amz-sns-message-id")?,
            source,
            event_type: format!("com.amazonaws.sns.{kind}"),
            subject: None,
            time: None,
            content_type: Some(JSON),
        };
        if header(message, "x-amz-sns-rawdelivery").is_ok_and(|raw| raw == "true") {
            draft.content_type = header(message, "content-type").ok().map(Text::from);
            return draft.into_event(message, Some(payload.clone())).map(Applied::One);
        }
        let mut found = [None; 2];
        Selection::new([["Timestamp"], ["Subject"]])
            .read(payload, &mut found, |_, _| {})
            .map_err(|fault| Error::rejected(format!("the payload is {fault}")))?;
        let [time, subject] = found.map(|raw| raw.and_then(text).map(|text| text.into_owned()));
        draft.time = time;
        draft.subject = subject.filter(|_| kind == "Notification");
        draft.into_event(message, Some(payload.clone())).map(Applied::One)
    }
}
