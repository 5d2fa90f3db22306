//! The migrations: in pairs, never edited once released, safe on a database that is full, and its rows are still read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sqlparser::ast::{AlterTableOperation, ColumnOption, Statement};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlx::migrate::Migrator;
use sqlx::{Connection, Executor};

use crate::contract::empty_postgres;
use crate::program::Program;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder in the order of their names.
fn files(of: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder(of)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn they_come_in_pairs_and_each_brings_sample_rows() {
    let names = |of: &str| files(of).iter().map(|path| name(path)).collect::<Vec<_>>();
    assert_eq!(
        names("migrations/sqlite"),
        names("migrations/postgres"),
        "a migration is missing on one engine"
    );
    assert_eq!(
        names("migrations/sqlite"),
        names("tests/data/migrations"),
        "every migration has rows in tests/data/migrations that the next one has to live with; see migrations/README.md"
    );
}

#[test]
fn what_was_released_is_never_edited() {
    let released = read(&folder("migrations/released"));
    let mut left: BTreeMap<&str, &str> =
        released.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, file)| (file, sum)).collect();
    let newest = left.keys().map(|file| file.rsplit_once('/').unwrap().1).max().unwrap().to_owned();
    for engine in ["sqlite", "postgres"] {
        for path in files(&format!("migrations/{engine}")) {
            let file = format!("{engine}/{}", name(&path));
            match left.remove(file.as_str()) {
                Some(sum) => {
                    let now = data_encoding::HEXLOWER.encode(&Sha256::digest(std::fs::read(&path).unwrap()));
                    assert_eq!(now, sum, "{file} was released; write a new migration instead of editing it");
                }
                None => assert!(
                    name(&path) > newest,
                    "{file} is older than {newest}, which was released before it"
                ),
            }
        }
    }
    assert!(left.is_empty(), "released migrations are gone: {left:?}");
}

#[test]
fn a_new_column_that_must_not_be_empty_has_a_default() {
    let dialects: [(&str, &dyn Dialect); 2] =
        [("sqlite", &SQLiteDialect {}), ("postgres", &PostgreSqlDialect {})];
    let mut wrong = Vec::new();
    for (engine, dialect) in dialects {
        for path in files(&format!("migrations/{engine}")) {
            // The parser knows no STRICT; that a table of ours has it is the schema's test.
            let sql = read(&path).replace(") STRICT;", ");");
            for statement in Parser::parse_sql(dialect, &sql).unwrap() {
                wrong.extend(
                    columns_without_default(&statement)
                        .map(|column| format!("{engine}/{}: {column}", name(&path))),
                );
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

fn columns_without_default(statement: &Statement) -> impl Iterator<Item = String> {
    let operations = match statement {
        Statement::AlterTable(alter) => alter.operations.as_slice(),
        _ => &[],
    };
    operations.iter().filter_map(|operation| match operation {
        AlterTableOperation::AddColumn { column_def, .. } => {
            let has = |wanted: fn(&ColumnOption) -> bool| {
                column_def.options.iter().any(|option| wanted(&option.option))
            };
            let filled = has(|option| matches!(option, ColumnOption::Default(_)));
            (has(|option| matches!(option, ColumnOption::NotNull)) && !filled)
                .then(|| column_def.name.to_string())
        }
        _ => None,
    })
}

#[test]
fn the_rule_about_defaults_finds_what_it_looks_for() {
    let sql = "ALTER TABLE windows ADD COLUMN mood TEXT NOT NULL; \
               ALTER TABLE windows ADD COLUMN note TEXT; \
               ALTER TABLE windows ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;";
    let found: Vec<String> = Parser::parse_sql(&SQLiteDialect {}, sql)
        .unwrap()
        .iter()
        .flat_map(|statement| columns_without_default(statement).collect::<Vec<_>>())
        .collect();
    assert_eq!(found, ["mood"]);
}

/// The sample rows as SQLite takes them: ids are bytes there.
fn for_sqlite(sql: &str) -> String {
    let mut parts = sql.split('\'');
    let mut rewritten = parts.next().unwrap().to_owned();
    for part in parts {
        match uuid::Uuid::try_parse(part) {
            Ok(id) => write!(rewritten, "X'{}", id.simple()).unwrap(),
            Err(_) => write!(rewritten, "'{part}").unwrap(),
        }
    }
    rewritten
}

/// Applies each migration on top of the rows of those before it.
async fn migrate_step_by_step<C>(connection: &mut C, engine: &str, rows: fn(&str) -> String)
where
    C: sqlx::migrate::Migrate + Connection,
    for<'c> &'c mut C: Executor<'c>,
{
    let so_far = tempfile::tempdir().unwrap();
    for path in files(&format!("migrations/{engine}")) {
        std::fs::copy(&path, so_far.path().join(name(&path))).unwrap();
        Migrator::new(so_far.path()).await.unwrap().run_direct(None, connection, false).await.unwrap();
        let sample = rows(&read(&folder("tests/data/migrations").join(name(&path))));
        (&mut *connection).execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sample))).await.unwrap();
    }
}

/// What the program says about the rows.
fn told(program: &Program) -> String {
    let mut told = String::new();
    for words in [
        &["list", "2027-Q1"] as &[&str],
        &["show", "web01"],
        &["history", "web01"],
        &["inbox"],
        &["audit"],
        &["audit", "verify"],
        &["export"],
    ] {
        writeln!(told, "$ patchbot {}\n{}", words.join(" "), program.says(words)).unwrap();
    }
    told
}

#[tokio::test]
async fn the_rows_of_every_earlier_schema_are_still_read() {
    let small = Program::on_sqlite();
    let file = small.folder().join("patchbot.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    migrate_step_by_step(&mut connection, "sqlite", for_sqlite).await;
    connection.close().await.unwrap();

    let url = empty_postgres().await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    migrate_step_by_step(&mut connection, "postgres", |sql| sql.replace("AS BLOB", "AS BYTEA")).await;
    connection.close().await.unwrap();

    let on_sqlite = told(&small);
    assert_eq!(on_sqlite, told(&Program::on_postgres(&url)));
    insta::assert_snapshot!(on_sqlite);
}
