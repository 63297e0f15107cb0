//! The parameters of a request: every one is known and has a unit, or the answer says what is wrong.

use std::str::FromStr;
use std::time::Duration;

use hybridge_config::units;

use super::event::Data;
use crate::feed::Start;
use crate::serve::Refusal;

/// The parameters of a request, in order; names may repeat.
#[derive(Debug, Default)]
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    /// Refuses parameters that are not among `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::bad(format!(
                "parameter `{name}` is not known; there are {}",
                known.join(", ")
            ))),
        }
    }

    /// The value of a parameter, the last one where it repeats.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The values of all parameters of this name.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A time between `least` and `most`; `default` where it is not given.
    pub(super) fn duration(
        &self,
        name: &str,
        default: Duration,
        least: Duration,
        most: Duration,
    ) -> Result<Duration, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        duration(name, text, least, most)
    }

    /// A number between 1 and `most`; `default` where it is not given.
    pub(super) fn count(&self, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(count),
            _ => Err(Refusal::bad(format!("{name}={text}: a number from 1 to {most} is wanted"))),
        }
    }

    /// `data=json|base64`.
    pub(super) fn data(&self) -> Result<Data, Refusal> {
        match self.get("data") {
            None | Some("json") => Ok(Data::Plain),
            Some("base64") => Ok(Data::Base64),
            Some(other) => Err(Refusal::bad(format!("data={other}: json or base64 is wanted"))),
        }
    }

    /// `from=earliest|latest|TIME`.
    pub(super) fn from(&self) -> Result<Option<Start>, Refusal> {
        let Some(text) = self.get("from") else { return Ok(None) };
        let start = match text {
            "earliest" => Start::Earliest,
            "latest" => Start::Latest,
            time => match jiff::Timestamp::from_str(time) {
                Ok(time) => Start::Time(time.as_millisecond()),
                Err(_) => {
                    return Err(Refusal::bad(format!(
                        "from={time}: earliest, latest or a time such as 2026-05-01T12:00:00Z is wanted"
                    )));
                }
            },
        };
        Ok(Some(start))
    }
}

/// A time with its unit, between `least` and `most`.
pub(super) fn duration(
    name: &str,
    text: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, Refusal> {
    let parsed: units::Duration =
        text.parse().map_err(|error| Refusal::bad(format!("{name}={text}: {error}")))?;
    let duration = parsed.get();
    if duration < least || duration > most {
        return Err(Refusal::bad(format!(
            "{name}={text}: a time from {} to {} is wanted",
            shown(least),
            shown(most)
        )));
    }
    Ok(duration)
}

fn shown(duration: Duration) -> units::Duration {
    units::Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
