//! From the parser's events to the tree.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::{Entry, Finding, Node, Place, Scalar, Value};

/// How deep maps and lists may be nested: what walks the tree recurses.
const DEEPEST: usize = 64;
/// Values in one file.
const MOST_NODES: usize = 1_000_000;
/// Values that aliases of one file may add.
const MOST_COPIES: usize = 20_000;
/// Mistakes of one file after which reading it ends.
const MOST_FINDINGS: usize = 100;

/// One file, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The tree; `None` where the text is not YAML or is empty.
    pub(crate) root: Option<Node>,
    /// Everything that is wrong with the text.
    pub(crate) findings: Vec<Finding>,
    /// Whether the text could not be read to its end.
    pub(crate) broken: bool,
    /// The first bytes and the ends of all scalars that are no keys.
    pub(crate) scalars: Vec<(usize, usize)>,
    /// The same of comments, which may hold anything.
    pub(crate) comments: Vec<(usize, usize)>,
}

/// Reads `text`, the content of file number `file`. Never recurses and never fails: what is wrong is in the findings.
pub(crate) fn parse(file: usize, text: &str) -> Document {
    let mut builder = Builder::new(file, text);
    let options = granit_parser::options! {
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
        emit_unresolved_aliases: true,
        disallow_directives: true,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(Box::new(Finding {
                place: builder.point(error.marker()),
                message: format!("not YAML: {}", error.info()),
                help: syntax_help(text, &error),
                first: None,
            })),
        };
        if let Err(finding) = step {
            builder.document.findings.push(*finding);
            builder.document.broken = true;
            builder.document.root = None;
            break;
        }
    }
    builder.document
}

struct Builder<'a> {
    file: usize,
    text: &'a str,
    document: Document,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    copies: usize,
    documents: usize,
}

/// A map or list whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    nodes_before: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: HashSet<String>, key: Option<Key> },
}

/// The key whose value comes next; `None` for a key that was refused: its value is left out.
struct Key(Option<(String, Place)>);

impl<'a> Builder<'a> {
    fn new(file: usize, text: &'a str) -> Self {
        Self {
            file,
            text,
            document: Document::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            copies: 0,
            documents: 0,
        }
    }

