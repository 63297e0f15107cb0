//! The texts of the files, and what is wrong with them.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Problem, Problems,
    interpolate::Lookup,
    pattern::Position,
    problem::mask,
    rule_set::RuleSetError,
    yaml::{self, Finding, Node, Place},
};

/// Largest file that is read.
const LARGEST: u64 = 4 << 20;
/// Problems that are reported at once.
const MOST_PROBLEMS: usize = 1_000;

/// Every file that was looked at, by the number that places carry, and what is wrong.
#[derive(Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Default)]
struct Source {
    path: PathBuf,
    text: String,
    /// The first bytes and the ends of all scalars as they were written, and of comments.
    scalars: Vec<(usize, usize)>,
    comments: Vec<(usize, usize)>,
    /// Not YAML: what is secret in it is not known.
    broken: bool,
}

impl Sources {
    /// Something that is wrong with a file or folder as a whole.
    pub(super) fn refuse_file(&mut self, path: &Path, message: impl Into<String>, help: &str) {
        let place = Place::whole(self.files.len());
        self.files.push(Source { path: path.to_owned(), ..Source::default() });
        self.findings.push(Finding::new(place, message, help));
    }

    /// What is wrong with a file of rules. Its text is not shown: such files are large.
    pub(super) fn refuse_rules(&mut self, path: &Path, faults: Vec<RuleSetError>) {
        let file = self.files.len();
        self.files.push(Source { path: path.to_owned(), ..Source::default() });
        self.findings.extend(faults.into_iter().map(|mut fault| {
            let mut place = Place::whole(file);
            if let Some(Position { line, column }) = fault.position.take() {
                place = Place { line, column, ..place };
            }
            let help = fault.help.take();
            Finding { place, message: fault.to_string(), help, first: None }
        }));
    }

    /// The folder of the file in which a place is.
    pub(super) fn folder(&self, place: Place) -> &Path {
        folder_of(&self.files[place.file].path)
    }

    /// Reads and parses a file and replaces `${...}` in it. What is wrong goes to the findings; `None` where nothing can
    /// be read.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Node> {
        let bytes = match read(path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) => {
                let help = "the file must exist and be readable by this user";
                self.refuse_file(path, format!("cannot read the file: {error}"), help);
                return None;
            }
        };
        if bytes.len() as u64 > LARGEST {
            let help = "a file may have up to 4MiB: divide it into several in one folder";
            self.refuse_file(path, "the file is too large", help);
            return None;
        }
        let file = self.files.len();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let valid = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
                self.files.push(Source { path: path.to_owned(), ..Source::default() });
                let byte = error.as_bytes()[at];
                let message = format!("invalid UTF-8: the byte 0x{byte:02x}");
                let help = "save the file as UTF-8";
                self.findings.push(Finding::new(end_of(file, &valid), message, help));
                return None;
            }
        };
        let mut document = yaml::parse(file, &text);
        self.findings.append(&mut document.findings);
        let (scalars, comments, broken) = (document.scalars, document.comments, document.broken);
        self.files.push(Source { path: path.to_owned(), text, scalars, comments, broken });
        if broken {
            return None;
        }
        let Some(mut root) = document.root else {
            let help = "write at least `hybridge: v1`";
            self.findings.push(Finding::new(Place::whole(file), "the file says nothing", help));
            return None;
        };
        let folder = folder_of(path).to_owned();
        Lookup { env, folder }.replace(&mut root, &mut self.findings);
        Some(root)
    }

    /// Help for something that stands somewhere else already.
    fn first(&self, first: Place) -> String {
        let file = self.files[first.file].path.display();
        format!("the first one is at {file}:{}:{}", first.line, first.column)
    }

    /// The paths and texts of all files. Of the texts, only scalars that are `shown` and not `secret` stay readable.
    pub(super) fn masked(
        &self,
        shown: &HashSet<(usize, usize)>,
        secret: &HashSet<(usize, usize)>,
    ) -> Vec<(PathBuf, Arc<str>)> {
        let mask = |(file, source): (usize, &Source)| {
            let clear = |start| shown.contains(&(file, start)) && !secret.contains(&(file, start));
            (source.path.clone(), source.masked(clear).into())
        };
        self.files.iter().enumerate().map(mask).collect()
    }

    /// All findings as problems, in the order of files and lines, up to so many that nobody reads on.
    pub(crate) fn problems(
        mut self,
        shown: &HashSet<(usize, usize)>,
        secret: &HashSet<(usize, usize)>,
    ) -> Problems {
        let files = self.masked(shown, secret);
        self.findings.sort_by_key(|finding| finding.place);
        self.findings.dedup();
        if self.findings.len() > MOST_PROBLEMS {
            let message = format!("and {} more problems", self.findings.len() - MOST_PROBLEMS);
            let place = self.findings[MOST_PROBLEMS].place;
            self.findings.truncate(MOST_PROBLEMS);
            self.findings.push(Finding::new(place, message, "correct the others first"));
        }
        let problems = self.findings.iter().map(|finding| {
            let place = finding.place;
            let (file, text) = files[place.file].clone();
            Problem {
                file,
                line: place.line,
                column: place.column,
                message: finding.message.clone(),
                help: finding.help.clone().or(finding.first.map(|first| self.first(first))),
                span: (place.start, place.end),
                text,
            }
        });
        Problems::new(problems.collect())
    }
}

impl Source {
    /// The text with everything hidden that may be secret.
    fn masked(&self, clear: impl Fn(usize) -> bool) -> String {
        if self.broken {
            return mask::lines(&self.text);
        }
        let hidden = self.scalars.iter().filter(|(start, _)| !clear(*start));
        mask::ranges(&self.text, hidden.chain(&self.comments).copied())
    }
}

/// The bytes of a file; of one that is larger than `largest` only as much as shows that it is.
pub(super) fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The place after the end of `text`.
fn end_of(file: usize, text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Place { file, line, column, ..Place::default() }
}
