//! What the objects of a world are to each other, worked out once: who makes a Secret, what selects a pod, what scales a
//! workload.
//!
//! *Missing* is judged leniently: whatever any overlay of the world makes is there. *Twice* is judged strictly: two
//! objects meet only where one overlay, or two of the same known environment, make both.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::kube::{Keys, Selector, is_operated, made_by};
use crate::policy::subject::{Object, Pod, Subject};
use crate::yaml::data::Datum;

/// The relations between the objects of one world, by their indices.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// Makers of ConfigMaps and Secrets by kind and name, with the namespace where it is; `*` for any.
    makers: HashMap<(&'static str, String), Vec<(String, usize)>>,
    /// What ConfigMaps and Secrets of a namespace are called before hashes.
    names: HashMap<(&'static str, String), Vec<String>>,
    /// Kinds and namespaces of which an overlay makes ConfigMaps or Secrets.
    homes: HashSet<(&'static str, String, usize)>,
    /// HPAs and ScaledObjects by namespace, kind and name of what they scale.
    scalers: HashMap<(String, String, String), Vec<usize>>,
    /// What Services, budgets and network policies select.
    selected: HashMap<usize, Vec<usize>>,
    /// The other way round.
    selecting: HashMap<usize, Vec<usize>>,
    /// Services by one of their labels.
    services: HashMap<(String, String), Vec<usize>>,
    /// Rollouts without a template of their own, with the Deployment that has it.
    templates: HashMap<usize, usize>,
    /// The other way round.
    lenders: HashMap<usize, Vec<usize>>,
    /// Custom resources of operators by namespace.
    operated: HashMap<String, Vec<usize>>,
    /// Namespaces that charts are installed in.
    charts: HashSet<String>,
    /// Texts in the custom resources of operators, and in the arguments of Jobs, by namespace.
    mentions: HashSet<(String, String)>,
}

impl Lookup {
    fn new(subject: &Subject<'_>, world: usize) -> Self {
        let mut lookup = Self::default();
        let all = &subject.worlds[world].all;
        for &at in all {
            lookup.add(&subject.objects[at], at);
        }
        for &at in all {
            let object = &subject.objects[at];
            if let Some(template) = referenced(object)
                && let Some(found) = subject.near(object, "Deployment", template)
            {
                lookup.templates.insert(at, found);
                lookup.lenders.entry(found).or_default().push(at);
            }
        }
        for &at in all {
            let object = &subject.objects[at];
            let Some(selector) = selector_of(object) else { continue };
            if matches!(selector, Selector::Plain(_)) && selector.is_empty() {
                continue;
            }
            let found = subject.selected(object, &object.namespace, selector);
            let mut found: Vec<usize> = found.into_iter().filter_map(|found| subject.index(found)).collect();
            let through = found.iter().filter_map(|found| lookup.lenders.get(found)).flatten();
            let through: Vec<usize> = through.copied().collect();
            found.extend(through);
            for workload in &found {
                lookup.selecting.entry(*workload).or_default().push(at);
            }
            lookup.selected.insert(at, found);
        }
        lookup
    }

    fn add(&mut self, object: &Object<'_>, at: usize) {
        for made in made_by(object.group, object.kind, object.name, object.root) {
            let namespace = made.namespace.map_or_else(|| object.namespace.clone(), str::to_owned);
            let name = if made.name == object.name { &object.stable_name } else { &made.name };
            self.names.entry((made.kind, namespace.clone())).or_default().push(name.clone());
            self.homes.insert((made.kind, namespace.clone(), object.overlay));
            self.makers.entry((made.kind, made.name)).or_default().push((namespace, at));
        }
        if let Some((kind, name)) = scaled(object) {
            let key = (object.namespace.clone(), kind.to_owned(), name.to_owned());
            self.scalers.entry(key).or_default().push(at);
        }
        if object.is("", "Service") {
            for (key, value) in object.at(&["metadata", "labels"]).map_or(&[][..], Datum::pairs) {
                self.services.entry((key.text().to_owned(), value.text().to_owned())).or_default().push(at);
            }
        }
        if let Some(namespace) = chart_namespace(object) {
            self.charts.insert(namespace.to_owned());
        }
        if is_operated(object.group, object.kind) {
            self.operated.entry(object.namespace.clone()).or_default().push(at);
            mention(object.root, &object.namespace, &mut self.mentions);
        }
        if object.kind == "Job"
            && let Some(pod) = object.pod
        {
            let lists = pod.every_container().flat_map(|container| [container.get("args"), container.get("command")]);
            for argument in lists.flatten().flat_map(Datum::items) {
                let value = argument.text().rsplit('=').next().unwrap_or_default();
                self.mentions.insert((object.namespace.clone(), value.to_owned()));
            }
        }
    }
}

/// The Deployment whose template a Rollout uses.
fn referenced<'a>(object: &Object<'a>) -> Option<&'a str> {
    let reference = object.is("argoproj.io", "Rollout").then(|| object.at(&["spec", "workloadRef"]))??;
    (reference.text_of("kind") == "Deployment").then(|| reference.text_of("name"))
}

