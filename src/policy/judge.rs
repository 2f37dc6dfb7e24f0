//! Runs policies over units: which apply to what, in parallel, each object looked at once.

use rayon::prelude::*;
use rustc_hash::FxHashMap as HashMap;
use serde_json::Value;

use crate::diag::{Diagnostic, Severity};
use crate::policy::checks::{self, Check};
use crate::policy::definition::{Demand, Each, Logic, Params, Policy};
use crate::policy::diags::codes;
use crate::policy::expressions::{Programs, Worlds};
use crate::policy::report::{Found, Report, Unit, Whole, step};
use crate::policy::schema::{Schema, Violation};
use crate::policy::subject::{Object, Subject};
use crate::policy::units;
use crate::source::{FileId, Origin, Span};
use crate::yaml::data::Datum;

/// A policy that is on.
#[derive(Clone, Debug)]
pub struct Active<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// How bad its findings are.
    pub severity: Severity,
    /// Its parameters.
    pub params: Params,
    /// Whether it is on everywhere, and not only where the platform demands it.
    pub is_everywhere: bool,
    /// Whether its findings are errors where the platform demands it; not where someone chose a severity.
    pub is_raised: bool,
}

impl Active<'_> {
    /// Whether the platform demands it of an object.
    fn is_demanded(&self, subject: &Subject<'_>, object: &Object<'_>) -> bool {
        let Some(demand) = self.policy.demand else { return false };
        let Some(catalog) = subject.catalog else { return false };
        let environment = subject.overlays.get(object.overlay).and_then(|overlay| overlay.environment.as_deref());
        environment.is_some_and(|environment| match demand {
            Demand::Production => catalog.is_production(environment),
            Demand::Everywhere => catalog.platform.environments.contains_key(environment),
        })
    }

    /// How bad its findings are at worst.
    pub fn worst(&self) -> Severity {
        if self.is_raised && self.policy.demand.is_some() { Severity::Error } else { self.severity }
    }

    /// How bad a finding about an object is.
    pub(super) fn severity_of(&self, subject: &Subject<'_>, object: Option<&Object<'_>>) -> Severity {
        let is_raised = self.is_raised && object.is_some_and(|object| self.is_demanded(subject, object));
        if is_raised { Severity::Error } else { self.severity }
    }
}

/// A finding before it has a place.
#[derive(Clone, Debug)]
pub(super) struct Raw<'a> {
    /// Which of the active policies.
    pub(super) active: usize,
    pub(super) found: Found<'a>,
}

/// What decides.
enum Engine {
    Schema(Schema),
    Cel(Programs),
    Unit(for<'a> fn(&Unit<'a>, &mut Report<'a>)),
    Whole(for<'a> fn(&Whole<'a>, &mut Report<'a>)),
}

/// What policies find. Those that cannot be judged are told as errors.
pub(super) fn run<'a>(subject: &'a Subject<'a>, active: &'a [Active<'a>]) -> (Vec<Raw<'a>>, Vec<Diagnostic>) {
    let kinds = |objects: &'a [Object<'a>], is_unit: &dyn Fn(Each) -> bool| by_kind(active, objects, is_unit);
    let in_kustomizations = |each| matches!(each, Each::Kustomization | Each::ImageEntry | Each::Patch);
    let groups: [(&'a [Object<'a>], ByKind<'a>); 4] = [
        (&subject.objects, kinds(&subject.objects, &|each| !matches!(each, Each::Application | Each::Repository))),
        (&subject.loose, kinds(&subject.loose, &|each| each == Each::Object)),
        (&subject.kustomizations, kinds(&subject.kustomizations, &in_kustomizations)),
        (&subject.applications, kinds(&subject.applications, &|each| each == Each::Application)),
    ];
    let mut is_due = vec![false; active.len()];
    for at in groups.iter().flat_map(|(_, by_kind)| by_kind.values()).flatten() {
        is_due[*at] = true;
    }
    let mut faults = Vec::new();
    let engines: Vec<Option<Engine>> = (active, &is_due)
        .into_par_iter()
        // Most policies are about kinds that do not occur. What is built in is tested to compile; of others a fault is told.
        .map(|(active, is_due)| {
            let is_needed = *is_due || active.policy.is_own || matches!(active.policy.logic, Logic::Check(_));
            is_needed.then(|| Engine::new(active.policy, &active.params)).transpose()
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|engine| {
            engine.unwrap_or_else(|fault| {
                faults.push(*fault);
                None
            })
        })
        .collect();
    let judge = Judge { subject, active, engines: &engines, worlds: Worlds::new(subject.worlds.len()) };
    let wholes: Vec<usize> = (0..active.len()).filter(|at| matches!(engines[*at], Some(Engine::Whole(_)))).collect();
    let mut all = vec![wholes.par_iter().map(|at| judge.whole(*at)).reduce(Outcome::default, Outcome::and)];
    all.extend(groups.iter().map(|(objects, by_kind)| judge.objects(objects, by_kind)));
    let all = all.into_iter().fold(Outcome::default(), Outcome::and);
    // An expression that fails of one object fails of many.
    for fault in all.faults {
        let place = |fault: &Diagnostic| (fault.labels.first().map(|label| label.span), fault.code.id);
        if fault.labels.is_empty() || !faults.iter().any(|known| place(known) == place(&fault)) {
            faults.push(fault);
        }
    }
    (all.raws, faults)
}

#[derive(Default)]
struct Outcome<'a> {
    raws: Vec<Raw<'a>>,
    faults: Vec<Diagnostic>,
}

impl Outcome<'_> {
    fn and(mut self, other: Self) -> Self {
        self.raws.extend(other.raws);
        self.faults.extend(other.faults);
        self
    }
}

