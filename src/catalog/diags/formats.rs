//! The formats that the schemas name: a check, what a right value is, and, where it can be told, how to mend a wrong one.

use crate::kube;

/// One format.
pub(crate) struct Format {
    /// As the schema names it.
    pub(crate) name: &'static str,
    /// Whether a text fits.
    pub(crate) check: fn(&str) -> bool,
    /// Completes "`x` is not …".
    pub(crate) what: &'static str,
    /// Advice for a text that does not fit.
    pub(crate) repair: fn(&str) -> Option<String>,
}

const fn format(name: &'static str, check: fn(&str) -> bool, what: &'static str) -> Format {
    Format { name, check, what, repair: |_| None }
}

/// Every format.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        repair: |text| {
            let mended: String =
                text.to_lowercase().chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect();
            let mended = mended.trim_matches('-');
            kube::is_label(mended).then(|| format!("write `{mended}`"))
        },
        ..format(
            "dns-label",
            is_name,
            "a name of lower-case letters, digits and `-` that starts with a letter, at most 63 characters",
        )
    },
    format("dns-subdomain", kube::is_subdomain, "a host name of lower-case letters, digits, `-` and `.`"),
    Format {
        repair: |text| {
            let unit = [
                ("MB", "Mi"),
                ("GB", "Gi"),
                ("KB", "Ki"),
                ("mb", "Mi"),
                ("gb", "Gi"),
                ("kb", "Ki"),
                ("MiB", "Mi"),
                ("GiB", "Gi"),
                ("g", "Gi"),
                (" Mi", "Mi"),
                (" Gi", "Gi"),
                ("K", "Ki"),
            ];
            let mended =
                unit.iter().find_map(|(wrong, right)| Some(format!("{}{right}", text.strip_suffix(wrong)?.trim())))?;
            kube::quantity(&mended).map(|_| format!("write `{mended}`"))
        },
        ..format(
            "quantity",
            |text| kube::quantity(text).is_some_and(|amount| amount > 0),
            "a quantity above zero such as `500m`, `0.5` or `128Mi`",
        )
    },
    format("image-tag", kube::is_tag, "an image tag: letters, digits, `.`, `_` and `-`, at most 128 characters"),
    format(
        "image-repository",
        kube::is_repository,
        "a registry with an optional path, without scheme and tag, such as `registry.example.com/shop`",
    ),
    format("image-reference", is_image, "an image with a tag or digest, such as `registry.example.com/redis:7.4.1`"),
    format("env-name", kube::is_env_name, "the name of an environment variable: letters, digits and `_`"),
    format("config-key", kube::is_config_key, "a key of a ConfigMap: letters, digits, `-`, `_` and `.`"),
    format("event", is_event, "an event such as `order.created`: lower-case words joined by `.` or `-`"),
    format(
        "database-name",
        is_database,
        "a database name of lower-case letters, digits and `_` or `-` that starts with a letter",
    ),
    format("path", |text| text.starts_with('/') && !text.contains(char::is_whitespace), "a path that starts with `/`"),
    format("repository-path", is_repository_path, "a path from the root of the repository, without `..`"),
    format("secret-path", |text| !text.is_empty() && text.contains("{name}"), "a path that holds `{name}`"),
    format(
        "cluster-url",
        |text| text.starts_with("https://") && text.len() > 8,
        "the `https://` address of an API server",
    ),
    format("git-url", is_git_url, "the URL of a Git repository without user name and password"),
    format(
        "code-owners",
        |text| !text.trim().is_empty() && text.split_whitespace().all(|handle| handle.contains('@')),
        "a list of handles such as `@shop/commerce`",
    ),
    format("cron", is_cron, "a schedule of five cron fields such as `0 2 * * *`"),
    format("cidr", is_cidr, "an address range such as `10.20.0.0/16`"),
    format("duration", is_duration, "a duration such as `1h` or `30m`"),
    format(
        "policy-id",
        |text| text.split('/').all(|part| !part.is_empty()) && !text.contains(char::is_whitespace),
        "the id of a policy or a category, such as `images/tag-mutable`",
    ),
    format(
        "object-pattern",
        |text| matches!(text.split('/').count(), 2 | 3) && text.split('/').all(|part| !part.is_empty()),
        "`Kind/name` or `Kind/namespace/name`, such as `Secret/production/*-db`",
    ),
    format(
        "layout-pattern",
        |text| is_repository_path(text) && text.contains('{'),
        "a path with `{service}` or `{environment}`, such as `apps/{service}/overlays/{environment}`",
    ),
    format("date", is_date, "a day such as `2026-12-31`"),
    format("date-time", is_date_time, "a moment such as `2026-12-18T00:00:00Z`"),
];

/// A label that YAML reads as a string without quotes: not `on` or `null`.
fn is_name(text: &str) -> bool {
    kube::is_label(text) && crate::yaml::scalar(text) == text
}

fn is_image(text: &str) -> bool {
    if let Some((repository, digest)) = text.split_once('@') {
        return kube::is_digest(digest) && (kube::is_repository(repository) || is_image(repository));
    }
    let name_start = text.rfind('/').map_or(0, |at| at + 1);
    let Some(colon) = text[name_start..].find(':') else { return false };
    kube::is_repository(&text[..name_start + colon]) && kube::is_tag(&text[name_start + colon + 1..])
}

