//! The tests that policy files carry.

use serde_json::{Map, Value};

use crate::diag::{Diagnostic, Severity};
use crate::policy::load::{self, fields, object, one_of, optional, required};
use crate::source::FileId;
use crate::yaml::data::Datum;
use crate::yaml::print;

/// What a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The policy finds something.
    Fail,
    /// It finds nothing.
    Pass,
}

/// What a test gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Objects, as a text of manifests.
    Manifests(String),
    /// A whole repository: paths and texts.
    Files(Vec<(String, String)>),
}

/// A test of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name, unique in the policy.
    pub name: String,
    /// What it expects.
    pub expect: Expect,
    /// What it gives.
    pub given: Given,
    /// What was there before, for policies that judge a change.
    pub before: Option<Given>,
    /// Where a finding must be: a JSON pointer into the object, or file:line.
    pub at: Option<String>,
    /// What its message must hold.
    pub message: Option<String>,
    /// How bad it must be.
    pub severity: Option<Severity>,
    /// How many findings there must be.
    pub count: Option<usize>,
    /// Params that differ from the policy's defaults.
    pub params: Map<String, Value>,
    /// The environment that given objects are of.
    pub environment: Option<String>,
}

/// The tests of each policy of a file, in the order of the policies.
pub fn cases(text: &str, file: FileId, path: &str) -> Result<Vec<Vec<Case>>, Box<Diagnostic>> {
    let documents = load::documents(text, file, path)?;
    documents
        .iter()
        .map(|document| document.get("tests").map_or(&[][..], Datum::items).iter().map(case).collect())
        .collect()
}

const FIELDS: [&str; 12] = [
    "before",
    "name",
    "expect",
    "at",
    "message",
    "severity",
    "count",
    "params",
    "environment",
    "object",
    "objects",
    "files",
];

fn case(root: &Datum) -> Result<Case, Box<Diagnostic>> {
    fields(root, "a test", &FIELDS)?;
    let before = root.get("before").map(|before| {
        fields(before, "`before`", &["object", "objects", "files"])?;
        given(before)
    });
    let text = |field: &str| Ok::<_, Box<Diagnostic>>(optional(root, field)?.map(|node| node.text().to_owned()));
    Ok(Case {
        name: required(root, "name")?.text().to_owned(),
        expect: one_of(required(root, "expect")?, &[("fail", Expect::Fail), ("pass", Expect::Pass)])?,
        given: given(root)?,
        before: before.transpose()?,
        at: text("at")?,
        message: text("message")?,
        severity: optional(root, "severity")?.map(|level| one_of(level, &load::SEVERITIES)).transpose()?,
        count: text("count")?.and_then(|count| count.parse().ok()),
        params: root.get("params").map_or(Ok(Map::new()), object)?,
        environment: text("environment")?,
    })
}

/// What a test gives, or gave before.
fn given(root: &Datum) -> Result<Given, Box<Diagnostic>> {
    let fields =
        ["object", "objects", "files"].into_iter().filter(|field| root.get(field).is_some()).collect::<Vec<_>>();
    let printed =
        |node: &Datum| print::document(node).map_err(|error| load::wrong(error.message, error.origin, "this value"));
    Ok(match fields[..] {
        ["object"] => Given::Manifests(printed(root.get("object").unwrap_or(root))?),
        ["objects"] => {
            let objects = root.get("objects").map_or(&[][..], Datum::items);
            let texts: Vec<String> = objects.iter().map(printed).collect::<Result<_, _>>()?;
            Given::Manifests(texts.join("---\n"))
        }
        ["files"] => {
            let files = root.get("files").map_or(&[][..], Datum::pairs);
            Given::Files(files.iter().map(|(path, text)| (path.text().to_owned(), text.text().to_owned())).collect())
        }
        _ => return Err(load::wrong("a test has one of `object`, `objects` and `files`", root.origin, "this test")),
    })
}
