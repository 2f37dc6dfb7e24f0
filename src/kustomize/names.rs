//! `namePrefix` and `nameSuffix`.

use std::sync::Arc;

use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::fields::{FieldSpec, Made, visit};
use crate::kustomize::layer::Run;
use crate::kustomize::origin::Step;
use crate::kustomize::set::Set;
use crate::source::Change;
use crate::yaml::data::Datum;

/// Which end of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affix {
    Prefix,
    Suffix,
}

/// Adds a prefix or suffix to the names of all but a few kinds.
pub(super) fn affix(
    run: &Run<'_>,
    affix: &Text,
    which: Affix,
    specs: &[FieldSpec],
    set: &mut Set,
) -> Result<(), Failure> {
    let step = if which == Affix::Prefix { Step::NamePrefix } else { Step::NameSuffix };
    for resource in set.change() {
        let original = resource.original_id();
        let is_fixed = matches!(&*original.gvk.kind, "CustomResourceDefinition" | "Namespace")
            || &*original.gvk.kind == "APIService" && &*original.gvk.group == "apiregistration.k8s.io";
        if is_fixed {
            continue;
        }
        for spec in specs.iter().filter(|spec| original.gvk.is_selected(&spec.gvk)) {
            let resource = Arc::make_mut(resource);
            if spec.path == "metadata/name" {
                let list = match which {
                    Affix::Prefix => &mut resource.notes.prefixes,
                    Affix::Suffix => &mut resource.notes.suffixes,
                };
                list.push(affix.text.clone());
                resource.remember();
            }
            visit(resource, spec, Made::Scalar(crate::yaml::data::Tag::Str), affix.origin, &mut |node| {
                if !node.is_scalar() {
                    let message = "a name is to be changed where no scalar stands";
                    return Err(failure(&codes::TRANSFORMER, message, node.origin, "this value"));
                }
                let text = match which {
                    Affix::Prefix => format!("{}{}", &**affix, node.text()),
                    Affix::Suffix => format!("{}{}", node.text(), &**affix),
                };
                let change = Change { step, place: affix.origin, replaced: node.origin };
                node.set_scalar(Datum::open(text, run.session.origins.note(change)));
                Ok(())
            })?;
        }
    }
    Ok(())
}
