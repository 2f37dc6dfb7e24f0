//! Secrets in plain text: in Secrets, in the variables and arguments of containers, in ConfigMaps, and by their own format
//! anywhere. What a message says is where a secret stands, never the secret.

use base64::Engine;
use rustc_hash::FxHashSet as HashSet;

use crate::kube::leak::{
    credential, is_encrypted, is_in_comment, is_placeholder, is_secret_value, last_word, names_secret, passwords,
    private_key,
};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit, Whole};
use crate::policy::subject::Object;
use crate::yaml::data::{Content, Datum};

pub(super) const CHECKS: &[Named] = &[
    ("argument-holds-secret", Check::Unit(argument)),
    ("configmap-line-holds-secret", Check::Unit(configmap_line)),
    ("configmap-value-holds-secret", Check::Unit(configmap_value)),
    ("env-holds-secret", Check::Unit(env)),
    ("secret-in-repository", Check::Whole(in_repository)),
    ("text-holds-credential", Check::Unit(text_credential)),
    ("text-holds-password", Check::Unit(text_password)),
    ("text-holds-private-key", Check::Unit(text_private_key)),
];

/// Secrets that controllers fill in, or that let a node join.
const OTHERS: [&str; 2] = ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"];

/// Last words of keys whose values are no secret, though they stand in a Secret beside one.
const OPEN_KEYS: &[&str] = &[
    "username",
    "user",
    "login",
    "email",
    "host",
    "hostname",
    "port",
    "database",
    "dbname",
    "db",
    "name",
    "type",
    "url",
    "uri",
    "server",
    "project",
    "namespace",
    "namespaces",
    "region",
    "endpoint",
    "bucket",
    "scheme",
    "insecure",
    "oci",
    "issuer",
    "audience",
    "crt",
    "ca",
    "cert",
    "certificate",
    "pub",
    "provider",
    "address",
    "proxy",
    "tenant",
    "version",
    "enabled",
    "kind",
    "path",
    "file",
    "dir",
    "mtime",
    "id",
];

/// Secrets whose values stand in the repository. Params: `generated`, whether those of a secretGenerator are meant, or
/// those that are written as manifests.
fn in_repository<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let mut generated: HashSet<(usize, &str)> = HashSet::default();
    for file in &subject.kustomizations {
        for entry in file.root.get("secretGenerator").map_or(&[][..], Datum::items) {
            generated.extend(file.reach.iter().map(|overlay| (*overlay, entry.text_of("name"))));
        }
    }
    for object in subject.objects.iter().filter(|object| object.is("", "Secret")) {
        let is_generated = generated.contains(&(object.overlay, object.stable_name.as_str()));
        if is_generated == whole.params.flag("generated") && !OTHERS.contains(&object.root.text_of("type")) {
            secret(object, report);
        }
    }
}

fn secret<'a>(object: &'a Object<'a>, report: &mut Report<'a>) {
    let values = |field: &str| object.root.get(field).map_or(&[][..], Datum::pairs);
    let decoded = values("data").iter().map(|(key, value)| (key.text(), value, decoded(value.text())));
    let plain = values("stringData").iter().map(|(key, value)| (key.text(), value, value.text().as_bytes().to_vec()));
    // How Argo CD reaches a cluster: mostly nothing but a few flags.
    let is_cluster = object.label("argocd.argoproj.io/secret-type").is_some_and(|kind| kind.text() == "cluster");
    let is_flags = |key: &str, value: &[u8]| {
        let text = String::from_utf8_lossy(value);
        let words = ["password", "bearerToken", "keyData", "\"env\"", "authConfig"];
        is_cluster && key == "config" && text.starts_with('{') && !words.iter().any(|word| text.contains(word))
    };
    let found: Vec<_> =
        decoded.chain(plain).filter(|(key, _, value)| is_plain(key, value) && !is_flags(key, value)).collect();
    let Some((key, first, _)) = found.first() else { return };
    let message = match &found[1..] {
        [] => format!("{} holds `{key}` in plain text", object.title()),
        others => {
            let names: Vec<_> = others.iter().map(|(key, ..)| format!("`{key}`")).take(3).collect();
            let more = if others.len() > 3 { format!(" and {} more", others.len() - 3) } else { String::new() };
            format!("{} holds `{key}`, {}{more} in plain text", object.title(), names.join(", "))
        }
    };
    report.at(object, first).say(message);
}

