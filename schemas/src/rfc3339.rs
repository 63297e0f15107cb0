//! Timestamps in the form of RFC 3339, section 5.6.

/// The milliseconds since 1970-01-01T00:00:00Z, or `None` where `text` is not a timestamp.
///
/// A leap second counts as the first moment of the next minute. Digits beyond milliseconds are cut.
pub fn millis(text: &str) -> Option<i64> {
    let (seconds, nanos) = nanos(text)?;
    Some(seconds * 1000 + i64::from(nanos / 1_000_000))
}

/// The seconds since 1970-01-01T00:00:00Z and the nanoseconds that follow them, or `None` where `text` is not a timestamp.
///
/// A leap second counts as the first moment of the next minute. Digits beyond nanoseconds are cut. Pairs compare as the
/// instants do.
pub fn nanos(text: &str) -> Option<(i64, u32)> {
    let bytes = text.as_bytes();
    let (date_time, rest) = bytes.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, separator)| date_time[*at] != *separator) {
        return None;
    }
    if !matches!(date_time[10], b'T' | b't') {
        return None;
    }
    let year = number(&date_time[..4])?;
    let month = number(&date_time[5..7])?;
    let day = number(&date_time[8..10])?;
    let hour = number(&date_time[11..13])?;
    let minute = number(&date_time[14..16])?;
    let second = number(&date_time[17..19])?;
    let is_sound = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_sound {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let offset = offset(rest)?;
    let seconds =
        days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60;
    // A leap second is the last one of a day in UTC, so that it counts as midnight.
    let is_moment = second < 60 || seconds % 86_400 == 0;
    is_moment.then_some((seconds, fraction))
}

/// The timestamp of so many milliseconds since 1970-01-01T00:00:00Z, in UTC; `None` outside of the
/// years 0 to 9999, which the form cannot write.
pub fn format(millis: i64) -> Option<String> {
    let whole = to_the_second(millis.div_euclid(1000))?;
    Some(format!("{whole}.{:03}Z", millis.rem_euclid(1000)))
}

/// The same of so many seconds and nanoseconds, with as many digits as they need: none, three, six or nine.
pub fn format_nanos(seconds: i64, nanos: u32) -> Option<String> {
    let whole = to_the_second(seconds)?;
    Some(match nanos {
        0 => format!("{whole}Z"),
        _ if nanos.is_multiple_of(1_000_000) => format!("{whole}.{:03}Z", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1000) => format!("{whole}.{:06}Z", nanos / 1000),
        _ => format!("{whole}.{nanos:09}Z"),
    })
}

fn to_the_second(seconds: i64) -> Option<String> {
    let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// The nanoseconds of `.123456`, and what follows.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let shown = digits[..count].iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanos = shown.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((nanos, &digits[count..]))
}

/// Minutes east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    if matches!(text, b"Z" | b"z") {
        return Some(0);
    }
    let (sign, digits) = match text {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    if digits.len() != 5 || digits[2] != b':' {
        return None;
    }
    let (hour, minute) = (number(&digits[..2])?, number(&digits[3..])?);
    (hour < 24 && minute < 60).then_some(sign * (hour * 60 + minute))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, with years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_that_rfc_3339_does_not_know_are_refused() {
        for text in [
            "2018-04-05T17:31:00",
            "2018-04-05 17:31:00Z",
            "2018-04-05",
            "2018-04-05T17:31Z",
            "2018-04-05T17:31:00+05",
            "2018-04-05T17:31:00+0500",
            "2018-04-05T17:31:00+24:00",
            "2018-02-29T00:00:00Z",
            "2018-04-05T17:31:00.Z",
            "2018-04-05T17:31:61Z",
            "2018-04-05T17:31:60Z",
            "2018-04-05T17:31:00Z ",
            "+018-04-05T17:31:00Z",
            "２018-04-05T17:31Z",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
        assert_eq!(millis("1990-12-31T23:59:60Z"), millis("1991-01-01T00:00:00Z"));
        assert_eq!(millis("1990-12-31T15:59:60-08:00"), millis("1991-01-01T00:00:00Z"));
        assert_eq!(format(253_402_300_800_000), None);
        assert_eq!(format(i64::MIN), None);
        assert_eq!(millis("0001-01-01t00:00:00z"), Some(-62_135_596_800_000));
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(millisecond in -62_135_596_800_000i64..253_402_300_799_999, offset in -1439i32..1440, digits in 0usize..10) {
            let moment = jiff::Timestamp::from_millisecond(millisecond).unwrap();
            let Ok(zone) = jiff::tz::Offset::from_seconds(offset * 60) else { return Ok(()) };
            let local = zone.to_datetime(moment);
            prop_assume!((1..=9999).contains(&local.year()));
            let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.abs());
            let text = format!("{local:.digits$}{sign}{:02}:{:02}", offset / 60, offset % 60);
            let known = match digits { 0 => 1000, 1 => 100, 2 => 10, _ => 1 };
            prop_assert_eq!(millis(&text), Some(millisecond.div_euclid(known) * known), "{}", text);
        }

        #[test]
        fn what_is_written_is_read_again(millisecond in -62_167_219_200_000i64..253_402_300_800_000) {
            prop_assert_eq!(format(millisecond).as_deref().and_then(millis), Some(millisecond));
        }

        #[test]
        fn nanoseconds_are_kept(second in -62_167_219_200i64..253_402_300_800, nano in 0u32..1_000_000_000) {
            let text = format_nanos(second, nano).unwrap();
            prop_assert_eq!(nanos(&text), Some((second, nano)), "{}", text);
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = millis(&text);
        }
    }
}
