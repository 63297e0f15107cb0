//! The grammar of CEL, by recursive descent: `cel-spec`, section "Syntax".
//!
//! ```text
//! expression = or [ "?" or ":" expression ]
//! or         = and { "||" and }
//! and        = relation { "&&" relation }
//! relation   = sum { ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" ) sum }
//! sum        = product { ( "+" | "-" ) product }
//! product    = unary { ( "*" | "/" | "%" ) unary }
//! unary      = "!" unary | "-" unary | member
//! member     = primary { "." name [ "(" [ list ] ")" ] | "[" expression "]" }
//! primary    = name | name "(" [ list ] ")" | "(" expression ")" | "[" [ list ] "]" | "{" [ entries ] "}" | literal
//! ```

use super::{
    Cel, Function, Kind, Literal, Macro, Node, Operator, Root,
    lex::{self, Token, TokenKind},
};
use crate::SyntaxError;

/// Words that cannot be names.
const RESERVED: [&str; 19] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "null",
];

const NAMES: &str = "there are event, headers, key and origin: `event.type`, `event.data.customer`, `headers[\"x\"]`, `origin.topic`";

pub(super) fn whole(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser::new(text, 0)?;
    let root = parser.expression()?;
    match parser.token.kind {
        TokenKind::End => Ok(root),
        _ => Err(parser.error("unexpected text", "join two conditions with `&&` or `||`")),
    }
}

/// As much of the text from `start` on as is an expression, and where that ends.
pub(super) fn prefix(text: &str, start: usize) -> Result<(Node, usize), SyntaxError> {
    let mut parser = Parser::new(text, start)?;
    let root = parser.expression()?;
    Ok((root, parser.passed))
}

