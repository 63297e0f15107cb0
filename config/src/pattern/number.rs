//! Numbers by value.

use std::fmt::{self, Write};

/// A number of a pattern or of an event.
///
/// Numbers are compared by value, so 300, 300.0 and 3.0e2 are one. That holds for numbers that 64-bit floating point
/// represents: those equal to the shortest decimal that stands for some double. Any other number (more than 17
/// significant digits, or out of range) has no place in an order; it is equal only to one that is spelled the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A value that can be compared; never -0, infinite or undefined.
    Value(f64),
    /// The text of any other number.
    Text(Box<str>),
}

/// Significant digits that any double keeps.
const ALWAYS_KEPT: usize = 15;
/// Significant digits that tell any two doubles apart.
const MOST_DIGITS: usize = 17;

impl Number {
    /// The number that a JSON text stands for.
    pub fn of(text: &str) -> Self {
        Self::value(text).map_or_else(|| Self::Text(text.into()), Self::Value)
    }

    /// The value of a JSON number, where it can be compared. Does not allocate.
    pub fn value(text: &str) -> Option<f64> {
        if let Some(whole) = small_whole(text.as_bytes()) {
            return Some(whole);
        }
        let Decimal { digits, count, .. } = Decimal::of(text)?;
        digits?;
        if count == 0 {
            return Some(0.0);
        }
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        if value == 0.0 {
            return None;
        }
        let is_kept = count <= ALWAYS_KEPT && value.abs() >= 1e-290;
        (is_kept || Decimal::of(text) == shortest(value)).then_some(value)
    }

    /// The number that a double stands for.
    pub(super) fn of_f64(value: f64) -> Self {
        Self::Value(if value == 0.0 { 0.0 } else { value })
    }

    /// The value, where it can be compared.
    pub fn comparable(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A whole number of at most 15 digits, which most are.
fn small_whole(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > ALWAYS_KEPT {
        return None;
    }
    let mut whole: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        whole = whole * 10 + u64::from(digit - b'0');
    }
    let value = whole as f64;
    Some(if negative && whole != 0 { -value } else { value })
}

/// The digits without zeros at either end, and the power of ten of the last one; what does not fit has no digits.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: Option<u64>,
    count: usize,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let mut decimal = Self { negative: false, digits: Some(0), count: 0, exponent: 0 };
        let (mut zeros, mut after_point, mut places) = (0, false, 0_i64);
        for byte in mantissa.bytes() {
            match byte {
                b'-' => decimal.negative = true,
                b'.' => after_point = true,
                b'0'..=b'9' => {
                    places += i64::from(after_point);
                    if byte == b'0' {
                        zeros += usize::from(decimal.count > 0);
                        continue;
                    }
                    decimal.count += zeros + 1;
                    decimal.digits = if decimal.count > MOST_DIGITS {
                        None
                    } else {
                        let scale = 10_u64.pow(u32::try_from(zeros).ok()? + 1);
                        decimal.digits.map(|digits| digits * scale + u64::from(byte - b'0'))
                    };
                    zeros = 0;
                }
                _ => return None,
            }
        }
        if decimal.count == 0 {
            return Some(Self { negative: false, digits: Some(0), count: 0, exponent: 0 });
        }
        let exponent: i64 = exponent.parse().ok()?;
        decimal.exponent = exponent.checked_add(i64::try_from(zeros).ok()?)?.checked_sub(places)?;
        Some(decimal)
    }
}

/// The shortest decimal that stands for a double: of two digits at least. Where several are shortest the closest is meant,
/// and of two that are as close the even one.
fn shortest(value: f64) -> Option<Decimal> {
    let mut text = Line::default();
    write!(text, "{value:e}").ok()?;
    let decimal = Decimal::of(text.as_str())?;
    // Of 15 digits or less only one can stand for it.
    if (2..=15).contains(&decimal.count) {
        return Some(decimal);
    }
    let places = decimal.count.max(2) - 1;
    let mut text = Line::default();
    write!(text, "{value:.places$e}").ok()?;
    if text.as_str().parse() == Ok(value) { Decimal::of(text.as_str()) } else { Some(decimal) }
}

/// Room for the text of one number.
#[derive(Default)]
struct Line {
    text: [u8; 32],
    len: usize,
}

impl Line {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let end = self.len + more.len();
        self.text.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(more.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, right: &str) -> bool {
        Number::of(left) == Number::of(right)
    }

    #[test]
    fn spelling_does_not_matter() {
        for other in ["300", "300.0", "3.0e2", "3E2", "30000e-2", "300.00000000000000000000"] {
            assert!(same("300", other), "{other}");
        }
        assert!(same("-0", "0.000") && same("-0.0e5", "0"));
        assert!(!same("300", "-300") && !same("300", "300.0000000001"));
        assert!(same("0.1", "0.10") && same("1e22", "10000000000000000000000"));
    }

    #[test]
    fn of_two_shortest_decimals_the_even_one_stands_for_a_double() {
        for (even, odd) in [
            ("1700000000123456.2", "1700000000123456.3"),
            ("76593140105236.62", "76593140105236.63"),
        ] {
            assert!(Number::value(even).is_some() && Number::value(odd).is_none(), "{even}");
        }
    }

    #[test]
    fn what_a_double_cannot_hold_is_equal_to_itself_only() {
        for number in [
            "9007199254740993",
            "0.10000000000000000001",
            "1e400",
            "1e-400",
            "123456789012345678901",
        ] {
            assert_eq!(Number::value(number), None, "{number}");
            assert!(same(number, number) && !same(number, &format!("{number}0")), "{number}");
        }
        for number in [
            "9007199254740992",
            "1.7976931348623157e308",
            "2.2250738585072014e-308",
            "4.9e-324",
            "1E-320",
        ] {
            assert!(Number::value(number).is_some(), "{number}");
        }
    }

    proptest::proptest! {
        /// Every double, written shortest, is comparable and keeps its value. Of two decimals that are as close the
        /// formatting of the standard library may choose the odd one, which is not; then the even one is.
        #[test]
        fn every_double_is_comparable(value in proptest::num::f64::NORMAL) {
            let scientific = format!("{value:e}");
            let places = Decimal::of(&scientific).unwrap().count - 1;
            let even = format!("{value:.places$e}");
            let is_odd = even.parse() == Ok(value) && Decimal::of(&even) != Decimal::of(&scientific);
            for text in [format!("{value}"), format!("{value:?}"), scientific] {
                let found = Number::value(if is_odd { &even } else { &text });
                proptest::prop_assert_eq!(found, Some(value), "{}", text);
                proptest::prop_assert_eq!(Number::value(&text).is_none(), is_odd, "{}", text);
            }
        }

        /// Any text is answered without a panic.
        #[test]
        fn garbage_is_no_number(text in "[-+0-9.eE]{0,40}") {
            let _ = Number::value(&text);
        }
    }
}
