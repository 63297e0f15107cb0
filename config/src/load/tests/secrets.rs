//! What is shown of a file with a problem.

use super::*;

/// Places where a secret may stand in a file that has a mistake near it.
const LEAKS: &[&str] = &[
    "hybridge: v1\nroutes: { a: { from: { http: { listen: 5, token: hunter2, tokn: hunter2 } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { http: { listen: 5, token: [hunter2], hmac: hunter2 } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { htpp: { token: hunter2 } } } }\n",
    "hybridge: v1\nroutes: { a: { to: { http: { url: \"ftp://u:hunter2@x/?hunter2\" } } } }\n",
    "hybridge: v1\nsubscribe: { listen: x, tokens: hunter2 }\n",
    "hybridge: v1\nsubscribe:\n  listen: x\n  tokens:\n  - hunter2\n  listen: y\n",
    "hybridge: v1\nadmin:\n  token: hunter2\n  token: |\n    hunter2\n    hunter2\n  listen: x\n",
    "hybridge: v1\nadmin:\n  token: \"hunter2\n",
    "hybridge: v1\nadmin:\n  - token: hunter2\n  token: x\n",
    "hybridge: v1\n# token: hunter2\nadmin: 5 # hunter2\n",
    "hybridge: v1\nroutes: { a: { from: { http: { listen: \"${SECRET}\", timeout: \"${SECRET}\", max_batch: \"${SECRET}\" } } } }\n",
    "hybridge: v1\nroutes: { a: { ordering: \"${SECRET}\", from: { log: { topic: \"${SECRET}/\", start: \"${SECRET}\" } }, to: { log: { topic: \"{{ ${SECRET} }}\" } } } }\n",
    "hybridge: v1\nlimits: { memory: \"1${SECRET}\" }\nadmin: { listen: [\"${SECRET}\"] }\n",
    "hybridge: v1\nconnections: { c: { http: { url: \"http://x\", headers: { a: { b: hunter2 } } } } }\n",
    "hybridge: v1\nconnections: { c: { http: { url: \"http://x y${SECRET}\", headers: hunter2 } } }\n",
    "hybridge: v1\nroutes: { a: { from: { log: { topic: \"${SECRET}/\", group: \"/${SECRET}\" } }, to: { http: { connection: \"${SECRET}\" } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { http: { listen: \"127.0.0.1:1\", path: \"${SECRET}\" } }, to: { log: { topic: \"${SECRET} x\" } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { log: { topic: \"${SECRET}\", group: g } }, to: { log: { topic: \"${SECRET}\" } } }, b: { from: { log: { topic: \"${SECRET}\", group: g } }, to: { log: { topic: y } } } }\n",
];

#[test]
fn no_problem_shows_a_secret() {
    for text in LEAKS {
        let folder = write(&[("a.yaml", text)]);
        let error = load(&[folder.path().to_owned()], &variable).unwrap_err();
        let shown = format!("{error}\n{error:?}\n{}", error.report(true));
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

/// However a message writes what is no plain text (as it is, or escaped in one of several ways), and where it is cut.
#[test]
fn no_problem_shows_a_secret_that_is_long_or_no_plain_text() {
    let long = "hunter2".repeat(40);
    let odd = ["hunter2's", "a\"hunter2\\", "it's\thunter2", "\"it's\"\u{7}hunter2\\", &long];
    for secret in odd {
        let variable = |name: &str| (name == "SECRET").then(|| secret.to_owned());
        for text in LEAKS.iter().filter(|text| text.contains("${SECRET}")) {
            let folder = write(&[("a.yaml", text)]);
            let error = load(&[folder.path().to_owned()], &variable).unwrap_err();
            let shown = format!("{error}\n{error:?}\n{}", error.report(true));
            assert!(!shown.contains("hunter2"), "{text}\n{shown}");
        }
    }
}

#[test]
fn the_report_shows_the_line_and_the_caret() {
    let folder = write(&[("a.yaml", "hybridge: v1\nlimits: { memry: 1GiB }\n")]);
    let report = load(&[folder.path().to_owned()], &variable).unwrap_err().report(false);
    assert!(
        report.contains("a.yaml:2:11]") && report.contains("limits: { memry: **** }"),
        "{report}"
    );
    assert!(report.contains("─────") && report.contains("did you mean `memory`?"), "{report}");
}

#[test]
fn what_fails_later_has_its_place_and_hides_secrets_too() {
    let folder = write(&[(
        "a.yaml",
        INBOX.replace("listen:", "token: hunter2, tls: { cert: c, key: k }, listen:").as_str(),
    )]);
    let loaded = load(&[folder.path().to_owned()], &variable).unwrap();
    let problem = |path: &[&str]| loaded.problem(path, "no", Some("yes".to_owned()));
    let tls = problem(&["routes", "inbox", "from", "http", "tls", "cert"]);
    assert_eq!((tls.line, tls.column), (4, 50));
    assert_eq!(problem(&["routes", "inbox", "from", "http", "tls", "ca"]).column, 42);
    assert_eq!(problem(&["routes", "inbox"]).line, 3);
    assert_eq!(problem(&["nothing"]).line, 0);
    let report = Problems::new(vec![tls]).report(false);
    assert!(report.contains("cert: c") && !report.contains("hunter2"), "{report}");
    assert!(!format!("{loaded:?}").contains("hunter2"));
}
