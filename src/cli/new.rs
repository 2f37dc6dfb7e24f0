//! `gitopsctl new`.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use crate::catalog::{Catalog, SERVICES_FOLDER};
use crate::cli::render::{diff, summary, write};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit, root_of};
use crate::kube;
use crate::pipeline::{RenderOptions, Workspace};
use crate::render::{OUTPUT, Owner};
use crate::tree::Change;
use crate::yaml;

/// Scaffold a service: write services/<SERVICE>.yaml and render it
///
/// Asks for what is missing when run on a terminal; elsewhere the flags must say it. Ports are picked if not given.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct New {
    /// Its name: lower-case letters, digits and `-`
    service: String,
    /// Its domain, one of those in gitopsctl.yaml
    #[arg(long)]
    domain: Option<String>,
    /// The team that owns it; default: the domain's
    #[arg(long)]
    owner: Option<String>,
    /// What it does
    #[arg(long)]
    description: Option<String>,
    /// `service`, `gateway`, `worker`, or a folder under templates/
    #[arg(long)]
    archetype: Option<String>,
    /// HTTP port; default: the lowest free one from 8001
    #[arg(long, value_name = "PORT")]
    http: Option<u16>,
    /// gRPC port; default: the HTTP port + 1000
    #[arg(long, value_name = "PORT", conflicts_with = "no_grpc")]
    grpc: Option<u16>,
    /// The service has no gRPC
    #[arg(long)]
    no_grpc: bool,
    /// Its own database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// It runs schema migrations before each sync
    #[arg(long, requires = "database")]
    migrations: bool,
    /// It uses the search index
    #[arg(long)]
    elasticsearch: bool,
    /// It uses Dapr's state store
    #[arg(long)]
    state: bool,
    /// It is on the money path
    #[arg(long)]
    critical: bool,
    /// It goes when the migration is over
    #[arg(long)]
    cutover: bool,
    /// A namespace of its own
    #[arg(long)]
    namespace: Option<String>,
    /// Sync wave; default: that of its archetype's role
    #[arg(long, allow_hyphen_values = true)]
    wave: Option<i32>,
    /// Services whose API it uses
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    calls: Vec<String>,
    /// Events it publishes
    #[arg(long, value_name = "EVENT", value_delimiter = ',')]
    publishes: Vec<String>,
    /// Events it consumes
    #[arg(long, value_name = "EVENT", value_delimiter = ',')]
    consumes: Vec<String>,
    /// An argument of the container; repeat for more
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    args: Vec<String>,
    /// An environment variable of the container; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// An entry of its ConfigMap; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// A secret, as NAME:VARIABLE=KEY; repeat for more
    #[arg(long, value_name = "NAME:VARIABLE=KEY", value_parser = secret)]
    secret: Vec<(String, String, String)>,
    /// Replicas in an environment, as ENVIRONMENT=COUNT; repeat for more
    #[arg(long, value_name = "ENV=COUNT", value_parser = pair, conflicts_with = "autoscaling")]
    replicas: Vec<(String, String)>,
    /// It scales by itself between these numbers of replicas
    #[arg(long, value_name = "MIN-MAX", value_parser = range)]
    autoscaling: Option<(u32, u32)>,
    /// Tag of the image when its overlays are first rendered
    #[arg(long, value_name = "TAG")]
    initial_tag: Option<String>,
    /// Write nothing; show what would be written
    #[arg(long)]
    dry_run: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn secret(text: &str) -> Result<(String, String, String), String> {
    let (name, rest) = text.split_once(':').ok_or("expected NAME:VARIABLE=KEY")?;
    let (variable, key) = pair(rest).map_err(|_| "expected NAME:VARIABLE=KEY")?;
    Ok((name.to_owned(), variable, key))
}

fn range(text: &str) -> Result<(u32, u32), String> {
    let (min, max) = text.split_once('-').ok_or("expected MIN-MAX, such as 2-10")?;
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number"));
    Ok((number(min)?, number(max)?))
}

/// The first port that services get.
const FIRST_PORT: u16 = 8001;
/// From an HTTP port to the gRPC port that goes with it.
const GRPC_DISTANCE: u16 = 1000;

