//! The codes of what is wrong with policies, settings and suppressions themselves.

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        POLICY = "policy/definition", "A policy file must say id, title, rationale, remediation and exactly one of schema, cel and check. `gitopsctl policy new ID` writes one to start from, and `gitopsctl schema policy` prints the JSON Schema that editors check it by.";
        EXPRESSION = "policy/expression", "A CEL expression of a policy cannot be compiled or evaluated, or its value is no boolean. What it judges then counts as not judged, which is no pass.";
        SETTING = "policy/setting", "The policies section of gitopsctl.yaml names a policy, a param or a profile that does not exist, or a value of the wrong type. What is misspelt would otherwise switch nothing on or off, and nobody would know.";
        SUPPRESSION = "policy/suppression", "A comment, annotation or setting that switches a finding off must name a policy that exists and say why. A last day is written `until=YYYY-MM-DD`.";
        BASELINE = "policy/baseline", "The baseline file cannot be used: it is not what `gitopsctl lint --write-baseline` writes.";
        NOTHING = "policy/nothing-to-check", "There is no kustomization, no manifest and no Application where lint was told to look. Nothing checked is never a pass.";
    }
}
