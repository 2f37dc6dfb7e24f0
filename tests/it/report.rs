//! `report`: the data in the page is what is deployed, nothing secret is in it, and nothing gets out of its place.

use serde_json::Value;

use crate::rollback::{Shop, overlay};
use crate::support::Repository;

/// A page, taken apart.
struct Page {
    text: String,
}

impl Page {
    fn of(repository: &Repository, arguments: &[&str], code: i32) -> Self {
        let arguments: Vec<&str> = ["report", "-o", "page.html"].iter().chain(arguments).copied().collect();
        repository.run(&arguments).exits(code);
        Self { text: repository.read("page.html") }
    }

    fn block(&self, id: &str) -> Value {
        let start = format!("<script type=\"application/json\" id=\"{id}\">");
        let block = self.text.split(&start).nth(1).and_then(|rest| rest.split("</script>").next());
        serde_json::from_str(block.unwrap_or_default()).unwrap_or_else(|error| panic!("{id}: {error}"))
    }

    fn rows(&self) -> Vec<String> {
        let index = self.block("index");
        let rows = index["rows"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row[0].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The cells of a row of the table, as text.
    fn cells(&self, service: &str) -> Vec<String> {
        let start = format!("<a href=\"#s/{service}\">{service}</a>");
        let row = self.text.split(&start).nth(1).and_then(|rest| rest.split("</tr>").next()).unwrap_or_default();
        let plain = |cell: &str| {
            let text = cell.split_once('>').map_or("", |(_, text)| text);
            text.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<String>()
        };
        row.split("<td").skip(1).map(plain).map(|text| text.trim().to_owned()).collect()
    }

    /// Each line of an object as it is built, with who set it, the last one first.
    fn lines(&self, service: &str, environment: usize, object: (&str, &str)) -> Vec<(String, Vec<String>)> {
        let row = self.rows().iter().position(|name| name == service).unwrap_or_else(|| panic!("no {service}"));
        let (block, texts, files, steps) =
            (self.block(&format!("m{row}")), self.block("lines"), self.block("files"), self.block("steps"));
        let numbers = |value: &Value| -> Vec<i64> {
            value.as_array().into_iter().flatten().map(|one| one.as_i64().unwrap_or_default()).collect()
        };
        let at = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let (mut file, mut line) = (0, 0);
        let mut chains = Vec::new();
        for flat in block["o"].as_array().into_iter().flatten().map(numbers) {
            let mut chain = Vec::new();
            for (number, triple) in flat.chunks(3).enumerate() {
                let [other_file, other_line, step] = triple else { panic!("{triple:?}") };
                let is_first = number == 0;
                let (here, number) =
                    if is_first { (file + other_file, line + other_line) } else { (*other_file, *other_line) };
                if is_first {
                    (file, line) = (here, number);
                }
                let step = steps[at(*step)].as_str().unwrap_or_default();
                chain.push(
                    format!("{}:{number} {step}", files[at(here)].as_str().unwrap_or_default()).trim_end().to_owned(),
                );
            }
            if flat.is_empty() {
                (file, line) = (0, 0);
            }
            chains.push(chain);
        }
        let objects = block["c"][environment]["b"].as_array().cloned().unwrap_or_default();
        let found = objects.iter().find(|one| one[0] == object.0 && one[1] == object.1);
        let found = found.unwrap_or_else(|| panic!("no {object:?}"));
        let (mut text, mut origin) = (0, 0);
        let differences = numbers(&found[2]).into_iter().zip(numbers(&found[3]));
        differences
            .map(|(one, other)| {
                (text, origin) = (text + one, origin + other);
                (texts[at(text)].as_str().unwrap_or_default().to_owned(), chains[at(origin)].clone())
            })
            .collect()
    }
}

#[test]
fn the_page_has_every_service_with_what_runs_and_who_set_it() {
    let repository = Repository::rendered();
    let page = Page::of(&repository, &[], 0);
    let rows = page.rows();
    assert_eq!(rows.len(), 24, "21 services, and what they share: {rows:?}");
    assert_eq!(rows[21..], ["applications", "infrastructure", "root"]);
    assert_eq!(page.block("index")["environments"], serde_json::json!(["dev", "production", ""]));
    assert_eq!(
        page.cells("order-service"),
        ["v1.9.0", "1–3", "50m / 250m", "64Mi / 256Mi", "", "v1.9.0", "6–40", "500m / 2", "512Mi / 1Gi", ""]
    );
    // What `blame` says, line by line.
    let blame = repository.run(&[
        "blame",
        "gitops/apps/order-service/overlays/production",
        "Deployment/order-service",
        "--format",
        "json",
    ]);
    let blame: Value = serde_json::from_str(&blame.exits(0).stdout).unwrap_or_else(|error| panic!("{error}"));
    let told: Vec<(String, Vec<String>)> = blame["objects"][0]["lines"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| {
            let setter = |one: &Value| {
                let (file, step) = (one["location"]["file"].as_str(), one["step"].as_str().unwrap_or_default());
                format!("{}:{} {step}", file.unwrap_or_default(), one["location"]["line"]).trim_end().to_owned()
            };
            let setters = line["setBy"].as_array().into_iter().flatten().map(setter).collect();
            (line["text"].as_str().unwrap_or_default().to_owned(), setters)
        })
        .collect();
    let shown = page.lines("order-service", 1, ("Deployment", "order-service"));
    assert!(told.len() > 100);
    assert_eq!(shown, told);
    let image = shown.iter().find(|(text, _)| text.contains("image: ")).map(|(_, setters)| setters[0].clone());
    let expected = "gitops/apps/order-service/overlays/production/kustomization.yaml:";
    assert!(image.as_deref().is_some_and(|by| by.starts_with(expected) && by.ends_with(" images")), "{image:?}");
    // One environment alone, and none that is not there.
    let page = Page::of(&repository, &["--env", "dev"], 0);
    assert_eq!(page.block("index")["environments"], serde_json::json!(["dev"]));
    repository.run(&["report", "--env", "moon"]).exits(2).says("nothing is deployed to moon");
}

#[test]
fn findings_have_their_line_and_secrets_are_nowhere() {
    let repository = Repository::rendered();
    let deployment = "gitops/apps/auth-service/base/deployment.yaml";
    let env = "        envFrom:\n";
    let hostile = "        - name: EVIL\n          value: \"</script><script>alert(1)</script> \\e[31m <!--\"\n";
    let secret = "        - name: API_PASSWORD\n          value: hunter2hunter2X9\n";
    repository.edit(deployment, env, &format!("{secret}{hostile}{env}"));
    let base = "gitops/apps/auth-service/base/";
    repository.write(
        &format!("{base}extra/secret.yaml"),
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: auth-extra\nstringData:\n  plain: Sw0rdfish-is-it\ndata:\n  coded: cDRzcy1jb2RlZA==\n",
    );
    repository.edit(&format!("{base}kustomization.yaml"), "resources:\n", "resources:\n- extra/secret.yaml\n");
    let page = Page::of(&repository, &[], 0);
    for secret in ["hunter2hunter2X9", "Sw0rdfish-is-it", "cDRzcy1jb2RlZA==", "p4ss-coded"] {
        assert!(!page.text.contains(secret), "{secret}");
    }
    let lines = page.lines("auth-service", 0, ("Secret", "auth-extra"));
    assert!(
        lines.iter().any(|(text, setters)| {
            text == "  plain: <secret>" && setters == &[format!("{base}extra/secret.yaml:6")]
        }),
        "{lines:?}"
    );
    // The finding, its place, its line without the value, and the count in the table.
    let number = repository.read(deployment).lines().position(|line| line.contains("hunter2")).unwrap_or(0) + 1;
    for part in [
        "<code>secrets/env-literal</code>".to_owned(),
        format!("<figcaption>{deployment}:{number}</figcaption>"),
        format!("<mark><i>{number}</i>  value: &lt;secret&gt;</mark>"),
    ] {
        assert!(page.text.contains(&part), "no {part}");
    }
    assert!(page.cells("auth-service").iter().any(|cell| cell.contains("error")), "{:?}", page.cells("auth-service"));
    // Nothing of a manifest is part of the page: as many scripts begin as the page itself has.
    assert!(!page.text.contains("<script>alert") && !page.text.contains('\u{1b}') && !page.text.contains(" <!--"));
    assert_eq!(page.text.matches("<script").count(), page.text.matches("</script>").count());
    let evil = page.lines("auth-service", 0, ("Deployment", "auth-service"));
    assert!(evil.iter().any(|(text, _)| text.contains("</script><script>alert(1)</script>")), "it is there as text");
    assert!(page.text.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    assert!(!page.text.contains("src=\"") && !page.text.contains("url("), "nothing is fetched");
}

#[test]
fn releases_are_those_of_the_branch() {
    let page = Page::of(&Repository::rendered(), &[], 0);
    assert!(page.text.contains("There is no Git repository here"));
    let shop = Shop::new();
    shop.bump("order-service", "v1.2.2");
    let hostile = "fix </script><img src=x onerror=alert(1)>";
    shop.edit(&overlay("order-service", "production"), "v1.2.2", "hotfix");
    shop.commit(hostile);
    let page = |line: &str| {
        shop.run(&format!("report -o page.html{line}")).exits(0);
        Page { text: shop.read("page.html") }
    };
    let now = page("");
    let row = now.rows().iter().position(|name| name == "order-service").unwrap_or(usize::MAX);
    let block = now.block(&format!("m{row}"));
    let told = |environment: usize| -> Vec<[String; 3]> {
        let releases = block["c"][environment]["h"].as_array().cloned().unwrap_or_default();
        releases.iter().map(|one| [1, 2, 3].map(|at| one[at].as_str().unwrap_or_default().to_owned())).collect()
    };
    let rows = |rows: &[[&str; 3]]| rows.iter().map(|row| row.map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(told(0), rows(&[["v1.2.1", "by-hand", "Ann"]]));
    let in_production = [["hotfix", "by-hand", "Ann"], ["v1.2.2", "bump", "Ann"], ["v1.2.1", "by-hand", "Ann"]];
    assert_eq!(told(1), rows(&in_production));
    assert_eq!(block["c"][1]["h"][0][5], hostile);
    assert!(!now.text.contains("<img"), "a subject is no part of the page");
    // The page of a revision is of that revision.
    assert_eq!(now.cells("order-service")[5], "hotfix");
    assert_eq!(page(" --rev HEAD~1").cells("order-service")[5], "v1.2.2");
}
