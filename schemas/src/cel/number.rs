//! Numbers of different types: they are compared as numbers, and calculated with only where their types are the same.

use std::cmp::Ordering;

use super::fault::FaultKind;
use super::value::Value;

/// The order of two numbers; `None` where one of them is none, or is NaN.
pub(super) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(left), _) => Some(whole_and_double(whole(right)?, *left)?.reverse()),
        (_, Value::Double(right)) => whole_and_double(whole(left)?, *right),
        _ => Some(whole(left)?.cmp(&whole(right)?)),
    }
}

pub(super) fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(number) => Some((*number).into()),
        Value::Uint(number) => Some((*number).into()),
        _ => None,
    }
}

fn whole_and_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // The cast keeps to the range, which is wider than that of all whole numbers here.
    let floor = double.floor();
    let below = whole.cmp(&(floor as i128));
    Some(if below == Ordering::Equal && double > floor { Ordering::Less } else { below })
}

/// The index that a number stands for.
pub(super) fn index(value: &Value<'_>) -> Result<usize, FaultKind> {
    let number = match value {
        Value::Double(number) if number.fract() == 0.0 => *number as i128,
        Value::Double(_) => return Err(FaultKind::WrongType),
        _ => whole(value).ok_or(FaultKind::WrongType)?,
    };
    usize::try_from(number).map_err(|_| FaultKind::Missing)
}

impl<'a> Value<'a> {
    pub(super) fn negated(&self) -> Result<Value<'a>, FaultKind> {
        match self {
            Self::Int(number) => number.checked_neg().map(Value::Int).ok_or(FaultKind::Number),
            Self::Double(number) => Ok(Value::Double(-number)),
            Self::Duration(duration) => {
                duration.checked_neg().map(Value::Duration).ok_or(FaultKind::Number)
            }
            _ => Err(FaultKind::WrongType),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(whole in any::<i64>(), near in -3_i64..3, part in 0_u8..4) {
            // Within 53 bits the sum is exact.
            let whole = whole >> 12;
            let double = (whole + near) as f64 + f64::from(part) / 4.0;
            let expected = match near {
                0 if part == 0 => Ordering::Equal,
                near if near >= 0 => Ordering::Less,
                _ => Ordering::Greater,
            };
            let expected = if (whole + near).unsigned_abs() > 1 << 50 && part > 0 { None } else { Some(expected) };
            if let Some(expected) = expected {
                prop_assert_eq!(order(&Value::Int(whole), &Value::Double(double)), Some(expected));
                prop_assert_eq!(order(&Value::Double(double), &Value::Int(whole)), Some(expected.reverse()));
            }
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_told_apart() {
        let cases = [
            (
                Value::Int(i64::MAX),
                Value::Double(9_223_372_036_854_775_808.0),
                Some(Ordering::Less),
            ),
            (Value::Uint(u64::MAX), Value::Int(-1), Some(Ordering::Greater)),
            (Value::Uint(u64::MAX), Value::Double(f64::INFINITY), Some(Ordering::Less)),
            (Value::Int(i64::MIN), Value::Double(f64::NEG_INFINITY), Some(Ordering::Greater)),
            (Value::Int(0), Value::Double(-0.0), Some(Ordering::Equal)),
            (Value::Int(0), Value::Double(f64::NAN), None),
            (Value::Int(0), Value::Null, None),
        ];
        for (left, right, expected) in cases {
            assert_eq!(order(&left, &right), expected, "{left:?} {right:?}");
        }
    }
}
