//! An editor, scripted: what `gitopsctl lsp` says over a pipe, and that nothing an editor sends breaks it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Repository;

/// No answer takes longer, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    last: i32,
    root: String,
}

impl Editor {
    /// Starts the server, without a word to it.
    fn silent(root: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gitopsctl"))
            .arg("lsp")
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}"));
        let mut output = BufReader::new(child.stdout.take().unwrap_or_else(|| panic!("no output")));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let root = format!("file://{}", root.display());
        Self { input: child.stdin.take(), child, messages, last: 0, root }
    }

    fn open(repository: &Repository, encodings: &[&str]) -> (Self, Value) {
        let mut editor = Self::silent(repository.path());
        let capabilities = json!({"general": {"positionEncodings": encodings}});
        let answer =
            editor.ask("initialize", &json!({"processId": null, "rootUri": editor.root, "capabilities": capabilities}));
        editor.tell("initialized", &json!({}));
        (editor, answer)
    }

    fn uri(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    fn raw(&mut self, bytes: &[u8]) {
        // A server that has gone is found out by what it answers.
        if let Some(input) = &mut self.input {
            let _ = input.write_all(bytes).and_then(|()| input.flush());
        }
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// The whole answer.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.until(|message| message["id"] == id && message.get("method").is_none())
    }

    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left).unwrap_or_else(|error| panic!("no answer: {error}"));
            if is_it(&message) {
                return message;
            }
        }
    }

    fn did_open(&mut self, path: &str, text: &str) {
        let document = json!({"uri": self.uri(path), "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", &json!({"textDocument": document}));
    }

    fn did_change(&mut self, path: &str, text: &str) {
        let document = json!({"uri": self.uri(path), "version": 2});
        self.tell("textDocument/didChange", &json!({"textDocument": document, "contentChanges": [{"text": text}]}));
    }

    /// Waits until a file has, or has no longer, a diagnostic of a code; it.
    fn diagnostic(&mut self, path: &str, code: &str, has: bool) -> Value {
        let uri = self.uri(path);
        let of = |message: &Value| {
            let all = message["params"]["diagnostics"].as_array().cloned().unwrap_or_default();
            all.into_iter().find(|diagnostic| diagnostic["code"] == code)
        };
        let message = self.until(|message| {
            let is_it = message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri;
            is_it && of(message).is_some() == has
        });
        of(&message).unwrap_or_default()
    }

    fn at(&mut self, method: &str, path: &str, text: &str, word: &str) -> Value {
        let offset = text.find(word).unwrap_or_else(|| panic!("no {word}"));
        let line = text[..offset].matches('\n').count();
        let character = offset - text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let position = json!({"line": line, "character": character});
        let document = json!({"uri": self.uri(path)});
        self.ask(method, &json!({"textDocument": document, "position": position}))["result"].clone()
    }

    fn hover(&mut self, path: &str, text: &str, word: &str) -> String {
        self.at("textDocument/hover", path, text, word)["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Where a word leads: paths from the top, with lines from 1.
    fn definition(&mut self, path: &str, text: &str, word: &str) -> Vec<String> {
        let found = self.at("textDocument/definition", path, text, word);
        let root = format!("{}/", self.root);
        let shown = |place: &Value| {
            let line = place["range"]["start"]["line"].as_u64().unwrap_or(0) + 1;
            format!("{}:{line}", place["uri"].as_str().unwrap_or_default().trim_start_matches(&root))
        };
        found.as_array().into_iter().flatten().map(shown).collect()
    }

    /// Ends as the protocol has it; what the server said beside it.
    fn close(mut self) -> (Option<i32>, String) {
        let answer = self.ask("shutdown", &Value::Null);
        assert_eq!(answer.get("error"), None, "{answer}");
        self.tell("exit", &Value::Null);
        self.end()
    }

    fn end(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        let end = Instant::now() + PATIENCE;
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap_or_else(|error| panic!("{error}")) {
                break status.code();
            }
            if Instant::now() > end {
                let _ = self.child.kill();
                panic!("the server does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap_or_else(|| panic!("no stderr"));
        stderr.read_to_string(&mut said).unwrap_or_else(|error| panic!("{error}"));
        (code, said)
    }
}

fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some((_, value)) => length = value.parse().ok()?,
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0.0
        envFrom:
        - configMapRef:
            name: settings
        livenessProbe:
          httpGet: {path: /health, port: 80}
          successThreshold: 2
";
const BASE: &str = "resources:
- deployment.yaml
configMapGenerator:
- name: settings
  files:
  - app.conf=files/app.conf
";
const PRODUCTION: &str = "resources:
- ../../base
patches:
- path: patch.yaml
images:
- name: registry.example.com/web
  newTag: 2.0.0
";
const PATCH: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
";

fn repository() -> Repository {
    let repository = Repository::empty();
    repository.write("web/base/deployment.yaml", DEPLOYMENT);
    repository.write("web/base/kustomization.yaml", BASE);
    repository.write("web/base/files/app.conf", "a=1\n");
    repository.write("web/overlays/dev/kustomization.yaml", "resources:\n- ../../base\n");
    repository.write("web/overlays/production/kustomization.yaml", PRODUCTION);
    repository.write("web/overlays/production/patch.yaml", PATCH);
    repository
}

const FILE: &str = "web/base/deployment.yaml";

#[test]
fn findings_follow_what_is_typed_and_go_when_they_are_mended() {
    let repository = repository();
    let (mut editor, answer) = Editor::open(&repository, &["utf-16"]);
    let capabilities = &answer["result"]["capabilities"];
    assert_eq!(capabilities["positionEncoding"], "utf-16", "{answer}");
    assert_eq!(capabilities["hoverProvider"], true, "{answer}");
    editor.did_open(FILE, DEPLOYMENT);
    let code = "kubernetes/success-threshold";
    let found = editor.diagnostic(FILE, code, true);
    let line = found["range"]["start"]["line"].as_u64().unwrap_or(0);
    assert_eq!(found["source"], "gitopsctl", "{found}");
    assert!(found["message"].as_str().is_some_and(|text| text.contains("(dev, production)\nhelp: ")), "{found}");
    // Lines above it move it, characters of several units too.
    editor.did_change(FILE, &format!("# 𝄞\n# two\n{DEPLOYMENT}"));
    assert_eq!(editor.diagnostic(FILE, code, true)["range"]["start"]["line"], line + 2);
    // The text that is open counts, not what lies on disk.
    let mended = DEPLOYMENT.replace("Threshold: 2", "Threshold: 1");
    editor.did_change(FILE, &mended);
    editor.diagnostic(FILE, code, false);
    // What does not build is told where it is, and goes when it does.
    editor.did_change(FILE, &mended.replace("spec:\n  replicas: 1", "spec: {\n  replicas: 1"));
    editor.diagnostic(FILE, "build/resource", true);
    editor.did_change(FILE, DEPLOYMENT);
    editor.diagnostic(FILE, "build/resource", false);
    assert_eq!(editor.close(), (Some(0), String::new()));
}

#[test]
fn a_fix_is_offered_where_the_finding_is_and_mends_it() {
    let repository = repository();
    for text in [DEPLOYMENT.to_owned(), DEPLOYMENT.replace('\n', "\r\n")] {
        let (mut editor, _) = Editor::open(&repository, &[]);
        editor.did_open(FILE, &text);
        let found = editor.diagnostic(FILE, "kubernetes/success-threshold", true);
        let document = json!({"uri": editor.uri(FILE)});
        let params = json!({"textDocument": document, "range": found["range"], "context": {"diagnostics": []}});
        let actions = editor.ask("textDocument/codeAction", &params)["result"].clone();
        let is_it = |action: &&Value| action["title"].as_str().is_some_and(|title| title.contains("success-threshold"));
        let action = actions.as_array().into_iter().flatten().find(is_it).cloned().unwrap_or_default();
        let edit = &action["edit"]["changes"][editor.uri(FILE)][0];
        let place = |side: &str| {
            let number =
                |field: &str| edit["range"][side][field].as_u64().and_then(|number| usize::try_from(number).ok());
            let line: usize = text.split_inclusive('\n').take(number("line").unwrap_or(0)).map(str::len).sum();
            line + number("character").unwrap_or(0)
        };
        let mut mended = text.clone();
        mended.replace_range(place("start")..place("end"), edit["newText"].as_str().unwrap_or_default());
        let lines = text.split_inclusive('\n').filter(|line| !line.contains("successThreshold"));
        assert_eq!(mended, lines.collect::<String>(), "{actions}");
        editor.did_change(FILE, &mended);
        editor.diagnostic(FILE, "kubernetes/success-threshold", false);
        assert_eq!(editor.close().0, Some(0));
    }
}

#[test]
fn hover_says_where_a_value_is_set_again_and_where_it_ends_up() {
    let repository = repository();
    let (mut editor, answer) = Editor::open(&repository, &["utf-8", "utf-16"]);
    assert_eq!(answer["result"]["capabilities"]["positionEncoding"], "utf-8", "{answer}");
    editor.did_open(FILE, DEPLOYMENT);
    editor.diagnostic(FILE, "kubernetes/success-threshold", true);
    let text = editor.hover(FILE, DEPLOYMENT, "replicas: 1");
    assert!(text.starts_with("set here; overridden by [web/overlays/production/patch.yaml:6]("), "{text}");
    assert!(text.contains("patch.yaml#L6) (strategic merge patch); reaches dev, production\n"), "{text}");
    assert!(text.contains("- dev: Deployment `web` `spec.replicas` = `1`\n"), "{text}");
    assert!(text.contains("- production: Deployment `web` `spec.replicas` = `3`, set by ["), "{text}");
    let patch = "web/overlays/production/patch.yaml";
    let text = editor.hover(patch, PATCH, "3");
    assert!(text.starts_with("set here; reaches production\n"), "{text}");
    assert!(text.contains("over [web/base/deployment.yaml:6]"), "{text}");
    // The text that is open counts.
    let typed = format!("# one\n{}", PATCH.replace('3', "4"));
    editor.did_open(patch, &typed);
    assert!(editor.hover(patch, &typed, "4").contains("= `4`, over [web/base/deployment.yaml:6]"));
    assert_eq!(editor.hover(patch, &typed, "# one"), "");
    let kustomization = "web/overlays/production/kustomization.yaml";
    let text = editor.hover(kustomization, PRODUCTION, "newTag");
    assert!(
        text.contains("`spec.template.spec.containers.[name=web].image` = `registry.example.com/web:2.0.0`"),
        "{text}"
    );
    assert_eq!(editor.close(), (Some(0), String::new()));
}

#[test]
fn names_lead_to_what_they_name() {
    let repository = repository();
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n  source:\n    repoURL: https://example.com/r.git\n    path: web/overlays/dev\n  destination: {namespace: dev}\n";
    let (mut editor, _) = Editor::open(&repository, &["utf-8"]);
    editor.did_open(FILE, DEPLOYMENT);
    editor.diagnostic(FILE, "kubernetes/success-threshold", true);
    let kustomization = "web/overlays/production/kustomization.yaml";
    assert_eq!(editor.definition(kustomization, PRODUCTION, "../../base"), ["web/base/kustomization.yaml:1"]);
    assert_eq!(editor.definition(kustomization, PRODUCTION, "patch.yaml"), ["web/overlays/production/patch.yaml:1"]);
    assert_eq!(editor.definition(kustomization, PRODUCTION, "newTag"), ["web/base/deployment.yaml:17"]);
    let base = "web/base/kustomization.yaml";
    assert_eq!(editor.definition(base, BASE, "deployment.yaml"), ["web/base/deployment.yaml:1"]);
    assert_eq!(editor.definition(base, BASE, "app.conf="), ["web/base/files/app.conf:1"]);
    let patch = "web/overlays/production/patch.yaml";
    assert_eq!(editor.definition(patch, PATCH, "replicas"), ["web/base/deployment.yaml:6"]);
    assert_eq!(editor.definition(patch, PATCH, "name: web"), ["web/base/deployment.yaml:4"]);
    assert_eq!(editor.definition(FILE, DEPLOYMENT, "settings"), ["web/base/kustomization.yaml:4"]);
    editor.did_open("application.yaml", application);
    assert_eq!(
        editor.definition("application.yaml", application, "web/overlays"),
        ["web/overlays/dev/kustomization.yaml:1"]
    );
    assert_eq!(editor.close(), (Some(0), String::new()));
}

#[test]
fn what_changes_on_disk_is_read_again() {
    let repository = repository();
    let (mut editor, _) = Editor::open(&repository, &["utf-8"]);
    let code = "kubernetes/success-threshold";
    editor.diagnostic(FILE, code, true);
    repository.edit(FILE, "Threshold: 2", "Threshold: 1");
    let change = json!({"uri": editor.uri(FILE), "type": 2});
    editor.tell("workspace/didChangeWatchedFiles", &json!({"changes": [change]}));
    editor.diagnostic(FILE, code, false);
    assert_eq!(editor.close(), (Some(0), String::new()));
}

#[test]
fn a_wild_editor_breaks_nothing() {
    let repository = repository();
    repository.write("web/base/bytes.yaml", "a: b\n");
    let mut editor = Editor::silent(repository.path());
    // Before the greeting.
    assert_eq!(editor.ask("textDocument/hover", &json!({}))["error"]["code"], -32002);
    editor.tell("textDocument/didOpen", &json!({}));
    editor.raw(b"Content-Length: 3\r\n\r\n{]}");
    editor.raw(b"Content-Length: 4\r\nContent-Length: 2\r\n\r\n[]");
    let deep = "[".repeat(100_000);
    editor.raw(format!("Content-Length: {}\r\n\r\n{deep}", deep.len()).as_bytes());
    let answer = editor.ask("initialize", &json!({"rootUri": 7, "workspaceFolders": "no", "capabilities": []}));
    assert!(answer["result"]["capabilities"].is_object(), "{answer}");
    assert_eq!(editor.ask("initialize", &json!({}))["error"]["code"], -32600);
    assert_eq!(editor.ask("textDocument/rename", &json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", &json!([1]))["error"]["code"], -32602);
    let uris = [
        "untitled:1",
        "file://other/x.yaml",
        "file:///",
        "file:///%FF",
        "file:///nowhere/x.yaml",
        "http://[",
        "",
        "file:///../../etc/x",
    ];
    for uri in uris {
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": "a: b\n"});
        editor.tell("textDocument/didOpen", &json!({"textDocument": document}));
        let far = json!({"line": 4_000_000_000_u32, "character": 4_000_000_000_u32});
        let at = json!({"textDocument": {"uri": uri}, "position": far});
        for method in ["textDocument/hover", "textDocument/definition"] {
            let answer = editor.ask(method, &at);
            assert!(answer.get("result").is_some() || answer["error"]["code"] == -32602, "{uri}: {answer}");
        }
        editor.tell("textDocument/didClose", &json!({"textDocument": {"uri": uri}}));
    }
    // Texts that no one should open.
    let nested = format!("a: {}\n", "[".repeat(50_000));
    let bomb =
        "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n";
    let long = format!("a: {}\n", "x".repeat(3_000_000));
    editor.did_open(FILE, DEPLOYMENT);
    for text in [nested.as_str(), bomb, &long, "\u{feff}a: b", "a: \u{0}\n", "---\n---\n", "\r\r\r", "a:\tb\n- c", "𝄞"]
    {
        editor.did_change(FILE, text);
        for method in ["textDocument/hover", "textDocument/definition"] {
            let answer = editor.ask(
                method,
                &json!({"textDocument": {"uri": editor.uri(FILE)}, "position": {"line": 0, "character": 3}}),
            );
            assert!(answer.get("error").is_none(), "{answer}");
        }
    }
    // Ranges that are none, in a text that was never opened and in one that was.
    let range = json!({"start": {"line": 9, "character": 9}, "end": {"line": 0, "character": 1}});
    for path in ["web/base/bytes.yaml", FILE] {
        let document = json!({"uri": editor.uri(path), "version": 2});
        editor.tell(
            "textDocument/didChange",
            &json!({"textDocument": document, "contentChanges": [{"range": range, "text": "é"}]}),
        );
    }
    editor.did_change(FILE, DEPLOYMENT);
    editor.diagnostic(FILE, "kubernetes/success-threshold", true);
    let (code, said) = editor.close();
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn an_editor_that_goes_or_talks_another_language_ends_it() {
    let repository = repository();
    let (editor, _) = Editor::open(&repository, &[]);
    assert_eq!(editor.end(), (Some(0), String::new()));
    let mut editor = Editor::silent(repository.path());
    editor.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let (code, said) = editor.end();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("the editor cannot be understood"), "{said}");
    let mut editor = Editor::silent(repository.path());
    editor.raw(b"Content-Length: 18446744073709551615\r\n\r\n{}");
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn the_platform_answers_while_somebody_types() {
    let repository = Repository::rendered();
    let path = "gitops/apps/order-service/base/deployment.yaml";
    let text = repository.read(path);
    let (mut editor, _) = Editor::open(&repository, &["utf-8"]);
    editor.did_open(path, &text);
    let broken = text.replacen("spec:", "spec: {", 1);
    let mut times = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        editor.did_change(path, &broken);
        editor.diagnostic(path, "build/resource", true);
        times.push(start.elapsed());
        editor.did_change(path, &text);
        editor.diagnostic(path, "build/resource", false);
    }
    // 50 ms in a release build; this one may be fifty times slower on a machine that is busy.
    assert!(times.iter().min().is_some_and(|time| *time < Duration::from_secs(5)), "{times:?}");
    assert_eq!(editor.close(), (Some(0), String::new()));
}
