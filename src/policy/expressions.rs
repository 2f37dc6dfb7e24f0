//! Policies written in the Common Expression Language. The one door to the cel crate.
//!
//! An expression sees `object`, `unit`, `params`, `environment`, and `objects`: by kind, the objects that meet in the
//! same cluster. Those are made into CEL's values once for a world, and only where an expression names them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use cel::common::ast::{EntryExpr, Expr, MapExpr, StructExpr};
use cel::{Context, Env, IdedExpr, Program, extensions, to_value};
use serde_json::{Map, Value};

use crate::policy::definition::{Expression, Params};
use crate::policy::report::Unit;

/// Compiled expressions.
pub(super) struct Programs {
    env: Arc<Env>,
    programs: Vec<(Program, bool)>,
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Programs").field("count", &self.programs.len()).finish_non_exhaustive()
    }
}

/// The objects of each world as CEL sees them.
#[derive(Default)]
pub(super) struct Worlds(BTreeMap<usize, OnceLock<Value>>);

impl Worlds {
    /// Room for some worlds.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|at| (at, OnceLock::new())).collect())
    }

    fn objects(&self, unit: &Unit<'_>) -> Option<&Value> {
        let cell = self.0.get(&unit.overlay().world)?;
        Some(cell.get_or_init(|| {
            let mut kinds: Map<String, Value> = Map::new();
            for object in unit.subject.objects_near(unit.object) {
                if let (Value::Array(list), Some(json)) =
                    (kinds.entry(object.kind).or_insert_with(|| Value::Array(Vec::new())), object.json())
                {
                    list.push(json.clone());
                }
            }
            Value::Object(kinds)
        }))
    }
}

/// The language: the standard library with strings, lists, mathematics and optional values.
fn language() -> Result<Env, String> {
    let mut env = Env::stdlib().with_optional_support(true);
    for extension in [extensions::strings, extensions::lists, extensions::math] {
        env.add_extension(extension).map_err(|error| error.to_string())?;
    }
    Ok(env)
}

const NAMES: [&str; 5] = ["object", "unit", "params", "environment", "objects"];

/// Types are values of the language too.
const TYPES: [&str; 10] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// The names in an expression that no macro such as `all` binds. Those that begin with `@` are made up by macros.
fn names<'e>(expression: &'e IdedExpr, bound: &mut Vec<&'e str>, seen: &mut BTreeSet<&'e str>) {
    let mut parts: Vec<&IdedExpr> = Vec::new();
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) => {}
        Expr::Ident(name) => {
            if !name.starts_with('@') && !bound.contains(&name.as_str()) {
                seen.insert(name);
            }
        }
        Expr::Comprehension(over) => {
            names(&over.iter_range, bound, seen);
            names(&over.accu_init, bound, seen);
            let outside = bound.len();
            bound.extend([&*over.iter_var, &*over.accu_var]);
            bound.extend(over.iter_var2.as_deref());
            for part in [&over.loop_cond, &over.loop_step, &over.result] {
                names(part, bound, seen);
            }
            bound.truncate(outside);
        }
        Expr::Call(call) => parts.extend(call.target.iter().map(|target| &**target).chain(&call.args)),
        Expr::List(list) => parts.extend(&list.elements),
        Expr::Select(select) => parts.push(&select.operand),
        Expr::Map(MapExpr { entries }) | Expr::Struct(StructExpr { entries, .. }) => {
            for entry in entries {
                match &entry.expr {
                    EntryExpr::StructField(field) => parts.push(&field.value),
                    EntryExpr::MapEntry(entry) => parts.extend([&entry.key, &entry.value]),
                }
            }
        }
    }
    for part in parts {
        names(part, bound, seen);
    }
}

impl Programs {
    /// Compiles expressions; the error names the one that cannot be, by its index.
    pub(super) fn new(expressions: &[Expression]) -> Result<Self, (usize, String)> {
        let env = Arc::new(language().map_err(|error| (0, error))?);
        let mut programs = Vec::new();
        for (at, expression) in expressions.iter().enumerate() {
            let program = env.compile(&expression.text).map_err(|error| (at, error.to_string().trim().to_owned()))?;
            let mut seen = BTreeSet::new();
            names(program.expression(), &mut Vec::new(), &mut seen);
            if let Some(name) = seen.iter().find(|name| !NAMES.contains(name) && !TYPES.contains(name)) {
                return Err((at, format!("there is no variable `{name}`: an expression sees {}", NAMES.join(", "))));
            }
            let sees_objects = seen.contains("objects");
            programs.push((program, sees_objects));
        }
        Ok(Self { env, programs })
    }

    /// The expressions that are not true of a unit, by index; the error is that of the first that cannot be evaluated.
    pub(super) fn failing(
        &self,
        unit: &Unit<'_>,
        node: &Value,
        params: &Params,
        worlds: &Worlds,
    ) -> Result<Vec<usize>, (usize, String)> {
        let mut context = Context::with_env(self.env.clone());
        let told = |error: &dyn std::fmt::Display| (0, error.to_string());
        let null = Value::Null;
        let object = unit.object.json().unwrap_or(&null);
        let environment = unit.overlay().environment.as_deref().unwrap_or_default();
        let values = [
            ("object", to_value(object)),
            ("unit", to_value(node)),
            ("params", to_value(&params.0)),
            ("environment", to_value(environment)),
        ];
        for (name, value) in values {
            context.add_variable_from_value(name, value.map_err(|error| told(&error))?);
        }
        if self.programs.iter().any(|(_, sees_objects)| *sees_objects) {
            let objects = worlds.objects(unit).unwrap_or(&null);
            context.add_variable_from_value("objects", to_value(objects).map_err(|error| told(&error))?);
        }
        let mut failing = Vec::new();
        for (at, (program, _)) in self.programs.iter().enumerate() {
            match program.execute(&context) {
                Ok(cel::Value::Bool(true)) => {}
                Ok(cel::Value::Bool(false)) => failing.push(at),
                Ok(other) => return Err((at, format!("its value is no boolean: {:?}", other.type_of()))),
                Err(error) => return Err((at, error.to_string())),
            }
        }
        Ok(failing)
    }
}
