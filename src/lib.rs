//! gitopsctl: renders, builds and lints the Kustomize trees of a platform that Argo CD deploys.
//!
//! The modules in the order in which the data goes. ARCHITECTURE.md says who may import whom, and why.
//!
//! ```text
//! gitopsctl.yaml + services/*.yaml ──catalog──▶ Catalog ──render──▶ Units ──tree──▶ files
//!                                  everything wrong on the way ──diag──▶ report ──▶ a person
//! ```

pub mod argo; // what Argo CD does with what was built
pub mod catalog; // the platform and its services, loaded and checked
pub mod cli; // arguments, terminal, exit codes
pub mod compare; // two builds to what changes in the cluster
pub mod diag; // what a stage has to say, and the sink for it
pub mod git; // the one door to Git
pub mod kube; // facts of Kubernetes
pub mod kustomize; // tree and directory to what Kustomize builds of it
pub mod layout; // which services and environments a repository has
pub mod lsp; // an editor: findings, values and names while somebody types
pub mod pipeline; // the order of the stages
pub mod policy; // what is built, judged: policies to findings
pub mod program; // the one door to other programs
pub mod release; // releases as commits: the edit, the guards, the commit
pub mod render; // catalog and templates to the rendered tree
pub mod report; // diagnostics to text
pub mod source; // file ids, byte spans, line and column
pub mod tree; // files: read, written atomically
pub mod view; // a change, to look at: terminal, comment, page
pub mod yaml; // text to nodes with spans and back
