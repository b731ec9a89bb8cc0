//! Installs the npm packages, the Python packages and the database that the tests talk to.
//!
//! Grade: tool. What is installed carries a copy of its lock file, so a second run costs nothing.

use std::fs;
use std::path::Path;

use crate::run::{Outcome, Report, complete, is_installed, output, program, root};

/// Name of the copy of the lock file inside what was installed from it.
const STAMP: &str = ".installed-from";

/// All installations.
pub(crate) fn steps(report: &mut Report) {
    report.step("install npm peers", npm);
    report.step("install Python peers", python);
    report.step("install PostgreSQL", postgresql);
}

fn npm() -> Outcome {
    need(&["node", "npm"], &["nodejs", "npm"])?;
    let folder = root().join("interop");
    install(&folder.join("package-lock.json"), &folder.join("node_modules"), || {
        // Nothing that a package brings along runs here; the native ones contain prebuilt libraries.
        complete(program("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder))
    })
}

fn python() -> Outcome {
    need(&["python3"], &["python3", "python3-venv"])?;
    let requirements = root().join("interop/python/requirements.txt");
    let venv = root().join("target/interop/python");
    install(&requirements, &venv, || make_environment(&venv, &requirements))
}

fn postgresql() -> Outcome {
    // Debian keeps the server off the path, so that several versions can be there.
    let is_there = is_installed("postgres") || Path::new("/usr/lib/postgresql").exists();
    if is_there { Ok(()) } else { debian_packages(&["postgresql"]) }
}

/// Makes a Python environment with these packages in it.
pub(crate) fn make_environment(venv: &Path, requirements: &Path) -> Outcome {
    let made = make_venv(venv);
    if made.is_err() && debian_packages(&["python3-venv"]).is_ok() {
        make_venv(venv)?;
    } else {
        made?;
    }
    let pip = venv.join("bin/python");
    complete(program(pip, &["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))
}

fn make_venv(venv: &Path) -> Outcome {
    complete(program("python3", &["-m", "venv", "--clear"]).arg(venv))
}

/// Runs `body` unless `target` was already installed from the present text of `lock`.
pub(crate) fn install(lock: &Path, target: &Path, body: impl FnOnce() -> Outcome) -> Outcome {
    let wanted = fs::read_to_string(lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let stamp = target.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        println!("{} is up to date", target.display());
        return Ok(());
    }
    body()?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Makes sure that programs exist, from Debian's packages if we may install them.
pub(crate) fn need(programs: &[&str], packages: &[&str]) -> Outcome {
    let missing: Vec<&str> = programs.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    debian_packages(packages).map_err(|error| format!("the tests need {}: {error}", missing.join(" and ")))
}

fn debian_packages(packages: &[&str]) -> Outcome {
    let user = output(&mut program("id", &["-u"])).unwrap_or_default();
    if !is_installed("apt-get") || user.trim() != "0" {
        return Err(format!("install the packages {} (Debian's names)", packages.join(", ")));
    }
    complete(&mut program("apt-get", &["update", "--quiet"]))?;
    complete(program("apt-get", &["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}
