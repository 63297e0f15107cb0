//! Whether queues and exchanges are there, and making them where the file says so.

use hybridge_config::connector::amqp::{
    Argument, Arguments, BindingConfig, ExchangeConfig, ExchangeType, QueueConfig, QueueType,
};
use hybridge_core::Error;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ExchangeKind};

use super::client::{self, NOT_FOUND, PRECONDITION_FAILED};

/// Makes the queue with its bindings. It may have more arguments than the file says: `also`.
pub(super) async fn queue(
    channel: &Channel,
    name: &str,
    config: &QueueConfig,
    also: &[(&str, &str)],
) -> Result<(), Error> {
    let mut arguments = table(&config.arguments)?;
    let kind = match config.kind {
        QueueType::Classic => "classic",
        QueueType::Quorum => "quorum",
        QueueType::Stream => "stream",
    };
    for (argument, text) in [("x-queue-type", kind)].iter().chain(also) {
        if !arguments.contains_key(argument) {
            arguments.insert(short(argument)?, AMQPValue::LongString(LongString::from(*text)));
        }
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(short(name)?, options, arguments).await;
    declared.map_err(|error| {
        let help =
            "it exists with another type or other arguments: write those, or leave `declare` out";
        refused(&format!("cannot declare the queue `{name}`"), help, PRECONDITION_FAILED, error)
    })?;
    for BindingConfig { exchange, routing_key } in &config.bind {
        let (to, key) = (short(exchange)?, short(routing_key)?);
        let options = QueueBindOptions::default();
        let bound = channel.queue_bind(short(name)?, to, key, options, FieldTable::default()).await;
        bound.map_err(|error| {
            let what = format!("cannot bind the queue `{name}` to the exchange `{exchange}`");
            refused(&what, "create the exchange", NOT_FOUND, error)
        })?;
    }
    Ok(())
}

/// Says how many messages are ready in the queue, which must exist.
pub(super) async fn queue_exists(channel: &Channel, name: &str) -> Result<u32, Error> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let found = channel.queue_declare(short(name)?, options, FieldTable::default()).await;
    let found = found.map_err(|error| {
        let help = "create it, or write `declare:`";
        refused(&format!("the queue `{name}` is not there"), help, NOT_FOUND, error)
    })?;
    Ok(found.message_count())
}

/// Makes the exchange.
pub(super) async fn exchange(
    channel: &Channel,
    name: &str,
    config: &ExchangeConfig,
) -> Result<(), Error> {
    let kind = match config.kind {
        ExchangeType::Direct => ExchangeKind::Direct,
        ExchangeType::Fanout => ExchangeKind::Fanout,
        ExchangeType::Topic => ExchangeKind::Topic,
        ExchangeType::Headers => ExchangeKind::Headers,
    };
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let arguments = table(&config.arguments)?;
    let declared = channel.exchange_declare(short(name)?, kind, options, arguments).await;
    declared.map_err(|error| {
        let help =
            "it exists with another type or other arguments: write those, or leave `declare` out";
        refused(&format!("cannot declare the exchange `{name}`"), help, PRECONDITION_FAILED, error)
    })
}

/// The exchange must exist; the default exchange, whose name is empty, always does.
pub(super) async fn exchange_exists(channel: &Channel, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Ok(());
    }
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let kind = ExchangeKind::Direct;
    let found = channel.exchange_declare(short(name)?, kind, options, FieldTable::default()).await;
    found.map_err(|error| {
        let help = "create it, or write `declare:`";
        refused(&format!("the exchange `{name}` is not there"), help, NOT_FOUND, error)
    })
}

/// A name as the library wants it.
pub(super) fn short(name: &str) -> Result<ShortString, Error> {
    let too_long = |_| Error::rejected(format!("a name of {} bytes, and AMQP has 255", name.len()));
    ShortString::try_new(name).map_err(too_long)
}

fn table(arguments: &Arguments) -> Result<FieldTable, Error> {
    let mut table = FieldTable::default();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Boolean(on) => AMQPValue::Boolean(*on),
            Argument::Integer(number) => AMQPValue::LongLongInt(*number),
            Argument::Text(text) => AMQPValue::LongString(LongString::from(text.as_str())),
        };
        table.insert(short(name)?, value);
    }
    Ok(table)
}

/// An error with what to do about it, where it has the code that the help is for.
fn refused(what: &str, help: &str, when: u16, error: lapin::Error) -> Error {
    if client::code(&error) == Some(when) {
        return client::failed(&format!("{what} ({help})"), error);
    }
    client::failed(what, error)
}
