//! The messages of release commits: what CI, people and later runs read out of them.

use crate::release::Version;

/// Names of trailers. A commit repeats the first four for every service and environment that it releases.
pub mod trailers {
    /// The service.
    pub const SERVICE: &str = "Gitopsctl-Service";
    /// Its environment, or the folder of its overlay where that has none.
    pub const ENVIRONMENT: &str = "Gitopsctl-Environment";
    /// The version that ran until then; absent where there was none.
    pub const FROM: &str = "Gitopsctl-From";
    /// The version that runs from then on.
    pub const TO: &str = "Gitopsctl-To";
    /// The image, where its name is not the service's.
    pub const IMAGE: &str = "Gitopsctl-Image";
    /// The environment that a version was promoted from.
    pub const PROMOTED_FROM: &str = "Gitopsctl-Promoted-From";
    /// The number of the build that made the version.
    pub const BUILD: &str = "Gitopsctl-Build-Number";
    /// `service version`: what a rollback took back.
    pub const REJECTS: &str = "Gitopsctl-Rejects";
    /// A guard that was overruled.
    pub const OVERRULED: &str = "Gitopsctl-Overruled";
    /// Why it was.
    pub const REASON: &str = "Gitopsctl-Reason";
}

/// One image of one service in one environment, released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The service.
    pub service: String,
    /// Its environment, or the folder of its overlay where that has none.
    pub environment: String,
    /// The image, where its name is not the service's.
    pub image: Option<String>,
    /// What ran until then.
    pub from: Option<Version>,
    /// What runs from then on.
    pub to: Version,
}

/// Where a version comes from: the commit that was built, as Argo CD shows it, and the number of the build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCommit {
    /// Its hash, 5 to 40 hexadecimal digits.
    pub sha: Option<String>,
    /// Its author, `Name <mail>`.
    pub author: Option<String>,
    /// Its first line.
    pub subject: Option<String>,
    /// When it was made, ISO 8601.
    pub date: Option<String>,
    /// The repository that it is in, without credentials.
    pub url: Option<String>,
    /// The number of the build.
    pub build: Option<u64>,
}

/// What a commit is made for beside its steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Where the version comes from.
    pub source: SourceCommit,
    /// The environment that it was promoted from.
    pub promoted_from: Option<String>,
    /// Guards that were overruled, by name.
    pub overruled: Vec<&'static str>,
    /// Why they were.
    pub reason: Option<String>,
}

/// A version as a subject shows it: the tag, else the beginning of the digest.
pub fn short(version: &Version) -> String {
    match (&version.tag, &version.digest) {
        (Some(tag), _) => tag.clone(),
        (None, Some(digest)) => digest.chars().take("sha256:".len() + 12).collect(),
        (None, None) => "nothing".to_owned(),
    }
}

/// `Update order-service to v1.2.3`; of several services how many.
pub fn subject(steps: &[Step]) -> String {
    let mut services: Vec<&str> = steps.iter().map(|step| step.service.as_str()).collect();
    services.dedup();
    services.sort_unstable();
    services.dedup();
    match (services.as_slice(), steps.first()) {
        ([service], Some(first)) if steps.iter().all(|step| step.to == first.to) => {
            format!("Update {service} to {}", short(&first.to))
        }
        ([service], _) => format!("Update {service}"),
        (services, _) => format!("Update {} services", services.len()),
    }
}

/// The whole message of a bump or a promotion.
pub fn message(steps: &[Step], circumstances: &Circumstances) -> String {
    let mut text = subject(steps);
    text.push_str("\n\n");
    if steps.len() > 1 {
        for step in steps {
            let from = step.from.as_ref().map_or_else(|| "nothing".to_owned(), short);
            text += &format!("- {} in {}: {from} -> {}\n", step.service, step.environment, short(&step.to));
        }
        text.push('\n');
    }
    text + &trailers_of(steps, circumstances)
}

/// The trailers, a line each.
fn trailers_of(steps: &[Step], circumstances: &Circumstances) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| text += &format!("{name}: {}\n", line(value));
    for step in steps {
        add(trailers::SERVICE, &step.service);
        add(trailers::ENVIRONMENT, &step.environment);
        if let Some(image) = &step.image {
            add(trailers::IMAGE, image);
        }
        if let Some(from) = &step.from {
            add(trailers::FROM, &from.to_string());
        }
        add(trailers::TO, &step.to.to_string());
        // What stands in a service's own block is said of that service alone.
        if let Some(environment) = &circumstances.promoted_from {
            add(trailers::PROMOTED_FROM, environment);
        }
    }
    let source = &circumstances.source;
    if let Some(build) = source.build {
        add(trailers::BUILD, &build.to_string());
    }
    // What Argo CD's hydrator reads, and its user interface shows.
    let references =
        [("author", &source.author), ("sha", &source.sha), ("subject", &source.subject), ("date", &source.date)];
    for (name, value) in references.into_iter().chain([("repourl", &source.url)]) {
        if let Some(value) = value {
            add(&format!("Argocd-reference-commit-{name}"), value);
        }
    }
    for guard in &circumstances.overruled {
        add(trailers::OVERRULED, guard);
    }
    if let Some(reason) = &circumstances.reason {
        add(trailers::REASON, reason);
    }
    text
}

/// A text on one line: a line feed in it would start a trailer of somebody else's.
pub fn line(text: &str) -> String {
    let visible = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(service: &str, from: &str, to: &str) -> Step {
        let version = |text: &str| Version::parse(text).unwrap_or_else(|why| panic!("{why}"));
        Step {
            service: service.to_owned(),
            environment: "production".to_owned(),
            image: None,
            from: Some(version(from)),
            to: version(to),
        }
    }

    #[test]
    fn one_service_is_named_and_several_are_counted() {
        let one = message(&[step("order-service", "v1.2.2", "v1.2.3")], &Circumstances::default());
        let expected = "Update order-service to v1.2.3\n\nGitopsctl-Service: order-service\n\
                        Gitopsctl-Environment: production\nGitopsctl-From: v1.2.2\nGitopsctl-To: v1.2.3\n";
        assert_eq!(one, expected);
        let steps = [step("a", "v1", "v2"), step("b", "v1", "v3"), step("c", "v1", "v4")];
        let several = message(&steps, &Circumstances::default());
        assert!(several.starts_with("Update 3 services\n\n- a in production: v1 -> v2\n- b in"), "{several}");
        assert_eq!(several.matches("Gitopsctl-To: ").count(), 3);
    }

    #[test]
    fn nothing_from_outside_begins_a_line() {
        let reason = Some("bad\nGitopsctl-To: v9\r\n\u{7}x".to_owned());
        let circumstances = Circumstances { reason, overruled: vec!["downgrade"], ..Circumstances::default() };
        let text = message(&[step("a", "v2", "v1")], &circumstances);
        assert!(text.ends_with("Gitopsctl-Overruled: downgrade\nGitopsctl-Reason: bad Gitopsctl-To: v9 x\n"), "{text}");
    }
}
