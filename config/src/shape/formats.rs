//! Texts with a grammar of their own, by the `format` that their schema names.

use std::net::SocketAddr;

use crate::{
    ByteSize, Cel, Cesql, Duration, Field, Percent, Rate, SyntaxError, Template, Url,
    connector::amqp,
    filter,
    transform::{
        cloudevents, input_transformer,
        input_transformer::{InputTemplate, JsonPath},
        map, split,
    },
    units::UnitError,
};

/// Whether a value of this format is never shown.
pub(super) fn is_secret(format: &str) -> bool {
    matches!(format, "hybridge-secret" | "hybridge-url" | "hybridge-amqp-uri")
}

/// What a text of this format looks like.
pub(super) fn example(format: &str) -> Option<&'static str> {
    Some(match format {
        "hybridge-duration" => "a time with its unit: `200ms`, `30s`, `1m`, `24h`, `30d`",
        "hybridge-bytes" => "a size with its unit: `512B`, `64KiB`, `64MiB`, `1GiB`",
        "hybridge-rate" => "a rate: `1000/s`, `60/m`, `10/h`",
        "hybridge-percent" => "a share: `20%`",
        "hybridge-listen" => "an IP address and a port: `127.0.0.1:8080`, `[::1]:8080`",
        "hybridge-url" => "an absolute URL: `https://billing.example/events`",
        "hybridge-amqp-uri" => "an AMQP URI: `amqps://user:password@host/vhost`",
        "hybridge-secret" => "a text, best `${NAME}` or `${file:path}`",
        "hybridge-media-type" => "a media type: `application/json`",
        "hybridge-data" | "hybridge-field" | "hybridge-settable" | "hybridge-removable" => {
            "a field: `event.type`, `event.data.name`, `headers[\"x\"]`, `key`"
        }
        "hybridge-template" => "a text, with `{{ event.type }}` where a field belongs",
        "hybridge-cel" => "a CEL expression: `event.type == 'order.placed'`",
        "hybridge-cesql" => "a CloudEvents SQL expression: `type LIKE 'order.%'`",
        _ => return None,
    })
}

/// What is wrong with a text of this format, and what would be right; neither holds the text but as a suggestion.
pub(super) fn check(format: &str, text: &str) -> Option<(String, String)> {
    match format {
        "hybridge-duration" => unit(text.parse::<Duration>().err()),
        "hybridge-bytes" => unit(text.parse::<ByteSize>().err()),
        "hybridge-rate" => unit(text.parse::<Rate>().err()),
        "hybridge-percent" => unit(text.parse::<Percent>().err()),
        "hybridge-template" => syntax(text.parse::<Template>().err()),
        "hybridge-cel" => syntax(text.parse::<Cel>().err()),
        "hybridge-cesql" => syntax(cesql(text).err()),
        "hybridge-field" => syntax(text.parse::<Field>().err()),
        "hybridge-settable" => field(text, map::check_settable),
        "hybridge-removable" => field(text, map::check_removable),
        "hybridge-attribute" => attribute(text),
        "hybridge-data" => field(text, split::check_data),
        "hybridge-input-template" => syntax(text.parse::<InputTemplate>().err()),
        "hybridge-json-path" => syntax(text.parse::<JsonPath>().err()),
        "hybridge-variable" => variable(text),
        "hybridge-extension" => extension(text),
        "hybridge-media-type" => media_type(text),
        "hybridge-listen" => listen(text),
        "hybridge-url" => url(text),
        "hybridge-amqp-uri" => amqp_uri(text),
        _ => None,
    }
}

fn unit(error: Option<UnitError>) -> Option<(String, String)> {
    error.map(|error| (error.message, error.help))
}

fn syntax(error: Option<SyntaxError>) -> Option<(String, String)> {
    let error = error?;
    Some((format!("{} at character {} of the text", error.message, error.at), error.help))
}

fn cesql(text: &str) -> Result<(), SyntaxError> {
    text.parse::<Cesql>()?.check_functions()
}

fn field(text: &str, check: fn(&Field) -> Result<(), &'static str>) -> Option<(String, String)> {
    match text.parse::<Field>() {
        Err(error) => syntax(Some(error)),
        Ok(field) => {
            let what = check(&field).err()?;
            Some((format!("a field that {what}"), "leave it out".to_owned()))
        }
    }
}

fn attribute(text: &str) -> Option<(String, String)> {
    let what = filter::check_name(text).err()?;
    Some((what.to_owned(), "write a name such as `type` or `subject`".to_owned()))
}

fn variable(text: &str) -> Option<(String, String)> {
    let what = input_transformer::check_variable(text).err()?;
    Some((what.to_owned(), "write a name such as `instance`".to_owned()))
}

fn extension(text: &str) -> Option<(String, String)> {
    let what = cloudevents::check_extension(text).err()?;
    let help = "write a name such as `tenant`; `type`, `source`, `subject` and `id` have keys of their own";
    Some((what.to_owned(), help.to_owned()))
}

fn media_type(text: &str) -> Option<(String, String)> {
    let help =
        || ("not a media type".to_owned(), "write one such as `application/json`".to_owned());
    (!cloudevents::is_media_type(text)).then(help)
}

fn listen(text: &str) -> Option<(String, String)> {
    if text.parse::<SocketAddr>().is_ok() {
        return None;
    }
    let help = match text.strip_prefix("localhost:").or(text.strip_prefix(':')) {
        Some(port) if port.parse::<u16>().is_ok() => format!("write `127.0.0.1:{port}`"),
        _ => "write an IP address and a port: `127.0.0.1:8080`, `[::1]:8080`".to_owned(),
    };
    Some(("not an address to listen on".to_owned(), help))
}

fn amqp_uri(text: &str) -> Option<(String, String)> {
    let message = amqp::Uri::new(text).check().err()?;
    Some((message, "write `amqps://user:password@host/vhost`".to_owned()))
}

fn url(text: &str) -> Option<(String, String)> {
    let message = Url::new(text).check(&["http", "https"]).err()?;
    let help = "write `https://host/path`; credentials go into `token` or `headers`";
    Some((message, help.to_owned()))
}