/// What an HPA or a ScaledObject scales.
pub(super) fn scaled<'a>(object: &Object<'a>) -> Option<(&'a str, &'a str)> {
    let default = match (object.group, object.kind) {
        ("autoscaling", "HorizontalPodAutoscaler") => "",
        ("keda.sh", "ScaledObject") => "Deployment",
        _ => return None,
    };
    let target = object.at(&["spec", "scaleTargetRef"])?;
    let kind = Some(target.text_of("kind")).filter(|kind| !kind.is_empty()).unwrap_or(default);
    let name = target.text_of("name");
    (!kind.is_empty() && !name.is_empty()).then_some((kind, name))
}

/// The pods that an object is about.
pub(super) fn selector_of<'a>(object: &Object<'a>) -> Option<Selector<'a>> {
    match (object.group, object.kind) {
        ("", "Service") if object.at(&["spec", "type"]).map_or("", Datum::text) != "ExternalName" => {
            Some(Selector::Plain(object.at(&["spec", "selector"]).filter(|selector| selector.is_mapping())?))
        }
        ("policy", "PodDisruptionBudget") => {
            Some(Selector::Full(object.at(&["spec", "selector"]).filter(|selector| selector.is_mapping())?))
        }
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
            Some(Selector::Full(object.at(&["spec", "podSelector"]).filter(|selector| selector.is_mapping())?))
        }
        ("cilium.io", "CiliumNetworkPolicy") => {
            Some(Selector::Full(object.at(&["spec", "endpointSelector"]).filter(|selector| selector.is_mapping())?))
        }
        _ => None,
    }
}

/// The namespace that a chart is installed in.
fn chart_namespace<'a>(object: &'a Object<'_>) -> Option<&'a str> {
    match (object.group, object.kind) {
        ("helm.toolkit.fluxcd.io", "HelmRelease") | ("helm.cattle.io", "HelmChart") => {
            let target = object.at(&["spec", "targetNamespace"]).map(Datum::text);
            Some(target.filter(|target| !target.is_empty()).unwrap_or(&object.namespace))
        }
        ("argoproj.io", "Application") => {
            let one = object.at(&["spec", "source"]).into_iter();
            let many = object.at(&["spec", "sources"]).map_or(&[][..], Datum::items);
            let has_chart = one.chain(many).any(|source| source.get("chart").or(source.get("helm")).is_some());
            has_chart.then(|| object.at(&["spec", "destination", "namespace"]).map_or("", Datum::text))
        }
        _ => None,
    }
}

fn mention(node: &Datum, namespace: &str, mentions: &mut HashSet<(String, String)>) {
    for value in node.pairs().iter().map(|(_, value)| value).chain(node.items()) {
        match value.as_text() {
            Some(text) if text.len() <= 253 => {
                mentions.insert((namespace.to_owned(), text.to_owned()));
            }
            Some(_) => {}
            None => mention(value, namespace, mentions),
        }
    }
}

impl<'a> Subject<'a> {
    fn lookup(&self, beside: &Object<'_>) -> &Lookup {
        let world = self.overlays[beside.overlay].world;
        self.worlds[world].lookup.get_or_init(|| Lookup::new(self, world))
    }

    fn index(&self, object: &Object<'a>) -> Option<usize> {
        self.objects.element_offset(object)
    }

    /// An object of a kind and name in an object's namespace, of its own overlay if that has one.
    fn near(&self, beside: &Object<'_>, kind: &str, name: &str) -> Option<usize> {
        let own = self.named(beside, kind, &beside.namespace, name).find(|found| found.overlay == beside.overlay);
        self.index(own.or_else(|| self.find(beside, kind, &beside.namespace, name))?)
    }

    /// Whether two objects are in one cluster for certain, and are not two builds of the same one.
    pub fn meet(&self, one: &Object<'_>, other: &Object<'_>) -> bool {
        let environment = |object: &Object<'_>| self.overlays[object.overlay].environment.as_deref();
        let together =
            one.overlay == other.overlay || environment(one).is_some() && environment(one) == environment(other);
        together && (one.kind, &one.namespace, one.name) != (other.kind, &other.namespace, other.name)
    }