impl New {
    pub(super) fn run(mut self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut workspace = Workspace::open(&root_of(directory)?);
        let Some(catalog) = workspace.catalog() else {
            terminal.report(&workspace.diagnostics, &workspace.sources);
            return Ok(Exit::Input);
        };
        if !kube::is_label(&self.service) {
            let message = format!("`{}` is not a name for a service", self.service);
            return Err(Failure::told(Exit::Usage, message)
                .with_help("use lower-case letters, digits and `-`, and begin with a letter"));
        }
        if catalog.has(&self.service) {
            let message = format!("there is a service `{}` already", self.service);
            return Err(Failure::told(Exit::Usage, message)
                .with_help(format!("edit {SERVICES_FOLDER}/{}.yaml and run `gitopsctl render`", self.service)));
        }
        self.ask(&catalog, terminal)?;
        let path = format!("{SERVICES_FOLDER}/{}.yaml", self.service);
        let text = self.text(&catalog)?;
        // The catalog is loaded once more with the new file in memory: what is wrong with it is told as for any file.
        let mut tree = workspace.tree.clone();
        tree.edit(path.as_str(), Some(text.as_str().into()));
        workspace = Workspace::of(tree);
        let Some(catalog) = workspace.catalog() else {
            terminal.report(&workspace.diagnostics, &workspace.sources);
            return Ok(Exit::Input);
        };
        // Those it calls must let it in. Where nothing was rendered yet, everything is.
        let mut services = vec![self.service.clone()];
        services.extend(self.calls.iter().cloned());
        if !workspace.tree.has_directory(OUTPUT) {
            services.clear();
        }
        let options = RenderOptions { services, prune: false, check: false };
        let mut rendering = workspace.render(&catalog, &options);
        let own = Owner::Service(self.service.clone());
        terminal.report(&workspace.diagnostics, &workspace.sources);
        let Some(unit) = rendering.plan.iter_mut().find(|unit| unit.owner == own) else {
            return Err(Failure::told(Exit::Input, "nothing was written"));
        };
        unit.changes.insert(0, Change { path: path.clone(), before: None, after: Some(text.into()) });
        if self.dry_run {
            terminal.print_diff(&rendering.changes().map(diff).collect::<String>())?;
            return Ok(Exit::Fine);
        }
        write(&workspace, &rendering, terminal)?;
        terminal.say(&summary(&rendering, false));
        terminal.say(&format!("Next: look at {path}, then commit it together with {OUTPUT}/."));
        terminal.say(&format!("CI of {} releases by setting newTag in its overlays.", self.service));
        Ok(Exit::Fine)
    }

    /// Asks for what the flags do not say.
    fn ask(&mut self, catalog: &Catalog, terminal: &mut Terminal) -> Result<(), Failure> {
        let domains: Vec<_> = catalog.platform.domains.keys().map(|name| name.value.as_str()).collect();
        if !Terminal::can_ask() {
            if self.domain.is_none() {
                let failure = Failure::told(Exit::Usage, "which domain?");
                return Err(failure.with_help(format!("--domain {}", domains.join(" | "))));
            }
            return Ok(());
        }
        let mut ask = |question: &str, default: &str| {
            let answer = terminal.ask(question, default)?;
            answer.ok_or_else(|| Failure::told(Exit::Usage, "the answers ended: nothing was written"))
        };
        if self.domain.is_none() {
            self.domain = Some(ask(&format!("domain ({})", domains.join(", ")), domains.first().unwrap_or(&""))?);
        }
        if self.description.is_none() {
            self.description = Some(ask("what does it do?", "")?);
        }
        if self.database.is_none() && catalog.platform.databases.is_some() {
            let own = self.service.strip_suffix("-service").unwrap_or(&self.service);
            let answer = ask("database (`-` for none)", own)?;
            self.database = (answer != "-").then_some(answer);
        }
        if self.initial_tag.is_none() {
            self.initial_tag = Some(ask("first image tag", FIRST_TAG)?);
        }
        Ok(())
    }