/// The bytes of a value of `data`; what is no base64 is taken as it stands, since templates are put there.
fn decoded(text: &str) -> Vec<u8> {
    let letters: String = text.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(&letters).unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// Whether a value of a Secret is a secret that nothing has encrypted.
fn is_plain(key: &str, value: &[u8]) -> bool {
    if value.is_empty() || is_encrypted(value) || key.starts_with("sops_") {
        return false;
    }
    let Ok(text) = std::str::from_utf8(value) else { return true };
    let is_open =
        OPEN_KEYS.contains(&last_word(key).as_str()) && passwords(text).is_empty() && credential(text).is_none();
    if is_configuration(key, text) {
        return passwords(text).len() + usize::from(credential(text).is_some() || private_key(text).is_some()) > 0
            || text.lines().any(gives_value);
    }
    let is_filled_in = is_placeholder(text) && text.lines().count() <= 1;
    !(is_filled_in || is_open && private_key(text).is_none() || is_public(text) || is_blank_file(text))
}

/// A file of settings, most of which are no secret: that one is in it must show.
fn is_configuration(key: &str, text: &str) -> bool {
    let endings = [".properties", ".yaml", ".yml", ".json", ".conf", ".config", ".ini", ".toml", ".xml", ".cfg"];
    text.trim().contains('\n') && endings.iter().any(|ending| key.ends_with(ending))
}

/// Whether a line gives a name that promises a secret any value.
fn gives_value(line: &str) -> bool {
    let line = line.trim().trim_start_matches("- ");
    let Some((name, value)) = line.split_once(['=', ':']) else { return false };
    !line.starts_with('#')
        && names_secret(name.trim_matches(['"', '\'', ' ']))
        && !is_placeholder(value.trim_end_matches(','))
}

/// Certificates and public keys.
fn is_public(text: &str) -> bool {
    let labels: Vec<_> = text.split("-----BEGIN ").skip(1).filter_map(|part| part.split("-----").next()).collect();
    let is_public =
        |label: &&str| label.ends_with("CERTIFICATE") || label.ends_with("PUBLIC KEY") || label.ends_with("PARAMETERS");
    let starts = ["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-", "age1"];
    !labels.is_empty() && labels.iter().all(is_public) || starts.iter().any(|start| text.starts_with(start))
}

/// A file in which nothing stands but comments, and values that something puts in.
fn is_blank_file(text: &str) -> bool {
    let is_blank = |line: &str| {
        let line = line.trim();
        let value = line.split_once(['=', ':']).map_or(line, |(_, value)| value.trim());
        line.is_empty() || line.starts_with('#') || is_placeholder(value)
    };
    text.lines().count() > 1 && text.lines().all(is_blank)
}

/// A variable whose name promises a secret, with its value in the manifest.
fn env<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for variable in unit.node.get("env").map_or(&[][..], Datum::items) {
        let name = variable.text_of("name");
        let Some(value) = variable.get("value").filter(|value| value.is_scalar()) else { continue };
        if names_secret(name) && is_secret_value(value.text()) && !names_object(unit, value.text()) {
            let message = format!("container `{}` has the value of `{name}` in plain text", unit.container_name());
            report.at(unit.object, value).say(message);
        }
    }
}

/// Whether a value is the name of a Secret or ConfigMap beside it, and no secret itself.
fn names_object(unit: &Unit<'_>, value: &str) -> bool {
    let namespace = &unit.object.namespace;
    ["Secret", "ConfigMap", "SealedSecret", "ExternalSecret", "Certificate"]
        .iter()
        .any(|kind| unit.subject.find(unit.object, kind, namespace, value).is_some())
}

/// `--password=…`, or `--password` before its value.
fn argument<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for field in ["command", "args"] {
        let items = unit.node.get(field).map_or(&[][..], Datum::items);
        for (at, item) in items.iter().enumerate() {
            let Some(flag) = item.text().strip_prefix('-').map(|rest| rest.trim_start_matches('-')) else { continue };
            let (name, value, node) = match flag.split_once('=') {
                Some((name, value)) => (name, value, item),
                None => match items.get(at + 1).filter(|next| !next.text().starts_with('-')) {
                    Some(next) => (flag, next.text(), next),
                    None => continue,
                },
            };
            let is_name = name.len() > 2 && !name.contains(char::is_whitespace);
            if is_name && names_secret(name) && is_secret_value(value) && !names_object(unit, value) {
                let message =
                    format!("container `{}` gets the value of `--{name}` in plain text", unit.container_name());
                report.at(unit.object, node).say(message);
            }
        }
    }
}

