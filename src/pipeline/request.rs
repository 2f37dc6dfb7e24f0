//! What a release by merge request is called, and how a server is asked for one.

/// The branch of a merge request: the same for the same release at the same base.
pub(super) fn branch(name: &str, base: &str) -> String {
    let word = |char: char| if char.is_ascii_alphanumeric() || "-_".contains(char) { char } else { '-' };
    let mut dotted: String = name.chars().map(|char| if char == '.' { char } else { word(char) }).collect();
    while dotted.contains("..") {
        dotted = dotted.replace("..", ".");
    }
    let short = crate::release::abbreviated(base);
    format!("release/{}-{short}", dotted.trim_matches(['.', '-']))
}

/// The push options by which GitLab opens a merge request to a branch.
pub(super) fn options(target: &str, subject: &str) -> [String; 4] {
    [
        "merge_request.create".to_owned(),
        format!("merge_request.target={target}"),
        format!("merge_request.title={subject}"),
        "merge_request.remove_source_branch".to_owned(),
    ]
}
