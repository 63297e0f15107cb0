//! Problems with the lines that they are about.

use std::fmt::{self, Write};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use super::Problem;

/// Problems that are shown with their lines; the rest is counted. A file of mistakes is read from its beginning.
const MOST: usize = 50;

pub(super) fn render(problems: &[Problem], colors: bool) -> String {
    let theme = if colors { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1);
    let mut text = String::new();
    for problem in problems.iter().take(MOST) {
        let rendered = handler.render_report(&mut text, &Report::new(problem));
        if rendered.is_err() {
            let _ = writeln!(text, "{problem}");
        }
    }
    if problems.len() > MOST {
        let _ = writeln!(text, "and {} more", problems.len() - MOST);
    }
    text
}

/// A problem as miette wants it.
#[derive(Debug)]
struct Report<'a> {
    problem: &'a Problem,
    source: Option<NamedSource<String>>,
    span: (usize, usize),
}

impl<'a> Report<'a> {
    fn new(problem: &'a Problem) -> Self {
        let (start, end) = problem.span;
        // A value that goes over several lines is pointed at where it begins.
        let rest = problem.text.get(start..end).unwrap_or_default();
        let length = rest.find('\n').unwrap_or(rest.len());
        let shown = problem.line > 0 && !problem.text.is_empty();
        let name = problem.file.display().to_string();
        let source = shown.then(|| NamedSource::new(name, problem.text.to_string()));
        Self { problem, source, span: (start, length) }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.source {
            Some(_) => f.write_str(&self.problem.message),
            None => {
                let Problem { file, line, column, message, .. } = self.problem;
                write!(f, "{}:", file.display())?;
                if *line > 0 {
                    write!(f, "{line}:{column}:")?;
                }
                write!(f, " {message}")
            }
        }
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let (start, length) = self.span;
        Some(Box::new(std::iter::once(LabeledSpan::new(None, start, length))))
    }
}
