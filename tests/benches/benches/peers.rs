//! Whole processes beside other migration runners, on the same SQLite work. `tests/bench.sh peers` installs them and
//! says where everything is: `PTAH_BENCH_BINARY`, `PTAH_BENCH_SQLX`, `PTAH_BENCH_DBMATE`. Peak memory is what GNU time says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use ptah_wasm::migrate::{Migrator, Options};
use ptah_wasm::sandbox::{CacheLocation, Compiler};
use ptah_wasm_benches::{HUNDRED, Kind, Row, median, milliseconds, rounds, size, to_revision};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let program = |variable: &str| {
        let path = std::env::var_os(variable).map(PathBuf::from);
        let path = path.unwrap_or_else(|| panic!("{variable} is not set: run tests/bench.sh peers"));
        path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let bench = Peers {
        folder: folder.path().to_owned(),
        ptah: program("PTAH_BENCH_BINARY"),
        sqlx: program("PTAH_BENCH_SQLX"),
        dbmate: program("PTAH_BENCH_DBMATE"),
    };
    let many = size("PTAH_BENCH_REVISIONS", 100).min(100);
    std::fs::write(folder.path().join("hundred.wasm"), HUNDRED).unwrap();
    for revisions in [2, many] {
        bench.write(revisions);
    }
    for revisions in [2, many] {
        bench.nothing_to_do(revisions);
    }
    bench.fresh_files(many);
}

struct Peers {
    folder: PathBuf,
    ptah: PathBuf,
    sqlx: PathBuf,
    dbmate: PathBuf,
}

impl Peers {
    /// The statements of so many revisions as the others want them.
    fn write(&self, revisions: usize) {
        let options = Options { cache: CacheLocation::Off, compiler: Compiler::InProcess, ..Options::default() };
        let migrator = Migrator::with_options("sqlite:none.db", options).unwrap();
        let package = migrator.open(self.folder.join("hundred.wasm")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let plans = runtime.block_on(migrator.plan_upgrade(&[to_revision(package, revisions)])).unwrap();
        for (number, step) in plans[0].steps.iter().enumerate() {
            let sql: String = step.plan.statements().map(|statement| format!("{};\n", statement.sql)).collect();
            let file = format!("{:04}_one_more.sql", number + 1);
            for (peer, text) in [("sqlx", sql.clone()), ("dbmate", format!("-- migrate:up\n{sql}\n-- migrate:down\n"))]
            {
                let folder = self.folder.join(format!("{peer}-{revisions}"));
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join(&file), text).unwrap();
            }
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_remove("DATABASE_URL").env("PTAH_WASM_CACHE", self.folder.join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn ptah(&self, revisions: usize, file: &str) -> Command {
        let mut command = self.command(&self.ptah);
        command.args(["-q", "upgrade", &format!("hundred.wasm:r{revisions}"), "--database", &format!("sqlite:{file}")]);
        command
    }

    fn sqlx(&self, verb: &[&str], revisions: usize, file: &str) -> Command {
        let mut command = self.command(&self.sqlx);
        command.args(["--no-dotenv"]).args(verb).args(["--source", &format!("sqlx-{revisions}")]);
        command.args(["--database-url", &format!("sqlite:{file}")]);
        command
    }

    fn dbmate(&self, verb: &str, revisions: usize, file: &str) -> Command {
        let mut command = self.command(&self.dbmate);
        command.args(["--url", &format!("sqlite:{file}"), "--no-dump-schema"]);
        command.args(["--migrations-dir", &format!("dbmate-{revisions}"), verb]);
        command
    }

    fn nothing_to_do(&self, revisions: usize) {
        let ours = || self.ptah(revisions, &format!("ours-{revisions}.db"));
        let sqlx = || self.sqlx(&["migrate", "run"], revisions, &format!("sqlx-{revisions}.db"));
        let dbmate = || self.dbmate("up", revisions, &format!("dbmate-{revisions}.db"));
        ended(&mut ours());
        ended(&mut self.sqlx(&["database", "setup"], revisions, &format!("sqlx-{revisions}.db")));
        ended(&mut dbmate());
        let times = in_turn(rounds(41), &mut [&mut || time(ours()), &mut || time(sqlx()), &mut || time(dbmate())]);
        let name = |what: &str| format!("peers: nothing to do, {revisions} revisions, {what}");
        let row = |name: String, reference, bound| {
            Row { name: &name, ours: &times[0], reference, kind: Kind::Cost, bound }.print();
        };
        row(name("ms, beside sqlx-cli"), &times[1], Some(1.2));
        row(name("ms, beside dbmate"), &times[2], None);
        let memory: Vec<f64> = (0..5).map(|_| peak(&ours())).collect();
        let name = name("peak memory in MB, beside 40 MB");
        Row { name: &name, ours: &memory, reference: &[40.0], kind: Kind::Cost, bound: Some(1.0) }.print();
    }

    fn fresh_files(&self, revisions: usize) {
        let mut count = 0;
        let mut fresh = || {
            count += 1;
            format!("fresh-{count}.db")
        };
        let files: Vec<String> = std::iter::repeat_with(&mut fresh).take(3 * (rounds(15) + 1)).collect();
        let next = std::cell::RefCell::new(files.iter());
        let file = || next.borrow_mut().next().unwrap().clone();
        let times = in_turn(
            rounds(15),
            &mut [
                &mut || time(self.ptah(revisions, &file())),
                &mut || time(self.sqlx(&["database", "setup"], revisions, &file())),
                &mut || time(self.dbmate("up", revisions, &file())),
            ],
        );
        let (sqlx, dbmate) = (median(&times[1]), median(&times[2]));
        let (faster, reference) = if sqlx <= dbmate { ("sqlx-cli", &times[1]) } else { ("dbmate", &times[2]) };
        for (peer, of_peer) in [("sqlx-cli", &times[1]), ("dbmate", &times[2])] {
            let is_bound = std::ptr::eq(of_peer, reference);
            let bound = is_bound.then_some(1.2);
            let note = if is_bound { ", the faster one" } else { "" };
            let name = format!("peers: {revisions} revisions on a fresh SQLite file, ms, beside {peer}{note}");
            debug_assert!(!is_bound || peer == faster);
            Row { name: &name, ours: &times[0], reference: of_peer, kind: Kind::Cost, bound }.print();
        }
    }
}

/// Measures each in turn, round after round, after one round for warming up.
fn in_turn(rounds: usize, sides: &mut [&mut dyn FnMut() -> f64]) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); sides.len()];
    for round in 0..=rounds {
        for (side, times) in sides.iter_mut().zip(&mut times) {
            let time = side();
            if round > 0 {
                times.push(time);
            }
        }
    }
    times
}

fn ended(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn time(mut command: Command) -> f64 {
    let begun = Instant::now();
    ended(&mut command);
    milliseconds(begun.elapsed())
}

/// The largest size of a run, in MB.
fn peak(command: &Command) -> f64 {
    let mut through = Command::new("time");
    through.args(["-f", "%M"]).arg(command.get_program()).args(command.get_args());
    through.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null()).stdout(Stdio::null());
    through.env_remove("DATABASE_URL").env("PTAH_WASM_CACHE", command.get_current_dir().unwrap().join("cache"));
    let done = through.output().unwrap_or_else(|error| panic!("GNU time: {error} (Debian: apt-get install time)"));
    let said = String::from_utf8(done.stderr).unwrap();
    let kilobytes = said.lines().last().and_then(|line| line.trim().parse::<f64>().ok());
    kilobytes.unwrap_or_else(|| panic!("GNU time said {said:?}")) / 1_000.0
}