struct Judge<'a, 'e> {
    subject: &'a Subject<'a>,
    active: &'a [Active<'a>],
    engines: &'e [Option<Engine>],
    worlds: Worlds,
}

/// The policies for each kind.
type ByKind<'a> = HashMap<(&'a str, &'a str), Vec<usize>>;

/// Which policies are about which of the kinds that occur.
fn by_kind<'a>(active: &[Active<'_>], objects: &'a [Object<'a>], is_unit: &dyn Fn(Each) -> bool) -> ByKind<'a> {
    let mut found = ByKind::default();
    for object in objects {
        found.entry((object.group, object.kind)).or_insert_with(|| {
            let fits = |at: &usize| {
                let policy = active[*at].policy;
                is_unit(policy.each) && policy.matches.has(object.group, object.kind)
            };
            (0..active.len()).filter(fits).collect()
        });
    }
    found
}

impl<'a> Judge<'a, '_> {
    fn objects(&self, objects: &'a [Object<'a>], by_kind: &ByKind<'_>) -> Outcome<'a> {
        let judged = objects.par_iter().map(|object| {
            let policies = by_kind.get(&(object.group, object.kind)).map_or(&[][..], Vec::as_slice);
            let mut values = Values::default();
            policies.iter().map(|at| self.object(*at, object, &mut values)).fold(Outcome::default(), Outcome::and)
        });
        judged.reduce(Outcome::default, Outcome::and)
    }

    fn object(&self, at: usize, object: &'a Object<'a>, values: &mut Values) -> Outcome<'a> {
        let active = &self.active[at];
        let Some(engine) = &self.engines[at] else { return Outcome::default() };
        let wanted = &active.policy.matches.environments;
        if !wanted.is_empty() {
            let environment = self.subject.overlays[object.overlay].environment.as_ref();
            if !environment.is_some_and(|environment| wanted.contains(environment)) {
                return Outcome::default();
            }
        }
        if !active.is_everywhere && !active.is_demanded(self.subject, object) {
            return Outcome::default();
        }
        let mut outcome = Outcome::default();
        for (node, container) in units::of(object, active.policy.each) {
            let unit = Unit { subject: self.subject, object, node, container, params: &active.params };
            let mut report = Report::about(container);
            if let Err(fault) = judge_unit(engine, &unit, active.policy, &self.worlds, values, &mut report) {
                outcome.faults.push(*fault);
                break;
            }
            outcome.raws.extend(report.into_found().into_iter().map(|found| Raw { active: at, found }));
        }
        outcome
    }

    fn whole(&self, at: usize) -> Outcome<'a> {
        let Some(Engine::Whole(check)) = &self.engines[at] else { return Outcome::default() };
        let mut report = Report::default();
        check(&Whole { subject: self.subject, params: &self.active[at].params }, &mut report);
        let active = &self.active[at];
        let is_due = |found: &Found<'a>| {
            active.is_everywhere || found.object.is_some_and(|object| active.is_demanded(self.subject, object))
        };
        let found = report.into_found().into_iter().filter(is_due);
        Outcome { raws: found.map(|found| Raw { active: at, found }).collect(), faults: Vec::new() }
    }
}