    /// Takes one event; an error ends the reading.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Finding>> {
        let place = self.place(span);
        if self.document.findings.len() >= MOST_FINDINGS {
            return Err(Finding::new(place, "too many mistakes", "correct these first").into());
        }
        match event {
            Event::Comment(..) => {
                self.document.comments.push((place.start, place.end));
                Ok(())
            }
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "write one document a file; a folder may hold many files";
                    return Err(Finding::new(place, "a second document in the file", help).into());
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || is_string(tag.as_deref());
                self.refuse_tag(place, tag.as_deref());
                let scalar = Scalar::new(text.into_owned(), quoted);
                self.nodes += 1;
                self.put(Node { place, value: Value::Scalar(scalar) }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(place, tag.as_deref());
                self.begin(place, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(place, tag.as_deref());
                let place = self.opening(place, style);
                let items = Items::Map { entries: Vec::new(), keys: HashSet::new(), key: None };
                self.begin(place, anchor, items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(id) => self.alias(id, place),
            Event::UnresolvedAlias(name) => {
                let help = format!("define it before, with `&{name}` in front of a value");
                let finding = Finding::new(place, format!("unknown alias `*{name}`"), help);
                self.document.findings.push(finding);
                let scalar = Scalar::new(String::new(), true);
                self.nodes += 1;
                self.put(Node { place, value: Value::Scalar(scalar) }, 0, 1)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, items: Items) -> Result<(), Box<Finding>> {
        if self.open.len() >= DEEPEST {
            let help = format!("at most {DEEPEST} maps and lists may stand in each other");
            return Err(Finding::new(place, "nested too deeply", help).into());
        }
        self.open.push(Open { place, anchor, nodes_before: self.nodes, items });
        Ok(())
    }

    fn end(&mut self, end: Place) -> Result<(), Box<Finding>> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        open.place.end = open.place.end.max(end.end);
        self.nodes += 1;
        let size = self.nodes - open.nodes_before;
        let value = match open.items {
            Items::List(items) => Value::List(items),
            Items::Map { entries, .. } => Value::Map(entries),
        };
        self.put(Node { place: open.place, value }, open.anchor, size)
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(), Box<Finding>> {
        let Some((node, size)) = self.anchors.get(&id) else {
            let help = "an alias may not stand inside the value that it repeats";
            return Err(Finding::new(place, "an alias of what it stands in", help).into());
        };
        let (node, size) = (node.clone(), *size);
        self.charge(size, place)?;
        self.nodes += size;
        self.put(node, 0, size)
    }

    /// Counts values that are copied for an anchor or an alias.
    fn charge(&mut self, size: usize, place: Place) -> Result<(), Box<Finding>> {
        self.copies = self.copies.saturating_add(size);
        if self.copies <= MOST_COPIES {
            return Ok(());
        }
        let help =
            format!("anchors and aliases of one file may repeat at most {MOST_COPIES} values");
        Err(Finding::new(place, "aliases that repeat too much", help).into())
    }

    /// Puts a finished node of `size` values where it belongs.
    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Box<Finding>> {
        if self.nodes > MOST_NODES {
            let help = format!("one file may have at most {MOST_NODES} values");
            return Err(Finding::new(node.place, "too many values", help).into());
        }
        if anchor != 0 {
            self.charge(size, node.place)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Document { root, findings, scalars, .. } = &mut self.document;
        let is_key =
            matches!(self.open.last(), Some(Open { items: Items::Map { key: None, .. }, .. }));
        if matches!(node.value, Value::Scalar(_)) && !is_key {
            scalars.push((node.place.start, node.place.end));
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => *root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, keys, key }) => match key.take() {
                None => *key = Some(Key(read_key(node, entries, keys, findings))),
                Some(Key(None)) => {}
                Some(Key(Some((key, key_place)))) => entries.push(Entry { key, key_place, node }),
            },
        }
        Ok(())
    }

    fn refuse_tag(&mut self, place: Place, tag: Option<&Tag>) {
        let Some(tag) = tag.filter(|tag| !is_string(Some(tag))) else { return };
        let message = format!("a tag, `{}{}`", tag.handle(), tag.suffix());
        let help = "tags are no part of this language: leave it out";
        self.document.findings.push(Finding::new(place, message, help));
    }

    fn place(&self, span: Span) -> Place {
        let mut place = self.point(&span.start);
        place.end =
            span.end.byte_offset().unwrap_or(place.start).clamp(place.start, self.text.len());
        place
    }

    fn point(&self, marker: &Marker) -> Place {
        let start = marker.byte_offset().unwrap_or(0).min(self.text.len());
        let (line, column) = (marker.line().max(1), marker.col() + 1);
        Place { file: self.file, line, column, start, end: start }
    }

    /// A map in block style has no bracket to point at: it begins with its first key.
    fn opening(&self, mut place: Place, style: StructureStyle) -> Place {
        if style == StructureStyle::Flow {
            place.end = (place.start + 1).min(self.text.len());
        }
        place
    }
}

/// What a line that is no YAML most often suffers from.
fn syntax_help(text: &str, error: &ScanError) -> Option<String> {
    let line = text.lines().nth(error.marker().line().checked_sub(1)?)?;
    let help = match line {
        _ if error.info().contains("tab") => "indent with spaces, not with tabs",
        _ if line.contains("${") && line.contains('{') => {
            "inside `{ ... }` and `[ ... ]`, `\"${NAME}\"` needs its quotes"
        }
        _ if line.contains("{{") => "a text with `{{ ... }}` in it needs quotes",
        _ => "keys of one map begin in the same column; brackets and quotes come in pairs",
    };
    Some(help.to_owned())
}

/// The text of a key, unless it is none or stands in the map already.
fn read_key(
    node: Node,
    entries: &[Entry],
    keys: &mut HashSet<String>,
    findings: &mut Vec<Finding>,
) -> Option<(String, Place)> {
    let Value::Scalar(scalar) = node.value else {
        findings.push(Finding::new(node.place, "a key that is no text", "write `name: value`"));
        return None;
    };
    if scalar.text == "<<" && !scalar.quoted {
        let help = "merge keys are no part of this language: repeat the keys";
        findings.push(Finding::new(node.place, "a merge key, `<<`", help));
        return None;
    }
    if !keys.insert(scalar.text.clone()) {
        let first = entries.iter().find(|entry| entry.key == scalar.text);
        let line = first.map_or(node.place.line, |entry| entry.key_place.line);
        let message = format!("the key {} stands here twice", scalar.shown());
        let help = format!("the first one is on line {line}; leave one of them out");
        findings.push(Finding::new(node.place, message, help));
        return None;
    }
    Some((scalar.text, node.place))
}

fn is_string(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"))
}
