//! When the ticks are.

use hybridge_config::connector::schedule::{self, Cron, SourceConfig};
use hybridge_core::{Error, ErrorKind};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Times in milliseconds since 1970-01-01T00:00:00Z.
pub(super) enum Ticks {
    /// Multiples of this many milliseconds.
    Every(i64),
    Cron(Box<Cron>, TimeZone),
}

impl Ticks {
    pub(super) fn new(config: &SourceConfig) -> Result<Self, Error> {
        let invalid = |context: String| Error::new(ErrorKind::Fatal, context);
        match (&config.cron, config.every) {
            (Some(cron), None) => {
                let parsed = schedule::cron(cron)
                    .map_err(|error| invalid(format!("cron expression `{cron}`: {error}")))?;
                let name = config.timezone.as_deref().unwrap_or("UTC");
                let zone = schedule::time_zone(name)
                    .map_err(|error| invalid(format!("time zone `{name}`: {error}")))?;
                Ok(Self::Cron(Box::new(parsed), zone))
            }
            (None, Some(every)) => match i64::try_from(every.get().as_millis()) {
                Ok(every) if every > 0 => Ok(Self::Every(every)),
                _ => Err(invalid(format!("`every: {every}` is no interval"))),
            },
            _ => Err(invalid("a schedule needs `cron` or `every`, and not both".to_owned())),
        }
    }

    /// The first tick after `time`; none if there never is one.
    pub(super) fn after(&self, time: i64) -> Option<i64> {
        match self {
            Self::Every(every) => time.div_euclid(*every).checked_add(1)?.checked_mul(*every),
            Self::Cron(cron, zone) => {
                let time = Timestamp::from_millisecond(time).ok()?.to_zoned(zone.clone());
                let next = cron.find_next_occurrence(&time, false).ok()?;
                Some(next.timestamp().as_millisecond())
            }
        }
    }
}

/// The time as RFC 3339 in UTC, with milliseconds where it has them.
pub(super) fn rfc3339(time: i64) -> String {
    Timestamp::from_millisecond(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
