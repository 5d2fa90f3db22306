//! The rules of the code: which part may use which, what is pure, what every file begins with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Everything a file names by path: `crate::store::…`, `tokio::…`, `std::fs::…`; without its tests.
#[derive(Default)]
struct Names {
    paths: BTreeSet<String>,
    has_async: bool,
    test_gates_outside_tests: usize,
}

fn is_test_gate(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
    })
}

impl Names {
    fn add_use(&mut self, tree: &syn::UseTree, before: &str) {
        let join = |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.add_use(&path.tree, &join(&path.ident.to_string())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, before)),
            syn::UseTree::Name(name) => {
                self.paths.insert(join(&name.ident.to_string()));
            }
            syn::UseTree::Rename(name) => {
                self.paths.insert(join(&name.ident.to_string()));
            }
            syn::UseTree::Glob(_) => {
                self.paths.insert(join("*"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => return syn::visit::visit_item(self, item),
        };
        if is_test_gate(attributes) {
            if !matches!(item, syn::Item::Mod(_)) {
                self.test_gates_outside_tests += 1;
            }
            return;
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, "");
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.paths.insert(names.join("::"));
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.has_async |= signature.asyncness.is_some();
        syn::visit::visit_signature(self, signature);
    }
}

fn names_in(file: &Path) -> Names {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut names = Names::default();
    names.visit_file(&parsed);
    names
}

/// A part of the program, and what it must not use. `crate::x` is a part of ours, the rest are crates and std.
const RULES: &[(&str, &[&str])] = &[
    (
        "src/domain",
        &[
            "crate::app", "crate::store", "crate::work", "crate::chat", "crate::mail", "crate::ssh",
            "crate::snmp", "crate::render", "crate::http", "crate::cli", "crate::clock", "crate::config",
            "crate::patch", "tokio", "sqlx", "std::fs", "std::env", "std::net::Tcp", "std::process",
            "std::time::SystemTime", "std::time::Instant", "getrandom", "reqwest", "lettre", "russh",
        ],
    ),
    (
        "src/patch",
        &[
            "crate::app", "crate::store", "crate::work", "crate::chat", "crate::mail", "crate::ssh",
            "crate::snmp", "crate::render", "crate::cli", "crate::clock", "crate::config", "tokio", "sqlx",
            "std::fs", "std::env", "std::process",
        ],
    ),
    (
        "src/app",
        &[
            "crate::chat", "crate::mail", "crate::ssh", "crate::snmp", "crate::render", "crate::work",
            "crate::http", "crate::cli", "crate::config", "crate::patch", "sqlx", "std::fs", "std::env",
            "std::process",
        ],
    ),
    (
        "src/store",
        &[
            "crate::app", "crate::work", "crate::chat", "crate::mail", "crate::ssh", "crate::snmp",
            "crate::render", "crate::http", "crate::cli", "crate::clock", "crate::config",
        ],
    ),
    ("src/mail", &["crate::app", "crate::store", "crate::work", "crate::chat", "crate::ssh", "crate::cli"]),
    (
        "src/render",
        &[
            "crate::app", "crate::store", "crate::work", "crate::chat", "crate::mail", "crate::ssh",
            "crate::cli", "tokio", "sqlx",
        ],
    ),
    (
        "src/ssh",
        &[
            "crate::app", "crate::store", "crate::work", "crate::chat", "crate::mail", "crate::render",
            "crate::cli", "sqlx",
        ],
    ),
    (
        "src/snmp",
        &[
            "crate::app", "crate::store", "crate::work", "crate::chat", "crate::mail", "crate::render",
            "crate::ssh::", "crate::cli", "sqlx",
        ],
    ),
    (
        "src/chat",
        &["crate::work", "crate::mail", "crate::ssh", "crate::snmp", "crate::render", "crate::cli", "sqlx"],
    ),
    (
        "src/config",
        &[
            "crate::app", "crate::store", "crate::work", "crate::chat", "crate::mail", "crate::ssh",
            "crate::snmp", "crate::render", "crate::cli", "tokio", "sqlx",
        ],
    ),
    ("src/work", &["crate::cli", "crate::http"]),
    (
        "commands",
        &[
            "tokio", "sqlx", "chrono", "serde", "std::fs", "std::env", "std::net", "std::process",
            "std::time", "patchbot",
        ],
    ),
];

#[test]
fn each_part_uses_only_what_is_below_it() {
    let mut wrong = Vec::new();
    for (part, forbidden) in RULES {
        for file in rust_files(&root().join(part)) {
            // What `super` means depends on the place; our parts are named by `crate` from outside of them.
            for path in names_in(&file).paths {
                if let Some(rule) = forbidden.iter().find(|rule| {
                    path == **rule || path.starts_with(&format!("{}::", rule.trim_end_matches("::")))
                }) {
                    wrong.push(format!(
                        "{} uses {path} ({part} must not use {rule})",
                        file.strip_prefix(root()).unwrap().display()
                    ));
                }
            }
        }
    }
    // The lab guard is a rule about addresses that SSH and SNMP share.
    wrong.retain(|line| !line.contains("crate::ssh::in_lab"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_pure_has_no_async() {
    let pure = ["src/domain", "src/patch", "commands", "src/render"];
    let files = pure.iter().flat_map(|part| rust_files(&root().join(part)));
    let more = [
        "src/mail/read.rs", "src/mail/trim.rs", "src/mail/reading.rs", "src/mail/token.rs",
        "src/mail/compose.rs",
    ]
    .map(|file| root().join(file));
    let with_async: Vec<String> = files
        .chain(more)
        .filter(|file| names_in(file).has_async)
        .map(|file| file.display().to_string())
        .collect();
    assert!(with_async.is_empty(), "{with_async:?}");
}

#[test]
fn production_and_tests_run_the_same_code() {
    let gated: Vec<String> = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| names_in(file).test_gates_outside_tests > 0)
        .map(|file| file.display().to_string())
        .collect();
    assert!(gated.is_empty(), "cfg(test) outside of a tests module: {gated:?}");
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let folders = ["src", "commands", "tests"];
    let silent: Vec<String> = folders
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .filter(|file| !std::fs::read_to_string(file).unwrap().starts_with("//! "))
        .map(|file| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// The file of a module that a file declares, by either of the two layouts.
fn declared(file: &Path) -> BTreeSet<PathBuf> {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = syn::parse_file(&text).unwrap();
    let folder = file.parent().unwrap();
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let base = if matches!(stem, "mod" | "lib" | "main") { folder.to_owned() } else { folder.join(stem) };
    let mut found = BTreeSet::new();
    let mut modules: Vec<(PathBuf, &syn::ItemMod)> = parsed
        .items
        .iter()
        .filter_map(
            |item| if let syn::Item::Mod(module) = item { Some((base.clone(), module)) } else { None },
        )
        .collect();
    while let Some((base, module)) = modules.pop() {
        let name = module.ident.to_string();
        if let Some((_, items)) = &module.content {
            modules.extend(items.iter().filter_map(|item| {
                if let syn::Item::Mod(inner) = item { Some((base.join(&name), inner)) } else { None }
            }));
            continue;
        }
        let by_path = module.attrs.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => {
                    Some(folder.join(path.value()))
                }
                _ => None,
            },
            _ => None,
        });
        let candidates =
            [by_path, Some(base.join(format!("{name}.rs"))), Some(base.join(&name).join("mod.rs"))];
        found.extend(candidates.into_iter().flatten().filter(|path| path.exists()));
    }
    // The list of commands is written by a macro.
    if text.contains("commands! {") && file.ends_with("commands/lib.rs") {
        found.extend(
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "rs")),
        );
    }
    found
}

#[test]
fn every_file_is_part_of_the_program() {
    for (start, folder) in
        [("src/lib.rs", "src"), ("commands/lib.rs", "commands"), ("tests/it/main.rs", "tests/it")]
    {
        let mut reached = BTreeSet::from([root().join(start)]);
        let mut new: Vec<PathBuf> = reached.iter().cloned().collect();
        while let Some(file) = new.pop() {
            for module in declared(&file) {
                if reached.insert(module.clone()) {
                    new.push(module);
                }
            }
        }
        let lost: Vec<PathBuf> = rust_files(&root().join(folder))
            .into_iter()
            .filter(|file| !reached.contains(file) && !file.ends_with("src/main.rs"))
            .collect();
        assert!(lost.is_empty(), "{lost:?} belong to no module");
    }
}