struct Parser<'a> {
    text: &'a str,
    /// The next word.
    token: Token,
    /// Where the word before it ends.
    passed: usize,
    depth: usize,
    /// The variables of the macros round here, the innermost last.
    variables: Vec<&'a str>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, start: usize) -> Result<Self, SyntaxError> {
        if text.len() > Cel::LONGEST {
            let help = format!("an expression has at most {} bytes", Cel::LONGEST);
            return Err(SyntaxError::new(text, start, "too long an expression", help));
        }
        let token = lex::next(text, start)?;
        Ok(Self { text, token, passed: start, depth: 0, variables: Vec::new() })
    }

    fn expression(&mut self) -> Result<Node, SyntaxError> {
        self.deeper(|parser| {
            let condition = parser.or()?;
            if !parser.eat("?")? {
                return Ok(condition);
            }
            let then = parser.or()?;
            parser.expect(":", "write `condition ? value : other`")?;
            let other = parser.expression()?;
            let span = condition.span.start..other.span.end;
            Ok(Node { span, kind: Kind::Conditional(Box::new([condition, then, other])) })
        })
    }

    fn or(&mut self) -> Result<Node, SyntaxError> {
        let mut operands = vec![self.and()?];
        while self.eat("||")? {
            operands.push(self.and()?);
        }
        Ok(joined(operands, Kind::Or))
    }

    fn and(&mut self) -> Result<Node, SyntaxError> {
        let mut operands = vec![self.relation()?];
        while self.eat("&&")? {
            operands.push(self.relation()?);
        }
        Ok(joined(operands, Kind::And))
    }

    fn relation(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.sum()?;
        let mut chain = Chain::default();
        loop {
            let operator = match self.token.kind {
                TokenKind::Symbol("==") => Operator::Equal,
                TokenKind::Symbol("!=") => Operator::NotEqual,
                TokenKind::Symbol("<") => Operator::Less,
                TokenKind::Symbol("<=") => Operator::LessOrEqual,
                TokenKind::Symbol(">") => Operator::Greater,
                TokenKind::Symbol(">=") => Operator::GreaterOrEqual,
                TokenKind::Name if self.word() == "in" => Operator::In,
                _ => return Ok(left),
            };
            chain.grow(self)?;
            self.pass()?;
            left = binary(operator, left, self.sum()?);
        }
    }

    fn sum(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.product()?;
        let mut chain = Chain::default();
        loop {
            let operator = match self.token.kind {
                TokenKind::Symbol("+") => Operator::Add,
                TokenKind::Symbol("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            chain.grow(self)?;
            self.pass()?;
            left = binary(operator, left, self.product()?);
        }
    }

    fn product(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.unary()?;
        let mut chain = Chain::default();
        loop {
            let operator = match self.token.kind {
                TokenKind::Symbol("*") => Operator::Multiply,
                TokenKind::Symbol("/") => Operator::Divide,
                TokenKind::Symbol("%") => Operator::Remainder,
                _ => return Ok(left),
            };
            chain.grow(self)?;
            self.pass()?;
            left = binary(operator, left, self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Node, SyntaxError> {
        let start = self.token.span.start;
        if self.eat("!")? {
            let operand = self.deeper(Self::unary)?;
            return Ok(Node { span: start..self.passed, kind: Kind::Not(Box::new(operand)) });
        }
        if !self.eat("-")? {
            let primary = self.primary()?;
            return self.member(primary);
        }
        let number = match self.token.kind {
            TokenKind::Literal(Literal::Int(number)) => Some(Literal::Int(-number)),
            TokenKind::Literal(Literal::Double(number)) => Some(Literal::Double(-number)),
            TokenKind::MinInt => Some(Literal::Int(i64::MIN)),
            _ => None,
        };
        if let Some(number) = number {
            self.pass()?;
            let literal = Node { span: start..self.passed, kind: Kind::Literal(number) };
            return self.member(literal);
        }
        let operand = self.deeper(Self::unary)?;
        Ok(Node { span: start..self.passed, kind: Kind::Negate(Box::new(operand)) })
    }

    fn member(&mut self, mut node: Node) -> Result<Node, SyntaxError> {
        let mut chain = Chain::default();
        loop {
            let start = node.span.start;
            let kind = if self.eat(".")? {
                chain.grow(self)?;
                self.dotted(node)?
            } else if self.eat("[")? {
                chain.grow(self)?;
                let index = self.expression()?;
                self.expect("]", "close `[` with `]`")?;
                indexed(node, index)
            } else {
                return Ok(node);
            };
            node = Node { span: start..self.passed, kind };
        }
    }

    /// What follows a dot: a member, a method or a macro.
    fn dotted(&mut self, target: Node) -> Result<Kind, SyntaxError> {
        let token = self.token.clone();
        let name = self.word();
        if token.kind != TokenKind::Name || matches!(name, "in" | "true" | "false" | "null") {
            let help = "write `[\"name\"]` for other characters";
            return Err(self.error("no name after the dot", help));
        }
        self.pass()?;
        if !self.eat("(")? {
            return Ok(Kind::Select(Box::new(target), name.to_owned()));
        }
        let kind = match name {
            "all" => Macro::All,
            "exists" => Macro::Exists,
            "exists_one" | "existsOne" => Macro::ExistsOne,
            "filter" => Macro::Filter,
            "map" => Macro::Map,
            _ => {
                let mut arguments = vec![target];
                arguments.extend(self.arguments()?);
                return self.call(name, true, arguments, token.span.start);
            }
        };
        self.macro_body(kind, target)
    }

    fn macro_body(&mut self, kind: Macro, over: Node) -> Result<Kind, SyntaxError> {
        let name = self.word();
        let help = "write the name of a variable and what is done with it: `list.all(x, x > 1)`";
        if self.token.kind != TokenKind::Name || is_reserved(name) {
            return Err(self.error("no variable", help));
        }
        self.pass()?;
        self.expect(",", help)?;
        self.variables.push(name);
        let mut steps = vec![self.expression()?];
        if kind == Macro::Map && self.eat(",")? {
            steps.push(self.expression()?);
        }
        self.variables.pop();
        self.expect(")", "close the bracket with `)`")?;
        Ok(Kind::Macro(kind, Box::new(over), steps))
    }

    fn primary(&mut self) -> Result<Node, SyntaxError> {
        let start = self.token.span.start;
        let kind = match &self.token.kind {
            TokenKind::Literal(literal) => {
                let literal = literal.clone();
                self.pass()?;
                Kind::Literal(literal)
            }
            TokenKind::Symbol("(") => {
                self.pass()?;
                let inner = self.expression()?;
                self.expect(")", "close the bracket with `)`")?;
                inner.kind
            }
            TokenKind::Symbol("[") => {
                self.pass()?;
                Kind::List(self.list("]")?)
            }
            TokenKind::Symbol("{") => {
                self.pass()?;
                Kind::Map(self.entries()?)
            }
            TokenKind::Name => self.name()?,
            TokenKind::MinInt => {
                return Err(self.error("a number out of range", "it may stand behind a minus only"));
            }
            TokenKind::Symbol(_) | TokenKind::End => {
                let help =
                    "here stands a field, a text in quotes, a number, a function or a bracket";
                return Err(self.error("no value", help));
            }
        };
        Ok(Node { span: start..self.passed, kind })
    }

    fn name(&mut self) -> Result<Kind, SyntaxError> {
        let (name, start) = (self.word(), self.token.span.start);
        let literal = match name {
            "true" => Some(Literal::Boolean(true)),
            "false" => Some(Literal::Boolean(false)),
            "null" => Some(Literal::Null),
            _ if is_reserved(name) => {
                return Err(self.error("a reserved word where a value belongs", NAMES));
            }
            _ => None,
        };
        self.pass()?;
        if let Some(literal) = literal {
            return Ok(Kind::Literal(literal));
        }
        if self.eat("(")? {
            let arguments = self.arguments()?;
            return self.call(name, false, arguments, start);
        }
        if let Some(outwards) = self.variables.iter().rev().position(|other| *other == name) {
            return Ok(Kind::Variable(outwards));
        }
        match name {
            "event" => Ok(Kind::Root(Root::Event)),
            "headers" => Ok(Kind::Root(Root::Headers)),
            "key" => Ok(Kind::Root(Root::Key)),
            "origin" => Ok(Kind::Root(Root::Origin)),
            _ => Err(SyntaxError::new(self.text, start, "unknown name", NAMES)),
        }
    }

    fn call(
        &self,
        name: &str,
        is_method: bool,
        arguments: Vec<Node>,
        start: usize,
    ) -> Result<Kind, SyntaxError> {
        let wrong =
            |message: String, help: String| Err(SyntaxError::new(self.text, start, message, help));
        match (name, is_method) {
            ("has", false) => {
                return match <[Node; 1]>::try_from(arguments).map(|[argument]| argument.kind) {
                    Ok(Kind::Select(target, name)) => Ok(Kind::Has(target, name)),
                    _ => wrong("has() of no member".into(), "write `has(event.subject)`".into()),
                };
            }
            ("default", false) => {
                return match <[Node; 2]>::try_from(arguments) {
                    Ok(arguments) => Ok(Kind::Default(Box::new(arguments))),
                    Err(_) => {
                        let help = "write `default(field, \"text\")`";
                        wrong("default() takes 2 arguments".into(), help.into())
                    }
                };
            }
            _ => {}
        }
        match Function::find(name, is_method, arguments.len()) {
            Ok(function) => Ok(Kind::Call(function, arguments)),
            Err(help) => {
                let count = arguments.len() - usize::from(is_method);
                wrong(format!("no function {name} takes {count} arguments"), help)
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Node>, SyntaxError> {
        self.list(")")
    }

    /// What stands between commas up to the closing bracket; in a list, one more comma may follow.
    fn list(&mut self, close: &'static str) -> Result<Vec<Node>, SyntaxError> {
        let mut nodes = Vec::new();
        loop {
            if (nodes.is_empty() || close == "]") && self.eat(close)? {
                return Ok(nodes);
            }
            nodes.push(self.expression()?);
            if !self.eat(",")? {
                self.expect(close, &format!("close the list with `{close}`"))?;
                return Ok(nodes);
            }
        }
    }

    fn entries(&mut self) -> Result<Vec<[Node; 2]>, SyntaxError> {
        let mut entries = Vec::new();
        loop {
            if self.eat("}")? {
                return Ok(entries);
            }
            let key = self.expression()?;
            self.expect(":", "write `{\"name\": value}`")?;
            entries.push([key, self.expression()?]);
            if !self.eat(",")? {
                self.expect("}", "close the map with `}`")?;
                return Ok(entries);
            }
        }
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth > Cel::DEEPEST {
            return Err(too_deep(self.text, self.token.span.start));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn word(&self) -> &'a str {
        &self.text[self.token.span.clone()]
    }

    fn pass(&mut self) -> Result<(), SyntaxError> {
        self.passed = self.token.span.end;
        self.token = lex::next(self.text, self.passed)?;
        Ok(())
    }

    fn eat(&mut self, symbol: &'static str) -> Result<bool, SyntaxError> {
        let found = self.token.kind == TokenKind::Symbol(symbol);
        if found {
            self.pass()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &'static str, help: &str) -> Result<(), SyntaxError> {
        match self.eat(symbol)? {
            true => Ok(()),
            false => Err(self.error(&format!("expected `{symbol}`"), help)),
        }
    }

    fn error(&self, message: &str, help: &str) -> SyntaxError {
        SyntaxError::new(self.text, self.token.span.start, message, help)
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || matches!(name, "true" | "false")
}

/// How many operators of one precedence follow each other: each makes the tree one deeper.
#[derive(Default)]
struct Chain(usize);

impl Chain {
    fn grow(&mut self, parser: &Parser<'_>) -> Result<(), SyntaxError> {
        self.0 += 1;
        match self.0 > Cel::DEEPEST {
            true => Err(too_deep(parser.text, parser.token.span.start)),
            false => Ok(()),
        }
    }
}

pub(super) fn too_deep(text: &str, at: usize) -> SyntaxError {
    let help = format!("at most {} parts may stand in each other", Cel::DEEPEST);
    SyntaxError::new(text, at, "nested too deep", help)
}

fn joined(mut operands: Vec<Node>, kind: fn(Vec<Node>) -> Kind) -> Node {
    let last = operands.len() - 1;
    if last == 0 {
        return operands.swap_remove(0);
    }
    Node { span: operands[0].span.start..operands[last].span.end, kind: kind(operands) }
}

fn binary(operator: Operator, left: Node, right: Node) -> Node {
    let span = left.span.start..right.span.end;
    Node { span, kind: Kind::Binary(operator, Box::new([left, right])) }
}

/// The members of the event and the origin may be named in brackets too.
fn indexed(target: Node, index: Node) -> Kind {
    match (&target.kind, index.kind) {
        (Kind::Root(Root::Event | Root::Origin), Kind::Literal(Literal::String(name))) => {
            Kind::Select(Box::new(target), name)
        }
        (_, kind) => Kind::Index(Box::new([target, Node { span: index.span, kind }])),
    }
}