fn is_event(text: &str) -> bool {
    text.len() <= 100
        && text
            .split('.')
            .all(|word| word.starts_with(|first: char| first.is_ascii_lowercase()) && kube::is_label(word))
}

fn is_database(text: &str) -> bool {
    // It becomes part of Kubernetes names too, where `_` is not allowed.
    text.len() <= 50 && kube::is_label(&text.replace('_', "-"))
}

fn is_repository_path(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('/')
        && !text.contains(['\\', '\0'])
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

pub(crate) fn is_git_url(text: &str) -> bool {
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace) {
        return false;
    }
    match text.split_once("://") {
        Some(("https" | "http", rest)) => !rest.split('/').next().unwrap_or_default().contains('@'),
        Some(("ssh" | "git" | "file", _)) => true,
        Some(_) => false,
        None => text.contains('@') && text.contains(':'),
    }
}

fn is_cron(text: &str) -> bool {
    let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let fields: Vec<_> = text.split_whitespace().collect();
    fields.len() == 5
        && fields.iter().zip(bounds).all(|(field, bounds)| field.split(',').all(|part| is_cron_part(part, bounds)))
}

/// `*`, `5`, `1-5`, each with an optional step.
fn is_cron_part(part: &str, (low, high): (u32, u32)) -> bool {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let number = |text: &str| text.parse::<u32>().ok().filter(|value| (low..=high).contains(value));
    let range_fits = match range.split_once('-') {
        _ if range == "*" => true,
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => number(range).is_some(),
    };
    range_fits && step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u32>().is_ok_and(|bits| bits <= most)
}

fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].chars().next();
        if digits == 0 || !matches!(unit, Some('h' | 'm' | 's')) {
            return false;
        }
        rest = &rest[digits + 1..];
    }
    !text.is_empty()
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, length: usize| (text.len() == length).then(|| text.parse::<u32>().ok()).flatten();
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else { return false };
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let below = |text: &str, limit: u32| text.len() == 2 && text.parse::<u32>().is_ok_and(|value| value < limit);
    let parts: Vec<_> = clock.split(':').collect();
    let clock_fits =
        matches!(parts[..], [hour, minute, second] if below(hour, 24) && below(minute, 60) && below(second, 60));
    let zone_fits = zone == "Z"
        || zone
            .get(1..)
            .and_then(|zone| zone.split_once(':'))
            .is_some_and(|(hour, minute)| below(hour, 24) && below(minute, 60));
    is_date(date) && clock_fits && zone_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_takes_its_example_and_refuses_what_is_near_it() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("dns-label", &["order-service"], &["Order", "a_b", "-a", "", "on"]),
            ("quantity", &["500m", "0.5", "128Mi"], &["512MB", "0", "-1", ""]),
            (
                "image-reference",
                &["registry.example.com/redis:7.4.1", "localhost:5000/a:b"],
                &["registry.example.com/redis", "localhost:5000/a", "a:b:c"],
            ),
            (
                "event",
                &["order.created", "order.line-added"],
                &["Order.created", "order..created", ".a", "order created"],
            ),
            ("database-name", &["order", "order_history"], &["Order", "1a", ""]),
            ("path", &["/health"], &["health", "/a b"]),
            ("repository-path", &["a/b.yaml"], &["/a", "../a", "a//b", "a/./b"]),
            (
                "git-url",
                &["https://git.example.com/a.git", "git@git.example.com:a.git", "ssh://git@h/a"],
                &["https://me:token@h/a", "--upload-pack=x", "ext::sh", "a b"],
            ),
            ("cron", &["0 2 * * *", "*/5 1-5 1,2 * 0"], &["0 2 * *", "60 0 * * *", "0 0 2 * * *", "5-1 * * * *"]),
            ("cidr", &["10.20.0.0/16", "fd00::/8"], &["10.20.0.0", "10.20.0.0/33", "x/8"]),
            ("duration", &["1h", "1h30m"], &["1", "h", "1d", ""]),
            ("date", &["2026-12-31", "2024-02-29"], &["2026-13-01", "2026-02-29", "26-1-1"]),
            (
                "date-time",
                &["2026-12-18T00:00:00Z", "2026-12-18T00:00:00+01:00"],
                &["2026-12-18", "2026-12-18T24:00:00Z", "2026-12-18T00:00:00"],
            ),
            ("code-owners", &["@shop/commerce", "@a b@example.com"], &["commerce", ""]),
            ("layout-pattern", &["apps/{service}/overlays/{environment}"], &["apps", "/{service}"]),
            ("object-pattern", &["Secret/*", "Secret/production/*-db"], &["Secret", "a/b/c/d", "a//c"]),
            ("policy-id", &["images/tag-mutable", "images"], &["images/", "a b"]),
            ("secret-path", &["{environment}/{name}"], &["{environment}", ""]),
            ("cluster-url", &["https://kubernetes.default.svc"], &["kubernetes", "http://a"]),
        ];
        for (name, good, bad) in cases {
            let format =
                FORMATS.iter().find(|format| format.name == *name).unwrap_or_else(|| panic!("no format {name}"));
            good.iter().for_each(|text| assert!((format.check)(text), "{name}: {text}"));
            bad.iter().for_each(|text| assert!(!(format.check)(text), "{name}: {text}"));
        }
    }
}
