//! The git generator: the directories and files of the repository as parameters.

use std::cell::OnceCell;

use crate::argo::application::{flag, text};
use crate::argo::sets::generators::{Given, add_values};
use crate::argo::sets::{Trouble, failing, not_evaluated};
use crate::argo::template::normalized;
use crate::argo::value::{Params, Value, flattened};
use crate::argo::{Context, glob};
use crate::source::FileId;
use crate::tree::{self, join};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;

/// The repository, listed once for all generators.
#[derive(Debug)]
pub(in crate::argo) struct Files<'a> {
    pub(super) context: &'a Context<'a>,
    directories: OnceCell<Vec<String>>,
    files: OnceCell<Vec<String>>,
}

impl<'a> Files<'a> {
    pub(in crate::argo) fn new(context: &'a Context<'a>) -> Self {
        Self { context, directories: OnceCell::new(), files: OnceCell::new() }
    }

    /// Every directory below the root that is not hidden, parents first.
    fn directories(&self) -> &[String] {
        self.directories.get_or_init(|| {
            let mut all = Vec::new();
            self.walk("", &mut all);
            all
        })
    }

    fn walk(&self, below: &str, all: &mut Vec<String>) {
        for entry in self.context.tree.list(&self.full(below)) {
            if entry.is_directory() && !entry.name.starts_with('.') {
                let path = join(below, &entry.name);
                all.push(path.clone());
                self.walk(&path, all);
            }
        }
    }

    /// Every file below the root.
    fn files(&self) -> &[String] {
        self.files.get_or_init(|| {
            let root = self.context.repository;
            let files = self.context.tree.files(root);
            if root.is_empty() {
                return files;
            }
            files.iter().filter_map(|path| Some(path.strip_prefix(root)?.strip_prefix('/')?.to_owned())).collect()
        })
    }

    fn full(&self, path: &str) -> String {
        match (self.context.repository, path) {
            ("", path) => path.to_owned(),
            (root, "") => root.to_owned(),
            (root, path) => join(root, path),
        }
    }
}

/// The parameters of a git generator.
pub(super) fn params(node: &Datum, files: &Files<'_>, given: Given) -> Result<Vec<Params>, Trouble> {
    let url = node.text_of("repoURL");
    if !files.context.is_own(url) {
        return Err(not_evaluated(given.origin, format!("a git generator reads another repository, `{url}`")));
    }
    let items = |key: &str| node.get(key).map_or(&[][..], Datum::items);
    let mut all = if !items("directories").is_empty() {
        let wanted = chosen(files.directories(), items("directories"), tree::glob::fits);
        wanted.into_iter().map(|path| of_path(node, path, None, given)).collect()
    } else if !items("files").is_empty() {
        let mut all = Vec::new();
        for path in chosen(files.files(), items("files"), glob::is_in_pathspec) {
            all.extend(of_file(node, files, path, given)?);
        }
        all
    } else {
        return Err(failing(given.origin, "a git generator has neither `directories` nor `files`"));
    };
    for params in &mut all {
        add_values(node, params, given)?;
    }
    Ok(all)
}

/// The paths that an item means and no excluding item does.
fn chosen<'p>(paths: &'p [String], items: &[Datum], fits: fn(&str, &str) -> bool) -> Vec<&'p str> {
    let means = |path: &str, excluding: bool| {
        items.iter().any(|item| flag(item, "exclude") == excluding && fits(item.text_of("path"), path))
    };
    paths.iter().map(|path| &**path).filter(|path| means(path, false) && !means(path, true)).collect()
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The parameters of a directory, and of a file in it.
fn of_path(node: &Datum, directory: &str, file: Option<&str>, given: Given) -> Params {
    let prefix = text(node, "pathParamPrefix");
    let mut parts = vec![("basename", base(directory).to_owned()), ("basenameNormalized", normalized(base(directory)))];
    if let Some(file) = file {
        parts.extend([("filename", file.to_owned()), ("filenameNormalized", normalized(file))]);
    }
    let segments = directory.split('/');
    let mut params = Params::new();
    if given.mode.go {
        let mut path: Params = parts.into_iter().map(|(key, part)| (key.to_owned(), Value::Text(part))).collect();
        path.insert("path".to_owned(), Value::text(directory));
        path.insert("segments".to_owned(), Value::List(segments.map(Value::text).collect()));
        let own = Params::from([("path".to_owned(), Value::Map(path))]);
        match prefix {
            Some(prefix) => drop(params.insert(prefix.to_string(), Value::Map(own))),
            None => params = own,
        }
        return params;
    }
    let name = prefix.map_or("path".to_owned(), |prefix| format!("{}.path", &*prefix));
    params.insert(name.clone(), Value::text(directory));
    params.extend(parts.into_iter().map(|(key, part)| (format!("{name}.{key}"), Value::Text(part))));
    for (at, segment) in segments.enumerate().filter(|(_, segment)| !segment.is_empty()) {
        params.insert(format!("{name}[{at}]"), Value::text(segment));
    }
    params
}

/// The parameters of a file: of its mapping, or of each of a list of them. An empty file has none but its path.
fn of_file(node: &Datum, files: &Files<'_>, path: &str, given: Given) -> Result<Vec<Params>, Trouble> {
    let wrong = |why: &str| failing(given.origin, format!("`{path}` is no file of parameters: {why}"));
    let content =
        files.context.tree.text(&files.full(path)).map_err(|error| wrong(&error.message))?.unwrap_or_default();
    let document = load::first_document(&content, 0, FileId::NONE).map_err(|error| wrong(&error.message))?;
    let objects = match document {
        None => vec![Params::new()],
        Some(document) if document.is_null() => vec![Params::new()],
        Some(Datum { content: Content::Scalar(_), .. }) => return Err(wrong("a mapping is due")),
        Some(document) => match Value::of(&document) {
            Value::Map(map) => vec![map],
            Value::List(items) => {
                let map = |item| match item {
                    Value::Map(map) => Ok(map),
                    Value::Null => Ok(Params::new()),
                    _ => Err(wrong("an element is no mapping")),
                };
                items.into_iter().map(map).collect::<Result<_, _>>()?
            }
            _ => return Err(wrong("a mapping is due")),
        },
    };
    let (directory, file) = path.rsplit_once('/').unwrap_or((".", path));
    let merged = |object: Params| {
        let mut params = if given.mode.go {
            object
        } else {
            flattened(&object).into_iter().map(|(key, value)| (key, Value::Text(value))).collect()
        };
        params.extend(of_path(node, directory, Some(file), given));
        params
    };
    Ok(objects.into_iter().map(merged).collect())
}
