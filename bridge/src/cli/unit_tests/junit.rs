//! Reports in the form of JUnit, which CI systems read.

use std::collections::BTreeMap;

use crate::unit_tests::Report;

/// All reports, one suite for each file.
pub(super) fn xml(reports: &[Report]) -> String {
    let mut files: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        files.entry(&report.file).or_default().push(report);
    }
    let failed = |reports: &[&Report]| reports.iter().filter(|report| !report.passed()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (file, reports) in files {
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">\n",
            escaped(file),
            reports.len(),
            failed(&reports)
        ));
        for report in reports {
            xml.push_str(&case(report));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(report: &Report) -> String {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(&report.file),
        escaped(&report.name),
        report.took.as_secs_f64()
    );
    let Some(first) = report.differences.first() else { return format!("{head}/>\n") };
    format!(
        "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
        escaped(first),
        escaped(&report.differences.join("\n"))
    )
}

/// Text for an attribute or an element; characters that XML does not have are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
            }
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_tests_say_is_text_and_no_markup() {
        let report = |name: &str, differences: &[&str]| Report {
            file: "a.test.yaml".to_owned(),
            name: name.to_owned(),
            differences: differences.iter().map(|text| (*text).to_owned()).collect(),
            took: Duration::from_millis(1_500),
            updated: None,
        };
        let xml = xml(&[report("a \"<b>\"", &[]), report("c", &["1 < 2\u{1}", "& more"])]);
        assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
        assert!(xml.contains("name=\"a &quot;&lt;b&gt;&quot;\" time=\"1.500\"/>"), "{xml}");
        assert!(
            xml.contains("<failure message=\"1 &lt; 2\">1 &lt; 2&#10;&amp; more</failure>"),
            "{xml}"
        );
    }
}
