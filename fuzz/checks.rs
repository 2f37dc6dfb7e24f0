//! What must hold for any input, for the fuzz targets and for the test that replays their corpus.

use gitopsctl::diag::Diagnostics;
use gitopsctl::kustomize::{self, Options, Release, Session, blame};
use gitopsctl::source::{FileId, SourceMap};
use gitopsctl::tree::Tree;
use gitopsctl::yaml::{self, load, print};

/// A text reads the same with and without the reader of everyday YAML, and no reader panics.
pub(crate) fn parse(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = FileId::NONE;
    let (read, general) = (load::first_document(text, 0, file), load::general_document(text, 0, file));
    assert_eq!(read, general, "{text:?}");
    yaml::parse(text, file, &mut Diagnostics::default());
}

/// What is printed reads back as what prints the same.
pub(crate) fn emit(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(documents) = load::documents(text, FileId::NONE) else { return };
    for document in documents.iter().filter(|document| document.is_mapping()) {
        let Ok(printed) = print::document(document) else { continue };
        let again =
            load::documents(&printed, FileId::NONE).unwrap_or_else(|error| panic!("{text:?}\n{printed}\n{error:?}"));
        assert_eq!(again.len(), 1, "{text:?}\n{printed}");
        let reprinted = print::document(&again[0]).unwrap_or_else(|error| panic!("{text:?}\n{printed}\n{error:?}"));
        assert_eq!(printed, reprinted, "{text:?}");
    }
}

/// A tree builds or is refused, in every release, and every line of what is built can be blamed. Files stand one after
/// the other, each behind a line `=== path`.
pub(crate) fn build_tree(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let files = text.split("=== ").skip(1).filter_map(|file| file.split_once('\n'));
    let tree = Tree::memory(files.map(|(path, content)| (path.to_owned(), content.to_owned())));
    for release in Release::ALL {
        let session =
            Session::new(&tree, "", SourceMap::default(), Options { release, compat: true, ..Options::default() });
        let built = kustomize::build(&session, "root");
        let finished = session.finish();
        for resource in built.iter().flat_map(|build| &build.resources) {
            let lines = blame(&resource.root, &finished.origins, &finished.sources);
            let text = print::document(&resource.root);
            assert_eq!(lines.is_ok(), text.is_ok());
        }
    }
}
