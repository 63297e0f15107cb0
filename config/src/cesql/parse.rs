//! The grammar of CESQL, by recursive descent. Specification, sections 2 and 3.6.
//!
//! ```text
//! logic      = comparison { ( AND | OR | XOR ) comparison }        one precedence, from left to right
//! comparison = sum { ( = | != | <> | < | <= | > | >= ) sum }
//! sum        = product { ( + | - ) product }
//! product    = tested { ( * | / | % ) tested }
//! tested     = unary { [ NOT ] LIKE string | [ NOT ] IN "(" logic { "," logic } ")" }
//! unary      = NOT unary | - unary | primary
//! primary    = "(" logic ")" | EXISTS name | function "(" [ logic { "," logic } ] ")" | name | literal
//! ```

use super::{
    Arithmetic, Cesql, Comparison, Function, Kind, Literal, Logic, Node,
    lex::{Token, TokenKind, tokens},
};
use crate::SyntaxError;

const KEYWORDS: [&str; 9] = ["AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"];

pub(super) fn expression(text: &str) -> Result<Node, SyntaxError> {
    if text.len() > Cesql::LONGEST {
        let help = format!("an expression has at most {} bytes", Cesql::LONGEST);
        return Err(SyntaxError::new(text, 0, "too long an expression", help));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let root = parser.logic()?;
    if *parser.kind() != TokenKind::End {
        return Err(parser.error("unexpected text", "join two conditions with AND or OR"));
    }
    check_depth(text, &root, 0)?;
    Ok(root)
}

/// Chains of operators make a tree deeper than the parser recursed.
fn check_depth(text: &str, node: &Node, depth: usize) -> Result<(), SyntaxError> {
    if depth > Cesql::DEEPEST {
        return Err(too_deep(text, node.span.start));
    }
    let below = |node: &Node| check_depth(text, node, depth + 1);
    match &node.kind {
        Kind::Literal(_) | Kind::Attribute(_) | Kind::Exists(_) | Kind::UnknownCall(..) => Ok(()),
        Kind::Not(operand) | Kind::Negate(operand) | Kind::Like { operand, .. } => below(operand),
        Kind::Comparison(_, operands) | Kind::Arithmetic(_, operands) => {
            operands.iter().try_for_each(below)
        }
        Kind::Logic(_, operands) | Kind::Call(_, operands) => operands.iter().try_for_each(below),
        Kind::In { operand, set, .. } => {
            below(operand)?;
            set.iter().try_for_each(below)
        }
    }
}

fn too_deep(text: &str, at: usize) -> SyntaxError {
    let help = format!("at most {} parts may stand in each other", Cesql::DEEPEST);
    SyntaxError::new(text, at, "nested too deep", help)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn logic(&mut self) -> Result<Node, SyntaxError> {
        self.deeper(|parser| {
            let mut left = parser.comparison()?;
            let mut chain = Chain::default();
            loop {
                let operator = match parser.keyword() {
                    Some("AND") => Logic::And,
                    Some("OR") => Logic::Or,
                    Some("XOR") => Logic::Xor,
                    _ => return Ok(left),
                };
                if !matches!(left.kind, Kind::Logic(other, _) if other == operator) {
                    chain.grow(parser)?;
                }
                parser.at += 1;
                let right = parser.comparison()?;
                left = joined(operator, left, right);
            }
        })
    }

    fn comparison(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.sum()?;
        let mut chain = Chain::default();
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("=") => Comparison::Equal,
                TokenKind::Symbol("!=" | "<>") => Comparison::NotEqual,
                TokenKind::Symbol("<") => Comparison::Less,
                TokenKind::Symbol("<=") => Comparison::LessOrEqual,
                TokenKind::Symbol(">") => Comparison::Greater,
                TokenKind::Symbol(">=") => Comparison::GreaterOrEqual,
                _ => return Ok(left),
            };
            chain.grow(self)?;
            self.at += 1;
            let right = self.sum()?;
            let span = left.span.start..right.span.end;
            left = Node { span, kind: Kind::Comparison(operator, Box::new([left, right])) };
        }
    }

    fn sum(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.product()?;
        let mut chain = Chain::default();
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("+") => Arithmetic::Add,
                TokenKind::Symbol("-") => Arithmetic::Subtract,
                _ => return Ok(left),
            };
            chain.grow(self)?;
            self.at += 1;
            let right = self.product()?;
            left = calculated(operator, left, right);
        }
    }

    fn product(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.tested()?;
        let mut chain = Chain::default();
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("*") => Arithmetic::Multiply,
                TokenKind::Symbol("/") => Arithmetic::Divide,
                TokenKind::Symbol("%") => Arithmetic::Remainder,
                _ => return Ok(left),
            };
            chain.grow(self)?;
            self.at += 1;
            let right = self.tested()?;
            left = calculated(operator, left, right);
        }
    }

    fn tested(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.unary()?;
        let mut chain = Chain::default();
        loop {
            let negated = self.keyword() == Some("NOT");
            let test = if negated { self.keyword_at(self.at + 1) } else { self.keyword() };
            let Some(test @ ("LIKE" | "IN")) = test else {
                return match negated {
                    true => Err(self.error("unexpected NOT", "write NOT LIKE or NOT IN")),
                    false => Ok(left),
                };
            };
            chain.grow(self)?;
            self.at += 1 + usize::from(negated);
            let (start, operand) = (left.span.start, Box::new(left));
            let kind = match test {
                "LIKE" => Kind::Like { operand, pattern: self.pattern()?, negated },
                _ => Kind::In { operand, set: self.set()?, negated },
            };
            left = Node { span: start..self.passed(), kind };
        }
    }

    fn pattern(&mut self) -> Result<String, SyntaxError> {
        let TokenKind::String(pattern) = self.kind().clone() else {
            return Err(self.error("no pattern", "after LIKE stands a text in quotes"));
        };
        self.at += 1;
        Ok(pattern)
    }

    fn set(&mut self) -> Result<Vec<Node>, SyntaxError> {
        self.expect("(", "after IN stands a list such as ('a', 'b')")?;
        if *self.kind() == TokenKind::Symbol(")") {
            return Err(self.error("an empty list", "after IN stands a list such as ('a', 'b')"));
        }
        self.list()
    }

    /// What stands between brackets and commas, at least one, and the closing bracket.
    fn list(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let mut list = vec![self.logic()?];
        while self.eat(",") {
            list.push(self.logic()?);
        }
        self.expect(")", "close the list with `)`")?;
        Ok(list)
    }

    fn unary(&mut self) -> Result<Node, SyntaxError> {
        let start = self.token().span.start;
        if self.keyword() == Some("NOT") {
            self.at += 1;
            let operand = self.deeper(Self::unary)?;
            return Ok(Node { span: start..operand.span.end, kind: Kind::Not(Box::new(operand)) });
        }
        // A sign right before a number belongs to it.
        if *self.kind() == TokenKind::Symbol("-") && self.signed_number().is_none() {
            self.at += 1;
            let operand = self.deeper(Self::unary)?;
            let span = start..operand.span.end;
            return Ok(Node { span, kind: Kind::Negate(Box::new(operand)) });
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Node, SyntaxError> {
        let start = self.token().span.start;
        let kind = match self.kind().clone() {
            TokenKind::String(text) => {
                self.at += 1;
                Kind::Literal(Literal::String(text))
            }
            TokenKind::Symbol("(") => {
                self.at += 1;
                let inner = self.logic()?;
                self.expect(")", "close the bracket with `)`")?;
                inner.kind
            }
            TokenKind::Symbol("+" | "-") if self.signed_number().is_some() => {
                self.at += 2;
                self.integer(start..self.passed())?
            }
            TokenKind::Word => self.word()?,
            TokenKind::Symbol(_) | TokenKind::End => {
                let help =
                    "here stands an attribute, a text in quotes, a number, a function or a bracket";
                return Err(self.error("no value", help));
            }
        };
        Ok(Node { span: start..self.passed(), kind })
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let span = self.token().span.clone();
        match self.keyword() {
            Some("TRUE" | "FALSE") => {
                let value = self.keyword() == Some("TRUE");
                self.at += 1;
                return Ok(Kind::Literal(Literal::Boolean(value)));
            }
            Some("EXISTS") => {
                self.at += 1;
                return Ok(Kind::Exists(self.name()?));
            }
            Some(_) => {
                let help = "here stands an attribute, a text in quotes, a number or a function";
                return Err(self.error("a keyword where a value belongs", help));
            }
            None => {}
        }
        if self.text[span.clone()].bytes().all(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            return self.integer(span);
        }
        let next = self.tokens.get(self.at + 1);
        match next.map(|token| &token.kind) {
            Some(TokenKind::Symbol("(")) => self.call(),
            _ => self.name().map(Kind::Attribute),
        }
    }

    /// Names of attributes have lower-case letters and digits; the case of letters does not matter here, as the
    /// compatibility kit has it.
    fn name(&mut self) -> Result<String, SyntaxError> {
        let word = &self.text[self.token().span.clone()];
        let is_name = *self.kind() == TokenKind::Word && !word.contains('_');
        if !is_name || self.keyword().is_some() {
            let help = "the name of an attribute has lower-case letters and digits only";
            return Err(self.error("no attribute", help));
        }
        self.at += 1;
        Ok(word.to_ascii_lowercase())
    }

    fn call(&mut self) -> Result<Kind, SyntaxError> {
        let name = &self.text[self.token().span.clone()];
        if name.bytes().any(|byte| byte.is_ascii_digit()) || name.starts_with('_') {
            return Err(self.error("not the name of a function", "it has letters and `_` only"));
        }
        self.at += 2;
        let arguments = if self.eat(")") { Vec::new() } else { self.list()? };
        Ok(match Function::find(name, arguments.len()) {
            Some(function) => Kind::Call(function, arguments),
            None => Kind::UnknownCall(name.to_ascii_uppercase(), arguments.len()),
        })
    }

    fn integer(&self, span: std::ops::Range<usize>) -> Result<Kind, SyntaxError> {
        match self.text[span.clone()].parse() {
            Ok(number) => Ok(Kind::Literal(Literal::Integer(number))),
            Err(_) => {
                let help = "a number is from -2147483648 to 2147483647";
                Err(SyntaxError::new(self.text, span.start, "a number out of range", help))
            }
        }
    }

    /// The digits right behind the sign at which the parser stands.
    fn signed_number(&self) -> Option<&'a str> {
        let (sign, next) = (self.token(), self.tokens.get(self.at + 1)?);
        let digits = &self.text[next.span.clone()];
        let is_number =
            next.kind == TokenKind::Word && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && sign.span.end == next.span.start).then_some(digits)
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth > Cesql::DEEPEST {
            return Err(too_deep(self.text, self.token().span.start));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn token(&self) -> &Token {
        // The last token is the end and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    /// Where the token ends that was passed last.
    fn passed(&self) -> usize {
        self.tokens[self.at - 1].span.end
    }

    fn keyword(&self) -> Option<&'static str> {
        self.keyword_at(self.at)
    }

    fn keyword_at(&self, at: usize) -> Option<&'static str> {
        let token = self.tokens.get(at).filter(|token| token.kind == TokenKind::Word)?;
        let word = &self.text[token.span.clone()];
        KEYWORDS.into_iter().find(|keyword| keyword.eq_ignore_ascii_case(word))
    }

    fn eat(&mut self, symbol: &'static str) -> bool {
        let found = *self.kind() == TokenKind::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str, help: &str) -> Result<(), SyntaxError> {
        match self.eat(symbol) {
            true => Ok(()),
            false => Err(self.error(&format!("expected `{symbol}`"), help)),
        }
    }

    fn error(&self, message: &str, help: &str) -> SyntaxError {
        SyntaxError::new(self.text, self.token().span.start, message, help)
    }
}

/// How many operators of one precedence follow each other: each makes the tree one deeper.
#[derive(Default)]
struct Chain(usize);

impl Chain {
    fn grow(&mut self, parser: &Parser<'_>) -> Result<(), SyntaxError> {
        self.0 += 1;
        match self.0 > Cesql::DEEPEST {
            true => Err(too_deep(parser.text, parser.token().span.start)),
            false => Ok(()),
        }
    }
}

/// A chain of one operator is one node, so that it is no deeper than its parts.
fn joined(operator: Logic, left: Node, right: Node) -> Node {
    let span = left.span.start..right.span.end;
    match left.kind {
        Kind::Logic(other, mut operands) if other == operator => {
            operands.push(right);
            Node { span, kind: Kind::Logic(operator, operands) }
        }
        _ => Node { span, kind: Kind::Logic(operator, vec![left, right]) },
    }
}

fn calculated(operator: Arithmetic, left: Node, right: Node) -> Node {
    let span = left.span.start..right.span.end;
    Node { span, kind: Kind::Arithmetic(operator, Box::new([left, right])) }
}
