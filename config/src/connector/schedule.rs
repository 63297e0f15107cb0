//! `schedule`: events by the clock.

pub use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::lease::LeaseConfig;
use crate::Duration;

/// Makes a CloudEvent at every tick of a cron expression or an interval; one of `cron` and `every`. The last tick is
/// kept over restarts, so that none is made twice and none inside `grace` is missed.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScheduleSource")]
pub struct SourceConfig {
    /// A cron expression of five fields, or of six with seconds first: `0 6 * * 1-5`.
    pub cron: Option<String>,
    /// The time zone of `cron`, by its IANA name: `Europe/Berlin`. Default: UTC.
    pub timezone: Option<String>,
    /// The interval between ticks, counted from 1970-01-01T00:00:00Z so that it does not depend on the start.
    pub every: Option<Duration>,
    /// `type` of the events.
    #[serde(rename = "type", default = "default_type")]
    pub event_type: String,
    /// `source` of the events, a URI reference. Default: `/hybridge/schedule/` and the name of the route.
    pub source: Option<String>,
    /// `subject` of the events. Default: the time of the tick.
    pub subject: Option<String>,
    /// Data of the events, any value. Default: an object with the `time` of the tick.
    pub data: Option<serde_json::Value>,
    /// How long after its time a tick that was missed is still made up for; older ones are counted and left out.
    #[serde(default = "default_grace")]
    pub grace: Duration,
    /// Lets several processes have this route: one of them makes the ticks, the others wait to take over. Default: this
    /// process alone makes them.
    pub lease: Option<LeaseConfig>,
}

/// Reads a cron expression of five fields, or of six with seconds first.
///
/// # Errors
/// What is wrong with it.
pub fn cron(text: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| error.to_string())
}

/// Looks up a time zone by its IANA name.
///
/// # Errors
/// There is none of this name.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|error| error.to_string())
}

fn default_type() -> String {
    "io.hybridge.schedule.tick".to_owned()
}

fn default_grace() -> Duration {
    Duration::from_secs(60)
}
