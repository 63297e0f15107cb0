//! The names under which properties of AMQP stand among the headers of a message, the same in both directions.

pub(super) const CONTENT_TYPE: &str = "content-type";
pub(super) const CONTENT_ENCODING: &str = "content-encoding";
/// What the names of all other properties begin with.
pub(super) const PREFIX: &str = "amqp-";
pub(super) const CORRELATION_ID: &str = "amqp-correlation-id";
pub(super) const REPLY_TO: &str = "amqp-reply-to";
pub(super) const MESSAGE_ID: &str = "amqp-message-id";
pub(super) const TYPE: &str = "amqp-type";
pub(super) const APP_ID: &str = "amqp-app-id";
pub(super) const USER_ID: &str = "amqp-user-id";
pub(super) const EXPIRATION: &str = "amqp-expiration";
pub(super) const PRIORITY: &str = "amqp-priority";
/// The types of those headers whose values are no texts.
pub(super) const TYPES: &str = "amqp-header-types";

/// On the wire: the key of a message, where it is not its routing key.
pub(super) const KEY: &str = "hybridge-key";
/// On the wire: the body is null, which an AMQP body cannot be.
pub(super) const NULL_BODY: &str = "hybridge-null-body";
/// On the wire: the time in milliseconds; RabbitMQ's own interceptor uses the same name.
pub(super) const MILLIS: &str = "timestamp_in_ms";

/// Whether it is a header that reroutes a message.
pub(super) fn is_copy(name: &str) -> bool {
    matches!(name, "CC" | "BCC")
}

/// Whether it is a header that a broker sets, or that makes it do something.
pub(super) fn is_of_broker(name: &str) -> bool {
    name.starts_with("x-first-death-")
        || name.starts_with("x-last-death-")
        || matches!(
            name,
            "x-acquired-count"
                | "x-death"
                | "x-delay"
                | "x-delivery-count"
                | "x-opt-delivery-count"
                | "x-received-from"
                | "x-stream-filter-value"
                | "x-stream-offset"
        )
}
