//! What an editor asks over a pipe: findings of `lint` while somebody types, what a value does, where a name leads.
//!
//! In: messages of the Language Server Protocol. Out: its answers. Reads nothing but through a `Tree`, and leaves the pipe, the
//! settings and the paths without links to `cli`. The whole repository is linted on a thread of its own; a keystroke lints
//! what it reaches (`pipeline::live`) before the next message is read.

mod actions;
mod asked;
mod definition;
mod hover;
mod repository;
mod show;
mod text;
mod wire;

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability, DidChangeTextDocumentParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, GotoDefinitionParams, GotoDefinitionResponse, HoverParams,
    HoverProviderCapability, InitializeParams, InitializeResult, LogMessageParams, MessageType, OneOf, Position,
    PositionEncodingKind, PublishDiagnosticsParams, SaveOptions, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::pipeline::live::{self, Setup, Texts, Whole};
use asked::Asked;
use repository::{Document, Documents, Repository, real_path};
use text::{Units, path_of};
use wire::Received;

/// What the world gives.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The top of the repository around a folder; `None` where there is no such folder.
    pub root: fn(&Path) -> Option<PathBuf>,
    /// A path without links; `None` where nothing is there.
    pub real: fn(&Path) -> Option<PathBuf>,
    /// How the repository at a folder is linted, with some texts open.
    pub setup: fn(&Path, &Texts) -> Result<Setup, String>,
}

enum Event {
    Received(Received),
    Lost(io::Error),
    /// A repository as a whole, and how long it took; or why there is none.
    Whole(PathBuf, Result<Box<Whole>, String>, Duration),
}

/// Serves an editor until it says goodbye, or goes; whether it said so. An error says why messages cannot be read or written
/// any more.
pub fn serve(
    input: impl BufRead + Send + 'static,
    output: impl Write,
    start: PathBuf,
    world: World,
) -> io::Result<bool> {
    let (sender, events) = channel();
    let to_server = sender.clone();
    let reader = std::thread::Builder::new().name("reader".to_owned());
    reader.spawn(move || read(input, &to_server))?;
    // One thread for the whole repository leaves the others to the keystrokes.
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().saturating_sub(1).max(1));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)?;
    let server = Server {
        output,
        world,
        start,
        events: sender,
        pool: Arc::new(pool),
        documents: Documents::default(),
        repositories: Vec::new(),
        units: Units::Utf16,
        state: State::New,
        watches: false,
    };
    server.run(&events)
}

