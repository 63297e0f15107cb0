//! Numbers and durations as texts, and texts as these.

use jiff::SignedDuration;

/// The shortest text that reads back as the same number.
pub(super) fn double_text(number: f64) -> String {
    let plain = number.abs();
    match plain != 0.0 && !(1e-5..1e21).contains(&plain) {
        true => format!("{number:e}"),
        false => number.to_string(),
    }
}

/// Seconds with their fraction: `90s`, `-0.5s`.
pub(super) fn duration_text(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, rest) = (nanos.unsigned_abs() / NANOS, nanos.unsigned_abs() % NANOS);
    match rest {
        0 => format!("{sign}{seconds}s"),
        _ => format!("{sign}{seconds}.{}s", format!("{rest:09}").trim_end_matches('0')),
    }
}

const NANOS: u128 = 1_000_000_000;

/// Numbers with units: `1h30m`, `-1.5s`, `100ms`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(end);
        let units = [
            ("ns", 1),
            ("us", 1_000),
            ("µs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000_i128),
        ];
        // Of `m` and `ms` the longer one stands first in this list.
        let (unit, scale) = units.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        nanos = nanos.checked_add(scaled(number, scale)?)?;
        rest = &after[unit.len()..];
    }
    let nanos = if is_negative { -nanos } else { nanos };
    // 10,000 years, as in the specification.
    let is_in_range = nanos.unsigned_abs() <= 315_576_000_000 * NANOS;
    let seconds = i64::try_from(nanos / NANOS as i128).ok()?;
    let rest = i32::try_from(nanos % NANOS as i128).ok()?;
    is_in_range.then(|| SignedDuration::new(seconds, rest))
}

fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 18 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = &fraction[..fraction.len().min(18)];
    let part: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let part = part.checked_mul(scale)? / 10_i128.pow(u32::try_from(digits.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, written) in [
            ("1h30m", "5400s"),
            ("-1.5s", "-1.5s"),
            ("100ms", "0.1s"),
            ("1m1ms1us1ns", "60.001001001s"),
            ("0", "0s"),
            (".5h", "1800s"),
            ("+2s", "2s"),
        ] {
            assert_eq!(duration_text(duration(text).unwrap()), written, "{text}");
        }
        for text in ["", "-", "1", "s", "1.s.", "1d", "99999999999999h", "1h 1m", "1.2.3s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
