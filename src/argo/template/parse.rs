//! A text → the nodes of a template.

use crate::argo::template::{Outcome, Wrong, fails, functions};
use crate::argo::value::Value;

/// A part of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    /// Branches with their conditions, `with` if the condition becomes the dot, and what is done otherwise.
    If {
        branches: Vec<(Pipeline, bool, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    Range {
        over: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Break,
    Continue,
}

/// Commands, each given what the one before it came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline {
    /// The variables that it sets.
    pub(super) names: Vec<String>,
    /// Whether they are there already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A word of a command.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Literal(Value),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Function(String),
    Pipeline(Box<Pipeline>, Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// `.a.b`, or a single dot where there are no names.
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Literal(Value),
    /// `.a.b` right behind a parenthesis.
    Chain(Vec<String>),
    Sign(&'static str),
    Space,
}

enum Piece {
    Text(String),
    Action(Vec<Token>),
}

/// Nothing is nested deeper.
const DEEPEST: usize = 100;

/// The nodes of a text.
pub(super) fn parse(text: &str) -> Outcome<Vec<Node>> {
    let mut parser = Parser { pieces: pieces(text)?.into_iter(), depth: 0 };
    let (nodes, end) = parser.nodes(false)?;
    match end {
        None => Ok(nodes),
        Some(tokens) => fails(format!("unexpected `{}`", word(&tokens).unwrap_or_default())),
    }
}

/// Texts and actions; `{{-` and `-}}` take the blanks beside them away.
fn pieces(text: &str) -> Outcome<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trims = false;
    let blanks = [' ', '\t', '\r', '\n'];
    loop {
        let open = rest.find("{{");
        let mut before = &rest[..open.unwrap_or(rest.len())];
        if trims {
            before = before.trim_start_matches(blanks);
        }
        let Some(open) = open else {
            pieces.push(Piece::Text(before.to_owned()));
            return Ok(pieces);
        };
        rest = &rest[open + 2..];
        let mut signs = rest.chars();
        if signs.next() == Some('-') && signs.next().is_some_and(|char| blanks.contains(&char)) {
            before = before.trim_end_matches(blanks);
            rest = &rest[2..];
        }
        pieces.push(Piece::Text(before.to_owned()));
        if let Some(comment) = rest.strip_prefix("/*") {
            let Some((_, after)) = comment.split_once("*/") else { return fails("a comment does not end") };
            trims = after.starts_with(blanks) && after[1..].starts_with("-}}");
            let Some(after) = after.strip_prefix("}}").or_else(|| after.get(4..).filter(|_| trims)) else {
                return fails("a comment ends before its action does");
            };
            rest = after;
            continue;
        }
        let (tokens, length, trim) = tokens(rest)?;
        pieces.push(Piece::Action(tokens));
        rest = &rest[length..];
        trims = trim;
    }
}

/// The tokens of an action, how long it is with its end, and whether the text behind it is trimmed.
fn tokens(text: &str) -> Outcome<(Vec<Token>, usize, bool)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else { return fails("an action does not end") };
        if rest.starts_with("}}") {
            return Ok((tokens, at + 2, false));
        }
        if first.is_ascii_whitespace() {
            if rest[1..].starts_with("-}}") {
                return Ok((tokens, at + 4, true));
            }
            tokens.push(Token::Space);
            at += 1;
            continue;
        }
        let (token, length) = token(rest, first, tokens.last() == Some(&Token::Sign(")")))?;
        tokens.push(token);
        at += length;
    }
}

