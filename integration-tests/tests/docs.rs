//! Everything that the documentation shows is tried: each configuration is checked, each command run.
//!
//! A block of ```` ```yaml ```` is a configuration, whole or some sections of one. A block of
//! ```` ```sh ```` says what becomes of it: `run=NAME` runs it, after the blocks of the same name
//! above it, in one shell; `norun` says that it is not for here (it installs something, or waits
//! for ever), and the reason stands after `because=`.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hybridge_integration_tests::{binary, sys};

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
        text = text.replace(path, &stand_in.display().to_string());
    }
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
    let mut examples = Vec::new();
    files(&binary::workspace().join("docs/examples"), "yaml", &mut examples)?;
    ensure!(!examples.is_empty(), "no examples");
    for example in examples {
        check(&example.display().to_string(), &std::fs::read_to_string(&example)?)?;
    }
    Ok(())
}

#[test]
fn every_configuration_in_the_text_is_good() -> Result<()> {
    for block in blocks()?.iter().filter(|block| block.info.split(' ').next() == Some("yaml")) {
        check(&format!("{}:{}", block.file, block.line), &block.text)?;
    }
    Ok(())
}

#[test]
fn every_command_in_the_text_runs() -> Result<()> {
    let mut sessions: BTreeMap<(String, String), String> = BTreeMap::new();
    for block in blocks()? {
        let mut words = block.info.split(' ');
        if !matches!(words.next(), Some("sh" | "bash" | "console" | "shell")) {
            continue;
        }
        let place = format!("{}:{}", block.file, block.line);
        match words.next() {
            Some("norun") => {
                ensure!(block.info.contains("because="), "{place}: `norun` without `because=`");
            }
            Some(word) if word.starts_with("run=") => {
                let key = (block.file.clone(), word.to_owned());
                sessions.entry(key).or_default().push_str(&block.text);
            }
            _ => bail!("{place}: a command block says `run=NAME` or `norun because=...`"),
        }
    }
    for ((file, name), script) in sessions {
        run(&script).with_context(|| format!("{file}, {name}"))?;
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
    let binary = binary::hybridge()?.parent().context("no folder")?;
    let path = format!("{}:{}", binary.display(), std::env::var("PATH")?);
    let log = folder.path().join("session.log");
    let mut shell = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder.path())
        .env("PATH", path)
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