/// A key of a ConfigMap that promises a secret, with its value.
fn configmap_value<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (key, value) in unit.node.get("data").map_or(&[][..], Datum::pairs) {
        let text = value.text();
        if !text.trim().contains('\n') && names_secret(key.text()) && is_secret_value(text) && !names_object(unit, text)
        {
            let message = format!("{} holds the value of `{}` in plain text", unit.object.title(), key.text());
            report.at(unit.object, value).say(message);
        }
    }
}

/// A line `name = value` or `name: value` within a file of a ConfigMap whose name promises a secret.
fn configmap_line<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (key, value) in unit.node.get("data").map_or(&[][..], Datum::pairs) {
        let text = value.text();
        if !text.trim().contains('\n') || is_encrypted(text.as_bytes()) || is_code(key.text(), text) {
            continue;
        }
        let found = text.lines().enumerate().find_map(|(at, line)| Some((at + 1, secret_line(line)?)));
        if let Some((line, name)) = found {
            let message = format!(
                "{} holds the value of `{name}` in plain text, in line {line} of `{}`",
                unit.object.title(),
                key.text()
            );
            report.at(unit.object, value).say(message);
        }
    }
}

/// Whether a text is a programme, in which `password = …` is a variable.
fn is_code(key: &str, text: &str) -> bool {
    let endings =
        [".sh", ".py", ".js", ".ts", ".lua", ".rb", ".go", ".sql", ".tpl", ".tmpl", ".md", ".rego", ".html", ".xsl"];
    text.starts_with("#!") || endings.iter().any(|ending| key.ends_with(ending))
}

/// The name in a line that gives a secret away.
fn secret_line(line: &str) -> Option<&str> {
    let line = line.trim();
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim().trim_start_matches("- ").trim_start_matches("export ").trim_matches(['"', '\'']);
    let value = value.trim().trim_end_matches([',', ';']);
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    let is_name = |name: &str| name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-'));
    let is_value = value.len() >= 4 && !value.contains([' ', '(', ')', '{', '}', '[', ']', '|', '<', '>', '&', '\\']);
    // `secret: web-db` names a Secret, where `secret: x7Fq…` is one.
    let is_reference = name == "secret" && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_found = !is_reference
        && is_name(name)
        && names_secret(name)
        && is_value
        && is_secret_value(value)
        && !is_in_comment(line, line.len());
    is_found.then_some(name)
}

/// The first text of an object about which something is found.
fn texts<'a>(node: &'a Datum, least: usize, is_found: &mut dyn FnMut(&'a Datum, &'a str)) {
    match &node.content {
        Content::Scalar(_) => {
            if node.text().len() >= least {
                is_found(node, node.text());
            }
        }
        Content::Sequence(items) => items.iter().for_each(|item| texts(item, least, is_found)),
        Content::Mapping(pairs) => pairs.iter().for_each(|(_, value)| texts(value, least, is_found)),
    }
}

/// Whether the texts of an object are to be read: those that SOPS encrypted are not.
fn is_readable(object: &Object<'_>) -> bool {
    object.root.get("sops").is_none()
}

/// Where in a text something stands, for texts of several lines.
fn line_of(text: &str, at: usize) -> String {
    let line = text[..at].matches('\n').count() + 1;
    if text.trim_end().contains('\n') { format!(", in line {line} of this text") } else { String::new() }
}

fn text_credential<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if is_readable(unit.object) {
        texts(unit.node, 20, &mut |node, text| {
            if let Some((what, at)) = credential(text) {
                let message = format!("{} holds what looks like {what}{}", unit.object.title(), line_of(text, at));
                report.at(unit.object, node).say(message);
            }
        });
    }
}

fn text_private_key<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if is_readable(unit.object) {
        texts(unit.node, 60, &mut |node, text| {
            if let Some(at) = private_key(text) {
                let message = format!("{} holds a private key{}", unit.object.title(), line_of(text, at));
                report.at(unit.object, node).say(message);
            }
        });
    }
}

fn text_password<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if is_readable(unit.object) {
        texts(unit.node, 9, &mut |node, text| {
            if let Some(at) = passwords(text).first() {
                let place = line_of(text, at.start);
                let message = format!("{} holds a password within an address{place}", unit.object.title());
                report.at(unit.object, node).say(message);
            }
        });
    }
}