fn judge_unit<'a>(
    engine: &Engine,
    unit: &Unit<'a>,
    policy: &Policy,
    worlds: &Worlds,
    values: &mut Values,
    report: &mut Report<'a>,
) -> Result<(), Box<Diagnostic>> {
    match engine {
        Engine::Whole(_) => {}
        Engine::Unit(check) => {
            check(unit, report);
        }
        Engine::Schema(schema) => {
            let Some(json) = values.of(unit) else { return Ok(()) };
            for Violation { steps, is_missing } in schema.violations(json) {
                violation(unit, &steps, is_missing, report);
            }
        }
        Engine::Cel(programs) => {
            let Some(json) = values.of(unit) else { return Ok(()) };
            let Logic::Cel(expressions) = &policy.logic else { return Ok(()) };
            let failing = programs.failing(unit, json, unit.params, worlds).map_err(|(at, why)| {
                let origin = expressions.get(at).map_or(policy.origin, |expression| expression.origin);
                let message = format!("`{}` cannot be evaluated of {}: {why}", policy.id(), unit.object.title());
                fault(&codes::EXPRESSION, message, origin)
            })?;
            for expression in failing.into_iter().filter_map(|at| expressions.get(at)) {
                let steps = crate::policy::schema::steps(&expression.at);
                let found = violation(unit, &steps, false, report);
                if let Some(message) = &expression.message {
                    found.say(message);
                }
            }
        }
    }
    Ok(())
}

/// The units of an object as JSON: each is made once for all policies.
#[derive(Default)]
struct Values(HashMap<*const Datum, Option<Value>>);

impl Values {
    fn of<'v>(&'v mut self, unit: &Unit<'v>) -> Option<&'v Value> {
        if std::ptr::eq(unit.node, unit.object.root) {
            return unit.object.json();
        }
        let value = self.0.entry(std::ptr::from_ref(unit.node));
        value.or_insert_with(|| crate::yaml::json::value(unit.node).ok()).as_ref()
    }
}

fn violation<'a, 'r>(
    unit: &Unit<'a>,
    steps: &[String],
    is_missing: bool,
    report: &'r mut Report<'a>,
) -> &'r mut Found<'a> {
    let mut node = unit.node;
    for (at, part) in steps.iter().enumerate() {
        match step(node, part) {
            Some(next) if !is_missing || at + 1 < steps.len() => node = next,
            _ => return report.lacks(unit.object, node, &steps[at..].iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
    report.at(unit.object, node)
}

impl Engine {
    fn new(policy: &Policy, params: &Params) -> Result<Self, Box<Diagnostic>> {
        match &policy.logic {
            Logic::Schema(schema) => Schema::new(schema, params).map(Self::Schema).map_err(|why| {
                fault(&codes::POLICY, format!("the schema of `{}` cannot be used: {why}", policy.id()), policy.origin)
            }),
            Logic::Cel(expressions) => Programs::new(expressions).map(Self::Cel).map_err(|(at, why)| {
                let origin = expressions.get(at).map_or(policy.origin, |expression| expression.origin);
                fault(
                    &codes::EXPRESSION,
                    format!("an expression of `{}` cannot be compiled: {why}", policy.id()),
                    origin,
                )
            }),
            Logic::Check(name) => match checks::find(name) {
                Some(Check::Unit(check)) => Ok(Self::Unit(check)),
                Some(Check::Whole(check)) => Ok(Self::Whole(check)),
                None => Err(fault(&codes::POLICY, format!("there is no check `{name}`"), policy.origin)),
            },
        }
    }
}

fn fault(code: &'static crate::diag::Code, message: String, origin: Origin) -> Box<Diagnostic> {
    let diagnostic = Diagnostic::error(code, message);
    // What is built in has no file to point at.
    Box::new(match origin.place().filter(|(file, _)| *file != FileId::NONE) {
        Some((file, start)) => diagnostic.at(Span { file, start, end: start }, ""),
        None => diagnostic,
    })
}
