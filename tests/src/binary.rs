//! The binary `ptah-wasm` from outside: [`ptah`] runs it as a user does, in a folder of the test's own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::target::TestTarget;

/// How long any run may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, which `cargo build` puts beside the folder of the test executables.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|folder| folder.join("deps").is_dir()).unwrap();
    let path = folder.join(format!("ptah-wasm{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "there is no {}: the tests of the command line run the binary, build it first with `cargo build -p ptah-wasm` \
         (tests/run.sh does)",
        path.display()
    );
    path
}

/// A run of the binary in this folder, with nothing of the environment that it reads. Compiled code is kept in the
/// target directory, as the tests of three databases run the same packages.
pub fn ptah(folder: &Path) -> Ptah {
    let cache = binary().with_file_name("ptah-wasm-test-cache");
    Ptah::of(&binary(), folder).env("PTAH_WASM_CACHE", cache)
}

/// A run that has not begun.
pub struct Ptah {
    command: Command,
}

impl Ptah {
    /// A run of a copy of the binary in this folder.
    pub fn of(binary: &Path, folder: &Path) -> Self {
        let mut command = Command::new(binary);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("DATABASE_URL");
        Self { command }
    }

    /// With one more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// With arguments out of one text, split at spaces.
    pub fn args(mut self, words: &str) -> Self {
        self.command.args(words.split_whitespace());
        self
    }

    /// On this database.
    pub fn on(self, target: &TestTarget) -> Self {
        self.on_url(target.url())
    }

    /// On the database of this URL.
    pub fn on_url(self, url: &str) -> Self {
        self.arg("--database").arg(url)
    }

    /// With a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The command, for what has no method here.
    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Through another program that takes the command after its own arguments, such as `setpriv`.
    pub fn through(mut self, program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.command.get_current_dir().unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Done {
        self.start().wait()
    }

    /// Runs it and expects success.
    pub fn ok(self) -> Done {
        self.run().ends(0)
    }

    /// Begins.
    pub fn start(mut self) -> Running {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let stdout = child.stdout.take().map(reader);
        let stderr = child.stderr.take().map(reader);
        Running { child, shown, stdout, stderr }
    }
}

fn reader(mut from: impl std::io::Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// A run under way.
pub struct Running {
    child: Child,
    shown: String,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) -> Done {
        let _ = self.child.kill();
        self.wait()
    }

    /// Sends a signal: `INT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn wait(self) -> Done {
        self.wait_within(PATIENCE)
    }

    /// Waits for its end, and fails the test if it does not come in time.
    pub fn wait_within(mut self, patience: Duration) -> Done {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > patience {
                let _ = self.child.kill();
                panic!("{}: it does not end", self.shown);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |reader: Option<JoinHandle<Vec<u8>>>| {
            reader.map(|reader| String::from_utf8(reader.join().unwrap()).unwrap()).unwrap_or_default()
        };
        Done { status, shown: self.shown, stdout: text(self.stdout), stderr: text(self.stderr) }
    }
}

/// A run that has ended.
#[derive(Debug, Clone)]
pub struct Done {
    /// How.
    pub status: ExitStatus,
    /// Its arguments.
    pub shown: String,
    /// Its data.
    pub stdout: String,
    /// Its talk.
    pub stderr: String,
}

impl Done {
    /// Expects this exit code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert!(
            self.status.code() == Some(code),
            "{}: {}, not {code}\n-- stdout\n{}-- stderr\n{}",
            self.shown,
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Expects these parts on stderr.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{}: no {part:?} on stderr:\n{}", self.shown, self.stderr);
        }
        self
    }

    /// Expects just these lines on stdout.
    #[track_caller]
    pub fn prints(self, lines: &[&str]) -> Self {
        assert_eq!(self.stdout.lines().collect::<Vec<_>>(), lines, "{}\n{}", self.shown, self.stderr);
        self
    }

    /// The one JSON document that stdout is.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {:?}\n{}", self.shown, self.stdout, self.stderr))
    }

    /// Everything that was printed.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
