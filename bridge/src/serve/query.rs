//! The parameters of a request: every one is known and has a unit, or the answer says what is wrong.

use std::str::FromStr;
use std::time::Duration;

use hybridge_config::units;

use super::Refusal;
use crate::feed::Start;

/// The parameters of a request, in order; names may repeat.
#[derive(Debug, Default)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    /// Refuses parameters that are not among `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::bad(format!(
                "parameter `{name}` is not known; there are {}",
                known.join(", ")
            ))),
        }
    }

    /// A number; `None` where it is not given.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Refusal::bad(format!("{name}={text}: a number is wanted"))),
        }
    }

    /// The value of a parameter, the last one where it repeats.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The values of all parameters of this name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A time between `least` and `most`; `default` where it is not given.
    pub(crate) fn duration(
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
    pub(crate) fn count(&self, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(count),
            _ => Err(Refusal::bad(format!("{name}={text}: a number from 1 to {most} is wanted"))),
        }
    }

    /// `from=earliest|latest|TIME`.
    pub(crate) fn from(&self) -> Result<Option<Start>, Refusal> {
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
pub(crate) fn duration(
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
