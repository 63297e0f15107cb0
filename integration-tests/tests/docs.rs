//! Everything that the documentation shows is tried: each configuration is checked, each command run.
//!
//! A block of ```` ```yaml ```` is a configuration, whole or some sections of one; `file=NAME` also
//! writes it for the commands below it, `test=NAME` writes unit tests. The blocks of ```` ```sh ```` of a page run one after the
//! other in one shell, in a folder of their own, beside a daemon with some events in the topics
//! `inbox` and `orders`; the README's start their own. A block that cannot run here says so:
//! `norun because=...`.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hybridge_integration_tests::{binary, ports, sys};

const PATIENCE: Duration = Duration::from_secs(120);

struct Block {
    file: String,
    line: usize,
    info: String,
    text: String,
}

/// Every file below `folder` with this extension.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, extension, found)?;
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// The fenced blocks of all pages.
fn blocks() -> Result<Vec<Block>> {
    let root = binary::workspace();
    let mut pages = Vec::new();
    files(&root.join("docs"), "md", &mut pages)?;
    for page in ["README.md", "CONTRIBUTING.md", "SECURITY.md"] {
        pages.extend(Some(root.join(page)).filter(|path| path.exists()));
    }
    let mut blocks = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page)?;
        let mut open: Option<Block> = None;
        for (number, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => {
                    open = Some(Block {
                        file: page.display().to_string(),
                        line: number + 1,
                        info: info.trim().to_owned(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        ensure!(open.is_none(), "{}: a block is not closed", page.display());
    }
    Ok(blocks)
}

/// Checks a configuration; variables without a default get a value, files that it reads are made.
fn check(name: &str, text: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut text = text.to_owned();
    if !text.lines().any(|line| line.starts_with("hybridge:")) {
        text.insert_str(0, "hybridge: v1\n");
    }
    let mut variables = Vec::new();
    let mut paths = Vec::new();
    for part in text.split("${").skip(1) {
        let inside = part.split('}').next().unwrap_or_default();
        if let Some(path) = inside.strip_prefix("file:") {
            paths.push(path.to_owned());
        } else if !inside.contains(":-") {
            variables.push(inside.to_owned());
        }
    }
    for (number, path) in paths.iter().enumerate() {
        let stand_in = folder.path().join(format!("file-{number}"));
        std::fs::write(&stand_in, "from-a-file")?;
        text = text
            .replace(&format!("${{file:{path}}}"), &format!("${{file:{}}}", stand_in.display()));
    }
    let rules = binary::workspace().join("docs/examples/rules");
    std::os::unix::fs::symlink(rules, folder.path().join("rules"))?;
    let file = folder.path().join("hybridge.yaml");
    std::fs::write(&file, &text)?;
    let output = Command::new(binary::hybridge()?)
        .arg("check")
        .arg(&file)
        .envs(variables.iter().map(|name| (name, "value-of-a-variable")))
        .output()?;
    ensure!(
        output.status.success(),
        "{name}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[test]
fn every_example_is_a_good_configuration() -> Result<()> {
    for example in examples()? {
        check(&example.display().to_string(), &std::fs::read_to_string(&example)?)?;
    }
    Ok(())
}

/// The examples without their unit tests.
fn examples() -> Result<Vec<PathBuf>> {
    let mut examples = Vec::new();
    files(&binary::workspace().join("docs/examples"), "yaml", &mut examples)?;
    examples.retain(|path| !path.to_string_lossy().ends_with(".test.yaml"));
    ensure!(!examples.is_empty(), "no examples");
    Ok(examples)
}

#[test]
fn every_example_has_unit_tests_and_they_pass() -> Result<()> {
    for example in examples()? {
        let tests = example.with_extension("test.yaml");
        ensure!(tests.exists(), "{} has no unit tests", example.display());
    }
    let output = Command::new(binary::hybridge()?)
        .arg("test")
        .arg(binary::workspace().join("docs/examples"))
        .output()?;
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{out}{error}");
    Ok(())
}

const INDEX: &str = "docs/examples/README.md";

/// The index has each example with what its first paragraph says; `HYBRIDGE_WRITE_DOCS` writes it.
#[test]
fn every_example_is_in_the_index() -> Result<()> {
    let folder = binary::workspace().join("docs/examples");
    let (mut alone, mut pairs) = (String::new(), String::new());
    for example in examples()? {
        let name = example.strip_prefix(&folder)?.display().to_string();
        let text = std::fs::read_to_string(&example)?;
        let lines = text.lines().map_while(|line| line.strip_prefix("# "));
        let shows = lines.collect::<Vec<_>>().join(" ");
        ensure!(
            shows.ends_with('.'),
            "{name} begins with no sentence that says what it shows: {shows}"
        );
        let part = if name.starts_with("pairs/") { &mut pairs } else { &mut alone };
        part.push_str(&format!("| [{name}]({name}) | {shows} |\n"));
    }
    let head = "| file | what it shows |\n|---|---|\n";
    let index = format!(
        "# Examples\n\nEach is checked by a test, and so is this page.\n\n{head}{alone}\n\
         ## Between two systems\n\nEach of these is run by a test on real brokers as it stands, and messages go through it. Where \
         the brokers are is in\nvariables: `KAFKA_BROKERS`, `NATS_URL`, `AMQP_URL`; `hybridge check --connect FILE` says what is \
         missing there.\n\n{head}{pairs}"
    );
    let path = binary::workspace().join(INDEX);
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        return Ok(std::fs::write(&path, index)?);
    }
    let written = std::fs::read_to_string(&path).context(INDEX)?;
    ensure!(
        written == index,
        "{INDEX} is not what the examples say; HYBRIDGE_WRITE_DOCS=1 writes it"
    );
    Ok(())
}

#[test]
fn every_configuration_in_the_text_is_good() -> Result<()> {
    let is_configuration = |block: &&Block| {
        block.info.split(' ').next() == Some("yaml") && !block.info.contains(" test=")
    };
    for block in blocks()?.iter().filter(is_configuration) {
        check(&format!("{}:{}", block.file, block.line), &block.text)?;
    }
    Ok(())
}

/// What the shell of a page knows beside its commands: a limit of time that was asked for is no
/// failure, an answer of 4xx or 5xx is one, and what listens only after a moment is waited for.
const PRELUDE: &str = r#"
curl() {
  local arguments=(--silent --show-error --fail-with-body) status tries
  case " $* " in *" -N "*) arguments+=(--max-time 2) ;; esac
  for tries in $(seq 200); do
    status=0
    command curl "${arguments[@]}" "$@" || status=$?
    [ "$status" -eq 7 ] || break
    sleep 0.1
  done
  [ "$status" -eq 28 ] || return "$status"
}
hybridge() {
  local status=0
  case "$1 ${2:-}" in
    "topic tail") timeout 2 "$HYBRIDGE" "$@" || status=$? ;;
    *) "$HYBRIDGE" "$@" || status=$? ;;
  esac
  [ "$status" -eq 124 ] || return "$status"
}
"#;

/// What runs beside the commands of a page.
const BESIDE: &str = r#"
cat > hybridge.yaml <<'YAML'
hybridge: v1
routes:
  inbox: { from: { http: { listen: "127.0.0.1:8080", path: /events } }, to: { log: { topic: inbox } } }
  orders: { from: { log: { topic: inbox } }, to: { log: { topic: orders } } }
subscribe: { listen: "127.0.0.1:8088" }
admin: { listen: "127.0.0.1:9090" }
YAML
export SUBSCRIBER_TOKEN=secret
hybridge run &
batch=$(for n in $(seq 20); do
  echo "{\"specversion\":\"1.0\",\"id\":\"A-$n\",\"source\":\"/shop\",\"type\":\"com.example.order.placed\",\"data\":{\"amount\":7}}"
done | paste -sd, -)
curl http://127.0.0.1:8080/events -H 'content-type: application/cloudevents-batch+json' -d "[$batch]"
until hybridge topic read orders | grep -q A-20; do sleep 0.1; done
"#;

#[test]
fn every_command_in_the_text_runs() -> Result<()> {
    let mut sessions: BTreeMap<String, String> = BTreeMap::new();
    for block in blocks()? {
        let session = sessions.entry(block.file.clone()).or_default();
        let mut words = block.info.split(' ');
        match (words.next(), words.next()) {
            (Some("yaml"), Some(word))
                if word.starts_with("file=") || word.starts_with("test=") =>
            {
                let (_, name) = word.split_once('=').unwrap_or_default();
                session.push_str(&format!("cat > {name} <<'YAML'\n{}YAML\n", block.text));
            }
            (Some("sh" | "bash" | "console" | "shell"), Some("norun")) => {
                let place = format!("{}:{}", block.file, block.line);
                ensure!(block.info.contains("because="), "{place}: `norun` without `because=`");
            }
            (Some("sh" | "bash" | "console" | "shell"), _) => session.push_str(&block.text),
            _ => {}
        }
    }
    sessions.retain(|_, session| !session.is_empty());
    ensure!(!sessions.is_empty(), "the documentation shows no command");
    for (page, session) in sessions {
        let beside = if page.ends_with("README.md") { "" } else { BESIDE };
        let mut script = format!("{PRELUDE}{beside}\necho SHOWN\n{session}");
        for port in ["8080", "8088", "9090"] {
            script = script.replace(port, &ports::free()?.port().to_string());
        }
        run(&script).with_context(|| page.clone())?;
    }
    Ok(())
}

/// Runs a session in a folder of its own where the examples are, and ends all that it started.
fn run(script: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let copied = Command::new("cp")
        .arg("-r")
        .arg(binary::workspace().join("docs"))
        .arg(folder.path())
        .status()?;
    ensure!(copied.success(), "cp: {copied}");
    let log = folder.path().join("session.log");
    let mut shell = Command::new("bash")
        .args(["-xeuo", "pipefail", "-c", script])
        .current_dir(folder.path())
        .env("HYBRIDGE", binary::hybridge()?)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&log)?)
        .stderr(std::fs::OpenOptions::new().append(true).open(&log)?)
        .process_group(0)
        .spawn()?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = shell.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > PATIENCE {
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    // What it left in the background belongs to its group.
    let _ = sys::kill_group(shell.id());
    let _ = shell.wait();
    let said = std::fs::read_to_string(&log)?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("{status}\n{said}"),
        None => bail!("still runs after {PATIENCE:?}\n{said}"),
    }
}

#[test]
fn every_failure_has_the_test_that_its_table_names() -> Result<()> {
    let root = binary::workspace();
    let mut sources = Vec::new();
    for folder in ["bridge", "connectors", "integration-tests/tests"] {
        files(&root.join(folder), "rs", &mut sources)?;
    }
    let mut code = String::new();
    for source in
        sources.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "target"))
    {
        code.push_str(&std::fs::read_to_string(source)?);
    }
    let table = std::fs::read_to_string(root.join("docs/faults.md"))?;
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")).collect();
    ensure!(rows.len() == 48, "{} rows", rows.len());
    for (number, row) in (1..).zip(rows) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        ensure!(cells.len() == 3 && cells[0] == number.to_string(), "row {number}: {row}");
        if let Some(reason) = cells[2].strip_prefix("no test: ") {
            ensure!([14, 19, 22, 30, 32].contains(&number), "row {number}: {reason}");
            continue;
        }
        if cells[2].starts_with("not shown yet: ") {
            ensure!(number == 45, "row {number} has no test");
            continue;
        }
        for name in cells[2].split(", ") {
            let name = name.trim_matches('`');
            ensure!(code.contains(&format!("fn {name}(")), "row {number}: no test {name}");
        }
    }
    Ok(())
}