    /// The objects that are, or make, a ConfigMap or Secret, each with the keys that it has.
    pub fn makers<'s>(
        &'s self,
        beside: &Object<'_>,
        kind: &'static str,
        namespace: &str,
        name: &str,
    ) -> Vec<(&'s Object<'a>, Keys<'a>)> {
        let found = self.lookup(beside).makers.get(&(kind, name.to_owned()));
        let found = found.into_iter().flatten().filter(|(place, _)| place == namespace || place == "*");
        let mut makers: Vec<_> = found
            .flat_map(|(_, at)| {
                let object = &self.objects[*at];
                let made = made_by(object.group, object.kind, object.name, object.root).into_iter();
                made.filter(|made| made.kind == kind && made.name == name).map(move |made| (object, made.keys))
            })
            .collect();
        // What the same overlay makes is what its pods get.
        if makers.iter().any(|(object, _)| object.overlay == beside.overlay) {
            makers.retain(|(object, _)| object.overlay == beside.overlay);
        }
        makers
    }

    /// What the ConfigMaps or Secrets of a namespace are called, before hashes.
    pub fn made_names<'s>(&'s self, beside: &Object<'_>, kind: &'static str) -> impl Iterator<Item = &'s str> {
        let names = self.lookup(beside).names.get(&(kind, beside.namespace.clone()));
        names.map_or(&[][..], Vec::as_slice).iter().map(String::as_str)
    }

    /// Whether the overlay of an object makes ConfigMaps or Secrets in its namespace.
    pub fn is_home(&self, object: &Object<'_>, kind: &'static str) -> bool {
        self.lookup(object).homes.contains(&(kind, object.namespace.clone(), object.overlay))
    }

    /// Whether a ConfigMap or Secret of a name is made in any namespace.
    pub fn is_made_anywhere(&self, beside: &Object<'_>, kind: &'static str, name: &str) -> bool {
        self.lookup(beside).makers.contains_key(&(kind, name.to_owned()))
    }

    /// HPAs and ScaledObjects that scale a workload.
    pub fn scalers<'s>(&'s self, workload: &Object<'_>) -> impl Iterator<Item = &'s Object<'a>> {
        self.scalers_of(workload, workload.kind, workload.name)
    }

    /// HPAs and ScaledObjects that scale what a kind and a name mean in an object's namespace.
    pub fn scalers_of<'s>(
        &'s self,
        beside: &Object<'_>,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s Object<'a>> {
        let key = (beside.namespace.clone(), kind.to_owned(), name.to_owned());
        let found = self.lookup(beside).scalers.get(&key);
        found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at])
    }

    /// The objects of a kind that select the pods of a workload.
    pub fn selecting<'s>(&'s self, workload: &Object<'a>, kind: &str) -> impl Iterator<Item = &'s Object<'a>> {
        let found = self.index(workload).and_then(|at| self.lookup(workload).selecting.get(&at));
        let found = found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at]);
        found.filter(move |object| object.kind == kind)
    }

    /// The workloads that a Service, a PodDisruptionBudget or a NetworkPolicy selects: those of its own overlay, or of
    /// its environment where its overlay has none.
    pub fn selects<'s>(&'s self, object: &Object<'a>) -> Vec<&'s Object<'a>> {
        let found = self.index(object).and_then(|at| self.lookup(object).selected.get(&at));
        let found = found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at]);
        let mut found: Vec<_> = found.collect();
        if found.iter().any(|workload| workload.overlay == object.overlay) {
            found.retain(|workload| workload.overlay == object.overlay);
        }
        found
    }

    /// The Services with a label, in all namespaces.
    pub fn services_with<'s>(
        &'s self,
        beside: &Object<'_>,
        key: &str,
        value: &str,
    ) -> impl Iterator<Item = &'s Object<'a>> {
        let found = self.lookup(beside).services.get(&(key.to_owned(), value.to_owned()));
        found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at])
    }

    /// The pod template of a workload; of a Rollout that names a Deployment, that one's.
    pub fn template(&self, workload: &Object<'a>) -> Option<Pod<'a>> {
        workload.pod.or_else(|| {
            let at = self.index(workload)?;
            self.objects[*self.lookup(workload).templates.get(&at)?].pod
        })
    }

    /// Whether a Deployment only lends its template to a Rollout.
    pub fn lends_template(&self, workload: &Object<'a>) -> bool {
        let lends = |at| self.lookup(workload).lenders.contains_key(&at);
        workload.kind == "Deployment" && self.index(workload).is_some_and(lends)
    }

    /// Whether a namespace has charts or custom resources of operators, so that not all that runs there can be seen.
    pub fn is_operated(&self, beside: &Object<'_>, namespace: &str) -> bool {
        let lookup = self.lookup(beside);
        lookup.charts.contains(namespace) || lookup.operated.contains_key(namespace)
    }

    /// Whether a chart, an operator or a Job may make an object of a name.
    pub fn may_be_made(&self, beside: &Object<'_>, namespace: &str, name: &str) -> bool {
        let lookup = self.lookup(beside);
        let owns = |at: &usize| {
            let owner = self.objects[*at].name;
            !owner.is_empty() && name.strip_prefix(owner).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        lookup.charts.contains(namespace)
            || lookup.mentions.contains(&(namespace.to_owned(), name.to_owned()))
            || lookup.operated.get(namespace).into_iter().flatten().any(owns)
    }
}
