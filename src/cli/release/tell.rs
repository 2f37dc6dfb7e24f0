//! How a release is told: to a person, and as JSON.

use serde_json::{Value, json};

use crate::cli::render::diff;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, Format};
use crate::pipeline::land::Landed;
use crate::release::{Class, Edit, Plan, Refusal, Ruling};
use crate::report;
use crate::source::SourceMap;
use crate::tree::Change;

/// Tells what was done.
pub(super) fn tell(
    landed: &Landed<Plan>,
    remote: Option<&str>,
    dry_run: bool,
    format: Format,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let plan = &landed.report;
    for note in landed.notes.iter().chain(&plan.notes) {
        terminal.say(note);
    }
    for warning in &plan.outlook.warnings {
        terminal.say(&format!("warning: {warning}"));
    }
    if format == Format::Json {
        return terminal.print(&format!("{:#}\n", json(landed, dry_run)));
    }
    for verdict in &plan.verdicts {
        let (what, why) = match &verdict.ruling {
            Ruling::NotEvaluated(why) => ("not evaluated", why),
            Ruling::Overruled(why) => ("overruled", why),
            Ruling::Warned(why) => ("warning", why),
            Ruling::Passed | Ruling::Refused(_) => continue,
        };
        terminal.say(&format!("{} ({}): {what}: {why}", verdict.service, verdict.guard.name()));
    }
    for unchanged in &plan.unchanged {
        let (service, place) = (&unchanged.service, &unchanged.environment);
        terminal.print(&format!("{service} has {} in {place} already\n", unchanged.version))?;
    }
    for (step, target) in &plan.planned.steps {
        let from = step.from.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let image = step.image.as_ref().map_or_else(String::new, |image| format!(" ({image})"));
        let (service, place, file) = (&step.service, &step.environment, &target.folder.file);
        let to = if step.to.is_empty() { "what the manifests have".to_owned() } else { step.to.to_string() };
        terminal.print(&format!("{service}{image} in {place}: {from} -> {to}, {file}\n"))?;
    }
    if dry_run && !plan.planned.edits.is_empty() {
        for edit in &plan.planned.edits {
            terminal.print_diff(&diff(&change(edit)))?;
        }
        terminal.print(&format!("\n{}", landed.message))?;
        return Ok(());
    }
    if let Some(commit) = &landed.commit {
        let commit = crate::release::abbreviated(commit);
        let attempts = match landed.attempts {
            1 => String::new(),
            attempts => format!(", after {attempts} attempts"),
        };
        let place = match remote.filter(|_| landed.is_pushed) {
            Some(remote) => format!("{commit} is on `{}` of {remote}{attempts}\n", landed.branch),
            None => format!("{commit} is on `{}`{attempts}\n", landed.branch),
        };
        terminal.print(&place)?;
        if let Some(link) = &landed.link {
            terminal.print(&format!("{link}\n"))?;
        }
        if !landed.is_pushed {
            terminal.say("next: `git push`");
        }
        for application in plan.outlook.applications.iter().filter(|_| !landed.is_request) {
            terminal.say(&format!("next: `argocd app wait {application} --sync --health --operation`"));
        }
    }
    Ok(())
}

fn json(landed: &Landed<Plan>, dry_run: bool) -> Value {
    let plan = &landed.report;
    let steps = plan.planned.steps.iter().map(|(step, target)| {
        json!({
            "service": step.service, "environment": step.environment, "image": target.image,
            "file": target.folder.file, "from": step.from.as_ref().map(ToString::to_string),
            "to": step.to.to_string(),
        })
    });
    let unchanged = plan.unchanged.iter().map(|service| {
        json!({
            "service": service.service, "environment": service.environment,
            "version": service.version.to_string(),
        })
    });
    let diffs = plan.planned.edits.iter().map(|edit| diff(&change(edit)));
    json!({
        "version": 1,
        "released": steps.collect::<Vec<_>>(),
        "unchanged": unchanged.collect::<Vec<_>>(),
        "guards": plan.verdicts.iter().map(verdict).collect::<Vec<_>>(),
        "commit": landed.commit,
        "branch": Some(&landed.branch).filter(|branch| !branch.is_empty()),
        "pushed": landed.is_pushed,
        "attempts": landed.attempts,
        "link": landed.link,
        "message": landed.message,
        "diff": diffs.collect::<String>(),
        "dryRun": dry_run,
        "warnings": plan.outlook.warnings,
        "applications": plan.outlook.applications,
        "notes": landed.notes.iter().chain(&plan.notes).collect::<Vec<_>>(),
        "error": null,
    })
}

fn verdict(verdict: &crate::release::Verdict) -> Value {
    let (ruling, why) = match &verdict.ruling {
        Ruling::Passed => ("passed", None),
        Ruling::NotEvaluated(why) => ("not-evaluated", Some(why)),
        Ruling::Refused(why) => ("refused", Some(why)),
        Ruling::Overruled(why) => ("overruled", Some(why)),
        Ruling::Warned(why) => ("warned", Some(why)),
    };
    json!({"guard": verdict.guard.name(), "service": verdict.service, "ruling": ruling, "reason": why})
}

/// Tells why nothing was released.
pub(in crate::cli) fn told(
    refusal: &Refusal,
    sources: Option<&SourceMap>,
    format: Format,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let exit = match refusal.class {
        Class::Usage => Exit::Usage,
        Class::Input => Exit::Input,
        Class::Environment => Exit::Environment,
        Class::Guard => Exit::Guard,
    };
    let empty = SourceMap::default();
    let diagnostic = &refusal.diagnostic;
    terminal.say(report::human(diagnostic, sources.unwrap_or(&empty), terminal.is_coloured_err()).trim_end());
    if !refusal.details.is_empty() {
        terminal.say(&format!("\n{}", refusal.details.trim_end()));
    }
    if format == Format::Json {
        let error = json!({
            "code": diagnostic.code.id, "message": diagnostic.message, "help": diagnostic.help,
            "details": refusal.details,
        });
        let whole = json!({
            "version": 1, "released": [], "unchanged": [], "guards": [], "commit": null, "branch": null,
            "pushed": false, "error": error,
        });
        terminal.print(&format!("{whole:#}\n"))?;
    }
    Ok(exit)
}

pub(super) fn change(edit: &Edit) -> Change {
    Change { path: edit.path.clone(), before: Some(edit.before.clone()), after: Some(edit.after.clone()) }
}