    /// Free ports: the lowest pair of HTTP and gRPC that no service has.
    fn ports(&self, catalog: &Catalog) -> Result<(u16, Option<u16>), Failure> {
        let ports = catalog.services.iter().flat_map(|entry| [entry.service.ports.http, entry.service.ports.grpc]);
        let taken: BTreeSet<u16> = ports.flatten().map(|port| port.value).collect();
        let is_worker = self.no_grpc || self.archetype.as_deref() == Some("worker") && self.grpc.is_none();
        let free = |http: &u16| {
            let grpc = http.checked_add(GRPC_DISTANCE);
            !taken.contains(http)
                && (is_worker || self.grpc.is_some() || grpc.is_some_and(|grpc| !taken.contains(&grpc)))
        };
        let http = match self.http {
            Some(port) => port,
            None => (FIRST_PORT..=u16::MAX).find(free).ok_or_else(|| {
                Failure::told(Exit::Input, "no port is free").with_help("choose with --http and --grpc")
            })?,
        };
        let grpc = self.grpc.or_else(|| http.checked_add(GRPC_DISTANCE)).filter(|_| !is_worker);
        Ok((http, grpc))
    }

    /// The file, in the order of the schema, without what is default.
    fn text(&self, catalog: &Catalog) -> Result<String, Failure> {
        let (http, grpc) = self.ports(catalog)?;
        let mut text = "# yaml-language-server: $schema=../.gitopsctl/service.schema.json\n".to_owned();
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                text += &format!("{key}: {value}\n");
            }
        };
        let scalar = |value: &Option<String>| value.as_deref().filter(|value| !value.is_empty()).map(yaml::scalar);
        let flag = |set: bool| set.then(|| "true".to_owned());
        line("name", Some(self.service.clone()));
        line("archetype", scalar(&self.archetype));
        line("domain", scalar(&self.domain));
        line("owner", scalar(&self.owner));
        line("description", scalar(&self.description));
        line("lifetime", self.cutover.then(|| "cutover".to_owned()));
        line("critical", flag(self.critical));
        let grpc = grpc.map(|port| format!(", grpc: {port}")).unwrap_or_default();
        line("ports", Some(format!("{{http: {http}{grpc}}}")));
        line("args", list(&self.args));
        line("env", mapping(&self.env));
        line("config", mapping(&self.config));
        line("secrets", self.secrets());
        let mut store = Vec::new();
        store.extend(self.database.as_deref().map(|name| format!("database: {}", yaml::scalar(name))));
        store.extend(self.elasticsearch.then(|| "elasticsearch: true".to_owned()));
        store.extend(self.state.then(|| "state: true".to_owned()));
        line("store", (!store.is_empty()).then(|| format!("{{{}}}", store.join(", "))));
        line("migrations", self.migrations.then(|| "{}".to_owned()));
        line("calls", list(&self.calls));
        line("publishes", list(&self.publishes));
        line("consumes", list(&self.consumes));
        line("autoscaling", self.autoscaling.map(|(min, max)| format!("{{min: {min}, max: {max}}}")));
        let replicas =
            self.replicas.iter().map(|(name, count)| format!("\n  {}: {{replicas: {count}}}", yaml::scalar(name)));
        line("environments", (!self.replicas.is_empty()).then(|| replicas.collect()));
        line("wave", self.wave.map(|wave| wave.to_string()));
        line("namespace", scalar(&self.namespace));
        line("initialTag", Some(yaml::scalar(self.initial_tag.as_deref().unwrap_or(FIRST_TAG))));
        Ok(text.replace("environments: \n", "environments:\n"))
    }

    /// The secrets, those of one name together.
    fn secrets(&self) -> Option<String> {
        let mut names: Vec<&str> = self.secret.iter().map(|(name, ..)| name.as_str()).collect();
        names.dedup();
        let entry = |name: &&str| {
            let keys: Vec<_> = self
                .secret
                .iter()
                .filter(|(own, ..)| own == name)
                .map(|(_, variable, key)| (variable.clone(), key.clone()))
                .collect();
            format!("{{name: {}, keys: {}}}", yaml::scalar(name), mapping(&keys).unwrap_or_default())
        };
        (!names.is_empty()).then(|| format!("[{}]", names.iter().map(entry).collect::<Vec<_>>().join(", ")))
    }
}

/// What a service begins with when nobody says otherwise.
const FIRST_TAG: &str = "v0.1.0";

fn list(items: &[String]) -> Option<String> {
    let items: Vec<_> = items.iter().map(|item| yaml::scalar(item)).collect();
    (!items.is_empty()).then(|| format!("[{}]", items.join(", ")))
}

fn mapping(pairs: &[(String, String)]) -> Option<String> {
    let pairs: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{}: {}", yaml::scalar(key), yaml::double_quoted(value))).collect();
    (!pairs.is_empty()).then(|| format!("{{{}}}", pairs.join(", ")))
}
