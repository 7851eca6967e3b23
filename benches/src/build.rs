//! What a function with the attribute costs its crate: seconds of a release build, bytes of code, and the size of its
//! future. Writes crates with functions in them, builds each, and subtracts.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// How many functions a crate has. The first has what the others share, and is subtracted.
const FUNCTIONS: [u32; 3] = [1, 101, 301];

/// Beside `#[cache]`, a function that has no attribute.
const KINDS: [Kind; 3] = [
    Kind {
        name: "no attribute",
        attribute: "",
        most: None,
    },
    Kind {
        name: "read",
        attribute: r#"#[cache("item{n}", resource_id_name = "id")]"#,
        most: Some(Most {
            code: 8_500,
            future: 450,
        }),
    },
    Kind {
        name: "write",
        attribute: r#"#[cache("item{n}", resource_id_name = "id", method = "PUT")]"#,
        most: Some(Most {
            code: 5_000,
            future: 350,
        }),
    },
];

struct Kind {
    name: &'static str,
    attribute: &'static str,
    most: Option<Most>,
}

/// No more bytes than these are accepted of a function: of code, beside one without an attribute, and of its future.
struct Most {
    code: u64,
    future: u64,
}

struct Built {
    time: Duration,
    code: u64,
    future: u64,
}

/// Fails where a function costs more than it may. `folder` is where the crates are written.
pub(crate) fn run_all(folder: &Path) -> ExitCode {
    println!("| function | functions | seconds each | bytes of code each | bytes of its future |");
    println!("|---|---|---|---|---|");
    let mut plain = 0;
    let mut is_too_much = false;
    for kind in &KINDS {
        let built = FUNCTIONS.map(|functions| build(folder, kind, functions));
        let Ok([first, rest @ ..]) = all(built) else {
            eprintln!(
                "a crate with functions that say `{}` can't be built",
                kind.name
            );
            return ExitCode::FAILURE;
        };
        for (built, functions) in rest.iter().zip(&FUNCTIONS[1..]) {
            let more = functions - FUNCTIONS[0];
            let seconds = built.time.saturating_sub(first.time).as_secs_f64() / f64::from(more);
            let code = built.code.saturating_sub(first.code) / u64::from(more);
            let future = built.future;
            println!(
                "| {} | {more} | {seconds:.3} | {code} | {future} |",
                kind.name
            );
            let Some(most) = &kind.most else {
                plain = code;
                continue;
            };
            is_too_much |= code.saturating_sub(plain) > most.code || future > most.future;
        }
        if let Some(Most { code, future }) = kind.most {
            println!("| at most | | | {plain} + {code} | {future} |");
        }
    }
    if is_too_much {
        eprintln!("that is more than a function may cost");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn all<const N: usize>(built: [io::Result<Built>; N]) -> io::Result<[Built; N]> {
    let built: io::Result<Vec<Built>> = built.into_iter().collect();
    built?.try_into().map_err(|_| io::ErrorKind::Other.into())
}

fn build(folder: &Path, kind: &Kind, functions: u32) -> io::Result<Built> {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = format!("functions-{functions}-{}", kind.name.replace(' ', "-"));
    let package = folder.join(&name);
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("Cargo.toml"), manifest(&name, this))?;
    // The versions of this workspace.
    fs::copy(this.join("../Cargo.lock"), package.join("Cargo.lock"))?;
    let source = package.join("src/main.rs");
    fs::write(&source, "fn main() {}\n")?;
    let target = folder.join("target");
    // The dependencies, which are the same for all.
    cargo(&package, &target)?;
    fs::write(&source, program(kind.attribute, functions))?;
    let begun = Instant::now();
    cargo(&package, &target)?;
    let time = begun.elapsed();
    let program = target.join("release").join(&name);
    let code = fs::metadata(&program)?.len();
    let said = Command::new(&program).output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    let future = said.trim().parse().map_err(io::Error::other)?;
    Ok(Built { time, code, future })
}

fn cargo(package: &Path, target: &Path) -> io::Result<()> {
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::ErrorKind::Other.into())
    }
}

fn manifest(name: &str, this: &Path) -> String {
    let runtime = this.join("../cache-runtime");
    format!(
        r#"[package]
name = "{name}"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
cache-runtime = {{ path = "{}" }}
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1", features = ["rt"] }}

[profile.release]
codegen-units = 1
strip = true
"#,
        runtime.display()
    )
}

/// A program that has these functions and calls them, and says how large their futures are.
fn program(attribute: &str, functions: u32) -> String {
    let each = |text: &str| -> String {
        let texts = (0..functions).map(|n| text.replace("{n}", &n.to_string()));
        texts.collect()
    };
    let (declared, called) = (
        each(&DECLARED.replace("{attribute}", attribute)),
        each(CALLED),
    );
    PROGRAM
        .replace("{declared}", &declared)
        .replace("{called}", &called)
}

const PROGRAM: &str = r#"#![allow(unused_imports)]
use cache_runtime::cache;

#[derive(serde::Deserialize, serde::Serialize)]
struct Item {
    id: u64,
    name: String,
}
{declared}
fn main() {
    let mut size = 0;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = std::env::args().count() as u64;
{called}
    println!("{size}");
}
"#;

const DECLARED: &str = r#"
{attribute}
async fn item{n}(id: u64) -> Result<Item, std::io::Error> {
    if id == {n} {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    tokio::task::yield_now().await;
    Ok(Item { id, name: format!("item{n} {id}") })
}
"#;

/// Each has the type of all others there, so that nothing but the functions is built for each.
const CALLED: &str = r"
    {
        let item = item{n}(id);
        size = size.max(size_of_val(&item));
        let item: std::pin::Pin<Box<dyn Future<Output = _>>> = Box::pin(item);
        drop(std::hint::black_box(runtime.block_on(item)));
    }
";