fn token(rest: &str, first: char, after_parenthesis: bool) -> Outcome<(Token, usize)> {
    if let Some(sign) = ["(", ")", "|", ":=", "=", ","].into_iter().find(|sign| rest.starts_with(sign)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    let is_word = |char: char| char == '_' || char.is_alphanumeric();
    let name = |text: &str| text.find(|char| !is_word(char)).unwrap_or(text.len());
    let fields = |text: &str| {
        let (mut names, mut at) = (Vec::new(), 0);
        while let Some(after) = text[at..].strip_prefix('.') {
            let length = name(after);
            if length == 0 {
                break;
            }
            names.push(after[..length].to_owned());
            at += 1 + length;
        }
        (names, at)
    };
    let is_number = first.is_ascii_digit()
        || matches!(first, '-' | '+' | '.') && rest[1..].starts_with(|char: char| char.is_ascii_digit());
    match first {
        '"' => {
            let end = closing_quote(rest).ok_or_else(|| Wrong::Fails("a string does not end".to_owned()))?;
            Ok((Token::Literal(Value::Text(unquoted(&rest[1..end])?)), end + 1))
        }
        '`' => match rest[1..].find('`') {
            Some(end) => Ok((Token::Literal(Value::text(&rest[1..=end])), end + 2)),
            None => fails("a string does not end"),
        },
        '$' => {
            let length = 1 + name(&rest[1..]);
            let (names, more) = fields(&rest[length..]);
            Ok((Token::Variable(rest[..length].to_owned(), names), length + more))
        }
        _ if is_number => {
            let length =
                rest.find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '.' | '+' | '-' | '_')));
            let text = &rest[..length.unwrap_or(rest.len())];
            Ok((Token::Literal(number(text)?), text.len()))
        }
        '.' => {
            let (names, length) = fields(rest);
            let length = length.max(1);
            Ok((if after_parenthesis { Token::Chain(names) } else { Token::Field(names) }, length))
        }
        char if is_word(char) => {
            let length = name(rest);
            Ok((Token::Word(rest[..length].to_owned()), length))
        }
        char => fails(format!("unexpected `{char}` in an action")),
    }
}

fn number(text: &str) -> Outcome<Value> {
    let plain = text.replace('_', "");
    let (sign, digits) = plain.strip_prefix('-').map_or((1, &*plain), |digits| (-1, digits));
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).map(|value| Value::Int(sign * value)).or_else(|_| fails("a bad number"));
    }
    if let Ok(value) = plain.parse::<i64>() {
        return Ok(Value::Int(value));
    }
    plain.parse::<f64>().map(Value::Float).or_else(|_| fails(format!("`{text}` is no number")))
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = true; // the first quote opens
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            '\n' => return None,
            _ => {}
        }
    }
    None
}

fn unquoted(text: &str) -> Outcome<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        out.push(match chars.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(char @ ('\\' | '"')) => char,
            other => return fails(format!("unknown escape `\\{}`", other.unwrap_or(' '))),
        });
    }
    Ok(out)
}

/// The word with which an action starts.
fn word(tokens: &[Token]) -> Option<&str> {
    match tokens.iter().find(|token| **token != Token::Space) {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    depth: usize,
}

type End = Option<Vec<Token>>;

impl Parser {
    /// The nodes up to `else` or `end`, which comes back too.
    fn nodes(&mut self, in_loop: bool) -> Outcome<(Vec<Node>, End)> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return fails("the template is nested too deeply");
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let rest =
                || tokens[tokens.iter().position(|token| *token != Token::Space).map_or(0, |at| at + 1)..].to_vec();
            match word(&tokens) {
                Some("end" | "else") => {
                    self.depth -= 1;
                    return Ok((nodes, Some(tokens)));
                }
                Some("if") => nodes.push(self.branches(&rest(), false, in_loop)?),
                Some("with") => nodes.push(self.branches(&rest(), true, in_loop)?),
                Some("range") => nodes.push(self.range(&rest(), in_loop)?),
                Some("break") if in_loop => nodes.push(Node::Break),
                Some("continue") if in_loop => nodes.push(Node::Continue),
                Some(action @ ("define" | "template" | "block")) => {
                    return Err(Wrong::Unknown(format!("the action `{action}` is not known here")));
                }
                _ => nodes.push(Node::Action(pipeline(&tokens)?)),
            }
        }
        self.depth -= 1;
        Ok((nodes, None))
    }

    fn branches(&mut self, condition: &[Token], with: bool, in_loop: bool) -> Outcome<Node> {
        let mut branches = Vec::new();
        let (mut condition, mut with) = (condition.to_vec(), with);
        loop {
            let pipe = pipeline(&condition)?;
            let (body, end) = self.nodes(in_loop)?;
            branches.push((pipe, with, body));
            let Some(end) = end else { return fails("an action has no `end`") };
            if word(&end) == Some("end") {
                return Ok(Node::If { branches, otherwise: Vec::new() });
            }
            let after: Vec<Token> = end.into_iter().skip_while(|token| *token == Token::Space).skip(1).collect();
            let Some(next) = word(&after) else {
                return Ok(Node::If { branches, otherwise: self.last_branch(in_loop)? });
            };
            with = match next {
                "if" => false,
                "with" => true,
                _ => return fails("unexpected words behind `else`"),
            };
            condition = after.into_iter().skip_while(|token| *token == Token::Space).skip(1).collect();
        }
    }

    /// What follows `else`, up to `end`.
    fn last_branch(&mut self, in_loop: bool) -> Outcome<Vec<Node>> {
        match self.nodes(in_loop)? {
            (nodes, Some(end)) if word(&end) == Some("end") => Ok(nodes),
            _ => fails("an action has no `end`"),
        }
    }

    fn range(&mut self, over: &[Token], in_loop: bool) -> Outcome<Node> {
        let over = pipeline(over)?;
        let (body, end) = self.nodes(true)?;
        match end.as_deref().and_then(word) {
            Some("end") => Ok(Node::Range { over, body, otherwise: Vec::new() }),
            Some("else") => Ok(Node::Range { over, body, otherwise: self.last_branch(in_loop)? }),
            _ => fails("a `range` has no `end`"),
        }
    }
}

