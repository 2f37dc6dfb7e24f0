//! `gitopsctl build --compat`.

use std::collections::BTreeSet;

use crate::cli::Exit;
use crate::cli::helm::{Flags, Program};
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal, counted};
use crate::diag::{Diagnostic, Diagnostics};
use crate::kustomize::compat::{ALL, Construct, Effect, NEWEST, OLDEST};
use crate::kustomize::{self, Options, Release, Session};
use crate::layout;

/// A line of the list: where, and what about it.
type Line = (String, usize, usize, String);

/// Lists what other releases make something else of, in one root or in all below a directory.
pub(super) fn run(
    place: &Place,
    all: bool,
    options: Options,
    flags: &Flags,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let program = Program::new(flags, &place.tree);
    let session = |options: Options| place.session(options, &program);
    let options = Options { release: Release::V5_8_1, shared: true, ..options };
    let reference = session(Options { compat: true, ..options });
    let roots = if all {
        layout::roots(&place.tree, &place.repository, &place.directory, |path| reference.text_of(path))
    } else {
        vec![place.directory.clone()]
    };
    place.is_whole()?;
    if roots.is_empty() {
        return Err(Failure::told(Exit::Input, "no kustomization in or below the directory"));
    }
    let (inherits, next) = (
        session(Options { inherits_namespace: true, ..options }),
        session(Options { release: Release::V5_8_2, ..options }),
    );
    let text = |session: &Session<'_>, root: &String| -> Result<String, Box<Diagnostic>> {
        kustomize::build(session, root).and_then(|build| build.text())
    };
    let shown = |root: &str| place.shown(root).to_owned();
    let mut lines: BTreeSet<Line> = BTreeSet::new();
    let mut failures = Diagnostics::default();
    for root in &roots {
        match text(&reference, root) {
            Ok(built) => {
                let differs = text(&inherits, root).map_or(true, |other| other != built);
                let inherited = ALL.iter().filter(|construct| differs && construct.is_inherited_namespace());
                lines.extend(inherited.map(|construct| (shown(root), 0, 0, described(construct))));
            }
            Err(failure) if text(&next, root).is_ok() => {
                let what = format!("{}: Kustomize before 5.8.2 refuses it", failure.message);
                lines.insert((shown(root), 0, 0, what));
            }
            Err(failure) => failures.push(*failure),
        }
    }
    place.is_whole()?;
    let finished = reference.finish();
    for met in &finished.met {
        let (path, line, column) = met.place(&finished.sources).unwrap_or_else(|| (shown(&place.directory), 0, 0));
        lines.insert((path, line, column, described(met.construct)));
    }
    terminal.report(&failures, &finished.sources);
    let place = |(path, line, column, what): &Line| match line {
        0 => format!("{path}: {what}\n"),
        _ => format!("{path}:{line}:{column}: {what}\n"),
    };
    terminal.print(&lines.iter().map(place).collect::<String>())?;
    let count = counted(lines.len(), "construct");
    terminal.say(&format!("{count} that Kustomize {OLDEST} to {NEWEST} do not treat alike"));
    Ok(if failures.iter().next().is_some() { Exit::Input } else { Exit::Fine })
}

fn described(construct: &Construct) -> String {
    let difference = |difference: &kustomize::compat::Difference| {
        let refused = if difference.effect == Effect::Refused { ", and so refuses it" } else { "" };
        format!("Kustomize {} {}{refused}", difference.releases(), difference.what)
    };
    format!("{}: {}", construct.name, construct.differs.iter().map(difference).collect::<Vec<_>>().join("; "))
}
