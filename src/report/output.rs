//! Where a format goes: `--format NAME` or `--format NAME=PATH`, as often as wanted.

use std::str::FromStr;

use crate::diag;
use crate::report::{FORMATS, Format};

/// One form of the result, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The form.
    pub format: Format,
    /// A file; `None` for standard output.
    pub path: Option<String>,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').map_or((text, None), |(name, path)| (name, Some(path)));
        let names = FORMATS.iter().map(|format| format.name());
        let Some(format) = FORMATS.iter().find(|format| format.name() == name) else {
            let near = diag::closest(name, names.clone()).map(|near| format!("did you mean `{near}`? "));
            let all = names.collect::<Vec<_>>().join(", ");
            return Err(format!("no format is named `{name}`: {}the formats are {all}", near.unwrap_or_default()));
        };
        match path {
            Some("") => Err(format!("`{text}` names no file: write `{name}=PATH`, or `{name}` for standard output")),
            path => Ok(Self { format: *format, path: path.filter(|path| *path != "-").map(str::to_owned) }),
        }
    }
}

/// What is wrong with several outputs, each of which is right: two would go to the same place.
pub fn clash(outputs: &[Output]) -> Option<String> {
    let twice = |(index, output): (usize, &Output)| {
        let first = outputs[..index].iter().find(|other| other.path == output.path)?;
        let place = output.path.as_ref().map_or("standard output".to_owned(), |path| format!("`{path}`"));
        let (one, other) = (first.format.name(), output.format.name());
        Some(format!("`{one}` and `{other}` would both go to {place}: write `{other}=PATH`, with a file of its own"))
    };
    outputs.iter().enumerate().find_map(twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_taken_with_and_without_a_file() {
        for format in FORMATS {
            let name = format.name();
            assert_eq!(name.parse(), Ok(Output { format: *format, path: None }));
            assert_eq!(format!("{name}=-").parse(), Ok(Output { format: *format, path: None }));
            let path = Some("out/a=b.txt".to_owned());
            assert_eq!(format!("{name}=out/a=b.txt").parse(), Ok(Output { format: *format, path }));
            assert!(!format.about().is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_probably_meant() {
        let cases = [
            (
                "jsn",
                "no format is named `jsn`: did you mean `json`? the formats are human, json, sarif, junit, github, ",
            ),
            ("SARIF=x", "no format is named `SARIF`: did you mean `sarif`? the formats are human, "),
            ("", "no format is named ``: the formats are human, "),
            ("junit=", "`junit=` names no file: write `junit=PATH`, or `junit` for standard output"),
        ];
        for (text, message) in cases {
            let error = text.parse::<Output>().map_or_else(|error| error, |output| format!("{output:?}"));
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn two_outputs_need_two_places() {
        let outputs = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect::<Vec<Output>>();
        assert_eq!(clash(&outputs(&["human", "sarif=a", "junit=b"])), None);
        let expected = "`human` and `json` would both go to standard output: write `json=PATH`, with a file of its own";
        assert_eq!(clash(&outputs(&["human", "sarif=a", "json"])).as_deref(), Some(expected));
        let expected = "`sarif` and `junit` would both go to `a`: write `junit=PATH`, with a file of its own";
        assert_eq!(clash(&outputs(&["human", "sarif=a", "junit=a"])).as_deref(), Some(expected));
    }
}