fn pipeline(tokens: &[Token]) -> Outcome<Pipeline> {
    let mut words = Words { tokens, at: 0 };
    let pipe = words.pipeline(0)?;
    if words.at < tokens.len() { fails("unexpected `)`") } else { Ok(pipe) }
}

struct Words<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Words<'_> {
    fn skip_spaces(&mut self) {
        while self.tokens.get(self.at) == Some(&Token::Space) {
            self.at += 1;
        }
    }

    /// `$a, $b :=` and its like.
    fn names(&mut self, pipe: &mut Pipeline) {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            self.skip_spaces();
            let Some(Token::Variable(name, fields)) = self.tokens.get(self.at) else { break };
            if !fields.is_empty() {
                break;
            }
            names.push(name.clone());
            self.at += 1;
            self.skip_spaces();
            match self.tokens.get(self.at) {
                Some(Token::Sign(",")) => self.at += 1,
                Some(Token::Sign(sign @ (":=" | "="))) => {
                    self.at += 1;
                    (pipe.names, pipe.assigns) = (names, *sign == "=");
                    return;
                }
                _ => break,
            }
        }
        self.at = start;
    }

    fn pipeline(&mut self, depth: usize) -> Outcome<Pipeline> {
        if depth > DEEPEST {
            return fails("the template is nested too deeply");
        }
        let mut pipe = Pipeline::default();
        self.names(&mut pipe);
        let mut command = Vec::new();
        loop {
            self.skip_spaces();
            let Some(token) = self.tokens.get(self.at) else { break };
            if *token == Token::Sign(")") {
                break;
            }
            self.at += 1;
            command.push(match token {
                Token::Sign("|") => {
                    if command.is_empty() {
                        return fails("a command is empty");
                    }
                    pipe.commands.push(std::mem::take(&mut command));
                    continue;
                }
                Token::Sign("(") => {
                    let inner = self.pipeline(depth + 1)?;
                    if self.tokens.get(self.at) != Some(&Token::Sign(")")) {
                        return fails("a `(` has no `)`");
                    }
                    self.at += 1;
                    let fields = match self.tokens.get(self.at) {
                        Some(Token::Chain(fields)) => {
                            self.at += 1;
                            fields.clone()
                        }
                        _ => Vec::new(),
                    };
                    Operand::Pipeline(Box::new(inner), fields)
                }
                Token::Field(names) if names.is_empty() => Operand::Dot,
                Token::Field(names) => Operand::Field(names.clone()),
                Token::Variable(name, fields) => Operand::Variable(name.clone(), fields.clone()),
                Token::Literal(value) => Operand::Literal(value.clone()),
                Token::Word(word) => match &**word {
                    "true" => Operand::Literal(Value::Bool(true)),
                    "false" => Operand::Literal(Value::Bool(false)),
                    "nil" => Operand::Nil,
                    name if functions::is_known(name) => Operand::Function(name.to_owned()),
                    name => return Err(Wrong::Unknown(format!("the function `{name}` is not known here"))),
                },
                Token::Sign(sign) => return fails(format!("unexpected `{sign}`")),
                Token::Chain(_) | Token::Space => return fails("unexpected field"),
            });
        }
        // Go lets a pipe end in nothing.
        if !command.is_empty() {
            pipe.commands.push(command);
        }
        if pipe.commands.is_empty() {
            return fails("an action is empty");
        }
        Ok(pipe)
    }
}