fn read(mut input: impl BufRead, events: &Sender<Event>) {
    loop {
        let event = match wire::receive(&mut input) {
            Ok(received) => Event::Received(received),
            Err(error) => Event::Lost(error),
        };
        let is_last = matches!(event, Event::Received(Received::End) | Event::Lost(_));
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Running,
    ShutDown,
    /// Whether it was shut down before.
    Exited(bool),
}

struct Server<W> {
    output: W,
    world: World,
    start: PathBuf,
    events: Sender<Event>,
    pool: Arc<rayon::ThreadPool>,
    documents: Documents,
    repositories: Vec<Repository>,
    units: Units,
    state: State,
    /// Whether the editor tells what changes on disk, if it is asked to.
    watches: bool,
}

impl<W: Write> Server<W> {
    fn run(mut self, events: &Receiver<Event>) -> io::Result<bool> {
        loop {
            let due = self.repositories.iter().filter(|repository| !repository.runs).filter_map(|one| one.due).min();
            let wait = due.map_or(Duration::from_hours(1), |due| due.saturating_duration_since(Instant::now()));
            match events.recv_timeout(wait) {
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            // What has come meanwhile is taken in first: only the last of several keystrokes matters.
            while let Ok(event) = events.try_recv() {
                self.handle(event)?;
            }
            if let State::Exited(was_shut_down) = self.state {
                return Ok(was_shut_down);
            }
            self.catch_up()?;
            self.start_due();
        }
    }

    fn handle(&mut self, event: Event) -> io::Result<()> {
        if matches!(self.state, State::Exited(_)) {
            return Ok(());
        }
        match event {
            Event::Received(Received::Message(Message::Request(request))) => self.request(request),
            Event::Received(Received::Message(Message::Notification(notification))) => self.notification(notification),
            Event::Received(Received::Message(Message::Response(_))) => Ok(()),
            Event::Received(Received::Nonsense(why)) => self.log(MessageType::WARNING, why),
            Event::Received(Received::End) => {
                self.state = State::Exited(self.state == State::ShutDown);
                Ok(())
            }
            Event::Lost(error) => Err(error),
            Event::Whole(root, result, took) => {
                let Some(at) = self.repositories.iter().position(|one| one.root == root) else { return Ok(()) };
                let repository = &mut self.repositories[at];
                (repository.runs, repository.took) = (false, took);
                match result {
                    Ok(whole) => repository.install(*whole),
                    Err(why) => return self.log(MessageType::ERROR, why),
                }
                Ok(())
            }
        }
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        let Request { id, method, params } = request;
        match (&*method, self.state) {
            ("initialize", State::New) => self.initialize(id, params),
            (_, State::New) => self.refuse(id, ErrorCode::ServerNotInitialized, "initialize comes first"),
            (_, State::ShutDown | State::Exited(_)) => {
                self.refuse(id, ErrorCode::InvalidRequest, "the server was shut down")
            }
            ("initialize", _) => self.refuse(id, ErrorCode::InvalidRequest, "initialize comes once"),
            ("shutdown", _) => {
                self.state = State::ShutDown;
                self.answer(id, Value::Null)
            }
            ("textDocument/hover", _) => self.ask(
                id,
                params,
                |params: &HoverParams| {
                    let at = &params.text_document_position_params;
                    (at.text_document.uri.clone(), at.position)
                },
                |asked, _| json!(hover::hover(asked)),
            ),
            ("textDocument/definition", _) => self.ask(
                id,
                params,
                |params: &GotoDefinitionParams| {
                    let at = &params.text_document_position_params;
                    (at.text_document.uri.clone(), at.position)
                },
                |asked, _| json!(GotoDefinitionResponse::Array(definition::definition(asked))),
            ),
            ("textDocument/codeAction", _) => self.ask(
                id,
                params,
                |params: &CodeActionParams| (params.text_document.uri.clone(), params.range.start),
                |asked, params| json!(actions::actions(asked, params.range)),
            ),
            _ => self.refuse(id, ErrorCode::MethodNotFound, &format!("`{method}` is not known")),
        }
    }

    fn notification(&mut self, notification: Notification) -> io::Result<()> {
        let Notification { method, params } = notification;
        match (&*method, self.state) {
            ("exit", state) => self.state = State::Exited(state == State::ShutDown),
            (_, State::New | State::ShutDown | State::Exited(_)) => {}
            ("initialized", _) if self.watches => return self.watch(),
            ("textDocument/didOpen", _) => {
                let Some(params) = self.read::<DidOpenTextDocumentParams>(&method, params)? else { return Ok(()) };
                self.open(params.text_document.uri, params.text_document.text);
            }
            ("textDocument/didChange", _) => {
                let Some(params) = self.read::<DidChangeTextDocumentParams>(&method, params)? else { return Ok(()) };
                self.change(&params);
            }
            ("textDocument/didClose", _) => {
                let Some(params) = self.read::<DidCloseTextDocumentParams>(&method, params)? else { return Ok(()) };
                if let Some(path) = real_path(&params.text_document.uri, self.world.real) {
                    self.documents.open.remove(&path);
                    self.touch(&path);
                }
            }
            ("textDocument/didSave" | "workspace/didChangeWatchedFiles", _) => {
                // What lies on disk is another than it was, so the whole is read again.
                for repository in &mut self.repositories {
                    repository.due = Some(Instant::now() + Duration::from_millis(100));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn initialize(&mut self, id: RequestId, params: Value) -> io::Result<()> {
        let root = params.get("rootUri").cloned();
        // An editor that is wrong about one of its many abilities is served all the same.
        let params: InitializeParams = serde_json::from_value(params).unwrap_or_default();
        let general = params.capabilities.general.as_ref();
        let encodings = general.and_then(|general| general.position_encodings.as_ref());
        if encodings.is_some_and(|known| known.contains(&PositionEncodingKind::UTF8)) {
            self.units = Units::Bytes;
        }
        let workspace = params.capabilities.workspace.as_ref();
        let watching = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        self.watches = watching.and_then(|watching| watching.dynamic_registration) == Some(true);
        let folders = params.workspace_folders.unwrap_or_default().into_iter().map(|folder| folder.uri);
        let mut folders: Vec<PathBuf> = folders.filter_map(|uri| path_of(&uri)).collect();
        if folders.is_empty() {
            let root = root.and_then(|root| serde_json::from_value::<Uri>(root).ok());
            folders.push(root.and_then(|root| path_of(&root)).unwrap_or_else(|| self.start.clone()));
        }
        for folder in folders {
            if let Some(real) = (self.world.real)(&folder) {
                self.adopt(&real);
                self.documents.folders.push((folder, real));
            }
        }
        let encoding =
            if self.units == Units::Bytes { PositionEncodingKind::UTF8 } else { PositionEncodingKind::UTF16 };
        let capabilities = ServerCapabilities {
            position_encoding: Some(encoding),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::FULL),
                save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
                ..TextDocumentSyncOptions::default()
            })),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            definition_provider: Some(OneOf::Left(true)),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                ..CodeActionOptions::default()
            })),
            ..ServerCapabilities::default()
        };
        let info = ServerInfo { name: "gitopsctl".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) };
        self.state = State::Running;
        self.answer(id, json!(InitializeResult { capabilities, server_info: Some(info) }))
    }

    /// Looks after the repository around a folder.
    fn adopt(&mut self, folder: &Path) {
        let Some(root) = (self.world.root)(folder) else { return };
        if !self.repositories.iter().any(|known| known.root == root) {
            self.repositories.push(Repository::new(root));
        }
    }

    /// Asks to be told what changes on disk.
    fn watch(&mut self) -> io::Result<()> {
        let options = json!({"watchers": [{"globPattern": "**/*"}]});
        let registration =
            json!({"id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": options});
        let params = json!({"registrations": [registration]});
        let id = RequestId::from("gitopsctl/files".to_owned());
        self.send(&Message::Request(Request { id, method: "client/registerCapability".to_owned(), params }))
    }

    fn open(&mut self, uri: Uri, text: String) {
        let Some(path) = real_path(&uri, self.world.real) else { return };
        if !self.repositories.iter().any(|known| path.starts_with(&known.root))
            && let Some(folder) = path.parent()
        {
            self.adopt(folder);
        }
        self.documents.open.insert(path.clone(), Document { uri, text: text.into() });
        self.touch(&path);
    }

    fn change(&mut self, params: &DidChangeTextDocumentParams) {
        let Some(path) = real_path(&params.text_document.uri, self.world.real) else { return };
        let Some(document) = self.documents.open.get_mut(&path) else { return };
        for change in &params.content_changes {
            document.text = match change.range {
                None => change.text.as_str().into(),
                Some(range) => {
                    let mut text = document.text.to_string();
                    let start = self.units.offset(&text, range.start);
                    let end = self.units.offset(&text, range.end).max(start);
                    text.replace_range(start..end, &change.text);
                    text.into()
                }
            };
        }
        self.touch(&path);
    }

    fn touch(&mut self, path: &Path) {
        for repository in self.repositories.iter_mut().filter(|one| path.starts_with(&one.root)) {
            repository.touch();
        }
    }

    /// Lints what changed, and publishes what is new.
    fn catch_up(&mut self) -> io::Result<()> {
        let mut news = Vec::new();
        let mut failed = None;
        for repository in self.repositories.iter_mut().filter(|repository| repository.is_stale) {
            repository.is_stale = false;
            let documents = &self.documents;
            // A bug in a check must not take the editor's other answers away.
            if catch_unwind(AssertUnwindSafe(|| repository.catch_up(documents))).is_err() {
                (repository.part, failed) = (None, Some("linting failed: this is a bug".to_owned()));
            }
            news.extend(repository.news(documents, self.units));
        }
        for (uri, diagnostics) in news {
            let params = json!(PublishDiagnosticsParams { uri, diagnostics, version: None });
            self.notify("textDocument/publishDiagnostics", params)?;
        }
        failed.map_or(Ok(()), |why| self.log(MessageType::ERROR, why))
    }

    /// Starts to lint the repositories whose time has come.
    fn start_due(&mut self) {
        let now = Instant::now();
        for repository in &mut self.repositories {
            if repository.runs || repository.due.is_none_or(|due| due > now) {
                continue;
            }
            (repository.runs, repository.due) = (true, None);
            let (root, texts) = (repository.root.clone(), self.documents.below(&repository.root));
            let (events, pool, setup) = (self.events.clone(), self.pool.clone(), self.world.setup);
            let work = move || {
                let start = Instant::now();
                let lint = || -> Result<Box<Whole>, String> {
                    let setup = setup(&root, &texts)?;
                    Ok(Box::new(pool.install(|| live::whole(setup, texts))))
                };
                let result = catch_unwind(AssertUnwindSafe(lint));
                let result = result.unwrap_or_else(|_| Err("linting failed: this is a bug".to_owned()));
                // Nobody is there to hear it once the editor is gone.
                let _ = events.send(Event::Whole(root, result, start.elapsed()));
            };
            let thread = std::thread::Builder::new().name("whole".to_owned()).spawn(work);
            repository.runs = thread.is_ok();
        }
    }

    /// Answers what is asked about a place of a text.
    fn ask<P: DeserializeOwned>(
        &mut self,
        id: RequestId,
        params: Value,
        place: impl Fn(&P) -> (Uri, Position),
        answer: impl Fn(&Asked<'_>, &P) -> Value,
    ) -> io::Result<()> {
        let params: P = match serde_json::from_value(params) {
            Ok(params) => params,
            Err(error) => return self.refuse(id, ErrorCode::InvalidParams, &error.to_string()),
        };
        // What was typed before the question belongs to it.
        self.catch_up()?;
        let (uri, position) = place(&params);
        let reply = || {
            let path = real_path(&uri, self.world.real)?;
            // The innermost of several.
            let around = self.repositories.iter().filter(|one| path.starts_with(&one.root));
            let repository = around.max_by_key(|one| one.root.as_os_str().len())?;
            let text = Repository::text(&self.documents, &path)?;
            let offset = self.units.offset(&text, position);
            let here = crate::source::position_in(&text, offset);
            let below = repository.below(&path)?.to_owned();
            let asked = Asked {
                repository,
                documents: &self.documents,
                units: self.units,
                path,
                below: &below,
                text,
                position,
                line: here.line,
                column: here.column,
            };
            Some(answer(&asked, &params))
        };
        match catch_unwind(AssertUnwindSafe(reply)) {
            Ok(reply) => self.answer(id, reply.unwrap_or(Value::Null)),
            Err(_) => self.refuse(id, ErrorCode::InternalError, "this is a bug"),
        }
    }

    /// The parameters of a notification; wrong ones are told.
    fn read<P: DeserializeOwned>(&mut self, method: &str, params: Value) -> io::Result<Option<P>> {
        match serde_json::from_value(params) {
            Ok(params) => Ok(Some(params)),
            Err(error) => {
                self.log(MessageType::WARNING, format!("`{method}` cannot be read: {error}"))?;
                Ok(None)
            }
        }
    }

    fn answer(&mut self, id: RequestId, result: Value) -> io::Result<()> {
        self.send(&Message::Response(Response { id, result: Some(result), error: None }))
    }

    fn refuse(&mut self, id: RequestId, code: ErrorCode, why: &str) -> io::Result<()> {
        self.send(&Message::Response(Response::new_err(id, code as i32, why.to_owned())))
    }

    fn log(&mut self, typ: MessageType, message: String) -> io::Result<()> {
        self.notify("window/logMessage", json!(LogMessageParams { typ, message }))
    }

    fn notify(&mut self, method: &str, params: Value) -> io::Result<()> {
        self.send(&Message::Notification(Notification { method: method.to_owned(), params }))
    }

    fn send(&mut self, message: &Message) -> io::Result<()> {
        wire::send(&mut self.output, message)
    }
}
