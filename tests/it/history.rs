//! `gitopsctl history`: when which version ran, how it came and by whom, from Git alone.

use serde_json::Value;

use crate::rollback::{Shop, git, json, overlay};
use crate::support::{Repository, gitopsctl};

/// A shop in which each kind of change was made in production, the last ones by Bob.
fn eventful() -> Shop {
    let shop = Shop::new();
    shop.bump("order-service", "v1.2.2");
    shop.bump("user-service", "v9");
    shop.run("bump order-service v1.3.0 --env dev").exits(0);
    shop.run("promote order-service --from dev --to production").exits(0);
    shop.git(&["config", "user.name", "Bob"]);
    shop.git(&["config", "user.email", "bob@example.com"]);
    shop.rollback("").exits(0);
    shop.rollback(" --to v1.3.0").exits(0);
    shop.edit(&overlay("order-service", "production"), "v1.3.0", "hotfix");
    shop.git(&[
        "-c",
        "user.name=Bob",
        "-c",
        "user.email=bob@example.com",
        "commit",
        "--quiet",
        "--all",
        "-m",
        "fix: pin\tit",
    ]);
    shop
}

fn column(told: &Value, key: &str) -> Vec<String> {
    let text = |entry: &Value| entry[key].as_str().unwrap_or("-").to_owned();
    told["entries"].as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn kinds_versions_and_people_are_told() {
    let shop = eventful();
    let told = json(&shop.run("history order-service --env production --format json").exits(0));
    assert_eq!((&told["version"], &told["service"]), (&1.into(), &"order-service".into()));
    assert_eq!(column(&told, "kind"), ["by-hand", "reapply", "rollback", "promotion", "bump", "by-hand"]);
    assert_eq!(column(&told, "to"), ["hotfix", "v1.3.0", "v1.2.2", "v1.3.0", "v1.2.2", "v1.2.1"]);
    assert_eq!(column(&told, "from"), ["v1.3.0", "v1.2.2", "v1.3.0", "v1.2.2", "v1.2.1", "-"]);
    assert_eq!(column(&told, "author"), ["Bob", "Bob", "Bob", "Ann", "Ann", "Ann"]);
    assert_eq!(column(&told, "promotedFrom")[3], "dev");
    let first = &told["entries"][0];
    assert_eq!(first["commit"], shop.tip().as_str());
    assert_eq!((&first["mail"], &first["until"]), (&"bob@example.com".into(), &Value::Null));
    assert_eq!(first["newName"], "r.io/shop/order-service");
    assert_eq!(first["file"], overlay("order-service", "production").as_str());
    assert!(
        first["since"].as_str().is_some_and(|since| since.ends_with('Z') && since.parse::<jiff::Timestamp>().is_ok())
    );
    let (since, until) = (column(&told, "since"), column(&told, "until"));
    assert_eq!(since[..5], until[1..], "each ran until the next one came");
}

#[test]
fn a_table_an_environment_is_printed() {
    let shop = eventful();
    let run = shop.run("history order-service").exits(0);
    let lines: Vec<Vec<&str>> = run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["order-service", "in", "dev"]);
    assert_eq!(lines[1], ["SINCE", "VERSION", "HOW", "BY", "COMMIT", "SUBJECT"]);
    assert_eq!(lines[2][2..5], ["v1.3.0", "bump", "Ann"]);
    assert_eq!((lines[4].as_slice(), lines[5].as_slice()), (&[][..], &["order-service", "in", "production"][..]));
    let tip = shop.git(&["rev-parse", "--short=10", "HEAD"]);
    assert_eq!(lines[7][2..], ["hotfix", "by-hand", "Bob", &tip, "fix:", "pin", "it"]);
    assert_eq!(lines.len(), 13, "{}", run.stdout);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn as_much_is_told_as_is_asked_for() {
    let shop = eventful();
    let count = |words: &str| {
        let told = json(&shop.run(&format!("history order-service --format json{words}")).exits(0));
        column(&told, "to").len()
    };
    assert_eq!((count(""), count(" --env production"), count(" --env dev"), count(" -n 1")), (8, 6, 2, 2));
    assert_eq!((count(" --env production -n 3"), count(" --all"), count(" --env production --rev HEAD~2")), (3, 8, 4));
    for number in 0..7 {
        shop.run(&format!("bump order-service v2.0.{number} --env production")).exits(0);
    }
    assert_eq!((count(" --env production"), count(" --env production --all")), (10, 13));
    shop.run("history order-service --all -n 3").exits(2);
    shop.run("history order-service --env prod").exits(2).says("it is deployed to: dev, production");
    shop.run("history order-servise").exits(2).says("did you mean `order-service`?");
    shop.run("history order-service --rev nothing").exits(2).says("the repository has no revision `nothing`");
    // From a folder below, by its path, and by the image's name.
    let below = shop.repository.path().join("fleet/overlays");
    let told = json(&gitopsctl(&below, &["history", "cart", "--path", "production", "--format", "json"]).exits(0));
    assert_eq!(column(&told, "to"), ["v1"]);
    assert_eq!(told["entries"][0]["environment"], "production");
}

#[test]
fn what_is_not_there_is_said() {
    let shop = eventful();
    let (_server, url) = shop.serve();
    let folder = Repository::empty();
    git(folder.path(), &["clone", "--quiet", "--depth", "2", &url, "clone"]);
    let clone = folder.path().join("clone");
    let run = gitopsctl(&clone, &["history", "order-service", "--env", "production", "--format", "json"]).exits(0);
    let told = json(&run.says("the clone is shallow: what came before its boundary is not shown"));
    assert_eq!(column(&told, "to"), ["hotfix", "v1.3.0"]);
    assert_eq!((&told["entries"][1]["kind"], &told["entries"][1]["since"]), (&Value::Null, &Value::Null));
    let run = gitopsctl(&clone, &["history", "order-service"]).exits(0);
    assert_eq!(run.stderr.matches("the clone is shallow").count(), 1, "{}", run.stderr);
    // A file that nobody can read says nothing, and does not end it.
    let path = overlay("order-service", "production");
    let text = shop.read(&path);
    shop.write(&path, "images: [\n");
    let broken = shop.commit("Oops");
    shop.write(&path, &text.replace("hotfix", "v4"));
    shop.commit("Mended");
    let run = shop.run("history order-service --env production --format json -n 2").exits(0);
    let run = run.says(&format!("{path} in {} cannot be read: passed over", &broken[..10]));
    assert_eq!(column(&json(&run), "to"), ["v4", "hotfix"]);
}

#[test]
fn a_long_history_is_left_where_enough_was_seen() {
    let shop = Shop::released();
    // Were it read to its end, it would end at what is not there.
    let root = shop.git(&["rev-list", "--max-parents=0", "HEAD"]);
    let (start, rest) = root.split_at(2);
    std::fs::remove_file(shop.repository.path().join(".git/objects").join(start).join(rest))
        .unwrap_or_else(|error| panic!("{error}"));
    shop.run("history order-service --env production --all").exits(0).says("the clone lacks what came before");
    let run = shop.run("history order-service --env production -n 1 --format json").exits(0);
    assert_eq!((column(&json(&run), "to"), run.stderr), (vec!["v1.2.3".to_owned()], String::new()));
}
