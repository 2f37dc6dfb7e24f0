//! The edit of a release: exactly the intended bytes, in every style of a kustomization, or a refusal at its line.

use std::path::Path;

use gitopsctl::release::{Edited, Missing, Version, entries, restore, set};
use gitopsctl::source::{FileId, position_in};

use crate::support::project;

const DIGEST: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
const OTHER: &str = "sha256:1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b";

/// `D` and `E` in place of the digests, so that a case fits its lines.
fn full(text: &str) -> String {
    text.replace("<D>", DIGEST).replace("<E>", OTHER)
}

fn version(text: &str) -> Version {
    Version::parse(&full(text)).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn edited(text: &str, name: &str, to: &str) -> Result<Edited, String> {
    set(text, FileId::NONE, name, &version(to), Missing::Insert).map_err(|refusal| {
        let place = refusal.labels.first().map(|label| position_in(text, label.span.range().start));
        let place = place.map_or("nowhere".to_owned(), |place| format!("{}:{}", place.line, place.column));
        format!("{place} {}: {}", refusal.code.id, refusal.message)
    })
}

/// What it is about, the text before, the image, its version, the text afterwards.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const EDITS: &[Case] = &[
    ("plain stays plain", "images:\n- name: a\n  newTag: v1\n", "a", "v2", "images:\n- name: a\n  newTag: v2\n"),
    (
        "a number gets quotes",
        "images:\n- name: a\n  newTag: v1\n",
        "a",
        "1.10",
        "images:\n- name: a\n  newTag: \"1.10\"\n",
    ),
    (
        "a commit that is a number",
        "images:\n- name: a\n  newTag: v1\n",
        "a",
        "553640e6",
        "images:\n- name: a\n  newTag: \"553640e6\"\n",
    ),
    ("a word of YAML 1.1", "images:\n- name: a\n  newTag: v1\n", "a", "on", "images:\n- name: a\n  newTag: \"on\"\n"),
    (
        "a date",
        "images:\n- name: a\n  newTag: v1\n",
        "a",
        "2024-01-01",
        "images:\n- name: a\n  newTag: \"2024-01-01\"\n",
    ),
    (
        "double quotes stay",
        "images:\n- name: a\n  newTag: \"1.0\"\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: \"v2\"\n",
    ),
    (
        "single quotes stay",
        "images:\n- name: a\n  newTag: '1.0' # c\n",
        "a",
        "1.1",
        "images:\n- name: a\n  newTag: '1.1' # c\n",
    ),
    (
        "a number that fails the build is mended",
        "images:\n- name: a\n  newTag: 1.10\n",
        "a",
        "1.10",
        "images:\n- name: a\n  newTag: \"1.10\"\n",
    ),
    (
        "the same version changes nothing",
        "images:\n- name: a\n  newTag:   'v1'   # c\n",
        "a",
        "v1",
        "images:\n- name: a\n  newTag:   'v1'   # c\n",
    ),
    (
        "comments and blank lines stay",
        "# top\n\nimages: # all\n\n# of a\n- name: a # n\n\n  newTag:   v1   # t\n\n\n# end\n",
        "a",
        "v2",
        "# top\n\nimages: # all\n\n# of a\n- name: a # n\n\n  newTag:   v2   # t\n\n\n# end\n",
    ),
    ("CRLF", "images:\r\n- name: a\r\n  newTag: v1\r\n", "a", "v2", "images:\r\n- name: a\r\n  newTag: v2\r\n"),
    (
        "a byte order mark",
        "\u{feff}images:\n- name: a\n  newTag: v1\n",
        "a",
        "v2",
        "\u{feff}images:\n- name: a\n  newTag: v2\n",
    ),
    ("no last line break", "images:\n- name: a\n  newTag: v1", "a", "v2", "images:\n- name: a\n  newTag: v2"),
    (
        "letters of two bytes before it",
        "# ünï\nimages:\n- name: a # é\n  newTag: v1\n",
        "a",
        "v2",
        "# ünï\nimages:\n- name: a # é\n  newTag: v2\n",
    ),
    (
        "an indented list",
        "images:\n  - name: a\n    newTag: v1\n  - name: b\n    newTag: v1\n",
        "b",
        "v2",
        "images:\n  - name: a\n    newTag: v1\n  - name: b\n    newTag: v2\n",
    ),
    ("the tag first", "images:\n- newTag: v1\n  name: a\n", "a", "v2", "images:\n- newTag: v2\n  name: a\n"),
    (
        "the dash on its own line",
        "images:\n-\n  name: a\n  newTag: v1\n",
        "a",
        "v2",
        "images:\n-\n  name: a\n  newTag: v2\n",
    ),
    (
        "flow on one line",
        "images: [{name: a, newTag: v1}, {name: b, newTag: v1}]\n",
        "a",
        "v2",
        "images: [{name: a, newTag: v2}, {name: b, newTag: v1}]\n",
    ),
    (
        "flow entries of a block list",
        "images:\n- {name: a, newTag: v1}\n",
        "a",
        "123",
        "images:\n- {name: a, newTag: \"123\"}\n",
    ),
    (
        "flow over lines",
        "images: [\n  {name: a,\n   newTag: v1}, # c\n]\n",
        "a",
        "v2",
        "images: [\n  {name: a,\n   newTag: v2}, # c\n]\n",
    ),
    (
        "JSON",
        "{\n  \"images\": [\n    {\n      \"name\": \"a\",\n      \"newTag\": \"v1\"\n    }\n  ]\n}\n",
        "a",
        "v2",
        "{\n  \"images\": [\n    {\n      \"name\": \"a\",\n      \"newTag\": \"v2\"\n    }\n  ]\n}\n",
    ),
    (
        "JSON on one line",
        "{\"images\":[{\"name\":\"a\",\"newTag\":\"v1\"}]}",
        "a",
        "v2",
        "{\"images\":[{\"name\":\"a\",\"newTag\":\"v2\"}]}",
    ),
    (
        "an anchor that nobody uses",
        "images:\n- name: a\n  newTag: &t v1\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: &t v2\n",
    ),
    (
        "the string tag",
        "images:\n- name: a\n  newTag: !!str 1.0\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: !!str v2\n",
    ),
    (
        "the value on the next line",
        "images:\n- name: a\n  newTag:\n    v1\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag:\n    v2\n",
    ),
    ("an empty value is filled", "images:\n- name: a\n  newTag:\n", "a", "v2", "images:\n- name: a\n  newTag: v2\n"),
    (
        "before its comment",
        "images:\n- name: a\n  newTag: # soon\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2 # soon\n",
    ),
    ("null is filled", "images:\n- name: a\n  newTag: ~\n", "a", "v2", "images:\n- name: a\n  newTag: v2\n"),
    (
        "empty quotes are filled",
        "images:\n- name: a\n  newTag: \"\"\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: \"v2\"\n",
    ),
    (
        "an empty value in flow",
        "images: [{name: a, newTag: }, {name: b, newTag}]\n",
        "b",
        "v2",
        "images: [{name: a, newTag: }, {name: b, newTag: v2}]\n",
    ),
    ("a missing tag", "images:\n- name: a\n- name: b\n", "a", "v2", "images:\n- name: a\n  newTag: v2\n- name: b\n"),
    (
        "a missing tag behind newName",
        "images:\n  - name: a # n\n    newName: r/a # r\n  - name: b\n",
        "a",
        "1e3",
        "images:\n  - name: a # n\n    newName: r/a # r\n    newTag: \"1e3\"\n  - name: b\n",
    ),
    (
        "a missing tag, CRLF, no last line break",
        "images:\r\n- name: a",
        "a",
        "v2",
        "images:\r\n- name: a\r\n  newTag: v2",
    ),
    ("a missing tag in flow", "images: [{ name: a }]\n", "a", "v2", "images: [{ name: a, newTag: v2 }]\n"),
    (
        "a missing tag in JSON",
        "{\"images\":[{\"name\":\"a\"}]}\n",
        "a",
        "v2",
        "{\"images\":[{\"name\":\"a\",\"newTag\":\"v2\"}]}\n",
    ),
    (
        "a missing tag in JSON over lines",
        "{\"images\": [\n  {\n    \"name\": \"a\"\n  }\n]}\n",
        "a",
        "v2",
        "{\"images\": [\n  {\n    \"name\": \"a\",\n    \"newTag\": \"v2\"\n  }\n]}\n",
    ),
    (
        "a stale digest goes with its comment",
        "images:\n- name: a\n  newTag: v1\n  digest: <D> # of v1\n# end\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2\n# end\n",
    ),
    (
        "a stale digest at the end of the file",
        "images:\n- name: a\n  newTag: v1\n  digest: <D>",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2",
    ),
    (
        "a stale digest, CRLF",
        "images:\r\n- name: a\r\n  digest: <D>\r\n  newTag: v1\r\n",
        "a",
        "v2",
        "images:\r\n- name: a\r\n  newTag: v2\r\n",
    ),
    (
        "a stale digest before the name",
        "images:\n- digest: <D>\n  name: a\n  newTag: v1\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2\n",
    ),
    (
        "a comment behind it stays",
        "images:\n- digest: <D> # d\n  # of a\n  name: a\n  newTag: v1\n",
        "a",
        "v2",
        "images:\n-\n  # of a\n  name: a\n  newTag: v2\n",
    ),
    (
        "a stale digest in flow",
        "images: [{name: a, digest: '<D>', newTag: v1}]\n",
        "a",
        "v2",
        "images: [{name: a, newTag: v2}]\n",
    ),
    (
        "a stale digest at the end of flow",
        "images: [{name: a, newTag: v1, digest: <D>}]\n",
        "a",
        "v2",
        "images: [{name: a, newTag: v2}]\n",
    ),
    (
        "a stale digest at the start of flow",
        "images: [{digest: <D>, name: a, newTag: v1}]\n",
        "a",
        "v2",
        "images: [{name: a, newTag: v2}]\n",
    ),
    (
        "a stale digest in JSON over lines",
        "{\"images\": [{\n  \"name\": \"a\",\n  \"newTag\": \"v1\",\n  \"digest\": \"<D>\"\n}]}\n",
        "a",
        "v2",
        "{\"images\": [{\n  \"name\": \"a\",\n  \"newTag\": \"v2\"\n}]}\n",
    ),
    (
        "a tag in place of a digest",
        "images:\n- name: a\n  digest: <D>\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2\n",
    ),
    (
        "a tag in place of a digest in JSON",
        "{\"images\": [{\n  \"name\": \"a\",\n  \"digest\": \"<D>\"\n}]}\n",
        "a",
        "v2",
        "{\"images\": [{\n  \"name\": \"a\",\n  \"newTag\": \"v2\"\n}]}\n",
    ),
    (
        "both are set",
        "images:\n- name: a\n  newTag: v1\n  digest: <D> # d\n",
        "a",
        "v2@<E>",
        "images:\n- name: a\n  newTag: v2\n  digest: <E> # d\n",
    ),
    (
        "both, the digest put in",
        "images:\n- name: a\n  newTag: v1 # t\n- name: b\n",
        "a",
        "v2@<E>",
        "images:\n- name: a\n  newTag: v2 # t\n  digest: <E>\n- name: b\n",
    ),
    (
        "both are put in",
        "images:\n- name: a\n  newName: b\n",
        "a",
        "v2@<E>",
        "images:\n- name: a\n  newName: b\n  newTag: v2\n  digest: <E>\n",
    ),
    (
        "both are put into flow",
        "images: [{name: a}]\n",
        "a",
        "v2@<E>",
        "images: [{name: a, newTag: v2, digest: <E>}]\n",
    ),
    (
        "both are put into JSON over lines",
        "{\"images\": [{\n  \"name\": \"a\"\n}]}\n",
        "a",
        "v2@<E>",
        "{\"images\": [{\n  \"name\": \"a\",\n  \"newTag\": \"v2\",\n  \"digest\": \"<E>\"\n}]}\n",
    ),
    (
        "a digest alone takes the tag away",
        "images:\n- name: a\n  newTag: v1\n",
        "a",
        "@<E>",
        "images:\n- name: a\n  digest: <E>\n",
    ),
    (
        "a digest alone, in its key",
        "images:\n- name: a\n  digest: \"<D>\"\n",
        "a",
        "<E>",
        "images:\n- name: a\n  digest: \"<E>\"\n",
    ),
    (
        "a digest within the tag goes",
        "images:\n- name: a\n  newTag: v1@<D>\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2\n",
    ),
    (
        "a digest within the tag is replaced there",
        "images:\n- name: a\n  newTag: v1@<D>\n",
        "a",
        "v2@<E>",
        "images:\n- name: a\n  newTag: v2@<E>\n",
    ),
    (
        "a new entry",
        "images:\n- name: a\n  newTag: v1\nresources: [x]\n",
        "r/b",
        "v2",
        "images:\n- name: a\n  newTag: v1\n- name: r/b\n  newTag: v2\nresources: [x]\n",
    ),
    (
        "a new entry, indented, comments",
        "images:\n  -  name: a # n\n     newTag: v1 # t\n\n# end\n",
        "b",
        "123",
        "images:\n  -  name: a # n\n     newTag: v1 # t\n  -  name: b\n     newTag: \"123\"\n\n# end\n",
    ),
    (
        "a new entry, CRLF, no last line break",
        "images:\r\n- name: a\r\n  newTag: v1",
        "b",
        "v2@<E>",
        "images:\r\n- name: a\r\n  newTag: v1\r\n- name: b\r\n  newTag: v2\r\n  digest: <E>",
    ),
    (
        "a new entry beside flow entries",
        "images:\n- { name: a, newTag: v1 }\n",
        "b",
        "v2",
        "images:\n- { name: a, newTag: v1 }\n- { name: b, newTag: v2 }\n",
    ),
    (
        "a new entry in flow",
        "images: [{name: a, newTag: v1}]\n",
        "b",
        "v2",
        "images: [{name: a, newTag: v1}, {name: b, newTag: v2}]\n",
    ),
    (
        "a new entry in flow over lines",
        "images: [\n  {name: a, newTag: v1}, # a\n]\n",
        "b",
        "v2",
        "images: [\n  {name: a, newTag: v1}, # a\n  {name: b, newTag: v2},\n]\n",
    ),
    (
        "a new entry in JSON",
        "{\n  \"images\": [\n    {\n      \"name\": \"a\",\n      \"newTag\": \"v1\"\n    }\n  ]\n}\n",
        "b",
        "v2",
        "{\n  \"images\": [\n    {\n      \"name\": \"a\",\n      \"newTag\": \"v1\"\n    },\n    {\n      \"name\": \"b\",\n      \"newTag\": \"v2\"\n    }\n  ]\n}\n",
    ),
    ("an empty list", "images: []\n", "a", "v2", "images: [{name: a, newTag: v2}]\n"),
    ("an empty list of JSON", "{\"images\":[]}\n", "a", "v2", "{\"images\":[{\"name\":\"a\",\"newTag\":\"v2\"}]}\n"),
    (
        "images without a value",
        "images: # none\nresources:\n  - x\n",
        "a",
        "v2",
        "images: # none\n  - name: a\n    newTag: v2\nresources:\n  - x\n",
    ),
    ("images of null", "images: null\n", "a", "v2", "images: [{name: a, newTag: v2}]\n"),
    ("no images", "resources:\n- x\n", "a", "v2", "resources:\n- x\nimages:\n- name: a\n  newTag: v2\n"),
    (
        "no images, indented lists, blank lines at the end",
        "resources:\n  - x\n# end\n\n\n",
        "a",
        "v2",
        "resources:\n  - x\n# end\nimages:\n  - name: a\n    newTag: v2\n\n\n",
    ),
    (
        "no images, CRLF, no last line break",
        "resources:\r\n- x",
        "a",
        "v2",
        "resources:\r\n- x\r\nimages:\r\n- name: a\r\n  newTag: v2",
    ),
    (
        "no images, the document ended",
        "---\nresources:\n- x\n...\n# after\n",
        "a",
        "v2",
        "---\nresources:\n- x\nimages:\n- name: a\n  newTag: v2\n...\n# after\n",
    ),
    (
        "no images, a separator at the end",
        "resources:\n- x\n---\n",
        "a",
        "v2",
        "resources:\n- x\nimages:\n- name: a\n  newTag: v2\n---\n",
    ),
    (
        "no images, a block scalar that keeps its blank lines",
        "patches:\n- patch: |+\n    x\n\n\n",
        "a",
        "v2",
        "patches:\n- patch: |+\n    x\n\n\nimages:\n- name: a\n  newTag: v2\n",
    ),
    (
        "no images in JSON",
        "{\n  \"resources\": [\"x\"]\n}\n",
        "a",
        "v2",
        "{\n  \"resources\": [\"x\"],\n  \"images\": [{\"name\": \"a\", \"newTag\": \"v2\"}]\n}\n",
    ),
    ("no images in flow", "{resources: [x]}", "a", "v2", "{resources: [x], images: [{name: a, newTag: v2}]}"),
    (
        "a neighbour's alias is no obstacle",
        "images:\n- &e {name: x, newTag: v1}\n- name: a\n  newTag: v1\nx: *e\n",
        "a",
        "v2",
        "images:\n- &e {name: x, newTag: v1}\n- name: a\n  newTag: v2\nx: *e\n",
    ),
    (
        "a suffix of the tag stays",
        "images:\n- name: a\n  newTag: v1\n  tagSuffix: -x\n",
        "a",
        "v2",
        "images:\n- name: a\n  newTag: v2\n  tagSuffix: -x\n",
    ),
    (
        "a name in quotes, with a port",
        "images:\n- name: \"r.io:5000/a\"\n  newTag: v1\n",
        "r.io:5000/a",
        "v2",
        "images:\n- name: \"r.io:5000/a\"\n  newTag: v2\n",
    ),
];

