//! The nodes of a template → text.

use crate::argo::template::parse::{Node, Operand, Pipeline};
use crate::argo::template::{MOST, Outcome, Wrong, fails, functions};
use crate::argo::value::Value;

/// Renders nodes over a value.
pub(super) fn run(nodes: &[Node], root: &Value, strict: bool) -> Outcome<String> {
    let mut state = State { variables: vec![("$".to_owned(), root.clone())], out: String::new(), strict, steps: 0 };
    state.nodes(nodes, root)?;
    Ok(state.out)
}

/// Whether a loop goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct State {
    variables: Vec<(String, Value)>,
    out: String,
    strict: bool,
    steps: usize,
}

impl State {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Outcome<Flow> {
        for node in nodes {
            self.steps += 1;
            if self.steps > MOST || self.out.len() > MOST {
                return Err(Wrong::Unknown("the template makes more than is worked out here".to_owned()));
            }
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Action(pipe) => {
                    let value = self.pipeline(pipe, dot)?;
                    if pipe.names.is_empty() {
                        self.out.push_str(&match value {
                            Value::Null => "<no value>".to_owned(),
                            value => value.printed(),
                        });
                    }
                    Flow::On
                }
                Node::If { branches, otherwise } => self.branches(branches, otherwise, dot)?,
                Node::Range { over, body, otherwise } => self.range(over, body, otherwise, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn branches(&mut self, branches: &[(Pipeline, bool, Vec<Node>)], otherwise: &[Node], dot: &Value) -> Outcome<Flow> {
        let depth = self.variables.len();
        for (condition, with, body) in branches {
            let value = self.pipeline(condition, dot)?;
            if value.is_true() {
                let flow = self.nodes(body, if *with { &value } else { dot });
                self.variables.truncate(depth);
                return flow;
            }
        }
        let flow = self.nodes(otherwise, dot);
        self.variables.truncate(depth);
        flow
    }

    fn range(&mut self, over: &Pipeline, body: &[Node], otherwise: &[Node], dot: &Value) -> Outcome<Flow> {
        let depth = self.variables.len();
        let bare = Pipeline { names: Vec::new(), ..over.clone() };
        #[allow(clippy::cast_possible_wrap)] // no list is that long
        let pairs: Vec<(Value, Value)> = match self.pipeline(&bare, dot)? {
            Value::Null => Vec::new(),
            Value::List(items) => {
                items.into_iter().enumerate().map(|(at, item)| (Value::Int(at as i64), item)).collect()
            }
            Value::Map(map) => map.into_iter().map(|(key, value)| (Value::Text(key), value)).collect(),
            Value::Int(count) if usize::try_from(count).is_ok_and(|count| count <= MOST) => {
                (0..count).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            other => return fails(format!("range can't iterate over {}", other.printed())),
        };
        if pairs.is_empty() {
            let flow = self.nodes(otherwise, dot);
            self.variables.truncate(depth);
            return flow;
        }
        for (key, value) in pairs {
            match (&over.names[..], over.assigns) {
                ([], _) => {}
                ([one], false) => self.variables.push((one.clone(), value.clone())),
                ([first, second], false) => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), value.clone()));
                }
                ([one], true) => self.assign(one, value.clone())?,
                ([first, second], true) => {
                    self.assign(first, key)?;
                    self.assign(second, value.clone())?;
                }
                _ => return fails("a `range` sets more than two variables"),
            }
            let flow = self.nodes(body, &value)?;
            self.variables.truncate(depth);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn assign(&mut self, name: &str, value: Value) -> Outcome<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => return fails(format!("undefined variable `{name}`")),
        }
        Ok(())
    }

    fn pipeline(&mut self, pipe: &Pipeline, dot: &Value) -> Outcome<Value> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Value::Null);
        match &pipe.names[..] {
            [] => {}
            [name] if pipe.assigns => self.assign(name, value.clone())?,
            [name] => self.variables.push((name.clone(), value.clone())),
            _ => return fails("only `range` sets two variables"),
        }
        Ok(value)
    }

    fn command(&mut self, command: &[Operand], dot: &Value, piped: Option<Value>) -> Outcome<Value> {
        let Some((first, rest)) = command.split_first() else { return fails("a command is empty") };
        let Operand::Function(name) = first else {
            if !rest.is_empty() || piped.is_some() {
                return fails("can't give argument to what is no function");
            }
            if matches!(first, Operand::Nil) {
                return fails("nil is not a command");
            }
            return self.operand(first, dot);
        };
        // These two look at no more than they need.
        if matches!(&**name, "and" | "or") {
            if rest.is_empty() && piped.is_none() {
                return fails(format!("wrong number of args for {name}"));
            }
            let mut last = Value::Null;
            for word in rest {
                last = self.operand(word, dot)?;
                if last.is_true() == (name == "or") {
                    return Ok(last);
                }
            }
            return Ok(piped.unwrap_or(last));
        }
        let mut arguments = rest.iter().map(|word| self.operand(word, dot)).collect::<Outcome<Vec<_>>>()?;
        arguments.extend(piped);
        let value = functions::call(name, arguments)?;
        // These change the map that they are given.
        if matches!(&**name, "set" | "unset" | "merge" | "mergeOverwrite" | "mustMerge" | "mustMergeOverwrite") {
            match rest.first() {
                Some(Operand::Variable(variable, fields)) if fields.is_empty() => {
                    self.assign(variable, value.clone())?;
                }
                Some(Operand::Pipeline(..)) => {}
                _ if !name.ends_with("set") => {}
                _ => return Err(Wrong::Unknown(format!("`{name}` of a part of a map is not known here"))),
            }
        }
        Ok(value)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Outcome<Value> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Null),
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Field(names) => self.fields(dot, names),
            Operand::Variable(name, fields) => {
                let value = self.variables.iter().rev().find(|(known, _)| known == name);
                let Some((_, value)) = value else { return fails(format!("undefined variable `{name}`")) };
                self.fields(value, fields)
            }
            Operand::Pipeline(pipe, fields) => {
                let value = self.pipeline(pipe, dot)?;
                self.fields(&value, fields)
            }
            Operand::Function(name) => functions::call(name, Vec::new()),
        }
    }

    /// The value at a path of keys. What is not there is nothing, and so are its fields, unless that is an error.
    fn fields(&self, value: &Value, names: &[String]) -> Outcome<Value> {
        let mut value = value;
        for (at, name) in names.iter().enumerate() {
            let missing = || Err(Wrong::MissingKey(format!("there is no key `{}`", names[..=at].join("."))));
            value = match value {
                Value::Map(map) => match map.get(name) {
                    Some(Value::Null) if at + 1 < names.len() => {
                        return fails(format!("nil pointer evaluating interface {{}}.{}", names[at + 1]));
                    }
                    Some(value) => value,
                    None if self.strict => return missing(),
                    None => return Ok(Value::Null),
                },
                Value::Null if self.strict => return missing(),
                Value::Null => return Ok(Value::Null),
                // Where generators are rendered, a path into a text counts as a missing key.
                other => return Err(Wrong::MissingKey(format!("a {} has no field `{name}`", other.kind()))),
            };
        }
        Ok(value.clone())
    }
}
