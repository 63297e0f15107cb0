use proptest::prelude::*;

use super::*;

#[test]
fn a_bare_number_names_the_unit_that_was_meant() {
    let error = "30".parse::<Duration>().unwrap_err();
    assert_eq!(error.message, "a time without a unit");
    assert!(error.help.contains("`30s` or `30ms`"), "{}", error.help);
    assert!("64".parse::<ByteSize>().unwrap_err().help.contains("`64MiB`"));
    assert!("10".parse::<Rate>().unwrap_err().help.contains("`10/s`"));
    assert!("20".parse::<Percent>().unwrap_err().help.contains("`20%`"));
}

#[test]
fn a_unit_in_the_wrong_case_names_the_right_one() {
    assert_eq!("64mib".parse::<ByteSize>().unwrap_err().help, "did you mean `64MiB`?");
}

#[test]
fn what_is_too_large_is_refused() {
    assert!("18446744073709551615d".parse::<Duration>().is_err());
    assert!("18446744073709551615TiB".parse::<ByteSize>().is_err());
    assert!("101%".parse::<Percent>().is_err());
    assert!("4294967295%".parse::<Percent>().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_reads_back(number in 0..u64::MAX / 86_400_000, count: u64, share in 0..=10_000u32) {
        let duration = Duration::from_millis(number);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        let size = ByteSize::from_bytes(count);
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        let rate = Rate::per_second(count);
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        let percent: Percent = format!("{}.{:02}%", share / 100, share % 100).parse().unwrap();
        prop_assert_eq!(percent.to_string().parse(), Ok(percent));
    }

    #[test]
    fn any_text_is_a_quantity_or_an_error(text in ".{0,24}") {
        let _ = text.parse::<Duration>().map(|d| d.to_string());
        let _ = text.parse::<ByteSize>().map(|b| b.to_string());
        let _ = text.parse::<Rate>().map(|r| r.to_string());
        let _ = text.parse::<Percent>().map(|p| p.to_string());
    }
}
