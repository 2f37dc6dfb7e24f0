//! What switches findings off is judged once all findings are known, in `policy::lint`; here are the names by which policy
//! files ask for it.

use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Whole};

pub(super) const CHECKS: &[Named] = &[("suppression", Check::Whole(later))];

fn later<'a>(_: &Whole<'a>, _: &mut Report<'a>) {}
