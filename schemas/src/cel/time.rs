//! Timestamps and durations: `cel-spec`, section "Timestamps and Durations".

use hybridge_config::cel::{Function, Operator};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::fault::FaultKind;
use super::value::Value;

/// A text as RFC 3339 has it.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, FaultKind> {
    // The parser takes more than that: other separators, brackets with time zones.
    let is_rfc3339 = text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"TtZz:.+-".contains(&byte))
        && text.as_bytes().get(10).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'));
    match text.parse() {
        Ok(time) if is_rfc3339 => Ok(time),
        _ => Err(FaultKind::Conversion),
    }
}

pub(super) fn calculated<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<Value<'a>, FaultKind> {
    let moved = |time: &Timestamp, by: SignedDuration| {
        time.checked_add(by).map(Value::Timestamp).map_err(|_| FaultKind::Number)
    };
    match (operator, left, right) {
        (Operator::Add, Value::Timestamp(time), Value::Duration(by))
        | (Operator::Add, Value::Duration(by), Value::Timestamp(time)) => moved(time, *by),
        (Operator::Subtract, Value::Timestamp(time), Value::Duration(by)) => {
            moved(time, by.checked_neg().ok_or(FaultKind::Number)?)
        }
        (Operator::Subtract, Value::Timestamp(left), Value::Timestamp(right)) => {
            Ok(Value::Duration(left.duration_since(*right)))
        }
        (Operator::Add, Value::Duration(left), Value::Duration(right)) => {
            left.checked_add(*right).map(Value::Duration).ok_or(FaultKind::Number)
        }
        (Operator::Subtract, Value::Duration(left), Value::Duration(right)) => {
            left.checked_sub(*right).map(Value::Duration).ok_or(FaultKind::Number)
        }
        _ => Err(FaultKind::WrongType),
    }
}

/// A part of a timestamp, in UTC or the time zone that is given, or all of a duration in a unit.
pub(super) fn part<'a>(
    function: Function,
    value: &Value<'a>,
    zone: Option<&Value<'a>>,
) -> Result<Value<'a>, FaultKind> {
    match (value, zone) {
        (Value::Timestamp(time), None) => of_time(function, &time.to_zoned(TimeZone::UTC)),
        (Value::Timestamp(time), Some(Value::String(zone))) => {
            of_time(function, &time.to_zoned(time_zone(zone)?))
        }
        (Value::Duration(duration), None) => of_duration(function, *duration),
        _ => Err(FaultKind::WrongType),
    }
}

fn of_time<'a>(function: Function, time: &Zoned) -> Result<Value<'a>, FaultKind> {
    let number = match function {
        Function::GetFullYear => i64::from(time.year()),
        Function::GetMonth => i64::from(time.month()) - 1,
        Function::GetDate => i64::from(time.day()),
        Function::GetDayOfMonth => i64::from(time.day()) - 1,
        Function::GetDayOfWeek => i64::from(time.weekday().to_sunday_zero_offset()),
        Function::GetDayOfYear => i64::from(time.day_of_year()) - 1,
        Function::GetHours => i64::from(time.hour()),
        Function::GetMinutes => i64::from(time.minute()),
        Function::GetSeconds => i64::from(time.second()),
        Function::GetMilliseconds => i64::from(time.millisecond()),
        _ => return Err(FaultKind::WrongType),
    };
    Ok(Value::Int(number))
}

fn of_duration<'a>(function: Function, duration: SignedDuration) -> Result<Value<'a>, FaultKind> {
    let number = match function {
        Function::GetHours => duration.as_hours(),
        Function::GetMinutes => duration.as_mins(),
        Function::GetSeconds => duration.as_secs(),
        Function::GetMilliseconds => i64::from(duration.subsec_millis()),
        _ => return Err(FaultKind::WrongType),
    };
    Ok(Value::Int(number))
}

/// A name such as `Europe/Berlin`, or an offset such as `+02:00`.
fn time_zone(name: &str) -> Result<TimeZone, FaultKind> {
    let (sign, digits) = match name.as_bytes().first() {
        Some(b'+') => (1, &name[1..]),
        Some(b'-') => (-1, &name[1..]),
        _ => (1, name),
    };
    let Some((hours, minutes)) = digits.split_once(':') else {
        return TimeZone::get(name).map_err(|_| FaultKind::Conversion);
    };
    let two = |text: &str, most: i32| {
        let is_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &i32| is_digits && *number <= most)
    };
    let offset = two(hours, 14).zip(two(minutes, 59));
    let (hours, minutes) = offset.ok_or(FaultKind::Conversion)?;
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60));
    offset.map(TimeZone::fixed).map_err(|_| FaultKind::Conversion)
}