#[test]
fn exactly_the_intended_bytes_change() {
    let mut wrong = String::new();
    for (what, before, name, to, after) in EDITS {
        let (before, after) = (full(before), full(after));
        match edited(&before, name, to) {
            Ok(edited) if edited.text == after => {
                let entry = edited.after.unwrap_or_else(|| panic!("{what}: no entry"));
                if entry.version() != version(to) || entry.name != *name {
                    wrong += &format!("{what}: says {entry:?}\n");
                }
                let place = &edited.text[edited.place.range()];
                let value = version(to).tag.or(version(to).digest).unwrap_or_default();
                if !place.contains(&value) {
                    wrong += &format!("{what}: the place is {place:?}\n");
                }
            }
            other => {
                wrong +=
                    &format!("{what}:\n{before:?}\n{:?}\nrather than\n{after:?}\n", other.map(|edited| edited.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_cannot_be_changed_alone_is_refused_at_its_place() {
    let cases = [
        ("images:\n- name: a\n  newTag: *t\nx: &t v1\n", "yaml/syntax"),
        ("x: &t v1\nimages:\n- name: a\n  newTag: *t\n", "4:11 release/shared-value"),
        ("images:\n- name: a\n  newTag: &t v1\n- name: b\n  newTag: *t\n", "3:14 release/shared-value"),
        ("x: &e {name: a, newTag: v1}\nimages:\n- *e\n", "3:3 release/shared-value"),
        ("images:\n- &e {name: a, newTag: v1}\nx: *e\n", "2:6 release/shared-value"),
        ("x: &i [{name: a, newTag: v1}]\nimages: *i\n", "2:9 release/shared-value"),
        ("images: &i\n- name: a\n  newTag: v1\nx: *i\n", "2:3 release/shared-value"),
        ("x: &e {newTag: v1}\nimages:\n- <<: *e\n  name: a\n", "3:3 release/shared-value"),
        ("x: &d <D>\nimages:\n- name: a\n  newTag: v1\n  digest: *d\n", "5:11 release/shared-value"),
        ("images:\n- name: a\n  newTag: v1\n  newTag: v2\n", "4:3 yaml/duplicate-key"),
        ("images:\n- name: a\nimages:\n- name: a\n", "3:1 yaml/duplicate-key"),
        ("images:\n- name: a\n- name: b\n- name: a\n", "4:3 release/duplicate-entry"),
        ("images:\n- name: a\n  newTag: |-\n    v1\n", "4:5 release/unsupported-style"),
        ("images:\n- name: a\n  newTag: >-\n    v1\n", "4:5 release/unsupported-style"),
        ("images:\n- name: a\n  newTag: \"v\n    1\"\n", "3:11 release/unsupported-style"),
        ("images:\n- name: a\n  newTag: [v1]\n", "3:11 release/unsupported-style"),
        ("images:\n- name: a\n  newTag: !!int 1\n", "3:17 release/unsupported-style"),
        ("images:\n- name: a\n  newTag: &t\n", "3:3 release/unsupported-style"),
        ("images:\n- name: a\n---\nimages:\n- name: a\n", "4:1 release/kustomization"),
        ("images: v1\n", "1:9 release/kustomization"),
        ("images:\n- a\n", "2:3 release/kustomization"),
        ("images:\n- newTag: v1\n", "2:3 release/kustomization"),
        ("- images\n", "1:1 release/kustomization"),
        ("", "1:1 release/kustomization"),
        ("images:\n<<<<<<< HEAD\n- name: a\n=======\n- name: b\n>>>>>>> x\n", "2:1 release/kustomization"),
        ("images: [\n", "yaml/syntax"),
        ("images:\n- ? name\n  : a\n  ? newTag\n  : v1\n  ? digest\n  : <D>\n", "2:3 release/unproven-edit"),
    ];
    let mut wrong = String::new();
    for (text, code) in cases {
        match edited(&full(text), "a", "v2") {
            Err(refusal) if refusal.starts_with(code) || !code.contains(' ') && refusal.contains(code) => {}
            other => wrong += &format!("{text:?}: {other:?} rather than {code}\n"),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let text = "images:\n- name: order-service\n  newTag: v1\n";
    let refusal = set(text, FileId::NONE, "oder-service", &version("v2"), Missing::Refuse).err();
    let refusal = refusal.unwrap_or_else(|| panic!("not refused"));
    assert_eq!((refusal.code.id, &*refusal.help[0]), ("release/no-entry", "did you mean `order-service`?"));
}

#[test]
fn an_older_text_is_restored_to_the_byte() {
    for (what, before, name, to, _) in EDITS {
        let before = full(before);
        let bumped = edited(&before, name, to).unwrap_or_else(|why| panic!("{what}: {why}"));
        let back = restore(&bumped.text, FileId::NONE, name, &before, FileId::NONE);
        assert_eq!(back.map(|back| back.text), Ok(before.clone()), "{what}");
        // And forth again: where the entry came with the bump, it comes back.
        let forth = restore(&before, FileId::NONE, name, &bumped.text, FileId::NONE);
        let forth = forth.unwrap_or_else(|why| panic!("{what}: {why:?}"));
        let says = |text: &str| {
            let all = entries(text, FileId::NONE).unwrap_or_else(|why| panic!("{what}: {why:?}"));
            all.into_iter().map(|entry| (entry.version(), entry.name)).collect::<Vec<_>>()
        };
        assert_eq!(says(&forth.text), says(&bumped.text), "{what}");
    }
}

/// Entries in many styles, each with both neighbours: a bump of one, a bump of another, the first one taken back.
#[test]
fn what_others_did_since_survives_a_restore() {
    let bodies = [
        "- name: a\n  newTag: v1\n",
        "- name: a\n  newTag: 'v1' # c\n  newName: r/a\n",
        "- name: a # n\n  digest: <D> # d\n",
        "- digest: <D>\n  name: a\n  newTag: v1 # t\n",
        "- name: a\n  newTag: v1@<D>\n",
        "- newTag: v1\n  # c\n  name: a\n",
        "- name: a\n  newTag:\n",
        "- name: a\n",
        "- {name: a, newTag: v1}\n",
        "- {digest: <D>, name: a, newTag: v1}\n",
        "- {name: a, digest: <D>}\n",
        "- { \"name\": \"a\" }\n",
        "",
    ];
    let around = [
        ("images:\n- name: b\n  newTag: v1\n", ""),
        ("images:\n", "- name: b\n  newTag: v1\n"),
        ("# x\nimages:\n- {name: z}\n", "- name: b # b\n  digest: <D> # d\nresources: [x]\n"),
        ("resources:\n- x\n\nimages: # i\n# a\n", "# b\n- name: b\n\n\n# end\n"),
    ];
    let mut cases = 0;
    for body in bodies {
        for (before, after) in around {
            for break_with in ["\n", "\r\n"] {
                for to in ["v2", "1.10", "v2@<E>", "@<E>"] {
                    let text = full(&format!("{before}{body}{after}")).replace('\n', break_with);
                    let step = |text: &str, name: &str, to: &str| {
                        edited(text, name, to).unwrap_or_else(|why| panic!("{text:?}: {why}")).text
                    };
                    let both = step(&step(&text, "a", to), "b", "v9");
                    let back = restore(&both, FileId::NONE, "a", &text, FileId::NONE);
                    let back = back.unwrap_or_else(|why| panic!("{text:?} {to}: {why:?}"));
                    // What was empty may come back with its blank.
                    assert_eq!(back.text, step(&text, "b", "v9"), "{text:?} {to} {both:?}");
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 400);
}

#[test]
fn entries_are_read_as_the_file_says_them() {
    let text = full(
        "x: &x {newTag: v3}\nimages:\n- name: a\n  newName: r/a\n  newTag: v1@<D>\n- {name: b, digest: <E>}\n- <<: *x\n  name: c\n- name: d\n  newTag: ~\n",
    );
    let all = entries(&text, FileId::NONE).unwrap_or_else(|why| panic!("{why:?}"));
    let says: Vec<_> = all.iter().map(|entry| format!("{} {}", entry.name, entry.version())).collect();
    assert_eq!(says, [format!("a v1@{DIGEST}"), format!("b @{OTHER}"), "c v3".to_owned(), "d ".to_owned()]);
    assert_eq!(&text[all[1].span.range()], full("{name: b, digest: <E>}"));
    assert_eq!(entries("resources: []\n", FileId::NONE), Ok(Vec::new()));
}

/// Every kustomization of the fixtures: a bump of each entry changes one place, and a restore brings the bytes back.
#[test]
fn kustomizations_of_the_fixtures_are_edited_and_restored() {
    let mut count = 0;
    let mut folders = vec![project().join("fixtures"), project().join("examples")];
    folders.push(project().join("../shared/conformance"));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("kustomization") {
                count += round_trip(&path);
            }
        }
    }
    assert!(count > 20, "only {count} entries");
}

fn round_trip(path: &Path) -> usize {
    let Ok(text) = std::fs::read_to_string(path) else { return 0 };
    let Ok(all) = entries(&text, FileId::NONE) else { return 0 };
    let mut count = 0;
    for entry in &all {
        for to in ["v7.7.7-rc.1", "1e3", "v2@<E>", "@<E>"] {
            let Ok(bumped) = edited(&text, &entry.name, to) else { continue };
            assert_eq!(bumped.after.map(|entry| entry.version()), Some(version(to)), "{}", path.display());
            let back = restore(&bumped.text, FileId::NONE, &entry.name, &text, FileId::NONE);
            assert_eq!(back.map(|back| back.text).as_deref(), Ok(&*text), "{}", path.display());
            count += 1;
        }
    }
    count
}

/// The edits of the conformance corpus, where it is at hand.
#[test]
fn edits_of_public_repositories_are_as_the_corpus_demands() {
    let corpus = project().join("../shared/conformance");
    let Ok(cases) = std::fs::read_to_string(corpus.join("edits/cases.jsonl")) else { return };
    let mut wrong = String::new();
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let word = |key: &str| case[key].as_str().unwrap_or_else(|| panic!("{line}: no {key}")).to_owned();
        let path = corpus.join("repos").join(word("repo")).join("input").join(word("file"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // What is refused there is so for the sake of what is built, which the edit does not know.
        let edited = edited(&text, &word("image"), &word("tag"));
        let (old, tag) = (word("old"), word("tag"));
        let offset = case["offset"].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
        let quote = old.chars().next().filter(|first| matches!(first, '"' | '\'')).map(String::from);
        let plain = if case["plain"].as_bool() == Some(true) { "" } else { "\"" };
        let quote = quote.as_deref().unwrap_or(plain);
        let wanted = format!("{}{quote}{tag}{quote}{}", &text[..offset], &text[offset + old.len()..]);
        if edited.as_ref().map(|edited| &edited.text) != Ok(&wanted) {
            wrong += &format!("{line}: {:?}\n", edited.map(|edited| edited.text));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases.lines().count() > 50);
}

/// Texts that were damaged at random are edited or refused; what is edited says the version, and is restored to the byte.
#[test]
fn damaged_texts_are_edited_rightly_or_refused() {
    let parts = [
        " ",
        "  ",
        "\n",
        "\r\n",
        "- ",
        ": ",
        "#",
        " # c\n",
        "\"",
        "'",
        "|-",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&x ",
        "*x",
        "!!str ",
        "? ",
        "<<: ",
        "é",
        "---\n",
        "...\n",
        "newTag: v3\n",
        "digest: ",
        "name: a",
        "\t",
        "~",
        "\u{feff}",
        "\u{2028}",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % sides.max(1) as u64).unwrap_or(0)
    };
    let boundary = |text: &str, mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (mut done, mut refused) = (0, 0);
    for _ in 0..6_000 {
        let (_, text, name, to, _) = EDITS[roll(EDITS.len())];
        let mut text = full(text);
        for _ in 0..=roll(2) {
            let at = boundary(&text, roll(text.len() + 1));
            if roll(3) == 0 {
                let end = boundary(&text, (at + 1 + roll(4)).min(text.len())).max(at);
                text.replace_range(at..end, "");
            } else {
                text.insert_str(at, parts[roll(parts.len())]);
            }
        }
        let Ok(bumped) = edited(&text, name, to) else {
            refused += 1;
            continue;
        };
        done += 1;
        assert_eq!(bumped.after.map(|entry| entry.version()), Some(version(to)), "{text:?}");
        let back = restore(&bumped.text, FileId::NONE, name, &text, FileId::NONE);
        let back = back.unwrap_or_else(|why| panic!("{text:?}\n{:?}\n{why:?}", bumped.text));
        assert_eq!(back.text, text, "{:?}", bumped.text);
    }
    assert!(done > 1000 && refused > 500, "{done} edited, {refused} refused");
    let deep = format!("images:\n- name: a\nx: {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    assert!(edited(&deep, "a", "v2").is_err());
}

#[test]
fn a_restore_takes_the_older_values_and_leaves_the_rest() {
    // What it is about, the text, the older one, the result.
    let cases = [
        (
            "name, tag and digest together; comments of today stay",
            "images:\n- name: a # new\n  newName: r2/a # moved\n  newTag: v2 # two\n- name: c\n",
            "images:\n- name: a\n  newName: 'r/a'\n  newTag: \"1.0\" # one\n  digest: <D> # pinned\n",
            "images:\n- name: a # new\n  newName: 'r/a' # moved\n  newTag: \"1.0\" # two\n  digest: <D> # pinned\n- name: c\n",
        ),
        (
            "a key that the older text has not goes",
            "images:\n- name: a\n  newName: r/a\n  newTag: v2\nx: y\n",
            "images:\n- name: a\n",
            "images:\n- name: a\nx: y\n",
        ),
        (
            "an entry that is gone comes back to its place",
            "images:\n- name: x\n- name: c\n  newTag: v9\n",
            "images:\n- name: x\n- name: a # n\n  newTag: v1 # t\n- name: c\n",
            "images:\n- name: x\n- name: a # n\n  newTag: v1 # t\n- name: c\n  newTag: v9\n",
        ),
        (
            "a list that came with the entry goes",
            "x: y\nimages:\n- name: a\n  newTag: v2\nz: 1\n",
            "x: y\n",
            "x: y\nz: 1\n",
        ),
        ("an empty list is empty again", "images:\n- name: a\nz: 1\n", "images: []\n", "images: []\nz: 1\n"),
        (
            "from block to flow",
            "images: [{name: a, newTag: v2}]\n",
            "images:\n- name: a\n  digest: <D> # d\n",
            "images: [{name: a, digest: <D>}]\n",
        ),
        (
            "from flow to block",
            "images:\n- name: a\n  newTag: v2 # t\n",
            "images: [{name: a, newTag: '1.0'}]\n",
            "images:\n- name: a\n  newTag: '1.0' # t\n",
        ),
    ];
    for (what, text, older, wanted) in cases {
        let back = restore(&full(text), FileId::NONE, "a", &full(older), FileId::NONE);
        assert_eq!(back.map(|back| back.text), Ok(full(wanted)), "{what}");
    }
    let code = |text: &str, older: &str| {
        restore(text, FileId::NONE, "a", older, FileId::NONE).err().map(|refusal| refusal.code.id)
    };
    assert_eq!(code("images: []\n", "images: []\n"), Some("release/no-entry"));
    assert_eq!(
        code("images:\n- name: a\n", "images:\n- name: a\n  newTag: |\n    v1\n"),
        Some("release/unsupported-style")
    );
    assert_eq!(
        code("images:\n- name: a\n", "x: &t v\nimages:\n- name: a\n  newTag: *t\n"),
        Some("release/shared-value")
    );
}
